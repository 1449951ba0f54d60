//! May this version go? How gates stand for a unit, and what waits at a gate.

use crate::mcp::args::Args;
use crate::mcp::paging::{Page, fitted};
use crate::mcp::render::fitted as shortened;
use crate::mcp::render::gate::{unit_json, unit_text, waiting_json, waiting_text};
use crate::mcp::schema::{Param, common};
use crate::mcp::tool::{Answer, Effect, ToolCx, ToolResult, ToolSpec};
use crate::mcp::tools::form::is_json;
use crate::mcp::tools::{answer_size, page_size, unit_query};

pub(crate) const TOOL: ToolSpec = ToolSpec {
    name: "check_gate",
    title: "Check gates",
    summary: "Whether a unit passes its gates and what it waits for; or which units wait at a gate",
    description: "Use for \"may this version go?\", \"what blocks it?\", \"who approved it?\", \"what waits?\". Give a unit \
        (any form or part of it): the verdict of each of its gates, per receiver pass/fail/missing with the deciding \
        event, by whom, since when, and what would open it. Add group for one gate. Give group alone: the units that \
        wait at that gate, newest first. A gate (group) is open for a unit when the newest event of every member \
        receiver is a success.",
    toolset: "default",
    effect: Effect::Reads,
    params: &[
        common::UNIT,
        Param::text("name", "any part names the unit if only one fits"),
        Param::text("version", ""),
        common::RELEASE,
        common::PLATFORM,
        common::PACKAGE,
        Param::text("group", "id, name or type").alias(&[
            "group_id",
            "event_receiver_group_id",
            "gate",
        ]),
        common::LIMIT,
        common::CURSOR,
        common::FORMAT,
        common::DETAIL,
    ],
    output: &[],
    run: |cx, args| Box::pin(run(cx, args)),
};

async fn run(cx: ToolCx, mut args: Args) -> ToolResult {
    let query = unit_query(&mut args);
    let group = args.text("group");
    let limit = page_size(&mut args);
    let cursor = args.text("cursor");
    let json = is_json(&mut args);
    let most = answer_size(&mut args);
    if query.is_empty() && group.is_none() {
        args.fault("name a unit (unit, or name and version), or a group to see what waits at it");
    }
    if cursor.is_some() && !query.is_empty() {
        args.fault("cursor goes on in the list of a group; leave the unit out, or the cursor");
    }
    let notes = args.finish()?;
    if query.is_empty() {
        let group = group.unwrap_or_default();
        let page = (most, limit, cursor.as_deref());
        return waiting(&cx, &group, page, json, notes).await;
    }
    let unit = cx
        .registry()
        .check_unit(&cx.principal, &query, group.as_deref())
        .await?;
    Ok(if json {
        Answer::record(shortened(unit_json(&unit, most), most))
    } else {
        Answer::composed(&unit_text(&unit, most, |tool| cx.server.offers(tool)))
    })
}

async fn waiting(
    cx: &ToolCx,
    group: &str,
    (most, limit, cursor): (usize, usize, Option<&str>),
    json: bool,
    notes: Vec<String>,
) -> ToolResult {
    fitted(most, limit, notes, |limit| async move {
        let waiting = cx
            .registry()
            .check_group(&cx.principal, group, limit, cursor)
            .await?;
        let rows = waiting.waiting.len();
        Ok(if json {
            Page::json(rows, waiting_json(&waiting))
        } else {
            Page::text(rows, waiting_text(&waiting))
        })
    })
    .await
}
