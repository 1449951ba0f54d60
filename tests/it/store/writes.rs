//! Batches of commands.

use epr_mcp::domain::command::{Action, AuditNote, Command, Outcome};
use epr_mcp::domain::refusal::Refusal;
use epr_mcp::domain::time::Clock;
use epr_mcp::limits;
use epr_mcp::store::{Counters, Store};

use super::scene::{Scene, after_start, recorded, write_all};
use crate::harness::{
    SECOND, all_messages, command, create_group, create_receiver, kinds, record_event, unit,
};

/// Everything that a write can change, in a form that compares.
async fn fingerprint(store: &dyn Store) -> (Counters, usize, usize, Vec<(i64, String)>) {
    let units = store.units_by_name(None, None, 100).await.unwrap();
    (
        store.counters().await.unwrap(),
        all_messages(store).await.len(),
        store.audit(None, 1_000).await.unwrap().len(),
        units
            .into_iter()
            .map(|(row, unit)| (row, unit.uri()))
            .collect(),
    )
}

pub(crate) async fn a_preview_tells_what_a_write_would_do_and_writes_nothing(scene: Scene) {
    let (a, b) = (scene.receiver("a").await, scene.receiver("b").await);
    let group = scene.group("g", &[a, b]).await;
    scene.event(a, &unit("u"), true).await;
    let keyed = |key: &str, command: Command| Command {
        idempotency_key: Some(key.to_owned()),
        ..command
    };
    let other_description = {
        let mut create = create_receiver(scene.receiver_id(), "a");
        let Action::CreateReceiver { draft, .. } = &mut create.action else {
            panic!()
        };
        draft.description = "other".to_owned();
        create
    };
    let commands = [
        create_receiver(scene.receiver_id(), "c"),
        create_receiver(scene.receiver_id(), "a"),
        other_description,
        create_group(scene.group_id(), "h", &[b, a], true),
        command(Action::SetGroupEnabled {
            id: scene.group_id(),
            enabled: true,
        }),
        record_event(scene.event_id(), b, &unit("new"), false),
        // Opens the gate.
        keyed("k", record_event(scene.event_id(), b, &unit("u"), true)),
        command(Action::SetGroupEnabled {
            id: group,
            enabled: false,
        }),
    ];
    for command in commands {
        let now = scene.clock.now();
        let before = fingerprint(scene.store.as_ref()).await;
        let preview = scene
            .store
            .preview(std::slice::from_ref(&command), now)
            .await
            .unwrap()
            .remove(0);
        assert_eq!(
            fingerprint(scene.store.as_ref()).await,
            before,
            "{command:?}"
        );
        // The preview is exactly what the write then does.
        let written = scene.store.write(&[command], now).await.unwrap().remove(0);
        assert_eq!(format!("{preview:?}"), format!("{written:?}"));
    }
}

pub(crate) async fn a_batch_of_500_commands_is_written_in_order(scene: Scene) {
    let receiver = scene.receiver("r").await;
    scene.group("g", &[receiver]).await;
    let mut commands = Vec::new();
    for n in 0..limits::BATCH_COMMANDS {
        let unit = unit(&format!("u{}", n % 50));
        commands.push(record_event(scene.event_id(), receiver, &unit, n % 3 != 0));
    }
    let decided = scene.write(&commands).await;
    let events: Vec<_> = decided.iter().map(recorded).collect();
    for (n, event) in events.iter().enumerate() {
        assert_eq!(event.seq, i64::try_from(n).unwrap() + 1);
        let Action::RecordEvent { id, .. } = &commands[n].action else {
            panic!()
        };
        assert_eq!(event.id, *id, "answers stand in the order of the commands");
    }
    let counters = scene.store.counters().await.unwrap();
    assert_eq!(
        (counters.succeeded, counters.failed, counters.units),
        (333, 167, 50)
    );
    let messages = all_messages(scene.store.as_ref()).await;
    assert_eq!(messages.len(), 2 + 500 + 333);
    assert!(messages.is_sorted_by(|a, b| a.seq + 1 == b.seq));
}

pub(crate) async fn a_refused_command_does_not_touch_its_neighbours(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let conflicting = {
        let mut create = create_receiver(scene.receiver_id(), "r");
        let Action::CreateReceiver { draft, .. } = &mut create.action else {
            panic!()
        };
        draft.schema = "true".to_owned();
        create
    };
    let decided = scene
        .write(&[
            record_event(scene.event_id(), receiver, &unit("u"), true),
            record_event(scene.event_id(), scene.receiver_id(), &unit("v"), true),
            conflicting,
            create_group(
                scene.group_id(),
                "g",
                &[receiver, scene.receiver_id()],
                true,
            ),
            command(Action::SetGroupEnabled {
                id: scene.group_id(),
                enabled: true,
            }),
            record_event(scene.event_id(), receiver, &unit("w"), false),
        ])
        .await;
    let codes: Vec<&str> = decided
        .iter()
        .map(|d| d.as_ref().map_or_else(Refusal::code, |_| "written"))
        .collect();
    assert_eq!(
        codes,
        [
            "written",
            "not_found",
            "conflict",
            "not_found",
            "not_found",
            "written"
        ]
    );
    let counters = scene.store.counters().await.unwrap();
    assert_eq!(
        (counters.succeeded, counters.failed, counters.units),
        (1, 1, 2)
    );
    assert_eq!(
        (counters.receivers, counters.groups, counters.messages),
        (1, 0, 3)
    );
    assert_eq!(
        scene.store.newest_names(9).await.unwrap(),
        ["w", "u"],
        "v left no name"
    );

    // A batch of refusals alone changes nothing at all, not even the time.
    let before = fingerprint(scene.store.as_ref()).await;
    let refused = record_event(scene.event_id(), scene.receiver_id(), &unit("x"), true);
    assert!(scene.submit(refused).await.is_err());
    assert_eq!(fingerprint(scene.store.as_ref()).await, before);
}

pub(crate) async fn idempotency_keys_outlive_the_process(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let id = scene.event_id();
    let keyed = |id, name: &str| Command {
        idempotency_key: Some("kéy".to_owned()),
        ..record_event(id, receiver, &unit(name), true)
    };
    scene.submit(keyed(id, "u")).await.unwrap();
    let before = fingerprint(scene.store.as_ref()).await;

    scene.store.close().await;
    let store = scene.database.open().await;
    let decided = write_all(
        store.as_ref(),
        &[keyed(scene.event_id(), "u"), keyed(scene.event_id(), "v")],
        &scene.clock,
    )
    .await;
    assert!(matches!(&decided[0], Ok(Outcome::Replayed { id: first }) if *first == id.to_string()));
    assert_eq!(
        decided[1].as_ref().unwrap_err(),
        &Refusal::IdempotencyConflict {
            key: "kéy".to_owned(),
            existing: id.to_string()
        }
    );
    assert_eq!(fingerprint(store.as_ref()).await, before);
}

pub(crate) async fn a_key_that_found_what_existed_already_is_kept_too(scene: Scene) {
    let first = scene.receiver("r").await;
    let keyed = |name: &str| Command {
        idempotency_key: Some("k".to_owned()),
        ..create_receiver(scene.receiver_id(), name)
    };
    let found = scene.submit(keyed("r")).await;
    assert!(
        matches!(found, Ok(Outcome::Receiver { created: false, .. })),
        "{found:?}"
    );
    let other = scene.submit(keyed("other")).await.unwrap_err();
    let existing = first.to_string();
    assert_eq!(
        other,
        Refusal::IdempotencyConflict {
            key: "k".to_owned(),
            existing
        }
    );
}

pub(crate) async fn running_numbers_go_on_after_a_restart(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let group = scene.group("g", &[receiver]).await;
    assert_eq!(scene.event(receiver, &unit("u"), true).await.seq, 1);
    scene.store.close().await;

    let store = scene.database.open().await;
    let again = create_receiver(scene.receiver_id(), "r");
    let next = record_event(scene.event_id(), receiver, &unit("u"), true);
    let decided = write_all(store.as_ref(), &[again, next], &scene.clock).await;
    let Ok(Outcome::Receiver {
        receiver: found,
        created: false,
        ..
    }) = &decided[0]
    else {
        panic!("{decided:?}")
    };
    assert_eq!(found.id, receiver);
    assert_eq!(recorded(&decided[1]).seq, 2);
    let messages = all_messages(store.as_ref()).await;
    assert_eq!(messages.last().unwrap().seq, 6);
    assert!(
        !messages.last().unwrap().transition,
        "the gate was open before the restart"
    );
    assert_eq!(store.groups(&[group]).await.unwrap().len(), 1);
    assert_eq!(kinds(&messages[4..]).len(), 2);
    assert_eq!(store.info().registry_id, scene.store.info().registry_id);
}

pub(crate) async fn time_never_goes_back_across_processes(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let other = scene.database.open().await;
    let mut times = Vec::new();
    for (store, second) in [
        (&scene.store, 50),
        (&other, 10),
        (&scene.store, 40),
        (&other, 60),
    ] {
        let command = record_event(scene.event_id(), receiver, &unit("u"), true);
        let decided = store
            .write(&[command], after_start(second * SECOND))
            .await
            .unwrap();
        times.push(recorded(&decided[0]).created_at);
    }
    let seconds = [50, 50, 50, 60].map(|second| after_start(second * SECOND));
    assert_eq!(times, seconds);
    // An audit row alone moves the time as well.
    let note = AuditNote {
        action: "a".to_owned(),
        target: "t".to_owned(),
        outcome: "o".to_owned(),
        detail: "d".to_owned(),
    };
    scene
        .store
        .write(&[command(Action::Audit(note))], after_start(90 * SECOND))
        .await
        .unwrap();
    let command = record_event(scene.event_id(), receiver, &unit("u"), true);
    let decided = other.write(&[command], after_start(0)).await.unwrap();
    assert_eq!(recorded(&decided[0]).created_at, after_start(90 * SECOND));
}
