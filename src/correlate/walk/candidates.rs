//! Several runs that have to do with what was asked about: enough of each to choose one.

use std::collections::{BTreeMap, BTreeSet};

use crate::correlate::key::{KeyKind, LinkKey};
use crate::domain::run::RunName;
use crate::domain::time::Timestamp;
use crate::limits;

use super::known::{Known, Wanted};
use super::node::{Node, Roles};
use super::owners::{Head, Owners, Place};
use super::search::span;
use super::{Ask, Candidate, Found};

/// A run that may be meant.
#[derive(Debug)]
struct Draft {
    name: Option<RunName>,
    seed: i64,
    /// What its events have in common.
    key: Option<(LinkKey, KeyKind)>,
    /// Those that are known.
    seen: Vec<i64>,
}

/// Runs that may be meant, while it is looked how long they are.
#[derive(Debug)]
pub(super) struct Counting {
    drafts: Vec<Draft>,
    left_out: usize,
    stage: u8,
}

/// An event of a run, or of what is none, to go on from.
pub(super) fn seed(owners: &Owners<'_>, place: Place) -> Option<i64> {
    match place {
        Place::Owner(owner) => owners.list.get(owner).map(|owner| owner.seed),
        Place::Group(_) => place_nodes(owners, place).first().copied(),
        Place::Source(root) => owners.atoms.get(&root)?.nodes.first().copied(),
    }
}

/// The events of a run, or of a set that is none, as far as they are known.
fn place_nodes(owners: &Owners<'_>, place: Place) -> Vec<i64> {
    let nodes = owners.search.known.nodes().map(Node::seq);
    nodes
        .filter(|seq| owners.own_place(*seq) == Some(place))
        .collect()
}

impl Counting {
    pub(super) fn new(owners: &Owners<'_>, places: &BTreeSet<Place>) -> Self {
        let known = &owners.search.known;
        let mut drafts: Vec<(i64, Draft)> = Vec::new();
        for place in places {
            let Some(seed) = seed(owners, *place) else {
                continue;
            };
            let draft = match place {
                Place::Owner(owner) => {
                    let name = owners.name_of(*owner);
                    let all = place_nodes(owners, *place);
                    let Some(owner) = owners.list.get(*owner) else {
                        continue;
                    };
                    let key = match owner.head {
                        Head::Chain(key) => (key, KeyKind::Chain),
                        Head::Run(key) | Head::Build(key) => (key, KeyKind::Subject),
                    };
                    Draft {
                        name,
                        seed,
                        key: Some(key),
                        seen: all,
                    }
                }
                Place::Group(_) => Draft {
                    name: None,
                    seed,
                    key: None,
                    seen: place_nodes(owners, *place),
                },
                Place::Source(_) => Draft {
                    name: None,
                    seed,
                    key: None,
                    seen: vec![seed],
                },
            };
            let nodes = draft.seen.iter().filter_map(|seq| known.node(*seq));
            let (_, to) = span(nodes);
            drafts.push((to, draft));
        }
        drafts.sort_by_key(|(to, draft)| std::cmp::Reverse((*to, draft.seed)));
        let left_out = drafts.len().saturating_sub(limits::WALK_CANDIDATES);
        drafts.truncate(limits::WALK_CANDIDATES);
        Self {
            drafts: drafts.into_iter().map(|(_, draft)| draft).collect(),
            left_out,
            stage: 0,
        }
    }

    /// What has to be read next.
    pub(super) fn next(&mut self, known: &mut Known) -> Option<Ask> {
        loop {
            if let Some(ask) = known.next_ask() {
                return Some(ask);
            }
            self.stage += 1;
            match self.stage {
                1 => {
                    for (key, kind) in self.drafts.iter().filter_map(|draft| draft.key) {
                        let wanted = Wanted {
                            key,
                            kind,
                            text: "",
                            bulk: true,
                        };
                        known.want(wanted, Roles::default(), 0);
                    }
                }
                2 => {
                    let keys = self.drafts.iter().filter_map(|draft| draft.key);
                    let ends: Vec<i64> = keys
                        .filter_map(|(key, _)| known.span(key))
                        .flat_map(|(first, last, _)| [first, last])
                        .collect();
                    known.want_events(ends);
                }
                _ => return None,
            }
        }
    }

    /// The runs.
    pub(super) fn finish(self, known: &Known, stopped: Option<&'static str>) -> Found {
        let mut runs: Vec<Candidate> = self
            .drafts
            .into_iter()
            .map(|draft| {
                let counted = draft.key.and_then(|(key, _)| known.span(key));
                let ends = counted.map(|(first, last, _)| [first, last]);
                let seqs: BTreeSet<i64> = draft
                    .seen
                    .iter()
                    .copied()
                    .chain(ends.into_iter().flatten())
                    .collect();
                let nodes: BTreeMap<i64, &Node> = seqs
                    .iter()
                    .filter_map(|seq| Some((*seq, known.node(*seq)?)))
                    .collect();
                let (from, to) = span(nodes.values().copied());
                let count = counted.map_or(0, |(.., count)| count);
                Candidate {
                    name: draft.name,
                    seq: draft.seed,
                    from: Timestamp::from_micros(from),
                    to: Timestamp::from_micros(to),
                    events: count.max(draft.seen.len()),
                    more: draft.key.is_some_and(|(key, _)| known.has_more(key)),
                }
            })
            .collect();
        runs.sort_by_key(|run| std::cmp::Reverse((run.to, run.seq)));
        let mut truncated: Vec<&'static str> = known.truncated().collect();
        truncated.extend(stopped);
        Found::Candidates {
            runs,
            left_out: self.left_out,
            truncated,
            hubs: known.hubs(),
        }
    }
}
