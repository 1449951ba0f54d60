//! The rules: spans, outcomes, the critical path, lead times.

use super::sample::{Sample, at, image, micros};
use crate::correlate::story::Section;
use crate::correlate::story::outcome::{Rolled, Status};
use crate::correlate::{Confidence, Role};
use crate::domain::run::{RunName, RunOutcome};

use RunOutcome::{Cancel, Error, Failure, Skipped, Success, Unknown};

type Attempt = (usize, Option<f64>, Option<f64>, Option<RunOutcome>);

/// Attempt, queue and run in seconds, outcome; of one subject.
fn attempts(sample: &Sample, id: &str) -> Vec<Attempt> {
    let story = sample.story();
    let spans = &story.parts.spans;
    let seconds = |micros: Option<i64>| micros.map(|micros| micros as f64 / 1e6);
    spans
        .list
        .iter()
        .filter(|span| spans.line(span).unwrap().id == id)
        .map(|span| {
            (
                span.attempt,
                seconds(span.queue()),
                seconds(span.run()),
                span.outcome,
            )
        })
        .collect()
}

#[test]
fn a_span_has_a_queue_and_a_run() {
    let sample = Sample::finished(60.0, Success);
    assert_eq!(
        attempts(&sample, "pr-1"),
        [(1, Some(4.0), Some(60.0), Some(Success))]
    );
}

#[test]
fn without_a_start_the_run_is_unknown_and_not_zero() {
    let mut sample = Sample::new();
    sample.add("taskrun.finished", "t", 5.0).outcome(Success);
    assert_eq!(attempts(&sample, "t"), [(1, None, None, Some(Success))]);
    assert!(
        sample.json(&[Section::Spans])["spans"][0]
            .get("run_s")
            .is_none()
    );
}

#[test]
fn a_stage_that_comes_again_opens_another_attempt() {
    let mut sample = Sample::new();
    for (predicate, seconds) in [
        ("queued", 0.0),
        ("started", 1.0),
        ("finished", 10.0),
        ("queued", 400.0),
        ("started", 402.0),
        ("finished", 410.0),
        ("started", 800.0),
    ] {
        let event = sample.add(&format!("taskrun.{predicate}"), "t", seconds);
        if predicate == "finished" {
            event.outcome(if seconds < 100.0 { Failure } else { Success });
        }
    }
    assert_eq!(
        attempts(&sample, "t"),
        [
            (1, Some(1.0), Some(9.0), Some(Failure)),
            (2, Some(2.0), Some(8.0), Some(Success)),
            (3, None, None, None),
        ]
    );
}

#[test]
fn ids_of_another_type_or_source_are_another_subject() {
    let mut sample = Sample::new();
    sample.add("build.started", "x", 0.0);
    sample.add("taskrun.finished", "x", 1.0);
    sample.add("build.finished", "x", 2.0).source("/elsewhere");
    assert_eq!(sample.story().parts.spans.list.len(), 3);
    // UUIDs are the same in either case (RFC 9562 section 4).
    let mut sample = Sample::new();
    sample.add("build.started", "AA6945F8-B4F1-48DD-B658-25ACF95DD2F5", 0.0);
    sample.add(
        "build.finished",
        "aa6945f8-b4f1-48dd-b658-25acf95dd2f5",
        2.0,
    );
    assert_eq!(sample.story().parts.spans.list.len(), 1);
}

#[test]
fn the_order_of_a_life_wins_over_clocks_that_differ_a_little() {
    let mut sample = Sample::new();
    sample.add("taskrun.finished", "t", 0.0).outcome(Success);
    sample.add("taskrun.started", "t", 200.0);
    assert_eq!(
        attempts(&sample, "t"),
        [(1, None, Some(0.0), Some(Success))]
    );
    let mut sample = Sample::new();
    sample.add("taskrun.finished", "t", 0.0).outcome(Success);
    sample.add("taskrun.started", "t", 301.0);
    assert_eq!(
        attempts(&sample, "t"),
        [(1, None, None, Some(Success)), (2, None, None, None)]
    );
}

#[test]
fn waiting_is_never_negative() {
    let mut sample = Sample::new();
    sample.add("taskrun.started", "t", 0.0);
    sample.add("taskrun.queued", "t", 2.0);
    sample.add("taskrun.finished", "t", 9.0);
    assert_eq!(attempts(&sample, "t"), [(1, Some(0.0), Some(9.0), None)]);
}

#[test]
fn an_event_that_came_twice_opens_no_attempt() {
    let mut sample = Sample::new();
    sample.add("taskrun.started", "t", 0.0);
    let mut again = sample.run.members[0].event.clone();
    again.seq = 99;
    sample.push(again);
    sample.add("taskrun.finished", "t", 5.0);
    assert_eq!(attempts(&sample, "t").len(), 1);
    // The same in another text.
    sample.run.members[1].event.payload_digest = [7; 32];
    assert_eq!(attempts(&sample, "t").len(), 1);
}

#[test]
fn what_is_delivered_again_under_another_id_is_of_the_same_attempt() {
    let mut sample = Sample::new();
    for (predicate, seconds, outcome) in [
        ("queued", 0.0, None),
        ("queued", 5.0, None),
        ("started", 8.0, None),
        ("started", 8.0, None),
        ("finished", 20.0, Some(Failure)),
        ("finished", 20.0, Some(Success)),
    ] {
        let event = sample.add(&format!("pipelinerun.{predicate}"), "pr-1", seconds);
        if let Some(outcome) = outcome {
            event.outcome(outcome);
        }
    }
    // Of two ends at the same time the worse counts, as in a list of runs.
    let one = [(1, Some(3.0), Some(12.0), Some(Failure))];
    assert_eq!(attempts(&sample, "pr-1"), one);
    sample.run.members.swap(4, 5);
    assert_eq!(attempts(&sample, "pr-1"), one);
    assert!(sample.summary().contains("declared failure"));
    let story = sample.story();
    assert!((0..6).all(|entry| story.parts.spans.span_of(entry) == Some(0)));
}

#[test]
fn the_worst_of_the_last_attempts_is_the_derived_outcome() {
    let order = [Success, Skipped, Unknown, Cancel, Failure, Error];
    let rolled = [
        Rolled::Success,
        Rolled::Skipped,
        Rolled::Unknown,
        Rolled::Cancel,
        Rolled::Failure,
        Rolled::Error,
    ];
    for (n, outcome) in order.iter().enumerate() {
        let mut sample = Sample::finished(60.0, Success);
        for (m, other) in order.iter().take(n).enumerate() {
            sample.task(&format!("t{m}"), 1.0, 2.0, *other);
        }
        sample.task("last", 1.0, 2.0, *outcome);
        assert_eq!(sample.story().parts.outcome.derived, Some(rolled[n]));
    }
    let mut sample = Sample::finished(60.0, Success);
    sample.add("taskrun.started", "open", 1.0);
    sample.task("cancelled", 1.0, 2.0, Cancel);
    assert_eq!(sample.story().parts.outcome.derived, Some(Rolled::Running));
    sample.task("bad", 1.0, 2.0, Failure);
    assert_eq!(sample.story().parts.outcome.derived, Some(Rolled::Failure));
    // An earlier attempt does not count.
    let mut sample = Sample::finished(60.0, Success);
    sample.task("t", 1.0, 2.0, Failure);
    sample.task("t", 400.0, 402.0, Success);
    assert_eq!(sample.story().parts.outcome.derived, Some(Rolled::Success));
}

#[test]
fn parts_of_an_earlier_attempt_of_the_run_do_not_count() {
    let mut sample = Sample::finished(60.0, Failure);
    sample.task("first", 1.0, 50.0, Failure);
    sample.add("pipelinerun.started", "pr-1", 400.0);
    sample.task("second", 401.0, 420.0, Success);
    sample
        .add("pipelinerun.finished", "pr-1", 430.0)
        .outcome(Success);
    let story = sample.story();
    let outcome = &story.parts.outcome;
    assert_eq!(outcome.derived, Some(Rolled::Success));
    assert_eq!(outcome.agree, Some(true));
    assert!(story.parts.failures.is_empty());
}

#[test]
fn declared_and_derived_agree_or_not() {
    for (declared, derived, agree) in [
        (Success, Success, Some(true)),
        (Success, Skipped, Some(true)),
        (Success, Failure, Some(false)),
        (Failure, Error, Some(true)),
        (Failure, Success, Some(false)),
        (Success, Unknown, None),
        (Unknown, Success, None),
    ] {
        let mut sample = Sample::finished(60.0, declared);
        sample.task("t", 1.0, 2.0, derived);
        assert_eq!(
            sample.story().parts.outcome.agree,
            agree,
            "{declared:?} {derived:?}"
        );
    }
}

fn status(sample: &Sample) -> Status {
    sample.story().parts.outcome.status
}

#[test]
fn a_run_is_queued_running_stalled_or_finished() {
    let mut sample = Sample::new();
    sample.add("pipelinerun.queued", "pr-1", 0.0);
    assert_eq!(status(&sample), Status::Queued);
    sample.add("pipelinerun.started", "pr-1", 5.0);
    assert_eq!(status(&sample), Status::Running);
    // An hour is nothing where nothing is known, and long where runs take minutes.
    sample.usual(4, 100.0, 200.0);
    assert_eq!(status(&sample), Status::Running);
    sample.usual(5, 100.0, 200.0);
    assert_eq!(status(&sample), Status::Stalled);
    sample.usual(5, 1_000.0, 2_000.0);
    assert_eq!(status(&sample), Status::Running);
    sample.asked.typical = None;
    sample.asked.now = at(25.0 * 3_600.0);
    assert_eq!(status(&sample), Status::Stalled);
    sample.add("pipelinerun.finished", "pr-1", 60.0);
    assert_eq!(status(&sample), Status::Finished);
}

#[test]
fn without_a_pipeline_run_the_status_follows_from_the_parts() {
    let mut sample = Sample::new();
    sample.run.name = Some(RunName::Build { id: "b".to_owned() });
    sample.add("change.merged", "1", 0.0);
    assert_eq!(status(&sample), Status::Unknown);
    sample.add("build.queued", "b", 1.0);
    assert_eq!(status(&sample), Status::Queued);
    sample.add("build.started", "b", 2.0);
    assert_eq!(status(&sample), Status::Running);
    sample.add("build.finished", "b", 12.0).outcome(Success);
    let story = sample.story();
    let outcome = &story.parts.outcome;
    assert_eq!(outcome.status, Status::Finished);
    assert!(outcome.from_parts);
    assert_eq!(
        (outcome.declared, outcome.derived),
        (None, Some(Rolled::Success))
    );
    assert_eq!(outcome.run, Some(micros(10.0)));
}

#[test]
fn a_build_has_no_outcome_to_lack() {
    let mut sample = Sample::finished(60.0, Success);
    sample.task("t", 1.0, 2.0, Success);
    sample.add("build.started", "b", 1.0);
    sample.add("build.finished", "b", 2.0);
    assert_eq!(sample.story().parts.outcome.derived, Some(Rolled::Success));
    sample.add("taskrun.finished", "u", 2.0);
    assert_eq!(sample.story().parts.outcome.derived, Some(Rolled::Unknown));
    let mut sample = Sample::new();
    sample.run.name = Some(RunName::Build { id: "b".to_owned() });
    sample.add("build.finished", "b", 2.0);
    assert!(
        sample.summary().contains("FINISHED, and nothing says how."),
        "{}",
        sample.summary()
    );
    sample.run.members[0]
        .event
        .facts
        .artifacts
        .push(crate::correlate::Artifact {
            role: Role::Produces,
            id: "x".to_owned(),
            ..crate::correlate::Artifact::default()
        });
    assert_eq!(sample.story().parts.outcome.derived, Some(Rolled::Success));
}

#[test]
fn what_a_build_made_shows_that_it_has_ended() {
    let mut sample = Sample::new();
    sample.run.name = Some(RunName::Build { id: "b".to_owned() });
    sample.add("taskrun.started", "b", 0.0);
    let image = image(1);
    sample
        .add("artifact.packaged", &image, 2.0)
        .artifact(Role::Own, &image)
        .part_of(("taskrun", "b"));
    let story = sample.story();
    assert_eq!(story.parts.outcome.status, Status::Finished);
    assert_eq!(story.parts.outcome.run, Some(micros(2.0)));
}

#[test]
fn a_chain_with_one_pipeline_run_is_that_run() {
    let mut sample = Sample::finished(60.0, Success);
    sample.run.name = Some(RunName::Chain("c-1".to_owned()));
    assert!(sample.story().parts.outcome.root.is_some());
    // A pipelineRun inside another is a part of it.
    sample
        .add("pipelinerun.started", "inner", 5.0)
        .part_of(("pipelinerun", "pr-1"));
    assert!(sample.story().parts.outcome.root.is_some());
    // Of two beside each other neither is the run; they have said it when both have.
    sample.add("pipelinerun.started", "other", 5.0);
    let story = sample.story();
    assert_eq!(story.parts.outcome.root, None);
    assert_eq!(story.parts.outcome.declared, None);
    assert_eq!(story.parts.outcome.status, Status::Running);
}

#[test]
fn a_pipeline_run_without_events_lets_no_other_speak_for_it() {
    let mut sample = Sample::finished(60.0, Success);
    sample.run.name = Some(RunName::PipelineRun {
        id: "https://ci.example.org/runs/2".to_owned(),
        source: None,
    });
    let story = sample.story();
    assert_eq!(story.parts.outcome.declared, None);
    assert_eq!(story.parts.outcome.derived, Some(Rolled::Success));
}

#[test]
fn what_is_usual_is_told_where_enough_runs_tell_it() {
    let mut sample = Sample::finished(100.0, Success);
    sample.usual(4, 100.0, 200.0);
    assert!(
        !sample.summary().contains("Usually"),
        "{}",
        sample.summary()
    );
    sample.usual(5, 100.0, 200.0);
    assert!(sample.summary().contains("Usually 1 m 40 s"));
}

#[test]
fn a_gate_that_other_runs_decided_is_told_as_such() {
    let mut sample = Sample::finished(100.0, Success);
    sample.gate("release", &[], &[]);
    let text = sample.summary();
    assert!(text.lines().any(|line| line.ends_with(" PASSES")), "{text}");
    sample.asked.gates[0].outside = vec!["scan".to_owned(), "build".to_owned()];
    let text = sample.summary();
    let told = "PASSES now; events of other runs decide about «scan», «build»";
    assert!(text.contains(told), "{text}");
    let json = sample.json(&[]);
    assert_eq!(json["gates"][0]["decided_by_other_runs"][0], "scan");
}

#[test]
fn few_uncertain_events_do_not_make_the_others_uncertain() {
    let mut sample = Sample::finished(100.0, Success);
    sample.add("artifact.packaged", "a", 10.0);
    let last = sample.run.members.last_mut().unwrap();
    last.via.confidence = Confidence::Medium;
    last.via.tie = "digest";
    sample.run.confidence = Confidence::Medium;
    let text = sample.summary();
    let told = "4 events, found by chain (confidence high, 1 of them medium by digest)";
    assert!(text.contains(told), "{text}");
    // Where it is half of them, that is how sure the run is.
    let first = sample.run.members.first_mut().unwrap();
    first.via.confidence = Confidence::Medium;
    assert!(sample.summary().contains("(confidence medium)"));
}
