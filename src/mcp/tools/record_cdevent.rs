//! Recording CDEvents and CloudEvents as they are.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::correlate::{Conformance, Facts};
use crate::domain::command::GateEffect;
use crate::domain::gate::Turn;
use crate::domain::json::has_wide_integer;
use crate::domain::text::quoted;
use crate::domain::unit::Unit;
use crate::limits;
use crate::mcp::args::Args;
use crate::mcp::error::refused_value;
use crate::mcp::render::{Obj, call, fitted, record};
use crate::mcp::schema::{Kind, Param, common};
use crate::mcp::tool::{Answer, Effect, ToolCx, ToolResult, ToolSpec};
use crate::registry::{Intake, IntakeOptions, Taken};

pub(crate) const TOOL: ToolSpec = ToolSpec {
    name: "record_cdevent",
    title: "Record CDEvents",
    summary: "Record CDEvents or CloudEvents, 1 to 100, with a verdict on each",
    description: "Use to record CDEvents (any version from 0.1 on, custom types, links), CloudEvents, or the tutorial's \
        dialects, exactly as a CI system made them. Each is judged against its specification; what deviates is recorded \
        all the same and noted, unless strict. Receiver, unit and success follow from the event; unit and \
        event_receiver_id overrule that. A repeated event (same source, id and content) is recorded once. dry_run tells \
        what each is and what would happen. For anything else: create_event.",
    toolset: "default",
    effect: Effect::AddsOnce,
    params: &[
        Param::new("events", Kind::Documents, "the events; one alone or JSON text does as well")
            .required()
            .alias(&["event", "cdevent", "cdevents", "cloudevent", "payload"]),
        Param::text("event_receiver_id", "instead of the receiver of each event's type: id, name or type")
            .alias(&["receiver_id", "receiver", "event_receiver"]),
        Param::text("unit", "instead of what the events say: epr://history/NAME/VERSION/RELEASE/PLATFORM_ID/PACKAGE")
            .alias(&["nvrpp"]),
        Param::new("strict", Kind::Flag, "refuse what deviates or needs repair"),
        common::DRY_RUN,
        common::CONFIRM,
    ],
    output: &[("results", "array"), ("recorded", "integer"), ("next", "string")],
    run: |cx, args| Box::pin(run(cx, args)),
};

async fn run(cx: ToolCx, mut args: Args) -> ToolResult {
    let events = args.json("events").unwrap_or_default();
    let unit = args.text("unit").map(|text| Unit::parse(&text));
    let options = IntakeOptions {
        dry_run: args.flag("dry_run").unwrap_or_default(),
        strict: args.flag("strict").unwrap_or_default(),
        receiver: args.text("event_receiver_id"),
        unit: BTreeMap::new(),
        announce: true,
        turns: cx.turns(args.flag("confirm")),
    };
    let texts = texts(&mut args, events);
    args.finish()?;
    let options = match unit.transpose()? {
        Some(unit) => IntakeOptions {
            unit: unit
                .parts()
                .into_iter()
                .map(|(field, value)| (field, value.to_owned()))
                .collect(),
            ..options
        },
        None => options,
    };
    let documents = cx.registry().read_documents(texts).await?;
    let taken = cx
        .registry()
        .record_documents(&cx.principal, documents, &options)
        .await?;
    // One alone is refused like any other write, so that a person can be asked.
    let taken = match <[Taken; 1]>::try_from(taken) {
        Ok(
            [
                Taken {
                    outcome: Intake::Refused(error),
                    ..
                },
            ],
        ) => return Err(error.into()),
        Ok([one]) => vec![one],
        Err(several) => several,
    };
    let answer = answer(&taken, options.dry_run);
    Ok(Answer::record(fitted(answer, limits::ANSWER_BYTES)))
}

/// The documents' texts: of a list its items, of text what it holds.
fn texts(args: &mut Args, events: Value) -> Vec<String> {
    let items = match events {
        Value::Array(items) => items,
        Value::String(text) => {
            // JSON text is kept as it is, also when it holds several.
            let list = text.trim_start().starts_with('[');
            match serde_json::from_str::<Vec<Box<serde_json::value::RawValue>>>(&text) {
                Ok(items) if list => {
                    bounded(args, items.len());
                    return items.iter().map(|item| item.get().to_owned()).collect();
                }
                _ => return vec![text],
            }
        }
        one => vec![one],
    };
    bounded(args, items.len());
    let mut texts = Vec::with_capacity(items.len());
    for (at, item) in items.into_iter().enumerate() {
        if let Some(place) = has_wide_integer(&item) {
            args.fault(format!(
                "events item {} holds an integer of more than 64 bits at {}; send that event as JSON text",
                at + 1,
                quoted(&place)
            ));
        }
        texts.push(match item {
            Value::String(text) => text,
            item => item.to_string(),
        });
    }
    texts
}

fn bounded(args: &mut Args, count: usize) {
    if count == 0 || count > limits::INTAKE_BATCH {
        args.fault(format!(
            "events lists {count}; one call takes 1 to {}",
            limits::INTAKE_BATCH
        ));
    }
}

fn answer(taken: &[Taken], dry_run: bool) -> Value {
    let mut rows: Vec<Value> = taken.iter().map(|one| row(one, dry_run)).collect();
    let each = common_to_all(&mut rows);
    let count = |fits: fn(&Intake) -> bool| taken.iter().filter(|one| fits(&one.outcome)).count();
    let recorded = count(|outcome| matches!(outcome, Intake::Recorded { .. }));
    let repeated = count(|outcome| matches!(outcome, Intake::Repeated { .. }));
    let refused = count(|outcome| matches!(outcome, Intake::Refused(_)));
    let run = taken.iter().find_map(|one| one.run.as_deref());
    let unit = taken.iter().find_map(|one| one.unit.as_ref());
    let next = match (run, unit) {
        _ if dry_run => "nothing was stored; repeat without dry_run to record".to_owned(),
        _ if recorded + repeated == 0 => "correct what is refused and call again".to_owned(),
        (Some(run), _) => call("correlate_pipeline_run", &[("anchor", run.into())]),
        (None, Some(unit)) => call("check_gate", &[("unit", unit.uri().into())]),
        (None, None) => String::new(),
    };
    Obj::new()
        .put("each", each)
        .always("results", rows)
        .put("recorded", recorded)
        .put("repeated", (repeated > 0).then_some(repeated))
        .put("refused", (refused > 0).then_some(refused))
        .flag("dry_run", dry_run)
        .always("next", next)
        .into()
}

/// Takes out of several rows what stands in all of them alike, so that it is told once.
fn common_to_all(rows: &mut [Value]) -> Option<Value> {
    const MAY_BE_COMMON: [&str; 6] = ["status", "verdict", "spec", "unit", "success", "run"];
    let (first, others) = rows.split_first()?;
    if others.is_empty() {
        return None;
    }
    let mut each = serde_json::Map::new();
    for name in MAY_BE_COMMON {
        let value = first
            .get(name)
            .filter(|value| others.iter().all(|other| other.get(name) == Some(*value)));
        if let Some(value) = value {
            each.insert(name.to_owned(), value.clone());
        }
    }
    for row in rows.iter_mut().filter_map(Value::as_object_mut) {
        row.retain(|name, _| !each.contains_key(name));
    }
    (!each.is_empty()).then_some(Value::Object(each))
}

fn row(one: &Taken, dry_run: bool) -> Value {
    let (status, id) = match &one.outcome {
        Intake::Recorded { event, .. } if !dry_run => {
            ("recorded", event.as_ref().map(|event| event.id.to_string()))
        }
        Intake::Recorded { .. } => ("would_be_recorded", None),
        Intake::Repeated { id } => ("repeated", Some(id.to_string())),
        Intake::Refused(_) => ("refused", None),
    };
    let mut fields = Obj::new().put("status", status).put("id", id);
    if let Intake::Refused(error) = &one.outcome {
        fields = fields.and(refused_value(error));
    }
    if let Some(facts) = &one.facts {
        fields = fields.and(said(facts));
    }
    if let Some(unit) = &one.unit {
        fields = fields.put("unit", unit.uri());
    }
    fields = fields.put("success", one.success);
    if let Some((receiver, made)) = &one.receiver {
        fields = fields
            .show("event_receiver_id", receiver.id)
            .flag("receiver_made", *made);
    }
    if let Intake::Recorded {
        gates, id_conflict, ..
    } = &one.outcome
    {
        fields = fields
            .put("id_conflict_with", id_conflict.map(|id| id.to_string()))
            .put("gates", turns(gates));
    }
    fields
        .put("run", one.run.as_deref())
        .put("warnings", record::warnings(&one.warnings))
        .into()
}

fn said(facts: &Facts) -> Obj {
    let verdict = match facts.verdict.conformance {
        Conformance::Conforms => "conforms",
        Conformance::Deviates => "deviates",
        Conformance::Unknown => "not_judged",
    };
    let notes: Vec<Value> = facts
        .notes
        .iter()
        .map(|note| {
            Obj::new()
                .put("code", note.code.as_str())
                .put("detail", note.detail.as_str())
                .into()
        })
        .collect();
    Obj::new()
        .put("type", facts.type_name.as_str())
        .put("verdict", verdict)
        .put("spec", facts.verdict.spec.as_deref())
        .put(
            "faults",
            facts
                .verdict
                .faults
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
        )
        .put("notes", notes)
}

/// The gates that turned.
fn turns(gates: &[GateEffect]) -> Vec<Value> {
    gates
        .iter()
        .filter(|gate| matches!(gate.turn, Turn::Opened | Turn::Closed))
        .take(limits::CANDIDATES)
        .map(|gate| {
            Obj::new()
                .show("id", gate.group.id)
                .put("name", gate.group.name.as_str())
                .put("turn", record::turn_word(gate.turn))
                .into()
        })
        .collect()
}
