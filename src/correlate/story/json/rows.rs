//! The rows of the lists, and the parts of the summary, as JSON.

use serde_json::{Value, json};

use super::{Obj, exact};
use crate::correlate::facts::Facts;
use crate::correlate::story::anomalies::{Anomaly, Group};
use crate::correlate::story::artifacts::Sbom;
use crate::correlate::story::build::{Build, Row};
use crate::correlate::story::deployments::LeadFrom;
use crate::correlate::story::events::Entry;
use crate::correlate::story::format::kind;
use crate::correlate::story::spans::Line;
use crate::correlate::story::{Section, Story};
use crate::domain::run::RunOutcome;
use crate::limits::story as limits;

/// A row of a list.
pub(super) fn row(story: &Story<'_>, list: Section, at: usize) -> Value {
    match list {
        Section::Timeline => timeline(story, at),
        Section::Events => event(story, at),
        Section::Spans => span(story, at),
        Section::Artifacts => artifact(story, at),
        Section::Tests => test(story, at),
        Section::Deployments => deployment(story, at),
        Section::Build => detail(story, at),
        Section::Anomalies => story.anomalies.list.get(at).map(anomaly),
        Section::Related => related(story, at),
        Section::Story | Section::All => None,
    }
    .map_or(Value::Null, Value::from)
}

pub(super) fn event_id(story: &Story<'_>, at: usize) -> String {
    let id = story.parts.events.id(at);
    id.map(|id| id.to_string()).unwrap_or_default()
}

fn ids(story: &Story<'_>, entries: impl IntoIterator<Item = usize>) -> Vec<String> {
    entries.into_iter().map(|at| event_id(story, at)).collect()
}

pub(super) fn what(facts: &Facts) -> String {
    match (facts.subject.as_str(), facts.predicate.as_str()) {
        ("", _) => exact(&facts.type_name),
        (subject, "") => exact(subject),
        (subject, predicate) => exact(&format!("{subject}.{predicate}")),
    }
}

pub(super) fn subject(line: &Line<'_>) -> Obj {
    Obj::new()
        .put(
            "kind",
            match line.kind {
                "" => String::new(),
                plain => match kind(plain) {
                    known if known.starts_with('«') => exact(plain),
                    known => known.into_owned(),
                },
            },
        )
        .text("id", Some(line.id))
        .text("name", line.name)
}

pub(super) fn outcome(outcome: Option<RunOutcome>) -> Option<&'static str> {
    outcome.map(RunOutcome::as_str)
}

fn timeline(story: &Story<'_>, at: usize) -> Option<Obj> {
    let parts = &story.parts;
    let entry = parts.events.get(at)?;
    let facts = entry.facts();
    let line = parts.spans.line_of(at);
    let depth = line
        .map(|line| parts.spans.depth(line))
        .filter(|depth| *depth > 0);
    let span = parts
        .spans
        .span_of(at)
        .and_then(|span| parts.spans.list.get(span));
    let attempt = span.map(|span| span.attempt).filter(|attempt| *attempt > 1);
    Some(
        Obj::new()
            .length(
                "offset_s",
                Some(entry.at.saturating_sub(parts.outcome.zero)),
            )
            .put("what", what(facts))
            .put(
                "subject",
                line.and_then(|line| parts.spans.lines.get(line))
                    .map(subject),
            )
            .put("depth", depth)
            .put("attempt", attempt)
            .put("outcome", outcome(facts.outcome))
            .text("reason", facts.reason.as_deref())
            .flag("again", entry.repeats.is_some())
            .put("event", event_id(story, at)),
    )
}

fn event(story: &Story<'_>, at: usize) -> Option<Obj> {
    let parts = &story.parts;
    let entry = parts.events.get(at)?;
    let (event, facts, via) = (entry.event(), entry.facts(), &entry.member.via);
    let line = parts
        .spans
        .line_of(at)
        .and_then(|line| parts.spans.lines.get(line));
    let from = via.from.and_then(|seq| {
        let mut all = parts.events.all().iter().map(Entry::event);
        all.find(|event| event.seq == seq)
            .map(|event| event.id.to_string())
    });
    let via = Obj::new()
        .put("tie", via.tie)
        .text("key", Some(&via.key))
        .put("from", from)
        .put("confidence", via.confidence.as_str());
    Some(
        Obj::new()
            .put("event", event.id.to_string())
            .text("context_id", facts.id.as_deref())
            .put("at", event.at().to_string())
            .text("type", Some(&facts.type_name))
            .put(
                "subject",
                line.map(|line| subject(line).text("source", line.source)),
            )
            .put("outcome", outcome(facts.outcome))
            .put("success", event.success)
            .put("unit", exact(&event.unit.uri()))
            .text("receiver_type", Some(&event.receiver_type))
            .put("repeats", entry.repeats.map(|first| event_id(story, first)))
            .put(
                "sent_again",
                Some(event.repeats).filter(|repeats| *repeats > 0),
            )
            .put("via", via),
    )
}

fn span(story: &Story<'_>, at: usize) -> Option<Obj> {
    let parts = &story.parts;
    let span = parts.spans.list.get(at)?;
    let line = parts.spans.line(span)?;
    let parent = line.parent.and_then(|parent| parts.spans.lines.get(parent));
    Some(
        subject(line)
            .text("source", line.source)
            .put("attempt", span.attempt)
            .time("queued_at", span.queued.map(|mark| mark.at))
            .time("start", span.started.map(|mark| mark.at))
            .time("end", span.end())
            .flag(
                "end_implied",
                span.finished.is_none() && span.implied.is_some(),
            )
            .put("outcome", outcome(span.outcome))
            .text("outcome_said", span.said)
            .length("queue_s", span.queue())
            .length("run_s", span.run())
            .text("reason", span.reason)
            .text("uri", span.uri)
            .put("parent", parent.map(subject))
            .put("events", ids(story, span.marks().map(|mark| mark.entry))),
    )
}

fn artifact(story: &Story<'_>, at: usize) -> Option<Obj> {
    let artifact = story.parts.artifacts.list.get(at)?;
    let sbom: Value = match artifact.sbom {
        Some(Sbom::Event(at)) => json!({ "event": event_id(story, at) }),
        Some(Sbom::At(sbom)) => Obj::new()
            .text("uri", Some(&sbom.uri))
            .text("format", sbom.format.as_deref())
            .into(),
        None => "missing".into(),
    };
    Some(
        Obj::new()
            .text("id", Some(artifact.id))
            .text("purl", artifact.purl)
            .text("digest", artifact.digest)
            .text("name", artifact.name)
            .put(
                "tags",
                artifact
                    .tags
                    .iter()
                    .take(limits::TOP)
                    .map(|t| exact(t))
                    .collect::<Vec<_>>(),
            )
            .put("size", artifact.size)
            .put("made_here", artifact.made.is_some())
            .time("packaged_at", artifact.packaged.map(|mark| mark.at))
            .time("published_at", artifact.published.map(|mark| mark.at))
            .time("deleted_at", artifact.deleted.map(|mark| mark.at))
            .put("signed", artifact.is_signed())
            .text("signature", artifact.signature)
            .put("sbom", sbom)
            .put(
                "used_by",
                ids(story, artifact.used.iter().copied().take(limits::TOP)),
            ),
    )
}

fn test(story: &Story<'_>, at: usize) -> Option<Obj> {
    let place = *story.parts.tests.spans.get(at)?;
    let flaky = story.parts.tests.flaky.contains(&place);
    Some(span(story, place)?.flag("another_outcome_before", flaky))
}

fn deployment(story: &Story<'_>, at: usize) -> Option<Obj> {
    let parts = &story.parts;
    let one = parts.deployments.get(at)?;
    let artifact = one.artifact.map(|artifact| {
        let known = parts.artifacts.find(artifact);
        exact(known.map_or(artifact.id.as_str(), |known| known.label()))
    });
    let lead = one.lead.map(|(from, begin, lead)| {
        Obj::new()
            .length("lead_s", Some(lead))
            .put("from", from.as_str())
            .put("event", event_id(story, begin))
            .flag("partial", from == LeadFrom::RunStart)
    });
    Some(
        Obj::new()
            .text("service", one.service)
            .text("environment", one.environment)
            .text("action", Some(one.action))
            .time("at", Some(one.at))
            .put("artifact", artifact)
            .put("lead_time", lead)
            .put("event", event_id(story, one.entry)),
    )
}

/// One row of the details of a build.
fn detail(story: &Story<'_>, at: usize) -> Option<Obj> {
    let (build, row) = story.parts.builds.row(at)?;
    let details = build.details;
    let pair = |what: &str, pair: &(String, String)| {
        Obj::new()
            .put("row", what)
            .text("name", Some(&pair.0))
            .text("value", Some(&pair.1))
    };
    Some(match row {
        Row::Head => Obj::new()
            .put("row", "build")
            .and(self::build(story, build)),
        Row::Step(at) => {
            let step = details.steps.get(at)?;
            Obj::new()
                .put("row", "step")
                .text("name", Some(&step.name))
                .text("status", step.status.as_deref())
                .text("duration", step.duration.as_deref())
                .put("exit_code", step.exit_code)
        }
        Row::Argument(at) => pair("argument", details.arguments.get(at)?),
        Row::Label(at) => pair("label", details.labels.get(at)?),
        Row::Other(at) => pair("field", details.other.get(at)?),
        Row::Scan => {
            let scan = details.scan.as_ref()?;
            let counts = scan.counts.iter().take(limits::TOP_ANOMALIES);
            let counts: Vec<Value> = counts
                .map(|(severity, count)| json!({ "severity": exact(severity), "count": count }))
                .collect();
            Obj::new()
                .put("row", "scan")
                .text("scanner", scan.scanner.as_deref())
                .put("counts", counts)
        }
        Row::LeftOut => Obj::new()
            .put("row", "left_out")
            .put("fields", details.left_out),
    })
}

/// A build in short.
pub(super) fn build(story: &Story<'_>, build: &Build<'_>) -> Value {
    let details = build.details;
    let scan = details.scan.as_ref().map(|scan| {
        let counts = scan.counts.iter().take(limits::TOP_ANOMALIES);
        let counts = counts.map(|(severity, count)| (exact(severity), Value::from(*count)));
        Obj::new()
            .text("scanner", scan.scanner.as_deref())
            .put("counts", Value::Object(counts.collect()))
    });
    Obj::new()
        .put("event", event_id(story, build.entry))
        .text("system", details.system.as_deref())
        .text("node", details.node.as_deref())
        .text("platform", details.platform.as_deref())
        .text("duration", details.duration.as_deref())
        .put(
            "steps",
            Some(details.steps.len()).filter(|steps| *steps > 0),
        )
        .put("scan", scan)
        .into()
}

/// An anomaly.
fn anomaly(one: &Anomaly) -> Obj {
    let events: Vec<String> = one.events.iter().map(ToString::to_string).collect();
    Obj::new()
        .put("code", one.code.as_ref())
        .put("severity", one.severity.as_str())
        .put("detail", one.detail.as_str())
        .put("events", events)
        .put(
            "more_events",
            Some(one.more_events).filter(|more| *more > 0),
        )
}

/// The anomalies of one code, by the first of them.
pub(super) fn group(group: &Group<'_>) -> Value {
    anomaly(group.first)
        .put("count", Some(group.count).filter(|count| *count > 1))
        .into()
}

fn related(story: &Story<'_>, at: usize) -> Option<Obj> {
    let one = story.run.related.get(at)?;
    let about = one.event.facts.about.as_ref();
    Some(
        Obj::new()
            .put("event", one.event.id.to_string())
            .put("at", one.event.at().to_string())
            .put("what", what(&one.event.facts))
            .text("subject", about.map(|about| about.id.as_str()))
            .put("why", one.why)
            .text("detail", Some(&one.detail))
            .put("unit", exact(&one.event.unit.uri())),
    )
}
