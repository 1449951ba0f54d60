//! Several handles on one database, each with its own connections, as several processes have.

use std::collections::BTreeSet;
use std::sync::Arc;

use epr_mcp::domain::command::{Command, Outcome};
use epr_mcp::domain::id::{EventId, GroupId, IdSource, ReceiverId};
use epr_mcp::domain::message::{MessageKind, MessageSubject};
use epr_mcp::domain::run::RunName;
use epr_mcp::domain::search::TextMatch;
use epr_mcp::domain::time::SteppingClock;
use epr_mcp::store::{Decided, Store, Stream};

use super::scene::{Scene, recorded, write_all};
use crate::harness::indexed::{self, record_indexed};
use crate::harness::{
    self, SECOND, START, all_messages, create_group, create_receiver, record_event, unit,
};

/// Runs `work` on several new handles at the same time.
pub(super) async fn at_once<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    scene: &Scene,
    handles: usize,
    work: impl Fn(usize, Arc<dyn Store>) -> F,
) -> Vec<T> {
    let start = Arc::new(tokio::sync::Barrier::new(handles));
    let mut tasks = Vec::new();
    for n in 0..handles {
        let work = work(n, scene.database.open().await);
        let start = start.clone();
        tasks.push(tokio::spawn(async move {
            start.wait().await;
            work.await
        }));
    }
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

pub(super) fn source(n: usize) -> (harness::Ids, SteppingClock) {
    let n = i64::try_from(n).unwrap();
    (harness::ids(100 + n), SteppingClock::new(START, SECOND))
}

pub(crate) async fn several_processes_write_at_once_and_nothing_is_lost_or_doubled(scene: Scene) {
    const HANDLES: usize = 3;
    const BATCHES: usize = 30;
    let receiver = scene.receiver("r").await;
    scene.group("g", &[receiver]).await;
    let written = at_once(&scene, HANDLES, |n, store| async move {
        let (ids, clock) = source(n);
        let mut written = Vec::new();
        for batch in 0..BATCHES {
            // Names and units that all of them meet for the first time at the same moment.
            let commands: Vec<Command> = (0..=batch % 4)
                .map(|i| {
                    let unit = unit(&format!("u{batch}.{i}"));
                    record_event(EventId::new(ids.next()), receiver, &unit, i % 2 == 0)
                })
                .collect();
            let decided = write_all(store.as_ref(), &commands, &clock).await;
            written.extend(decided.iter().map(recorded));
        }
        written
    })
    .await;
    let all: Vec<_> = written.into_iter().flatten().collect();
    let seqs: BTreeSet<i64> = all.iter().map(|event| event.seq).collect();
    let last = i64::try_from(all.len()).unwrap();
    assert_eq!(
        seqs,
        (1..=last).collect(),
        "positions are dense and given once"
    );

    let counters = scene.store.counters().await.unwrap();
    let failed = all.iter().filter(|event| !event.success).count() as u64;
    assert_eq!(
        (counters.succeeded + counters.failed, counters.failed),
        (all.len() as u64, failed)
    );
    let units: BTreeSet<_> = all.iter().map(|event| &event.unit).collect();
    assert_eq!(counters.units, units.len() as u64);
    let mut counted = 0;
    for (id, _) in scene
        .store
        .names(&TextMatch::Prefix(String::new()), 1_000)
        .await
        .unwrap()
    {
        counted += scene
            .store
            .stream_count(Stream::Name(id, true))
            .await
            .unwrap();
        counted += scene
            .store
            .stream_count(Stream::Name(id, false))
            .await
            .unwrap();
    }
    assert_eq!(counted, all.len() as u64);

    let messages = all_messages(scene.store.as_ref()).await;
    assert!(messages.is_sorted_by(|a, b| a.seq + 1 == b.seq && a.created_at <= b.created_at));
    let mut told = Vec::new();
    for message in &messages {
        if let MessageSubject::Event { event, .. } = &message.subject {
            told.push(event.seq);
        }
    }
    assert_eq!(
        told,
        (1..=last).collect::<Vec<_>>(),
        "each event is told once, in order"
    );
    let complete = messages
        .iter()
        .filter(|m| m.subject.kind() == MessageKind::GroupComplete)
        .count();
    assert_eq!(complete as u64, counters.succeeded);
}

pub(crate) async fn an_event_that_two_processes_send_at_once_is_recorded_once(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let results = at_once(&scene, 3, |n, store| async move {
        let (ids, clock) = source(n);
        let mut decided = Vec::new();
        for round in 0..20 {
            let id = EventId::new(ids.next());
            let event = record_indexed(id, receiver, &unit("u"), "{}", indexed::once(round));
            decided.extend(write_all(store.as_ref(), &[event], &clock).await);
        }
        decided
    })
    .await;
    let mut firsts = vec![BTreeSet::new(); 20];
    let mut recorded = 0;
    for decided in results {
        for (round, decided) in decided.into_iter().enumerate() {
            let id = match decided.unwrap() {
                Outcome::Event { event, .. } => {
                    recorded += 1;
                    event.id
                }
                Outcome::Repeated { id, .. } => id,
                other => panic!("{other:?}"),
            };
            firsts[round].insert(id);
        }
    }
    assert_eq!(recorded, 20);
    assert!(
        firsts.iter().all(|ids| ids.len() == 1),
        "everyone hears of the same one"
    );
    let seqs: Vec<i64> = (1..=20).collect();
    let found = scene.store.recorded(&seqs).await.unwrap();
    assert!(found.iter().all(|event| event.repeats == 2), "{found:?}");
}

pub(crate) async fn runs_that_two_processes_write_at_once_are_summed_up_whole(scene: Scene) {
    const EVENTS: i64 = 60;
    let receiver = scene.receiver("r").await;
    at_once(&scene, 3, |n, store| async move {
        let (ids, clock) = source(n);
        for second in 0..EVENTS {
            let id = (second % 5).to_string();
            // What one of them calls by its source the others call by its id alone.
            let run = if n == 0 { Some("/ci") } else { None };
            let mut touch = indexed::of_run(&id, run, second);
            touch.chain = Some(format!("chain {id}"));
            let says = indexed::touching(touch);
            let id = EventId::new(ids.next());
            let event = record_indexed(id, receiver, &unit("u"), "{}", says);
            write_all(store.as_ref(), &[event], &clock).await;
        }
    })
    .await;
    assert_eq!(scene.store.counters().await.unwrap().runs, 5);
    for n in 0..5 {
        let names = [
            indexed::run_name(&n.to_string(), Some("/ci")),
            indexed::run_name(&n.to_string(), None),
            RunName::Chain(format!("chain {n}")),
        ];
        let keys = names.each_ref().map(RunName::key);
        for (_, run) in scene.store.runs(&keys).await.unwrap() {
            assert_eq!(run.name, names[0]);
            assert_eq!(run.events, 3 * EVENTS / 5);
            let times = (indexed::at(n), indexed::at(EVENTS - 5 + n));
            assert_eq!((run.first_at, run.last_at), times);
        }
    }
}

/// What of a definition made several times at once: its id, and how often it was new.
fn made_once(results: Vec<Vec<Decided>>) -> Vec<String> {
    let mut ids = BTreeSet::new();
    let mut new = 0;
    for decided in results.into_iter().flatten() {
        let (id, created) = match decided.unwrap() {
            Outcome::Receiver {
                receiver, created, ..
            } => (receiver.id.to_string(), created),
            Outcome::Group { group, created, .. } => (group.id.to_string(), created),
            other => panic!("{other:?}"),
        };
        new += usize::from(created);
        ids.insert(id);
    }
    assert_eq!(new, ids.len(), "what is new is told once");
    ids.into_iter().collect()
}

pub(crate) async fn a_definition_made_by_two_processes_at_once_is_made_once(scene: Scene) {
    let results = at_once(&scene, 4, |n, store| async move {
        let (ids, clock) = source(n);
        let mut decided = Vec::new();
        for round in 0..10 {
            let create = create_receiver(ReceiverId::new(ids.next()), &format!("r{round}"));
            decided.extend(write_all(store.as_ref(), &[create], &clock).await);
        }
        decided
    })
    .await;
    assert_eq!(made_once(results).len(), 10);

    let member = scene.receiver("member").await;
    let results = at_once(&scene, 4, |n, store| async move {
        let (ids, clock) = source(10 + n);
        let create = create_group(GroupId::new(ids.next()), "g", &[member], true);
        write_all(store.as_ref(), &[create], &clock).await
    })
    .await;
    assert_eq!(made_once(results).len(), 1);
    let counters = scene.store.counters().await.unwrap();
    assert_eq!(
        (counters.receivers, counters.groups, counters.messages),
        (11, 1, 12)
    );
}

pub(crate) async fn an_idempotency_key_used_by_two_processes_at_once_works_once(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let results = at_once(&scene, 4, |n, store| async move {
        let (ids, clock) = source(n);
        let mut decided = Vec::new();
        for round in 0..10 {
            let event = record_event(EventId::new(ids.next()), receiver, &unit("u"), true);
            let keyed = Command {
                idempotency_key: Some(format!("k{round}")),
                ..event
            };
            decided.extend(write_all(store.as_ref(), &[keyed], &clock).await);
        }
        decided
    })
    .await;
    let mut firsts = [0; 10];
    let mut ids: [BTreeSet<String>; 10] = Default::default();
    for decided in results {
        for (round, decided) in decided.into_iter().enumerate() {
            let id = match decided.unwrap() {
                Outcome::Event { event, .. } => {
                    firsts[round] += 1;
                    event.id.to_string()
                }
                Outcome::Replayed { id } => id,
                other => panic!("{other:?}"),
            };
            ids[round].insert(id);
        }
    }
    assert_eq!(firsts, [1; 10], "each key records one event");
    assert!(
        ids.iter().all(|ids| ids.len() == 1),
        "and everyone hears of the same one"
    );
    assert_eq!(scene.store.counters().await.unwrap().succeeded, 10);
}

pub(crate) async fn a_new_database_can_be_opened_by_many_at_once(scene: Scene) {
    // `scene` has opened its database already; what follows happens on new ones.
    for _ in 0..10 {
        let fresh = scene.database.fresh();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..6 {
            let fresh = fresh.clone();
            tasks.spawn(async move { fresh.open().await });
        }
        let mut registries = BTreeSet::new();
        while let Some(store) = tasks.join_next().await {
            registries.insert(store.unwrap().info().registry_id.clone());
        }
        assert_eq!(registries.len(), 1, "everyone has the same registry");
    }
}
