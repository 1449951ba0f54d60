//! Creating receivers and groups, again and differently.

use super::*;

#[test]
fn an_equal_receiver_is_found_and_nothing_is_written() {
    let mut world = World::with([receiver(1)]);
    let (plan, results) = world.batch(&[command(described_receiver(2, 1, "a receiver", "{}"))]);
    assert_eq!(
        created_receiver(results[0].as_ref().unwrap()),
        (receiver_id(1), false)
    );
    assert!(plan.is_empty());
}

#[test]
fn another_receiver_of_the_same_name_type_and_version_is_a_conflict_that_names_the_fields() {
    let mut world = World::with([receiver(1)]);
    for (description, schema, fields) in [
        ("other", "{}", vec!["description"]),
        ("a receiver", "true", vec!["schema"]),
        ("other", "true", vec!["description", "schema"]),
    ] {
        let refusal = world
            .run(described_receiver(2, 1, description, schema))
            .unwrap_err();
        let Refusal::Conflict {
            kind: "receiver",
            existing,
            differs,
            ..
        } = refusal
        else {
            panic!("{refusal:?}")
        };
        assert_eq!((existing, differs), (receiver_id(1).to_string(), fields));
    }
    assert!(!world.state.receivers.contains_key(&receiver_id(2)));
}

#[test]
fn an_equal_group_is_found_whatever_the_order_of_its_members_and_whether_it_is_enabled() {
    let mut world = World::with([receiver(1), receiver(2), group(1, &[1, 2])]);
    let again = Action::CreateGroup {
        id: group_id(9),
        draft: group_draft(1, &[2, 1], false),
    };
    let (plan, results) = world.batch(&[command(again)]);
    assert_eq!(
        created_group(results[0].as_ref().unwrap()),
        (group_id(1), false)
    );
    assert!(plan.is_empty());
    assert!(
        world.state.groups[&group_id(1)].enabled,
        "finding it does not change it"
    );
}

#[test]
fn another_group_of_the_same_name_type_and_version_is_a_conflict_that_names_the_fields() {
    let mut world = World::with([receiver(1), receiver(2), group(1, &[1])]);
    for (members, description, fields) in [
        (vec![1], "other", vec!["description"]),
        (vec![2], "a group", vec!["event_receiver_ids"]),
        (
            vec![1, 2],
            "other",
            vec!["description", "event_receiver_ids"],
        ),
    ] {
        let draft = GroupDraft {
            description: description.to_owned(),
            ..group_draft(1, &members, true)
        };
        let refusal = world
            .run(Action::CreateGroup {
                id: group_id(9),
                draft,
            })
            .unwrap_err();
        let Refusal::Conflict {
            kind: "group",
            existing,
            differs,
            ..
        } = refusal
        else {
            panic!("{refusal:?}")
        };
        assert_eq!((existing, differs), (group_id(1).to_string(), fields));
    }
}

#[test]
fn what_is_not_there_is_named() {
    let mut world = World::with([receiver(1)]);
    let absent = |kind, id: String| Refusal::NotFound {
        kind,
        what: id,
        near: Vec::new(),
    };
    let gone = receiver_id(7).to_string();
    assert_eq!(
        world.run(group(1, &[1, 7])).unwrap_err(),
        absent("receiver", gone.clone())
    );
    assert_eq!(
        world.run(event(1, 7, "u", true)).unwrap_err(),
        absent("receiver", gone)
    );
    assert_eq!(
        world.run(enable(7, true)).unwrap_err(),
        absent("group", group_id(7).to_string())
    );
}

#[test]
fn a_receiver_belongs_to_a_bounded_number_of_groups() {
    let mut world = World::with([receiver(1), receiver(2)]);
    let most = u128::try_from(limits::GROUPS_PER_RECEIVER).unwrap();
    for n in 1..=most {
        world.run(group(n, &[1])).unwrap();
    }
    let refusal = world.run(group(most + 1, &[2, 1])).unwrap_err();
    assert!(
        matches!(refusal, Refusal::TooLarge { unit: "groups", .. }),
        "{refusal:?}"
    );
    assert!(
        !world.state.groups_of.contains_key(&receiver_id(2)),
        "the refusal left a trace"
    );
    world.run(group(most + 1, &[2])).unwrap();
}

#[test]
fn a_type_shared_by_a_receiver_and_a_group_is_told_on_both_sides() {
    let mut world = World::with([receiver(1)]);
    let shared = |kind: &str| GroupDraft {
        kind: kind.to_owned(),
        ..group_draft(1, &[1], true)
    };
    let action = Action::CreateGroup {
        id: group_id(1),
        draft: shared("type.1"),
    };
    let outcome = world.run(action).unwrap();
    let Outcome::Group {
        shares_type_with_receiver: true,
        ..
    } = outcome
    else {
        panic!("{outcome:?}")
    };
    world
        .run(Action::CreateGroup {
            id: group_id(2),
            draft: shared("type.2"),
        })
        .unwrap();
    let outcome = world.run(receiver(2)).unwrap();
    let Outcome::Receiver {
        shares_type_with_group: true,
        ..
    } = outcome
    else {
        panic!("{outcome:?}")
    };
    let outcome = world.run(receiver(3)).unwrap();
    let Outcome::Receiver {
        shares_type_with_group: false,
        ..
    } = outcome
    else {
        panic!("{outcome:?}")
    };
}
