//! In which form an answer is wanted: text to be read or JSON, and how much of it.

use serde_json::Value;

use crate::limits;
use crate::mcp::args::Args;
use crate::mcp::render::fitted;
use crate::mcp::tool::Answer;

/// What `format` and `detail` say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    json: bool,
    full: bool,
}

impl Form {
    pub(super) fn read(args: &mut Args) -> Self {
        Self {
            json: is_json(args),
            full: args.word("detail", &["normal", "full"]) == Some("full"),
        }
    }

    /// An answer in this form, with a note behind it. As text it has about `text_bytes`, more where
    /// it is wanted in full.
    pub(super) fn answer(
        self,
        note: &str,
        text_bytes: usize,
        text: impl FnOnce(usize) -> String,
        json: impl FnOnce() -> Value,
    ) -> Answer {
        let (normal, full) = if self.json {
            (limits::ANSWER_BYTES, limits::FULL_ANSWER_BYTES)
        } else {
            (text_bytes, limits::ANSWER_BYTES)
        };
        let most = if self.full { full } else { normal };
        if self.json {
            Answer::record(fitted(noted_record(json(), note), most))
        } else {
            Answer::composed(noted_text(text(most), note).trim_end())
        }
    }
}

/// Whether JSON is wanted where text is the rule.
pub(super) fn is_json(args: &mut Args) -> bool {
    args.word("format", &["text", "json"]) == Some("json")
}

/// A text with a note behind it, if there is one.
pub(super) fn noted_text(mut text: String, note: &str) -> String {
    if !note.is_empty() {
        text.push_str("\nNote: ");
        text.push_str(note);
    }
    text
}

/// The same of a record.
pub(super) fn noted_record(mut body: Value, note: &str) -> Value {
    if let (Some(fields), false) = (body.as_object_mut(), note.is_empty()) {
        fields.insert("note".to_owned(), note.into());
    }
    body
}
