//! The pure rule that turns commands into a plan of rows. It knows neither SQL nor time: the
//! state that the commands need is loaded beforehand ([`Needs`]), and the plan is written
//! afterwards in the same transaction.

mod definitions;
mod event;
mod indexing;
mod plan;
mod state;

use std::collections::BTreeSet;

pub use plan::{
    AuditRow, GroupChange, IdempotencyRow, IndexNumbers, IndexPlan, LinkRow, NaturalRow, NewEvent,
    NewMessage, NewUnit, Plan,
};
pub use state::{FirstUse, IndexState, ReceiverHead, State};

use super::command::{Action, AuditNote, Command, MessageNote, Outcome};
use super::id::{GroupId, ReceiverId};
use super::indexed::{Indexed, Key, content_key};
use super::message::type_of;
use super::refusal::Refusal;
use super::run::{self, RunKey};
use super::time::Timestamp;
use super::unit::{Unit, UnitKey};

/// Name, type and version: what a receiver or group is unique by.
pub type DefinitionKey = (String, String, String);

/// The rows that a batch of commands has to see.
#[derive(Debug, Default)]
pub struct Needs {
    /// Receivers by id.
    pub receivers: BTreeSet<ReceiverId>,
    /// Receivers by definition; also whether a group has the type.
    pub receiver_keys: BTreeSet<DefinitionKey>,
    /// Groups by id.
    pub groups: BTreeSet<GroupId>,
    /// Groups by definition; also whether a receiver has the type.
    pub group_keys: BTreeSet<DefinitionKey>,
    /// Receivers whose groups are needed, with all members, and whose newest events are.
    pub event_receivers: BTreeSet<ReceiverId>,
    /// Units with their names; with the newest event of each receiver above and of each member of
    /// its groups.
    pub units: BTreeSet<(UnitKey, String)>,
    /// Idempotency keys, by principal.
    pub idempotency: BTreeSet<(String, String)>,
    /// Natural keys, each with the content that is looked for. Those with other contents are needed
    /// too, as far as that one of them is known.
    pub natural: BTreeSet<(Key, Key)>,
    /// Runs, and those that they are other names of.
    pub runs: BTreeSet<RunKey>,
}

impl Needs {
    /// What `commands` need.
    pub fn of<'a>(commands: impl IntoIterator<Item = &'a Command>) -> Self {
        let mut needs = Self::default();
        for command in commands {
            if let Some(key) = &command.idempotency_key {
                needs
                    .idempotency
                    .insert((command.recorder.principal.clone(), key.clone()));
            }
            match &command.action {
                Action::CreateReceiver { draft, .. } => {
                    needs.receiver_keys.insert((
                        draft.name.clone(),
                        draft.kind.clone(),
                        draft.version.clone(),
                    ));
                }
                Action::CreateGroup { draft, .. } => {
                    needs.receivers.extend(&draft.event_receiver_ids);
                    needs.event_receivers.extend(&draft.event_receiver_ids);
                    needs.group_keys.insert((
                        draft.name.clone(),
                        draft.kind.clone(),
                        draft.version.clone(),
                    ));
                }
                Action::SetGroupEnabled { id, .. } => {
                    needs.groups.insert(*id);
                }
                Action::RecordEvent { draft, indexed, .. } => {
                    if let Some(indexed) = indexed {
                        needs.indexed(indexed, || {
                            let digest = draft.payload.digest();
                            content_key(draft.receiver_id, &draft.unit, draft.success, digest)
                        });
                    }
                    needs.receivers.insert(draft.receiver_id);
                    needs.event_receivers.insert(draft.receiver_id);
                    needs
                        .units
                        .insert((draft.unit.key(), draft.unit.name.clone()));
                }
                Action::Reindex { events, .. } => {
                    for event in events {
                        needs.indexed(&event.indexed, || event.content);
                    }
                }
                Action::ClearIndex | Action::Audit(_) => {}
            }
        }
        needs
    }

    fn indexed(&mut self, indexed: &Indexed, content: impl FnOnce() -> Key) {
        if let Some(natural) = &indexed.natural {
            self.natural.insert((natural.key, content()));
        }
        if let Some(touch) = &indexed.run {
            self.runs.extend(run::keys(touch));
        }
    }
}

/// Decides `commands` one after the other, each seeing what those before it did. A refusal leaves
/// no trace in the plan and never touches its neighbours.
pub fn decide(
    state: &mut State,
    commands: &[Command],
    now: Timestamp,
) -> (Plan, Vec<Result<Outcome, Refusal>>) {
    // Clocks step back; the log's time does not, so that a window of time is a range of `seq`.
    let now = now.max(state.last_created_at);
    let mut plan = Plan::default();
    let results = commands
        .iter()
        .map(|command| decide_one(state, &mut plan, command, now))
        .collect();
    indexing::finish(state, &mut plan);
    if !plan.is_empty() {
        state.last_created_at = now;
    }
    (plan, results)
}

fn decide_one(
    state: &mut State,
    plan: &mut Plan,
    command: &Command,
    now: Timestamp,
) -> Result<Outcome, Refusal> {
    let replay_key = command
        .idempotency_key
        .as_ref()
        .map(|key| (command.recorder.principal.clone(), key.clone()));
    let digest = replay_key
        .is_some()
        .then(|| command.action.content_digest());
    if let (Some(key), Some(digest)) = (&replay_key, digest)
        && let Some(first) = state.idempotency.get(key)
    {
        if first.digest == digest {
            return Ok(Outcome::Replayed {
                id: first.id.clone(),
            });
        }
        return Err(Refusal::IdempotencyConflict {
            key: key.1.clone(),
            existing: first.id.clone(),
        });
    }
    let mut writer = Writer {
        state,
        plan,
        command,
        now,
    };
    let (outcome, id) = match &command.action {
        Action::CreateReceiver {
            id,
            draft,
            unchecked_refs,
        } => writer.create_receiver(*id, draft, *unchecked_refs)?,
        Action::CreateGroup { id, draft } => writer.create_group(*id, draft)?,
        Action::SetGroupEnabled { id, enabled } => writer.set_group_enabled(*id, *enabled)?,
        Action::RecordEvent { id, draft, indexed } => {
            writer.record_event(*id, draft, indexed.as_ref())?
        }
        Action::ClearIndex => (writer.clear_index(), String::new()),
        Action::Reindex { after, to, events } => {
            (writer.reindex(*after, *to, events), String::new())
        }
        Action::Audit(note) => {
            writer.audit(note.clone());
            (Outcome::Audited, String::new())
        }
    };
    if let (Some(key), Some(digest)) = (replay_key, digest) {
        plan.idempotency.push(IdempotencyRow {
            principal: key.0.clone(),
            key: key.1.clone(),
            digest,
            id: id.clone(),
            created_at: now,
        });
        state.idempotency.insert(key, FirstUse { digest, id });
    }
    Ok(outcome)
}

/// One command at work on the state and the plan.
struct Writer<'a> {
    state: &'a mut State,
    plan: &'a mut Plan,
    command: &'a Command,
    now: Timestamp,
}

impl Writer<'_> {
    /// Adds a message to the plan; `type_name` is empty for those whose type is fixed.
    fn message(&mut self, message: NewMessage, type_name: &str) -> MessageNote {
        self.state.last_message_seq += 1;
        let note = MessageNote {
            seq: self.state.last_message_seq,
            kind: message.kind,
            type_name: type_of(message.kind, type_name).to_owned(),
            transition: message.transition,
        };
        self.plan.messages.push(NewMessage {
            seq: note.seq,
            log_only: self.command.log_only,
            created_at: self.now,
            ..message
        });
        note
    }

    fn audit_done(&mut self, target: String, detail: String) {
        let action = self.command.action.name().to_owned();
        self.audit(AuditNote {
            action,
            target,
            outcome: "done".to_owned(),
            detail,
        });
    }

    fn audit(&mut self, note: AuditNote) {
        self.plan.audit.push(AuditRow {
            at: self.now,
            recorder: self.command.recorder.clone(),
            note,
        });
    }

    /// The unit's row id and its name's row id, made when they are new.
    fn unit_row(&mut self, unit: &Unit) -> (i64, i64) {
        let key = unit.key();
        let name_id = match self.state.names.get(&unit.name) {
            Some(id) => *id,
            None => {
                self.state.last_name_id += 1;
                self.state
                    .names
                    .insert(unit.name.clone(), self.state.last_name_id);
                self.plan
                    .names
                    .push((self.state.last_name_id, unit.name.clone()));
                self.state.last_name_id
            }
        };
        let unit_id = match self.state.units.get(&key) {
            Some(id) => *id,
            None => {
                self.state.last_unit_id += 1;
                self.state.units.insert(key, self.state.last_unit_id);
                self.plan.units.push(NewUnit {
                    id: self.state.last_unit_id,
                    key,
                    name_id,
                    unit: unit.clone(),
                });
                self.state.last_unit_id
            }
        };
        (unit_id, name_id)
    }
}

#[cfg(test)]
mod tests;
