//! The story as text: the summary, the lists that were asked for, and the next calls.

mod head;
mod summary;

use std::borrow::Cow;
use std::fmt::Write as _;

pub(super) use head::pipeline;

use super::format::{Lines, call, count, unit};
use super::{Page, Section, Story, Told, lists, wants_summary};
use crate::domain::id::EventId;
use crate::limits;

/// The argument of the tool that names the run.
const RUN: &str = "anchor";
/// The tool that tells the story.
const TOOL: &str = "correlate_pipeline_run";
/// Bytes kept free for the lines that tell what was left out.
const LAST_LINES_BYTES: usize = 200;

/// The sections as text.
pub(super) fn text(story: &Story<'_>, sections: &[Section], page: Page) -> Told<String> {
    let lists = lists::asked_for(story, sections);
    let total: usize = lists.iter().map(|(_, rows)| rows).sum();
    let footer = footer(story, sections);
    let room = page.most.saturating_sub(footer.len() + LAST_LINES_BYTES);
    let mut out = if wants_summary(sections) && page.offset == 0 {
        let most = limits::story::SUMMARY_BYTES.saturating_sub(footer.len());
        summary::summary(story, sections, room.min(most))
    } else {
        let mut lines = Lines::new(room);
        lines.push(&head::verdict(story));
        if !lists.is_empty() {
            lines.push(&head::times(story));
        }
        lines.finish()
    };
    let next = write_rows(story, &lists, page, room, &mut out);
    if let Some(next) = next {
        let shown = next.saturating_sub(page.offset);
        let _ = writeln!(
            out,
            "Rows {} to {next} of {total}; the cursor brings the rest.",
            page.offset + usize::from(shown > 0),
        );
    }
    out.push_str(&footer);
    out.truncate(out.trim_end().len());
    Told {
        body: out,
        next,
        rows: total,
    }
}

/// Writes the rows of the page; gives the offset of the first that found no room.
fn write_rows(
    story: &Story<'_>,
    lists: &[(Section, usize)],
    page: Page,
    room: usize,
    out: &mut String,
) -> Option<usize> {
    let mut place = 0;
    let mut written = 0;
    for (list, rows) in lists {
        let first = page.offset.saturating_sub(place).min(*rows);
        if *rows == 0 && page.offset <= place {
            let _ = writeln!(out, "{}: none", heading(*list));
        }
        for at in first..*rows {
            let mut line = lists::row(story, *list, at).unwrap_or_default();
            if at == first {
                line = format!("{} ({rows})\n {line}", heading(*list));
            } else {
                line.insert(0, ' ');
            }
            // One row at least, so that every page leads on.
            let full = out.len() + line.len() + 1 > room && written > 0;
            if full || written >= page.rows.max(1) {
                return Some(place + at);
            }
            out.push_str(&line);
            out.push('\n');
            written += 1;
        }
        place += rows;
    }
    None
}

fn heading(list: Section) -> &'static str {
    match list {
        Section::Timeline => "TIMELINE",
        Section::Events => "EVENTS",
        Section::Spans => "SPANS",
        Section::Artifacts => "ARTIFACTS",
        Section::Tests => "TESTS",
        Section::Deployments => "DEPLOYMENTS",
        Section::Build => "BUILD DETAILS",
        Section::Anomalies => "ANOMALIES",
        Section::Related => "RELATED, not counted",
        Section::Story | Section::All => "",
    }
}

/// The next calls, written out, each with what it brings.
pub(super) fn next_calls(story: &Story<'_>, sections: &[Section]) -> Vec<(String, String)> {
    let parts = &story.parts;
    let mut calls = Vec::new();
    let failures = &parts.failures;
    let span = failures.first.first().or(failures.wholes.first());
    let span = span.and_then(|at| parts.spans.list.get(*at));
    let failed = span
        .and_then(|span| span.finished)
        .map(|mark| mark.entry)
        .or(failures.events.first().copied());
    let fetch = |id: EventId| call("fetch_event", &[("id", &id.to_string())]);
    if let Some(id) = failed.and_then(|at| parts.events.id(at)) {
        calls.push((fetch(id), "the first failure with its payload".to_owned()));
    } else if let [only] = parts.events.all() {
        calls.push((fetch(only.event().id), "its payload".to_owned()));
    }
    let closed = |gate: &&super::GateLine| gate.enabled && !gate.passes;
    if let Some(gate) = story.asked.gates.iter().find(closed)
        && matches!(unit(&gate.unit), Cow::Borrowed(_))
    {
        let mut arguments = vec![("unit", gate.unit.as_str())];
        // A name that could be read as a sentence stays in its quotes, further up.
        if gate.group.len() <= 60 && !gate.group.contains(char::is_whitespace) {
            arguments.push(("group", &gate.group));
        }
        calls.push((
            call("check_gate", &arguments),
            "what it waits for".to_owned(),
        ));
    }
    if !sections.contains(&Section::All) {
        let more: Vec<(&str, usize)> = lists::asked_for(story, &[Section::All])
            .into_iter()
            .filter(|(list, rows)| *rows > 0 && !sections.contains(list))
            .map(|(list, rows)| (list.as_str(), rows))
            .collect();
        if let Some((first, _)) = more.first() {
            let arguments = [(RUN, story.asked.handle.as_str()), ("include", first)];
            let rows = more.iter().map(|(list, rows)| format!("{list} {rows}"));
            let rows: Vec<String> = rows.collect();
            calls.push((
                call(TOOL, &arguments),
                format!("or: {}, all", rows.join(", ")),
            ));
        }
    }
    calls
}

fn footer(story: &Story<'_>, sections: &[Section]) -> String {
    let calls = next_calls(story, sections);
    if calls.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = calls
        .iter()
        .map(|(call, why)| format!(" {call} {why}\n"))
        .collect();
    format!("NEXT\n{}", lines.concat())
}

/// `21 events`, with links.
fn size(story: &Story<'_>) -> String {
    let events = count(story.parts.events.len(), "event");
    match story.run.links.len() {
        0 => events,
        links => format!("{events} and {}", count(links, "link")),
    }
}
