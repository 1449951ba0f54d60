//! Uniting what belongs together, key by key.

use std::collections::BTreeSet;

use crate::correlate::key::{KeyKind, LinkKey, Role};

use super::bonds::{Bonds, EventTie, Meaning, Touch};
use super::known::Known;
use super::node::{Node, Roles, SubjectTie, is_unique_event};

impl Bonds {
    /// Unites what belongs together by the keys of an event, all of whose events are known.
    pub(super) fn settle(&mut self, known: &Known, node: &Node) {
        let events = node.edges.iter().filter(|e| e.kind == KeyKind::Event);
        for edge in events.filter(|edge| known.is_followed(edge.key)) {
            self.settle_event(known, edge.key);
        }
        for identity in node.subjects.iter().filter_map(|tie| tie.identity) {
            self.settle_subject(known, identity);
        }
    }

    /// Whether a key has events that were not united yet.
    fn has_more(&mut self, key: LinkKey, count: usize) -> bool {
        let has_more = self.settled.insert(key, count) != Some(count);
        if has_more {
            self.ties.remove(&key);
            self.touches.remove(&key);
        }
        has_more
    }

    /// Unites what is left, with what is known of it.
    pub(super) fn settle_rest(&mut self, known: &mut Known) {
        let mut found = Vec::new();
        for (seq, at) in std::mem::take(&mut self.open) {
            if let Meaning::Subject(identity, source) = self.meaning(known, seq, at, false) {
                found.push((seq, at, identity, source));
            }
        }
        self.enter_all(known, found);
        for node in known.nodes() {
            for edge in node.edges.iter().filter(|e| e.kind == KeyKind::Event) {
                self.settle_event(known, edge.key);
            }
            for identity in node.subjects.iter().filter_map(|tie| tie.identity) {
                self.settle_subject(known, identity);
            }
        }
    }

    /// The events with a context's id, and those that name it.
    fn settle_event(&mut self, known: &Known, key: LinkKey) {
        let on = known.on(key);
        if !self.has_more(key, on.len()) {
            return;
        }
        let owners: Vec<&Node> = on
            .iter()
            .filter(|(_, role)| *role == Role::Own)
            .filter_map(|(seq, _)| known.node(*seq))
            .collect();
        for (at, owner) in owners.iter().enumerate() {
            // The same event recorded again.
            let first = owners
                .iter()
                .take(at)
                .find(|first| same_event(first, owner));
            if let Some(first) = first {
                self.bind(known, first.seq(), owner.seq(), key, false);
            }
        }
        for (seq, role) in on.iter().filter(|(_, role)| *role != Role::Own) {
            let Some(child) = known.node(*seq) else {
                continue;
            };
            let Some(parent) = self.owner_for(&owners, child, key) else {
                continue;
            };
            if is_doubtful(child, parent, key) {
                let text = format!("{} of another source", event_text(child, key));
                self.unclear.insert((child.seq(), text));
                if !known.are_near(child, parent) {
                    continue;
                }
                self.doubtful.insert((child.seq(), parent.seq()));
            }
            let is_strong = Roles::PATH.holds(*role);
            self.ties.entry(key).or_default().push(EventTie {
                child: child.seq(),
                parent: parent.seq(),
                role: *role,
                key,
                is_strong,
            });
            if is_strong {
                self.bind(known, child.seq(), parent.seq(), key, true);
            }
        }
    }

    /// Which of several events with an id is meant. Links say no source, and ids are unique per source
    /// only: an event of the same chain is meant before others, then one of the same source. Of several
    /// that a source gave one id, the last one before.
    fn owner_for<'a>(
        &mut self,
        owners: &[&'a Node],
        child: &Node,
        key: LinkKey,
    ) -> Option<&'a Node> {
        let mut fit: Vec<&Node> = owners
            .iter()
            .filter(|owner| owner.seq() != child.seq())
            .copied()
            .collect();
        let same_chain = |owner: &&Node| child.chain.is_some() && owner.chain == child.chain;
        if fit.iter().any(same_chain) {
            fit.retain(|owner| same_chain(owner));
        }
        let sources: BTreeSet<Option<&str>> = fit.iter().map(|owner| source(owner)).collect();
        if sources.len() > 1 {
            let own = source(child);
            if !sources.contains(&own) {
                self.unclear.insert((child.seq(), event_text(child, key)));
                return None;
            }
            fit.retain(|owner| source(owner) == own);
        }
        let before = fit.iter().filter(|owner| owner.at <= child.at);
        before
            .max_by_key(|owner| (owner.at, std::cmp::Reverse(owner.seq())))
            .or_else(|| fit.iter().min_by_key(|owner| (owner.at, owner.seq())))
            .copied()
    }

    /// The events of a subject and of its parts.
    fn settle_subject(&mut self, known: &Known, key: LinkKey) {
        let count = self.identities.get(&key).map(|known| known.events.len());
        if !count.is_some_and(|count| self.has_more(key, count)) {
            return;
        }
        let Some(identity) = self.identities.get(&key).cloned() else {
            return;
        };
        let mut own: Vec<&Node> = Vec::new();
        let mut parts: Vec<&Node> = Vec::new();
        let mut is_execution = false;
        let mut is_part = false;
        for (seq, role) in &identity.events {
            let Some(node) = known.node(*seq) else {
                continue;
            };
            match role {
                Role::Own => {
                    own.push(node);
                    is_execution |= node.own().is_some_and(SubjectTie::is_execution);
                    is_part |= node.own().is_some_and(SubjectTie::is_part);
                }
                Role::Member => parts.push(node),
                _ => {}
            }
        }
        if is_part {
            let wholes: BTreeSet<LinkKey> = own.iter().filter_map(|node| node.whole()).collect();
            if wholes.len() > 1 {
                // One id for another part in every run: only those of the same whole are one.
                for whole in wholes {
                    let of_whole = |node: &&&Node| node.whole() == Some(whole);
                    let own: Vec<&Node> = own.iter().filter(of_whole).copied().collect();
                    self.bind_all(known, key, &own, &[]);
                }
                let homeless = own.iter().filter(|node| node.whole().is_none());
                for node in homeless.chain(&parts) {
                    let text = format!("{} {}", identity.kind, identity.id);
                    self.unclear.insert((node.seq(), text));
                }
                return;
            }
        }
        if is_execution || !parts.is_empty() {
            self.bind_all(known, key, &own, &parts);
        }
    }

    fn bind_all(&mut self, known: &Known, key: LinkKey, own: &[&Node], parts: &[&Node]) {
        let native = |nodes: &[&Node]| {
            nodes
                .iter()
                .find(|node| self.is_native(node))
                .map(|n| n.seq())
        };
        let (own_native, part_native) = (native(own), native(parts));
        let Some(first) = own_native.or(part_native) else {
            return;
        };
        // A chain that has the subject's own events means these, and no other chain's.
        let mut at_home: BTreeSet<LinkKey> = BTreeSet::new();
        for node in own.iter().filter(|node| !self.is_native(node)) {
            at_home.extend(node.chain);
        }
        let own = own.iter().map(|node| (node, true));
        for (node, is_own) in own.chain(parts.iter().map(|node| (node, false))) {
            let is_said = if is_own {
                // It is the whole of which the run has parts alone.
                own_native.is_none() && at_home.len() == 1
            } else {
                node.chain.is_none_or(|chain| !at_home.contains(&chain))
            };
            if node.seq() != first {
                self.bind(known, first, node.seq(), key, is_said);
            }
        }
    }

    fn bind(&mut self, known: &Known, one: i64, other: i64, key: LinkKey, is_said: bool) {
        let (Some(a), Some(b)) = (known.node(one), known.node(other)) else {
            return;
        };
        let (native, foreign) = match (self.is_native(a), self.is_native(b)) {
            (true, true) => return self.sets.unite(one, other),
            (true, false) => (one, other),
            (false, true) => (other, one),
            (false, false) => return,
        };
        self.touches.entry(key).or_default().push(Touch {
            native,
            foreign,
            key,
            is_said,
        });
    }
}

/// The event that a node names by this key, to be shown.
fn event_text(node: &Node, key: LinkKey) -> String {
    let edge = node.edges.iter().find(|edge| edge.key == key);
    edge.map_or_else(String::new, |edge| format!("event {}", edge.text))
}

/// Whether an event of another source may be meant by chance: ids are unique per source only, and one
/// that two counters come to says little.
fn is_doubtful(child: &Node, parent: &Node, key: LinkKey) -> bool {
    let edge = child.edges.iter().find(|edge| edge.key == key);
    let differ = match (source(child), source(parent)) {
        (Some(one), Some(other)) => one != other,
        _ => false,
    };
    let same_chain = child.chain.is_some() && child.chain == parent.chain;
    differ && !same_chain && edge.is_some_and(|edge| !is_unique_event(&edge.text))
}

fn source(node: &Node) -> Option<&str> {
    node.facts().source.as_deref()
}

/// Whether two records are one event that was recorded twice.
pub(super) fn same_event(one: &Node, other: &Node) -> bool {
    one.facts().id.is_some()
        && one.facts().source == other.facts().source
        && one.event.payload_digest == other.event.payload_digest
}
