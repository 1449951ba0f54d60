use serde_json::{Value, json};

use super::*;
use crate::correlate::facts::Conformance;
use crate::correlate::testing::at;
use crate::correlate::{Hint, decode, verdict};
use crate::domain::unit::Unit;

mod properties;

const HINT: Hint<'static> = Hint {
    receiver_type: None,
};

fn fallback() -> Fallback<'static> {
    Fallback {
        id: "01J00000000000000000000001",
        time: at("2026-11-26T12:00:00Z"),
        source: "epr",
    }
}

pub(super) fn convert(payload: &Value) -> Result<Converted, NotConvertible> {
    let facts = decode(payload, &HINT).expect("a document that is known");
    to_0_5_1(payload, &facts, &fallback())
}

/// What comes of converting it once more.
pub(super) fn again(converted: &Converted) -> Converted {
    convert(&converted.event).unwrap()
}

/// Whether the reader that CDviz has would take it.
pub(super) fn would_be_taken(event: &Value) -> Result<(), String> {
    let read: cdevents_sdk::CDEvent =
        serde_json::from_value(event.clone()).map_err(|error| error.to_string())?;
    let context = &event["context"];
    if read.id().as_str() != context["id"] || read.ty() != context["type"] {
        return Err("read as something else".to_owned());
    }
    Ok(())
}

pub(super) fn envelope(payload: &Value) -> Value {
    let unit = Unit {
        name: "app".to_owned(),
        version: "1 0".to_owned(),
        release: "1".to_owned(),
        platform_id: "any".to_owned(),
        package: "oci".to_owned(),
    };
    let recording = Recording {
        id: "01J00000000000000000000001",
        receiver_type: "org.example.scan",
        unit: &unit,
        time: at("2026-11-26T12:00:00Z"),
    };
    to_cloudevent(payload, decode(payload, &HINT).as_ref(), &recording)
}

fn event(type_name: &str, content: &Value) -> Value {
    json!({
        "context": {
            "version": "0.4.1", "id": "e1", "source": "/ci", "type": type_name,
            "timestamp": "2026-11-01T08:00:00.123Z",
        },
        "subject": {"id": "s1", "type": "any", "content": content},
    })
}

fn content(type_name: &str, content: &Value) -> Value {
    let converted = convert(&event(type_name, content)).unwrap();
    assert_conforms(&converted);
    converted.event["subject"]["content"].clone()
}

#[track_caller]
fn assert_conforms(converted: &Converted) {
    let verdict = verdict(&converted.event);
    assert_eq!(
        verdict.conformance,
        Conformance::Conforms,
        "{verdict:?} {:#}",
        converted.event
    );
    would_be_taken(&converted.event).unwrap();
}

#[test]
fn an_event_of_0_5_1_stays_as_it_is() {
    let given = json!({
        "context": {
            "specversion": "0.5.1", "id": "e1", "source": "/ci", "chainId": "c1",
            "type": "dev.cdevents.pipelinerun.finished.0.3.0", "timestamp": "2026-11-01T09:00:00.5+01:00",
            "links": [{"linkType": "END", "from": {"contextId": "e0"}, "tags": {"a": 1}}],
        },
        "subject": {"id": "s1", "source": "/x", "content": {"outcome": "failure", "errors": "x"}},
        "customData": {"a": null},
        "customDataContentType": "application/json",
    });
    let converted = convert(&given).unwrap();
    assert_eq!(converted.event, given);
    assert_eq!(converted.changes, [""; 0]);
}

#[test]
fn names_types_and_outcomes_are_those_of_0_5() {
    let type_name = |given: &str, body: &Value| -> Value {
        convert(&event(given, body)).unwrap().event["context"]["type"].clone()
    };
    assert_eq!(
        type_name("dev.cdevents.change.created.0.3.0", &json!({})),
        "dev.cdevents.change.created.0.4.0"
    );
    assert_eq!(
        type_name(
            "dev.cdevents.ticket.closed.0.1.0",
            &json!({"uri": "/t", "resolution": "x"})
        ),
        "dev.cdevents.ticket.closed.0.2.0"
    );
    let test = json!({"outcome": "pass", "environment": {"id": "e"}});
    assert_eq!(
        type_name("dev.cdevents.testcase.finished.0.1.0", &test),
        "dev.cdevents.testcaserun.finished.0.3.0"
    );
    assert_eq!(
        content("dev.cdevents.testsuite.finished.0.1.0", &test)["outcome"],
        "success"
    );
    for (given, expected) in [
        ("fail", "failure"),
        ("Cancelled", "cancel"),
        ("errored", "error"),
        ("success", "success"),
    ] {
        let outcome = json!({"outcome": given});
        assert_eq!(
            content("dev.cdevents.pipelinerun.finished.0.2.0", &outcome)["outcome"],
            expected
        );
        assert_eq!(
            content("dev.cdevents.taskrun.finished.0.2.0", &outcome)["outcome"],
            expected
        );
    }
    assert_eq!(
        content(
            "dev.cdevents.taskrun.finished.0.2.0",
            &json!({"outcome": "meh"})
        )["outcome"],
        "meh"
    );
    let skipped = json!({"outcome": "skipped", "environment": {"id": "e"}, "reason": "no time"});
    assert_eq!(
        type_name("dev.cdevents.testcaserun.finished.0.2.0", &skipped),
        "dev.cdevents.testcaserun.skipped.0.2.0"
    );
}

#[test]
fn what_has_no_place_moves_to_custom_data() {
    let mut given = event(
        "dev.cdevents.pipelinerun.queued.0.2.0",
        &json!({
            "pipelineName": "web", "url": "not a url", "reason": "x", "errors": null, "outcome": "meh",
        }),
    );
    given["context"]["traceId"] = json!("t");
    given["subject"]["label"] = json!("l");
    given["other"] = json!(1);
    given["context"]["links"] = json!([{"linkType": "PATH"}, 3]);
    given["customData"] = json!({"own": true, "x_content": {"reason": "mine"}});
    let converted = convert(&given).unwrap();
    assert_conforms(&converted);
    assert_eq!(
        converted.event["subject"]["content"],
        json!({"pipelineName": "web"})
    );
    assert_eq!(
        converted.event["customData"],
        json!({
            "own": true,
            "x_content": {"reason": "mine", "url": "not a url", "reason_": "x", "outcome": "meh"},
            "x_top": {"other": 1},
            "x_subject": {"label": "l"},
            "x_context": {"traceId": "t"},
            "x_links": [{"linkType": "PATH"}, 3],
        })
    );
    assert_eq!(again(&converted).event, converted.event);
}

#[test]
fn custom_data_that_is_no_object_is_kept_whole() {
    let mut given = event("dev.cdevents.build.queued.0.2.0", &json!({}));
    given["customData"] = json!("PGE+");
    given["customDataContentType"] = json!("application/xml");
    let plain = convert(&given).unwrap();
    assert_eq!(
        (
            &plain.event["customData"],
            &plain.event["customDataContentType"]
        ),
        (&json!("PGE+"), &json!("application/xml"))
    );
    given["subject"]["content"] = json!({"extra": 1});
    let moved = convert(&given).unwrap();
    assert_eq!(
        moved.event["customData"],
        json!({"x_content": {"extra": 1}, "x_data": "PGE+", "x_data_content_type": "application/xml"})
    );
    assert_eq!(moved.event.get("customDataContentType"), None);
    given["customData"] = json!([1, 2]);
    assert_eq!(
        convert(&given).unwrap().event["customData"]["x_data"],
        json!([1, 2])
    );
}

#[test]
fn references_are_objects_and_texts_are_texts() {
    assert_eq!(
        content(
            "dev.cdevents.service.deployed.0.2.0",
            &json!({"environment": "prod", "artifactId": 17})
        ),
        json!({"environment": {"id": "prod"}, "artifactId": "17"})
    );
    assert_eq!(
        content(
            "dev.cdevents.artifact.published.0.2.0",
            &json!({"sbom": "https://x/s b"})
        ),
        json!({"sbom": {"uri": "https://x/s%20b"}})
    );
    assert_eq!(
        content(
            "dev.cdevents.ticket.created.0.1.0",
            &json!({
                "summary": "s", "creator": "c", "uri": "/t", "labels": "one", "assignees": ["a", 2, null],
            })
        ),
        json!({"summary": "s", "creator": "c", "assignees": ["a", "2"], "labels": ["one"], "uri": "/t"})
    );
    assert_eq!(
        content(
            "dev.cdevents.taskrun.finished.0.2.0",
            &json!({"errors": ["a", "b"], "pipelineRun": {"name": "no id"}})
        ),
        json!({"errors": "a; b"})
    );
}

#[test]
fn what_is_required_and_not_said_is_filled_and_named() {
    let given = event("dev.cdevents.service.deployed.0.1.4", &json!({}));
    let converted = convert(&given).unwrap();
    assert_conforms(&converted);
    assert_eq!(
        converted.event["subject"]["content"],
        json!({"environment": {"id": "unknown"}, "artifactId": "unknown"})
    );
    let filled = json!(["content.environment.id", "content.artifactId"]);
    assert_eq!(json!(converted.filled), filled);
    assert_eq!(converted.event["customData"]["x_filled"], filled);
    assert_eq!(again(&converted).event, converted.event);

    // The event says it elsewhere.
    let mut given = event("dev.cdevents.artifact.packaged.0.1.1", &json!({}));
    given["customData"] =
        json!({"source": {"commit": "a1b2c3d4e5f6", "repository": "https://git/x"}});
    let converted = convert(&given).unwrap();
    assert_eq!(
        converted.event["subject"]["content"]["change"],
        json!({"id": "a1b2c3d4e5f6", "source": "https://git/x"})
    );
    assert_eq!(converted.filled, [""; 0]);
}

#[test]
fn identity_comes_from_the_envelope_and_then_from_the_record() {
    let mut inner = event("dev.cdevents.build.queued.0.2.0", &json!({}));
    for name in ["id", "source", "timestamp"] {
        inner["context"].as_object_mut().unwrap().remove(name);
    }
    let bare = convert(&inner).unwrap().event;
    assert_eq!(bare["context"]["id"], "01J00000000000000000000001");
    assert_eq!(bare["context"]["source"], "epr");
    assert_eq!(bare["context"]["timestamp"], "2026-11-26T12:00:00Z");
    let enveloped = json!({
        "specversion": "1.0", "id": "outer", "source": "/outer", "type": "x", "time": "2026-11-01T08:00:00Z",
        "correlationid": "chain", "causationid": "cause", "data": inner,
    });
    let converted = convert(&enveloped).unwrap();
    assert_conforms(&converted);
    let context = &converted.event["context"];
    assert_eq!(
        (
            &context["id"],
            &context["source"],
            &context["timestamp"],
            &context["chainId"]
        ),
        (
            &json!("outer"),
            &json!("/outer"),
            &json!("2026-11-01T08:00:00Z"),
            &json!("chain")
        )
    );
    assert_eq!(
        context["links"],
        json!([{"linkType": "RELATION", "linkKind": "causedBy", "target": {"contextId": "cause"}}])
    );
    assert_eq!(again(&converted).event, converted.event);
}

#[test]
fn times_and_sources_are_written_as_their_formats_have_them() {
    for (given, expected) in [
        (
            "2025-08-20T14: 30: 25.123456Z",
            "2025-08-20T14:30:25.123456Z",
        ),
        ("2025-08-20 14:30:25", "2025-08-20T14:30:25Z"),
        ("2025-08-20T14:30:25+02:00", "2025-08-20T14:30:25+02:00"),
        ("2025-08-20t14:30:25z", "2025-08-20T14:30:25Z"),
        ("soon", "2026-11-26T12:00:00Z"),
    ] {
        let mut event = event("dev.cdevents.build.queued.0.2.0", &json!({}));
        event["context"]["timestamp"] = json!(given);
        event["context"]["source"] = json!("my tool");
        event["subject"]["source"] = json!("a|b");
        let converted = convert(&event).unwrap();
        assert_conforms(&converted);
        assert_eq!(converted.event["context"]["timestamp"], expected, "{given}");
        assert_eq!(converted.event["context"]["source"], "my%20tool");
        assert_eq!(converted.event["subject"]["source"], "a%7Cb");
    }
}

#[test]
fn links_of_every_form_become_links() {
    let links = |given: Value| {
        let mut event = event("dev.cdevents.taskrun.started.0.2.0", &json!({}));
        event["context"]["links"] = given;
        let converted = convert(&event).unwrap();
        assert_conforms(&converted);
        assert_eq!(again(&converted).event, converted.event);
        (
            converted.event["context"]["links"].clone(),
            converted.event["subject"]["content"].clone(),
        )
    };
    let (made, body) = links(
        json!({"pipelineRun": "https://cd/pr-1", "trigger": "https://git/c/1", "none": null}),
    );
    assert_eq!(
        made,
        json!([
            {"linkType": "RELATION", "linkKind": "pipelineRun", "target": {}, "tags": {"uri": "https://cd/pr-1"}},
            {"linkType": "RELATION", "linkKind": "trigger", "target": {}, "tags": {"uri": "https://git/c/1"}},
        ])
    );
    assert_eq!(body, json!({"pipelineRun": {"id": "https://cd/pr-1"}}));
    let (made, _) = links(json!([
        {"link_type": "path", "from": {"context_id": "a"}},
        {"linkType": "RELATION", "target": "b"},
        {"linkType": "PATH", "from": {"domainId": "cdevents:v0:x"}},
        {"linkType": "END"},
    ]));
    assert_eq!(
        made,
        json!([
            {"linkType": "PATH", "from": {"contextId": "a"}},
            {"linkType": "RELATION", "linkKind": "related", "target": {"contextId": "b"}},
            {"linkType": "RELATION", "linkKind": "path", "target": {"domainId": "cdevents:v0:x"}},
            {"linkType": "END"},
        ])
    );
}

#[test]
fn types_that_0_5_1_lacks_keep_their_meaning() {
    let approval = json!({
        "approvalDetailsUrl": "https://a/1", "resourceTargetUrl": "https://r/1", "requestor": "urn:user:a",
    });
    let converted = convert(&event("dev.cdevents.approval.created.0.1.0", &approval)).unwrap();
    assert_conforms(&converted);
    assert_eq!(converted.event["context"]["specversion"], "0.6.0-draft");
    let closed = json!({"status": "approved", "requestor": "x"});
    let converted = convert(&event("dev.cdevents.approval.closed.0.1.0", &closed)).unwrap();
    assert_conforms(&converted);
    assert_eq!(
        converted.event["subject"]["content"]["decision"],
        "approved"
    );

    let custom = convert(&event(
        "dev.cdeventsx.tool-thing.made.0.1.0",
        &json!({"a": null, "b": {"c": 1}}),
    ))
    .unwrap();
    assert_conforms(&custom);
    assert_eq!(custom.event["subject"]["content"], json!({"b": {"c": 1}}));
    assert_eq!(
        custom.event["context"]["type"],
        "dev.cdeventsx.tool-thing.made.0.1.0"
    );

    let unknown = convert(&event(
        "dev.cdevents.test.completed.0.1.0",
        &json!({"x": 1}),
    ))
    .unwrap();
    assert_conforms(&unknown);
    assert_eq!(
        unknown.event["context"]["type"],
        "dev.cdeventsx.epr-test.completed.0.1.0"
    );
    assert_eq!(again(&unknown).event, unknown.event);
}

#[test]
fn what_is_no_event_is_not_made_one() {
    let link = json!({"linkType": "START", "chainId": "c", "timestamp": "2026-11-01T08:00:00Z", "start": {"contextId": "a"}});
    assert_eq!(
        convert(&link),
        Err(NotConvertible::NoEvent(DocumentKind::Link))
    );
    let sbom = json!({"bomFormat": "CycloneDX", "specVersion": "1.6"});
    assert_eq!(
        convert(&sbom),
        Err(NotConvertible::NoEvent(DocumentKind::Sbom))
    );
    let mut nothing = event("dev.cdevents.build.queued.0.2.0", &json!({}));
    nothing["subject"]["id"] = json!("");
    assert_eq!(convert(&nothing), Err(NotConvertible::NoSubject));
    assert_eq!(
        convert(&event("dev.cdevents.build", &json!({}))),
        Err(NotConvertible::NoType)
    );
}

#[test]
fn an_envelope_has_what_the_binding_prescribes() {
    let payload = event("dev.cdevents.build.queued.0.2.0", &json!({}));
    assert_eq!(
        envelope(&payload),
        json!({
            "specversion": "1.0", "id": "e1", "source": "/ci", "type": "dev.cdevents.build.queued.0.2.0",
            "subject": "s1", "time": "2026-11-01T08:00:00.123Z", "datacontenttype": "application/json", "data": payload,
        })
    );
    let other = json!({"critical": 0});
    assert_eq!(
        envelope(&other),
        json!({
            "specversion": "1.0", "id": "01J00000000000000000000001", "source": "epr", "type": "org.example.scan",
            "subject": "app/1%200/1/any/oci", "time": "2026-11-26T12:00:00Z", "datacontenttype": "application/json",
            "data": other,
        })
    );
    assert_eq!(envelope(&Value::Null).get("data"), None);
}

#[test]
fn a_cloudevent_stays_one_and_is_completed() {
    let given = json!({
        "specversion": "1.0", "id": "a", "source": "my tool", "type": "t", "time": "2026-11-01 08:00:00",
        "partitionkey": "k", "sequence": 7, "big": 5_000_000_000_i64, "odd_name": "x", "nested": {"a": 1},
        "data": "text", "data_base64": "AA==",
    });
    assert_eq!(
        envelope(&given),
        json!({
            "specversion": "1.0", "id": "a", "source": "my%20tool", "type": "t", "time": "2026-11-01T08:00:00Z",
            "partitionkey": "k", "sequence": 7, "big": "5000000000", "oddname": "x", "nested": "{\"a\":1}", "data": "text",
        })
    );
}
