//! The streams of the corpus: their lines tell which run each event belongs to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use super::{anomalies, contexts, fixtures, ingest, story, summary};
use crate::mcp::client::{Server, fresh};

/// The ids of the events of each run, and the text to ingest, without what gives the runs away.
fn stream(folder: &Path, name: &str) -> (BTreeMap<i64, BTreeSet<String>>, String) {
    let text = std::fs::read_to_string(folder.join("cdevents/streams").join(name)).unwrap();
    let mut runs: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
    let mut lines = String::new();
    for line in text.lines() {
        let mut event: Value = serde_json::from_str(line).unwrap();
        let run = event.as_object_mut().unwrap().remove("_run").unwrap();
        let id = event["payload"]["context"]["id"].as_str().unwrap();
        runs.entry(run.as_i64().unwrap())
            .or_default()
            .insert(id.to_owned());
        let _ = writeln!(lines, "{event}");
    }
    (runs, lines)
}

fn set(ids: Vec<String>) -> BTreeSet<String> {
    let count = ids.len();
    let ids: BTreeSet<String> = ids.into_iter().collect();
    assert_eq!(ids.len(), count, "an event is told twice");
    ids
}

#[test]
fn runs_with_chains_are_exact_and_say_so() {
    let Some(folder) = fixtures("stream 01") else {
        return;
    };
    let (_keep, db) = fresh();
    let (runs, lines) = stream(&folder, "01-chain-unique-nvrpp.ndjson");
    let counted = summary(&ingest(&db, lines.as_bytes(), &[]));
    assert_eq!(
        (&counted["recorded"], &counted["conforming"]),
        (&105.into(), &105.into())
    );
    let mut server = Server::on(&db);
    for (run, ids) in runs {
        let told = story(&mut server, &format!("pr-{run}"), "events");
        assert_eq!(set(contexts(&told)), ids, "run {run}");
        assert_eq!(told["run"]["confidence"], "high");
        assert_eq!(told["run"]["method"], "chain");
    }
}

#[test]
fn runs_one_after_another_of_the_same_unit_are_exact() {
    let Some(folder) = fixtures("stream 02") else {
        return;
    };
    let (_keep, db) = fresh();
    let (runs, lines) = stream(&folder, "02-nochain-shared-nvrpp.ndjson");
    ingest(&db, lines.as_bytes(), &[]);
    let mut server = Server::on(&db);
    for (run, ids) in runs {
        let told = story(&mut server, &format!("pr-{run}"), "events");
        assert_eq!(set(contexts(&told)), ids, "run {run}");
        assert_ne!(
            told["run"]["confidence"], "high",
            "nobody said so: run {run}"
        );
    }
}

#[test]
fn what_is_odd_about_the_runs_of_stream_03_is_named() {
    let Some(folder) = fixtures("stream 03") else {
        return;
    };
    let (_keep, db) = fresh();
    let (runs, lines) = stream(&folder, "03-anomalies.ndjson");
    let counted = summary(&ingest(&db, lines.as_bytes(), &[]));
    assert_eq!(
        (&counted["recorded"], &counted["repeated"]),
        (&103.into(), &1.into())
    );
    let mut server = Server::on(&db);
    let mut odd = BTreeMap::new();
    for (run, ids) in &runs {
        let told = story(&mut server, &format!("pr-{run}"), "events anomalies");
        assert_eq!(set(contexts(&told)), *ids, "run {run}");
        odd.insert(*run, (anomalies(&told), told));
    }
    let has = |run: i64, code: &str| odd[&run].0.iter().any(|c| c == code);
    assert!(has(0, "duplicate_event"), "{:?}", odd[&0].0);
    assert!(has(1, "finished_without_started"), "{:?}", odd[&1].0);
    assert!(has(2, "rollup_conflict"), "{:?}", odd[&2].0);
    assert!(has(3, "run_never_finished"), "{:?}", odd[&3].0);
    for code in ["duplicate_event", "rollup_conflict", "run_never_finished"] {
        let bad = BTreeMap::from([
            ("duplicate_event", 0),
            ("rollup_conflict", 2),
            ("run_never_finished", 3),
        ])[code];
        for run in 0..5 {
            assert_eq!(has(run, code), run == bad, "{code} in run {run}");
        }
    }
    assert_eq!(odd[&2].1["run"]["declared"], "success");
    assert_eq!(odd[&2].1["run"]["derived"], "failure");
}

#[test]
fn the_tutorials_event_by_itself_is_told_with_all_that_it_says() {
    let Some(folder) = fixtures("the seed event") else {
        return;
    };
    let (_keep, db) = fresh();
    let file = folder.join("cdevents/seed/taskrun_finished.cloudevent.json");
    ingest(&db, &std::fs::read(file).unwrap(), &[]);
    let mut server = Server::on(&db);
    let text = server.text(
        "correlate_pipeline_run",
        serde_json::json!({"anchor": "456789", "include": ["story", "build", "anomalies"]}),
    );
    for part in [
        "pipelines/pr-456789",
        "commit/a1b2c3d4e5f6",
        "a1b2c3d4e5f6789012345678901234567890abcd",
        "sha256:742c4b6f6b4d4f4e4d4c4b4a4948474645464544434241403938373635343332",
        "my-app-a1b2c3d.spdx.json",
        "high 1, medium 3, low 7",
        "git-clone",
        "2m15s",
        "build-node-03",
        "NODE_VERSION",
        "jane.developer@example.com",
        "timestamp_repaired",
        "links_object_dialect",
        "digest_repaired",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn the_tutorials_flat_pipeline_is_one_run_in_its_order() {
    let Some(folder) = fixtures("the flat pipeline") else {
        return;
    };
    let (_keep, db) = fresh();
    let file = folder.join("cdevents/seed/pipeline_flat.ndjson");
    ingest(&db, &std::fs::read(file).unwrap(), &[]);
    let mut server = Server::on(&db);
    let mut told = Vec::new();
    // By its change, its build, its scan and its deployment alike.
    for anchor in [
        "11111111-1111-4111-8111-111111111111",
        "22222222-2222-4222-8222-222222222222",
        "44444444-4444-4444-8444-444444444444",
        "5b6f0f0e-6f0e-4a7e-9f63-0c1c1f1f7a01",
        "abc123def456",
    ] {
        let one = story(&mut server, anchor, "events deployments tests");
        let ids: Vec<String> = contexts(&one)
            .iter()
            .map(|id| id.chars().take(1).collect())
            .collect();
        assert_eq!(ids.concat(), "123455", "by {anchor}");
        told.push(one["run"]["run"].clone());
    }
    told.dedup();
    assert_eq!(told.len(), 1, "one handle: {told:?}");
    let list = server.record("list_pipeline_runs", serde_json::json!({"format": "json"}));
    assert_eq!(list["runs"][0]["run"], told[0], "{list}");
}
