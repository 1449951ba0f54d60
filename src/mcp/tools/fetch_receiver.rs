//! One receiver with its schema.

use rmcp::model::Resource;

use crate::mcp::args::Args;
use crate::mcp::payload::outline;
use crate::mcp::render::{Obj, call, record};
use crate::mcp::schema::{Param, common};
use crate::mcp::tool::{Answer, Effect, ToolCx, ToolResult, ToolSpec};
use crate::mcp::tools::{answer_size, inline_bytes};

pub(crate) const TOOL: ToolSpec = ToolSpec {
    name: "fetch_receiver",
    title: "Fetch a receiver",
    summary: "One receiver by id, name or type, with the JSON Schema of its payloads",
    description: "Use before create_event to see which payload a receiver takes. A schema above 6 KB (detail full: \
        60 KB) is not carried: its parts are listed and the resource epr://receivers/{id} has all of it.",
    toolset: "default",
    effect: Effect::Reads,
    params: &[
        Param::text("receiver", "id, name or type")
            .required()
            .alias(&["id", "receiver_id", "event_receiver_id", "name", "type"]),
        common::DETAIL,
    ],
    output: &[("receiver", "object"), ("next", "string")],
    run: |cx, args| Box::pin(run(cx, args)),
};

async fn run(cx: ToolCx, mut args: Args) -> ToolResult {
    let what = args.needed_text("receiver");
    let most = answer_size(&mut args);
    args.finish()?;
    let found = cx.registry().fetch_receiver(&cx.principal, &what).await?;
    let id = found.receiver.id.to_string();
    let fields = Obj::new().put("receiver", record::receiver(&found.receiver));
    let next = call("search_events", &[("receiver", vec![id.clone()].into())]);
    let schema = found.schema.get();
    if schema.len() <= inline_bytes(most) {
        let (schema, _) = record::payload(schema);
        return Ok(Answer::record(
            fields.always("schema", schema).put("next", next).into(),
        ));
    }
    let fields = fields
        .put(
            "schema_omitted",
            format!("{} bytes; read resource epr://receivers/{id}", schema.len()),
        )
        .put("schema_outline", outline(schema))
        .put("next", next);
    Ok(Answer::record(fields.into()).link(Some(link(&id, schema.len()))))
}

fn link(id: &str, size: usize) -> Resource {
    Resource::new(format!("epr://receivers/{id}"), format!("receiver {id}"))
        .with_description("The receiver with its JSON Schema")
        .with_mime_type("application/json")
        .with_size(size as u64)
}
