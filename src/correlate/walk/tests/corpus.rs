//! Streams of events whose runs are known, read from the corpus that `EPR_FIXTURES` names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use ulid::Ulid;

use super::store::{Store, codes, order, seqs};
use crate::correlate::decode::{Hint, decode};
use crate::correlate::facts::Recorded;
use crate::correlate::intake;
use crate::correlate::run::{Confidence, Method};
use crate::correlate::walk::Anchor;
use crate::domain::id::EventId;
use crate::domain::run::RunName;
use crate::domain::time::Timestamp;
use crate::domain::unit::Unit;

/// The corpus, or nothing when there is none.
fn corpus(checks: usize) -> Option<PathBuf> {
    let root = std::env::var_os("EPR_FIXTURES").map(PathBuf::from);
    if root.is_none() {
        println!("left out: {checks} corpus checks, EPR_FIXTURES is not set");
    }
    root
}

#[expect(clippy::disallowed_methods, reason = "a test outside any runtime")]
fn lines(path: &Path) -> Vec<Value> {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn recorded(seq: i64, payload: &Value, unit: Option<Unit>) -> Recorded {
    let facts = decode(payload, &Hint::default()).unwrap();
    let text = payload.to_string();
    let mut digest = [0; 32];
    for (at, byte) in text.bytes().enumerate() {
        digest[at % 32] ^= byte.rotate_left((at / 32 % 8) as u32);
    }
    Recorded {
        seq,
        id: EventId::new(Ulid(u128::try_from(seq).unwrap())),
        unit: unit.unwrap_or_else(|| intake::unit(&facts, &BTreeMap::new())),
        receiver_type: facts.type_name.clone(),
        success: true,
        recorded_at: Timestamp::from_micros(1_795_000_000_000_000 + seq),
        payload_digest: digest,
        repeats: 0,
        facts,
    }
}

/// A stream of EPR events, and the events of each run.
fn stream(root: &Path, name: &str) -> (Store, BTreeMap<i64, BTreeSet<i64>>) {
    let mut events = Vec::new();
    let mut runs: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    let path = root.join("cdevents/streams").join(name);
    for (nth, line) in lines(&path).iter().enumerate() {
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        let unit = Unit {
            name: text("name"),
            version: text("version"),
            release: text("release"),
            platform_id: text("platform_id"),
            package: text("package"),
        };
        let seq = nth as i64 + 1;
        events.push(recorded(seq, &line["payload"], Some(unit)));
        let run = line["_run"].as_i64().unwrap();
        runs.entry(run).or_default().insert(seq);
    }
    (Store::new(events), runs)
}

#[test]
fn runs_with_chains_are_told_exactly() {
    let Some(root) = corpus(1) else { return };
    let (store, runs) = stream(&root, "01-chain-unique-nvrpp.ndjson");
    assert_eq!(runs.len(), 5);
    for (id, expected) in runs {
        for seq in &expected {
            let run = store.run_of(*seq);
            assert_eq!(seqs(&run), expected);
            assert_eq!(
                (run.method, run.confidence),
                (Method::Chain, Confidence::High)
            );
            assert_eq!(codes(&run), [""; 0]);
            let name = RunName::PipelineRun {
                id: format!("pr-{id}"),
                source: Some("/tekton/a".to_owned()),
            };
            assert_eq!(store.run(&Anchor::from(&name)).members.len(), 21);
            assert_eq!(run.name, Some(name));
        }
    }
}

#[test]
fn runs_without_chains_that_share_units_one_after_another_are_told_exactly() {
    let Some(root) = corpus(1) else { return };
    let (store, runs) = stream(&root, "02-nochain-shared-nvrpp.ndjson");
    assert_eq!(runs.len(), 12);
    for expected in runs.values() {
        for seq in expected {
            let run = store.run_of(*seq);
            assert_eq!(&seqs(&run), expected);
            assert_eq!(run.method, Method::NvrppSlice);
            assert!(run.confidence > Confidence::High);
            assert_eq!(codes(&run), [""; 0]);
        }
    }
}

#[test]
fn runs_with_oddities_are_told_exactly() {
    let Some(root) = corpus(1) else { return };
    let (store, runs) = stream(&root, "03-anomalies.ndjson");
    assert_eq!(runs.len(), 5);
    for (id, expected) in runs {
        for seq in &expected {
            let run = store.run_of(*seq);
            // One event of the first run was recorded twice.
            let (missing, remarks) = match id {
                0 => (1, vec!["duplicate_event"]),
                _ => (0, vec![]),
            };
            let found = seqs(&run);
            assert!(found.is_subset(&expected));
            assert_eq!(expected.len() - found.len(), missing);
            assert_eq!(codes(&run), remarks);
            assert_eq!(run.confidence, Confidence::High);
        }
    }
}

#[test]
fn a_pipeline_of_flat_documents_is_one_run_in_its_order() {
    let Some(root) = corpus(1) else { return };
    let lines = lines(&root.join("cdevents/seed/pipeline_flat.ndjson"));
    let events = lines.iter().enumerate();
    let events = events.map(|(nth, line)| recorded(nth as i64 + 1, line, None));
    let store = Store::new(events.collect());
    for seq in 1..=6 {
        let run = store.run_of(seq);
        assert_eq!(order(&run), [1, 2, 3, 4, 5, 6], "from {seq}");
        let id = "5b6f0f0e-6f0e-4a7e-9f63-0c1c1f1f7a01".to_owned();
        assert_eq!(run.name, Some(RunName::Build { id }));
        assert_eq!(run.confidence, Confidence::Medium);
        assert_eq!(codes(&run), ["id_conflict"]);
    }
    let run = store.run(&Anchor::Commit {
        repository: None,
        sha: "abc123def456".to_owned(),
    });
    assert_eq!(run.members.len(), 6);
}

#[test]
fn a_task_that_names_its_run_is_found_by_all_that_it_names() {
    let Some(root) = corpus(1) else { return };
    let path = root.join("cdevents/seed/taskrun_finished.cloudevent.json");
    let text = lines_joined(&path);
    let store = Store::new(vec![recorded(1, &text, None)]);
    let url = "https://cd.example.com/pipelines/pr-456789".to_owned();
    let digest = "sha256:742c4b6f6b4d4f4e4d4c4b4a4948474645464544434241403938373635343332";
    for anchor in [
        Anchor::Event(1),
        Anchor::PipelineRun {
            id: url.clone(),
            source: None,
        },
        Anchor::Artifact {
            digest: Some(digest.to_owned()),
            name: None,
        },
        Anchor::Commit {
            repository: Some("https://github.com/my-org/my-app".to_owned()),
            sha: "a1b2c3d4e5f6".to_owned(),
        },
        Anchor::Resource("https://github.com/my-org/my-app/commit/a1b2c3d4e5f6".to_owned()),
    ] {
        let run = store.run(&anchor);
        assert_eq!(run.members.len(), 1);
        let name = RunName::PipelineRun {
            id: url.clone(),
            source: None,
        };
        assert_eq!(run.name, Some(name), "{anchor:?}");
        assert_eq!(run.method, Method::Member);
    }
}

#[expect(clippy::disallowed_methods, reason = "a test outside any runtime")]
fn lines_joined(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}
