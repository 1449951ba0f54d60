//! The pure rule that turns commands into a plan of rows. It knows neither SQL nor time: the
//! state that the commands need is loaded beforehand ([`Needs`]), and the plan is written
//! afterwards in the same transaction.

mod event;
mod plan;
mod state;

use std::collections::BTreeSet;

pub use plan::{AuditRow, GroupChange, IdempotencyRow, NewEvent, NewMessage, NewUnit, Plan};
pub use state::{FirstUse, ReceiverHead, State};

use super::command::{Action, AuditNote, Command, MessageNote, Outcome};
use super::group::{Group, GroupDraft, GroupState};
use super::id::{GroupId, ReceiverId};
use super::message::{MessageKind, type_of};
use super::receiver::{DefinedReceiver, Receiver, ReceiverDraft, fingerprint};
use super::refusal::{GateTurning, Refusal};
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
                Action::RecordEvent { draft, .. } => {
                    needs.receivers.insert(draft.receiver_id);
                    needs.event_receivers.insert(draft.receiver_id);
                    needs
                        .units
                        .insert((draft.unit.key(), draft.unit.name.clone()));
                }
                Action::Audit(_) => {}
            }
        }
        needs
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
        Action::RecordEvent { id, draft } => writer.record_event(*id, draft)?,
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
    fn create_receiver(
        &mut self,
        id: ReceiverId,
        draft: &ReceiverDraft,
        unchecked_refs: bool,
    ) -> Result<(Outcome, String), Refusal> {
        let key = (
            draft.name.clone(),
            draft.kind.clone(),
            draft.version.clone(),
        );
        let shares_type_with_group = self.state.group_types.contains(&draft.kind);
        if let Some(existing) = self.state.receivers_by_key.get(&key) {
            let mut differs = Vec::new();
            if existing.receiver.description != draft.description {
                differs.push("description");
            }
            if existing.schema.get() != draft.schema {
                differs.push("schema");
            }
            if !differs.is_empty() {
                return Err(conflict(
                    "receiver",
                    &key,
                    existing.receiver.id.to_string(),
                    differs,
                ));
            }
            let receiver = Box::new(existing.receiver.clone());
            let id = receiver.id.to_string();
            return Ok((
                Outcome::Receiver {
                    receiver,
                    created: false,
                    shares_type_with_group,
                    messages: Vec::new(),
                },
                id,
            ));
        }
        let schema =
            serde_json::value::RawValue::from_string(draft.schema.clone()).map_err(|error| {
                Refusal::InvalidJson {
                    what: "schema",
                    why: error.to_string(),
                }
            })?;
        let receiver = Receiver {
            id,
            name: draft.name.clone(),
            kind: draft.kind.clone(),
            version: draft.version.clone(),
            description: draft.description.clone(),
            fingerprint: fingerprint(&draft.kind, &draft.description, &draft.name, &draft.version),
            created_at: self.now,
            unchecked_refs,
        };
        self.state.receivers.insert(id, (&receiver).into());
        self.state.receiver_types.insert(receiver.kind.clone());
        let defined = DefinedReceiver {
            receiver: receiver.clone(),
            schema,
        };
        self.state.receivers_by_key.insert(key, defined.clone());
        self.plan.receivers.push(defined);
        let message = self.message(
            NewMessage::about(MessageKind::ReceiverCreated).receiver(id),
            "",
        );
        self.audit_done(
            id.to_string(),
            format!("{} {} {}", draft.name, draft.kind, draft.version),
        );
        let outcome = Outcome::Receiver {
            receiver: Box::new(receiver),
            created: true,
            shares_type_with_group,
            messages: vec![message],
        };
        Ok((outcome, id.to_string()))
    }

    fn create_group(
        &mut self,
        id: GroupId,
        draft: &GroupDraft,
    ) -> Result<(Outcome, String), Refusal> {
        let missing = draft
            .event_receiver_ids
            .iter()
            .find(|id| !self.state.receivers.contains_key(id));
        if let Some(missing) = missing {
            return Err(Refusal::NotFound {
                kind: "receiver",
                what: missing.to_string(),
                near: Vec::new(),
            });
        }
        let key = (
            draft.name.clone(),
            draft.kind.clone(),
            draft.version.clone(),
        );
        let shares_type_with_receiver = self.state.receiver_types.contains(&draft.kind);
        if let Some(existing) = self
            .state
            .groups_by_key
            .get(&key)
            .and_then(|id| self.state.groups.get(id))
        {
            let mut differs = Vec::new();
            if existing.description != draft.description {
                differs.push("description");
            }
            if !same_members(&existing.event_receiver_ids, &draft.event_receiver_ids) {
                differs.push("event_receiver_ids");
            }
            if !differs.is_empty() {
                return Err(conflict("group", &key, existing.id.to_string(), differs));
            }
            let (group, id) = (existing.clone(), existing.id.to_string());
            return Ok((
                Outcome::Group {
                    group,
                    created: false,
                    shares_type_with_receiver,
                    messages: Vec::new(),
                },
                id,
            ));
        }
        let group = Group {
            id,
            name: draft.name.clone(),
            kind: draft.kind.clone(),
            version: draft.version.clone(),
            description: draft.description.clone(),
            enabled: draft.enabled,
            event_receiver_ids: draft.event_receiver_ids.clone(),
            created_at: self.now,
            updated_at: self.now,
            active_from_seq: self.state.last_event_seq,
        };
        self.state.add_group(group.clone())?;
        self.state.group_types.insert(group.kind.clone());
        self.state.groups_by_key.insert(key, id);
        self.plan.groups.push(group.clone());
        let message = self.message(
            NewMessage::about(MessageKind::GroupCreated).group(id, GroupState::of(&group)),
            "",
        );
        self.audit_done(
            id.to_string(),
            format!("{} {} {}", draft.name, draft.kind, draft.version),
        );
        Ok((
            Outcome::Group {
                group,
                created: true,
                shares_type_with_receiver,
                messages: vec![message],
            },
            id.to_string(),
        ))
    }

    fn set_group_enabled(
        &mut self,
        id: GroupId,
        enabled: bool,
    ) -> Result<(Outcome, String), Refusal> {
        let Some(group) = self.state.groups.get_mut(&id) else {
            return Err(Refusal::NotFound {
                kind: "group",
                what: id.to_string(),
                near: Vec::new(),
            });
        };
        if group.enabled == enabled {
            let outcome = Outcome::GroupEnabled {
                group: group.clone(),
                changed: false,
                messages: Vec::new(),
            };
            return Ok((outcome, id.to_string()));
        }
        let turning = GateTurning {
            id: id.to_string(),
            name: group.name.clone(),
            what: if enabled {
                "put in force"
            } else {
                "put out of force"
            },
        };
        event::agreed(
            &self.command.turns,
            Refusal::unconfirmed(None, vec![turning]),
        )?;
        group.enabled = enabled;
        group.updated_at = self.now.max(group.updated_at.plus_micros(1));
        if enabled {
            group.active_from_seq = self.state.last_event_seq;
        }
        let group = group.clone();
        self.plan.group_changes.push(GroupChange {
            id,
            enabled,
            updated_at: group.updated_at,
            active_from_seq: group.active_from_seq,
        });
        let message = self.message(
            NewMessage::about(MessageKind::GroupModified).group(id, GroupState::of(&group)),
            "",
        );
        self.audit_done(
            id.to_string(),
            if enabled { "enabled" } else { "disabled" }.to_owned(),
        );
        Ok((
            Outcome::GroupEnabled {
                group,
                changed: true,
                messages: vec![message],
            },
            id.to_string(),
        ))
    }

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

fn conflict(
    kind: &'static str,
    key: &DefinitionKey,
    existing: String,
    differs: Vec<&'static str>,
) -> Refusal {
    Refusal::Conflict {
        kind,
        what: format!("{} {} {}", key.0, key.1, key.2),
        existing,
        differs,
    }
}

/// Membership is a set: the order in which receivers are listed does not define a group.
fn same_members(a: &[ReceiverId], b: &[ReceiverId]) -> bool {
    a.len() == b.len() && a.iter().collect::<BTreeSet<_>>() == b.iter().collect::<BTreeSet<_>>()
}

#[cfg(test)]
mod tests;
