//! A trace as text.

mod full;
mod lists;

use std::fmt::Write as _;

use super::{Lineage, Meaning, Missing, Moment, Source, Traced};
use crate::correlate::shown::{call, count, name, when};
use crate::domain::run::RunOutcome;
use crate::limits;

/// Room for the line that tells what was left out.
const LEFT_OUT_BYTES: usize = 60;

/// Lines, and what stands below them in any case.
#[derive(Debug, Default)]
struct Page {
    lines: Vec<String>,
    tail: Vec<String>,
}

impl Page {
    fn line(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    /// As many lines as fit, at least the first, and the tail. What is left out is counted.
    fn finish(self, most: usize) -> String {
        let tail: usize = self.tail.iter().map(|line| line.len() + 1).sum();
        let most = most.saturating_sub(tail + LEFT_OUT_BYTES);
        let mut out = String::new();
        let mut left_out = 0;
        for (i, line) in self.lines.iter().enumerate() {
            if i > 0 && out.len() + line.len() > most {
                left_out += 1;
                continue;
            }
            out.push_str(line);
            out.push('\n');
        }
        if left_out > 0 {
            let left_out = count(left_out, "line");
            let _ = writeln!(out, "{left_out} left out; format: json has all of it");
        }
        for line in &self.tail {
            out.push_str(line);
            out.push('\n');
        }
        out
    }
}

impl Traced {
    /// What it came to, as text in about `most` bytes
    /// ([`limits::trace::TEXT_BYTES`] by default).
    pub fn text(&self, most: usize) -> String {
        let mut page = Page::default();
        match (&self.meaning, self.artifacts.as_slice()) {
            (None, _) => self.nothing(&mut page),
            (Some(Meaning::Service(_) | Meaning::Environment(_)), _) => {
                self.running_lines(&mut page);
            }
            (Some(_), []) => self.no_artifact(&mut page),
            (Some(_), artifacts) if self.in_full => {
                if let Some(Meaning::Commit { .. } | Meaning::Change(_)) = self.meaning {
                    page.line(self.came_to());
                }
                for lineage in artifacts {
                    full::lineage(&mut page, lineage);
                }
            }
            (Some(_), _) => self.versions(&mut page),
        }
        for gate in self.gates.iter().take(6) {
            page.line(lists::gate(gate));
        }
        self.remarks(&mut page);
        let next = self.next_calls();
        page.tail.push(format!("next: {}", next.join(" | ")));
        page.finish(most)
    }

    fn nothing(&self, page: &mut Page) {
        page.line(format!(
            "NOTHING is recorded under {}: no artifact (image, digest, purl, tag), commit, change, service or environment.",
            name(&self.said)
        ));
    }

    /// Of a commit or change that came to no artifact.
    fn no_artifact(&self, page: &mut Page) {
        page.line(format!(
            "{} came to no artifact that is recorded.",
            self.title()
        ));
        if let Some(source) = &self.source {
            page.line(format!(" from: {}", full::source(source)));
        }
    }

    fn came_to(&self) -> String {
        format!(
            "{} came to {}.",
            self.title(),
            count(self.artifacts.len(), "artifact")
        )
    }

    /// `COMMIT «abc»`.
    fn title(&self) -> String {
        let word = self.meaning.as_ref().map_or("anchor", Meaning::word);
        let said = match &self.meaning {
            Some(Meaning::Commit { sha, .. }) => sha,
            Some(
                Meaning::Change(said)
                | Meaning::Service(said)
                | Meaning::Environment(said)
                | Meaning::Package(said),
            ) => said,
            _ => &self.said,
        };
        format!("{} {}", word.to_uppercase(), name(said))
    }

    fn remarks(&self, page: &mut Page) {
        if self.more > 0 {
            let of_tag = self.in_full && matches!(self.meaning, Some(Meaning::Package(_)));
            page.tail.push(if of_tag {
                format!(
                    "This tag was on {} before.",
                    count(self.more, "other artifact")
                )
            } else {
                format!("{} more, older.", count(self.more, "artifact"))
            });
        }
        if self.truncated {
            page.tail.push(
                "More is recorded about this than one question reads: the newest was looked at, so what is told as missing may be there."
                    .to_owned(),
            );
        }
    }

    fn next_calls(&self) -> Vec<String> {
        let mut calls = Vec::new();
        let anchored = |tool: &str, anchor: &str| call(tool, &[("anchor", anchor)]);
        if let Some(run) = self
            .artifacts
            .first()
            .and_then(|lineage| lineage.made_by.as_ref())
        {
            // Of those in a list not so much was read that the name would be certain.
            let handle = run.handle().filter(|_| self.in_full);
            let anchor = handle.unwrap_or_else(|| run.event.to_string());
            calls.push(anchored("correlate_pipeline_run", &anchor));
        }
        if self.in_full
            && let Some(unit) = self
                .artifacts
                .first()
                .and_then(|lineage| lineage.units.first())
            && unit.uri().len() <= 300
        {
            calls.push(call("check_gate", &[("unit", &unit.uri())]));
        }
        if !self.in_full
            && let Some(artifact) = self.artifacts.first().map(|lineage| &lineage.artifact)
        {
            let anchor = artifact.digest.as_ref().or(artifact.purl.as_ref());
            let anchor = anchor.unwrap_or(&artifact.id);
            if anchor.len() <= 200 {
                calls.push(anchored("trace_artifact", anchor));
            }
        }
        for meaning in self.also.iter().take(2) {
            if self.said.len() <= limits::SHOWN_NAME_BYTES {
                let anchor = format!("{}:{}", meaning.word(), self.said);
                calls.push(anchored("trace_artifact", &anchor));
            }
        }
        if calls.is_empty() {
            calls.push(call("describe_registry", &[]));
        }
        calls
    }
}

/// `2026-11-01T08:00:00Z (event 01…)`.
fn moment(moment: &Moment) -> String {
    format!("{} (event {})", when(moment.at), moment.event)
}

/// ` «staging»`, or that none is said.
fn place(service: Option<&str>, environment: Option<&str>) -> String {
    let service = service.map_or_else(|| "a service without a name".to_owned(), name);
    match environment {
        Some(environment) => format!("{service} in {}", name(environment)),
        None => format!("{service} in an environment that is not said"),
    }
}

fn outcome(outcome: Option<RunOutcome>) -> &'static str {
    outcome.map_or("outcome not said", RunOutcome::as_str)
}

/// Where its change stands, in a few words.
fn short_source(source: &Source) -> Option<String> {
    if let Some(change) = source.changes.first() {
        let what = change.name.as_ref().unwrap_or(&change.id);
        let merged = change
            .merged
            .as_ref()
            .map(|merged| format!(" merged {}", when(merged.at)));
        return Some(format!(
            "change {}{}",
            name(what),
            merged.unwrap_or_default()
        ));
    }
    let commit = source.commits.first()?;
    Some(format!("commit {}", commit.get(..12).unwrap_or(commit)))
}

/// What nothing is recorded of.
fn missing(lineage: &Lineage) -> Option<String> {
    let missing: Vec<&str> = lineage
        .missing
        .iter()
        .map(|missing| Missing::sentence(*missing))
        .collect();
    (!missing.is_empty()).then(|| missing.join("; "))
}
