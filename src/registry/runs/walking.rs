//! Reading what a walk asks for.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::RunCandidate;
use crate::correlate::ask::{Ask, Given, Scan};
use crate::correlate::{Anchor, Candidate, Found, LinkKey, LinkRow, Walk, WalkLimits};
use crate::domain::run::RunKey;
use crate::domain::search::Order;
use crate::domain::unit::Unit;
use crate::limits;
use crate::registry::{Error, Result};
use crate::store::{Bounds, Store, Stream};

/// Walks from an anchor to its end, or as far as the time allows.
pub(super) async fn walk(store: &dyn Store, anchor: &Anchor, limits: WalkLimits) -> Result<Found> {
    let begun = Instant::now();
    let most = Duration::from_millis(limits::WALK_MILLIS);
    let mut walk = Walk::new(anchor, limits);
    let mut given = None;
    // To think about thousands of events takes its time, and others are served meanwhile.
    loop {
        let think = move || {
            if let Some(given) = given {
                walk.give(given);
            }
            let ask = walk.ask();
            (walk, ask)
        };
        let ask;
        (walk, ask) = thought(tokio::task::spawn_blocking(think).await)?;
        match ask {
            None => break,
            Some(_) if begun.elapsed() > most => {
                walk.stop("time");
                given = None;
            }
            Some(ask) => given = Some(answered(store, &ask).await?),
        }
    }
    thought(tokio::task::spawn_blocking(move || walk.finish()).await)
}

fn thought<T>(done: std::result::Result<T, tokio::task::JoinError>) -> Result<T> {
    done.map_err(|error| Error::internal(format!("a walk broke off: {error}")))
}

/// Of each key its first ties, no more than so many in all. Mostly a key has few: each is asked for
/// its share of them first, and only those that have more are asked again.
pub(in crate::registry) async fn links(
    store: &dyn Store,
    keys: &[LinkKey],
    (per_key, rows): (usize, usize),
    bounds: Bounds,
    order: Order,
) -> Result<Vec<LinkRow>> {
    let share = (rows / keys.len().max(1)).clamp(1, per_key);
    let mut found = ties(store, keys, share, bounds, order).await?;
    if share == per_key {
        return Ok(found);
    }
    let mut counts: HashMap<LinkKey, usize> = HashMap::new();
    for row in &found {
        *counts.entry(row.key).or_default() += 1;
    }
    let is_full = |key: &LinkKey| counts.get(key).is_some_and(|count| *count >= share);
    let full: Vec<LinkKey> = keys.iter().filter(|key| is_full(key)).copied().collect();
    for portion in full.chunks((rows / per_key).max(1)) {
        if found.len() >= rows {
            break;
        }
        found.retain(|row| !portion.contains(&row.key));
        found.extend(ties(store, portion, per_key, bounds, order).await?);
    }
    Ok(found)
}

async fn ties(
    store: &dyn Store,
    keys: &[LinkKey],
    per_key: usize,
    bounds: Bounds,
    order: Order,
) -> Result<Vec<LinkRow>> {
    let raw: Vec<[u8; 16]> = keys.iter().map(|key| key.0).collect();
    let found = store.links(&raw, per_key, bounds, order).await?;
    let row = |row: &crate::store::LinkRow| {
        Some(LinkRow {
            key: *keys.get(row.place)?,
            seq: row.seq,
            role: row.role,
        })
    };
    Ok(found.iter().filter_map(row).collect())
}

/// Reads what a question asks for.
pub(in crate::registry) async fn answered(store: &dyn Store, asked: &Ask) -> Result<Given> {
    Ok(match asked {
        Ask::Links {
            keys,
            per_key,
            rows,
            scan,
        } => {
            let (bounds, order) = within(*scan);
            Given::Links(links(store, keys, (*per_key, *rows), bounds, order).await?)
        }
        Ask::Events { seqs } => Given::Events(store.recorded(seqs).await?),
        Ask::UnitEvents {
            units,
            before,
            after,
        } => Given::Positions(around(store, units, *before, *after).await?),
    })
}

/// The positions of the newest events of units before a position, and of the oldest from it on.
async fn around(
    store: &dyn Store,
    units: &[(Unit, i64)],
    before: usize,
    after: usize,
) -> Result<Vec<i64>> {
    let keys: Vec<_> = units.iter().map(|(unit, _)| unit.key()).collect();
    let rows: HashMap<_, _> = store.unit_ids(&keys).await?.into_iter().collect();
    let mut seqs = Vec::new();
    for (unit, at) in units {
        let Some(row) = rows.get(&unit.key()) else {
            continue;
        };
        let stream = Stream::Unit(*row);
        let earlier = Bounds {
            after: 0,
            before: *at,
        };
        let later = Bounds {
            after: at.saturating_sub(1),
            before: i64::MAX,
        };
        for (bounds, order, count) in [
            (earlier, Order::NewestFirst, before),
            (later, Order::OldestFirst, after),
        ] {
            seqs.extend(store.stream(stream, bounds, order, count).await?);
        }
    }
    Ok(seqs)
}

/// The newest ties of one key.
pub(in crate::registry) async fn newest_links(
    store: &dyn Store,
    key: LinkKey,
    most: usize,
) -> Result<Vec<LinkRow>> {
    let (bounds, order) = within(Scan::Before(i64::MAX));
    links(store, &[key], (most, most), bounds, order).await
}

fn within(scan: Scan) -> (Bounds, Order) {
    match scan {
        Scan::From(seq) => (
            Bounds {
                after: seq.saturating_sub(1),
                before: i64::MAX,
            },
            Order::OldestFirst,
        ),
        Scan::Before(seq) => (
            Bounds {
                after: 0,
                before: seq,
            },
            Order::NewestFirst,
        ),
    }
}

/// Candidates with what their summaries say.
pub(super) async fn candidates(
    store: &dyn Store,
    runs: Vec<Candidate>,
) -> Result<Vec<RunCandidate>> {
    let keys: Vec<RunKey> = runs
        .iter()
        .filter_map(|run| Some(run.name.as_ref()?.key()))
        .collect();
    let summaries: HashMap<RunKey, _> = store.runs(&keys).await?.into_iter().collect();
    let seqs: Vec<i64> = runs.iter().map(|run| run.seq).collect();
    let events: HashMap<i64, String> = store
        .events(&seqs)
        .await?
        .into_iter()
        .map(|event| (event.seq, event.id.to_string()))
        .collect();
    let candidate = |run: Candidate| {
        let key = run.name.as_ref().map(crate::domain::run::RunName::key);
        let event = events.get(&run.seq).cloned().unwrap_or_default();
        // Runs of the same name are told apart by an event.
        let alone = keys.iter().filter(|other| Some(**other) == key).count() == 1;
        RunCandidate {
            handle: key.filter(|_| alone).map_or(event, RunKey::handle),
            summary: key.and_then(|key| summaries.get(&key).cloned()),
            name: run.name,
            span: (run.from, run.to),
            events: run.events,
        }
    };
    Ok(runs.into_iter().map(candidate).collect())
}
