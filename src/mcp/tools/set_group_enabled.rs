//! Putting a gate in or out of force.

use crate::mcp::args::Args;
use crate::mcp::schema::{Kind, Param, common};
use crate::mcp::tool::{Effect, ToolCx, ToolResult, ToolSpec};
use crate::mcp::tools::create_group;
use crate::registry::WriteOptions;

pub(crate) const TOOL: ToolSpec = ToolSpec {
    name: "set_group_enabled",
    title: "Enable or disable a group",
    summary: "Put a gate in or out of force",
    description: "Use to put a gate in or out of force. A disabled group never opens and publishes nothing; enabling \
        publishes nothing by itself, the answer says how many units pass already.",
    toolset: "default",
    effect: Effect::Changes,
    params: &[
        Param::text("group", "id, name or type")
            .required()
            .alias(&["id", "group_id", "name"]),
        Param::new("enabled", Kind::Flag, "true or false").required(),
        common::DRY_RUN,
        common::CONFIRM,
    ],
    output: &[
        ("group", "object"),
        ("changed", "boolean"),
        ("next", "string"),
    ],
    run: |cx, args| Box::pin(run(cx, args)),
};

async fn run(cx: ToolCx, mut args: Args) -> ToolResult {
    let group = args.needed_text("group");
    let enabled = args.flag("enabled").unwrap_or_default();
    let options = WriteOptions {
        dry_run: args.flag("dry_run").unwrap_or_default(),
        idempotency_key: None,
        turns: cx.turns(args.flag("confirm")),
    };
    args.finish()?;
    let written = cx
        .registry()
        .set_group_enabled(&cx.principal, &group, enabled, &options)
        .await?;
    Ok(create_group::answer("changed", &written, options.dry_run))
}
