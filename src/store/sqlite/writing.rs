//! The writing side: one connection, and one transaction at a time.

use std::time::{Duration, Instant};

use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, SqliteConnection};

use super::errors::{Doing, classify, is_busy};
use super::open::{self, SqliteOptions};
use super::{migrate, statements};
use crate::domain::command::Command;
use crate::domain::time::Timestamp;
use crate::limits;
use crate::store::sql::{self, Columns as _, Memory, Step};
use crate::store::{Cutoffs, Decided, Pruned, Result};

/// The connection that writes.
#[derive(Debug)]
pub(in crate::store) struct Writing {
    options: SqliteOptions,
    /// Taken while a transaction runs and put back when that went well. After a failure the next
    /// one gets a new connection: SQLite ends some transactions by itself, of which the driver does
    /// not know, and a file that was read-only stays so for a connection.
    connection: Option<Line>,
    memory: Memory,
}

/// An open connection that is ready to write.
#[derive(Debug)]
struct Line {
    connection: SqliteConnection,
    /// With a rollback journal a commit waits for readers; with a write-ahead log nothing but the
    /// beginning of a transaction ever waits.
    commits_wait: bool,
    /// Whether SQLite itself waits for locks.
    waits: bool,
}

/// What a transaction led to.
pub(super) struct Written {
    /// What was decided; fewer than the commands if the time was up.
    pub(super) decided: Vec<Decided>,
    /// Whether it was committed.
    pub(super) committed: Result<()>,
}

impl Writing {
    /// Over an open connection, of which is known whether it has a write-ahead log.
    pub(super) fn new(options: SqliteOptions, connection: SqliteConnection, wal: bool) -> Self {
        Self {
            options,
            connection: Some(Line {
                connection,
                commits_wait: !wal,
                waits: true,
            }),
            memory: Memory::default(),
        }
    }

    /// The connection, to read with while nothing is written.
    pub(super) fn reading(&mut self) -> Option<&mut SqliteConnection> {
        self.connection.as_mut().map(|line| &mut line.connection)
    }

    /// Whether there is a connection.
    pub(super) fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    /// Makes the connection.
    pub(super) async fn connect(&mut self) -> Result<()> {
        self.connection = Some(Line::new(open::connect(&self.options, false).await?).await?);
        Ok(())
    }

    /// Decides and writes `commands` in one transaction, which is only committed if `present` does not
    /// say that the file is another one by now.
    pub(super) async fn write(
        &mut self,
        commands: &[Command],
        now: Timestamp,
        present: impl Future<Output = Result<()>>,
    ) -> Result<Written> {
        let mut line = self.take().await?;
        let registry = line.begin().await?;
        // Forgotten if this goes wrong: what was learnt may be rolled back.
        let mut memory = std::mem::take(&mut self.memory);
        let connection = &mut line.connection;
        let step = Step {
            commands: limits::SQLITE_BATCH_STEP,
            bytes: usize::MAX,
        };
        let (decided, wrote) =
            sql::steps(connection, registry, &mut memory, commands, step, now).await?;
        let present = present.await;
        let end = if wrote && present.is_ok() {
            "COMMIT"
        } else {
            "ROLLBACK"
        };
        let ended = sqlx::query(end).execute(&mut line.connection).await;
        if let Err(gone) = present {
            // Not closed: see `close`.
            self.connection = Some(line);
            return Err(gone);
        }
        if ended.is_ok() {
            self.connection = Some(line);
            if memory.is_small() {
                self.memory = memory;
            }
        }
        let committed = ended
            .map(|_| ())
            .map_err(|error| classify("end a write", error));
        Ok(Written { decided, committed })
    }

    /// Deletes what is older than `cutoffs`, looking at up to `limit` rows of each kind.
    pub(super) async fn prune(&mut self, cutoffs: &Cutoffs, limit: usize) -> Result<Pruned> {
        let mut line = self.take().await?;
        let registry = line.begin().await?;
        let connection = &mut line.connection;
        let pruned = sql::prune(connection, &registry, cutoffs, limit).await?;
        let ended = sqlx::query("COMMIT").execute(connection).await;
        ended.doing("commit a pruning")?;
        self.connection = Some(line);
        Ok(pruned)
    }

    /// A last checkpoint leaves a small log, then the connection is closed. Where another file has
    /// taken the place of this one it is left open until the process ends: SQLite would take the
    /// other one's log for its own and delete it.
    pub(super) async fn close(&mut self, present: bool) {
        let Some(Line { mut connection, .. }) = self.connection.take() else {
            return;
        };
        if !present {
            std::mem::forget(connection);
            return;
        }
        let checkpoint = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)");
        if let Err(error) = checkpoint.execute(&mut connection).await {
            tracing::debug!(%error, "no checkpoint at the end");
        }
        if let Err(error) = connection.close().await {
            tracing::debug!(%error, "the database was not closed cleanly");
        }
    }

    /// Lets the file have no more pages than it has, for this connection.
    #[cfg(test)]
    pub(super) async fn limit_pages(&mut self) {
        let connection = &mut self.connection.as_mut().unwrap().connection;
        let limit = sqlx::query("PRAGMA max_page_count = 1");
        limit.execute(connection).await.unwrap();
    }

    async fn take(&mut self) -> Result<Line> {
        match self.connection.take() {
            Some(line) => Ok(line),
            None => Line::new(open::connect(&self.options, false).await?).await,
        }
    }
}

impl Line {
    async fn new(mut connection: SqliteConnection) -> Result<Self> {
        let row = sqlx::query("PRAGMA journal_mode")
            .fetch_one(&mut connection)
            .await;
        let mode = row.doing("read the journal mode")?;
        let mode = mode.text(0)?;
        Ok(Self {
            connection,
            commits_wait: !mode.eq_ignore_ascii_case("wal"),
            waits: true,
        })
    }

    /// Begins a transaction with the write lock; gives the registry's row, for another process may have
    /// written, or migrated the file, since the last time.
    async fn begin(&mut self) -> Result<SqliteRow> {
        if self.waits {
            // Looks for the lock more often than SQLite would; see the limit.
            open::set_busy_timeout(&mut self.connection, 0).await?;
            self.waits = false;
        }
        let asked = Instant::now();
        let most = Duration::from_millis(limits::SQLITE_BUSY_MILLIS);
        let registry = loop {
            let begun = sqlx::query(statements::BEGIN)
                .fetch_one(&mut self.connection)
                .await;
            match begun {
                Ok(registry) => break registry,
                Err(error) if !is_busy(&error) || asked.elapsed() > most => {
                    return Err(classify("begin a write", error));
                }
                Err(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(limits::SQLITE_LOCK_POLL_MILLIS)).await;
        };
        sql::check_readable::<SqliteConnection>(&registry, migrate::check_readable)?;
        if self.commits_wait {
            open::set_busy_timeout(&mut self.connection, limits::SQLITE_BUSY_MILLIS).await?;
            self.waits = true;
        }
        Ok(registry)
    }
}
