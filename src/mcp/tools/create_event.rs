//! Recording what happened to a unit.

use serde_json::Value;

use crate::domain::gate::Turn;
use crate::domain::unit::Unit;
use crate::limits;
use crate::mcp::args::Args;
use crate::mcp::files::read_payload;
use crate::mcp::render::{Obj, call, fitted, record};
use crate::mcp::schema::{Kind, Param, common};
use crate::mcp::tool::{Answer, Effect, ToolCx, ToolResult, ToolSpec};
use crate::mcp::tools::unit_query;
use crate::registry::{EventInput, EventWritten, PayloadInput, UnitInput, WriteOptions};

pub(crate) const TOOL: ToolSpec = ToolSpec {
    name: "create_event",
    title: "Record an event",
    summary: "Record an event for a unit; tells which gates it opens or closes",
    description: "Use to record that something happened to a unit (build, test, scan, approval, deployment), well or \
        badly. Name the unit with unit or all five of name, version, release, platform_id, package; fewer parts do if \
        only one recorded unit fits. The payload must match the receiver's schema (fetch_receiver shows it). Immutable: \
        a correction is a newer event. The answer tells which gates it opened or closed and what they still wait for. \
        Record only what really happened.",
    toolset: "default",
    effect: Effect::Adds,
    params: &[
        common::UNIT,
        Param::text("name", "e.g. payments-api"),
        Param::text("version", "e.g. 1.4.2"),
        Param::text("release", "e.g. 20261122.1"),
        Param::text("platform_id", "e.g. linux/amd64").alias(&["platform"]),
        Param::text("package", "e.g. docker"),
        Param::text("description", "what happened").required(),
        Param::text("event_receiver_id", "id, name or type of the receiver")
            .required()
            .alias(&["receiver_id", "receiver", "event_receiver"]),
        Param::new(
            "payload",
            Kind::Json,
            "object, or any JSON as text, which is kept byte for byte; {} if there is nothing to say",
        )
        .required_or_file(),
        Param::text(
            "payload_file",
            "instead of payload: a path inside the allowed directory",
        )
        .with_files(),
        Param::new("success", Kind::Flag, "whether it went well").required(),
        common::IDEMPOTENCY_KEY,
        common::DRY_RUN,
        common::CONFIRM,
    ],
    output: &[
        ("event", "object"),
        ("created", "boolean"),
        ("next", "string"),
    ],
    run: |cx, args| Box::pin(run(cx, args)),
};

async fn run(cx: ToolCx, mut args: Args) -> ToolResult {
    let unit = unit(&mut args);
    let description = args.needed_text("description");
    let receiver = args.needed_text("event_receiver_id");
    let success = args.flag("success").unwrap_or_default();
    let payload = args.json("payload");
    let file = args.text("payload_file");
    if cx.server.reads_files() && payload.is_some() == file.is_some() {
        args.fault("give payload or payload_file, one of them");
    }
    let options = WriteOptions {
        dry_run: args.flag("dry_run").unwrap_or_default(),
        idempotency_key: args.text("idempotency_key"),
        turns: cx.turns(args.flag("confirm")),
    };
    args.finish()?;
    let payload = match (payload, file) {
        (Some(Value::String(text)), _) => PayloadInput::Text(text),
        (Some(value), _) => PayloadInput::Value(value),
        (None, file) => PayloadInput::Text(read_payload(&cx, &file.unwrap_or_default()).await?),
    };
    let input = EventInput {
        unit,
        description,
        success,
        receiver,
        payload,
    };
    let written = cx
        .registry()
        .create_event(&cx.principal, input, &options)
        .await?;
    let answer = answer(&written, options.dry_run);
    Ok(Answer::record(fitted(answer, limits::ANSWER_BYTES)))
}

/// A fully named unit may be new; a partly named one must be there.
fn unit(args: &mut Args) -> UnitInput {
    let query = unit_query(args);
    if query.is_empty() {
        args.fault("name the unit: unit, or name, version, release, platform_id and package");
    }
    let exact = match &query.unit {
        Some(text) if text.contains('/') => Unit::parse(text).ok().filter(|unit| query.fits(unit)),
        Some(_) => None,
        None => query.complete(),
    };
    exact.map_or(UnitInput::Existing(query), UnitInput::Exact)
}

fn answer(written: &EventWritten, dry_run: bool) -> Value {
    let event = &written.event;
    let uri = event.unit.uri();
    let next = if dry_run {
        "nothing was stored; repeat without dry_run to record it".to_owned()
    } else if written.gates.iter().any(|gate| gate.turn != Turn::Disabled) {
        call("check_gate", &[("unit", uri.as_str().into())])
    } else {
        call("search_events", &[("unit", uri.as_str().into())])
    };
    let note = if written.created {
        ""
    } else {
        "the idempotency key was used before: this is the first result"
    };
    Obj::new()
        .put(
            "event",
            record::previewed(record::event(event), dry_run && written.created),
        )
        .put("created", written.created)
        .flag("dry_run", dry_run)
        .put("note", note)
        .put("unit", uri)
        .put("receiver", record::receiver_name(&written.receiver))
        .put("payload_digest", event.payload_digest_text())
        .put("recorded_by", record::recorder(&event.recorded_by))
        .put(
            "gates",
            record::gate_effects(&written.gates, &written.members),
        )
        .put("messages", record::messages(&written.messages))
        .put("warnings", record::warnings(&written.warnings))
        .put("next", next)
        .into()
}
