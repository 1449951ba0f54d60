//! What bad input gets: a clear refusal that says what to do, and nothing half-written.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{Server, Setup, any_receiver, event, fresh, text_of};

pub(super) fn receiver(schema: impl Into<Value>) -> Value {
    json!({"name": "r", "type": "t", "version": "1", "description": "d", "schema": schema.into()})
}

/// Refusals: tool, arguments, words that the refusal has to hold.
pub(super) fn refused(server: &mut Server, cases: &[(&str, Value, &[&str])]) {
    for (tool, arguments, words) in cases {
        let begun = Instant::now();
        let said = server.refusal(tool, arguments.clone());
        for word in *words {
            assert!(
                said.contains(word),
                "{tool} {arguments}: no {word:?} in: {said}"
            );
        }
        assert!(
            said.len() < 4_000,
            "{tool}: a refusal of {} bytes",
            said.len()
        );
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{tool} {arguments} took {:?}",
            begun.elapsed()
        );
    }
}

#[test]
fn fields_are_checked_and_all_faults_told_at_once() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    server.id_of("create_receiver", any_receiver("all"));
    let long = "ü".repeat(256);
    refused(
        &mut server,
        &[
            (
                "create_receiver",
                json!({"name": " ", "type": "", "version": "\t", "description": "\u{200b}", "schema": {}}),
                &["name", "type", "version", "description", "cannot be blank"],
            ),
            (
                "create_receiver",
                json!({"name": long, "type": "t", "version": "1", "description": "d", "schema": {}}),
                &["name", "255"],
            ),
            (
                "create_receiver",
                json!({"name": "a\0b", "type": "t", "version": "1", "description": "d", "schema": {}}),
                &["name"],
            ),
            (
                "create_receiver",
                json!({"name": "a", "type": "epr.event.receiver.created", "version": "1", "description": "d", "schema": {}}),
                &["reserved"],
            ),
            (
                "create_receiver",
                json!({"name": "a", "type": "t", "version": "1", "description": "d"}),
                &["schema", "schema_name"],
            ),
            (
                "create_receiver",
                json!({"name": "a", "type": "t", "version": "1", "description": "d", "schema": {}, "schema_name": "any"}),
                &["not both"],
            ),
            (
                "create_receiver",
                json!({"name": "a", "type": "t", "version": "1", "description": "d", "schema_name": "cdevents:build.finnished"}),
                &["build.finished"],
            ),
            (
                "create_event",
                json!({}),
                &["success", "event_receiver_id", "payload"],
            ),
            (
                "create_event",
                json!({"event_receiver_id": "all", "payload": {}, "name": "a", "description": "d"}),
                &["success"],
            ),
            (
                "create_event",
                json!({"success": "maybe", "event_receiver_id": "all", "payload": {}, "name": "a", "version": "1", "release": "1", "platform_id": "p", "package": "k", "description": "d"}),
                &["success"],
            ),
            (
                "create_event",
                json!({"sucess": true, "name": "a"}),
                &["sucess", "success"],
            ),
            ("search_events", json!({"limit": "many"}), &["limit"]),
            (
                "search_events",
                json!({"since": "yesterday"}),
                &["since", "24h"],
            ),
            (
                "search_events",
                json!({"since": "1h", "until": "2h"}),
                &["until"],
            ),
            (
                "search_events",
                json!({"tz": "Mars/Olympus"}),
                &["tz", "IANA"],
            ),
            ("search_events", json!({"cursor": "nonsense"}), &["cursor"]),
            ("search_events", json!({"select": ["/a~2"]}), &["pointer"]),
            (
                "search_events",
                json!({"group_by": "colour"}),
                &["group_by", "name"],
            ),
            (
                "fetch_event",
                json!({"id": "01m82j25qpq3w9xw0p6hfg5pfm"}),
                &["01M82J25QPQ3W9XW0P6HFG5PFM"],
            ),
            ("fetch_event", json!({"id": "x"}), &["26 characters"]),
            (
                "fetch_event",
                json!({"id": "01M82J25QPQ3W9XW0P6HFG5PFM"}),
                &["no event"],
            ),
            ("fetch_receiver", json!({"receiver": "al"}), &["all"]),
            (
                "create_group",
                json!({"name": "g", "type": "t", "version": "1", "description": "d", "event_receiver_ids": []}),
                &["event_receiver_ids"],
            ),
            (
                "create_group",
                json!({"name": "g", "type": "t", "version": "1", "description": "d", "event_receiver_ids": ["all", "all"]}),
                &["more than once"],
            ),
            (
                "create_group",
                json!({"name": "g", "type": "t", "version": "1", "description": "d", "event_receiver_ids": ["01M82J25QPQ3W9XW0P6HFG5PFM"]}),
                &["01M82J25QPQ3W9XW0P6HFG5PFM"],
            ),
            (
                "set_group_enabled",
                json!({"group": "nope", "enabled": true}),
                &["nope"],
            ),
            ("check_gate", json!({}), &["unit", "group"]),
            ("check_gate", json!({"unit": "a/b/c"}), &["5"]),
        ],
    );
    let overview = server.text("describe_registry", json!({}));
    assert!(
        overview.contains("0 events") || overview.contains("no events"),
        "{overview}"
    );
}

#[test]
fn arguments_are_read_leniently_where_nothing_is_lost() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    let made = server.record("create_receiver", json!({
        "name": "«all»", "type": "t", "version": "1", "description": "d", "schema": "{\"type\": \"object\"}",
        "dry_run": null,
    }));
    assert_eq!(made["name"], "all");
    // Strings where numbers and booleans belong, an object as text, one value where a list is wanted.
    let mut arguments = event("all", "web", true, &json!("{\"n\": 1}"));
    arguments["success"] = json!("true");
    arguments["dry_run"] = json!("false");
    let made = server.record("create_event", arguments);
    assert_eq!(made["created"], true);
    assert_eq!(
        server.record("search_events", json!({"limit": "1", "name": ["web"]}))["events"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    server.record("create_group", json!({
        "name": "g", "type": "gate", "version": "1", "description": "d", "event_receiver_ids": "all",
    }));
    // The nested forms of the existing EPR servers.
    let nested = json!({"event": event("all", "nested", true, &json!({}))});
    server.record("create_event", nested);
}

#[test]
fn a_wide_integer_is_kept_as_text_and_refused_as_a_number() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    server.id_of("create_receiver", any_receiver("all"));
    let line = format!(
        r#"{{"jsonrpc":"2.0","id":900,"method":"tools/call","params":{{"name":"create_event","arguments":{}}}}}"#,
        event("all", "web", true, &json!("PAYLOAD"))
            .to_string()
            .replace("\"PAYLOAD\"", r#"{"n":[1,123456789012345678901234567890]}"#)
    );
    server.send_raw(format!("{line}\n").as_bytes());
    let answer = server.answer(900);
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    assert!(text_of(&answer["result"]).contains("string"), "{answer}");
    let text = r#"{ "n": 123456789012345678901234567890, "f": 1.50 }"#;
    let made = server.record("create_event", event("all", "web", true, &json!(text)));
    assert_eq!(
        server.record("fetch_event", json!({"id": made["id"]}))["payload_bytes"],
        text.len()
    );
}

#[test]
fn duplicate_keys_are_a_warning() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    server.id_of("create_receiver", any_receiver("all"));
    let made = server.record(
        "create_event",
        event("all", "web", true, &json!(r#"{"a": 1, "\u0061": 2}"#)),
    );
    assert!(
        made["warnings"].to_string().contains("duplicate_keys"),
        "{made}"
    );
}

#[test]
fn payloads_have_limits() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    server.id_of("create_receiver", receiver(json!({"type": "object"})));
    server.id_of("create_receiver", any_receiver("all"));
    let deep = format!("{}1{}", "[".repeat(129), "]".repeat(129));
    let many = format!("[{}]", "1,".repeat(1_000_001).trim_end_matches(','));
    refused(
        &mut server,
        &[
            (
                "create_event",
                event("all", "web", true, &json!(deep)),
                &["128", "levels"],
            ),
            (
                "create_event",
                event("r", "web", true, &json!(many)),
                &["1000000"],
            ),
            (
                "create_event",
                event("all", "web", true, &json!("{\"a\": ")),
                &["not JSON"],
            ),
            (
                "create_event",
                event("all", "web", true, &json!("")),
                &["not JSON"],
            ),
            (
                "create_event",
                event("all", "web", true, &json!("{} {}")),
                &["not JSON"],
            ),
            (
                "create_event",
                event("r", "web", true, &json!("[1]")),
                &["Expected: object", "(root)"],
            ),
        ],
    );
    // A receiver that accepts everything builds nothing, so that only the depth counts.
    server.id_of("create_event", event("all", "web", true, &json!(many)));
}

#[test]
fn conflicts_name_what_exists_and_in_what_it_differs() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    let first = server.record("create_receiver", any_receiver("all"));
    let mut other = any_receiver("all");
    other["schema"] = json!({"type": "object"});
    let id = first["id"].as_str().unwrap();
    refused(&mut server, &[("create_receiver", other, &[id, "schema"])]);
    let mut keyed = event("all", "web", true, &json!({"n": 1}));
    keyed["idempotency_key"] = json!("run-1");
    let first = server.record("create_event", keyed.clone());
    let again = server.record("create_event", keyed.clone());
    assert_eq!(
        (&again["id"], &again["created"]),
        (&first["id"], &json!(false))
    );
    keyed["success"] = json!(false);
    let id = first["id"].as_str().unwrap();
    refused(&mut server, &[("create_event", keyed, &["run-1", id])]);
    assert_eq!(server.record("search_events", json!({}))["total"], 1);
}

#[test]
fn a_dry_run_tells_everything_and_writes_nothing() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    for (tool, mut arguments) in [
        ("create_receiver", any_receiver("all")),
        (
            "create_group",
            json!({"name": "g", "type": "gate", "version": "1", "description": "d", "event_receiver_ids": ["all"]}),
        ),
        ("create_event", event("all", "web", true, &json!({}))),
        ("set_group_enabled", json!({"group": "g", "enabled": false})),
    ] {
        arguments["dry_run"] = json!(true);
        let before = server.record("describe_registry", json!({"format": "json"}));
        let preview = server.record(tool, arguments.clone());
        assert_eq!(preview["dry_run"], true, "{tool}: {preview}");
        let after = server.record("describe_registry", json!({"format": "json"}));
        for counter in ["events", "receivers", "groups", "units", "messages"] {
            assert_eq!(
                before["counts"][counter], after["counts"][counter],
                "{tool} wrote {counter}"
            );
        }
        arguments["dry_run"] = json!(false);
        let real = server.record(tool, arguments);
        let gates = |answer: &Value| answer["gates"].as_array().map(Vec::len);
        assert_eq!(
            gates(&preview),
            gates(&real),
            "{tool}: preview and answer list the same consequences"
        );
    }
}

#[test]
fn a_unit_named_by_a_part_is_found_listed_or_missed_helpfully() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    server.id_of("create_receiver", any_receiver("all"));
    for version in 0..15 {
        let mut arguments = event("all", "payments-api", true, &json!({}));
        arguments["version"] = json!(format!("1.{version}.0"));
        server.id_of("create_event", arguments);
    }
    let said = server.refusal("check_gate", json!({"name": "payments-api"}));
    assert_eq!(
        said.matches("epr://history/payments-api/").count(),
        10,
        "{said}"
    );
    let said = server.refusal("check_gate", json!({"name": "payments-apu"}));
    assert!(said.contains("payments-api"), "{said}");
    let found = server.text(
        "check_gate",
        json!({"name": "payments-api", "version": "1.3.0"}),
    );
    assert!(
        found.contains("epr://history/payments-api/1.3.0/1/linux/oci"),
        "{found}"
    );
    let found = server.text("check_gate", json!({"version": "1.4.0"}));
    assert!(found.contains("1.4.0"), "{found}");
}

#[test]
fn a_file_payload_comes_from_inside_its_folder_only() {
    let (folder, db) = fresh();
    let inside = folder.path().join("files");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(inside.join("ok.json"), r#"{"from": "file"}"#).unwrap();
    std::fs::write(folder.path().join("secret.json"), r#"{"secret": 1}"#).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.path().join("secret.json"), inside.join("link.json"))
        .unwrap();
    let mut server = Server::start(
        &Setup::new(&db)
            .arg("--allow-files")
            .arg(inside.to_str().unwrap()),
    );
    server.id_of("create_receiver", any_receiver("all"));
    let mut arguments = event("all", "web", true, &json!(null));
    arguments.as_object_mut().unwrap().remove("payload");
    arguments["payload_file"] = json!("ok.json");
    let made = server.record("create_event", arguments.clone());
    assert_eq!(
        server.record("fetch_event", json!({"id": made["id"]}))["payload"],
        json!({"from": "file"})
    );
    for path in [
        "../secret.json",
        "/etc/hostname",
        "link.json",
        "missing.json",
        ".",
    ] {
        arguments["payload_file"] = json!(path);
        let said = server.refusal("create_event", arguments.clone());
        assert!(!said.contains("secret\": 1"), "{said}");
    }
    // Without the flag the argument does not exist.
    let mut server = Server::on(&db);
    arguments["payload_file"] = json!("ok.json");
    assert!(
        server
            .refusal("create_event", arguments)
            .contains("payload_file")
    );
}
