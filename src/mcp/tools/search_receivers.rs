//! Receivers by filter.

use serde_json::Value;

use crate::domain::receiver::Receiver;
use crate::limits;
use crate::mcp::args::Args;
use crate::mcp::paging::{Page, fitted};
use crate::mcp::render::{Obj, call};
use crate::mcp::schema::{Kind, Param, common};
use crate::mcp::tool::{Effect, ToolCx, ToolResult, ToolSpec};
use crate::mcp::tools::{definition_filter, page_size};
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
    let (cx, filter, cursor) = (&cx, &filter, cursor.as_deref());
    fitted(limits::ANSWER_BYTES, limit, notes, |limit| async move {
        let page = cx
            .registry()
            .search_receivers(&cx.principal, filter, limit, cursor)
            .await?;
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
        Ok(definition_page("receivers", &page, row, next))
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
    page: &DefinitionPage<T>,
    row: impl Fn(&T) -> Obj,
    next: String,
) -> Page {
    let rows: Vec<Value> = page.rows.iter().map(|record| row(record).into()).collect();
    let fields = Obj::new()
        .always(key, rows)
        .put("total", page.total)
        .put("scanned", page.scanned)
        .put("next_cursor", page.next_cursor.clone())
        .put("next", next);
    Page::json(page.rows.len(), fields)
}
