//! What belongs together whatever else is said: the events of a path, of an execution, of its parts.
//! Sets of such events are what the rest of the walk moves about as one.

use std::collections::{BTreeMap, BTreeSet};

use crate::correlate::key::{Edge, KeyKind, LinkKey, Role};
use crate::limits;

use super::known::{Known, Wanted};
use super::node::{Node, Roles, SubjectTie};

/// Sets of events, each known by its lowest position.
#[derive(Debug, Default)]
pub(super) struct Sets(BTreeMap<i64, i64>);

impl Sets {
    /// What the set of this event is known by.
    pub(super) fn root(&self, of: i64) -> i64 {
        let mut at = of;
        while let Some(next) = self.0.get(&at) {
            at = *next;
        }
        at
    }

    /// Makes one set of two.
    pub(super) fn unite(&mut self, one: i64, other: i64) {
        let (low, high) = {
            let (one, other) = (self.root(one), self.root(other));
            (one.min(other), one.max(other))
        };
        if low != high {
            self.0.insert(high, low);
        }
        // What led here leads straight on from now.
        for mut at in [one, other] {
            while let Some(next) = self.0.get(&at).copied() {
                if next == low {
                    break;
                }
                self.0.insert(at, low);
                at = next;
            }
        }
    }
}

/// A tie from an event to the one that it names.
#[derive(Debug, Clone)]
pub(super) struct EventTie {
    pub(super) child: i64,
    pub(super) parent: i64,
    pub(super) role: Role,
    pub(super) key: LinkKey,
    /// Whether the two belong together whatever else is said.
    pub(super) is_strong: bool,
}

/// A strong tie between an event of the run, or without a chain, and one of another chain.
#[derive(Debug, Clone)]
pub(super) struct Touch {
    pub(super) native: i64,
    pub(super) foreign: i64,
    pub(super) key: LinkKey,
    /// Whether the sender said that one is part of the other or follows from it.
    pub(super) is_said: bool,
}

/// The events of a subject.
#[derive(Debug, Default, Clone)]
pub(super) struct Identity {
    pub(super) kind: String,
    pub(super) id: String,
    /// Where the id is unique, if anybody said it.
    pub(super) source: Option<String>,
    /// Each event and what it is to the subject, by position.
    pub(super) events: BTreeSet<(i64, Role)>,
}

/// The sets that the events form, and the ties that formed them.
#[derive(Debug, Default)]
pub(super) struct Bonds {
    /// The chain of the run.
    pub(super) chain: Option<LinkKey>,
    pub(super) sets: Sets,
    pub(super) ties: BTreeMap<LinkKey, Vec<EventTie>>,
    pub(super) touches: BTreeMap<LinkKey, Vec<Touch>>,
    pub(super) identities: BTreeMap<LinkKey, Identity>,
    /// Events whose reference may mean several things, with what they refer to.
    pub(super) unclear: BTreeSet<(i64, String)>,
    /// Ties, child and parent, that may be there by chance.
    pub(super) doubtful: BTreeSet<(i64, i64)>,
    /// References to subjects of which it is not known yet which subject they mean.
    pub(super) open: BTreeSet<(i64, usize)>,
    pub(super) first_of_chain: Option<i64>,
    /// Keys whose events were united, and how many there were.
    pub(super) settled: BTreeMap<LinkKey, usize>,
}

/// What a reference to a subject means.
pub(super) enum Meaning {
    Subject(LinkKey, Option<String>),
    /// More has to be known first.
    Later,
}

impl Bonds {
    pub(super) fn new(chain: Option<LinkKey>) -> Self {
        Self {
            chain,
            ..Self::default()
        }
    }

    /// Whether an event may be part of the same run as others without regard to its chain.
    pub(super) fn is_native(&self, node: &Node) -> bool {
        node.chain.is_none() || node.chain == self.chain
    }

    /// Takes in events that were just read.
    pub(super) fn take(&mut self, known: &Known, fresh: &[i64]) {
        for node in fresh.iter().filter_map(|seq| known.node(*seq)) {
            let seq = node.seq();
            if self.chain.is_some() && node.chain == self.chain {
                let first = *self.first_of_chain.get_or_insert(seq);
                self.sets.unite(first, seq);
            }
            for (at, tie) in node.subjects.iter().enumerate() {
                match tie.identity {
                    Some(identity) => {
                        let source = tie.source.clone();
                        self.enter(identity, node, at, source);
                    }
                    None => {
                        self.open.insert((seq, at));
                    }
                }
            }
        }
    }

    fn enter(&mut self, identity: LinkKey, node: &Node, at: usize, source: Option<String>) {
        let Some(tie) = node.subjects.get(at) else {
            return;
        };
        let known = self.identities.entry(identity).or_default();
        // In whatever order they come, the same is kept: ids may differ in case.
        if known.kind.is_empty() || tie.id < known.id {
            known.kind.clone_from(&tie.kind);
            known.id.clone_from(&tie.id);
        }
        if source.is_some() && (known.source.is_none() || known.source > source) {
            known.source = source;
        }
        known.events.insert((node.seq(), tie.role));
    }

    /// Finds out what references without a source mean. What has to be known for it is wanted; false
    /// as long as that is so.
    pub(super) fn resolve(&mut self, known: &mut Known) -> bool {
        let mut all = true;
        let mut found = Vec::new();
        for (seq, at) in std::mem::take(&mut self.open) {
            match self.meaning(known, seq, at, true) {
                Meaning::Subject(identity, source) => found.push((seq, at, identity, source)),
                Meaning::Later => {
                    all = false;
                    self.open.insert((seq, at));
                }
            }
        }
        self.enter_all(known, found);
        all
    }

    pub(super) fn enter_all(
        &mut self,
        known: &mut Known,
        found: Vec<(i64, usize, LinkKey, Option<String>)>,
    ) {
        for (seq, at, identity, source) in found {
            let tie = known
                .node_mut(seq)
                .and_then(|node| node.subjects.get_mut(at));
            if let Some(tie) = tie {
                tie.identity = Some(identity);
            }
            if let Some(node) = known.node(seq) {
                self.enter(identity, node, at, source);
            }
        }
    }

    /// Its own source is where an id without one is looked for first; then the only source that has
    /// it, or the only one that has it in the same chain. If nobody has it, those who name it from the
    /// same source mean the same, and all do if the id can be no other's.
    pub(super) fn meaning(
        &mut self,
        known: &mut Known,
        seq: i64,
        at: usize,
        may_ask: bool,
    ) -> Meaning {
        let Some((node, tie)) = known
            .node(seq)
            .and_then(|node| Some((node, node.subjects.get(at)?.clone())))
        else {
            return Meaning::Later;
        };
        let chain = node.chain;
        let (exact, anywhere) = (tie.exact, tie.anywhere);
        let own_source = node.facts().source.clone();
        let is_foreign = !self.is_native(node);
        // Events of other chains are not part of the run, and need no looking up.
        let may_ask = may_ask && !is_foreign;
        if may_ask {
            let depth = known.depth(seq);
            for key in exact.into_iter().chain([anywhere]) {
                // Only the key that the subject is known by afterwards stands for the run.
                let bulk = tie.kind == "pipelinerun" && exact == Some(key);
                let wanted = Wanted {
                    bulk,
                    ..wanted(&tie, key)
                };
                known.want(wanted, Roles::default(), depth);
            }
            if exact
                .into_iter()
                .chain([anywhere])
                .any(|key| known.is_pending(key))
            {
                return Meaning::Later;
            }
        }
        if let Some(exact) = exact.filter(|exact| known.is_owned(*exact)) {
            return Meaning::Subject(exact, own_source);
        }
        let floating = if tie.is_unique() || exact.is_none() {
            anywhere
        } else {
            exact.unwrap_or(anywhere)
        };
        let owners: Vec<i64> = known.owners(anywhere).collect();
        let is_crowd = known.is_hub(anywhere) || owners.len() > limits::WALK_NAMESAKES;
        if is_crowd {
            if tie.role == Role::Member {
                self.unclear.insert((seq, tie.shown));
            }
            return Meaning::Subject(floating, None);
        }
        if may_ask {
            known.want_events(owners.iter().copied());
            if known.has_to_read() {
                return Meaning::Later;
            }
        }
        let mut sources: BTreeMap<String, (LinkKey, bool)> = BTreeMap::new();
        for owner in owners.iter().filter_map(|seq| known.node(*seq)) {
            let same = |tie: &&SubjectTie| tie.anywhere == anywhere;
            let own = owner.own().filter(same);
            if let Some((key, source)) =
                own.and_then(|own| Some((own.identity?, own.source.clone()?)))
            {
                let entry = sources.entry(source).or_insert((key, false));
                entry.1 |= chain.is_some() && owner.chain == chain;
            }
        }
        let in_chain: Vec<_> = sources.iter().filter(|(_, (_, same))| *same).collect();
        let only = match (sources.len(), in_chain.as_slice()) {
            (_, [(source, (key, _))]) => Some((*key, (*source).clone())),
            (1, _) => sources
                .iter()
                .next()
                .map(|(source, (key, _))| (*key, source.clone())),
            _ => None,
        };
        match only {
            Some((key, source)) => Meaning::Subject(key, Some(source)),
            None => {
                if !sources.is_empty() && tie.role == Role::Member {
                    self.unclear.insert((seq, tie.shown));
                }
                Meaning::Subject(floating, None)
            }
        }
    }

    /// Wants what belongs together with an event whatever else is said.
    pub(super) fn want_strong(known: &mut Known, seq: i64) {
        let depth = known.depth(seq);
        let Some(node) = known.node(seq) else {
            return;
        };
        let follows = |edge: &&Edge| edge.kind == KeyKind::Event && Roles::PATH.holds(edge.role);
        let edges: Vec<Edge> = node.edges.iter().filter(follows).cloned().collect();
        let ties = strong_ties(node);
        for edge in edges {
            known.want_edge(&edge, Roles::PATH, depth);
        }
        for tie in ties {
            if let Some(identity) = tie.identity {
                known.want(wanted(&tie, identity), Roles::MEMBER, depth);
            }
            if tie.identity != Some(tie.anywhere) {
                let wanted = Wanted {
                    bulk: false,
                    ..wanted(&tie, tie.anywhere)
                };
                known.want(wanted, Roles::default(), depth);
            }
        }
    }

    /// Wants the events that refer to a subject by its id alone, where no other source has that id: only
    /// then they can mean it.
    pub(super) fn want_unqualified(known: &mut Known, seq: i64) {
        let depth = known.depth(seq);
        for tie in known.node(seq).map(strong_ties).unwrap_or_default() {
            let Some(identity) = tie.identity else {
                continue;
            };
            if known.is_hub(tie.anywhere) || known.is_hub(identity) {
                continue;
            }
            let own: BTreeSet<i64> = known.owners(identity).collect();
            if known.owners(tie.anywhere).all(|seq| own.contains(&seq)) {
                known.want(wanted(&tie, tie.anywhere), Roles::MEMBER, depth);
            }
        }
    }

    /// Ties from event to event, by key.
    pub(super) fn ties(&self) -> impl Iterator<Item = &EventTie> {
        self.ties.values().flatten()
    }

    /// Whether two events are tied by what may be chance.
    pub(super) fn is_doubtful(&self, one: i64, other: i64) -> bool {
        self.doubtful.contains(&(one, other)) || self.doubtful.contains(&(other, one))
    }

    /// Ties to events of other chains, by key.
    pub(super) fn touches(&self) -> impl Iterator<Item = &Touch> {
        self.touches.values().flatten()
    }
}

fn strong_ties(node: &Node) -> Vec<SubjectTie> {
    let strong = node.subjects.iter().filter(|tie| tie.is_strong());
    strong.cloned().collect()
}

/// One of a subject's keys. A pipelineRun is the run itself: however many events it has, they are its.
fn wanted(tie: &SubjectTie, key: LinkKey) -> Wanted<'_> {
    Wanted {
        key,
        kind: KeyKind::Subject,
        text: &tie.shown,
        bulk: tie.kind == "pipelinerun",
    }
}
