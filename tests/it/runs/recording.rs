//! `record_cdevent`: what is sent, what is repeated, what cannot be.

use serde_json::{Value, json};

use super::cdevent;
use crate::mcp::client::{Server, fresh};

fn finished(id: &str, outcome: &str) -> Value {
    cdevent(
        "taskrun.finished",
        id,
        "2026-11-22T10:00:00Z",
        "task-1",
        json!({"taskName": "compile", "outcome": outcome, "pipelineRun": {"id": "run-77001"}}),
    )
}

#[test]
fn each_event_has_a_verdict_of_its_own() {
    let (_keep, db) = fresh();
    let mut server = Server::on(&db);
    let mut odd = finished("2", "meh");
    odd["subject"]["content"]["more"] = json!(1);
    let events = json!([finished("1", "failure"), odd, {"hello": "world"}, 7]);
    let answer = server.record("record_cdevent", json!({"events": events}));
    let status = |at: usize| answer["results"][at]["status"].as_str().unwrap();
    assert_eq!(
        [status(0), status(1), status(2), status(3)],
        ["recorded", "recorded", "refused", "refused"]
    );
    assert_eq!(answer["results"][0]["verdict"], "conforms");
    assert_eq!(answer["results"][0]["success"], false);
    assert_eq!(answer["results"][1]["verdict"], "deviates", "{answer}");
    let fault = answer["results"][1]["faults"][0].as_str().unwrap();
    assert!(fault.contains("more"), "{fault}");
    let notes = answer["results"][1]["notes"].to_string();
    assert!(notes.contains("outcome_unknown"), "{notes}");
    assert_eq!(answer["results"][2]["code"], "not_an_event");
    assert_eq!(
        (&answer["recorded"], &answer["refused"]),
        (&2.into(), &2.into())
    );
    let next = answer["next"].as_str().unwrap();
    assert!(next.starts_with("correlate_pipeline_run"), "{next}");
}

#[test]
fn a_repeated_event_is_recorded_once_and_a_changed_one_is_flagged() {
    let (_keep, db) = fresh();
    let mut server = Server::on(&db);
    let first = server.record(
        "record_cdevent",
        json!({"events": finished("1", "success")}),
    );
    let again = server.record(
        "record_cdevent",
        json!({"events": finished("1", "success")}),
    );
    assert_eq!(again["results"][0]["status"], "repeated");
    assert_eq!(again["results"][0]["id"], first["results"][0]["id"]);
    let changed = server.record(
        "record_cdevent",
        json!({"events": finished("1", "failure")}),
    );
    assert_eq!(changed["results"][0]["status"], "recorded");
    assert_eq!(
        changed["results"][0]["id_conflict_with"],
        first["results"][0]["id"]
    );
    let story = server.text(
        "correlate_pipeline_run",
        json!({"anchor": "77001", "include": "anomalies"}),
    );
    assert!(
        story.contains("duplicate_event") && story.contains("id_conflict"),
        "{story}"
    );
}

#[test]
fn a_dry_run_tells_what_would_happen_and_writes_nothing() {
    let (_keep, db) = fresh();
    let mut server = Server::on(&db);
    let answer = server.record(
        "record_cdevent",
        json!({"events": [finished("1", "success")], "dry_run": true}),
    );
    assert_eq!(answer["results"][0]["status"], "would_be_recorded");
    assert_eq!(answer["results"][0]["receiver_made"], true);
    let found = server.record("search_events", json!({}));
    assert_eq!(found["events"], json!([]), "{found}");
    let receivers = server.record("search_receivers", json!({}));
    assert_eq!(receivers["receivers"], json!([]), "{receivers}");
}

#[test]
fn what_is_no_event_is_refused_with_what_it_lacks() {
    let (_keep, db) = fresh();
    let mut server = Server::on(&db);
    for (event, words) in [
        (
            json!({"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": 1, "data_base64": "AAEC"}),
            "both data and data_base64",
        ),
        (
            json!({"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data_base64": "%%%"}),
            "not base64",
        ),
        (
            json!({"bomFormat": "CycloneDX", "specVersion": "1.6"}),
            "SBOM",
        ),
        (json!({"a": 1}), "nothing in it tells what happened"),
        (json!("{\"a\": "), "not JSON"),
    ] {
        let refused = server.refusal("record_cdevent", json!({"events": [event]}));
        assert!(refused.contains(words), "{event}: {refused}");
    }
    let strict = server.refusal(
        "record_cdevent",
        json!({"events": finished("1", "meh"), "strict": true}),
    );
    assert!(strict.contains("outcome_unknown"), "{strict}");
    let many: Vec<Value> = (0..101)
        .map(|at| finished(&at.to_string(), "success"))
        .collect();
    let refused = server.refusal("record_cdevent", json!({"events": many}));
    assert!(refused.contains("1 to 100"), "{refused}");
    let none = server.refusal("record_cdevent", json!({"events": []}));
    assert!(none.contains("1 to 100"), "{none}");
}

#[test]
fn an_sbom_in_an_envelope_is_an_event_of_the_artifact_that_it_is_the_bill_of() {
    let (_keep, db) = fresh();
    let mut server = Server::on(&db);
    let purl =
        "pkg:oci/app@sha256%3A0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427";
    let sbom = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {"component": {"type": "container", "name": "app", "purl": purl}}});
    let event = json!({"specversion": "1.0", "id": "1", "source": "/syft", "type": "acme.sbom", "data": sbom});
    let answer = server.record("record_cdevent", json!({"events": [event]}));
    assert_eq!(answer["results"][0]["status"], "recorded", "{answer}");
    let found = server.record("search_events", json!({"type": "acme.sbom"}));
    assert_eq!(found["events"][0]["name"], "app", "{found}");
    assert_eq!(found["events"][0]["package"], "oci");
    let typeless = json!({"specversion": "1.0", "id": "1", "source": "/syft", "data": sbom});
    let refused = server.refusal("record_cdevent", json!({"events": [typeless]}));
    assert!(refused.contains("SBOM"), "{refused}");
}

#[test]
fn an_event_of_an_epr_client_is_looked_into_as_well() {
    let (_keep, db) = fresh();
    let mut server = Server::on(&db);
    server.id_of(
        "create_receiver",
        json!({"name": "task", "type": "acme.task", "version": "1", "description": "d", "schema_name": "any"}),
    );
    for (release, outcome) in [("1", "failure"), ("2", "success")] {
        server.id_of(
            "create_event",
            json!({"name": "web", "version": "1", "release": release, "platform_id": "x64", "package": "oci",
                "description": "d", "event_receiver_id": "task", "success": outcome == "success",
                "payload": finished(release, outcome)}),
        );
    }
    let story = server.text(
        "correlate_pipeline_run",
        json!({"anchor": "run-77001", "include": "events"}),
    );
    assert!(story.contains("EVENTS (2)"), "{story}");
}

#[test]
fn what_nobody_recorded_is_not_found_with_what_comes_near() {
    let (_keep, db) = fresh();
    let mut server = Server::on(&db);
    server.record(
        "record_cdevent",
        json!({"events": finished("1", "success")}),
    );
    let refused = server.refusal("correlate_pipeline_run", json!({"anchor": "run-77"}));
    assert!(
        refused.contains("There is no run «run-77»") && refused.contains("run-77001"),
        "{refused}"
    );
    let bad = server.refusal(
        "correlate_pipeline_run",
        json!({"anchor": "run-77001", "include": "everything"}),
    );
    assert!(bad.contains("timeline"), "{bad}");
}
