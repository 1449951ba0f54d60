//! What is read of what payloads say: links, events with their facts, pipeline runs.

use async_trait::async_trait;

use super::{Bounds, Result};
use crate::correlate::{Recorded, Role};
use crate::domain::indexed::Key;
use crate::domain::run::{LabelKey, RunKey, RunSummary, RunTimes};
use crate::domain::search::Order;
use crate::domain::time::Timestamp;

/// The part of a [`Store`](super::Store) that answers what belongs together. Every answer costs what
/// it holds, however many events there are.
#[async_trait]
pub trait IndexStore {
    /// Of each key its first `per_key` links within the bounds, in the order of their events; a key
    /// that nothing has is left out. An event with several roles has several links.
    async fn links(
        &self,
        keys: &[Key],
        per_key: usize,
        bounds: Bounds,
        order: Order,
    ) -> Result<Vec<LinkRow>>;

    /// Events with what they say, in the order of `seqs`; those that say nothing are left out.
    async fn recorded(&self, seqs: &[i64]) -> Result<Vec<Recorded>>;

    /// The runs that these keys name, each key with its run; one that names none is left out.
    async fn runs(&self, keys: &[RunKey]) -> Result<Vec<(RunKey, RunSummary)>>;

    /// The runs with this handle, or another name of which has it; at most `limit`.
    async fn runs_by_handle(&self, handle: i64, limit: usize) -> Result<Vec<RunSummary>>;

    /// The runs with this id, or another name of which has it (a chain): newest first, from a look at
    /// `limit` names.
    async fn runs_by_id(&self, id: &str, limit: usize) -> Result<Vec<RunSummary>>;

    /// Runs, newest first by the time of the event that was seen first: at most `limit` behind
    /// `after`, which is that time and the number of the last one that is known.
    async fn list_runs(
        &self,
        of: &RunRange,
        window: RunWindow,
        after: Option<(Timestamp, i64)>,
        limit: usize,
    ) -> Result<Vec<RunSummary>>;

    /// Ids of runs and chains that begin with `beginning`, each with its key: in character order.
    async fn run_ids(&self, beginning: &str, limit: usize) -> Result<Vec<(String, RunKey)>>;

    /// Names of pipelines that begin with `beginning`, in character order.
    async fn pipelines(&self, beginning: &str, limit: usize) -> Result<Vec<String>>;

    /// Of the newest `limit` runs of a pipeline the times of those that ended, newest first.
    async fn run_times(&self, pipeline: &str, limit: usize) -> Result<Vec<RunTimes>>;
}

/// A link of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkRow {
    /// The place of its key in the list that was asked for.
    pub place: usize,
    /// The position of the event.
    pub seq: i64,
    /// What the event is to what the key names.
    pub role: Role,
}

/// Runs that are listed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunRange {
    /// All.
    All,
    /// Those of one pipeline.
    Pipeline(String),
    /// Those of one service or environment.
    Label(LabelKey),
    /// Those that wait or run.
    Open,
    /// Those that ended badly, and those of which only is known that something in them did.
    Bad,
}

/// From when to when; the end is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RunWindow {
    /// At or after this.
    pub from: Option<Timestamp>,
    /// Before this.
    pub to: Option<Timestamp>,
}
