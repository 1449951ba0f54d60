//! Documents of the field, brought up to 0.5.1 and read by who refuses what is not.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::tests::{again, convert, would_be_taken};
use super::*;
use crate::correlate::facts::Conformance;
use crate::correlate::testing::corpus;
use crate::correlate::verdict;
use crate::domain::schema::{Documents, compile};

#[expect(clippy::disallowed_methods, reason = "a test outside any runtime")]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every CDEvent of the corpus with the name of its file.
fn events(root: &Path) -> Vec<(String, Value)> {
    let mut events = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.join("cdevents")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            let extension = path.extension().and_then(|extension| extension.to_str());
            match extension {
                _ if path.is_dir() => folders.push(path),
                Some("json") => {
                    events.push((name, serde_json::from_str(&read(&path)).unwrap()));
                }
                Some("ndjson") => {
                    for (at, line) in read(&path).lines().enumerate() {
                        let mut line: Value = serde_json::from_str(line).unwrap();
                        let payload = line.get_mut("payload").map(Value::take);
                        events.push((format!("{name}:{}", at + 1), payload.unwrap_or(line)));
                    }
                }
                _ => {}
            }
        }
    }
    events
}

#[test]
fn every_example_is_brought_up_conforms_and_would_be_taken() {
    let Some(root) = corpus(3) else { return };
    let events = events(&root);
    assert!(events.len() > 500, "{}", events.len());
    for (name, payload) in &events {
        let converted = convert(payload).unwrap_or_else(|why| panic!("{name}: {why}"));
        let event = &converted.event;
        let verdict = verdict(event);
        assert_eq!(
            verdict.conformance,
            Conformance::Conforms,
            "{name}: {verdict:?} {event:#}"
        );
        would_be_taken(event).unwrap_or_else(|why| panic!("{name}: {why} {event:#}"));
        let second = again(&converted);
        assert_eq!(second.event, *event, "{name}");
        assert_eq!(second.changes, [""; 0], "{name}");
        // Those of the specification have all that is required.
        if name.contains("/v0.") || name.contains("streams") {
            assert_eq!(converted.filled, [""; 0], "{name}");
            assert!(
                event.get("customData").is_none() || payload.get("customData").is_some(),
                "{name}: {event:#}"
            );
        }
        if name.contains("streams") || name.contains("v0.5") {
            let given = crate::correlate::bare(payload).unwrap();
            let matters = |change: &&String| !change.starts_with("specversion");
            let changes: Vec<_> = converted.changes.iter().filter(matters).collect();
            assert!(changes.is_empty(), "{name}: {changes:?}");
            assert_eq!(given["subject"], event["subject"], "{name}");
        }
    }
}

#[test]
fn published_schemas_take_what_was_brought_up() {
    let Some(root) = corpus(4) else { return };
    let schemas: Vec<(String, crate::domain::schema::Compiled)> = [
        "artifactpackaged",
        "servicedeployed",
        "pipelinerunfinished",
        "taskrunfinished",
    ]
    .into_iter()
    .map(|name| {
        let text = read(&root.join(format!("schemas/cdevents-v0.5.1/{name}.json")));
        (
            name.to_owned(),
            compile(&text, &Documents::built_in(), false).unwrap(),
        )
    })
    .collect();
    let mut checked = 0;
    for (name, payload) in events(&root) {
        let event = convert(&payload).unwrap().event;
        let type_name = event["context"]["type"].as_str().unwrap();
        let mut parts = type_name.split('.').skip(2);
        let short = format!("{}{}", parts.next().unwrap(), parts.next().unwrap());
        for (_, schema) in schemas.iter().filter(|(of, _)| *of == short) {
            let violations = schema
                .check(&event)
                .err()
                .map(|found| format!("{:?}", found.violations));
            assert_eq!(violations, None, "{name} {event:#}");
            checked += 1;
        }
    }
    assert!(checked > 100, "{checked}");
}

#[test]
fn the_seed_becomes_an_event_of_today() {
    let Some(root) = corpus(1) else { return };
    let path = root.join("cdevents/seed/taskrun_finished.cloudevent.json");
    let payload: Value = serde_json::from_str(&read(&path)).unwrap();
    let given = &payload["data"];
    let converted = convert(&payload).unwrap();
    let event = &converted.event;
    // Source and type stand in the envelope alone.
    let context = &event["context"];
    assert_eq!(context["id"], given["context"]["id"]);
    assert_eq!(context["source"], payload["source"]);
    assert_eq!(context["type"], "dev.cdevents.taskrun.finished.0.3.0");
    let time = payload["time"].as_str().unwrap().replace(' ', "");
    assert_eq!(context["timestamp"], time.as_str());
    let links = given["context"]["links"].as_object().unwrap();
    for (link, (name, uri)) in context["links"].as_array().unwrap().iter().zip(links) {
        assert_eq!(
            (&link["linkKind"], &link["tags"]["uri"]),
            (&json!(name), uri)
        );
    }
    let body = &event["subject"]["content"];
    let sent = &given["subject"]["content"];
    assert_eq!(body["pipelineRun"]["id"], links["pipelineRun"]);
    assert_eq!(body["uri"], sent["url"]);
    assert_eq!(body["outcome"], "success");
    assert_eq!(body.get("errors").or(body.get("reason")), None);
    // What the sender put beside it stays as it was.
    let custom = &event["customData"];
    assert_eq!(custom["x_content"], json!({"reason": sent["reason"]}));
    for (name, value) in given["customData"].as_object().unwrap() {
        assert_eq!(custom[name], *value, "{name}");
    }
    assert_eq!(converted.filled, [""; 0]);
}

#[test]
fn every_example_has_an_envelope_that_cloudevents_takes() {
    let Some(root) = corpus(2) else { return };
    let text = read(&root.join("cloudevents/cloudevents-1.0.schema.json"));
    let schema = compile(&text, &Documents::built_in(), false).unwrap();
    let mut all = events(&root);
    for name in [
        "cyclonedx/vex.json",
        "cloudevents/structured.json",
        "spdx/sbom.spdx.json",
    ] {
        all.push((
            name.to_owned(),
            serde_json::from_str(&read(&root.join(name))).unwrap(),
        ));
    }
    for (name, payload) in &all {
        let envelope = super::tests::envelope(payload);
        let violations = schema
            .check(&envelope)
            .err()
            .map(|found| format!("{:?}", found.violations));
        assert_eq!(violations, None, "{name} {envelope:#}");
        let read = crate::correlate::cloudevent::parse_structured(&envelope);
        assert!(read.is_ok(), "{name}: {read:?}");
        assert_eq!(super::tests::envelope(&envelope), envelope, "{name}");
    }
}
