//! What belongs to a run, rule by rule.

use super::build::{Draft, event, recorded};
use super::store::{Store, codes, related, seqs};
use crate::correlate::facts::Subject;
use crate::correlate::key::Role;
use crate::correlate::run::{Confidence, Method, Run};
use crate::correlate::walk::{Anchor, Candidate, Found};
use crate::domain::run::RunName;

pub(super) const TEKTON: &str = "/tekton/a";
const HUB: &str = "https://github.com";
pub(super) const IMAGE: &str =
    "pkg:oci/shop@sha256:1111111111111111111111111111111111111111111111111111111111111111";
pub(super) const OTHER_IMAGE: &str =
    "pkg:oci/shop@sha256:2222222222222222222222222222222222222222222222222222222222222222";

pub(super) fn store(drafts: impl IntoIterator<Item = Draft>) -> Store {
    Store::new(recorded(drafts))
}

pub(super) fn set(run: &Run) -> Vec<i64> {
    seqs(run).into_iter().collect()
}

pub(super) fn pipeline(id: &str) -> RunName {
    RunName::PipelineRun {
        id: id.to_owned(),
        source: Some(TEKTON.to_owned()),
    }
}

pub(super) fn pr(id: &str, from: f64) -> [Draft; 2] {
    [
        event("pipelinerun.started", id, TEKTON, from),
        event("pipelinerun.finished", id, TEKTON, from + 100.0),
    ]
}

pub(super) fn task(id: &str, run: &str, at: f64) -> Draft {
    event("taskrun.finished", id, TEKTON, at).part_of("pipelinerun", run)
}

pub(super) fn deployed(image: &str, at: f64) -> Draft {
    let mut draft = event("service.deployed", "shop", "/argocd", at).uses(image);
    draft.facts.context.environment = Some("production".to_owned());
    draft
}

pub(super) fn names(runs: &[Candidate]) -> Vec<Option<RunName>> {
    runs.iter().map(|run| run.name.clone()).collect()
}

#[test]
fn eleven_events_of_each_of_four_services_that_share_all_ids_are_four_runs() {
    let whats = [
        "pipelinerun.started",
        "pipelinerun.queued",
        "build.queued",
        "build.started",
        "build.finished",
        "testsuiterun.started",
        "testcaserun.finished",
        "testsuiterun.finished",
        "artifact.packaged",
        "service.deployed",
        "pipelinerun.finished",
    ];
    for sources in [true, false] {
        let mut drafts = Vec::new();
        for (nth, name) in ["foo", "bar", "baz", "qux"].into_iter().enumerate() {
            let source = if sources { name } else { "generator" };
            for (at, what) in whats.into_iter().enumerate() {
                let mut draft = event(what, "mySubject123", source, (nth + at * 4) as f64);
                if what == "testcaserun.finished" {
                    draft = event(what, "myTestCaseRun123", source, (nth + at * 4) as f64)
                        .part_of("testsuiterun", "mySubject123");
                } else if what == "service.deployed" {
                    draft = draft.uses(&format!("pkg:oci/{name}@1.0.0"));
                } else if what == "artifact.packaged" {
                    draft = event(what, &format!("pkg:oci/{name}@1.0.0"), source, 40.0).subject(
                        Role::From,
                        "change",
                        &format!("pkg:oci/{name}@1.0.0"),
                        None,
                    );
                }
                drafts.push(
                    draft
                        .chain(&format!("01HQK6M8S2T3W4X5Y6Z7A8B9C{nth}"))
                        .of(name, "2026.11.1"),
                );
            }
        }
        let store = store(drafts);
        for seq in 1..=44 {
            let run = store.run_of(seq);
            assert_eq!(run.members.len(), 11, "{seq}");
            let chains = run.members.iter().map(|member| &member.event.facts.chain);
            assert_eq!(chains.collect::<std::collections::HashSet<_>>().len(), 1);
            assert_eq!(run.method, Method::Chain);
            assert_eq!(run.confidence, Confidence::High);
            // The start was reported before the queueing, a few seconds too early.
            assert_eq!(run.members[0].event.facts.predicate, "queued");
            let source = run.members[0].event.facts.source.clone();
            let name = RunName::PipelineRun {
                id: "mySubject123".to_owned(),
                source,
            };
            assert_eq!(run.name, Some(name));
        }
    }
}

#[test]
fn parts_of_a_run_whose_own_events_were_never_sent_belong_together() {
    let url = "https://cd.example.com/pipelines/pr-456789";
    let part = |id: &str, source: &str, at| {
        event("taskrun.finished", id, source, at).part_of("pipelinerun", url)
    };
    let store = store([
        part("builds/1", "https://a.example.com", 0.0),
        part("scans/1", "https://b.example.com", 10.0),
        event("taskrun.finished", "builds/2", "https://a.example.com", 5.0),
    ]);
    for seq in [1, 2] {
        let run = store.run_of(seq);
        assert_eq!(set(&run), [1, 2]);
        assert_eq!(
            (run.method, run.confidence),
            (Method::Member, Confidence::High)
        );
        let name = RunName::PipelineRun {
            id: url.to_owned(),
            source: None,
        };
        assert_eq!(run.name, Some(name));
    }
    let anchor = Anchor::PipelineRun {
        id: url.to_owned(),
        source: None,
    };
    assert_eq!(set(&store.run(&anchor)), [1, 2]);
    assert_eq!(store.run_of(3).method, Method::Single);
}

#[test]
fn an_id_without_a_source_is_looked_for_in_its_own_source_and_then_elsewhere() {
    let run = |source: &str, at| event("pipelinerun.started", "1", source, at);
    let part = |id: &str, source: &str, at| {
        event("taskrun.finished", id, source, at).part_of("pipelinerun", "1")
    };
    let two = store([
        run("/jenkins/a", 0.0),
        run("/jenkins/b", 1.0),
        part("build", "/jenkins/a", 2.0),
        part("build", "/jenkins/b", 3.0),
        part("lint", "/linter", 4.0),
        part("spell", "/linter", 5.0),
    ]);
    assert_eq!(set(&two.run_of(1)), [1, 3]);
    assert_eq!(set(&two.run_of(4)), [2, 4]);
    // Nobody can say which of the two is meant, but both mean the same.
    let lint = two.run_of(5);
    assert_eq!(set(&lint), [5, 6]);
    assert_eq!(codes(&lint), ["ambiguous_reference"]);
    let anchor = Anchor::PipelineRun {
        id: "1".to_owned(),
        source: None,
    };
    assert_eq!(two.candidates(&anchor).len(), 2, "where its own events are");
    let one = store([
        run("/jenkins/a", 0.0),
        part("build", "/jenkins/a", 2.0),
        part("lint", "/linter", 4.0),
    ]);
    for seq in 1..=3 {
        assert_eq!(set(&one.run_of(seq)), [1, 2, 3]);
        assert_eq!(codes(&one.run_of(seq)), [""; 0]);
    }
}

#[test]
fn the_same_number_in_a_thousand_other_repositories_does_not_hide_a_runs_parts() {
    let mut drafts = Vec::new();
    for source in 0..700 {
        let source = format!("/jenkins/{source}");
        drafts.push(event("pipelinerun.started", "1", &source, 0.0));
        let part = event("taskrun.finished", "build", &source, 9.0);
        drafts.push(part.part_of("pipelinerun", "1"));
    }
    let run = store(drafts).run_of(802);
    assert_eq!(set(&run), [801, 802]);
    assert_eq!(run.truncated, [""; 0]);
}

#[test]
fn events_of_another_chain_are_part_of_a_run_only_where_their_sender_says_so() {
    let store = store([
        event("build.finished", "b-1", TEKTON, 0.0)
            .chain("one")
            .makes(IMAGE)
            .id("0f9a41c2-7d1c-4b0e-9a52-f3668ec0d2f7"),
        event("artifact.published", IMAGE, "/registry", 10.0),
        // Another pipeline deploys it, and says what it follows from.
        event("pipelinerun.started", "cd-1", "/argo", 20.0)
            .chain("two")
            .after("0f9a41c2-7d1c-4b0e-9a52-f3668ec0d2f7"),
        deployed(IMAGE, 30.0).chain("two"),
        event("pipelinerun.finished", "cd-1", "/argo", 40.0).chain("two"),
    ]);
    let built = store.run_of(1);
    assert_eq!(set(&built), [1, 2, 3]);
    assert!(codes(&built).contains(&"cross_chain"));
    assert_eq!(related(&built), [(4, "deployed_by_other_run")]);
    let detail = &built.related[0].detail;
    for part in [
        "service «shop»",
        "environment «production»",
        "pipelineRun «cd-1»",
    ] {
        assert!(detail.contains(part), "{detail}");
    }
    assert_eq!(built.confidence, Confidence::Medium);
    // The other way round it is the same.
    let deployed = store.run_of(4);
    assert_eq!(set(&deployed), [1, 3, 4, 5]);
    assert_eq!(related(&deployed), [(2, "artifact_of_other_run")]);
    // An event without a chain belongs to the run that made what it is about.
    assert_eq!(set(&store.run_of(2)), [1, 2, 3]);
}

#[test]
fn a_run_id_that_is_used_again_in_other_chains_is_another_run_each_time() {
    let mut drafts = Vec::new();
    for chain in ["a", "b", "c"] {
        let [started, finished] = pr("p-1", drafts.len() as f64 * 1_000.0);
        let part = task("build", "p-1", drafts.len() as f64 * 1_000.0 + 5.0);
        drafts.extend([
            started.chain(chain),
            part.chain(chain),
            finished.chain(chain),
        ]);
    }
    let store = store(drafts);
    for seq in 1..=9 {
        let run = store.run_of(seq);
        let first = (seq - 1) / 3 * 3 + 1;
        assert_eq!(set(&run), [first, first + 1, first + 2]);
        assert_eq!(codes(&run), [""; 0]);
    }
    let anchor = Anchor::PipelineRun {
        id: "p-1".to_owned(),
        source: Some(TEKTON.to_owned()),
    };
    let found = store.candidates(&anchor);
    assert_eq!(names(&found), vec![Some(pipeline("p-1")); 3]);
    assert_eq!(
        found.iter().map(|run| run.seq).collect::<Vec<_>>(),
        [7, 4, 1]
    );
    assert!(found.iter().all(|run| run.events == 3 && !run.more));
}

#[test]
fn a_chain_with_two_pipelines_is_one_run_named_after_the_one_that_was_asked_about() {
    let [ci, ci_end] = pr("ci-1", 0.0).map(|draft| draft.chain("x"));
    let [other, last] = pr("cd-1", 200.0).map(|draft| draft.chain("x"));
    let store = store([ci, ci_end, other, last, deployed(IMAGE, 250.0).chain("x")]);
    for (anchor, name) in [
        (Anchor::Chain("x".to_owned()), "ci-1"),
        (Anchor::Event(5), "ci-1"),
        (Anchor::Event(4), "cd-1"),
        (Anchor::from(&pipeline("cd-1")), "cd-1"),
        (Anchor::from(&pipeline("ci-1")), "ci-1"),
    ] {
        let run = store.run(&anchor);
        assert_eq!(set(&run), [1, 2, 3, 4, 5]);
        assert_eq!(run.name, Some(pipeline(name)), "{anchor:?}");
        assert_eq!(codes(&run), ["several_runs"]);
        let other = if name == "ci-1" { "cd-1" } else { "ci-1" };
        assert!(run.remarks[0].detail.contains(other), "{:?}", run.remarks);
    }
}

#[test]
fn deployments_belong_to_the_run_that_made_the_artifact_unless_they_have_their_own() {
    let store = store([
        task("push", "pr-1", 50.0).makes(IMAGE),
        event("artifact.signed", IMAGE, "/sigstore", 60.0),
        deployed(IMAGE, 70.0),
        event("incident.detected", "i-1", "/pager", 90.0).uses(IMAGE),
        event("incident.resolved", "i-1", "/pager", 95.0),
        event("ticket.created", "t-1", "/jira", 96.0).subject(
            Role::Relation,
            "incident",
            "i-1",
            Some("/pager"),
        ),
        event("taskrun.started", "deploy", "/argo", 200.0)
            .part_of("pipelinerun", "cd-7")
            .uses(IMAGE),
        deployed(OTHER_IMAGE, 70.0),
    ]);
    let run = store.run_of(1);
    assert_eq!(set(&run), [1, 2, 3, 4, 5, 6]);
    assert_eq!(
        (run.method, run.confidence),
        (Method::Digest, Confidence::Medium)
    );
    let of = |seq: i64| {
        let member = run.members.iter().find(|member| member.event.seq == seq);
        member.unwrap().via.clone()
    };
    assert_eq!(
        (of(3).tie, of(3).confidence),
        ("digest", Confidence::Medium)
    );
    assert_eq!(of(1).tie, "anchor");
    assert_eq!(related(&run), [(7, "same_artifact")]);
    assert!(run.related[0].detail.contains("pipelineRun «cd-7»"));
    for seq in 2..=6 {
        assert_eq!(set(&store.run_of(seq)), set(&run), "{seq}");
    }
    assert_eq!(set(&store.run_of(8)), [8]);
    let found = store.candidates(&Anchor::Artifact {
        digest: IMAGE.split_once('@').map(|(_, digest)| digest.to_owned()),
        name: None,
    });
    let unsourced = |id: &str, source: &str| {
        Some(RunName::PipelineRun {
            id: id.to_owned(),
            source: None,
        })
        .filter(|_| !source.is_empty())
    };
    assert_eq!(
        names(&found),
        [unsourced("cd-7", "/argo"), unsourced("pr-1", TEKTON)]
    );
}

#[test]
fn of_two_runs_that_made_the_same_artifact_each_keeps_its_own_events() {
    let build = |id: &str, at: f64| {
        let mut started = event("build.started", id, TEKTON, at);
        started.facts.note("flat_dialect", "");
        [
            started,
            event("build.finished", id, TEKTON, at + 100.0).makes(IMAGE),
        ]
    };
    let [a, b] = build("b-1", 0.0);
    let [c, d] = build("b-2", 10_000.0);
    let store = store([
        a,
        b,
        c,
        d,
        deployed(IMAGE, 500.0),
        deployed(IMAGE, 10_500.0),
    ]);
    let first = store.run_of(1);
    assert_eq!(set(&first), [1, 2, 5]);
    assert_eq!(
        related(&first),
        [(6, "deployed_by_other_run"), (4, "same_artifact")]
    );
    assert_eq!(set(&store.run_of(6)), [3, 4, 6]);
    // Which of the two was deployed is known by the time alone.
    assert_eq!(first.confidence, Confidence::Low);
    assert!(
        first.related[1].detail.contains("build «b-2»"),
        "{:?}",
        first.related
    );
    let id = "b-1".to_owned();
    assert_eq!(first.name, Some(RunName::Build { id }));
}

#[test]
fn a_build_inside_a_run_that_made_the_same_artifact_is_how_it_did() {
    let [started, finished] = pr("pr-1", 0.0);
    let build = |at| event("build.finished", "b-1", "/buildkit", at).makes(IMAGE);
    let inside = store([
        started.clone(),
        task("push", "pr-1", 50.0).makes(IMAGE),
        finished.clone(),
        build(40.0),
    ]);
    assert_eq!(set(&inside.run_of(1)), [1, 2, 3, 4]);
    assert_eq!(set(&inside.run_of(4)), [1, 2, 3, 4]);
    let later = store([
        started,
        task("push", "pr-1", 50.0).makes(IMAGE),
        finished,
        build(4_000.0),
    ]);
    assert_eq!(set(&later.run_of(1)), [1, 2, 3]);
    assert_eq!(related(&later.run_of(1)), [(4, "same_artifact")]);
}

#[test]
fn a_change_belongs_to_every_run_that_came_from_it_and_leads_to_none() {
    let packaged = |image: &str, at| {
        event("artifact.packaged", image, TEKTON, at).subject(Role::From, "change", "7", Some(HUB))
    };
    let one = [
        event("change.created", "7", HUB, 0.0),
        event("change.merged", "7", HUB, 500.0),
        task("push", "pr-1", 600.0).makes(IMAGE),
        packaged(IMAGE, 610.0),
    ];
    let single = store(one.clone());
    for seq in 1..=4 {
        assert_eq!(set(&single.run_of(seq)), [1, 2, 3, 4], "{seq}");
    }
    let mut two: Vec<Draft> = one.into();
    two.push(task("push", "pr-2", 700.0).makes(OTHER_IMAGE));
    two.push(packaged(OTHER_IMAGE, 710.0));
    let both = store(two);
    assert_eq!(set(&both.run_of(3)), [1, 2, 3, 4]);
    assert_eq!(set(&both.run_of(6)), [1, 2, 5, 6]);
    let subject = Anchor::Subject(Subject {
        kind: "change".to_owned(),
        id: "7".to_owned(),
        source: Some(HUB.to_owned()),
    });
    for anchor in [Anchor::Event(1), Anchor::Event(2), subject] {
        let found = both.candidates(&anchor);
        assert_eq!(found.iter().map(|run| run.seq).collect::<Vec<_>>(), [5, 3]);
        assert_eq!(
            found[0].to,
            both.events[&6].at(),
            "what is known of it counts"
        );
    }
}

#[test]
fn a_commit_finds_its_runs_by_its_first_digits_in_its_repository() {
    let sha = "a1b2c3d4e5f6789012345678901234567890abcd";
    let from = |id: &str, repository: &str, sha: &str, at| {
        task("build", id, at).commit(Role::From, Some(repository), sha)
    };
    let store = store([
        from("pr-1", "https://github.com/org/app", sha, 0.0),
        from("pr-2", "https://github.com/org/app", sha, 10.0),
        from("pr-3", "https://github.com/org/app", "a1b2c3dfff", 20.0),
        from("pr-4", "https://github.com/org/other", sha, 30.0),
        event("repository.modified", "app", HUB, 0.0).commit(Role::Own, None, "a1b2c3d4e5f6"),
    ]);
    let commit = |repository: Option<&str>, sha: &str| Anchor::Commit {
        repository: repository.map(str::to_owned),
        sha: sha.to_owned(),
    };
    let ids = |found: &[Candidate]| -> Vec<i64> { found.iter().map(|run| run.seq).collect() };
    let app = Some("git@github.com:org/app.git");
    assert_eq!(ids(&store.candidates(&commit(app, "A1B2C3D4"))), [2, 1]);
    assert_eq!(ids(&store.candidates(&commit(None, sha))), [4, 2, 1]);
    assert_eq!(
        ids(&store.candidates(&commit(None, "a1b2c3d"))),
        [4, 3, 2, 1]
    );
    assert_eq!(set(&store.run(&commit(None, "a1b2c3dfff"))), [3]);
    for anchor in [commit(None, "a1b2"), commit(None, "ffffffff")] {
        let nothing = Found::Nothing { truncated: vec![] };
        assert_eq!(store.find(&anchor), nothing);
    }
    // What was pushed belongs to the runs, and they do not belong to each other.
    assert_eq!(set(&store.run_of(1)), [1, 5]);
    assert_eq!(related(&store.run_of(1)), [(2, "same_commit")]);
}

#[test]
fn a_resource_finds_what_it_triggered() {
    let uri = "https://github.com/org/app/pull/7";
    let drafts = [
        task("build", "pr-1", 0.0).resource(uri),
        task("build", "pr-2", 10.0).resource(uri),
    ];
    let both = store(drafts.clone());
    assert_eq!(set(&both.run_of(1)), [1]);
    let anchor = Anchor::Resource(uri.to_owned());
    assert_eq!(both.candidates(&anchor).len(), 2);
    let [one, _] = drafts;
    assert_eq!(set(&store([one]).run(&anchor)), [1]);
}
