//! One search: from the events that it starts with to all that belongs with them, and to what is
//! around that, as far as it takes to tell the two apart.

use std::collections::{BTreeMap, BTreeSet};

use crate::correlate::key::{KeyKind, LinkKey};
use crate::domain::unit::Unit;

use super::bonds::{Bonds, Touch};
use super::known::{Known, Wanted};
use super::node::{Node, Roles, SubjectTie};
use super::{Ask, WalkLimits};

/// Microseconds of a second.
pub(super) const SECOND: i64 = 1_000_000;
/// Microseconds of a day.
pub(super) const DAY: i64 = 24 * 3_600 * SECOND;

/// Where a search starts.
#[derive(Debug, Clone)]
pub(super) enum Seeds {
    /// An event: the run that it belongs to is looked for.
    Event(i64),
    /// A chain.
    Chain(LinkKey, String),
    /// What has one of these keys in common: the runs that it touches are looked for.
    Keys(Vec<(LinkKey, KeyKind, String)>),
    /// A unit, likewise.
    Unit(Unit),
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Step {
    Ask(Ask),
    /// It is a chain that is looked for.
    Chain(LinkKey, String),
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Start,
    Strong,
    Weak,
    Done,
}

/// Events that belong together whatever else is said.
#[derive(Debug, Default)]
pub(super) struct Atom {
    /// By position.
    pub(super) nodes: Vec<i64>,
    /// The pipelineRuns that they say they are part of.
    pub(super) runs: BTreeSet<LinkKey>,
    /// The builds.
    pub(super) builds: BTreeSet<LinkKey>,
    /// Another chain that they belong to.
    pub(super) chain: Option<LinkKey>,
    /// Whether they tell only of what runs come from.
    pub(super) is_source: bool,
    /// The first and the last instant.
    pub(super) from: i64,
    pub(super) to: i64,
}

/// A unit whose events were looked at.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    pub(super) unit: Unit,
    /// Where it was looked at.
    pub(super) around: i64,
}

/// One search.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) known: Known,
    pub(super) bonds: Bonds,
    pub(super) seeds: Seeds,
    pub(super) buckets: Vec<Bucket>,
    /// The time in which weak ties are followed.
    pub(super) window: Option<(i64, i64)>,
    pub(super) stage: Stage,
    pub(super) strong_done: BTreeSet<i64>,
    pub(super) weak_done: BTreeSet<i64>,
    pub(super) expanding: Vec<i64>,
    pub(super) levels: usize,
    pub(super) units_done: bool,
    pub(super) bucket_sides: (usize, usize),
    /// Whether it starts from what runs come from, and looks for these runs.
    pub(super) backward: bool,
}

impl Search {
    pub(super) fn new(seeds: Seeds, limits: WalkLimits, focus: Option<i64>) -> Self {
        let chain = match &seeds {
            Seeds::Chain(key, _) => Some(*key),
            _ => None,
        };
        let start = match &seeds {
            Seeds::Event(seq) => Some(*seq),
            _ => None,
        };
        Self {
            known: Known::new(limits, focus.or(start)),
            bonds: Bonds::new(chain),
            seeds,
            buckets: Vec::new(),
            window: None,
            stage: Stage::Start,
            strong_done: BTreeSet::new(),
            weak_done: BTreeSet::new(),
            expanding: Vec::new(),
            levels: 0,
            units_done: false,
            bucket_sides: (0, 0),
            backward: false,
        }
    }

    /// The set that is looked for.
    pub(super) fn core(&self) -> Option<i64> {
        let seed = match &self.seeds {
            Seeds::Event(seq) => Some(*seq).filter(|seq| self.known.node(*seq).is_some()),
            Seeds::Chain(key, _) => {
                let in_chain = |node: &&Node| node.chain == Some(*key);
                self.known.nodes().find(in_chain).map(Node::seq)
            }
            Seeds::Keys(_) | Seeds::Unit(_) => None,
        };
        seed.map(|seed| self.bonds.sets.root(seed))
    }

    /// What comes next.
    pub(super) fn next(&mut self) -> Step {
        loop {
            if let Some(ask) = self.known.next_ask() {
                return Step::Ask(ask);
            }
            let fresh = self.known.take_fresh();
            if let (Seeds::Event(seed), None) = (&self.seeds, self.bonds.chain)
                && fresh.contains(seed)
            {
                self.adopt_chain(*seed);
            }
            self.bonds.take(&self.known, &fresh);
            if !self.bonds.resolve(&mut self.known) && self.known.has_to_ask() {
                continue;
            }
            for seq in &self.expanding {
                Bonds::want_unqualified(&mut self.known, *seq);
            }
            if self.known.has_to_ask() {
                continue;
            }
            for seq in std::mem::take(&mut self.expanding) {
                if let Some(node) = self.known.node(seq) {
                    self.bonds.settle(&self.known, node);
                }
            }
            match self.stage {
                Stage::Start => self.start(),
                Stage::Strong => {
                    if let Some((key, text)) = self.chain_of_core() {
                        return Step::Chain(key, text);
                    }
                    self.strong();
                }
                Stage::Weak => self.weak(),
                Stage::Done => return Step::Done,
            }
        }
    }

    fn start(&mut self) {
        self.stage = match &self.seeds {
            Seeds::Event(_) | Seeds::Chain(..) => Stage::Strong,
            Seeds::Keys(_) | Seeds::Unit(_) => Stage::Weak,
        };
        let most = self.known.limits().events;
        match &self.seeds {
            Seeds::Event(seq) => self.known.want_events([*seq]),
            Seeds::Chain(key, text) => {
                let (key, text) = (*key, text.clone());
                self.want_chain(key, &text);
            }
            Seeds::Keys(keys) => {
                for (key, kind, text) in keys.clone() {
                    let (kind, text) = (kind, text.as_str());
                    self.known.want_newest(Wanted {
                        key,
                        kind,
                        text,
                        bulk: false,
                    });
                }
            }
            Seeds::Unit(unit) => {
                let unit = unit.clone();
                self.units_done = true;
                self.look_into(vec![(unit, i64::MAX)], most / 2, 0);
            }
        }
    }

    fn want_chain(&mut self, key: LinkKey, text: &str) {
        let wanted = Wanted {
            key,
            kind: KeyKind::Chain,
            text,
            bulk: true,
        };
        self.known.want(wanted, Roles::ALL, 0);
    }

    fn look_into(&mut self, units: Vec<(Unit, i64)>, before: usize, after: usize) {
        self.bucket_sides = (before, after);
        self.buckets = units
            .iter()
            .map(|(unit, around)| Bucket {
                unit: unit.clone(),
                around: *around,
            })
            .collect();
        self.known.want_units(units, before, after);
    }

    fn adopt_chain(&mut self, seed: i64) {
        let chain = self.known.node(seed).and_then(|node| {
            let text = node.facts().chain.clone()?;
            Some((node.chain?, text))
        });
        if let Some((key, text)) = chain {
            self.bonds.chain = Some(key);
            self.want_chain(key, &text);
        }
    }

    /// The chain that a core without one turns out to belong to: by what its sender said before what
    /// follows from it, then by time.
    fn chain_of_core(&self) -> Option<(LinkKey, String)> {
        if self.bonds.chain.is_some() {
            return None;
        }
        let core = self.core()?;
        let mut best: Option<(bool, i64, LinkKey, String)> = None;
        for touch in self.bonds.touches() {
            if self.bonds.sets.root(touch.native) != core {
                continue;
            }
            let Some((said, apart, key)) = self.rank_touch(touch) else {
                continue;
            };
            if best
                .as_ref()
                .is_none_or(|(s, a, k, _)| (said, apart, key) < (*s, *a, *k))
            {
                let foreign = self.known.node(touch.foreign);
                let text = foreign.and_then(|node| node.facts().chain.clone());
                best = text.map(|text| (said, apart, key, text));
            }
        }
        best.map(|(_, _, key, text)| (key, text))
    }

    fn rank_touch(&self, touch: &Touch) -> Option<(bool, i64, LinkKey)> {
        let native = self.known.node(touch.native)?;
        let foreign = self.known.node(touch.foreign)?;
        let apart = native.at.saturating_sub(foreign.at).saturating_abs();
        Some((!touch.is_said, apart, foreign.chain?))
    }

    /// The events of a set.
    fn members(&self, root: i64) -> Vec<i64> {
        self.known
            .nodes()
            .filter(|node| self.bonds.is_native(node))
            .map(Node::seq)
            .filter(|seq| self.bonds.sets.root(*seq) == root)
            .collect()
    }

    fn expand(&mut self, seqs: Vec<i64>) {
        for seq in &seqs {
            self.strong_done.insert(*seq);
            Bonds::want_strong(&mut self.known, *seq);
        }
        self.expanding = seqs;
    }

    fn strong(&mut self) {
        let Some(core) = self.core() else {
            self.stage = Stage::Done;
            return;
        };
        let limits = self.known.limits();
        let members = self.members(core);
        let is_full = members.len() > limits.events
            || (members.len() >= limits.events
                && self.known.truncated().any(|why| why == "events"));
        let next: Vec<i64> = members
            .iter()
            .filter(|seq| !self.strong_done.contains(seq))
            .copied()
            .collect();
        if is_full {
            self.known.truncate("events");
            self.stage = Stage::Done;
        } else if next.is_empty() {
            self.stage = Stage::Weak;
            let nodes = || members.iter().filter_map(|seq| self.known.node(*seq));
            self.backward = nodes().all(Node::is_source);
            let (from, to) = span(nodes());
            let days = limits.weak_days.saturating_mul(DAY);
            self.window = Some((from.saturating_sub(days), to.saturating_add(days)));
        } else if self.levels >= limits.levels {
            self.known.truncate("levels");
            self.stage = Stage::Done;
        } else {
            self.levels += 1;
            self.expand(next);
        }
    }

    /// Whether an event is near enough in time for weak ties to mean anything.
    pub(super) fn is_near(&self, node: &Node) -> bool {
        self.window
            .is_none_or(|(from, to)| (from..=to).contains(&node.at))
    }

    /// The sets of the events that were read.
    pub(super) fn atoms(&self) -> BTreeMap<i64, Atom> {
        let mut atoms: BTreeMap<i64, Atom> = BTreeMap::new();
        for node in self.known.nodes().filter(|node| self.bonds.is_native(node)) {
            let root = self.bonds.sets.root(node.seq());
            let atom = atoms.entry(root).or_insert_with(|| Atom {
                is_source: true,
                from: i64::MAX,
                to: i64::MIN,
                ..Atom::default()
            });
            atom.nodes.push(node.seq());
            atom.is_source &= node.is_source();
            atom.from = atom.from.min(node.at);
            atom.to = atom.to.max(node.at);
            let identity = |tie: &SubjectTie| tie.identity.unwrap_or(tie.anywhere);
            let ties = || node.subjects.iter();
            let runs = ties().filter(|tie| tie.names("pipelinerun"));
            atom.runs.extend(runs.map(identity));
            let builds = ties().filter(|tie| tie.names("build"));
            atom.builds.extend(builds.map(identity));
        }
        let mut best: BTreeMap<i64, (bool, i64, LinkKey)> = BTreeMap::new();
        for touch in self.bonds.touches() {
            let root = self.bonds.sets.root(touch.native);
            if let Some(rank) = self.rank_touch(touch) {
                let known = best.entry(root).or_insert(rank);
                *known = (*known).min(rank);
            }
        }
        // The run that is looked for has no other chain than its own.
        let core = self.core();
        for (root, (_, _, chain)) in best.into_iter().filter(|(root, _)| Some(*root) != core) {
            if let Some(atom) = atoms.get_mut(&root) {
                atom.chain = Some(chain);
            }
        }
        atoms
    }

    fn weak(&mut self) {
        let core = self.core();
        let limits = self.known.limits();
        let atoms = self.atoms();
        let mut strong = Vec::new();
        let mut weak = Vec::new();
        for (root, atom) in &atoms {
            let is_core = Some(*root) == core;
            // What belongs to another run is not looked into.
            if !is_core && (atom.chain.is_some() || !atom.runs.is_empty()) {
                continue;
            }
            for seq in &atom.nodes {
                let Some(node) = self.known.node(*seq) else {
                    continue;
                };
                if !is_core && !self.is_near(node) {
                    continue;
                }
                if !is_core && !self.strong_done.contains(seq) {
                    strong.push(*seq);
                }
                if !self.weak_done.contains(seq) {
                    weak.push((*seq, is_core && self.backward));
                }
            }
        }
        if !(strong.is_empty() && weak.is_empty()) {
            if self.levels < limits.levels.saturating_mul(2) {
                self.levels += 1;
                if strong.is_empty() {
                    for (seq, backward) in weak {
                        self.weak_done.insert(seq);
                        self.want_weak(seq, backward);
                    }
                } else {
                    // First what belongs together, so that it is known whose it is before it is gone
                    // on from.
                    self.expand(strong);
                }
                return;
            }
            self.known.truncate("levels");
        }
        if self.units_done || self.bonds.chain.is_some() || core.is_none() {
            self.stage = Stage::Done;
            return;
        }
        self.units_done = true;
        let units = self.units();
        if units.is_empty() {
            self.stage = Stage::Done;
            return;
        }
        // Runs before this one may still have been going on; what belongs to it comes after its start.
        let most = limits.events;
        self.look_into(units, most / 4, most / 2 + most / 4);
    }
}

/// The first and the last instant of events.
pub(super) fn span<'a>(nodes: impl Iterator<Item = &'a Node>) -> (i64, i64) {
    nodes.fold((i64::MAX, i64::MIN), |(from, to), node| {
        (from.min(node.at), to.max(node.at))
    })
}
