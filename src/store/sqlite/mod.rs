//! The embedded engine: one SQLite file, which several processes may use at once.
//!
//! One connection writes, a small pool reads; the one does both in a process that ends at once, and
//! until the pool has its first. The journal is a write-ahead log with `synchronous=FULL` (an
//! acknowledged event survives a power cut), or a rollback journal where the file system cannot share
//! memory between processes.

mod backup;
mod environment;
mod errors;
mod follow;
mod index;
mod migrate;
mod mounts;
mod open;
mod permission;
mod session;
mod statements;
mod writing;

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::pool::PoolConnection;
use sqlx::{Connection, Sqlite, SqliteConnection, SqlitePool};
use tokio::sync::{Mutex, OwnedMappedMutexGuard, OwnedMutexGuard, watch};

use self::errors::Doing;
use self::writing::Writing;
use super::sql::{self, Columns as _, Engine};
use super::wake::Wakes;
use super::{Cutoffs, Decided, Pruned, Result, StoreError, StoreInfo};
use crate::domain::command::Command;
use crate::domain::time::Timestamp;

pub use backup::backup;
pub use migrate::built_for;
pub use open::{Durability, Journal, SqliteOptions, inspect, open};

/// A registry in a SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    info: StoreInfo,
    path: PathBuf,
    /// Tells the file from another one that takes its place.
    identity: Option<environment::FileIdentity>,
    writer: Arc<Mutex<Writing>>,
    readers: SqlitePool,
    /// Whether there has been a connection for reading, which is opened behind the first answers.
    read: Arc<AtomicBool>,
    options: SqliteOptions,
    wakes: Wakes,
}

/// A connection to read with.
#[derive(Debug)]
pub(in crate::store) enum Reader {
    /// One of those for reading.
    Own(PoolConnection<Sqlite>),
    /// The one that writes, which does not while this is held.
    Writers(OwnedMappedMutexGuard<Writing, SqliteConnection>),
}

impl Deref for Reader {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        match self {
            Self::Own(connection) => connection,
            Self::Writers(connection) => connection,
        }
    }
}

impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        match self {
            Self::Own(connection) => connection,
            Self::Writers(connection) => connection,
        }
    }
}

impl SqliteStore {
    /// Refuses when the file was removed or replaced: what would be written to it would be lost.
    async fn check_present(&self) -> Result<()> {
        check_present(self.path.clone(), self.identity).await
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

impl Engine for SqliteStore {
    type Session = SqliteConnection;
    type Reader = Reader;

    fn info(&self) -> &StoreInfo {
        &self.info
    }

    async fn reader(&self) -> Result<Reader> {
        // First: to open a connection to another file, beside this one's log, would ruin it.
        self.check_present().await?;
        let writing = if self.options.one_connection {
            Some(self.writer.clone().lock_owned().await)
        } else if self.read.load(Ordering::Relaxed) {
            None
        } else {
            // To open a connection takes longer than most questions: the first ones are asked of the
            // one that there is, while it does not write.
            self.writer.clone().try_lock_owned().ok()
        };
        if let Some(writing) = writing
            && let Ok(reader) = OwnedMutexGuard::try_map(writing, Writing::reading)
        {
            return Ok(Reader::Writers(reader));
        }
        let reader = self.readers.acquire().await.doing("open a connection");
        let reader = permission::explained(reader, &self.path).await?;
        Ok(Reader::Own(reader))
    }

    async fn write(&self, commands: &[Command], now: Timestamp) -> Result<Vec<Decided>> {
        let mut writing = self.writer.lock().await;
        if !writing.is_connected() {
            self.check_present().await?;
            permission::explained(writing.connect().await, &self.path).await?;
        }
        // Looked up while the transaction runs, and heard before it is committed.
        let looking = tokio::spawn(check_present(self.path.clone(), self.identity));
        let present = async { looking.await.unwrap_or(Ok(())) };
        let written = writing.write(commands, now, present).await;
        drop(writing);
        let written = permission::explained(written, &self.path).await?;
        let Err(error) = written.committed else {
            return Ok(written.decided);
        };
        let found = match self.reader().await {
            Ok(mut reader) => sql::is_written(&mut *reader, &written.decided).await,
            Err(error) => Err(error),
        };
        match found {
            Ok(true) => Ok(written.decided),
            Ok(false) => Err(error),
            Err(_) => Err(StoreError::Uncertain {
                why: error.to_string(),
            }),
        }
    }

    async fn preview(&self, commands: &[Command], now: Timestamp) -> Result<Vec<Decided>> {
        let mut connection = self.reader().await?;
        // One snapshot for all that is read.
        let mut transaction = connection.begin().await.doing("begin a preview")?;
        let decided =
            sql::preview(&mut *transaction, commands, now, migrate::check_readable).await?;
        transaction.rollback().await.doing("end a preview")?;
        Ok(decided)
    }

    async fn prune(&self, cutoffs: &Cutoffs, limit: usize) -> Result<Pruned> {
        let mut writing = self.writer.lock().await;
        self.check_present().await?;
        writing.prune(cutoffs, limit).await
    }

    fn wakes(&self) -> watch::Receiver<u64> {
        self.wakes
            .receiver(|bell| follow::watch(self.options.clone(), self.identity, bell))
    }

    async fn check(&self) -> Result<Vec<String>> {
        check(&mut *self.reader().await?).await
    }

    async fn close(&self) {
        self.wakes.close();
        let present = self.check_present().await.is_ok();
        self.writer.lock().await.close(present).await;
        self.readers.close().await;
    }
}

/// Looks for damage.
async fn check(connection: &mut SqliteConnection) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for statement in ["PRAGMA quick_check(20)", "PRAGMA foreign_key_check"] {
        let found = sqlx::query(statement).fetch_all(&mut *connection).await;
        for row in &found.doing("check the file")? {
            let text = row.text(0)?;
            if text != "ok" {
                findings.push(format!("{statement}: {text}"));
            }
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests;
