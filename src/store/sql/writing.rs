//! What goes on inside a writing transaction, step by step. To begin and to end it is the engine's.

use std::time::{Duration, Instant};

use super::apply;
use super::load::{self, Known};
use super::session::{Columns as _, Recorders, Session};
use super::statements::Statements as _;
use crate::domain::command::{Command, Outcome};
use crate::domain::decide::{Needs, decide};
use crate::domain::time::Timestamp;
use crate::limits;
use crate::store::{Cutoffs, Decided, Pruned, Result, StoreError};

/// Recorders that are remembered; beyond that they are looked up.
const KNOWN_RECORDERS: usize = 10_000;

/// What is remembered from one transaction to the next.
#[derive(Debug, Default)]
pub(in crate::store) struct Memory {
    recorders: Recorders,
    known: Known,
}

impl Memory {
    /// Whether it is small enough to be kept.
    pub(in crate::store) fn is_small(&self) -> bool {
        self.recorders.len() <= KNOWN_RECORDERS
    }
}

/// Refuses a database that is too new by now: another process may have migrated it.
pub(in crate::store) fn check_readable<S: Session>(
    registry: &S::Row,
    refuse: fn(i64, i64) -> Result<()>,
) -> Result<()> {
    refuse(registry.int(13)?, registry.int(14)?)
}

/// How much of a batch is decided and written at a time.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Step {
    /// Commands at most.
    pub(in crate::store) commands: usize,
    /// Bytes of what they bring at most, but at least one command.
    pub(in crate::store) bytes: usize,
}

/// Bytes that a row takes on its way to the database, beside its payload.
const ROW_BYTES: usize = 256;

impl Step {
    /// The first commands, which are taken together, and the others.
    fn first<'a>(&self, commands: &'a [Command]) -> (&'a [Command], &'a [Command]) {
        let mut bytes = 0;
        let fits = |command: &&Command| {
            bytes += ROW_BYTES + command.size();
            bytes <= self.bytes
        };
        let count = commands.iter().take(self.commands).take_while(fits).count();
        commands.split_at(count.max(1).min(commands.len()))
    }
}

/// Decides and writes, step by step, until the time is up; tells whether there is
/// something to commit. `registry` is the registry's row as this transaction sees it.
pub(in crate::store) async fn steps<S: Session>(
    session: &mut S,
    registry: S::Row,
    memory: &mut Memory,
    commands: &[Command],
    step: Step,
    now: Timestamp,
) -> Result<(Vec<Decided>, bool)> {
    let begun = Instant::now();
    let mut decided = Vec::with_capacity(commands.len());
    let mut wrote = false;
    let mut registry = Some(registry);
    let mut rest = commands;
    while !rest.is_empty() {
        let (these, others) = step.first(rest);
        rest = others;
        let row = match registry.take() {
            Some(row) => row,
            None => load::registry(session).await?,
        };
        let needs = Needs::of(these);
        let mut state = load::state(session, &row, &needs, &mut memory.known).await?;
        let (plan, results) = decide(&mut state, these, now);
        wrote |= !plan.is_empty();
        apply::plan(session, &plan, &state, &mut memory.recorders).await?;
        decided.extend(results);
        if begun.elapsed() > Duration::from_millis(limits::BATCH_MILLIS) {
            break;
        }
    }
    Ok((decided, wrote))
}

/// Decides commands against what this transaction sees, and writes nothing.
pub(in crate::store) async fn preview<S: Session>(
    session: &mut S,
    commands: &[Command],
    now: Timestamp,
    refuse: fn(i64, i64) -> Result<()>,
) -> Result<Vec<Decided>> {
    let registry = load::registry(session).await?;
    check_readable::<S>(&registry, refuse)?;
    let needs = Needs::of(commands);
    let mut state = load::state(session, &registry, &needs, &mut Known::default()).await?;
    let (_, results) = decide(&mut state, commands, now);
    if results.len() == commands.len() {
        return Ok(results);
    }
    Err(StoreError::inconsistent(
        "event",
        "a command was left without an answer",
    ))
}

/// Whether a commit whose answer was an error is there all the same: looked up by what one of its
/// commands made or changed.
pub(in crate::store) async fn is_written<S: Session>(
    session: &mut S,
    decided: &[Decided],
) -> Result<bool> {
    use super::read::{counters, definitions, event_seqs};
    // What these say was there before, and is true in any case.
    let mut told = !decided.is_empty();
    for outcome in decided.iter().flatten() {
        return match outcome {
            Outcome::Event { event, .. } => Ok(!event_seqs(session, &[event.id]).await?.is_empty()),
            Outcome::Receiver {
                receiver,
                created: true,
                ..
            } => Ok(!definitions::receivers(session, &[receiver.id])
                .await?
                .is_empty()),
            Outcome::Group {
                group,
                created: true,
                ..
            } => Ok(!definitions::groups(session, &[group.id]).await?.is_empty()),
            Outcome::GroupEnabled {
                group,
                changed: true,
                ..
            } => {
                let found = definitions::groups(session, &[group.id]).await?;
                Ok(found.iter().any(|g| g.updated_at >= group.updated_at))
            }
            Outcome::Reindexed {
                done: true,
                after,
                to,
            } => {
                let now = counters(session).await?;
                Ok((now.reindexed_to, now.unindexed_to) == (*after, *to))
            }
            Outcome::Repeated { .. } | Outcome::Replayed { .. } => continue,
            // These leave nothing that could be looked for.
            Outcome::Receiver { .. }
            | Outcome::Group { .. }
            | Outcome::GroupEnabled { .. }
            | Outcome::Reindexed { .. }
            | Outcome::Audited => {
                told = false;
                continue;
            }
        };
    }
    Ok(told)
}

/// Deletes what is older than `cutoffs`, looking at up to `limit` rows of each kind.
pub(in crate::store) async fn prune<S: Session>(
    session: &mut S,
    registry: &S::Row,
    cutoffs: &Cutoffs,
    limit: usize,
) -> Result<Pruned> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut pruned = prune_messages(session, registry, cutoffs.messages, limit).await?;
    for (sql, before) in [
        (S::Sql::PRUNE_AUDIT, cutoffs.audit),
        (S::Sql::PRUNE_IDEMPOTENCY, cutoffs.idempotency),
    ] {
        let args = vec![before.as_micros().into(), limit.into()];
        let done = session.run("prune", sql, args).await?;
        pruned.rows += done;
        pruned.more |= done > 0;
    }
    Ok(pruned)
}

/// Deletes messages that were never to be published, and keeps account of how far it came: those
/// that are to be published stay, and may not make each round look at them again.
async fn prune_messages<S: Session>(
    session: &mut S,
    registry: &S::Row,
    before: Timestamp,
    limit: i64,
) -> Result<Pruned> {
    const DOING: &str = "prune messages";
    let done_to = registry.int(10)?;
    let row = session
        .one(DOING, S::Sql::OLDEST_MESSAGE, Vec::new())
        .await?;
    let Some(oldest) = row.int_or_null(0)? else {
        return Ok(Pruned::default());
    };
    let from = done_to.max(oldest - 1);
    let args = vec![
        from.into(),
        from.saturating_add(limit).into(),
        before.as_micros().into(),
    ];
    let row = session.one(DOING, S::Sql::OLD_MESSAGES, args).await?;
    let Some(to) = row.int_or_null(0)? else {
        return Ok(Pruned::default());
    };
    let args = vec![from.into(), to.into()];
    let rows = session.run(DOING, S::Sql::PRUNE_MESSAGES, args).await?;
    let counted = i64::try_from(rows).unwrap_or(i64::MAX);
    let args = vec![to.into(), counted.into()];
    session.change(DOING, S::Sql::COUNT_PRUNED, args, 1).await?;
    Ok(Pruned { rows, more: true })
}
