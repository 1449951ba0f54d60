//! Documents of the field, read from the corpus that `EPR_FIXTURES` names.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::*;
use crate::correlate::facts::{Reference, Target};
use crate::correlate::http::{Mode, binary_to_structured, mode, split};
use crate::correlate::key::{Role, edges};
use crate::correlate::repair;

mod documents;

/// The corpus, or nothing when there is none.
fn corpus(checks: usize) -> Option<PathBuf> {
    let root = std::env::var_os("EPR_FIXTURES").map(PathBuf::from);
    if root.is_none() {
        println!("left out: {checks} corpus checks, EPR_FIXTURES is not set");
    }
    root
}

#[expect(clippy::disallowed_methods, reason = "a test outside any runtime")]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn value(path: &Path) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "json"))
        .collect();
    files.sort();
    files
}

fn facts(payload: &Value) -> Facts {
    let facts = decode(payload, &Hint::default()).unwrap_or_else(|| panic!("opaque: {payload}"));
    let json = serde_json::to_string(&facts).unwrap();
    assert_eq!(serde_json::from_str::<Facts>(&json).unwrap(), facts);
    facts
}

fn codes(facts: &Facts) -> Vec<&str> {
    facts.notes.iter().map(|note| note.code.as_str()).collect()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// What a conforming CDEvent refers to, counted out of the document itself.
fn expected_references(event: &Value) -> Vec<(Role, Value)> {
    let mut expected = Vec::new();
    let content = &event["subject"]["content"];
    for name in ["pipelineRun", "testSuiteRun", "testCaseRun"] {
        if let Some(to) = content.get(name) {
            let to = json!({"t": name.to_lowercase(), "i": to["id"], "s": to["source"]});
            expected.push((Role::Member, to));
        }
    }
    if let Some(to) = content.get("change") {
        expected.push((
            Role::From,
            json!({"t": "change", "i": to["id"], "s": to["source"]}),
        ));
    }
    for link in event["context"]["links"].as_array().into_iter().flatten() {
        let (role, end) = match link["linkType"].as_str().unwrap() {
            "PATH" => (Role::Path, &link["from"]),
            "END" => (Role::End, &link["from"]),
            _ => (Role::Relation, &link["target"]),
        };
        expected.push((role, end["contextId"].clone()));
    }
    if let Some(uri) = content
        .get("ticketURI")
        .or(content.get("resourceTargetUrl"))
    {
        expected.push((Role::Relation, uri.clone()));
    }
    if event["context"]["type"]
        .as_str()
        .unwrap()
        .contains(".ticket.")
    {
        expected.push((Role::Own, content["uri"].clone()));
    }
    if event["context"]["type"]
        .as_str()
        .unwrap()
        .contains(".pipelinerun.")
    {
        let uri = content.get("uri").or(content.get("url"));
        expected.extend(uri.map(|uri| (Role::Context, uri.clone())));
    }
    expected
}

fn shown(reference: &Reference) -> (Role, Value) {
    let target = match &reference.target {
        Target::Event(id) => json!(id),
        Target::Resource(uri) => json!(uri),
        Target::Subject(to) => json!({"t": to.kind, "i": to.id, "s": to.source}),
        Target::Commit { sha, .. } => json!(sha),
    };
    (reference.role, target)
}

fn sorted(mut references: Vec<(Role, Value)>) -> Vec<String> {
    references.sort_by_key(|reference| format!("{reference:?}"));
    references
        .iter()
        .map(|reference| format!("{reference:?}"))
        .collect()
}

#[test]
fn examples_of_every_version_are_read_whole() {
    let Some(root) = corpus(54) else { return };
    let mut seen = 0;
    for folder in ["v0.3.0", "v0.4.0", "v0.4", "v0.5", "v0.6-draft"] {
        for path in json_files(&root.join("cdevents").join(folder)) {
            let event = value(&path);
            let facts = facts(&event);
            let at = path.display();
            let stem = path.file_stem().unwrap().to_str().unwrap();
            assert_eq!(
                format!("{}_{}", facts.subject, facts.predicate),
                stem,
                "{at}"
            );
            let context = &event["context"];
            assert_eq!(facts.kind, DocumentKind::CdEvent);
            assert_eq!(facts.id, text(&context["id"]), "{at}");
            assert_eq!(facts.source, text(&context["source"]), "{at}");
            assert_eq!(
                Some(facts.type_name.clone()),
                text(&context["type"]),
                "{at}"
            );
            let time = repair::timestamp(context["timestamp"].as_str().unwrap()).unwrap();
            assert_eq!(facts.at(), Some(time.value), "{at}");
            let chain = context.get("chainId").or(context.get("chain_id"));
            assert_eq!(facts.chain, chain.and_then(text), "{at}");
            let spec = context.get("specversion").or(context.get("version"));
            assert_eq!(facts.spec, spec.and_then(text), "{at}");
            let about = facts.about.as_ref().unwrap();
            assert_eq!(about.kind, facts.subject, "{at}");
            assert_eq!(
                Some(about.id.clone()),
                text(&event["subject"]["id"]),
                "{at}"
            );
            assert_eq!(about.source, text(&event["subject"]["source"]), "{at}");
            let references = facts.references.iter().map(shown).collect();
            assert_eq!(
                sorted(references),
                sorted(expected_references(&event)),
                "{at}"
            );
            let inner = &event["subject"]["content"];
            assert_eq!(
                facts.outcome.is_some(),
                inner.get("outcome").is_some() || facts.predicate == "skipped",
                "{at}"
            );
            if facts.subject != "environment" {
                assert_eq!(
                    facts.context.environment,
                    text(&inner["environment"]["id"]),
                    "{at}"
                );
            }
            let named = inner
                .get("artifactId")
                .or((facts.subject == "artifact").then(|| &event["subject"]["id"]));
            assert_eq!(facts.artifacts.len(), usize::from(named.is_some()), "{at}");
            for artifact in &facts.artifacts {
                assert!(
                    artifact.purl.as_deref().unwrap().starts_with("pkg:"),
                    "{at}"
                );
                assert_eq!(
                    artifact.digest.is_some(),
                    artifact.id.contains("sha256"),
                    "{at}"
                );
                assert_eq!(artifact.sbom.is_some(), inner.get("sbom").is_some(), "{at}");
                assert_eq!(
                    artifact.signature.is_some(),
                    inner.get("signature").is_some(),
                    "{at}"
                );
            }
            let notes: &[&str] = if folder == "v0.4.0" {
                &["snake_case_links"]
            } else {
                &[]
            };
            assert_eq!(codes(&facts), notes, "{at}");
            seen += 1;
        }
    }
    assert_eq!(seen, 54);
}

#[test]
fn the_tutorials_event_says_everything_that_a_person_sees_in_it() {
    let Some(root) = corpus(1) else { return };
    let facts = facts(&value(
        &root.join("cdevents/seed/taskrun_finished.cloudevent.json"),
    ));
    assert!(facts.is("taskrun", "finished"));
    assert_eq!(
        facts.source.as_deref(),
        Some("https://cd.example.com/build-system")
    );
    assert_eq!(
        facts.at().unwrap().to_string(),
        "2025-08-20T14:30:25.123456Z"
    );
    assert_eq!(facts.name.as_deref(), Some("build-container-image"));
    assert_eq!(facts.outcome, Some(crate::domain::run::RunOutcome::Success));
    assert_eq!(
        facts.reason.as_deref(),
        Some("Container image built successfully")
    );
    assert_eq!(
        facts.uri.as_deref(),
        Some("https://cd.example.com/builds/my-app/12345")
    );
    let repository = "https://github.com/my-org/my-app";
    assert_eq!(
        serde_json::to_value(&facts.references).unwrap(),
        json!([
            {"r": "member", "to": {"subject": {"t": "pipelinerun", "i": "https://cd.example.com/pipelines/pr-456789"}}},
            {"r": "relation", "to": {"resource": format!("{repository}/commit/a1b2c3d4e5f6")}, "n": "trigger"},
            {"r": "relation", "to": {"commit": {"repository": repository, "sha": "a1b2c3d4e5f6"}}, "n": "trigger"},
            {"r": "from", "to": {"commit": {"repository": repository, "sha": "a1b2c3d4e5f6789012345678901234567890abcd"}}},
        ])
    );
    let digest = "sha256:742c4b6f6b4d4f4e4d4c4b4a4948474645464544434241403938373635343332";
    assert_eq!(
        serde_json::to_value(&facts.artifacts).unwrap(),
        json!([{
            "r": "produces",
            "id": format!("registry.example.com/my-app:a1b2c3d@{digest}"),
            "digest": digest,
            "name": "my-app",
            "tags": ["my-app:a1b2c3d", "my-app:latest", "my-app:main"],
            "signature": "cosign-key-1",
            "sbom": {"uri": "https://artifacts.example.com/sbom/my-app-a1b2c3d.spdx.json", "format": "spdx-json"},
            "size": 234_567_890,
        }])
    );
    assert_eq!(
        serde_json::to_value(&facts.context).unwrap(),
        json!({"repository": repository, "branch": "main", "user": "jane.developer@example.com"})
    );
    let details = facts.details.as_deref().unwrap();
    assert_eq!(details.system.as_deref(), Some("tekton"));
    assert_eq!(details.node.as_deref(), Some("build-node-03"));
    assert_eq!(details.duration.as_deref(), Some("2m34s"));
    assert_eq!(details.platform.as_deref(), Some("linux/amd64"));
    let steps: Vec<_> = details
        .steps
        .iter()
        .map(|step| (step.name.as_str(), step.duration.as_deref(), step.exit_code))
        .collect();
    assert_eq!(
        steps,
        [
            ("git-clone", Some("12s"), Some(0)),
            ("build-image", Some("2m15s"), Some(0)),
            ("push-image", Some("7s"), Some(0))
        ]
    );
    assert_eq!(details.arguments.len(), 2);
    assert_eq!(details.labels.len(), 5);
    let scan = details.scan.as_ref().unwrap();
    assert_eq!(scan.scanner.as_deref(), Some("trivy-v0.44.0"));
    assert_eq!(scan.counts.iter().map(|(_, count)| count).sum::<i64>(), 11);
    let other: Vec<_> = details
        .other
        .iter()
        .map(|(path, _)| path.as_str())
        .collect();
    assert_eq!(
        other,
        [
            "buildSteps.1.image",
            "buildSteps.1.command",
            "buildSteps.2.registry",
            "artifacts.0.type",
            "artifacts.0.mediaType",
            "artifacts.0.registry.url",
            "artifacts.0.registry.namespace",
            "artifacts.0.createdAt",
            "artifacts.0.signature.algorithm",
            "security.scanResults.scanTime",
        ]
    );
    assert_eq!(details.left_out, 0);
    assert_eq!(
        codes(&facts),
        [
            "timestamp_repaired",
            "nulls_dropped",
            "links_object_dialect",
            "digest_repaired"
        ]
    );
}

#[test]
fn the_flat_documents_of_the_tutorial_hang_together() {
    let Some(root) = corpus(7) else { return };
    let text = read(&root.join("cdevents/seed/pipeline_flat.ndjson"));
    let events: Vec<Facts> = text
        .lines()
        .map(|line| facts(&serde_json::from_str(line).unwrap()))
        .collect();
    assert_eq!(events.len(), 6);
    for facts in &events {
        assert_eq!(codes(facts), ["flat_dialect"], "{}", facts.type_name);
        assert_eq!(facts.spec.as_deref(), Some("0.4.0"));
        assert!(facts.id.is_some() && facts.source.is_some() && facts.time.is_some());
    }
    // Each meets the one before it: by the commit, the build, the artifact's digest, the deployment.
    for (first, second) in [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)] {
        let keys = |at: usize| {
            edges(&events[at])
                .into_iter()
                .filter(|edge| !edge.kind.is_hub())
        };
        let shared = keys(first).any(|one| keys(second).any(|other| one.key == other.key));
        assert!(shared, "{first} {second}");
    }
    assert_eq!(
        events[0].context.user.as_deref(),
        Some("developer@example.com")
    );
    assert_eq!(events[2].artifacts[0].role, Role::Own);
    assert_eq!(
        events[3].outcome,
        Some(crate::domain::run::RunOutcome::Success)
    );
    assert_eq!(
        events[3].reason.as_deref(),
        Some("No critical vulnerabilities found")
    );
    assert_eq!(events[3].artifacts[0].role, Role::Uses);
    assert_eq!(events[4].context.environment.as_deref(), Some("staging"));
    assert_eq!(events[4].about.as_ref().unwrap().id, "staging");
    let broker = facts(&value(&root.join("cdevents/seed/mini_broker_flat.json")));
    assert_eq!(codes(&broker), ["flat_dialect", "digest_unreadable"]);
    assert_eq!(broker.artifacts[0].id, "registry.example.com/my-app:abc123");
    assert_eq!(broker.artifacts[0].digest, None);
}

#[test]
fn streams_are_read_without_a_doubt_and_their_tasks_name_their_run() {
    let Some(root) = corpus(461) else { return };
    let mut seen = 0;
    for (file, chained) in [
        ("01-chain-unique-nvrpp", true),
        ("02-nochain-shared-nvrpp", false),
        ("03-anomalies", true),
    ] {
        let text = read(&root.join(format!("cdevents/streams/{file}.ndjson")));
        for line in text.lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            let facts = facts(&event["payload"]);
            seen += 1;
            assert_eq!(codes(&facts), [""; 0], "{line}");
            assert_eq!(facts.chain.is_some(), chained, "{line}");
            assert!(facts.time.is_some() && facts.about.is_some(), "{line}");
            let member = |kind: &str| {
                facts.references.iter().any(|reference| {
                    matches!(&reference.target, Target::Subject(to) if reference.role == Role::Member && to.kind == kind)
                })
            };
            match facts.subject.as_str() {
                "taskrun" => assert!(member("pipelinerun"), "{line}"),
                "testcaserun" => assert!(member("testsuiterun"), "{line}"),
                "artifact" => assert!(facts.artifacts[0].digest.is_some(), "{line}"),
                "service" => assert_eq!(facts.artifacts[0].role, Role::Uses, "{line}"),
                _ => {}
            }
        }
    }
    assert_eq!(seen, 461);
}
