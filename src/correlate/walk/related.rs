//! What touches a run and is not part of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::correlate::key::{KeyKind, LinkKey, Role};
use crate::correlate::run::Related;
use crate::domain::run::RunName;
use crate::domain::text::quoted;
use crate::limits;

use super::node::{Node, is_source};
use super::owners::{Head, Owners, Standing};

/// Why an event is named beside a run. The first that applies is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    Ambiguous,
    Deployed,
    SameArtifact,
    ArtifactOfOther,
    OtherChain,
    OtherRun,
    SameChange,
    SameCommit,
}

impl Why {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ambiguous => "ambiguous",
            Self::Deployed => "deployed_by_other_run",
            Self::SameArtifact => "same_artifact",
            Self::ArtifactOfOther => "artifact_of_other_run",
            Self::OtherChain => "other_chain",
            Self::OtherRun => "other_run",
            Self::SameChange => "same_change",
            Self::SameCommit => "same_commit",
        }
    }
}

/// What is found beside a run.
pub(super) struct Beside {
    /// Newest first.
    pub(super) related: Vec<Related>,
    /// Those that may be part of it.
    pub(super) ambiguous: Vec<i64>,
    /// How many there are beyond these.
    pub(super) left_out: usize,
}

struct Finder<'a> {
    owners: &'a Owners<'a>,
    members: &'a BTreeSet<i64>,
    found: BTreeMap<i64, (Why, String)>,
}

impl<'a> Finder<'a> {
    fn node(&self, seq: i64) -> Option<&'a Node> {
        self.owners.search.known.node(seq)
    }

    fn add(&mut self, seq: i64, why: Why, key: &str) {
        let is_event = self.node(seq).is_some_and(|node| !node.is_link());
        if !is_event || self.members.contains(&seq) {
            return;
        }
        let entry = (why, key.to_owned());
        let known = self.found.entry(seq).or_insert_with(|| entry.clone());
        if entry < *known {
            *known = entry;
        }
    }

    /// Of which kind of other run it is.
    fn other(&self, seq: i64) -> Why {
        let is_native = |node| self.owners.search.bonds.is_native(node);
        match self.node(seq) {
            Some(node) if !is_native(node) => Why::OtherChain,
            _ => Why::OtherRun,
        }
    }

    fn artifacts(&mut self, key: LinkKey, text: &str) {
        let on = self.owners.search.known.on(key);
        let makes = |seq: i64, role: Role| {
            role == Role::Produces
                || (role == Role::Own
                    && self.node(seq).is_some_and(|node| {
                        !matches!(node.facts().predicate.as_str(), "downloaded" | "deleted")
                    }))
        };
        let bonds = &self.owners.search.bonds;
        let is_own = |seq: i64| {
            let node = self.node(seq).filter(|node| bonds.is_native(node));
            node.is_some() && self.members.contains(&seq)
        };
        let is_made_here = on
            .iter()
            .any(|(seq, role)| is_own(*seq) && makes(*seq, *role));
        let digests: BTreeSet<&str> = on
            .iter()
            .filter(|(seq, _)| self.members.contains(seq))
            .filter_map(|(seq, _)| self.node(*seq)?.digest_of(text))
            .collect();
        let mut found = Vec::new();
        for (seq, role) in on {
            let Some(node) = self.node(*seq) else {
                continue;
            };
            // One name, but another artifact.
            let digest = node.digest_of(text);
            if digest.is_some_and(|digest| !digests.is_empty() && !digests.contains(digest)) {
                continue;
            }
            let why = match (is_made_here, makes(*seq, *role)) {
                (true, false) if node.is_deployment() => Why::Deployed,
                (false, true) => Why::ArtifactOfOther,
                _ => Why::SameArtifact,
            };
            found.push((*seq, why));
        }
        for (seq, why) in found {
            self.add(seq, why, text);
        }
    }

    /// What shares a key with an event of the run.
    fn neighbours(&mut self) {
        let owners = self.owners;
        let (known, bonds) = (&owners.search.known, &owners.search.bonds);
        let mut done: BTreeSet<LinkKey> = BTreeSet::new();
        for node in self.members.iter().filter_map(|seq| known.node(*seq)) {
            for edge in &node.edges {
                if edge.kind == KeyKind::Commit {
                    // A push names a commit, but not always whose.
                    if node.is_source() {
                        continue;
                    }
                    for (seq, _) in known.on(edge.key) {
                        let other = known.node(*seq);
                        if other.is_some_and(|other| node.same_commit(edge.key, other)) {
                            self.add(*seq, Why::SameCommit, &edge.text);
                        }
                    }
                } else if !done.insert(edge.key) {
                } else if matches!(edge.kind, KeyKind::Digest | KeyKind::Artifact) {
                    self.artifacts(edge.key, &edge.text);
                } else if edge.kind == KeyKind::Resource {
                    for (seq, _) in known.on(edge.key) {
                        self.add(*seq, Why::SameChange, &edge.text);
                    }
                }
            }
            // Names of jobs are no ties.
            for tie in node.subjects.iter().filter(|tie| !tie.is_part()) {
                let Some(identity) = tie.identity.filter(|key| done.insert(*key)) else {
                    continue;
                };
                let events = bonds.identities.get(&identity);
                for (seq, _) in events.into_iter().flat_map(|known| &known.events) {
                    let why = if is_source(&tie.kind) {
                        Why::SameChange
                    } else {
                        self.other(*seq)
                    };
                    self.add(*seq, why, &tie.shown);
                }
            }
        }
        for tie in bonds.ties() {
            for (inside, outside) in [(tie.child, tie.parent), (tie.parent, tie.child)] {
                if self.members.contains(&inside) {
                    let why = self.other(outside);
                    self.add(outside, why, "");
                }
            }
        }
        for touch in bonds.touches() {
            if self.members.contains(&touch.native) {
                self.add(touch.foreign, Why::OtherChain, "");
            }
        }
    }

    /// What may be part of it, and what it may be part of.
    fn unclear(&mut self) {
        let owners = self.owners;
        let core = owners.core.and_then(|core| owners.standing(core));
        let own = match &core {
            Some(Standing::Owned(owner, _)) => Some(*owner),
            _ => None,
        };
        if let Some(Standing::Unclear(runs)) = &core {
            let seeds = runs.iter().filter_map(|run| owners.list.get(*run));
            for run in seeds {
                self.add(run.seed, Why::Ambiguous, "");
            }
        }
        for (root, atom) in &owners.atoms {
            if let (Some(own), Some(Standing::Unclear(runs))) = (own, owners.standing(*root))
                && runs.contains(&own)
            {
                for seq in &atom.nodes {
                    self.add(*seq, Why::Ambiguous, "");
                }
            }
        }
    }
}

impl Owners<'_> {
    /// What touches these events.
    pub(super) fn beside(&self, members: &BTreeSet<i64>) -> Beside {
        let mut finder = Finder {
            owners: self,
            members,
            found: BTreeMap::new(),
        };
        finder.unclear();
        finder.neighbours();
        let found = finder.found;
        let ambiguous = found
            .iter()
            .filter(|(_, (why, _))| *why == Why::Ambiguous)
            .map(|(seq, _)| *seq)
            .collect();
        let mut found: Vec<(&Node, Why, String)> = found
            .into_iter()
            .filter_map(|(seq, (why, key))| Some((self.search.known.node(seq)?, why, key)))
            .collect();
        found.sort_by_key(|(node, ..)| std::cmp::Reverse((node.at, node.seq())));
        let left_out = found.len().saturating_sub(limits::WALK_RELATED);
        found.truncate(limits::WALK_RELATED);
        let related = found
            .into_iter()
            .map(|(node, why, key)| Related {
                event: node.event.clone(),
                why: why.as_str(),
                detail: self.detail(node, why, &key),
            })
            .collect();
        Beside {
            related,
            ambiguous,
            left_out,
        }
    }

    /// What there is to tell of it: texts from outside stand in «…».
    fn detail(&self, node: &Node, why: Why, key: &str) -> String {
        let mut parts: Vec<String> = Vec::new();
        if why == Why::Deployed {
            let facts = node.facts();
            let about = facts.about.as_ref().filter(|about| about.kind == "service");
            let service = about
                .map(|about| &about.id)
                .or(facts.context.service.as_ref());
            if let Some(service) = service {
                parts.push(format!("service {}", quoted(service)));
            }
            if let Some(environment) = &facts.context.environment {
                parts.push(format!("environment {}", quoted(environment)));
            }
        }
        if !key.is_empty() {
            parts.push(quoted(key));
        }
        let root = self.search.bonds.sets.root(node.seq());
        let runs: Vec<usize> = match (self.place(node.seq()), self.standing(root)) {
            (Some(super::owners::Place::Owner(owner)), _) => vec![owner],
            (None, Some(Standing::Unclear(runs))) => runs.into_iter().take(3).collect(),
            _ => Vec::new(),
        };
        for run in runs {
            parts.extend(self.label_of(run));
        }
        let mut out = String::new();
        for part in parts {
            let gap = if out.is_empty() { "" } else { ", " };
            let _ = write!(out, "{gap}{part}");
        }
        out
    }

    /// What names a run that was seen.
    pub(super) fn name_of(&self, owner: usize) -> Option<RunName> {
        let owner = self.list.get(owner)?;
        match owner.head {
            Head::Run(key) => self.named(key),
            Head::Build(key) => {
                let mut nodes = owner
                    .core
                    .iter()
                    .filter_map(|seq| self.search.known.node(*seq));
                let identity = self.search.bonds.identities.get(&key)?;
                nodes.any(Node::is_flat).then(|| RunName::Build {
                    id: identity.id.clone(),
                })
            }
            Head::Chain(_) => {
                let nodes = || {
                    owner
                        .core
                        .iter()
                        .filter_map(|seq| self.search.known.node(*seq))
                };
                let runs = nodes().flat_map(|node| &node.subjects);
                let mut runs: Vec<LinkKey> = runs
                    .filter(|tie| tie.names("pipelinerun"))
                    .filter_map(|tie| tie.identity)
                    .collect();
                runs.sort_unstable();
                let named = runs.first().and_then(|key| self.named(*key));
                let chain = || nodes().find_map(|node| node.facts().chain.clone());
                named.or_else(|| chain().map(RunName::Chain))
            }
        }
    }

    /// A run that was seen, to be shown.
    pub(super) fn label_of(&self, owner: usize) -> Option<String> {
        match self.list.get(owner)?.head {
            Head::Build(key) => {
                let identity = self.search.bonds.identities.get(&key)?;
                Some(format!("build {}", quoted(&identity.id)))
            }
            _ => self.name_of(owner).as_ref().map(shown),
        }
    }

    /// A pipelineRun by its key.
    pub(super) fn named(&self, key: LinkKey) -> Option<RunName> {
        let identity = self.search.bonds.identities.get(&key)?;
        Some(RunName::PipelineRun {
            id: identity.id.clone(),
            source: identity.source.clone(),
        })
    }
}

/// A run's name, to be shown.
pub(super) fn shown(name: &RunName) -> String {
    match name {
        RunName::PipelineRun { id, .. } => format!("pipelineRun {}", quoted(id)),
        RunName::Chain(id) => format!("chain {}", quoted(id)),
        RunName::Build { id } => format!("build {}", quoted(id)),
    }
}
