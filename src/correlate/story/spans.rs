//! What took time: the attempts of every subject that was queued, started or finished.

use std::collections::HashMap;

use super::events::{Entry, Events, Stage, stage};
use crate::correlate::facts::{Facts, Subject, Target};
use crate::correlate::key::{Role, folded};
use crate::domain::run::RunOutcome;
use crate::limits;

/// Microseconds by which clocks may contradict the order of a life.
const SLACK: i64 = limits::story::CLOCK_SECONDS * super::format::SECOND;

/// An event and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The place of the event.
    pub entry: usize,
    /// When it happened, in microseconds since 1970.
    pub at: i64,
}

/// Something that the events of a run are about.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// Its type in lower case.
    pub kind: &'a str,
    /// Its id; empty if its event names none.
    pub id: &'a str,
    /// Where the id is unique.
    pub source: Option<&'a str>,
    /// A name to show.
    pub name: Option<&'a str>,
    /// The places of its events, by time.
    pub entries: Vec<usize>,
    /// Its spans, by time.
    pub spans: Vec<usize>,
    /// What it is a part of.
    pub parent: Option<usize>,
    /// What it says it is a part of, where no event of that is in the run.
    pub orphan_of: Option<&'a Subject>,
}

impl Line<'_> {
    /// Its name, else its id. What names a pipelineRun is the name of its pipeline, which other runs
    /// have too.
    pub(super) fn label(&self) -> &str {
        match self.kind {
            "pipelinerun" if !self.id.is_empty() => self.id,
            _ => self.name.unwrap_or(self.id),
        }
    }
}

/// One attempt of a subject.
#[derive(Debug, Clone)]
pub(super) struct Span<'a> {
    /// Of what.
    pub line: usize,
    /// Counted from 1.
    pub attempt: usize,
    /// Whether no later one is known.
    pub last: bool,
    /// When it was put in line.
    pub queued: Option<Mark>,
    /// When it began.
    pub started: Option<Mark>,
    /// When it ended.
    pub finished: Option<Mark>,
    /// An event that shows that it has ended, where none says so: what it made is there.
    pub implied: Option<Mark>,
    /// How it ended.
    pub outcome: Option<RunOutcome>,
    /// The outcome in the sender's word, where that is another.
    pub said: Option<&'a str>,
    /// Why.
    pub reason: Option<&'a str>,
    /// Where to look at it.
    pub uri: Option<&'a str>,
    /// The places of events that say again what others of it say.
    pub again: Vec<usize>,
}

impl Span<'_> {
    /// When it began to wait or, if it did not, to run.
    pub(super) fn begin(&self) -> Option<i64> {
        match (self.queued, self.started) {
            (Some(queued), Some(started)) => Some(queued.at.min(started.at)),
            (queued, started) => queued.or(started).map(|mark| mark.at),
        }
    }

    /// When it ended, by its own event or another.
    pub(super) fn end(&self) -> Option<i64> {
        self.finished.or(self.implied).map(|mark| mark.at)
    }

    /// Some time of it.
    pub(super) fn any_time(&self) -> i64 {
        self.begin().or(self.end()).unwrap_or_default()
    }

    /// How long it waited, in microseconds.
    pub(super) fn queue(&self) -> Option<i64> {
        let (queued, started) = (self.queued?, self.started?);
        Some(started.at.saturating_sub(queued.at).max(0))
    }

    /// How long it ran, in microseconds. Without a start that is not known.
    pub(super) fn run(&self) -> Option<i64> {
        let (started, finished) = (self.started?, self.end()?);
        Some(finished.saturating_sub(started.at).max(0))
    }

    /// Whether it has not ended.
    pub(super) fn is_open(&self) -> bool {
        self.end().is_none()
    }

    /// Whether it ended badly.
    pub(super) fn is_bad(&self) -> bool {
        self.outcome.is_some_and(RunOutcome::is_bad)
    }

    /// The last of its events in the order of a life.
    pub(super) fn latest(&self) -> Option<Mark> {
        self.finished.or(self.started).or(self.queued)
    }

    /// Its events.
    pub(super) fn marks(&self) -> impl Iterator<Item = Mark> {
        [self.queued, self.started, self.finished]
            .into_iter()
            .flatten()
    }
}

/// All subjects of a run and their spans.
#[derive(Debug)]
pub(super) struct Spans<'a> {
    /// What the events are about, by the first event of each.
    pub lines: Vec<Line<'a>>,
    /// The attempts, by subject and time.
    pub list: Vec<Span<'a>>,
    by_id: HashMap<(&'a str, String), Vec<usize>>,
    by_entry: HashMap<usize, usize>,
    line_of_entry: HashMap<usize, usize>,
}

impl<'a> Spans<'a> {
    /// Finds the spans of a run.
    pub(super) fn of(events: &Events<'a>) -> Self {
        let mut spans = Self {
            lines: Vec::new(),
            list: Vec::new(),
            by_id: HashMap::new(),
            by_entry: HashMap::new(),
            line_of_entry: HashMap::new(),
        };
        spans.find_lines(events);
        spans.find_parents(events);
        for line in 0..spans.lines.len() {
            spans.find_attempts(events, line);
        }
        spans.find_implied_ends(events);
        spans
    }

    /// What an event is about.
    pub(super) fn line_of(&self, entry: usize) -> Option<usize> {
        self.line_of_entry.get(&entry).copied()
    }

    /// The span that an event belongs to.
    pub(super) fn span_of(&self, entry: usize) -> Option<usize> {
        self.by_entry.get(&entry).copied()
    }

    /// The subject of a span.
    pub(super) fn line(&self, span: &Span<'_>) -> Option<&Line<'a>> {
        self.lines.get(span.line)
    }

    /// The last attempt of a subject.
    pub(super) fn last(&self, line: usize) -> Option<&Span<'a>> {
        let last = self.lines.get(line)?.spans.last()?;
        self.list.get(*last)
    }

    /// The spans with their places.
    pub(super) fn all(&self) -> impl Iterator<Item = (usize, &Span<'a>)> {
        self.list.iter().enumerate()
    }

    /// The subject that a reference means: with a source exactly that, without one that of the
    /// referring event's own source, else the only one with the id.
    pub(super) fn resolve(&self, to: &Subject, own_source: Option<&str>) -> Option<usize> {
        let found = self.by_id.get(&(to.kind.as_str(), folded(&to.id)))?;
        let in_source = |source: Option<&str>| {
            found.iter().copied().find(|at| {
                self.lines
                    .get(*at)
                    .is_some_and(|line| line.source == source)
            })
        };
        match (&to.source, found.as_slice()) {
            (Some(source), _) => in_source(Some(source)),
            (None, [only]) => Some(*only),
            (None, _) => in_source(own_source),
        }
    }

    /// How deep a subject lies inside others.
    pub(super) fn depth(&self, line: usize) -> usize {
        let mut depth = 0;
        let mut at = line;
        while let Some(parent) = self.lines.get(at).and_then(|line| line.parent) {
            depth += 1;
            at = parent;
            if depth >= limits::story::INDENT {
                break;
            }
        }
        depth
    }

    fn find_lines(&mut self, events: &Events<'a>) {
        let mut known: HashMap<(&str, String, Option<&str>), usize> = HashMap::new();
        for (at, entry) in events.counted() {
            let facts = entry.facts();
            let (kind, id, source) = match &facts.about {
                Some(about) => (
                    about.kind.as_str(),
                    about.id.as_str(),
                    about.source.as_deref().or(facts.source.as_deref()),
                ),
                None => (facts.subject.as_str(), "", facts.source.as_deref()),
            };
            let new = self.lines.len();
            let line = match &facts.about {
                Some(_) => *known.entry((kind, folded(id), source)).or_insert(new),
                // Events that name no subject have none in common.
                None => new,
            };
            if line == new {
                self.lines.push(Line {
                    kind,
                    id,
                    source,
                    name: None,
                    entries: Vec::new(),
                    spans: Vec::new(),
                    parent: None,
                    orphan_of: None,
                });
                self.by_id.entry((kind, folded(id))).or_default().push(line);
            }
            if let Some(line) = self.lines.get_mut(line) {
                line.entries.push(at);
                line.name = line.name.or(facts.name.as_deref());
            }
            self.line_of_entry.insert(at, line);
        }
    }

    fn find_parents(&mut self, events: &Events<'a>) {
        for line in 0..self.lines.len() {
            let mut parent = None;
            let mut orphan_of = None;
            for at in self.lines.get(line).map_or(&[][..], |line| &line.entries) {
                let Some(facts) = events.facts(*at) else {
                    continue;
                };
                for to in member_of(facts) {
                    match self.resolve(to, facts.source.as_deref()) {
                        Some(found) if found != line => parent = parent.or(Some(found)),
                        Some(_) => {}
                        None => orphan_of = orphan_of.or(Some(to)),
                    }
                }
            }
            // A circle of parents would have no outside.
            if parent.is_some_and(|parent| self.leads_to(parent, line)) {
                parent = None;
            }
            if let Some(line) = self.lines.get_mut(line) {
                line.parent = parent;
                line.orphan_of = orphan_of.filter(|_| parent.is_none());
            }
        }
    }

    /// Whether the parents of `from` lead to `to`. They form no circle yet, so this ends.
    fn leads_to(&self, from: usize, to: usize) -> bool {
        let mut at = Some(from);
        while let Some(line) = at {
            if line == to {
                return true;
            }
            at = self.lines.get(line).and_then(|line| line.parent);
        }
        false
    }

    fn find_attempts(&mut self, events: &Events<'a>, line: usize) {
        let mut attempts: Vec<Span<'a>> = Vec::new();
        let entries = self.lines.get(line).map_or(&[][..], |line| &line.entries);
        for at in entries {
            let Some(entry) = events.get(*at) else {
                continue;
            };
            let Some(stage) = stage(entry.facts()) else {
                continue;
            };
            let mark = Mark {
                entry: *at,
                at: entry.at,
            };
            if attempts
                .last()
                .is_none_or(|last| opens_another(last, stage, mark.at))
            {
                attempts.push(Span {
                    line,
                    attempt: 0,
                    last: false,
                    queued: None,
                    started: None,
                    finished: None,
                    implied: None,
                    outcome: None,
                    said: None,
                    reason: None,
                    uri: None,
                    again: Vec::new(),
                });
            }
            if let Some(span) = attempts.last_mut() {
                enter(span, mark, stage, entry);
            }
        }
        let attempts = mended(attempts);
        let count = attempts.len();
        let first = self.list.len();
        for (n, mut span) in attempts.into_iter().enumerate() {
            span.attempt = n + 1;
            span.last = n + 1 == count;
            let own = span.marks().map(|mark| mark.entry);
            for entry in own.chain(span.again.iter().copied()) {
                self.by_entry.insert(entry, first + n);
            }
            self.list.push(span);
        }
        if let Some(line) = self.lines.get_mut(line) {
            line.spans = (first..first + count).collect();
        }
    }

    /// Some producers say that a build began and then that its artifact is there, and nothing more.
    /// The artifact is a part of the build, or both are parts of one that has no events.
    fn find_implied_ends(&mut self, events: &Events<'a>) {
        let mut of_build: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, line) in self.lines.iter().enumerate() {
            if let Some(whole) = line.orphan_of.filter(|whole| whole.kind == "build") {
                of_build.entry(folded(&whole.id)).or_default().push(at);
            }
        }
        for (at, entry) in events.counted() {
            let facts = entry.facts();
            if facts.subject != "artifact" {
                continue;
            }
            let mark = Mark {
                entry: at,
                at: entry.at,
            };
            for to in member_of(facts) {
                let direct = self.resolve(to, facts.source.as_deref());
                let beside = of_build.get(&folded(&to.id)).filter(|_| to.kind == "build");
                let lines = direct.iter().chain(beside.into_iter().flatten());
                for line in lines.copied().collect::<Vec<_>>() {
                    self.imply_end(line, mark);
                }
            }
        }
    }

    fn imply_end(&mut self, line: usize, mark: Mark) {
        let Some(line) = self.lines.get(line) else {
            return;
        };
        let builds = matches!(line.kind, "taskrun" | "build");
        if let Some(last) = line.spans.last().filter(|_| builds)
            && let Some(span) = self.list.get_mut(*last)
            && span.finished.is_none()
            && span.begin().is_some_and(|begin| begin <= mark.at)
        {
            span.implied = Some(mark);
        }
    }
}

/// What an event says that it is a part of.
pub(super) fn member_of(facts: &Facts) -> impl Iterator<Item = &Subject> {
    facts
        .references
        .iter()
        .filter(|reference| reference.role == Role::Member)
        .filter_map(|reference| match &reference.target {
            Target::Subject(to) => Some(to),
            _ => None,
        })
}

/// Whether an event of this stage cannot belong to the attempt: the stage was there already, at
/// another time, or the attempt has ended. What is delivered again is at the same time, and what has
/// not begun yet can be put in line again.
fn opens_another(last: &Span<'_>, stage: Stage, at: i64) -> bool {
    let earlier = |mark: Option<Mark>| mark.is_some_and(|mark| mark.at != at);
    match stage {
        Stage::Queued => {
            last.finished.is_some() || (last.started.is_some() && earlier(last.queued))
        }
        Stage::Started => last.finished.is_some() || earlier(last.started),
        Stage::Finished(_) => earlier(last.finished),
    }
}

fn enter<'a>(span: &mut Span<'a>, mark: Mark, stage: Stage, entry: &Entry<'a>) {
    let facts = entry.facts();
    let before = match stage {
        Stage::Queued => span.queued.replace(mark),
        Stage::Started => span.started.replace(mark),
        Stage::Finished(implied) => {
            let outcome = facts.outcome.or(implied);
            // Of two ends at the same time the worse counts, as in the run's summary.
            let known = |outcome: Option<RunOutcome>| outcome.unwrap_or(RunOutcome::Unknown);
            if span.finished.is_some() && known(outcome) <= known(span.outcome) {
                span.again.push(mark.entry);
                return;
            }
            span.outcome = outcome;
            span.said = facts.outcome_said.as_deref();
            span.reason = facts.reason.as_deref();
            span.finished.replace(mark)
        }
    };
    span.again.extend(before.map(|mark| mark.entry));
    span.uri = facts.uri.as_deref().or(span.uri);
}

/// Joins attempts that are two only because clocks differ: one that ended without what begins it,
/// and after it, by no more than the slack, just what begins it.
fn mended(attempts: Vec<Span<'_>>) -> Vec<Span<'_>> {
    let mut out: Vec<Span<'_>> = Vec::with_capacity(attempts.len());
    for next in attempts {
        match out.last_mut() {
            Some(last) if are_one(last, &next) => {
                last.queued = last.queued.or(next.queued);
                last.started = last.started.or(next.started);
                last.uri = last.uri.or(next.uri);
                last.again.extend(next.again);
            }
            _ => out.push(next),
        }
    }
    out
}

fn are_one(last: &Span<'_>, next: &Span<'_>) -> bool {
    let Some(finished) = last.finished else {
        return false;
    };
    let fits = |mine: Option<Mark>, theirs: Option<Mark>, bound: i64| match theirs {
        None => true,
        Some(theirs) => mine.is_none() && theirs.at.saturating_sub(bound) <= SLACK,
    };
    // A start that is there already contradicts a late place in line more closely than the end does.
    let bound = last.started.map_or(finished.at, |started| started.at);
    next.finished.is_none()
        && fits(last.started, next.started, finished.at)
        && fits(last.queued, next.queued, bound)
}
