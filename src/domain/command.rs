//! What a writer is asked to do, and what it answers.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::event::{Event, EventDraft};
use super::gate::{GateState, Turn};
use super::group::{Group, GroupDraft};
use super::id::{EventId, GroupId, ReceiverId};
use super::indexed::{Indexed, OldEvent};
use super::message::MessageKind;
use super::principal::Recorder;
use super::receiver::{Receiver, ReceiverDraft};

/// One change, checked as far as that is possible without the registry's state.
#[derive(Debug, Clone)]
pub struct Command {
    /// Who asks.
    pub recorder: Arc<Recorder>,
    /// What is asked.
    pub action: Action,
    /// The caller's idempotency key, if any.
    pub idempotency_key: Option<String>,
    /// Keep the messages in the log only: they are never published.
    pub log_only: bool,
    /// Whether it may turn gates.
    pub turns: TurnPolicy,
}

/// Whether a command may turn gates.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TurnPolicy {
    /// It may.
    #[default]
    Allowed,
    /// Only what a person has agreed to: the mark of the refusal that asked for it
    /// ([`Refusal::Unconfirmed`](super::refusal::Refusal::Unconfirmed)).
    Agreed(Option<String>),
}

impl TurnPolicy {
    /// Whether turns with this mark are allowed.
    pub fn allows(&self, mark: &str) -> bool {
        match self {
            Self::Allowed => true,
            Self::Agreed(agreed) => agreed.as_deref() == Some(mark),
        }
    }
}

/// The changes that there are. Ids are assigned beforehand, so that the fate of a lost commit can
/// be looked up.
#[derive(Debug, Clone)]
pub enum Action {
    /// Define a receiver. The schema is checked and free of blanks between tokens.
    CreateReceiver {
        /// Its id, if it is new.
        id: ReceiverId,
        /// Its definition.
        draft: ReceiverDraft,
        /// Whether parts of its schema go unchecked.
        unchecked_refs: bool,
    },
    /// Define a group.
    CreateGroup {
        /// Its id, if it is new.
        id: GroupId,
        /// Its definition.
        draft: GroupDraft,
    },
    /// Put a gate in or out of force.
    SetGroupEnabled {
        /// The group.
        id: GroupId,
        /// Whether it shall be in force.
        enabled: bool,
    },
    /// Record an event whose payload matches its receiver's schema.
    RecordEvent {
        /// Its id.
        id: EventId,
        /// The event.
        draft: EventDraft,
        /// What its payload says, if that was looked into.
        indexed: Option<Arc<Indexed>>,
    },
    /// Forget what all payloads say: it is about to be found out anew.
    ClearIndex,
    /// Keep what the payloads of events say that were recorded before. This goes on where the last one
    /// ended, from the oldest event to the newest.
    Reindex {
        /// Where the last one ended.
        after: i64,
        /// The last event that was looked into.
        to: i64,
        /// Those of them that say something, in order; at most
        /// [`crate::limits::REINDEX_EVENTS`].
        events: Vec<OldEvent>,
    },
    /// Note a refused attempt in the audit trail.
    Audit(AuditNote),
}

/// What the audit trail keeps of one write or refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditNote {
    /// The attempted action: `create_group`…
    pub action: String,
    /// What it was aimed at: an id or a name.
    pub target: String,
    /// `done` or a refusal's code.
    pub outcome: String,
    /// A sentence.
    pub detail: String,
}

impl Command {
    /// Bytes of foreign text in this command, for the batch limit.
    pub fn size(&self) -> usize {
        match &self.action {
            Action::CreateReceiver { draft, .. } => draft.schema.len(),
            Action::RecordEvent { draft, indexed, .. } => {
                draft.payload.size() + indexed.as_ref().map_or(0, |indexed| indexed.size())
            }
            Action::Reindex { events, .. } => events.iter().map(|event| event.indexed.size()).sum(),
            _ => 0,
        }
    }
}

impl Action {
    /// The use case's name, as in the audit trail.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CreateReceiver { .. } => "create_receiver",
            Self::CreateGroup { .. } => "create_group",
            Self::SetGroupEnabled { .. } => "set_group_enabled",
            Self::RecordEvent { .. } => "create_event",
            Self::ClearIndex => "clear_index",
            Self::Reindex { .. } => "reindex",
            Self::Audit(_) => "audit",
        }
    }

    /// SHA-256 over the content, without the assigned id: equal for a repeated command.
    pub fn content_digest(&self) -> [u8; 32] {
        let mut parts: Vec<Vec<u8>> = vec![self.name().into()];
        match self {
            Self::CreateReceiver { draft, .. } => {
                for text in [
                    &draft.name,
                    &draft.kind,
                    &draft.version,
                    &draft.description,
                    &draft.schema,
                ] {
                    parts.push(text.as_bytes().to_vec());
                }
            }
            Self::CreateGroup { draft, .. } => {
                for text in [&draft.name, &draft.kind, &draft.version, &draft.description] {
                    parts.push(text.as_bytes().to_vec());
                }
                parts.push(vec![u8::from(draft.enabled)]);
                for id in &draft.event_receiver_ids {
                    parts.push(id.to_string().into());
                }
            }
            Self::SetGroupEnabled { id, enabled } => {
                parts.push(id.to_string().into());
                parts.push(vec![u8::from(*enabled)]);
            }
            Self::RecordEvent { draft, .. } => {
                for (_, text) in draft.unit.parts() {
                    parts.push(text.as_bytes().to_vec());
                }
                parts.push(draft.description.as_bytes().to_vec());
                parts.push(vec![u8::from(draft.success)]);
                parts.push(draft.receiver_id.to_string().into());
                parts.push(draft.payload.digest().to_vec());
            }
            // These take no idempotency key.
            Self::ClearIndex | Self::Reindex { .. } | Self::Audit(_) => {}
        }
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(&part);
        }
        hash.finalize().into()
    }
}

/// What a command did, or for a preview would do.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// A receiver.
    Receiver {
        /// The new or the existing one.
        receiver: Box<Receiver>,
        /// Whether it is new.
        created: bool,
        /// A group has the same type.
        shares_type_with_group: bool,
        /// The message, if it is new.
        messages: Vec<MessageNote>,
    },
    /// A group that was created.
    Group {
        /// The new or the existing one.
        group: Group,
        /// Whether it is new.
        created: bool,
        /// A receiver has the same type.
        shares_type_with_receiver: bool,
        /// The message, if it is new.
        messages: Vec<MessageNote>,
    },
    /// A group that was enabled or disabled.
    GroupEnabled {
        /// As it is now.
        group: Group,
        /// Whether that is a change.
        changed: bool,
        /// The message, if it is a change.
        messages: Vec<MessageNote>,
    },
    /// A recorded event.
    Event {
        /// The event.
        event: Box<Event>,
        /// What it did to each gate that its receiver belongs to.
        gates: Vec<GateEffect>,
        /// The messages that it became.
        messages: Vec<MessageNote>,
        /// An earlier event that has the same source and id and says something else.
        id_conflict: Option<EventId>,
    },
    /// An event that came again, word by word, and was not recorded again.
    Repeated {
        /// The id of the first one.
        id: EventId,
        /// Its position.
        seq: i64,
    },
    /// What payloads say was forgotten, or found out anew for some events.
    Reindexed {
        /// Whether that was done. If not, somebody else did it, and it is to be gone on from here.
        done: bool,
        /// The events behind this one are still to be looked into…
        after: i64,
        /// …up to this one; 0 if there are none.
        to: i64,
    },
    /// Something that was created earlier with the same idempotency key.
    Replayed {
        /// Its id.
        id: String,
    },
    /// The audit trail was written.
    Audited,
}

/// What one event did to one gate.
#[derive(Debug, Clone)]
pub struct GateEffect {
    /// The group.
    pub group: Group,
    /// What happened.
    pub turn: Turn,
    /// How the gate stands after the event.
    pub state: GateState,
}

/// A message that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageNote {
    /// Its position in the log.
    pub seq: i64,
    /// What it tells.
    pub kind: MessageKind,
    /// Its type.
    pub type_name: String,
    /// For a passed gate: whether it did not pass before.
    pub transition: bool,
}
