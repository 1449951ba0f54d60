//! Secrets in what is recorded: told of when they come, masked wherever they would be shown.

use serde_json::json;

use super::client::{Server, Setup, any_receiver, event, fresh, text_of};

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";

fn warning_codes(record: &serde_json::Value) -> Vec<&str> {
    let warnings = record["warnings"].as_array();
    let codes = warnings.into_iter().flatten().map(|w| w["code"].as_str());
    codes.map(Option::unwrap).collect()
}

#[test]
fn a_secret_in_a_payload_is_warned_of_or_refused() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    server.id_of("create_receiver", any_receiver("all"));
    let plain = server.record(
        "create_event",
        event("all", "web", true, &json!({"a": "b"})),
    );
    assert_eq!(warning_codes(&plain), [""; 0], "{plain}");
    let hidden: String = KEY.bytes().map(|b| format!("\\u{b:04x}")).collect();
    let payloads = [json!({ "key": KEY }), json!(format!("[\"{hidden}\"]"))];
    for payload in &payloads {
        let told = server.record("create_event", event("all", "web", true, payload));
        assert_eq!(warning_codes(&told), ["secret_in_payload"], "{told}");
    }
    let strict = Setup::new(&db).env("EPR_PAYLOAD_SECRETS", "refuse");
    let mut server = Server::start(&strict);
    for payload in &payloads {
        let said = server.refusal("create_event", event("all", "web", true, payload));
        assert!(said.contains("AWS key id") && !said.contains(KEY), "{said}");
    }
}

#[test]
fn a_secret_is_shown_nowhere() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    let mut receiver = any_receiver("all");
    receiver["description"] = json!(format!("the key is {KEY}"));
    receiver["schema"] = json!({ "title": KEY });
    let receiver = server.id_of("create_receiver", receiver);
    let group = json!({
        "name": KEY, "type": "test.gate", "version": "1", "description": "d", "event_receiver_ids": ["all"],
    });
    let group = server.id_of("create_group", group);
    let hidden: String = KEY.bytes().map(|b| format!("\\u{b:04x}")).collect();
    let payload = json!(format!("[\"{hidden}\"]"));
    let mut arguments = event("all", KEY, false, &payload);
    arguments["description"] = json!(format!("failed with {KEY}"));
    let id = server.id_of("create_event", arguments);
    // In a URI it stands behind a percent escape.
    let remote = format!("https://user:{KEY}@git.example/web");
    server.id_of("create_event", event("all", &remote, false, &json!({})));

    let mut shown = Vec::new();
    for (tool, arguments) in [
        ("describe_registry", json!({})),
        ("search_events", json!({"select": ["/0"]})),
        ("search_receivers", json!({})),
        ("search_groups", json!({})),
        ("fetch_event", json!({"id": id})),
        ("fetch_receiver", json!({"receiver": receiver})),
        ("fetch_group", json!({"group": group})),
        ("check_gate", json!({"unit": id})),
        ("check_gate", json!({"unit": id, "format": "json"})),
        ("check_gate", json!({"group": group})),
        ("check_gate", json!({"name": remote})),
        ("check_gate", json!({"name": "https"})),
        ("check_gate", json!({"name": format!("{KEY} not there")})),
    ] {
        shown.push(server.call_raw(tool, arguments).to_string());
    }
    for uri in [
        "epr://overview".to_owned(),
        "epr://events/latest".to_owned(),
        format!("epr://events/{id}"),
        format!("epr://receivers/{receiver}"),
        format!("epr://groups/{group}"),
    ] {
        let read = server
            .request("resources/read", json!({ "uri": uri }))
            .unwrap();
        shown.push(read["contents"][0]["text"].as_str().unwrap().to_owned());
    }
    let prompt = json!({"name": "release_readiness", "arguments": {"unit": id}});
    let prompt = server.request("prompts/get", prompt).unwrap();
    shown.push(prompt["messages"].to_string());
    for text in shown {
        assert!(!text.contains(KEY) && !text.contains(&hidden), "{text}");
    }
}

#[test]
fn who_writes_where_nothing_lasts_is_told_once() {
    let (_folder, db) = fresh();
    let mut server = Server::start(&Setup::new(&db).arg("--demo"));
    let first = server.record("create_receiver", any_receiver("all"));
    assert_eq!(warning_codes(&first), ["ephemeral"], "{first}");
    let next = server.call_raw("create_event", event("all", "web", true, &json!({})));
    assert!(!text_of(&next).contains("ephemeral"), "{next}");
    // Killed, it would leave its database behind.
    server.hang_up();
    assert!(
        server
            .ends_within(std::time::Duration::from_secs(10))
            .success()
    );
}
