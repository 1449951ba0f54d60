//! Anomalies of what a run came to: parts without wholes, outcomes, artifacts, deployments, gates.

use super::anomalies::{none, one};
use super::sample::{Sample, image};
use crate::correlate::{Role, Target};
use crate::domain::run::RunOutcome::{self, Failure, Success};

#[test]
fn a_part_of_something_that_is_not_there() {
    let mut sample = Sample::finished(60.0, Success);
    let suite = ("testsuiterun", "ts");
    sample
        .add("testcaserun.finished", "a", 5.0)
        .part_of(suite)
        .outcome(Success);
    sample
        .add("testcaserun.finished", "b", 6.0)
        .part_of(suite)
        .outcome(Success);
    let (severity, detail, events) = one(&sample, "orphan_member");
    assert_eq!((severity, events), ("warning", vec![4, 5]));
    assert_eq!(
        detail,
        "2 subjects are part of testSuiteRun «ts», of which there is no event"
    );
    // That a walk ended early is reason enough.
    sample.run.truncated.push("events");
    assert_eq!(one(&sample, "orphan_member").0, "info");
    // As it is that producers tell nothing of their pipelineRuns.
    let mut sample = Sample::new();
    sample
        .add("taskrun.finished", "t", 5.0)
        .part_of(("pipelinerun", "pr-1"))
        .outcome(Success);
    assert_eq!(one(&sample, "orphan_member").0, "info");
}

#[test]
fn what_the_walk_noticed() {
    let mut sample = Sample::finished(60.0, Success);
    sample.relate("taskrun.started", "x", 5.0, "ambiguous");
    sample.remark("dangling_link", "no event has the id «e-99»", &[1, 77]);
    sample.remark(
        "ambiguous_reference",
        "pipelineRun «1» is in 2 sources",
        &[2],
    );
    sample.remark("cross_chain", "an event of chain «c-2»", &[4]);
    assert_eq!(
        one(&sample, "dangling_link"),
        ("info", "no event has the id «e-99»".to_owned(), vec![1])
    );
    assert_eq!(one(&sample, "ambiguous_reference").0, "warning");
    assert_eq!(
        one(&sample, "cross_chain").2,
        [4],
        "events outside the run are named too"
    );
}

#[test]
fn repeats_that_the_walk_left_out_are_told_once() {
    let mut sample = Sample::finished(60.0, Success);
    sample.remark(
        "duplicate_event",
        "the same event came more than once",
        &[2, 77],
    );
    assert_eq!(one(&sample, "duplicate_event").2, [2]);
    // What shows in the events themselves is told of them.
    sample.run.members[1].event.repeats = 1;
    let (_, detail, events) = one(&sample, "duplicate_event");
    assert_eq!(events, [2]);
    assert!(detail.contains("was sent once more"), "{detail}");
    sample.remark(
        "id_conflict",
        "source and id «e-1» with different contents",
        &[1, 2],
    );
    assert_eq!(one(&sample, "id_conflict").0, "warning");
}

#[test]
fn events_after_the_end_of_a_chain() {
    let mut sample = Sample::finished(60.0, Success);
    sample.add("service.deployed", "web", 70.0);
    sample.add("service.deployed", "web2", 80.0);
    none(&sample, "events_after_end");
    // Embedded in the event that ends it.
    let end = crate::correlate::Reference {
        role: Role::End,
        target: Target::Event("e-2".to_owned()),
        name: None,
    };
    sample.run.members[2].event.facts.references.push(end);
    let (severity, detail, events) = one(&sample, "events_after_end");
    assert_eq!((severity, events), ("warning", vec![3, 4, 5]));
    assert!(
        detail.starts_with("2 events after pipelineRun.finished «pr-1» ended"),
        "{detail}"
    );
    // Alone.
    sample.run.members[2].event.facts.references.clear();
    sample.link("end", &[(Role::LinkFrom, "e-3"), (Role::LinkTo, "e-4")]);
    assert_eq!(one(&sample, "events_after_end").2, [4, 5]);
    sample.run.links.clear();
    sample.link("path", &[(Role::LinkFrom, "e-3"), (Role::LinkTo, "e-4")]);
    none(&sample, "events_after_end");
}

#[test]
fn a_run_that_claims_success_over_a_failure() {
    let mut sample = Sample::finished(60.0, Success);
    sample.task("clone", 1.0, 20.0, Success);
    none(&sample, "rollup_conflict");
    sample.add("testsuiterun.started", "ts", 25.0).name("smoke");
    let suite = ("testsuiterun", "ts");
    sample
        .add("testcaserun.finished", "a", 30.0)
        .name("case1")
        .part_of(suite)
        .outcome(Failure);
    sample
        .add("testsuiterun.finished", "ts", 35.0)
        .name("smoke")
        .outcome(Success);
    let found = sample.found("rollup_conflict");
    assert_eq!(found.len(), 2, "the suite claims it too");
    let (severity, detail, events) = &found[0];
    assert_eq!((*severity, events.as_slice()), ("error", &[3, 7][..]));
    assert_eq!(
        detail,
        "pipelineRun «pr-1» declares success, but testCaseRun «case1» ended in failure"
    );
    assert_eq!(found[1].2, [8, 7]);
    assert!(
        found[1]
            .1
            .starts_with("testSuiteRun «smoke» declares success")
    );
    assert!(
        sample.summary().contains("BUT its 3 parts come to failure"),
        "{}",
        sample.summary()
    );
}

#[test]
fn a_run_that_failed_while_all_its_parts_went_well() {
    let mut sample = Sample::finished(60.0, Failure);
    sample.task("clone", 1.0, 20.0, Success);
    assert_eq!(one(&sample, "rollup_conflict").0, "warning");
}

#[test]
fn an_outcome_that_was_recorded_otherwise() {
    let mut sample = Sample::finished(60.0, Success);
    sample
        .add("testsuiterun.finished", "ts", 5.0)
        .outcome(Failure)
        .success(true);
    sample
        .add("taskrun.finished", "t", 6.0)
        .outcome(Success)
        .success(false);
    sample
        .add("taskrun.finished", "u", 6.0)
        .outcome(RunOutcome::Unknown)
        .success(false);
    let found = sample.found("outcome_vs_epr_success");
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].0, found[0].2.as_slice()), ("error", &[4][..]));
    assert!(
        found[0]
            .1
            .starts_with("recorded with success: true: testSuiteRun"),
        "{found:?}"
    );
    assert_eq!(found[1].2, [5]);
}

#[test]
fn a_deployment_of_what_nobody_made() {
    let mut sample = Sample::finished(60.0, Success);
    let (made, other) = (image(1), image(2));
    sample
        .add("service.deployed", "web", 70.0)
        .artifact(Role::Uses, &other);
    assert_eq!(
        one(&sample, "artifact_unknown").0,
        "info",
        "a run that only deploys"
    );
    sample
        .add("artifact.published", &made, 50.0)
        .artifact(Role::Own, &made);
    let (severity, _, events) = one(&sample, "artifact_unknown");
    assert_eq!((severity, events), ("warning", vec![4]));
    // What leaves need not be known.
    let gone = image(3);
    sample
        .add("service.removed", "old", 71.0)
        .artifact(Role::Uses, &gone);
    assert_eq!(sample.found("artifact_unknown").len(), 1);
    // To sign it is not to make it.
    sample
        .add("artifact.signed", &other, 51.0)
        .artifact(Role::Own, &other);
    assert_eq!(sample.found("artifact_unknown").len(), 1);
    sample
        .add("build.finished", "b", 51.0)
        .artifact(Role::Produces, &other);
    none(&sample, "artifact_unknown");
}

#[test]
fn a_deployment_before_the_publication() {
    let mut sample = Sample::finished(60.0, Success);
    let image = image(1);
    sample
        .add("service.deployed", "web", 70.0)
        .artifact(Role::Uses, &image);
    sample
        .add("artifact.published", &image, 70.0)
        .artifact(Role::Own, &image);
    none(&sample, "deploy_before_publish");
    sample.run.members[4].event.facts.time = sample.run.members[4]
        .event
        .facts
        .time
        .map(|time| time + 2_000_000);
    let (severity, detail, events) = one(&sample, "deploy_before_publish");
    assert_eq!((severity, events), ("warning", vec![4, 5]));
    assert!(detail.contains("2 s before it was published"), "{detail}");
}

#[test]
fn a_deployment_without_tests() {
    let mut sample = Sample::finished(60.0, Success);
    sample.add("service.deployed", "web", 70.0);
    sample.add("service.upgraded", "api", 71.0);
    let (severity, detail, events) = one(&sample, "deploy_without_tests");
    assert_eq!((severity, events), ("warning", vec![4, 5]));
    assert_eq!(detail, "2 deployments: no test is recorded in this run");
    sample
        .add("testcaserun.finished", "late", 70.5)
        .outcome(Success);
    let (severity, _, events) = one(&sample, "deploy_without_tests");
    assert_eq!((severity, events), ("info", vec![4]));
    sample
        .add("testcaserun.finished", "early", 69.0)
        .outcome(Success);
    none(&sample, "deploy_without_tests");
}

#[test]
fn artifacts_without_signature_and_sbom_are_one_line_each() {
    let mut sample = Sample::finished(60.0, Success);
    for n in 0..3 {
        let image = image(n);
        sample
            .add("artifact.packaged", &image, 10.0)
            .artifact(Role::Own, &image);
    }
    let signed = image(0);
    sample
        .add("artifact.signed", &signed, 11.0)
        .artifact(Role::Own, &signed);
    let (severity, detail, events) = one(&sample, "artifact_unsigned");
    assert_eq!((severity, events), ("info", vec![5, 6]));
    assert!(
        detail.starts_with("2 of 3 artifacts made here without a signature"),
        "{detail}"
    );
    let (_, detail, events) = one(&sample, "artifact_without_sbom");
    assert_eq!(events, [4, 5, 6]);
    assert!(
        detail.starts_with("the 3 artifacts made here without an SBOM"),
        "{detail}"
    );
}

#[test]
fn a_gate_that_does_not_pass() {
    let mut sample = Sample::finished(60.0, Success);
    sample.gate("open", &[], &[]);
    sample.gate("off", &["scan"], &[]);
    sample.asked.gates[1].enabled = false;
    none(&sample, "gate_incomplete");
    sample.gate("release", &["scan"], &["tests"]);
    let (severity, detail, _) = one(&sample, "gate_incomplete");
    assert_eq!(severity, "warning");
    assert!(
        detail.ends_with("missing «scan»; failed «tests»"),
        "{detail}"
    );
}
