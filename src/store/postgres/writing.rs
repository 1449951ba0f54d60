//! The writing side: one connection, and one transaction at a time.

use std::time::{Duration, Instant};

use sqlx::postgres::PgRow;

use super::errors::BEGINNING;
use super::migrate;
use super::options::PostgresOptions;
use super::session::Line;
use super::statements;
use crate::domain::command::Command;
use crate::domain::time::Timestamp;
use crate::limits;
use crate::store::sql::{self, Arg, Columns as _, Memory, Session as _};
use crate::store::{Cutoffs, Decided, Pruned, Result, StoreError};

/// Between two attempts to learn what became of a commit.
const PAUSE: Duration = Duration::from_millis(100);

/// The connection that writes.
#[derive(Debug)]
pub(super) struct Writing {
    options: PostgresOptions,
    /// Taken while a transaction runs and put back when that went well.
    line: Option<Line>,
    memory: Memory,
}

impl Writing {
    pub(super) fn new(options: PostgresOptions, line: Line) -> Self {
        Self {
            options,
            line: Some(line),
            memory: Memory::default(),
        }
    }

    /// Decides and writes `commands` in one transaction.
    pub(super) async fn write(
        &mut self,
        commands: &[Command],
        now: Timestamp,
    ) -> Result<Vec<Decided>> {
        let (mut line, Begun { registry, id }) = self.begin().await?;
        // Forgotten if this goes wrong: what was learnt may be rolled back.
        let mut memory = std::mem::take(&mut self.memory);
        let step = self.options.step();
        let (decided, wrote) =
            sql::steps(&mut line, registry, &mut memory, commands, step, now).await?;
        if !wrote {
            if line.command("end a write", "ROLLBACK").await.is_ok() {
                self.keep(line, memory);
            }
            return Ok(decided);
        }
        match line.command("commit a write", "COMMIT").await {
            Ok(_) => {
                self.keep(line, memory);
                Ok(decided)
            }
            // The server says that it did not commit.
            Err(error) if line.was_answered() => Err(error),
            Err(error) => {
                drop(line);
                self.look_up(decided, &id, error).await
            }
        }
    }

    /// Deletes what is older than `cutoffs`, looking at up to `limit` rows of each kind.
    pub(super) async fn prune(&mut self, cutoffs: &Cutoffs, limit: usize) -> Result<Pruned> {
        let (mut line, Begun { registry, .. }) = self.begin().await?;
        let pruned = sql::prune(&mut line, &registry, cutoffs, limit).await?;
        line.command("commit a pruning", "COMMIT").await?;
        self.line = Some(line);
        Ok(pruned)
    }

    pub(super) async fn close(&mut self) {
        if let Some(line) = self.line.take() {
            line.close().await;
        }
    }

    fn keep(&mut self, line: Line, memory: Memory) {
        let old = line.age() > Duration::from_secs(limits::POSTGRES_CONNECTION_SECONDS);
        if !old {
            self.line = Some(line);
        }
        if memory.is_small() {
            self.memory = memory;
        }
    }

    /// Begins a transaction with the write lock, on a new connection if the one at hand turns out to be
    /// dead.
    async fn begin(&mut self) -> Result<(Line, Begun)> {
        if let Some(mut line) = self.line.take()
            && line.answers().await
        {
            match begin_on(&mut line).await {
                Ok(begun) => return Ok((line, begun)),
                Err(_) if line.is_dead() => {}
                Err(error) => return Err(error),
            }
        }
        // What was learnt may be of a server that had more than this one.
        self.memory = Memory::default();
        let mut line = Line::connect(&self.options).await?;
        let begun = begin_on(&mut line).await?;
        Ok((line, begun))
    }

    /// What became of a transaction whose commit was not answered. It ended, one way or the other, when
    /// its lock can be taken; only then does looking tell.
    async fn look_up(
        &mut self,
        decided: Vec<Decided>,
        id: &str,
        error: StoreError,
    ) -> Result<Vec<Decided>> {
        let asked = Instant::now();
        loop {
            match self.looked_up(&decided, id).await {
                Ok(true) => return Ok(decided),
                Ok(false) => return Err(error),
                Err(still) if asked.elapsed() > self.options.patience => {
                    return Err(StoreError::Uncertain {
                        why: format!("{error}; then {still}"),
                    });
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    async fn looked_up(&mut self, decided: &[Decided], id: &str) -> Result<bool> {
        const DOING: &str = "look up a commit";
        let mut line = Line::connect(&self.options).await?;
        line.command(DOING, statements::BEGIN_TO_LOOK).await?;
        // The server knows what became of it; another one, which has taken its place, may have given the
        // number to another transaction. So both have to say so.
        let args = vec![Arg::Text(id.to_owned())];
        let row = line.one(DOING, statements::TRANSACTION, args).await?;
        let committed = row.text_or_null(0)? == Some("committed");
        let is_written = committed && sql::is_written(&mut line, decided).await?;
        line.command(DOING, "ROLLBACK").await?;
        self.line = Some(line);
        Ok(is_written)
    }
}

/// A transaction that has the write lock.
struct Begun {
    /// The registry's row.
    registry: PgRow,
    /// The server's number for it.
    id: String,
}

async fn begin_on(line: &mut Line) -> Result<Begun> {
    let mut rows = line.command(BEGINNING, statements::BEGIN).await?;
    let missing = || StoreError::inconsistent("registry", "its row is missing");
    let registry = rows.pop().ok_or_else(missing)?;
    let id = rows.pop().ok_or_else(missing)?.text(0)?.to_owned();
    sql::check_readable::<Line>(&registry, migrate::check_readable)?;
    Ok(Begun { registry, id })
}
