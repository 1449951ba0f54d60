//! What is read of what payloads say, on any engine.

use async_trait::async_trait;

use super::engine::{Engine, reading};
use super::read::index;
use crate::correlate::Recorded;
use crate::domain::indexed::Key;
use crate::domain::run::{RunKey, RunSummary, RunTimes};
use crate::domain::search::Order;
use crate::domain::time::Timestamp;
use crate::store::{Bounds, IndexStore, LinkRow, Result, RunRange, RunWindow};

#[async_trait]
impl<E: Engine> IndexStore for E {
    async fn links(
        &self,
        keys: &[Key],
        per_key: usize,
        bounds: Bounds,
        order: Order,
    ) -> Result<Vec<LinkRow>> {
        reading!(self, session => index::links(session, keys, per_key, bounds, order))
    }

    async fn recorded(&self, seqs: &[i64]) -> Result<Vec<Recorded>> {
        reading!(self, session => index::recorded(session, seqs))
    }

    async fn runs(&self, keys: &[RunKey]) -> Result<Vec<(RunKey, RunSummary)>> {
        reading!(self, session => index::runs(session, keys))
    }

    async fn runs_by_handle(&self, handle: i64, limit: usize) -> Result<Vec<RunSummary>> {
        reading!(self, session => index::runs_by_handle(session, handle, limit))
    }

    async fn runs_by_id(&self, id: &str, limit: usize) -> Result<Vec<RunSummary>> {
        reading!(self, session => index::runs_by_id(session, id, limit))
    }

    async fn list_runs(
        &self,
        of: &RunRange,
        window: RunWindow,
        after: Option<(Timestamp, i64)>,
        limit: usize,
    ) -> Result<Vec<RunSummary>> {
        reading!(self, session => index::list_runs(session, of, window, after, limit))
    }

    async fn run_ids(&self, beginning: &str, limit: usize) -> Result<Vec<(String, RunKey)>> {
        reading!(self, session => index::run_ids(session, beginning, limit))
    }

    async fn pipelines(&self, beginning: &str, limit: usize) -> Result<Vec<String>> {
        reading!(self, session => index::pipelines(session, beginning, limit))
    }

    async fn run_times(&self, pipeline: &str, limit: usize) -> Result<Vec<RunTimes>> {
        reading!(self, session => index::run_times(session, pipeline, limit))
    }
}
