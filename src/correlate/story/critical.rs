//! What a run had to wait for: the chain of spans that led to its end, with the gaps in which none of
//! them ran. O(n log n) for n spans.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::events::Events;
use super::outcome::Outcome;
use super::spans::Spans;
use crate::correlate::facts::{Facts, Target};
use crate::correlate::key::{Role, folded};
use crate::correlate::run::Run;
use crate::limits;

/// One span of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// Which.
    pub span: usize,
    /// When it began, in microseconds since 1970.
    pub start: i64,
    /// How long it alone held the run up: until it ended or the next one began.
    pub own: i64,
    /// How long nothing of the path ran before it.
    pub gap: i64,
}

/// The path, by time.
#[derive(Debug, Default)]
pub(super) struct CriticalPath {
    /// Its spans.
    pub steps: Vec<Step>,
    /// From the beginning of the run to its end, as far as both are known from spans.
    pub wall: i64,
    /// How much of that nothing of the path ran.
    pub idle: i64,
}

/// A span that no other span of known length is a part of.
#[derive(Debug, Clone, Copy)]
struct Leaf {
    span: usize,
    start: i64,
    end: i64,
}

impl CriticalPath {
    /// Finds the path of a run's last attempt.
    pub(super) fn of(
        run: &Run,
        events: &Events<'_>,
        spans: &Spans<'_>,
        outcome: &Outcome<'_>,
    ) -> Self {
        let leaves = leaves(spans, outcome);
        let links = Explicit::of(run, events, spans);
        let Some(last) = leaves.last().copied() else {
            return Self::default();
        };
        let by_span: HashMap<usize, Leaf> = leaves.iter().map(|leaf| (leaf.span, *leaf)).collect();
        let mut path = vec![last];
        let mut seen = HashSet::from([last.span]);
        let mut at = last;
        loop {
            let explicit = links
                .before(at.span, &by_span)
                .filter(|leaf| leaf.start < at.start);
            let Some(before) = explicit.or_else(|| ends_before(&leaves, at.start)) else {
                break;
            };
            if !seen.insert(before.span) {
                break;
            }
            path.push(before);
            at = before;
        }
        path.reverse();
        Self::measured(&path, outcome)
    }

    fn measured(path: &[Leaf], outcome: &Outcome<'_>) -> Self {
        let (Some(first), Some(last)) = (path.first(), path.last()) else {
            return Self::default();
        };
        let own = |at: Option<i64>| at.filter(|_| outcome.root.is_some());
        let begin = own(outcome
            .queued_at
            .into_iter()
            .chain(outcome.started_at)
            .min())
        .map_or(first.start, |begin| begin.min(first.start));
        let end = own(outcome.finished_at).map_or(last.end, |end| end.max(last.end));
        let wall = end.saturating_sub(begin).max(0);
        let mut steps = Vec::with_capacity(path.len());
        let mut free = begin;
        for (n, leaf) in path.iter().enumerate() {
            let until = path
                .get(n + 1)
                .map_or(leaf.end, |next| leaf.end.min(next.start));
            steps.push(Step {
                span: leaf.span,
                start: leaf.start,
                own: until.saturating_sub(leaf.start).max(0),
                gap: leaf.start.saturating_sub(free).max(0),
            });
            free = leaf.end.max(free);
        }
        let busy: i64 = steps.iter().map(|step| step.own).sum();
        Self {
            steps,
            wall,
            idle: wall.saturating_sub(busy).max(0),
        }
    }
}

/// The leaves that took time, by their ends; of equal ends the least id is the last.
fn leaves(spans: &Spans<'_>, outcome: &Outcome<'_>) -> Vec<Leaf> {
    let timed = |at: usize| {
        let span = spans.list.get(at)?;
        let (start, end) = (span.started.or(span.queued)?.at, span.end()?);
        let of_this_run = !outcome.is_earlier(span) && Some(span.line) != outcome.root;
        (end > start && of_this_run).then_some(Leaf {
            span: at,
            start,
            end,
        })
    };
    let mut out: Vec<Leaf> = (0..spans.list.len()).filter_map(timed).collect();
    let wholes: HashSet<usize> = out
        .iter()
        .filter_map(|leaf| spans.lines.get(spans.list.get(leaf.span)?.line)?.parent)
        .collect();
    out.retain(|leaf| {
        spans
            .list
            .get(leaf.span)
            .is_some_and(|span| !wholes.contains(&span.line))
    });
    out.sort_by_key(|leaf| {
        let line = spans.list.get(leaf.span).and_then(|span| spans.line(span));
        (leaf.end, Reverse(line.map(|line| (line.kind, line.id))))
    });
    out
}

/// The leaf that ended last until then. Every leaf ends after it starts, so going back this way ends.
fn ends_before(leaves: &[Leaf], start: i64) -> Option<Leaf> {
    let until = leaves.partition_point(|leaf| leaf.end <= start);
    leaves.get(until.checked_sub(1)?).copied()
}

/// What events say that they follow from.
struct Explicit<'e, 'a> {
    events: &'e Events<'a>,
    spans: &'e Spans<'a>,
    /// From stand-alone links: the id of an event and that of the one before it.
    links: HashMap<String, &'a str>,
}

impl<'e, 'a> Explicit<'e, 'a> {
    fn of(run: &'a Run, events: &'e Events<'a>, spans: &'e Spans<'a>) -> Self {
        let mut links = HashMap::new();
        for link in &run.links {
            let end = |role: Role| event_with(&link.facts, &[role]);
            if let (Some(from), Some(to)) = (end(Role::LinkFrom), end(Role::LinkTo))
                && link.facts.predicate == "path"
            {
                links.insert(folded(to), from);
            }
        }
        Self {
            events,
            spans,
            links,
        }
    }

    /// The leaf from which what began this span followed.
    fn before(&self, span: usize, leaves: &HashMap<usize, Leaf>) -> Option<Leaf> {
        let begun = self.spans.list.get(span)?;
        let mut at = begun.queued.or(begun.started)?.entry;
        for _ in 0..limits::story::PATH_HOPS {
            at = self.event_before(at)?;
            let found = self.spans.span_of(at).filter(|found| *found != span);
            if let Some(found) = found {
                return leaves.get(&found).copied();
            }
        }
        None
    }

    fn event_before(&self, at: usize) -> Option<usize> {
        let facts = self.events.facts(at)?;
        let said = event_with(facts, &[Role::Path, Role::Cause]);
        let linked = || self.links.get(&folded(facts.id.as_deref()?)).copied();
        self.events
            .by_context(said.or_else(linked)?, facts.source.as_deref())
    }
}

/// The first event that is referred to in one of these roles.
fn event_with<'a>(facts: &'a Facts, roles: &[Role]) -> Option<&'a str> {
    facts
        .references
        .iter()
        .filter(|reference| roles.contains(&reference.role))
        .find_map(|reference| match &reference.target {
            Target::Event(id) => Some(id.as_str()),
            _ => None,
        })
}
