//! An artifact told in full.

use std::fmt::Write as _;

use super::{Page, missing, moment, outcome, place};
use crate::correlate::deploy::bare_name;
use crate::correlate::shown::{count, lasting, name, when};
use crate::correlate::trace::{
    Approval, BuiltBy, Deployed, Ended, Incident, Lineage, MadeBy, SbomAt, Source, Tested,
};
use crate::domain::run::RunName;

/// What stands beside a time that has not come yet.
pub(super) const AHEAD: &str = ", by a time in the FUTURE";

/// Deployments, incidents and tests shown one by one; the rest is counted.
const SHOWN: usize = 5;

pub(super) fn lineage(page: &mut Page, lineage: &Lineage) {
    page.line(head(lineage));
    if !lineage.source.is_empty() {
        page.line(format!(" from: {}", source(&lineage.source)));
    }
    let made = [
        lineage.made_by.as_ref().map(made_by),
        lineage.built_by.as_ref().map(built_by),
    ];
    let made: Vec<String> = made.into_iter().flatten().collect();
    if !made.is_empty() {
        page.line(format!(" made by: {}", made.join("; ")));
    }
    if let Some(steps) = steps(lineage) {
        page.line(format!(" {steps}"));
    }
    for line in tested(&lineage.tested) {
        page.line(format!(" {line}"));
    }
    shown(page, " deployed:", &lineage.deployed, deployed);
    shown(page, " incidents:", &lineage.incidents, incident);
    shown(page, " approvals:", &lineage.approvals, approval);
    if let Some(missing) = missing(lineage) {
        page.line(format!(" NOT recorded: {missing}"));
    }
}

/// A heading and the first of a list.
fn shown<T>(page: &mut Page, heading: &str, list: &[T], line: impl Fn(&T) -> String) {
    for (i, one) in list.iter().take(SHOWN).enumerate() {
        let before = if i == 0 {
            format!("{heading} ")
        } else {
            "  ".to_owned()
        };
        page.line(format!("{before}{}", line(one)));
    }
    if list.len() > SHOWN {
        page.line(format!("  and {} older", list.len() - SHOWN));
    }
}

fn head(lineage: &Lineage) -> String {
    let artifact = &lineage.artifact;
    let mut out = format!("ARTIFACT {}", name(bare_name(artifact)));
    let id = artifact.purl.as_ref().unwrap_or(&artifact.id);
    // The digest stands behind it in full.
    let without = id.split("@sha256").next().unwrap_or(id);
    if without != bare_name(artifact) && !without.is_empty() {
        let _ = write!(out, " {}", name(without));
    }
    if let Some(digest) = &artifact.digest {
        let _ = write!(out, " {}", name(digest));
    }
    if !artifact.tags.is_empty() {
        let tags: Vec<String> = artifact
            .tags
            .iter()
            .take(SHOWN)
            .map(|tag| name(tag))
            .collect();
        let _ = write!(out, "; tags {}", tags.join(", "));
    }
    out
}

/// The changes and commits.
pub(super) fn source(source: &Source) -> String {
    let mut parts = Vec::new();
    for change in source.changes.iter().take(2) {
        let mut out = format!("change {}", name(&change.id));
        if let Some(title) = change.name.as_ref().filter(|title| **title != change.id) {
            let _ = write!(out, " {}", name(title));
        }
        match (&change.merged, &change.first) {
            (Some(merged), _) => {
                let _ = write!(out, " merged {}", moment(merged));
            }
            (None, Some(first)) => {
                let _ = write!(out, " first heard of {}, no merge recorded", moment(first));
            }
            (None, None) => {}
        }
        parts.push(out);
    }
    if source.changes.len() > 2 {
        parts.push(format!(
            "{} more",
            count(source.changes.len() - 2, "change")
        ));
    }
    if let Some(push) = &source.push {
        parts.push(format!("pushed {}", moment(push)));
    }
    let commits: Vec<&str> = source
        .commits
        .iter()
        .map(|sha| sha.get(..12).unwrap_or(sha))
        .take(3)
        .collect();
    if !commits.is_empty() {
        parts.push(format!("commit {}", commits.join(", ")));
    }
    for (what, value) in [
        ("repository", &source.repository),
        ("branch", &source.branch),
        ("by", &source.author),
    ] {
        if let Some(value) = value {
            parts.push(format!("{what} {}", name(value)));
        }
    }
    parts.join("; ")
}

fn made_by(run: &MadeBy) -> String {
    let mut out = match &run.name {
        RunName::PipelineRun { id, .. } => format!("pipelineRun {}", name(id)),
        RunName::Chain(id) => format!("chain {}", name(id)),
        RunName::Build { id } => format!("build {}", name(id)),
    };
    if let Some(pipeline) = &run.pipeline {
        let _ = write!(out, " of pipeline {}", name(pipeline));
    }
    if let Some(handle) = run.handle() {
        let _ = write!(out, " ({handle})");
    }
    if let Some(started) = run.started {
        let _ = write!(out, " started {}", when(started));
    }
    match run.finished {
        Some((at, how)) => {
            let _ = write!(out, ", {} {}", outcome(how), when(at));
        }
        None if run.started.is_some() => out.push_str(", no end recorded"),
        None => {}
    }
    out
}

fn built_by(build: &BuiltBy) -> String {
    let kind = match build.kind.as_str() {
        "taskrun" => "task",
        "pipelinerun" => "pipeline",
        _ => "build",
    };
    let mut out = format!("{kind} {}", name(&build.name));
    if let Some(how) = build.outcome {
        let _ = write!(out, " {}", how.as_str());
    }
    let _ = write!(out, " {}", when(build.ended.at));
    if let Some(place) = &build.place {
        let _ = write!(out, " with {}", name(place));
    }
    out
}

/// Packaged, published, signed, and its SBOM.
fn steps(lineage: &Lineage) -> Option<String> {
    let mut parts = Vec::new();
    for (what, at) in [
        ("packaged", &lineage.packaged),
        ("signed", &lineage.signed),
        ("published", &lineage.published),
        ("DELETED", &lineage.deleted),
    ] {
        if let Some(at) = at {
            parts.push(format!("{what} {}", when(at.at)));
        }
    }
    if lineage.signed.is_none()
        && let Some(signature) = &lineage.artifact.signature
    {
        parts.push(format!(
            "signature {} named, no artifact.signed event",
            name(signature)
        ));
    }
    match &lineage.sbom {
        Some(SbomAt::Event { event, format }) => {
            parts.push(format!("SBOM {} recorded (event {event})", name(format)));
        }
        Some(SbomAt::Reference(reference)) => {
            parts.push(format!(
                "SBOM at {}, by reference only",
                name(&reference.uri)
            ));
        }
        None => {}
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn tested(tested: &Tested) -> Vec<String> {
    let mut lines = Vec::new();
    let mut counts: Vec<String> = (tested.cases.iter())
        .map(|(outcome, number)| format!("{number} {}", outcome.as_str()))
        .collect();
    if tested.open > 0 {
        counts.push(format!("{} not ended", tested.open));
    }
    let mut parts = Vec::new();
    if !counts.is_empty() {
        parts.push(format!("test cases {}", counts.join(", ")));
    }
    for suite in tested.suites.iter().take(3) {
        let at = suite
            .environment
            .as_deref()
            .map(|environment| format!(" in {}", name(environment)));
        let how = suite
            .outcome
            .map_or("not ended", |outcome| outcome.as_str());
        parts.push(format!(
            "suite {}{}: {how}",
            name(&suite.name),
            at.unwrap_or_default()
        ));
    }
    if tested.suites.len() > 3 {
        parts.push(format!("{} more", count(tested.suites.len() - 3, "suite")));
    }
    if !parts.is_empty() {
        lines.push(format!("tests in its runs: {}", parts.join("; ")));
    }
    for failed in tested.failed.iter().take(3) {
        let why = failed
            .reason
            .as_deref()
            .map(|reason| format!(": {}", name(reason)));
        lines.push(format!(
            " {} {}{} (event {})",
            outcome(failed.outcome),
            name(&failed.name),
            why.unwrap_or_default(),
            failed.event
        ));
    }
    for scan in tested.scans.iter().take(2) {
        let by = scan
            .scanner
            .as_deref()
            .map_or_else(String::new, |scanner| format!(" by {}", name(scanner)));
        let counts: Vec<String> = (scan.counts.iter().take(8))
            .map(|(severity, number)| format!("{} {number}", name(severity)))
            .collect();
        lines.push(format!("scan{by}: {}", counts.join(", ")));
    }
    lines
}

fn deployed(deployed: &Deployed) -> String {
    let mut out = place(deployed.service.as_deref(), deployed.environment.as_deref());
    let how = match (deployed.ok, deployed.back) {
        (false, _) => "FAILED",
        (true, true) => "again by a rollback, since",
        (true, false) => "since",
    };
    let _ = write!(out, " {how} {}", moment(&deployed.since));
    match (&deployed.until, deployed.ok) {
        (Some((until, ended)), _) => {
            let next = deployed.next.as_deref().map(name);
            let how = match (ended, next) {
                (Ended::Replaced, Some(next)) => format!("replaced by {next}"),
                (Ended::Replaced, None) => "replaced by an artifact that is not said".to_owned(),
                (Ended::RolledBack, Some(next)) => format!("ROLLED BACK to {next}"),
                (Ended::RolledBack, None) => "ROLLED BACK".to_owned(),
                (Ended::Removed, _) => "the service was removed".to_owned(),
            };
            let _ = write!(out, " until {}: {how}", moment(until));
        }
        (None, true) => out.push_str(", runs now as far as is recorded"),
        (None, false) => {}
    }
    if deployed.ahead {
        out.push_str(AHEAD);
    }
    match deployed.lead {
        Some((lead, true)) => {
            let _ = write!(out, "; {} after the merge", lasting(lead));
        }
        Some((lead, false)) => {
            let _ = write!(
                out,
                "; {} after the first event of its change",
                lasting(lead)
            );
        }
        None => {}
    }
    out
}

fn incident(incident: &Incident) -> String {
    let mut out = format!("{} {}", name(&incident.id), moment(&incident.since));
    match &incident.resolved {
        Some(resolved) if resolved.at > incident.since.at => {
            let lasted = resolved
                .at
                .as_micros()
                .saturating_sub(incident.since.at.as_micros());
            let _ = write!(out, ", resolved after {}", lasting(lasted));
        }
        Some(_) => out.push_str(", resolved"),
        None => out.push_str(", OPEN"),
    }
    if let Some(reason) = &incident.reason {
        let _ = write!(out, ": {}", name(reason));
    }
    if !incident.names_it {
        out.push_str(" (it names the service while this ran there)");
    }
    out
}

fn approval(approval: &Approval) -> String {
    let said = approval
        .said
        .as_deref()
        .map_or_else(|| "asked for".to_owned(), name);
    let by = approval.by.as_deref().map(|by| format!(" by {}", name(by)));
    format!(
        "{} {said}{} {}",
        name(&approval.id),
        by.unwrap_or_default(),
        moment(&approval.last)
    )
}
