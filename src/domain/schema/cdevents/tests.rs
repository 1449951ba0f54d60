//! What the table says, and what its schemas take.

use serde_json::{Map, json};

use super::super::compile;
use super::*;

/// An event that a schema of an event takes: with all fields, or with the required ones.
pub(super) fn sample(schema: &Value, full: bool) -> Value {
    if let Some(values) = schema.get("enum") {
        return values[0].clone();
    }
    if let Some(several) = schema.get("anyOf") {
        return sample(&several[0], full);
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds[0].as_str().unwrap(),
        kind => kind.as_str().unwrap_or("object"),
    };
    match (kind, schema.get("format").and_then(Value::as_str)) {
        ("object", _) => {
            let required = schema.get("required").and_then(Value::as_array);
            let required = |name: &str| {
                required.is_some_and(|names| names.iter().any(|required| required == name))
            };
            let properties = schema.get("properties").and_then(Value::as_object);
            let members = properties.into_iter().flatten();
            let members = members
                .filter(|(name, member)| (full || required(name)) && member.get("$ref").is_none());
            let members = members.map(|(name, member)| (name.clone(), sample(member, full)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        ("array", _) => json!([sample(&schema["items"], full)]),
        (_, Some("date-time")) => json!("2026-01-02T03:04:05.678Z"),
        (_, Some("uri")) => json!("https://example.com/a?b=c"),
        (_, Some("uri-reference")) => json!("/a/b"),
        _ => json!("text"),
    }
}

/// The embedded links of all kinds, as a version spells them.
pub(super) fn links(spec: Spec) -> Value {
    let (link_type, link_kind, id) = if spec == Spec::V040 {
        ("link_type", "link_kind", "context_id")
    } else {
        ("linkType", "linkKind", "contextId")
    };
    json!([
        {link_type: "PATH", "from": {id: "1"}, "tags": {"a": "b"}},
        {link_type: "RELATION", link_kind: "TRIGGER", "target": {id: "2"}},
        {link_type: "END", "from": {id: "3"}},
        {link_type: "END"},
    ])
}

fn every() -> impl Iterator<Item = (&'static EventType, Spec)> {
    events()
        .iter()
        .flat_map(|event| event.specs().map(move |spec| (event, spec)))
}

fn takes(spec: Spec, name: &str, event: &Value) -> bool {
    let schema = super::event(name).unwrap().compiled(spec).unwrap();
    schema.check(event).is_ok()
}

#[test]
fn each_version_has_its_event_types() {
    assert_eq!(table::read(table::TEXT).unwrap().len(), events().len());
    let counts = Spec::ALL.map(|spec| {
        let of_version = events()
            .iter()
            .filter(|event| event.type_name(spec).is_some());
        of_version.count()
    });
    assert_eq!(counts, [39, 45, 45, 45, 45, 48]);
    for (event, spec) in every() {
        let subject = event.name().split('.').next().unwrap();
        let since_0_4 = [
            "artifact.downloaded",
            "artifact.deleted",
            "testcaserun.skipped",
        ]
        .contains(&event.name())
            || subject == "ticket";
        let tests_and_incidents = subject.starts_with("test") || subject == "incident";
        let version = match (spec.name().get(..3).unwrap(), event.name()) {
            ("0.3", "artifact.signed") => "0.1.0",
            ("0.3", _) if ["branch", "change"].contains(&subject) => "0.1.2",
            ("0.3", _) if tests_and_incidents => "0.1.0",
            ("0.3", _) => "0.1.1",
            ("0.4", "change.created") => "0.3.0",
            ("0.4", _) if since_0_4 => "0.1.0",
            ("0.4", _) => "0.2.0",
            (_, "change.created") => "0.4.0",
            (_, _) if since_0_4 => "0.2.0",
            (_, _) if subject == "approval" => "0.1.0",
            _ => "0.3.0",
        };
        assert_eq!(
            event.type_name(spec).unwrap(),
            format!("dev.cdevents.{}.{version}", event.name())
        );
    }
}

#[test]
fn a_table_that_is_not_understood_is_no_table() {
    for text in [
        "artifact",
        "artifact.signed 0.1.0 0.2.0",
        "artifact.signed 0.1.0 0.2.0 0.3.0 0.3.0 a?",
        "artifact.signed 0.1.0 0.2.0 0.3.0 0.3.0 a~date",
        "artifact.signed 0.1.0 0.2.0 0.3.0 0.3.0 a{nowhere}",
        "artifact.signed 0.1.0 0.2.0 0.3.0 0.3.0 a@0.4",
        "artifact.signed 0.1.0 0.2.0 0.3.0 0.3.0 a@0.2..",
        "{shape a",
    ] {
        assert!(table::read(text).is_err(), "{text}");
    }
    let read = table::read("{s}* a!+~ref b=x|y@0.4..0.5\nq.r - 0.1.0 - - c{s} d[]@..0.3").unwrap();
    let names = |minor| -> Vec<_> {
        read[0]
            .content
            .fields(minor)
            .map(|field| field.name)
            .collect()
    };
    assert_eq!([names(0), names(1)], [vec!["c", "d"], vec!["c"]]);
    assert_eq!(read[0].versions, [None, Some("0.1.0"), None, None]);
}

#[test]
fn versions_are_read_as_events_declare_them() {
    for (text, spec) in [
        ("0.3.0", Spec::V030),
        ("0.4.0", Spec::V040),
        ("0.4.0-draft", Spec::V040),
        ("0.4.1", Spec::V041),
        ("0.4.7", Spec::V041),
        ("0.4", Spec::V041),
        ("0.5.0-draft", Spec::V050),
        ("0.5.1", Spec::V051),
        ("0.6.0-draft", Spec::Draft060),
    ] {
        assert_eq!(Spec::read(text), Reading::Known(spec), "{text}");
    }
    for text in [
        "0.1.2",
        "0.2.0",
        "0.6.0",
        "0.7.0-draft",
        "1.0",
        "4294967295.0.0",
    ] {
        assert_eq!(Spec::read(text), Reading::Other, "{text}");
    }
    for text in [
        "",
        "0",
        "draft",
        "v0.4.1",
        "0.4.1.0",
        "0..1",
        "0.+4.1",
        "0.4.x",
        "4294967296.0.0",
    ] {
        assert_eq!(Spec::read(text), Reading::None, "{text}");
    }
    for spec in Spec::ALL {
        assert_eq!(Spec::read(spec.name()), Reading::Known(spec));
    }
}

#[test]
fn each_schema_follows_its_draft_and_stands_under_the_published_id() {
    for (spec, event, id) in [
        (
            Spec::V030,
            "testsuiterun.finished",
            "0.3.0/schema/test-suite-finished-event",
        ),
        (
            Spec::V030,
            "testsuiterun.queued",
            "0.3.0/schema/test-suite-run-queued-event",
        ),
        (
            Spec::V041,
            "artifact.packaged",
            "0.4.1/schema/artifact-packaged-event",
        ),
        (
            Spec::V041,
            "pipelinerun.started",
            "0.4.1/schema/pipeline-run-started-event",
        ),
        (
            Spec::V050,
            "pipelinerun.started",
            "0.5.0/schema/pipelinerun-started-event",
        ),
        (
            Spec::V051,
            "testoutput.published",
            "0.5.1/schema/test-output-published-event",
        ),
        (
            Spec::Draft060,
            "approval.closed",
            "0.6.0-draft/schema/approval-closed-event",
        ),
    ] {
        let schema = schema(spec, event).unwrap();
        assert_eq!(schema["$id"], format!("https://cdevents.dev/{id}"));
        let text = schema.to_string();
        assert!(
            compile(&text, &Documents::built_in(), false).is_ok(),
            "{text}"
        );
    }
    let mut ids: Vec<_> = every()
        .map(|(event, spec)| event.schema(spec).unwrap()["$id"].to_string())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), every().count());
    assert_eq!(schema(Spec::V030, "ticket.created"), None);
    assert_eq!(schema(Spec::V051, "approval.created"), None);
    assert_eq!(schema(Spec::V051, "pipelineRun.started"), None);
    assert_eq!(custom_schema(Spec::V030), None);
}

#[test]
fn every_object_of_a_schema_is_closed_but_a_trigger() {
    fn open(schema: &Value, at: &str, found: &mut Vec<String>) {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            return;
        };
        if schema["additionalProperties"] != false {
            found.push(at.to_owned());
        }
        for (name, schema) in properties {
            open(schema, &format!("{at}/{name}"), found);
        }
    }
    for (event, spec) in every() {
        let mut found = Vec::new();
        open(&event.schema(spec).unwrap(), "", &mut found);
        found.retain(|at| at != "/subject/content/trigger");
        assert_eq!(found, [""; 0], "{} {}", spec.name(), event.name());
    }
}

#[test]
fn events_with_all_fields_and_with_few_fit_their_version_and_the_open_schema() {
    for event in events() {
        let open = compile_accepted(&event.union().to_string(), &Documents::built_in(), false);
        let open = open.unwrap();
        for spec in event.specs() {
            let schema = event.schema(spec).unwrap();
            for full in [true, false] {
                let mut sample = sample(&schema, full);
                if full && spec >= Spec::V040 {
                    sample["context"]["links"] = links(spec);
                }
                let told = event.compiled(spec).unwrap().check(&sample);
                assert_eq!(told, Ok(()), "{} {}", spec.name(), event.name());
                assert_eq!(
                    open.check(&sample),
                    Ok(()),
                    "{} {}",
                    spec.name(),
                    event.name()
                );
                sample["context"]["type"] = json!("dev.cdevents.x.y.0.1.0");
                assert!(open.check(&sample).is_err());
            }
        }
    }
}

#[test]
fn versions_differ_where_the_specification_changed() {
    let fits = |spec: Spec, name: &str, change: &dyn Fn(&mut Value)| {
        let mut event = sample(&schema(spec, name).unwrap(), false);
        change(&mut event);
        takes(spec, name, &event)
    };
    for (spec, name, field, value, good) in [
        (Spec::V041, "pipelinerun.finished", "url", "anything", true),
        (
            Spec::V041,
            "pipelinerun.finished",
            "uri",
            "https://a.b/c",
            false,
        ),
        (
            Spec::V051,
            "pipelinerun.finished",
            "url",
            "https://a.b/c",
            false,
        ),
        (
            Spec::V051,
            "pipelinerun.finished",
            "uri",
            "https://a.b/c",
            true,
        ),
        (
            Spec::V051,
            "pipelinerun.finished",
            "uri",
            "not absolute",
            false,
        ),
        (Spec::V041, "pipelinerun.finished", "outcome", "great", true),
        (
            Spec::V050,
            "pipelinerun.finished",
            "outcome",
            "great",
            false,
        ),
        (
            Spec::V050,
            "pipelinerun.finished",
            "outcome",
            "failure",
            true,
        ),
        (Spec::V041, "testcaserun.finished", "outcome", "pass", true),
        (Spec::V051, "testcaserun.finished", "outcome", "pass", false),
        (Spec::V051, "taskrun.finished", "outcome", "great", true),
        (
            Spec::Draft060,
            "taskrun.finished",
            "outcome",
            "great",
            false,
        ),
        (Spec::V030, "change.created", "description", "d", false),
        (Spec::V040, "change.created", "description", "d", true),
        (Spec::V040, "change.created", "description", "", false),
        (Spec::V041, "build.finished", "artifactId", "a", true),
        (Spec::V041, "build.started", "artifactId", "a", false),
        (Spec::V051, "ticket.closed", "resolution", "anything", true),
    ] {
        let set = |event: &mut Value| event["subject"]["content"][field] = json!(value);
        assert_eq!(
            fits(spec, name, &set),
            good,
            "{} {name} {field}",
            spec.name()
        );
    }
    let typed = |event: &mut Value| event["subject"]["type"] = json!("ticket");
    assert!(fits(Spec::V051, "ticket.closed", &typed));
    assert!(!fits(Spec::V051, "ticket.updated", &typed));
    let untyped = |event: &mut Value| event["subject"] = json!({"id": "i", "content": {}});
    assert!(!fits(Spec::V041, "build.queued", &untyped));
    assert!(fits(Spec::V051, "build.queued", &untyped));
    let loose = |event: &mut Value| event["context"]["source"] = json!("a source: %");
    assert!(fits(Spec::V051, "testoutput.published", &loose));
    assert!(!fits(Spec::V051, "build.queued", &loose));
    for (data, good) in [(json!({}), true), (json!("e30="), true), (json!([]), false)] {
        let set = |event: &mut Value| event["customData"] = data.clone();
        assert_eq!(fits(Spec::V041, "build.queued", &set), good);
    }
}

#[test]
fn links_are_spelt_as_each_version_spells_them() {
    let fits = |spec: Spec, links: &Value| {
        let mut event = sample(&schema(spec, "build.queued").unwrap(), false);
        event["context"]["links"] = links.clone();
        takes(spec, "build.queued", &event)
    };
    let domain = "cdevents:v0:github::org:repo/sub:pr:42";
    for spec in Spec::ALL {
        let name = spec.name();
        for other in Spec::ALL {
            let same = (spec == Spec::V040) == (other == Spec::V040) && spec != Spec::V030;
            assert_eq!(fits(spec, &links(other)), same, "{name} {}", other.name());
        }
        if spec == Spec::V030 || spec == Spec::V040 {
            continue;
        }
        let draft = spec == Spec::Draft060;
        for (link, good) in [
            (
                json!({"linkType": "RELATION", "linkKind": "k", "target": {}}),
                !draft,
            ),
            (
                json!({"linkType": "PATH", "from": {"domainId": domain}}),
                draft,
            ),
            (
                json!({"linkType": "RELATION", "linkKind": "k", "target": {"domainId": domain}}),
                true,
            ),
            (
                json!({"linkType": "RELATION", "linkKind": "k", "target": {"domainId": "x"}}),
                !draft,
            ),
            (
                json!({"linkType": "RELATION", "linkKind": "", "target": {}}),
                false,
            ),
            (json!({"linkType": "PATH"}), false),
            (json!({"linkType": "PATH", "from": {}}), false),
            (json!({"linkType": "END", "to": {}}), false),
            (json!({"linkType": "START"}), false),
        ] {
            assert_eq!(fits(spec, &json!([link])), good, "{name} {link}");
        }
        assert!(
            !fits(spec, &json!({"trigger": "https://example.com"})),
            "{name}"
        );
    }
}
