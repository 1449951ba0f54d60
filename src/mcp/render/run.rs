//! Pipeline runs in lists.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Obj, call, count, fitted};
use crate::correlate::{Page, Section, Story, duration};
use crate::domain::run::{RunName, RunOutcome};
use crate::domain::text::quoted;
use crate::registry::{IndexState, ListedRun, RunCandidate, RunCandidates, RunFound, RunList};

/// What a run is called: its id, for a chain with the word.
fn called(name: &RunName) -> String {
    match name {
        RunName::PipelineRun { id, .. } => quoted(id),
        RunName::Chain(id) => format!("chain {}", quoted(id)),
        RunName::Build { id } => format!("build {}", quoted(id)),
    }
}

fn name_json(name: &RunName) -> Obj {
    let (kind, id, source) = match name {
        RunName::PipelineRun { id, source } => ("pipelinerun", id, source.as_deref()),
        RunName::Chain(id) => ("chain", id, None),
        RunName::Build { id } => ("build", id, None),
    };
    Obj::new()
        .put("kind", kind)
        .put("id", id.as_str())
        .put("source", source)
}

/// Runs that fit, to choose from.
pub(crate) fn candidates_text(asked: &str, candidates: &RunCandidates) -> String {
    let mut out = format!(
        "{} fit {} by {}; newest first:\n",
        several(candidates.runs.len(), candidates.more),
        quoted(asked),
        candidates.by
    );
    for run in &candidates.runs {
        let _ = writeln!(out, " {}", candidate(run));
    }
    if let Some(first) = candidates.runs.first() {
        let _ = write!(
            out,
            "Next: {}",
            call(
                "correlate_pipeline_run",
                &[("anchor", first.handle.as_str().into())]
            )
        );
    }
    out
}

fn several(runs: usize, more: bool) -> String {
    let more = if more { "more than " } else { "" };
    format!("{more}{}", count(runs as u64, "run"))
}

fn candidate(run: &RunCandidate) -> String {
    let mut out = run.handle.clone();
    if let Some(name) = &run.name {
        let _ = write!(out, " {}", called(name));
    }
    if let Some(summary) = &run.summary {
        if let Some(pipeline) = &summary.pipeline {
            let _ = write!(out, " of pipeline {}", quoted(pipeline));
        }
        let attempt = summary.attempt();
        match attempt.outcome {
            Some(outcome) => {
                let _ = write!(out, ", {}", outcome.as_str());
            }
            None if attempt.is_open() => out.push_str(", not finished"),
            None => {}
        }
    }
    let (from, to) = run.span;
    let _ = write!(
        out,
        ", {from} to {to}, {}",
        count(run.events as u64, "event")
    );
    out
}

/// The same as JSON.
pub(crate) fn candidates_json(candidates: &RunCandidates) -> Value {
    let rows: Vec<Value> = candidates
        .runs
        .iter()
        .map(|run| {
            let name = run.name.as_ref().map_or_else(Obj::new, name_json);
            let summary = run.summary.as_ref();
            Obj::new()
                .put("run", run.handle.as_str())
                .and(name)
                .put("pipeline", summary.and_then(|run| run.pipeline.as_deref()))
                .put(
                    "outcome",
                    summary.and_then(|run| run.attempt().outcome.map(RunOutcome::as_str)),
                )
                .show("from", run.span.0)
                .show("to", run.span.1)
                .put("events", run.events)
                .into()
        })
        .collect();
    Obj::new()
        .put("by", candidates.by)
        .always("runs", rows)
        .flag("more", candidates.more)
        .put("next", "call again with one of these as anchor")
        .into()
}

/// A page of runs.
pub(crate) fn list_text(list: &RunList) -> String {
    let mut out = match list.runs.len() {
        0 if list.total == 0 => "No pipeline runs are recorded.\n".to_owned(),
        0 if list.scanned == 0 => "No run fits.\n".to_owned(),
        0 => format!(
            "None of the {} looked at fits.\n",
            count(list.scanned as u64, "run")
        ),
        shown => format!("{}, newest first:\n", count(shown as u64, "run")),
    };
    for run in &list.runs {
        let _ = writeln!(out, " {}", listed(run));
    }
    if list.windowed {
        out.push_str(
            "since and until choose runs by their first event: older ones that ran again are not among them.\n",
        );
    }
    if let Some(cursor) = &list.next_cursor {
        let _ = writeln!(out, "There are more: repeat with cursor {cursor}");
    }
    let next = match list.runs.first() {
        Some(run) => call(
            "correlate_pipeline_run",
            &[("anchor", run.summary.key.handle().into())],
        ),
        None if list.total == 0 => {
            "record_cdevent with the events of a CI system, or epr-mcp ingest FILE".to_owned()
        }
        None if !list.pipelines.is_empty() => {
            let names: Vec<String> = list.pipelines.iter().map(|name| quoted(name)).collect();
            format!("no pipeline has that name; there are {}", names.join(", "))
        }
        None => "leave a filter out".to_owned(),
    };
    let _ = write!(out, "Next: {next}");
    out
}

fn listed(run: &ListedRun) -> String {
    let summary = &run.summary;
    let mut out = format!("{} {}", summary.key.handle(), called(&summary.name));
    if let Some(pipeline) = &summary.pipeline {
        let _ = write!(out, " of pipeline {}", quoted(pipeline));
    }
    let _ = write!(out, ": {}", run.status.as_str());
    if let Some(ran) = run.ran_s {
        let _ = write!(out, " after {}", duration(ran));
        if let Some(typical) = run.usual() {
            let _ = write!(out, " (usually {})", duration(typical.median_s));
        }
    }
    if let Some(queued) = run.queued_s.filter(|queued| *queued >= 1.0) {
        let _ = write!(out, ", queued {}", duration(queued));
    }
    let _ = write!(
        out,
        ", began {}, {}",
        run.began(),
        count(u64::try_from(summary.events).unwrap_or_default(), "event")
    );
    if summary.failed > 0 {
        let _ = write!(out, ", {} bad", summary.failed);
    }
    if run.ahead {
        out.push_str(", its clock runs ahead");
    }
    out
}

/// The same as JSON.
pub(crate) fn list_json(list: &RunList) -> Value {
    let rows: Vec<Value> = list.runs.iter().map(listed_json).collect();
    Obj::new()
        .always("runs", rows)
        .put("total", list.total)
        .put("scanned", list.scanned)
        .put("next_cursor", list.next_cursor.as_deref())
        .put("pipelines", list.pipelines.clone())
        .into()
}

fn listed_json(run: &ListedRun) -> Value {
    let summary = &run.summary;
    let attempt = summary.attempt();
    let time = |at: Option<crate::domain::time::Timestamp>| at.map(|at| at.to_string());
    Obj::new()
        .put("run", summary.key.handle())
        .and(name_json(&summary.name))
        .put("pipeline", summary.pipeline.as_deref())
        .put("status", run.status.as_str())
        .put("queued_at", time(attempt.queued_at))
        .put("started_at", time(attempt.started_at))
        .put("finished_at", time(attempt.finished_at))
        .put("run_s", run.ran_s)
        .put("queue_s", run.queued_s)
        .put("typical_s", run.usual().map(|usual| usual.median_s))
        .put("times_typical", run.times_typical())
        .show("first_at", summary.first_at)
        .show("last_at", summary.last_at)
        .put("events", summary.events)
        .put("bad_events", summary.failed)
        .flag("clock_ahead", run.ahead)
        .into()
}

/// The story of a run as text, and where the next page begins.
pub(crate) fn story_text(
    found: &RunFound,
    sections: &[Section],
    offset: usize,
    most: usize,
) -> (String, Option<usize>) {
    let story = Story::tell(&found.run, &found.asked);
    let told = story.text(sections, page(sections, offset, most));
    let mut text = told.body;
    if let Some(next) = told.next {
        let _ = write!(text, "\nnext_cursor: {next}");
    }
    (text, told.next)
}

/// The same as JSON.
pub(crate) fn story_json(
    found: &RunFound,
    sections: &[Section],
    offset: usize,
    most: usize,
) -> Value {
    let story = Story::tell(&found.run, &found.asked);
    let page = page(sections, offset, most);
    let mut told = story.json(sections, page);
    if let (Some(fields), Some(next)) = (told.body.as_object_mut(), told.next) {
        fields.insert("next_cursor".to_owned(), next.to_string().into());
    }
    fitted(told.body, page.most)
}

fn page(sections: &[Section], offset: usize, most: usize) -> Page {
    let first = Page::first(sections);
    Page {
        offset,
        most: most.max(first.most),
        ..first
    }
}

/// What a reader should know of how the answer came to be.
pub(crate) fn index_note(indexed: IndexState, notes: &[String]) -> String {
    let mut notes = notes.to_vec();
    if indexed.unread > 0 {
        notes.push(format!(
            "{} have not been looked into yet, so that something may be missing: epr-mcp reindex does so",
            count(indexed.unread, "recorded event")
        ));
    }
    notes.join("; ")
}
