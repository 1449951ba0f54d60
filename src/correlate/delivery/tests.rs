use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::correlate::testing::{
    Log, answer, at, cdevent, corpus, in_chain, log, recorded, stream,
};

mod sizes;

fn deployed(service: &str, environment: &str, artifact: &str, time: &str) -> Value {
    let content = json!({"environment": {"id": environment}, "artifactId": artifact});
    cdevent("service.deployed", service, time, &content)
}

fn rolled_back(service: &str, environment: &str, artifact: &str, time: &str) -> Value {
    let content = json!({"environment": {"id": environment}, "artifactId": artifact});
    cdevent("service.rolledback", service, time, &content)
}

fn incident(predicate: &str, id: &str, content: Value, time: &str) -> Value {
    let mut content = content;
    content["environment"] = json!({"id": "production"});
    cdevent(&format!("incident.{predicate}"), id, time, &content)
}

fn scope() -> Scope {
    Scope {
        from: at("2026-11-01T00:00:00Z"),
        to: at("2026-11-29T00:00:00Z"),
        service: None,
        environment: None,
    }
}

const NOW: &str = "2026-11-29T12:00:00Z";

/// As a caller does it: by key, then the changes, then the figures.
fn ask(log: &Log, scope: &Scope) -> Delivery {
    let mut events = log.with(scope.key());
    let mut leads = LeadTimes::new(&events);
    let asked = answer(&mut leads, log, LeadTimes::ask, LeadTimes::give);
    assert!(asked <= 4, "two rounds of links and events");
    events.extend(leads.incidents().iter().cloned());
    Delivery::of(&events, |event| leads.of(event), scope, at(NOW))
}

fn without_changes(payloads: &[Value]) -> Delivery {
    let log = log(payloads);
    let no = |_: &Recorded| Lead::Unknown(Reason::NoChange);
    Delivery::of(log.events.values(), no, &scope(), at(NOW))
}

const A: &str =
    "pkg:oci/shop@sha256%3Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str =
    "pkg:oci/shop@sha256%3Abbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn packaged(artifact: &str, change: &str, time: &str) -> Value {
    let content = json!({"change": {"id": change, "source": "/ci"}});
    cdevent("artifact.packaged", artifact, time, &content)
}

fn merged(change: &str, time: &str) -> Value {
    cdevent(
        "change.merged",
        change,
        time,
        &json!({"repository": {"id": "org/shop"}}),
    )
}

#[test]
fn a_team_that_delivers() {
    let log = log(&[
        cdevent("change.created", "c1", "2026-11-01T07:00:00Z", &json!({})),
        merged("c1", "2026-11-02T08:00:00Z"),
        packaged(A, "c1", "2026-11-02T08:10:00Z"),
        deployed("shop", "production", A, "2026-11-02T10:00:00Z"),
        // Only its creation is known.
        cdevent("change.created", "c2", "2026-11-08T09:00:00Z", &json!({})),
        packaged(B, "c2", "2026-11-08T10:00:00Z"),
        deployed("shop", "production", B, "2026-11-09T09:00:00Z"),
        rolled_back("shop", "production", A, "2026-11-09T09:30:00Z"),
        deployed("cart", "staging", "pkg:oci/cart@1", "2026-11-10T09:00:00Z"),
        deployed(
            "cart",
            "production",
            "pkg:oci/cart@1",
            "2026-11-11T09:00:00Z",
        ),
        incident(
            "detected",
            "i1",
            json!({"service": {"id": "cart"}}),
            "2026-11-12T00:00:00Z",
        ),
        incident(
            "resolved",
            "i1",
            json!({"service": {"id": "cart"}}),
            "2026-11-12T02:00:00Z",
        ),
    ]);
    let delivery = ask(&log, &scope());
    insta::assert_snapshot!(delivery.text(limits::delivery::TEXT_BYTES));
    insta::assert_json_snapshot!(delivery.json());
}

#[test]
fn the_change_is_found_by_reference_by_commit_and_by_chain() {
    let commit = "a1b2c3d4e5f6789012345678901234567890abcd";
    let by_commit = json!({
        "context": {
            "specversion": "0.5.1", "id": "t", "source": "/ci", "type": "dev.cdevents.taskrun.finished.0.3.0",
            "timestamp": "2026-11-02T08:30:00Z",
        },
        "subject": {"id": "task", "content": {"outcome": "success"}},
        "customData": {
            "source": {"repository": "https://git.example.com/org/shop", "commit": commit},
            "artifacts": [{"id": B}],
        },
    });
    let mut push = cdevent(
        "change.merged",
        commit,
        "2026-11-02T08:00:00Z",
        &json!({
            "repository": {"id": "https://git.example.com/org/shop"}
        }),
    );
    push["context"]["source"] = json!("/git");
    let log = log(&[
        merged("c1", "2026-11-02T07:00:00Z"),
        packaged(A, "c1", "2026-11-02T08:10:00Z"),
        deployed("one", "production", A, "2026-11-02T09:00:00Z"),
        push,
        by_commit,
        deployed("two", "production", B, "2026-11-02T09:00:00Z"),
        in_chain(merged("elsewhere", "2026-11-02T08:45:00Z"), "chain"),
        in_chain(
            deployed("three", "production", "pkg:oci/x@3", "2026-11-02T09:00:00Z"),
            "chain",
        ),
    ]);
    let delivery = ask(&log, &scope());
    let lead = |service: &str| {
        let row = delivery.rows.iter().find(|row| row.service == service);
        row.unwrap()
            .figures
            .lead
            .median
            .map(|micros| micros / 60_000_000)
    };
    assert_eq!(
        [lead("one"), lead("two"), lead("three")],
        [Some(120), Some(60), Some(15)]
    );
}

#[test]
fn a_change_of_another_source_with_the_same_number_is_another_change() {
    let mut other = merged("7", "2026-11-02T08:30:00Z");
    other["context"]["source"] = json!("/other");
    let log = log(&[
        merged("7", "2026-11-02T08:00:00Z"),
        other,
        packaged(A, "7", "2026-11-02T08:10:00Z"),
        deployed("shop", "production", A, "2026-11-02T09:00:00Z"),
    ]);
    let delivery = ask(&log, &scope());
    assert_eq!(delivery.total.lead.median, Some(3_600_000_000));
}

#[test]
fn the_workshops_purl_in_the_place_of_the_change_does_not_hide_the_chain() {
    let log = log(&[
        in_chain(merged("c", "2026-11-02T08:00:00Z"), "chain"),
        in_chain(packaged(A, A, "2026-11-02T08:10:00Z"), "chain"),
        deployed("shop", "production", A, "2026-11-02T09:00:00Z"),
    ]);
    assert_eq!(ask(&log, &scope()).total.lead.median, Some(3_600_000_000));
}

#[test]
fn what_cannot_be_measured_is_told_with_its_reason() {
    let log = log(&[
        deployed("none", "production", "", "2026-11-02T09:00:00Z"),
        deployed("unknown", "production", A, "2026-11-02T09:00:00Z"),
        merged("late", "2026-11-03T09:00:00Z"),
        packaged(B, "late", "2026-11-02T08:00:00Z"),
        deployed("late", "production", B, "2026-11-02T09:00:00Z"),
        deployed("late", "production", B, "2026-11-02T10:00:00Z"),
        deployed("early", "production", A, "2026-10-02T10:00:00Z"),
        incident(
            "detected",
            "open",
            json!({"service": {"id": "late"}}),
            "2026-11-05T00:00:00Z",
        ),
        incident(
            "resolved",
            "sudden",
            json!({"service": {"id": "late"}}),
            "2026-11-06T00:00:00Z",
        ),
        incident("detected", "foreign", json!({}), "2026-11-07T00:00:00Z"),
        incident("resolved", "foreign", json!({}), "2026-11-07T01:00:00Z"),
    ]);
    let delivery = ask(&log, &scope());
    let left_out: Vec<_> = (delivery.left_out.iter())
        .map(|(reason, number)| (reason.as_str(), *number))
        .collect();
    assert_eq!(
        left_out,
        [
            ("outside_window", 1),
            ("redeployed", 1),
            ("no_artifact", 1),
            ("no_change", 1),
            ("change_after_deployment", 1),
            ("nothing_to_blame", 1),
            ("incident_open", 1),
            ("incident_start_unknown", 1),
        ]
    );
    // An incident that names nothing still lasted.
    assert_eq!(delivery.total.restore.median, Some(3_600_000_000));
    assert_eq!(delivery.total.lead.count, 0);
}

#[test]
fn an_event_that_comes_twice_counts_once() {
    let one = deployed("shop", "production", A, "2026-11-02T09:00:00Z");
    let delivery = without_changes(&[one.clone(), one]);
    assert_eq!(delivery.total.deployments, 1);
    assert_eq!(delivery.left_out[&Reason::Duplicate], 1);
}

#[test]
fn a_failed_deployment_is_restored_by_the_next_success_there() {
    let mut events: Vec<Recorded> = (log(&[
        deployed("shop", "production", A, "2026-11-02T09:00:00Z"),
        deployed("shop", "staging", B, "2026-11-02T09:10:00Z"),
        deployed("shop", "production", B, "2026-11-02T10:00:00Z"),
    ])
    .events)
        .into_values()
        .collect();
    events[0].success = false;
    let no = |_: &Recorded| Lead::Unknown(Reason::NoChange);
    let delivery = Delivery::of(&events, no, &scope(), at(NOW));
    assert_eq!(delivery.total.restore.median, Some(3_600_000_000));
    assert_eq!(delivery.total.failures.not_successful, 1);
    assert_eq!(
        (delivery.total.deployments, delivery.total.succeeded),
        (3, 2)
    );
}

#[test]
fn a_rollback_undoes_one_deployment_and_the_next_rollback_the_one_before() {
    let delivery = without_changes(&[
        deployed("shop", "production", A, "2026-11-02T09:00:00Z"),
        deployed("shop", "production", B, "2026-11-03T09:00:00Z"),
        rolled_back("shop", "production", A, "2026-11-03T10:00:00Z"),
        rolled_back(
            "shop",
            "production",
            "pkg:oci/shop@0",
            "2026-11-03T11:00:00Z",
        ),
        rolled_back("shop", "staging", A, "2026-11-03T11:00:00Z"),
    ]);
    assert_eq!(delivery.total.failures.rolled_back, 2);
    assert_eq!(delivery.left_out[&Reason::NothingToBlame], 1);
}

#[test]
fn an_incident_is_blamed_on_the_deployment_before_it_and_on_no_later_one() {
    let delivery = without_changes(&[
        deployed("shop", "production", A, "2026-11-02T09:00:00Z"),
        deployed("shop", "production", B, "2026-11-04T09:00:00Z"),
        deployed("shop", "staging", B, "2026-11-04T09:00:00Z"),
        incident(
            "detected",
            "i",
            json!({"service": {"id": "shop"}}),
            "2026-11-03T00:00:00Z",
        ),
        incident(
            "resolved",
            "i",
            json!({"service": {"id": "shop"}}),
            "2026-11-03T01:00:00Z",
        ),
        // The same once more, and another that names the artifact alone.
        incident(
            "detected",
            "i",
            json!({"service": {"id": "shop"}}),
            "2026-11-03T02:00:00Z",
        ),
        incident(
            "resolved",
            "i",
            json!({"service": {"id": "shop"}}),
            "2026-11-03T03:00:00Z",
        ),
        incident(
            "detected",
            "j",
            json!({"artifactId": B}),
            "2026-11-05T02:00:00Z",
        ),
    ]);
    assert_eq!(delivery.total.failures.incident, 2);
    assert_eq!(delivery.total.restore.count, 2);
    let staging = delivery
        .rows
        .iter()
        .find(|row| row.environment.as_deref() == Some("staging"));
    assert_eq!(staging.unwrap().figures.failures.all(), 0);
}

#[test]
fn an_incident_that_names_the_artifact_alone_is_found_for_the_service() {
    let log = log(&[
        deployed("shop", "production", A, "2026-11-02T09:00:00Z"),
        deployed("cart", "production", B, "2026-11-02T09:00:00Z"),
        incident(
            "detected",
            "i",
            json!({"artifactId": A}),
            "2026-11-03T00:00:00Z",
        ),
        incident(
            "detected",
            "j",
            json!({"artifactId": B}),
            "2026-11-03T00:00:00Z",
        ),
    ]);
    let shop = Scope {
        service: Some("shop".to_owned()),
        ..scope()
    };
    let delivery = ask(&log, &shop);
    assert_eq!(delivery.total.deployments, 1);
    assert_eq!(delivery.total.failures.incident, 1);
    assert_eq!(delivery.left_out[&Reason::IncidentOpen], 1);
}

#[test]
fn an_environment_alone_is_measured_alone() {
    let log = log(&[
        deployed("shop", "production", A, "2026-11-02T09:00:00Z"),
        deployed("shop", "staging", A, "2026-11-01T09:00:00Z"),
        cdevent(
            "service.deployed",
            "lost",
            "2026-11-02T09:00:00Z",
            &json!({"artifactId": A}),
        ),
    ]);
    let production = Scope {
        environment: Some("production".to_owned()),
        ..scope()
    };
    assert_eq!(ask(&log, &production).total.deployments, 1);
    assert_eq!(ask(&log, &scope()).total.deployments, 3);
}
