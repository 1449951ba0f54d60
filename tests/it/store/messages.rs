//! The log of messages.

use epr_mcp::domain::command::Action;
use epr_mcp::domain::message::{DEFAULT_LIMIT, MessageKind, MessageSubject, WIRE_VERSION, render};

use super::scene::{Scene, after_start};
use crate::harness::{SECOND, all_messages, command, completions, kinds, record_payload, unit};

pub(crate) async fn every_kind_of_message_comes_back_with_its_records(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let group = scene.group("g", &[receiver]).await;
    // Long enough to be stored apart.
    let payload = format!("{{\"text\": \"{}\"}}", "é".repeat(4_000));
    let id = scene.event_id();
    scene
        .submit(record_payload(id, receiver, &unit("u"), true, &payload))
        .await
        .unwrap();
    scene
        .submit(command(Action::SetGroupEnabled {
            id: group,
            enabled: false,
        }))
        .await
        .unwrap();

    let messages = all_messages(scene.database.open().await.as_ref()).await;
    assert_eq!(
        kinds(&messages),
        [
            MessageKind::ReceiverCreated,
            MessageKind::GroupCreated,
            MessageKind::Event,
            MessageKind::GroupComplete,
            MessageKind::GroupModified,
        ]
    );
    for (n, message) in messages.iter().enumerate() {
        let second = [0, 1, 2, 2, 3][n];
        assert_eq!(message.seq, i64::try_from(n).unwrap() + 1);
        assert_eq!(message.created_at, after_start(second * SECOND));
        assert_eq!(message.wire_version, WIRE_VERSION);
        assert_eq!(
            message.transition,
            n == 3,
            "only the completion is a transition"
        );
        assert!(!message.log_only);
        match &message.subject {
            MessageSubject::ReceiverCreated(defined) => assert_eq!(defined.receiver.id, receiver),
            MessageSubject::GroupCreated(g) | MessageSubject::GroupModified(g) => {
                assert_eq!((g.id, &g.event_receiver_ids), (group, &vec![receiver]));
            }
            MessageSubject::Event {
                event,
                payload: text,
                receiver: defined,
            }
            | MessageSubject::GroupComplete {
                event,
                payload: text,
                receiver: defined,
                ..
            } => {
                assert_eq!((event.id, event.seq), (id, 1));
                assert!(**text == payload, "the payload came back changed");
                assert_eq!(
                    (defined.receiver.id, defined.schema.get()),
                    (receiver, "{}")
                );
            }
        }
        let wire = render(message, "reg", DEFAULT_LIMIT).unwrap();
        assert!(
            serde_json::from_str::<serde_json::Value>(&wire.body)
                .unwrap()
                .is_object()
        );
    }
}

pub(crate) async fn a_message_keeps_the_group_as_it_was_then(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let group = scene.group("g", &[receiver]).await;
    scene.event(receiver, &unit("u"), true).await;
    for enabled in [false, true, false] {
        scene
            .submit(command(Action::SetGroupEnabled { id: group, enabled }))
            .await
            .unwrap();
    }
    let messages = all_messages(scene.store.as_ref()).await;
    let states: Vec<_> = messages
        .iter()
        .filter_map(|message| match &message.subject {
            MessageSubject::GroupCreated(g)
            | MessageSubject::GroupModified(g)
            | MessageSubject::GroupComplete { group: g, .. } => {
                Some((message.subject.kind(), g.enabled, g.updated_at))
            }
            _ => None,
        })
        .collect();
    let at = |second| after_start(second * SECOND);
    assert_eq!(
        states,
        [
            (MessageKind::GroupCreated, true, at(1)),
            (MessageKind::GroupComplete, true, at(1)),
            (MessageKind::GroupModified, false, at(3)),
            (MessageKind::GroupModified, true, at(4)),
            (MessageKind::GroupModified, false, at(5)),
        ]
    );
}

pub(crate) async fn messages_are_read_on_from_any_position(scene: Scene) {
    let receiver = scene.receiver("r").await;
    scene.group("g", &[receiver]).await;
    for n in 0..5 {
        scene.event(receiver, &unit("u"), n != 2).await;
    }
    let all = all_messages(scene.store.as_ref()).await;
    let last = i64::try_from(all.len()).unwrap();
    assert_eq!(last, 2 + 5 + 4);
    assert_eq!(
        completions(&all).iter().map(|c| c.2).collect::<Vec<_>>(),
        [true, false, true, false]
    );
    for after in 0..=last + 1 {
        for limit in [1, 3, 100] {
            let page = scene.store.messages(after, limit).await.unwrap();
            let seqs: Vec<i64> = page.iter().map(|m| m.seq).collect();
            let want: Vec<i64> = (after + 1..=last).take(limit).collect();
            assert_eq!(seqs, want, "after {after}, at most {limit}");
        }
    }
}

pub(crate) async fn messages_of_the_log_alone_say_so(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let mut quiet = record_payload(scene.event_id(), receiver, &unit("u"), true, "1");
    quiet.log_only = true;
    scene.submit(quiet).await.unwrap();
    scene.event(receiver, &unit("u"), true).await;
    let flags: Vec<bool> = all_messages(scene.store.as_ref())
        .await
        .iter()
        .map(|m| m.log_only)
        .collect();
    assert_eq!(flags, [false, true, false]);
}

pub(crate) async fn a_page_of_messages_is_bounded_by_its_bytes(scene: Scene) {
    let receiver = scene.receiver("r").await;
    scene.group("g", &[receiver]).await;
    let payload = format!("\"{}\"", "x".repeat(5 * 1024 * 1024));
    for n in 0..3 {
        let id = scene.event_id();
        let event = record_payload(id, receiver, &unit(&format!("u{n}")), true, &payload);
        scene.submit(event).await.unwrap();
    }
    let page = |after| {
        let store = scene.store.clone();
        async move {
            let page = store.messages(after, 100).await.unwrap();
            page.iter().map(|message| message.seq).collect::<Vec<_>>()
        }
    };
    // An event and the gate that it opens carry the same payload.
    assert_eq!(page(0).await, [1, 2, 3, 4]);
    assert_eq!(page(4).await, [5, 6]);
    assert_eq!(page(5).await, [6]);
    assert_eq!(page(6).await, [7, 8]);
}
