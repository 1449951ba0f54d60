//! Resources: everything that has an address, to be read without a tool.

mod uri;

use rmcp::ErrorData;
use rmcp::model::{
    ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Resource,
    ResourceContents, ResourceTemplate,
};
use serde_json::Value;
use serde_json::value::RawValue;

pub(crate) use self::uri::Address;
use super::error::protocol_error;
use super::render::gate::unit_text;
use super::render::{Obj, call, json_text, record, run};
use super::tool::ToolCx;
use super::tools::describe_registry;
use crate::correlate::Section;
use crate::domain::event::{WireEvent, WireReceiver};
use crate::domain::receiver::DefinedReceiver;
use crate::domain::search::EventFilter;
use crate::domain::secrets::{masked_json, masked_tokens};
use crate::domain::text::{escape_hidden_in_json, quoted};
use crate::domain::unit::{Unit, UnitQuery};
use crate::limits;
use crate::registry::{Error, EventView, RunAnswer, RunQuestion, SearchRequest};

/// Events in one history.
const HISTORY_EVENTS: usize = 50;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain";

/// The fixed resources and the newest histories, page by page.
pub(crate) async fn list(
    cx: &ToolCx,
    cursor: Option<String>,
) -> Result<ListResourcesResult, ErrorData> {
    let recent = cx
        .registry()
        .recent_units(&cx.principal, limits::PAGE_DEFAULT, cursor.as_deref())
        .await;
    let (units, next) = match recent {
        Ok(page) => page,
        Err(error) if cursor.is_some() => return Err(protocol_error(&error)),
        // The fixed ones are there even while the database is not.
        Err(_) => (Vec::new(), None),
    };
    let mut resources = Vec::new();
    if cursor.is_none() {
        resources.push(
            Resource::new("epr://overview", "overview")
                .with_title("The registry at a glance")
                .with_mime_type(JSON),
        );
        resources.push(
            Resource::new("epr://events/latest", "latest events")
                .with_title("The newest events")
                .with_mime_type(JSON),
        );
    }
    // An address is exact or of no use: a unit whose name looks like a secret is left to the tools.
    let shown = |uri: &String| matches!(masked_tokens(uri), std::borrow::Cow::Borrowed(_));
    for (unit, last) in units.into_iter().filter(|(unit, _)| shown(&unit.uri())) {
        resources.push(
            Resource::new(
                unit.uri(),
                quoted(&format!("{} {}", unit.name, unit.version)),
            )
            .with_title(quoted(&format!(
                "{} {} {}",
                unit.name, unit.version, unit.package
            )))
            .with_description(format!("History; newest event {last}"))
            .with_mime_type(JSON),
        );
    }
    let mut result = ListResourcesResult::with_all_items(resources);
    result.next_cursor = next;
    Ok(result)
}

/// What addresses there are: the form, a name, what is there, and as what.
const TEMPLATES: [(&str, &str, &str, &str); 7] = [
    (
        "epr://events/{id}",
        "event",
        "An event with its payload and receiver",
        JSON,
    ),
    (
        "epr://receivers/{id}",
        "receiver",
        "A receiver with its JSON Schema",
        JSON,
    ),
    (
        "epr://groups/{id}",
        "group",
        "A group (gate) with its receivers",
        JSON,
    ),
    (
        "epr://history/{name}/{version}/{release}/{platform_id}/{package}",
        "history",
        "The newest events of a unit; the parts percent-encoded",
        JSON,
    ),
    (
        "epr://runs/{run}",
        "pipeline run",
        "What happened in a pipeline run: {run} is run_…, or its id percent-encoded",
        JSON,
    ),
    (
        "epr://runs/{run}/timeline",
        "timeline of a pipeline run",
        "The events of a pipeline run in their order, as text",
        TEXT,
    ),
    (
        "epr://gates/{group}/{unit}",
        "gate",
        "How a gate stands for a unit; {unit} is its percent-encoded path name/version/release/platform_id/package",
        TEXT,
    ),
];

/// The forms that addresses have.
pub(crate) fn template_uris() -> impl Iterator<Item = &'static str> {
    TEMPLATES.iter().map(|(uri, ..)| *uri)
}

/// What addresses there are.
pub(crate) fn templates() -> ListResourceTemplatesResult {
    let template = |(uri, name, about, mime): &(&str, &str, &str, &str)| {
        ResourceTemplate::new(*uri, *name)
            .with_description(*about)
            .with_mime_type(*mime)
    };
    ListResourceTemplatesResult::with_all_items(TEMPLATES.iter().map(template).collect())
}

/// Reads one.
pub(crate) async fn read(cx: &ToolCx, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let not_found = || {
        ErrorData::resource_not_found(
            format!(
                "There is no resource {}; resources/templates/list tells the forms.",
                quoted(uri)
            ),
            None,
        )
    };
    let address = Address::parse(uri).ok_or_else(not_found)?;
    let (text, mime) = match address {
        Address::Event(id) => {
            let text = event(cx, &id)
                .await
                .map_err(|error| protocol_error(&error))?;
            return Ok(contents(text, uri, JSON));
        }
        Address::Gate { group, unit } => (gate(cx, &group, unit).await, TEXT),
        Address::Overview => (overview(cx).await, JSON),
        Address::LatestEvents => (
            events(cx, EventFilter::default(), limits::PAGE_DEFAULT).await,
            JSON,
        ),
        Address::Run(run) => (pipeline_run(cx, &run, false).await, JSON),
        Address::RunTimeline(run) => (pipeline_run(cx, &run, true).await, TEXT),
        Address::History(unit) => (history(cx, unit).await, JSON),
        Address::Receiver(id) => (receiver(cx, &id).await, JSON),
        Address::Group(id) => (group(cx, &id).await, JSON),
    };
    let text = text.map_err(|error| protocol_error(&error))?;
    let shown = if mime == JSON {
        json_shown(&text)
    } else {
        masked_tokens(&text).into_owned()
    };
    Ok(contents(shown, uri, mime))
}

fn contents(text: String, uri: &str, mime: &str) -> ReadResourceResult {
    ReadResourceResult::new(vec![ResourceContents::text(text, uri).with_mime_type(mime)])
}

/// Masked first: to mask a string undoes its escapes.
fn json_shown(text: &str) -> String {
    escape_hidden_in_json(&masked_json(text))
}

async fn overview(cx: &ToolCx) -> Result<String, Error> {
    let overview = cx.registry().overview(&cx.principal).await?;
    Ok(describe_registry::resource_text(
        &cx.server,
        &cx.principal,
        &overview,
    ))
}

async fn gate(cx: &ToolCx, group: &str, unit: Unit) -> Result<String, Error> {
    let query = UnitQuery {
        unit: Some(unit.uri()),
        ..UnitQuery::default()
    };
    let gates = cx
        .registry()
        .check_unit(&cx.principal, &query, Some(group))
        .await?;
    Ok(unit_text(&gates, limits::FULL_ANSWER_BYTES, |tool| {
        cx.server.offers(tool)
    }))
}

async fn history(cx: &ToolCx, unit: Unit) -> Result<String, Error> {
    events(
        cx,
        EventFilter {
            unit: Some(unit),
            ..EventFilter::default()
        },
        HISTORY_EVENTS,
    )
    .await
}

async fn events(cx: &ToolCx, filter: EventFilter, limit: usize) -> Result<String, Error> {
    let unit = filter.unit.as_ref().map(Unit::uri);
    let found = cx
        .registry()
        .search_events(
            &cx.principal,
            &SearchRequest {
                filter,
                limit,
                ..SearchRequest::default()
            },
        )
        .await?;
    let rows: Vec<Value> = found
        .hits
        .iter()
        .map(|hit| {
            record::event(&hit.event)
                .put("type", hit.receiver.kind.as_str())
                .put("recorded_by", record::recorder(&hit.event.recorded_by))
                .into()
        })
        .collect();
    let more = if found.next_cursor.is_some() {
        "there are older ones: search_events"
    } else {
        ""
    };
    Ok(json_text(
        &Obj::new()
            .put("unit", unit)
            .always("events", rows)
            .put("note", more)
            .into(),
    ))
}

/// What happened in a run, as JSON or as its timeline. Where several runs fit, which they are.
async fn pipeline_run(cx: &ToolCx, run: &str, timeline: bool) -> Result<String, Error> {
    let question = RunQuestion {
        anchor: run.to_owned(),
        events: None,
    };
    let answer = cx.registry().pipeline_run(&cx.principal, &question).await?;
    let most = limits::FULL_ANSWER_BYTES;
    Ok(match answer {
        RunAnswer::Run(found) if timeline => {
            run::story_text(&found, &[Section::Timeline], 0, most).0
        }
        RunAnswer::Run(found) => json_text(&run::story_json(&found, &[Section::All], 0, most)),
        RunAnswer::Several(candidates) if timeline => run::candidates_text(run, &candidates),
        RunAnswer::Several(candidates) => json_text(&run::candidates_json(&candidates)),
    })
}

async fn group(cx: &ToolCx, id: &str) -> Result<String, Error> {
    let (group, receivers) = cx.registry().fetch_group(&cx.principal, id).await?;
    let members: Vec<Value> = receivers.iter().map(record::receiver_name).collect();
    Ok(json_text(
        &record::group(&group).put("event_receivers", members).into(),
    ))
}

async fn receiver(cx: &ToolCx, id: &str) -> Result<String, Error> {
    let found = cx.registry().fetch_receiver(&cx.principal, id).await?;
    serde_json::to_string(&wire_receiver(&found)).map_err(Error::internal)
}

/// An event as it is shown. A long payload is work for a thread that may take its time, and keeps the
/// memory that it was granted until it is done.
async fn event(cx: &ToolCx, id: &str) -> Result<String, Error> {
    let view = cx.registry().fetch_event(&cx.principal, id).await?;
    let found = cx
        .registry()
        .fetch_receiver(&cx.principal, &view.receiver.id.to_string())
        .await?;
    tokio::task::spawn_blocking(move || event_text(&view, &found).map(|text| json_shown(&text)))
        .await
        .map_err(Error::internal)?
}

/// The event in the shape that existing EPR clients read, its payload as it was sent. Above the size
/// of a message the payload is left out, which is said.
fn event_text(view: &EventView, found: &DefinedReceiver) -> Result<String, Error> {
    let receiver = wire_receiver(found);
    let (event, text) = (&view.event, view.payload.as_str());
    let payload = if text.len() <= limits::MCP_MESSAGE_BYTES {
        Some(RawValue::from_string(text.to_owned()).map_err(Error::internal)?)
    } else {
        None
    };
    let omitted = payload.is_none().then(|| {
        format!(
            "{} bytes, {}: more than one message carries; {}",
            event.payload_size,
            event.payload_digest_text(),
            call(
                "fetch_event",
                &[
                    ("id", event.id.to_string().into()),
                    ("detail", "full".into())
                ]
            )
        )
    });
    let event = WireEvent {
        id: event.id,
        name: &event.unit.name,
        version: &event.unit.version,
        release: &event.unit.release,
        platform_id: &event.unit.platform_id,
        package: &event.unit.package,
        description: &event.description,
        payload,
        payload_ref: None,
        success: event.success,
        created_at: event.created_at,
        event_receiver_id: event.receiver_id,
        event_receiver: Some(&receiver),
    };
    serde_json::to_string(&ReadEvent {
        event,
        payload_omitted: omitted,
    })
    .map_err(Error::internal)
}

/// An event as a resource.
#[derive(serde::Serialize)]
struct ReadEvent<'a> {
    #[serde(flatten)]
    event: WireEvent<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_omitted: Option<String>,
}

fn wire_receiver(found: &DefinedReceiver) -> WireReceiver<'_> {
    let receiver = &found.receiver;
    WireReceiver {
        id: receiver.id,
        name: &receiver.name,
        kind: &receiver.kind,
        version: &receiver.version,
        description: &receiver.description,
        schema: &found.schema,
        schema_ref: None,
        fingerprint: &receiver.fingerprint,
        created_at: receiver.created_at,
    }
}
