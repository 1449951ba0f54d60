//! Where an artifact came from and where it went.

use std::collections::HashMap;

use super::runs::{IndexState, answered, index_state};
use super::{Registry, Result};
use crate::correlate::GateLine;
use crate::correlate::trace::{Anchor, Trace, Traced};
use crate::domain::principal::{Principal, Scope};
use crate::domain::refusal::Refusal;
use crate::domain::unit::UnitKey;
use crate::limits;
use crate::store::Store;

/// A trace, and whether everything that is recorded has been looked into.
#[derive(Debug)]
pub struct TraceFound {
    /// What it came to.
    pub traced: Traced,
    /// Whether something may be missing.
    pub indexed: IndexState,
}

impl Registry {
    /// Traces an artifact, commit, change, service, environment or package.
    pub async fn trace(&self, principal: &Principal, anchor: &str) -> Result<TraceFound> {
        principal.require(Scope::Read)?;
        let anchor = Anchor::read(anchor).ok_or_else(|| Refusal::InvalidArgument {
            argument: "anchor",
            value: anchor.to_owned(),
            why:
                "give an image, digest, purl, tag, commit, change, service, environment or package"
                    .to_owned(),
        })?;
        let store = self.store().await?;
        let store = store.as_ref();
        let mut trace = Trace::new(anchor);
        while let Some(ask) = trace.ask() {
            trace.give(answered(store, &ask).await?);
        }
        let mut traced = trace.finish(self.now());
        traced.gates = self.gates_of_trace(store, &traced).await?;
        Ok(TraceFound {
            traced,
            indexed: index_state(store).await?,
        })
    }

    /// How the gates stand for the units of the artifacts that are told in full.
    async fn gates_of_trace(&self, store: &dyn Store, traced: &Traced) -> Result<Vec<GateLine>> {
        let mut units: Vec<_> = traced
            .artifacts
            .iter()
            .flat_map(|artifact| artifact.units.iter())
            .collect();
        units.dedup();
        units.truncate(limits::RUN_UNITS);
        let keys: Vec<UnitKey> = units.iter().map(|unit| unit.key()).collect();
        let rows: HashMap<_, _> = store.unit_ids(&keys).await?.into_iter().collect();
        let mut lines = Vec::new();
        for unit in units {
            if let Some(row) = rows.get(&unit.key()) {
                lines.extend(self.gate_lines(store, unit, *row, |_| true).await?);
            }
        }
        lines.truncate(limits::PAGE_DEFAULT);
        Ok(lines)
    }
}
