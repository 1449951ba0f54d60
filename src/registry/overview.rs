//! What the registry holds, at a glance.

use std::collections::BTreeMap;

use super::{PassingUnits, Registry, Result};
use crate::domain::principal::{Principal, Scope};
use crate::domain::search::DefinitionFilter;
use crate::domain::time::Timestamp;
use crate::limits;
use crate::store::{Counters, StoreInfo, Stream};

/// The registry at a glance; bounded, whatever the registry holds.
#[derive(Debug, Clone)]
pub struct Overview {
    /// The present time.
    pub now: Timestamp,
    /// Where the rows are.
    pub store: StoreInfo,
    /// Totals.
    pub counters: Counters,
    /// The newest receiver types, with their events.
    pub types: Vec<TypeSummary>,
    /// The newest groups.
    pub groups: Vec<GroupSummary>,
    /// The unit names that were seen first most recently.
    pub names: Vec<String>,
}

/// One receiver type.
#[derive(Debug, Clone)]
pub struct TypeSummary {
    /// The type.
    pub kind: String,
    /// Receivers of this type.
    pub receivers: usize,
    /// Their events.
    pub events: u64,
}

/// One group.
#[derive(Debug, Clone)]
pub struct GroupSummary {
    /// The group.
    pub group: crate::domain::group::Group,
    /// Units that wait among those with the newest events of its members.
    pub waiting: usize,
    /// Units that pass among them, and whether these are all units.
    pub passing: PassingUnits,
}

const SHOWN_RECEIVERS: usize = 40;
const SHOWN_TYPES: usize = 12;
const SHOWN_GROUPS: usize = 6;
const SHOWN_NAMES: usize = 8;

impl Registry {
    /// The registry at a glance.
    pub async fn overview(&self, principal: &Principal) -> Result<Overview> {
        principal.require(Scope::Read)?;
        let store = self.store().await?;
        let everything = DefinitionFilter::default();
        let receivers = store
            .find_receivers(&everything, None, SHOWN_RECEIVERS)
            .await?;
        let mut types: BTreeMap<String, TypeSummary> = BTreeMap::new();
        let mut order = Vec::new();
        for receiver in &receivers.rows {
            let events = store
                .stream_count(Stream::Receiver(receiver.id, true))
                .await?
                + store
                    .stream_count(Stream::Receiver(receiver.id, false))
                    .await?;
            let entry = types.entry(receiver.kind.clone()).or_insert_with(|| {
                order.push(receiver.kind.clone());
                TypeSummary {
                    kind: receiver.kind.clone(),
                    receivers: 0,
                    events: 0,
                }
            });
            entry.receivers += 1;
            entry.events += events;
        }
        let mut groups = Vec::new();
        for group in store
            .find_groups(&everything, None, SHOWN_GROUPS)
            .await?
            .rows
        {
            let look = self
                .look_at_gate(store.as_ref(), &group, None, limits::OVERVIEW_WAITING_SCAN)
                .await?;
            groups.push(GroupSummary {
                waiting: look.waiting.len(),
                passing: PassingUnits {
                    count: look.passing,
                    exact: look.next.is_none(),
                },
                group,
            });
        }
        Ok(Overview {
            now: self.now(),
            store: store.info().clone(),
            counters: store.counters().await?,
            types: order
                .iter()
                .filter_map(|kind| types.remove(kind))
                .take(SHOWN_TYPES)
                .collect(),
            groups,
            names: store.newest_names(SHOWN_NAMES).await?,
        })
    }
}
