//! Hostile schemas, and payloads that do not match.

use std::time::Instant;

use serde_json::json;

use super::bad_input::{receiver, refused};
use super::client::{Server, Setup, event, fresh};

#[test]
fn up_to_twenty_violations_with_their_pointers() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    server.id_of(
        "create_receiver",
        receiver(json!({"type": "array", "items": {"type": "integer"}})),
    );
    let payload: Vec<String> = (0..50).map(|n| format!("text {n}")).collect();
    let said = server.refusal("create_event", event("r", "web", true, &json!(payload)));
    assert_eq!(said.matches("Invalid type").count(), 20, "{said}");
    assert!(
        said.contains("/0") && said.contains("/19") && said.contains("more"),
        "{said}"
    );
}

#[test]
fn hostile_schemas_are_refused_fast_and_by_name() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    let mut definitions = serde_json::Map::new();
    for level in 0..22 {
        let next = format!("#/$defs/l{}", level + 1);
        definitions.insert(
            format!("l{level}"),
            json!({"anyOf": [{"$ref": next}, {"$ref": next}]}),
        );
    }
    definitions.insert("l22".to_owned(), json!({"const": 1}));
    let doubling = json!({"$defs": definitions, "$ref": "#/$defs/l0"});
    let begun = Instant::now();
    refused(
        &mut server,
        &[("create_receiver", receiver(doubling), &["costly"])],
    );
    println!("the doubling schema was refused in {:?}", begun.elapsed());
    let mut deep = json!({});
    for _ in 0..100 {
        deep = json!({"properties": {"a": deep}});
    }
    let huge = json!({"enum": ["x".repeat(600 * 1024)]});
    refused(
        &mut server,
        &[
            ("create_receiver", receiver(huge), &["524288"]),
            ("create_receiver", receiver(deep.to_string()), &["128"]),
            (
                "create_receiver",
                receiver(json!({"$ref": "http://example.com/x.json"})),
                &[
                    "http://example.com/x.json",
                    "allow_unresolved_refs",
                    "--schema-dir",
                ],
            ),
            (
                "create_receiver",
                receiver(json!({"$ref": "file:///etc/hostname"})),
                &["file:///etc/hostname"],
            ),
            (
                "create_receiver",
                receiver(json!({"$ref": "#/$defs/nowhere"})),
                &["nowhere"],
            ),
            (
                "create_receiver",
                receiver(json!({"type": "bogus"})),
                &["bogus"],
            ),
            (
                "create_receiver",
                receiver(json!({"pattern": "(?=a)b"})),
                &["look"],
            ),
            (
                "create_receiver",
                receiver(json!({"pattern": "("})),
                &["pattern"],
            ),
            ("create_receiver", receiver(json!("not json")), &["schema"]),
            ("create_receiver", receiver(json!("null")), &["schema"]),
            ("create_receiver", receiver(json!([1])), &["schema"]),
        ],
    );
    // A cycle is no fault as such.
    server.id_of(
        "create_receiver",
        receiver(json!({"properties": {"next": {"$ref": "#"}}})),
    );
    // With consent a missing document is left unchecked, and said so wherever the gate stands.
    let mut lax = receiver(
        json!({"type": "object", "properties": {"x": {"$ref": "http://example.com/x.json"}}}),
    );
    lax["name"] = json!("lax");
    lax["allow_unresolved_refs"] = json!(true);
    let made = server.record("create_receiver", lax);
    assert!(made.to_string().contains("unchecked_refs"), "{made}");
    server.id_of("create_group", json!({"name": "g", "type": "gate", "version": "1", "description": "d", "event_receiver_ids": ["lax"]}));
    server.id_of("create_event", event("lax", "web", true, &json!({"x": 1})));
    assert!(
        server
            .text("check_gate", json!({"name": "web"}))
            .contains("unchecked_refs")
    );
}

#[test]
fn a_checked_schema_never_goes_unchecked_in_a_server_that_lacks_its_documents() {
    let (folder, db) = fresh();
    let documents = folder.path().join("documents");
    std::fs::create_dir(&documents).unwrap();
    let document =
        r#"{"$id": "https://acme.example/x", "type": "object", "required": ["critical"]}"#;
    std::fs::write(documents.join("x.json"), document).unwrap();
    let with = Setup::new(&db)
        .arg("--schema-dir")
        .arg(documents.to_str().unwrap());
    let mut server = Server::start(&with);
    server.id_of(
        "create_receiver",
        receiver(json!({"$ref": "https://acme.example/x"})),
    );
    server.refusal("create_event", event("r", "web", true, &json!({})));
    server.id_of(
        "create_event",
        event("r", "web", true, &json!({"critical": 0})),
    );
    // Without the document there is no check, and so no record.
    let mut without = Server::on(&db);
    for payload in [json!({}), json!({"critical": 0})] {
        let said = without.refusal("create_event", event("r", "web", true, &payload));
        assert!(
            said.contains("https://acme.example/x") && said.contains("--schema-dir"),
            "{said}"
        );
    }
    assert_eq!(without.record("search_events", json!({}))["total"], 1);
}
