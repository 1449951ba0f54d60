//! The lists of a story, row by row: how many rows each has, which of them a page shows, and each row
//! as text.

use super::build::Row;
use super::events::{Entry, Stage, stage};
use super::format::{
    count, kind, lasting, name, percent, reason, relative, short, some_of, unit, word,
};
use super::spans::Span;
use super::{Section, Story};

/// The lists in the order in which they stand in an answer.
const LISTS: [Section; 9] = [
    Section::Timeline,
    Section::Events,
    Section::Spans,
    Section::Artifacts,
    Section::Tests,
    Section::Deployments,
    Section::Build,
    Section::Anomalies,
    Section::Related,
];

/// The lists that were asked for, with their numbers of rows.
pub(super) fn asked_for(story: &Story<'_>, sections: &[Section]) -> Vec<(Section, usize)> {
    LISTS
        .into_iter()
        .filter(|list| sections.contains(list) || sections.contains(&Section::All))
        .map(|list| (list, rows(story, list)))
        .collect()
}

/// How many rows a list has.
pub(super) fn rows(story: &Story<'_>, list: Section) -> usize {
    let parts = &story.parts;
    match list {
        Section::Timeline | Section::Events => parts.events.len(),
        Section::Spans => parts.spans.list.len(),
        Section::Artifacts => parts.artifacts.list.len(),
        Section::Tests => parts.tests.spans.len(),
        Section::Deployments => parts.deployments.len(),
        Section::Build => parts.builds.rows(),
        Section::Anomalies => story.anomalies.list.len(),
        Section::Related => story.run.related.len(),
        Section::Story | Section::All => 0,
    }
}

/// A row as text.
pub(super) fn row(story: &Story<'_>, list: Section, at: usize) -> Option<String> {
    match list {
        Section::Timeline => timeline(story, at),
        Section::Events => event(story, at),
        Section::Spans => span(story, at),
        Section::Artifacts => artifact(story, at),
        Section::Tests => test(story, at),
        Section::Deployments => deployment(story, at),
        Section::Build => build(story, at),
        Section::Anomalies => anomaly(story, at),
        Section::Related => related(story, at),
        Section::Story | Section::All => None,
    }
}

/// `+2 m 45 s   taskRun «compile» finished: failure, ran 42 s: «exit code 1»`.
fn timeline(story: &Story<'_>, at: usize) -> Option<String> {
    let parts = &story.parts;
    let entry = parts.events.get(at)?;
    let facts = entry.facts();
    let line = parts.spans.line_of(at);
    let depth = line.map_or(0, |line| parts.spans.depth(line));
    let what = match line {
        Some(line) if !facts.subject.is_empty() => {
            format!("{} {}", parts.line_name(line), word(&facts.predicate))
        }
        _ => parts.entry_name(at),
    };
    let mut more = Vec::new();
    let span = parts
        .spans
        .span_of(at)
        .and_then(|span| parts.spans.list.get(span));
    if let Some(span) =
        span.filter(|span| parts.spans.line(span).is_some_and(|l| l.spans.len() > 1))
    {
        more.push(format!("attempt {}", span.attempt));
    }
    if let Some(outcome) = facts.outcome {
        more.push(outcome.as_str().to_owned());
    }
    if let (Some(Stage::Finished(_)), Some(run)) = (stage(facts), span.and_then(Span::run)) {
        more.push(format!("ran {}", lasting(run)));
    }
    more.extend(where_to(facts));
    if let Some(why) = &facts.reason {
        more.push(reason(why));
    }
    if entry.repeats.is_some() {
        more.push("again".to_owned());
    }
    let gap = if more.is_empty() { "" } else { ": " };
    Some(format!(
        "{} {}{what}{gap}{}",
        relative(entry.at, parts.outcome.zero),
        "  ".repeat(depth),
        more.join(", ")
    ))
}

fn where_to(facts: &crate::correlate::Facts) -> Option<String> {
    let environment = facts.context.environment.as_deref()?;
    (facts.subject == "service").then(|| format!("in {}", name(environment)))
}

/// `2026-11-01T08:00:04.349Z change.merged «0», event 01… via chain «c»`.
fn event(story: &Story<'_>, at: usize) -> Option<String> {
    let parts = &story.parts;
    let entry = parts.events.get(at)?;
    let facts = entry.facts();
    let outcome = facts
        .outcome
        .map(|outcome| format!(" {}", outcome.as_str()));
    let outcome = outcome.unwrap_or_default();
    let recorded = if entry.event().success {
        ""
    } else {
        ", success: false"
    };
    let again = if entry.repeats.is_some() {
        ", again"
    } else {
        ""
    };
    Some(format!(
        "{} {}{outcome}{recorded}{again}, event {} via {}",
        entry.event().at(),
        parts.entry_name(at),
        entry.event().id,
        via(entry)
    ))
}

fn via(entry: &Entry<'_>) -> String {
    let via = &entry.member.via;
    match via.key.as_str() {
        "" => via.tie.to_owned(),
        key => format!("{} {}", via.tie, name(key)),
    }
}

/// `taskRun «compile» failure, +7 s to +58 s, queued 3 s, ran 51 s, in pipelineRun «pr-1»`.
fn span(story: &Story<'_>, at: usize) -> Option<String> {
    let parts = &story.parts;
    let span = parts.spans.list.get(at)?;
    let line = parts.spans.line(span)?;
    let zero = parts.outcome.zero;
    let when = |at: Option<i64>| at.map_or("?".to_owned(), |at| relative(at, zero));
    let mut words = vec![format!(
        "{} {}",
        parts.span_name(span),
        match (span.finished, span.outcome) {
            (_, Some(outcome)) => outcome.as_str(),
            (Some(_), None) => "without an outcome",
            (None, None) if span.implied.is_some() => "ended, as what it made shows",
            (None, None) => "open",
        }
    )];
    words.push(format!("{} to {}", when(span.begin()), when(span.end())));
    words.extend(
        span.queue()
            .map(|queue| format!("queued {}", lasting(queue))),
    );
    words.extend(span.run().map(|run| format!("ran {}", lasting(run))));
    words.extend(
        line.parent
            .map(|parent| format!("in {}", parts.line_name(parent))),
    );
    words.extend(span.reason.map(reason));
    let id = span.latest().and_then(|mark| parts.events.id(mark.entry))?;
    Some(format!("{} (event {id})", words.join(", ")))
}

/// `«pkg:oci/app@…»: packaged +1 m 02 s, signed, published +1 m 09 s, SBOM by reference «…»`.
pub(super) fn artifact(story: &Story<'_>, at: usize) -> Option<String> {
    let parts = &story.parts;
    let artifact = parts.artifacts.list.get(at)?;
    let zero = parts.outcome.zero;
    let label = artifact.label();
    let mut words = Vec::new();
    if let Some(digest) = artifact.digest
        && !label.contains(digest)
    {
        words.push(format!("digest {}", name(digest)));
    }
    for (what, mark) in [
        ("packaged", artifact.packaged),
        ("published", artifact.published),
        ("deleted", artifact.deleted),
    ] {
        words.extend(mark.map(|mark| format!("{what} {}", relative(mark.at, zero))));
    }
    if artifact.made.is_some() && artifact.packaged.is_none() && artifact.published.is_none() {
        words.push("made here".to_owned());
    }
    if artifact.made.is_none() {
        words.push("used, not made here".to_owned());
    }
    words.push(match (artifact.is_signed(), artifact.signature) {
        (true, Some(signature)) => format!("signed ({})", name(signature)),
        (true, None) => "signed".to_owned(),
        (false, _) => "not signed".to_owned(),
    });
    words.push(match artifact.sbom {
        Some(super::artifacts::Sbom::Event(at)) => {
            let id = parts.events.id(at);
            format!(
                "SBOM in event {}",
                id.map(|id| id.to_string()).unwrap_or_default()
            )
        }
        Some(super::artifacts::Sbom::At(sbom)) => {
            let format = sbom
                .format
                .as_deref()
                .map(|format| format!("{} ", word(format)));
            format!("SBOM {}at {}", format.unwrap_or_default(), name(&sbom.uri))
        }
        None => "no SBOM".to_owned(),
    });
    if !artifact.tags.is_empty() {
        let tags: Vec<String> = artifact.tags.iter().map(|tag| name(tag)).collect();
        words.push(format!("tags {}", some_of(&tags, 3)));
    }
    words.extend(artifact.size.map(|size| format!("{size} bytes")));
    Some(format!("{}: {}", name(label), words.join(", ")))
}

fn test(story: &Story<'_>, at: usize) -> Option<String> {
    let parts = &story.parts;
    let place = *parts.tests.spans.get(at)?;
    let flaky = if parts.tests.flaky.contains(&place) {
        ", another outcome before"
    } else {
        ""
    };
    Some(format!("{}{flaky}", span(story, place)?))
}

/// `«web» deployed to «prod» at +4 m 33 s, lead time 4 m 29 s from change «0» merged`.
pub(super) fn deployment(story: &Story<'_>, at: usize) -> Option<String> {
    let parts = &story.parts;
    let one = parts.deployments.get(at)?;
    let artifact = one.artifact.map(|artifact| {
        let known = parts.artifacts.find(artifact);
        known.map_or(artifact.id.as_str(), |known| known.label())
    });
    let service = one.service.map_or("something".to_owned(), name);
    let target = one.environment.map_or(String::new(), |to| {
        let preposition = if one.brings { "to" } else { "in" };
        format!(" {preposition} {}", name(to))
    });
    let mut words = vec![format!(
        "{service} {}{target} at {}",
        word(one.action),
        relative(one.at, parts.outcome.zero)
    )];
    if let Some((from, begin, lead)) = one.lead {
        let lead = lasting(lead);
        words.push(match from {
            super::deployments::LeadFrom::Merged | super::deployments::LeadFrom::FirstCommit => {
                format!("lead time {lead} from {}", parts.entry_name(begin))
            }
            super::deployments::LeadFrom::RunStart => {
                format!("lead time {lead}, partial: from the first event, no change is recorded")
            }
        });
    }
    words.extend(artifact.map(short));
    let id = parts.events.id(one.entry)?;
    Some(format!("{} (event {id})", words.join(", ")))
}

fn build(story: &Story<'_>, at: usize) -> Option<String> {
    let (build, row) = story.parts.builds.row(at)?;
    let details = build.details;
    let pair = |what: &str, pair: &(String, String)| {
        format!(" {what} {} = {}", name(&pair.0), name(&pair.1))
    };
    Some(match row {
        Row::Head => format!(
            "{}{} (event {})",
            story.parts.entry_name(build.entry),
            head(details),
            story.parts.events.id(build.entry)?
        ),
        Row::Step(at) => {
            let step = details.steps.get(at)?;
            let mut words = Vec::new();
            words.extend(
                step.status
                    .as_deref()
                    .map(|status| word(status).into_owned()),
            );
            words.extend(
                step.duration
                    .as_deref()
                    .map(|took| format!("took {}", word(took))),
            );
            words.extend(step.exit_code.map(|code| format!("exit code {code}")));
            format!(
                " step {} {}: {}",
                at + 1,
                name(&step.name),
                words.join(", ")
            )
        }
        Row::Argument(at) => pair("argument", details.arguments.get(at)?),
        Row::Label(at) => pair("label", details.labels.get(at)?),
        Row::Other(at) => pair("field", details.other.get(at)?),
        Row::Scan => format!(" scan {}", scan(details.scan.as_ref()?)),
        Row::LeftOut => format!(
            " {} more; fetch_event has the payload",
            count(details.left_out as usize, "field")
        ),
    })
}

/// `: «tekton» on «node-3», took 2m34s, linux/amd64, 3 steps`.
pub(super) fn head(details: &crate::correlate::Details) -> String {
    let mut words = Vec::new();
    words.extend(
        details
            .system
            .as_deref()
            .map(|system| format!("by {}", name(system))),
    );
    words.extend(
        details
            .node
            .as_deref()
            .map(|node| format!("on {}", name(node))),
    );
    words.extend(
        details
            .platform
            .as_deref()
            .map(|platform| format!("for {}", name(platform))),
    );
    words.extend(
        details
            .duration
            .as_deref()
            .map(|took| format!("took {}", word(took))),
    );
    if !details.steps.is_empty() {
        let bad = details
            .steps
            .iter()
            .filter(|step| step.exit_code.is_some_and(|code| code != 0));
        let bad = match bad.count() {
            0 => String::new(),
            bad => format!(" ({bad} with a bad exit code)"),
        };
        words.push(format!("{}{bad}", count(details.steps.len(), "step")));
    }
    let gap = if words.is_empty() { "" } else { ": " };
    format!("{gap}{}", words.join(", "))
}

/// `«trivy» critical 0, high 1`.
pub(super) fn scan(scan: &crate::correlate::Scan) -> String {
    let counts: Vec<String> = scan
        .counts
        .iter()
        .map(|(severity, count)| format!("{} {count}", word(severity)))
        .collect();
    let by = scan
        .scanner
        .as_deref()
        .map_or(String::new(), |by| format!("{}: ", name(by)));
    match counts.as_slice() {
        [] => format!("{by}no counts"),
        counts => format!("{by}{}", some_of(counts, 8)),
    }
}

fn anomaly(story: &Story<'_>, at: usize) -> Option<String> {
    let one = story.anomalies.list.get(at)?;
    let mut ids: Vec<String> = one.events.iter().map(ToString::to_string).collect();
    if one.more_events > 0 {
        ids.push(format!("{} more", one.more_events));
    }
    let ids = match ids.as_slice() {
        [] => String::new(),
        [only] => format!(" (event {only})"),
        ids => format!(" (events {})", ids.join(", ")),
    };
    Some(format!(
        "{} {}: {}{ids}",
        one.severity.as_str(),
        one.code,
        one.detail,
    ))
}

fn related(story: &Story<'_>, at: usize) -> Option<String> {
    let one = story.run.related.get(at)?;
    let event = &one.event;
    let facts = &event.facts;
    let what = match facts.subject.as_str() {
        "" => name(&facts.type_name),
        subject => format!("{}.{}", kind(subject), word(&facts.predicate)),
    };
    let about = facts
        .about
        .as_ref()
        .map_or(String::new(), |about| format!(" {}", name(&about.id)));
    let detail = match one.detail.as_str() {
        "" => String::new(),
        detail => format!(" ({})", super::format::prose(detail)),
    };
    Some(format!(
        "{} {what}{about}: {}{detail}, {} (event {})",
        event.at(),
        one.why,
        unit(&event.unit.uri()),
        event.id
    ))
}

/// A span of the critical path.
pub(super) fn step(story: &Story<'_>, at: usize) -> Option<String> {
    let parts = &story.parts;
    let step = parts.critical.steps.get(at)?;
    let span = parts.spans.list.get(step.span)?;
    let idle = match step.gap {
        0 => String::new(),
        gap => format!(" after {} idle", lasting(gap)),
    };
    Some(format!(
        "{} {} {}, {}{idle}",
        relative(step.start, parts.outcome.zero),
        parts.span_name(span),
        lasting(step.own),
        percent(step.own, parts.critical.wall)
    ))
}
