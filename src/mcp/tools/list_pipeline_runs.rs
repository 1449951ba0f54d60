//! Which pipeline runs there are.

use crate::domain::window;
use crate::mcp::args::Args;
use crate::mcp::paging::{Page, fitted};
use crate::mcp::render::run::{index_note, list_json, list_text};
use crate::mcp::schema::{Kind, Param, common};
use crate::mcp::tool::{Effect, ToolCx, ToolResult, ToolSpec};
use crate::mcp::tools::form::is_json;
use crate::mcp::tools::{answer_size, page_size};
use crate::registry::{RunFilter, RunStatus};

pub(crate) const TOOL: ToolSpec = ToolSpec {
    name: "list_pipeline_runs",
    title: "List pipeline runs",
    summary: "Pipeline runs, newest first: by pipeline, service, environment, outcome, time; slow and stuck ones",
    description: "Use for \"what ran today?\", \"which runs of this pipeline failed?\", \"what is stuck?\", \"which runs deployed \
        payments to production?\". Each run with its outcome, how long it took and what is usual for its pipeline. status: \
        failed is any bad end, stuck has run far longer than usual (or 24 h), slow took half as long again as usual. Times are \
        those of the events, of a run's last attempt; since and until go by the first event of a run. For one run: correlate_pipeline_run; for figures over many: delivery_metrics.",
    toolset: "default",
    effect: Effect::Reads,
    params: &[
        Param::text("pipeline", "exact name").alias(&["pipeline_name"]),
        Param::text("service", "id of a service that the run deployed"),
        Param::text("environment", "id of an environment that it deployed to").alias(&["env"]),
        Param::new("status", Kind::Word(RunStatus::WORDS), "").alias(&["outcome", "state"]),
        Param::text("since", "2026-11-22, 2026-11-22T21:00:00Z, 24h or 7d"),
        Param::text("until", ""),
        Param::text("tz", "IANA name for dates; default UTC"),
        common::LIMIT,
        common::CURSOR,
        common::FORMAT,
        common::DETAIL,
    ],
    output: &[],
    run: |cx, args| Box::pin(run(cx, args)),
};

async fn run(cx: ToolCx, mut args: Args) -> ToolResult {
    let named = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let (since, until, tz) = (args.text("since"), args.text("until"), args.text("tz"));
    let mut filter = RunFilter {
        pipeline: named(args.text("pipeline")),
        service: named(args.text("service")),
        environment: named(args.text("environment")),
        status: args.word("status", RunStatus::WORDS),
        ..RunFilter::default()
    };
    let limit = page_size(&mut args);
    let cursor = args.text("cursor");
    let json = is_json(&mut args);
    let most = answer_size(&mut args);
    let notes = args.finish()?;
    filter.window = window::parse(
        since.as_deref(),
        until.as_deref(),
        tz.as_deref(),
        cx.registry().now(),
    )?;
    filter.asked = Some(format!("{since:?} {until:?} {tz:?}"));
    let (cx, filter, cursor) = (&cx, &filter, cursor.as_deref());
    fitted(most, limit, notes, |limit| async move {
        let list = cx
            .registry()
            .list_runs(&cx.principal, filter, limit, cursor)
            .await?;
        let note = index_note(list.indexed, &[]);
        let page = if json {
            Page::json(list.runs.len(), list_json(&list))
        } else {
            Page::text(list.runs.len(), list_text(&list))
        };
        Ok(if note.is_empty() {
            page
        } else {
            page.note(note)
        })
    })
    .await
}
