//! What is kept beside events: facts, links, natural keys.

use epr_mcp::correlate::Role;
use epr_mcp::domain::command::{Action, Command, Outcome};
use epr_mcp::domain::id::{EventId, ReceiverId};
use epr_mcp::domain::indexed::Indexed;
use epr_mcp::domain::search::Order;
use epr_mcp::limits;
use epr_mcp::store::Bounds;

use super::scene::{Scene, recorded};
use crate::harness::indexed::{all_said, key, links, once, record_indexed, says, touch, touching};
use crate::harness::unit;

/// Records an event for each of these, in one batch.
pub(super) async fn record(
    scene: &Scene,
    receiver: ReceiverId,
    said: Vec<Indexed>,
) -> Vec<EventId> {
    let command = |says| record_indexed(scene.event_id(), receiver, &unit("u"), "{}", says);
    let commands: Vec<Command> = said.into_iter().map(command).collect();
    let decided = scene.write(&commands).await;
    decided.iter().map(|decided| recorded(decided).id).collect()
}

pub(crate) async fn links_come_by_key_in_the_order_of_their_events(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let said = vec![
        links("1", &[(1, Role::Own), (2, Role::Uses)]),
        links("2", &[(1, Role::Member)]),
        // One event with two roles, and one role told twice.
        links(
            "3",
            &[(1, Role::Uses), (1, Role::Produces), (1, Role::Uses)],
        ),
        links("4", &[(2, Role::Own)]),
    ];
    record(&scene, receiver, said).await;
    let read = async |keys: &[u8], per_key, order| {
        let keys: Vec<_> = keys.iter().map(|n| key(*n)).collect();
        let links = scene
            .store
            .links(&keys, per_key, Bounds::default(), order)
            .await
            .unwrap();
        let row = |link: epr_mcp::store::LinkRow| (link.place, link.seq, link.role);
        links.into_iter().map(row).collect::<Vec<_>>()
    };
    let (newest, oldest) = (Order::NewestFirst, Order::OldestFirst);
    assert_eq!(
        read(&[1, 9, 2], 10, oldest).await,
        [
            (0, 1, Role::Own),
            (0, 2, Role::Member),
            (0, 3, Role::Produces),
            (0, 3, Role::Uses),
            (2, 1, Role::Uses),
            (2, 4, Role::Own),
        ]
    );
    assert_eq!(
        read(&[1, 2], 2, newest).await,
        [
            (0, 3, Role::Uses),
            (0, 3, Role::Produces),
            (1, 4, Role::Own),
            (1, 1, Role::Uses),
        ]
    );
    assert_eq!(
        read(&[2, 2], 1, oldest).await,
        [(0, 1, Role::Uses), (1, 1, Role::Uses)]
    );
    assert_eq!(read(&[], 10, newest).await, []);
    assert_eq!(read(&[1], 0, newest).await, []);
}

pub(crate) async fn an_event_comes_back_with_what_it_says(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let odd = "a \"name\"\twith \\N, \u{0} and ü\u{1f600}\n";
    let ids = record(&scene, receiver, vec![says("first"), says(odd)]).await;
    scene.event(receiver, &unit("u"), true).await;
    let found = scene.store.recorded(&[2, 3, 9, 1]).await.unwrap();
    let told: Vec<_> = found
        .iter()
        .map(|event| (event.seq, event.id, event.facts.name.as_deref().unwrap()))
        .collect();
    assert_eq!(told, [(2, ids[1], odd), (1, ids[0], "first")]);
    let event = scene.store.events(&[2]).await.unwrap().remove(0);
    assert_eq!(found[0].unit, event.unit);
    assert_eq!(found[0].receiver_type, "type.r");
    assert_eq!(found[0].recorded_at, event.created_at);
    assert_eq!(found[0].payload_digest, event.payload_digest);
    assert!(found[0].success && found[0].repeats == 0);
}

/// The position of the event that this one was, or its own.
async fn fate(scene: &Scene, command: Command) -> Result<i64, i64> {
    match scene.submit(command).await {
        Ok(Outcome::Repeated { seq, .. }) => Ok(seq),
        Ok(Outcome::Event { event, .. }) => Err(event.seq),
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn an_event_that_comes_again_is_counted_and_not_recorded_again(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let event = |says| record_indexed(scene.event_id(), receiver, &unit("u"), "{}", says);
    let decided = scene
        .write(&[event(once(1)), event(once(1)), event(once(2))])
        .await;
    let first = recorded(&decided[0]);
    assert!(matches!(&decided[1], Ok(Outcome::Repeated { id, seq: 1 }) if *id == first.id));
    assert_eq!(recorded(&decided[2]).seq, 2);
    let before = scene.store.counters().await.unwrap();

    let again = event(once(1));
    let preview = scene
        .store
        .preview(std::slice::from_ref(&again), super::scene::after_start(0))
        .await;
    assert!(matches!(
        preview.unwrap().remove(0),
        Ok(Outcome::Repeated { seq: 1, .. })
    ));
    assert_eq!(fate(&scene, again).await, Ok(1));
    scene.store.close().await;
    let scene = Scene {
        store: scene.database.open().await,
        ..scene
    };
    let event = |says| record_indexed(scene.event_id(), receiver, &unit("u"), "{}", says);
    assert_eq!(fate(&scene, event(once(1))).await, Ok(1));
    assert_eq!(scene.store.counters().await.unwrap(), before);
    let repeats = async |scene: &Scene| {
        let found = scene.store.recorded(&[1, 2, 3]).await.unwrap();
        found.iter().map(|event| event.repeats).collect::<Vec<_>>()
    };
    assert_eq!(repeats(&scene).await, [3, 0]);
    // Who does not ask for that gets it recorded.
    let mut plain = once(1);
    plain.natural.as_mut().unwrap().once = false;
    assert_eq!(fate(&scene, event(plain)).await, Err(3));
    assert_eq!(fate(&scene, event(once(1))).await, Ok(1));
    assert_eq!(repeats(&scene).await, [4, 0, 0]);
}

pub(crate) async fn one_source_and_id_with_several_contents_are_told_apart(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let event = |n: usize| {
        let payload = format!("{{\"n\":{n}}}");
        record_indexed(scene.event_id(), receiver, &unit("u"), &payload, once(1))
    };
    let mut seen: Vec<EventId> = Vec::new();
    for n in 0..10 {
        let decided = scene.write(&[event(n), event(n), event(n / 2)]).await;
        let Ok(Outcome::Event {
            event, id_conflict, ..
        }) = &decided[0]
        else {
            panic!("{decided:?}")
        };
        assert_eq!(event.seq, n as i64 + 1);
        assert_eq!(id_conflict.is_some(), n > 0);
        assert!(
            id_conflict.is_none_or(|id| seen.contains(&id)),
            "it names an earlier one"
        );
        seen.push(event.id);
        for (decided, first) in decided[1..].iter().zip([n, n / 2]) {
            let Ok(Outcome::Repeated { id, .. }) = decided else {
                panic!("{decided:?}")
            };
            assert_eq!(*id, seen[first]);
        }
    }
}

/// What one batch says that is long enough to be copied on PostgreSQL, and what the same events say
/// one by one.
pub(crate) async fn a_batch_that_is_copied_says_the_same_as_one_that_is_not(scene: Scene) {
    let said = |n: usize| {
        let mut says = links(
            &format!("tab\t, \\N and {n}"),
            &[(1, Role::Own), (n as u8, Role::Uses), (2, Role::Member)],
        );
        says.natural = once(n as u8 % 100).natural;
        let mut run = touch(n as i64);
        run.chain = Some(format!("chain\t{}", n % 7));
        says.run = touching(run).run;
        says
    };
    let count = limits::POSTGRES_COPY_EVENTS + 50;
    let receiver = scene.receiver("r").await;
    let ids: Vec<EventId> = (0..count).map(|_| scene.event_id()).collect();
    let command = |n: usize| {
        let payload = format!("{}", n / 100);
        record_indexed(ids[n], receiver, &unit("u"), &payload, said(n))
    };
    let commands: Vec<Command> = (0..count).map(command).collect();
    let now = super::scene::after_start(0);
    let decided = scene.store.write(&commands, now).await.unwrap();
    // What the time did not suffice for.
    let rest = &commands[decided.len()..];
    if !rest.is_empty() {
        scene.store.write(rest, now).await.unwrap();
    }
    let other = Scene::new(scene.database.fresh()).await;
    let create = crate::harness::create_receiver(receiver, "r");
    other.store.write(&[create], now).await.unwrap();
    for command in &commands {
        other
            .store
            .write(std::slice::from_ref(command), now)
            .await
            .unwrap();
    }
    let at_once = all_said(scene.store.as_ref(), 500).await;
    let one_by_one = all_said(other.store.as_ref(), 500).await;
    assert_eq!(at_once.counters.succeeded, count as u64);
    assert_eq!(at_once.recorded, one_by_one.recorded);
    assert_eq!(at_once.links, one_by_one.links);
    for chain in 0..7 {
        let id = format!("chain\t{chain}");
        let run = async |scene: &Scene| scene.store.runs_by_id(&id, 9).await.unwrap();
        assert_eq!(run(&scene).await, run(&other).await);
    }
    let again = command(0);
    assert_eq!(fate(&scene, again.clone()).await, Ok(1));
    assert_eq!(fate(&other, again).await, Ok(1));
}

pub(crate) async fn an_event_that_says_nothing_leaves_no_trace(scene: Scene) {
    let receiver = scene.receiver("r").await;
    scene.event(receiver, &unit("u"), true).await;
    let refused = record_indexed(
        scene.event_id(),
        scene.receiver_id(),
        &unit("u"),
        "{}",
        links("refused", &[(1, Role::Own)]),
    );
    scene.submit(refused).await.unwrap_err();
    let empty = Scene::new(scene.database.fresh()).await;
    let none = all_said(empty.store.as_ref(), 10).await;
    let said = all_said(scene.store.as_ref(), 10).await;
    assert_eq!(said.recorded, none.recorded);
    assert_eq!(said.links, none.links);
    assert_eq!((said.counters.runs, said.counters.unindexed_to), (0, 0));
    let reindex = Action::Reindex {
        after: 0,
        to: 1,
        events: Vec::new(),
    };
    let decided = scene.submit(crate::harness::command(reindex)).await;
    assert!(
        matches!(
            decided,
            Ok(Outcome::Reindexed {
                done: false,
                after: 0,
                to: 0
            })
        ),
        "there is nothing to be looked into: {decided:?}"
    );
}
