//! What is odd about a run: each oddity with a code, how much it matters, the events and a sentence.

mod life;
mod meaning;
mod records;

use std::borrow::Cow;

use super::Parts;
use crate::correlate::run::Run;
use crate::domain::id::EventId;
use crate::limits::story as limits;

/// How much an anomaly matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// What the run says of its outcome is contradicted.
    Error,
    /// Something is missing or out of order.
    Warning,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// The word for it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// One anomaly.
#[derive(Debug)]
pub(super) struct Anomaly {
    /// What kind.
    pub code: Cow<'static, str>,
    /// How much it matters.
    pub severity: Severity,
    /// The events, at most [`limits::ANOMALY_EVENTS`].
    pub events: Vec<EventId>,
    /// How many more there are.
    pub more_events: usize,
    /// What exactly, as prose: text from outside stands in «…».
    pub detail: String,
}

/// Anomalies of one code.
#[derive(Debug)]
pub(super) struct Group<'s> {
    /// The first of them.
    pub first: &'s Anomaly,
    /// How many.
    pub count: usize,
}

/// All anomalies of a run, the worst first.
#[derive(Debug, Default)]
pub(super) struct Anomalies {
    /// At most [`limits::ANOMALIES`].
    pub list: Vec<Anomaly>,
    /// How many more there are.
    pub more: usize,
}

impl Anomalies {
    /// Finds them.
    pub(super) fn of(run: &Run, parts: &Parts<'_>, asked: &super::Asked) -> Self {
        let mut out = Self::default();
        life::find(&mut out, parts, asked);
        records::find(&mut out, run, parts);
        meaning::find(&mut out, run, parts, asked);
        // Stable: of one code the earliest comes first.
        out.list
            .sort_by(|a, b| (a.severity, &a.code).cmp(&(b.severity, &b.code)));
        out
    }

    /// By code, the worst first.
    pub(super) fn groups(&self) -> Vec<Group<'_>> {
        let mut groups: Vec<Group<'_>> = Vec::new();
        for anomaly in &self.list {
            match groups
                .iter_mut()
                .find(|group| group.first.code == anomaly.code)
            {
                Some(group) => group.count += 1,
                None => groups.push(Group {
                    first: anomaly,
                    count: 1,
                }),
            }
        }
        groups
    }

    /// How many there are of a severity.
    pub(super) fn count(&self, severity: Severity) -> usize {
        let these = self.list.iter().filter(|one| one.severity == severity);
        these.count()
    }

    /// The events of all anomalies with a code.
    fn events_of(&self, code: &str) -> impl Iterator<Item = EventId> {
        let these = self.list.iter().filter(move |one| one.code == code);
        these.flat_map(|one| one.events.iter().copied())
    }

    fn add(
        &mut self,
        code: impl Into<Cow<'static, str>>,
        severity: Severity,
        events: impl IntoIterator<Item = EventId>,
        detail: String,
    ) {
        if self.list.len() >= limits::ANOMALIES {
            self.more += 1;
            return;
        }
        let mut events = events.into_iter();
        let kept: Vec<EventId> = events.by_ref().take(limits::ANOMALY_EVENTS).collect();
        self.list.push(Anomaly {
            code: code.into(),
            severity,
            events: kept,
            more_events: events.count(),
            detail,
        });
    }
}
