//! Whose it is: which of the sets that were found belong to which run.
//!
//! Sets that name a chain or a pipelineRun are runs; those that name a build are runs as well, unless
//! a run of the first kind claims them. The others are given to them, by what says it most clearly
//! first: a relation that a sender named, an artifact, another subject; the unit comes last
//! ([`super::slice`]). What several runs could claim alike goes by time, and where they overlap to none.

use std::collections::{BTreeMap, BTreeSet};

use crate::correlate::key::{LinkKey, Role};
use crate::correlate::run::Confidence;
use crate::limits;

use super::bonds::{Identity, Sets};
use super::node::{Node, is_execution};
use super::search::{Atom, SECOND, Search, span};
use super::sources::{SourceKey, source_keys};

/// Microseconds by which an event may precede its run, or follow it.
pub(super) const LEAD: i64 = limits::WALK_LEAD_SECONDS * SECOND;

/// A run, as far as it was seen.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    /// By what it is known.
    pub(super) head: Head,
    /// An event of it.
    pub(super) seed: i64,
    /// Its first and last instant.
    pub(super) from: i64,
    pub(super) to: i64,
    /// The events that make it up.
    pub(super) core: Vec<i64>,
}

/// By what a run is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    Chain(LinkKey),
    Run(LinkKey),
    Build(LinkKey),
}

/// Whose a set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    Owned(usize, Confidence),
    /// It may be any of these.
    Unclear(BTreeSet<usize>),
}

/// Where an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Owner(usize),
    /// A set that is no run's, or not known to be one's.
    Group(i64),
    /// Something that runs come from.
    Source(i64),
}

/// Whose each set is.
#[derive(Debug)]
pub(super) struct Owners<'a> {
    pub(super) search: &'a Search,
    pub(super) atoms: BTreeMap<i64, Atom>,
    pub(super) list: Vec<Owner>,
    pub(super) of: BTreeMap<i64, Standing>,
    /// Runs that turned out to be parts of others.
    pub(super) part_of: BTreeMap<usize, Standing>,
    pub(super) groups: Sets,
    /// What runs come from, and who says so.
    pub(super) sources: Vec<SourceKey>,
    chains: BTreeMap<LinkKey, usize>,
    pub(super) core: Option<i64>,
}

/// The runs that have to do with something, the most telling ones.
#[derive(Debug, Default, Clone)]
pub(super) struct Claims {
    pub(super) rank: u8,
    pub(super) owners: BTreeSet<usize>,
}

impl Claims {
    pub(super) fn add(&mut self, rank: u8, owner: usize) {
        if self.owners.is_empty() || rank < self.rank {
            self.owners = BTreeSet::from([owner]);
            self.rank = rank;
        } else if rank == self.rank {
            self.owners.insert(owner);
        }
    }
}

impl<'a> Owners<'a> {
    /// Finds out whose each set is.
    pub(super) fn find(search: &'a Search) -> Self {
        let core = search.core();
        let mut atoms = search.atoms();
        // What is too far away in time is none of this.
        atoms.retain(|root, atom| {
            let near = |seq: &i64| {
                let node = search.known.node(*seq);
                node.is_some_and(|node| search.is_near(node))
            };
            Some(*root) == core || atom.nodes.iter().any(near)
        });
        let mut owners = Self {
            search,
            atoms,
            list: Vec::new(),
            of: BTreeMap::new(),
            part_of: BTreeMap::new(),
            groups: Sets::default(),
            sources: Vec::new(),
            chains: BTreeMap::new(),
            core,
        };
        let is_own = |seq: i64| {
            let node = search.known.node(seq);
            node.is_some_and(|node| owners.is_source(node))
        };
        owners.sources = source_keys(search, is_own);
        owners.heads();
        owners.relations();
        owners.builds();
        for _ in 0..search.known.limits().weak_steps {
            let before = owners.of.len();
            owners.artifacts();
            owners.subjects();
            if owners.of.len() == before {
                break;
            }
        }
        owners.slice_units();
        owners
    }

    pub(super) fn add(&mut self, head: Head, core: Vec<i64>) -> usize {
        let nodes = core.iter().filter_map(|seq| self.search.known.node(*seq));
        let (from, to) = span(nodes);
        self.list.push(Owner {
            head,
            seed: core.first().copied().unwrap_or_default(),
            from,
            to,
            core,
        });
        self.list.len() - 1
    }

    /// What names a chain or a pipelineRun is a run.
    fn heads(&mut self) {
        let (known, bonds) = (&self.search.known, &self.search.bonds);
        let mut chains: BTreeMap<LinkKey, Vec<i64>> = BTreeMap::new();
        for node in known.nodes().filter(|node| !bonds.is_native(node)) {
            if let Some(chain) = node.chain {
                chains.entry(chain).or_default().push(node.seq());
            }
        }
        for (chain, nodes) in chains {
            let owner = self.add(Head::Chain(chain), nodes);
            self.chains.insert(chain, owner);
        }
        let mut heads = Vec::new();
        for (root, atom) in &self.atoms {
            let is_core = Some(*root) == self.core;
            if let Some(owner) = atom.chain.and_then(|chain| self.chains.get(&chain)) {
                self.of
                    .insert(*root, Standing::Owned(*owner, Confidence::High));
            } else if let Some(chain) = bonds.chain.filter(|_| is_core) {
                heads.push((*root, Head::Chain(chain), atom.nodes.clone()));
            } else if let Some(run) = atom.runs.first() {
                heads.push((*root, Head::Run(*run), atom.nodes.clone()));
            }
        }
        for (root, head, nodes) in heads {
            let owner = self.add(head, nodes);
            self.of
                .insert(root, Standing::Owned(owner, Confidence::High));
        }
    }

    /// Where an event stands; nowhere if it is too far away, or that cannot be told.
    pub(super) fn place(&self, seq: i64) -> Option<Place> {
        let node = self.search.known.node(seq)?;
        if !self.search.bonds.is_native(node) {
            let owner = self.chains.get(&node.chain?)?;
            return Some(Place::Owner(*owner));
        }
        self.place_of(self.search.bonds.sets.root(seq))
    }

    /// The same, whatever else it may be part of.
    pub(super) fn own_place(&self, seq: i64) -> Option<Place> {
        let place = self.place(seq);
        let root = self.search.bonds.sets.root(seq);
        if place.is_some() || !self.atoms.contains_key(&root) {
            return place;
        }
        let group = self.groups.root(root);
        match self.of.get(&root).or_else(|| self.of.get(&group)) {
            Some(Standing::Owned(owner, _)) => Some(Place::Owner(*owner)),
            _ => Some(Place::Group(group)),
        }
    }

    /// Where a set stands.
    pub(super) fn place_of(&self, root: i64) -> Option<Place> {
        let atom = self.atoms.get(&root)?;
        match self.standing(root) {
            Some(Standing::Owned(owner, _)) => Some(Place::Owner(owner)),
            Some(Standing::Unclear(_)) => None,
            None if atom.is_source => Some(Place::Source(root)),
            None => Some(Place::Group(self.groups.root(root))),
        }
    }

    /// Whether an event tells only of what runs come from.
    fn is_source(&self, node: &Node) -> bool {
        let atom = self.atoms.get(&self.search.bonds.sets.root(node.seq()));
        self.search.bonds.is_native(node)
            && atom.is_some_and(|atom| atom.is_source && atom.chain.is_none())
    }

    /// What belongs to the run that is looked for: the events that are known of it.
    pub(super) fn members(&self) -> BTreeSet<i64> {
        let Some(core) = self.core else {
            return BTreeSet::new();
        };
        let (place, own) = (self.place_of(core), self.own_place(core));
        let mut members: BTreeSet<i64> = BTreeSet::new();
        for (root, atom) in &self.atoms {
            // What cannot be told whose it is is still together with what it is known to be part of.
            let is_together = match place {
                Some(_) => self.place_of(*root) == place,
                None => self.place_of(*root).is_none() && self.own_place(*root) == own,
            };
            if *root == core || is_together {
                members.extend(&atom.nodes);
            }
        }
        self.add_sources(&mut members);
        members
    }

    /// Whose a set is, if that is known.
    pub(super) fn standing(&self, root: i64) -> Option<Standing> {
        let own = self
            .of
            .get(&root)
            .or_else(|| self.of.get(&self.groups.root(root)))?;
        match own {
            Standing::Owned(owner, confidence) => match self.part_of.get(owner) {
                Some(Standing::Owned(whole, by)) => {
                    Some(Standing::Owned(*whole, *by.max(confidence)))
                }
                Some(unclear) => Some(unclear.clone()),
                None => Some(own.clone()),
            },
            Standing::Unclear(_) => Some(own.clone()),
        }
    }

    /// The sets of each group that is no run's.
    pub(super) fn free(&self) -> BTreeMap<i64, Vec<i64>> {
        let mut free: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for root in self.atoms.keys() {
            if let Some(Place::Group(group)) = self.place_of(*root) {
                free.entry(group).or_default().push(*root);
            }
        }
        free
    }

    pub(super) fn nodes_of<'b>(&'b self, roots: &'b [i64]) -> impl Iterator<Item = &'a Node> + 'b {
        let atoms = roots.iter().filter_map(|root| self.atoms.get(root));
        atoms
            .flat_map(|atom| &atom.nodes)
            .filter_map(|seq| self.search.known.node(*seq))
    }

    /// Of several runs the last that had begun at that time, if no other was still going on.
    fn by_time(&self, owners: &BTreeSet<usize>, at: i64) -> Option<Standing> {
        let spans = owners.iter().filter_map(|owner| {
            let known = self.list.get(*owner)?;
            Some((*owner, known.from, known.to))
        });
        by_time(spans, at, LEAD)
    }

    pub(super) fn decide(&mut self, group: i64, owners: &BTreeSet<usize>, at: i64, by: Confidence) {
        let standing = match owners.first() {
            Some(only) if owners.len() == 1 => Some(Standing::Owned(*only, by)),
            _ => self.by_time(owners, at),
        };
        if let Some(standing) = standing {
            self.of.insert(group, standing);
        }
    }

    /// When the events of a group are about.
    pub(super) fn time_of<'b>(nodes: impl Iterator<Item = &'b Node>) -> i64 {
        let (mut own, mut any) = (i64::MAX, i64::MAX);
        for node in nodes {
            any = any.min(node.at);
            // A change may have waited for long.
            if !node.is_source() {
                own = own.min(node.at);
            }
        }
        if own == i64::MAX { any } else { own }
    }

    /// What senders say is related.
    pub(super) fn relations(&mut self) {
        let search = self.search;
        let ties = search.bonds.ties().filter(|tie| !tie.is_strong);
        let mut pairs: Vec<(i64, i64)> = ties.map(|tie| (tie.child, tie.parent)).collect();
        for identity in search.bonds.identities.values() {
            pairs.extend(Self::related_subject(identity));
        }
        let (doubtful, sure): (Vec<_>, Vec<_>) = pairs
            .into_iter()
            .partition(|(child, parent)| search.bonds.is_doubtful(*child, *parent));
        self.relate(sure, Confidence::High);
        self.relate(doubtful, Confidence::Low);
    }

    /// Gives to runs what is related to them.
    fn relate(&mut self, pairs: Vec<(i64, i64)>, by: Confidence) {
        let mut claims: Vec<(i64, u8, usize)> = Vec::new();
        for (child, parent) in pairs {
            match (self.place(child), self.place(parent)) {
                (Some(Place::Group(one)), Some(Place::Group(other))) => {
                    self.groups.unite(one, other);
                }
                // What an event says it is related to tells more than what is said to be to it: runs
                // name what they were started by.
                (Some(Place::Group(group)), Some(Place::Owner(owner))) => {
                    claims.push((group, 0, owner));
                }
                (Some(Place::Owner(owner)), Some(Place::Group(group))) => {
                    claims.push((group, 1, owner));
                }
                _ => {}
            }
        }
        let mut by_group: BTreeMap<i64, Claims> = BTreeMap::new();
        for (group, rank, owner) in claims {
            let group = self.groups.root(group);
            by_group.entry(group).or_default().add(rank, owner);
        }
        self.decide_all(by_group, by);
    }

    /// Who refers to an execution without being part of it, with an event of that.
    fn related_subject(identity: &Identity) -> Vec<(i64, i64)> {
        let events = &identity.events;
        let is_part = |role: &Role| matches!(role, Role::Own | Role::Member);
        let parent = events.iter().find(|(_, role)| is_part(role));
        let Some((parent, _)) = parent.filter(|_| is_execution(&identity.kind)) else {
            return Vec::new();
        };
        let others = events.iter().filter(|(_, role)| !is_part(role));
        others.map(|(child, _)| (*child, *parent)).collect()
    }

    pub(super) fn decide_all(&mut self, claims: BTreeMap<i64, Claims>, by: Confidence) {
        let free = self.free();
        for (group, claims) in claims {
            if let Some(roots) = free.get(&group) {
                let at = Self::time_of(self.nodes_of(roots));
                self.decide(group, &claims.owners, at, by);
            }
        }
    }
}

/// Of several runs the last that had begun at that time; if others were still going on, or ended within
/// `grace` before it, it may be any of these.
pub(super) fn by_time(
    spans: impl Iterator<Item = (usize, i64, i64)>,
    at: i64,
    grace: i64,
) -> Option<Standing> {
    let begun: Vec<(usize, i64, i64)> = spans
        .filter(|(_, from, _)| from.saturating_sub(LEAD) <= at)
        .collect();
    let last = begun
        .iter()
        .max_by_key(|(owner, from, _)| (*from, *owner))?;
    let others = begun
        .iter()
        .filter(|(owner, _, to)| *owner != last.0 && to.saturating_add(grace) >= at);
    let mut unclear: BTreeSet<usize> = others.map(|(owner, ..)| *owner).collect();
    if unclear.is_empty() {
        return Some(Standing::Owned(last.0, Confidence::Low));
    }
    unclear.insert(last.0);
    Some(Standing::Unclear(unclear))
}
