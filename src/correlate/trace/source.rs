//! What an artifact was made from.

use super::lineage::Moment;
use crate::correlate::facts::{Recorded, Subject};
use crate::correlate::key::folded;
use crate::correlate::origin::{Commit, changes, commits, of_change, tells_of_change};
use crate::domain::time::Timestamp;
use crate::limits::trace as bounds;

/// A change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeLine {
    /// Its id.
    pub id: String,
    /// Where the id is unique.
    pub source: Option<String>,
    /// What it is called.
    pub name: Option<String>,
    /// The first event about it; `None` if others only refer to it.
    pub first: Option<Moment>,
    /// When it was merged.
    pub merged: Option<Moment>,
}

/// What an artifact was made from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// Changes, the earliest first.
    pub changes: Vec<ChangeLine>,
    /// Commits, the longest form of each.
    pub commits: Vec<String>,
    /// The first push or new branch that is recorded of it.
    pub push: Option<Moment>,
    /// The repository.
    pub repository: Option<String>,
    /// The branch.
    pub branch: Option<String>,
    /// Who.
    pub author: Option<String>,
}

impl Source {
    /// From the events that made it, those of the same chains, and all others in which what they
    /// refer to is looked for; each by time.
    pub(super) fn of(made: &[&Recorded], chain: &[&Recorded], all: &[&Recorded]) -> Self {
        let mut source = Self::default();
        let tells: Vec<&Recorded> = all
            .iter()
            .copied()
            .filter(|event| tells_of_change(&event.facts))
            .collect();
        // What they refer to; else what is in their chain.
        let mut about: Vec<&Recorded> = Vec::new();
        for event in made {
            let own = event.facts.source.as_deref();
            for change in changes(&event.facts) {
                let found = of_change(change, own, tells.iter().copied(), |event| {
                    event.facts.about.as_ref()
                });
                if found.is_empty() {
                    source.refer(change);
                }
                about.extend(found);
            }
            for commit in commits(&event.facts) {
                source.commit(&commit);
                let of_it = |event: &&Recorded| {
                    commits(&event.facts)
                        .iter()
                        .any(|other| other.agrees(&commit))
                };
                about.extend(tells.iter().copied().filter(of_it));
            }
        }
        if about.is_empty() {
            about.extend(
                chain
                    .iter()
                    .copied()
                    .filter(|event| tells_of_change(&event.facts)),
            );
        }
        about.sort_by_key(|event| (event.at(), event.seq));
        about.dedup_by_key(|event| event.seq);
        for event in &about {
            source.learn(event);
        }
        // Of changes that are only mentioned nothing is known, so that they come last.
        source.changes.sort_by_key(|change| {
            let first = change.first.as_ref().map(|first| first.at);
            (first.is_none(), first)
        });
        source.changes.truncate(bounds::LIST);
        for event in about.iter().chain(made).chain(chain) {
            source.place(event, about.iter().any(|of| of.seq == event.seq));
        }
        source
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// When the work on it began for a deployment at an instant: the first merge before it, else the
    /// first that is heard of it; and whether it is a merge.
    pub fn begin(&self, until: Timestamp) -> Option<(Timestamp, bool)> {
        let before = |moment: &&Moment| moment.at <= until;
        let merged = self
            .changes
            .iter()
            .filter_map(|change| change.merged.as_ref());
        if let Some(merged) = merged.filter(before).map(|merged| merged.at).min() {
            return Some((merged, true));
        }
        let first = self
            .changes
            .iter()
            .filter_map(|change| change.first.as_ref());
        let first = first
            .chain(&self.push)
            .filter(before)
            .map(|first| first.at)
            .min()?;
        Some((first, false))
    }

    fn refer(&mut self, change: &Subject) {
        let known = |known: &ChangeLine| {
            let sources = known.source.as_ref().zip(change.source.as_ref());
            folded(&known.id) == folded(&change.id) && sources.is_none_or(|(one, two)| one == two)
        };
        if !self.changes.iter().any(known) && self.changes.len() < bounds::LIST {
            self.changes.push(ChangeLine {
                id: change.id.clone(),
                source: change.source.clone(),
                name: None,
                first: None,
                merged: None,
            });
        }
    }

    fn commit(&mut self, commit: &Commit) {
        for known in &mut self.commits {
            if known.starts_with(&commit.sha) {
                return;
            }
            if commit.sha.starts_with(known.as_str()) {
                known.clone_from(&commit.sha);
                return;
            }
        }
        if self.commits.len() < bounds::LIST {
            self.commits.push(commit.sha.clone());
        }
    }

    /// What an event about a change says. They come by time.
    fn learn(&mut self, event: &Recorded) {
        let facts = &event.facts;
        for commit in commits(facts) {
            self.commit(&commit);
        }
        let about = facts.about.as_ref().filter(|about| about.kind == "change");
        let Some(about) = about else {
            self.push.get_or_insert_with(|| Moment::of(event));
            return;
        };
        self.refer(about);
        let known = self.changes.iter_mut().find(|known| {
            folded(&known.id) == folded(&about.id) && known.source.as_ref() == about.source.as_ref()
        });
        let Some(change) = known else { return };
        change.name = change.name.take().or_else(|| facts.name.clone());
        change.first.get_or_insert_with(|| Moment::of(event));
        if facts.predicate == "merged" {
            change.merged.get_or_insert_with(|| Moment::of(event));
        }
    }

    fn place(&mut self, event: &Recorded, is_source: bool) {
        fn fill(known: &mut Option<String>, new: Option<&String>) {
            if known.is_none() {
                *known = new.cloned();
            }
        }
        let context = &event.facts.context;
        fill(&mut self.repository, context.repository.as_ref());
        fill(&mut self.branch, context.branch.as_ref());
        // Others than these name who published or asked.
        if is_source || !commits(&event.facts).is_empty() {
            fill(&mut self.author, context.user.as_ref());
        }
    }
}
