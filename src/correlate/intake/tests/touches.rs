//! What an event adds to the summary of its run.

use super::*;
use crate::domain::run::Runs;

#[test]
fn a_run_is_touched_by_its_own_events_and_by_its_parts() {
    let own = run_touch(
        &cdevent(
            "pipelinerun.finished",
            "pr-1",
            json!({"outcome": "failure", "pipelineName": "shop"}),
        ),
        now(),
    )
    .unwrap();
    let reference = own.pipeline_run.unwrap();
    assert_eq!(
        (reference.id.as_str(), reference.source.as_deref()),
        ("pr-1", Some("/ci"))
    );
    let mark = own.phase.unwrap();
    assert_eq!(mark.phase, Phase::Finished(RunOutcome::Failure));
    assert_eq!(mark.at, own.at);
    assert!(own.failed);
    for (content, failed) in [
        (json!({}), true),
        (json!({"outcome": "meh"}), true),
        (json!({"outcome": "skipped"}), false),
    ] {
        let end = cdevent("pipelinerun.finished", "pr-1", content);
        assert_eq!(run_touch(&end, now()).unwrap().failed, failed, "{end:?}");
    }
    assert_eq!(own.at.to_string(), "2026-11-01T08:00:00Z");
    assert_eq!(
        own.labels,
        [
            Label {
                kind: LabelKind::Pipeline,
                text: "shop".to_owned()
            },
            Label {
                kind: LabelKind::Word,
                text: "1".to_owned()
            }
        ]
    );

    let part = run_touch(
        &cdevent(
            "taskrun.started",
            "t",
            json!({"pipelineRun": {"id": "pr-1"}}),
        ),
        now(),
    )
    .unwrap();
    let reference = part.pipeline_run.unwrap();
    assert_eq!(
        (reference.source, reference.own_source.as_deref()),
        (None, Some("/ci"))
    );
    assert_eq!((part.phase, part.failed), (None, false));

    assert_eq!(
        run_touch(&cdevent("change.merged", "1", json!({})), now()),
        None
    );
    assert_eq!(
        run_touch(&cdevent("build.started", "b", json!({})), now()),
        None
    );
    let mut chained = cdevent(
        "service.deployed",
        "shop",
        json!({"environment": {"id": "prod"}, "artifactId": "a"}),
    );
    chained.chain = Some("c".to_owned());
    let touch = run_touch(&chained, now()).unwrap();
    assert_eq!(
        (touch.pipeline_run, touch.chain.as_deref()),
        (None, Some("c"))
    );
    let labels: Vec<_> = touch
        .labels
        .iter()
        .map(|label| (label.kind, label.text.as_str()))
        .collect();
    assert_eq!(
        labels,
        [
            (LabelKind::Service, "shop"),
            (LabelKind::Environment, "prod")
        ]
    );
}

#[test]
fn a_wrong_clock_does_not_move_a_run() {
    let mut facts = cdevent("pipelinerun.started", "pr-1", json!({}));
    for wrong in [i64::MIN, -1, i64::MAX] {
        facts.time = Some(wrong);
        assert_eq!(run_touch(&facts, now()).unwrap().at, now());
    }
}

#[test]
fn a_clock_that_runs_ahead_keeps_how_long_things_took() {
    let mut runs = Runs::new(0, 0);
    for (seq, (predicate, minutes)) in [("queued", 60), ("started", 61), ("finished", 66)]
        .into_iter()
        .enumerate()
    {
        let mut facts = cdevent(
            &format!("pipelinerun.{predicate}"),
            "pr-1",
            json!({"outcome": "failure"}),
        );
        facts.time = Some(now().plus_micros(minutes * 60_000_000).as_micros());
        let recorded = now().plus_micros(seq as i64 * 20);
        runs.touch(seq as i64, &run_touch(&facts, recorded).unwrap());
    }
    let change = runs.take_changes().into_iter();
    let run = change
        .map(|change| change.row)
        .find(|row| row.merged_into.is_none())
        .unwrap()
        .summary;
    let attempt = run.attempt();
    let later = |minutes: i64| now().plus_micros(minutes * 60_000_000);
    assert_eq!(run.at, now(), "where it is listed");
    assert_eq!((run.first_at, run.last_at), (later(60), later(66)));
    assert_eq!(
        (attempt.queued_at, attempt.started_at, attempt.finished_at),
        (Some(later(60)), Some(later(61)), Some(later(66)))
    );
}

#[test]
fn a_flat_build_stands_in_for_a_run() {
    let event = json!({
        "version": "0.4.0", "id": "1", "source": "ci", "type": "dev.cdevents.taskrun.started.0.1.1",
        "subject": "build/7", "time": "2026-11-01T08:00:00Z", "data": {"build": {"id": "7"}},
    });
    let touch = run_touch(&decode(&event, &Hint::default()).unwrap(), now()).unwrap();
    assert_eq!(touch.build.as_deref(), Some("7"));
    assert_eq!((touch.pipeline_run, touch.chain), (None, None));
}
