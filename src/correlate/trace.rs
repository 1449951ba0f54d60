//! From a commit to what runs, and back: the life of an artifact as recorded events tell it. What it
//! was made from, what built it, what tested, signed and published it, where it was deployed and what
//! came after it there, which incidents name it; and which of these nothing is recorded of.
//!
//! A [`Trace`] is pure. It says what has to be read and is given it, in [`crate::limits::trace::ROUNDS`]
//! rounds of links and events at most:
//!
//! 1. what the anchor names, of all that it may mean; the first meaning that is recorded is taken;
//! 2. from a commit, change, service or environment to the artifacts; from an artifact to its change,
//!    the chain that it was made in, and what else was deployed as the same service;
//! 3. and 4. the same from what was found meanwhile.
//!
//! Then [`Trace::finish`] tells what it comes to.

mod anchor;
mod focus;
mod json;
mod life;
mod lineage;
mod source;
mod stays;
mod tested;
#[cfg(test)]
mod tests;
mod text;
mod wants;
mod wholes;

use std::collections::{BTreeMap, BTreeSet};

pub use anchor::{Anchor, Meaning};
pub use lineage::{
    Approval, BuiltBy, Deployed, Ended, Incident, Lineage, MadeBy, Missing, Moment, SbomAt,
};
pub use source::{ChangeLine, Source};
pub use tested::{ScanLine, TestLine, Tested};

use super::ask::{Ask, Given, LinkRow, Scan, full_keys};
use super::facts::{Artifact, Recorded};
use super::key::LinkKey;
use super::story::GateLine;
use crate::domain::time::Timestamp;
use crate::limits::trace as bounds;
use focus::Focus;

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// See which links are wanted.
    Want,
    /// These were asked for.
    Links(Vec<LinkKey>),
    /// These events are to be read.
    Events(Vec<i64>),
    Done,
}

/// A trace that is being followed. Ask it what it needs with [`ask`](Self::ask) and give what was
/// found to [`links`](Self::links) and [`events`](Self::events), until it asks for nothing; then
/// [`finish`](Self::finish) it.
#[derive(Debug)]
pub struct Trace {
    anchor: Anchor,
    /// The meaning that was taken, and the others that are recorded too.
    meaning: Option<Meaning>,
    also: Vec<Meaning>,
    known: BTreeMap<i64, Recorded>,
    asked: BTreeSet<LinkKey>,
    /// Keys with more events than are looked at.
    cut: BTreeSet<LinkKey>,
    /// Whether there was no room for some.
    no_room: bool,
    rounds: usize,
    step: Step,
}

impl Trace {
    /// Begins with an anchor.
    pub fn new(anchor: Anchor) -> Self {
        Self {
            anchor,
            meaning: None,
            also: Vec::new(),
            known: BTreeMap::new(),
            asked: BTreeSet::new(),
            cut: BTreeSet::new(),
            no_room: false,
            rounds: 0,
            step: Step::Want,
        }
    }

    /// What has to be read next; nothing when it has all that it looks for.
    pub fn ask(&mut self) -> Option<Ask> {
        loop {
            match &self.step {
                Step::Want => {
                    let keys = self.wanted_keys();
                    self.step = if keys.is_empty() {
                        Step::Done
                    } else {
                        self.rounds += 1;
                        self.asked.extend(&keys);
                        Step::Links(keys)
                    };
                }
                Step::Links(keys) => {
                    return Some(Ask::Links {
                        keys: keys.clone(),
                        per_key: bounds::PER_KEY,
                        rows: bounds::ROWS_READ,
                        scan: Scan::Before(i64::MAX),
                    });
                }
                Step::Events(seqs) if seqs.is_empty() => self.step = Step::Want,
                Step::Events(seqs) => return Some(Ask::Events { seqs: seqs.clone() }),
                Step::Done => return None,
            }
        }
    }

    /// Takes the answer to what was asked.
    pub fn give(&mut self, given: Given) {
        match given {
            Given::Links(rows) => self.links(&rows),
            Given::Events(events) => self.events(events),
            // Nothing here asks for positions.
            Given::Positions(_) => {}
        }
    }

    fn links(&mut self, rows: &[LinkRow]) {
        let Step::Links(keys) = &self.step else {
            return;
        };
        let mut keys = keys.clone();
        self.cut.extend(full_keys(rows, bounds::PER_KEY));
        self.no_room |= rows.len() >= bounds::ROWS_READ;
        let mut by_key: BTreeMap<LinkKey, Vec<i64>> = BTreeMap::new();
        for row in rows {
            by_key.entry(row.key).or_default().push(row.seq);
        }
        if self.rounds == 1 {
            keys = self.take_meaning(|key| by_key.contains_key(&key));
        }
        let mut seqs: BTreeSet<i64> = BTreeSet::new();
        for key in &keys {
            let mut of_key = by_key.remove(key).unwrap_or_default();
            of_key.sort_unstable();
            for seq in of_key.into_iter().rev() {
                if self.known.contains_key(&seq) || seqs.contains(&seq) {
                    continue;
                }
                if self.known.len() + seqs.len() >= bounds::EVENTS {
                    self.no_room = true;
                    break;
                }
                seqs.insert(seq);
            }
        }
        self.step = Step::Events(seqs.into_iter().collect());
    }

    fn events(&mut self, events: Vec<Recorded>) {
        let Step::Events(asked) = &self.step else {
            return;
        };
        for event in events {
            if asked.binary_search(&event.seq).is_ok() {
                self.known.insert(event.seq, event);
            }
        }
        self.step = Step::Want;
    }

    /// What it comes to.
    pub fn finish(&self, now: Timestamp) -> Traced {
        life::traced(self, now)
    }

    /// Takes the first meaning that is recorded; its keys.
    fn take_meaning(&mut self, is_recorded: impl Fn(LinkKey) -> bool) -> Vec<LinkKey> {
        let meanings = self.anchor.meanings();
        let mut recorded = meanings.iter().filter(|meaning| is_recorded(meaning.key()));
        let Some(first) = recorded.next() else {
            return Vec::new();
        };
        // An artifact has two keys, a commit of a repository too.
        let (same, others): (Vec<_>, Vec<_>) =
            recorded.partition(|meaning| meaning.word() == first.word());
        let keys = [first].into_iter().chain(same).map(Meaning::key).collect();
        let mut also: Vec<Meaning> = others.into_iter().cloned().collect();
        also.dedup_by_key(|meaning| meaning.word());
        // Which events are of the commit is told by what is known of it most exactly.
        let exact = match first {
            Meaning::Commit { .. } => meanings.iter().find(|one| one.word() == first.word()),
            _ => None,
        };
        self.meaning = Some(exact.unwrap_or(first).clone());
        self.also = also;
        keys
    }

    /// The events by time.
    fn by_time(&self) -> Vec<&Recorded> {
        let mut events: Vec<&Recorded> = self.known.values().collect();
        events.sort_by_key(|event| (event.at(), event.seq));
        events
    }

    fn focus(&self) -> Focus<'_> {
        Focus::of(self)
    }
}

/// What a trace came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Traced {
    /// The anchor as it was written.
    pub said: String,
    /// What it was taken for; `None` if nothing is recorded under it.
    pub meaning: Option<Meaning>,
    /// What else is recorded under it.
    pub also: Vec<Meaning>,
    /// Whether the anchor is one artifact, or so few that each is told in full; otherwise they are
    /// listed.
    pub in_full: bool,
    /// The artifacts: of a service or an environment those that run, newest first; at most
    /// [`limits::trace::ARTIFACTS`](bounds::ARTIFACTS).
    pub artifacts: Vec<Lineage>,
    /// Artifacts beyond that.
    pub more: usize,
    /// Of a service or environment: what runs, each with its place in `artifacts`.
    pub running: Vec<Running>,
    /// What was found of a commit or change that no artifact is known of.
    pub source: Option<Source>,
    /// How gates stand for the artifacts' units. The caller looks them up and adds them.
    pub gates: Vec<GateLine>,
    /// Whether there was more to read than one question does, so that something may be missing.
    pub truncated: bool,
    /// The present.
    pub now: Timestamp,
}

/// What runs as a service in an environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    /// The service.
    pub service: Option<String>,
    /// The environment.
    pub environment: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// Whether that lies in the future, by more than clocks differ.
    pub ahead: bool,
    /// The event that brought it.
    pub event: crate::domain::id::EventId,
    /// The artifact, as its deployment names it.
    pub artifact: Option<Artifact>,
    /// Its place in [`Traced::artifacts`], if it found room there.
    pub place: Option<usize>,
}
