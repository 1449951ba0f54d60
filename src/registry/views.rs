//! What use cases take and give: plain records that every surface renders in its own way.

use std::sync::Arc;

use serde_json::Value;

use super::schemas::Room;
use crate::domain::command::{GateEffect, MessageNote, TurnPolicy};
use crate::domain::event::Event;
use crate::domain::gate::{GateState, Standing};
use crate::domain::group::Group;
use crate::domain::id::ReceiverId;
use crate::domain::receiver::Receiver;
use crate::domain::refusal::Refusal;
use crate::domain::text::is_hidden;
use crate::domain::time::Timestamp;
use crate::domain::unit::{Unit, UnitQuery};
use crate::limits;

/// How a write is to be done.
#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    /// Check and tell everything, write nothing.
    pub dry_run: bool,
    /// A repeated command with the same key and content gives the first result.
    pub idempotency_key: Option<String>,
    /// Whether the command may turn gates; a preview always may.
    pub turns: TurnPolicy,
}

pub(super) fn check_idempotency_key(key: &str) -> Result<(), Refusal> {
    let length = key.chars().count();
    if length == 0 || length > limits::IDEMPOTENCY_KEY_CHARS || key.chars().any(is_hidden) {
        return Err(Refusal::InvalidArgument {
            argument: "idempotency_key",
            value: key.to_owned(),
            why: format!(
                "a key has 1 to {} visible characters",
                limits::IDEMPOTENCY_KEY_CHARS
            ),
        });
    }
    Ok(())
}

/// Something worth knowing that is no fault: a stable code and a sentence.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Warning {
    /// A stable word for programs.
    pub code: &'static str,
    /// A sentence.
    pub text: String,
}

/// A receiver to create.
#[derive(Debug, Clone, Default)]
pub struct ReceiverInput {
    /// What it is called.
    pub name: String,
    /// The type of its events' messages.
    pub kind: String,
    /// The version of its definition.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// The text of its JSON Schema; or
    pub schema: Option<String>,
    /// the name of a built-in one.
    pub schema_name: Option<String>,
    /// Leave `$ref`s to unknown documents unchecked.
    pub allow_unresolved_refs: bool,
}

/// A created or existing receiver.
#[derive(Debug, Clone)]
pub struct ReceiverWritten {
    /// The receiver.
    pub receiver: Receiver,
    /// Whether it is (or with a dry run: would be) new.
    pub created: bool,
    /// What is worth knowing.
    pub warnings: Vec<Warning>,
    /// The messages that were written.
    pub messages: Vec<MessageNote>,
}

/// A group to create. Receivers are named by id, name or type.
#[derive(Debug, Clone, Default)]
pub struct GroupInput {
    /// What it is called.
    pub name: String,
    /// The type of its completion messages.
    pub kind: String,
    /// The version of its definition.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// Whether the gate is in force from the start.
    pub enabled: bool,
    /// The member receivers.
    pub receivers: Vec<String>,
}

/// A created, existing or changed group.
#[derive(Debug, Clone)]
pub struct GroupWritten {
    /// The group as it is now.
    pub group: Group,
    /// Its members, in the group's order.
    pub receivers: Vec<Receiver>,
    /// Whether something is (or with a dry run: would be) new or changed.
    pub changed: bool,
    /// How many units pass already; told when the gate is in force.
    pub passing: Option<PassingUnits>,
    /// What is worth knowing.
    pub warnings: Vec<Warning>,
    /// The messages that were written.
    pub messages: Vec<MessageNote>,
}

/// How many units pass a gate, as far as was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassingUnits {
    /// The number found.
    pub count: usize,
    /// Whether all units were looked at.
    pub exact: bool,
}

/// The unit of a new event.
#[derive(Debug, Clone)]
pub enum UnitInput {
    /// All five parts.
    Exact(Unit),
    /// Something that names one existing unit.
    Existing(UnitQuery),
}

/// A payload to record.
#[derive(Debug, Clone)]
pub enum PayloadInput {
    /// JSON text, kept byte for byte.
    Text(String),
    /// A parsed value, kept as its compact text.
    Value(Value),
}

/// An event to record.
#[derive(Debug, Clone)]
pub struct EventInput {
    /// What it happened to.
    pub unit: UnitInput,
    /// What happened, in words.
    pub description: String,
    /// Whether it went well.
    pub success: bool,
    /// The receiver, by id, name or type.
    pub receiver: String,
    /// The payload.
    pub payload: PayloadInput,
}

/// A recorded event and what it led to.
#[derive(Debug, Clone)]
pub struct EventWritten {
    /// The event.
    pub event: Event,
    /// Its receiver.
    pub receiver: Receiver,
    /// Whether it is (or with a dry run: would be) new; an idempotency key repeats the first.
    pub created: bool,
    /// What it did to each gate that its receiver belongs to.
    pub gates: Vec<GateEffect>,
    /// The receivers that those gates wait for, for their names.
    pub members: Vec<Arc<Receiver>>,
    /// What is worth knowing.
    pub warnings: Vec<Warning>,
    /// The messages that were written.
    pub messages: Vec<MessageNote>,
}

/// An event with its receiver.
#[derive(Debug, Clone)]
pub struct EventHead {
    /// The event.
    pub event: Event,
    /// Its receiver.
    pub receiver: Arc<Receiver>,
}

/// An event with everything about it.
#[derive(Debug, Clone)]
pub struct EventView {
    /// The event.
    pub event: Event,
    /// Its receiver.
    pub receiver: Arc<Receiver>,
    /// Its payload's text, as it was sent.
    pub payload: String,
    /// The memory that a long payload was granted; to be kept as long as the payload is.
    pub room: Option<Room>,
}

/// A page of receivers or groups.
#[derive(Debug, Clone)]
pub struct DefinitionPage<T> {
    /// The rows, newest first.
    pub rows: Vec<T>,
    /// Where to go on.
    pub next_cursor: Option<String>,
    /// How many there are in all, when no filter narrows the list.
    pub total: Option<u64>,
    /// Rows that were looked at.
    pub scanned: usize,
}

/// One member of a gate, for one unit.
#[derive(Debug, Clone)]
pub struct MemberView {
    /// The receiver.
    pub receiver: Arc<Receiver>,
    /// Pass, fail or missing.
    pub standing: Standing,
    /// The event that decides; none when it is missing.
    pub event: Option<Event>,
}

/// One gate, for one unit.
#[derive(Debug, Clone)]
pub struct GateView {
    /// The group.
    pub group: Group,
    /// How it stands.
    pub state: GateState,
    /// Its members, in the group's order.
    pub members: Vec<MemberView>,
}

impl GateView {
    /// When the gate took its present state, if its deciding events tell: for a passing gate the
    /// newest of them, else the newest failure.
    pub fn since(&self) -> Option<Timestamp> {
        let passes = self.state.complete();
        self.members
            .iter()
            .filter(|m| passes || matches!(m.standing, Standing::Fail(_)))
            .filter_map(|m| m.event.as_ref().map(|e| e.created_at))
            .max()
    }
}

/// All gates of one unit.
#[derive(Debug, Clone)]
pub struct UnitGates {
    /// The unit.
    pub unit: Unit,
    /// Whether anything was recorded for it; a fully named unit may be new.
    pub known: bool,
    /// The gates of the groups that have a member with an event for the unit, or the one that was
    /// asked for.
    pub gates: Vec<GateView>,
    /// Groups beyond [`limits::PAGE_MAX`] that were left out.
    pub more: bool,
}

/// A unit that waits at a gate.
#[derive(Debug, Clone)]
pub struct WaitingUnit {
    /// The unit.
    pub unit: Unit,
    /// How the gate stands for it.
    pub state: GateState,
    /// When its newest event of a member receiver was recorded.
    pub last_event_at: Timestamp,
}

/// The units that wait at one gate, newest first.
#[derive(Debug, Clone)]
pub struct GroupWaiting {
    /// The group.
    pub group: Group,
    /// Its members, in the group's order.
    pub receivers: Vec<Receiver>,
    /// The units.
    pub waiting: Vec<WaitingUnit>,
    /// Units that were looked at, the passing ones with them.
    pub looked_at: usize,
    /// Units among them that pass.
    pub passing: usize,
    /// Where to go on.
    pub next_cursor: Option<String>,
}

impl GroupWaiting {
    /// A member's name.
    pub fn receiver_name(&self, id: ReceiverId) -> &str {
        self.receivers
            .iter()
            .find(|r| r.id == id)
            .map_or("", |r| r.name.as_str())
    }
}
