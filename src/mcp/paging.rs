//! Lists that keep to the size of an answer.

use std::future::Future;

use serde_json::Value;

use super::error::ToolError;
use super::render::json_text;
use super::tool::{Answer, ToolResult};

/// A rendered page.
#[derive(Debug)]
pub(crate) struct Page {
    rows: usize,
    body: Body,
    notes: Vec<String>,
}

#[derive(Debug)]
enum Body {
    Json(Value),
    Text(String),
}

impl Page {
    /// A page as JSON, which must be an object.
    pub(crate) fn json(rows: usize, value: impl Into<Value>) -> Self {
        Self {
            rows,
            body: Body::Json(value.into()),
            notes: Vec::new(),
        }
    }

    /// A page as text.
    pub(crate) fn text(rows: usize, text: String) -> Self {
        Self {
            rows,
            body: Body::Text(text),
            notes: Vec::new(),
        }
    }

    /// Adds what the caller should know about how the page came to be.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    fn bytes(&self) -> usize {
        match &self.body {
            Body::Json(value) => json_text(value).len(),
            Body::Text(text) => text.len(),
        }
    }

    fn answer(self, mut notes: Vec<String>) -> Answer {
        notes.extend(self.notes);
        match self.body {
            Body::Json(mut value) => {
                if let (Some(fields), false) = (value.as_object_mut(), notes.is_empty()) {
                    fields.insert("note".to_owned(), notes.join("; ").into());
                }
                Answer::record(value)
            }
            Body::Text(mut text) => {
                if !notes.is_empty() {
                    text.push_str("\nNote: ");
                    text.push_str(&notes.join("; "));
                    text.push('.');
                }
                Answer::composed(&text)
            }
        }
    }
}

/// Asks for fewer rows until the answer keeps to `most` bytes. A page is never cut in itself: its
/// cursor would skip what was cut.
pub(crate) async fn fitted<F>(
    most: usize,
    mut limit: usize,
    mut notes: Vec<String>,
    render: impl Fn(usize) -> F,
) -> ToolResult
where
    F: Future<Output = Result<Page, ToolError>>,
{
    let wanted = limit;
    loop {
        let page = render(limit).await?;
        let bytes = page.bytes();
        if bytes <= most || limit == 1 || page.rows <= 1 {
            if limit < wanted {
                notes.push(format!(
                    "{limit} rows instead of {wanted}: an answer holds {most} bytes"
                ));
            }
            return Ok(page.answer(notes));
        }
        let fitting = page.rows * most / bytes;
        limit = fitting.clamp(1, limit.min(page.rows) - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;

    #[tokio::test]
    async fn a_page_that_is_too_large_is_asked_for_again_with_fewer_rows() {
        let render = |limit: usize| async move {
            Ok(Page::text(limit, "x".repeat(limit * 1_000)).note("seen"))
        };
        let result = fitted(limits::ANSWER_BYTES, 100, vec!["first".to_owned()], render)
            .await
            .unwrap()
            .into_result();
        let text = result.content[0].as_text().unwrap().text.clone();
        let end = "\nNote: first; 20 rows instead of 100: an answer holds 20000 bytes; seen.";
        assert_eq!(
            (text.matches('x').count(), text.ends_with(end)),
            (20_000, true),
            "{end}"
        );
    }

    #[tokio::test]
    async fn one_row_is_given_however_large_it_is() {
        let render = |_| async { Ok(Page::json(1, serde_json::json!({"a": "x".repeat(30_000)}))) };
        let result = fitted(limits::ANSWER_BYTES, 20, Vec::new(), render)
            .await
            .unwrap()
            .into_result();
        assert!(result.structured_content.unwrap().get("note").is_none());
    }
}
