//! What a batch of commands can see.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::DefinitionKey;
use crate::domain::gate::Latest;
use crate::domain::group::Group;
use crate::domain::id::{EventId, GroupId, ReceiverId};
use crate::domain::indexed::Key;
use crate::domain::receiver::{DefinedReceiver, Receiver};
use crate::domain::refusal::Refusal;
use crate::domain::run::Runs;
use crate::domain::time::Timestamp;
use crate::domain::unit::UnitKey;
use crate::limits;

/// The rows named by [`super::Needs`], and the registry's running numbers.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// `created_at` of the newest row.
    pub last_created_at: Timestamp,
    /// `seq` of the newest event.
    pub last_event_seq: i64,
    /// `seq` of the newest message.
    pub last_message_seq: i64,
    /// The greatest unit row.
    pub last_unit_id: i64,
    /// The greatest name row.
    pub last_name_id: i64,
    /// Receivers by id, without their schemas: those are not needed to decide.
    pub receivers: HashMap<ReceiverId, ReceiverHead>,
    /// Canonical receivers by definition.
    pub receivers_by_key: HashMap<DefinitionKey, DefinedReceiver>,
    /// The needed types that some receiver has.
    pub receiver_types: HashSet<String>,
    /// Groups by id.
    pub groups: HashMap<GroupId, Group>,
    /// Canonical groups by definition.
    pub groups_by_key: HashMap<DefinitionKey, GroupId>,
    /// The needed types that some group has.
    pub group_types: HashSet<String>,
    /// The groups of each receiver, in the order of their ids.
    pub groups_of: BTreeMap<ReceiverId, Vec<GroupId>>,
    /// Row ids of units.
    pub units: HashMap<UnitKey, i64>,
    /// Row ids of names.
    pub names: HashMap<String, i64>,
    /// The newest event by unit row and receiver.
    pub latest: HashMap<(i64, ReceiverId), Latest>,
    /// What idempotency keys made, by principal and key.
    pub idempotency: HashMap<(String, String), FirstUse>,
    /// What is known of what payloads say.
    pub index: IndexState,
}

/// What is known of what payloads say.
#[derive(Debug, Clone, Default)]
pub struct IndexState {
    /// Events with natural keys: by content, the first one's position and id.
    pub natural: HashMap<Key, BTreeMap<Key, (i64, EventId)>>,
    /// Runs.
    pub runs: Runs,
    /// The events behind this one are still to be looked into…
    pub reindexed_to: i64,
    /// …up to this one; 0 if there are none.
    pub unindexed_to: i64,
}

/// The part of a receiver that decisions need.
#[derive(Debug, Clone)]
pub struct ReceiverHead {
    /// Its type: the type of its events' messages.
    pub kind: String,
}

impl From<&Receiver> for ReceiverHead {
    fn from(receiver: &Receiver) -> Self {
        Self {
            kind: receiver.kind.clone(),
        }
    }
}

/// The first use of an idempotency key.
#[derive(Debug, Clone)]
pub struct FirstUse {
    /// Digest of the command.
    pub digest: [u8; 32],
    /// The id of what it made.
    pub id: String,
}

impl State {
    /// Makes a group known to its receivers. Refuses when a receiver would belong to more groups
    /// than one event can evaluate.
    pub fn add_group(&mut self, group: Group) -> Result<(), Refusal> {
        for id in &group.event_receiver_ids {
            let count = self.groups_of.get(id).map_or(0, Vec::len);
            if count >= limits::GROUPS_PER_RECEIVER {
                return Err(Refusal::TooLarge {
                    what: "list of groups of a receiver",
                    size: Some(count as u64 + 1),
                    limit: limits::GROUPS_PER_RECEIVER as u64,
                    unit: "groups",
                    hint: "Reuse an existing group, or define another receiver.".to_owned(),
                });
            }
        }
        for id in &group.event_receiver_ids {
            let groups = self.groups_of.entry(*id).or_default();
            if let Err(at) = groups.binary_search(&group.id) {
                groups.insert(at, group.id);
            }
        }
        self.groups.insert(group.id, group);
        Ok(())
    }
}
