//! How a team delivers: the four figures of DORA.

use crate::domain::window;
use crate::limits;
use crate::mcp::args::Args;
use crate::mcp::render::run::index_note;
use crate::mcp::schema::{Param, common};
use crate::mcp::tool::{Effect, ToolCx, ToolResult, ToolSpec};
use crate::mcp::tools::form::Form;
use crate::registry::DeliveryQuestion;

pub(crate) const TOOL: ToolSpec = ToolSpec {
    name: "delivery_metrics",
    title: "Delivery figures",
    summary: "Deployment frequency, lead time, change failure rate, time to restore, by service and window",
    description: "Use for \"how often do we deploy?\", \"how long does a change take to production?\", \"how many deployments fail?\", \
        \"how fast do we recover?\". From service and incident events, by service and environment; lead time is that of each \
        deployment from the change it brings. Tells what was left out and why, and how each figure is counted. Times are \
        those of the events; the window is the last 30 days unless since is given.",
    toolset: "default",
    effect: Effect::Reads,
    params: &[
        Param::text("service", "only this one: its id"),
        Param::text("environment", "only this one: its id").alias(&["env"]),
        Param::text("since", "2026-11-01, 7d; default 30d"),
        Param::text("until", ""),
        Param::text("tz", "IANA name for dates; default UTC"),
        common::FORMAT,
        common::DETAIL,
    ],
    output: &[],
    run: |cx, args| Box::pin(run(cx, args)),
};

async fn run(cx: ToolCx, mut args: Args) -> ToolResult {
    let named = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let (since, until, tz) = (args.text("since"), args.text("until"), args.text("tz"));
    let service = named(args.text("service"));
    let environment = named(args.text("environment"));
    let form = Form::read(&mut args);
    let notes = args.finish()?;
    let question = DeliveryQuestion {
        service,
        environment,
        window: window::parse(
            since.as_deref(),
            until.as_deref(),
            tz.as_deref(),
            cx.registry().now(),
        )?,
    };
    let found = cx.registry().delivery(&cx.principal, &question).await?;
    let (delivery, note) = (&found.delivery, index_note(found.indexed, &notes));
    Ok(form.answer(
        &note,
        limits::delivery::TEXT_BYTES,
        |most| delivery.text(most),
        || delivery.json(),
    ))
}
