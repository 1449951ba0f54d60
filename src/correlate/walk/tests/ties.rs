//! What ties events, and what does not; and what is all there is to go by.

use super::build::{event, link, unit};
use super::rules::{IMAGE, OTHER_IMAGE, TEKTON, deployed, names, pipeline, pr, set, store, task};
use super::store::{codes, order, related};
use crate::correlate::key::Role;
use crate::correlate::run::{Confidence, Method};
use crate::correlate::walk::{Anchor, Found};

#[test]
fn names_of_jobs_are_no_ties() {
    let store = store([
        task("compile", "pr-1", 0.0),
        event("taskrun.started", "compile", TEKTON, 1.0).part_of("pipelinerun", "pr-1"),
        task("compile", "pr-2", 1_000.0),
        event("testoutput.published", "o-1", TEKTON, 2.0).part_of("taskrun", "compile"),
    ]);
    assert_eq!(set(&store.run_of(1)), [1, 2]);
    assert_eq!(set(&store.run_of(3)), [3]);
    assert_eq!(codes(&store.run_of(4)), ["ambiguous_reference"]);
}

#[test]
fn a_counter_of_another_source_is_believed_little_and_only_for_days() {
    let day = 86_400.0;
    for role in [Role::Path, Role::Relation] {
        let linked = |id: &str, source: &str, apart: f64| {
            let built = event("build.finished", "b-1", TEKTON, 0.0).id(id);
            let told = event("incident.detected", "i-1", source, apart).event(role, id);
            store([built, told])
        };
        for (id, source, apart, together, sure) in [
            ("7", "/argocd", 9.0, true, false),
            ("7", "/argocd", 40.0 * day, false, false),
            ("7", TEKTON, 9.0, true, true),
            (
                "0f9a41c2-7d1c-4b0e-9a52-f3668ec0d2f7",
                "/argocd",
                9.0,
                true,
                true,
            ),
            ("evt_3kTQm9ZsR4xW8vBn2LpD", "/argocd", 9.0, true, true),
        ] {
            let run = linked(id, source, apart).run_of(2);
            let told = format!("{role:?} {id} of {source} after {apart}");
            let expected = if together { vec![1, 2] } else { vec![2] };
            assert_eq!(set(&run), expected, "{told}");
            let remarks: &[&str] = if sure { &[] } else { &["ambiguous_reference"] };
            assert_eq!(codes(&run), remarks, "{told}");
            let low = run.confidence == Confidence::Low;
            assert_eq!(low, !sure, "{told}");
        }
    }
}

#[test]
fn names_as_long_as_a_ulid_are_no_ties() {
    for (name, one) in [
        ("paymentsapinightlybuild042", false),
        ("01HQK6M8S2T3W4X5Y6Z7A8B9C0", true),
        ("81HQK6M8S2T3W4X5Y6Z7A8B9C0", false),
        ("0-f9a41c27d1c-4b0e-9a5-2f3668ec0d2f7", false),
        ("0f9a41c2-7d1c-4b0e-9a52-f3668ec0d2f7", true),
    ] {
        let part = |id: &str, source: &str| {
            event("taskrun.finished", id, source, 0.0).part_of("pipelinerun", name)
        };
        let store = store([part("a", "/ci/a"), part("b", "/ci/b")]);
        let expected = if one { vec![1, 2] } else { vec![1] };
        assert_eq!(set(&store.run_of(1)), expected, "{name}");
    }
}

#[test]
fn a_part_of_which_one_event_names_the_whole_is_all_of_it() {
    let store = store([
        task("t-1", "pr-1", 0.0),
        event("taskrun.started", "t-1", TEKTON, 1.0),
        event("testoutput.published", "o-1", "/x", 2.0).subject(
            Role::Member,
            "taskrun",
            "t-1",
            Some(TEKTON),
        ),
    ]);
    for seq in 1..=3 {
        assert_eq!(set(&store.run_of(seq)), [1, 2, 3]);
    }
}

#[test]
fn an_event_that_was_recorded_twice_counts_once() {
    let published = |content| {
        event("artifact.published", IMAGE, "/registry", 9.0)
            .chain("x")
            .id("p")
            .content(content)
    };
    let started = event("pipelinerun.started", "pr-1", TEKTON, 0.0).chain("x");
    let twice = store([started.clone(), published(1), published(1)]);
    for seq in [1, 2, 3] {
        let run = twice.run_of(seq);
        assert_eq!(set(&run), [1, 2]);
        assert_eq!(codes(&run), ["duplicate_event"]);
        assert_eq!(run.remarks[0].events, [2, 3]);
    }
    let differs = store([started.clone(), published(1), published(2)]);
    let run = differs.run_of(1);
    assert_eq!(set(&run), [1, 2, 3]);
    assert_eq!(codes(&run), ["id_conflict"]);
    let mut again = published(1);
    again.repeats = 2;
    let run = store([started, again]).run_of(1);
    assert_eq!(
        (set(&run), codes(&run)),
        (vec![1, 2], vec!["duplicate_event"])
    );
}

#[test]
fn a_link_to_nothing_is_told() {
    let store = store([
        event("build.started", "b-1", TEKTON, 0.0)
            .id("one")
            .after("none"),
        event("build.finished", "b-2", TEKTON, 9.0)
            .id("two")
            .after("one"),
    ]);
    let run = store.run_of(2);
    assert_eq!(set(&run), [1, 2]);
    assert_eq!(codes(&run), ["dangling_link"]);
    assert_eq!(run.remarks[0].events, [1]);
    assert!(run.remarks[0].detail.contains("«none»"));
    assert_eq!(run.method, Method::Link);
}

#[test]
fn of_two_events_with_the_id_that_a_link_names_the_one_of_its_own_source_is_meant() {
    let store = store([
        event("build.started", "b-1", "/a", 0.0).id("1"),
        event("build.started", "b-2", "/b", 0.0).id("1"),
        event("artifact.signed", IMAGE, "/a", 9.0)
            .id("2")
            .after("1"),
        event("artifact.signed", OTHER_IMAGE, "/c", 9.0)
            .id("3")
            .after("1"),
    ]);
    assert_eq!(set(&store.run_of(1)), [1, 3]);
    assert_eq!(set(&store.run_of(2)), [2]);
    assert_eq!(codes(&store.run_of(4)), ["ambiguous_reference"]);
    assert_eq!(set(&store.run_of(4)), [4]);
}

#[test]
fn stand_alone_links_tie_events_and_are_none() {
    let store = store([
        event("build.started", "b-1", "/a", 0.0).id("one"),
        event("testsuiterun.started", "t-1", "/b", 5.0).id("two"),
        event("incident.detected", "i-1", "/c", 9.0).id("three"),
        link(
            "path",
            "x",
            &[(Role::LinkFrom, "one"), (Role::LinkTo, "two")],
        ),
        link(
            "relation",
            "x",
            &[(Role::Relation, "two"), (Role::Relation, "three")],
        ),
        link("start", "x", &[(Role::LinkFrom, "one")]),
    ]);
    for seq in [1, 2, 3] {
        let run = store.run_of(seq);
        assert_eq!(set(&run), [1, 2, 3], "{seq}");
        let links: Vec<i64> = run.links.iter().map(|link| link.seq).collect();
        assert_eq!(links, [4, 5, 6]);
        assert_eq!(run.method, Method::Chain);
        assert_eq!(run.confidence, Confidence::High);
    }
}

#[test]
fn events_stand_in_the_order_of_time_and_of_life_where_clocks_differ_a_little() {
    let store = store([
        event("pipelinerun.finished", "p", TEKTON, 100.0).chain("x"),
        event("pipelinerun.started", "p", TEKTON, 10.0).chain("x"),
        event("pipelinerun.queued", "p", TEKTON, 12.0).chain("x"),
        event("taskrun.started", "t", TEKTON, 11.0).chain("x"),
        // An hour apart is no difference of clocks.
        event("build.finished", "b", TEKTON, 20.0).chain("x"),
        event("build.started", "b", TEKTON, 3_620.0).chain("x"),
        // Started again: a second attempt.
        event("pipelinerun.started", "p", TEKTON, 120.0).chain("x"),
    ]);
    assert_eq!(order(&store.run_of(1)), [3, 2, 4, 5, 1, 7, 6]);
}

#[test]
fn a_unit_leads_to_its_runs() {
    let mut drafts = Vec::new();
    for nth in 0..3 {
        let from = f64::from(nth) * 10_000.0;
        drafts.extend(pr(&format!("pr-{nth}"), from).map(|draft| draft.of("shop", "1")));
        drafts.push(
            event(
                "testsuiterun.started",
                &format!("t-{nth}"),
                "/t",
                from + 50.0,
            )
            .of("shop", "1"),
        );
    }
    let three = store(drafts.clone());
    let found = three.candidates(&Anchor::Unit(unit("shop", "1")));
    let expected: Vec<_> = (0..3)
        .rev()
        .map(|nth| Some(pipeline(&format!("pr-{nth}"))))
        .collect();
    assert_eq!(names(&found), expected);
    drafts.truncate(3);
    let run = store(drafts).run(&Anchor::Unit(unit("shop", "1")));
    assert_eq!(set(&run), [1, 2, 3]);
    assert_eq!(
        (run.method, run.confidence),
        (Method::NvrppSlice, Confidence::Medium)
    );
    let via = &run.members[1].via;
    assert_eq!((via.tie, via.confidence), ("unit", Confidence::Medium));
}

#[test]
fn where_a_unit_is_all_there_is_its_events_are_told_with_little_confidence() {
    let plain = |at| {
        let mut draft = event("build.finished", "x", TEKTON, at).of("shop", "1");
        draft.facts.about = None;
        draft.facts.subject = String::new();
        draft.facts.predicate = String::new();
        draft
    };
    let store = store([
        plain(0.0),
        plain(10.0),
        plain(90.0 * 86_400.0),
        plain(5.0).of("shop", "2"),
    ]);
    for anchor in [Anchor::Event(1), Anchor::Event(2)] {
        let run = store.run(&anchor);
        assert_eq!(set(&run), [1, 2], "not what is months away");
        assert_eq!(
            (run.method, run.confidence),
            (Method::NvrppSlice, Confidence::Low)
        );
        assert_eq!(run.name, None);
    }
}

#[test]
fn the_unit_is_not_asked_where_a_chain_tells() {
    let store = store([
        event("pipelinerun.started", "p", TEKTON, 0.0)
            .chain("x")
            .of("shop", "1"),
        event("testsuiterun.started", "t", "/t", 5.0).of("shop", "1"),
    ]);
    assert_eq!(set(&store.run_of(1)), [1]);
    let alone = store.run_of(2);
    assert_eq!(set(&alone), [2]);
    assert_eq!(related(&alone), [(1, "ambiguous")]);
    assert_eq!(codes(&alone), ["ambiguous"]);
}

#[test]
fn what_happened_months_away_from_a_run_is_not_part_of_it() {
    let store = store([
        task("push", "pr-1", 0.0).makes(IMAGE),
        deployed(IMAGE, 29.0 * 86_400.0),
        deployed(IMAGE, 31.0 * 86_400.0),
    ]);
    assert_eq!(set(&store.run_of(1)), [1, 2]);
}

#[test]
fn what_a_question_is_about_may_not_exist() {
    let store = store([task("push", "pr-1", 0.0)]);
    for anchor in [
        Anchor::Event(99),
        Anchor::Chain("x".to_owned()),
        Anchor::from(&pipeline("pr-9")),
        Anchor::Unit(unit("none", "1")),
        Anchor::Artifact {
            digest: None,
            name: None,
        },
    ] {
        let nothing = Found::Nothing { truncated: vec![] };
        assert_eq!(store.find(&anchor), nothing, "{anchor:?}");
    }
}
