//! What payloads say, and events that come again.

use super::*;
use crate::domain::indexed::{Link, NaturalKey, OldEvent};
use crate::domain::run::{RunName, RunTouch};

/// What an event says that has this natural key.
fn said(key: u8, once: bool) -> Indexed {
    Indexed {
        facts: format!("{{\"key\":{key}}}"),
        links: vec![
            Link {
                key: [9; 16],
                role: 1,
            },
            Link {
                key: [key; 16],
                role: 0,
            },
            Link {
                key: [9; 16],
                role: 1,
            },
        ],
        natural: Some(NaturalKey {
            content: None,
            key: [key; 16],
            once,
        }),
        run: Some(RunTouch {
            pipeline_run: None,
            chain: Some("c".to_owned()),
            build: None,
            at: NOW,
            phase: None,
            failed: false,
            labels: Vec::new(),
        }),
    }
}

/// `event(1, 1, "u", true)` with another id, and what it says.
fn again(id: u128, key: u8, once: bool) -> Action {
    saying(id, event(1, 1, "u", true), said(key, once))
}

fn saying(id: u128, action: Action, indexed: Indexed) -> Action {
    let Action::RecordEvent { draft, .. } = action else {
        unreachable!()
    };
    Action::RecordEvent {
        id: EventId::new(Ulid(id)),
        draft,
        indexed: Some(Arc::new(indexed)),
    }
}

/// The position of the event that this one was, or the new one and the one that it is in conflict with.
fn fate(outcome: &Result<Outcome, Refusal>) -> Result<i64, (i64, Option<u128>)> {
    match outcome {
        Ok(Outcome::Repeated { seq, .. }) => Ok(*seq),
        Ok(Outcome::Event {
            event, id_conflict, ..
        }) => Err((event.seq, id_conflict.map(|id| id.ulid().0))),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_event_that_comes_again_is_counted_and_not_recorded_again() {
    let mut world = World::with([receiver(1)]);
    let (plan, outcomes) = world.batch(&[
        command(again(1, 7, true)),
        command(again(2, 7, true)),
        command(again(3, 8, true)),
    ]);
    let fates: Vec<_> = outcomes.iter().map(fate).collect();
    assert_eq!(fates, [Err((1, None)), Ok(1), Err((2, None))]);
    assert_eq!(plan.events.len(), 2);
    assert_eq!(plan.index.repeats, [(1, 1)].into());

    let (plan, outcomes) = world.batch(&[command(again(4, 7, true)), command(again(5, 7, true))]);
    assert!(matches!(&outcomes[1], Ok(Outcome::Repeated { id, seq: 1 }) if id.ulid() == Ulid(1)));
    assert!(plan.events.is_empty() && plan.messages.is_empty() && plan.audit.is_empty());
    assert_eq!(plan.index.repeats, [(1, 2)].into());
    assert!(plan.index.facts.is_empty() && plan.index.runs.is_empty());
    assert!(!plan.is_empty());
    assert_eq!(world.state.last_event_seq, 2);
}

#[test]
fn another_content_is_recorded_and_names_the_one_that_it_is_in_conflict_with() {
    let mut world = World::with([receiver(1), receiver(2)]);
    let others = [
        again(1, 7, true),
        saying(2, event(2, 1, "u", true), said(7, true)),
        saying(3, event(1, 2, "u", true), said(7, true)),
        saying(4, event(1, 1, "v", true), said(7, true)),
        saying(5, event(1, 1, "u", false), said(7, true)),
    ];
    for (n, other) in others.into_iter().enumerate() {
        let outcome = world.run(other);
        let Err((seq, conflict)) = fate(&outcome) else {
            panic!("{outcome:?}")
        };
        assert_eq!(seq, n as i64 + 1);
        assert_eq!(conflict.is_some(), n > 0, "{outcome:?}");
        assert!(conflict.is_none_or(|id| id <= n as u128), "an earlier one");
    }
    // Each of them is known when it comes again.
    let outcome = world.run(saying(9, event(1, 1, "v", true), said(7, true)));
    assert_eq!(fate(&outcome), Ok(4));
}

#[test]
fn a_sender_that_does_not_ask_for_it_gets_each_event_recorded() {
    let mut world = World::with([receiver(1)]);
    let (plan, outcomes) = world.batch(&[
        command(again(1, 7, false)),
        command(again(2, 7, false)),
        command(again(3, 7, true)),
    ]);
    let fates: Vec<_> = outcomes.iter().map(fate).collect();
    assert_eq!(fates, [Err((1, None)), Err((2, None)), Ok(1)]);
    let rows: Vec<i64> = plan.index.natural.values().map(|row| row.seq).collect();
    assert_eq!(rows, [1], "the first one stands for all");
    assert_eq!(plan.index.facts.len(), 2);
}

#[test]
fn an_event_that_comes_again_turns_no_gate_and_asks_nobody() {
    let mut world = World::with([receiver(1), group(1, &[1])]);
    world.run(again(1, 7, true)).unwrap();
    world.run(event(2, 1, "u", false)).unwrap();
    let mut repeated = command(again(3, 7, true));
    repeated.turns = TurnPolicy::Agreed(None);
    repeated.idempotency_key = Some("k".to_owned());
    assert_eq!(fate(&world.submit(repeated.clone())), Ok(1));
    // The key means the first one.
    let replayed = world.submit(repeated).unwrap();
    assert!(
        matches!(&replayed, Outcome::Replayed { id } if *id == Ulid(1).to_string()),
        "{replayed:?}"
    );
}

#[test]
fn a_refused_event_says_nothing() {
    let mut world = World::with([receiver(1)]);
    let refused = saying(1, event(1, 9, "u", true), said(7, true));
    let (plan, outcomes) = world.batch(&[command(refused)]);
    assert_eq!(outcomes[0].as_ref().unwrap_err().code(), "not_found");
    assert!(plan.is_empty());
    assert_eq!(world.state.index.runs.last_num(), 0);
    assert_eq!(fate(&world.run(again(2, 7, true))), Err((1, None)));
}

#[test]
fn links_are_written_in_order_and_each_once() {
    let mut world = World::with([receiver(1)]);
    let (plan, _) = world.batch(&[command(again(1, 11, true)), command(again(2, 8, true))]);
    let links: Vec<_> = plan
        .index
        .links
        .iter()
        .map(|link| (link.key[0], link.seq, link.role))
        .collect();
    assert_eq!(links, [(8, 2, 0), (9, 1, 1), (9, 2, 1), (11, 1, 0)]);
    let chain = RunName::Chain("c".to_owned()).key();
    let run = world.state.index.runs.find(chain).unwrap();
    assert_eq!(run.summary.events, 2);
    assert_eq!(plan.index.runs.len(), 1, "a run is written once a batch");
}

fn reindexed(outcome: &Result<Outcome, Refusal>) -> (bool, i64, i64) {
    match outcome {
        Ok(Outcome::Reindexed { done, after, to }) => (*done, *after, *to),
        other => panic!("{other:?}"),
    }
}

fn old(seq: i64, id: u128, action: Action, key: u8) -> OldEvent {
    let Action::RecordEvent { draft, .. } = action else {
        unreachable!()
    };
    let content = content_key(
        draft.receiver_id,
        &draft.unit,
        draft.success,
        draft.payload.digest(),
    );
    OldEvent {
        seq,
        id: EventId::new(Ulid(id)),
        content,
        indexed: Arc::new(said(key, true)),
    }
}

#[test]
fn what_payloads_say_is_forgotten_and_found_out_anew() {
    let mut world = World::with([receiver(1)]);
    world.run(again(1, 7, true)).unwrap();
    // Forgetting covers what the same batch has recorded, and nothing behind it.
    let (plan, outcomes) = world.batch(&[
        command(again(2, 7, true)),
        command(again(3, 8, true)),
        command(Action::ClearIndex),
        command(again(4, 9, true)),
    ]);
    assert_eq!(reindexed(&outcomes[2]), (true, 0, 2));
    assert!(plan.index.clear);
    assert_eq!(
        plan.index.repeats,
        [(1, 1)].into(),
        "no payload says that it came again"
    );
    let facts: Vec<i64> = plan.index.facts.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(facts, [3]);
    assert!(plan.index.links.iter().all(|link| link.seq == 3));
    assert_eq!(
        plan.index.natural.len(),
        2,
        "by what events are known when they come again stays"
    );
    assert_eq!(
        (plan.index.numbers.runs, plan.index.numbers.last_run_num),
        (1, 1)
    );
    assert_eq!(plan.audit.len(), 1);

    let step = |after, to, events: Vec<OldEvent>| command(Action::Reindex { after, to, events });
    let first = old(1, 1, event(1, 1, "u", true), 7);
    let (_, outcomes) = world.batch(&[step(1, 2, vec![]), step(0, 3, vec![]), step(0, 0, vec![])]);
    for outcome in &outcomes {
        assert_eq!(reindexed(outcome), (false, 0, 2), "it goes on elsewhere");
    }
    // An event that is not in its part is left out.
    let stray = old(2, 3, event(1, 1, "u", true), 8);
    let (plan, outcomes) = world.batch(&[step(0, 1, vec![first.clone(), stray.clone()])]);
    assert_eq!(reindexed(&outcomes[0]), (true, 1, 2));
    assert_eq!(plan.index.facts.len(), 1);
    let (plan, outcomes) = world.batch(&[step(0, 1, vec![first]), step(1, 2, vec![stray])]);
    assert_eq!(
        reindexed(&outcomes[0]),
        (false, 1, 2),
        "somebody else did it"
    );
    assert_eq!(reindexed(&outcomes[1]), (true, 0, 0));
    assert!(plan.index.moved);
    let chain = RunName::Chain("c".to_owned()).key();
    assert_eq!(
        world.state.index.runs.find(chain).unwrap().summary.events,
        3
    );
    assert_eq!(fate(&world.run(again(5, 7, true))), Ok(1));
}

#[test]
fn an_event_that_came_while_older_ones_were_looked_into_gives_way_to_the_first() {
    let mut world = World::with([receiver(1)]);
    world.run(event(1, 1, "u", true)).unwrap();
    world.run(Action::ClearIndex).unwrap();
    assert_eq!(fate(&world.run(again(2, 7, true))), Err((2, None)));
    let events = vec![old(1, 1, event(1, 1, "u", true), 7)];
    let reindex = Action::Reindex {
        after: 0,
        to: 1,
        events,
    };
    let (plan, _) = world.batch(&[command(reindex)]);
    let rows: Vec<_> = plan
        .index
        .natural
        .values()
        .map(|r| (r.seq, r.exists))
        .collect();
    assert_eq!(rows, [(1, true)]);
    assert_eq!(fate(&world.run(again(3, 7, true))), Ok(1));
}
