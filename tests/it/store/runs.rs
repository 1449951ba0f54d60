//! Pipeline runs, summed up while events come in.

use epr_mcp::domain::id::ReceiverId;
use epr_mcp::domain::run::{
    LabelKind, Phase, PhaseMark, RunName, RunOutcome, RunSummary, RunTimes, RunTouch,
};
use epr_mcp::limits;
use epr_mcp::store::{RunRange, RunWindow};

use super::indexed::record;
use super::scene::Scene;
use crate::harness::indexed::{at, label, list_all, of_run, run_name, touch, touching};

async fn events(scene: &Scene, receiver: ReceiverId, touches: Vec<RunTouch>) {
    let said = touches.into_iter().map(touching).collect();
    record(scene, receiver, said).await;
}

fn own(id: &str, second: i64, phase: Phase) -> RunTouch {
    RunTouch {
        phase: Some(PhaseMark {
            phase,
            at: at(second),
        }),
        ..of_run(id, Some("/ci"), second)
    }
}

/// The ids of runs.
fn ids(runs: &[RunSummary]) -> Vec<&str> {
    runs.iter().map(|run| run.name.parts().1).collect()
}

pub(crate) async fn a_run_is_found_by_all_its_names(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let chained = RunTouch {
        chain: Some("chain-1".to_owned()),
        ..of_run("7", None, 20)
    };
    let chain = RunTouch {
        chain: Some("chain-1".to_owned()),
        ..touch(10)
    };
    // In batches of their own: what each of them needs is read.
    events(&scene, receiver, vec![chain]).await;
    events(&scene, receiver, vec![chained]).await;
    events(&scene, receiver, vec![own("7", 5, Phase::Started)]).await;
    events(
        &scene,
        receiver,
        vec![of_run("7", None, 30), of_run("8", Some("/ci"), 30)],
    )
    .await;

    let full = run_name("7", Some("/ci"));
    let bare = run_name("7", None);
    let chain = RunName::Chain("chain-1".to_owned());
    let keys = [
        chain.key(),
        run_name("9", None).key(),
        bare.key(),
        full.key(),
    ];
    let found = scene.store.runs(&keys).await.unwrap();
    let named: Vec<_> = found.iter().map(|(key, _)| *key).collect();
    assert_eq!(named, [chain.key(), bare.key(), full.key()]);
    let run = &found[0].1;
    assert!(found.iter().all(|(_, other)| other == run));
    assert_eq!((&run.name, run.events), (&full, 4));
    assert_eq!((run.first_at, run.last_at), (at(5), at(30)));
    assert_eq!((run.first_seq, run.last_seq), (1, 4));
    for name in [&full, &bare, &chain] {
        let by_handle = scene
            .store
            .runs_by_handle(name.key().handle_number(), 5)
            .await;
        assert_eq!(by_handle.unwrap(), std::slice::from_ref(run), "{name:?}");
        let by_id = scene.store.runs_by_id(name.parts().1, 5).await;
        assert_eq!(by_id.unwrap(), std::slice::from_ref(run), "{name:?}");
    }
    assert_eq!(scene.store.runs_by_handle(1, 5).await.unwrap(), []);
    assert_eq!(scene.store.runs_by_id("77", 5).await.unwrap(), []);
    assert_eq!(scene.store.counters().await.unwrap().runs, 2);
}

pub(crate) async fn runs_are_listed_by_everything_that_they_are_listed_by(scene: Scene) {
    use Phase::{Finished, Queued, Started};
    use RunOutcome::{Failure, Success};
    let receiver = scene.receiver("r").await;
    let with = |touch: RunTouch, labels: &[(LabelKind, &str)]| RunTouch {
        labels: labels
            .iter()
            .map(|(kind, text)| label(*kind, text))
            .collect(),
        ..touch
    };
    let (pipeline, service) = (LabelKind::Pipeline, LabelKind::Service);
    events(
        &scene,
        receiver,
        vec![
            with(
                own("a", 1, Started),
                &[(pipeline, "deliver"), (service, "web")],
            ),
            with(
                own("b", 5, Queued),
                &[(pipeline, "deliver"), (service, "db")],
            ),
            with(
                own("c", 3, Started),
                &[(pipeline, "other"), (service, "web")],
            ),
            own("a", 2, Finished(Failure)),
            own("c", 9, Finished(Success)),
        ],
    )
    .await;
    let listed = async |range: RunRange, window: RunWindow| {
        let all = list_all(scene.store.as_ref(), &range, window, 2).await;
        ids(&all).join(" ")
    };
    let all = RunWindow::default();
    let of = |name: &str| RunRange::Pipeline(name.to_owned());
    let labelled = |kind, text| RunRange::Label(label(kind, text).key());
    assert_eq!(listed(RunRange::All, all).await, "b c a");
    assert_eq!(listed(RunRange::Open, all).await, "b");
    assert_eq!(listed(RunRange::Bad, all).await, "a");
    assert_eq!(listed(of("deliver"), all).await, "b a");
    assert_eq!(listed(of("deliv"), all).await, "");
    assert_eq!(listed(labelled(service, "web"), all).await, "c a");
    assert_eq!(
        listed(labelled(LabelKind::Environment, "web"), all).await,
        ""
    );
    let window = RunWindow {
        from: Some(at(1)),
        to: Some(at(5)),
    };
    assert_eq!(listed(RunRange::All, window).await, "c a");
    let from = RunWindow {
        from: Some(at(3)),
        to: None,
    };
    assert_eq!(listed(labelled(service, "web"), from).await, "c");
    // It is started again, and ends well.
    events(&scene, receiver, vec![own("a", 10, Started)]).await;
    assert_eq!(listed(RunRange::Open, all).await, "b a");
    assert_eq!(listed(RunRange::Bad, all).await, "");
    events(&scene, receiver, vec![own("a", 11, Finished(Success))]).await;
    assert_eq!(listed(RunRange::Open, all).await, "b");
    assert_eq!(
        listed(RunRange::All, all).await,
        "b c a",
        "its place is what it was"
    );
}

pub(crate) async fn runs_of_the_same_moment_are_listed_without_a_gap(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let run = |n: usize| RunTouch {
        labels: vec![label(LabelKind::Service, "web")],
        ..own(&format!("{n:02}"), 1, Phase::Queued)
    };
    events(&scene, receiver, (0..20).map(run).collect()).await;
    let expected: Vec<String> = (0..20).rev().map(|n| format!("{n:02}")).collect();
    let web = RunRange::Label(label(LabelKind::Service, "web").key());
    for range in [RunRange::All, RunRange::Open, web] {
        for limit in [1, 3, 20, 21] {
            let all = list_all(scene.store.as_ref(), &range, RunWindow::default(), limit).await;
            assert_eq!(ids(&all), expected, "{range:?} {limit}");
        }
    }
}

pub(crate) async fn what_is_usual_is_told_from_runs_that_ended(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let mut touches = Vec::new();
    for n in 0..5 {
        let id = n.to_string();
        let begin = 100 * n;
        let mut queued = own(&id, begin, Phase::Queued);
        queued.labels = vec![label(LabelKind::Pipeline, "deliver")];
        touches.push(queued);
        touches.push(own(&id, begin + 1, Phase::Started));
        if n % 2 == 0 {
            let outcome = [RunOutcome::Success, RunOutcome::Error][usize::from(n == 2)];
            touches.push(own(&id, begin + 10, Phase::Finished(outcome)));
        }
    }
    events(&scene, receiver, touches).await;
    let times = |n: i64, outcome| RunTimes {
        queued_at: Some(at(100 * n)),
        started_at: Some(at(100 * n + 1)),
        finished_at: at(100 * n + 10),
        outcome,
    };
    let ended = [
        times(4, RunOutcome::Success),
        times(2, RunOutcome::Error),
        times(0, RunOutcome::Success),
    ];
    assert_eq!(scene.store.run_times("deliver", 10).await.unwrap(), ended);
    assert_eq!(
        scene.store.run_times("deliver", 3).await.unwrap(),
        ended[..2]
    );
    assert_eq!(scene.store.run_times("other", 3).await.unwrap(), []);
}

pub(crate) async fn ids_and_pipelines_are_completed(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let run = |(n, id): (usize, &&str)| RunTouch {
        labels: vec![label(
            LabelKind::Pipeline,
            ["deliver", "deploy", "build"][n % 3],
        )],
        ..own(id, n as i64, Phase::Queued)
    };
    let named = ["run-2", "run-1", "Run-1", "rün", "run-10", "run"];
    events(
        &scene,
        receiver,
        named.iter().enumerate().map(run).collect(),
    )
    .await;
    let found = async |beginning: &str, limit| {
        let found = scene.store.run_ids(beginning, limit).await.unwrap();
        let mut ids: Vec<String> = found.into_iter().map(|(id, _)| id).collect();
        // A run has its id with its source and without.
        ids.dedup();
        ids.join(" ")
    };
    assert_eq!(found("run-1", 10).await, "run-1 run-10");
    assert_eq!(found("", 20).await, "Run-1 run run-1 run-10 run-2 rün");
    assert_eq!(found("ru", 2).await, "run");
    assert_eq!(found("x", 10).await, "");
    let pipelines = async |beginning: &str, limit| {
        scene
            .store
            .pipelines(beginning, limit)
            .await
            .unwrap()
            .join(" ")
    };
    assert_eq!(pipelines("de", 10).await, "deliver deploy");
    assert_eq!(pipelines("", 10).await, "build deliver deploy");
    assert_eq!(pipelines("", 2).await, "build deliver");
    assert_eq!(pipelines("deployment", 2).await, "");
}

pub(crate) async fn an_id_longer_than_an_index_takes_is_found(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let long = |end: &str| format!("{}{end}", "\u{1f600}".repeat(limits::FACT_ID_CHARS));
    let pipeline = format!("{}end", "ü".repeat(limits::FACT_CHARS));
    let run = |id: &str| RunTouch {
        labels: vec![label(LabelKind::Pipeline, &pipeline)],
        ..of_run(id, Some(&"/ci".repeat(limits::FACT_ID_CHARS)), 1)
    };
    events(&scene, receiver, vec![run(&long("a")), run(&long("b"))]).await;
    for end in ["a", "b"] {
        let found = scene.store.runs_by_id(&long(end), 10).await.unwrap();
        assert_eq!(ids(&found), [&long(end)]);
    }
    assert_eq!(scene.store.runs_by_id(&long("c"), 10).await.unwrap(), []);
    let beginning = "\u{1f600}".repeat(limits::RUN_ID_INDEXED + 10);
    assert_eq!(scene.store.run_ids(&beginning, 10).await.unwrap().len(), 4);
    assert_eq!(scene.store.run_ids(&long("b"), 10).await.unwrap().len(), 2);
    let of = RunRange::Pipeline(pipeline);
    let listed = scene
        .store
        .list_runs(&of, RunWindow::default(), None, 9)
        .await;
    assert_eq!(listed.unwrap().len(), 2);
}
