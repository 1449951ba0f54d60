//! `epr-mcp ingest`: large input, bad input, an interruption.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{cdevent, ingest, summary};
use crate::harness::engine::{self, Engine};
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
#[cfg(unix)]
fn a_database_that_fails_ends_the_reading_and_it_goes_on_in_order() {
    assert_eq!(
        engine::engine(),
        Engine::Sqlite,
        "a file is what is filled up"
    );
    let (folder, db) = fresh();
    let count = 4_000;
    let file = folder.path().join("events.ndjson");
    std::fs::write(&file, lines(count)).unwrap();
    let home = folder.path().join("home");
    let home = [
        ("HOME", home.to_str().unwrap()),
        ("XDG_DATA_HOME", home.to_str().unwrap()),
    ];
    let reading = ["ingest", "--resume", "--quiet", file.to_str().unwrap()];
    let command = Setup::new(&db).tool(&reading, &home);
    // No file may grow beyond 3,000 blocks: the disk is full.
    let mut full = std::process::Command::new("sh");
    full.args(["-c", "trap '' XFSZ; ulimit -f 3000; exec \"$@\"", "sh"])
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => full.env(name, value),
            None => full.env_remove(name),
        };
    }
    let failed = full.output().unwrap();
    let told = String::from_utf8_lossy(&failed.stderr);
    assert_eq!(failed.status.code(), Some(2), "{told}");
    assert!(
        told.contains("--resume goes on: The database cannot be used"),
        "{told}"
    );
    let before = summary(&failed);
    assert_eq!(before["refused"], 0, "no document is at fault: {before}");
    let first = before["recorded"].as_u64().unwrap();
    assert!(0 < first && first < count as u64, "{before}");

    let again = Setup::new(&db).tool(&reading, &home).output().unwrap();
    let after = summary(&again);
    assert_eq!(after["refused"], 0, "{after}");
    assert_eq!(
        after["recorded"].as_u64().unwrap() + first,
        count as u64,
        "{after}"
    );
    let output = Setup::new(&db)
        .tool(&["export", "--format", "cdevents"], &[])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let ids = text.lines().map(|line| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["context"]["id"].as_str().unwrap().to_owned()
    });
    let expected = (0..count).map(|number| format!("e-{number}"));
    assert_eq!(ids.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

#[test]
fn a_first_line_does_not_decide_alone_how_documents_stand() {
    for (input, recorded, refused) in [
        // A blank line before one over several lines.
        (format!("\n{:#}\n", task(1)), 1, 0),
        // A first line that lacks its end, in a file of lines.
        (
            format!(
                "{}\n{}\n{}\n",
                task(1).to_string().trim_end_matches('}'),
                task(2),
                task(3)
            ),
            2,
            1,
        ),
    ] {
        let (_keep, db) = fresh();
        let counted = summary(&ingest(&db, input.as_bytes(), &[]));
        assert_eq!(counted["recorded"], recorded, "{counted}");
        assert_eq!(counted["refused"], refused, "{counted}");
    }
}

#[test]
fn one_event_is_the_same_however_it_is_written() {
    let (_keep, db) = fresh();
    let event = task(1);
    let id = event["context"]["id"].clone();
    let envelope = json!({"specversion": "1.0", "id": id, "source": "https://ci.example.com",
        "type": event["context"]["type"], "data": event});
    let swapped = json!({"subject": event["subject"], "context": event["context"]});
    let all = [
        event.to_string(),
        format!("{event:#}"),
        swapped.to_string(),
        envelope.to_string(),
    ];
    for (at, text) in all.iter().enumerate() {
        let counted = summary(&ingest(&db, text.as_bytes(), &[]));
        let expected = if at == 0 { (1, 0) } else { (0, 1) };
        let found = (counted["recorded"].as_u64(), counted["repeated"].as_u64());
        assert_eq!(
            found,
            (Some(expected.0), Some(expected.1)),
            "{text} {counted}"
        );
        assert_eq!(counted["remarks"]["id_conflict"], Value::Null);
    }
}

#[test]
fn epr_events_of_a_file_that_stays_as_it_is_are_recorded_once() {
    let (folder, db) = fresh();
    let mut server = Server::on(&db);
    server.id_of(
        "create_receiver",
        json!({"name": "scan", "type": "acme.scan", "version": "1", "description": "d", "schema_name": "any"}),
    );
    drop(server);
    let line = json!({"name": "a", "version": "1", "release": "1", "platform_id": "x", "package": "x",
        "payload": {"n": 1}, "success": true, "event_receiver_id": "scan"});
    let file = folder.path().join("epr.ndjson");
    let path = file.to_str().unwrap();
    let read = || {
        let output = Setup::new(&db)
            .tool(&["ingest", path, "--quiet"], &[])
            .output()
            .unwrap();
        let counted = summary(&output);
        (
            counted["recorded"].as_u64().unwrap(),
            counted["repeated"].as_u64().unwrap(),
        )
    };
    // Two equal lines are two events.
    std::fs::write(&file, format!("{line}\n{line}\n")).unwrap();
    assert_eq!(read(), (2, 0));
    assert_eq!(read(), (0, 2));
    // Another file is another one, whatever stands in it.
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, format!("{line}\n{line}\n{line}\n")).unwrap();
    assert_eq!(read(), (3, 0));
}

#[test]
fn large_payloads_of_epr_events_are_recorded_and_not_looked_into() {
    let (_keep, db) = fresh();
    let mut server = Server::on(&db);
    server.id_of(
        "create_receiver",
        json!({"name": "sbom", "type": "acme.sbom", "version": "1", "description": "d", "schema_name": "any"}),
    );
    drop(server);
    let payload = json!({"bomFormat": "CycloneDX", "fill": "x".repeat(1_600_000)});
    let line = json!({"name": "a", "version": "1", "release": "1", "platform_id": "x", "package": "x",
        "payload": payload, "success": true, "event_receiver_id": "sbom"});
    let output = ingest(&db, line.to_string().as_bytes(), &[]);
    assert_eq!(
        summary(&output)["recorded"],
        1,
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let too_large =
        json!({"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": payload});
    let output = ingest(&db, too_large.to_string().as_bytes(), &[]);
    assert_eq!(summary(&output)["refused"], 1);
}

#[test]
fn what_is_refused_leaves_no_receiver_and_a_dry_run_sees_what_stands_before() {
    let (_keep, db) = fresh();
    let nameless = json!({"name": "", "version": "1", "release": "1", "platform_id": "x", "package": "x", "success": true,
        "payload": {"specversion": "1.0", "id": "1", "source": "/s", "type": "ghost"}});
    let output = ingest(&db, nameless.to_string().as_bytes(), &[]);
    assert_eq!(summary(&output)["refused"], 1);
    let mut server = Server::on(&db);
    let receivers = server.record("search_receivers", json!({}));
    assert_eq!(receivers["receivers"], json!([]), "{receivers}");
    drop(server);
    let twice = format!("{}\n{}\n", task(1), task(1));
    for arguments in [&["--dry-run"][..], &[]] {
        let counted = summary(&ingest(&db, twice.as_bytes(), arguments));
        let found = (
            &counted["recorded"],
            &counted["repeated"],
            &counted["receivers_made"],
        );
        assert_eq!(
            found,
            (&1.into(), &1.into(), &1.into()),
            "{arguments:?} {counted}"
        );
    }
}

#[test]
fn a_file_that_is_not_there_is_told_before_anything_is_recorded() {
    let (folder, db) = fresh();
    let file = folder.path().join("a.ndjson");
    std::fs::write(&file, task(1).to_string()).unwrap();
    let (file, place) = (file.to_str().unwrap(), folder.path().to_str().unwrap());
    for (other, why) in [("/no/such/file", "cannot be read"), (place, "is a folder")] {
        let output = Setup::new(&db)
            .tool(&["ingest", file, other], &[])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(why), "{told}");
    }
    let counted = summary(&ingest(&db, task(1).to_string().as_bytes(), &[]));
    assert_eq!(counted["recorded"], 1, "nothing was recorded before");
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
