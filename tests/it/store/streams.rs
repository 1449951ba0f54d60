//! Index ranges over the log of events.

use epr_mcp::domain::event::Event;
use epr_mcp::domain::search::Order;
use epr_mcp::store::{Bounds, Stream};

use super::scene::{Scene, after_start, recorded};
use crate::harness::{SECOND, record_event, unit};

/// Forty events over three receivers, two names with two versions each, and both outcomes.
async fn filled(scene: &Scene) -> (Vec<Event>, Vec<Stream>) {
    let receivers = [
        scene.receiver("a").await,
        scene.receiver("b").await,
        scene.receiver("c").await,
    ];
    let mut commands = Vec::new();
    for n in 0..40_usize {
        let mut unit = unit(["web", "api"][n % 2]);
        unit.version = ["1", "2"][n / 3 % 2].to_owned();
        let receiver = receivers[n % 5 % 3];
        commands.push(record_event(scene.event_id(), receiver, &unit, n % 7 != 0));
    }
    let events: Vec<Event> = scene.write(&commands).await.iter().map(recorded).collect();
    let mut streams = vec![Stream::All, Stream::Failed];
    for event in &events[..12] {
        streams.push(Stream::Unit(scene.row(&event.unit).await));
    }
    for (name, _) in scene.store.names(&names_all(), 10).await.unwrap() {
        streams.extend([true, false].map(|success| Stream::Name(name, success)));
    }
    for receiver in receivers {
        streams.extend([true, false].map(|success| Stream::Receiver(receiver, success)));
    }
    (events, streams)
}

fn names_all() -> epr_mcp::domain::search::TextMatch {
    epr_mcp::domain::search::TextMatch::Prefix(String::new())
}

/// What a stream holds, told from the events themselves.
async fn expected(scene: &Scene, events: &[Event], stream: Stream) -> Vec<i64> {
    let mut seqs = Vec::new();
    for event in events {
        let holds = match stream {
            Stream::All => true,
            Stream::Failed => !event.success,
            Stream::Unit(row) => scene.row(&event.unit).await == row,
            Stream::Name(id, success) => {
                let exact = epr_mcp::domain::search::TextMatch::Exact(event.unit.name.clone());
                let name = scene.store.names(&exact, 2).await.unwrap();
                name == [(id, event.unit.name.clone())] && event.success == success
            }
            Stream::Receiver(id, success) => event.receiver_id == id && event.success == success,
        };
        if holds {
            seqs.push(event.seq);
        }
    }
    seqs
}

pub(crate) async fn every_stream_gives_its_events_in_both_orders_within_bounds(scene: Scene) {
    let (events, streams) = filled(&scene).await;
    let last = events.last().unwrap().seq;
    assert_eq!(
        events.iter().map(|e| e.seq).collect::<Vec<_>>(),
        (1..=last).collect::<Vec<_>>()
    );
    let bounds = [
        Bounds::default(),
        Bounds {
            after: 10,
            before: 31,
        },
        Bounds {
            after: 39,
            before: 41,
        },
        Bounds {
            after: 17,
            before: 18,
        },
        Bounds {
            after: 30,
            before: 10,
        },
        Bounds {
            after: last,
            before: i64::MAX,
        },
    ];
    for stream in streams {
        let all = expected(&scene, &events, stream).await;
        assert!(
            !all.is_empty() || matches!(stream, Stream::Receiver(..)),
            "{stream:?} is untested"
        );
        for bounds in bounds {
            let mut inside: Vec<i64> = all
                .iter()
                .copied()
                .filter(|s| *s > bounds.after && *s < bounds.before)
                .collect();
            for order in [Order::OldestFirst, Order::NewestFirst] {
                for limit in [0, 1, 3, 1_000] {
                    let found = scene
                        .store
                        .stream(stream, bounds, order, limit)
                        .await
                        .unwrap();
                    let want = &inside[..limit.min(inside.len())];
                    assert_eq!(found, want, "{stream:?} {bounds:?} {order:?} {limit}");
                }
                inside.reverse();
            }
        }
    }
}

pub(crate) async fn counts_are_kept_for_every_stream(scene: Scene) {
    let (events, streams) = filled(&scene).await;
    for stream in streams {
        let want = expected(&scene, &events, stream).await.len() as u64;
        assert_eq!(
            scene.store.stream_count(stream).await.unwrap(),
            want,
            "{stream:?}"
        );
    }
}

pub(crate) async fn a_stream_of_something_unknown_is_empty(scene: Scene) {
    let streams = [
        Stream::All,
        Stream::Failed,
        Stream::Unit(77),
        Stream::Name(77, true),
        Stream::Receiver(scene.receiver_id(), false),
    ];
    for stream in streams {
        for order in [Order::OldestFirst, Order::NewestFirst] {
            let found = scene
                .store
                .stream(stream, Bounds::default(), order, 10)
                .await
                .unwrap();
            assert_eq!(found, Vec::<i64>::new(), "{stream:?}");
        }
        assert_eq!(
            scene.store.stream_count(stream).await.unwrap(),
            0,
            "{stream:?}"
        );
    }
}

pub(crate) async fn a_time_leads_to_the_first_event_at_or_after_it(scene: Scene) {
    assert_eq!(
        scene.store.seq_at(after_start(0)).await.unwrap(),
        1,
        "an empty log"
    );
    let receiver = scene.receiver("r").await;
    let one_at = |micros, commands: Vec<_>| {
        let store = scene.store.clone();
        async move { store.write(&commands, after_start(micros)).await.unwrap() }
    };
    let event = || record_event(scene.event_id(), receiver, &unit("u"), true);
    // Two events in one microsecond, then two later ones.
    one_at(10 * SECOND, vec![event(), event()]).await;
    one_at(11 * SECOND, vec![event()]).await;
    one_at(20 * SECOND, vec![event()]).await;
    for (micros, seq) in [
        (0, 1),
        (10 * SECOND, 1),
        (10 * SECOND + 1, 3),
        (11 * SECOND, 3),
        (20 * SECOND, 4),
        (20 * SECOND + 1, 5),
        (i64::MAX / 2, 5),
    ] {
        assert_eq!(
            scene.store.seq_at(after_start(micros)).await.unwrap(),
            seq,
            "{micros}"
        );
    }
}

pub(crate) async fn several_streams_of_one_kind_are_merged_and_counted_together(scene: Scene) {
    let (_, mut all) = filled(&scene).await;
    all.extend([Stream::Unit(9_999), Stream::Name(9_999, true)]);
    all.sort_by_key(|stream| format!("{stream:?}"));
    all.dedup();
    let kind = |stream: &Stream| std::mem::discriminant(stream);
    for several in all.chunk_by(|a, b| kind(a) == kind(b)) {
        let mut seqs = Vec::new();
        let mut count = 0;
        for stream in several {
            let (up, whole) = (Order::OldestFirst, Bounds::default());
            seqs.extend(scene.store.stream(*stream, whole, up, 1_000).await.unwrap());
            count += scene.store.stream_count(*stream).await.unwrap();
        }
        seqs.sort_unstable();
        let counted = scene.store.stream_counts(several).await.unwrap();
        assert_eq!(counted, count, "{several:?}");
        for (after, before) in [(0, i64::MAX), (7, 31), (39, 40)] {
            let bounds = Bounds { after, before };
            let inside = seqs.iter().filter(|seq| **seq > after && **seq < before);
            let inside: Vec<i64> = inside.copied().collect();
            for limit in [1, 5, 1_000] {
                for order in [Order::OldestFirst, Order::NewestFirst] {
                    let mut wanted = inside.clone();
                    if order == Order::NewestFirst {
                        wanted.reverse();
                    }
                    wanted.truncate(limit);
                    let found = scene.store.streams(several, bounds, order, limit).await;
                    assert_eq!(
                        found.unwrap(),
                        wanted,
                        "{several:?} {bounds:?} {order:?} {limit}"
                    );
                }
            }
        }
    }
    let none = scene
        .store
        .streams(&[], Bounds::default(), Order::NewestFirst, 5);
    assert!(none.await.unwrap().is_empty());
    assert_eq!(scene.store.stream_counts(&[]).await.unwrap(), 0);
}
