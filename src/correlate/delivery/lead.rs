//! From which change each deployment came: what has to be read for it, in two rounds.
//!
//! 1. The events of the deployed artifacts, by digest and purl: `artifact.packaged` and what made it
//!    say from which change or commit.
//! 2. The events of those changes and commits; for deployments without either, those of the chain
//!    of what made the artifact, or else of the deployment.

use std::collections::{BTreeMap, BTreeSet};

use super::{Reason, brings};
use crate::correlate::ask::{Ask, Given, LinkRow, Scan, full_keys};
use crate::correlate::deploy::deployment;
use crate::correlate::facts::{Artifact, Recorded, Subject};
use crate::correlate::key::{LinkKey, Role};
use crate::correlate::names::{artifact_keys, same_artifact};
use crate::correlate::origin::{Commit, changes, commits, makes, of_change, tells_of_change};
use crate::domain::time::Timestamp;
use crate::limits;

/// From where the lead time of a deployment is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lead {
    /// From this instant.
    Since {
        /// When the change was merged, or first heard of.
        at: Timestamp,
        /// Whether it was merged then.
        merged: bool,
        /// The position of the event that says it.
        seq: i64,
    },
    /// Nothing is known, and why.
    Unknown(Reason),
}

/// A deployment whose change is looked for.
#[derive(Debug)]
struct Wanted {
    seq: i64,
    at: Timestamp,
    artifact: Option<Artifact>,
    chain: Option<String>,
}

/// An event that tells how an artifact was made.
#[derive(Debug)]
struct Made {
    seq: i64,
    at: Timestamp,
    /// What tells best of how it was made comes first: that it was packaged, then a build of it.
    rank: u8,
    artifacts: Vec<Artifact>,
    source: Option<String>,
    chain: Option<String>,
    changes: Vec<Subject>,
    commits: Vec<Commit>,
}

/// An event about a change, or about a repository that it came to.
#[derive(Debug)]
struct Changed {
    seq: i64,
    at: Timestamp,
    merged: bool,
    about: Option<Subject>,
    chain: Option<String>,
    commits: Vec<Commit>,
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    ArtifactTies,
    ArtifactEvents,
    ChangeTies,
    ChangeEvents,
    Done,
}

/// Looks for the change of each deployment. Ask it what it needs with [`ask`](Self::ask) and give
/// what was found to [`links`](Self::links) and [`events`](Self::events), until it asks for nothing.
#[derive(Debug)]
pub struct LeadTimes {
    wanted: Vec<Wanted>,
    left_out: BTreeSet<i64>,
    known: BTreeSet<i64>,
    step: Step,
    seqs: BTreeSet<i64>,
    made: Vec<Made>,
    changed: BTreeMap<i64, Changed>,
    incidents: Vec<Recorded>,
    /// Keys with more events than were looked at.
    cut: BTreeSet<LinkKey>,
    /// Whether there were more events in all than are read.
    no_room: bool,
}

impl LeadTimes {
    /// For the deployments among these events, the newest first if there are too many. The others
    /// are remembered as read.
    pub fn new<'a>(events: impl IntoIterator<Item = &'a Recorded>) -> Self {
        let mut known = BTreeSet::new();
        let mut wanted = Vec::new();
        for event in events {
            if known.insert(event.seq) && brings(event) {
                wanted.push(Wanted {
                    seq: event.seq,
                    at: event.at(),
                    artifact: deployment(&event.facts).and_then(|deploy| deploy.artifact.cloned()),
                    chain: event.facts.chain.clone(),
                });
            }
        }
        wanted.sort_by_key(|wanted| std::cmp::Reverse((wanted.at, wanted.seq)));
        let most = limits::delivery::DEPLOYMENTS.min(wanted.len());
        let left_out = wanted.split_off(most);
        Self {
            wanted,
            left_out: left_out.into_iter().map(|wanted| wanted.seq).collect(),
            known,
            step: Step::ArtifactTies,
            seqs: BTreeSet::new(),
            made: Vec::new(),
            changed: BTreeMap::new(),
            incidents: Vec::new(),
            cut: BTreeSet::new(),
            no_room: false,
        }
    }

    /// What has to be read next; nothing when it has all that it looks for.
    pub fn ask(&mut self) -> Option<Ask> {
        loop {
            let links = |keys: BTreeSet<LinkKey>| Ask::Links {
                keys: keys.into_iter().collect(),
                per_key: limits::delivery::TIES,
                rows: limits::delivery::ROWS_READ,
                // What an artifact was made from stands at the beginning.
                scan: Scan::From(i64::MIN),
            };
            let (empty, ask) = match self.step {
                Step::ArtifactTies => {
                    let keys = self.artifact_keys();
                    (keys.is_empty(), links(keys))
                }
                Step::ChangeTies => {
                    let mut keys = self.change_keys();
                    keys.extend(self.chain_keys(|_| true));
                    (keys.is_empty(), links(keys))
                }
                Step::ArtifactEvents | Step::ChangeEvents => {
                    let seqs: Vec<i64> = self.seqs.iter().copied().collect();
                    (seqs.is_empty(), Ask::Events { seqs })
                }
                Step::Done => return None,
            };
            if !empty {
                return Some(ask);
            }
            self.advance();
        }
    }

    /// Takes the answer to what was asked.
    pub fn give(&mut self, given: Given) {
        match given {
            Given::Links(rows) => self.links(&rows),
            Given::Events(events) => self.events(events),
            // Nothing here asks for positions.
            Given::Positions(_) => {}
        }
    }

    fn links(&mut self, rows: &[LinkRow]) {
        let mut seqs = BTreeSet::new();
        self.no_room |= rows.len() >= limits::delivery::ROWS_READ;
        self.cut.extend(full_keys(rows, limits::delivery::TIES));
        match self.step {
            Step::ArtifactTies => {
                // Other deployments of the artifact are of no interest, incidents are; which is
                // which shows only when they are read.
                let (uses, makes): (Vec<&LinkRow>, Vec<&LinkRow>) = rows
                    .iter()
                    .filter(|row| !self.known.contains(&row.seq))
                    .partition(|row| row.role == Role::Uses);
                for (ties, most) in [
                    (makes, limits::delivery::LEAD_EVENTS),
                    (uses, limits::delivery::LEAD_INCIDENTS),
                ] {
                    let before = seqs.len();
                    for row in ties {
                        if seqs.len() - before >= most {
                            self.no_room = true;
                            break;
                        }
                        seqs.insert(row.seq);
                    }
                }
            }
            Step::ChangeTies => seqs = self.change_seqs(rows),
            Step::ArtifactEvents | Step::ChangeEvents | Step::Done => return,
        }
        self.seqs = seqs;
        self.advance();
    }

    fn events(&mut self, events: Vec<Recorded>) {
        match self.step {
            Step::ArtifactEvents => {
                for event in events {
                    if event.facts.subject == "incident" {
                        self.incidents.push(event);
                    } else {
                        self.learn_made(&event);
                        self.learn_changed(&event);
                    }
                }
                self.made.sort_by_key(|made| (made.at, made.seq));
            }
            Step::ChangeEvents => {
                for event in &events {
                    self.learn_changed(event);
                }
            }
            Step::ArtifactTies | Step::ChangeTies | Step::Done => return,
        }
        self.advance();
    }

    /// Incidents that name an artifact which was deployed; those asked for by service do not find
    /// them. To be given to [`Delivery::of`](super::Delivery::of) with the others.
    pub fn incidents(&self) -> &[Recorded] {
        &self.incidents
    }

    /// From where the lead time of a deployment is counted.
    pub fn of(&self, deployment: &Recorded) -> Lead {
        let Some(wanted) = self
            .wanted
            .iter()
            .find(|wanted| wanted.seq == deployment.seq)
        else {
            let known = self.left_out.contains(&deployment.seq);
            return Lead::Unknown(if known {
                Reason::NotLookedAt
            } else {
                Reason::NoChange
            });
        };
        let made = self.made_of(wanted);
        let found = (made.iter())
            .find_map(|made| self.by_reference(made, wanted.at))
            .or_else(|| {
                let chains = made.iter().map(|made| &made.chain).chain([&wanted.chain]);
                let mut chains = chains.flatten();
                chains.find_map(|chain| {
                    let of_chain = |changed: &&Changed| changed.chain.as_ref() == Some(chain);
                    since(self.changed.values().filter(of_chain), wanted.at)
                })
            });
        found.unwrap_or(Lead::Unknown(match (&wanted.artifact, &wanted.chain) {
            _ if self.no_room || self.is_cut(wanted, &made) => Reason::NotLookedAt,
            (None, None) => Reason::NoArtifact,
            _ => Reason::NoChange,
        }))
    }

    /// Whether something that could tell of its change was not looked at.
    fn is_cut(&self, wanted: &Wanted, made: &[&Made]) -> bool {
        let artifact = wanted.artifact.iter().flat_map(artifact_keys);
        let chains = made.iter().map(|made| &made.chain).chain([&wanted.chain]);
        let chains = chains.flatten().map(|chain| LinkKey::chain(chain));
        let changes = made.iter().flat_map(|made| made.change_keys());
        let mut keys = artifact.chain(chains).chain(changes);
        keys.any(|key| self.cut.contains(&key))
    }

    fn advance(&mut self) {
        self.step = match self.step {
            Step::ArtifactTies => Step::ArtifactEvents,
            Step::ArtifactEvents => {
                self.known.append(&mut self.seqs);
                Step::ChangeTies
            }
            Step::ChangeTies => Step::ChangeEvents,
            Step::ChangeEvents | Step::Done => Step::Done,
        };
    }

    fn artifact_keys(&self) -> BTreeSet<LinkKey> {
        let artifacts = self
            .wanted
            .iter()
            .filter_map(|wanted| wanted.artifact.as_ref());
        artifacts.flat_map(artifact_keys).collect()
    }

    fn change_keys(&self) -> BTreeSet<LinkKey> {
        self.made.iter().flat_map(Made::change_keys).collect()
    }

    /// The keys of the chains of those deployments that fit: of what made the artifact, and their
    /// own.
    fn chain_keys(&self, fit: impl Fn(&Wanted) -> bool) -> BTreeSet<LinkKey> {
        let mut keys = BTreeSet::new();
        for wanted in self.wanted.iter().filter(|wanted| fit(wanted)) {
            let made = self.made_of(wanted);
            let chains = made.iter().map(|made| &made.chain).chain([&wanted.chain]);
            keys.extend(chains.flatten().map(|chain| LinkKey::chain(chain)));
        }
        keys
    }

    /// The events to be read of those that changes, commits and chains lead to: of chains only
    /// where nothing better leads anywhere, the oldest first, for a change stands at the beginning.
    fn change_seqs(&mut self, rows: &[LinkRow]) -> BTreeSet<i64> {
        let mut by_key: BTreeMap<LinkKey, Vec<(i64, Role)>> = BTreeMap::new();
        for row in rows {
            by_key.entry(row.key).or_default().push((row.seq, row.role));
        }
        let of_change = self.change_keys();
        let mut seqs = BTreeSet::new();
        let mut no_room = false;
        let mut add = |seq: i64, known: &BTreeSet<i64>| {
            let room = seqs.len() < limits::delivery::LEAD_EVENTS;
            no_room |= !room;
            if room && !known.contains(&seq) {
                seqs.insert(seq);
            }
        };
        for key in &of_change {
            for (seq, _) in by_key.get(key).into_iter().flatten() {
                add(*seq, &self.known);
            }
        }
        let leads = |key: &LinkKey| {
            let ties = by_key.get(key).into_iter().flatten();
            ties.into_iter().any(|(_, role)| *role == Role::Own)
        };
        let chains = self.chain_keys(|wanted| {
            let made = self.made_of(wanted);
            !made
                .iter()
                .flat_map(|made| made.change_keys())
                .any(|key| leads(&key))
        });
        for key in &chains {
            let mut of_chain: Vec<i64> = by_key
                .get(key)
                .into_iter()
                .flatten()
                .map(|(seq, _)| *seq)
                .collect();
            of_chain.sort_unstable();
            for seq in of_chain {
                add(seq, &self.known);
            }
        }
        self.no_room |= no_room;
        seqs
    }

    /// What made the artifact of a deployment: what is before it (clocks differ), what tells best of
    /// it, and what is newer come first.
    fn made_of(&self, wanted: &Wanted) -> Vec<&Made> {
        let Some(artifact) = &wanted.artifact else {
            return Vec::new();
        };
        let same = |made: &&Made| {
            made.artifacts
                .iter()
                .any(|one| same_artifact(one, artifact))
        };
        let mut made: Vec<&Made> = self.made.iter().rev().filter(same).collect();
        made.sort_by_key(|made| (made.at > wanted.at, made.rank));
        made
    }

    /// The change that an event says its artifact was made from.
    fn by_reference(&self, made: &Made, before: Timestamp) -> Option<Lead> {
        let all = || self.changed.values();
        for change in &made.changes {
            let source = made.source.as_deref();
            let found = of_change(change, source, all(), |changed| changed.about.as_ref());
            if let Some(lead) = since(found.into_iter(), before) {
                return Some(lead);
            }
        }
        for commit in &made.commits {
            let of_commit =
                |changed: &&Changed| changed.commits.iter().any(|other| other.agrees(commit));
            if let Some(lead) = since(all().filter(of_commit), before) {
                return Some(lead);
            }
        }
        None
    }

    fn learn_made(&mut self, event: &Recorded) {
        let facts = &event.facts;
        let made = |artifact: &&Artifact| makes(facts, artifact);
        let artifacts: Vec<Artifact> = facts.artifacts.iter().filter(made).cloned().collect();
        if artifacts.is_empty() {
            return;
        }
        self.made.push(Made {
            seq: event.seq,
            at: event.at(),
            rank: match (facts.subject.as_str(), facts.predicate.as_str()) {
                ("artifact", "packaged") => 0,
                ("artifact", _) => 2,
                _ => 1,
            },
            artifacts,
            source: facts.source.clone(),
            chain: facts.chain.clone(),
            changes: changes(facts).cloned().collect(),
            commits: commits(facts),
        });
    }

    fn learn_changed(&mut self, event: &Recorded) {
        let facts = &event.facts;
        if tells_of_change(facts) {
            let changed = Changed {
                seq: event.seq,
                at: event.at(),
                merged: facts.is("change", "merged"),
                about: facts.about.clone(),
                chain: facts.chain.clone(),
                commits: commits(facts),
            };
            self.changed.insert(event.seq, changed);
        }
    }
}

impl Made {
    fn change_keys(&self) -> Vec<LinkKey> {
        let changes = self
            .changes
            .iter()
            .map(|change| LinkKey::subject("change", &change.id, change.source.as_deref()));
        let commits = self.commits.iter().map(Commit::key);
        changes.chain(commits).collect()
    }
}

/// The first merge before an instant; without one before it the first event of the change; if all of
/// it is later, the first of that, so that the contradiction shows.
fn since<'a>(changed: impl Iterator<Item = &'a Changed>, before: Timestamp) -> Option<Lead> {
    let mut all: Vec<&Changed> = changed.collect();
    all.sort_by_key(|changed| (changed.at, changed.seq));
    let merge = all
        .iter()
        .rfind(|changed| changed.merged && changed.at <= before);
    merge.or_else(|| all.first()).map(|changed| Lead::Since {
        at: changed.at,
        merged: changed.merged,
        seq: changed.seq,
    })
}
