//! From a line to a message, or to the answer that its fault deserves.

use rmcp::ErrorData;
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, RequestId};
use serde_json::{Map, Value, json};

use super::output::json_line;
use crate::limits;
use crate::mcp::protocol::unmatched_request;
use crate::mcp::scan::Scan;

/// What a line is.
#[derive(Debug)]
pub(super) enum Understood {
    /// A message.
    Message(Box<ClientJsonRpcMessage>),
    /// A fault, to be answered.
    Fault {
        /// The request's id, if it has one.
        id: Option<RequestId>,
        /// The answer.
        error: ErrorData,
    },
    /// Nothing that needs an answer.
    Nothing,
}

fn fault(id: Option<&RequestId>, error: ErrorData) -> Understood {
    Understood::Fault {
        id: id.cloned(),
        error,
    }
}

/// The line that answers a fault. JSON-RPC wants the id even when it is not known.
pub(super) fn fault_line(id: Option<&RequestId>, error: &ErrorData) -> Vec<u8> {
    json_line(&json!({ "jsonrpc": "2.0", "id": id, "error": error }))
}

/// The answer to a line over the limit.
pub(super) fn too_long(scan: &Scan, size: u64) -> Understood {
    if scan.is_notification() {
        return Understood::Nothing;
    }
    let text = format!(
        "The message has {size} bytes; at most {} are allowed. Send less in one call: a large payload by its digest and \
         address, or as a file (payload_file, with --allow-files).",
        limits::MCP_MESSAGE_BYTES
    );
    fault(scan.id(), ErrorData::invalid_request(text, None))
}

/// Reads a line. `rest` tells that it had no end: the input ended first.
pub(super) fn understand(line: &[u8], rest: bool) -> Understood {
    let line = line
        .strip_prefix(b"\xEF\xBB\xBF")
        .unwrap_or(line)
        .trim_ascii();
    if line.is_empty() {
        return Understood::Nothing;
    }
    let scan = Scan::of(line);
    // Only a whole message is known to mean the id that it seems to have.
    let id = if scan.closed() { scan.id() } else { None };
    let text = match std::str::from_utf8(line) {
        Ok(text) => text,
        Err(error) => {
            let at = error.valid_up_to();
            return fault(
                id,
                ErrorData::parse_error(
                    format!("The message is not UTF-8: byte {at} is wrong."),
                    None,
                ),
            );
        }
    };
    if scan.deepest() > limits::MCP_MESSAGE_LEVELS {
        let text = format!(
            "The message nests {} levels deep; at most {} are allowed. Send a deep payload as JSON text.",
            scan.deepest(),
            limits::MCP_MESSAGE_LEVELS
        );
        return fault(id, ErrorData::invalid_request(text, None));
    }
    if scan.values() > limits::MCP_MESSAGE_VALUES {
        let text = format!(
            "The message has more than {} values. Send a large payload as JSON text.",
            limits::MCP_MESSAGE_VALUES
        );
        return fault(id, ErrorData::invalid_request(text, None));
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => message(fields),
        Ok(Value::Array(_)) => fault(
            None,
            ErrorData::invalid_request(
                "Batches are no part of MCP since its revision 2025-06-18; send one message a line.",
                None,
            ),
        ),
        Ok(_) => fault(
            None,
            ErrorData::invalid_request("A message is a JSON object.", None),
        ),
        Err(error) => syntax(&error, id, rest),
    }
}

fn syntax(error: &serde_json::Error, id: Option<&RequestId>, rest: bool) -> Understood {
    let why = error.to_string();
    if why.contains("surrogate") || why.contains("unexpected end of hex escape") {
        let text = format!("The message has a lone surrogate, which no text can hold: {why}.");
        return fault(id, ErrorData::parse_error(text, None));
    }
    let text = if rest && error.is_eof() {
        "The input ended in the middle of a message.".to_owned()
    } else {
        format!("The message is not JSON: {why}.")
    };
    fault(None, ErrorData::parse_error(text, None))
}

/// Sorts a JSON object into the kinds of messages.
fn message(fields: Map<String, Value>) -> Understood {
    let invalid = |id: Option<&RequestId>, why: &str| {
        fault(id, ErrorData::invalid_request(why.to_owned(), None))
    };
    let sent_id = fields.get("id");
    let id: Option<RequestId> = sent_id.and_then(|id| serde_json::from_value(id.clone()).ok());
    let is_answer = fields.contains_key("result") || fields.contains_key("error");
    match fields.get("method") {
        Some(Value::String(_)) if is_answer => {
            return invalid(
                id.as_ref(),
                "A message has a method, a result or an error, not two of them.",
            );
        }
        Some(Value::String(_)) => {}
        Some(_) => return invalid(id.as_ref(), "The method must be a string."),
        // An answer to nothing that was asked is nobody's business.
        None if is_answer => {
            let message = serde_json::from_value(Value::Object(fields));
            return message.map_or(Understood::Nothing, Understood::Message);
        }
        None => {
            return invalid(
                id.as_ref(),
                "A message has a method, or answers a request with a result or an error.",
            );
        }
    }
    if fields.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return invalid(id.as_ref(), "jsonrpc must be \"2.0\".");
    }
    if sent_id.is_some() && id.is_none() {
        return invalid(None, "The id must be a string or a whole number.");
    }
    let (method, params) = (fields.get("method").cloned(), fields.get("params").cloned());
    match serde_json::from_value::<ClientJsonRpcMessage>(Value::Object(fields)) {
        Ok(ClientJsonRpcMessage::Request(request)) => match &request.request {
            ClientRequest::CustomRequest(custom) => fault(
                Some(&request.id),
                unmatched_request(&custom.method, custom.params.as_ref()),
            ),
            _ => Understood::Message(Box::new(ClientJsonRpcMessage::Request(request))),
        },
        Ok(message) => Understood::Message(Box::new(message)),
        // A malformed notification has nobody to tell.
        Err(_) if id.is_none() => Understood::Nothing,
        Err(_) => {
            let method = method.as_ref().and_then(Value::as_str).unwrap_or_default();
            fault(id.as_ref(), unmatched_request(method, params.as_ref()))
        }
    }
}
