//! Pipeline runs: what happened in one, which there are.

mod anchor;
mod gates;
mod listing;
mod spelling;
mod walking;

pub use self::listing::{ListedRun, RunFilter, RunList, RunStatus};
pub(super) use self::walking::{answered, newest_links};
use super::{Registry, Result};
use crate::correlate::{Asked, Found, Run, Typical, WalkLimits};
use crate::domain::principal::{Principal, Scope};
use crate::domain::refusal::Refusal;
use crate::domain::run::{RunSummary, RunTimes};
use crate::limits;
use crate::store::Store;

/// What is asked about a run.
#[derive(Debug, Clone, Default)]
pub struct RunQuestion {
    /// What it is asked by: a handle, an id, a URL, an event, a chain, a digest…
    pub anchor: String,
    /// How many of its events are looked at; [`limits::WALK_EVENTS`] if it is not said.
    pub events: Option<usize>,
}

/// What is known of what was asked about.
#[derive(Debug)]
pub enum RunAnswer {
    /// A run, with what its story is told from.
    Run(Box<RunFound>),
    /// Several runs have to do with it.
    Several(RunCandidates),
}

/// A run that was found.
#[derive(Debug)]
pub struct RunFound {
    /// The run.
    pub run: Run,
    /// What is known beside its events.
    pub asked: Asked,
    /// The last event in the log when this was looked up.
    pub indexed: IndexState,
}

/// Runs that fit.
#[derive(Debug)]
pub struct RunCandidates {
    /// In which way they fit: `id`, `pipeline`, `artifact`…
    pub by: &'static str,
    /// The runs, newest first.
    pub runs: Vec<RunCandidate>,
    /// Whether there are more.
    pub more: bool,
}

/// A run that fits.
#[derive(Debug)]
pub struct RunCandidate {
    /// What it is asked for by.
    pub handle: String,
    /// What names it, where something does.
    pub name: Option<crate::domain::run::RunName>,
    /// Its summary, where it has one.
    pub summary: Option<RunSummary>,
    /// When its first and its last event happened.
    pub span: (
        crate::domain::time::Timestamp,
        crate::domain::time::Timestamp,
    ),
    /// Its events, as far as they name it.
    pub events: usize,
}

/// Whether everything that is recorded has been looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IndexState {
    /// Events that were recorded before this registry looked into payloads, or that are being looked
    /// into anew.
    pub unread: u64,
}

impl Registry {
    /// What happened in a run.
    pub async fn pipeline_run(
        &self,
        principal: &Principal,
        question: &RunQuestion,
    ) -> Result<RunAnswer> {
        principal.require(Scope::Read)?;
        let store = self.store().await?;
        let store = store.as_ref();
        let limits = question.events.map_or_else(WalkLimits::default, |most| {
            WalkLimits::default().with_events(most)
        });
        let anchor = match anchor::resolve(self, store, &question.anchor).await? {
            anchor::Resolved::One(anchor) => anchor,
            anchor::Resolved::Several(candidates) => return Ok(RunAnswer::Several(candidates)),
        };
        match walking::walk(store, &anchor, limits).await? {
            Found::Run(run) => {
                let found = self.found(store, *run).await?;
                Ok(RunAnswer::Run(Box::new(found)))
            }
            Found::Candidates { runs, left_out, .. } => {
                let more = left_out > 0;
                let runs = walking::candidates(store, runs).await?;
                Ok(RunAnswer::Several(RunCandidates {
                    by: anchor::word(&anchor),
                    runs,
                    more,
                }))
            }
            // What there was no time to read may well be there.
            Found::Nothing { truncated } if !truncated.is_empty() => Err(Refusal::Busy {
                what: "it could not be looked everywhere for this run; ask again, or with a lower limit",
            }
            .into()),
            Found::Nothing { .. } => Err(anchor::nothing(store, &question.anchor).await),
        }
    }

    /// A run with what its story is told from.
    async fn found(&self, store: &dyn Store, run: Run) -> Result<RunFound> {
        let pipeline = run
            .members
            .iter()
            .find_map(|member| member.event.facts.context.pipeline.clone());
        let typical = match pipeline {
            Some(pipeline) => typical(&store.run_times(&pipeline, limits::TYPICAL_RUNS).await?),
            None => None,
        };
        let gates = self.gates_of_run(store, &run).await?;
        let handle = handle(&run);
        Ok(RunFound {
            asked: Asked {
                now: self.now(),
                typical,
                gates,
                handle,
            },
            indexed: index_state(store).await?,
            run,
        })
    }
}

/// What a run is asked for by: its handle, else its first event.
fn handle(run: &Run) -> String {
    match &run.name {
        Some(name) => name.key().handle(),
        None => run
            .members
            .first()
            .map(|member| member.event.id.to_string())
            .unwrap_or_default(),
    }
}

pub(super) async fn index_state(store: &dyn Store) -> Result<IndexState> {
    let counters = store.counters().await?;
    let unread = counters.unindexed_to.saturating_sub(counters.reindexed_to);
    Ok(IndexState {
        unread: u64::try_from(unread).unwrap_or(0),
    })
}

/// What is usual, from the times of runs that ended.
pub(super) fn typical(times: &[RunTimes]) -> Option<Typical> {
    let seconds = |times: &RunTimes| {
        let began = times.started_at?;
        let micros = times.finished_at.as_micros() - began.as_micros();
        (micros >= 0).then_some(micros as f64 / 1e6)
    };
    let mut taken: Vec<f64> = times.iter().filter_map(seconds).collect();
    taken.sort_by(f64::total_cmp);
    // The nearest rank: a time that one of them really took.
    let rank = |share: f64| {
        let place = (share * taken.len() as f64).ceil() as usize;
        taken.get(place.saturating_sub(1)).copied()
    };
    Some(Typical {
        runs: taken.len(),
        median_s: rank(0.5)?,
        p95_s: rank(0.95)?,
    })
}
