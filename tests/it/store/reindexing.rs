//! Finding out anew what payloads say.

use std::collections::BTreeMap;
use std::sync::Arc;

use epr_mcp::domain::command::{Action, Command, Outcome};
use epr_mcp::domain::id::ReceiverId;
use epr_mcp::domain::indexed::{Indexed, OldEvent};
use epr_mcp::domain::time::Clock;
use epr_mcp::store::{Decided, Store};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRng, TestRunner};

use super::processes::at_once;
use super::scene::Scene;
use crate::harness::indexed::{all_said, anything, once, record_indexed};
use crate::harness::{self, command, record_event, unit};

/// Events of which some say something and some do not, the same in each run.
fn random(events: usize) -> Vec<Option<Indexed>> {
    let rng = TestRng::deterministic_rng(Config::default().rng_algorithm);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = proptest::option::weighted(0.9, anything());
    let mut one = || strategy.new_tree(&mut runner).unwrap().current();
    (0..events).map(|_| one()).collect()
}

/// What was recorded, by position.
type Said = BTreeMap<i64, OldEvent>;

fn remember(said: &mut Said, commands: &[Command], decided: &[Decided]) {
    for (command, decided) in commands.iter().zip(decided) {
        if let (
            Action::RecordEvent {
                indexed: Some(indexed),
                ..
            },
            Ok(Outcome::Event { event, .. }),
        ) = (&command.action, decided)
        {
            said.insert(event.seq, OldEvent::new(event, indexed.clone()));
        }
    }
}

/// Records them, so many at a time.
async fn record(
    scene: &Scene,
    receiver: ReceiverId,
    says: &[Option<Indexed>],
    batch: usize,
) -> Said {
    let mut said = Said::new();
    for (round, says) in says.chunks(batch).enumerate() {
        let command = |(n, says): (usize, &Option<Indexed>)| {
            let unit = unit(["u", "v"][n % 2]);
            let payload = ["{}", "[]", "1"][(n + round) % 3];
            match says {
                Some(says) => {
                    record_indexed(scene.event_id(), receiver, &unit, payload, says.clone())
                }
                None => record_event(scene.event_id(), receiver, &unit, true),
            }
        };
        let commands: Vec<Command> = says.iter().enumerate().map(command).collect();
        let decided = scene.write(&commands).await;
        remember(&mut said, &commands, &decided);
    }
    said
}

fn clear() -> Command {
    command(Action::ClearIndex)
}

/// The next part of the work, if there is one.
fn part(said: &Said, (after, to): (i64, i64), events: i64) -> Option<Command> {
    let to = to.min(after + events);
    (to > after).then(|| {
        command(Action::Reindex {
            after,
            to,
            events: said
                .range(after + 1..=to)
                .map(|(_, old)| old.clone())
                .collect(),
        })
    })
}

/// Where it is to be gone on, after this was answered.
fn told(decided: &Decided) -> (bool, (i64, i64)) {
    match decided {
        Ok(Outcome::Reindexed { done, after, to }) => (*done, (*after, *to)),
        other => panic!("{other:?}"),
    }
}

/// Does all that is left, so many events at a time.
async fn finish(store: &dyn Store, clock: &dyn Clock, said: &Said, events: i64) {
    let counters = store.counters().await.unwrap();
    let mut left = (counters.reindexed_to, counters.unindexed_to);
    while let Some(command) = part(said, left, events) {
        let decided = store.write(&[command], clock.now()).await.unwrap();
        left = told(&decided[0]).1;
    }
}

pub(crate) async fn what_is_found_out_anew_is_what_was_there(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let says = random(150);
    for batch in [1, 40] {
        let other = Scene::new(scene.database.fresh()).await;
        let create = harness::create_receiver(receiver, "r");
        other.submit(create).await.unwrap();
        let said = record(&other, receiver, &says, batch).await;
        let store = other.store.as_ref();
        let before = all_said(store, 200).await;
        assert!(before.counters.runs > 5 && before.counters.succeeded < 150);

        let (done, left) = told(&other.submit(clear()).await);
        assert!(done);
        assert_eq!(left, (0, before.counters.last_event_seq));
        assert!(store.recorded(&[1, 2, 3]).await.unwrap().is_empty());
        let counters = store.counters().await.unwrap();
        assert_eq!((counters.runs, counters.unindexed_to), (0, left.1));
        finish(store, &other.clock, &said, 7).await;
        assert_eq!(all_said(store, 200).await, before);

        // What comes again is known again.
        let first = said
            .values()
            .find(|old| old.indexed.natural.is_some())
            .unwrap();
        let event = store.events(&[first.seq]).await.unwrap().remove(0);
        let payload = store.payloads(&[first.seq]).await.unwrap().remove(0).1;
        let mut again = first.indexed.as_ref().clone();
        again.natural.as_mut().unwrap().once = true;
        let again = record_indexed(other.event_id(), receiver, &event.unit, &payload, again);
        let decided = other.submit(again).await;
        assert!(
            matches!(decided, Ok(Outcome::Repeated { seq, .. }) if seq == first.seq),
            "{decided:?}"
        );
        assert_eq!(store.check().await.unwrap(), Vec::<String>::new());
        store.close().await;
    }
}

pub(crate) async fn finding_out_anew_goes_on_where_it_ended_in_another_process(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let said = record(&scene, receiver, &random(30), 10).await;
    let before = all_said(scene.store.as_ref(), 100).await;
    let last = before.counters.last_event_seq;
    let (_, left) = told(&scene.submit(clear()).await);
    let first = part(&said, left, 10).unwrap();
    assert_eq!(told(&scene.submit(first.clone()).await), (true, (10, last)));
    scene.store.close().await;

    let store = scene.database.open().await;
    let counters = store.counters().await.unwrap();
    assert_eq!((counters.reindexed_to, counters.unindexed_to), (10, last));
    // What is done is not done again.
    let decided = store.write(&[first], scene.clock.now()).await.unwrap();
    assert_eq!(told(&decided[0]), (false, (10, last)));
    finish(store.as_ref(), &scene.clock, &said, 10).await;
    assert_eq!(all_said(store.as_ref(), 100).await, before);
    let done = store.counters().await.unwrap();
    assert_eq!((done.reindexed_to, done.unindexed_to), (0, 0));
}

pub(crate) async fn events_that_come_meanwhile_are_looked_into_at_once(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let event = |n: u8| record_indexed(scene.event_id(), receiver, &unit("u"), "{}", once(n));
    let commands = [event(1), event(2), event(3)];
    let mut said = Said::new();
    remember(&mut said, &commands, &scene.write(&commands).await);
    let (_, left) = told(&scene.submit(clear()).await);

    let seqs = async || {
        let found = scene.store.recorded(&[1, 2, 3, 4, 5]).await.unwrap();
        found.iter().map(|event| event.seq).collect::<Vec<_>>()
    };
    // It came before, which is known though what it says was forgotten: a gate must not turn by it.
    let again = async || {
        let decided = scene.submit(event(2)).await;
        assert!(
            matches!(decided, Ok(Outcome::Repeated { seq: 2, .. })),
            "{decided:?}"
        );
    };
    again().await;
    assert_eq!(super::scene::recorded(&scene.submit(event(4)).await).seq, 4);
    assert_eq!(seqs().await, [4]);
    let (_, left) = told(&scene.submit(part(&said, left, 2).unwrap()).await);
    assert_eq!((left, seqs().await), ((2, 3), vec![1, 2, 4]));
    again().await;
    finish(scene.store.as_ref(), &scene.clock, &said, 2).await;
    assert_eq!(seqs().await, [1, 2, 3, 4]);
    again().await;
}

pub(crate) async fn two_processes_find_out_anew_together(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let said = Arc::new(record(&scene, receiver, &random(200), 50).await);
    let before = all_said(scene.store.as_ref(), 300).await;
    told(&scene.submit(clear()).await);
    let done = at_once(&scene, 2, |n, store| {
        let said = said.clone();
        async move {
            let (_, clock) = super::processes::source(n);
            let mut done = 0;
            let counters = store.counters().await.unwrap();
            let mut left = (counters.reindexed_to, counters.unindexed_to);
            while let Some(command) = part(&said, left, 5) {
                let decided = store.write(&[command], clock.now()).await.unwrap();
                let answer = told(&decided[0]);
                done += i64::from(answer.0);
                left = answer.1;
            }
            done
        }
    })
    .await;
    let parts = (before.counters.last_event_seq + 4) / 5;
    assert_eq!(done.iter().sum::<i64>(), parts, "each part once: {done:?}");
    assert_eq!(all_said(scene.store.as_ref(), 300).await, before);
}
