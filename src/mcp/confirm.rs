//! Asking a person before a gate turns (MCP 2026-07-28, multi round-trip requests: a call is
//! answered by a question, and sent again with the answer).
//!
//! What is asked is what the registry has refused inside its writing transaction. The answer counts
//! for that alone: the state that goes with the question is the mark of the very gate turns, with a
//! digest of the tool and its arguments. If other gates would turn by the time of the answer, it is
//! asked again. A client that speaks an older revision, or cannot ask its user, reads the refusal
//! instead and may call again with `confirm: true`, which counts for nothing where the user can be
//! asked: an assistant could send it without asking anybody.

use std::collections::BTreeMap;

use rmcp::model::{
    CallToolRequestParams, ElicitRequest, ElicitRequestParams, ElicitationSchema, InputRequest,
    InputRequiredResult, ProtocolVersion,
};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::error::ToolError;
use crate::domain::refusal::Refusal;
use crate::domain::secrets::masked_tokens;
use crate::registry::Error;

/// The name of the question, and of its one field.
const CONFIRM: &str = "confirm";

/// What the client has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answered {
    /// Nothing was asked, or something else.
    Nothing,
    /// The user agrees to the gate turns with this mark.
    Yes {
        /// The mark.
        mark: String,
    },
    /// The user does not.
    No,
}

/// Reads the answer that came with a call.
pub(crate) fn answered(request: &CallToolRequestParams) -> Answered {
    let Some(answer) = request
        .input_responses
        .as_ref()
        .and_then(|all| all.get(CONFIRM))
    else {
        return Answered::Nothing;
    };
    let call = digest(&request.name, request.arguments.as_ref());
    let state = request.request_state.as_deref().unwrap_or_default();
    let Some((mark, _)) = state.split_once('.').filter(|(_, of)| *of == call) else {
        return Answered::Nothing;
    };
    let accepted = answer.get("action").and_then(Value::as_str) == Some("accept");
    let agreed = answer.pointer("/content/confirm").and_then(Value::as_bool) == Some(true);
    if accepted && agreed {
        Answered::Yes {
            mark: mark.to_owned(),
        }
    } else {
        Answered::No
    }
}

/// Whether this client can ask its user.
pub(crate) fn can_ask(context: &RequestContext<RoleServer>) -> bool {
    let modern = context
        .protocol_version()
        .is_some_and(|version| version.as_str() >= ProtocolVersion::V_2026_07_28.as_str());
    let asks = context
        .client_capabilities()
        .and_then(|capabilities| capabilities.elicitation);
    // Without a mode a client means forms (MCP, Elicitation, Capabilities).
    modern && asks.is_some_and(|asks| asks.form.is_some() || asks.url.is_none())
}

/// The question for a write that was refused for want of confirmation; `None` if it was refused for
/// something else, or this client cannot be asked.
pub(crate) fn question(
    context: &RequestContext<RoleServer>,
    tool: &str,
    arguments: Option<&Map<String, Value>>,
    error: &ToolError,
) -> Option<InputRequiredResult> {
    let ToolError::Registry(Error::Refused(refusal @ Refusal::Unconfirmed { mark, .. })) = error
    else {
        return None;
    };
    if !can_ask(context) {
        return None;
    }
    let schema = ElicitationSchema::builder()
        .required_bool_with(CONFIRM, |field| field.title("Do it").with_default(false))
        .build()
        .ok()?;
    let request = ElicitRequest::new(ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: masked_tokens(&refusal.to_string()).into_owned(),
        requested_schema: schema,
    });
    let requests = BTreeMap::from([(CONFIRM.to_owned(), InputRequest::Elicitation(request))]);
    Some(InputRequiredResult::new(
        Some(requests),
        Some(format!("{mark}.{}", digest(tool, arguments))),
    ))
}

/// Stands for one call.
fn digest(tool: &str, arguments: Option<&Map<String, Value>>) -> String {
    let arguments = arguments.cloned().unwrap_or_default();
    let text = format!("{tool} {}", Value::Object(arguments));
    data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(state: Option<String>, answer: Value) -> CallToolRequestParams {
        let arguments = json!({"a": 1}).as_object().cloned().unwrap_or_default();
        let mut request = CallToolRequestParams::new("create_event").with_arguments(arguments);
        request.input_responses = Some(BTreeMap::from([(CONFIRM.to_owned(), answer)]));
        request.request_state = state;
        request
    }

    #[test]
    fn an_answer_counts_for_the_call_that_it_was_given_for() {
        let state = |arguments: Value| {
            let digest = digest("create_event", arguments.as_object());
            format!("mark.{digest}")
        };
        let own = state(json!({"a": 1}));
        let yes = json!({"action": "accept", "content": {"confirm": true}});
        let read = |state: &str, answer: &Value| {
            answered(&request(Some(state.to_owned()), answer.clone()))
        };
        let mark = "mark".to_owned();
        assert_eq!(read(&own, &yes), Answered::Yes { mark });
        for no in [
            json!({"action": "accept", "content": {"confirm": false}}),
            json!({"action": "accept"}),
            json!({"action": "decline"}),
            json!({"action": "cancel", "content": {"confirm": true}}),
            json!("accept"),
        ] {
            assert_eq!(read(&own, &no), Answered::No, "{no}");
        }
        for other in [state(json!({"a": 2})), "mark".to_owned(), String::new()] {
            assert_eq!(read(&other, &yes), Answered::Nothing, "{other}");
        }
        assert_eq!(answered(&request(None, yes)), Answered::Nothing);
        assert_eq!(
            answered(&CallToolRequestParams::new("create_event")),
            Answered::Nothing
        );
    }
}
