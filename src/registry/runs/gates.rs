//! How the gates stand for what a run made.

use std::collections::{BTreeMap, HashMap};

use crate::correlate::{GateLine, Run};
use crate::domain::gate::Standing;
use crate::domain::id::EventId;
use crate::domain::unit::Unit;
use crate::limits;
use crate::registry::{GateView, Registry, Result};
use crate::store::Store;

impl Registry {
    /// The gates of the units that most of a run's events are about.
    pub(super) async fn gates_of_run(&self, store: &dyn Store, run: &Run) -> Result<Vec<GateLine>> {
        let units = units(run);
        let keys: Vec<_> = units.iter().map(|unit| unit.key()).collect();
        let rows: HashMap<_, _> = store.unit_ids(&keys).await?.into_iter().collect();
        let mut lines = Vec::new();
        for unit in units {
            let Some(row) = rows.get(&unit.key()) else {
                continue;
            };
            let own = |event: EventId| run.members.iter().any(|member| member.event.id == event);
            lines.extend(self.gate_lines(store, unit, *row, own).await?);
        }
        lines.truncate(limits::PAGE_DEFAULT);
        Ok(lines)
    }
}

impl Registry {
    /// How the gates stand for a unit, by its row. `is_own` tells of an event whether it belongs to what
    /// was asked about.
    pub(in crate::registry) async fn gate_lines(
        &self,
        store: &dyn Store,
        unit: &Unit,
        row: i64,
        is_own: impl Fn(EventId) -> bool,
    ) -> Result<Vec<GateLine>> {
        let (views, _) = self.gates_of(store, row, None).await?;
        let line = |view: GateView| {
            let names = |wanted: fn(&Standing) -> bool| {
                view.members
                    .iter()
                    .filter(|member| wanted(&member.standing))
                    .map(|member| member.receiver.name.clone())
                    .collect::<Vec<_>>()
            };
            let outside = view.members.iter().filter(|member| {
                let event = member.event.as_ref();
                event.is_some_and(|event| !is_own(event.id))
            });
            GateLine {
                outside: outside.map(|member| member.receiver.name.clone()).collect(),
                passes: view.state.passes(),
                enabled: view.group.enabled,
                missing: names(|standing| matches!(standing, Standing::Missing)),
                failed: names(|standing| matches!(standing, Standing::Fail(_))),
                group: view.group.name,
                unit: unit.uri(),
            }
        };
        Ok(views.into_iter().map(line).collect())
    }
}

/// The units that most events are about: a run that touches many has its gates elsewhere.
fn units(run: &Run) -> Vec<&Unit> {
    let mut counts: BTreeMap<&Unit, usize> = BTreeMap::new();
    for member in &run.members {
        *counts.entry(&member.event.unit).or_default() += 1;
    }
    let mut units: Vec<(&Unit, usize)> = counts.into_iter().collect();
    // What was made comes first: gates are mostly about artifacts.
    let makes = |unit: &Unit| {
        run.members
            .iter()
            .any(|member| member.event.unit == *unit && member.event.facts.subject == "artifact")
    };
    units.sort_by_key(|(unit, count)| (!makes(unit), std::cmp::Reverse(*count)));
    units.truncate(limits::RUN_UNITS);
    units.into_iter().map(|(unit, _)| unit).collect()
}
