//! How gates stand: as text to be read, and the same facts as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::record::{receiver_name, recorder};
use super::{Obj, call, count};
use crate::domain::gate::{GateState, Standing};
use crate::domain::id::ReceiverId;
use crate::domain::receiver::Receiver;
use crate::domain::text::quoted;
use crate::domain::unit::Unit;
use crate::registry::{GateView, GroupWaiting, MemberView, UnitGates};

/// Names in one sentence before the rest is counted.
const NAMED: usize = 6;
/// What brings more of an answer that was cut.
const MORE_DETAIL: &str = "repeat with detail: full";

/// How the gates of one unit stand, in about `most` bytes. `offers` tells which tools the caller
/// has.
pub(crate) fn unit_text(unit: &UnitGates, most: usize, offers: impl Fn(&str) -> bool) -> String {
    let uri = unit.unit.uri();
    let mut out = String::new();
    match unit.gates.as_slice() {
        [] if unit.known => {
            let _ = writeln!(
                out,
                "NO GATE covers {uri}: no group has a receiver that recorded an event for it.\n\
                 See what was recorded: {}",
                call("search_events", &[("unit", uri.as_str().into())])
            );
            if offers("create_group") {
                out.push_str("A group of receivers makes a gate: create_group.\n");
            }
        }
        [] => {
            let search = call("search_events", &[("name", json!([unit.unit.name]))]);
            let _ = writeln!(
                out,
                "NOTHING is recorded for {uri}, so no gate covers it.\nLook for what is: {search}"
            );
        }
        [only] => gate_text(&mut out, only, &unit.unit, (true, most), &offers),
        many => {
            let open = many.iter().filter(|gate| gate.state.passes()).count();
            let _ = writeln!(out, "{open} of {} gates open for {uri}.", many.len());
            for (i, gate) in many.iter().enumerate() {
                let mut one = String::new();
                gate_text(&mut one, gate, &unit.unit, (false, most), &offers);
                if i > 0 && out.len() + one.len() > most {
                    let _ = writeln!(
                        out,
                        "{} more; name one with `group`.",
                        count((many.len() - i) as u64, "gate")
                    );
                    break;
                }
                out.push_str(&one);
            }
        }
    }
    if unit.more {
        out.push_str("There are more gates than one answer looks at; name one with `group`.\n");
    }
    if !unit.known && !unit.gates.is_empty() {
        out.push_str(
            "Nothing at all is recorded for this unit; check its spelling if that is a surprise.\n",
        );
    }
    out.truncate(out.trim_end().len());
    out
}

fn gate_text(
    out: &mut String,
    gate: &GateView,
    unit: &Unit,
    (with_unit, most): (bool, usize),
    offers: &impl Fn(&str) -> bool,
) {
    let state = &gate.state;
    let subject = if with_unit {
        format!(" for {}", unit.uri())
    } else {
        String::new()
    };
    let _ = write!(
        out,
        "GATE {}: {}{subject}: {}",
        quoted(&gate.group.name),
        verdict(state).to_uppercase(),
        score(state, |id| name_of(gate, id))
    );
    if let Some(since) = gate.since().filter(|_| state.enabled) {
        // An older event of the same outcome may have decided before.
        let _ = write!(out, "; since {since} or earlier");
    }
    let _ = writeln!(out, ".\n group {}", gate.group.id);
    let (waiting, passing): (Vec<_>, Vec<_>) = gate
        .members
        .iter()
        .partition(|member| !matches!(member.standing, Standing::Pass(_)));
    for (i, member) in waiting.iter().chain(&passing).enumerate() {
        if i >= waiting.len() && out.len() > most / 2 {
            let _ = writeln!(out, " {} more that pass", gate.members.len() - i);
            break;
        }
        if i > 0 && out.len() > most - most / 4 {
            let _ = writeln!(
                out,
                " {} more that fail or are missing; {}",
                waiting.len() - i,
                MORE_DETAIL
            );
            break;
        }
        out.push_str(&member_text(member));
    }
    if !state.enabled {
        out.push_str("The group is disabled: it decides and announces nothing.");
        if offers("set_group_enabled") {
            let id = gate.group.id.to_string();
            let _ = write!(
                out,
                " {}",
                call(
                    "set_group_enabled",
                    &[("group", id.into()), ("enabled", true.into())]
                )
            );
        }
        out.push('\n');
    } else if let Some(first) = waiting.first() {
        let each = match waiting.as_slice() {
            [only] => named(only),
            _ => "each that fails or is missing".to_owned(),
        };
        let _ = write!(out, "It opens when a success is recorded for {each}.");
        if let Some(call) = recording(&first.receiver, unit, offers) {
            let _ = write!(out, " Once that has happened: {call}");
        }
        out.push('\n');
    }
}

/// The call that records a success, to be filled in where a … stands.
fn recording(receiver: &Receiver, unit: &Unit, offers: impl Fn(&str) -> bool) -> Option<String> {
    let fill_in = "…";
    let (unit, id) = (unit.uri(), receiver.id.to_string());
    if is_cdevents(&receiver.kind) && offers("record_cdevent") {
        let arguments = [
            ("unit", unit.into()),
            ("event_receiver_id", id.into()),
            ("events", json!([fill_in])),
        ];
        return Some(call("record_cdevent", &arguments));
    }
    let arguments = [
        ("unit", unit.into()),
        ("event_receiver_id", id.into()),
        ("success", true.into()),
        ("description", fill_in.into()),
        ("payload", json!({ fill_in: fill_in })),
    ];
    offers("create_event").then(|| call("create_event", &arguments))
}

/// Whether events of this type are CDEvents, of the specification or custom ones.
fn is_cdevents(kind: &str) -> bool {
    kind.starts_with("dev.cdevents.") || kind.starts_with("dev.cdeventsx.")
}

fn member_text(member: &MemberView) -> String {
    let mut line = format!(" {} {}", member.standing.word(), named(member));
    if member.receiver.unchecked_refs {
        line.push_str(" [unchecked_refs: its schema is checked in part]");
    }
    if let Some(event) = &member.event {
        let by = &event.recorded_by;
        let _ = write!(
            line,
            ": event {} at {} by {} ({}, {})",
            event.id,
            event.created_at,
            quoted(&by.principal),
            by.kind.as_str(),
            quoted(&by.surface)
        );
        // Why it failed is what is asked next.
        if !event.success {
            let _ = write!(line, ": {}", quoted(&event.description));
        }
    }
    line.push('\n');
    line
}

fn named(member: &MemberView) -> String {
    format!("{} ({})", quoted(&member.receiver.name), member.receiver.id)
}

fn name_of(gate: &GateView, id: ReceiverId) -> &str {
    gate.members
        .iter()
        .find(|m| m.receiver.id == id)
        .map_or("", |m| m.receiver.name.as_str())
}

/// `open`, `closed` or `disabled`.
pub(crate) const fn verdict_of(enabled: bool, complete: bool) -> &'static str {
    match (enabled, complete) {
        (false, _) => "disabled",
        (true, true) => "open",
        (true, false) => "closed",
    }
}

fn verdict(state: &GateState) -> &'static str {
    verdict_of(state.enabled, state.complete())
}

/// `2 of 3 pass; waits for «scan» (fail)`.
fn score<'a>(state: &GateState, name: impl Fn(ReceiverId) -> &'a str) -> String {
    let waits: Vec<String> = state
        .waits_for()
        .map(|(id, standing)| format!("{} ({})", quoted(name(id)), standing.word()))
        .collect();
    let all = state.members.len();
    let passing = all - waits.len();
    if waits.is_empty() {
        format!("{passing} of {all} pass")
    } else {
        format!("{passing} of {all} pass; waits for {}", some_of(&waits))
    }
}

fn some_of(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    let rest = names.len() - shown.len();
    if rest == 0 {
        shown.join(", ")
    } else {
        format!("{} and {rest} more", shown.join(", "))
    }
}

/// The facts of [`unit_text`].
pub(crate) fn unit_json(unit: &UnitGates, most: usize) -> Value {
    let mut gates: Vec<Value> = Vec::new();
    let mut bytes = 0;
    for gate in &unit.gates {
        let value = gate_json(gate);
        bytes += value.to_string().len();
        if !gates.is_empty() && bytes > most {
            break;
        }
        gates.push(value);
    }
    let left_out = unit.gates.len() - gates.len();
    let cut = unit.more || left_out > 0;
    Obj::new()
        .put("unit", unit.unit.uri())
        .put("known", unit.known)
        .always("gates", gates)
        .put(
            "note",
            if cut {
                "there are more gates; name one with `group`"
            } else {
                ""
            },
        )
        .into()
}

fn gate_json(gate: &GateView) -> Value {
    let members: Vec<Value> = gate
        .members
        .iter()
        .map(|member| {
            let mut fields = Obj::new()
                .put("receiver", receiver_name(&member.receiver))
                .put("standing", member.standing.word());
            if let Some(event) = &member.event {
                fields = fields
                    .show("event_id", event.id)
                    .show("at", event.created_at)
                    .put("recorded_by", recorder(&event.recorded_by));
            }
            fields.into()
        })
        .collect();
    let waits = gate.state.waits_for().count();
    let mut fields = Obj::new()
        .put(
            "group",
            Obj::new()
                .show("id", gate.group.id)
                .put("name", gate.group.name.as_str())
                .put("type", gate.group.kind.as_str()),
        )
        .put("verdict", verdict(&gate.state))
        .put("passing", gate.state.members.len() - waits)
        .put("waiting", waits);
    if let Some(since) = gate.since() {
        fields = fields.show("since_or_earlier", since);
    }
    fields.put("members", members).into()
}

/// The units that wait at one gate.
pub(crate) fn waiting_text(waiting: &GroupWaiting) -> String {
    let group = &waiting.group;
    let id = group.id.to_string();
    let mut out = format!(
        "GATE {} ({id}){}: {} of {} looked at wait, newest first; {} pass.\n",
        quoted(&group.name),
        if group.enabled { "" } else { ", DISABLED" },
        waiting.waiting.len(),
        count(waiting.looked_at as u64, "unit"),
        waiting.passing,
    );
    if waiting.looked_at == 0 && waiting.next_cursor.is_none() {
        out.push_str("No unit has an event of any of its receivers yet.\n");
    }
    for unit in &waiting.waiting {
        let _ = writeln!(
            out,
            " {}: {}; last event {}",
            unit.unit.uri(),
            score(&unit.state, |id| waiting.receiver_name(id)),
            unit.last_event_at
        );
    }
    if let Some(first) = waiting.waiting.first() {
        let unit = first.unit.uri();
        let _ = writeln!(
            out,
            "One in detail: {}",
            call(
                "check_gate",
                &[("unit", unit.into()), ("group", id.clone().into())]
            )
        );
    }
    if let Some(cursor) = &waiting.next_cursor {
        let _ = writeln!(
            out,
            "Older ones: {}",
            call(
                "check_gate",
                &[("group", id.into()), ("cursor", cursor.as_str().into())]
            )
        );
    }
    out.truncate(out.trim_end().len());
    out
}

/// The facts of [`waiting_text`].
pub(crate) fn waiting_json(waiting: &GroupWaiting) -> Value {
    let units: Vec<Value> = waiting
        .waiting
        .iter()
        .map(|unit| {
            let waits: Vec<Value> = unit
                .state
                .waits_for()
                .map(|(id, standing)| {
                    Obj::new()
                        .show("id", id)
                        .put("name", waiting.receiver_name(id))
                        .put("standing", standing.word())
                        .into()
                })
                .collect();
            Obj::new()
                .put("unit", unit.unit.uri())
                .put("passing", unit.state.members.len() - waits.len())
                .put("members", unit.state.members.len())
                .put("waits_for", waits)
                .show("last_event_at", unit.last_event_at)
                .into()
        })
        .collect();
    let group = &waiting.group;
    Obj::new()
        .put(
            "group",
            Obj::new()
                .show("id", group.id)
                .put("name", group.name.as_str())
                .put("enabled", group.enabled),
        )
        .put("looked_at", waiting.looked_at)
        .put("passing", waiting.passing)
        .always("waiting", units)
        .put("next_cursor", waiting.next_cursor.clone())
        .into()
}

#[cfg(test)]
mod tests;
