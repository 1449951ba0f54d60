//! What an event says is there with it, or neither is.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use epr_mcp::correlate::Role;
use epr_mcp::domain::command::{Command, Outcome};
use epr_mcp::domain::id::{EventId, IdSource as _};
use epr_mcp::domain::run::RunTouch;
use epr_mcp::domain::search::Order;
use epr_mcp::domain::time::Clock as _;
use epr_mcp::store::{Bounds, RunRange, RunWindow, Store};

use super::{FILE, MARK, SOURCE, killed_repeatedly};
use crate::harness::indexed::{key, links, list_all, of_run, once, record_indexed};
use crate::harness::invariants::assert_whole;
use crate::harness::{Bench, ids, unit};

const WRITER: &str =
    "crash::said::every_event_is_acknowledged_once_it_is_written_with_what_it_says";
/// Of so many events each one comes twice.
const REPEATED: usize = 4;

/// Writes events in batches of three until `acknowledge` says that it is enough.
async fn write_events(bench: &Bench, source: usize, acknowledge: impl Fn(EventId) -> bool) {
    let receiver = bench.receiver("said").await.receiver.id;
    let store = bench.store().await;
    let ids = ids(10_000 + source as i64);
    for round in 0.. {
        let command = |n: usize| {
            let mut says = links("crash", &[(1, Role::Own), (n as u8, Role::Uses)]);
            says.natural = once((n / REPEATED % 250) as u8).natural;
            says.run = Some(RunTouch {
                chain: Some(format!("chain {}", n % 11)),
                ..of_run(
                    &(n % 5).to_string(),
                    n.is_multiple_of(2).then_some("/ci"),
                    n as i64,
                )
            });
            let payload = format!("{{\"source\":{source},\"n\":{}}}", n / REPEATED);
            record_indexed(
                EventId::new(ids.next()),
                receiver,
                &unit("u"),
                &payload,
                says,
            )
        };
        let commands: Vec<Command> = (3 * round..3 * round + 3).map(command).collect();
        let decided = store.write(&commands, bench.clock.now()).await.unwrap();
        for decided in decided {
            let id = match decided {
                Ok(Outcome::Event { event, .. }) => event.id,
                Ok(Outcome::Repeated { .. }) => continue,
                other => panic!("{other:?}"),
            };
            if !acknowledge(id) {
                return;
            }
        }
    }
}

/// The writer itself, on a file of its own; or, as a child of the test below, on its until it is killed.
#[tokio::test]
async fn every_event_is_acknowledged_once_it_is_written_with_what_it_says() {
    if let Some(path) = std::env::var_os(FILE) {
        let source: usize = std::env::var(SOURCE).unwrap().parse().unwrap();
        let bench = Bench::at(Path::new(&path), source as i64);
        let print = |id| {
            std::io::stdout()
                .write_all(format!("\n{MARK}{id}\n").as_bytes())
                .is_ok()
        };
        write_events(&bench, source, print).await;
        return;
    }
    let bench = Bench::new();
    let acknowledged = std::sync::Mutex::new(Vec::new());
    write_events(&bench, 0, |id| {
        let mut ids = acknowledged.lock().unwrap();
        ids.push(id);
        ids.len() < 60
    })
    .await;
    let acknowledged = acknowledged.into_inner().unwrap();
    assert_said(bench.store().await, &acknowledged).await;
    assert_whole(&bench.path).await;
}

/// Every one of these events is there with what it says, and all that is said adds up.
async fn assert_said(store: Arc<dyn Store>, acknowledged: &[EventId]) {
    let counters = store.counters().await.unwrap();
    let all: Vec<i64> = (1..=counters.last_event_seq).collect();
    let mut said = std::collections::BTreeSet::new();
    for some in all.chunks(500) {
        let recorded = store.recorded(some).await.unwrap();
        assert_eq!(recorded.len(), some.len(), "every event says something");
        said.extend(recorded.iter().map(|event| event.id));
    }
    assert!(acknowledged.iter().all(|id| said.contains(id)));
    let hub = store
        .links(
            &[key(1)],
            all.len() * 2,
            Bounds::default(),
            Order::OldestFirst,
        )
        .await;
    let mut linked: Vec<i64> = hub.unwrap().iter().map(|link| link.seq).collect();
    linked.dedup();
    assert_eq!(linked, all);
    let runs = list_all(store.as_ref(), &RunRange::All, RunWindow::default(), 100).await;
    assert_eq!(runs.len() as u64, counters.runs);
    assert_eq!(
        runs.iter().map(|run| run.events).sum::<i64>(),
        all.len() as i64
    );
}

#[tokio::test]
async fn what_events_say_survives_two_writers_that_are_killed_at_once_40_times() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("epr.db");
    let acknowledged = killed_repeatedly(WRITER, &path, 40, 2);
    assert_whole(&path).await;
    let bench = Bench::at(&path, 0);
    let acknowledged: Vec<EventId> = acknowledged.into_iter().collect();
    assert_said(bench.store().await, &acknowledged).await;
}
