//! Searches: their bounds, cursors, counts and refusals.

use std::collections::BTreeSet;

use epr_mcp::domain::id::EventId;
use epr_mcp::domain::search::{EventFilter, Order, PointerEquals, TextMatch, Total};
use epr_mcp::domain::time::SteppingClock;
use epr_mcp::limits;
use epr_mcp::registry::{EventSearch, GroupBy, SearchRequest, Selected, WriteOptions};
use serde_json::json;

use crate::harness::{Bench, SECOND, START, ada, code, event_input, ids, record_event, unit};

async fn search(bench: &Bench, request: &SearchRequest) -> EventSearch {
    bench.registry.search_events(&ada(), request).await.unwrap()
}

fn by(filter: EventFilter) -> SearchRequest {
    SearchRequest {
        filter,
        ..SearchRequest::default()
    }
}

fn exact(text: &str) -> Vec<TextMatch> {
    vec![TextMatch::Exact(text.to_owned())]
}

#[tokio::test]
async fn events_by_id_beyond_the_first_page_are_not_lost() {
    let bench = Bench::new();
    bench.receiver("r").await;
    let mut events = Vec::new();
    for _ in 0..5 {
        events.push(bench.event("r", "u", true).await.event.id);
    }
    let filter = EventFilter {
        ids: events.clone(),
        ..EventFilter::default()
    };
    let mut request = SearchRequest {
        limit: 2,
        order: Order::OldestFirst,
        ..by(filter)
    };
    let mut found: Vec<EventId> = Vec::new();
    for rows in [2, 2, 1] {
        let page = search(&bench, &request).await;
        assert_eq!(page.hits.len(), rows);
        found.extend(page.hits.iter().map(|hit| hit.event.id));
        request.cursor = page.next_cursor;
        assert_eq!(page.total, None, "not known before the end");
    }
    assert_eq!(request.cursor, None);
    assert_eq!(found, events);
}

#[tokio::test]
async fn a_search_that_no_index_decides_looks_at_a_bounded_stretch_and_goes_on() {
    let bench = Bench::new();
    let receiver = bench.receiver("r").await.receiver.id;
    let store = bench.store().await;
    let (ids, clock) = (ids(9_000), SteppingClock::new(START, SECOND));
    let total = limits::SCAN_ROWS + limits::COUNT_MAX as usize / 2 + 600;
    let mut rare = BTreeSet::new();
    let mut commands = Vec::new();
    for n in 0..total {
        let mut unit = unit(["web", "api"][n % 2]);
        let id = EventId::new(epr_mcp::domain::id::IdSource::next(&ids));
        if n % 997 == 0 {
            unit.release = "rare".to_owned();
            rare.insert(id);
        }
        commands.push(record_event(id, receiver, &unit, true));
    }
    // The first one by itself: it alone is older than a window that begins right after the start.
    for part in [&commands[..1], &commands[1..]] {
        crate::store::scene::write_all(store.as_ref(), part, &clock).await;
    }

    // Releases have no index: at most so many rows are looked at, wherever the page ends.
    let mut request = by(EventFilter {
        release: exact("rare"),
        ..EventFilter::default()
    });
    let mut found = BTreeSet::new();
    let mut scanned = Vec::new();
    loop {
        let page = search(&bench, &request).await;
        assert!(page.scanned <= limits::SCAN_ROWS);
        assert_eq!(page.total, None, "that would take more rows to tell");
        scanned.push(page.scanned);
        found.extend(page.hits.iter().map(|hit| hit.event.id));
        request.cursor = page.next_cursor;
        if request.cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, rare);
    assert_eq!(scanned, [limits::SCAN_ROWS, limits::SCAN_ROWS, 600]);

    // Counts cover the stretch that was looked at, and say where to go on.
    let mut request = SearchRequest {
        group_by: Some(GroupBy::Name),
        ..SearchRequest::default()
    };
    let mut counts = Vec::new();
    loop {
        let page = search(&bench, &request).await;
        counts.push(
            page.groups
                .unwrap()
                .iter()
                .map(|(_, count)| count)
                .sum::<u64>(),
        );
        request.cursor = page.next_cursor;
        if request.cursor.is_none() {
            break;
        }
    }
    assert_eq!(counts, [5_000, 5_000, 600]);

    // Totals: of a whole stream and of all events exactly, of a window of one stream up to a limit.
    let total_of = async |filter| search(&bench, &by(filter)).await.total.unwrap();
    let all = EventFilter::default();
    let whole = Total {
        count: total as u64,
        exact: true,
    };
    assert_eq!(total_of(all.clone()).await, whole);
    let since = Some(START);
    assert_eq!(
        total_of(EventFilter {
            from: since,
            ..all.clone()
        })
        .await,
        whole
    );
    let of_receiver = EventFilter {
        receiver_ids: vec![receiver],
        ..all
    };
    assert_eq!(total_of(of_receiver.clone()).await, whole);
    let window = EventFilter {
        from: Some(START.plus_micros(1)),
        ..of_receiver
    };
    let many = total_of(window).await;
    assert_eq!((many.count, many.exact), (limits::COUNT_MAX, false));
}

#[tokio::test]
async fn a_search_of_payloads_reads_a_bounded_amount_and_goes_on() {
    let bench = Bench::new();
    bench.receiver("r").await;
    let large = format!(
        "{{\"n\":1,\"text\":\"{}\"}}",
        "x".repeat(limits::SCAN_PAYLOAD_BYTES / 4)
    );
    for n in 0..6 {
        let payload = if n == 0 { "{\"n\":2}" } else { large.as_str() };
        let input = event_input("r", unit("u"), true, payload);
        bench
            .registry
            .create_event(&ada(), input, &WriteOptions::default())
            .await
            .unwrap();
    }
    let wanted = PointerEquals {
        pointer: "/n".to_owned(),
        value: json!(2.0),
    };
    let mut request = by(EventFilter {
        payload: vec![wanted],
        ..EventFilter::default()
    });
    let page = search(&bench, &request).await;
    assert_eq!((page.hits.len(), page.total), (0, None));
    assert!(page.next_cursor.is_some(), "the rest was not read yet");
    request.cursor = page.next_cursor;
    let page = search(&bench, &request).await;
    assert_eq!(page.hits.len(), 1, "2 and 2.0 are one number");
    assert_eq!(page.next_cursor, None);
}

#[tokio::test]
async fn selected_places_of_payloads_come_with_the_rows() {
    let bench = Bench::new();
    bench.receiver("r").await;
    let payload = r#"{"a":{"b":[1,{"c":null}]},"x/y":"z","big":12345678901234567890}"#;
    let input = event_input("r", unit("u"), true, payload);
    bench
        .registry
        .create_event(&ada(), input, &WriteOptions::default())
        .await
        .unwrap();
    let pointers = ["/a/b/1", "/a/b/1/c", "/x~1y", "/a/b/9", "", "/big"];
    let select = pointers.map(str::to_owned).to_vec();
    let page = search(
        &bench,
        &SearchRequest {
            select,
            ..SearchRequest::default()
        },
    )
    .await;
    let whole: serde_json::Value = serde_json::from_str(payload).unwrap();
    assert_eq!(
        page.hits[0].selected,
        [
            Selected::Value(json!({"c": null})),
            Selected::Value(json!(null)),
            Selected::Value(json!("z")),
            Selected::Missing,
            Selected::Value(whole),
            Selected::Value(json!(12_345_678_901_234_567_890_u64)),
        ]
    );
}

#[tokio::test]
async fn a_search_that_cannot_be_meant_is_refused() {
    let bench = Bench::new();
    bench.receiver("r").await;
    for _ in 0..3 {
        bench.event("r", "u", true).await;
    }
    let attempt =
        async |request: SearchRequest| code(bench.registry.search_events(&ada(), &request).await);
    let first = search(
        &bench,
        &SearchRequest {
            limit: 1,
            ..SearchRequest::default()
        },
    )
    .await;
    let cursor = first.next_cursor;
    for other in [
        by(EventFilter {
            name: exact("u"),
            ..EventFilter::default()
        }),
        SearchRequest {
            order: Order::OldestFirst,
            ..SearchRequest::default()
        },
        SearchRequest {
            group_by: Some(GroupBy::Day),
            ..SearchRequest::default()
        },
    ] {
        let request = SearchRequest {
            cursor: cursor.clone(),
            ..other
        };
        assert_eq!(attempt(request).await, "invalid_cursor");
    }
    let request = SearchRequest {
        cursor: Some("nonsense".to_owned()),
        ..SearchRequest::default()
    };
    assert_eq!(attempt(request).await, "invalid_cursor");
    let same = SearchRequest {
        cursor,
        limit: 50,
        ..SearchRequest::default()
    };
    assert_eq!(
        search(&bench, &same).await.hits.len(),
        2,
        "another limit is the same search"
    );

    let values = vec![TextMatch::Exact("x".to_owned()); limits::FILTER_VALUES + 1];
    let request = by(EventFilter {
        release: values,
        ..EventFilter::default()
    });
    assert_eq!(attempt(request).await, "invalid_argument");
    let select = vec!["/a".to_owned(); limits::POINTERS + 1];
    assert_eq!(
        attempt(SearchRequest {
            select,
            ..SearchRequest::default()
        })
        .await,
        "invalid_argument"
    );
    for pointer in ["a", "/a~2", "~0"] {
        let select = vec![pointer.to_owned()];
        let request = SearchRequest {
            select,
            ..SearchRequest::default()
        };
        assert_eq!(attempt(request).await, "invalid_argument", "{pointer}");
    }
    let gone = epr_mcp::domain::id::GroupId::new(epr_mcp::domain::id::IdSource::next(&ids(77)));
    let request = by(EventFilter {
        group: Some(gone),
        ..EventFilter::default()
    });
    assert_eq!(attempt(request).await, "not_found");
}

#[tokio::test]
async fn counts_by_day_follow_the_calendar_in_utc() {
    let bench = Bench::new();
    bench.receiver("r").await;
    let day = 86_400 * SECOND;
    for (n, success) in [(0, true), (0, false), (1, true), (3, true)] {
        bench.clock.set(START.plus_micros(n * day));
        bench.event("r", "u", success).await;
    }
    let count = async |by: GroupBy| {
        let request = SearchRequest {
            group_by: Some(by),
            ..SearchRequest::default()
        };
        search(&bench, &request).await.groups.unwrap()
    };
    let days = [("2026-11-18", 2), ("2026-11-19", 1), ("2026-11-21", 1)];
    assert_eq!(
        count(GroupBy::Day).await,
        days.map(|(day, count)| (day.to_owned(), count))
    );
    let outcomes = [("true".to_owned(), 3), ("false".to_owned(), 1)];
    assert_eq!(count(GroupBy::Success).await, outcomes);
    assert_eq!(count(GroupBy::Receiver).await, [("type.r".to_owned(), 4)]);
}
