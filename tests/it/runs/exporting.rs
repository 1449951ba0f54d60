//! `epr-mcp export`: what was recorded goes out in the words of others, and comes in again.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use super::{cdevent, contexts, fixtures, ingest, story, summary};
use crate::harness::engine::{self, Engine};
use crate::mcp::client::{Server, Setup, fresh};

fn export(db: &Path, arguments: &[&str]) -> Output {
    let mut all = vec!["export"];
    all.extend(arguments);
    let mut command = Setup::new(db).tool(&all, &[]);
    command.stdin(Stdio::null()).output().unwrap()
}

/// The lines of an export that went well.
fn lines(output: &Output) -> Vec<String> {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    text.lines().map(str::to_owned).collect()
}

fn documents(output: &Output) -> Vec<Value> {
    let lines = lines(output);
    let read = |line: &String| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    lines.iter().map(read).collect()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// An event of CDEvents 0.3, in which much was called otherwise.
fn old() -> Value {
    json!({
        "context": {"version": "0.3.0", "id": "old-1", "source": "/jenkins",
            "type": "dev.cdevents.testcaserun.finished.0.1.0", "timestamp": "2026-11-22T10:00:00Z"},
        "subject": {"id": "tc-1", "type": "testCaseRun",
            "content": {"outcome": "pass", "environment": {"id": "dev"}}},
    })
}

fn enveloped() -> Value {
    json!({
        "specversion": "1.0", "id": "ce-1", "source": "/tekton", "type": "dev.cdevents.taskrun.started.0.3.0",
        "time": "2026-11-22T10:01:00Z", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "data": cdevent("taskrun.started", "ce-1", "2026-11-22T10:01:00Z", "task-1",
            json!({"taskName": "compile", "pipelineRun": {"id": "run-1"}})),
    })
}

/// Two CDEvents, an SBOM, and a payload of our own that is easily spoilt.
fn filled(db: &Path) {
    let mut server = Server::on(db);
    server.record("record_cdevent", json!({"events": [old(), enveloped()]}));
    for (name, kind, schema) in [
        ("sbom", "acme.sbom", "cyclonedx"),
        ("scan", "acme.scan.finished", "any"),
    ] {
        server.id_of(
            "create_receiver",
            json!({"name": name, "type": kind, "version": "1.0.0", "description": name, "schema_name": schema}),
        );
    }
    server.id_of(
        "create_group",
        json!({"name": "ready", "type": "acme.ready", "version": "1.0.0", "description": "Ready",
            "event_receiver_ids": ["scan", "sbom"]}),
    );
    let unit = json!({"name": "päyments", "version": "2.4.1", "release": "77", "platform_id": "linux",
        "package": "oci"});
    let event = |receiver: &str, success: bool, payload: Value| {
        let mut event = unit.clone();
        event["event_receiver_id"] = json!(receiver);
        event["success"] = json!(success);
        event["description"] = json!("said \"so\"\u{202e}".trim_end_matches('\u{202e}'));
        event["payload"] = payload;
        event
    };
    server.id_of(
        "create_event",
        event(
            "sbom",
            true,
            json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": []}),
        ),
    );
    server.id_of("create_event", event("scan", false, json!(SPOILT)));
}

/// Numbers that a reader would round, text that hides, several lines.
const SPOILT: &str = "{\"big\": 12345678901234567890123,\n \"small\": 1.10,\r\n \"text\": \"a\\nb \u{202e}\u{1f600}\"}";
const SPOILT_LINE: &str =
    "{\"big\":12345678901234567890123,\"small\":1.10,\"text\":\"a\\nb \u{202e}\u{1f600}\"}";

#[test]
fn cdevents_are_brought_up_and_what_is_none_is_told() {
    let (_keep, db) = fresh();
    filled(&db);
    let output = export(&db, &["--format", "cdevents"]);
    let events = documents(&output);
    let kinds: Vec<&Value> = events
        .iter()
        .map(|event| &event["context"]["type"])
        .collect();
    assert_eq!(
        kinds,
        [
            "dev.cdevents.testcaserun.finished.0.3.0",
            "dev.cdevents.taskrun.started.0.3.0"
        ]
    );
    assert_eq!(events[0]["subject"]["content"]["outcome"], "success");
    let (told, ids) = (told(&output), ["old-1", "ce-1"]);
    for (event, id) in events.iter().zip(ids) {
        assert_eq!(event["context"]["specversion"], "0.5.1");
        assert_eq!(event["context"]["id"], id);
        assert_eq!(event.get("specversion"), None, "it is bare");
    }
    for part in [
        "exported 2 events",
        "1 event brought up to CDEvents 0.5.1",
        "left out 1 event: it is no CDEvent but an SBOM; it is 0",
        "left out 1 event: its payload is no CDEvent; it is 0",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    // Who reads strictly takes all of it, and a second time none.
    let (_other, to) = fresh();
    let strictly = ingest(&to, &output.stdout, &["--strict"]);
    assert_eq!(
        summary(&strictly)["recorded"],
        2,
        "{}",
        self::told(&strictly)
    );
    let again = ingest(&to, &output.stdout, &["--strict"]);
    assert_eq!(summary(&again)["repeated"], 2);
}

#[test]
fn cloudevents_hold_what_was_recorded() {
    let (_keep, db) = fresh();
    filled(&db);
    let output = export(&db, &["--format", "cloudevents"]);
    let events = documents(&output);
    let kinds: Vec<&str> = events.iter().map(|e| e["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "dev.cdevents.testcaserun.finished.0.1.0",
            "dev.cdevents.taskrun.started.0.3.0",
            "acme.sbom",
            "acme.scan.finished"
        ]
    );
    assert_eq!(events[0]["data"], old());
    assert_eq!(events[0]["subject"], "tc-1");
    let mut sent = enveloped();
    sent["subject"] = json!("task-1");
    assert_eq!(events[1], sent, "completed, and else as it was");
    assert!(lines(&output)[3].contains(&format!("\"data\":{SPOILT_LINE}}}")));
    for event in &events {
        for attribute in ["specversion", "id", "source", "time"] {
            assert!(event[attribute].is_string(), "{attribute} in {event}");
        }
    }
    assert_eq!(events[3]["subject"], "p%C3%A4yments/2.4.1/77/linux/oci");
    assert_eq!(told(&output), "epr-mcp: exported 4 events\n");
    let (_other, to) = fresh();
    let taken = ingest(&to, &output.stdout, &[]);
    assert_eq!(summary(&taken)["recorded"], 4, "{}", self::told(&taken));
}

#[test]
fn events_of_the_registry_come_in_again_elsewhere() {
    let (_keep, db) = fresh();
    filled(&db);
    let output = export(&db, &[]);
    let events = documents(&output);
    assert_eq!(events.len(), 4);
    assert_eq!(events[3]["name"], "päyments");
    assert_eq!(events[3]["EventReceiver"]["type"], "acme.scan.finished");
    assert_eq!(
        events[3]["EventReceiver"]["id"],
        events[3]["event_receiver_id"]
    );
    assert!(lines(&output)[3].contains(&format!("\"payload\":{SPOILT_LINE},")));

    let (_other, to) = fresh();
    // There the receiver of scans has another id; a second one of its type is not meant.
    {
        let mut server = Server::on(&to);
        for (name, version) in [("scan", "1.0.0"), ("scan", "2.0.0"), ("other", "1.0.0")] {
            server.id_of(
                "create_receiver",
                json!({"name": name, "type": "acme.scan.finished", "version": version, "description": "there",
                    "schema_name": "any"}),
            );
        }
    }
    let taken = ingest(&to, &output.stdout, &[]);
    assert_eq!(summary(&taken)["recorded"], 4, "{}", told(&taken));
    let same = |mut event: Value| {
        for field in ["id", "created_at", "event_receiver_id"] {
            assert!(event[field].take().is_string(), "{field}");
        }
        let receiver = event["EventReceiver"].take();
        let called = |field: &str| receiver[field].as_str().unwrap().to_owned();
        (event, called("type"))
    };
    let there = documents(&export(&to, &[]));
    let names: Vec<&Value> = there
        .iter()
        .map(|e| &e["EventReceiver"]["description"])
        .collect();
    assert_eq!(names[3], "there");
    assert_eq!(there[3]["EventReceiver"]["version"], "1.0.0");
    assert_eq!(there[3]["EventReceiver"]["name"], "scan");
    let before: Vec<_> = events.into_iter().map(same).collect();
    let after: Vec<_> = there.into_iter().map(same).collect();
    assert_eq!(before, after);
}

#[test]
fn a_receiver_that_is_not_there_is_refused_where_nothing_tells_which_it_was() {
    let (_keep, db) = fresh();
    let line = json!({"name": "a", "version": "1", "release": "1", "platform_id": "x", "package": "x",
        "payload": {}, "success": true, "event_receiver_id": "01J00000000000000000000001"});
    let output = ingest(&db, line.to_string().as_bytes(), &[]);
    assert_eq!(summary(&output)["refused"], 1);
    assert!(
        told(&output).contains("01J00000000000000000000001"),
        "{}",
        told(&output)
    );
}

#[test]
fn filters_choose() {
    let (_keep, db) = fresh();
    filled(&db);
    let ids = |arguments: &[&str]| -> Vec<String> {
        let events = documents(&export(&db, arguments));
        let kind = |event: &Value| event["EventReceiver"]["type"].as_str().unwrap().to_owned();
        events.iter().map(kind).collect()
    };
    let (test, task) = (
        "dev.cdevents.testcaserun.finished.0.1.0",
        "dev.cdevents.taskrun.started.0.3.0",
    );
    let (sbom, scan) = ("acme.sbom", "acme.scan.finished");
    for (arguments, expected) in [
        (vec!["--type", "testcaserun.finished"], vec![test]),
        (vec!["--type", "testcaserun.*,taskrun"], vec![test, task]),
        (vec!["--type", "acme.*"], vec![sbom, scan]),
        (vec!["--type", "taskrun.finished"], vec![]),
        (vec!["--name", "pä*"], vec![sbom, scan]),
        (vec!["--name", "pä*", "--success", "false"], vec![scan]),
        (vec!["--name", "pä"], vec![]),
        (
            vec!["--unit", "epr://history/p%C3%A4yments/2.4.1/77/linux/oci"],
            vec![sbom, scan],
        ),
        (vec!["--unit-version", "2.4.1", "--limit", "1"], vec![sbom]),
        (vec!["--version", "2.4.2"], vec![]),
        (vec!["--group", "ready"], vec![sbom, scan]),
        (vec!["--event-receiver-id", "scan"], vec![scan]),
        (
            vec!["--since", "1h", "--limit", "3"],
            vec![test, task, sbom],
        ),
        (vec!["--until", "2020-01-01"], vec![]),
        (vec!["--limit", "0"], vec![]),
    ] {
        assert_eq!(ids(&arguments), expected, "{arguments:?}");
    }
    // The limit is on what is written.
    let one = export(
        &db,
        &["--format", "cdevents", "--name", "pä*", "--limit", "1"],
    );
    assert_eq!(lines(&one), [""; 0]);
    assert!(
        told(&one).starts_with("epr-mcp: exported 0 events\n"),
        "{}",
        told(&one)
    );
    for (arguments, why) in [
        (["--group", "nowhere"], "nowhere"),
        (["--event-receiver-id", "nothing"], "nothing"),
        (["--since", "yesteryear"], "yesteryear"),
    ] {
        let output = export(&db, &arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(output.stdout.is_empty());
        assert!(told(&output).contains(why), "{}", told(&output));
    }
}

#[test]
fn a_file_appears_when_it_is_whole_and_none_is_written_over() {
    let (folder, db) = fresh();
    filled(&db);
    let place = folder.path().join("out");
    std::fs::create_dir(&place).unwrap();
    let file = place.join("all.ndjson");
    let path = file.to_str().unwrap();
    let output = export(&db, &[path]);
    assert!(output.stdout.is_empty());
    assert!(
        told(&output).contains("exported 4 events to "),
        "{}",
        told(&output)
    );
    let written = std::fs::read(&file).unwrap();
    assert_eq!(written, export(&db, &["-"]).stdout);
    let again = export(&db, &[path, "--format", "cdevents"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(
        told(&again).contains("is there already; name another one"),
        "{}",
        told(&again)
    );
    assert_eq!(std::fs::read(&file).unwrap(), written);
    let nowhere = place.join("no/where.ndjson");
    let lost = export(&db, &[nowhere.to_str().unwrap()]);
    assert_eq!(lost.status.code(), Some(2));
    assert!(told(&lost).contains("cannot be written"), "{}", told(&lost));
    assert_eq!(
        std::fs::read_dir(&place).unwrap().count(),
        1,
        "nothing else is left"
    );
}

#[test]
fn an_empty_registry_has_nothing_and_none_is_made() {
    let (_keep, db) = fresh();
    Server::on(&db).record("search_events", json!({}));
    for format in ["cdevents", "cloudevents", "epr"] {
        assert_eq!(lines(&export(&db, &["--format", format])), [""; 0]);
    }
    if engine::engine() == Engine::Sqlite {
        let (folder, _) = fresh();
        let missing = folder.path().join("missing.db");
        let output = export(&missing, &[]);
        assert_eq!(output.status.code(), Some(2));
        assert!(
            told(&output).contains("there is no registry"),
            "{}",
            told(&output)
        );
        assert!(!missing.exists());
    }
}

#[test]
fn many_pages_are_exported_once_and_in_order() {
    let (_keep, db) = fresh();
    let count = 2_300;
    let text: String = (0..count)
        .map(|number| {
            let id = format!("e-{number}");
            let content = json!({"taskName": "t", "pipelineRun": {"id": "r"}});
            let event = cdevent("taskrun.started", &id, "2026-11-22T10:00:00Z", &id, content);
            format!("{event}\n")
        })
        .collect();
    assert_eq!(
        summary(&ingest(&db, text.as_bytes(), &[]))["recorded"],
        count
    );
    let output = export(&db, &["--format", "cdevents", "--quiet"]);
    assert_eq!(told(&output), "");
    let events = documents(&output);
    assert_eq!(events.len(), count);
    for (at, event) in events.iter().enumerate() {
        assert_eq!(event["context"]["id"], format!("e-{at}"));
    }
    // Nobody reads on: that is no fault.
    let mut child = Setup::new(&db)
        .tool(&["export"], &[])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", told(&ended));
}

#[test]
fn runs_are_the_same_where_their_exported_events_go() {
    let Some(root) = fixtures("runs of an exported stream") else {
        return;
    };
    let (_keep, db) = fresh();
    let stream = root.join("cdevents/streams/01-chain-unique-nvrpp.ndjson");
    ingest(&db, &std::fs::read(stream).unwrap(), &[]);
    let before = runs(&db);
    assert!(before.len() > 3, "{before:?}");
    for format in ["cdevents", "cloudevents", "epr"] {
        let (_other, to) = fresh();
        let output = export(&db, &["--format", format]);
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
        let taken = ingest(&to, &output.stdout, &[]);
        assert_eq!(summary(&taken)["refused"], 0, "{}", told(&taken));
        assert_eq!(runs(&to), before, "{format}");
    }
}

/// The events of each run by the run's id.
fn runs(db: &Path) -> BTreeMap<String, Vec<String>> {
    let mut server = Server::on(db);
    let listed = server.record(
        "list_pipeline_runs",
        json!({"limit": 100, "format": "json", "since": "2000-01-01"}),
    );
    let found = listed["runs"].as_array().unwrap().clone();
    let mut all = BTreeMap::new();
    for run in found {
        let id = run["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{run}"))
            .to_owned();
        let mut events = contexts(&story(&mut server, &id, "events"));
        events.sort();
        all.insert(id, events);
    }
    all
}
