//! Searches, against a filter that looks at every event in memory.

use epr_mcp::domain::event::Event;
use epr_mcp::domain::id::{EventId, GroupId, ReceiverId};
use epr_mcp::domain::receiver::Receiver;
use epr_mcp::domain::search::{EventFilter, Order, PointerEquals, TextMatch};
use epr_mcp::domain::unit::Unit;
use epr_mcp::registry::{EventHit, GroupBy, SearchRequest, Selected, WriteOptions};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};

use crate::harness::{Bench, SECOND, START, ada, event_input};

/// One event as the searches may see it.
struct Known {
    event: Event,
    receiver: Receiver,
    payload: Value,
}

/// A registry and everything in it, oldest first.
struct World {
    bench: Bench,
    events: Vec<Known>,
    receivers: Vec<ReceiverId>,
    groups: Vec<(GroupId, Vec<ReceiverId>)>,
}

const EVENTS: usize = 260;
const RECEIVERS: [&str; 4] = ["build", "build2", "test", "scan"];
const NAMES: [&str; 5] = ["web", "web-api", "api", "日本", "wéb*"];

async fn world() -> World {
    let bench = Bench::new();
    let mut receivers = Vec::new();
    for name in RECEIVERS {
        receivers.push(bench.receiver(name).await.receiver.id);
    }
    let mut groups = Vec::new();
    for (name, members) in [("g0", &[0, 3][..]), ("g1", &[1]), ("g2", &[0, 1, 2, 3])] {
        let names: Vec<&str> = members.iter().map(|m| RECEIVERS[*m]).collect();
        let id = bench.group(name, &names, true).await.group.id;
        groups.push((id, members.iter().map(|m| receivers[*m]).collect()));
    }
    let mut events = Vec::new();
    for n in 0..EVENTS {
        let unit = Unit {
            name: NAMES[n % 13 % 5].to_owned(),
            version: ["1.0.0", "1.0.1", "2.0.0"][n / 7 % 3].to_owned(),
            release: ["a", "b"][n / 11 % 2].to_owned(),
            platform_id: ["x64", "arm64"][n % 2].to_owned(),
            package: ["oci", "rpm", "oci-layer"][n / 5 % 3].to_owned(),
        };
        let payload = match n % 6 {
            0 => json!({"n": 1, "deep": {"list": [n, "x"]}}),
            1 => json!({"n": 1.0, "text": "y".repeat(5_000)}),
            2 => json!({"n": "1"}),
            3 => json!({"n": null, "a/b~c": true}),
            4 => json!([1, 2]),
            _ => json!({"m": 2, "deep": {"list": []}}),
        };
        let receiver = RECEIVERS[n % 17 % 4];
        let input = event_input(receiver, unit, n % 5 != 0, &payload.to_string());
        let options = WriteOptions::default();
        let written = bench
            .registry
            .create_event(&ada(), input, &options)
            .await
            .unwrap();
        events.push(Known {
            event: written.event,
            receiver: written.receiver,
            payload,
        });
    }
    World {
        bench,
        events,
        receivers,
        groups,
    }
}

/// A filter whose places in the world are not looked up yet.
#[derive(Debug, Clone)]
struct Wish {
    ids: Vec<Index>,
    unit: Option<Index>,
    texts: [Vec<TextMatch>; 5],
    receivers: Vec<Index>,
    types: Vec<TextMatch>,
    event_types: Vec<TextMatch>,
    group: Option<Index>,
    success: Option<bool>,
    window: (Option<i64>, Option<i64>),
    payload: Vec<PointerEquals>,
}

fn texts(pool: &'static [&'static str], weight: f64) -> impl Strategy<Value = Vec<TextMatch>> {
    let value = (select(pool), any::<bool>()).prop_map(|(text, prefix)| {
        if prefix {
            TextMatch::Prefix(text.to_owned())
        } else {
            TextMatch::Exact(text.to_owned())
        }
    });
    prop::option::weighted(weight, vec(value, 1..3)).prop_map(Option::unwrap_or_default)
}

fn pointers() -> impl Strategy<Value = Vec<PointerEquals>> {
    let wanted = [
        ("/n", json!(1)),
        ("/n", json!("1")),
        ("/n", Value::Null),
        ("/deep/list", json!([])),
        ("/deep/list/1", json!("x")),
        ("/a~1b~0c", json!(true)),
        ("", json!([1, 2])),
        ("/none", Value::Null),
    ];
    let one = select(wanted.to_vec()).prop_map(|(pointer, value)| PointerEquals {
        pointer: pointer.to_owned(),
        value,
    });
    prop::option::weighted(0.15, vec(one, 1..3)).prop_map(Option::unwrap_or_default)
}

fn wish() -> impl Strategy<Value = Wish> {
    let maybe = prop::option::weighted::<BoxedStrategy<Index>>;
    let second = || prop::option::weighted(0.2, -5_i64..i64::try_from(EVENTS).unwrap() + 20);
    let ids = prop::option::weighted(0.2, vec(any::<Index>(), 1..20));
    let receivers = prop::option::weighted(0.15, vec(any::<Index>(), 1..3));
    (
        (ids, maybe(0.1, any::<Index>().boxed())),
        (
            texts(&["web", "we", "", "api", "日", "wéb*", "nothing"], 0.3),
            texts(&["1.0.0", "1.", "2.0.0", "3"], 0.15),
            texts(&["a", "b", "c"], 0.1),
            texts(&["x64", "arm", ""], 0.1),
            texts(&["oci", "rpm"], 0.1),
        ),
        (
            receivers,
            texts(&["type.build", "type.", "type.scan", "none"], 0.15),
            texts(&["type.build", "type.test", "none"], 0.1),
        ),
        maybe(0.15, any::<Index>().boxed()),
        prop::option::weighted(0.3, any::<bool>()),
        (second(), second()),
        pointers(),
    )
        .prop_map(
            |(
                (ids, unit),
                texts,
                (receivers, types, event_types),
                group,
                success,
                window,
                payload,
            )| Wish {
                ids: ids.unwrap_or_default(),
                unit,
                texts: [texts.0, texts.1, texts.2, texts.3, texts.4],
                receivers: receivers.unwrap_or_default(),
                types,
                event_types,
                group,
                success,
                window,
                payload,
            },
        )
}

impl World {
    fn filter(&self, wish: &Wish) -> EventFilter {
        let event = |index: &Index| &self.events[index.index(EVENTS)].event;
        let [name, version, release, platform_id, package] = wish.texts.clone();
        let instant = |second: i64| START.plus_micros(second * SECOND);
        EventFilter {
            ids: wish.ids.iter().map(|index| event(index).id).collect(),
            unit: wish.unit.as_ref().map(|index| event(index).unit.clone()),
            name,
            version,
            release,
            platform_id,
            package,
            receiver_ids: wish
                .receivers
                .iter()
                .map(|index| *index.get(&self.receivers))
                .collect(),
            types: wish.types.clone(),
            event_types: wish.event_types.clone(),
            group: wish.group.as_ref().map(|index| index.get(&self.groups).0),
            success: wish.success,
            from: wish.window.0.map(instant),
            to: wish.window.1.map(instant),
            payload: wish.payload.clone(),
        }
    }

    /// What a filter means, in its plainest form.
    fn fits(&self, filter: &EventFilter, known: &Known) -> bool {
        let (event, unit) = (&known.event, &known.event.unit);
        let any = |values: &[TextMatch], text: &str| {
            values.is_empty()
                || values.iter().any(|value| match value {
                    TextMatch::Exact(want) => want == text,
                    TextMatch::Prefix(want) => text.starts_with(want),
                })
        };
        let members = |id| {
            &self
                .groups
                .iter()
                .find(|(group, _)| *group == id)
                .unwrap()
                .1
        };
        let equal = |want: &PointerEquals| match known.payload.pointer(&want.pointer) {
            // The one number in the world that is written in two ways.
            Some(Value::Number(found)) if want.value == json!(1) => found.as_f64() == Some(1.0),
            found => found == Some(&want.value),
        };
        (filter.ids.is_empty() || filter.ids.contains(&event.id))
            && filter.unit.as_ref().is_none_or(|want| want == unit)
            && any(&filter.name, &unit.name)
            && any(&filter.version, &unit.version)
            && any(&filter.release, &unit.release)
            && any(&filter.platform_id, &unit.platform_id)
            && any(&filter.package, &unit.package)
            && (filter.receiver_ids.is_empty() || filter.receiver_ids.contains(&event.receiver_id))
            && any(&filter.types, &known.receiver.kind)
            && any(&filter.event_types, &known.receiver.kind)
            && filter
                .group
                .is_none_or(|id| members(id).contains(&event.receiver_id))
            && filter.success.is_none_or(|want| want == event.success)
            && filter.from.is_none_or(|from| event.created_at >= from)
            && filter.to.is_none_or(|to| event.created_at < to)
            && filter.payload.iter().all(equal)
    }

    fn expected(&self, filter: &EventFilter, order: Order) -> Vec<&Known> {
        let mut all: Vec<&Known> = self
            .events
            .iter()
            .filter(|known| self.fits(filter, known))
            .collect();
        if order == Order::NewestFirst {
            all.reverse();
        }
        all
    }

    /// Follows a search to its end, checking what each page says of itself.
    async fn pages(
        &self,
        mut request: SearchRequest,
        expected: usize,
    ) -> Result<Vec<EventHit>, TestCaseError> {
        let most = request.limit.clamp(1, 100);
        let mut hits = Vec::new();
        for page in 0.. {
            let found = self
                .bench
                .registry
                .search_events(&ada(), &request)
                .await
                .unwrap();
            prop_assert!(found.hits.len() <= most && found.groups.is_none());
            prop_assert!(found.scanned >= found.hits.len());
            if let Some(total) = found.total {
                prop_assert!(total.exact, "there are few enough events");
                prop_assert_eq!(total.count, expected as u64, "the total, on page {}", page);
            }
            prop_assert!(page <= expected, "a page without a row leads on and on");
            hits.extend(found.hits);
            request.cursor = found.next_cursor;
            if request.cursor.is_none() {
                break;
            }
        }
        Ok(hits)
    }
}

#[test]
fn every_search_finds_what_a_look_at_every_event_finds() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(world());
    let order = prop_oneof![Just(Order::NewestFirst), Just(Order::OldestFirst)];
    let limit = select(vec![0, 3, 9, 40, 100, 1_000]);
    let by = select(vec![
        GroupBy::Name,
        GroupBy::Receiver,
        GroupBy::Success,
        GroupBy::Day,
    ]);
    let config = Config {
        failure_persistence: None,
        ..Config::with_cases(128)
    };
    let checked = TestRunner::new(config).run(
        &(wish(), order, limit, any::<bool>(), by),
        |(wish, order, limit, selects, by)| {
            let filter = world.filter(&wish);
            let expected = world.expected(&filter, order);
            let select = if selects {
                vec!["/n".to_owned(), "/deep/list/0".to_owned()]
            } else {
                vec![]
            };
            let request = SearchRequest {
                filter: filter.clone(),
                limit,
                order,
                select: select.clone(),
                ..SearchRequest::default()
            };
            let hits = runtime.block_on(world.pages(request, expected.len()))?;
            let found: Vec<EventId> = hits.iter().map(|hit| hit.event.id).collect();
            let want: Vec<EventId> = expected.iter().map(|known| known.event.id).collect();
            prop_assert_eq!(found, want);
            for (hit, known) in hits.iter().zip(&expected) {
                prop_assert_eq!(hit.receiver.id, known.receiver.id);
                prop_assert_eq!(&hit.event.unit, &known.event.unit);
                let value = |at: &String| {
                    let found = known.payload.pointer(at).cloned();
                    found.map_or(Selected::Missing, Selected::Value)
                };
                let values: Vec<Selected> = select.iter().map(value).collect();
                prop_assert_eq!(&hit.selected, &values);
            }

            let request = SearchRequest {
                filter,
                order,
                group_by: Some(by),
                ..SearchRequest::default()
            };
            let found = runtime.block_on(world.bench.registry.search_events(&ada(), &request));
            let groups = found.unwrap().groups.unwrap();
            prop_assert!(groups.is_sorted_by(|a, b| a.1 > b.1 || (a.1 == b.1 && a.0 < b.0)));
            for (key, count) in &groups {
                let of_group = expected.iter().filter(|known| match by {
                    GroupBy::Name => known.event.unit.name == *key,
                    GroupBy::Receiver => known.receiver.kind == *key,
                    GroupBy::Success => known.event.success.to_string() == *key,
                    GroupBy::Day => known.event.created_at.to_string().starts_with(key.as_str()),
                });
                prop_assert_eq!(of_group.count() as u64, *count, "{}", key);
            }
            let counted: u64 = groups.iter().map(|(_, count)| count).sum();
            prop_assert_eq!(counted, expected.len() as u64);
            Ok(())
        },
    );
    checked.unwrap_or_else(|fault| panic!("{fault}"));
}
