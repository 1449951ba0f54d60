//! What an answer begins with: which run, how it stands, how it ended, how long it took.

use std::collections::BTreeSet;

use super::size;
use crate::correlate::run::{Confidence, Method};
use crate::correlate::story::format::{count, each, kind, lasting, name, relative};
use crate::correlate::story::outcome::{Outcome, Rolled, Status};
use crate::correlate::story::spans::Span;
use crate::correlate::story::{Story, Typical};
use crate::domain::run::{RunName, RunOutcome};
use crate::domain::time::Timestamp;
use crate::limits::story as limits;

/// `RUN run_… pipelineRun «pr-2» of pipeline «svc2»: FINISHED, …`.
pub(super) fn verdict(story: &Story<'_>) -> String {
    let status = story.parts.outcome.status.as_str().to_uppercase();
    format!(
        "RUN {}{}: {status}, {}.",
        story.asked.handle,
        which(story),
        how(story)
    )
}

/// What names the run.
fn which(story: &Story<'_>) -> String {
    let named = match &story.run.name {
        Some(RunName::PipelineRun { id, .. }) => format!("pipelineRun {}", name(id)),
        Some(RunName::Chain(id)) => format!("chain {}", name(id)),
        Some(RunName::Build { id }) => format!("build {}", name(id)),
        None => format!("unnamed, {}", size(story)),
    };
    let pipeline = pipeline(story).map(|pipeline| format!(" of pipeline {}", name(pipeline)));
    format!(" ({named}{})", pipeline.unwrap_or_default())
}

/// The pipeline's name.
pub(in crate::correlate::story) fn pipeline<'s>(story: &'s Story<'_>) -> Option<&'s str> {
    let parts = &story.parts;
    let root = parts
        .outcome
        .root
        .and_then(|root| parts.spans.lines.get(root));
    let said = |at: &usize| parts.events.facts(*at)?.context.pipeline.as_deref();
    match root {
        Some(root) => root.entries.iter().find_map(said).or(root.name),
        None => parts
            .events
            .counted()
            .find_map(|(_, entry)| entry.facts().context.pipeline.as_deref()),
    }
}

/// How it ended, or how it stands so far.
fn how(story: &Story<'_>) -> String {
    let outcome = &story.parts.outcome;
    let parts = each("its", outcome.parts, "part");
    let s = if outcome.parts == 1 { "s" } else { "" };
    let derived = outcome.derived.map_or("unknown", Rolled::as_str);
    let so_far = match outcome.derived.and_then(Rolled::is_bad) {
        Some(true) => format!("{derived} in {parts} already"),
        _ => "nothing has failed so far".to_owned(),
    };
    let open = outcome.open_for.map(lasting).unwrap_or_default();
    match outcome.status {
        Status::Queued | Status::Running => return format!("for {open}; {so_far}"),
        Status::Stalled => {
            return format!("open for {open} and nothing says that it ended; {so_far}");
        }
        Status::Unknown if outcome.unread => {
            let unread = "no end of it is among the events that were read, which are not all";
            return match outcome.derived.and_then(Rolled::is_bad) {
                Some(true) => format!("{unread}; {so_far}"),
                _ => unread.to_owned(),
            };
        }
        Status::Unknown => {
            return match outcome.derived {
                Some(_) => format!("no event says when it began or ended; its parts say {derived}"),
                None => "no event says when it began or ended".to_owned(),
            };
        }
        Status::Finished => {}
    }
    if outcome.declared.is_none() && outcome.derived.is_none() {
        return "and nothing says how".to_owned();
    }
    let Some(declared) = outcome.declared else {
        return format!("{derived} by {parts}; no pipelineRun event says so itself");
    };
    let said = match outcome.declared_said {
        Some(said) => format!("{} ({})", declared.as_str(), name(said)),
        None => declared.as_str().to_owned(),
    };
    match (outcome.derived, outcome.agree) {
        (None, _) => format!("declared {said}; of parts nothing is recorded"),
        (Some(_), Some(true)) => format!("declared {said}, and {parts} agree{s}"),
        (Some(_), Some(false)) => {
            format!("declared {said}, BUT {parts} come{s} to {derived}: a contradiction")
        }
        (Some(Rolled::Running), None) => format!("declared {said}; not all of it ended: {parts}"),
        (Some(_), None) => format!("declared {said}; {parts} come{s} to {derived}"),
    }
}

/// When it began, how long it waited and ran, against what is usual, and what was recorded.
pub(super) fn times(story: &Story<'_>) -> String {
    let outcome = &story.parts.outcome;
    if story.parts.events.len() == 0 {
        return "It has no events.".to_owned();
    }
    let zero = Timestamp::from_micros(outcome.zero);
    let mut words = vec![format!(
        "{} {zero}, from where times count below",
        if outcome.begun {
            "Began"
        } else {
            "First event"
        }
    )];
    if let Some(cut) = outcome.cut {
        words.push(format!("its last attempt {}", relative(cut, outcome.zero)));
    }
    words.extend(
        outcome
            .queue
            .map(|queue| format!("queued {}", lasting(queue))),
    );
    words.push(match (outcome.run, outcome.status) {
        (Some(run), _) if outcome.from_parts => {
            format!("{} from the first start to the last end", lasting(run))
        }
        (Some(run), _) => format!("ran {}", lasting(run)),
        (None, Status::Finished) => ran_unknown(outcome).to_owned(),
        (None, _) => format!("last event {}", relative(outcome.last_event, outcome.zero)),
    });
    let usual = usual(story).map(|usual| format!(" {usual}"));
    format!("{}.{}", words.join("; "), usual.unwrap_or_default())
}

/// Why it is not known how long it ran.
fn ran_unknown(outcome: &Outcome<'_>) -> &'static str {
    if outcome.queued_at.is_some() {
        "how long it ran is unknown, for nothing says when it was started"
    } else if outcome.begun {
        "how long its last attempt ran is unknown, for nothing says when that began"
    } else {
        "how long it ran is unknown, for nothing says when it began"
    }
}

fn usual(story: &Story<'_>) -> Option<String> {
    // A few runs, of which this may be one, do not tell what is usual.
    let known = |typical: &Typical| typical.runs >= limits::TYPICAL_RUNS;
    let typical = story.asked.typical.filter(known)?;
    let micros = |seconds: f64| (seconds * 1_000_000.0) as i64;
    let p95 = micros(typical.p95_s);
    let slower = story.parts.outcome.run.is_some_and(|run| run > p95);
    Some(format!(
        "Usually {}, 95 of 100 within {} ({}){}.",
        lasting(micros(typical.median_s)),
        lasting(p95),
        count(typical.runs, "run"),
        if slower { ": this was SLOWER" } else { "" },
    ))
}

/// How often it was tried.
pub(super) fn attempts(story: &Story<'_>) -> Option<String> {
    let parts = &story.parts;
    let outcomes = |line: usize| -> Vec<String> {
        let spans = parts
            .spans
            .lines
            .get(line)
            .map_or(&[][..], |line| &line.spans);
        let spans = spans.iter().filter_map(|at| parts.spans.list.get(*at));
        spans.map(|span| ending(span).to_owned()).collect()
    };
    let mut words = Vec::new();
    let root = parts.outcome.root;
    if let Some(root) = root {
        let outcomes = outcomes(root);
        if outcomes.len() > 1 {
            words.push(format!(
                "attempt {} of it: {}",
                outcomes.len(),
                last_of(&outcomes)
            ));
        }
    }
    let retried: Vec<usize> = (0..parts.spans.lines.len())
        .filter(|line| Some(*line) != root)
        .filter(|line| {
            parts
                .spans
                .lines
                .get(*line)
                .is_some_and(|line| line.spans.len() > 1)
        })
        .collect();
    for line in retried.iter().take(3) {
        words.push(format!(
            "{} {}",
            parts.line_name(*line),
            last_of(&outcomes(*line))
        ));
    }
    if retried.len() > 3 {
        words.push(format!("{} more", retried.len() - 3));
    }
    (!words.is_empty()).then(|| format!("Attempts: {}.", words.join("; ")))
}

/// How a span ended, in a word.
pub(super) fn ending(span: &Span<'_>) -> &'static str {
    match span.outcome {
        Some(outcome) => outcome.as_str(),
        None if span.is_open() => "open",
        None => "ended",
    }
}

/// The last few, the last at the end.
fn last_of(outcomes: &[String]) -> String {
    let from = outcomes.len().saturating_sub(4);
    let shown = outcomes.get(from..).unwrap_or_default().join(", then ");
    if from > 0 {
        format!("{from} earlier, {shown}")
    } else {
        shown
    }
}

/// How many events, how they were found, and what the registry was told of success.
pub(super) fn found(story: &Story<'_>) -> String {
    let how = match story.run.method {
        Method::Single => "alone".to_owned(),
        method => format!("by {}", method.as_str()),
    };
    let recorded = match (story.parts.outcome.epr_failed, story.parts.events.len()) {
        (0, _) => "success: true".to_owned(),
        (failed, all) if failed == all => "success: false".to_owned(),
        (failed, _) => format!("success: false on {failed} of them"),
    };
    format!(
        "{}, found {how} (confidence {}), recorded with {recorded}.",
        size(story),
        confidence(story)
    )
}

/// `high`, or where few events are less certain than the others: `high, 1 of them medium by digest`.
fn confidence(story: &Story<'_>) -> String {
    let run = story.run;
    let of = |wanted: Confidence| {
        run.members
            .iter()
            .filter(move |member| member.via.confidence == wanted)
    };
    let best = run.members.iter().map(|member| member.via.confidence).min();
    let (few, all) = (of(run.confidence).count(), run.members.len());
    match best {
        Some(best) if best < run.confidence && few > 0 && few * 4 <= all => {
            let ties: BTreeSet<&str> = of(run.confidence).map(|member| member.via.tie).collect();
            let ties: Vec<&str> = ties.into_iter().collect();
            format!(
                "{}, {few} of them {} by {}",
                best.as_str(),
                run.confidence.as_str(),
                ties.join(", ")
            )
        }
        _ => run.confidence.as_str().to_owned(),
    }
}

/// A reason for a failed span: what it says, else its own word for the outcome.
pub(super) fn why(span: &Span<'_>) -> Option<String> {
    use crate::correlate::story::format::reason;
    let said = span
        .said
        .filter(|_| span.outcome != Some(RunOutcome::Success));
    span.reason.or(said).map(reason)
}

/// `taskRun` of a line.
pub(super) fn kind_of(story: &Story<'_>, line: usize) -> String {
    let line = story.parts.spans.lines.get(line);
    kind(line.map_or("", |line| line.kind)).into_owned()
}
