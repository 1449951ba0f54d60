//! What is said of when a run began.

use super::sample::Sample;
use crate::domain::run::RunOutcome::{Failure, Success};

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
