//! A pipeline run as the walk found it: its events, why each belongs to it, and what could not be
//! told. Its story is told from this.

use super::facts::Recorded;
use crate::domain::run::RunName;

/// By what the events of a run were found to belong together; the strongest comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// They name the same chain.
    Chain,
    /// Links lead from one to the other.
    Link,
    /// They say that they are part of the same pipelineRun, build or test suite run.
    Member,
    /// They are about the same artifact, change or commit.
    Digest,
    /// They are about the same unit, at the time of the run.
    NvrppSlice,
    /// There is one event alone.
    Single,
}

impl Method {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Link => "link",
            Self::Member => "member",
            Self::Digest => "digest",
            Self::NvrppSlice => "nvrpp_slice",
            Self::Single => "single",
        }
    }
}

/// How sure it is that exactly these events are the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Confidence {
    /// The senders said so.
    High,
    /// It follows from what the events are about.
    Medium,
    /// It rests on units and times.
    Low,
}

impl Confidence {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// How an event was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// The kind of tie: `anchor`, `chain`, `member`, `path`, `digest`, `unit`…
    pub tie: &'static str,
    /// The key that it has in common with [`Via::from`], to be shown.
    pub key: String,
    /// The position of the event that it was reached from.
    pub from: Option<i64>,
    /// What this tie alone is worth.
    pub confidence: Confidence,
}

/// An event of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The event.
    pub event: Recorded,
    /// How it was reached.
    pub via: Via,
}

/// An event that touches the run and does not belong to it, or of which that cannot be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Related {
    /// The event.
    pub event: Recorded,
    /// Why it is not counted: `other_chain`, `other_run`, `ambiguous`, `same_change`…
    pub why: &'static str,
    /// More of it: the key in common, the other run.
    pub detail: String,
}

/// Something that the walk noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// `dangling_link`, `ambiguous_reference`, `cross_chain`, `ambiguous`…
    pub code: &'static str,
    /// What exactly.
    pub detail: String,
    /// The events concerned.
    pub events: Vec<i64>,
}

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// What names it; `None` where its events name nothing that could.
    pub name: Option<RunName>,
    /// By what its events were found.
    pub method: Method,
    /// How sure that is: that of its least certain event.
    pub confidence: Confidence,
    /// Its events: by time, then by what comes first in a life, then by source, id and position.
    pub members: Vec<Member>,
    /// Stand-alone links that were followed. They are records, and not counted as events.
    pub links: Vec<Recorded>,
    /// What touches it, newest first.
    pub related: Vec<Related>,
    /// What was noticed.
    pub remarks: Vec<Remark>,
    /// Why there may be more events than these: `events`, `levels`, `time`… Empty if that is all.
    pub truncated: Vec<&'static str>,
    /// Keys that too many events share, which were not followed.
    pub hubs: Vec<String>,
}
