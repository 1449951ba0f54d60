//! What is odd about what a run came to: outcomes that contradict each other, artifacts, deployments,
//! gates, and what the walk noticed.

use std::collections::{BTreeMap, HashSet};

use super::{Anomalies, Severity};
use crate::correlate::facts::{DocumentKind, Target};
use crate::correlate::key::{Role, folded};
use crate::correlate::run::Run;
use crate::correlate::story::deployments::published_late;
use crate::correlate::story::events::ids_by_position;
use crate::correlate::story::format::{
    count, each, kind, lasting, name, prose, relative, short, some_of, unit,
};
use crate::correlate::story::spans::Span;
use crate::correlate::story::{Asked, Parts};
use crate::domain::id::EventId;
use crate::domain::run::{RunName, RunOutcome};

pub(super) fn find(out: &mut Anomalies, run: &Run, parts: &Parts<'_>, asked: &Asked) {
    run_against_parts(out, parts);
    wholes_against_parts(out, parts);
    outcome_against_registry(out, parts);
    orphans(out, run, parts);
    artifacts(out, parts);
    deployments(out, parts);
    changes(out, parts);
    after_the_end(out, run, parts);
    gates(out, asked);
    remarks(out, run);
}

fn run_against_parts(out: &mut Anomalies, parts: &Parts<'_>) {
    let outcome = &parts.outcome;
    let (Some(declared), Some(false)) = (outcome.declared, outcome.agree) else {
        return;
    };
    let last = outcome.root.and_then(|root| parts.spans.last(root));
    let own = last.and_then(|span| span.finished).map(|mark| mark.entry);
    let whole = last.map_or_else(
        || "the pipelineRuns declare".to_owned(),
        |span| format!("{} declares", parts.span_name(span)),
    );
    if declared.is_bad() == Some(true) {
        let detail = format!(
            "{whole} {} although nothing went badly in {}",
            declared.as_str(),
            each("its", outcome.parts, "part"),
        );
        let ids = own.and_then(|at| parts.events.id(at));
        out.add("rollup_conflict", Severity::Warning, ids, detail);
        return;
    }
    let failures = &parts.failures;
    let bad = || failures.first.iter().chain(&failures.wholes);
    let spans = bad().filter_map(|at| parts.spans.list.get(*at));
    let ends = spans
        .clone()
        .filter_map(|span| span.finished)
        .map(|mark| mark.entry);
    let names: Vec<String> = spans.map(|span| parts.span_outcome(span)).collect();
    let others = failures.events.iter().copied();
    let more: Vec<String> = others.clone().map(|at| parts.entry_name(at)).collect();
    let all = [names, more].concat();
    let detail = format!("{whole} {}, but {}", declared.as_str(), some_of(&all, 3));
    let ids = own.into_iter().chain(ends).chain(others);
    let ids: Vec<EventId> = ids.filter_map(|at| parts.events.id(at)).collect();
    out.add("rollup_conflict", Severity::Error, ids, detail);
}

fn wholes_against_parts(out: &mut Anomalies, parts: &Parts<'_>) {
    let spans = &parts.spans;
    let mut bad: BTreeMap<usize, Vec<&Span<'_>>> = BTreeMap::new();
    for (_, span) in spans.all() {
        let parent = spans.line(span).and_then(|line| line.parent);
        if let Some(parent) = parent
            && span.last
            && span.is_bad()
            && !parts.outcome.is_earlier(span)
            && Some(parent) != parts.outcome.root
        {
            bad.entry(parent).or_default().push(span);
        }
    }
    for (parent, bad) in bad {
        let Some(whole) = spans.last(parent) else {
            continue;
        };
        if whole.outcome != Some(RunOutcome::Success) {
            continue;
        }
        let names: Vec<String> = bad.iter().map(|span| parts.span_outcome(span)).collect();
        let detail = format!(
            "{} declares success, but {}",
            parts.span_name(whole),
            some_of(&names, 3)
        );
        let ends = bad.iter().filter_map(|span| span.finished);
        let all = whole.finished.into_iter().chain(ends);
        let ids = all.filter_map(|mark| parts.events.id(mark.entry));
        let ids: Vec<EventId> = ids.collect();
        out.add("rollup_conflict", Severity::Error, ids, detail);
    }
}

fn outcome_against_registry(out: &mut Anomalies, parts: &Parts<'_>) {
    let against = |said: fn(RunOutcome) -> bool, recorded: bool| -> Vec<usize> {
        let all = parts.events.counted();
        all.filter(|(_, entry)| {
            entry.facts().outcome.is_some_and(said) && entry.event().success == recorded
        })
        .map(|(at, _)| at)
        .collect()
    };
    for (entries, recorded) in [
        (against(RunOutcome::is_bad, true), "success: true"),
        (
            against(|outcome| outcome == RunOutcome::Success, false),
            "success: false",
        ),
    ] {
        if entries.is_empty() {
            continue;
        }
        let names: Vec<String> = entries
            .iter()
            .take(4)
            .map(|at| {
                let said = parts.events.facts(*at).and_then(|facts| facts.outcome);
                let said = said.map_or("unknown", RunOutcome::as_str);
                format!("{} ({said})", parts.entry_name(*at))
            })
            .collect();
        let rest = entries.len().saturating_sub(3);
        let shown = names
            .get(..names.len().min(3))
            .unwrap_or_default()
            .join(", ");
        let more = if rest > 0 {
            format!(" and {rest} more")
        } else {
            String::new()
        };
        let detail = format!("recorded with {recorded}: {shown}{more}");
        let ids = entries.iter().filter_map(|at| parts.events.id(*at));
        out.add("outcome_vs_epr_success", Severity::Error, ids, detail);
    }
}

/// Parts of something that no event of the run is about.
fn orphans(out: &mut Anomalies, run: &Run, parts: &Parts<'_>) {
    let mut by_whole: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for line in &parts.spans.lines {
        if let Some(whole) = line.orphan_of {
            let entries = by_whole.entry((&whole.kind, &whole.id)).or_default();
            entries.extend(line.entries.first());
        }
    }
    for ((of, id), entries) in by_whole {
        // Many pipelines send nothing of their own runs; flat documents name wholes that have none.
        let expected = match &run.name {
            Some(RunName::PipelineRun { id: named, .. }) => {
                of == "pipelinerun" && folded(named) == folded(id)
            }
            Some(RunName::Build { id: named }) => of == "build" && folded(named) == folded(id),
            _ => false,
        };
        let flat = |at: &usize| {
            let facts = parts.events.facts(*at);
            facts.is_some_and(|facts| facts.has_note("flat_dialect"))
        };
        let expected = expected || entries.iter().all(flat) || !run.truncated.is_empty();
        let severity = if expected {
            Severity::Info
        } else {
            Severity::Warning
        };
        let detail = format!(
            "{} part of {} {}, of which there is no event",
            if entries.len() == 1 {
                "1 subject is".to_owned()
            } else {
                format!("{} subjects are", entries.len())
            },
            kind(of),
            name(id)
        );
        let ids = entries.iter().filter_map(|at| parts.events.id(*at));
        out.add("orphan_member", severity, ids, detail);
    }
}

fn artifacts(out: &mut Anomalies, parts: &Parts<'_>) {
    let made = parts.artifacts.made().count();
    let mut tell = |code, lacking: Vec<(usize, &str)>, what: &str| {
        if lacking.is_empty() {
            return;
        }
        let names: Vec<String> = lacking.iter().map(|(_, label)| short(label)).collect();
        let detail = format!(
            "{} {what}: {}",
            if lacking.len() == made {
                each("the", made, "artifact") + " made here"
            } else {
                format!("{} of {} made here", lacking.len(), count(made, "artifact"))
            },
            some_of(&names, 2)
        );
        let ids = lacking.iter().filter_map(|(at, _)| parts.events.id(*at));
        out.add(code, Severity::Info, ids, detail);
    };
    let made = || parts.artifacts.made();
    let place = |artifact: &crate::correlate::story::artifacts::Product<'_>| {
        artifact.made.map_or(0, |mark| mark.entry)
    };
    let unsigned = made().filter(|artifact| !artifact.is_signed());
    tell(
        "artifact_unsigned",
        unsigned.map(|a| (place(a), a.label())).collect(),
        "without a signature",
    );
    let bare = made().filter(|artifact| artifact.sbom.is_none());
    tell(
        "artifact_without_sbom",
        bare.map(|a| (place(a), a.label())).collect(),
        "without an SBOM",
    );
}

fn deployments(out: &mut Anomalies, parts: &Parts<'_>) {
    let zero = parts.outcome.zero;
    let brought = || parts.deployments.iter().filter(|one| one.brings);
    let mut unknown: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for one in brought() {
        let Some(artifact) = one.artifact else {
            continue;
        };
        let known = parts.artifacts.find(artifact);
        if known.is_none_or(|known| known.made.is_none()) {
            let label = known.map_or(artifact.id.as_str(), |known| known.label());
            unknown.entry(label).or_default().push(one.entry);
        }
        if let Some((published, late)) = published_late(one, &parts.artifacts) {
            let detail = format!(
                "{} went out at {}, {} before it was published",
                short(artifact.purl.as_deref().unwrap_or(&artifact.id)),
                relative(one.at, zero),
                lasting(late)
            );
            let ids = [one.entry, published].map(|at| parts.events.id(at));
            let ids = ids.into_iter().flatten();
            out.add("deploy_before_publish", Severity::Warning, ids, detail);
        }
    }
    // A run that only deploys has its artifacts from another one.
    let makes_any = parts.artifacts.made().next().is_some();
    let severity = if makes_any {
        Severity::Warning
    } else {
        Severity::Info
    };
    for (label, entries) in unknown {
        let detail = format!(
            "{} was deployed; no event of this run packaged or published it",
            short(label)
        );
        let ids = entries.iter().filter_map(|at| parts.events.id(*at));
        out.add("artifact_unknown", severity, ids, detail);
    }
    let tested = parts.tests.first_end;
    let early: Vec<usize> = brought()
        .filter(|one| tested.is_none_or(|tested| one.at < tested))
        .map(|one| one.entry)
        .collect();
    if !early.is_empty() {
        let (severity, why) = match tested {
            None => (Severity::Warning, "no test is recorded in this run"),
            Some(_) => (Severity::Info, "the first test ended later"),
        };
        let detail = format!("{}: {why}", count(early.len(), "deployment"));
        let ids = early.iter().filter_map(|at| parts.events.id(*at));
        out.add("deploy_without_tests", severity, ids, detail);
    }
}

fn changes(out: &mut Anomalies, parts: &Parts<'_>) {
    let mistaken = &parts.source.mistaken;
    let noted = |at: &usize| {
        let facts = parts.events.facts(*at);
        facts.is_some_and(|facts| facts.has_note("change_is_artifact"))
    };
    if mistaken.is_empty() || mistaken.iter().any(noted) {
        return;
    }
    let detail = format!(
        "{} with an artifact where the id of a change should be: what it was made from is unknown",
        count(mistaken.len(), "event")
    );
    let ids = mistaken.iter().filter_map(|at| parts.events.id(*at));
    out.add("change_is_artifact", Severity::Info, ids, detail);
}

/// Events later than the one that says that the chain has ended (CDEvents links.md, "End Link").
fn after_the_end(out: &mut Anomalies, run: &Run, parts: &Parts<'_>) {
    let embedded = parts.events.counted().filter(|(_, entry)| {
        let facts = entry.facts();
        facts.has_note("chain_end") || facts.references.iter().any(|r| r.role == Role::End)
    });
    let embedded = embedded.map(|(at, entry)| (at, entry.at));
    let alone = run.links.iter().filter_map(|link| {
        let ends = link.facts.references.iter().find(|reference| {
            matches!(reference.role, Role::LinkTo | Role::End) && link.facts.predicate == "end"
        })?;
        let Target::Event(id) = &ends.target else {
            return None;
        };
        let at = parts.events.by_context(id, None)?;
        parts.events.get(at).map(|entry| (at, entry.at))
    });
    let Some((end, ended_at)) = embedded.chain(alone).max_by_key(|(_, at)| *at) else {
        return;
    };
    let later: Vec<usize> = parts
        .events
        .counted()
        .filter(|(_, entry)| entry.at > ended_at && entry.facts().kind == DocumentKind::CdEvent)
        .map(|(at, _)| at)
        .collect();
    if later.is_empty() {
        return;
    }
    let detail = format!(
        "{} after {} ended the chain at {}",
        count(later.len(), "event"),
        parts.entry_name(end),
        relative(ended_at, parts.outcome.zero)
    );
    let all = std::iter::once(end).chain(later);
    let ids = all.filter_map(|at| parts.events.id(at));
    let ids: Vec<EventId> = ids.collect();
    out.add("events_after_end", Severity::Warning, ids, detail);
}

fn gates(out: &mut Anomalies, asked: &Asked) {
    for gate in asked
        .gates
        .iter()
        .filter(|gate| gate.enabled && !gate.passes)
    {
        let detail = format!(
            "gate {} does not pass for {}: {}",
            name(&gate.group),
            unit(&gate.unit),
            gate.waits_for()
        );
        out.add("gate_incomplete", Severity::Warning, None, detail);
    }
}

/// What the walk noticed; of repeats and conflicts those that do not show in the run's events.
fn remarks(out: &mut Anomalies, run: &Run) {
    let known = ids_by_position(run);
    for remark in &run.remarks {
        let severity = match remark.code {
            "ambiguous" | "ambiguous_reference" | "id_conflict" => Severity::Warning,
            _ => Severity::Info,
        };
        let told: HashSet<EventId> = match remark.code {
            "duplicate_event" | "id_conflict" => out.events_of(remark.code).collect(),
            _ => HashSet::new(),
        };
        let ids = remark
            .events
            .iter()
            .filter_map(|seq| known.get(seq).copied());
        let ids: Vec<EventId> = ids.filter(|id| !told.contains(id)).collect();
        if told.is_empty() || !ids.is_empty() {
            out.add(remark.code, severity, ids, prose(&remark.detail));
        }
    }
}
