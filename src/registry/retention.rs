//! Deleting what is not kept for ever, in bounded steps.

use super::{Registry, Result};
use crate::domain::retention::{Retention, days_before};
use crate::limits;
use crate::store::Cutoffs;

impl Registry {
    /// Deletes what is older than `retention` says; gives how many rows went. Each step is short,
    /// so that writes come in between.
    pub async fn prune(&self, retention: &Retention) -> Result<u64> {
        let store = self.store().await?;
        let now = self.now();
        let cutoffs = Cutoffs {
            messages: days_before(now, retention.messages_days),
            audit: days_before(now, retention.audit_days),
            idempotency: days_before(now, retention.idempotency_days),
        };
        let mut pruned = 0;
        loop {
            let step = store.prune(&cutoffs, limits::PRUNE_STEP).await?;
            pruned += step.rows;
            if !step.more {
                return Ok(pruned);
            }
            tokio::task::yield_now().await;
        }
    }
}
