//! What payloads say, in the naive store: lists that are looked through from end to end.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use epr_mcp::correlate::{Recorded, Role};
use epr_mcp::domain::decide::{IndexNumbers, IndexPlan, IndexState, LinkRow as Link};
use epr_mcp::domain::event::Event;
use epr_mcp::domain::indexed::Key;
use epr_mcp::domain::run::{
    LabelKey, RunKey, RunRow, RunSummary, RunTimes, Runs, Standing, kept_text,
};
use epr_mcp::domain::search::Order;
use epr_mcp::domain::time::Timestamp;
use epr_mcp::store::{Bounds, IndexStore, LinkRow, Result, RunRange, RunWindow};

use super::memory::MemoryStore;

#[derive(Debug, Default)]
pub(super) struct Index {
    facts: BTreeMap<i64, String>,
    links: BTreeSet<Link>,
    natural: BTreeMap<(Key, Key), i64>,
    runs: BTreeMap<i64, RunRow>,
    labels: BTreeSet<(LabelKey, Timestamp, i64)>,
    repeats: BTreeMap<i64, i64>,
    pub(super) numbers: IndexNumbers,
}

impl Index {
    /// All of it, whatever is needed.
    pub(super) fn state(&self, events: &[(Event, String)]) -> IndexState {
        let mut state = IndexState {
            runs: Runs::new(self.numbers.last_run_num, self.numbers.runs),
            reindexed_to: self.numbers.reindexed_to,
            unindexed_to: self.numbers.unindexed_to,
            ..IndexState::default()
        };
        for ((key, content), seq) in &self.natural {
            let event = (*seq, events[*seq as usize - 1].0.id);
            state
                .natural
                .entry(*key)
                .or_default()
                .insert(*content, event);
        }
        for row in self.runs.values() {
            state.runs.know(row.clone());
        }
        state
    }

    pub(super) fn apply(&mut self, plan: IndexPlan) {
        if plan.is_empty() {
            return;
        }
        if plan.clear {
            let repeats = std::mem::take(&mut self.repeats);
            let natural = std::mem::take(&mut self.natural);
            *self = Self {
                natural,
                repeats,
                ..Self::default()
            };
        }
        for (seq, indexed) in plan.facts {
            self.facts.insert(seq, indexed.facts.clone());
        }
        self.links.extend(plan.links);
        for (key, row) in plan.natural {
            let first = self.natural.entry(key).or_insert(row.seq);
            *first = row.seq.min(*first);
        }
        for change in plan.runs {
            let run = &change.row.summary;
            for label in change.unlabelled {
                assert!(self.labels.remove(&(label, run.at, run.num)));
            }
            for label in change.labelled {
                assert!(self.labels.insert((label, run.at, run.num)));
            }
            self.runs.insert(run.num, change.row);
        }
        for (seq, times) in plan.repeats {
            *self.repeats.entry(seq).or_default() += times;
        }
        self.numbers = plan.numbers;
    }

    fn root(&self, row: &RunRow) -> RunSummary {
        match row.merged_into {
            Some(into) => self.root(&self.runs[&into]),
            None => row.summary.clone(),
        }
    }

    fn roots(&self, fits: impl Fn(&RunSummary) -> bool, limit: usize) -> Vec<RunSummary> {
        let rows = self.runs.values().rev().filter(|row| fits(&row.summary));
        let roots: BTreeMap<i64, RunSummary> = rows
            .take(limit)
            .map(|row| self.root(row))
            .map(|run| (run.num, run))
            .collect();
        roots.into_values().rev().collect()
    }
}

#[async_trait]
impl IndexStore for MemoryStore {
    async fn links(
        &self,
        keys: &[Key],
        per_key: usize,
        bounds: Bounds,
        order: Order,
    ) -> Result<Vec<LinkRow>> {
        let rows = self.rows();
        let mut found = Vec::new();
        for (place, key) in keys.iter().enumerate() {
            let mut links: Vec<&Link> = rows
                .index
                .links
                .iter()
                .filter(|l| l.key == *key && l.seq > bounds.after && l.seq < bounds.before)
                .collect();
            if order == Order::NewestFirst {
                links.reverse();
            }
            found.extend(links.into_iter().take(per_key).map(|link| LinkRow {
                place,
                seq: link.seq,
                role: Role::from_code(link.role).unwrap(),
            }));
        }
        Ok(found)
    }

    async fn recorded(&self, seqs: &[i64]) -> Result<Vec<Recorded>> {
        let rows = self.rows();
        let recorded = |seq: &i64| {
            let facts = rows.index.facts.get(seq)?;
            let event = &rows.events[*seq as usize - 1].0;
            Some(Recorded {
                seq: *seq,
                id: event.id,
                unit: event.unit.clone(),
                receiver_type: rows.receiver(event.receiver_id)?.receiver.kind.clone(),
                success: event.success,
                recorded_at: event.created_at,
                payload_digest: event.payload_digest,
                repeats: rows.index.repeats.get(seq).map_or(0, |times| *times as u32),
                facts: serde_json::from_str(facts).unwrap(),
            })
        };
        Ok(seqs.iter().filter_map(recorded).collect())
    }

    async fn runs(&self, keys: &[RunKey]) -> Result<Vec<(RunKey, RunSummary)>> {
        let rows = self.rows();
        let index = &rows.index;
        let find = |key: &RunKey| {
            let mut all = index.runs.values();
            let row = all.find(|row| row.summary.key == *key)?;
            Some((*key, index.root(row)))
        };
        Ok(keys.iter().filter_map(find).collect())
    }

    async fn runs_by_handle(&self, handle: i64, limit: usize) -> Result<Vec<RunSummary>> {
        let fits = |run: &RunSummary| run.key.handle_number() == handle;
        Ok(self.rows().index.roots(fits, limit))
    }

    async fn runs_by_id(&self, id: &str, limit: usize) -> Result<Vec<RunSummary>> {
        let id = kept_text(id);
        let fits = |run: &RunSummary| run.name.parts().1 == id;
        Ok(self.rows().index.roots(fits, limit))
    }

    async fn list_runs(
        &self,
        of: &RunRange,
        window: RunWindow,
        after: Option<(Timestamp, i64)>,
        limit: usize,
    ) -> Result<Vec<RunSummary>> {
        let rows = self.rows();
        let index = &rows.index;
        let fits = |row: &&RunRow| {
            let run = &row.summary;
            row.merged_into.is_none()
                && window.from.is_none_or(|from| run.at >= from)
                && window.to.is_none_or(|to| run.at < to)
                && after.is_none_or(|after| (run.at, run.num) < after)
                && match of {
                    RunRange::All => true,
                    RunRange::Pipeline(name) => run.pipeline.as_ref() == Some(name),
                    RunRange::Label(label) => index.labels.contains(&(*label, run.at, run.num)),
                    RunRange::Open => row.standing() == Standing::Open,
                    RunRange::Bad => row.standing() == Standing::Bad,
                }
        };
        let mut runs: Vec<_> = index.runs.values().filter(fits).collect();
        runs.sort_by_key(|row| std::cmp::Reverse((row.summary.at, row.summary.num)));
        let runs = runs.into_iter().take(limit);
        Ok(runs.map(|row| row.summary.clone()).collect())
    }

    async fn run_ids(&self, beginning: &str, limit: usize) -> Result<Vec<(String, RunKey)>> {
        let rows = self.rows();
        let runs = rows.index.runs.values().map(|row| &row.summary);
        let mut ids: Vec<_> = runs
            .map(|run| (run.name.parts().1.to_owned(), run.key))
            .filter(|(id, _)| id.starts_with(beginning))
            .collect();
        ids.sort_by(|a, b| a.0.cmp(&b.0));
        ids.truncate(limit);
        Ok(ids)
    }

    async fn pipelines(&self, beginning: &str, limit: usize) -> Result<Vec<String>> {
        let rows = self.rows();
        let runs = rows
            .index
            .runs
            .values()
            .filter(|row| row.merged_into.is_none());
        let names: BTreeSet<String> = runs
            .filter_map(|row| row.summary.pipeline.clone())
            .filter(|name| name.starts_with(beginning))
            .collect();
        Ok(names.into_iter().take(limit).collect())
    }

    async fn run_times(&self, pipeline: &str, limit: usize) -> Result<Vec<RunTimes>> {
        let of = RunRange::Pipeline(pipeline.to_owned());
        let runs = self.list_runs(&of, RunWindow::default(), None, limit);
        let runs = runs.await?;
        Ok(runs
            .iter()
            .filter_map(|run| RunTimes::of(&run.marks))
            .collect())
    }
}
