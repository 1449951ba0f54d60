//! The events that the workshop's generator makes: four services, one id for everything.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{anomalies, contexts, ingest, story, summary};
use crate::mcp::client::{Server, fresh};

const SERVICES: [&str; 4] = ["foo", "bar", "baz", "qux"];

/// The eleven events of one service, in the order in which the generator sends them: the run is said to
/// have started before it is said to wait, and one id names everything.
fn events(service: &str, number: usize) -> Vec<Value> {
    let purl = format!(
        "pkg:oci/{service}@sha256%3A{}",
        format!("{number:x}").repeat(64)
    );
    let chain = format!("01HX{number}ABCDEFGHJKMNPQRSTVWXYZ");
    let bad = number % 2 == 1;
    let environment = json!({"id": "production"});
    let id = format!("{service}-1.0.0");
    let contents = [
        (
            "pipelinerun.started",
            "pipelineRun",
            id.clone(),
            json!({"pipelineName": service, "url": "https://ci.example.com/1"}),
        ),
        (
            "pipelinerun.queued",
            "pipelineRun",
            id.clone(),
            json!({"pipelineName": service, "url": "https://ci.example.com/1"}),
        ),
        ("build.queued", "build", id.clone(), json!({})),
        (
            "build.started",
            "build",
            id.clone(),
            json!({"artifactId": purl}),
        ),
        (
            "build.finished",
            "build",
            id.clone(),
            json!({"artifactId": purl}),
        ),
        (
            "artifact.packaged",
            "artifact",
            purl.clone(),
            json!({"change": {"id": purl, "source": "https://git.example.com"}}),
        ),
        (
            "testsuiterun.started",
            "testSuiteRun",
            id.clone(),
            json!({"environment": environment, "testSuite": {"id": "smoke"}}),
        ),
        (
            "testcaserun.finished",
            "testCaseRun",
            "myTestCaseRun123".to_owned(),
            json!({"outcome": "pass", "environment": environment}),
        ),
        (
            "testsuiterun.finished",
            "testSuiteRun",
            id.clone(),
            json!({"outcome": if bad { "fail" } else { "pass" }, "environment": environment}),
        ),
        (
            "service.deployed",
            "service",
            id.clone(),
            json!({"environment": environment, "artifactId": purl}),
        ),
        (
            "pipelinerun.finished",
            "pipelineRun",
            id.clone(),
            json!({"outcome": "pass", "pipelineName": service, "url": "https://ci.example.com/1"}),
        ),
    ];
    let event = |(at, (kind, subject_type, subject, content)): (
        usize,
        &(&str, &str, String, Value),
    )| {
        json!({
            "name": service, "version": "1.0.0", "release": "2026.11.01", "platform_id": "x64-linux-oci-2",
            "package": "oci", "description": "made by a generator", "success": true,
            "payload": {
                "context": {
                    "version": "0.4.1", "id": format!("{service}-{at}"), "chainId": chain,
                    "source": format!("urn:generator:{service}"), "type": format!("dev.cdevents.{kind}.0.2.0"),
                    "timestamp": format!("2026-11-01T10:{number:02}:{at:02}Z"),
                },
                "subject": {"id": subject, "type": subject_type, "content": content},
            },
        })
    };
    contents.iter().enumerate().map(event).collect()
}

#[test]
fn forty_four_events_are_four_runs_of_eleven_with_their_traps_named() {
    let (_keep, db) = fresh();
    let mut lines = String::new();
    for (number, service) in SERVICES.iter().enumerate() {
        for event in events(service, number + 1) {
            let _ = writeln!(lines, "{event}");
        }
    }
    let counted = summary(&ingest(&db, lines.as_bytes(), &[]));
    assert_eq!(counted["recorded"], 44);
    // build.started has no artifactId in any version.
    assert_eq!(
        (&counted["conforming"], &counted["deviating"]),
        (&40.into(), &4.into())
    );
    let mut server = Server::on(&db);
    for (number, service) in SERVICES.iter().enumerate() {
        let expected: BTreeSet<String> = (0..11).map(|at| format!("{service}-{at}")).collect();
        let told = story(&mut server, &format!("{service}-1.0.0"), "events anomalies");
        let found: BTreeSet<String> = contexts(&told).into_iter().collect();
        assert_eq!(found, expected);
        let odd = anomalies(&told);
        let mut traps = vec![
            "started_before_queued",
            "change_is_artifact",
            "nonconformant",
            "shared_subject_id",
        ];
        if (number + 1) % 2 == 1 {
            traps.extend(["rollup_conflict", "outcome_vs_epr_success"]);
        }
        for trap in traps {
            assert!(
                odd.iter().any(|code| code == trap),
                "{service}: {trap} in {odd:?}"
            );
        }
    }
    let list = server.record("list_pipeline_runs", json!({"format": "json"}));
    assert_eq!(list["total"], 4, "{list}");
    for run in list["runs"].as_array().unwrap() {
        assert_eq!(run["events"], 11, "{run}");
    }
}
