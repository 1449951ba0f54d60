//! Following the log: one task of the process reads what is new and tells all who follow. One that is
//! slow misses details, never that something happened, and delays nobody.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use super::{Registry, Result};
use crate::domain::principal::{Principal, Scope};
use crate::domain::time::{Clock, Timestamp};
use crate::limits;
use crate::store::{Change, Store, StoreError};

/// What a follower hears.
#[derive(Debug, Clone)]
pub enum Heard {
    /// These changes, in the order of the log.
    Changes(Arc<[Change]>),
    /// More than was kept for it: anything may have changed.
    TooMuch,
}

/// A follower's ear. Dropped, it hears no more; when nobody is left the log is read no more.
#[derive(Debug)]
pub struct Following {
    batches: broadcast::Receiver<Arc<[Change]>>,
}

impl Following {
    /// Waits for what is new; `None` when the registry is closed.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.batches.recv().await {
            Ok(changes) => Some(Heard::Changes(changes)),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Heard::TooMuch),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// What is new already.
    pub fn now(&mut self) -> Option<Heard> {
        match self.batches.try_recv() {
            Ok(changes) => Some(Heard::Changes(changes)),
            Err(broadcast::error::TryRecvError::Lagged(_)) => Some(Heard::TooMuch),
            Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed) => {
                None
            }
        }
    }
}

/// The one reader of the log, as long as somebody follows.
#[derive(Debug, Default)]
pub(super) struct Feed {
    reading: Mutex<Option<Reading>>,
}

#[derive(Debug)]
struct Reading {
    batches: broadcast::Sender<Arc<[Change]>>,
    task: JoinHandle<()>,
}

impl Feed {
    /// Reads no more; followers hear the end.
    pub(super) fn close(&self) {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reading) = reading.take() {
            reading.task.abort();
        }
    }

    fn follow(&self, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Following {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reading) = reading.as_ref().filter(|r| !r.task.is_finished()) {
            // Subscribed before it is asked whether anybody listens: a task that is about to end for
            // want of followers either sees this one or has ended.
            let batches = reading.batches.subscribe();
            if !reading.task.is_finished() && reading.batches.receiver_count() > 1 {
                return Following { batches };
            }
        }
        if let Some(old) = reading.take() {
            old.task.abort();
        }
        let (sender, batches) = broadcast::channel(limits::FOLLOW_BATCHES);
        let task = tokio::spawn(read(store, clock, sender.clone()));
        *reading = Some(Reading {
            batches: sender,
            task,
        });
        Following { batches }
    }
}

impl Registry {
    /// Hears of everything that is written from here on, by this or any other process; and once more of
    /// what was written in the few seconds before, if nobody followed then: between an announcement
    /// and its taking effect nothing is missed.
    pub async fn follow(&self, principal: &Principal) -> Result<Following> {
        principal.require(Scope::Read)?;
        let store = self.store().await?;
        Ok(self.inner.feed.follow(store, self.inner.clock.clone()))
    }
}

/// Reads the log and tells what is new, until nobody follows.
async fn read(
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    batches: broadcast::Sender<Arc<[Change]>>,
) {
    let mut wakes = store.wakes();
    let mut position = None;
    loop {
        let told = match position {
            None => begin(store.as_ref(), clock.now()).await,
            Some(after) => on(store.as_ref(), after).await,
        };
        let more = match told {
            Ok((changes, at)) => {
                position = Some(at);
                let more = changes.len() >= limits::FOLLOW_CHANGES;
                if !changes.is_empty() && batches.send(changes.into()).is_err() {
                    return;
                }
                more
            }
            Err(error) => {
                // It goes on from where it was: nothing is missed.
                tracing::debug!(%error, "the log cannot be followed now");
                tokio::time::sleep(Duration::from_millis(limits::FOLLOW_RETRY_MILLIS)).await;
                false
            }
        };
        if batches.receiver_count() == 0 {
            return;
        }
        if !more && wakes.changed().await.is_err() {
            return;
        }
    }
}

/// Where the log ends now, and what was written in the moment before `now`.
async fn begin(
    store: &dyn Store,
    now: Timestamp,
) -> std::result::Result<(Vec<Change>, i64), StoreError> {
    let end = store.counters().await?.last_message_seq;
    let since = now.plus_micros(-limits::FOLLOW_OVERLAP_MILLIS * 1_000);
    let most = limits::FOLLOW_CHANGES;
    let mut changes = store.changes(end - most as i64, most).await?;
    let at = changes.last().map_or(end, |change| change.seq);
    changes.retain(|change| change.created_at >= since);
    Ok((changes, at))
}

/// What stands behind a position, and where that ends.
async fn on(store: &dyn Store, after: i64) -> std::result::Result<(Vec<Change>, i64), StoreError> {
    let changes = store.changes(after, limits::FOLLOW_CHANGES).await?;
    let at = changes.last().map_or(after, |change| change.seq);
    Ok((changes, at))
}
