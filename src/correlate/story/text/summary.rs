//! The summary: what an assistant can relay at once.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use super::head;
use crate::correlate::story::anomalies::Severity;
use crate::correlate::story::build::Build;
use crate::correlate::story::format::{
    Lines, count, kind, lasting, name, percent, relative, some_of, unit, word,
};
use crate::correlate::story::source::Change;
use crate::correlate::story::{Section, Story, lists};
use crate::limits::story as limits;

/// Anomalies that the lines of gates and artifacts tell of.
const TOLD_ELSEWHERE: [&str; 3] = [
    "gate_incomplete",
    "artifact_unsigned",
    "artifact_without_sbom",
];

/// Everything in short, in this many bytes.
pub(super) fn summary(story: &Story<'_>, sections: &[Section], most: usize) -> String {
    // What is asked for whole comes later.
    let whole = |list: Section| sections.contains(&list) || sections.contains(&Section::All);
    let mut lines = Lines::new(most);
    lines.push(&head::verdict(story));
    lines.push(&head::times(story));
    if let Some(attempts) = head::attempts(story) {
        lines.push(&attempts);
    }
    if story.parts.events.len() > 0 {
        lines.push(&head::found(story));
    }
    incomplete(story, &mut lines);
    if let Some(runs) = pipeline_runs(story) {
        lines.push(&runs);
    }
    if let Some(source) = source(story) {
        lines.push(&source);
    }
    lines.block("FAILED", &failures(story));
    path(story, &mut lines);
    if !whole(Section::Artifacts) {
        list(story, &mut lines, "ARTIFACTS", Section::Artifacts);
    }
    if let Some(tests) = tests(story) {
        lines.push(&tests);
    }
    scans(story, &mut lines);
    if !whole(Section::Deployments) {
        list(story, &mut lines, "DEPLOYMENTS", Section::Deployments);
    }
    gates(story, &mut lines);
    if !whole(Section::Anomalies) {
        anomalies(story, &mut lines);
    }
    if let Some(others) = others(story) {
        lines.push(&others);
    }
    if let Some(related) = related(story) {
        lines.push(&related);
    }
    lines.finish()
}

fn incomplete(story: &Story<'_>, lines: &mut Lines) {
    if !story.run.truncated.is_empty() {
        lines.push(&format!(
            "INCOMPLETE: there may be more events; bounded by {}.",
            story.run.truncated.join(", ")
        ));
    }
    if !story.run.hubs.is_empty() {
        let hubs: Vec<String> = story.run.hubs.iter().map(|hub| name(hub)).collect();
        lines.push(&format!(
            "Not followed, for too many events share them: {}.",
            some_of(&hubs, 3)
        ));
    }
}

/// The pipelineRuns, where there are several.
fn pipeline_runs(story: &Story<'_>) -> Option<String> {
    let parts = &story.parts;
    let runs = &parts.outcome.pipeline_runs;
    let named: Vec<String> = runs
        .iter()
        .filter_map(|line| parts.spans.last(*line))
        .map(|span| format!("{} {}", parts.span_name(span), head::ending(span)))
        .collect();
    (runs.len() > 1).then(|| format!("It has {}.", some_of(&named, limits::TOP)))
}

fn source(story: &Story<'_>) -> Option<String> {
    let source = &story.parts.source;
    if source.is_empty() {
        return None;
    }
    let zero = story.parts.outcome.zero;
    let mut words = Vec::new();
    let changes: Vec<String> = source
        .changes
        .iter()
        .take(limits::TOP)
        .map(|change: &Change<'_>| match change.merged {
            Some((_, at)) => format!("{} merged {}", name(change.id), relative(at, zero)),
            None => name(change.id),
        })
        .collect();
    if !changes.is_empty() {
        let what = if source.changes.len() == 1 {
            "change"
        } else {
            "changes"
        };
        let rest = source.changes.len() - changes.len();
        let more = if rest > 0 {
            format!(" and {rest} more")
        } else {
            String::new()
        };
        words.push(format!("{what} {}{more}", changes.join(", ")));
    }
    // A push names its change by the commit.
    let is_change = |sha: &str| source.changes.iter().any(|change| change.id == sha);
    let commits: Vec<String> = source
        .commits
        .iter()
        .filter(|sha| !is_change(sha))
        .map(|sha| word(sha).into_owned())
        .collect();
    if !commits.is_empty() {
        words.push(format!("commit {}", some_of(&commits, 2)));
    }
    words.extend(
        source
            .repository
            .map(|repository| format!("in {}", name(repository))),
    );
    words.extend(
        source
            .branch
            .map(|branch| format!("branch {}", name(branch))),
    );
    words.extend(source.user.map(|user| format!("by {}", name(user))));
    words.extend(
        source
            .trigger
            .map(|trigger| format!("triggered by {}", name(trigger))),
    );
    Some(format!("Source: {}.", words.join(", ")))
}

/// What failed first, and why.
fn failures(story: &Story<'_>) -> Vec<String> {
    let parts = &story.parts;
    let failures = &parts.failures;
    let mut out = Vec::new();
    for at in failures.first.iter().take(limits::TOP) {
        let Some(span) = parts.spans.list.get(*at) else {
            continue;
        };
        let mut line = format!(" {}", parts.span_name(span));
        let _ = write!(line, " {}", span.outcome.map_or("unknown", |o| o.as_str()));
        if let Some(end) = span.end() {
            let _ = write!(line, " at {}", relative(end, parts.outcome.zero));
        }
        if let Some(why) = head::why(span) {
            let _ = write!(line, ": {why}");
        }
        if failures.tried_again.contains(at) {
            line.push_str("; a later one of this name ended in success");
        }
        if let Some(id) = span.finished.and_then(|mark| parts.events.id(mark.entry)) {
            let _ = write!(line, " (event {id})");
        }
        out.push(line);
    }
    let rest = failures.first.len().saturating_sub(limits::TOP);
    if rest > 0 {
        out.push(format!(" and {rest} more"));
    }
    for at in failures.events.iter().take(limits::TOP) {
        let Some(id) = parts.events.id(*at) else {
            continue;
        };
        let facts = parts.events.facts(*at);
        let outcome = facts
            .and_then(|facts| facts.outcome)
            .map_or("unknown", |o| o.as_str());
        out.push(format!(" {} {outcome} (event {id})", parts.entry_name(*at)));
    }
    if !failures.wholes.is_empty() {
        let wholes: Vec<String> = failures
            .wholes
            .iter()
            .filter_map(|at| parts.spans.list.get(*at))
            .map(|span| parts.span_name(span))
            .collect();
        out.push(format!(" with it {}", some_of(&wholes, 3)));
    }
    let root = parts.outcome.root.and_then(|root| parts.spans.last(root));
    if let Some(root) = root.filter(|root| root.is_bad()) {
        let why = head::why(root)
            .map(|why| format!(": {why}"))
            .unwrap_or_default();
        let nothing = if failures.is_empty() {
            "; none of its parts says why"
        } else {
            ""
        };
        let id = root.finished.and_then(|mark| parts.events.id(mark.entry));
        let id = id.map(|id| format!(" (event {id})")).unwrap_or_default();
        if failures.is_empty() || root.reason.is_some() {
            out.push(format!(
                " {} itself{why}{nothing}{id}",
                head::kind_of(story, root.line)
            ));
        }
    }
    out
}

fn path(story: &Story<'_>, lines: &mut Lines) {
    let path = &story.parts.critical;
    if path.steps.is_empty() || path.wall == 0 {
        return;
    }
    // The longest, in the order of time.
    let mut longest: Vec<usize> = (0..path.steps.len()).collect();
    longest.sort_by_key(|at| std::cmp::Reverse(path.steps.get(*at).map(|step| step.own)));
    longest.truncate(limits::TOP);
    longest.sort_unstable();
    let mut rows: Vec<String> = longest
        .iter()
        .filter_map(|at| lists::step(story, *at))
        .map(|row| format!(" {row}"))
        .collect();
    let rest = path.steps.len() - longest.len();
    if rest > 0 {
        rows.push(format!(" and {} that took less", count(rest, "step")));
    }
    let busy = path.wall - path.idle;
    lines.block(
        &format!(
            "CRITICAL PATH {} of {} ({}), idle {}",
            lasting(busy),
            lasting(path.wall),
            percent(busy, path.wall),
            lasting(path.idle)
        ),
        &rows,
    );
}

/// The first rows of a list.
fn list(story: &Story<'_>, lines: &mut Lines, heading: &str, section: Section) {
    let all = lists::rows(story, section);
    let mut rows: Vec<String> = (0..all.min(limits::TOP))
        .filter_map(|at| lists::row(story, section, at))
        .map(|row| format!(" {row}"))
        .collect();
    if all > limits::TOP {
        rows.push(format!(" and {} more", all - limits::TOP));
    }
    lines.block(heading, &rows);
}

fn tests(story: &Story<'_>) -> Option<String> {
    let tests = &story.parts.tests;
    if !tests.any() {
        return None;
    }
    let mut words = Vec::new();
    for (what, counts) in [("case", &tests.cases), ("suite", &tests.suites)] {
        if counts.total() > 0 {
            words.push(format!(
                "{}: {}",
                count(counts.total(), what),
                counts.words()
            ));
        }
    }
    if !tests.flaky.is_empty() {
        let spans = tests
            .flaky
            .iter()
            .filter_map(|at| story.parts.spans.list.get(*at));
        let names: Vec<String> = spans.map(|span| story.parts.line_name(span.line)).collect();
        words.push(format!("another outcome before: {}", some_of(&names, 3)));
    }
    if tests.outputs > 0 {
        words.push(format!("{} published", count(tests.outputs, "output")));
    }
    Some(format!("TESTS {}.", words.join("; ")))
}

/// Builds in a line each, and what scanners found.
fn scans(story: &Story<'_>, lines: &mut Lines) {
    let builds = story.parts.builds.list.iter();
    let builds: Vec<&Build<'_>> = builds.filter(|build| build.tells()).collect();
    let rows: Vec<String> = builds
        .iter()
        .take(3)
        .map(|build| {
            let scan = build.details.scan.as_ref().map(lists::scan);
            let scan = scan
                .map(|scan| format!("; scan {scan}"))
                .unwrap_or_default();
            format!(
                " {}{}{scan}",
                story.parts.entry_name(build.entry),
                lists::head(build.details)
            )
        })
        .collect();
    // A scanner's event has no details of a build.
    let only_scans = builds.iter().all(|build| build.is_scan());
    lines.block(if only_scans { "SCANS" } else { "BUILD" }, &rows);
    if builds.len() > 3 {
        lines.push(&format!(" and {} more", builds.len() - 3));
    }
}

fn gates(story: &Story<'_>, lines: &mut Lines) {
    let gates = &story.asked.gates;
    let mut rows: Vec<String> = gates
        .iter()
        .take(limits::TOP)
        .map(|gate| {
            let verdict = match (gate.enabled, gate.passes) {
                (false, _) => "is disabled".to_owned(),
                (true, true) => "PASSES".to_owned(),
                (true, false) => format!("CLOSED: {}", gate.waits_for()),
            };
            format!(
                " {} for {} {verdict}{}",
                name(&gate.group),
                unit(&gate.unit),
                gate.decided_outside()
            )
        })
        .collect();
    if gates.len() > limits::TOP {
        let passing = gates
            .iter()
            .filter(|gate| gate.enabled && gate.passes)
            .count();
        rows.push(format!(
            " {passing} of {} pass in all",
            count(gates.len(), "gate")
        ));
    }
    lines.block("GATES", &rows);
}

fn anomalies(story: &Story<'_>, lines: &mut Lines) {
    let anomalies = &story.anomalies;
    let counts: Vec<String> = [Severity::Error, Severity::Warning, Severity::Info]
        .into_iter()
        .map(|severity| (severity, anomalies.count(severity)))
        .filter(|(_, count)| *count > 0)
        .map(|(severity, number)| match severity {
            Severity::Info => format!("{number} info"),
            other => count(number, other.as_str()),
        })
        .collect();
    // What stands in other lines is only named.
    let (told, groups): (Vec<_>, Vec<_>) = anomalies
        .groups()
        .into_iter()
        .partition(|group| TOLD_ELSEWHERE.contains(&group.first.code.as_ref()));
    let mut rows: Vec<String> = groups
        .iter()
        .take(limits::TOP_ANOMALIES)
        .map(|group| {
            let times = match group.count {
                1 => String::new(),
                count => format!(" ×{count}, first"),
            };
            let first = group.first;
            format!(
                " {} {}{times}: {}",
                first.severity.as_str(),
                first.code,
                first.detail
            )
        })
        .collect();
    let rest: Vec<String> = groups
        .iter()
        .skip(limits::TOP_ANOMALIES)
        .chain(&told)
        .map(|group| match group.count {
            1 => group.first.code.clone().into_owned(),
            count => format!("{} ×{count}", group.first.code),
        })
        .collect();
    if !rest.is_empty() {
        let also = if rows.is_empty() { "" } else { "also " };
        rows.push(format!(" {also}{}", some_of(&rest, 10)));
    }
    let more = match anomalies.more {
        0 => String::new(),
        more => format!(", {more} more not kept"),
    };
    lines.block(&format!("ANOMALIES {}{more}", counts.join(", ")), &rows);
}

/// Events of what no other line tells of: incidents, tickets, approvals, custom types.
fn others(story: &Story<'_>) -> Option<String> {
    let deployments = story.parts.deployments.iter().map(|one| one.entry);
    let deployments: HashSet<usize> = deployments.collect();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for (at, entry) in story.parts.events.counted() {
        let facts = entry.facts();
        let told = matches!(
            facts.subject.as_str(),
            "artifact" | "change" | "repository" | "branch" | "service" | "testoutput"
        );
        let deployed = deployments.contains(&at);
        if told || deployed || story.parts.spans.span_of(at).is_some() || facts.subject.is_empty() {
            continue;
        }
        let what = format!("{}.{}", kind(&facts.subject), word(&facts.predicate));
        *kinds.entry(what).or_default() += 1;
    }
    let mut kinds: Vec<(String, usize)> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let words: Vec<String> = kinds
        .into_iter()
        .map(|(what, count)| format!("{what} ×{count}"))
        .collect();
    (!words.is_empty()).then(|| format!("Also: {}.", some_of(&words, limits::TOP)))
}

fn related(story: &Story<'_>) -> Option<String> {
    let mut why: BTreeMap<&str, usize> = BTreeMap::new();
    for related in &story.run.related {
        *why.entry(related.why).or_default() += 1;
    }
    let words: Vec<String> = why
        .into_iter()
        .map(|(why, count)| format!("{count} {why}"))
        .collect();
    let all = count(story.run.related.len(), "event");
    (!words.is_empty()).then(|| format!("Related, not counted: {all} ({}).", words.join(", ")))
}
