//! Servers that are killed while they write.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use epr_mcp::domain::search::Order;
use epr_mcp::store::{Bounds, Stream};

use crate::harness::invariants::assert_whole;
use crate::harness::{self, engine};

use super::client::{Server, any_receiver, event, fresh};

/// Kills servers at ever other moments of their writing and gives what was acknowledged:
/// id -> name.
fn write_and_kill(db: &std::path::Path, rounds: u32, writers: usize) -> BTreeMap<String, String> {
    let mut acknowledged = BTreeMap::new();
    for round in 0..rounds {
        let mut servers: Vec<Server> = (0..writers).map(|_| Server::on(db)).collect();
        // Each round leaves a different number of calls unanswered when the end comes.
        let asked = 4 + round % 13;
        let mut ids = Vec::new();
        for n in 0..asked {
            for (at, server) in servers.iter_mut().enumerate() {
                let name = format!("unit-{round}-{at}-{n}");
                let arguments = event("all", &name, true, &json!({"n": n}));
                let id = server.begin(
                    "tools/call",
                    json!({"name": "create_event", "arguments": arguments}),
                );
                ids.push((at, id, name));
            }
        }
        for (at, id, name) in ids.iter().take(1 + (round as usize * 7) % ids.len()) {
            let answer = servers[*at].answer(*id);
            let event_id = answer["result"]["structuredContent"]["event"]["id"].as_str();
            acknowledged.insert(
                event_id.unwrap_or_else(|| panic!("{answer}")).to_owned(),
                name.clone(),
            );
        }
        for server in &mut servers {
            server.kill();
        }
    }
    acknowledged
}

fn everything_acknowledged_is_there(db: &std::path::Path, acknowledged: &BTreeMap<String, String>) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let events = runtime.block_on(async {
        // Without gaps, each with its message, counted.
        assert_whole(db).await;
        let store = engine::open(&engine::database(db), &harness::ids(9))
            .await
            .unwrap();
        let (all, up) = (Stream::All, Order::OldestFirst);
        let seqs = store
            .stream(all, Bounds::default(), up, 100_000)
            .await
            .unwrap();
        store.events(&seqs).await.unwrap()
    });
    let names: BTreeMap<String, &str> = events
        .iter()
        .map(|event| (event.id.to_string(), event.unit.name.as_str()))
        .collect();
    for (id, name) in acknowledged {
        assert_eq!(
            names.get(id),
            Some(&name.as_str()),
            "event {id} was acknowledged"
        );
    }
}

#[test]
fn every_acknowledged_event_outlives_200_kills() {
    let (_folder, db) = fresh();
    Server::on(&db).id_of("create_receiver", any_receiver("all"));
    let acknowledged = write_and_kill(&db, 200, 1);
    assert!(acknowledged.len() >= 200);
    everything_acknowledged_is_there(&db, &acknowledged);
}

#[test]
fn two_servers_on_one_file_lose_nothing_either() {
    let (_folder, db) = fresh();
    Server::on(&db).id_of("create_receiver", any_receiver("all"));
    let acknowledged = write_and_kill(&db, 40, 2);
    everything_acknowledged_is_there(&db, &acknowledged);
    // And both go on.
    let (mut a, mut b) = (Server::on(&db), Server::on(&db));
    a.id_of("create_event", event("all", "last-a", true, &json!({})));
    b.id_of("create_event", event("all", "last-b", true, &json!({})));
    a.hang_up();
    assert!(a.ends_within(Duration::from_secs(5)).success());
}
