//! What failed first, and what failed and went well when it was tried again.

use std::collections::{HashMap, HashSet};

use super::events::Events;
use super::outcome::Outcome;
use super::spans::{Span, Spans};
use crate::domain::run::RunOutcome;

/// What failed in a run.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// Last attempts that went badly and of which no part did, by time.
    pub first: Vec<usize>,
    /// Those of which a part did.
    pub wholes: Vec<usize>,
    /// Of the first ones those that have a later namesake that went well: tried again under another
    /// id.
    pub tried_again: HashSet<usize>,
    /// Last attempts that went well after one that did not.
    pub recovered: Vec<usize>,
    /// Events of what takes no time that tell of something bad: a decision, a deployment.
    pub events: Vec<usize>,
}

impl Failures {
    /// Finds them.
    pub(super) fn of(events: &Events<'_>, spans: &Spans<'_>, outcome: &Outcome<'_>) -> Self {
        let mut out = Self::default();
        let counts = |span: &Span<'_>| {
            span.last && !outcome.is_earlier(span) && Some(span.line) != outcome.root
        };
        let bad: Vec<usize> = spans
            .all()
            .filter(|(_, span)| counts(span) && span.is_bad())
            .map(|(at, _)| at)
            .collect();
        let wholes: HashSet<usize> = bad
            .iter()
            .filter_map(|at| spans.lines.get(spans.list.get(*at)?.line)?.parent)
            .collect();
        let is_whole = |at: &usize| {
            let line = spans.list.get(*at).map(|span| span.line);
            line.is_some_and(|line| wholes.contains(&line))
        };
        (out.wholes, out.first) = bad.into_iter().partition(is_whole);
        let end = |at: &usize| spans.list.get(*at).and_then(Span::end);
        out.first.sort_by_key(end);
        out.wholes.sort_by_key(end);
        out.tried_again = tried_again(&out.first, spans);
        out.recovered = spans
            .all()
            .filter(|(_, span)| counts(span) && span.outcome == Some(RunOutcome::Success))
            .filter(|(_, span)| {
                let attempts = spans.line(span).map_or(&[][..], |line| &line.spans);
                let bad = |at: &usize| spans.list.get(*at).is_some_and(Span::is_bad);
                attempts.iter().any(bad)
            })
            .map(|(at, _)| at)
            .collect();
        for line in spans.lines.iter().filter(|line| line.spans.is_empty()) {
            let said = line.entries.iter().rev().copied().find(|at| {
                let facts = events.facts(*at);
                facts.is_some_and(|facts| facts.outcome.is_some())
            });
            let outcome = said.and_then(|at| events.facts(at)?.outcome);
            if outcome.is_some_and(RunOutcome::is_bad) {
                out.events.extend(said);
            }
        }
        out.events.sort_unstable();
        out
    }

    /// Whether nothing failed.
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_empty() && self.wholes.is_empty() && self.events.is_empty()
    }
}

fn tried_again(first: &[usize], spans: &Spans<'_>) -> HashSet<usize> {
    let name = |span: &Span<'_>| {
        let line = spans.line(span)?;
        Some((line.kind, line.name?, line.parent))
    };
    let mut good: HashMap<_, i64> = HashMap::new();
    for (_, span) in spans.all() {
        if span.last
            && span.outcome == Some(RunOutcome::Success)
            && let (Some(name), Some(end)) = (name(span), span.end())
        {
            let latest = good.entry(name).or_insert(end);
            *latest = end.max(*latest);
        }
    }
    let has_later = |at: &&usize| {
        let span = spans.list.get(**at);
        let later = span.and_then(name).and_then(|name| good.get(&name));
        span.and_then(Span::end)
            .zip(later)
            .is_some_and(|(end, later)| *later > end)
    };
    first.iter().filter(has_later).copied().collect()
}
