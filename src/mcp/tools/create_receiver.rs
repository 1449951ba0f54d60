//! Defining a kind of event.

use serde_json::Value;

use crate::domain::command::TurnPolicy;
use crate::domain::text::quoted;
use crate::mcp::args::Args;
use crate::mcp::render::{Obj, call, record};
use crate::mcp::schema::{Kind, Param, common};
use crate::mcp::tool::{Answer, Effect, ToolCx, ToolResult, ToolSpec};
use crate::registry::{ReceiverInput, WriteOptions};

pub(crate) const TOOL: ToolSpec = ToolSpec {
    name: "create_receiver",
    title: "Create a receiver",
    summary: "Define a kind of event with the JSON Schema its payloads must match",
    description: "Use to define a kind of event before recording any. A receiver has a JSON Schema (draft 4 to 2020-12) \
        that every payload must match; it is immutable: a changed definition needs a new version. The same definition \
        again gives the existing one (created: false). Look with search_receivers first.",
    toolset: "default",
    effect: Effect::AddsOnce,
    params: &[
        Param::text("name", "e.g. build").required(),
        Param::text("type", "of its messages, e.g. com.example.build")
            .required()
            .alias(&["kind", "receiver_type"]),
        Param::text("version", "e.g. 1.0.0").required(),
        Param::text("description", "what it records").required(),
        Param::new("schema", Kind::Json, "JSON Schema, as object or JSON text")
            .alias(&["payload_schema", "json_schema"]),
        Param::text(
            "schema_name",
            "instead of schema: any, cloudevent, cdevents:<subject.predicate>[@version], cyclonedx or spdx",
        ),
        Param::new(
            "allow_unresolved_refs",
            Kind::Flag,
            "leave $refs to unknown documents unchecked",
        ),
        common::DRY_RUN,
        common::IDEMPOTENCY_KEY,
    ],
    output: &[
        ("receiver", "object"),
        ("created", "boolean"),
        ("next", "string"),
    ],
    run: |cx, args| Box::pin(run(cx, args)),
};

async fn run(cx: ToolCx, mut args: Args) -> ToolResult {
    let mut input = ReceiverInput {
        name: args.needed_text("name"),
        kind: args.needed_text("type"),
        version: args.needed_text("version"),
        description: args.needed_text("description"),
        schema: None,
        schema_name: args.text("schema_name"),
        allow_unresolved_refs: args.flag("allow_unresolved_refs").unwrap_or_default(),
    };
    input.schema = args.json("schema").map(|schema| match schema {
        Value::String(text) => text,
        other => other.to_string(),
    });
    match (&input.schema, &input.schema_name) {
        (Some(_), Some(name)) => {
            args.fault(format!(
                "give schema or schema_name ({}), not both",
                quoted(name)
            ));
        }
        (None, None) => args.fault("schema is required, or schema_name: any"),
        _ => {}
    }
    let options = WriteOptions {
        dry_run: args.flag("dry_run").unwrap_or_default(),
        idempotency_key: args.text("idempotency_key"),
        turns: TurnPolicy::Allowed,
    };
    args.finish()?;
    let written = cx
        .registry()
        .create_receiver(&cx.principal, input, &options)
        .await?;
    let id = written.receiver.id.to_string();
    let next = if options.dry_run {
        "nothing was stored; repeat without dry_run to create it".to_owned()
    } else if cx.server.offers("create_event") {
        format!(
            "record events with create_event (event_receiver_id {id}), or make it a member of a gate with create_group"
        )
    } else {
        call("fetch_receiver", &[("receiver", id.into())])
    };
    Ok(Answer::record(
        Obj::new()
            .put(
                "receiver",
                record::previewed(
                    record::receiver(&written.receiver),
                    options.dry_run && written.created,
                ),
            )
            .put("created", written.created)
            .flag("dry_run", options.dry_run)
            .put("messages", record::messages(&written.messages))
            .put("warnings", record::warnings(&written.warnings))
            .put("next", next)
            .into(),
    ))
}
