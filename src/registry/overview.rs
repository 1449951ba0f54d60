//! What the registry holds, at a glance.

use std::collections::{BTreeSet, HashMap};

use super::{PassingUnits, Registry, Result};
use crate::domain::gate::{GateState, Latest};
use crate::domain::group::Group;
use crate::domain::id::ReceiverId;
use crate::domain::principal::{Principal, Scope};
use crate::domain::search::DefinitionFilter;
use crate::domain::time::Timestamp;
use crate::limits;
use crate::store::{Counters, Store, StoreInfo};

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
    pub group: Group,
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
        let store = store.as_ref();
        let mut types: Vec<TypeSummary> = Vec::new();
        for (kind, events) in store.receiver_totals(SHOWN_RECEIVERS).await? {
            match types.iter_mut().find(|summary| summary.kind == kind) {
                Some(summary) => {
                    summary.receivers += 1;
                    summary.events += events;
                }
                None => types.push(TypeSummary {
                    kind,
                    receivers: 1,
                    events,
                }),
            }
        }
        types.truncate(SHOWN_TYPES);
        let everything = DefinitionFilter::default();
        let groups = store.find_groups(&everything, None, SHOWN_GROUPS).await?;
        let counters = store.counters().await?;
        Ok(Overview {
            now: self.now(),
            store: store.info().clone(),
            counters,
            types,
            groups: summaries(store, groups.rows, counters.units).await?,
            names: store.newest_names(SHOWN_NAMES).await?,
        })
    }
}

/// How the units with the newest events of its members stand at each group.
async fn summaries(store: &dyn Store, groups: Vec<Group>, units: u64) -> Result<Vec<GroupSummary>> {
    let members: BTreeSet<ReceiverId> = groups
        .iter()
        .flat_map(|group| group.event_receiver_ids.iter().copied())
        .collect();
    if members.is_empty() {
        return Ok(Vec::new());
    }
    let members: Vec<_> = members.into_iter().collect();
    // About as many units as can be held against all members.
    let most = (limits::OVERVIEW_LOOKS / members.len()).clamp(1, limits::OVERVIEW_UNITS);
    let each = (most / members.len()).max(1);
    let mut recent = store.recent_units(&members, each).await?;
    // Rows are numbered as units come, so that the greatest are the newest.
    recent.sort_unstable_by(|a, b| b.cmp(a));
    recent.truncate(most);
    let exact = recent.len() as u64 == units;
    let latest: HashMap<(i64, ReceiverId), Latest> = store
        .latest(&recent, &members)
        .await?
        .into_iter()
        .map(|(unit, receiver, newest)| ((unit, receiver), newest))
        .collect();
    let summary = |group: Group| {
        let (mut waiting, mut passing) = (0, 0);
        for unit in &recent {
            let state = GateState::evaluate(&group, |id| latest.get(&(*unit, id)).copied());
            if state.complete() {
                passing += 1;
            } else if state.members.iter().any(|(_, s)| s.latest().is_some()) {
                waiting += 1;
            }
        }
        GroupSummary {
            group,
            waiting,
            passing: PassingUnits {
                count: passing,
                exact,
            },
        }
    };
    Ok(groups.into_iter().map(summary).collect())
}
