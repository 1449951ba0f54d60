//! Protocol faults: what the SDK answers with a misleading error, or with none.

use rmcp::ErrorData;
use rmcp::model::{
    CallToolRequestParams, CompleteRequestParams, ErrorCode, GetPromptRequestParams,
    InitializeRequestParams, PaginatedRequestParams, ReadResourceRequestParams,
    SubscribeRequestParams, SubscriptionsListenRequestParams, UnsubscribeRequestParams,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::domain::text::quoted;

/// The error for a request that matched no known request. A known method comes here when its
/// parameters are malformed: then they are the fault, not the method.
pub(crate) fn unmatched_request(method: &str, params: Option<&Value>) -> ErrorData {
    let why = match method {
        "initialize" => fault::<InitializeRequestParams>(params),
        "tools/call" => fault::<CallToolRequestParams>(params),
        "resources/read" => fault::<ReadResourceRequestParams>(params),
        "resources/subscribe" => fault::<SubscribeRequestParams>(params),
        "resources/unsubscribe" => fault::<UnsubscribeRequestParams>(params),
        "subscriptions/listen" => fault::<SubscriptionsListenRequestParams>(params),
        "prompts/get" => fault::<GetPromptRequestParams>(params),
        "completion/complete" => fault::<CompleteRequestParams>(params),
        "tools/list" | "resources/list" | "resources/templates/list" | "prompts/list" => {
            fault::<PaginatedRequestParams>(params)
        }
        "ping" | "server/discover" => "they must be an object without unknown members".to_owned(),
        _ => {
            let text = format!("There is no method {}.", quoted(method));
            return ErrorData::new(ErrorCode::METHOD_NOT_FOUND, text, None);
        }
    };
    ErrorData::invalid_params(
        format!("The parameters of {method} are malformed: {why}."),
        None,
    )
}

fn fault<P: DeserializeOwned>(params: Option<&Value>) -> String {
    let params = params
        .cloned()
        .unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    if !params.is_object() {
        return "they must be an object".to_owned();
    }
    match serde_json::from_value::<P>(params) {
        Err(error) => quoted(&error.to_string()),
        Ok(_) => "_meta must be an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn malformed_parameters_are_not_an_unknown_method() {
        let error = unmatched_request("tools/call", Some(&json!({"arguments": {}})));
        assert_eq!(
            (error.code, error.message.contains("missing field `name`")),
            (ErrorCode::INVALID_PARAMS, true)
        );
        let error = unmatched_request("tools/call", Some(&json!([])));
        assert_eq!(
            (error.code, error.message.contains("must be an object")),
            (ErrorCode::INVALID_PARAMS, true)
        );
        assert_eq!(
            unmatched_request("initialize", None).code,
            ErrorCode::INVALID_PARAMS
        );
        assert_eq!(
            unmatched_request("tools/burn", None).code,
            ErrorCode::METHOD_NOT_FOUND
        );
    }
}
