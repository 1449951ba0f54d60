//! Searches that go on over pages, over large registries and past awkward records.

use serde_json::json;

use super::client::{Server, any_receiver, event, fresh};

#[test]
fn a_relative_window_can_be_paged() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    server.id_of("create_receiver", any_receiver("all"));
    for n in 0..5 {
        server.id_of(
            "create_event",
            event("all", &format!("web-{n}"), true, &json!({})),
        );
    }
    let mut names = Vec::new();
    let mut arguments = json!({"since": "24h", "receiver": "all", "limit": 2});
    loop {
        let page = server.record("search_events", arguments.clone());
        for row in page["events"].as_array().unwrap() {
            names.push(row["name"].as_str().unwrap().to_owned());
        }
        // A new version of the receiver between two pages changes no page that was begun.
        let mut newer = any_receiver("all");
        newer["version"] = json!(format!("1.0.{}", names.len()));
        server.id_of("create_receiver", newer);
        match page["next_cursor"].as_str() {
            Some(cursor) => arguments["cursor"] = json!(cursor),
            None => break,
        }
    }
    assert_eq!(names, ["web-4", "web-3", "web-2", "web-1", "web-0"]);
    arguments["since"] = json!("7d");
    let said = server.refusal("search_events", arguments);
    assert!(said.contains("cursor"), "{said}");
}

#[test]
fn one_oversized_payload_does_not_end_everybodys_search() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    server.id_of("create_receiver", any_receiver("all"));
    server.id_of(
        "create_event",
        event("all", "before", true, &json!({"n": 1})),
    );
    let many = format!("[{}1]", "1,".repeat(1_000_001));
    server.id_of("create_event", event("all", "huge", true, &json!(many)));
    server.id_of(
        "create_event",
        event("all", "after", true, &json!({"n": 1})),
    );
    let found = server.record("search_events", json!({"payload": {"/n": 1}}));
    let names: Vec<_> = found["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["name"])
        .collect();
    assert_eq!(names, ["after", "before"]);
    assert_eq!(found["payloads_too_large_to_read"], 1);
    let all = server.record("search_events", json!({"select": ["/n"]}));
    assert_eq!(all["events"].as_array().unwrap().len(), 3);
}
