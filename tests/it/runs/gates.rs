//! Gates over CDEvents: events that name one artifact are of one unit.

use serde_json::{Value, json};

use super::cdevent;
use crate::mcp::client::{Server, fresh};

const IMAGE: &str = "pkg:oci/payments@sha256%3A0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427?arch=amd64";

fn receiver(server: &mut Server, event: &str) -> String {
    let name = event.replace('.', "-");
    server.id_of(
        "create_receiver",
        json!({"name": name, "type": format!("dev.cdevents.{event}"), "version": "1.0.0", "description": event,
            "schema_name": format!("cdevents:{event}")}),
    )
}

fn approval(decision: &str, id: &str) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "https://ci.example.com", "type": "dev.cdeventsx.acme-scan.finished.0.1.0",
        "time": "2026-11-22T10:05:00Z",
        "data": {
            "context": {"specversion": "0.5.1", "id": id, "source": "https://ci.example.com",
                "type": "dev.cdeventsx.acme-scan.finished.0.1.0", "timestamp": "2026-11-22T10:05:00Z"},
            "subject": {"id": "scan-1", "content": {"artifactId": IMAGE, "outcome": decision}},
        },
    })
}

#[test]
fn build_test_scan_and_publication_of_one_artifact_meet_in_one_gate() {
    let (_keep, db) = fresh();
    let mut server = Server::on(&db);
    let mut receivers: Vec<String> = [
        "build.finished",
        "artifact.published",
        "testsuiterun.finished",
    ]
    .into_iter()
    .map(|event| receiver(&mut server, event))
    .collect();
    receivers.push(server.id_of(
        "create_receiver",
        json!({"name": "scan", "type": "dev.cdeventsx.acme-scan.finished", "version": "1.0.0",
            "description": "A scan ended", "schema_name": "any"}),
    ));
    server.id_of(
        "create_group",
        json!({"name": "releasable", "type": "acme.releasable", "version": "1.0.0", "description": "May go",
            "event_receiver_ids": receivers}),
    );
    let build = cdevent(
        "build.finished",
        "b-1",
        "2026-11-22T10:00:00Z",
        "build-1",
        json!({"artifactId": IMAGE}),
    );
    let published = cdevent(
        "artifact.published",
        "p-1",
        "2026-11-22T10:01:00Z",
        IMAGE,
        json!({}),
    );
    let first = server.record("record_cdevent", json!({"events": [build, published]}));
    assert_eq!(first["recorded"], 2, "{first}");
    // One artifact, one unit.
    let unit = first["each"]["unit"].as_str().unwrap().to_owned();
    assert_eq!(
        unit,
        "epr://history/payments/sha256%3A0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427/\
         sha256%3A0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427/amd64/oci"
    );
    // No version of the specification lets a test suite run name an artifact: its sender says the unit.
    let tests = cdevent(
        "testsuiterun.finished",
        "t-1",
        "2026-11-22T10:03:00Z",
        "suite-1",
        json!({"outcome": "success", "environment": {"id": "staging"}}),
    );
    let enveloped = json!({
        "specversion": "1.0", "id": "t-1", "source": "https://ci.example.com", "type": "dev.cdevents.testsuiterun.finished.0.3.0",
        "eprname": "payments", "eprpackage": "oci", "eprplatformid": "amd64",
        "eprversion": "sha256:0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427",
        "eprrelease": "sha256:0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427",
        "data": tests,
    });
    let second = server.record("record_cdevent", json!({"events": enveloped}));
    assert_eq!(second["results"][0]["unit"], unit.as_str(), "{second}");
    let failed = server.record(
        "record_cdevent",
        json!({"events": approval("failure", "s-1")}),
    );
    assert_eq!(failed["results"][0]["success"], false, "{failed}");
    let gate = server.text("check_gate", json!({"unit": unit}));
    assert!(
        gate.contains("CLOSED") && gate.contains("«scan» (fail)"),
        "{gate}"
    );
    let passed = server.record(
        "record_cdevent",
        json!({"events": approval("success", "s-2")}),
    );
    assert_eq!(
        passed["results"][0]["gates"][0]["turn"], "opened",
        "{passed}"
    );
    let story = server.text("correlate_pipeline_run", json!({"anchor": "b-1"}));
    assert!(
        story.contains("«releasable»") && story.contains("PASSES"),
        "{story}"
    );
}
