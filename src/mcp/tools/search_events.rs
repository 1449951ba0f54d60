//! Events by filter: a list or counts.

use serde_json::{Map, Value};

use crate::domain::id::looks_like_id;
use crate::domain::json::pointer_is_valid;
use crate::domain::search::{EventFilter, PointerEquals, TextMatch, event_type};
use crate::domain::text::quoted;
use crate::domain::unit::UnitQuery;
use crate::domain::window::{self, Window};
use crate::limits;
use crate::mcp::args::Args;
use crate::mcp::error::ToolError;
use crate::mcp::paging::{Page, fitted};
use crate::mcp::payload::selected;
use crate::mcp::render::{Obj, call, fitted as shortened};
use crate::mcp::schema::{Kind, Param, common};
use crate::mcp::tool::{Effect, ToolCx, ToolResult, ToolSpec};
use crate::mcp::tools::{answer_size, as_pointer, matches, page_size, pointers};
use crate::registry::{EventHit, EventSearch, GroupBy, SearchRequest};

/// Bytes of one selected value in a list of normal size.
const SELECTED_BYTES: usize = 600;
/// Counts in one answer.
const COUNTS: usize = 100;

pub(crate) const TOOL: ToolSpec = ToolSpec {
    name: "search_events",
    title: "Search events",
    summary: "Events by unit, receiver, gate, outcome, time or payload values; list or counts, newest first",
    description: "Use to list or count events, newest first (what failed since yesterday? what happened to this unit?). \
        All filters must fit. Text filters take one value or several, exact or with a star at the end as prefix (web*). \
        group_by counts instead of listing. Payloads are not shown: select picks parts of them, fetch_event shows one. \
        Times are when events were recorded.",
    toolset: "default",
    effect: Effect::Reads,
    params: &[
        common::UNIT,
        Param::new("name", Kind::Texts, ""),
        Param::new("version", Kind::Texts, ""),
        common::RELEASE,
        common::PLATFORM,
        common::PACKAGE,
        Param::new("receiver", Kind::Texts, "ids, names or types").alias(&[
            "receiver_id",
            "receiver_ids",
            "event_receiver_id",
            "event_receiver_ids",
        ]),
        Param::new("type", Kind::Texts, "receiver types").alias(&["kind", "receiver_type"]),
        Param::new(
            "event_type",
            Kind::Texts,
            "CDEvents in any version, e.g. artifact.packaged",
        ),
        Param::text("group", "events of its receivers: id, name or type")
            .alias(&["group_id", "gate"]),
        Param::new("success", Kind::Flag, ""),
        Param::text("since", "RFC 3339, date, or a span back: 90m, 24h, 7d")
            .alias(&["from", "start"]),
        Param::text("until", "same; a date includes its day").alias(&["to", "end"]),
        Param::text("tz", "of dates, e.g. Europe/Berlin; default UTC").alias(&["timezone"]),
        Param::new(
            "payload",
            Kind::Object,
            "only with these values at these JSON pointers, e.g. {\"/scan/critical\": 0}",
        ),
        Param::new(
            "select",
            Kind::Texts,
            "JSON pointers whose values to show, up to 10",
        )
        .alias(&["pointers"]),
        Param::new(
            "group_by",
            Kind::Word(&["name", "receiver", "success", "day"]),
            "count by this (receiver: by its type)",
        ),
        common::LIMIT,
        common::CURSOR,
        common::DETAIL,
    ],
    output: &[],
    run: |cx, args| Box::pin(run(cx, args)),
};

/// The filters as they were given; things are looked up afterwards.
struct Wanted {
    /// The question as it was sent.
    asked: String,
    filter: EventFilter,
    unit: Option<String>,
    receivers: Vec<String>,
    group: Option<String>,
    window: Window,
}

async fn run(cx: ToolCx, mut args: Args) -> ToolResult {
    let wanted = wanted(&cx, &mut args);
    let select = pointers(&mut args, "select");
    let group_by = args
        .word("group_by", &["name", "receiver", "success", "day"])
        .map(group_by);
    let limit = page_size(&mut args);
    let cursor = args.text("cursor");
    let most = answer_size(&mut args);
    let notes = args.finish()?;
    let window = wanted.window;
    let asked = wanted.asked.clone();
    let filter = resolve(&cx, wanted).await?;
    let (cx, filter, cursor, select, asked) = (&cx, &filter, &cursor, &select, &asked);
    fitted(most, limit, notes, |limit| async move {
        let request = SearchRequest {
            filter: filter.clone(),
            limit,
            cursor: cursor.clone(),
            group_by,
            select: select.clone(),
            select_bytes: SELECTED_BYTES * (most / limits::ANSWER_BYTES),
            asked: Some(asked.clone()),
            ..SearchRequest::default()
        };
        let found = cx.registry().search_events(&cx.principal, &request).await?;
        Ok(page(found, select, window))
    })
    .await
}

fn group_by(word: &str) -> GroupBy {
    match word {
        "receiver" => GroupBy::Receiver,
        "success" => GroupBy::Success,
        "day" => GroupBy::Day,
        _ => GroupBy::Name,
    }
}

fn wanted(cx: &ToolCx, args: &mut Args) -> Wanted {
    let types = matches(args, "type");
    let event_types = args.texts("event_type");
    let event_types = event_types.iter().flat_map(|text| event_type(text));
    let event_types = event_types.collect();
    let (since, until, tz) = (args.text("since"), args.text("until"), args.text("tz"));
    let window = window::parse(
        since.as_deref(),
        until.as_deref(),
        tz.as_deref(),
        cx.registry().now(),
    );
    let window = window.unwrap_or_else(|refusal| {
        args.fault(refusal.to_string().trim_end_matches('.'));
        Window::default()
    });
    let payload = args.object("payload").unwrap_or_default();
    let mut wanted = Wanted {
        asked: String::new(),
        filter: EventFilter {
            name: matches(args, "name"),
            version: matches(args, "version"),
            release: matches(args, "release"),
            platform_id: matches(args, "platform_id"),
            package: matches(args, "package"),
            types,
            event_types,
            success: args.flag("success"),
            from: window.from,
            to: window.to,
            payload: payload_filter(args, payload),
            ..EventFilter::default()
        },
        unit: args.text("unit"),
        receivers: args.texts("receiver"),
        group: args.text("group"),
        window,
    };
    // A bare name: all of its units, where other tools need one.
    let bare = |unit: &String| !unit.contains('/') && !looks_like_id(unit.trim());
    if let Some(name) = wanted.unit.take_if(|unit| bare(unit)) {
        if wanted.filter.name.is_empty() {
            wanted.filter.name.push(TextMatch::parse(name.trim()));
        } else {
            args.fault("unit is a bare name and name is given too; give one of them");
        }
    }
    let timeless = EventFilter {
        from: None,
        to: None,
        ..wanted.filter.clone()
    };
    let named = (&wanted.unit, &wanted.receivers, &wanted.group);
    wanted.asked = format!("{:?}", (timeless, named, since, until, tz));
    wanted
}

fn payload_filter(args: &mut Args, payload: Map<String, Value>) -> Vec<PointerEquals> {
    let mut out = Vec::with_capacity(payload.len());
    for (key, value) in payload {
        let pointer = as_pointer(key);
        if pointer_is_valid(&pointer) {
            out.push(PointerEquals { pointer, value });
        } else {
            args.fault(format!(
                "payload names {}, which is no JSON pointer",
                quoted(&pointer)
            ));
        }
    }
    out
}

/// Looks up what was named: the unit, the receivers, the group.
async fn resolve(cx: &ToolCx, wanted: Wanted) -> Result<EventFilter, ToolError> {
    let (registry, principal) = (cx.registry(), &cx.principal);
    let mut filter = wanted.filter;
    if let Some(unit) = wanted.unit {
        let query = UnitQuery {
            unit: Some(unit),
            ..UnitQuery::default()
        };
        filter.unit = Some(registry.find_unit(principal, &query).await?);
    }
    for what in &wanted.receivers {
        let meant = registry.receivers_meant(principal, what).await?;
        filter.receiver_ids.extend(meant);
    }
    if let Some(what) = &wanted.group {
        filter.group = Some(registry.find_group(principal, what).await?.id);
    }
    Ok(filter)
}

fn page(found: EventSearch, select: &[String], window: Window) -> Page {
    let more = found.next_cursor.is_some();
    let first = found.hits.first().map(|hit| hit.event.id.to_string());
    let total = found.total.map_or_else(Obj::new, |total| {
        Obj::new().put(
            if total.exact {
                "total"
            } else {
                "total_at_least"
            },
            total.count,
        )
    });
    let mut recorded = Obj::new();
    if let Some(from) = window.from {
        recorded = recorded.show("from", from);
    }
    if let Some(to) = window.to {
        recorded = recorded.show("to", to);
    }
    let next = match first {
        _ if more => "repeat with cursor for older ones".to_owned(),
        Some(id) => call("fetch_event", &[("id", id.into())]),
        None if found.groups.is_some() => String::new(),
        None => "none fits; drop a filter, or describe_registry {} for what there is".to_owned(),
    };
    let end = total
        .put("scanned", found.scanned)
        .put(
            "payloads_too_large_to_read",
            (found.unread > 0).then_some(found.unread),
        )
        .put("recorded", recorded)
        .put("next_cursor", found.next_cursor)
        .put("next", next);
    let Some(counts) = found.groups else {
        let rows: Vec<Value> = found.hits.into_iter().map(|hit| row(hit, select)).collect();
        return Page::json(rows.len(), Obj::new().always("events", rows).and(end));
    };
    let all = counts.len();
    let shown: Vec<Value> = counts
        .into_iter()
        .take(COUNTS)
        .map(|(value, count)| Obj::new().put("value", value).put("count", count).into())
        .collect();
    // One row: counts are not cut by asking for fewer.
    let counted = Obj::new().always("counts", shown).and(end).into();
    let mut page = Page::json(1, shortened(counted, limits::ANSWER_BYTES));
    if all > COUNTS {
        page = page.note(format!(
            "the {COUNTS} greatest of {all} counts; narrow the search to see others"
        ));
    }
    if more {
        page = page.note("counted over the newest events only; narrow since to count all");
    }
    page
}

/// One event in a list: what tells it apart, and who can be asked for more.
fn row(hit: EventHit, select: &[String]) -> Value {
    let (event, receiver) = (&hit.event, &hit.receiver);
    let mut fields = Obj::new()
        .show("id", event.id)
        .put("name", event.unit.name.as_str())
        .put("version", event.unit.version.as_str())
        .put("release", event.unit.release.as_str())
        .put("platform_id", event.unit.platform_id.as_str())
        .put("package", event.unit.package.as_str())
        .put("success", event.success)
        .put("type", receiver.kind.as_str())
        .show("event_receiver_id", event.receiver_id)
        .put("description", event.description.as_str())
        .show("created_at", event.created_at);
    if !select.is_empty() {
        fields = fields.put("selected", selected(select, hit.selected));
    }
    fields.into()
}
