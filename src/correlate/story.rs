//! The story of a pipeline run: from its events to how it stands, what failed, what it made and where
//! that went, and what is odd about it; as text for an assistant to relay, and the same facts as JSON.
//!
//! Everything is worked out once, when the story is told; what is asked for is then written from it.

mod anomalies;
mod artifacts;
mod build;
mod critical;
mod deployments;
mod events;
mod failures;
mod format;
mod json;
mod lists;
mod outcome;
mod source;
mod spans;
mod testing;
mod text;

use serde_json::Value;

use anomalies::Anomalies;
use artifacts::Artifacts;
use build::Builds;
use critical::CriticalPath;
use deployments::Deployment;
use events::Events;
use failures::Failures;
use outcome::Outcome;
pub use outcome::stalled_after;
use source::Source;
use spans::{Span, Spans};
use testing::Tests;

use super::run::Run;
use crate::domain::run::RunOutcome;
use crate::domain::time::Timestamp;
use crate::limits;

/// What is known beside the events of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The present.
    pub now: Timestamp,
    /// How long the pipeline's finished runs took.
    pub typical: Option<Typical>,
    /// How the gates stand for the units of the run.
    pub gates: Vec<GateLine>,
    /// What the run is asked for by: `run_…`, else an event's id.
    pub handle: String,
}

/// How long the finished runs of a pipeline took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Typical {
    /// How many there are.
    pub runs: usize,
    /// Seconds within which half of them ended.
    pub median_s: f64,
    /// Seconds within which 95 of 100 ended.
    pub p95_s: f64,
}

/// How a gate stands for a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateLine {
    /// The group's name.
    pub group: String,
    /// The unit's printed form.
    pub unit: String,
    /// Whether it passes.
    pub passes: bool,
    /// Whether the group decides anything.
    pub enabled: bool,
    /// Receivers without an event.
    pub missing: Vec<String>,
    /// Receivers whose newest event is no success.
    pub failed: Vec<String>,
    /// Receivers about which an event decides that does not belong to the run in question.
    pub outside: Vec<String>,
}

impl GateLine {
    /// `missing «scan», «sign»; failed «tests»`.
    fn waits_for(&self) -> String {
        let part = |word: &str, names: &[String]| {
            let names: Vec<String> = names.iter().map(|name| format::name(name)).collect();
            (!names.is_empty()).then(|| format!("{word} {}", format::some_of(&names, 3)))
        };
        let parts: Vec<String> = [part("missing", &self.missing), part("failed", &self.failed)]
            .into_iter()
            .flatten()
            .collect();
        parts.join("; ")
    }

    /// `, decided outside this run for «scan»`: a gate is told as it stands now.
    fn decided_outside(&self) -> String {
        if self.outside.is_empty() {
            return String::new();
        }
        let names: Vec<String> = self.outside.iter().map(|name| format::name(name)).collect();
        format!(
            " now; events of other runs decide about {}",
            format::some_of(&names, 3)
        )
    }
}

/// A part of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Section {
    /// The summary.
    Story,
    /// What happened, in order.
    Timeline,
    /// The events as records.
    Events,
    /// What took time.
    Spans,
    /// What was made or used.
    Artifacts,
    /// Tests.
    Tests,
    /// Deployments.
    Deployments,
    /// Details of builds.
    Build,
    /// All that is odd.
    Anomalies,
    /// What touches the run and does not belong to it.
    Related,
    /// All of these.
    All,
}

impl Section {
    /// The words for them, in the order in which they stand in an answer.
    pub const WORDS: &'static [&'static str] = &[
        "story",
        "timeline",
        "events",
        "spans",
        "artifacts",
        "tests",
        "deployments",
        "build",
        "anomalies",
        "related",
        "all",
    ];
    const EACH: [Self; 11] = [
        Self::Story,
        Self::Timeline,
        Self::Events,
        Self::Spans,
        Self::Artifacts,
        Self::Tests,
        Self::Deployments,
        Self::Build,
        Self::Anomalies,
        Self::Related,
        Self::All,
    ];

    /// Reads the word for one.
    pub fn parse(word: &str) -> Option<Self> {
        let place = Self::WORDS.iter().position(|known| *known == word)?;
        Self::EACH.get(place).copied()
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        let place = Self::EACH.iter().position(|section| *section == self);
        place
            .and_then(|place| Self::WORDS.get(place))
            .copied()
            .unwrap_or_default()
    }
}

/// Which rows of the lists that were asked for, and how much text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Rows to leave out, over all lists asked for, in the order of [`Section::WORDS`].
    pub offset: usize,
    /// Rows at most.
    pub rows: usize,
    /// Bytes at most.
    pub most: usize,
}

impl Page {
    /// The first page, with as many rows as fit.
    pub fn first(sections: &[Section]) -> Self {
        Self {
            offset: 0,
            rows: usize::MAX,
            most: if sections.contains(&Section::All) {
                limits::FULL_ANSWER_BYTES
            } else {
                limits::ANSWER_BYTES
            },
        }
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Told<T> {
    /// What is told.
    pub body: T,
    /// The offset of the next page, if there are more rows.
    pub next: Option<usize>,
    /// Rows in all.
    pub rows: usize,
}

/// What was worked out of the events, for all that is told of them.
#[derive(Debug)]
struct Parts<'a> {
    events: Events<'a>,
    spans: Spans<'a>,
    outcome: Outcome<'a>,
    failures: Failures,
    critical: CriticalPath,
    artifacts: Artifacts<'a>,
    tests: Tests,
    source: Source<'a>,
    deployments: Vec<Deployment<'a>>,
    builds: Builds<'a>,
}

impl Parts<'_> {
    /// `taskRun «compile»`.
    fn line_name(&self, line: usize) -> String {
        let Some(line) = self.spans.lines.get(line) else {
            return "event".to_owned();
        };
        let kind = format::kind(line.kind);
        match line.label() {
            "" => kind.into_owned(),
            label => format!("{kind} {}", format::short(label)),
        }
    }

    /// `taskRun «compile»`, with the attempt where there are several.
    fn span_name(&self, span: &Span<'_>) -> String {
        let name = self.line_name(span.line);
        match self.spans.line(span) {
            Some(line) if line.spans.len() > 1 => format!("{name} (attempt {})", span.attempt),
            _ => name,
        }
    }

    /// `taskRun «compile» ended in failure`.
    fn span_outcome(&self, span: &Span<'_>) -> String {
        let outcome = span
            .outcome
            .map_or("an unknown outcome", RunOutcome::as_str);
        format!("{} ended in {outcome}", self.span_name(span))
    }

    /// `artifact.published «pkg:oci/app@…»`.
    fn entry_name(&self, at: usize) -> String {
        let Some(facts) = self.events.facts(at) else {
            return "event".to_owned();
        };
        let what = match (facts.subject.as_str(), facts.predicate.as_str()) {
            ("", _) => return format::name(&facts.type_name),
            (subject, "") => format::kind(subject).into_owned(),
            (subject, predicate) => {
                format!("{}.{}", format::kind(subject), format::word(predicate))
            }
        };
        let line = self
            .spans
            .line_of(at)
            .and_then(|line| self.spans.lines.get(line));
        match line.map_or("", spans::Line::label) {
            "" => what,
            label => format!("{what} {}", format::short(label)),
        }
    }
}

/// The story of a run.
#[derive(Debug)]
pub struct Story<'a> {
    run: &'a Run,
    asked: &'a Asked,
    parts: Parts<'a>,
    anomalies: Anomalies,
}

impl<'a> Story<'a> {
    /// Works out the story of a run.
    pub fn tell(run: &'a Run, asked: &'a Asked) -> Self {
        let events = Events::of(run);
        let spans = Spans::of(&events);
        let outcome = Outcome::of(run, &events, &spans, asked);
        let source = Source::of(&events, &spans);
        let parts = Parts {
            failures: Failures::of(&events, &spans, &outcome),
            critical: CriticalPath::of(run, &events, &spans, &outcome),
            artifacts: Artifacts::of(&events),
            tests: Tests::of(&events, &spans, &outcome),
            deployments: deployments::deployments(&events, &source),
            builds: Builds::of(&events),
            events,
            spans,
            outcome,
            source,
        };
        let anomalies = Anomalies::of(run, &parts, asked);
        Self {
            run,
            asked,
            parts,
            anomalies,
        }
    }

    /// The sections as text. No sections are the summary.
    pub fn text(&self, sections: &[Section], page: Page) -> Told<String> {
        text::text(self, sections, page)
    }

    /// The same as JSON.
    pub fn json(&self, sections: &[Section], page: Page) -> Told<Value> {
        json::json(self, sections, page)
    }
}

/// A length of time in words, of seconds: `4 m 10 s`.
pub fn duration(seconds: f64) -> String {
    format::lasting((seconds * 1e6) as i64)
}

/// Whether the summary is asked for.
fn wants_summary(sections: &[Section]) -> bool {
    sections.is_empty() || sections.contains(&Section::Story) || sections.contains(&Section::All)
}

#[cfg(test)]
mod tests;
