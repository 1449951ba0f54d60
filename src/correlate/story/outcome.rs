//! How a run stands and how it ended: what it says of itself, what follows from its parts, and what
//! the registry was told.

use super::events::Events;
use super::format::SECOND;
use super::spans::{Span, Spans};
use super::{Asked, Typical};
use crate::correlate::facts::Facts;
use crate::correlate::key::{Role, folded};
use crate::correlate::run::Run;
use crate::domain::run::{RunName, RunOutcome};
use crate::limits::story as limits;

const HOUR: i64 = 3_600 * SECOND;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// It waits.
    Queued,
    /// It runs.
    Running,
    /// It ended.
    Finished,
    /// It has been open for much longer than usual.
    Stalled,
    /// No event tells of a beginning or an end.
    Unknown,
}

impl Status {
    /// The word for it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Stalled => "stalled",
            Self::Unknown => "unknown",
        }
    }
}

/// An outcome as parts are rolled up: the worst is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rolled {
    /// All went well.
    Success,
    /// Something was left out.
    Skipped,
    /// Of something the outcome is not known.
    Unknown,
    /// Something was given up.
    Cancel,
    /// Something has not ended.
    Running,
    /// Something went badly.
    Failure,
    /// Something could not be carried out.
    Error,
}

impl Rolled {
    fn of(outcome: Option<RunOutcome>) -> Self {
        match outcome {
            Some(RunOutcome::Success) => Self::Success,
            Some(RunOutcome::Skipped) => Self::Skipped,
            Some(RunOutcome::Unknown) | None => Self::Unknown,
            Some(RunOutcome::Cancel) => Self::Cancel,
            Some(RunOutcome::Failure) => Self::Failure,
            Some(RunOutcome::Error) => Self::Error,
        }
    }

    /// The word for it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
            Self::Cancel => "cancel",
            Self::Running => "running",
            Self::Failure => "failure",
            Self::Error => "error",
        }
    }

    /// Whether it went badly; `None` where that is not settled.
    pub(super) const fn is_bad(self) -> Option<bool> {
        match self {
            Self::Success | Self::Skipped => Some(false),
            Self::Cancel | Self::Failure | Self::Error => Some(true),
            Self::Unknown | Self::Running => None,
        }
    }
}

/// How a run stands.
#[derive(Debug)]
pub(super) struct Outcome<'a> {
    /// The pipelineRun that it is, if its events are there.
    pub root: Option<usize>,
    /// The pipelineRuns that have events in it.
    pub pipeline_runs: Vec<usize>,
    /// Where it stands.
    pub status: Status,
    /// Whether that follows from its parts, no pipelineRun saying it.
    pub from_parts: bool,
    /// How it says that it ended; `None` if nothing says that it did.
    pub declared: Option<Rolled>,
    /// The same in the sender's word, where that is another.
    pub declared_said: Option<&'a str>,
    /// The worst of its parts' last attempts; `None` if it has none.
    pub derived: Option<Rolled>,
    /// How many parts that is.
    pub parts: usize,
    /// Whether both agree; `None` where one is missing or not settled.
    pub agree: Option<bool>,
    /// Events that were recorded without success.
    pub epr_failed: usize,
    /// What times are told relative to: the first beginning of the run, else its first event.
    pub zero: i64,
    /// Whether it has no end among the events that were read, which are not all: how it stands is not
    /// known then.
    pub unread: bool,
    /// Whether an event says when it first began.
    pub begun: bool,
    /// The last event.
    pub last_event: i64,
    /// When its last attempt was put in line.
    pub queued_at: Option<i64>,
    /// When its last attempt began.
    pub started_at: Option<i64>,
    /// When its last attempt ended.
    pub finished_at: Option<i64>,
    /// How long it waited.
    pub queue: Option<i64>,
    /// How long it ran.
    pub run: Option<i64>,
    /// For how long it has been open.
    pub open_for: Option<i64>,
    /// When the last attempt of the pipelineRun began, if there was one before it: what ended before
    /// that belongs to an earlier one.
    pub cut: Option<i64>,
}

impl<'a> Outcome<'a> {
    /// Works it out.
    pub(super) fn of(run: &Run, events: &Events<'a>, spans: &Spans<'a>, asked: &Asked) -> Self {
        let (root, pipeline_runs) = root_of(run, spans);
        let last = root.and_then(|root| spans.last(root));
        let mut out = Self {
            root,
            pipeline_runs,
            status: Status::Unknown,
            from_parts: last.is_none(),
            declared: None,
            declared_said: None,
            derived: None,
            parts: 0,
            agree: None,
            epr_failed: events.all().iter().filter(|e| !e.event().success).count(),
            zero: 0,
            unread: false,
            begun: false,
            last_event: events.all().last().map_or(0, |entry| entry.at),
            queued_at: None,
            started_at: None,
            finished_at: None,
            queue: None,
            run: None,
            open_for: None,
            cut: None,
        };
        match last {
            Some(last) => out.of_itself(last),
            None => out.of_parts(spans),
        }
        let of_run = |span: &&Span<'a>| root.is_none_or(|root| span.line == root);
        let first_begin = spans
            .list
            .iter()
            .filter(of_run)
            .filter_map(Span::begin)
            .min();
        let first_event = events.all().first().map_or(0, |entry| entry.at);
        out.zero = first_begin.unwrap_or(first_event);
        out.begun = first_begin.is_some();
        out.declare(spans);
        out.derive(events, spans);
        out.agree = match (out.declared, out.derived) {
            (Some(declared), Some(derived)) => declared
                .is_bad()
                .zip(derived.is_bad())
                .map(|(declared, derived)| declared == derived),
            _ => None,
        };
        let is_open = matches!(out.status, Status::Queued | Status::Running);
        out.unread = is_open && !run.truncated.is_empty();
        out.see_how_long(asked);
        out
    }

    /// Whether a span belongs to an earlier attempt of the run.
    pub(super) fn is_earlier(&self, span: &Span<'_>) -> bool {
        Some(span.line) != self.root
            && self
                .cut
                .is_some_and(|cut| span.end().or(span.begin()).is_some_and(|at| at < cut))
    }

    fn of_itself(&mut self, last: &Span<'a>) {
        self.queued_at = last.queued.map(|mark| mark.at);
        self.started_at = last.started.map(|mark| mark.at);
        self.finished_at = last.finished.map(|mark| mark.at);
        self.queue = last.queue();
        self.run = last.run();
        self.cut = last.begin().filter(|_| last.attempt > 1);
        self.status = match (last.finished, last.started) {
            (Some(_), _) => Status::Finished,
            (None, Some(_)) => Status::Running,
            (None, None) => Status::Queued,
        };
    }

    /// Without events of a pipelineRun a run lasts from where its parts begin to where all have ended.
    fn of_parts(&mut self, spans: &Spans<'a>) {
        let parts: Vec<&Span<'a>> = spans.list.iter().filter(|span| span.last).collect();
        let open = parts.iter().filter(|span| span.is_open()).count();
        self.status = if open > 0 {
            let runs = |span: &&Span<'a>| !span.is_open() || span.started.is_some();
            if parts.iter().any(runs) {
                Status::Running
            } else {
                Status::Queued
            }
        } else if parts.is_empty() {
            Status::Unknown
        } else {
            Status::Finished
        };
        // What one part waited for may be another part: of waiting nothing is said.
        let starts = spans.list.iter().filter_map(|span| span.started);
        self.started_at = starts.map(|mark| mark.at).min();
        if self.status == Status::Finished {
            self.finished_at = spans.list.iter().filter_map(Span::end).max();
        }
        if let (Some(started), Some(finished)) = (self.started_at, self.finished_at) {
            self.run = Some(finished.saturating_sub(started).max(0));
        }
    }

    fn declare(&mut self, spans: &Spans<'a>) {
        let of = |line: &usize| spans.last(*line).filter(|span| span.finished.is_some());
        let said: Vec<&Span<'a>> = match self.root {
            Some(root) => of(&root).into_iter().collect(),
            // Several pipelineRuns of one chain have said it when all have.
            None => self
                .pipeline_runs
                .iter()
                .map(of)
                .collect::<Option<_>>()
                .unwrap_or_default(),
        };
        let worst = said.into_iter().max_by_key(|span| Rolled::of(span.outcome));
        self.declared = worst.map(|span| Rolled::of(span.outcome));
        self.declared_said = worst.and_then(|span| span.said);
    }

    fn derive(&mut self, events: &Events<'a>, spans: &Spans<'a>) {
        let mut worst = None;
        let mut parts = 0;
        let mut add = |rolled: Rolled| {
            parts += 1;
            worst = worst.max(Some(rolled));
        };
        let own = |line: usize| match self.root {
            Some(root) => line == root,
            None => self.pipeline_runs.contains(&line),
        };
        for (at, line) in spans.lines.iter().enumerate() {
            if own(at) {
                continue;
            }
            match line.spans.last().and_then(|last| spans.list.get(*last)) {
                Some(span) if self.is_earlier(span) => {}
                Some(span) if span.is_open() => add(Rolled::Running),
                // What is there ended well enough to be there.
                Some(span) if span.finished.is_none() => add(Rolled::Success),
                Some(span) if span.outcome.is_none() && !says_outcome(line.kind) => {
                    let facts = span.finished.and_then(|mark| events.facts(mark.entry));
                    let made = |facts: &Facts| {
                        let mut all = facts.artifacts.iter();
                        all.any(|artifact| artifact.role == Role::Produces)
                    };
                    if facts.is_some_and(made) {
                        add(Rolled::Success);
                    }
                }
                Some(span) => add(Rolled::of(span.outcome)),
                // What has an outcome and took no time: a decision, a deployment.
                None => {
                    let mut said = line.entries.iter().rev();
                    if let Some(outcome) = said.find_map(|at| events.facts(*at)?.outcome) {
                        add(Rolled::of(Some(outcome)));
                    }
                }
            }
        }
        self.derived = worst;
        self.parts = parts;
    }

    fn see_how_long(&mut self, asked: &Asked) {
        if !matches!(self.status, Status::Queued | Status::Running) {
            return;
        }
        if self.unread {
            self.status = Status::Unknown;
            return;
        }
        let since = self.started_at.or(self.queued_at).unwrap_or(self.zero);
        let open = asked.now.as_micros().saturating_sub(since).max(0);
        self.open_for = Some(open);
        if open as f64 > stalled_after(asked.typical.as_ref()) * SECOND as f64 {
            self.status = Status::Stalled;
        }
    }
}

/// Seconds after which a run that has not ended is taken for stalled: a multiple of what is usual, or a
/// day where that is not known.
pub fn stalled_after(typical: Option<&Typical>) -> f64 {
    match typical.filter(|typical| typical.runs >= limits::TYPICAL_RUNS) {
        Some(typical) => typical.p95_s * limits::STALLED_FACTOR as f64,
        None => (limits::STALLED_HOURS * HOUR / SECOND) as f64,
    }
}

/// Whether an end without an outcome lacks one. Those of other types, such as builds, never have any
/// (CDEvents continuous-integration.md), and say nothing of how things went.
fn says_outcome(kind: &str) -> bool {
    matches!(
        kind,
        "pipelinerun" | "taskrun" | "testcaserun" | "testsuiterun"
    )
}

/// The pipelineRun that the run is, and all pipelineRuns with events in it.
fn root_of(run: &Run, spans: &Spans<'_>) -> (Option<usize>, Vec<usize>) {
    let all: Vec<usize> = spans
        .lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.kind == "pipelinerun" && !line.spans.is_empty())
        .map(|(at, _)| at)
        .collect();
    if let Some(RunName::PipelineRun { id, source }) = &run.name {
        let id = folded(id);
        let named = all.iter().copied().find(|at| {
            spans.lines.get(*at).is_some_and(|line| {
                folded(line.id) == id && (source.is_none() || line.source == source.as_deref())
            })
        });
        // Another pipelineRun does not speak for one whose events are not there.
        return (named, if named.is_some() { all } else { Vec::new() });
    }
    let outermost = |at: &usize| {
        spans
            .lines
            .get(*at)
            .is_some_and(|line| line.parent.is_none())
    };
    let outer: Vec<usize> = all.iter().copied().filter(outermost).collect();
    match outer.as_slice() {
        [only] => (Some(*only), all),
        _ => (None, all),
    }
}
