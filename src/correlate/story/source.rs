//! What a run was made from and why it ran: changes, commits, repository, trigger.

use std::collections::HashMap;

use super::events::Events;
use super::spans::Spans;
use crate::correlate::facts::{Facts, Reference, Target};
use crate::correlate::key::{Role, folded};
use crate::limits;

/// A change, as far as events of the run tell of it.
#[derive(Debug)]
pub(super) struct Change<'a> {
    /// Its id.
    pub id: &'a str,
    /// Where the id is unique.
    pub source: Option<&'a str>,
    /// The first event about it and its time; `None` if others only refer to it.
    pub first: Option<(usize, i64)>,
    /// When it was merged.
    pub merged: Option<(usize, i64)>,
}

/// What a run was made from.
#[derive(Debug, Default)]
pub(super) struct Source<'a> {
    /// Changes, by the first event that names each.
    pub changes: Vec<Change<'a>>,
    /// Commits by their ids, the longest form of each.
    pub commits: Vec<&'a str>,
    /// The repository.
    pub repository: Option<&'a str>,
    /// The branch.
    pub branch: Option<&'a str>,
    /// Who.
    pub user: Option<&'a str>,
    /// What is said to have triggered it.
    pub trigger: Option<&'a str>,
    /// The first event about sources other than changes: a push, a branch.
    pub first_push: Option<(usize, i64)>,
    /// References to a change that is an artifact.
    pub mistaken: Vec<usize>,
    by_id: HashMap<String, Vec<usize>>,
}

impl<'a> Source<'a> {
    /// Gathers it.
    pub(super) fn of(events: &Events<'a>, spans: &Spans<'a>) -> Self {
        let mut out = Self::default();
        for (at, entry) in events.counted() {
            let facts = entry.facts();
            if facts.subject == "change"
                && let Some(line) = spans.line_of(at).and_then(|line| spans.lines.get(line))
                && let Some(change) = out.change(line.id, line.source)
            {
                change.first = change.first.or(Some((at, entry.at)));
                if facts.predicate == "merged" {
                    change.merged = change.merged.or(Some((at, entry.at)));
                }
            } else if tells_source(facts) {
                out.first_push = out.first_push.or(Some((at, entry.at)));
            }
            for reference in &facts.references {
                out.refer(at, reference);
            }
        }
        // What events about sources say comes before what others say.
        let all = || events.counted().map(|(_, entry)| entry.facts());
        all()
            .filter(|facts| tells_source(facts))
            .for_each(|facts| out.place(facts));
        all().for_each(|facts| out.place(facts));
        out
    }

    /// When the work began that a change brought: its merge, told by that of the earliest change, and
    /// whether it is a merge.
    pub(super) fn begin(&self, until: i64) -> Option<(usize, i64, bool)> {
        let before = |found: Option<(usize, i64)>| found.filter(|(_, at)| *at <= until);
        let merged = self
            .changes
            .iter()
            .filter_map(|change| before(change.merged));
        if let Some((entry, at)) = merged.min_by_key(|(_, at)| *at) {
            return Some((entry, at, true));
        }
        let first = self
            .changes
            .iter()
            .filter_map(|change| before(change.first));
        let first = first
            .chain(before(self.first_push))
            .min_by_key(|(_, at)| *at)?;
        Some((first.0, first.1, false))
    }

    /// Whether there is nothing to tell.
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
            && self.commits.is_empty()
            && self.repository.is_none()
            && self.branch.is_none()
            && self.trigger.is_none()
            && self.user.is_none()
    }

    fn change(&mut self, id: &'a str, source: Option<&'a str>) -> Option<&mut Change<'a>> {
        let new = self.changes.len();
        let same = |at: &&usize| {
            let known = self.changes.get(**at).and_then(|known| known.source);
            known
                .zip(source)
                .is_none_or(|(known, source)| known == source)
        };
        let places = self.by_id.entry(folded(id)).or_default();
        let at = places.iter().find(same).copied().unwrap_or(new);
        if at == new {
            places.push(new);
            self.changes.push(Change {
                id,
                source,
                first: None,
                merged: None,
            });
        }
        let change = self.changes.get_mut(at)?;
        change.source = change.source.or(source);
        Some(change)
    }

    fn refer(&mut self, at: usize, reference: &'a Reference) {
        match &reference.target {
            Target::Subject(to) if to.kind == "change" => {
                if is_artifact(&to.id) {
                    self.mistaken.push(at);
                } else if self.changes.len() < limits::FACT_LIST {
                    self.change(&to.id, to.source.as_deref());
                }
            }
            Target::Commit { sha, .. } => self.commit(sha),
            Target::Resource(uri) if is_trigger(reference) => {
                self.trigger = self.trigger.or(Some(uri));
            }
            _ => {}
        }
    }

    fn commit(&mut self, sha: &'a str) {
        if sha.is_empty() {
            return;
        }
        for known in &mut self.commits {
            if known.starts_with(sha) {
                return;
            }
            if sha.starts_with(*known) {
                *known = sha;
                return;
            }
        }
        if self.commits.len() < limits::FACT_LIST {
            self.commits.push(sha);
        }
    }

    fn place(&mut self, facts: &'a Facts) {
        let context = &facts.context;
        self.repository = self.repository.or(context.repository.as_deref());
        self.branch = self.branch.or(context.branch.as_deref());
        // Others than these name who published or asked.
        let knows_author = tells_source(facts)
            || facts
                .references
                .iter()
                .any(|reference| matches!(reference.target, Target::Commit { .. }));
        if knows_author {
            self.user = self.user.or(context.user.as_deref());
        }
    }
}

fn tells_source(facts: &Facts) -> bool {
    matches!(facts.subject.as_str(), "change" | "repository" | "branch")
}

/// Whether the id of a change is really that of an artifact.
pub(super) fn is_artifact(id: &str) -> bool {
    id.trim_start()
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case("pkg:"))
        || id.contains("@sha256:")
}

fn is_trigger(reference: &Reference) -> bool {
    let named = reference
        .name
        .as_deref()
        .is_some_and(|name| name.to_ascii_lowercase().contains("trigger"));
    matches!(reference.role, Role::Relation | Role::Cause) && named
}
