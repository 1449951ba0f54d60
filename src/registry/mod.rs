//! The use cases. Each takes the [`Principal`] who asks and authorises it, so that no surface can
//! forget to. Nothing here knows HTTP, JSON-RPC or Kafka; nothing but this calls the writer.

mod completing;
mod definitions;
mod delivery;
mod error;
mod events;
mod export;
mod follow;
mod gates;
mod intake;
mod known;
mod lineage;
mod looking;
mod naming;
mod opening;
mod overview;
mod reindex;
mod retention;
mod runs;
mod schemas;
mod search;
mod texts;

mod views;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use completing::{Blank, Completion};
pub use delivery::{DeliveryFound, DeliveryQuestion};
pub use error::{Error, Result};
pub use export::{ExportFormat, ExportResult, Exported, NotExported};
pub use follow::{Following, Heard};
pub use intake::{Document, Intake, IntakeOptions, Taken};
pub use lineage::TraceFound;
pub use looking::Selected;
pub use opening::{Opener, OpeningState};
pub use overview::{GroupSummary, Overview, TypeSummary};
pub use reindex::Reindexing;
pub use runs::{
    IndexState, ListedRun, RunAnswer, RunCandidate, RunCandidates, RunFilter, RunFound, RunList,
    RunQuestion, RunStatus,
};
pub use schemas::Room;
pub use search::{EventHit, EventSearch, GroupBy, SearchRequest};
pub use views::{
    DefinitionPage, EventHead, EventInput, EventView, EventWritten, GateView, GroupInput,
    GroupWaiting, GroupWritten, MemberView, PassingUnits, PayloadInput, ReceiverInput,
    ReceiverWritten, UnitGates, UnitInput, WaitingUnit, Warning, WriteOptions,
};

use crate::domain::command::{Action, AuditNote, Command, Outcome, TurnPolicy};
use crate::domain::id::IdSource;
use crate::domain::principal::{Principal, Scope};
use crate::domain::refusal::Refusal;
use crate::domain::schema::Documents;
use crate::domain::time::{Clock, Timestamp};
use crate::limits;
pub use crate::store::Change;
use crate::store::Store;

/// What a registry is built from.
#[derive(Debug)]
pub struct Parts {
    /// Opens the database when it is first needed.
    pub opener: Arc<dyn Opener>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
    /// What the `$ref`s of schemas may resolve to.
    pub documents: Documents,
    /// Whether messages are to be published: a broker is configured.
    pub announce: bool,
    /// Whether payloads that hold a secret are refused; otherwise they are warned of.
    pub refuse_secrets: bool,
}

/// The registry: everything that surfaces can ask for. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    opening: opening::Opening,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    schemas: schemas::Schemas,
    known: known::KnownReceivers,
    feed: follow::Feed,
    announce: bool,
    refuse_secrets: bool,
    /// Whether a caller was told that what it writes will not last.
    warned_of_storage: AtomicBool,
}

impl Registry {
    /// A registry whose database is opened when it is first needed.
    pub fn new(parts: Parts) -> Self {
        Self {
            inner: Arc::new(Inner {
                opening: opening::Opening::new(parts.opener, parts.clock.clone()),
                clock: parts.clock,
                ids: parts.ids,
                schemas: schemas::Schemas::new(parts.documents),
                known: known::KnownReceivers::default(),
                feed: follow::Feed::default(),
                announce: parts.announce,
                refuse_secrets: parts.refuse_secrets,
                warned_of_storage: AtomicBool::new(false),
            }),
        }
    }

    /// Starts to open the database without waiting for it.
    pub fn open_in_background(&self) {
        self.inner.opening.start();
    }

    /// The present time, as the registry sees it.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// The store, opened; for `doctor` and the relay.
    pub async fn store(&self) -> Result<Arc<dyn Store>> {
        Ok(self.inner.opening.opened().await?.store.clone())
    }

    /// Lets writes in progress end and closes the database.
    pub async fn close(&self) {
        self.close_within(Duration::from_secs(limits::CLOSE_SECONDS))
            .await;
    }

    /// The same, in so much time.
    pub async fn close_within(&self, most: Duration) {
        self.inner.feed.close();
        self.inner.opening.close(most).await;
    }

    /// Writes a command, or decides it without writing.
    async fn submit(
        &self,
        principal: &Principal,
        action: Action,
        options: &WriteOptions,
    ) -> Result<Outcome> {
        if let Some(key) = &options.idempotency_key {
            views::check_idempotency_key(key)?;
        }
        let command = Command {
            recorder: Arc::new(principal.recorder.clone()),
            action,
            idempotency_key: options.idempotency_key.clone(),
            log_only: !self.inner.announce,
            turns: if options.dry_run {
                TurnPolicy::Allowed
            } else {
                options.turns.clone()
            },
        };
        let opened = self.inner.opening.opened().await?;
        if options.dry_run {
            let decided = opened.store.preview(&[command], self.now()).await?.pop();
            return Ok(decided.ok_or_else(unexpected)??);
        }
        opened
            .writer
            .write(command)
            .await
            .map_err(|error| Error::from_shared(&error))?
            .map_err(Error::from)
    }

    /// What is told beside something that is written already. Where it cannot be read now, that is said:
    /// to refuse would let the caller write again.
    fn beside<T: Default>(read: Result<T>, warnings: &mut Vec<Warning>) -> T {
        read.unwrap_or_else(|error| {
            tracing::debug!(%error, "what goes with an answer could not be read");
            warnings.push(Warning {
                code: "details_missing",
                text: "It is written. What is usually told beside it could not be read now."
                    .to_owned(),
            });
            T::default()
        })
    }

    /// The id of what the command's idempotency key made before.
    async fn first_use(
        &self,
        store: &dyn Store,
        principal: &Principal,
        options: &WriteOptions,
    ) -> Result<Option<String>> {
        match &options.idempotency_key {
            Some(key) => Ok(store.first_use(&principal.recorder.principal, key).await?),
            None => Ok(None),
        }
    }

    /// With the first write of this process: that what is written will not last, if it will not.
    fn storage_warning(&self, store: &dyn Store, options: &WriteOptions) -> Option<Warning> {
        let why = store.info().ephemeral.as_ref()?;
        if options.dry_run || self.inner.warned_of_storage.swap(true, Ordering::Relaxed) {
            return None;
        }
        Some(Warning {
            code: "ephemeral",
            text: format!("What is recorded here will not last: {why}."),
        })
    }

    /// Notes a refused write in the audit trail and passes the result on. Previews and faults of
    /// the database are not noted.
    fn audited<T>(
        &self,
        principal: &Principal,
        action: &'static str,
        target: &str,
        options: &WriteOptions,
        result: Result<T>,
    ) -> Result<T> {
        if let (Err(Error::Refused(refusal)), false) = (&result, options.dry_run)
            && !refusal.retryable()
            && let Some(opened) = self.inner.opening.if_open()
        {
            let short = |text: &str| {
                text.replace('\0', "\u{fffd}")
                    .chars()
                    .take(500)
                    .collect::<String>()
            };
            opened.writer.offer(Command {
                recorder: Arc::new(principal.recorder.clone()),
                action: Action::Audit(AuditNote {
                    action: action.to_owned(),
                    target: short(target),
                    outcome: refusal.code().to_owned(),
                    detail: short(&refusal.to_string()),
                }),
                idempotency_key: None,
                log_only: true,
                turns: TurnPolicy::Allowed,
            });
        }
        result
    }

    /// Messages after a position of the log, with what they are about; without one from the oldest
    /// on that there is. A reader whose position retention has passed is told so: it would miss
    /// messages without knowing.
    pub async fn messages(
        &self,
        principal: &Principal,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Vec<crate::domain::message::MessageRecord>> {
        principal.require(Scope::Read)?;
        let store = self.store().await?;
        let limit = limit.min(crate::limits::PAGE_MAX);
        let messages = store.messages(after.unwrap_or(0), limit).await?;
        if let Some(after) = after {
            // Read afterwards: what was deleted in between is told too.
            let pruned_to = store.counters().await?.messages_pruned_to;
            if after < pruned_to {
                let oldest = pruned_to + 1;
                return Err(Refusal::Gone { oldest }.into());
            }
        }
        Ok(messages)
    }

    /// The audit trail, newest first.
    pub async fn audit(
        &self,
        principal: &Principal,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<crate::store::AuditEntry>> {
        principal.require(Scope::Admin)?;
        Ok(self
            .store()
            .await?
            .audit(before, limit.min(crate::limits::PAGE_MAX))
            .await?)
    }
}

/// An outcome that does not belong to the command is a defect of this program.
fn unexpected() -> Error {
    Error::internal("the writer gave the outcome of another command")
}

/// A refusal for a thing that is not there.
fn not_found(kind: &'static str, what: impl Into<String>, near: Vec<String>) -> Error {
    Error::Refused(Refusal::NotFound {
        kind,
        what: what.into(),
        near,
    })
}
