//! Gates, against the faults of the existing server. Each test says what that server does; it
//! would fail there.

use std::sync::Arc;

use epr_mcp::domain::gate::Turn;
use epr_mcp::domain::message::{DEFAULT_LIMIT, MessageKind, MessageSubject, render};
use epr_mcp::domain::unit::UnitQuery;
use epr_mcp::registry::{EventWritten, GateView, WriteOptions};

use crate::harness::engine::meddle;
use crate::harness::{
    Bench, START, ada, all_messages, completions, event_input, kinds, record_event, unit,
};

fn turns(written: &EventWritten) -> Vec<(&str, Turn)> {
    written
        .gates
        .iter()
        .map(|gate| (gate.group.name.as_str(), gate.turn))
        .collect()
}

async fn told(bench: &Bench) -> Vec<(String, String, bool)> {
    completions(&all_messages(bench.store().await.as_ref()).await)
}

fn completion(group: &str, name: &str, transition: bool) -> (String, String, bool) {
    (group.to_owned(), name.to_owned(), transition)
}

/// How one gate stands for a unit.
async fn gate(bench: &Bench, group: &str, name: &str) -> GateView {
    let query = UnitQuery {
        name: Some(name.to_owned()),
        ..UnitQuery::default()
    };
    let gates = bench
        .registry
        .check_unit(&ada(), &query, Some(group))
        .await
        .unwrap()
        .gates;
    gates.into_iter().next().unwrap()
}

/// The reference fires all groups of a receiver or none: a member that is missing in any group
/// holds back every other. There the first event fires nothing, and `alone` never fires.
#[tokio::test]
async fn a_complete_group_passes_beside_one_that_still_waits() {
    let bench = Bench::new();
    bench.receiver("build").await;
    bench.receiver("scan").await;
    bench.group("alone", &["build"], true).await;
    bench.group("both", &["build", "scan"], true).await;
    let written = bench.event("build", "web", true).await;
    assert_eq!(
        turns(&written),
        [("alone", Turn::Opened), ("both", Turn::Waiting)]
    );
    let written = bench.event("scan", "web", true).await;
    assert_eq!(turns(&written), [("both", Turn::Opened)]);
    assert_eq!(
        told(&bench).await,
        [
            completion("alone", "web", true),
            completion("both", "web", true)
        ]
    );
}

/// The reference looks at `enabled` only at the end: a disabled group that waits holds back an
/// enabled one that is complete.
#[tokio::test]
async fn a_disabled_group_holds_back_no_other() {
    let bench = Bench::new();
    bench.receiver("build").await;
    bench.receiver("scan").await;
    bench.group("on", &["build"], true).await;
    bench.group("off", &["build", "scan"], false).await;
    let written = bench.event("build", "web", true).await;
    assert_eq!(
        turns(&written),
        [("on", Turn::Opened), ("off", Turn::Disabled)]
    );
    assert_eq!(told(&bench).await, [completion("on", "web", true)]);
}

/// The reference loses the group's type on the way: its completions have the type "", which no
/// watcher can match.
#[tokio::test]
async fn a_completion_carries_the_groups_type_in_both_places() {
    let bench = Bench::new();
    bench.receiver("build").await;
    bench.group("release", &["build"], true).await;
    bench.event("build", "web", true).await;
    let messages = all_messages(bench.store().await.as_ref()).await;
    let body = render(messages.last().unwrap(), "reg", DEFAULT_LIMIT)
        .unwrap()
        .body;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["type"], "gate.release");
    assert_eq!(
        body["data"]["event_receiver_groups"][0]["type"],
        "gate.release"
    );
}

/// The reference inserts and judges in separate transactions: of 40 pairs of last events at the
/// same moment it fires 7 twice. In one transaction without a lock it would fire some never.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_last_events_at_the_same_moment_open_a_gate_exactly_once() {
    const PAIRS: usize = 200;
    let here = Bench::new();
    here.receiver("build").await;
    here.receiver("scan").await;
    here.group("release", &["build", "scan"], true).await;
    let there = Bench::at(&here.path, 1_000_000);
    there.store().await;

    let pair = Arc::new(tokio::sync::Barrier::new(2));
    // The first that fails ends the test: the other would wait for it for ever.
    let mut tasks = tokio::task::JoinSet::new();
    for (bench, receiver) in [(&here, "build"), (&there, "scan")] {
        let (registry, pair) = (bench.registry.clone(), pair.clone());
        tasks.spawn(async move {
            let mut opened = Vec::new();
            for n in 0..PAIRS {
                let input = event_input(receiver, unit(&format!("u{n}")), true, "{}");
                pair.wait().await;
                let written = registry
                    .create_event(&ada(), input, &WriteOptions::default())
                    .await
                    .unwrap();
                opened.push(written.gates[0].turn == Turn::Opened);
            }
            opened
        });
    }
    let first = tasks.join_next().await.unwrap().unwrap();
    let second = tasks.join_next().await.unwrap().unwrap();
    for (n, (first, second)) in first.iter().zip(&second).enumerate() {
        assert!(
            first ^ second,
            "pair {n}: exactly one of the two opened the gate"
        );
    }
    let mut told = told(&here).await;
    told.sort();
    let mut want: Vec<_> = (0..PAIRS)
        .map(|n| completion("release", &format!("u{n}"), true))
        .collect();
    want.sort();
    assert_eq!(told, want, "one completion a unit, each a transition");
}

/// The reference fires again on every later success, with the group's id as the message's id:
/// nobody can tell a repeat from a new completion. Here existing watchers still hear every one,
/// and those who want to can tell.
#[tokio::test]
async fn a_repeated_completion_can_be_told_from_a_new_one() {
    let bench = Bench::new();
    bench.receiver("build").await;
    bench.receiver("scan").await;
    bench.group("release", &["build", "scan"], true).await;
    for (receiver, success) in [
        ("build", true),
        ("scan", true),
        ("scan", true),
        ("build", false),
        ("build", true),
    ] {
        bench.event(receiver, "web", success).await;
    }
    let messages = all_messages(bench.store().await.as_ref()).await;
    let header = |name: &str| -> Vec<String> {
        messages
            .iter()
            .filter(|message| message.subject.kind() == MessageKind::GroupComplete)
            .map(|message| render(message, "reg", DEFAULT_LIMIT).unwrap())
            .map(|wire| {
                wire.headers
                    .into_iter()
                    .find(|(key, _)| *key == name)
                    .unwrap()
                    .1
            })
            .collect()
    };
    assert_eq!(header("ce_eprtransition"), ["true", "false", "true"]);
    let mut ids = header("ce_id");
    ids.dedup();
    assert_eq!(ids.len(), 3, "each has an id of its own");
}

/// The reference takes the greatest `created_at` as the newest, which is the start of a
/// transaction and has ties: of (success, failure) in one transaction the gate passed, of
/// (failure, success) the lower id won; and a clock that steps back makes old events the newest.
#[tokio::test]
async fn the_event_written_last_decides_whatever_the_clock_says() {
    let bench = Bench::new();
    let receiver = bench.receiver("build").await.receiver.id;
    bench.group("release", &["build"], true).await;
    let store = bench.store().await;
    let ids = crate::harness::ids(5_000);
    let id = || epr_mcp::domain::id::EventId::new(epr_mcp::domain::id::IdSource::next(&ids));
    for (name, outcomes) in [("a", [true, false]), ("b", [false, true])] {
        // The later one has the lower id, and both the same time.
        let (high, low) = {
            let low = id();
            (id(), low)
        };
        let batch = [
            record_event(high, receiver, &unit(name), outcomes[0]),
            record_event(low, receiver, &unit(name), outcomes[1]),
        ];
        let decided = store.write(&batch, START).await.unwrap();
        assert_eq!(decided.len(), 2);
        assert_eq!(
            gate(&bench, "release", name).await.state.passes(),
            outcomes[1],
            "{name}"
        );
    }
    bench.event("build", "c", true).await;
    bench.clock.set(START.plus_micros(-86_400_000_000));
    bench.event("build", "c", false).await;
    assert!(!gate(&bench, "release", "c").await.state.passes());
}

/// The reference judges a gate only when an event comes: a group that is made or enabled over
/// green units stays silent, and nobody can ask it how the gate stands.
#[tokio::test]
async fn a_gate_over_green_units_can_be_read_at_once_and_tells_its_next_success() {
    let bench = Bench::new();
    bench.receiver("build").await;
    for name in ["web", "api"] {
        bench.event("build", name, true).await;
    }
    bench.event("build", "db", false).await;
    let late = bench.group("late", &["build"], true).await;
    assert_eq!(
        late.passing.map(|passing| (passing.count, passing.exact)),
        Some((2, true))
    );
    assert!(gate(&bench, "late", "web").await.state.passes());

    let off = bench.group("off", &["build"], false).await;
    assert_eq!(off.passing, None, "a gate out of force lets nothing pass");
    assert!(!gate(&bench, "off", "web").await.state.passes());
    let options = WriteOptions::default();
    let on = bench
        .registry
        .set_group_enabled(&ada(), "off", true, &options)
        .await
        .unwrap();
    assert_eq!(on.passing.map(|passing| passing.count), Some(2));
    assert!(gate(&bench, "off", "web").await.state.passes());
    assert_eq!(
        told(&bench).await,
        [],
        "nothing is told for what happened before"
    );

    bench.event("build", "web", true).await;
    bench.event("build", "web", true).await;
    assert_eq!(
        told(&bench).await,
        [
            completion("late", "web", true),
            completion("off", "web", true),
            completion("late", "web", false),
            completion("off", "web", false),
        ]
    );
}

/// The reference drops the message of an event over 1 MB without a word, although the event is
/// stored; and whatever it had not sent when it stops is gone.
#[tokio::test]
async fn a_large_event_has_its_message_which_survives_a_restart() {
    let bench = Bench::new();
    bench.receiver("sbom").await;
    bench.group("release", &["sbom"], true).await;
    let payload = format!("[\"{}\"]", "x".repeat(3_000_000));
    let input = event_input("sbom", unit("web"), true, &payload);
    bench
        .registry
        .create_event(&ada(), input, &WriteOptions::default())
        .await
        .unwrap();
    bench.registry.close().await;

    let bench = Bench::at(&bench.path, 1);
    let messages = all_messages(bench.store().await.as_ref()).await;
    assert_eq!(
        kinds(&messages)[2..],
        [MessageKind::Event, MessageKind::GroupComplete]
    );
    for message in &messages[2..] {
        let body = render(message, "reg", DEFAULT_LIMIT).unwrap().body;
        assert!(body.len() < DEFAULT_LIMIT);
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            body["data"]["events"][0]["payload_ref"]["size"],
            payload.len()
        );
    }
}

/// The reference answers 500 when judging the gate fails, but the event is stored and its message
/// sent: a client that tries again makes a second one.
#[tokio::test]
async fn a_failure_while_the_gate_is_judged_leaves_nothing_and_the_retry_records_once() {
    let bench = Bench::new();
    bench.receiver("build").await;
    bench.group("release", &["build"], true).await;
    let store = bench.store().await;
    let before = (
        store.counters().await.unwrap(),
        all_messages(store.as_ref()).await.len(),
    );

    meddle(
        &bench.path,
        "CREATE TRIGGER refuse BEFORE INSERT ON message WHEN new.group_num IS NOT NULL \
         BEGIN SELECT raise(ABORT, 'no completion today'); END",
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE 'no completion today' USING ERRCODE = 'check_violation'; END $$; \
         CREATE TRIGGER refuse BEFORE INSERT ON message FOR EACH ROW WHEN (new.group_num IS NOT NULL) \
         EXECUTE FUNCTION refuse()",
    )
    .await;
    let options = WriteOptions {
        idempotency_key: Some("build-1".to_owned()),
        ..WriteOptions::default()
    };
    let attempt = async || {
        let input = event_input("build", unit("web"), true, "{}");
        bench.registry.create_event(&ada(), input, &options).await
    };
    assert!(matches!(
        attempt().await,
        Err(epr_mcp::registry::Error::Internal { .. })
    ));
    let after = (
        store.counters().await.unwrap(),
        all_messages(store.as_ref()).await.len(),
    );
    assert_eq!(after, before, "no event, no message, no unit");

    meddle(
        &bench.path,
        "DROP TRIGGER refuse",
        "DROP TRIGGER refuse ON message",
    )
    .await;
    let first = attempt().await.unwrap();
    let again = attempt().await.unwrap();
    assert!(first.created && !again.created);
    assert_eq!(first.event.id, again.event.id);
    assert_eq!(store.counters().await.unwrap().succeeded, 1);
    assert_eq!(told(&bench).await, [completion("release", "web", true)]);
}

/// The workshop for the reference says that events of two different names complete a group. They
/// do not, there or here: a gate is about one unit, told apart by all five parts of its name.
#[tokio::test]
async fn events_of_different_units_never_complete_a_group_together() {
    let bench = Bench::new();
    bench.receiver("build").await;
    bench.receiver("scan").await;
    bench.group("release", &["build", "scan"], true).await;
    bench.event("build", "web", true).await;
    let mut others = vec![unit("api")];
    for field in 0..4 {
        let mut other = unit("web");
        let parts = [
            &mut other.version,
            &mut other.release,
            &mut other.platform_id,
            &mut other.package,
        ];
        parts.into_iter().nth(field).unwrap().push('x');
        others.push(other);
    }
    for other in others {
        let input = event_input("scan", other.clone(), true, "{}");
        let options = WriteOptions::default();
        let written = bench
            .registry
            .create_event(&ada(), input, &options)
            .await
            .unwrap();
        assert_eq!(turns(&written), [("release", Turn::Waiting)], "{other:?}");
    }
    assert_eq!(told(&bench).await, []);
    bench.event("scan", "web", true).await;
    assert_eq!(told(&bench).await, [completion("release", "web", true)]);
    let messages = all_messages(bench.store().await.as_ref()).await;
    let Some(MessageSubject::GroupComplete { event, .. }) = messages.last().map(|m| &m.subject)
    else {
        panic!("the completion comes last")
    };
    assert_eq!(event.unit, unit("web"));
}
