//! Following the log while others write.

use std::sync::Arc;
use std::time::Duration;

use epr_mcp::domain::id::IdSource as _;
use epr_mcp::domain::message::MessageKind;
use epr_mcp::domain::time::SystemClock;
use epr_mcp::store::writer::Writer;
use epr_mcp::store::{Change, Store};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::scene::Scene;
use crate::harness::{self, create_group, record_event, unit};

/// Longest wait for a wake-up; one takes a fraction of a second.
const PATIENCE: Duration = Duration::from_secs(20);

/// Follows from `after` on, as followers do, until `enough`.
async fn follow(store: &dyn Store, mut after: i64, enough: i64) -> Vec<Change> {
    let mut wakes = store.wakes();
    let mut seen = Vec::new();
    loop {
        let page = store.changes(after, 50).await.unwrap();
        let more = !page.is_empty();
        after = page.last().map_or(after, |change| change.seq);
        seen.extend(page);
        if after >= enough {
            return seen;
        }
        if !more {
            let woken = timeout(PATIENCE, wakes.changed()).await;
            woken.expect("a follower is woken").unwrap();
        }
    }
}

pub(crate) async fn changes_tell_what_they_are_about(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let group = scene.group("g", &[receiver]).await;
    let event = scene.event(receiver, &unit("web"), true).await;
    let changes = scene.store.changes(0, 100).await.unwrap();
    let told: Vec<_> = changes
        .iter()
        .map(|c| (c.seq, c.kind, c.receiver, c.group, c.unit))
        .collect();
    let key = Some(unit("web").key());
    assert_eq!(
        told,
        [
            (1, MessageKind::ReceiverCreated, Some(receiver), None, None),
            (2, MessageKind::GroupCreated, None, Some(group), None),
            (3, MessageKind::Event, Some(receiver), None, key),
            (
                4,
                MessageKind::GroupComplete,
                Some(receiver),
                Some(group),
                key
            ),
        ]
    );
    assert_eq!(changes[2].created_at, event.created_at);
    assert_eq!(scene.store.changes(2, 1).await.unwrap()[0].seq, 3);
    assert!(scene.store.changes(4, 100).await.unwrap().is_empty());
    // A position before the beginning, which there may be.
    assert_eq!(scene.store.changes(-200, 100).await.unwrap().len(), 4);
}

pub(crate) async fn a_follower_is_woken_by_another_process_and_again_after_a_pause(scene: Scene) {
    let receiver = scene.receiver("r").await;
    for round in 0..3 {
        // Between the rounds nobody follows, and nothing is watched.
        let other = scene.database.open().await;
        let following = tokio::spawn(async move { follow(other.as_ref(), 1, 2 + round).await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!following.is_finished());
        scene.event(receiver, &unit("web"), true).await;
        let seen = timeout(PATIENCE, following).await.unwrap().unwrap();
        assert_eq!(seen.len() as i64, 1 + round);
    }
}

pub(crate) async fn followers_of_one_store_are_woken_all(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let mut ears: Vec<_> = (0..20).map(|_| scene.store.wakes()).collect();
    for ear in &mut ears {
        ear.mark_unchanged();
    }
    scene.event(receiver, &unit("web"), true).await;
    for ear in &mut ears {
        timeout(PATIENCE, ear.changed()).await.unwrap().unwrap();
    }
}

pub(crate) async fn under_32_writers_of_two_processes_each_change_is_seen_once_in_order(
    scene: Scene,
) {
    const WRITERS: usize = 32;
    const EVENTS: usize = 40;
    let receiver = scene.receiver("r").await;
    scene
        .submit(create_group(scene.group_id(), "g", &[receiver], true))
        .await
        .unwrap();
    let begun = 2;
    // Each event completes the gate.
    let enough = begun + (2 * WRITERS * EVENTS) as i64;
    let mut followers = Vec::new();
    for _ in 0..2 {
        let store = scene.database.open().await;
        followers.push(tokio::spawn(async move {
            follow(store.as_ref(), 0, enough).await
        }));
    }
    let tasks = TaskTracker::new();
    let mut writing = tokio::task::JoinSet::new();
    for process in 0..2_usize {
        let store = scene.database.open().await;
        let writer = Writer::start(store, Arc::new(SystemClock), &tasks);
        let ids = Arc::new(harness::ids(1_000 + process as i64));
        for n in 0..WRITERS / 2 {
            let (writer, ids) = (writer.clone(), ids.clone());
            writing.spawn(async move {
                for event in 0..EVENTS {
                    let id = epr_mcp::domain::id::EventId::new(ids.next());
                    let unit = unit(&format!("u{process}-{n}-{event}"));
                    let command = record_event(id, receiver, &unit, true);
                    writer.write(command).await.unwrap().unwrap();
                }
            });
        }
    }
    while let Some(done) = writing.join_next().await {
        done.unwrap();
    }
    for follower in followers {
        let seen = timeout(PATIENCE, follower).await.unwrap().unwrap();
        let seqs: Vec<i64> = seen.iter().map(|change| change.seq).collect();
        assert_eq!(seqs, (1..=enough).collect::<Vec<_>>());
    }
}
