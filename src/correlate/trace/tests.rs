use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::correlate::key::Role;
use crate::correlate::testing::{
    Log, answer, at, cdevent, corpus, in_chain, log, recorded, stream,
};
use crate::domain::run::RunName;
use crate::limits;

mod sizes;

const NOW: &str = "2026-11-29T12:00:00Z";
const COMMIT: &str = "a1b2c3d4e5f6789012345678901234567890abcd";

fn digest(letter: char) -> String {
    format!("sha256:{}", letter.to_string().repeat(64))
}

fn image(letter: char) -> String {
    format!("reg.example.com/shop/web:1.{letter}@{}", digest(letter))
}

/// Follows a trace over a log.
fn trace(log: &Log, anchor: &str) -> Traced {
    let mut trace = Trace::new(Anchor::read(anchor).unwrap());
    let asked = answer(&mut trace, log, Trace::ask, Trace::give);
    assert!(asked <= 2 * bounds::ROUNDS, "{asked} questions");
    assert!(trace.known.len() <= bounds::EVENTS);
    trace.finish(at(NOW))
}

fn text(log: &Log, anchor: &str) -> String {
    let text = trace(log, anchor).text(bounds::TEXT_BYTES);
    assert!(text.len() <= bounds::TEXT_BYTES, "{anchor}: {}", text.len());
    text
}

fn deployed(service: &str, environment: &str, letter: char, time: &str) -> Value {
    let content = json!({"environment": {"id": environment}, "artifactId": image(letter)});
    in_chain(
        cdevent("service.deployed", service, time, &content),
        &format!("cd-{time}"),
    )
}

/// A run that makes an image, told by day and letter.
fn run(day: u32, letter: char, commit: &str) -> Vec<Value> {
    let time = |minute: u32| format!("2026-11-{day:02}T08:{minute:02}:00Z");
    let chain = format!("chain-{letter}");
    let run = format!("pr-{letter}");
    let change = format!("{day}");
    let mut merged = cdevent(
        "change.merged",
        &change,
        &time(0),
        &json!({
            "repository": {"id": "org/web", "uri": "https://git.example.com/org/web"},
        }),
    );
    merged["context"]["source"] = json!("/git");
    merged["customData"] = json!({"commit": commit, "author": "jane"});
    let task = json!({
        "taskName": "image", "outcome": "success", "uri": "https://ci.example.com/t",
        "pipelineRun": {"id": run},
    });
    let mut task = cdevent("taskrun.finished", &format!("{run}/image"), &time(8), &task);
    task["customData"] = json!({
        "buildSystem": "tekton", "buildNode": "node-3",
        "source": {"repository": "https://git.example.com/org/web", "branch": "main", "commit": commit},
        "artifacts": [{"id": image(letter), "tags": [format!("web:1.{letter}"), "web:latest"]}],
        "security": {"scanResults": {"scanner": "trivy", "vulnerabilities": {"critical": 0, "high": 2}}},
    });
    let suite = |case: &str, outcome: &str, minute: u32| {
        let content = json!({
            "outcome": outcome, "environment": {"id": "staging"}, "reason": format!("{case} said so"),
            "testCase": {"id": case, "name": case}, "testSuiteRun": {"id": format!("ts-{letter}")},
        });
        cdevent(
            "testcaserun.finished",
            &format!("{case}-{letter}"),
            &time(minute),
            &content,
        )
    };
    let events = vec![
        merged,
        cdevent(
            "pipelinerun.started",
            &run,
            &time(1),
            &json!({"pipelineName": "web", "uri": "https://ci/x"}),
        ),
        cdevent(
            "build.finished",
            &format!("b-{letter}"),
            &time(7),
            &json!({"artifactId": image(letter)}),
        ),
        task,
        cdevent(
            "artifact.packaged",
            &image(letter),
            &time(9),
            &json!({
                "change": {"id": change, "source": "/git"},
                "sbom": {"uri": "https://sbom.example.com/web.json"},
            }),
        ),
        cdevent(
            "artifact.signed",
            &image(letter),
            &time(10),
            &json!({"signature": "cosign-1"}),
        ),
        cdevent(
            "artifact.published",
            &image(letter),
            &time(11),
            &json!({"user": "ci"}),
        ),
        suite("login", "success", 12),
        suite("checkout", "failure", 13),
        cdevent(
            "testsuiterun.finished",
            &format!("ts-{letter}"),
            &time(14),
            &json!({
                "outcome": "failure", "environment": {"id": "staging"}, "testSuite": {"id": "smoke", "name": "smoke"},
            }),
        ),
        cdevent(
            "pipelinerun.finished",
            &run,
            &time(15),
            &json!({"outcome": "success", "pipelineName": "web"}),
        ),
    ];
    events
        .into_iter()
        .map(|event| in_chain(event, &chain))
        .collect()
}

/// Two versions of a service: the first replaced, the second rolled back in production after an
/// incident.
fn history() -> Vec<Value> {
    let mut events = run(1, 'a', COMMIT);
    events.push(deployed("shop", "staging", 'a', "2026-11-01T09:00:00Z"));
    events.push(deployed("shop", "production", 'a', "2026-11-02T09:00:00Z"));
    events.extend(run(3, 'b', "ffffffffffffffffffffffffffffffffffffffff"));
    events.push(deployed("shop", "staging", 'b', "2026-11-03T09:00:00Z"));
    events.push(deployed("shop", "production", 'b', "2026-11-04T09:00:00Z"));
    events.push(cdevent(
        "incident.detected",
        "INC-7",
        "2026-11-04T09:20:00Z",
        &json!({
            "environment": {"id": "production"}, "service": {"id": "shop"},
            "description": "checkout answers 500",
        }),
    ));
    events.push(cdevent(
        "service.rolledback",
        "shop",
        "2026-11-04T09:30:00Z",
        &json!({
            "environment": {"id": "production"}, "artifactId": image('a'),
        }),
    ));
    events.push(cdevent(
        "incident.resolved",
        "INC-7",
        "2026-11-04T09:45:00Z",
        &json!({
            "environment": {"id": "production"}, "service": {"id": "shop"},
        }),
    ));
    events.push(cdevent(
        "service.deployed",
        "cart",
        "2026-11-05T09:00:00Z",
        &json!({
            "environment": {"id": "production"}, "artifactId": "pkg:oci/cart@2.0",
        }),
    ));
    events
}

#[test]
fn a_deployment_in_the_future_is_told_as_such() {
    let log = log(&[deployed("web", "prod", 'a', "2027-11-29T12:00:00Z")]);
    for anchor in [image('a'), "service:web".to_owned()] {
        let text = text(&log, &anchor);
        assert!(text.contains("by a time in the FUTURE"), "{text}");
    }
}

#[test]
fn an_artifact_is_traced_from_its_change_to_where_it_ran() {
    let log = log(&history());
    insta::assert_snapshot!("artifact", text(&log, &digest('b')));
    insta::assert_json_snapshot!("artifact_json", trace(&log, &digest('b')).json());
}

#[test]
fn every_way_of_naming_it_leads_to_the_same_artifact() {
    let log = log(&history());
    let expected = trace(&log, &digest('a')).artifacts;
    assert_eq!(expected.len(), 1);
    for anchor in [
        image('a').as_str(),
        "reg.example.com/shop/web:1.a",
        "web:1.a",
        COMMIT,
        "a1b2c3d4e5f6",
        "https://git.example.com/org/web/commit/a1b2c3d4e5f6789012345678901234567890abcd",
        "commit:A1B2C3D",
        "change:1",
    ] {
        let traced = trace(&log, anchor);
        assert_eq!(traced.artifacts, expected, "{anchor}");
        assert!(traced.in_full, "{anchor}");
    }
    // A tag that moved is on the newest; the others had it before.
    let latest = trace(&log, "web:latest");
    assert_eq!(latest.artifacts[0].artifact.digest, Some(digest('b')));
    assert_eq!(latest.more, 1);
    assert!(latest.text(3_200).contains("on 1 other artifact before"));
}

#[test]
fn a_service_is_what_runs_in_each_environment() {
    let log = log(&history());
    insta::assert_snapshot!("service", text(&log, "shop"));
    let traced = trace(&log, "service:shop");
    let runs: Vec<_> = (traced.running.iter())
        .map(|running| {
            (
                running.environment.as_deref().unwrap(),
                running.artifact.as_ref().unwrap().digest.clone().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        runs,
        [("production", digest('a')), ("staging", digest('b'))]
    );
}

#[test]
fn an_environment_is_what_runs_there() {
    let log = log(&history());
    insta::assert_snapshot!("environment", text(&log, "production"));
}

#[test]
fn a_package_without_a_version_is_its_recent_versions() {
    let log = log(&history());
    insta::assert_snapshot!("package", text(&log, "package:web"));
    assert_eq!(trace(&log, "reg.example.com/shop/web").artifacts.len(), 2);
}

#[test]
fn what_is_not_recorded_is_named() {
    let log = log(&[deployed("shop", "production", 'a', "2026-11-02T09:00:00Z")]);
    let traced = trace(&log, &digest('a'));
    let missing: Vec<_> = traced.artifacts[0]
        .missing
        .iter()
        .map(|missing| missing.as_str())
        .collect();
    assert_eq!(
        missing,
        [
            "source",
            "build",
            "packaged",
            "published",
            "signed",
            "sbom",
            "tests"
        ]
    );
    insta::assert_snapshot!("missing", traced.text(3_200));
}

#[test]
fn what_is_not_recorded_at_all_is_no_guess() {
    let log = log(&history());
    for anchor in [digest('c').as_str(), "abcdef1234", "pkg:npm/x@1", "nowhere"] {
        let traced = trace(&log, anchor);
        assert_eq!(
            (traced.meaning.as_ref(), traced.artifacts.len()),
            (None, 0),
            "{anchor}"
        );
        assert!(
            traced.text(3_200).starts_with("NOTHING is recorded"),
            "{anchor}"
        );
    }
}

#[test]
fn a_commit_that_came_to_nothing_is_told_with_its_change() {
    let mut events = history();
    let mut push = cdevent(
        "repository.modified",
        "org/web",
        "2026-11-06T08:00:00Z",
        &json!({"name": "web"}),
    );
    push["customData"] =
        json!({"commit": "1234567890abcdef1234567890abcdef12345678", "author": "joe"});
    events.push(push);
    let log = log(&events);
    let traced = trace(&log, "1234567890ab");
    assert!(traced.artifacts.is_empty());
    let text = traced.text(3_200);
    assert!(text.contains("came to no artifact"), "{text}");
    assert!(
        text.contains("pushed 2026-11-06T08:00:00Z") && text.contains("«joe»"),
        "{text}"
    );
}

#[test]
fn who_downloads_an_artifact_did_not_make_it() {
    let mut events = history();
    events.push(in_chain(
        cdevent(
            "artifact.downloaded",
            &image('a'),
            "2026-11-20T08:00:00Z",
            &json!({"user": "x"}),
        ),
        "other",
    ));
    events.push(in_chain(
        cdevent("change.merged", "other", "2026-11-20T07:00:00Z", &json!({})),
        "other",
    ));
    let log = log(&events);
    let traced = trace(&log, "change:other");
    assert_eq!(traced.artifacts.len(), 0);
    let traced = trace(&log, &digest('a'));
    let changes: Vec<_> = traced.artifacts[0]
        .source
        .changes
        .iter()
        .map(|change| change.id.as_str())
        .collect();
    assert_eq!(changes, ["1"]);
}

#[test]
fn an_incident_that_names_the_artifact_is_told_wherever_it_ran() {
    let mut events = history();
    events.push(cdevent(
        "incident.detected",
        "INC-8",
        "2026-11-20T09:20:00Z",
        &json!({
            "environment": {"id": "elsewhere"}, "artifactId": image('b'),
        }),
    ));
    let log = log(&events);
    let incidents = &trace(&log, &digest('b')).artifacts[0].incidents;
    let told: Vec<_> = (incidents.iter())
        .map(|incident| {
            (
                incident.id.as_str(),
                incident.names_it,
                incident.resolved.is_some(),
            )
        })
        .collect();
    assert_eq!(told, [("INC-8", true, false), ("INC-7", false, true)]);
    assert!(trace(&log, &digest('a')).artifacts[0].incidents.is_empty());
}

#[test]
fn gates_that_the_caller_looked_up_are_told() {
    let log = log(&history());
    let mut traced = trace(&log, &digest('b'));
    traced.gates.push(GateLine {
        group: "release".to_owned(),
        unit: "epr://history/app/1/1/any/oci".to_owned(),
        passes: false,
        enabled: true,
        missing: vec!["scan".to_owned()],
        failed: Vec::new(),
        outside: Vec::new(),
    });
    assert!(
        traced
            .text(4_000)
            .contains(" gate «release» CLOSED, missing «scan»")
    );
    assert_eq!(traced.json()["gates"][0]["missing"], json!(["scan"]));
}

#[test]
fn a_run_without_a_chain_is_found_by_its_task() {
    let mut events = history();
    for event in &mut events {
        event["context"].as_object_mut().unwrap().remove("chainId");
    }
    let log = log(&events);
    let lineage = &trace(&log, &digest('b')).artifacts[0];
    let run = lineage.made_by.as_ref().unwrap();
    assert!(
        matches!(&run.name, RunName::PipelineRun { id, .. } if id == "pr-b"),
        "{run:?}"
    );
    assert!(run.finished.is_some());
    assert_eq!(lineage.source.changes[0].id, "3");
}
