//! What the registry holds, at a glance.

use std::collections::HashMap;

use super::{PassingUnits, Registry, Result};
use crate::domain::gate::{GateState, Latest};
use crate::domain::group::Group;
use crate::domain::id::ReceiverId;
use crate::domain::principal::{Principal, Scope};
use crate::domain::time::Timestamp;
use crate::limits;
use crate::store::{Counters, Glance, GlanceLimits, StoreInfo};

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
    /// Names of pipelines, in character order.
    pub pipelines: Vec<String>,
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

const SHOWN_TYPES: usize = 12;
const SHOWN: GlanceLimits = GlanceLimits {
    receivers: 40,
    groups: 6,
    names: 8,
    units: 10,
    looks: limits::OVERVIEW_LOOKS,
};

impl Registry {
    /// The registry at a glance.
    pub async fn overview(&self, principal: &Principal) -> Result<Overview> {
        principal.require(Scope::Read)?;
        let store = self.store().await?;
        let glance = store.glance(&SHOWN).await?;
        let mut types: Vec<TypeSummary> = Vec::new();
        for (kind, events) in &glance.types {
            match types.iter_mut().find(|summary| summary.kind == *kind) {
                Some(summary) => {
                    summary.receivers += 1;
                    summary.events += events;
                }
                None => types.push(TypeSummary {
                    kind: kind.clone(),
                    receivers: 1,
                    events: *events,
                }),
            }
        }
        types.truncate(SHOWN_TYPES);
        let pipelines = if glance.counters.runs > 0 {
            store.pipelines("", SHOWN.names).await?
        } else {
            Vec::new()
        };
        Ok(Overview {
            now: self.now(),
            store: store.info().clone(),
            counters: glance.counters,
            types,
            groups: summaries(&glance),
            names: glance.names,
            pipelines,
        })
    }
}

/// How the units with the newest events of its members stand at each group.
fn summaries(glance: &Glance) -> Vec<GroupSummary> {
    let latest: HashMap<(i64, ReceiverId), Latest> = glance
        .latest
        .iter()
        .map(|(unit, receiver, newest)| ((*unit, *receiver), *newest))
        .collect();
    let summary = |group: &Group| {
        let (mut waiting, mut passing) = (0, 0);
        for unit in &glance.units {
            let state = GateState::evaluate(group, |id| latest.get(&(*unit, id)).copied());
            if state.complete() {
                passing += 1;
            } else if state.members.iter().any(|(_, s)| s.latest().is_some()) {
                waiting += 1;
            }
        }
        GroupSummary {
            group: group.clone(),
            waiting,
            passing: PassingUnits {
                count: passing,
                exact: glance.all_units,
            },
        }
    };
    glance.groups.iter().map(summary).collect()
}
