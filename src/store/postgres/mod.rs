//! The engine for teams: a schema `epr_mcp` in a PostgreSQL database (15 or later), which any number of
//! processes use at once.
//!
//! One connection of each process writes, a small pool reads. All writers take turns: a transaction
//! that writes begins with one advisory lock, so that positions in the log are in the order of the
//! commits. A lost connection is made anew; what became of a commit whose answer was lost is looked up
//! when the lock shows that it has ended.

mod backup;
mod bulk;
mod check;
mod copy;
mod encryption;
mod errors;
mod follow;
mod index;
mod lines;
mod migrate;
mod open;
mod options;
mod remarks;
mod session;
mod statements;
mod writing;

use tokio::sync::{Mutex, watch};

use self::lines::{Pool, PooledLine};
use self::session::Line;
use self::writing::Writing;
use super::sql::{self, Engine};
use super::wake::Wakes;
use super::{Cutoffs, Decided, Pruned, Remark, Result, StoreInfo};
use crate::domain::command::Command;
use crate::domain::time::Timestamp;

pub use backup::backup;
pub use migrate::built_for;
pub use open::{inspect, open};
pub use options::{PostgresOptions, PostgresSettings};

/// A registry in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    info: StoreInfo,
    options: PostgresOptions,
    writer: Mutex<Writing>,
    readers: Pool,
    wakes: Wakes,
}

impl Engine for PostgresStore {
    type Session = Line;
    type Reader = PooledLine;

    fn info(&self) -> &StoreInfo {
        &self.info
    }

    async fn reader(&self) -> Result<PooledLine> {
        lines::take(&self.readers, &self.options).await
    }

    fn was_dead(reader: &PooledLine) -> bool {
        reader.was_dead()
    }

    async fn write(&self, commands: &[Command], now: Timestamp) -> Result<Vec<Decided>> {
        self.writer.lock().await.write(commands, now).await
    }

    async fn preview(&self, commands: &[Command], now: Timestamp) -> Result<Vec<Decided>> {
        loop {
            let mut reader = Engine::reader(self).await?;
            let decided = preview(&mut reader, commands, now).await;
            if decided.is_ok() || !reader.was_dead() {
                return decided;
            }
        }
    }

    async fn prune(&self, cutoffs: &Cutoffs, limit: usize) -> Result<Pruned> {
        self.writer.lock().await.prune(cutoffs, limit).await
    }

    fn wakes(&self) -> watch::Receiver<u64> {
        self.wakes
            .receiver(|bell| follow::watch(self.options.clone(), bell))
    }

    async fn check(&self) -> Result<Vec<String>> {
        check::run(&self.options).await
    }

    async fn remarks(&self) -> Result<Vec<Remark>> {
        let mut reader = Engine::reader(self).await?;
        remarks::look(&mut reader, &self.options).await
    }

    async fn close(&self) {
        self.wakes.close();
        self.writer.lock().await.close().await;
        self.readers.close();
    }
}

/// Decides against one snapshot of the database.
async fn preview(line: &mut Line, commands: &[Command], now: Timestamp) -> Result<Vec<Decided>> {
    line.command("begin a preview", statements::BEGIN_PREVIEW)
        .await?;
    let decided = sql::preview(line, commands, now, migrate::check_readable).await;
    if line.is_ready() {
        // After an error too: the line goes back to the pool without a transaction.
        line.command("end a preview", "ROLLBACK").await?;
    }
    decided
}

#[cfg(test)]
mod tests;
