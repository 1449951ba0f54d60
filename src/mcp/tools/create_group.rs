//! Defining a gate.

use crate::domain::command::TurnPolicy;
use crate::limits;
use crate::mcp::args::Args;
use crate::mcp::render::{Obj, call, fitted, record};
use crate::mcp::schema::{Kind, Param, common};
use crate::mcp::tool::{Answer, Effect, ToolCx, ToolResult, ToolSpec};
use crate::registry::{GroupInput, GroupWritten, WriteOptions};

pub(crate) const TOOL: ToolSpec = ToolSpec {
    name: "create_group",
    title: "Create a group (gate)",
    summary: "Define a gate: the receivers whose newest events must all be successes",
    description: "Use to define a gate: a group of receivers. It opens for a unit when the newest event of every member \
        is a success, and each time that happens a message of the group's type goes to the log. Members and names are \
        immutable; only enabled can change (set_group_enabled). The same definition again gives the existing one.",
    toolset: "default",
    effect: Effect::AddsOnce,
    params: &[
        Param::text("name", "e.g. release-ready").required(),
        Param::text(
            "type",
            "of its completion message, e.g. com.example.release.ready",
        )
        .required()
        .alias(&["kind", "group_type"]),
        Param::text("version", "e.g. 1.0.0").required(),
        Param::text("description", "what passing means").required(),
        Param::new(
            "event_receiver_ids",
            Kind::Texts,
            "its receivers: ids, names or types",
        )
        .required()
        .alias(&[
            "event_receiver_id",
            "receivers",
            "receiver_ids",
            "event_receivers",
        ]),
        Param::new("enabled", Kind::Flag, "default true"),
        common::DRY_RUN,
        common::IDEMPOTENCY_KEY,
    ],
    output: &[
        ("group", "object"),
        ("created", "boolean"),
        ("next", "string"),
    ],
    run: |cx, args| Box::pin(run(cx, args)),
};

async fn run(cx: ToolCx, mut args: Args) -> ToolResult {
    let input = GroupInput {
        name: args.needed_text("name"),
        kind: args.needed_text("type"),
        version: args.needed_text("version"),
        description: args.needed_text("description"),
        enabled: args.flag("enabled").unwrap_or(true),
        receivers: args.texts("event_receiver_ids"),
    };
    let options = WriteOptions {
        dry_run: args.flag("dry_run").unwrap_or_default(),
        idempotency_key: args.text("idempotency_key"),
        turns: TurnPolicy::Allowed,
    };
    args.finish()?;
    let written = cx
        .registry()
        .create_group(&cx.principal, input, &options)
        .await?;
    Ok(answer("created", &written, options.dry_run))
}

/// What a group is now, and what that means for the units that are there.
pub(crate) fn answer(changed: &'static str, written: &GroupWritten, dry_run: bool) -> Answer {
    let is_new = changed == "created";
    let id = written.group.id.to_string();
    let next = if dry_run {
        "nothing was stored; repeat without dry_run to do it".to_owned()
    } else {
        call("check_gate", &[("group", id.into())])
    };
    let receivers: Vec<_> = written
        .receivers
        .iter()
        .map(record::receiver_name)
        .collect();
    let passing = written.passing.map_or_else(Obj::new, |passing| {
        // No message is written for units that pass already.
        Obj::new()
            .put("units", passing.count)
            .put(
                "counted",
                if passing.exact {
                    "all units"
                } else {
                    "the newest units only"
                },
            )
            .put(
                "note",
                if passing.count > 0 {
                    "no message was written for them"
                } else {
                    ""
                },
            )
    });
    let answer = Obj::new()
        .put(
            "group",
            record::previewed(
                record::group(&written.group),
                is_new && dry_run && written.changed,
            ),
        )
        .put(changed, written.changed)
        .flag("dry_run", dry_run)
        .put("receivers", receivers)
        .put("passing_already", passing)
        .put("messages", record::messages(&written.messages))
        .put("warnings", record::warnings(&written.warnings))
        .put("next", next)
        .into();
    Answer::record(fitted(answer, limits::ANSWER_BYTES))
}
