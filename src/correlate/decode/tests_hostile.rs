//! Payloads that are wrong, or made to do harm.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::tests::{HEX, event};
use super::*;
use crate::limits;

fn walk(value: &Value) {
    match value {
        Value::String(text) => assert!(text.chars().count() <= limits::FACT_ID_CHARS),
        Value::Array(items) => {
            assert!(items.len() <= limits::FACT_LIST, "{}", items.len());
            items.iter().for_each(walk);
        }
        Value::Object(members) => members.values().for_each(walk),
        _ => {}
    }
}

/// Every text and list in it is within its bound, and it reads back.
fn assert_bounded(facts: &Facts) {
    let json = serde_json::to_value(facts).unwrap();
    assert_eq!(
        &serde_json::from_value::<Facts>(json.clone()).unwrap(),
        facts
    );
    walk(&json);
    assert!(
        facts
            .notes
            .iter()
            .all(|note| note.detail.chars().count() <= 2 * limits::FACT_CHARS)
    );
}

fn bounded(payload: &Value) -> Facts {
    let facts = decode(payload, &Hint::default()).unwrap();
    assert_bounded(&facts);
    facts
}

#[test]
fn lists_without_end_are_cut_and_counted() {
    let mut long = event("taskrun.finished", json!({"errors": vec!["e"; 100_000]}));
    let link = json!({"linkType": "PATH", "from": {"contextId": "x"}});
    let links: Vec<Value> = (0..100_000)
        .map(|n| {
            let mut link = link.clone();
            link["from"]["contextId"] = json!(n.to_string());
            link
        })
        .collect();
    long["context"]["links"] = Value::Array(links);
    let artifacts: Vec<Value> = (0..100_000)
        .map(|n| json!({"id": format!("r.io/a:{n}"), "tags": vec!["t"; 50]}))
        .collect();
    let pairs: Map<String, Value> = (0..100_000)
        .map(|n| (format!("k{n}"), json!("v")))
        .collect();
    long["customData"] = json!({
        "artifacts": artifacts, "buildSteps": vec![json!({"name": "s"}); 100_000],
        "environment": {"labels": pairs, "buildArgs": pairs}, "links": vec![json!({"subject": {"id": "x", "type": "y"}}); 100_000],
        "more": pairs,
    });
    let facts = bounded(&long);
    assert_eq!(facts.references.len(), limits::FACT_LIST);
    assert_eq!(facts.artifacts.len(), limits::FACT_LIST);
    assert!(facts.has_note("references_left_out"));
    let details = facts.details.unwrap();
    assert_eq!(details.steps.len(), limits::FACT_LIST);
    assert!(details.left_out > 290_000, "{}", details.left_out);
    let links: Map<String, Value> = (0..100_000)
        .map(|n| (format!("k{n}"), json!("https://x")))
        .collect();
    long["context"]["links"] = Value::Object(links);
    bounded(&long);
}

#[test]
fn long_texts_are_cut() {
    let long = "ü".repeat(100_000);
    let mut payload = event(
        "taskrun.finished",
        json!({
            "taskName": long, "outcome": long, "reason": long, "errors": long, "uri": long,
            "pipelineRun": {"id": long, "source": long}, "environment": {"id": long}, "artifactId": long,
        }),
    );
    for name in ["id", "source", "chainId", "timestamp", "specversion"] {
        payload["context"][name] = json!(long);
    }
    payload["context"]["type"] = json!(format!("dev.cdevents.{long}.{long}"));
    payload["subject"]["id"] = json!(long);
    payload["subject"]["source"] = json!(long);
    payload["customData"] = json!({long.clone(): long, "buildNode": long, "artifacts": [{"id": long, "tags": [long], "digest": long}]});
    let facts = bounded(&payload);
    assert_eq!(facts.id.unwrap().chars().count(), limits::FACT_ID_CHARS);
    assert_eq!(
        facts.name.as_deref().unwrap().chars().count(),
        limits::FACT_CHARS
    );
    let mut envelope = json!({"specversion": long, "subject": long, "time": long, "datacontenttype": long, "data": payload});
    for name in ["id", "source", "type", "correlationid", "causationid"] {
        envelope[name] = json!(long);
    }
    bounded(&envelope);
    envelope["data"] = json!(7);
    bounded(&envelope);
}

#[test]
fn nesting_is_followed_a_fixed_way() {
    let text = format!("{}1{}", "{\"a\":[".repeat(120), "]}".repeat(120));
    let mut payload = event("build.finished", json!({}));
    let mut deep = json!(1);
    for _ in 0..110 {
        deep = json!({"a": [deep]});
    }
    payload["customData"] = json!({"deep": deep});
    let facts = bounded(&payload);
    assert_eq!(facts.details.unwrap().left_out, 1);
    // More levels than a parser is given stay text.
    payload["customData"] = json!(text);
    let facts = bounded(&payload);
    assert_eq!(facts.details.unwrap().other[0].0, "customData");
    let envelope =
        json!({"specversion": "1.0", "id": "1", "source": "/s", "type": "x", "data": text});
    assert_eq!(bounded(&envelope).kind, DocumentKind::CloudEvent);
}

#[test]
fn an_envelope_in_an_envelope_is_not_opened() {
    let mut value = event("build.finished", json!({}));
    for _ in 0..20 {
        value =
            json!({"specversion": "1.0", "id": "1", "source": "/s", "type": "x", "data": value});
    }
    assert_eq!(bounded(&value).kind, DocumentKind::CloudEvent);
}

#[test]
fn members_of_another_type_are_as_good_as_absent() {
    let content = [
        "taskName",
        "outcome",
        "errors",
        "pipelineRun",
        "change",
        "environment",
        "artifactId",
        "sbom",
        "testCase",
        "trigger",
        "repository",
    ];
    for wrong in [
        json!([]),
        json!({}),
        json!([[]]),
        json!(1.5),
        json!(true),
        json!(""),
        json!({"id": {}}),
        json!({"id": [1]}),
    ] {
        let mut fields = Map::new();
        for name in content {
            fields.insert(name.to_owned(), wrong.clone());
        }
        let mut payload = event("testcaserun.finished", Value::Object(fields));
        for name in [
            "id",
            "source",
            "timestamp",
            "chainId",
            "links",
            "specversion",
        ] {
            payload["context"][name] = wrong.clone();
        }
        payload["customData"] = json!({
            "artifacts": wrong, "buildSteps": wrong, "environment": wrong, "security": wrong, "source": wrong, "links": wrong,
        });
        bounded(&payload);
        for place in ["context", "subject", "customData"] {
            let mut broken = payload.clone();
            broken[place] = wrong.clone();
            if let Some(facts) = decode(&broken, &Hint::default()) {
                assert_bounded(&facts);
            }
        }
        let envelope = json!({"specversion": wrong, "id": wrong, "source": wrong, "type": "dev.cdevents.build.started.0.1.0",
            "subject": wrong, "time": wrong, "data": wrong});
        bounded(&envelope);
    }
}

#[test]
fn wrong_data_is_told_and_the_envelope_still_counts() {
    let of = |more: Value| {
        let mut envelope = json!({"specversion": "1.0", "id": "1", "source": "/s", "time": "2026-11-01T08:00:00Z",
            "type": "dev.cdevents.build.started.0.3.0", "subject": "b-1"});
        envelope
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        bounded(&envelope)
    };
    for (more, code) in [
        (json!({"data_base64": "not base64!"}), "data_unreadable"),
        (
            json!({"data": {"context": {}}, "data_base64": "AAEC"}),
            "two_data",
        ),
        (json!({}), "data_missing"),
        (json!({"data": [1]}), "data_unreadable"),
        (json!({"data_base64": "//8="}), "data_missing"),
        (json!({"specversion": "0.3"}), "envelope_odd"),
    ] {
        let facts = of(more.clone());
        assert_eq!(facts.kind, DocumentKind::CdEvent);
        assert!(facts.is("build", "started"), "{more}");
        assert_eq!(facts.about.as_ref().unwrap().id, "b-1", "{more}");
        assert!(facts.has_note(code), "{more}: {:?}", facts.notes);
    }
}

#[test]
fn control_characters_stay_data() {
    let mut payload = event(
        "taskrun.started",
        json!({"taskName": "a\u{0}b\u{202e}\u{1b}[31m"}),
    );
    payload["context"]["id"] = json!("x\u{0}y");
    let facts = bounded(&payload);
    assert_eq!(facts.id.as_deref(), Some("x\u{0}y"));
    assert_eq!(facts.name.as_deref(), Some("a\u{0}b\u{202e}\u{1b}[31m"));
}

/// Texts that mean something to the decoder, and others.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("2026-11-01T08: 00: 00".to_owned()),
        Just(format!("pkg:oci/app@sha256%3A{HEX}")),
        Just(format!("r.io/app:1@sha256: {HEX}")),
        Just("https://git/o/a/commit/abcdef1".to_owned()),
        Just("dev.cdevents.taskrun.finished.0.1.1".to_owned()),
        Just("RELATION".to_owned()),
        Just("CycloneDX".to_owned()),
        Just(event("build.finished", json!({})).to_string()),
        Just(data_encoding::BASE64.encode(b"{\"a\":1}")),
        "\\PC{0,12}",
        ".{0,5}",
    ]
}

const NAMES: &[&str] = &[
    "context",
    "subject",
    "content",
    "customData",
    "data",
    "data_base64",
    "specversion",
    "version",
    "id",
    "source",
    "type",
    "time",
    "timestamp",
    "links",
    "linkType",
    "link_type",
    "linkKind",
    "linkkind",
    "from",
    "to",
    "target",
    "contextId",
    "domainId",
    "chainId",
    "pipelineRun",
    "trigger",
    "uri",
    "outcome",
    "errors",
    "artifacts",
    "artifact",
    "digest",
    "tags",
    "environment",
    "labels",
    "buildArgs",
    "buildSteps",
    "security",
    "scanResults",
    "vulnerabilities",
    "sbom",
    "repository",
    "change",
    "commit",
    "build",
    "test",
    "deployment",
    "bomFormat",
    "metadata",
    "component",
    "hashes",
    "testCase",
    "artifactId",
    "datacontenttype",
    "correlationid",
];

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        text().prop_map(Value::String),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        let name = prop_oneof![
            proptest::sample::select(NAMES).prop_map(str::to_owned),
            "\\PC{0,6}"
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            proptest::collection::vec((name, inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A document that is read, to be changed somewhere.
fn document() -> impl Strategy<Value = Value> {
    let task = event(
        "taskrun.finished",
        json!({"taskName": "t", "pipelineRun": {"id": "p"}, "outcome": "success"}),
    );
    let wrapped = json!({"specversion": "1.0", "id": "e-1", "source": "/ci", "type": "dev.cdevents.taskrun.finished.0.3.0",
        "subject": "subject-1", "time": "2026-11-01T08:00:00Z", "data": task});
    let flat = json!({"id": "1", "source": "s", "type": "dev.cdevents.artifact.packaged.0.1.1", "subject": "a",
        "data": {"artifact": {"id": "a", "digest": "x"}, "build": {"id": "b"}, "change": {"id": "abcdef1"}}});
    let link = json!({"linkType": "PATH", "chainId": "c", "from": {"contextId": "a"}, "to": {"contextId": "b"}});
    let bom = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": {"name": "n", "version": "1"}}});
    proptest::sample::select(vec![task, wrapped, flat, link, bom])
}

/// Puts a value at the end of a path of members, made where they are missing.
fn put(document: &mut Value, path: &[&str], value: Value) {
    let mut place = document;
    for name in path {
        if !place.is_object() {
            *place = json!({});
        }
        place = place
            .as_object_mut()
            .unwrap()
            .entry(*name)
            .or_insert(Value::Null);
    }
    *place = value;
}

proptest! {
    #[test]
    fn no_json_breaks_the_decoder(payload in json_value(), hint in proptest::option::of(text())) {
        let hint = Hint { receiver_type: hint.as_deref() };
        if let Some(facts) = decode(&payload, &hint) {
            assert_bounded(&facts);
        }
    }

    #[test]
    fn no_change_to_a_good_document_breaks_the_decoder(
        mut payload in document(),
        changes in proptest::collection::vec((proptest::collection::vec(proptest::sample::select(NAMES), 1..4), json_value()), 1..6),
    ) {
        for (path, value) in changes {
            put(&mut payload, &path, value);
        }
        if let Some(facts) = decode(&payload, &Hint::default()) {
            assert_bounded(&facts);
        }
    }

    #[test]
    fn what_is_known_of_an_event_does_not_depend_on_its_wrapping(id in "[!-~]{1,20}", content in json_value()) {
        let mut bare = event("taskrun.started", json!({}));
        bare["context"]["id"] = json!(id);
        bare["subject"]["content"] = content;
        let mut wrapped = json!({"specversion": "1.0", "id": id, "source": "/ci",
            "type": "dev.cdevents.taskrun.started.0.3.0", "data": bare});
        let expected = decode(&bare, &Hint::default());
        prop_assert_eq!(&decode(&wrapped, &Hint::default()), &expected);
        wrapped["data"] = json!(bare.to_string());
        prop_assert_eq!(&decode(&wrapped, &Hint::default()).map(|facts| facts.id), &expected.map(|facts| facts.id));
    }
}
