//! How a refusal becomes an answer: one sentence on what was wrong, one on what to do next.

use rmcp::ErrorData;
use rmcp::model::{CallToolResult, ContentBlock};

use super::render::Obj;
use crate::domain::refusal::Refusal;
use crate::domain::secrets::masked_tokens;
use crate::domain::text::escape_hidden_in_json;
use crate::registry::Error;

/// Why a tool gave no result.
#[derive(Debug)]
pub(crate) enum ToolError {
    /// Arguments that cannot be used; all that is wrong with them.
    Arguments {
        /// The tool.
        tool: &'static str,
        /// What is wrong, each a clause.
        faults: Vec<String>,
    },
    /// The registry refused, or is broken.
    Registry(Error),
    /// Something that only this surface knows.
    Other(String),
}

impl ToolError {
    /// What the assistant reads.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Arguments { tool, faults } => match faults.as_slice() {
                [only] => format!("{only}. Nothing was done; correct it and call {tool} again."),
                all => {
                    let list: Vec<_> = all
                        .iter()
                        .enumerate()
                        .map(|(i, fault)| format!("({}) {fault}", i + 1))
                        .collect();
                    format!(
                        "{} faults: {}. Nothing was done; correct them and call {tool} again.",
                        all.len(),
                        list.join("; ")
                    )
                }
            },
            Self::Registry(error) => error.to_string(),
            Self::Other(text) => text.clone(),
        }
    }

    /// As a tool's result.
    pub(crate) fn into_result(self) -> CallToolResult {
        CallToolResult::error(vec![ContentBlock::text(visible(&self.text()))])
    }
}

/// One line in which every character shows and no known secret does. Foreign text in a refusal is quoted where it is made;
/// this is the second lock.
fn visible(text: &str) -> String {
    escape_hidden_in_json(&masked_tokens(text))
        .replace('\n', "\\u000a")
        .replace('\r', "\\u000d")
}

impl From<Error> for ToolError {
    fn from(error: Error) -> Self {
        Self::Registry(error)
    }
}

impl From<Refusal> for ToolError {
    fn from(refusal: Refusal) -> Self {
        Self::Registry(Error::Refused(refusal))
    }
}

/// Why one item of several was refused: a code, a sentence, the next step.
pub(crate) fn refused_value(error: &Error) -> Obj {
    match error {
        Error::Refused(refusal) => Obj::new()
            .put("code", refusal.code())
            .put("error", refusal.to_string())
            .put("next", refusal.next()),
        Error::Internal { .. } => Obj::new()
            .put("code", "internal")
            .put("error", error.to_string()),
    }
}

/// As a protocol error, for resources and prompts, which have no results of their own for it.
pub(crate) fn protocol_error(error: &Error) -> ErrorData {
    let text = visible(&error.to_string());
    match error {
        Error::Refused(Refusal::NotFound { .. } | Refusal::InvalidId { .. }) => {
            ErrorData::resource_not_found(text, None)
        }
        Error::Refused(refusal) if !refusal.retryable() => ErrorData::invalid_params(text, None),
        Error::Refused(_) | Error::Internal { .. } => ErrorData::internal_error(text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_of_a_refusal_shows() {
        let error = ToolError::Other("a\u{202e}b\nc".to_owned()).into_result();
        assert_eq!(
            error.content[0].as_text().unwrap().text,
            "a\\u202eb\\u000ac"
        );
    }

    #[test]
    fn faults_are_numbered_when_there_are_several() {
        let error = |faults: &[&str]| ToolError::Arguments {
            tool: "create_event",
            faults: faults.iter().map(|f| (*f).to_owned()).collect(),
        };
        assert_eq!(
            error(&["a"]).text(),
            "a. Nothing was done; correct it and call create_event again."
        );
        assert!(
            error(&["a", "b"])
                .text()
                .starts_with("2 faults: (1) a; (2) b.")
        );
        assert_eq!(error(&["a"]).into_result().is_error, Some(true));
    }
}
