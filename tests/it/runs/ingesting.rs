//! `epr-mcp ingest`: large input, bad input, an interruption.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{cdevent, ingest, summary};
use crate::mcp::client::{Server, Setup, fresh};

fn task(number: usize) -> Value {
    cdevent(
        "taskrun.finished",
        &format!("e-{number}"),
        "2026-11-22T10:00:00Z",
        &format!("task-{number}"),
        json!({"taskName": "t", "outcome": "success", "pipelineRun": {"id": format!("run-{}", number / 10)}}),
    )
}

fn lines(count: usize) -> String {
    (0..count).fold(String::new(), |mut text, number| {
        let _ = writeln!(text, "{}", task(number));
        text
    })
}

#[test]
fn a_bad_line_is_told_with_its_number_and_the_others_are_recorded() {
    let (_keep, db) = fresh();
    let input = format!("{}\n{{\"context\": \n\n[1]\n{}\n", task(1), task(2));
    let output = ingest(&db, input.as_bytes(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let counted = summary(&output);
    assert_eq!(
        (&counted["recorded"], &counted["refused"]),
        (&2.into(), &2.into())
    );
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("line 2: ") && told.contains("line 4: "),
        "{told}"
    );
}

#[test]
fn an_array_and_values_over_several_lines_are_read_too() {
    let (_keep, db) = fresh();
    let array = serde_json::to_string_pretty(&json!([task(1), task(2)])).unwrap();
    assert_eq!(summary(&ingest(&db, array.as_bytes(), &[]))["recorded"], 2);
    let values = format!("{:#}\n{:#}\n", task(3), task(4));
    assert_eq!(summary(&ingest(&db, values.as_bytes(), &[]))["recorded"], 2);
    let empty = ingest(&db, b"", &[]);
    assert_eq!(
        (empty.status.code(), &summary(&empty)["documents"]),
        (Some(0), &0.into())
    );
}

#[test]
fn a_dry_run_explains_and_records_nothing() {
    let (_keep, db) = fresh();
    let output = ingest(
        &db,
        task(1).to_string().as_bytes(),
        &["--dry-run", "--explain"],
    );
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in [
        "CDEvent dev.cdevents.taskrun.finished.0.3.0",
        "would be recorded",
        "part of subject pipelinerun run-0",
        "conforms to CDEvents 0.5.1",
        "run       run_",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    let mut server = Server::on(&db);
    assert_eq!(
        server.record("search_events", json!({}))["events"],
        json!([])
    );
}

#[test]
fn events_of_one_unit_are_recorded_in_the_order_of_the_file() {
    let (_keep, db) = fresh();
    let count = 900;
    let input = (0..count).fold(String::new(), |mut text, number| {
        let content = json!({"artifactId": "pkg:oci/app@sha256%3Aab", "number": number});
        let id = format!("s-{number}");
        let event = cdevent("acme.scan", &id, "2026-11-22T10:00:00Z", &id, content);
        let _ = writeln!(
            text,
            "{}",
            event.to_string().replace("dev.cdevents.", "dev.cdeventsx.")
        );
        text
    });
    assert_eq!(
        summary(&ingest(&db, input.as_bytes(), &[]))["recorded"],
        count
    );
    let output = Setup::new(&db)
        .tool(&["event", "search", "--fields", "payload"], &[])
        .output()
        .unwrap();
    let events: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let numbers = events
        .iter()
        .map(|event| event["payload"]["subject"]["content"]["number"].as_u64());
    let order: Vec<u64> = numbers.map(Option::unwrap).collect();
    assert_eq!(order, (0..count).collect::<Vec<_>>());
}

#[test]
fn what_is_loaded_in_bulk_is_not_announced() {
    let (_keep, db) = fresh();
    ingest(&db, task(1).to_string().as_bytes(), &[]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let log_only = runtime.block_on(async {
        use epr_mcp::domain::id::CountingIds;
        use epr_mcp::domain::time::Timestamp;
        let ids = CountingIds::new(Timestamp::from_micros(0));
        let db = crate::harness::engine::database(&db);
        let store = crate::harness::engine::open(&db, &ids).await.unwrap();
        let messages = store.messages(0, 10).await.unwrap();
        messages
            .iter()
            .map(|message| message.log_only)
            .collect::<Vec<_>>()
    });
    assert_eq!(log_only, [true, true], "the receiver and the event");
}

#[test]
fn an_interrupted_reading_goes_on_and_a_second_one_repeats_nothing() {
    let (folder, db) = fresh();
    let file = folder.path().join("events.ndjson");
    let count = 3_000;
    std::fs::write(&file, lines(count)).unwrap();
    let path = file.to_str().unwrap();
    let home = folder.path().join("home");
    let home = [
        ("HOME", home.to_str().unwrap()),
        ("XDG_DATA_HOME", home.to_str().unwrap()),
    ];
    let setup = Setup::new(&db);
    // Told to end as soon as something is there.
    let child = setup
        .tool(&["ingest", path, "--quiet"], &home)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id().to_string();
    let told = std::process::Command::new("kill")
        .args(["-s", "INT", &pid])
        .status();
    assert!(told.unwrap().success());
    let first = child.wait_with_output().unwrap();
    let ended_early = first.status.code() != Some(0);
    let second = setup
        .tool(&["ingest", path, "--quiet", "--resume"], &home)
        .output()
        .unwrap();
    let counted = summary(&second);
    assert_eq!(
        second.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&second.stderr)
    );
    assert_eq!(counted["refused"], 0);
    assert!(ended_early || counted["repeated"] == count);
    let third = summary(
        &setup
            .tool(&["ingest", path, "--quiet"], &home)
            .output()
            .unwrap(),
    );
    assert_eq!(
        (&third["repeated"], &third["recorded"]),
        (&count.into(), &0.into())
    );
    let mut server = Server::on(&db);
    let list = server.record("list_pipeline_runs", json!({"format": "json", "limit": 1}));
    assert_eq!(list["total"], count / 10, "{list}");
    let story = server.text("correlate_pipeline_run", json!({"anchor": "run-7"}));
    assert!(story.contains("10 events"), "{story}");
}

#[test]
fn what_was_recorded_is_found_out_anew_and_is_the_same() {
    let (_keep, db) = fresh();
    ingest(&db, lines(250).as_bytes(), &[]);
    let ask = |db| {
        let mut server = Server::on(db);
        let list = server.record("list_pipeline_runs", json!({"format": "json"}));
        let story = super::story(&mut server, "run-3", "events");
        (list["runs"].clone(), super::contexts(&story))
    };
    let before = ask(&db);
    let done = Setup::new(&db)
        .tool(&["reindex", "--all"], &[])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&done.stdout);
    assert!(
        told.contains("Looked into 250 events"),
        "{told} {}",
        String::from_utf8_lossy(&done.stderr)
    );
    assert_eq!(ask(&db), before);
    let again = Setup::new(&db).tool(&["reindex"], &[]).output().unwrap();
    assert!(String::from_utf8_lossy(&again.stdout).contains("All events have been looked into"));
}
