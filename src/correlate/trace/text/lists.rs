//! Several artifacts, a line for each.

use std::fmt::Write as _;

use super::{Page, full, place, short_source};
use crate::correlate::shown::{count, name, when};
use crate::correlate::story::GateLine;
use crate::correlate::trace::lineage::label;
use crate::correlate::trace::{Ended, Lineage, Meaning, Missing, Running, Traced};

impl Traced {
    /// What runs as a service or in an environment.
    pub(super) fn running_lines(&self, page: &mut Page) {
        if self.running.is_empty() {
            page.line(format!(
                "{}: nothing runs as far as is recorded; what was deployed was removed or failed.",
                self.title()
            ));
            return;
        }
        let places = match self.meaning {
            Some(Meaning::Service(_)) => count(self.running.len(), "environment"),
            _ => count(self.running.len(), "service"),
        };
        page.line(format!(
            "{}: what runs now, as far as is recorded ({places}):",
            self.title()
        ));
        for running in &self.running {
            page.line(format!(" {}", self.running_line(running)));
        }
        if self.in_full {
            for lineage in &self.artifacts {
                full::lineage(page, lineage);
            }
        }
    }

    fn running_line(&self, running: &Running) -> String {
        let mut out = place(running.service.as_deref(), running.environment.as_deref());
        let artifact = running.artifact.as_ref();
        let what = artifact.map_or_else(
            || "an artifact that is not said".to_owned(),
            |artifact| name(&label(artifact)),
        );
        let _ = write!(
            out,
            ": {what} since {}{} (event {})",
            when(running.since),
            if running.ahead { full::AHEAD } else { "" },
            running.event
        );
        let lineage = running.place.and_then(|place| self.artifacts.get(place));
        if let Some(lineage) = lineage {
            if let Some(source) = short_source(&lineage.source) {
                let _ = write!(out, "; {source}");
            }
            concerns(&mut out, lineage);
        }
        out
    }

    /// Versions of a package, or what a commit came to.
    pub(super) fn versions(&self, page: &mut Page) {
        page.line(format!(
            "{}: {} recorded, newest first:",
            self.title(),
            count(self.artifacts.len() + self.more, "artifact")
        ));
        for lineage in &self.artifacts {
            page.line(format!(" {}", version(lineage)));
        }
    }
}

fn version(lineage: &Lineage) -> String {
    let mut out = name(&label(&lineage.artifact));
    if let Some(tag) = lineage.artifact.tags.first() {
        let _ = write!(out, " {}", name(tag));
    }
    let made = lineage.packaged.or(lineage.published);
    if let Some(made) = made.or(lineage.built_by.as_ref().map(|build| build.ended)) {
        let _ = write!(out, " made {}", when(made.at));
    }
    if let Some(source) = short_source(&lineage.source) {
        let _ = write!(out, " from {source}");
    }
    let runs: Vec<String> = (lineage.deployed.iter())
        .filter(|deployed| deployed.ok && deployed.until.is_none())
        .take(3)
        .map(|deployed| place(deployed.service.as_deref(), deployed.environment.as_deref()))
        .collect();
    if !runs.is_empty() {
        let _ = write!(out, "; runs as {}", runs.join(", "));
    } else if let Some(last) = lineage.deployed.iter().find(|deployed| deployed.ok) {
        let place = place(last.service.as_deref(), last.environment.as_deref());
        let _ = write!(out, "; was {place}");
    } else {
        out.push_str("; not deployed");
    }
    concerns(&mut out, lineage);
    out
}

/// What a reader has to know even where there is little room.
fn concerns(out: &mut String, lineage: &Lineage) {
    let back = (lineage.deployed.iter())
        .find(|deployed| matches!(deployed.until, Some((_, Ended::RolledBack))));
    if let Some(back) = back {
        let place = back
            .environment
            .as_deref()
            .map(|place| format!(" in {}", name(place)));
        let _ = write!(out, "; was ROLLED BACK{}", place.unwrap_or_default());
    }
    let open = lineage
        .incidents
        .iter()
        .filter(|incident| incident.resolved.is_none())
        .count();
    if open > 0 {
        let _ = write!(out, "; {}", count(open, "open incident"));
    }
    if lineage.missing.contains(&Missing::Signed) {
        out.push_str("; not signed");
    }
    if lineage.missing.contains(&Missing::Sbom) {
        out.push_str("; no SBOM");
    }
}

/// ` gate «release» CLOSED, missing «scan»`.
pub(super) fn gate(gate: &GateLine) -> String {
    let standing = match (gate.enabled, gate.passes) {
        (false, _) => "is disabled",
        (true, true) => "PASSES",
        (true, false) => "CLOSED",
    };
    let mut out = format!(" gate {} {standing}", name(&gate.group));
    for (word, names) in [("missing", &gate.missing), ("failed", &gate.failed)] {
        if !names.is_empty() {
            let shown: Vec<String> = names
                .iter()
                .take(3)
                .map(|receiver| name(receiver))
                .collect();
            let _ = write!(out, ", {word} {}", shown.join(", "));
        }
    }
    out
}
