#![expect(
    clippy::needless_pass_by_value,
    reason = "a helper of tests, which is given what was made for it"
)]

use serde_json::{Value, json};

use super::*;
use crate::correlate::facts::{Reference, Target};
use crate::correlate::key::Role;
use crate::domain::run::RunOutcome;

pub(super) const HEX: &str = "0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427";

/// A CDEvent in the words of version 0.5.
pub(super) fn event(kind: &str, content: Value) -> Value {
    json!({
        "context": {
            "specversion": "0.5.1",
            "id": "e-1",
            "source": "/ci",
            "type": format!("dev.cdevents.{kind}.0.3.0"),
            "timestamp": "2026-11-01T08:00:00Z",
        },
        "subject": {"id": "subject-1", "content": content},
    })
}

pub(super) fn read_as(payload: &Value) -> Facts {
    decode(payload, &Hint::default()).unwrap_or_else(|| panic!("opaque: {payload}"))
}

pub(super) fn codes(facts: &Facts) -> Vec<&str> {
    facts.notes.iter().map(|note| note.code.as_str()).collect()
}

pub(super) fn references(facts: &Facts) -> Vec<(Role, Target, Option<&str>)> {
    let shown = |it: &'_ Reference| (it.role, it.target.clone());
    let names = facts.references.iter().map(|it| it.name.as_deref());
    let all = facts.references.iter().map(shown).zip(names);
    all.map(|((role, target), name)| (role, target, name))
        .collect()
}

pub(super) fn to_event(id: &str) -> Target {
    Target::Event(id.to_owned())
}

pub(super) fn to_subject(kind: &str, id: &str, source: Option<&str>) -> Target {
    Target::Subject(Subject {
        kind: kind.to_owned(),
        id: id.to_owned(),
        source: source.map(str::to_owned),
    })
}

pub(super) fn to_commit(repository: Option<&str>, sha: &str) -> Target {
    Target::Commit {
        repository: repository.map(str::to_owned),
        sha: sha.to_owned(),
    }
}

pub(super) fn with_custom(kind: &str, custom: Value) -> Facts {
    let mut event = event(kind, json!({}));
    event["customData"] = custom;
    read_as(&event)
}

#[test]
fn what_stands_for_no_chain_is_none() {
    let read = |chain: &str| {
        let event = json!({
            "context": {
                "specversion": "0.5.1", "id": "1", "source": "/ci", "chainId": chain,
                "type": "dev.cdevents.build.started.0.3.0", "timestamp": "2026-11-01T08:00:00Z",
            },
            "subject": {"id": "b", "content": {}},
        });
        decode(&event, &Hint::default()).unwrap()
    };
    for chain in [
        "00000000-0000-0000-0000-000000000000",
        "FFFFFFFF-ffff-ffff-ffff-ffffffffffff",
        "null",
        " None ",
        "UNKNOWN",
        "-",
        "0",
    ] {
        let facts = read(chain);
        assert_eq!(facts.chain, None, "{chain}");
        assert!(facts.has_note("chain_placeholder"), "{chain}");
    }
    let facts = read("00000000-0000-0000-0000-000000000001");
    assert!(facts.chain.is_some() && facts.notes.is_empty());
}

#[test]
fn what_is_no_known_document_says_nothing() {
    for payload in [
        json!(null),
        json!([]),
        json!("text"),
        json!({}),
        json!({"name": "foo"}),
        json!({"context": {"user": "x"}, "subject": {"id": "y"}}),
        json!({"context": {"id": "1", "type": "com.example.x"}, "subject": {"id": "y"}}),
        json!({"type": "foo.bar", "data": {}}),
        json!({"type": "dev.cdevents", "data": {}}),
        json!({"specversion": "1.0"}),
        json!({"linkType": "PATH"}),
        json!({"bomFormat": "other"}),
    ] {
        assert_eq!(decode(&payload, &Hint::default()), None, "{payload}");
    }
}

#[test]
fn the_type_comes_from_the_context_else_the_envelope_else_the_receiver() {
    let mut bare = event("build.started", json!({}));
    bare["context"].as_object_mut().unwrap().remove("type");
    let hint = |name| Hint {
        receiver_type: Some(name),
    };
    let facts = decode(&bare, &hint("dev.cdevents.build.finished.0.2.0")).unwrap();
    assert!(facts.is("build", "finished"));
    assert_eq!(facts.type_name, "dev.cdevents.build.finished.0.2.0");
    let envelope = json!({
        "specversion": "1.0", "id": "e-1", "source": "/ci",
        "type": "dev.cdevents.build.queued.0.3.0", "time": "2026-11-01T08:00:00Z", "data": bare,
    });
    let facts = decode(&envelope, &hint("dev.cdevents.build.finished.0.2.0")).unwrap();
    assert!(facts.is("build", "queued"));
    // Written as the specification says in all but the type.
    let facts = decode(&bare, &hint("foo.bar")).unwrap();
    assert_eq!(
        (facts.subject.as_str(), codes(&facts)),
        ("", vec!["type_unknown"])
    );
    let facts = decode(
        &event("build.started", json!({})),
        &hint("dev.cdevents.change.merged.0.2.0"),
    )
    .unwrap();
    assert!(facts.is("build", "started"));
}

#[test]
fn old_and_custom_types_are_read_and_unknown_ones_are_noted() {
    let of = |name: &str| {
        let mut event = event("x.y", json!({}));
        event["context"]["type"] = json!(name);
        read_as(&event)
    };
    let facts = of("dev.cdevents.testcase.finished.0.1.0");
    assert!(facts.is("testcaserun", "finished"));
    assert_eq!(facts.about.as_ref().unwrap().kind, "testcaserun");
    assert_eq!(codes(&facts), [""; 0]);
    let facts = of("dev.cdeventsx.gitlab-release.created.0.1.0");
    assert!(facts.is("gitlab-release", "created"));
    assert_eq!(codes(&facts), [""; 0]);
    assert_eq!(
        codes(&of("dev.cdevents.test.completed.0.1.0")),
        ["type_unknown"]
    );
}

#[test]
fn what_the_context_lacks_is_taken_from_the_envelope() {
    let envelope = json!({
        "specversion": "1.0", "id": "e-1", "source": "/outer", "type": "dev.cdevents.taskrun.started.0.3.0",
        "subject": "t-1", "time": "2026-11-01T08:00:00+01:00", "correlationid": "c-1", "causationid": "e-0",
        "data": {"context": {"specversion": "0.5.1"}, "subject": {"content": {"taskName": "compile"}}},
    });
    let facts = read_as(&envelope);
    assert_eq!(facts.kind, DocumentKind::CdEvent);
    assert_eq!(
        (facts.id.as_deref(), facts.source.as_deref()),
        (Some("e-1"), Some("/outer"))
    );
    assert_eq!(facts.at().unwrap().to_string(), "2026-11-01T07:00:00Z");
    assert_eq!(facts.chain.as_deref(), Some("c-1"));
    assert_eq!(references(&facts), [(Role::Cause, to_event("e-0"), None)]);
    let about = facts.about.clone().unwrap();
    assert_eq!(
        (about.id.as_str(), about.source.as_deref()),
        ("t-1", Some("/outer"))
    );
    assert_eq!(codes(&facts), [""; 0]);
}

#[test]
fn where_envelope_and_context_differ_the_context_counts() {
    let mut envelope = json!({
        "specversion": "1.0", "id": "other", "source": "/outer", "type": "dev.cdevents.build.started.0.3.0",
        "subject": "s", "time": "2026-11-01T08:00:01Z", "data": event("taskrun.started", json!({})),
    });
    let facts = read_as(&envelope);
    assert_eq!(
        (facts.id.as_deref(), facts.source.as_deref()),
        (Some("e-1"), Some("/ci"))
    );
    assert!(facts.is("taskrun", "started"));
    assert_eq!(facts.at().unwrap().to_string(), "2026-11-01T08:00:00Z");
    assert_eq!(codes(&facts), ["envelope_mismatch"; 5]);
    let details: Vec<&str> = facts
        .notes
        .iter()
        .map(|note| note.detail.as_str())
        .collect();
    assert_eq!(
        details[0],
        "id: «other» in the envelope, «e-1» in the context"
    );
    for (name, same) in [
        ("id", json!("e-1")),
        ("source", json!("/ci")),
        ("type", json!("dev.cdevents.taskrun.started.0.3.0")),
        ("subject", json!("subject-1")),
        ("time", json!("2026-11-01T09:00:00+01:00")),
    ] {
        envelope[name] = same;
    }
    assert_eq!(codes(&read_as(&envelope)), [""; 0]);
}

#[test]
fn data_is_found_as_text_and_in_base64() {
    let inner = event("build.started", json!({}));
    let base64 = data_encoding::BASE64.encode(inner.to_string().as_bytes());
    let bare = read_as(&inner);
    for data in [
        json!({"data": inner.to_string()}),
        json!({"data_base64": base64}),
    ] {
        let mut envelope = json!({"specversion": "1.0", "id": "e-1", "source": "/ci", "type": "dev.cdevents.build.started.0.3.0"});
        envelope
            .as_object_mut()
            .unwrap()
            .extend(data.as_object().unwrap().clone());
        assert_eq!(read_as(&envelope), bare);
    }
}

#[test]
fn what_is_missing_or_unreadable_is_noted() {
    let mut event = event("taskrun.started", json!({"errors": null}));
    for (name, value) in [
        ("id", json!(null)),
        ("source", json!("")),
        ("timestamp", json!("soon")),
    ] {
        event["context"][name] = value;
    }
    event["subject"].as_object_mut().unwrap().remove("id");
    let facts = read_as(&event);
    assert_eq!(
        codes(&facts),
        [
            "id_missing",
            "source_missing",
            "time_unreadable",
            "subject_missing",
            "nulls_dropped"
        ]
    );
    assert_eq!(facts.notes[4].detail, "context.id, subject.content.errors");
    event["context"]["timestamp"] = json!(null);
    assert!(read_as(&event).has_note("time_missing"));
    event["context"]["timestamp"] = json!("1970-01-01T00:00:00Z");
    assert!(read_as(&event).has_note("ancient_timestamp"));
    event["context"]["timestamp"] = json!("2026-11-01 08:00:00");
    let facts = read_as(&event);
    assert_eq!(facts.at().unwrap().to_string(), "2026-11-01T08:00:00Z");
    assert!(facts.has_note("timestamp_repaired"));
}

#[test]
fn outcomes_and_reasons_are_kept_as_they_were_said() {
    let of = |kind: &str, content: Value| {
        let facts = read_as(&event(kind, content));
        (
            facts.outcome,
            facts.outcome_said.clone(),
            facts.reason.clone(),
        )
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        of("taskrun.finished", json!({"outcome": "success"})),
        (Some(RunOutcome::Success), None, None)
    );
    assert_eq!(
        of(
            "taskrun.finished",
            json!({"outcome": "FAIL", "errors": ["a", {"message": "b"}], "reason": "r"})
        ),
        (Some(RunOutcome::Failure), text("FAIL"), text("r; a; b"))
    );
    assert_eq!(
        of("taskrun.finished", json!({"outcome": "meh"})),
        (Some(RunOutcome::Unknown), text("meh"), None)
    );
    assert_eq!(
        of("testcaserun.skipped", json!({"reason": "r"})),
        (Some(RunOutcome::Skipped), None, text("r"))
    );
    assert_eq!(
        of("incident.detected", json!({"description": "slow"})),
        (None, None, text("slow"))
    );
    assert_eq!(
        of("approval.closed", json!({"status": "rejected"})),
        (Some(RunOutcome::Failure), text("rejected"), None)
    );
    assert!(
        read_as(&event("taskrun.finished", json!({"outcome": "meh"}))).has_note("outcome_unknown")
    );
}

#[test]
fn names_places_and_people_are_found() {
    let test = read_as(&event(
        "testcaserun.finished",
        json!({
            "outcome": "pass", "severity": "low", "environment": {"id": "dev", "source": "/k8s"},
            "testCase": {"id": "7", "name": "Login", "type": "e2e"}, "testSuiteRun": {"id": "ts"},
        }),
    ));
    assert_eq!(test.name.as_deref(), Some("Login"));
    assert_eq!(test.context.test_case.as_deref(), Some("7"));
    assert_eq!(test.context.environment.as_deref(), Some("dev"));
    let other = &test.details.as_ref().unwrap().other;
    assert_eq!(
        other,
        &[
            ("severity".to_owned(), "low".to_owned()),
            ("testCase.type".to_owned(), "e2e".to_owned())
        ]
    );
    let deployed = read_as(&event(
        "service.deployed",
        json!({"environment": {"id": "prod"}, "artifactId": "a"}),
    ));
    assert_eq!(deployed.context.service.as_deref(), Some("subject-1"));
    let made = read_as(&event(
        "repository.created",
        json!({"name": "app", "uri": "https://git/o/app"}),
    ));
    assert_eq!(
        made.context.repository.as_deref(),
        Some("https://git/o/app")
    );
    assert_eq!(made.name.as_deref(), Some("app"));
    let run = read_as(&event(
        "pipelinerun.started",
        json!({"pipelineName": "shop", "url": "https://ci/1"}),
    ));
    assert_eq!(
        (run.context.pipeline.as_deref(), run.uri.as_deref()),
        (Some("shop"), Some("https://ci/1"))
    );
    let asked = read_as(&event("approval.created", json!({"requestor": "alice"})));
    assert_eq!(asked.context.user.as_deref(), Some("alice"));
}

#[test]
fn custom_data_is_found_as_text_and_in_base64_and_what_is_unknown_is_kept() {
    let custom = json!({"metric": "time", "deep": {"list": [1, {"x": true}]}, "none": null, "buildNode": "n"});
    let base64 = data_encoding::BASE64.encode(custom.to_string().as_bytes());
    let expected = [
        ("metric", "time"),
        ("deep.list.0", "1"),
        ("deep.list.1.x", "true"),
    ];
    for given in [custom.clone(), json!(custom.to_string()), json!(base64)] {
        let facts = with_custom("build.finished", given);
        let details = facts.details.unwrap();
        let other: Vec<_> = details
            .other
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(other, expected);
        assert_eq!(details.node.as_deref(), Some("n"));
    }
    let facts = with_custom("build.finished", json!("just text"));
    assert_eq!(
        facts.details.unwrap().other,
        [("customData".to_owned(), "just text".to_owned())]
    );
}

#[test]
fn a_cloudevent_of_another_kind_says_what_its_envelope_says() {
    let facts = read_as(&json!({
        "specversion": "1.0", "id": "evt-1", "source": "urn:example:shop", "type": "com.example.order.created",
        "time": "2026-11-01T08:00:00Z", "subject": "order/1234", "correlationid": "c", "causationid": "evt-0",
        "data": {"orderId": 1234},
    }));
    assert_eq!(facts.kind, DocumentKind::CloudEvent);
    assert_eq!(
        (facts.subject.as_str(), facts.type_name.as_str()),
        ("", "com.example.order.created")
    );
    assert_eq!(facts.chain.as_deref(), Some("c"));
    assert_eq!(references(&facts), [(Role::Cause, to_event("evt-0"), None)]);
    let about = facts.about.clone().unwrap();
    assert_eq!(
        (
            about.kind.as_str(),
            about.id.as_str(),
            about.source.as_deref()
        ),
        ("cloudevent", "order/1234", Some("urn:example:shop"))
    );
    assert_eq!(codes(&facts), [""; 0]);
}

#[test]
fn an_sbom_names_what_it_is_the_bill_of() {
    let facts = read_as(&json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6",
        "metadata": {"timestamp": "2026-11-01T08:00:00Z", "component": {
            "type": "container", "name": "r.io/app:1", "version": format!("sha256:{HEX}")}},
    }));
    assert_eq!(
        (facts.kind, facts.type_name.as_str(), facts.spec.as_deref()),
        (DocumentKind::Sbom, "sbom.cyclonedx", Some("1.6"))
    );
    assert_eq!(facts.artifacts[0].digest, Some(format!("sha256:{HEX}")));
    assert_eq!(facts.name.as_deref(), Some("r.io/app:1"));
    let inside = read_as(&json!({
        "specversion": "1.0", "id": "1", "source": "/s", "type": "x", "time": "2026-11-02T08:00:00Z",
        "data": {"spdxVersion": "SPDX-2.3", "name": "app", "creationInfo": {"created": "2026-11-01T08:00:00Z"}},
    }));
    assert_eq!(
        (
            inside.kind,
            inside.type_name.as_str(),
            inside.spec.as_deref()
        ),
        (DocumentKind::Sbom, "x", Some("2.3"))
    );
    assert_eq!(inside.predicate, "spdx");
    assert_eq!(inside.at().unwrap().to_string(), "2026-11-02T08:00:00Z");
    let graph = json!({"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": []});
    assert_eq!(read_as(&graph).kind, DocumentKind::Sbom);
}
