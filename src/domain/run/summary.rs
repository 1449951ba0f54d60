//! What is kept of a run while its events come in. All of it is folded by rules that do not ask in
//! which order the events came: least and greatest times, sums, sets.

use super::{LabelKey, Phase, RunKey, RunName, RunOutcome};
use crate::domain::time::Timestamp;

/// When a pipelineRun was last said to wait, to run and to have ended. A run that is started again
/// is the same run: only its last attempt is told apart here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// The last time at which it was queued.
    pub queued: Option<Timestamp>,
    /// The last time at which it was started.
    pub started: Option<Timestamp>,
    /// The last time at which it ended, and how; of two ends at the same time the worse.
    pub finished: Option<(Timestamp, RunOutcome)>,
}

impl Marks {
    /// Takes what one of the pipelineRun's own events says.
    pub fn add(&mut self, phase: Phase, at: Timestamp) {
        match phase {
            Phase::Queued => self.queued = self.queued.max(Some(at)),
            Phase::Started => self.started = self.started.max(Some(at)),
            Phase::Finished(outcome) => self.finished = self.finished.max(Some((at, outcome))),
        }
    }

    /// Takes what is known of the same run under another name.
    pub fn merge(&mut self, other: &Self) {
        self.queued = self.queued.max(other.queued);
        self.started = self.started.max(other.started);
        self.finished = self.finished.max(other.finished);
    }

    /// The last attempt. To be queued or started after an end begins a new one; otherwise the last
    /// times belong together.
    pub fn attempt(&self) -> Attempt {
        let Some((end, outcome)) = self.finished else {
            return Attempt {
                queued_at: self.queued,
                started_at: self.started,
                ..Attempt::default()
            };
        };
        let again = |at: Option<Timestamp>| at.filter(|at| *at > end);
        let (queued_at, started_at) = (again(self.queued), again(self.started));
        if queued_at.is_some() || started_at.is_some() {
            return Attempt {
                queued_at,
                started_at,
                ..Attempt::default()
            };
        }
        Attempt {
            queued_at: self.queued,
            started_at: self.started,
            finished_at: Some(end),
            outcome: Some(outcome),
        }
    }
}

/// One attempt of a pipelineRun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attempt {
    /// When it was queued.
    pub queued_at: Option<Timestamp>,
    /// When it was started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<RunOutcome>,
}

impl Attempt {
    /// Whether it waits or runs.
    pub fn is_open(&self) -> bool {
        self.finished_at.is_none() && (self.queued_at.is_some() || self.started_at.is_some())
    }
}

/// By what a run is listed beside its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing of the below.
    Other,
    /// It waits or runs.
    Open,
    /// It ended badly; or nothing says how it ended and something in it went badly.
    Bad,
}

impl Standing {
    /// Its number in the database.
    pub const fn code(self) -> i64 {
        match self {
            Self::Other => 0,
            Self::Open => 1,
            Self::Bad => 2,
        }
    }
}

/// A run, summed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    /// The number of its row.
    pub num: i64,
    /// What it is found by.
    pub key: RunKey,
    /// What names it.
    pub name: RunName,
    /// The name of its pipeline; the least, if its events do not agree.
    pub pipeline: Option<String>,
    /// When the event happened that was seen first. It never changes, so that a list in its order
    /// can be read on.
    pub at: Timestamp,
    /// When its earliest event happened.
    pub first_at: Timestamp,
    /// When its latest event happened.
    pub last_at: Timestamp,
    /// The position of the event that was recorded first.
    pub first_seq: i64,
    /// The position of the event that was recorded last.
    pub last_seq: i64,
    /// What the pipelineRun's own events say of it.
    pub marks: Marks,
    /// Its events.
    pub events: i64,
    /// Those of them that tell of something that went badly.
    pub failed: i64,
    /// By what else it is listed.
    pub labels: Vec<LabelKey>,
}

impl RunSummary {
    /// The last attempt.
    pub fn attempt(&self) -> Attempt {
        self.marks.attempt()
    }

    /// By what it is listed beside its time.
    pub fn standing(&self) -> Standing {
        let attempt = self.attempt();
        if attempt.is_open() {
            return Standing::Open;
        }
        if self.is_bad() {
            Standing::Bad
        } else {
            Standing::Other
        }
    }

    /// Whether it ended badly; where nothing says how it ended, whether something in it went badly.
    pub fn is_bad(&self) -> bool {
        let attempt = self.attempt();
        match attempt.outcome {
            Some(RunOutcome::Unknown) => self.failed > 0,
            Some(outcome) => outcome.is_bad(),
            None => !attempt.is_open() && self.failed > 0,
        }
    }
}

/// What is known of the times of a run that ended, for what is usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunTimes {
    /// When it was queued.
    pub queued_at: Option<Timestamp>,
    /// When it was started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Timestamp,
    /// How it ended.
    pub outcome: RunOutcome,
}

impl RunTimes {
    /// Of the last attempt, if that ended.
    pub fn of(marks: &Marks) -> Option<Self> {
        let attempt = marks.attempt();
        Some(Self {
            queued_at: attempt.queued_at,
            started_at: attempt.started_at,
            finished_at: attempt.finished_at?,
            outcome: attempt.outcome?,
        })
    }
}
