//! Following the log: one task of the process reads what is new and tells all who follow. One that is
//! slow misses details, never that something happened, and delays nobody.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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
    /// What was heard in the moment before.
    early: VecDeque<Heard>,
    batches: broadcast::Receiver<Heard>,
}

impl Following {
    /// Waits for what is new; `None` when the registry is closed.
    pub async fn next(&mut self) -> Option<Heard> {
        if let Some(early) = self.early.pop_front() {
            return Some(early);
        }
        match self.batches.recv().await {
            Ok(heard) => Some(heard),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Heard::TooMuch),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// What is new already.
    pub fn now(&mut self) -> Option<Heard> {
        if let Some(early) = self.early.pop_front() {
            return Some(early);
        }
        match self.batches.try_recv() {
            Ok(heard) => Some(heard),
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
    told: Told,
    task: JoinHandle<()>,
}

/// What is told to all who follow, and was told in the last seconds.
#[derive(Debug, Clone)]
struct Told {
    batches: broadcast::Sender<Heard>,
    recent: Arc<Mutex<VecDeque<(Instant, Heard)>>>,
}

impl Told {
    fn new() -> Self {
        Self {
            batches: broadcast::Sender::new(limits::FOLLOW_BATCHES),
            recent: Arc::default(),
        }
    }

    /// Tells all; false when nobody follows.
    fn tell(&self, heard: Heard) -> bool {
        let mut recent = self.recent();
        recent.push_back((Instant::now(), heard.clone()));
        if recent.len() > limits::FOLLOW_BATCHES {
            recent.pop_front();
        }
        self.batches.send(heard).is_ok()
    }

    /// An ear that hears the last seconds once more.
    fn follow(&self) -> Following {
        let recent = self.recent();
        let fresh = |(at, _): &&(Instant, Heard)| {
            at.elapsed() < Duration::from_millis(limits::FOLLOW_OVERLAP_MILLIS as u64)
        };
        Following {
            early: recent
                .iter()
                .filter(fresh)
                .map(|(_, heard)| heard.clone())
                .collect(),
            batches: self.batches.subscribe(),
        }
    }

    /// Held while somebody is told and while somebody begins to listen: nothing falls in between.
    fn recent(&self) -> MutexGuard<'_, VecDeque<(Instant, Heard)>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
            let following = reading.told.follow();
            if !reading.task.is_finished() && reading.told.batches.receiver_count() > 1 {
                return following;
            }
        }
        if let Some(old) = reading.take() {
            old.task.abort();
        }
        let told = Told::new();
        let following = told.follow();
        let task = tokio::spawn(read(store, clock, told.clone()));
        *reading = Some(Reading { told, task });
        following
    }
}

impl Registry {
    /// Hears of everything that is written from here on, by this or any other process; and once more of
    /// what was written in the few seconds before, by processes whose clocks agree that far: between an
    /// announcement and its taking effect nothing is missed.
    pub async fn follow(&self, principal: &Principal) -> Result<Following> {
        principal.require(Scope::Read)?;
        let store = self.store().await?;
        Ok(self.inner.feed.follow(store, self.inner.clock.clone()))
    }
}

/// Reads the log and tells what is new, until nobody follows.
async fn read(store: Arc<dyn Store>, clock: Arc<dyn Clock>, told: Told) {
    let mut wakes = store.wakes();
    let mut position = None;
    loop {
        let read = match position {
            None => begin(store.as_ref(), clock.now())
                .await
                .map(|(changes, at)| Read {
                    changes,
                    at,
                    gap: false,
                }),
            Some(after) => on(store.as_ref(), after).await,
        };
        let more = match read {
            Ok(Read { changes, at, gap }) => {
                position = Some(at);
                if gap {
                    told.tell(Heard::TooMuch);
                }
                let more = changes.len() >= limits::FOLLOW_CHANGES;
                if !changes.is_empty() {
                    told.tell(Heard::Changes(changes.into()));
                }
                more
            }
            Err(error) => {
                tracing::debug!(%error, "the log cannot be followed now");
                if position.is_none() {
                    // Where to begin is not known, and will be later than it should be.
                    told.tell(Heard::TooMuch);
                }
                tokio::time::sleep(Duration::from_millis(limits::FOLLOW_RETRY_MILLIS)).await;
                false
            }
        };
        if more {
            continue;
        }
        tokio::select! {
            woken = wakes.changed() => {
                if woken.is_err() {
                    return;
                }
            }
            () = told.batches.closed() => return,
        }
    }
}

/// What one look at the log gave.
struct Read {
    changes: Vec<Change>,
    /// Where it ends.
    at: i64,
    /// Something before it may have been missed.
    gap: bool,
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

/// What stands behind a position, and where that ends. A log that ends before it is another one by
/// now: a restored copy, or that of a server which had lost its last commits.
async fn on(store: &dyn Store, after: i64) -> std::result::Result<Read, StoreError> {
    let changes = store.changes(after, limits::FOLLOW_CHANGES).await?;
    if let Some(last) = changes.last() {
        let at = last.seq;
        return Ok(Read {
            changes,
            at,
            gap: false,
        });
    }
    let end = store.counters().await?.last_message_seq;
    Ok(Read {
        changes,
        at: after.min(end),
        gap: end < after,
    })
}
