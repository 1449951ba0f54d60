//! The tests of a run, by the last attempt of each.

use std::collections::BTreeMap;

use super::events::Events;
use super::outcome::Outcome;
use super::spans::{Span, Spans};
use crate::domain::run::RunOutcome;

/// How many tests came to which end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// By outcome, the best first.
    pub by_outcome: BTreeMap<RunOutcome, usize>,
    /// Those that have not ended.
    pub open: usize,
}

impl Counts {
    /// All of them.
    pub(super) fn total(&self) -> usize {
        self.by_outcome.values().sum::<usize>() + self.open
    }

    fn add(&mut self, span: &Span<'_>) {
        if span.is_open() {
            self.open += 1;
        } else {
            let outcome = span.outcome.unwrap_or(RunOutcome::Unknown);
            *self.by_outcome.entry(outcome).or_default() += 1;
        }
    }

    /// `2 success, 1 failure`.
    pub(super) fn words(&self) -> String {
        let mut words: Vec<String> = self
            .by_outcome
            .iter()
            .map(|(outcome, count)| format!("{count} {}", outcome.as_str()))
            .collect();
        if self.open > 0 {
            words.push(format!("{} not ended", self.open));
        }
        words.join(", ")
    }
}

/// The tests of a run.
#[derive(Debug, Default)]
pub(super) struct Tests {
    /// Test case runs.
    pub cases: Counts,
    /// Test suite runs.
    pub suites: Counts,
    /// Last attempts of both, those that went badly first.
    pub spans: Vec<usize>,
    /// Those that came to another end in an earlier attempt.
    pub flaky: Vec<usize>,
    /// When the first test ended.
    pub first_end: Option<i64>,
    /// The events that published the output of tests.
    pub outputs: usize,
}

impl Tests {
    /// Counts them.
    pub(super) fn of(events: &Events<'_>, spans: &Spans<'_>, outcome: &Outcome<'_>) -> Self {
        let mut out = Self::default();
        for (at, span) in spans.all() {
            let Some(line) = spans.line(span) else {
                continue;
            };
            let counts = match line.kind {
                "testcaserun" => &mut out.cases,
                "testsuiterun" => &mut out.suites,
                _ => continue,
            };
            if let Some(end) = span.end() {
                out.first_end = Some(out.first_end.map_or(end, |first| first.min(end)));
            }
            if !span.last || outcome.is_earlier(span) {
                continue;
            }
            counts.add(span);
            out.spans.push(at);
            let differs = |before: &usize| {
                spans.list.get(*before).is_some_and(|before| {
                    before.finished.is_some() && before.outcome != span.outcome
                })
            };
            if span.finished.is_some() && line.spans.iter().any(differs) {
                out.flaky.push(at);
            }
        }
        out.spans.sort_by_key(|at| {
            let span = spans.list.get(*at);
            (!span.is_some_and(Span::is_bad), span.map(Span::any_time))
        });
        let is_output = |facts: &&crate::correlate::facts::Facts| facts.subject == "testoutput";
        out.outputs = events
            .counted()
            .map(|(_, entry)| entry.facts())
            .filter(is_output)
            .count();
        out
    }

    /// Whether there are any.
    pub(super) fn any(&self) -> bool {
        !self.spans.is_empty()
    }
}
