//! One event with everything about it.

use rmcp::model::Resource;

use crate::domain::event::Event;
use crate::domain::id::EventId;
use crate::domain::receiver::Receiver;
use crate::domain::search::EventFilter;
use crate::mcp::args::Args;
use crate::mcp::error::ToolError;
use crate::mcp::payload::{outline, selected};
use crate::mcp::render::{Obj, call, record};
use crate::mcp::schema::{Kind, Param, common};
use crate::mcp::tool::{Answer, Effect, ToolCx, ToolResult, ToolSpec};
use crate::mcp::tools::{answer_size, inline_bytes, pointers};
use crate::registry::{EventView, SearchRequest};

pub(crate) const TOOL: ToolSpec = ToolSpec {
    name: "fetch_event",
    title: "Fetch an event",
    summary: "One event by id, with payload, digest, receiver and who recorded it",
    description: "Use when you have an event id and need its payload or who recorded it. A payload above 6 KB (detail \
        full: 60 KB) is not carried: give select with JSON pointers for the parts you need. Known secret shapes are \
        masked.",
    toolset: "default",
    effect: Effect::Reads,
    params: &[
        Param::text("id", "event id")
            .required()
            .alias(&["event_id", "event"]),
        Param::new(
            "select",
            Kind::Texts,
            "JSON pointers into the payload, e.g. /scan/critical, instead of all of it",
        )
        .alias(&["pointers"]),
        Param::new("payload", Kind::Flag, "false leaves the payload out"),
        common::DETAIL,
    ],
    output: &[("event", "object"), ("next", "string")],
    run: |cx, args| Box::pin(run(cx, args)),
};

async fn run(cx: ToolCx, mut args: Args) -> ToolResult {
    let id = args.needed_text("id");
    let pointers = pointers(&mut args, "select");
    let wanted = args.flag("payload").unwrap_or(true);
    let most = answer_size(&mut args);
    args.finish()?;
    if !pointers.is_empty() || !wanted {
        let found = cx.registry().event_head(&cx.principal, id.trim()).await?;
        let mut answer = head(&found.event, &found.receiver);
        if !pointers.is_empty() {
            answer = answer.put(
                "selected",
                select(&cx, found.event.id, &pointers, most).await?,
            );
        }
        return Ok(Answer::record(
            answer.put("next", next(&found.event)).into(),
        ));
    }
    let mut view = cx.registry().fetch_event(&cx.principal, id.trim()).await?;
    let payload = std::mem::take(&mut view.payload);
    let head = head(&view.event, &view.receiver);
    if payload.len() <= inline_bytes(most) {
        let (value, masked) = record::payload(&payload);
        let fields = head
            .always("payload", value)
            .put("masked_secrets", (masked > 0).then_some(masked));
        return Ok(Answer::record(fields.put("next", next(&view.event)).into()));
    }
    let size = payload.len();
    let outline = tokio::task::spawn_blocking(move || outline(&payload))
        .await
        .unwrap_or_default();
    let first = outline
        .first()
        .and_then(|part| part.get("at"))
        .cloned()
        .unwrap_or_default();
    let next = call(
        "fetch_event",
        &[
            ("id", view.event.id.to_string().into()),
            ("select", vec![first].into()),
        ],
    );
    let fields = head
        .put(
            "payload_omitted",
            format!(
                "{size} bytes; select parts of it, or read resource epr://events/{}",
                view.event.id
            ),
        )
        .put("payload_outline", outline)
        .put("next", next);
    Ok(Answer::record(fields.into()).link(Some(link(&view, size))))
}

/// Everything but the payload.
fn head(event: &Event, receiver: &Receiver) -> Obj {
    Obj::new()
        .put("event", record::event(event))
        .put("unit", event.unit.uri())
        .put("receiver", record::receiver_name(receiver))
        .put("recorded_by", record::recorder(&event.recorded_by))
        .put("payload_digest", event.payload_digest_text())
        .put("payload_bytes", event.payload_size)
}

fn next(event: &Event) -> String {
    call("check_gate", &[("unit", event.unit.uri().into())])
}

/// The values at the pointers. The search reads payloads within the memory that all of them may
/// take together.
async fn select(
    cx: &ToolCx,
    id: EventId,
    pointers: &[String],
    most: usize,
) -> Result<Obj, ToolError> {
    let request = SearchRequest {
        filter: EventFilter {
            ids: vec![id],
            ..EventFilter::default()
        },
        limit: 1,
        select: pointers.to_vec(),
        select_bytes: most / pointers.len().max(1),
        ..SearchRequest::default()
    };
    let found = cx.registry().search_events(&cx.principal, &request).await?;
    let values = found
        .hits
        .into_iter()
        .next()
        .map(|hit| hit.selected)
        .unwrap_or_default();
    Ok(selected(pointers, values))
}

fn link(view: &EventView, size: usize) -> Resource {
    let id = view.event.id;
    Resource::new(format!("epr://events/{id}"), format!("event {id}"))
        .with_description("The event with its payload")
        .with_mime_type("application/json")
        .with_size(size as u64)
}
