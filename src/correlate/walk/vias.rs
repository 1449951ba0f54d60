//! By which way each event of a run is reached: from the event that was asked about, over the strongest
//! ties first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use crate::correlate::key::{KeyKind, LinkKey, Role};
use crate::correlate::run::{Confidence, Via};

use super::node::{Node, is_execution, is_source};
use super::owners::{Owners, Standing};

/// The words for ties.
pub(super) mod ties_of {
    pub(in crate::correlate::walk) const UNIT: &str = "unit";
    pub(in crate::correlate::walk) const RUN: &str = "run";
    pub(in crate::correlate::walk) const LINKS: [&str; 5] =
        ["path", "end", "cause", "link", "relation"];
    pub(in crate::correlate::walk) const PARTS: [&str; 2] = ["member", "subject"];
}

/// What a tie is worth; the strongest comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Strong,
    Relation,
    Digest,
    Artifact,
    Subject,
    /// It may be there by chance.
    Doubtful,
    Unit,
    /// It is known to belong, but not by which way.
    Unknown,
}

/// A step to an event: ordered by what it is worth, then by how far it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    class: Class,
    depth: usize,
    place: usize,
    seq: i64,
    from: i64,
    tie: &'static str,
    key: String,
}

/// The ways to the events of a run.
pub(super) struct Vias {
    found: BTreeMap<i64, (usize, Via)>,
}

struct Walker<'a> {
    owners: &'a Owners<'a>,
    places: &'a BTreeMap<i64, usize>,
    /// Ties from event to event, by event.
    events: BTreeMap<i64, Vec<(i64, &'static str, LinkKey, Class)>>,
    done: BTreeSet<(LinkKey, Class)>,
    heap: BinaryHeap<Reverse<Step>>,
}

impl Vias {
    /// Finds the ways from an event to all others.
    pub(super) fn find(owners: &Owners<'_>, places: &BTreeMap<i64, usize>, root: i64) -> Self {
        let mut walker = Walker::new(owners, places);
        let mut found: BTreeMap<i64, (usize, Via)> = BTreeMap::new();
        let anchor = Via {
            tie: "anchor",
            key: String::new(),
            from: None,
            confidence: walker.standing(root),
        };
        found.insert(root, (0, anchor));
        walker.expand(root, 0);
        loop {
            while let Some(Reverse(step)) = walker.heap.pop() {
                if found.contains_key(&step.seq) {
                    continue;
                }
                let way = found.get(&step.from).map(|(_, via)| via.confidence);
                let own = match step.class {
                    Class::Strong | Class::Relation => Confidence::High,
                    Class::Digest | Class::Artifact | Class::Subject | Class::Unknown => {
                        Confidence::Medium
                    }
                    Class::Unit if walker.is_given(step.seq) => Confidence::Medium,
                    Class::Unit | Class::Doubtful => Confidence::Low,
                };
                let via = Via {
                    tie: step.tie,
                    key: step.key,
                    from: Some(step.from),
                    confidence: own
                        .max(way.unwrap_or(Confidence::High))
                        .max(walker.standing(step.seq)),
                };
                let rank = found.len();
                found.insert(step.seq, (rank, via));
                walker.expand(step.seq, step.depth + 1);
            }
            // What is left was found by ties of events that are not part of it.
            let left = places
                .iter()
                .filter(|(seq, _)| !found.contains_key(seq))
                .min_by_key(|(_, place)| **place);
            let Some((seq, place)) = left else { break };
            walker.heap.push(Reverse(Step {
                class: Class::Unknown,
                depth: usize::MAX / 2,
                place: *place,
                seq: *seq,
                from: root,
                tie: ties_of::RUN,
                key: String::new(),
            }));
        }
        Self { found }
    }

    /// How early it was reached.
    pub(super) fn rank(&self, seq: i64) -> usize {
        self.found.get(&seq).map_or(usize::MAX, |(rank, _)| *rank)
    }

    /// The way to an event; one of another chain is worth less than what led to it.
    pub(super) fn take(&mut self, seq: i64, is_foreign: bool) -> Via {
        let found = self.found.remove(&seq);
        let mut via = found.map_or_else(
            || Via {
                tie: "anchor",
                key: String::new(),
                from: None,
                confidence: Confidence::Low,
            },
            |(_, via)| via,
        );
        if is_foreign {
            via.confidence = via.confidence.max(Confidence::Medium);
        }
        via
    }
}

impl<'a> Walker<'a> {
    fn new(owners: &'a Owners<'a>, places: &'a BTreeMap<i64, usize>) -> Self {
        let bonds = &owners.search.bonds;
        let mut events: BTreeMap<i64, Vec<(i64, &'static str, LinkKey, Class)>> = BTreeMap::new();
        let mut add = |one: i64, other: i64, tie: &'static str, key: LinkKey, strong: bool| {
            let class = match strong {
                _ if bonds.is_doubtful(one, other) => Class::Doubtful,
                true => Class::Strong,
                false => Class::Relation,
            };
            for (from, to) in [(one, other), (other, one)] {
                events.entry(from).or_default().push((to, tie, key, class));
            }
        };
        for tie in bonds.ties() {
            let word = match tie.role {
                Role::Path => "path",
                Role::End => "end",
                Role::Cause => "cause",
                Role::LinkFrom | Role::LinkTo => "link",
                _ => "relation",
            };
            add(tie.child, tie.parent, word, tie.key, tie.is_strong);
        }
        for touch in bonds.touches().filter(|touch| touch.is_said) {
            add(touch.native, touch.foreign, "member", touch.key, true);
        }
        Self {
            owners,
            places,
            events,
            done: BTreeSet::new(),
            heap: BinaryHeap::new(),
        }
    }

    fn node(&self, seq: i64) -> Option<&'a Node> {
        self.owners.search.known.node(seq)
    }

    /// How sure it is that it belongs to the run, by how it was given to it.
    fn standing(&self, seq: i64) -> Confidence {
        let root = self.owners.search.bonds.sets.root(seq);
        match self.owners.standing(root) {
            Some(Standing::Owned(_, confidence)) => confidence,
            _ => Confidence::High,
        }
    }

    /// Whether it is known whose it is.
    fn is_given(&self, seq: i64) -> bool {
        let root = self.owners.search.bonds.sets.root(seq);
        matches!(self.owners.standing(root), Some(Standing::Owned(..)))
    }

    fn push(
        &mut self,
        class: Class,
        depth: usize,
        from: i64,
        to: i64,
        tie: &'static str,
        key: &str,
    ) {
        let Some(place) = self.places.get(&to).filter(|_| to != from) else {
            return;
        };
        self.heap.push(Reverse(Step {
            class,
            depth,
            place: *place,
            seq: to,
            from,
            tie,
            key: key.to_owned(),
        }));
    }

    fn expand(&mut self, seq: i64, depth: usize) {
        let Some(node) = self.node(seq) else { return };
        let owners = self.owners;
        let known = &owners.search.known;
        if let Some(chain) = node.chain
            && self.done.insert((chain, Class::Strong))
        {
            let text = node.facts().chain.clone().unwrap_or_default();
            let places = self.places;
            let same = places.keys().filter_map(|seq| known.node(*seq));
            for other in same.filter(|other| other.chain == Some(chain)) {
                self.push(Class::Strong, depth, seq, other.seq(), "chain", &text);
            }
        }
        for (other, tie, key, class) in self.events.remove(&seq).unwrap_or_default() {
            let text = self.text(seq, other, key);
            self.push(class, depth, seq, other, tie, &text);
        }
        for tie in &node.subjects {
            let Some(identity) = tie.identity else {
                continue;
            };
            if self.done.insert((identity, Class::Strong)) {
                self.subject(seq, depth, identity, tie.is_strong(), &tie.shown);
            }
        }
        for edge in &node.edges {
            let (class, word) = match edge.kind {
                KeyKind::Event if edge.role == Role::Own => (Class::Strong, "event"),
                KeyKind::Digest => (Class::Digest, "digest"),
                KeyKind::Artifact => (Class::Artifact, "artifact"),
                KeyKind::Commit => (Class::Subject, "commit"),
                KeyKind::Resource => (Class::Subject, "resource"),
                _ => continue,
            };
            if !self.done.insert((edge.key, class)) {
                continue;
            }
            for (other, role) in known.on(edge.key) {
                let Some(to) = known.node(*other) else {
                    continue;
                };
                let is_tie = match edge.kind {
                    KeyKind::Event => *role == Role::Own && super::settle::same_event(node, to),
                    KeyKind::Commit => node.same_commit(edge.key, to),
                    _ => true,
                };
                if is_tie {
                    self.push(class, depth, seq, *other, word, &edge.text);
                }
            }
        }
        let unit = LinkKey(node.event.unit.key());
        let looked = owners.search.buckets.iter();
        let mut looked = looked.filter(|bucket| bucket.unit == node.event.unit);
        if looked.next().is_some() && self.done.insert((unit, Class::Unit)) {
            let text = node.event.unit.path();
            let places = self.places;
            let same = places.keys().filter_map(|seq| known.node(*seq));
            // Where there is a run, the unit leads to what was given to it for its sake alone.
            let has_run = owners.core.is_some_and(|core| self.is_given(core));
            let same: Vec<&Node> = same
                .filter(|other| other.event.unit == node.event.unit)
                .filter(|other| !has_run || self.is_given(other.seq()))
                .collect();
            for other in same {
                self.push(Class::Unit, depth, seq, other.seq(), ties_of::UNIT, &text);
            }
        }
    }

    /// The text of the key that two events have in common.
    fn text(&self, one: i64, other: i64, key: LinkKey) -> String {
        let nodes = [one, other].into_iter().filter_map(|seq| self.node(seq));
        for node in nodes {
            if let Some(edge) = node.edges.iter().find(|edge| edge.key == key) {
                return edge.text.clone();
            }
            if let Some(tie) = node.subjects.iter().find(|tie| tie.identity == Some(key)) {
                return tie.shown.clone();
            }
        }
        String::new()
    }

    fn subject(&mut self, seq: i64, depth: usize, key: LinkKey, is_strong: bool, text: &str) {
        let Some(identity) = self.owners.search.bonds.identities.get(&key) else {
            return;
        };
        let part = |role: &Role| matches!(role, Role::Own | Role::Member);
        let is_member = |seq: i64| identity.events.contains(&(seq, Role::Member));
        let from_member = is_member(seq);
        for (other, role) in &identity.events {
            let (class, tie) = if is_strong && part(role) {
                let member = from_member || *role == Role::Member;
                (Class::Strong, if member { "member" } else { "subject" })
            } else if is_execution(&identity.kind) {
                (Class::Relation, "relation")
            } else if is_source(&identity.kind) {
                (Class::Subject, "change")
            } else {
                (Class::Subject, "related subject")
            };
            self.push(class, depth, seq, *other, tie, text);
        }
    }
}
