//! What a question has to have read for it. Questions are pure: they say which links and events they
//! need next, are given them, and say what they need then, a fixed number of times at most.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::Recorded;
use super::key::{LinkKey, Role};
use crate::domain::unit::Unit;

/// Which ties of a key are asked for, where there are more than fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scan {
    /// Those from this position on, the oldest first.
    From(i64),
    /// Those before this position, the newest first.
    Before(i64),
}

/// What has to be read next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Ties: up to `per_key` of each of these keys, in one query. If there are more than `rows` in
    /// all, any `rows` of them.
    Links {
        /// The keys, each once.
        keys: Vec<LinkKey>,
        /// How many of each at most.
        per_key: usize,
        /// How many in all at most.
        rows: usize,
        /// Which of each.
        scan: Scan,
    },
    /// These events, in one query.
    Events {
        /// Their positions in the log, ascending, each once.
        seqs: Vec<i64>,
    },
    /// The positions of the events of each of these units around a position: the newest `before` of
    /// those before it, and the oldest `after` of those from it on.
    UnitEvents {
        /// The units, each once, with the position.
        units: Vec<(Unit, i64)>,
        /// How many before it.
        before: usize,
        /// How many from it on.
        after: usize,
    },
}

/// What an [`Ask`] is answered with.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    /// The ties, in any order.
    Links(Vec<LinkRow>),
    /// The events, in any order; what is not among them does not exist.
    Events(Vec<Recorded>),
    /// The positions, in any order.
    Positions(Vec<i64>),
}

/// A tie that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkRow {
    /// The key.
    pub key: LinkKey,
    /// The event's position in the log.
    pub seq: i64,
    /// What the event is to what the key names.
    pub role: Role,
}

/// The keys of which as many ties were found as were asked for: there may be more.
pub(crate) fn full_keys(rows: &[LinkRow], per_key: usize) -> BTreeSet<LinkKey> {
    let mut counts: BTreeMap<LinkKey, usize> = BTreeMap::new();
    for row in rows {
        *counts.entry(row.key).or_default() += 1;
    }
    counts.retain(|_, count| *count >= per_key);
    counts.into_keys().collect()
}
