//! The rows that a batch of commands becomes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::command::AuditNote;
use crate::domain::event::{Event, Payload};
use crate::domain::gate::Latest;
use crate::domain::group::{Group, GroupState};
use crate::domain::id::{GroupId, ReceiverId};
use crate::domain::indexed::{Indexed, Key};
use crate::domain::message::MessageKind;
use crate::domain::principal::Recorder;
use crate::domain::receiver::DefinedReceiver;
use crate::domain::run::RunChange;
use crate::domain::time::Timestamp;
use crate::domain::unit::{Unit, UnitKey};

/// Rows to insert and to change, in one transaction.
#[derive(Debug, Default)]
pub struct Plan {
    /// New receivers.
    pub receivers: Vec<DefinedReceiver>,
    /// New groups.
    pub groups: Vec<Group>,
    /// Changed groups.
    pub group_changes: Vec<GroupChange>,
    /// New names: row id and text.
    pub names: Vec<(i64, String)>,
    /// New units.
    pub units: Vec<NewUnit>,
    /// New events.
    pub events: Vec<NewEvent>,
    /// The newest event by unit row and receiver.
    pub latest: BTreeMap<(i64, ReceiverId), Latest>,
    /// New messages.
    pub messages: Vec<NewMessage>,
    /// Used idempotency keys.
    pub idempotency: Vec<IdempotencyRow>,
    /// Audit rows.
    pub audit: Vec<AuditRow>,
    /// What payloads say.
    pub index: IndexPlan,
}

impl Plan {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.receivers.is_empty()
            && self.groups.is_empty()
            && self.group_changes.is_empty()
            && self.events.is_empty()
            && self.messages.is_empty()
            && self.idempotency.is_empty()
            && self.audit.is_empty()
            && self.index.is_empty()
    }
}

/// Rows of what payloads say.
#[derive(Debug, Default)]
pub struct IndexPlan {
    /// Whether all such rows that there are go first.
    pub clear: bool,
    /// What is kept beside events, by their positions.
    pub facts: Vec<(i64, Arc<Indexed>)>,
    /// Links, in their order and each once.
    pub links: Vec<LinkRow>,
    /// Natural keys with their contents.
    pub natural: BTreeMap<(Key, Key), NaturalRow>,
    /// Rows of runs, new and changed ones.
    pub runs: Vec<RunChange>,
    /// How often events came again.
    pub repeats: BTreeMap<i64, i64>,
    /// Whether another part of the log has been looked into.
    pub moved: bool,
    /// What the registry's row says of it all.
    pub numbers: IndexNumbers,
}

/// What the registry's row says of what payloads say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IndexNumbers {
    /// The greatest number of a row of a run.
    pub last_run_num: i64,
    /// Runs, other names of them not counted.
    pub runs: i64,
    /// The events behind this one are still to be looked into…
    pub reindexed_to: i64,
    /// …up to this one; 0 if there are none.
    pub unindexed_to: i64,
}

impl IndexPlan {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        !self.clear && !self.moved && self.facts.is_empty() && self.repeats.is_empty()
    }
}

/// A link of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkRow {
    /// Its key.
    pub key: Key,
    /// The event.
    pub seq: i64,
    /// The number of its role.
    pub role: i64,
}

/// The first event with a natural key and a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NaturalRow {
    /// The event.
    pub seq: i64,
    /// Whether a later one stands there already.
    pub exists: bool,
}

/// A group to change.
#[derive(Debug)]
pub struct GroupChange {
    /// The group.
    pub id: GroupId,
    /// Its new [`Group::enabled`].
    pub enabled: bool,
    /// Its new [`Group::updated_at`].
    pub updated_at: Timestamp,
    /// Its new [`Group::active_from_seq`].
    pub active_from_seq: i64,
}

/// A unit to insert.
#[derive(Debug)]
pub struct NewUnit {
    /// Its row id.
    pub id: i64,
    /// Its key.
    pub key: UnitKey,
    /// The row id of its name.
    pub name_id: i64,
    /// The unit.
    pub unit: Unit,
}

/// An event to insert.
#[derive(Debug)]
pub struct NewEvent {
    /// The event.
    pub event: Event,
    /// Its payload.
    pub payload: Payload,
    /// The row id of its unit.
    pub unit_id: i64,
    /// The row id of its unit's name.
    pub name_id: i64,
}

/// A message to insert.
#[derive(Debug)]
pub struct NewMessage {
    /// Its position in the log.
    pub seq: i64,
    /// What it tells.
    pub kind: MessageKind,
    /// The event that it is about, or that completed the gate.
    pub event_seq: Option<i64>,
    /// The receiver that it is about.
    pub receiver_id: Option<ReceiverId>,
    /// The group that it is about, as it was then.
    pub group: Option<(GroupId, GroupState)>,
    /// For a passed gate: whether it did not pass before.
    pub transition: bool,
    /// Never to be published.
    pub log_only: bool,
    /// When it was written.
    pub created_at: Timestamp,
}

impl NewMessage {
    /// A message without its position.
    pub fn about(kind: MessageKind) -> Self {
        Self {
            seq: 0,
            kind,
            event_seq: None,
            receiver_id: None,
            group: None,
            transition: false,
            log_only: true,
            created_at: Timestamp::default(),
        }
    }

    /// Names the receiver.
    #[must_use]
    pub fn receiver(mut self, id: ReceiverId) -> Self {
        self.receiver_id = Some(id);
        self
    }

    /// Names the group.
    #[must_use]
    pub fn group(mut self, id: GroupId, state: GroupState) -> Self {
        self.group = Some((id, state));
        self
    }

    /// Names the event.
    #[must_use]
    pub fn event(mut self, seq: i64) -> Self {
        self.event_seq = Some(seq);
        self
    }
}

/// An idempotency key to insert.
#[derive(Debug)]
pub struct IdempotencyRow {
    /// Whose key it is.
    pub principal: String,
    /// The key.
    pub key: String,
    /// Digest of the command.
    pub digest: [u8; 32],
    /// The id of what it made.
    pub id: String,
    /// When.
    pub created_at: Timestamp,
}

/// An audit row to insert.
#[derive(Debug)]
pub struct AuditRow {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub recorder: Arc<Recorder>,
    /// What.
    pub note: AuditNote,
}
