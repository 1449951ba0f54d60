//! What runs come from: changes, branches, repositories. A change belongs to each run that came from
//! it, and no run leads through it to another one.

use std::collections::{BTreeMap, BTreeSet};

use crate::correlate::key::{KeyKind, LinkKey, Role};

use super::node::is_source;
use super::owners::{Owners, Place};
use super::search::Search;

/// What has the same source.
#[derive(Debug)]
pub(super) struct SourceKey {
    /// Its own events.
    pub(super) sources: Vec<i64>,
    /// Events that name it.
    pub(super) others: Vec<i64>,
}

/// All sources and who names them.
pub(super) fn source_keys(search: &Search, is_own: impl Fn(i64) -> bool) -> Vec<SourceKey> {
    let (known, bonds) = (&search.known, &search.bonds);
    let mut found = Vec::new();
    let mut add = |seqs: BTreeSet<i64>| {
        let (sources, others): (Vec<i64>, Vec<i64>) =
            seqs.into_iter().partition(|seq| is_own(*seq));
        if !sources.is_empty() && sources.len() + others.len() > 1 {
            found.push(SourceKey { sources, others });
        }
    };
    for identity in bonds.identities.values() {
        if is_source(&identity.kind) {
            let seqs = identity.events.iter().map(|(seq, _)| *seq);
            add(seqs.collect());
        }
    }
    for tie in bonds.ties().filter(|tie| !tie.is_strong) {
        add(BTreeSet::from([tie.child, tie.parent]));
    }
    let mut shared: BTreeMap<LinkKey, KeyKind> = BTreeMap::new();
    for node in known.nodes().filter(|node| is_own(node.seq())) {
        for edge in &node.edges {
            if edge.role == Role::Own && matches!(edge.kind, KeyKind::Commit | KeyKind::Resource) {
                shared.insert(edge.key, edge.kind);
            }
        }
    }
    for (key, kind) in shared {
        let on = || {
            known
                .on(key)
                .iter()
                .filter_map(|(seq, role)| Some((known.node(*seq)?, *role)))
        };
        if kind == KeyKind::Resource {
            add(on().map(|(node, _)| node.seq()).collect());
            continue;
        }
        for (source, _) in on().filter(|(node, role)| *role == Role::Own && is_own(node.seq())) {
            // A key holds the first digits alone.
            let same = on().filter(|(node, _)| source.same_commit(key, node));
            add(same.map(|(node, _)| node.seq()).collect());
        }
    }
    found
}

impl Owners<'_> {
    /// Whether a source has anything that came from it.
    pub(super) fn has_takers(&self, root: i64) -> bool {
        let is_of = |seq: &i64| self.search.bonds.sets.root(*seq) == root;
        let mut keys = self.sources.iter();
        keys.any(|key| key.sources.iter().any(is_of) && !key.others.is_empty())
    }

    /// The sources of these events, and the sources of those: they are added.
    pub(super) fn add_sources(&self, members: &mut BTreeSet<i64>) {
        for _ in 0..self.search.known.limits().weak_steps {
            let before = members.len();
            for key in &self.sources {
                let mut ends = key.sources.iter().chain(&key.others);
                if ends.any(|seq| members.contains(seq)) {
                    let near = key.sources.iter().filter(|seq| {
                        let node = self.search.known.node(**seq);
                        node.is_some_and(|node| self.search.is_near(node))
                    });
                    members.extend(near);
                }
            }
            if members.len() == before {
                break;
            }
        }
    }

    /// What came from a source.
    pub(super) fn takers(&self, root: i64) -> BTreeSet<Place> {
        let atom = self.atoms.get(&root);
        let mut sources: BTreeSet<i64> = atom
            .into_iter()
            .flat_map(|a| a.nodes.iter().copied())
            .collect();
        // Other sources that name the same one, but not what names these.
        for _ in 0..self.search.known.limits().weak_steps {
            let before = sources.len();
            for key in &self.sources {
                if key.sources.iter().any(|seq| sources.contains(seq)) {
                    sources.extend(&key.sources);
                }
            }
            if sources.len() == before {
                break;
            }
        }
        let keys = self
            .sources
            .iter()
            .filter(|key| key.sources.iter().any(|seq| sources.contains(seq)));
        keys.flat_map(|key| &key.others)
            .filter_map(|seq| self.own_place(*seq))
            .filter(|place| !matches!(place, Place::Source(_)))
            .collect()
    }
}
