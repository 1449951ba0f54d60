//! Servers that are killed while they write.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

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
    let (events, messages) = runtime.block_on(async {
        use sqlx::{Connection, Row};
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(db);
        let mut connection = sqlx::SqliteConnection::connect_with(&options).await.expect("the file opens");
        let events = sqlx::query("SELECT e.id, n.name, e.seq FROM event e JOIN name n ON n.id = e.name_id ORDER BY e.seq")
            .fetch_all(&mut connection)
            .await
            .expect("events");
        let messages = sqlx::query("SELECT event_seq FROM message WHERE kind = 1 ORDER BY seq")
            .fetch_all(&mut connection)
            .await
            .expect("messages");
        let registry = sqlx::query("SELECT succeeded + failed, last_event_seq FROM registry")
            .fetch_one(&mut connection)
            .await
            .expect("counters");
        assert_eq!(registry.get::<i64, _>(0), events.len() as i64, "the counters are those of the rows");
        let events: Vec<(String, String, i64)> = events.iter().map(|r| (r.get(0), r.get(1), r.get(2))).collect();
        (events, messages.iter().map(|r| r.get::<i64, _>(0)).collect::<Vec<_>>())
    });
    let seqs: Vec<i64> = events.iter().map(|(_, _, seq)| *seq).collect();
    assert_eq!(
        seqs,
        (1..=events.len() as i64).collect::<Vec<_>>(),
        "positions have no gaps"
    );
    assert_eq!(
        messages, seqs,
        "every event has its message, every message its event, in order"
    );
    let names: BTreeMap<&str, &str> = events
        .iter()
        .map(|(id, name, _)| (id.as_str(), name.as_str()))
        .collect();
    for (id, name) in acknowledged {
        assert_eq!(
            names.get(id.as_str()),
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
