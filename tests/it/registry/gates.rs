//! How gates stand, for a unit and for a group; what the registry holds at a glance.

use std::collections::{BTreeMap, BTreeSet};

use epr_mcp::domain::gate::Standing;
use epr_mcp::domain::unit::UnitQuery;
use epr_mcp::limits;
use epr_mcp::registry::{ReceiverInput, UnitGates, WriteOptions};

use crate::harness::engine::{self, Engine};
use crate::harness::{Bench, SECOND, START, ada, code, unit};

async fn check(bench: &Bench, name: &str, group: Option<&str>) -> UnitGates {
    let query = UnitQuery {
        unit: Some(unit(name).uri()),
        ..UnitQuery::default()
    };
    bench
        .registry
        .check_unit(&ada(), &query, group)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_units_gates_tell_each_member_and_the_event_that_decides() {
    let bench = Bench::new();
    for name in ["build", "test", "scan", "other"] {
        bench.receiver(name).await;
    }
    bench.group("all", &["scan", "build", "test"], true).await;
    bench.group("off", &["build"], false).await;
    bench.group("elsewhere", &["other"], true).await;
    bench.event("build", "web", false).await;
    let built = bench.event("build", "web", true).await.event;
    let scanned = bench.event("scan", "web", false).await.event;
    bench.event("other", "api", true).await;

    let gates = check(&bench, "web", None).await;
    assert!(gates.known && !gates.more);
    assert_eq!(gates.unit, unit("web"));
    let names: Vec<&str> = gates
        .gates
        .iter()
        .map(|gate| gate.group.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["all", "off"],
        "only those that an event of the unit touches"
    );
    let all = &gates.gates[0];
    let members: Vec<_> = all
        .members
        .iter()
        .map(|m| {
            (
                m.receiver.name.as_str(),
                m.standing.word(),
                m.event.as_ref().map(|e| e.id),
            )
        })
        .collect();
    assert_eq!(
        members,
        [
            ("scan", "fail", Some(scanned.id)),
            ("build", "pass", Some(built.id)),
            ("test", "missing", None)
        ]
    );
    assert!(matches!(all.members[1].standing, Standing::Pass(newest) if newest.seq == built.seq));
    assert_eq!(
        all.members[0].event.as_ref().unwrap().recorded_by.principal,
        "ada"
    );
    assert_eq!(
        all.since(),
        Some(scanned.created_at),
        "since its newest failure"
    );
    let off = &gates.gates[1];
    assert!(off.state.complete() && !off.state.passes());
    assert_eq!(off.since(), Some(built.created_at));

    // One gate can be asked for, touched or not.
    let one = check(&bench, "web", Some("elsewhere")).await;
    assert_eq!(one.gates.len(), 1);
    assert_eq!(one.gates[0].members[0].standing.word(), "missing");
    let new = check(&bench, "new", Some("all")).await;
    assert!(!new.known && !new.gates[0].state.passes());
    let query = UnitQuery {
        unit: Some(unit("web").uri()),
        ..UnitQuery::default()
    };
    assert_eq!(
        code(
            bench
                .registry
                .check_unit(&ada(), &query, Some("nothing"))
                .await
        ),
        "not_found"
    );
}

#[tokio::test]
async fn more_gates_than_fit_on_a_page_are_told_to_be_left_out() {
    let bench = Bench::new();
    bench.receiver("r").await;
    for n in 0..=limits::PAGE_MAX {
        bench.group(&format!("g{n}"), &["r"], true).await;
        if n + 1 == limits::PAGE_MAX {
            bench.event("r", "web", true).await;
            let gates = check(&bench, "web", None).await;
            assert_eq!((gates.gates.len(), gates.more), (limits::PAGE_MAX, false));
        }
    }
    let gates = check(&bench, "web", None).await;
    assert_eq!((gates.gates.len(), gates.more), (limits::PAGE_MAX, true));
}

/// Events over three receivers of which one belongs to no group, in an order in which units move.
async fn busy(bench: &Bench) -> BTreeMap<String, BTreeMap<&'static str, (i64, bool)>> {
    for name in ["a", "b", "apart"] {
        bench.receiver(name).await;
    }
    bench.group("g", &["a", "b"], true).await;
    let mut newest: BTreeMap<String, BTreeMap<&'static str, (i64, bool)>> = BTreeMap::new();
    for n in 0..150_u32 {
        let receiver = ["a", "b", "b", "apart", "a"][n as usize % 5];
        let name = format!("u{}", n * 7 % 31);
        let success = n % 4 != 0;
        let event = bench.event(receiver, &name, success).await.event;
        if receiver != "apart" {
            newest
                .entry(name)
                .or_default()
                .insert(receiver, (event.seq, success));
        }
    }
    newest
}

#[tokio::test]
async fn units_that_wait_come_newest_first_and_each_once() {
    let bench = Bench::new();
    let newest = busy(&bench).await;
    let waits = |members: &BTreeMap<_, (i64, bool)>| {
        ["a", "b"]
            .iter()
            .any(|r| members.get(r).is_none_or(|(_, success)| !success))
    };
    let mut expected: Vec<(i64, &str)> = newest
        .iter()
        .filter(|(_, members)| waits(members))
        .map(|(name, members)| {
            (
                members.values().map(|(seq, _)| *seq).max().unwrap(),
                name.as_str(),
            )
        })
        .collect();
    expected.sort_unstable_by(|a, b| b.cmp(a));
    assert!(expected.len() > 5 && expected.len() < newest.len());

    for limit in [1, 4, 100] {
        let mut cursor = None;
        let (mut found, mut passing, mut looked_at) = (Vec::new(), 0, 0);
        loop {
            let page = bench
                .registry
                .check_group(&ada(), "g", limit, cursor.as_deref())
                .await
                .unwrap();
            assert!(page.waiting.len() <= limit);
            for waiting in page.waiting {
                let gate = check(&bench, &waiting.unit.name, Some("g"))
                    .await
                    .gates
                    .remove(0);
                assert_eq!(
                    waiting.state, gate.state,
                    "both tell the same of {}",
                    waiting.unit.name
                );
                let newest = gate
                    .members
                    .iter()
                    .filter_map(|m| m.event.as_ref())
                    .max_by_key(|e| e.seq);
                assert_eq!(waiting.last_event_at, newest.unwrap().created_at);
                found.push(waiting.unit.name);
            }
            passing += page.passing;
            looked_at += page.looked_at;
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(
            found,
            expected.iter().map(|(_, name)| *name).collect::<Vec<_>>(),
            "limit {limit}"
        );
        assert_eq!(
            (looked_at, passing),
            (newest.len(), newest.len() - expected.len())
        );
    }
    assert_eq!(
        code(bench.registry.check_group(&ada(), "nothing", 1, None).await),
        "not_found"
    );
    let foreign = bench
        .registry
        .check_group(&ada(), "g", 1, Some("AAAA"))
        .await;
    assert_eq!(code(foreign), "invalid_cursor");
}

#[tokio::test]
async fn recent_units_come_by_their_newest_event_and_each_once() {
    let bench = Bench::new();
    busy(&bench).await;
    let store = bench.store().await;
    let all: Vec<i64> = (1..=150).rev().collect();
    let mut expected = Vec::new();
    for event in store.events(&all).await.unwrap() {
        if !expected.contains(&(event.unit.clone(), event.created_at))
            && expected.iter().all(|(unit, _)| *unit != event.unit)
        {
            expected.push((event.unit, event.created_at));
        }
    }
    for limit in [1, 7, 100] {
        let mut cursor: Option<String> = None;
        let mut found = Vec::new();
        loop {
            let (units, next) = bench
                .registry
                .recent_units(&ada(), limit, cursor.as_deref())
                .await
                .unwrap();
            assert!(units.len() <= limit);
            found.extend(units);
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "limit {limit}");
    }
}

#[tokio::test]
async fn the_overview_of_an_empty_registry_is_empty() {
    let bench = Bench::new();
    let overview = bench.registry.overview(&ada()).await.unwrap();
    assert!(overview.types.is_empty() && overview.groups.is_empty() && overview.names.is_empty());
    assert_eq!(overview.counters, epr_mcp::store::Counters::default());
    let engine = match engine::engine() {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgresql",
    };
    assert_eq!(overview.store.engine, engine);
    assert_eq!(overview.store.location, engine::database(&bench.path));
}

#[tokio::test]
async fn the_overview_tells_counts_and_stays_short_whatever_there_is() {
    let bench = Bench::new();
    for n in 0..60 {
        bench.receiver(&format!("r{n}")).await;
    }
    for n in 0..12 {
        bench
            .group(&format!("g{n}"), &["r0", &format!("r{}", 48 + n)], true)
            .await;
    }
    for n in 0..50 {
        bench.event("r0", &format!("u{n}"), true).await;
        bench.event("r59", &format!("u{n}"), n % 5 != 0).await;
    }
    bench.clock.set(START.plus_micros(9_999 * SECOND));
    let overview = bench.registry.overview(&ada()).await.unwrap();
    assert_eq!(overview.now, START.plus_micros(9_999 * SECOND));
    assert_eq!(
        (overview.counters.receivers, overview.counters.groups),
        (60, 12)
    );
    assert_eq!(
        (overview.counters.succeeded, overview.counters.failed),
        (90, 10)
    );
    assert_eq!(overview.counters.units, 50);
    // The newest of each, a handful.
    assert_eq!(
        (
            overview.types.len(),
            overview.groups.len(),
            overview.names.len()
        ),
        (12, 6, 8)
    );
    let newest = &overview.types[0];
    assert_eq!(
        (newest.kind.as_str(), newest.receivers, newest.events),
        ("type.r59", 1, 50)
    );
    assert_eq!(overview.names[0], "u49");
    let newest = &overview.groups[0];
    assert_eq!(newest.group.name, "g11");
    assert_eq!(
        (newest.waiting, newest.passing.count, newest.passing.exact),
        (10, 40, true)
    );
    let names: BTreeSet<&str> = overview
        .groups
        .iter()
        .map(|g| g.group.name.as_str())
        .collect();
    assert_eq!(
        names,
        BTreeSet::from(["g6", "g7", "g8", "g9", "g10", "g11"])
    );
}

#[tokio::test]
async fn a_waiting_list_that_ends_gives_no_cursor() {
    let bench = Bench::new();
    bench.receiver("build").await;
    bench.receiver("scan").await;
    bench.group("ready", &["build", "scan"], true).await;
    for n in 0..4 {
        bench.event("build", &format!("u{n}"), true).await;
    }
    let page = async |limit| {
        let ada = ada();
        let found = bench.registry.check_group(&ada, "ready", limit, None);
        let found = found.await.unwrap();
        (found.waiting.len(), found.next_cursor.is_some())
    };
    assert_eq!(page(3).await, (3, true));
    assert_eq!(page(4).await, (4, false));
    assert_eq!(page(5).await, (4, false));
    // One that passes stands behind the last that waits: nobody else waits.
    bench.event("build", "passes", true).await;
    bench.event("scan", "passes", true).await;
    for n in 0..4 {
        bench.event("build", &format!("u{n}"), true).await;
    }
    assert_eq!(page(4).await, (4, false));
}

#[tokio::test]
async fn whoever_makes_a_new_version_hears_which_gate_keeps_to_the_old_one() {
    let bench = Bench::new();
    bench.receiver("scan").await;
    bench.receiver("other").await;
    let version = async |version: &str| {
        let input = ReceiverInput {
            name: "scan".to_owned(),
            kind: "type.scan".to_owned(),
            version: version.to_owned(),
            description: "a receiver".to_owned(),
            schema: Some("{}".to_owned()),
            ..ReceiverInput::default()
        };
        let options = WriteOptions::default();
        let written = bench
            .registry
            .create_receiver(&ada(), input, &options)
            .await;
        written.unwrap().warnings
    };
    bench.group("elsewhere", &["other"], true).await;
    assert!(version("2").await.is_empty(), "no gate has it");
    let first = bench.try_receiver("scan").await.unwrap().receiver.id;
    bench.group("ship", &[&first.to_string()], true).await;
    let warnings = version("3").await;
    assert_eq!(warnings[0].code, "other_version_in_gates");
    assert!(warnings[0].text.contains("«ship»"), "{}", warnings[0].text);
    assert!(version("3").await.is_empty(), "it is there already");
}
