//! Events that say something, of small numbers so that they meet; and all that can be read of it.

use std::sync::Arc;

use epr_mcp::correlate::{DocumentKind, Facts, Recorded, Role};
use epr_mcp::domain::command::{Action, Command};
use epr_mcp::domain::id::{EventId, ReceiverId};
use epr_mcp::domain::indexed::{Indexed, Key, Link, NaturalKey};
use epr_mcp::domain::run::{
    Label, LabelKind, Phase, PhaseMark, PipelineRunReference, RunKey, RunName, RunOutcome,
    RunSummary, RunTimes, RunTouch,
};
use epr_mcp::domain::search::Order;
use epr_mcp::domain::time::Timestamp;
use epr_mcp::domain::unit::Unit;
use epr_mcp::store::{Bounds, Counters, LinkRow, RunRange, RunWindow, Store};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{SECOND, START, record_payload};

/// So many seconds after the start.
pub(crate) fn at(second: i64) -> Timestamp {
    START.plus_micros(second * SECOND)
}

/// The key with this number.
pub(crate) fn key(n: u8) -> Key {
    [n; 16]
}

/// What an event says that says nothing.
pub(crate) fn says(name: &str) -> Indexed {
    let mut facts = Facts::new(DocumentKind::CdEvent, "dev.cdevents.taskrun.finished.0.2.0");
    facts.name = Some(name.to_owned());
    Indexed {
        facts: serde_json::to_string(&facts).unwrap(),
        links: Vec::new(),
        natural: None,
        run: None,
    }
}

/// What an event says that has these links: keys with roles.
pub(crate) fn links(name: &str, links: &[(u8, Role)]) -> Indexed {
    let link = |(n, role): &(u8, Role)| Link {
        key: key(*n),
        role: role.code(),
    };
    Indexed {
        links: links.iter().map(link).collect(),
        ..says(name)
    }
}

/// What an event says that comes once.
pub(crate) fn once(n: u8) -> Indexed {
    Indexed {
        natural: Some(NaturalKey {
            content: None,
            key: key(n),
            once: true,
        }),
        ..says("once")
    }
}

/// An event that happened then, and names no run.
pub(crate) fn touch(second: i64) -> RunTouch {
    RunTouch {
        pipeline_run: None,
        chain: None,
        build: None,
        at: at(second),
        phase: None,
        failed: false,
        labels: Vec::new(),
    }
}

/// An event that happened then and names its pipelineRun.
pub(crate) fn of_run(id: &str, source: Option<&str>, second: i64) -> RunTouch {
    RunTouch {
        pipeline_run: Some(PipelineRunReference {
            id: id.to_owned(),
            source: source.map(str::to_owned),
            own_source: Some("/tasks".to_owned()),
        }),
        ..touch(second)
    }
}

/// What an event says that is of a run.
pub(crate) fn touching(touch: RunTouch) -> Indexed {
    Indexed {
        run: Some(touch),
        ..says("of a run")
    }
}

pub(crate) fn label(kind: LabelKind, text: &str) -> Label {
    Label {
        kind,
        text: text.to_owned(),
    }
}

/// A name of a pipelineRun.
pub(crate) fn run_name(id: &str, source: Option<&str>) -> RunName {
    RunName::PipelineRun {
        id: id.to_owned(),
        source: source.map(str::to_owned),
    }
}

/// An event with a payload that says something.
pub(crate) fn record_indexed(
    id: EventId,
    receiver: ReceiverId,
    unit: &Unit,
    payload: &str,
    says: Indexed,
) -> Command {
    let mut command = record_payload(id, receiver, unit, true, payload);
    let Action::RecordEvent { indexed, .. } = &mut command.action else {
        unreachable!()
    };
    *indexed = Some(Arc::new(says));
    command
}

const IDS: [&str; 4] = ["1", "run-ä", "https://ci/run\u{0}/2", "1\u{10ffff}"];
const SOURCES: [&str; 2] = ["/ci/a", "/ci/b"];
const CHAINS: [&str; 3] = ["c-1", "run-ä", "c-2"];
const BUILDS: [&str; 2] = ["b", "1"];
const PIPELINES: [&str; 4] = ["deliver", "deliver-ä", "build", "Build"];
const SERVICES: [&str; 2] = ["web", "db"];
const KEYS: u8 = 6;

/// What an event may say: any of it, also what cannot be told apart.
pub(crate) fn anything() -> impl Strategy<Value = Indexed> {
    let role = (0..13i64).prop_map(|code| Role::from_code(code).unwrap());
    let natural = (0..3u8, prop::bool::weighted(0.7));
    (
        vec((0..KEYS, role), 0..5),
        prop::option::weighted(0.6, natural),
        prop::option::weighted(0.8, run_touch()),
        select(vec!["", "a \"name\"", "tab\t\\N\u{0}"]),
    )
        .prop_map(|(tied, natural, run, name)| Indexed {
            natural: natural.map(|(n, once)| NaturalKey {
                key: key(n),
                once,
                content: None,
            }),
            run,
            ..links(name, &tied)
        })
}

fn run_touch() -> impl Strategy<Value = RunTouch> {
    let source = || prop::option::of(select(SOURCES.to_vec()));
    let outcome = select(vec![RunOutcome::Success, RunOutcome::Failure]);
    let phase = prop_oneof![
        Just(Phase::Queued),
        Just(Phase::Started),
        outcome.prop_map(Phase::Finished)
    ];
    let label = prop_oneof![
        select(PIPELINES.to_vec()).prop_map(|text| label(LabelKind::Pipeline, text)),
        select(SERVICES.to_vec()).prop_map(|text| label(LabelKind::Service, text)),
        Just(label(LabelKind::Environment, "web")),
    ];
    (
        prop::option::weighted(0.7, (select(IDS.to_vec()), source(), source())),
        prop::option::weighted(0.4, select(CHAINS.to_vec())),
        prop::option::weighted(0.3, select(BUILDS.to_vec())),
        (-5..40i64, prop::option::weighted(0.5, phase), any::<bool>()),
        vec(label, 0..3),
    )
        .prop_map(|(run, chain, build, (second, phase, failed), labels)| {
            let pipeline_run = run.map(|(id, source, own_source)| PipelineRunReference {
                id: id.to_owned(),
                source: source.map(str::to_owned),
                own_source: own_source.map(str::to_owned),
            });
            let own = pipeline_run
                .as_ref()
                .is_some_and(|run| run.source.is_some());
            RunTouch {
                pipeline_run,
                chain: chain.map(str::to_owned),
                build: build.map(str::to_owned),
                phase: phase.filter(|_| own).map(|phase| PhaseMark {
                    phase,
                    at: at(second),
                }),
                failed,
                labels,
                ..touch(second)
            }
        })
}

/// The names that [`anything`] gives to runs.
fn names() -> Vec<RunName> {
    let mut names: Vec<RunName> = Vec::new();
    for id in IDS {
        names.push(run_name(id, None));
        names.extend(SOURCES.map(|source| run_name(id, Some(source))));
    }
    names.extend(CHAINS.map(|chain| RunName::Chain(chain.to_owned())));
    names.extend(BUILDS.map(|id| RunName::Build { id: id.to_owned() }));
    names
}

/// All that can be read of what [`anything`] said.
#[derive(Debug, PartialEq)]
pub(crate) struct AllSaid {
    pub(crate) counters: Counters,
    pub(crate) recorded: Vec<Recorded>,
    pub(crate) links: [Vec<LinkRow>; 2],
    named: Vec<(RunKey, RunSummary)>,
    found: Vec<Vec<RunSummary>>,
    listed: Vec<Vec<RunSummary>>,
    ids: Vec<(String, RunKey)>,
    pipelines: Vec<Vec<String>>,
    times: Vec<Vec<RunTimes>>,
}

/// Reads all of it, in pages of `limit`.
pub(crate) async fn all_said(store: &dyn Store, limit: usize) -> AllSaid {
    let counters = store.counters().await.unwrap();
    let seqs: Vec<i64> = (1..=counters.last_event_seq + 1).rev().collect();
    let keys: Vec<Key> = (0..=KEYS).map(key).collect();
    let names = names();
    let run_keys: Vec<RunKey> = names.iter().map(RunName::key).collect();
    let mut found = Vec::new();
    for name in &names {
        let handle = name.key().handle_number();
        found.push(store.runs_by_handle(handle, limit).await.unwrap());
        found.push(store.runs_by_id(name.parts().1, limit).await.unwrap());
    }
    let mut ranges = vec![RunRange::All, RunRange::Open, RunRange::Bad];
    ranges.extend(PIPELINES.map(|name| RunRange::Pipeline(name.to_owned())));
    for (kind, text) in [
        (LabelKind::Service, "web"),
        (LabelKind::Service, "db"),
        (LabelKind::Environment, "web"),
    ] {
        ranges.push(RunRange::Label(label(kind, text).key()));
    }
    let mut listed = Vec::new();
    for range in &ranges {
        listed.push(list_all(store, range, RunWindow::default(), limit).await);
        let window = RunWindow {
            from: Some(at(3)),
            to: Some(at(20)),
        };
        listed.push(list_all(store, range, window, limit).await);
    }
    let mut pipelines = Vec::new();
    for beginning in ["", "deliver", "b", "\u{10ffff}"] {
        pipelines.push(store.pipelines(beginning, limit).await.unwrap());
    }
    let mut times = Vec::new();
    for name in PIPELINES {
        times.push(store.run_times(name, limit).await.unwrap());
    }
    AllSaid {
        recorded: store.recorded(&seqs).await.unwrap(),
        links: [
            store
                .links(&keys, limit, Bounds::default(), Order::NewestFirst)
                .await
                .unwrap(),
            store
                .links(&keys, limit, Bounds::default(), Order::OldestFirst)
                .await
                .unwrap(),
        ],
        named: store.runs(&run_keys).await.unwrap(),
        found,
        listed,
        ids: store.run_ids("", limit).await.unwrap(),
        pipelines,
        times,
        counters,
    }
}

/// A whole list of runs, page by page.
pub(crate) async fn list_all(
    store: &dyn Store,
    range: &RunRange,
    window: RunWindow,
    limit: usize,
) -> Vec<RunSummary> {
    let mut all: Vec<RunSummary> = Vec::new();
    loop {
        let after = all.last().map(|run| (run.at, run.num));
        let page = store.list_runs(range, window, after, limit).await.unwrap();
        let ended = page.len() < limit;
        all.extend(page);
        if ended {
            return all;
        }
    }
}
