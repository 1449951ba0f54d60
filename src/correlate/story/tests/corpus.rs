//! Runs of the corpus that `EPR_FIXTURES` names, decoded; which events are a run stands in the corpus.

use serde_json::Value;

use super::sample::{Sample, at};
use crate::correlate::story::Section;
use crate::correlate::testing::{Log, answer, corpus, stream};
use crate::correlate::walk::Found;
use crate::correlate::{Anchor, Hint, Method, Walk, WalkLimits, decode};
use crate::domain::run::RunName;

#[expect(clippy::disallowed_methods, reason = "a test outside any runtime")]
fn documents(root: &std::path::Path, file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(root.join(file)).unwrap();
    if let Ok(one) = serde_json::from_str(&text) {
        return vec![one];
    }
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Events with these payloads, recorded with this success, as one run.
fn run_of<'v>(name: RunName, events: impl IntoIterator<Item = (&'v Value, bool)>) -> Sample {
    let mut sample = Sample::new();
    sample.run.name = Some(name);
    for (payload, success) in events {
        let facts = decode(payload, &Hint::default()).unwrap();
        let mut event = sample.record(facts, 0.0);
        event.recorded_at = event.at();
        event.success = success;
        sample.push(event);
    }
    sample.asked.now = at(14.0 * 24.0 * 3_600.0);
    sample
}

/// Run `n` of a stream.
fn stream_run(events: &[Value], n: u64) -> Sample {
    let name = RunName::PipelineRun {
        id: format!("pr-{n}"),
        source: Some("/tekton/a".to_owned()),
    };
    let mine = events.iter().filter(|event| event["_run"] == n);
    run_of(
        name,
        mine.map(|event| (&event["payload"], event["success"].as_bool().unwrap())),
    )
}

/// Codes that say that something is amiss, without those that say only what is not told.
fn faults(sample: &Sample) -> Vec<String> {
    let quiet = [
        "finished_without_started",
        "artifact_without_sbom",
        "nonconformant",
    ];
    let story = sample.story();
    let list = story.anomalies.list.iter();
    let told =
        list.filter(|one| one.severity.as_str() != "info" || !quiet.contains(&one.code.as_ref()));
    told.map(|one| one.code.clone().into_owned()).collect()
}

#[test]
fn the_anomalies_of_the_corpus_are_found_and_no_others() {
    let Some(root) = corpus(1) else { return };
    let events = documents(&root, "cdevents/streams/03-anomalies.ndjson");
    let runs: Vec<Sample> = (0..5).map(|n| stream_run(&events, n)).collect();
    let found: Vec<Vec<String>> = runs.iter().map(faults).collect();
    assert_eq!(found[0], ["duplicate_event"]);
    assert_eq!(found[1], ["finished_without_started"]);
    // Of the test, of its suite and of the pipeline that claim success, and of the registry.
    let claims = [
        "outcome_vs_epr_success",
        "rollup_conflict",
        "rollup_conflict",
    ];
    assert_eq!(found[2], claims);
    assert_eq!(found[3], ["run_never_finished"]);
    assert_eq!(found[4], Vec::<String>::new());
    let text = runs[2].summary();
    assert!(text.contains("BUT its 8 parts come to failure"), "{text}");
    assert!(
        text.contains("testCaseRun «case1»") || text.contains("testCaseRun «tc-2-1»"),
        "{text}"
    );
    assert!(
        text.contains("lead time 3 m 53 s from change.merged «2»"),
        "{text}"
    );
    assert!(
        runs[3].summary().contains("STALLED, open for "),
        "{}",
        runs[3].summary()
    );
    for run in &runs {
        assert!(run.summary().chars().count() / 4 < 1_500);
    }
}

#[test]
fn good_runs_of_the_corpus_have_no_fault() {
    let Some(root) = corpus(1) else { return };
    let mut checked = 0;
    for file in ["01-chain-unique-nvrpp", "02-nochain-shared-nvrpp"] {
        let events = documents(&root, &format!("cdevents/streams/{file}.ndjson"));
        let last = events
            .iter()
            .filter_map(|event| event["_run"].as_u64())
            .max()
            .unwrap();
        for n in 0..=last {
            let sample = stream_run(&events, n);
            let text = sample.summary();
            assert_eq!(faults(&sample), Vec::<String>::new(), "{file} {n}: {text}");
            assert!(
                text.contains("FINISHED, declared success, and its "),
                "{text}"
            );
            checked += 1;
        }
    }
    assert!(checked > 10, "{checked}");
}

/// The run that a walk over a stream finds from an event.
fn walked(log: &Log, seq: i64) -> Sample {
    let mut walk = Walk::new(&Anchor::Event(seq), WalkLimits::default());
    answer(&mut walk, log, Walk::ask, Walk::give);
    let Found::Run(run) = walk.finish() else {
        panic!("no run")
    };
    let mut sample = Sample::new();
    sample.run = *run;
    for member in &mut sample.run.members {
        member.event.recorded_at = member.event.at();
    }
    sample.asked.now = at(14.0 * 24.0 * 3_600.0);
    sample
}

#[test]
fn what_a_walk_finds_has_the_same_story() {
    let Some(root) = corpus(1) else { return };
    let events = stream(&root, "03-anomalies.ndjson");
    let log = Log::new(events.iter().map(|(event, _)| event.clone()).collect());
    for n in 0..5 {
        let (one, _) = events.iter().find(|(_, run)| *run == n).unwrap();
        let found = walked(&log, one.seq);
        let documents = documents(&root, "cdevents/streams/03-anomalies.ndjson");
        let known = stream_run(&documents, n as u64);
        assert_eq!(faults(&found), faults(&known), "{n}: {}", found.summary());
        assert_eq!(found.run.name, known.run.name);
        let lines = |sample: &Sample, block: &str| {
            let text = sample.summary();
            let after = text.split(block).nth(1).unwrap_or_default().to_owned();
            let rows = after
                .lines()
                .skip(1)
                .take_while(|line| line.starts_with(' '));
            rows.map(str::to_owned).collect::<Vec<_>>()
        };
        for block in ["CRITICAL PATH", "ARTIFACTS"] {
            assert_eq!(lines(&found, block), lines(&known, block), "{n} {block}");
        }
    }
}

#[test]
fn the_event_of_the_tutorial_is_told_with_its_build() {
    let Some(root) = corpus(1) else { return };
    let events = documents(&root, "cdevents/seed/taskrun_finished.cloudevent.json");
    let name = RunName::PipelineRun {
        id: "https://cd.example.com/pipelines/pr-456789".to_owned(),
        source: None,
    };
    let mut sample = run_of(name, events.iter().map(|event| (event, true)));
    sample.run.method = Method::Single;
    let text = sample.text(&[Section::Story, Section::Build]);
    let wanted = [
        "FINISHED, success by its only part",
        "took 2m34s, 3 steps",
        " step 2 «build-image»: completed, took 2m15s, exit code 0",
        ": critical 0, high 1, medium 3, low 7, unknown 0",
        " argument «NODE_VERSION» = ",
        "branch «main»",
        "signed («",
        "SBOM spdx-json at «https://",
        "info timestamp_repaired: 1 event",
        "info digest_repaired: 1 event",
        "info links_object_dialect: 1 event",
        "info orphan_member: 1 subject is part of pipelineRun «",
    ];
    for part in wanted {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("ANOMALIES 6 info\n"), "{text}");
}

#[test]
fn the_flat_pipeline_of_the_tutorial_has_ended_well() {
    let Some(root) = corpus(1) else { return };
    let events = documents(&root, "cdevents/seed/pipeline_flat.ndjson");
    let name = RunName::Build {
        id: "5b6f0f0e-6f0e-4a7e-9f63-0c1c1f1f7a01".to_owned(),
    };
    let sample = run_of(name, events.iter().map(|event| (event, true)));
    let text = sample.summary();
    let wanted = [
        "FINISHED, success by its 2 parts",
        "; 3 s from the first start to the last end",
        "TESTS 1 case: 1 success.",
        "deployed to «staging» at +3 s, lead time 3 s from repository.modified",
        "warning id_conflict: 2 different events",
        "info flat_dialect: 6 events",
    ];
    for part in wanted {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(faults(&sample)[..1], ["id_conflict"]);
}
