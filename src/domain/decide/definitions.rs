//! Defining receivers and groups, and putting gates in and out of force.

use std::collections::BTreeSet;

use super::{DefinitionKey, GroupChange, NewMessage, Writer, event};
use crate::domain::command::Outcome;
use crate::domain::group::{Group, GroupDraft, GroupState};
use crate::domain::id::{GroupId, ReceiverId};
use crate::domain::message::MessageKind;
use crate::domain::receiver::{DefinedReceiver, Receiver, ReceiverDraft, fingerprint};
use crate::domain::refusal::{GateTurning, Refusal};

impl Writer<'_> {
    pub(super) fn create_receiver(
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

    pub(super) fn create_group(
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

    pub(super) fn set_group_enabled(
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
