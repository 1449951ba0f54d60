//! One group with its members.

use crate::limits;
use crate::mcp::args::Args;
use crate::mcp::render::{Obj, call, fitted, record};
use crate::mcp::schema::Param;
use crate::mcp::tool::{Answer, Effect, ToolCx, ToolResult, ToolSpec};

pub(crate) const TOOL: ToolSpec = ToolSpec {
    name: "fetch_group",
    title: "Fetch a group (gate)",
    summary: "One group by id, name or type, with its member receivers",
    description: "Use to see how a gate is defined: its member receivers, and whether it is enabled. What waits at it is \
        check_gate.",
    toolset: "default",
    effect: Effect::Reads,
    params: &[Param::text("group", "id, name or type").required().alias(&[
        "id",
        "group_id",
        "event_receiver_group_id",
        "name",
        "type",
    ])],
    output: &[("group", "object"), ("next", "string")],
    run: |cx, args| Box::pin(run(cx, args)),
};

async fn run(cx: ToolCx, mut args: Args) -> ToolResult {
    let what = args.needed_text("group");
    args.finish()?;
    let (group, receivers) = cx.registry().fetch_group(&cx.principal, &what).await?;
    let members: Vec<_> = receivers.iter().map(record::receiver_name).collect();
    let answer = Obj::new()
        .put("group", record::group(&group))
        .put("receivers", members)
        .put(
            "next",
            call("check_gate", &[("group", group.id.to_string().into())]),
        )
        .into();
    Ok(Answer::record(fitted(answer, limits::ANSWER_BYTES)))
}
