//! The exercises of the EPR workshop, with its own data, through MCP tools. The data is reached
//! through `EPR_FIXTURES`.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::engine::{database, open};

use super::client::{Server, fresh};

/// The corpus, or `None` with a line that says what was left out.
fn fixtures(what: &str) -> Option<PathBuf> {
    match std::env::var_os("EPR_FIXTURES") {
        Some(folder) => Some(PathBuf::from(folder)),
        None => {
            println!("left out: {what}: EPR_FIXTURES is not set");
            None
        }
    }
}

fn read(folder: &std::path::Path, path: &str) -> String {
    let path = folder.join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Messages of the log, rendered, oldest first.
fn messages(db: &std::path::Path) -> Vec<(Value, Vec<(&'static str, String)>)> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        use epr_mcp::domain::id::CountingIds;
        use epr_mcp::domain::message::{DEFAULT_LIMIT, render};
        use epr_mcp::domain::time::Timestamp;
        let ids = CountingIds::new(Timestamp::from_micros(0));
        let store = open(&database(db), &ids).await.unwrap();
        let records = store.messages(0, 1000).await.unwrap();
        records
            .iter()
            .map(|record| {
                let message = render(record, "r", DEFAULT_LIMIT).unwrap();
                (
                    serde_json::from_str(&message.body).unwrap(),
                    message.headers,
                )
            })
            .collect()
    })
}

#[test]
fn a2_a5_a_receiver_an_event_a_group_and_the_groups_message() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    // The workshop's text sends `enabled` on receivers, which means nothing there.
    let receiver = json!({
        "name": "foobar", "type": "foo.bar", "version": "1.1.3", "description": "The event receiver of Brixton",
        "schema": {"type": "object", "properties": {"name": {"type": "string"}}},
    });
    let made = server.record("create_receiver", receiver.clone());
    assert_eq!(
        made["fingerprint"],
        "464df32e59fe3f4a28b868da8b01eeee457ea1e90e45ef3a9c60362a78c26bed"
    );
    assert_eq!(made["created"], true);
    let again = server.record("create_receiver", receiver);
    assert_eq!(
        (&again["id"], &again["created"]),
        (&made["id"], &json!(false))
    );
    let second = server.id_of("create_receiver", json!({
        "name": "second", "type": "foo.second", "version": "1.0.0", "description": "Another", "schema": "{}",
    }));
    let group = server.record("create_group", json!({
        "name": "the_clash", "type": "foo.clash", "version": "3.3.3", "description": "The only group that matters",
        "event_receiver_ids": [made["id"], second],
    }));
    assert_eq!(group["enabled"], true);
    let mut magnificent = json!({
        "name": "magnificent", "version": "7.0.1", "release": "2023.11.16", "platform_id": "linux",
        "package": "docker", "description": "blah", "payload": {"name": "joe"}, "success": true,
        "event_receiver_id": made["id"],
    });
    let event = server.id_of("create_event", magnificent.clone());
    let fetched = server.record("fetch_event", json!({"id": event}));
    assert_eq!(fetched["payload"], json!({"name": "joe"}));
    assert_eq!(fetched["name"], "magnificent");
    magnificent["event_receiver_id"] = json!(second);
    server.id_of("create_event", magnificent);

    let log = messages(&db);
    let types: Vec<&str> = log
        .iter()
        .map(|(body, _)| body["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        types,
        [
            "epr.event.receiver.created",
            "epr.event.receiver.created",
            "epr.event.receiver.group.created",
            "foo.bar",
            "foo.second",
            "foo.clash",
        ]
    );
    let (complete, headers) = &log[5];
    assert_eq!(complete["id"], group["id"]);
    assert_eq!(complete["name"], "magnificent");
    assert_eq!(
        complete["data"]["event_receiver_groups"][0]["type"],
        "foo.clash"
    );
    assert_eq!(
        complete["data"]["events"][0]["EventReceiver"]["type"],
        "foo.second"
    );
    assert!(headers.contains(&("ce_eprkind", "gate".to_owned())));
    assert!(headers.contains(&("ce_eprtransition", "true".to_owned())));
}

#[test]
fn a8_a_cyclonedx_receiver_takes_real_sboms_and_refuses_a_broken_one() {
    let Some(fixtures) = fixtures("CycloneDX 1.6 receiver with real SBOMs") else {
        return;
    };
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    let schema = read(&fixtures, "schemas/bom-1.6.schema.json");
    let receiver = server.record("create_receiver", json!({
        "name": "artifact-cyclonedx-sbom", "type": "build.artifact.cyclonedx.sbom", "version": "1.0.0",
        "description": "Artifact CycloneDX v1.6 SBOMs", "schema": schema,
    }));
    assert!(
        receiver
            .get("unchecked_refs")
            .is_none_or(|flag| flag == false),
        "{receiver}"
    );
    let event = |payload: &str| {
        json!({
            "name": "epr", "version": "1.0.1", "release": "2023.11.16", "platform_id": "aarch64-gnu-linux-7",
            "package": "oci", "description": "SBOM", "event_receiver_id": "artifact-cyclonedx-sbom",
            "success": true, "payload": payload,
        })
    };
    for path in [
        "cyclonedx/spec/valid-bom-1.6.json",
        "cyclonedx/trustify/openssl-3.0.7-18.el9_2.cdx_1.6.sbom.json",
        "cyclonedx/spec/valid-signatures-1.6.json",
    ] {
        let text = read(&fixtures, path);
        let id = server.id_of("create_event", event(&text));
        // Byte for byte, blanks and all.
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let stored = runtime.block_on(async {
            use epr_mcp::domain::id::CountingIds;
            let ids = CountingIds::new(epr_mcp::domain::time::Timestamp::from_micros(0));
            let store = open(&database(&db), &ids).await.unwrap();
            let seqs = store.event_seqs(&[id.parse().unwrap()]).await.unwrap();
            store.payloads(&seqs).await.unwrap().remove(0).1
        });
        assert!(stored == text, "{path} came back changed");
        let fetched = server.record("fetch_event", json!({"id": id, "select": ["/bomFormat"]}));
        assert!(fetched.to_string().contains("CycloneDX"), "{fetched}");
    }
    let mut broken: Value =
        serde_json::from_str(&read(&fixtures, "cyclonedx/spec/valid-bom-1.6.json")).unwrap();
    broken["components"][0]["type"] = json!("no-such-type");
    broken["specVersion"] = json!(16);
    let said = server.refusal("create_event", event(&broken.to_string()));
    assert!(
        said.contains("/components/0/type") && said.contains("/specVersion"),
        "{said}"
    );
}

#[test]
fn a9_a_cloudevent_is_a_payload_like_any_other() {
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    server.id_of("create_receiver", json!({
        "name": "cloudevents", "type": "com.example.cloudevents", "version": "1.0.0", "description": "CloudEvents",
        "schema": {"type": "object", "required": ["specversion", "id", "source", "type", "data"]},
    }));
    let payload = json!({
        "specversion": "1.0", "id": "evt-12345-abc", "source": "urn:example:myservice",
        "type": "com.example.myservice.event.created", "time": "2025-09-01T00:00:00Z", "subject": "order/1234",
        "data": {"orderId": 1234, "total": 12.5},
    });
    let mut event = json!({
        "name": "order-created", "version": "1.0.0", "release": "2025.09", "platform_id": "linux-x86_64",
        "package": "example-app", "description": "an order", "event_receiver_id": "cloudevents", "success": true,
        "payload": payload,
    });
    let id = server.id_of("create_event", event.clone());
    assert_eq!(
        server.record("fetch_event", json!({"id": id}))["payload"],
        payload
    );
    // The workshop's one-liner forgets parts of the unit: for one that is not known yet each of
    // them is named, and a known one is found.
    for field in ["release", "platform_id", "package"] {
        event.as_object_mut().unwrap().remove(field);
    }
    assert_eq!(
        server.record("create_event", event.clone())["release"],
        "2025.09"
    );
    event["name"] = json!("order-cancelled");
    let said = server.refusal("create_event", event);
    for field in ["release", "platform_id", "package"] {
        assert!(said.contains(field), "{field} is not in: {said}");
    }
}

#[test]
fn a10_a_cdevents_receiver_refuses_what_is_none_in_three_lines() {
    let Some(fixtures) = fixtures("CDEvents 0.4.1 receiver") else {
        return;
    };
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    let receiver = server.id_of("create_receiver", json!({
        "name": "artifact-packaged", "type": "dev.cdevents.artifact.packaged.0.2.0", "version": "1.0.0",
        "description": "CDEvents artifact packaged",
        "schema": read(&fixtures, "schemas/cdevents-v0.4.1/artifactpackaged.json"),
    }));
    let event = |payload: Value| {
        json!({
            "name": "app", "version": "1.0.0", "release": "1", "platform_id": "linux", "package": "oci",
            "description": "packaged", "event_receiver_id": receiver, "success": true, "payload": payload,
        })
    };
    let good: Value =
        serde_json::from_str(&read(&fixtures, "cdevents/v0.4/artifact_packaged.json")).unwrap();
    server.id_of("create_event", event(good));
    let said = server.refusal("create_event", event(json!({"name": "foo"})));
    for line in [
        "context is required",
        "subject is required",
        "Additional property name is not allowed",
    ] {
        assert!(said.contains(line), "{line} is not in: {said}");
    }
    let schema = read(&fixtures, "schemas/cdevents-v0.5.1/taskrunfinished.json");
    server.id_of("create_receiver", json!({
        "name": "taskrun-finished", "type": "dev.cdevents.taskrun.finished.0.3.0", "version": "1.0.0",
        "description": "CDEvents 0.5", "schema": schema,
    }));
    let good: Value =
        serde_json::from_str(&read(&fixtures, "cdevents/v0.5/taskrun_finished.json")).unwrap();
    let mut good = event(good);
    good["event_receiver_id"] = json!("taskrun-finished");
    server.id_of("create_event", good);
}

#[test]
fn a_schema_name_stands_for_a_schema_and_real_documents_fit() {
    let Some(fixtures) = fixtures("built-in schemas with real documents") else {
        return;
    };
    let (_folder, db) = fresh();
    let mut server = Server::on(&db);
    for (schema_name, path) in [
        ("cyclonedx", "cyclonedx/laravel-7.12.0.1.4.json"),
        ("cyclonedx", "cyclonedx/guac/alpine-cyclonedx.json"),
        ("cloudevent", "cloudevents/structured.json"),
        (
            "cdevents:artifact.packaged",
            "cdevents/v0.4/artifact_packaged.json",
        ),
        (
            "cdevents:service.deployed",
            "cdevents/v0.5/service_deployed.json",
        ),
        ("any", "cdevents/v0.3.0/taskrun_finished.json"),
    ] {
        let name = schema_name.replace([':', '.'], "-");
        server.record("create_receiver", json!({
            "name": name, "type": format!("test.{name}"), "version": "1.0.0", "description": schema_name,
            "schema_name": schema_name,
        }));
        let mut event = super::client::event(&name, "app", true, &json!(null));
        event["payload"] = json!(read(&fixtures, path));
        server.id_of("create_event", event);
    }
}
