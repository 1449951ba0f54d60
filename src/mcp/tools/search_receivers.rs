//! Receivers by filter.

use crate::domain::receiver::Receiver;
use crate::mcp::args::Args;
use crate::mcp::render::{Obj, call};
use crate::mcp::schema::{Kind, Param, common};
use crate::mcp::tool::{Answer, Effect, ToolCx, ToolResult, ToolSpec};
use crate::mcp::tools::{Page, definition_filter, fitted, page_size};
use crate::registry::DefinitionPage;

pub(crate) const TOOL: ToolSpec = ToolSpec {
    name: "search_receivers",
    title: "Search receivers",
    summary: "Receivers by name, type or version, newest first",
    description: "Use to list receivers (kinds of events), newest first. Filters take one value or several, exact or \
        with a star at the end as prefix (com.example.*). Without any filter it lists all.",
    toolset: "default",
    effect: Effect::Reads,
    params: &[
        Param::new("name", Kind::Texts, ""),
        Param::new("type", Kind::Texts, "").alias(&["kind"]),
        Param::new("version", Kind::Texts, ""),
        common::LIMIT,
        common::CURSOR,
    ],
    output: &[("receivers", "array")],
    run: |cx, args| Box::pin(run(cx, args)),
};

async fn run(cx: ToolCx, mut args: Args) -> ToolResult {
    let filter = definition_filter(&mut args);
    let limit = page_size(&mut args);
    let cursor = args.text("cursor");
    let notes = args.finish()?;
    let (cx, filter, cursor, notes) = (&cx, &filter, &cursor, &notes);
    fitted(limit, move |limit| async move {
        let page = cx
            .registry()
            .search_receivers(&cx.principal, filter, limit, cursor.as_deref())
            .await?;
        let rows: Vec<_> = page.rows.iter().map(|r| row(r).into()).collect();
        let next = match page.rows.first() {
            Some(first) => call(
                "fetch_receiver",
                &[("receiver", first.id.to_string().into())],
            ),
            None if cx.server.offers("create_receiver") => {
                "none fits; create_receiver makes one".to_owned()
            }
            None => "none fits".to_owned(),
        };
        Ok(definition_page(
            "receivers",
            rows,
            &page,
            next,
            notes.clone(),
        ))
    })
    .await
}

fn row(receiver: &Receiver) -> Obj {
    Obj::new()
        .show("id", receiver.id)
        .put("name", receiver.name.as_str())
        .put("type", receiver.kind.as_str())
        .put("version", receiver.version.as_str())
        .put("description", receiver.description.as_str())
        .show("created_at", receiver.created_at)
        .flag("unchecked_refs", receiver.unchecked_refs)
}

/// A page of receivers or groups.
pub(crate) fn definition_page<T>(
    key: &'static str,
    rows: Vec<serde_json::Value>,
    page: &DefinitionPage<T>,
    next: String,
    mut notes: Vec<String>,
) -> Page {
    let count = rows.len();
    let fields = Obj::new()
        .always(key, rows)
        .put("total", page.total)
        .put("scanned", page.scanned)
        .put("next_cursor", page.next_cursor.clone())
        .put("next", next);
    let value: serde_json::Value = fields.into();
    Page {
        rows: count,
        bytes: record_bytes(&value),
        finish: Box::new(move |note| {
            notes.extend(note);
            Answer::record(with_notes(value, &notes))
        }),
    }
}

fn record_bytes(value: &serde_json::Value) -> usize {
    value.to_string().len()
}

/// Adds what the caller should know about how the page came to be.
pub(crate) fn with_notes(mut value: serde_json::Value, notes: &[String]) -> serde_json::Value {
    if let (Some(fields), false) = (value.as_object_mut(), notes.is_empty()) {
        fields.insert("note".to_owned(), notes.join("; ").into());
    }
    value
}
