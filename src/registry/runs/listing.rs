//! Which runs there are.

use std::collections::{BTreeMap, BTreeSet};

use super::{IndexState, index_state, typical};
use crate::correlate::Typical;
use crate::domain::principal::{Principal, Scope};
use crate::domain::refusal::Refusal;
use crate::domain::run::{Label, LabelKind, RunOutcome, RunSummary};
use crate::domain::search::query_mark;
use crate::domain::time::Timestamp;
use crate::domain::window::Window;
use crate::limits;
use crate::registry::{Registry, Result};
use crate::store::{RunRange, RunWindow, Store};

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunStatus {
    /// It waits.
    Queued,
    /// It runs.
    Running,
    /// It waits or runs longer than runs of its pipeline do.
    Stuck,
    /// It ended.
    Finished(RunOutcome),
    /// Nothing is recorded of the run itself, only of its parts.
    Unknown,
}

impl RunStatus {
    /// The words that a caller may filter by.
    pub const WORDS: &'static [&'static str] = &[
        "success", "failure", "error", "cancel", "failed", "running", "queued", "stuck", "slow",
    ];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Stuck => "stuck",
            Self::Finished(outcome) => outcome.as_str(),
            Self::Unknown => "unknown",
        }
    }
}

/// Which runs are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Of this pipeline.
    pub pipeline: Option<String>,
    /// That deployed this service.
    pub service: Option<String>,
    /// That deployed to this environment.
    pub environment: Option<String>,
    /// That stand so: one of [`RunStatus::WORDS`].
    pub status: Option<&'static str>,
    /// That were seen first in this window of the time that their events tell.
    pub window: Window,
    /// The window as it was asked for: a cursor belongs to the question.
    pub asked: Option<String>,
}

/// A run in a list.
#[derive(Debug)]
pub struct ListedRun {
    /// Its summary.
    pub summary: RunSummary,
    /// Where it stands.
    pub status: RunStatus,
    /// Seconds that it ran, or has run until now.
    pub ran_s: Option<f64>,
    /// Seconds that it waited.
    pub queued_s: Option<f64>,
    /// What is usual for its pipeline.
    pub typical: Option<Typical>,
    /// Whether its times lie in the future, by more than clocks differ.
    pub ahead: bool,
}

/// A page of runs.
#[derive(Debug)]
pub struct RunList {
    /// The runs, newest first.
    pub runs: Vec<ListedRun>,
    /// Some pipelines that there are, where the one that was asked for is none.
    pub pipelines: Vec<String>,
    /// Whether they were chosen by time.
    pub windowed: bool,
    /// Where to go on.
    pub next_cursor: Option<String>,
    /// Runs that were looked at.
    pub scanned: usize,
    /// How many runs there are in all.
    pub total: u64,
    /// Whether everything has been looked into.
    pub indexed: IndexState,
}

/// Where a list goes on: the last run that was looked at.
type Place = (Timestamp, i64);

impl Registry {
    /// Runs that fit, newest first.
    pub async fn list_runs(
        &self,
        principal: &Principal,
        filter: &RunFilter,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<RunList> {
        principal.require(Scope::Read)?;
        let store = self.store().await?;
        let store = store.as_ref();
        let limit = limit.clamp(1, limits::PAGE_MAX);
        let timeless = RunFilter {
            window: Window::default(),
            ..filter.clone()
        };
        let mark = query_mark("runs", &timeless);
        let mut after = cursor.map(|text| decode(text, mark)).transpose()?;
        let (range, labels) = access(filter);
        let window = RunWindow {
            from: filter.window.from,
            to: filter.window.to,
        };
        let mut listing = Listing {
            now: self.now(),
            known: BTreeMap::new(),
        };
        let mut runs = Vec::new();
        let mut scanned = 0;
        let mut next = None;
        'pages: while scanned < limits::RUN_SCAN {
            let page = store
                .list_runs(&range, window, after, limits::PAGE_MAX)
                .await?;
            let last_page = page.len() < limits::PAGE_MAX;
            for summary in page {
                let place = (summary.at, summary.num);
                if labels.iter().all(|label| summary.labels.contains(label)) {
                    let known = listing.learn(store, &summary).await?;
                    // What is usual decides: the next page finds it out of further pipelines.
                    if !known && matches!(filter.status, Some("slow" | "stuck")) {
                        next = Some(());
                        break 'pages;
                    }
                    runs.extend(listing.fitting(summary, filter));
                }
                scanned += 1;
                after = Some(place);
                if runs.len() == limit {
                    // One more look would tell whether there are others; the cursor does so.
                    next = Some(());
                    break 'pages;
                }
            }
            if last_page {
                after = None;
                break;
            }
            next = Some(());
        }
        let next_cursor = next.and(after).map(|place| encode(place, mark));
        let pipelines = match &filter.pipeline {
            Some(name) if runs.is_empty() => others(store, name).await?,
            _ => Vec::new(),
        };
        Ok(RunList {
            runs,
            pipelines,
            windowed: filter.window != Window::default(),
            next_cursor,
            scanned,
            total: store.counters().await?.runs,
            indexed: index_state(store).await?,
        })
    }
}

/// Some pipelines, if none has this name: those that begin like it, else the first ones.
async fn others(store: &dyn Store, name: &str) -> Result<Vec<String>> {
    let range = RunRange::Pipeline(name.to_owned());
    let known = store.list_runs(&range, RunWindow::default(), None, 1);
    if !known.await?.is_empty() {
        return Ok(Vec::new());
    }
    let beginning: String = name.trim().chars().take(limits::NEAR_CHARS).collect();
    let near = store.pipelines(&beginning, limits::CANDIDATES).await?;
    if near.is_empty() {
        Ok(store.pipelines("", limits::CANDIDATES).await?)
    } else {
        Ok(near)
    }
}

/// The narrowest index, and the labels that are left to be looked at one by one.
fn access(filter: &RunFilter) -> (RunRange, BTreeSet<[u8; 16]>) {
    let label = |kind, text: &Option<String>| {
        let text = text.clone()?;
        Some(Label { kind, text }.key())
    };
    let wanted = [
        label(LabelKind::Service, &filter.service),
        label(LabelKind::Environment, &filter.environment),
    ];
    let labels: BTreeSet<[u8; 16]> = wanted.iter().flatten().copied().collect();
    let range = if let Some(pipeline) = &filter.pipeline {
        RunRange::Pipeline(pipeline.clone())
    } else if let Some(label) = wanted.into_iter().flatten().next() {
        RunRange::Label(label)
    } else {
        match filter.status {
            Some("running" | "queued" | "stuck") => RunRange::Open,
            Some("failure" | "error" | "cancel" | "failed") => RunRange::Bad,
            _ => RunRange::All,
        }
    };
    (range, labels)
}

/// One listing at work.
struct Listing {
    now: Timestamp,
    /// What is usual, by pipeline.
    known: BTreeMap<String, Option<Typical>>,
}

impl Listing {
    /// Finds out what is usual for a run's pipeline, for each once. False if there were too many others
    /// before it.
    async fn learn(&mut self, store: &dyn Store, run: &RunSummary) -> Result<bool> {
        let Some(name) = &run.pipeline else {
            return Ok(true);
        };
        if !self.known.contains_key(name) {
            if self.known.len() >= limits::RUN_PIPELINES {
                return Ok(false);
            }
            let times = store.run_times(name, limits::TYPICAL_RUNS).await?;
            self.known.insert(name.clone(), typical(&times));
        }
        Ok(true)
    }

    fn fitting(&self, summary: RunSummary, filter: &RunFilter) -> Option<ListedRun> {
        let run = self.listed(summary);
        let fits = match filter.status {
            None => true,
            Some("running") => matches!(run.status, RunStatus::Running | RunStatus::Stuck),
            Some("queued") => {
                let waits = run.summary.attempt().started_at.is_none();
                run.status == RunStatus::Queued || (run.status == RunStatus::Stuck && waits)
            }
            Some("failed") => run.summary.is_bad(),
            Some("slow") => run.is_slow(),
            Some(word) => run.status.as_str() == word,
        };
        fits.then_some(run)
    }

    fn listed(&self, summary: RunSummary) -> ListedRun {
        let usual = summary
            .pipeline
            .as_ref()
            .and_then(|name| self.known.get(name));
        let typical = usual.copied().flatten();
        let attempt = summary.attempt();
        let seconds = |from: Option<Timestamp>, to: Timestamp| {
            let micros = to.as_micros().saturating_sub(from?.as_micros());
            Some(micros.max(0) as f64 / 1e6)
        };
        let end = attempt.finished_at.unwrap_or(self.now);
        let ran_s = seconds(attempt.started_at, end);
        let queued_s = match (attempt.queued_at, attempt.started_at) {
            (Some(queued), started) => seconds(Some(queued), started.unwrap_or(end)),
            (None, _) => None,
        };
        let open_s = ran_s.or(queued_s);
        let stuck = attempt.is_open()
            && open_s.is_some_and(|open| open > crate::correlate::stalled_after(typical.as_ref()));
        let status = match (attempt.outcome, attempt.started_at, attempt.queued_at) {
            (Some(outcome), ..) => RunStatus::Finished(outcome),
            _ if stuck => RunStatus::Stuck,
            (None, Some(_), _) => RunStatus::Running,
            (None, None, Some(_)) => RunStatus::Queued,
            (None, None, None) => RunStatus::Unknown,
        };
        let slack = limits::story::CLOCK_SECONDS * 1_000_000;
        ListedRun {
            ahead: summary.last_at > self.now.plus_micros(slack),
            summary,
            status,
            ran_s,
            queued_s,
            typical,
        }
    }
}

impl ListedRun {
    /// What is usual, where enough runs tell it.
    pub fn usual(&self) -> Option<Typical> {
        self.typical
            .filter(|usual| usual.runs >= limits::TYPICAL_LEAST)
    }

    /// How many times as long as usual it took, if that is known.
    pub fn times_typical(&self) -> Option<f64> {
        let usual = self.usual().filter(|usual| usual.median_s > 0.0)?;
        self.ran_s.map(|ran| ran / usual.median_s)
    }

    /// When it was queued or started; else its first event.
    pub fn began(&self) -> Timestamp {
        let attempt = self.summary.attempt();
        let known = attempt.queued_at.or(attempt.started_at);
        known.unwrap_or(self.summary.first_at)
    }

    fn is_slow(&self) -> bool {
        self.times_typical()
            .is_some_and(|times| times >= limits::SLOW_FACTOR)
    }
}

/// A cursor: the mark of the question, and the place.
fn encode(place: Place, mark: [u8; 4]) -> String {
    let mut bytes = mark.to_vec();
    bytes.extend(place.0.as_micros().to_be_bytes());
    bytes.extend(place.1.to_be_bytes());
    data_encoding::BASE64URL_NOPAD.encode(&bytes)
}

fn decode(text: &str, mark: [u8; 4]) -> Result<Place> {
    let invalid = |why| crate::registry::Error::from(Refusal::InvalidCursor { why });
    if text.len() > limits::CURSOR_CHARS {
        return Err(invalid("it is too long to be one"));
    }
    let bytes = data_encoding::BASE64URL_NOPAD
        .decode(text.as_bytes())
        .map_err(|_| invalid("it is not one of this server"))?;
    let Ok([m0, m1, m2, m3, rest @ ..]) = <[u8; 20]>::try_from(bytes) else {
        return Err(invalid("it is not one of this server"));
    };
    if [m0, m1, m2, m3] != mark {
        return Err(invalid("it belongs to a list with other arguments"));
    }
    let number = |part: Option<&[u8]>| {
        let bytes = <[u8; 8]>::try_from(part?).ok()?;
        Some(i64::from_be_bytes(bytes))
    };
    let place = (number(rest.get(..8)), number(rest.get(8..)));
    match place {
        (Some(at), Some(num)) => Ok((Timestamp::from_micros(at), num)),
        _ => Err(invalid("it is not one of this server")),
    }
}
