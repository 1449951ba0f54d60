//! Idempotency keys.

use super::*;

#[test]
fn a_repeated_key_with_the_same_content_gives_the_first_id() {
    let mut world = World::with([receiver(1)]);
    let firsts = [
        keyed("ada", "r", receiver(2)),
        keyed("ada", "g", group(1, &[1])),
        keyed("ada", "e", event(1, 1, "u", true)),
        keyed("ada", "s", enable(1, false)),
    ];
    let repeats = [
        (
            keyed("ada", "r", described_receiver(12, 2, "a receiver", "{}")),
            receiver_id(2).to_string(),
        ),
        (
            keyed(
                "ada",
                "g",
                Action::CreateGroup {
                    id: group_id(11),
                    draft: group_draft(1, &[1], true),
                },
            ),
            group_id(1).to_string(),
        ),
        (
            keyed("ada", "e", repeated_event(11)),
            EventId::new(Ulid(1)).to_string(),
        ),
        (keyed("ada", "s", enable(1, false)), group_id(1).to_string()),
    ];
    for first in firsts {
        world.submit(first).unwrap();
    }
    // A replay tells of the first command and does not depend on what became of it since.
    world.run(enable(1, true)).unwrap();
    for (repeat, first) in repeats {
        let (plan, mut results) = world.batch(&[repeat]);
        let Ok(Outcome::Replayed { id }) = results.pop().unwrap() else {
            panic!("not replayed")
        };
        assert_eq!(id, first);
        assert!(plan.is_empty());
    }
    assert_eq!(world.state.last_event_seq, 1);
    assert!(world.state.groups[&group_id(1)].enabled);
}

/// `event(1, 1, "u", true)` as a client sends it again: all but the id that we assign is equal.
fn repeated_event(id: u128) -> Action {
    let Action::RecordEvent { draft, .. } = event(1, 1, "u", true) else {
        unreachable!()
    };
    Action::RecordEvent {
        id: EventId::new(Ulid(id)),
        draft,
        indexed: None,
    }
}

#[test]
fn a_repeated_key_with_other_content_is_a_conflict_that_names_the_first() {
    let mut world = World::with([receiver(1), receiver(2)]);
    world
        .submit(keyed("ada", "k", event(1, 1, "u", true)))
        .unwrap();
    let Action::RecordEvent { draft, .. } = event(1, 1, "u", true) else {
        unreachable!()
    };
    let others = [
        EventDraft {
            unit: unit("v"),
            ..draft.clone()
        },
        EventDraft {
            description: "other".to_owned(),
            ..draft.clone()
        },
        EventDraft {
            success: false,
            ..draft.clone()
        },
        EventDraft {
            receiver_id: receiver_id(2),
            ..draft.clone()
        },
        EventDraft {
            payload: Payload::new("{ \"event\":1}"),
            ..draft
        },
    ];
    for draft in others {
        let action = Action::RecordEvent {
            id: EventId::new(Ulid(2)),
            draft,
            indexed: None,
        };
        assert_eq!(
            world.submit(keyed("ada", "k", action)).unwrap_err(),
            Refusal::IdempotencyConflict {
                key: "k".to_owned(),
                existing: EventId::new(Ulid(1)).to_string()
            }
        );
    }
    assert_eq!(
        world
            .submit(keyed("ada", "k", receiver(3)))
            .unwrap_err()
            .code(),
        "idempotency_conflict",
        "the key covers the kind of command too"
    );
}

#[test]
fn keys_hold_within_one_batch_and_belong_to_their_principal() {
    let mut world = World::with([receiver(1)]);
    let (plan, results) = world.batch(&[
        keyed("ada", "k", event(1, 1, "u", true)),
        keyed("ada", "k", repeated_event(2)),
        keyed("ada", "k", event(3, 1, "u", false)),
        keyed("bob", "k", event(4, 1, "u", true)),
    ]);
    assert!(matches!(&results[0], Ok(Outcome::Event { .. })));
    assert!(matches!(&results[1], Ok(Outcome::Replayed { id }) if *id == Ulid(1).to_string()));
    assert!(matches!(
        &results[2],
        Err(Refusal::IdempotencyConflict { .. })
    ));
    assert!(matches!(&results[3], Ok(Outcome::Event { .. })));
    assert_eq!(plan.events.len(), 2);
    let keys: Vec<_> = plan
        .idempotency
        .iter()
        .map(|row| (row.principal.as_str(), row.id.as_str()))
        .collect();
    let (first, last) = (Ulid(1).to_string(), Ulid(4).to_string());
    assert_eq!(keys, [("ada", first.as_str()), ("bob", last.as_str())]);
}

#[test]
fn a_key_that_found_what_existed_already_is_kept_too() {
    let mut world = World::with([receiver(1)]);
    let found = keyed("ada", "k", described_receiver(2, 1, "a receiver", "{}"));
    let (plan, results) = world.batch(&[found]);
    assert!(matches!(
        &results[0],
        Ok(Outcome::Receiver { created: false, .. })
    ));
    assert!(!plan.is_empty(), "the key has to be written");
    let other = world.submit(keyed("ada", "k", receiver(3)));
    assert_eq!(other.unwrap_err().code(), "idempotency_conflict");
}

#[test]
fn a_refused_command_does_not_use_up_its_key() {
    let mut world = World::with([receiver(1)]);
    let refused = world.submit(keyed("ada", "k", event(1, 7, "u", true)));
    assert_eq!(refused.unwrap_err().code(), "not_found");
    let outcome = world
        .submit(keyed("ada", "k", event(2, 1, "u", true)))
        .unwrap();
    assert_eq!(recorded(&outcome).id, EventId::new(Ulid(2)));
}
