//! Verdicts on events made by hand, on those of the specification, and on anything.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A small event that conforms.
fn event(spec: &str, type_name: &str, subject_type: &str, content: &Value) -> Value {
    let old = spec < "0.5";
    let mut event = json!({
        "context": {
            if old { "version" } else { "specversion" }: spec,
            "id": "e1",
            "source": "/ci",
            "type": type_name,
            "timestamp": "2026-01-02T03:04:05Z",
        },
        "subject": {"id": "s1", "content": content},
    });
    if old {
        event["subject"]["type"] = json!(subject_type);
    }
    event
}

fn queued(spec: &str, version: &str) -> Value {
    let type_name = format!("dev.cdevents.build.queued.{version}");
    event(spec, &type_name, "build", &json!({}))
}

fn conforms(event: &Value, spec: &str) {
    let expected = Verdict {
        conformance: Conformance::Conforms,
        spec: Some(spec.to_owned()),
        faults: Vec::new(),
    };
    assert_eq!(verdict(event), expected, "{event}");
}

fn deviates(event: &Value, spec: &str, faults: &[&str]) {
    let expected = Verdict {
        conformance: Conformance::Deviates,
        spec: Some(spec.to_owned()),
        faults: faults.iter().map(|fault| (*fault).to_owned()).collect(),
    };
    assert_eq!(verdict(event), expected, "{event}");
}

fn not_judged(event: &Value, why: &str) {
    let expected = Verdict {
        conformance: Conformance::Unknown,
        spec: None,
        faults: vec![why.to_owned()],
    };
    assert_eq!(verdict(event), expected, "{event}");
}

#[test]
fn an_event_is_held_to_the_version_that_it_declares() {
    conforms(&queued("0.3.0", "0.1.1"), "0.3.0");
    conforms(&queued("0.4.0", "0.2.0"), "0.4.0");
    conforms(&queued("0.4.0-draft", "0.2.0"), "0.4.0");
    conforms(&queued("0.4.1", "0.2.0"), "0.4.1");
    conforms(&queued("0.4.3", "0.2.0"), "0.4.1");
    conforms(&queued("0.5.0", "0.3.0"), "0.5.0");
    conforms(&queued("0.5.0-draft", "0.3.0"), "0.5.0");
    conforms(&queued("0.5.1", "0.3.0"), "0.5.1");
    conforms(&queued("0.6.0-draft", "0.3.0"), "0.6.0-draft");

    let outcome = json!({"outcome": "great"});
    let finished = |spec| {
        event(
            spec,
            "dev.cdevents.taskrun.finished.0.3.0",
            "taskRun",
            &outcome,
        )
    };
    conforms(&finished("0.5.1"), "0.5.1");
    deviates(
        &finished("0.6.0-draft"),
        "0.6.0-draft",
        &[
            "/subject/content/outcome: subject.content.outcome must be one of the following: \
           \"success\", \"failure\", \"cancel\", \"error\"",
        ],
    );

    // A draft of 0.5 that still has what 0.5 took away.
    let mut draft = queued("0.4.1", "0.2.0");
    draft["context"]["version"] = json!("0.5.0-draft");
    conforms(&draft, "0.4.1");
    // 0.5 under the name that it no longer has.
    let mut renamed = queued("0.4.1", "0.3.0");
    renamed["context"]["version"] = json!("0.5.1");
    deviates(
        &renamed,
        "0.5.1",
        &[
            "/context: specversion is required",
            "/context: Additional property version is not allowed",
            "/subject: Additional property type is not allowed",
        ],
    );
}

#[test]
fn an_undeclared_event_is_held_to_the_version_of_its_type() {
    for (name, version, spec) in [
        ("build.queued", "0.1.1", "0.3.0"),
        ("build.queued", "0.2.0", "0.4.1"),
        ("build.queued", "0.3.0", "0.5.1"),
        ("build.queued", "0.9.9", "0.5.1"),
        ("approval.created", "0.1.0", "0.6.0-draft"),
    ] {
        let mut event = event(
            spec,
            &format!("dev.cdevents.{name}.{version}"),
            "build",
            &json!({}),
        );
        let key = if spec < "0.5" {
            "version"
        } else {
            "specversion"
        };
        event["context"].as_object_mut().unwrap().shift_remove(key);
        let verdict = verdict(&event);
        assert_eq!(verdict.spec.as_deref(), Some(spec));
        let required = format!("/context: {key} is required");
        assert!(verdict.faults.contains(&required), "{verdict:?}");
    }
    let mut unreadable = queued("0.5.1", "0.3.0");
    unreadable["context"]["specversion"] = json!("latest");
    deviates(
        &unreadable,
        "0.5.1",
        &["/context/specversion: latest is not a version"],
    );
    unreadable["context"]["specversion"] = json!(5);
    deviates(
        &unreadable,
        "0.5.1",
        &["/context/specversion: Invalid type. Expected: string, given: integer"],
    );
}

#[test]
fn a_type_of_another_version_is_a_fault() {
    deviates(
        &queued("0.4.1", "0.1.1"),
        "0.4.1",
        &[
            "/context/type: dev.cdevents.build.queued.0.1.1 is of CDEvents 0.3.0; 0.4.1 has \
           dev.cdevents.build.queued.0.2.0",
        ],
    );
    deviates(
        &queued("0.5.1", "0.1.4"),
        "0.5.1",
        &[
            "/context/type: dev.cdevents.build.queued.0.1.4 is of no known version; CDEvents 0.5.1 \
           has dev.cdevents.build.queued.0.3.0",
        ],
    );
    for spelling in [
        "dev.cdevents.Build.queued.0.3.0",
        "dev.cdevents.build.queued",
    ] {
        let verdict = verdict(&event("0.5.1", spelling, "", &json!({})));
        assert!(verdict.faults[0].ends_with("0.5.1 has dev.cdevents.build.queued.0.3.0"));
        assert_eq!(verdict.faults.len(), 1);
    }
    let ticket = event(
        "0.3.0",
        "dev.cdevents.ticket.created.0.1.0",
        "ticket",
        &json!({}),
    );
    deviates(
        &ticket,
        "0.3.0",
        &[
            "/context/type: dev.cdevents.ticket.created.0.1.0 is no type of CDEvents 0.3.0; \
           dev.cdevents.ticket.created.0.1.0 came with 0.4.0",
        ],
    );
}

#[test]
fn an_unknown_type_brings_the_nearest() {
    for (spec, type_name, nearest) in [
        (
            "0.5.1",
            "dev.cdevents.testcase.finished.0.1.0",
            "dev.cdevents.testcaserun.finished.0.3.0",
        ),
        (
            "0.4.1",
            "dev.cdevents.artifact.package.0.2.0",
            "dev.cdevents.artifact.packaged.0.2.0",
        ),
        (
            "0.4.1",
            "taskrun.finished.0.1.1",
            "dev.cdevents.taskrun.finished.0.2.0",
        ),
        (
            "0.6.0-draft",
            "dev.cdevents.aproval.created",
            "dev.cdevents.approval.created.0.1.0",
        ),
    ] {
        let fault = format!(
            "/context/type: {type_name} is no type of CDEvents {spec}; the nearest is {nearest}"
        );
        deviates(
            &event(spec, type_name, "x", &json!({"any": [1]})),
            spec,
            &[&fault],
        );
    }
    let mut more = event("0.5.1", "dev.cdevents.a.b.0.1.0", "", &json!({}));
    more["extra"] = json!(1);
    assert_eq!(
        verdict(&more).faults[1..],
        ["(root): Additional property extra is not allowed"]
    );
}

#[test]
fn custom_events_are_held_to_the_common_frame() {
    let custom = |spec, version: &str| {
        let type_name = format!("dev.cdeventsx.mytool-resource.created{version}");
        event(
            spec,
            &type_name,
            "mytool-resource",
            &json!({"nested": {"key": ["a"]}}),
        )
    };
    conforms(&custom("0.4.0", ""), "0.4.0");
    conforms(&custom("0.4.0", ".0.1.0"), "0.4.0");
    conforms(&custom("0.4.1", ".0.1.0"), "0.4.1");
    conforms(&custom("0.5.1", ".0.10.0"), "0.5.1");
    conforms(&custom("0.6.0-draft", ".1.0.0"), "0.6.0-draft");
    assert_eq!(
        verdict(&custom("0.5.1", "")).conformance,
        Conformance::Deviates
    );
    let mut bad = custom("0.5.1", ".0.1.0");
    bad["subject"]["content"] = json!([]);
    bad["subject"]["type"] = json!("mytool-resource");
    deviates(
        &bad,
        "0.5.1",
        &[
            "/subject: Additional property type is not allowed",
            "/subject/content: Invalid type. Expected: object, given: array",
        ],
    );
    not_judged(
        &custom("0.3.0", ".0.1.0"),
        "/context/type: custom events came with CDEvents 0.4.0, after 0.3.0",
    );
}

#[test]
fn what_there_is_nothing_to_compare_with_is_not_judged() {
    for (version, key) in [
        ("0.1.2", "version"),
        ("0.2.0", "version"),
        ("0.7.0", "specversion"),
    ] {
        let mut event = queued("0.5.1", "0.1.0");
        event["context"]
            .as_object_mut()
            .unwrap()
            .shift_remove("specversion");
        event["context"][key] = json!(version);
        not_judged(
            &event,
            &format!(
                "/context/{key}: CDEvents {version} is not known here; 0.3.0 to 0.6.0-draft are"
            ),
        );
    }
    for other in [
        json!(null),
        json!([]),
        json!({}),
        json!({"context": "x"}),
        json!("text"),
    ] {
        not_judged(&other, "(root): not a CDEvent: it has no context");
    }
    not_judged(
        &event("0.5.1", "com.example.thing", "", &json!({})),
        "/context/type: com.example.thing is no type of CDEvents",
    );
}

#[test]
fn an_event_without_a_type_is_held_to_what_all_have() {
    let mut event = queued("0.4.1", "0.2.0");
    event["context"] = json!({"version": "0.4.0", "id": "e1", "timestamp": "2025-08-20T14: 30: 25Z",
        "links": {"trigger": "https://example.com"}});
    deviates(
        &event,
        "0.4.0",
        &[
            "/context: source is required",
            "/context: type is required",
            "/context/links: Invalid type. Expected: array, given: object",
            "/context/timestamp: Does not match format 'date-time'",
        ],
    );
}

#[test]
fn the_workshops_build_started_does_not_conform() {
    let started = |content: Value| {
        let type_name = "dev.cdevents.build.started.0.2.0";
        let mut event = event("0.4.1", type_name, "build", &content);
        event["context"]["chainId"] = json!("01J0000000000000000000000Z");
        event
    };
    deviates(
        &started(json!({"artifactId": "pkg:oci/foo@sha256%3Aabc"})),
        "0.4.1",
        &["/subject/content: Additional property artifactId is not allowed"],
    );
    conforms(&started(json!({})), "0.4.1");
}

#[test]
fn faults_are_few_and_short() {
    let long = "x".repeat(5_000);
    let mut event = queued("0.5.1", "0.3.0");
    for number in 0..20 {
        event["context"][format!("{number}{long}")] = json!(1);
    }
    let found = verdict(&event);
    assert_eq!(found.faults.len(), limits::FAULTS);
    event["context"]["type"] = json!(format!("dev.cdevents.{long}"));
    let found = [found, verdict(&event)];
    event["context"]["specversion"] = json!(long);
    for found in found.into_iter().chain([verdict(&event)]) {
        assert_eq!(found.conformance, Conformance::Deviates);
        assert!(
            found
                .faults
                .iter()
                .all(|fault| fault.chars().count() <= limits::FACT_CHARS)
        );
    }
}

#[expect(clippy::disallowed_methods, reason = "a test outside any runtime")]
fn examples(folder: &Path) -> Vec<(String, Value)> {
    let files = std::fs::read_dir(folder).unwrap();
    let files = files.map(|file| {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        (
            path.display().to_string(),
            serde_json::from_str(&text).unwrap(),
        )
    });
    files.collect()
}

#[test]
fn every_example_of_the_specification_conforms() {
    let Some(root) = std::env::var_os("EPR_FIXTURES").map(PathBuf::from) else {
        println!("left out: 54 corpus checks, EPR_FIXTURES is not set");
        return;
    };
    let mut count = 0;
    for (folder, spec) in [
        ("v0.3.0", "0.3.0"),
        ("v0.4.0", "0.4.0"),
        ("v0.4", "0.4.1"),
        ("v0.5", "0.5.1"),
        ("v0.6-draft", "0.6.0-draft"),
    ] {
        for (path, example) in examples(&root.join("cdevents").join(folder)) {
            let found = verdict(&example);
            assert_eq!(found.faults, [""; 0], "{path}");
            assert_eq!(found.spec.as_deref(), Some(spec), "{path}");
            assert_eq!(found.conformance, Conformance::Conforms, "{path}");
            count += 1;
        }
    }
    assert!(count >= 54, "{count}");
}

/// JSON that looks a little like an event.
fn anything() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "context",
        "subject",
        "content",
        "type",
        "version",
        "specversion",
        "id",
        "links",
        "customData",
        "outcome",
        "timestamp",
        "a",
    ]);
    let texts = prop_oneof![
        prop::sample::select(vec![
            "0.4.1",
            "0.5.0-draft",
            "0.2.0",
            "dev.cdevents.",
            "dev.cdeventsx.a-b.c.0.1.0",
            "dev.cdevents.build.queued.0.3.0",
            "dev.cdevents.pipelinerun.finished.0.2.0",
            "build",
            "..",
        ])
        .prop_map(str::to_owned),
        "(dev\\.cdevents\\.)?\\PC{0,12}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        texts.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, move |inner| {
        let members = prop::collection::vec((names.clone(), inner.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            members.prop_map(|members| {
                members
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect()
            }),
        ]
    })
}

proptest! {
    #[test]
    fn a_verdict_is_always_given_with_its_reason(
        context in anything(), subject in anything(), whole in anything(),
    ) {
        for event in [json!({"context": context, "subject": subject}), whole] {
            let found = verdict(&event);
            prop_assert_eq!(found.faults.is_empty(), found.conformance == Conformance::Conforms);
            prop_assert_eq!(found.spec.is_none(), found.conformance == Conformance::Unknown);
            prop_assert!(found.faults.len() <= limits::FAULTS);
            prop_assert!(found.faults.iter().all(|fault| fault.chars().count() <= limits::FACT_CHARS));
        }
    }

    #[test]
    fn a_field_that_no_version_has_never_conforms(name in "[a-z]{3,9}X", place in 0usize..3) {
        for (spec, version) in [("0.3.0", "0.1.1"), ("0.4.0", "0.2.0"), ("0.5.1", "0.3.0")] {
            let mut event = queued(spec, version);
            let at = ["", "/context", "/subject/content"][place];
            event.pointer_mut(at).unwrap()[&name] = json!("x");
            let at = if at.is_empty() { "(root)" } else { at };
            let fault = format!("{at}: Additional property {name} is not allowed");
            prop_assert_eq!(verdict(&event).faults, [fault]);
        }
    }
}
