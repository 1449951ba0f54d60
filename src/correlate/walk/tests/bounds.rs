//! What is too much: cycles, long paths, hubs.

use std::collections::BTreeSet;

use super::build::{Draft, event, recorded};
use super::sim::{Plan, Ties, Units, world};
use super::store::{Cost, Store, seqs};
use crate::correlate::key::{KeyKind, LinkKey, Role};
use crate::correlate::run::{Method, Run};
use crate::correlate::walk::{Anchor, Found, WalkLimits};
use crate::domain::run::RunName;

const TEKTON: &str = "/tekton/a";
const IMAGE: &str =
    "pkg:oci/shop@sha256:1111111111111111111111111111111111111111111111111111111111111111";

fn walk(store: &Store, anchor: &Anchor, limits: WalkLimits) -> (Run, Cost) {
    let (found, cost) = store.walk(anchor, limits, 1);
    match found {
        Found::Run(run) => (*run, cost),
        other => panic!("{other:?}"),
    }
}

fn linked(count: usize) -> Vec<Draft> {
    let link = |nth: usize| {
        let next = event(
            "testoutput.published",
            &format!("o-{nth}"),
            TEKTON,
            nth as f64,
        );
        let next = next.id(&format!("e-{nth}"));
        match nth {
            0 => next,
            _ => next.after(&format!("e-{}", nth - 1)),
        }
    };
    (0..count).map(link).collect()
}

/// At most so many events are held as the walk may hold.
fn assert_bounded(cost: Cost, limits: WalkLimits) {
    assert!(cost.events <= limits.events * 2, "{cost:?}");
    assert!(cost.most_rows <= crate::limits::WALK_ROWS, "{cost:?}");
    assert!(cost.questions <= limits.levels * 4 + 32, "{cost:?}");
}

#[test]
fn a_cycle_of_links_is_walked_once() {
    let mut drafts = linked(10);
    drafts[0] = drafts[0].clone().after("e-9");
    drafts[3] = drafts[3].clone().event(Role::Relation, "e-3");
    let store = Store::new(recorded(drafts));
    for seq in 1..=10 {
        let (run, cost) = walk(&store, &Anchor::Event(seq), WalkLimits::default());
        assert_eq!(run.members.len(), 10);
        assert_eq!(run.truncated, [""; 0]);
        assert!(cost.events == 10, "{cost:?}");
    }
}

#[test]
fn a_path_of_a_hundred_thousand_links_is_followed_as_far_as_it_goes() {
    let store = Store::new(recorded(linked(100_000)));
    let limits = WalkLimits::default();
    for at in [1, 50_000, 100_000] {
        let (run, cost) = walk(&store, &Anchor::Event(at), limits);
        let found: Vec<i64> = seqs(&run).into_iter().collect();
        assert!(found.contains(&at));
        assert!(found.len() >= limits.levels, "{}", found.len());
        assert!(found.windows(2).all(|pair| pair[1] == pair[0] + 1));
        assert_eq!(run.truncated, ["levels"]);
        assert_eq!(run.method, Method::Link);
        assert_bounded(cost, limits);
    }
    let (run, cost) = walk(&store, &Anchor::Event(9), limits.with_events(50));
    assert!(run.members.len() <= 50);
    assert!(run.truncated.contains(&"events"));
    assert_bounded(cost, limits);
}

#[test]
fn of_a_chain_of_a_hundred_thousand_events_the_nearest_and_the_ends_are_told() {
    let drafts = (0..100_000).map(|nth| {
        let what = match nth {
            0 => "pipelinerun.started",
            99_999 => "pipelinerun.finished",
            _ => "testoutput.published",
        };
        event(what, &format!("s-{nth}"), TEKTON, f64::from(nth)).chain("x")
    });
    let store = Store::new(recorded(drafts));
    for limits in [
        WalkLimits::default(),
        WalkLimits::default().with_events(5_000),
    ] {
        let chain = Anchor::Chain("x".to_owned());
        for anchor in [chain, Anchor::Event(50_000), Anchor::Event(3)] {
            let (run, cost) = walk(&store, &anchor, limits);
            let found = seqs(&run);
            assert_eq!(found.len(), limits.events);
            assert_eq!(run.truncated, ["events"]);
            assert!(found.contains(&1) && found.contains(&100_000));
            if let Anchor::Event(seq) = anchor {
                assert!(
                    (seq - 2..seq + 20).all(|near| found.contains(&near)),
                    "{seq}"
                );
            }
            assert_bounded(cost, limits);
        }
    }
}

#[test]
fn a_run_with_a_million_parts_is_told_in_part() {
    let run = event("pipelinerun.started", "main", TEKTON, 0.0);
    let mut store = Store::new(recorded([run]));
    let part = |seq: i64| {
        let id = format!("t-{seq}");
        event("taskrun.finished", &id, TEKTON, seq as f64).part_of("pipelinerun", "main")
    };
    store.imagine(2..1_000_002, part);
    let limits = WalkLimits::default();
    for anchor in [Anchor::Event(700_000), Anchor::from(&pipeline("main"))] {
        let (run, cost) = walk(&store, &anchor, limits);
        let found = seqs(&run);
        assert_eq!(found.len(), limits.events);
        assert!(found.contains(&1) && found.contains(&1_000_001));
        assert_eq!(run.truncated, ["events"]);
        assert_eq!(run.name, Some(pipeline("main")));
        assert_bounded(cost, limits);
        if anchor == Anchor::Event(700_000) {
            assert!((699_950..700_050).all(|near| found.contains(&near)));
        }
    }
}

fn pipeline(id: &str) -> RunName {
    RunName::PipelineRun {
        id: id.to_owned(),
        source: Some(TEKTON.to_owned()),
    }
}

#[test]
fn a_hub_of_a_million_events_is_told_and_not_followed() {
    let push = event("taskrun.finished", "push", TEKTON, 0.0).part_of("pipelinerun", "pr-1");
    let scan = event("taskrun.finished", "scan", TEKTON, 5.0).part_of("pipelinerun", "pr-1");
    let mut store = Store::new(recorded([push.makes(IMAGE), scan]));
    store.imagine(3..1_000_003, |seq| {
        event("service.deployed", &format!("s-{seq}"), "/argo", 9.0).uses(IMAGE)
    });
    let limits = WalkLimits::default();
    let (run, cost) = walk(&store, &Anchor::Event(1), limits);
    assert_eq!(seqs(&run), BTreeSet::from([1, 2]));
    assert_eq!(run.hubs.len(), 2, "{:?}", run.hubs);
    assert!(
        run.hubs[1].starts_with("digest «sha256:1111"),
        "{:?}",
        run.hubs
    );
    assert_bounded(cost, limits);
    let (run, _) = walk(&store, &Anchor::Event(500_000), limits);
    assert_eq!(seqs(&run), BTreeSet::from([500_000]));
    assert_eq!(run.hubs.len(), 2);
    // Who asks for it hears of the newest.
    let (found, cost) = store.walk(
        &Anchor::Artifact {
            digest: IMAGE.split_once('@').map(|(_, digest)| digest.to_owned()),
            name: None,
        },
        limits,
        1,
    );
    assert_bounded(cost, limits);
    assert!(format!("{found:?}").contains("events"), "{found:?}");
}

#[test]
fn many_hubs_at_once_are_bounded_too() {
    let drafts = (0..200).map(|nth| {
        let mut draft = event(
            "testoutput.published",
            &format!("o-{nth}"),
            TEKTON,
            f64::from(nth),
        );
        for other in 0..20 {
            draft = draft.event(Role::Relation, &format!("hub-{}", (nth * 7 + other) % 150));
        }
        draft.chain("x")
    });
    let mut store = Store::new(recorded(drafts));
    for hub in 0..150 {
        let key = LinkKey::event(&format!("hub-{hub}"));
        store.add_rows(key, (1_000_000..1_000_900).map(|seq| (seq, Role::Relation)));
    }
    let limits = WalkLimits::default();
    let (run, cost) = walk(&store, &Anchor::Chain("x".to_owned()), limits);
    assert_eq!(run.members.len(), 200);
    assert_bounded(cost, limits);
    assert!(cost.rows > crate::limits::WALK_ROWS, "{cost:?}");
}

#[test]
fn a_walk_that_is_stopped_says_so_and_tells_what_it_has() {
    let plan = Plan {
        ties: Ties::Contents,
        units: Units::Shared,
        runs: 12,
        services: 4,
        apart: 90.0,
    };
    let world = world(plan, 5);
    let store = Store::new(world.events.clone());
    let whole = store.run_of(100);
    let own = &world.runs[world.run_of(100)];
    assert_eq!(&seqs(&whole), own);
    let mut found = Vec::new();
    for most in 0..100 {
        let (part, cost) = store.walk_until(&Anchor::Event(100), WalkLimits::default(), 1, most);
        match part {
            Found::Run(run) if cost.questions < most => {
                assert_eq!(*run, whole);
                assert!(found.len() > 2, "{most}");
                return;
            }
            Found::Run(run) => {
                assert!(run.truncated.contains(&"time") || *run == whole, "{most}");
                assert!(seqs(&run).is_subset(own), "{most}: {:?}", seqs(&run));
                found.push(run.members.len());
            }
            Found::Nothing { truncated } => assert_eq!(truncated, ["time"]),
            other @ Found::Candidates { .. } => panic!("{other:?}"),
        }
    }
    panic!("it comes to an end: {found:?}");
}

#[test]
fn a_run_of_five_thousand_events_without_a_chain_takes_a_moment() {
    let mut drafts = Vec::new();
    for nth in 0..2_400 {
        let id = format!("t-{nth}");
        for what in ["taskrun.started", "taskrun.finished"] {
            let at = f64::from(nth);
            let task = event(what, &id, TEKTON, at).part_of("pipelinerun", "big");
            drafts.push(task.makes(&format!("pkg:oci/a{nth}@1.0.0")).of("shop", "1"));
        }
    }
    for nth in 0..190 {
        let using = event(
            "service.deployed",
            "shop",
            "/argo",
            f64::from(nth) + 3_000.0,
        );
        drafts.push(using.uses(&format!("pkg:oci/a{nth}@1.0.0")).of("shop", "1"));
    }
    let count = drafts.len();
    let store = Store::new(recorded(drafts));
    let limits = WalkLimits::default().with_events(5_000);
    let (run, cost) = walk(&store, &Anchor::Event(77), limits);
    assert_eq!(run.members.len(), count);
    assert_eq!(run.truncated, [""; 0]);
    assert_bounded(cost, limits);
}

#[test]
fn artifacts_of_one_name_that_never_change_do_not_bring_runs_together() {
    let drafts = (0..900).map(|nth| {
        let id = format!("pr-{nth}");
        let task = event("taskrun.finished", "push", TEKTON, f64::from(nth) * 600.0);
        task.part_of("pipelinerun", &id).makes("myapp")
    });
    let store = Store::new(recorded(drafts));
    let (run, cost) = walk(&store, &Anchor::Event(450), WalkLimits::default());
    assert_eq!(seqs(&run), BTreeSet::from([450]));
    assert_eq!(run.related.len(), crate::limits::WALK_RELATED);
    assert!(
        run.remarks
            .iter()
            .any(|remark| remark.code == "related_left_out")
    );
    assert_bounded(cost, WalkLimits::default());
    let key = LinkKey::of(KeyKind::Artifact, &["myapp"]);
    assert_eq!(store.count(key), 900);
}
