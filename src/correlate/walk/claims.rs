//! Who may claim what: builds, artifacts, incidents and tickets.

use std::collections::{BTreeMap, BTreeSet};

use crate::correlate::key::{KeyKind, LinkKey, Role};
use crate::correlate::run::Confidence;

use super::node::{Node, is_execution, is_source};
use super::owners::{Claims, Head, LEAD, Owners, Place, Standing};
use super::search::span;

impl<'a> Owners<'a> {
    /// What names a build is a run, unless a run says that it made the same at the same time: then the
    /// build is how it did.
    pub(super) fn builds(&mut self) {
        let claims = self.artifact_claims();
        let mut found = Vec::new();
        for (group, roots) in self.free() {
            let builds = roots.iter().filter_map(|root| self.atoms.get(root));
            let Some(build) = builds.flat_map(|atom| &atom.builds).min().copied() else {
                continue;
            };
            let (from, to) = span(self.nodes_of(&roots).filter(|n| !n.is_source()));
            let mut makers: BTreeSet<usize> = BTreeSet::new();
            for node in self.nodes_of(&roots) {
                for (key, _) in made(node) {
                    let at = claims.get(&key).into_iter().flatten();
                    makers.extend(at.filter(|claim| claim.rank == 0).map(|claim| claim.owner));
                }
            }
            makers.retain(|owner| {
                self.list.get(*owner).is_some_and(|owner| {
                    owner.from - LEAD <= from && to <= owner.to.saturating_add(LEAD)
                })
            });
            let core: Vec<i64> = self.nodes_of(&roots).map(Node::seq).collect();
            found.push((group, build, makers, core));
        }
        for (group, build, makers, core) in found {
            let owner = match makers.first() {
                Some(only) if makers.len() == 1 => {
                    self.of
                        .insert(group, Standing::Owned(*only, Confidence::Medium));
                    continue;
                }
                _ => self.add(Head::Build(build), core),
            };
            self.of
                .insert(group, Standing::Owned(owner, Confidence::High));
        }
    }

    /// The runs that have to do with each artifact.
    fn artifact_claims(&self) -> BTreeMap<LinkKey, BTreeSet<Claim<'a>>> {
        let mut claims: BTreeMap<LinkKey, BTreeSet<Claim<'a>>> = BTreeMap::new();
        for node in self.search.known.nodes() {
            let Some(Place::Owner(owner)) = self.place(node.seq()) else {
                continue;
            };
            for edge in &node.edges {
                if matches!(edge.kind, KeyKind::Digest | KeyKind::Artifact) {
                    claims.entry(edge.key).or_default().insert(Claim {
                        rank: artifact_rank(node, edge.role),
                        owner,
                        digest: node.digest_of(&edge.text),
                    });
                }
            }
        }
        claims
    }

    /// What is about an artifact belongs to the run that made it; what tells of one that nobody is
    /// known to have made, to the only run that has to do with it.
    pub(super) fn artifacts(&mut self) {
        let all = self.artifact_claims();
        let mut claims: BTreeMap<i64, Claims> = BTreeMap::new();
        let mut unclaimed: BTreeMap<LinkKey, BTreeSet<i64>> = BTreeMap::new();
        for (group, roots) in self.free() {
            let mut own = Claims::default();
            let mut touched: BTreeSet<usize> = BTreeSet::new();
            let mut is_used = false;
            let mut exact = Vec::new();
            for node in self.nodes_of(&roots) {
                for edge in &node.edges {
                    if !matches!(edge.kind, KeyKind::Digest | KeyKind::Artifact) {
                        continue;
                    }
                    is_used |= edge.role == Role::Uses;
                    let is_exact = edge.kind == KeyKind::Digest || edge.text.contains('@');
                    let digest = node.digest_of(&edge.text);
                    for claim in all.get(&edge.key).into_iter().flatten() {
                        // One name, but another artifact.
                        if claim.digest.is_some() && digest.is_some() && claim.digest != digest {
                            continue;
                        }
                        if claim.rank < 2 {
                            own.add(claim.rank, claim.owner);
                        } else if is_exact {
                            touched.insert(claim.owner);
                        }
                    }
                    if is_exact {
                        exact.push(edge.key);
                    }
                }
            }
            if own.owners.is_empty() && touched.len() == 1 && !is_used {
                own.owners = touched;
            }
            if own.owners.is_empty() {
                for key in exact {
                    unclaimed.entry(key).or_default().insert(group);
                }
            } else {
                claims.insert(group, own);
            }
        }
        self.decide_all(claims, Confidence::Medium);
        for groups in unclaimed.into_values() {
            self.unite_all(groups);
        }
    }

    fn unite_all(&mut self, groups: BTreeSet<i64>) {
        let mut groups = groups.into_iter();
        if let Some(first) = groups.next() {
            for group in groups {
                self.groups.unite(first, group);
            }
        }
    }

    /// Incidents, tickets, approvals and what tools call their own.
    pub(super) fn subjects(&mut self) {
        let mut claims: BTreeMap<i64, Claims> = BTreeMap::new();
        let mut together: Vec<BTreeSet<i64>> = Vec::new();
        for identity in self.search.bonds.identities.values() {
            let mut groups = BTreeSet::new();
            let mut owners = BTreeSet::new();
            if is_execution(&identity.kind) || is_source(&identity.kind) {
                continue;
            }
            for (seq, _) in &identity.events {
                match self.place(*seq) {
                    Some(Place::Owner(owner)) => {
                        owners.insert(owner);
                    }
                    Some(Place::Group(group)) => {
                        groups.insert(group);
                    }
                    _ => {}
                }
            }
            for group in &groups {
                for owner in &owners {
                    claims.entry(*group).or_default().add(0, *owner);
                }
            }
            together.push(groups);
        }
        for groups in together {
            self.unite_all(groups);
        }
        let mut by_group: BTreeMap<i64, Claims> = BTreeMap::new();
        for (group, claims) in claims {
            let known = by_group.entry(self.groups.root(group)).or_default();
            for owner in claims.owners {
                known.add(0, owner);
            }
        }
        self.decide_all(by_group, Confidence::Medium);
    }
}

/// A run's claim on an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Claim<'a> {
    rank: u8,
    owner: usize,
    digest: Option<&'a str>,
}

/// How much an event says of who made an artifact.
fn artifact_rank(node: &Node, role: Role) -> u8 {
    match role {
        Role::Produces => 0,
        Role::Own if node.facts().predicate == "packaged" => 0,
        Role::Own if matches!(node.facts().predicate.as_str(), "signed" | "published") => 1,
        _ => 2,
    }
}

/// The artifacts that an event tells the making of.
fn made(node: &Node) -> impl Iterator<Item = (LinkKey, &str)> {
    node.edges
        .iter()
        .filter(|edge| matches!(edge.kind, KeyKind::Digest | KeyKind::Artifact))
        .filter(|edge| artifact_rank(node, edge.role) == 0)
        .map(|edge| (edge.key, edge.text.as_str()))
}
