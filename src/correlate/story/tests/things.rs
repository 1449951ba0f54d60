//! What refers to what, artifacts, tests, lead times.

use super::sample::{Sample, TEKTON, image, subject};
use crate::correlate::story::Section;
use crate::correlate::{Role, Subject, Target};
use crate::domain::run::RunOutcome::{Failure, Success};

#[test]
fn a_reference_without_a_source_means_the_own_source_first() {
    let mut sample = Sample::new();
    sample
        .add("pipelinerun.started", "1", 0.0)
        .name("other")
        .source("/other");
    sample
        .add("taskrun.started", "t", 1.0)
        .part_of(("pipelinerun", "1"));
    let parent = |sample: &Sample| {
        let story = sample.story();
        let spans = &story.parts.spans;
        let task = spans.lines.iter().find(|line| line.id == "t").unwrap();
        task.parent
            .map(|parent| spans.lines[parent].source.unwrap().to_owned())
    };
    assert_eq!(parent(&sample).as_deref(), Some("/other"), "the only one");
    sample.add("pipelinerun.started", "1", 0.0).name("own");
    assert_eq!(parent(&sample).as_deref(), Some(TEKTON));
    let task = &mut sample.run.members[1].event.facts;
    task.references[0].target = Target::Subject(Subject {
        kind: "pipelinerun".to_owned(),
        id: "1".to_owned(),
        source: Some("/other".to_owned()),
    });
    assert_eq!(parent(&sample).as_deref(), Some("/other"));
}

#[test]
fn parents_in_a_circle_are_none() {
    let mut sample = Sample::new();
    sample
        .add("taskrun.started", "a", 0.0)
        .part_of(("taskrun", "b"));
    sample
        .add("taskrun.started", "b", 0.0)
        .part_of(("taskrun", "a"));
    sample
        .add("taskrun.started", "c", 0.0)
        .part_of(("taskrun", "c"));
    let story = sample.story();
    let parents = story
        .parts
        .spans
        .lines
        .iter()
        .filter(|line| line.parent.is_some());
    assert_eq!(parents.count(), 1);
    assert!(
        story
            .text(&[Section::All], crate::correlate::Page::first(&[]))
            .body
            .len()
            > 100
    );
}

/// Lead time of the only deployment: from what, seconds.
fn lead(sample: &Sample) -> Option<(&'static str, f64)> {
    let story = sample.story();
    let (from, _, lead) = story.parts.deployments[0].lead?;
    Some((from.as_str(), lead as f64 / 1e6))
}

#[test]
fn lead_time_counts_from_the_merge_else_the_first_commit_else_the_first_event() {
    let mut sample = Sample::finished(60.0, Success);
    sample
        .add("service.deployed", "web", 100.0)
        .environment("prod");
    assert_eq!(lead(&sample), Some(("run_start", 104.0)));
    assert!(sample.summary().contains("partial"), "{}", sample.summary());
    assert_eq!(
        sample.json(&[])["deployments"][0]["lead_time"]["partial"],
        true
    );
    sample.add("repository.modified", "org/web", -8.0);
    assert_eq!(lead(&sample), Some(("first_commit", 108.0)));
    sample.add("change.merged", "7", -10.0);
    assert_eq!(lead(&sample), Some(("change_merged", 110.0)));
    sample.add("change.merged", "8", -20.0);
    assert_eq!(
        lead(&sample),
        Some(("change_merged", 120.0)),
        "the earliest"
    );
    sample.add("change.merged", "9", 200.0);
    assert_eq!(
        lead(&sample),
        Some(("change_merged", 120.0)),
        "not what came later"
    );
    assert!(!sample.summary().contains("partial"));
}

#[test]
fn what_leaves_has_no_lead_time() {
    let mut sample = Sample::new();
    sample.add("change.merged", "7", -10.0);
    sample
        .add("service.rolledback", "web", 100.0)
        .environment("prod");
    assert_eq!(lead(&sample), None);
}

#[test]
fn artifacts_meet_by_digest_and_by_name() {
    let mut sample = Sample::new();
    let image = image(1);
    sample
        .add("build.finished", "b", 0.0)
        .artifact(Role::Produces, &image);
    sample
        .add("artifact.published", &image, 5.0)
        .artifact(Role::Own, &image);
    sample
        .add("service.deployed", "web", 9.0)
        .artifact(Role::Uses, &image)
        .with(|facts| {
            facts.artifacts[0].id = "registry.example.com/web:1".to_owned();
            facts.artifacts[0].purl = None;
        });
    // The same name over another digest.
    sample
        .add("artifact.published", "m", 6.0)
        .artifact(Role::Own, "pkg:maven/a/b@1")
        .with(|facts| {
            facts.artifacts[0].digest = Some("sha256:00".to_owned());
        });
    sample
        .add("artifact.published", "m", 7.0)
        .artifact(Role::Own, "pkg:maven/a/b@1")
        .with(|facts| {
            facts.artifacts[0].digest = Some("sha256:11".to_owned());
        });
    let story = sample.story();
    let artifacts = &story.parts.artifacts.list;
    assert_eq!(artifacts.len(), 3);
    assert_eq!(artifacts[0].used.len(), 1);
    assert!(artifacts[0].made.is_some() && artifacts[0].published.is_some());
}

#[test]
fn a_short_commit_and_its_long_form_are_one() {
    let mut sample = Sample::new();
    for sha in ["a1b2c3d", "a1b2c3d4e5f6", "a1b2c3d", "ffff000"] {
        let target = Target::Commit {
            repository: None,
            sha: sha.to_owned(),
        };
        sample
            .add("taskrun.finished", sha, 0.0)
            .refer(Role::From, target);
    }
    sample
        .add("artifact.packaged", "x", 1.0)
        .refer(Role::From, subject("change", "42"));
    let story = sample.story();
    assert_eq!(story.parts.source.commits, ["a1b2c3d4e5f6", "ffff000"]);
    assert_eq!(story.parts.source.changes.len(), 1);
}

#[test]
fn tests_are_counted_by_their_last_attempts() {
    let mut sample = Sample::new();
    for (id, seconds, outcome) in [
        ("a", 0.0, Success),
        ("b", 0.0, Failure),
        ("b", 400.0, Success),
        ("c", 0.0, Failure),
    ] {
        sample.add("testcaserun.started", id, seconds).name(id);
        sample
            .add("testcaserun.finished", id, seconds + 5.0)
            .name(id)
            .outcome(outcome);
    }
    sample.add("testcaserun.skipped", "d", 1.0);
    sample.add("testcaserun.queued", "e", 1.0);
    let json = sample.json(&[]);
    assert_eq!(
        json["test_counts"].to_string(),
        r#"{"cases":{"total":5,"success":2,"skipped":1,"failure":1,"open":1},"another_outcome_before":1}"#
    );
    let first = &sample.json(&[Section::Tests])["tests"][0];
    assert_eq!(first["id"], "c", "what failed comes first");
}

#[test]
fn a_failure_that_a_namesake_mended_says_so() {
    let mut sample = Sample::finished(60.0, Success);
    let root = ("pipelinerun", "pr-1");
    sample
        .add("taskrun.finished", "t-1", 5.0)
        .name("deploy")
        .part_of(root)
        .outcome(Failure);
    sample
        .add("taskrun.finished", "t-2", 9.0)
        .name("deploy")
        .part_of(root)
        .outcome(Success);
    let text = sample.summary();
    assert!(
        text.contains("a later one of this name ended in success"),
        "{text}"
    );
}

#[test]
fn sections_are_read_by_their_words() {
    for word in Section::WORDS {
        assert_eq!(Section::parse(word).map(Section::as_str), Some(*word));
    }
    assert_eq!(Section::parse("everything"), None);
}

#[test]
fn what_is_missing_or_beside_the_run_is_told() {
    let mut sample = Sample::finished(60.0, Success);
    sample
        .add("pipelinerun.started", "pr-2", 5.0)
        .part_of(("pipelinerun", "pr-1"));
    sample.add("incident.detected", "i-1", 90.0);
    sample.run.truncated = vec!["events", "time"];
    sample.run.hubs = vec!["sha256:0".to_owned()];
    sample.relate("service.deployed", "web", 100.0, "deployed");
    sample.relate("taskrun.finished", "t", 100.0, "other_chain");
    let text = sample.summary();
    for line in [
        "INCOMPLETE: there may be more events; bounded by events, time.",
        "Not followed, for too many events share them: «sha256:0».",
        "It has pipelineRun «pr-1» success, pipelineRun «pr-2» open.",
        "Also: incident.detected ×1.",
        "Related, not counted: 2 events (1 deployed, 1 other_chain).",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    let json = sample.json(&[Section::Story, Section::Related]);
    assert_eq!(json["run"]["truncated"].to_string(), r#"["events","time"]"#);
    assert_eq!(json["related"].as_array().map(Vec::len), Some(2));
}

#[test]
fn long_texts_are_cut_in_json_and_what_is_missing_is_counted() {
    let mut sample = Sample::new();
    let long = "x".repeat(400);
    sample
        .add("taskrun.finished", "t", 0.0)
        .name(&long)
        .reason("\u{0}\u{202e}\"");
    let span = &sample.json(&[Section::Spans])["spans"][0];
    assert_eq!(
        span["name"].as_str().unwrap(),
        format!("{}… 100 more", &long[..300])
    );
    assert_eq!(span["reason"], "\u{0}\u{202e}\"", "what is short is exact");
}
