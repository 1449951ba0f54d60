//! Every anomaly: when it is told, how much it matters, and of which events.

use super::sample::{Sample, image, subject};
use crate::correlate::{Conformance, Role};
use crate::domain::run::{RunName, RunOutcome};

use RunOutcome::{Failure, Skipped, Success};

/// The only anomaly with this code: severity and positions of its events.
#[track_caller]
pub(super) fn one(sample: &Sample, code: &str) -> (&'static str, String, Vec<i64>) {
    let found = sample.found(code);
    assert_eq!(found.len(), 1, "{code}: {found:?}");
    found.into_iter().next().unwrap()
}

#[track_caller]
pub(super) fn none(sample: &Sample, code: &str) {
    assert_eq!(sample.found(code), [], "{code}");
}

#[test]
fn a_run_without_fault_has_no_anomaly() {
    let mut sample = Sample::finished(60.0, Success);
    sample.task("clone", 1.0, 20.0, Success);
    sample.add("testcaserun.started", "tc", 21.0);
    sample
        .add("testcaserun.finished", "tc", 25.0)
        .outcome(Success);
    let image = image(1);
    sample
        .add("artifact.packaged", &image, 30.0)
        .artifact(Role::Own, &image)
        .sbom("https://s");
    sample
        .add("artifact.signed", &image, 31.0)
        .artifact(Role::Own, &image);
    sample
        .add("artifact.published", &image, 32.0)
        .artifact(Role::Own, &image);
    sample
        .add("service.deployed", "web", 40.0)
        .environment("prod")
        .artifact(Role::Uses, &image);
    sample.gate("release", &[], &[]);
    assert_eq!(sample.codes(), Vec::<String>::new());
}

#[test]
fn an_end_without_a_start() {
    let mut sample = Sample::finished(60.0, Success);
    sample.task("clone", 1.0, 20.0, Success);
    sample
        .add("taskrun.finished", "compile", 40.0)
        .name("compile")
        .outcome(Success);
    let (severity, detail, events) = one(&sample, "finished_without_started");
    assert_eq!((severity, events), ("warning", vec![6]));
    assert!(
        detail.starts_with("taskRun «compile» ended at +44 s"),
        "{detail}"
    );
    // What was skipped never starts.
    sample.run.members.pop();
    sample.add("testcaserun.skipped", "tc", 2.0);
    sample
        .add("testcaserun.finished", "td", 2.0)
        .outcome(Skipped);
    none(&sample, "finished_without_started");
}

#[test]
fn a_kind_that_never_tells_its_start_is_one_finding() {
    let mut sample = Sample::finished(60.0, Success);
    for id in ["a", "b", "c"] {
        sample.add("testcaserun.finished", id, 5.0).outcome(Success);
    }
    let (severity, detail, events) = one(&sample, "finished_without_started");
    assert_eq!((severity, events), ("info", vec![4, 5, 6]));
    assert!(
        detail.starts_with("none of the 3 testCaseRuns has a start"),
        "{detail}"
    );
}

#[test]
fn a_start_without_an_end_matters_once_the_run_has_ended() {
    let mut sample = Sample::new();
    sample.add("pipelinerun.started", "pr-1", 0.0);
    sample.add("taskrun.started", "t", 1.0);
    sample.add("taskrun.queued", "u", 1.0);
    none(&sample, "started_without_finished");
    sample
        .add("pipelinerun.finished", "pr-1", 60.0)
        .outcome(Success);
    let (severity, _, events) = one(&sample, "started_without_finished");
    assert_eq!((severity, events), ("warning", vec![2]));
    assert_eq!(one(&sample, "queued_without_started").2, [3]);
}

#[test]
fn an_attempt_that_another_followed_should_have_ended() {
    let mut sample = Sample::new();
    sample.add("pipelinerun.started", "pr-1", 0.0);
    sample.add("pipelinerun.started", "pr-1", 400.0);
    let (_, detail, events) = one(&sample, "started_without_finished");
    assert_eq!(events, [1]);
    assert!(
        detail.contains("(attempt 1)") && detail.contains("another attempt"),
        "{detail}"
    );
}

#[test]
fn a_run_that_never_finished() {
    let mut sample = Sample::new();
    sample.add("pipelinerun.started", "pr-1", 0.0);
    none(&sample, "run_never_finished");
    sample.usual(40, 100.0, 200.0);
    let (severity, detail, events) = one(&sample, "run_never_finished");
    assert_eq!((severity, events), ("warning", vec![1]));
    assert!(
        detail.contains("open for 1 h 00 m 00 s (95 of 100 end within 3 m 20 s)"),
        "{detail}"
    );
    assert!(sample.summary().contains("STALLED, open for 1 h 00 m 00 s"));
}

#[test]
fn a_life_in_the_wrong_order() {
    let mut sample = Sample::new();
    sample.add("taskrun.started", "t", 0.0);
    sample.add("taskrun.queued", "t", 2.0);
    sample.add("taskrun.finished", "t", 9.0).outcome(Success);
    let (severity, detail, events) = one(&sample, "started_before_queued");
    assert_eq!((severity, events), ("info", vec![1, 2]));
    assert!(
        detail.ends_with("was queued after it began, by 2 s"),
        "{detail}"
    );

    let mut sample = Sample::new();
    sample.add("taskrun.finished", "t", 0.0).outcome(Success);
    sample.add("taskrun.started", "t", 4.0);
    let (severity, _, events) = one(&sample, "finished_before_started");
    assert_eq!((severity, events), ("warning", vec![1, 2]));
    none(&sample, "finished_without_started");
}

#[test]
fn clocks_that_differ_too_much() {
    let mut sample = Sample::new();
    sample.add("taskrun.started", "t", 0.0);
    sample.add("taskrun.queued", "t", 301.0);
    assert_eq!(one(&sample, "clock_skew").2, [1, 2]);
    none(&sample, "started_before_queued");
    let mut sample = Sample::new();
    sample.add("taskrun.finished", "t", 0.0).outcome(Success);
    sample.add("taskrun.started", "t", 301.0);
    assert_eq!(one(&sample, "clock_skew").2, [1, 2]);
    assert_eq!(sample.found("finished_without_started").len(), 1);
}

#[test]
fn an_event_that_happened_after_its_recording() {
    let mut sample = Sample::finished(60.0, Success);
    let event = &mut sample.run.members[2].event;
    event.recorded_at = event.at().plus_micros(-300_000_000);
    none(&sample, "future_timestamp");
    let event = &mut sample.run.members[2].event;
    event.recorded_at = event.at().plus_micros(-301_000_000);
    let (severity, detail, events) = one(&sample, "future_timestamp");
    assert_eq!((severity, events), ("warning", vec![3]));
    assert!(detail.contains("up to 5 m 01 s"), "{detail}");
}

#[test]
fn an_event_that_came_again() {
    let mut sample = Sample::finished(60.0, Success);
    let image = image(1);
    sample
        .add("artifact.published", &image, 10.0)
        .artifact(Role::Own, &image);
    let mut again = sample.run.members[3].event.clone();
    again.seq = 9;
    again.id = super::sample::id_of(9);
    sample.push(again);
    let (severity, detail, events) = one(&sample, "duplicate_event");
    assert_eq!((severity, events), ("info", vec![4, 9]));
    assert!(
        detail.ends_with("was recorded once more; it is counted once"),
        "{detail}"
    );
    none(&sample, "id_conflict");
    // Repeats that were not recorded.
    sample.run.members[0].event.repeats = 2;
    let found = sample.found("duplicate_event");
    assert_eq!(found.len(), 2);
    assert!(found[0].1.contains("was sent 2 times more"), "{found:?}");
}

#[test]
fn two_events_with_one_id() {
    let mut sample = Sample::finished(60.0, Success);
    sample.run.members[1].event.facts.id = Some("e-1".to_owned());
    let (severity, _, events) = one(&sample, "id_conflict");
    assert_eq!((severity, events), ("warning", vec![1, 2]));
    // Ids are unique per source only.
    sample.run.members[1].event.facts.source = Some("/other".to_owned());
    none(&sample, "id_conflict");
}

#[test]
fn notes_of_the_decoder_are_grouped_by_code() {
    let mut sample = Sample::finished(60.0, Success);
    for member in &mut sample.run.members {
        member
            .event
            .facts
            .note("timestamp_repaired", "time «2026-11-01T08: 00: 00Z»");
        member.event.facts.note("timestamp_repaired", "another");
    }
    sample.run.members[2]
        .event
        .facts
        .note("outcome_unknown", "«meh»");
    let (severity, detail, events) = one(&sample, "timestamp_repaired");
    assert_eq!((severity, events), ("info", vec![1, 2, 3]));
    assert_eq!(detail, "3 events, first: time «2026-11-01T08: 00: 00Z»");
    assert_eq!(one(&sample, "outcome_unknown").0, "warning");
}

#[test]
fn deviations_from_the_schemas_are_one_line() {
    let mut sample = Sample::finished(60.0, Success);
    for member in &mut sample.run.members[..2] {
        let verdict = &mut member.event.facts.verdict;
        verdict.conformance = Conformance::Deviates;
        verdict.spec = Some("0.4.1".to_owned());
        verdict.faults = vec!["/subject/content: «artifactId» is unknown".to_owned()];
    }
    let (severity, detail, events) = one(&sample, "nonconformant");
    assert_eq!((severity, events), ("info", vec![1, 2]));
    assert!(detail.starts_with("2 of 3 events deviate from the CDEvents schemas of 0.4.1"));
}

#[test]
fn times_that_are_missing() {
    let mut sample = Sample::finished(60.0, Success);
    sample.run.members[1].event.facts.time = None;
    assert_eq!(one(&sample, "time_of_recording").2, [2]);
}

/// One id for everything, starts before queues, a purl where a change should be, an outcome against
/// the registry, and the same test case id in every run.
#[test]
fn the_traps_of_sample_generators_are_named() {
    let mut sample = Sample::new();
    sample.run.name = Some(RunName::PipelineRun {
        id: "x".to_owned(),
        source: None,
    });
    sample.add("pipelinerun.started", "x", 0.0);
    sample.add("pipelinerun.queued", "x", 1.0);
    sample.add("build.started", "x", 2.0);
    sample.add("build.queued", "x", 3.0);
    sample
        .add("build.finished", "x", 4.0)
        .artifact(Role::Produces, "pkg:generic/x@1");
    sample
        .add("artifact.packaged", "x", 5.0)
        .artifact(Role::Own, "pkg:generic/x@1")
        .refer(Role::From, subject("change", "pkg:generic/x@1"));
    let suite = ("testsuiterun", "x");
    sample.add("testsuiterun.started", "x", 6.0);
    sample
        .add("testcaserun.finished", "myTestCaseRun123", 7.0)
        .part_of(suite)
        .outcome(Success);
    sample
        .add("testsuiterun.finished", "x", 8.0)
        .outcome(Failure)
        .success(true);
    sample
        .add("service.deployed", "x", 9.0)
        .artifact(Role::Uses, "pkg:generic/x@1");
    sample
        .add("pipelinerun.finished", "x", 10.0)
        .outcome(Success);
    sample.relate(
        "testcaserun.finished",
        "myTestCaseRun123",
        7.0,
        "other_chain",
    );
    assert_eq!(sample.found("started_before_queued").len(), 2);
    let shared = sample.found("shared_subject_id");
    assert_eq!(shared.len(), 2);
    assert_eq!(
        shared[0].1,
        "the id «x» stands for 5 types of subject: artifact, build, pipelineRun, service, testSuiteRun"
    );
    assert!(
        shared[1]
            .1
            .starts_with("the id of testCaseRun «myTestCaseRun123»"),
        "{shared:?}"
    );
    assert_eq!(one(&sample, "change_is_artifact").2, [6]);
    assert_eq!(one(&sample, "outcome_vs_epr_success").2, [9]);
    assert_eq!(one(&sample, "rollup_conflict").0, "error");
    // The decoder may have noticed it already.
    sample.run.members[5]
        .event
        .facts
        .note("change_is_artifact", "");
    assert_eq!(one(&sample, "change_is_artifact").2, [6]);
}

#[test]
fn the_worst_comes_first_and_what_is_too_much_is_counted() {
    let mut sample = Sample::finished(60.0, Success);
    sample.task("bad", 1.0, 2.0, Failure);
    for n in 0..1_200 {
        sample.remark("dangling_link", &format!("no event has the id «{n}»"), &[1]);
    }
    let story = sample.story();
    assert_eq!(story.anomalies.list.len(), 1_000);
    assert_eq!(story.anomalies.list[0].severity.as_str(), "error");
    assert!(story.anomalies.more > 0);
    assert!(
        sample.summary().contains("dangling_link ×"),
        "{}",
        sample.summary()
    );
}
