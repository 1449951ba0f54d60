//! The rows of the naive store: lists that are looked through from end to end.

use std::collections::HashMap;
use std::sync::Arc;

use epr_mcp::domain::decide::{FirstUse, NewMessage, Plan, State};
use epr_mcp::domain::event::Event;
use epr_mcp::domain::gate::Latest;
use epr_mcp::domain::group::Group;
use epr_mcp::domain::id::ReceiverId;
use epr_mcp::domain::message::{MessageKind, MessageRecord, MessageSubject, WIRE_VERSION};
use epr_mcp::domain::receiver::{DefinedReceiver, Receiver};
use epr_mcp::domain::time::Timestamp;
use epr_mcp::domain::unit::Unit;
use epr_mcp::store::{AuditEntry, Counters, RecordText, Stream};

use super::index::Index;

/// Numbers of rows are places in these lists, from 1.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) receivers: Vec<DefinedReceiver>,
    pub(super) groups: Vec<Group>,
    pub(super) names: Vec<String>,
    pub(super) units: Vec<Unit>,
    pub(super) events: Vec<(Event, String)>,
    pub(super) messages: Vec<NewMessage>,
    pub(super) audit: Vec<AuditEntry>,
    pub(super) keys: HashMap<(String, String), FirstUse>,
    pub(super) last_created_at: Timestamp,
    pub(super) index: Index,
}

/// The numbers of a list, newest first.
pub(super) fn newest_first<T>(list: &[T]) -> impl Iterator<Item = (i64, &T)> {
    list.iter()
        .enumerate()
        .rev()
        .map(|(at, row)| (at as i64 + 1, row))
}

impl Rows {
    pub(super) fn unit_id(&self, unit: &Unit) -> Option<i64> {
        let at = self.units.iter().position(|known| known == unit)?;
        Some(at as i64 + 1)
    }

    pub(super) fn name_id(&self, name: &str) -> Option<i64> {
        let at = self.names.iter().position(|known| known == name)?;
        Some(at as i64 + 1)
    }

    /// The newest event of a receiver for a unit.
    pub(super) fn newest(&self, unit: i64, receiver: ReceiverId) -> Option<Latest> {
        let unit = &self.units[unit as usize - 1];
        let fits =
            |event: &&(Event, String)| event.0.unit == *unit && event.0.receiver_id == receiver;
        let (event, _) = self.events.iter().rev().find(fits)?;
        Some(Latest {
            seq: event.seq,
            success: event.success,
        })
    }

    pub(super) fn all_newest(&self) -> Vec<(i64, ReceiverId, Latest)> {
        let mut all = Vec::new();
        for unit in 1..=self.units.len() as i64 {
            for defined in &self.receivers {
                let id = defined.receiver.id;
                all.extend(self.newest(unit, id).map(|latest| (unit, id, latest)));
            }
        }
        all
    }

    /// Texts that name records, with the ids of those.
    pub(super) fn texts(&self, of: RecordText) -> Vec<(String, String)> {
        let receivers = |text: fn(&Receiver) -> String| {
            let pair = |d: &DefinedReceiver| (text(&d.receiver), d.receiver.id.to_string());
            self.receivers.iter().map(pair).collect()
        };
        let groups = |text: fn(&Group) -> String| {
            let pair = |group: &Group| (text(group), group.id.to_string());
            self.groups.iter().map(pair).collect()
        };
        match of {
            RecordText::ReceiverName => receivers(|r| r.name.clone()),
            RecordText::ReceiverType => receivers(|r| r.kind.clone()),
            RecordText::ReceiverId => receivers(|r| r.id.to_string()),
            RecordText::GroupName => groups(|g| g.name.clone()),
            RecordText::GroupType => groups(|g| g.kind.clone()),
            RecordText::GroupId => groups(|g| g.id.to_string()),
            RecordText::EventId => {
                let ids = self.events.iter().map(|(event, _)| event.id.to_string());
                ids.map(|id| (id.clone(), id)).collect()
            }
        }
    }

    /// All that there is, as far as decisions can see it.
    pub(super) fn state(&self) -> State {
        let mut state = State {
            last_created_at: self.last_created_at,
            last_event_seq: self.events.len() as i64,
            last_message_seq: self.messages.len() as i64,
            last_unit_id: self.units.len() as i64,
            last_name_id: self.names.len() as i64,
            idempotency: self.keys.clone(),
            index: self.index.state(&self.events),
            ..State::default()
        };
        for defined in &self.receivers {
            let receiver = &defined.receiver;
            let key = (
                receiver.name.clone(),
                receiver.kind.clone(),
                receiver.version.clone(),
            );
            state.receivers.insert(receiver.id, receiver.into());
            state.receiver_types.insert(receiver.kind.clone());
            state.receivers_by_key.insert(key, defined.clone());
        }
        for group in &self.groups {
            let key = (
                group.name.clone(),
                group.kind.clone(),
                group.version.clone(),
            );
            state.groups_by_key.insert(key, group.id);
            state.group_types.insert(group.kind.clone());
            state.groups.insert(group.id, group.clone());
            for member in &group.event_receiver_ids {
                let of = state.groups_of.entry(*member).or_default();
                of.push(group.id);
                of.sort_unstable();
            }
        }
        for (at, unit) in self.units.iter().enumerate() {
            state.units.insert(unit.key(), at as i64 + 1);
        }
        for (at, name) in self.names.iter().enumerate() {
            state.names.insert(name.clone(), at as i64 + 1);
        }
        for (unit, receiver, latest) in self.all_newest() {
            state.latest.insert((unit, receiver), latest);
        }
        state
    }

    pub(super) fn apply(&mut self, plan: Plan, last_created_at: Timestamp) {
        self.last_created_at = last_created_at;
        self.receivers.extend(plan.receivers);
        self.groups.extend(plan.groups);
        for change in plan.group_changes {
            let group = self.groups.iter_mut().find(|g| g.id == change.id).unwrap();
            group.enabled = change.enabled;
            group.updated_at = change.updated_at;
            group.active_from_seq = change.active_from_seq;
        }
        self.names
            .extend(plan.names.into_iter().map(|(_, name)| name));
        self.units
            .extend(plan.units.into_iter().map(|new| new.unit));
        for new in plan.events {
            self.events.push((new.event, new.payload.text().to_owned()));
        }
        self.messages.extend(plan.messages);
        self.index.apply(plan.index);
        for row in plan.idempotency {
            let first = FirstUse {
                digest: row.digest,
                id: row.id,
            };
            self.keys.insert((row.principal, row.key), first);
        }
        for row in plan.audit {
            self.audit.push(AuditEntry {
                seq: self.audit.len() as i64 + 1,
                at: row.at,
                recorder: row.recorder.as_ref().clone(),
                note: row.note,
            });
        }
    }

    pub(super) fn receiver(&self, id: ReceiverId) -> Option<&DefinedReceiver> {
        self.receivers.iter().find(|known| known.receiver.id == id)
    }

    pub(super) fn in_stream(&self, stream: Stream, event: &Event) -> bool {
        match stream {
            Stream::All => true,
            Stream::Failed => !event.success,
            Stream::Unit(id) => self.unit_id(&event.unit) == Some(id),
            Stream::Name(id, success) => {
                self.name_id(&event.unit.name) == Some(id) && event.success == success
            }
            Stream::Receiver(id, success) => event.receiver_id == id && event.success == success,
        }
    }

    pub(super) fn record(&self, message: &NewMessage) -> MessageRecord {
        let of_event = || {
            let (event, payload) = &self.events[message.event_seq.unwrap() as usize - 1];
            let receiver = self.receiver(event.receiver_id).unwrap().clone();
            let payload: Arc<str> = payload.as_str().into();
            (Box::new(event.clone()), payload, Arc::new(receiver))
        };
        let group = || {
            let (id, state) = message.group.as_ref().unwrap();
            let mut group = self.groups.iter().find(|g| g.id == *id).unwrap().clone();
            state.restore(&mut group);
            Box::new(group)
        };
        let subject = match message.kind {
            MessageKind::Event => {
                let (event, payload, receiver) = of_event();
                MessageSubject::Event {
                    event,
                    payload,
                    receiver,
                }
            }
            MessageKind::ReceiverCreated => {
                let receiver = self.receiver(message.receiver_id.unwrap()).unwrap();
                MessageSubject::ReceiverCreated(Arc::new(receiver.clone()))
            }
            MessageKind::GroupCreated => MessageSubject::GroupCreated(group()),
            MessageKind::GroupModified => MessageSubject::GroupModified(group()),
            MessageKind::GroupComplete => {
                let (event, payload, receiver) = of_event();
                MessageSubject::GroupComplete {
                    event,
                    payload,
                    receiver,
                    group: group(),
                }
            }
        };
        MessageRecord {
            seq: message.seq,
            created_at: message.created_at,
            wire_version: WIRE_VERSION,
            transition: message.transition,
            log_only: message.log_only,
            subject,
        }
    }

    pub(super) fn counters(&self) -> Counters {
        let count = |success| {
            let fits = |event: &&(Event, String)| event.0.success == success;
            self.events.iter().filter(fits).count() as u64
        };
        Counters {
            succeeded: count(true),
            failed: count(false),
            receivers: self.receivers.len() as u64,
            groups: self.groups.len() as u64,
            units: self.units.len() as u64,
            messages: self.messages.len() as u64,
            messages_pruned_to: 0,
            last_event_seq: self.events.len() as i64,
            last_message_seq: self.messages.len() as i64,
            runs: self.index.numbers.runs as u64,
            reindexed_to: self.index.numbers.reindexed_to,
            unindexed_to: self.index.numbers.unindexed_to,
            first_event_at: self.events.first().map(|(event, _)| event.created_at),
            last_event_at: self.events.last().map(|(event, _)| event.created_at),
        }
    }
}
