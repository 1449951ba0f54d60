//! Deleting what is not kept for ever.

use epr_mcp::domain::command::{Command, Outcome};
use epr_mcp::domain::id::ReceiverId;
use epr_mcp::store::{Cutoffs, Pruned};

use super::scene::{Scene, after_start, recorded};
use crate::harness::{SECOND, all_messages, create_receiver, record_event, unit};

/// Everything before this second.
fn before(second: i64) -> Cutoffs {
    let at = after_start(second * SECOND);
    Cutoffs {
        messages: at,
        audit: at,
        idempotency: at,
    }
}

/// A definition in second 0 and an event in each of the next nine, never to be published.
async fn filled(scene: &Scene) -> ReceiverId {
    let id = scene.receiver_id();
    let define = create_receiver(id, "r");
    scene
        .submit(Command {
            log_only: true,
            ..define
        })
        .await
        .unwrap();
    for n in 1..10 {
        let event = record_event(scene.event_id(), id, &unit("u"), true);
        let keyed = Command {
            idempotency_key: Some(format!("k{n}")),
            log_only: true,
            ..event
        };
        recorded(&scene.submit(keyed).await);
    }
    id
}

pub(crate) async fn old_rows_are_deleted_step_by_step_and_positions_go_on(scene: Scene) {
    let receiver = filled(&scene).await;
    assert_eq!(
        scene.store.prune(&before(0), 100).await.unwrap(),
        Pruned::default(),
        "nothing is that old"
    );
    // The definition's message and audit row, then messages and keys of events.
    let mut steps = Vec::new();
    loop {
        let step = scene.store.prune(&before(6), 2).await.unwrap();
        if !step.more {
            break;
        }
        steps.push(step.rows);
    }
    assert!(
        steps.iter().all(|step| *step <= 6),
        "two of each kind at a time: {steps:?}"
    );
    assert_eq!(steps.iter().sum::<u64>(), 6 + 1 + 5, "{steps:?}");
    let left = all_messages(scene.store.as_ref()).await;
    let seqs: Vec<i64> = left.iter().map(|message| message.seq).collect();
    assert_eq!(seqs, [7, 8, 9, 10], "those of second 6 and later");
    assert!(scene.store.audit(None, 10).await.unwrap().is_empty());
    let counters = scene.store.counters().await.unwrap();
    assert_eq!((counters.messages, counters.messages_pruned_to), (4, 6));

    // Whatever is deleted, the log goes on where it was, and events are never deleted.
    scene.store.prune(&before(1_000), 100).await.unwrap();
    assert!(all_messages(scene.store.as_ref()).await.is_empty());
    let event = scene.event(receiver, &unit("u"), true).await;
    assert_eq!(event.seq, 10);
    assert_eq!(all_messages(scene.store.as_ref()).await[0].seq, 11);
    let all: Vec<i64> = (1..=10).collect();
    assert_eq!(scene.store.events(&all).await.unwrap().len(), 10);
    assert_eq!(scene.store.payloads(&all).await.unwrap().len(), 10);
    assert_eq!(scene.store.counters().await.unwrap().succeeded, 10);
}

pub(crate) async fn messages_that_are_to_be_published_are_kept(scene: Scene) {
    let receiver = filled(&scene).await;
    scene.event(receiver, &unit("u"), true).await;
    scene.store.prune(&before(1_000), 100).await.unwrap();
    let left = all_messages(scene.store.as_ref()).await;
    assert_eq!(
        left.iter().map(|m| (m.seq, m.log_only)).collect::<Vec<_>>(),
        [(11, false)]
    );
    // They keep no later row from being deleted, however many they are.
    for _ in 0..5 {
        scene.event(receiver, &unit("u"), true).await;
    }
    let quiet = record_event(scene.event_id(), receiver, &unit("u"), true);
    scene
        .submit(Command {
            log_only: true,
            ..quiet
        })
        .await
        .unwrap();
    while scene.store.prune(&before(1_000), 2).await.unwrap().more {}
    let left = all_messages(scene.store.as_ref()).await;
    let seqs: Vec<i64> = left.iter().map(|message| message.seq).collect();
    assert_eq!(seqs, [11, 12, 13, 14, 15, 16]);
    assert_eq!(scene.store.counters().await.unwrap().messages, 6);
}

pub(crate) async fn a_key_that_is_old_enough_can_be_used_again(scene: Scene) {
    let receiver = filled(&scene).await;
    let repeat = |name: &str, key: &str| Command {
        idempotency_key: Some(key.to_owned()),
        ..record_event(scene.event_id(), receiver, &unit(name), true)
    };
    scene.store.prune(&before(6), 100).await.unwrap();
    let written = scene.submit(repeat("other", "k1")).await;
    assert_eq!(
        recorded(&written).seq,
        10,
        "it stands for another command now"
    );
    let kept = scene.submit(repeat("u", "k9")).await;
    assert!(matches!(kept, Ok(Outcome::Replayed { .. })), "{kept:?}");
}
