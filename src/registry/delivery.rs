//! How a team delivers.

use std::collections::BTreeSet;

use super::runs::{IndexState, answered, index_state, newest_links};
use super::{Registry, Result};
use crate::correlate::Recorded;
use crate::correlate::delivery::{Delivery, LeadTimes, Scope};
use crate::domain::principal::{self, Principal};
use crate::domain::time::Timestamp;
use crate::domain::window::Window;
use crate::limits;
use crate::store::Store;

/// Days of the window where none is asked for.
const DAYS: i64 = 30;
const DAY: i64 = 24 * 3_600 * 1_000_000;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct DeliveryQuestion {
    /// This service alone.
    pub service: Option<String>,
    /// This environment alone.
    pub environment: Option<String>,
    /// In this window of the time that the events tell; the last 30 days without one.
    pub window: Window,
}

/// The figures, and whether everything that is recorded has been looked into.
#[derive(Debug)]
pub struct DeliveryFound {
    /// The figures.
    pub delivery: Delivery,
    /// Whether something may be missing.
    pub indexed: IndexState,
}

impl Registry {
    /// Deployment frequency, lead time, change failure rate and time to restore.
    pub async fn delivery(
        &self,
        principal: &Principal,
        question: &DeliveryQuestion,
    ) -> Result<DeliveryFound> {
        principal.require(principal::Scope::Read)?;
        let store = self.store().await?;
        let store = store.as_ref();
        let now = self.now();
        let to = question.window.to.unwrap_or_else(|| now.plus_micros(1));
        let from = question.window.from;
        let scope = Scope {
            from: from.unwrap_or_else(|| to.plus_micros(-DAYS * DAY)),
            to,
            service: question.service.clone(),
            environment: question.environment.clone(),
        };
        let (mut events, cut) = deployments(store, &scope).await?;
        let asked_from = scope.from;
        let scope = if cut { scope.as_far_as(&events) } else { scope };
        let mut leads = LeadTimes::new(&events);
        while let Some(ask) = leads.ask() {
            leads.give(answered(store, &ask).await?);
        }
        events.extend(leads.incidents().iter().cloned());
        let mut delivery = Delivery::of(&events, |event| leads.of(event), &scope, now);
        delivery.truncated |= cut;
        delivery.asked_from = cut.then_some(asked_from);
        Ok(DeliveryFound {
            delivery,
            indexed: index_state(store).await?,
        })
    }
}

/// Deployments and incidents, the newest of them, and whether there are more.
async fn deployments(store: &dyn Store, scope: &Scope) -> Result<(Vec<Recorded>, bool)> {
    // Nothing is recorded before it happens, but for clocks that go wrong.
    let earliest = scope.from.plus_micros(-limits::delivery::CLOCK_MICROS);
    let after = store.seq_at(earliest.max(Timestamp::default())).await? - 1;
    let most = limits::delivery::EVENTS;
    let rows = newest_links(store, scope.key(), most).await?;
    let cut = rows.len() >= most;
    let seqs: BTreeSet<i64> = rows
        .iter()
        .map(|row| row.seq)
        .filter(|seq| *seq > after)
        .collect();
    let seqs: Vec<i64> = seqs.into_iter().collect();
    let cut = cut && seqs.len() >= most;
    Ok((store.recorded(&seqs).await?, cut))
}
