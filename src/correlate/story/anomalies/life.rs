//! What is odd about how things began and ended.

use std::collections::{BTreeMap, BTreeSet};

use super::{Anomalies, Severity};
use crate::correlate::story::format::{SECOND, count, kind, lasting, relative};
use crate::correlate::story::outcome::Status;
use crate::correlate::story::spans::{Mark, Span};
use crate::correlate::story::{Asked, Parts};
use crate::domain::run::RunOutcome;
use crate::limits::story as limits;

const SLACK: i64 = limits::CLOCK_SECONDS * SECOND;

pub(super) fn find(out: &mut Anomalies, parts: &Parts<'_>, asked: &Asked) {
    without_start(out, parts);
    without_end(out, parts, asked);
    for (_, span) in parts.spans.all() {
        out_of_order(out, parts, span);
    }
    clocks_apart(out, parts);
}

/// Ended, and nothing says when it began. Where a producer never says it of a kind of thing, that is
/// one finding.
fn without_start(out: &mut Anomalies, parts: &Parts<'_>) {
    let spans = &parts.spans;
    let mut never: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let of_kind = |span: &Span<'_>| spans.line(span).map_or("", |line| line.kind);
    let begun: BTreeSet<&str> = spans
        .list
        .iter()
        .filter(|span| span.started.is_some())
        .map(of_kind)
        .collect();
    for (_, span) in spans.all() {
        let (Some(finished), None) = (span.finished, span.started) else {
            continue;
        };
        if span.outcome == Some(RunOutcome::Skipped) {
            continue;
        }
        let of = of_kind(span);
        if begun.contains(of) {
            let detail = format!(
                "{} ended at {} and has no start: how long it ran is unknown",
                parts.span_name(span),
                relative(finished.at, parts.outcome.zero),
            );
            let id = parts.events.id(finished.entry);
            out.add("finished_without_started", Severity::Warning, id, detail);
        } else {
            never.entry(of).or_default().push(finished.entry);
        }
    }
    for (of, entries) in never {
        let of = kind(of);
        let detail = match entries.len() {
            1 => format!("the only {of} has no start: how long it ran is unknown"),
            all => format!("none of the {all} {of}s has a start: how long they ran is unknown"),
        };
        let ids = entries.iter().filter_map(|at| parts.events.id(*at));
        out.add("finished_without_started", Severity::Info, ids, detail);
    }
}

fn without_end(out: &mut Anomalies, parts: &Parts<'_>, asked: &Asked) {
    let outcome = &parts.outcome;
    if outcome.status == Status::Stalled {
        let usual = asked
            .typical
            .filter(|typical| typical.runs >= limits::TYPICAL_RUNS)
            .map_or_else(
                || format!("more than {} h", limits::STALLED_HOURS),
                |typical| {
                    let p95 = lasting((typical.p95_s * SECOND as f64) as i64);
                    format!("95 of 100 end within {p95}")
                },
            );
        let detail = format!(
            "open for {} ({usual}), last event at {}: nothing says how it ended",
            lasting(outcome.open_for.unwrap_or_default()),
            relative(outcome.last_event, outcome.zero),
        );
        let last = outcome.root.and_then(|root| parts.spans.last(root));
        let ids = last.and_then(Span::latest).map(|mark| mark.entry);
        let ids = ids.and_then(|at| parts.events.id(at));
        out.add("run_never_finished", Severity::Warning, ids, detail);
    }
    let may_go_on = outcome.unread || matches!(outcome.status, Status::Queued | Status::Running);
    for (_, span) in parts.spans.all() {
        let of_run = Some(span.line) == outcome.root;
        if !span.is_open() || (span.last && (may_go_on || of_run)) {
            continue;
        }
        let (code, what) = match span.started {
            Some(_) => ("started_without_finished", "began"),
            None => ("queued_without_started", "was queued"),
        };
        let after = if span.last {
            ""
        } else {
            ", and another attempt followed"
        };
        let detail = format!(
            "{} {what} at {} and nothing says how it went on{after}",
            parts.span_name(span),
            relative(span.any_time(), outcome.zero),
        );
        let ids = span.latest().and_then(|mark| parts.events.id(mark.entry));
        out.add(code, Severity::Warning, ids, detail);
    }
}

/// Events of one attempt in another order than that of a life, by what clocks may differ.
fn out_of_order(out: &mut Anomalies, parts: &Parts<'_>, span: &Span<'_>) {
    let mut tell = |code: &'static str, severity, (earlier, later): (Mark, Mark), what: &str| {
        let apart = later.at.saturating_sub(earlier.at);
        let (code, severity) = if apart > SLACK {
            ("clock_skew", Severity::Warning)
        } else {
            (code, severity)
        };
        let detail = format!("{} {what} {}", parts.span_name(span), lasting(apart));
        let ids = [earlier, later].map(|mark| parts.events.id(mark.entry));
        out.add(code, severity, ids.into_iter().flatten(), detail);
    };
    let pair = |earlier: Option<Mark>, later: Option<Mark>| {
        earlier.zip(later).filter(|(e, l)| e.at < l.at)
    };
    if let Some(pair) = pair(span.started, span.queued) {
        let what = "was queued after it began, by";
        tell("started_before_queued", Severity::Info, pair, what);
    }
    if let Some(pair) = pair(span.finished, span.started) {
        let what = "began after it ended, by";
        tell("finished_before_started", Severity::Warning, pair, what);
    } else if span.started.is_none()
        && let Some(pair) = pair(span.finished, span.queued)
    {
        let what = "was queued after it ended, by";
        tell("finished_before_started", Severity::Warning, pair, what);
    }
}

/// An end without a start before a start without an end: one attempt, if clocks differ by more than
/// they may.
fn clocks_apart(out: &mut Anomalies, parts: &Parts<'_>) {
    for line in &parts.spans.lines {
        let attempts = line.spans.windows(2).filter_map(|pair| match pair {
            [a, b] => parts.spans.list.get(*a).zip(parts.spans.list.get(*b)),
            _ => None,
        });
        for (first, second) in attempts {
            let (Some(ended), None) = (first.finished, first.started) else {
                continue;
            };
            let (Some(began), true) = (second.started, second.is_open()) else {
                continue;
            };
            let detail = format!(
                "{} has an end and, {} later, a start: two attempts, or clocks that differ; taken as {}",
                parts.line_name(first.line),
                lasting(began.at.saturating_sub(ended.at)),
                count(2, "attempt"),
            );
            let ids = [ended, began].map(|mark| parts.events.id(mark.entry));
            let ids = ids.into_iter().flatten();
            out.add("clock_skew", Severity::Warning, ids, detail);
        }
    }
}
