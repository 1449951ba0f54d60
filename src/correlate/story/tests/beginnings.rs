//! What is said of when a run began.

use super::sample::Sample;
use crate::domain::run::RunOutcome::{Failure, Success};

#[test]
fn a_run_that_was_not_read_to_its_end_is_not_called_stalled() {
    let mut sample = Sample::new();
    sample.add("pipelinerun.started", "pr-1", 0.0);
    sample.add("taskrun.started", "t", 1.0);
    sample.asked.now = super::sample::at(90.0 * 86_400.0);
    assert!(sample.summary().contains("STALLED"));
    sample.run.truncated.push("events");
    let text = sample.summary();
    assert!(text.contains(": UNKNOWN, no end of it is among"), "{text}");
    for wrong in ["STALLED", "nothing says that it ended", "has failed so far"] {
        assert!(!text.contains(wrong), "{text}");
    }
    for code in ["run_never_finished", "started_without_finished"] {
        assert_eq!(sample.found(code), []);
    }
    // What went badly already is told.
    sample.task("lint", 2.0, 3.0, Failure);
    sample.run.members.remove(1);
    let text = sample.summary();
    assert!(text.contains("failure in its only part already"), "{text}");
}

#[test]
fn what_is_known_of_a_beginning_is_not_denied() {
    let mut sample = Sample::finished(60.0, Success);
    sample
        .add("pipelinerun.finished", "pr-1", 90.0)
        .outcome(Failure);
    let text = sample.summary();
    assert!(
        text.contains("how long its last attempt ran is unknown"),
        "{text}"
    );
    assert!(text.contains("Began 2026"), "{text}");

    let mut sample = Sample::new();
    sample.add("pipelinerun.queued", "pr-1", 0.0);
    sample
        .add("pipelinerun.finished", "pr-1", 9.0)
        .outcome(Failure);
    let text = sample.summary();
    assert!(text.contains("nothing says when it was started"), "{text}");
}
