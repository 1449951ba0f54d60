//! Which run an event belongs to, and what is told of a run.

mod property;

use super::super::{Attempt, Label, Phase, PhaseMark, RunOutcome};
use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

/// An event of a chain that names no run.
fn touch(second: i64) -> RunTouch {
    RunTouch {
        pipeline_run: None,
        chain: None,
        build: None,
        at: at(second),
        phase: None,
        failed: false,
        labels: Vec::new(),
    }
}

/// An event that names a run by its id, and its source if it says that.
fn of_run(id: &str, source: Option<&str>, second: i64) -> RunTouch {
    RunTouch {
        pipeline_run: Some(PipelineRunReference {
            id: id.to_owned(),
            source: source.map(str::to_owned),
            own_source: Some("elsewhere".to_owned()),
        }),
        ..touch(second)
    }
}

fn of_chain(id: &str, second: i64) -> RunTouch {
    RunTouch {
        chain: Some(id.to_owned()),
        ..touch(second)
    }
}

fn service(name: &str) -> Label {
    Label {
        kind: LabelKind::Service,
        text: name.to_owned(),
    }
}

fn fold(touches: &[RunTouch]) -> Runs {
    let mut runs = Runs::new(0, 0);
    for (n, touch) in touches.iter().enumerate() {
        runs.touch(n as i64 + 1, touch);
    }
    runs
}

/// The run of a name, which there is.
fn run(runs: &Runs, name: &RunName) -> RunSummary {
    runs.find(name.key()).unwrap().summary.clone()
}

fn named(id: &str, source: Option<&str>) -> RunName {
    name(id, source.map(str::to_owned).as_ref())
}

#[test]
fn what_was_seen_by_the_id_alone_or_by_the_chain_becomes_part_of_the_run() {
    let mut by_id = of_run("7", None, 20);
    by_id.labels = vec![service("web")];
    let mut member = of_run("7", None, 30);
    member.chain = Some("c".to_owned());
    let mut runs = fold(&[of_chain("c", 10), by_id, member]);
    assert_eq!(runs.count(), 1);
    let before = run(&runs, &named("7", None));
    assert_eq!((before.events, before.at), (3, at(20)));
    let listed = runs.take_changes();
    assert_eq!(listed.iter().map(|c| c.labelled.len()).sum::<usize>(), 1);

    runs.touch(4, &of_run("7", Some("/ci"), 5));
    assert_eq!(runs.count(), 1);
    let full = named("7", Some("/ci"));
    let now = run(&runs, &full);
    assert_eq!(now.name, full);
    assert_eq!((now.events, now.first_seq, now.last_seq), (4, 1, 4));
    assert_eq!(
        (now.at, now.first_at, now.last_at),
        (at(20), at(5), at(30)),
        "its place in lists is that of what was seen first of the id"
    );
    for other in [named("7", None), RunName::Chain("c".to_owned())] {
        assert_eq!(run(&runs, &other), now, "{other:?}");
    }
    // The label is listed under the run, and under its other name no more.
    let changes = runs.take_changes();
    let labels: Vec<_> = changes
        .iter()
        .map(|c| {
            (
                c.row.summary.num == now.num,
                c.labelled.len(),
                c.unlabelled.len(),
            )
        })
        .collect();
    assert_eq!(labels, [(false, 0, 1), (true, 1, 0)]);
}

#[test]
fn a_reference_without_a_source_means_a_run_of_its_own_source_first() {
    let own = |source: &str| {
        let mut touch = of_run("42", None, 9);
        touch.pipeline_run.as_mut().unwrap().own_source = Some(source.to_owned());
        touch
    };
    let runs = fold(&[
        of_run("42", Some("/a"), 1),
        of_run("42", Some("/b"), 2),
        own("/b"),
        own("/c"),
    ]);
    let events = |source| run(&runs, &named("42", Some(source))).events;
    assert_eq!(
        (events("/a"), events("/b")),
        (2, 2),
        "/c has none: the first of that id"
    );
    assert_eq!(runs.count(), 2);
}

#[test]
fn a_chain_of_two_runs_leaves_them_two() {
    let chained = |id: &str| RunTouch {
        chain: Some("c".to_owned()),
        ..of_run(id, Some("/ci"), 1)
    };
    let runs = fold(&[chained("build"), chained("deploy"), of_chain("c", 2)]);
    let events = |id| run(&runs, &named(id, Some("/ci"))).events;
    assert_eq!((events("build"), events("deploy"), runs.count()), (2, 1, 2));
}

#[test]
fn a_build_is_a_run_only_where_nothing_else_names_one() {
    let build = RunTouch {
        build: Some("b".to_owned()),
        ..touch(1)
    };
    let chained = RunTouch {
        chain: Some("c".to_owned()),
        ..build.clone()
    };
    let mut runs = fold(&[build, chained]);
    assert_eq!(run(&runs, &RunName::Build { id: "b".to_owned() }).events, 1);
    assert_eq!(run(&runs, &RunName::Chain("c".to_owned())).events, 1);
    assert_eq!(runs.touch(3, &touch(2)), None);
    assert_eq!((runs.count(), runs.last_num()), (2, 2));
}

#[test]
fn only_the_last_attempt_counts() {
    use Phase::{Finished, Queued, Started};
    use RunOutcome::{Failure, Success};
    let attempt = |phases: &[(Phase, i64)]| {
        let mut marks = Marks::default();
        for (phase, second) in phases {
            marks.add(*phase, at(*second));
        }
        marks.attempt()
    };
    let open = |queued: Option<i64>, started: Option<i64>| Attempt {
        queued_at: queued.map(at),
        started_at: started.map(at),
        ..Attempt::default()
    };
    let first = [(Queued, 1), (Started, 2), (Finished(Failure), 9)];
    let ended = Attempt {
        finished_at: Some(at(9)),
        outcome: Some(Failure),
        ..open(Some(1), Some(2))
    };
    assert_eq!(attempt(&first), ended);
    assert_eq!(attempt(&first[..2]), open(Some(1), Some(2)));
    assert!(attempt(&first[..1]).is_open() && !attempt(&first).is_open());
    let mut again = first.to_vec();
    again.push((Queued, 10));
    assert_eq!(attempt(&again), open(Some(10), None));
    again.push((Started, 11));
    assert_eq!(attempt(&again), open(Some(10), Some(11)));
    again.push((Finished(Success), 12));
    assert_eq!(attempt(&again).outcome, Some(Success));
    // Two ends at the same time: the worse.
    let ends = [(Finished(Failure), 5), (Finished(Success), 5)];
    assert_eq!(attempt(&ends).outcome, Some(Failure));
}

#[test]
fn a_run_is_bad_when_it_ended_badly_or_when_that_is_all_that_is_known() {
    let failed = RunTouch {
        failed: true,
        ..of_run("1", Some("/ci"), 1)
    };
    let mut runs = fold(std::slice::from_ref(&failed));
    let standing = |runs: &Runs| run(runs, &named("1", Some("/ci"))).standing();
    assert_eq!(standing(&runs), Standing::Bad);
    let mut says = |phase, second| {
        runs.touch(
            second,
            &RunTouch {
                phase: Some(PhaseMark {
                    phase,
                    at: at(second),
                }),
                ..of_run("1", Some("/ci"), second)
            },
        );
        standing(&runs)
    };
    assert_eq!(says(Phase::Started, 2), Standing::Open);
    assert_eq!(
        says(Phase::Finished(RunOutcome::Success), 3),
        Standing::Other
    );
    assert_eq!(says(Phase::Queued, 4), Standing::Open);
    assert_eq!(says(Phase::Finished(RunOutcome::Error), 5), Standing::Bad);
    // An end that does not say how leaves it to what is known beside it.
    assert_eq!(says(Phase::Finished(RunOutcome::Unknown), 6), Standing::Bad);
}

#[test]
fn what_no_database_takes_is_not_kept() {
    let mut odd = of_run("a\0b", Some("/ci\0"), 1);
    odd.labels = vec![Label {
        kind: LabelKind::Pipeline,
        text: format!("p\0{}", "ü".repeat(300)),
    }];
    let runs = fold(&[odd]);
    let found = run(&runs, &named("a\0b", Some("/ci\0")));
    assert_eq!(found.name.parts(), (0, "a\u{fffd}b", Some("/ci\u{fffd}")));
    let pipeline = found.pipeline.unwrap();
    assert_eq!(pipeline.chars().count(), limits::FIELD_CHARS);
    assert!(!pipeline.contains('\0'));
}

#[test]
fn a_run_has_so_many_labels_and_no_more() {
    let with = |n: usize| RunTouch {
        labels: vec![service(&n.to_string())],
        ..of_run("1", None, 1)
    };
    let many: Vec<RunTouch> = (0..2 * limits::RUN_LABELS).map(with).collect();
    let runs = fold(&many);
    let labels = run(&runs, &named("1", None)).labels;
    assert_eq!(labels.len(), limits::RUN_LABELS);
}
