//! What a walk is asked, what it asks for, and what it answers.

pub use crate::correlate::ask::{Ask, Given, LinkRow, Scan};
use crate::correlate::facts::Subject;
use crate::correlate::run::Run;
use crate::domain::run::RunName;
use crate::domain::time::Timestamp;
use crate::domain::unit::Unit;
use crate::limits;

/// What a question is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Anchor {
    /// An event, by its position in the log: the run that it belongs to.
    Event(i64),
    /// A pipelineRun.
    PipelineRun {
        /// Its id.
        id: String,
        /// Where the id is unique; if it is not said, all that have it.
        source: Option<String>,
    },
    /// A chain.
    Chain(String),
    /// Any other subject: the runs that have to do with it.
    Subject(Subject),
    /// An artifact: the runs that made or used it.
    Artifact {
        /// `algorithm:hex` in lower case.
        digest: Option<String>,
        /// The canonical purl with its version, or the id where that is no purl.
        name: Option<String>,
    },
    /// A commit: the runs that were made from it.
    Commit {
        /// Its repository; in all if it is not said.
        repository: Option<String>,
        /// At least [`limits::COMMIT_KEY_DIGITS`] of its hexadecimal digits.
        sha: String,
    },
    /// A resource: a URI or a CDEvents domain id.
    Resource(String),
    /// A unit: the runs whose events are about it.
    Unit(Unit),
}

impl From<&RunName> for Anchor {
    fn from(name: &RunName) -> Self {
        match name {
            RunName::PipelineRun { id, source } => Self::PipelineRun {
                id: id.clone(),
                source: source.clone(),
            },
            RunName::Chain(id) => Self::Chain(id.clone()),
            RunName::Build { id } => Self::Subject(Subject {
                kind: "build".to_owned(),
                id: id.clone(),
                source: None,
            }),
        }
    }
}

/// How far a walk goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalkLimits {
    /// Events of the run. As many others are read at most, to tell what is not part of it.
    pub events: usize,
    /// Events that a key may tie together.
    pub fan_out: usize,
    /// Rounds along strong ties.
    pub levels: usize,
    /// Steps along weak ties.
    pub weak_steps: usize,
    /// Days around the run in which weak ties are followed.
    pub weak_days: i64,
}

impl Default for WalkLimits {
    fn default() -> Self {
        Self {
            events: limits::WALK_EVENTS,
            fan_out: limits::WALK_FAN_OUT,
            levels: limits::WALK_LEVELS,
            weak_steps: limits::WALK_WEAK_STEPS,
            weak_days: limits::WALK_WEAK_DAYS,
        }
    }
}

impl WalkLimits {
    /// For as many events as a caller asks for, within [`limits::WALK_EVENTS_MOST`].
    #[must_use]
    pub fn with_events(mut self, events: usize) -> Self {
        self.events = events.clamp(1, limits::WALK_EVENTS_MOST);
        self
    }
}

/// A run that has to do with what was asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What names it; `None` where its events name nothing that could.
    pub name: Option<RunName>,
    /// An event of it: an anchor that leads to it alone.
    pub seq: i64,
    /// Its first instant, as far as it was looked at.
    pub from: Timestamp,
    /// Its last instant.
    pub to: Timestamp,
    /// How many events name its chain, its pipelineRun or its build; others may belong to it as well.
    pub events: usize,
    /// Whether there are more than that.
    pub more: bool,
}

/// What a walk found.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// A run.
    Run(Box<Run>),
    /// Several runs have to do with what was asked about.
    Candidates {
        /// Newest first, at most [`limits::WALK_CANDIDATES`].
        runs: Vec<Candidate>,
        /// How many there are beyond these.
        left_out: usize,
        /// Why there may be more.
        truncated: Vec<&'static str>,
        /// Keys that too many events share, which were not followed.
        hubs: Vec<String>,
    },
    /// Nothing that is recorded has to do with it.
    Nothing {
        /// Why there may be something after all.
        truncated: Vec<&'static str>,
    },
}
