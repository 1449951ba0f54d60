//! Searches that go on over pages, over large registries and past awkward records.

use serde_json::json;

use super::client::{Server, any_receiver, event, fresh, text_of};

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

fn names(found: &serde_json::Value) -> Vec<&str> {
    let rows = found["events"].as_array().unwrap();
    rows.iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect()
}

#[test]
fn a_receivers_name_means_all_of_its_versions() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    let first = server.id_of("create_receiver", any_receiver("all"));
    server.id_of("create_event", event(&first, "oldest", true, &json!({})));
    for n in 0..230 {
        let mut newer = any_receiver("all");
        newer["version"] = json!(format!("2.{n}"));
        server.id_of("create_receiver", newer);
    }
    for filter in [json!({"receiver": "all"}), json!({"type": "test.al*"})] {
        let found = server.record("search_events", filter.clone());
        assert_eq!(names(&found), ["oldest"], "{filter}");
    }
}

#[test]
fn all_filters_of_a_search_have_to_fit() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    for kind in [
        "dev.cdevents.artifact.packaged.0.2.0",
        "dev.cdevents.artifact.packaged",
        "dev.cdevents.artifact.published.0.2.0",
        "com.example.order",
    ] {
        let mut receiver = any_receiver(kind);
        receiver["type"] = json!(kind);
        server.id_of("create_receiver", receiver);
        server.id_of("create_event", event(kind, kind, true, &json!({})));
    }
    let mut found = |filter: serde_json::Value| {
        let page = server.record("search_events", filter);
        names(&page)
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let packaged = "dev.cdevents.artifact.packaged.0.2.0";
    let unversioned = "dev.cdevents.artifact.packaged";
    assert_eq!(
        found(json!({"event_type": "artifact.packaged"})),
        [unversioned, packaged]
    );
    assert_eq!(
        found(json!({"event_type": "artifact.packaged", "type": packaged})),
        [packaged],
        "a second filter narrows"
    );
    assert_eq!(
        found(json!({"event_type": "com.example.order"})),
        ["com.example.order"]
    );
    assert_eq!(
        found(json!({"event_type": "artifact", "type": "com.example.*"})),
        [""; 0]
    );
    let said = server.refusal("search_events", json!({"unit": "web", "name": "api"}));
    assert!(said.contains("one of them"), "{said}");
    let uri = "epr://history/com.example.order/1.0.0/1/linux/oci";
    let of_unit = server.record("search_events", json!({"unit": uri, "version": "2.0.0"}));
    assert_eq!(of_unit["events"], json!([]), "a part that does not fit");
    let id = server.record("search_events", json!({"unit": uri}))["events"][0]["id"].clone();
    for unit in [json!(uri), id, json!("com.example.order")] {
        let said = server.refusal("check_gate", json!({"unit": unit, "version": "2.0.0"}));
        assert!(
            said.contains("2.0.0") || said.contains("different part"),
            "{said}"
        );
    }
}

#[test]
fn long_lists_are_refused_before_anything_is_looked_up() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    let many: Vec<String> = (0..100_000).map(|n| format!("name-{n}")).collect();
    for (tool, argument) in [
        ("search_events", "name"),
        ("search_events", "receiver"),
        ("search_receivers", "type"),
        ("search_groups", "name"),
    ] {
        let said = server.refusal(tool, json!({ argument: many }));
        assert!(
            said.contains("100000 values; at most 200"),
            "{tool}: {said}"
        );
    }
    // A name that nothing can have is not compared with every name at length.
    let long = "n".repeat(400_000);
    let said = server.refusal("check_gate", json!({"name": long}));
    assert!(said.len() < 1_000, "{}", said.len());
}

#[test]
fn full_detail_carries_what_a_normal_answer_leaves_out() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    server.id_of("create_receiver", any_receiver("all"));
    let payload = json!({"text": "x".repeat(30_000), "n": 1});
    let id = server.id_of("create_event", event("all", "web", true, &payload));
    let normal = server.record("fetch_event", json!({"id": id}));
    assert!(normal.get("payload").is_none() && normal["payload_outline"].is_array());
    let full = server.record("fetch_event", json!({"id": id, "detail": "full"}));
    assert_eq!(full["payload"], payload);
    let mut selected = |detail: &str| {
        let arguments = json!({"id": id, "select": "/text", "detail": detail});
        server.record("fetch_event", arguments)["selected"]["/text"].clone()
    };
    assert_eq!(selected("normal")["omitted_bytes"], 30_002);
    assert_eq!(selected("full"), payload["text"]);
}

#[test]
fn answers_keep_to_their_size_whatever_things_are_called() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    let long = |n: usize| format!("{n:03}{}", "ü".repeat(250));
    let mut receivers = Vec::new();
    for n in 0..60 {
        let mut receiver = any_receiver(&long(n));
        receiver["type"] = json!(long(n));
        receivers.push(server.id_of("create_receiver", receiver));
    }
    for n in 0..14 {
        let group = json!({
            "name": long(n), "type": long(n), "version": "1", "description": "d",
            "event_receiver_ids": receivers,
        });
        let made = server.call_raw("create_group", group);
        assert!(text_of(&made).len() <= 21_000, "{}", text_of(&made).len());
    }
    let members: serde_json::Map<_, _> = (0..40)
        .map(|n| (format!("{n}{}", "k".repeat(50_000)), json!(1)))
        .collect();
    let payload = json!({ "a": members });
    for version in ["1", "2", "3"] {
        let mut arguments = event(&receivers[0], &long(0), true, &payload);
        arguments["version"] = json!(format!("{version}{}", "ü".repeat(250)));
        let made = server.call_raw("create_event", arguments);
        assert!(text_of(&made).len() <= 21_000, "{}", text_of(&made).len());
    }
    let id = server.record("search_events", json!({}))["events"][0]["id"].clone();
    for (tool, arguments) in [
        ("fetch_event", json!({"id": id, "select": ["/a"]})),
        ("search_events", json!({"select": ["/a"]})),
        ("search_events", json!({"group_by": "receiver"})),
        ("fetch_group", json!({"group": long(0)})),
        ("check_gate", json!({"unit": id})),
        ("check_gate", json!({"unit": id, "format": "json"})),
        ("check_gate", json!({"name": long(0)})),
        ("describe_registry", json!({})),
    ] {
        let answer = server.call_raw(tool, arguments.clone());
        let bytes = text_of(&answer).len();
        assert!(bytes <= 22_000, "{tool} {arguments}: {bytes} bytes");
    }
}
