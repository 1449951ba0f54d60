//! The embedded engine: one SQLite file, which several processes may use at once.
//!
//! One connection writes, a small pool reads. The journal is a write-ahead log with
//! `synchronous=FULL` (an acknowledged event survives a power cut), or a rollback journal where the
//! file system cannot share memory between processes.

mod apply;
mod environment;
mod errors;
mod load;
mod migrate;
mod open;
mod read;
mod rows;
mod statements;
mod writing;

use std::path::PathBuf;

use async_trait::async_trait;
use sqlx::{Connection, SqlitePool};
use tokio::sync::Mutex;

use self::errors::Doing;
use self::writing::Writing;
use super::{
    AuditEntry, Bounds, Counters, Cutoffs, Decided, Glance, GlanceLimits, Pruned, ReceiverText,
    Result, Store, StoreError, StoreInfo, Stream,
};
use crate::domain::command::{Command, Outcome};
use crate::domain::decide::{Needs, decide};
use crate::domain::event::Event;
use crate::domain::gate::Latest;
use crate::domain::group::Group;
use crate::domain::id::{EventId, GroupId, ReceiverId};
use crate::domain::message::MessageRecord;
use crate::domain::receiver::Receiver;
use crate::domain::search::{DefinitionFilter, Order, Page, Position, TextMatch};
use crate::domain::time::Timestamp;
use crate::domain::unit::{Unit, UnitKey};

pub use migrate::built_for;
pub use open::{Durability, Journal, SqliteOptions, inspect, open};

/// A registry in a SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    info: StoreInfo,
    path: PathBuf,
    /// Tells the file from another one that takes its place.
    identity: Option<environment::FileIdentity>,
    writer: Mutex<Writing>,
    readers: SqlitePool,
}

impl SqliteStore {
    /// Refuses when the file was removed or replaced: what would be written to it would be lost.
    async fn check_present(&self) -> Result<()> {
        check_present(self.path.clone(), self.identity).await
    }

    /// Whether a commit whose answer was an error is there all the same: looked up by what one of
    /// its commands made or changed.
    async fn is_written(&self, decided: &[Decided]) -> Result<bool> {
        for outcome in decided.iter().flatten() {
            return match outcome {
                Outcome::Event { event, .. } => Ok(!self.event_seqs(&[event.id]).await?.is_empty()),
                Outcome::Receiver {
                    receiver,
                    created: true,
                    ..
                } => Ok(!self.receivers(&[receiver.id]).await?.is_empty()),
                Outcome::Group {
                    group,
                    created: true,
                    ..
                } => Ok(!self.groups(&[group.id]).await?.is_empty()),
                Outcome::GroupEnabled {
                    group,
                    changed: true,
                    ..
                } => {
                    let found = self.groups(&[group.id]).await?;
                    Ok(found.iter().any(|g| g.updated_at >= group.updated_at))
                }
                // These leave nothing that could be looked for.
                Outcome::Receiver { .. }
                | Outcome::Group { .. }
                | Outcome::GroupEnabled { .. }
                | Outcome::Replayed { .. }
                | Outcome::Audited => continue,
            };
        }
        Ok(false)
    }

    async fn reader(&self) -> Result<sqlx::pool::PoolConnection<sqlx::Sqlite>> {
        // First: to open a connection to another file, beside this one's log, would ruin it.
        self.check_present().await?;
        self.readers.acquire().await.doing("open a connection")
    }
}

/// Refuses when the file at `path` is no longer this one.
async fn check_present(path: PathBuf, identity: Option<environment::FileIdentity>) -> Result<()> {
    if identity.is_none() || environment::identity(&path).await == identity {
        return Ok(());
    }
    Err(StoreError::unavailable(
        format!(
            "the file {} was removed or replaced while the server was running",
            path.display()
        ),
        "Put it back and restart the server.",
    ))
}

#[async_trait]
impl Store for SqliteStore {
    fn info(&self) -> &StoreInfo {
        &self.info
    }

    async fn write(&self, commands: &[Command], now: Timestamp) -> Result<Vec<Decided>> {
        let mut writing = self.writer.lock().await;
        if !writing.is_connected() {
            self.check_present().await?;
            writing.connect().await?;
        }
        // Looked up while the transaction runs, and heard before it is committed.
        let looking = tokio::spawn(check_present(self.path.clone(), self.identity));
        let present = async { looking.await.unwrap_or(Ok(())) };
        let written = writing.write(commands, now, present).await?;
        drop(writing);
        let Err(error) = written.committed else {
            return Ok(written.decided);
        };
        match self.is_written(&written.decided).await {
            Ok(true) => Ok(written.decided),
            Ok(false) => Err(error),
            Err(_) => Err(StoreError::Uncertain {
                why: error.to_string(),
            }),
        }
    }

    async fn preview(&self, command: &Command, now: Timestamp) -> Result<Decided> {
        let mut connection = self.reader().await?;
        // One snapshot for all that is read.
        let mut transaction = connection.begin().await.doing("begin a preview")?;
        let (needs, mut known) = (Needs::of([command]), load::Known::default());
        let registry = load::registry(&mut transaction).await?;
        let mut state = load::state(&mut transaction, &registry, &needs, &mut known).await?;
        let (_, mut results) = decide(&mut state, std::slice::from_ref(command), now);
        transaction.rollback().await.doing("end a preview")?;
        results.pop().ok_or_else(|| {
            StoreError::inconsistent("event", "a command was left without an answer")
        })
    }

    async fn receivers(&self, ids: &[ReceiverId]) -> Result<Vec<Receiver>> {
        read::definitions::receivers(&mut *self.reader().await?, ids).await
    }

    async fn receiver_ids(
        &self,
        by: ReceiverText,
        value: &TextMatch,
        limit: usize,
    ) -> Result<Vec<ReceiverId>> {
        read::definitions::receiver_ids(&mut *self.reader().await?, by, value, limit).await
    }

    async fn schema(&self, id: ReceiverId) -> Result<Option<String>> {
        load::schema(&mut *self.reader().await?, id).await
    }

    async fn find_receivers(
        &self,
        filter: &DefinitionFilter,
        after: Position,
        limit: usize,
    ) -> Result<Page<Receiver>> {
        read::definitions::find_receivers(&mut *self.reader().await?, filter, after, limit).await
    }

    async fn groups(&self, ids: &[GroupId]) -> Result<Vec<Group>> {
        read::definitions::groups(&mut *self.reader().await?, ids).await
    }

    async fn find_groups(
        &self,
        filter: &DefinitionFilter,
        after: Position,
        limit: usize,
    ) -> Result<Page<Group>> {
        read::definitions::find_groups(&mut *self.reader().await?, filter, after, limit).await
    }

    async fn groups_of(&self, receivers: &[ReceiverId], limit: usize) -> Result<Vec<Group>> {
        read::definitions::groups_of(&mut *self.reader().await?, receivers, limit).await
    }

    async fn event_seqs(&self, ids: &[EventId]) -> Result<Vec<i64>> {
        read::event_seqs(&mut *self.reader().await?, ids).await
    }

    async fn events(&self, seqs: &[i64]) -> Result<Vec<Event>> {
        if seqs.is_empty() {
            return Ok(Vec::new());
        }
        read::events(&mut *self.reader().await?, seqs).await
    }

    async fn payloads(&self, seqs: &[i64]) -> Result<Vec<(i64, String)>> {
        read::payloads(&mut *self.reader().await?, seqs).await
    }

    async fn stream(
        &self,
        stream: Stream,
        bounds: Bounds,
        order: Order,
        limit: usize,
    ) -> Result<Vec<i64>> {
        read::stream(&mut *self.reader().await?, stream, bounds, order, limit).await
    }

    async fn stream_count(&self, stream: Stream) -> Result<u64> {
        read::stream_count(&mut *self.reader().await?, stream).await
    }

    async fn seq_at(&self, at: Timestamp) -> Result<i64> {
        read::seq_at(&mut *self.reader().await?, at).await
    }

    async fn names(&self, name: &TextMatch, limit: usize) -> Result<Vec<(i64, String)>> {
        read::names(&mut *self.reader().await?, name, limit).await
    }

    async fn newest_names(&self, limit: usize) -> Result<Vec<String>> {
        read::newest_names(&mut *self.reader().await?, limit).await
    }

    async fn unit_ids(&self, keys: &[UnitKey]) -> Result<Vec<(UnitKey, i64)>> {
        read::unit_ids(&mut *self.reader().await?, keys).await
    }

    async fn units(&self, ids: &[i64]) -> Result<Vec<(i64, Unit)>> {
        read::units(&mut *self.reader().await?, ids).await
    }

    async fn units_by_name(
        &self,
        name: Option<i64>,
        before: Position,
        limit: usize,
    ) -> Result<Vec<(i64, Unit)>> {
        read::units_by_name(&mut *self.reader().await?, name, before, limit).await
    }

    async fn units_by_version(&self, name: i64, version: &str, limit: usize) -> Result<Vec<i64>> {
        read::units_by_version(&mut *self.reader().await?, name, version, limit).await
    }

    async fn unit_receivers(&self, unit: i64, limit: usize) -> Result<Vec<ReceiverId>> {
        read::unit_receivers(&mut *self.reader().await?, unit, limit).await
    }

    async fn latest(
        &self,
        units: &[i64],
        receivers: &[ReceiverId],
    ) -> Result<Vec<(i64, ReceiverId, Latest)>> {
        load::latest(&mut *self.reader().await?, units, receivers.iter().copied()).await
    }

    async fn latest_of(
        &self,
        receiver: ReceiverId,
        before: Position,
        limit: usize,
    ) -> Result<Vec<(i64, i64)>> {
        read::latest_of(&mut *self.reader().await?, receiver, before, limit).await
    }

    async fn first_use(&self, principal: &str, key: &str) -> Result<Option<String>> {
        let first = load::first_use(&mut *self.reader().await?, principal, key).await?;
        Ok(first.map(|first| first.id))
    }

    async fn messages(&self, after: i64, limit: usize) -> Result<Vec<MessageRecord>> {
        read::messages::page(&mut *self.reader().await?, after, limit).await
    }

    async fn audit(&self, before: Position, limit: usize) -> Result<Vec<AuditEntry>> {
        read::audit(&mut *self.reader().await?, before, limit).await
    }

    async fn glance(&self, most: &GlanceLimits) -> Result<Glance> {
        read::glance::read(&mut *self.reader().await?, most).await
    }

    async fn counters(&self) -> Result<Counters> {
        read::counters(&mut *self.reader().await?).await
    }

    async fn prune(&self, cutoffs: &Cutoffs, limit: usize) -> Result<Pruned> {
        let mut writing = self.writer.lock().await;
        self.check_present().await?;
        writing.prune(cutoffs, limit).await
    }

    async fn check(&self) -> Result<Vec<String>> {
        read::check(&mut *self.reader().await?).await
    }

    async fn close(&self) {
        let present = self.check_present().await.is_ok();
        self.writer.lock().await.close(present).await;
        self.readers.close().await;
    }
}

#[cfg(test)]
mod tests;
