//! The parts of the summary as JSON.

use serde_json::Value;

use super::rows::{event_id, outcome, subject, what};
use super::{Obj, exact, texts};
use crate::correlate::story::format::seconds;
use crate::correlate::story::spans::Span;
use crate::correlate::story::testing::Counts;
use crate::correlate::story::{GateLine, Story};
use crate::limits::story as limits;

/// How a gate stands.
pub(super) fn gate(gate: &GateLine) -> Value {
    Obj::new()
        .text("group", Some(&gate.group))
        .text("unit", Some(&gate.unit))
        .put("passes", gate.enabled && gate.passes)
        .flag("disabled", !gate.enabled)
        .put("missing", texts(gate.missing.iter().take(limits::TOP)))
        .put("failed", texts(gate.failed.iter().take(limits::TOP)))
        .put(
            "decided_by_other_runs",
            texts(gate.outside.iter().take(limits::TOP)),
        )
        .into()
}

/// What the run was made from.
pub(super) fn source(story: &Story<'_>) -> Value {
    let source = &story.parts.source;
    let changes: Vec<Value> = source
        .changes
        .iter()
        .take(limits::TOP)
        .map(|change| {
            Obj::new()
                .text("change", Some(change.id))
                .text("source", change.source)
                .time("merged_at", change.merged.map(|(_, at)| at))
                .put(
                    "event",
                    change
                        .merged
                        .or(change.first)
                        .map(|(at, _)| event_id(story, at)),
                )
                .into()
        })
        .collect();
    let commits = source.commits.iter().take(limits::TOP);
    Obj::new()
        .put("changes", changes)
        .put("commits", commits.map(|sha| exact(sha)).collect::<Vec<_>>())
        .text("repository", source.repository)
        .text("branch", source.branch)
        .text("author", source.user)
        .text("trigger", source.trigger)
        .into()
}

/// What failed, first things first.
pub(super) fn failures<'s>(story: &'s Story<'_>) -> impl Iterator<Item = Value> + 's {
    let parts = &story.parts;
    let failures = &parts.failures;
    let of_span = move |at: &usize, whole: bool| {
        let span = parts.spans.list.get(*at)?;
        let line = parts.spans.line(span)?;
        let failed = subject(line)
            .put("outcome", outcome(span.outcome))
            .text("reason", span.reason.or(span.said))
            .time("at", span.end())
            .flag(
                "later_namesake_succeeded",
                failures.tried_again.contains(at),
            )
            .flag("has_failed_parts", whole)
            .put(
                "event",
                span.finished.map(|mark| event_id(story, mark.entry)),
            );
        Some(Value::from(failed))
    };
    let of_event = move |at: &usize| {
        let facts = parts.events.facts(*at)?;
        let failed = Obj::new()
            .put("what", what(facts))
            .put("outcome", outcome(facts.outcome))
            .text("reason", facts.reason.as_deref())
            .put("event", event_id(story, *at));
        Some(Value::from(failed))
    };
    let first = failures
        .first
        .iter()
        .filter_map(move |at| of_span(at, false));
    let events = failures.events.iter().filter_map(of_event);
    let wholes = failures
        .wholes
        .iter()
        .filter_map(move |at| of_span(at, true));
    let root = parts
        .outcome
        .root
        .and_then(|root| parts.spans.lines.get(root));
    let root = root.and_then(|root| root.spans.last().copied());
    let root = root.filter(|at| parts.spans.list.get(*at).is_some_and(Span::is_bad));
    let root = root
        .into_iter()
        .filter_map(move |at| of_span(&at, !failures.is_empty()));
    first.chain(events).chain(wholes).chain(root)
}

/// A span of the critical path.
pub(super) fn step(story: &Story<'_>, at: usize) -> Value {
    let parts = &story.parts;
    let path = &parts.critical;
    let Some(step) = path.steps.get(at) else {
        return Value::Null;
    };
    let span = parts.spans.list.get(step.span);
    let line = span.and_then(|span| parts.spans.line(span));
    // Rounded down, so that the shares never come to more than the whole.
    let share = i128::from(step.own) * 10_000 / i128::from(path.wall.max(1));
    Obj::new()
        .put("span", line.map(subject))
        .put(
            "attempt",
            span.map(|span| span.attempt).filter(|attempt| *attempt > 1),
        )
        .length(
            "offset_s",
            Some(step.start.saturating_sub(parts.outcome.zero)),
        )
        .length("own_s", Some(step.own))
        .put("share", share as f64 / 10_000.0)
        .put("gap_s", seconds(step.gap))
        .into()
}

/// How many tests came to which end.
pub(super) fn test_counts(story: &Story<'_>) -> Value {
    let counts = |counts: &Counts| {
        let mut out = Obj::new().put("total", Some(counts.total()).filter(|total| *total > 0));
        for (outcome, count) in &counts.by_outcome {
            out = out.put(outcome.as_str(), *count);
        }
        out.put("open", Some(counts.open).filter(|open| *open > 0))
    };
    let tests = &story.parts.tests;
    Obj::new()
        .put("cases", counts(&tests.cases))
        .put("suites", counts(&tests.suites))
        .put(
            "another_outcome_before",
            Some(tests.flaky.len()).filter(|flaky| *flaky > 0),
        )
        .put(
            "outputs",
            Some(tests.outputs).filter(|outputs| *outputs > 0),
        )
        .into()
}
