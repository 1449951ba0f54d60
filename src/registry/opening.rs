//! Opening the database when it is first needed, so that a server answers `initialize` at once.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{OnceCell, watch};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::{Error, Result};
use crate::domain::refusal::Refusal;
use crate::domain::time::Clock;
use crate::limits;
use crate::store::writer::Writer;
use crate::store::{Store, StoreError};

/// Opens a database, migrating it if that is needed.
#[async_trait]
pub trait Opener: Send + Sync + fmt::Debug {
    /// Opens it. Called again after a failure, at the next request.
    async fn open(&self) -> std::result::Result<Arc<dyn Store>, StoreError>;

    /// Where the database is, in words.
    fn location(&self) -> String;
}

/// How far opening has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpeningState {
    /// Not begun, or under way.
    Opening,
    /// Done.
    Open,
    /// The last attempt failed; the next request tries again.
    Failed(Refusal),
}

/// An open store and its writer.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) store: Arc<dyn Store>,
    pub(super) writer: Writer,
}

#[derive(Debug)]
pub(super) struct Opening {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    opener: Arc<dyn Opener>,
    clock: Arc<dyn Clock>,
    cell: OnceCell<Arc<Opened>>,
    last_failure: Mutex<Option<Refusal>>,
    /// The attempt to open that is under way: all who wait, wait for the same one.
    attempt: Mutex<Option<watch::Receiver<Option<Attempted>>>>,
    tasks: TaskTracker,
}

/// What an attempt to open came to.
type Attempted = std::result::Result<Arc<Opened>, Arc<StoreError>>;

impl Opening {
    pub(super) fn new(opener: Arc<dyn Opener>, clock: Arc<dyn Clock>) -> Self {
        let tasks = TaskTracker::new();
        let last_failure = Mutex::new(None);
        Self {
            shared: Arc::new(Shared {
                opener,
                clock,
                cell: OnceCell::new(),
                last_failure,
                attempt: Mutex::new(None),
                tasks,
            }),
        }
    }

    /// Begins without waiting.
    pub(super) fn start(&self) {
        self.attempt();
    }

    /// An attempt to open, in a task of its own: when a caller stops waiting, it goes on.
    fn attempt(&self) -> watch::Receiver<Option<Attempted>> {
        let attempt = self.shared.attempt.lock();
        let mut attempt = attempt.unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = attempt.as_ref()
            // A task that failed leaves no answer.
            && running.borrow().is_none()
            && running.has_changed().is_ok()
        {
            return running.clone();
        }
        let (done, running) = watch::channel(None);
        *attempt = Some(running.clone());
        let shared = self.shared.clone();
        self.shared.tasks.spawn(async move {
            let opened = shared.open().await;
            if let Err(error) = &opened {
                tracing::warn!(%error, "the database could not be opened; the next request tries again");
            }
            done.send_replace(Some(opened));
        });
        running
    }

    /// The open store, waiting for it a bounded time.
    pub(super) async fn opened(&self) -> Result<Arc<Opened>> {
        if let Some(opened) = self.shared.cell.get() {
            return Ok(opened.clone());
        }
        let mut attempt = self.attempt();
        let opened = attempt.wait_for(Option::is_some);
        match timeout(Duration::from_secs(limits::WAIT_SECONDS), opened).await {
            Ok(Ok(opened)) => match opened.as_ref() {
                Some(Ok(opened)) => Ok(opened.clone()),
                Some(Err(error)) => Err(Error::from_shared(error)),
                None => Err(Error::internal(
                    "an attempt to open ended without an answer",
                )),
            },
            Ok(Err(gone)) => Err(Error::internal(gone)),
            Err(_) => Err(Error::Refused(Refusal::Unavailable {
                why: "it is still being opened or migrated".to_owned(),
                hint: "Wait a moment.".to_owned(),
            })),
        }
    }

    /// The open store, if it is open.
    pub(super) fn if_open(&self) -> Option<Arc<Opened>> {
        self.shared.cell.get().cloned()
    }

    pub(super) fn state(&self) -> OpeningState {
        if self.shared.cell.get().is_some() {
            return OpeningState::Open;
        }
        let failure = self
            .shared
            .last_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        failure
            .clone()
            .map_or(OpeningState::Opening, OpeningState::Failed)
    }

    pub(super) fn location(&self) -> String {
        self.shared.opener.location()
    }

    /// Lets queued writes end, then closes the store. It does not wait long: a write that waits for
    /// somebody else's lock has been acknowledged to nobody.
    pub(super) async fn close(&self, most: Duration) {
        let Some(opened) = self.shared.cell.get() else {
            return;
        };
        let closed = async {
            opened.writer.drain().await;
            opened.store.close().await;
        };
        if timeout(most, closed).await.is_err() {
            tracing::warn!(
                "the database could not be closed in time: it is locked by another process, or away"
            );
        }
    }
}

impl Shared {
    async fn open(&self) -> Attempted {
        let opened = self
            .cell
            .get_or_try_init(|| async {
                let store = self.opener.open().await?;
                let writer = Writer::start(store.clone(), self.clock.clone(), &self.tasks);
                Ok::<_, StoreError>(Arc::new(Opened { store, writer }))
            })
            .await;
        let mut last_failure = self
            .last_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match opened {
            Ok(opened) => {
                *last_failure = None;
                Ok(opened.clone())
            }
            Err(error) => {
                *last_failure = error.as_refusal();
                Err(Arc::new(error))
            }
        }
    }
}

impl super::Registry {
    /// How far opening the database has come.
    pub fn opening_state(&self) -> OpeningState {
        self.inner.opening.state()
    }

    /// Where the database is, in words.
    pub fn location(&self) -> String {
        self.inner.opening.location()
    }
}
