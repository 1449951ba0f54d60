//! What events do to gates, and which messages that becomes.

use super::*;
use crate::domain::command::GateEffect;
use crate::domain::gate::{Standing, Turn};

fn effects(outcome: &Outcome) -> &[GateEffect] {
    let Outcome::Event { gates, .. } = outcome else {
        panic!("{outcome:?}")
    };
    gates
}

fn turns(outcome: &Outcome) -> Vec<Turn> {
    effects(outcome).iter().map(|effect| effect.turn).collect()
}

/// Of each completion that an event became: whether it is a transition.
fn completions(outcome: &Outcome) -> Vec<bool> {
    let Outcome::Event { messages, .. } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(
        messages[0].kind,
        MessageKind::Event,
        "the event's own message comes first"
    );
    assert_eq!(
        messages
            .iter()
            .filter(|m| m.kind == MessageKind::Event)
            .count(),
        1
    );
    messages
        .iter()
        .filter(|message| message.kind == MessageKind::GroupComplete)
        .map(|message| message.transition)
        .collect()
}

fn one_gate() -> World {
    World::with([receiver(1), receiver(2), group(1, &[1, 2])])
}

#[test]
fn a_gate_opens_stays_open_closes_and_opens_again() {
    let mut world = one_gate();
    let steps = [
        (1, true, Turn::Waiting, None),
        (1, true, Turn::Waiting, None),
        (2, true, Turn::Opened, Some(true)),
        (2, true, Turn::StillPassing, Some(false)),
        (1, true, Turn::StillPassing, Some(false)),
        (1, false, Turn::Closed, None),
        (1, false, Turn::Waiting, None),
        (2, true, Turn::Waiting, None),
        (1, true, Turn::Opened, Some(true)),
    ];
    for (n, (receiver, success, turn, completion)) in steps.into_iter().enumerate() {
        let outcome = world.record(receiver, success);
        assert_eq!(turns(&outcome), [turn], "step {n}");
        assert_eq!(
            completions(&outcome),
            Vec::from_iter(completion),
            "step {n}"
        );
    }
}

#[test]
fn the_answer_tells_what_a_gate_waits_for() {
    let mut world = one_gate();
    let outcome = world.record(1, false);
    let state = &effects(&outcome)[0].state;
    let waits: Vec<_> = state
        .waits_for()
        .map(|(id, standing)| (id, standing.word()))
        .collect();
    assert_eq!(
        waits,
        [(receiver_id(1), "fail"), (receiver_id(2), "missing")]
    );
    assert!(matches!(state.members[0].1, Standing::Fail(newest) if newest.seq == 1));
}

#[test]
fn a_disabled_gate_tells_nothing() {
    let mut world = World::with([receiver(1), disabled_group(1, &[1])]);
    let outcome = world.record(1, true);
    assert_eq!(turns(&outcome), [Turn::Disabled]);
    assert!(completions(&outcome).is_empty());
    assert!(
        effects(&outcome)[0].state.complete(),
        "how it would stand is told all the same"
    );
}

#[test]
fn a_group_enabled_over_green_units_tells_its_first_completion_as_a_transition() {
    let mut world = World::with([receiver(1), receiver(2), disabled_group(1, &[1, 2])]);
    world.record(1, true);
    world.record(2, true);
    let Ok(Outcome::GroupEnabled {
        group, messages, ..
    }) = world.run(enable(1, true))
    else {
        panic!("not enabled")
    };
    assert_eq!(group.active_from_seq, 2);
    let kinds: Vec<_> = messages.iter().map(|message| message.kind).collect();
    assert_eq!(
        kinds,
        [MessageKind::GroupModified],
        "enabling completes nothing by itself"
    );

    // The gate was passing, but nobody has been told so.
    let outcome = world.record(1, true);
    assert_eq!(
        (turns(&outcome), completions(&outcome)),
        (vec![Turn::StillPassing], vec![true])
    );
    let outcome = world.record(2, true);
    assert_eq!(completions(&outcome), [false]);
}

#[test]
fn a_group_made_over_green_units_tells_its_first_completion_as_a_transition() {
    let mut world = World::with([receiver(1), receiver(2)]);
    world.record(1, true);
    world.record(2, true);
    let Ok(Outcome::Group {
        group, messages, ..
    }) = world.run(group(1, &[1, 2]))
    else {
        panic!("not created")
    };
    assert_eq!((group.active_from_seq, messages.len()), (2, 1));
    assert_eq!(completions(&world.record(2, true)), [true]);
    assert_eq!(completions(&world.record(2, true)), [false]);
}

#[test]
fn disabling_and_enabling_again_makes_the_next_completion_a_transition() {
    let mut world = one_gate();
    world.record(1, true);
    assert_eq!(completions(&world.record(2, true)), [true]);
    world.run(enable(1, false)).unwrap();
    assert!(completions(&world.record(2, true)).is_empty());
    world.run(enable(1, true)).unwrap();
    assert_eq!(completions(&world.record(1, true)), [true]);
}

#[test]
fn events_of_one_batch_are_folded_in_the_order_of_their_positions() {
    for (order, last) in [([true, false], Turn::Closed), ([false, true], Turn::Opened)] {
        let mut world = World::with([receiver(1), group(1, &[1])]);
        let (plan, results) = world.batch(&[
            command(event(2, 1, "u", order[0])),
            command(event(1, 1, "u", order[1])),
        ]);
        let outcomes: Vec<_> = results.into_iter().map(Result::unwrap).collect();
        assert_eq!(
            turns(&outcomes[1]),
            [last],
            "the later one decides, whatever the ids"
        );
        let newest = plan.latest[&(1, receiver_id(1))];
        assert_eq!((newest.seq, newest.success), (2, order[1]));
        let seqs: Vec<_> = plan.messages.iter().map(|message| message.seq).collect();
        assert_eq!(
            seqs,
            [3, 4, 5],
            "two events, one completion, after receiver and group"
        );
    }
}

#[test]
fn every_gate_of_a_receiver_is_judged_on_its_own() {
    let mut world = World::with([
        receiver(1),
        receiver(2),
        receiver(3),
        group(1, &[1]),
        group(2, &[1, 2]),
        disabled_group(3, &[1, 2]),
        group(4, &[3]),
    ]);
    let outcome = world.record(1, true);
    assert_eq!(
        turns(&outcome),
        [Turn::Opened, Turn::Waiting, Turn::Disabled]
    );
    let outcome = world.record(2, true);
    assert_eq!(turns(&outcome), [Turn::Opened, Turn::Disabled]);
    let ids: Vec<_> = effects(&outcome)
        .iter()
        .map(|effect| effect.group.id)
        .collect();
    assert_eq!(
        ids,
        [group_id(2), group_id(3)],
        "gates without the receiver are not touched"
    );
}

#[test]
fn units_do_not_mix() {
    let mut world = one_gate();
    world.record(1, true);
    let outcome = world.run(event(77, 2, "v", true)).unwrap();
    assert_eq!(turns(&outcome), [Turn::Waiting]);
}

#[test]
fn a_group_made_in_the_same_batch_counts_for_the_events_after_it() {
    let mut world = World::default();
    let (plan, results) = world.batch(&[
        command(receiver(1)),
        command(event(1, 1, "u", true)),
        command(group(1, &[1])),
        command(event(2, 1, "u", true)),
        command(enable(1, false)),
        command(event(3, 1, "u", true)),
    ]);
    let outcomes: Vec<_> = results.into_iter().map(Result::unwrap).collect();
    assert!(effects(&outcomes[1]).is_empty());
    assert_eq!(completions(&outcomes[3]), [true]);
    assert_eq!(turns(&outcomes[5]), [Turn::Disabled]);
    let snapshots: Vec<_> = plan
        .messages
        .iter()
        .filter_map(|m| m.group.as_ref())
        .map(|(_, s)| s.enabled)
        .collect();
    assert_eq!(
        snapshots,
        [true, true, false],
        "each message keeps the group as it was then"
    );
}

#[test]
fn messages_name_what_they_are_about() {
    let mut world = World::with([receiver(1), group(1, &[1])]);
    let (plan, results) = world.batch(&[command(event(1, 1, "u", true))]);
    let Ok(Outcome::Event { messages, .. }) = &results[0] else {
        panic!("{results:?}")
    };
    let types: Vec<_> = messages.iter().map(|m| m.type_name.as_str()).collect();
    assert_eq!(types, ["type.1", "gate.1"]);
    let about: Vec<_> = plan
        .messages
        .iter()
        .map(|m| {
            (
                m.event_seq,
                m.receiver_id,
                m.group.as_ref().map(|(id, _)| *id),
            )
        })
        .collect();
    assert_eq!(
        about,
        [(Some(1), None, None), (Some(1), None, Some(group_id(1)))]
    );
}

#[test]
fn a_held_write_turns_no_gate_and_leaves_no_trace() {
    let mut world = one_gate();
    let held = |action: Action| Command {
        turns: TurnPolicy::Agreed(None),
        ..command(action)
    };
    // What turns nothing needs no confirmation.
    world.submit(held(event(1, 1, "u", true))).unwrap();
    let before = format!("{:?}", world.state);
    let mut marks = Vec::new();
    for (action, what) in [
        (event(2, 2, "u", true), "open"),
        (enable(1, false), "put out of force"),
    ] {
        let (plan, mut results) = world.batch(&[held(action)]);
        let Err(Refusal::Unconfirmed {
            turns, more, mark, ..
        }) = results.remove(0)
        else {
            panic!("not refused")
        };
        assert_eq!((turns[0].what, turns.len(), more), (what, 1, false));
        assert!(plan.is_empty());
        assert_eq!(format!("{:?}", world.state), before, "no trace");
        marks.push(mark);
    }
    // What was agreed to is allowed, and nothing else.
    let with = |mark: &String, action| Command {
        turns: TurnPolicy::Agreed(Some(mark.clone())),
        ..command(action)
    };
    let [opens, disables] = &marks[..] else {
        panic!("{marks:?}")
    };
    let refused = world.submit(with(disables, event(2, 2, "u", true)));
    assert!(matches!(refused, Err(Refusal::Unconfirmed { .. })));
    world.submit(with(opens, event(2, 2, "u", true))).unwrap();
    let closing = world.submit(held(event(3, 1, "u", false)));
    assert!(
        matches!(&closing, Err(Refusal::Unconfirmed { turns, .. }) if turns[0].what == "close"),
        "{closing:?}"
    );
    // A repeated success leaves the gate as it is.
    world.submit(held(event(4, 1, "u", true))).unwrap();
    // Enabling what is enabled changes nothing.
    world.submit(held(enable(1, true))).unwrap();
}

#[test]
fn a_held_success_does_not_announce_a_gate_that_was_made_over_passing_units() {
    let mut world = World::with([receiver(1)]);
    world.submit(command(event(1, 1, "u", true))).unwrap();
    world.submit(command(group(1, &[1]))).unwrap();
    let held = |n| Command {
        turns: TurnPolicy::Agreed(None),
        ..command(event(n, 1, "u", true))
    };
    let refused = world.submit(held(2));
    assert!(
        matches!(&refused, Err(Refusal::Unconfirmed { turns, .. }) if turns[0].what == "announce as passing"),
        "{refused:?}"
    );
    world.submit(command(event(3, 1, "u", true))).unwrap();
    world.submit(held(4)).unwrap();
}

#[test]
fn a_held_event_of_a_new_unit_makes_no_unit() {
    let mut world = World::with([receiver(1), group(1, &[1])]);
    let held = Command {
        turns: TurnPolicy::Agreed(None),
        ..command(event(1, 1, "new", true))
    };
    assert!(matches!(
        world.submit(held),
        Err(Refusal::Unconfirmed { .. })
    ));
    assert!(world.state.units.is_empty() && world.state.names.is_empty());
    let opened = world.run(event(2, 1, "new", true)).unwrap();
    assert_eq!(recorded(&opened).seq, 1);
}
