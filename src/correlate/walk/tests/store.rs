//! A registry in memory that answers what the walk asks.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use crate::correlate::facts::Recorded;
use crate::correlate::key::{LinkKey, Role, edges};
use crate::correlate::run::Run;
use crate::correlate::walk::{
    Anchor, Ask, Candidate, Found, Given, LinkRow, Scan, Walk, WalkLimits,
};
use crate::domain::unit::Unit;

use super::build::Draft;
use super::sim::Random;

/// Events that are made when they are read: which, and how.
type Imagined = (Range<i64>, Box<dyn Fn(i64) -> Draft>);

#[derive(Default)]
pub(super) struct Store {
    pub(super) events: BTreeMap<i64, Recorded>,
    /// Events that are made when they are read.
    imagined: Option<Imagined>,
    links: HashMap<LinkKey, Vec<(i64, Role)>>,
    units: HashMap<Unit, Vec<i64>>,
}

/// What a walk cost.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Cost {
    pub(super) questions: usize,
    pub(super) rows: usize,
    pub(super) most_rows: usize,
    pub(super) events: usize,
}

impl Store {
    pub(super) fn new(events: Vec<Recorded>) -> Self {
        let mut store = Self::default();
        for event in events {
            for edge in edges(&event.facts) {
                let on = store.links.entry(edge.key).or_default();
                on.push((event.seq, edge.role));
            }
            let of_unit = store.units.entry(event.unit.clone()).or_default();
            of_unit.push(event.seq);
            store.events.insert(event.seq, event);
        }
        for on in store.links.values_mut() {
            on.sort_unstable();
        }
        for seqs in store.units.values_mut() {
            seqs.sort_unstable();
        }
        store
    }

    /// As many events as nobody would hold in memory. All of them have the same keys but for those of
    /// themselves.
    pub(super) fn imagine(&mut self, seqs: Range<i64>, make: impl Fn(i64) -> Draft + 'static) {
        let keys = |seq: i64| -> BTreeSet<(LinkKey, Role)> {
            let edges = edges(&make(seq).record(seq).facts);
            edges
                .into_iter()
                .map(|edge| (edge.key, edge.role))
                .collect()
        };
        let shared = &keys(seqs.start) & &keys(seqs.start + 1);
        for (key, role) in shared {
            self.add_rows(key, seqs.clone().map(|seq| (seq, role)));
        }
        self.imagined = Some((seqs, Box::new(make)));
    }

    pub(super) fn add_rows(&mut self, key: LinkKey, rows: impl Iterator<Item = (i64, Role)>) {
        let on = self.links.entry(key).or_default();
        on.extend(rows);
        on.sort_unstable();
    }

    pub(super) fn count(&self, key: LinkKey) -> usize {
        self.links.get(&key).map_or(0, Vec::len)
    }

    fn event(&self, seq: i64) -> Option<Recorded> {
        self.events.get(&seq).cloned().or_else(|| {
            let (seqs, make) = self.imagined.as_ref()?;
            seqs.contains(&seq).then(|| make(seq).record(seq))
        })
    }

    fn links(&self, ask: &Ask) -> Vec<LinkRow> {
        let Ask::Links {
            keys,
            per_key,
            rows,
            scan,
        } = ask
        else {
            panic!()
        };
        let mut found = Vec::new();
        for key in keys {
            let on = self.links.get(key).map_or(&[][..], Vec::as_slice);
            let of_key: Vec<&(i64, Role)> = match scan {
                Scan::From(from) => {
                    let at = on.partition_point(|(seq, _)| seq < from);
                    on[at..].iter().take(*per_key).collect()
                }
                Scan::Before(to) => {
                    let at = on.partition_point(|(seq, _)| seq < to);
                    on[..at].iter().rev().take(*per_key).collect()
                }
            };
            found.extend(of_key.into_iter().map(|(seq, role)| LinkRow {
                key: *key,
                seq: *seq,
                role: *role,
            }));
        }
        found.truncate(*rows);
        found
    }

    fn unit_events(&self, units: &[(Unit, i64)], before: usize, after: usize) -> Vec<i64> {
        let mut found = Vec::new();
        for (unit, around) in units {
            let seqs = self.units.get(unit).map_or(&[][..], Vec::as_slice);
            let older = seqs.iter().rev().filter(|seq| *seq < around);
            found.extend(older.take(before));
            let newer = seqs.iter().filter(|seq| *seq >= around);
            found.extend(newer.take(after));
        }
        found
    }

    /// Answers a walk to its end, in an order that depends on the seed.
    pub(super) fn walk(&self, anchor: &Anchor, limits: WalkLimits, seed: u64) -> (Found, Cost) {
        self.walk_until(anchor, limits, seed, usize::MAX)
    }

    /// The same, stopped after so many questions.
    pub(super) fn walk_until(
        &self,
        anchor: &Anchor,
        limits: WalkLimits,
        seed: u64,
        most: usize,
    ) -> (Found, Cost) {
        let mut random = Random(seed);
        let mut walk = Walk::new(anchor, limits);
        let mut cost = Cost::default();
        loop {
            if cost.questions == most {
                walk.stop("time");
            }
            let Some(ask) = walk.ask() else {
                return (walk.finish(), cost);
            };
            assert_eq!(
                walk.ask().as_ref(),
                Some(&ask),
                "the question stands until it is answered"
            );
            cost.questions += 1;
            assert!(cost.questions < 5_000, "it comes to an end");
            match &ask {
                Ask::Links { keys, .. } => {
                    let distinct: BTreeSet<_> = keys.iter().collect();
                    assert_eq!(distinct.len(), keys.len());
                    let mut rows = self.links(&ask);
                    cost.rows += rows.len();
                    cost.most_rows = cost.most_rows.max(rows.len());
                    random.shuffle(&mut rows);
                    walk.give(Given::Links(rows));
                }
                Ask::Events { seqs } => {
                    assert!(seqs.is_sorted() && !seqs.is_empty());
                    let found = seqs.iter().filter_map(|seq| self.event(*seq));
                    let mut found: Vec<Recorded> = found.collect();
                    cost.events += found.len();
                    random.shuffle(&mut found);
                    walk.give(Given::Events(found));
                }
                Ask::UnitEvents {
                    units,
                    before,
                    after,
                } => {
                    let mut found = self.unit_events(units, *before, *after);
                    random.shuffle(&mut found);
                    walk.give(Given::Positions(found));
                }
            }
        }
    }

    pub(super) fn find(&self, anchor: &Anchor) -> Found {
        self.walk(anchor, WalkLimits::default(), 1).0
    }

    /// The run of an anchor.
    pub(super) fn run(&self, anchor: &Anchor) -> Run {
        match self.find(anchor) {
            Found::Run(run) => *run,
            other => panic!("{anchor:?}: {other:?}"),
        }
    }

    /// The run of an event.
    pub(super) fn run_of(&self, seq: i64) -> Run {
        self.run(&Anchor::Event(seq))
    }

    pub(super) fn candidates(&self, anchor: &Anchor) -> Vec<Candidate> {
        match self.find(anchor) {
            Found::Candidates { runs, .. } => runs,
            other => panic!("{anchor:?}: {other:?}"),
        }
    }
}

pub(super) fn seqs(run: &Run) -> BTreeSet<i64> {
    run.members.iter().map(|member| member.event.seq).collect()
}

/// The positions in the order of the run.
pub(super) fn order(run: &Run) -> Vec<i64> {
    run.members.iter().map(|member| member.event.seq).collect()
}

pub(super) fn codes(run: &Run) -> Vec<&'static str> {
    run.remarks.iter().map(|remark| remark.code).collect()
}

pub(super) fn related(run: &Run) -> Vec<(i64, &'static str)> {
    let related = run.related.iter();
    related.map(|other| (other.event.seq, other.why)).collect()
}
