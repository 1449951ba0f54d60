//! Receivers, groups, events and what a write led to.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use super::Obj;
use crate::domain::command::{GateEffect, MessageNote};
use crate::domain::event::Event;
use crate::domain::gate::Turn;
use crate::domain::group::Group;
use crate::domain::json;
use crate::domain::principal::Recorder;
use crate::domain::receiver::Receiver;
use crate::domain::secrets::{mask_value, masked_json};
use crate::registry::Warning;

/// Gates, messages and waiting receivers that the answer to one write names.
const SHOWN: usize = 12;

/// A receiver without its schema.
pub(crate) fn receiver(receiver: &Receiver) -> Obj {
    Obj::new()
        .show("id", receiver.id)
        .put("name", receiver.name.as_str())
        .put("type", receiver.kind.as_str())
        .put("version", receiver.version.as_str())
        .put("description", receiver.description.as_str())
        .put("fingerprint", receiver.fingerprint.as_str())
        .show("created_at", receiver.created_at)
        .flag("unchecked_refs", receiver.unchecked_refs)
}

/// What tells receivers apart, where many are named.
pub(crate) fn receiver_name(receiver: &Receiver) -> Value {
    Obj::new()
        .show("id", receiver.id)
        .put("name", receiver.name.as_str())
        .put("type", receiver.kind.as_str())
        .flag("unchecked_refs", receiver.unchecked_refs)
        .into()
}

/// A group with the ids of its members.
pub(crate) fn group(group: &Group) -> Obj {
    let ids: Vec<Value> = group
        .event_receiver_ids
        .iter()
        .map(|id| id.to_string().into())
        .collect();
    Obj::new()
        .show("id", group.id)
        .put("name", group.name.as_str())
        .put("type", group.kind.as_str())
        .put("version", group.version.as_str())
        .put("description", group.description.as_str())
        .put("enabled", group.enabled)
        .put("event_receiver_ids", ids)
        .show("created_at", group.created_at)
        .show("updated_at", group.updated_at)
}

/// An event without its payload, in the field names of existing EPR clients.
pub(crate) fn event(event: &Event) -> Obj {
    Obj::new()
        .show("id", event.id)
        .put("name", event.unit.name.as_str())
        .put("version", event.unit.version.as_str())
        .put("release", event.unit.release.as_str())
        .put("platform_id", event.unit.platform_id.as_str())
        .put("package", event.unit.package.as_str())
        .put("description", event.description.as_str())
        .put("success", event.success)
        .show("event_receiver_id", event.receiver_id)
        .show("created_at", event.created_at)
}

/// Who recorded something.
pub(crate) fn recorder(recorder: &Recorder) -> Value {
    Obj::new()
        .put("principal", recorder.principal.as_str())
        .put("kind", recorder.kind.as_str())
        .put("surface", recorder.surface.as_str())
        .put("client", recorder.client.as_str())
        .into()
}

/// A payload's text as a value with its secrets masked, and how many were. What a JSON reader
/// would change (integers beyond 64 bits, repeated keys) stays text, so that it is exact.
pub(crate) fn payload(text: &str) -> (Value, usize) {
    let parsed = match json::scan("payload", text) {
        Ok(shape) if !shape.wide_integers && !shape.duplicate_keys => {
            json::parse("payload", text, &shape).ok()
        }
        _ => None,
    };
    let Some(mut value) = parsed else {
        return match masked_json(text) {
            Cow::Borrowed(text) => (Value::String(text.to_owned()), 0),
            Cow::Owned(text) => (Value::String(text), 1),
        };
    };
    let count = mask_value(&mut value);
    (value, count)
}

/// What is worth knowing about a write.
pub(crate) fn warnings(warnings: &[Warning]) -> Vec<Value> {
    warnings
        .iter()
        .map(|w| {
            Obj::new()
                .put("code", w.code)
                .put("text", w.text.as_str())
                .into()
        })
        .collect()
}

/// The messages that a write became, as many as one answer names.
pub(crate) fn messages(messages: &[MessageNote]) -> Vec<Value> {
    let mut shown: Vec<Value> = messages
        .iter()
        .take(SHOWN)
        .map(|m| {
            Obj::new()
                .put("kind", m.kind.header())
                .put("type", m.type_name.as_str())
                .flag("transition", m.transition)
                .into()
        })
        .collect();
    shown.extend(more(messages.len()));
    shown
}

/// What an event did to the gates of its receiver: those that turned first, as many as one answer
/// names. `members` are the receivers that they have.
pub(crate) fn gate_effects(effects: &[GateEffect], members: &[Arc<Receiver>]) -> Vec<Value> {
    let mut effects: Vec<&GateEffect> = effects.iter().collect();
    effects.sort_by_key(|effect| match effect.turn {
        Turn::Opened | Turn::Closed => 0,
        Turn::Waiting => 1,
        Turn::StillPassing => 2,
        Turn::Disabled => 3,
    });
    let mut shown: Vec<Value> = effects
        .iter()
        .take(SHOWN)
        .map(|effect| {
            let name = |id| {
                members
                    .iter()
                    .find(|r| r.id == id)
                    .map_or("", |r| r.name.as_str())
            };
            let all: Vec<Value> = effect
                .state
                .waits_for()
                .map(|(id, standing)| {
                    Obj::new()
                        .show("id", id)
                        .put("name", name(id))
                        .put("standing", standing.word())
                        .into()
                })
                .collect();
            let count = all.len();
            let mut waits: Vec<Value> = all.into_iter().take(SHOWN).collect();
            waits.extend(more(count));
            Obj::new()
                .show("id", effect.group.id)
                .put("name", effect.group.name.as_str())
                .put("turn", turn_word(effect.turn))
                .put("waits_for", waits)
                .into()
        })
        .collect();
    shown.extend(more(effects.len()));
    shown
}

/// Stands for what a list leaves out.
fn more(all: usize) -> Option<Value> {
    (all > SHOWN).then(|| Obj::new().put("more", all - SHOWN).into())
}

/// A record that was not stored: it has no id yet.
pub(crate) fn previewed(record: Obj, is_preview: bool) -> Obj {
    if is_preview {
        record.without(&["id", "created_at", "updated_at"])
    } else {
        record
    }
}

/// A turn as a word.
pub(crate) const fn turn_word(turn: Turn) -> &'static str {
    match turn {
        Turn::Opened => "opened",
        Turn::StillPassing => "still_open",
        Turn::Closed => "closed",
        Turn::Waiting => "still_closed",
        Turn::Disabled => "disabled",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_stay_exact_and_lose_their_secrets() {
        assert_eq!(
            payload(r#"{"a":[1,null]}"#),
            (serde_json::json!({"a": [1, null]}), 0)
        );
        for kept in ["[18446744073709551616]", r#"{"a":1,"a":2}"#] {
            assert_eq!(payload(kept), (Value::from(kept), 0));
        }
        assert_eq!(
            payload(r#"["AKIAIOSFODNN7EXAMPLE"]"#),
            (serde_json::json!(["[masked AWS key id]"]), 1)
        );
    }
}
