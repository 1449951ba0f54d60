//! The writing side: one connection, and one transaction at a time.

use std::time::{Duration, Instant};

use sqlx::SqliteConnection;

use super::errors::{Doing, classify, is_busy};
use super::open::{self, SqliteOptions};
use super::{apply, load, migrate, statements};
use crate::domain::command::Command;
use crate::domain::decide::{Needs, decide};
use crate::domain::time::Timestamp;
use crate::limits;
use crate::store::{Cutoffs, Decided, Result};

/// Recorders that are remembered; beyond that they are looked up.
const KNOWN_RECORDERS: usize = 10_000;

/// The connection that writes.
#[derive(Debug)]
pub(super) struct Writing {
    options: SqliteOptions,
    /// Taken while a transaction runs and put back when that went well. After a failure the next
    /// one gets a new connection: SQLite ends some transactions by itself, of which the driver does
    /// not know, and a file that was read-only stays so for a connection.
    connection: Option<SqliteConnection>,
    recorders: apply::Recorders,
}

/// What a transaction led to.
pub(super) struct Written {
    /// What was decided; fewer than the commands if the time was up.
    pub(super) decided: Vec<Decided>,
    /// Whether it was committed.
    pub(super) committed: Result<()>,
}

impl Writing {
    pub(super) fn new(options: SqliteOptions, connection: SqliteConnection) -> Self {
        Self {
            options,
            connection: Some(connection),
            recorders: apply::Recorders::new(),
        }
    }

    /// Makes a connection if there is none; tells whether it did.
    pub(super) async fn reconnect(&mut self) -> Result<bool> {
        if self.connection.is_some() {
            return Ok(false);
        }
        self.connection = Some(open::connect(&self.options, false).await?);
        Ok(true)
    }

    /// Decides and writes `commands` in one transaction.
    pub(super) async fn write(&mut self, commands: &[Command], now: Timestamp) -> Result<Written> {
        let mut connection = self.take().await?;
        let mut recorders = std::mem::take(&mut self.recorders);
        let (decided, wrote) = steps(&mut connection, &mut recorders, commands, now).await?;
        let end = if wrote { "COMMIT" } else { "ROLLBACK" };
        let ended = sqlx::query(end).execute(&mut connection).await;
        if ended.is_ok() {
            self.connection = Some(connection);
            if wrote && recorders.len() <= KNOWN_RECORDERS {
                self.recorders = recorders;
            }
        }
        let committed = ended
            .map(|_| ())
            .map_err(|error| classify("end a write", error));
        Ok(Written { decided, committed })
    }

    /// Deletes up to `limit` rows of each kind that are older than `cutoffs`.
    pub(super) async fn prune(&mut self, cutoffs: &Cutoffs, limit: usize) -> Result<u64> {
        let mut connection = self.take().await?;
        begin(&mut connection).await?;
        let mut pruned = 0;
        for (statement, before) in [
            (statements::PRUNE_MESSAGES, cutoffs.messages),
            (statements::PRUNE_AUDIT, cutoffs.audit),
            (statements::PRUNE_IDEMPOTENCY, cutoffs.idempotency),
        ] {
            let query = sqlx::query(statement)
                .bind(before.as_micros())
                .bind(i64::try_from(limit).unwrap_or(i64::MAX));
            let done = query.execute(&mut connection).await.doing("prune")?;
            pruned += done.rows_affected();
        }
        let ended = sqlx::query("COMMIT").execute(&mut connection).await;
        ended.doing("commit a pruning")?;
        self.connection = Some(connection);
        Ok(pruned)
    }

    /// A last checkpoint leaves a small log; the connection ends with the process.
    pub(super) async fn checkpoint(&mut self) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        let checkpoint = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)");
        if let Err(error) = checkpoint.execute(connection).await {
            tracing::debug!(%error, "no checkpoint at the end");
        }
    }

    /// Lets the file have no more pages than it has, for this connection.
    #[cfg(test)]
    pub(super) async fn limit_pages(&mut self) {
        let connection = self.connection.as_mut().unwrap();
        let limit = sqlx::query("PRAGMA max_page_count = 1");
        limit.execute(connection).await.unwrap();
    }

    async fn take(&mut self) -> Result<SqliteConnection> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => open::connect(&self.options, false).await,
        }
    }
}

/// Decides and writes, step by step, until the time is up; tells whether there is something to
/// commit.
async fn steps(
    connection: &mut SqliteConnection,
    recorders: &mut apply::Recorders,
    commands: &[Command],
    now: Timestamp,
) -> Result<(Vec<Decided>, bool)> {
    begin(connection).await?;
    let begun = Instant::now();
    let mut decided = Vec::with_capacity(commands.len());
    let mut wrote = false;
    for step in commands.chunks(limits::BATCH_STEP) {
        let mut state = load::state(connection, &Needs::of(step)).await?;
        let (plan, results) = decide(&mut state, step, now);
        wrote |= !plan.is_empty();
        apply::plan(connection, &plan, &state, recorders).await?;
        decided.extend(results);
        if begun.elapsed() > Duration::from_millis(limits::BATCH_MILLIS) {
            break;
        }
    }
    Ok((decided, wrote))
}

/// Begins a transaction with the write lock.
async fn begin(connection: &mut SqliteConnection) -> Result<()> {
    // Looks for the lock more often than SQLite would; see the limit.
    open::set_busy_timeout(connection, 0).await?;
    let asked = Instant::now();
    while let Err(error) = sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut *connection)
        .await
    {
        if !is_busy(&error) || asked.elapsed() > Duration::from_millis(limits::SQLITE_BUSY_MILLIS) {
            return Err(classify("begin a write", error));
        }
        tokio::time::sleep(Duration::from_millis(limits::SQLITE_LOCK_POLL_MILLIS)).await;
    }
    // With a rollback journal a commit waits for readers.
    open::set_busy_timeout(connection, limits::SQLITE_BUSY_MILLIS).await?;
    // Another process may have migrated the file in the meantime.
    let (version, readable_from) = migrate::version(connection).await?;
    migrate::check_readable(version, readable_from)
}
