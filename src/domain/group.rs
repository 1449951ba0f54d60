//! Groups: a set of receivers that together form a gate.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::id::{GroupId, ReceiverId};
use super::receiver::check_type;
use super::refusal::Refusal;
use super::text::FieldCheck;
use super::time::Timestamp;
use crate::limits;

/// A gate: it passes for a unit when the newest event of every member receiver is a success.
/// Only `enabled` can change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// What it is called.
    pub name: String,
    /// The type of the message that a passed gate becomes.
    #[serde(rename = "type")]
    pub kind: String,
    /// The version of its definition.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// Whether the gate is in force.
    pub enabled: bool,
    /// The member receivers, in the order in which they were given.
    pub event_receiver_ids: Vec<ReceiverId>,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// When `enabled` last changed, or `created_at`.
    pub updated_at: Timestamp,
    /// The newest event's `seq` when the group was created or last enabled: a gate that has been
    /// passing since before then has not announced it yet.
    #[serde(skip)]
    pub active_from_seq: i64,
}

/// What a caller gives to define a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDraft {
    /// What it is called.
    pub name: String,
    /// The type of the message that a passed gate becomes.
    pub kind: String,
    /// The version of its definition.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// Whether the gate is in force from the start.
    pub enabled: bool,
    /// The member receivers.
    pub event_receiver_ids: Vec<ReceiverId>,
}

impl GroupDraft {
    /// Checks everything but whether the receivers exist.
    pub fn check(&self) -> Result<(), Refusal> {
        let mut check = FieldCheck::default();
        check.identity("name", &self.name);
        check.identity("type", &self.kind);
        check.identity("version", &self.version);
        check.prose("description", &self.description);
        let members = &self.event_receiver_ids;
        if members.is_empty() {
            check.fault("event_receiver_ids", "needs at least one receiver");
        } else if members.len() > limits::GROUP_RECEIVERS {
            check.fault(
                "event_receiver_ids",
                format!(
                    "has {} receivers; at most {} are allowed",
                    members.len(),
                    limits::GROUP_RECEIVERS
                ),
            );
        }
        let mut seen = HashSet::new();
        for id in members {
            if !seen.insert(id) {
                check.fault("event_receiver_ids", format!("names {id} more than once"));
                break;
            }
        }
        check.finish()?;
        check_type(&self.kind)
    }
}

/// A group as it was when a message about it was written. Kept with the message, because
/// `enabled` may change afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupState {
    /// [`Group::enabled`] then.
    pub enabled: bool,
    /// [`Group::updated_at`] then, in microseconds.
    pub updated_at: i64,
}

impl GroupState {
    /// What has to be kept of a group.
    pub fn of(group: &Group) -> Self {
        Self {
            enabled: group.enabled,
            updated_at: group.updated_at.as_micros(),
        }
    }

    /// The group as it was then.
    pub fn restore(&self, group: &mut Group) {
        group.enabled = self.enabled;
        group.updated_at = Timestamp::from_micros(self.updated_at);
    }
}
