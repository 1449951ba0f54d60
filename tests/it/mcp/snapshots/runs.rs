//! What an assistant reads of pipeline runs.

use super::{Conversation, tokens};
use serde_json::{Value, json};

const IMAGE: &str = "pkg:oci/shop@sha256%3A0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427?tag=1.4";

/// The events of a run: of each its kind, when it happened (seconds after ten o'clock), its subject and
/// content.
fn run(number: u32, events: &[(&str, u32, &str, Value)]) -> Vec<Value> {
    events
        .iter()
        .enumerate()
        .map(|(at, (kind, seconds, subject, content))| {
            let (minute, second) = (seconds / 60, seconds % 60);
            json!({
                "context": {
                    "specversion": "0.5.1", "id": format!("{number}-{at}"), "source": "https://ci.example.com/shop",
                    "type": format!("dev.cdevents.{kind}.0.3.0"), "chainId": format!("chain-{number}"),
                    "timestamp": format!("2026-11-22T08:{minute:02}:{second:02}Z"),
                },
                "subject": {"id": subject, "content": content},
            })
        })
        .collect()
}

fn failed() -> Vec<Value> {
    let run_7 = json!({"id": "shop/7"});
    run(
        7,
        &[
            (
                "change.merged",
                0,
                "31",
                json!({"repository": {"id": "shop"}}),
            ),
            (
                "pipelinerun.queued",
                10,
                "shop/7",
                json!({"pipelineName": "shop"}),
            ),
            (
                "pipelinerun.started",
                20,
                "shop/7",
                json!({"pipelineName": "shop"}),
            ),
            (
                "taskrun.started",
                21,
                "shop/7/test",
                json!({"taskName": "test", "pipelineRun": run_7}),
            ),
            (
                "testsuiterun.started",
                22,
                "unit-7",
                json!({"environment": {"id": "ci"}}),
            ),
            (
                "testsuiterun.finished",
                80,
                "unit-7",
                json!({"environment": {"id": "ci"}, "outcome": "failure", "severity": "high", "reason": "3 of 120 failed"}),
            ),
            (
                "taskrun.finished",
                82,
                "shop/7/test",
                json!({"taskName": "test", "pipelineRun": run_7, "outcome": "failure", "errors": "exit code 1"}),
            ),
            (
                "pipelinerun.finished",
                83,
                "shop/7",
                json!({"pipelineName": "shop", "outcome": "failure", "errors": "task test failed"}),
            ),
        ],
    )
}

fn good() -> Vec<Value> {
    let run_8 = json!({"id": "shop/8"});
    run(
        8,
        &[
            (
                "change.merged",
                1_200,
                "32",
                json!({"repository": {"id": "shop"}}),
            ),
            (
                "pipelinerun.queued",
                1_210,
                "shop/8",
                json!({"pipelineName": "shop"}),
            ),
            (
                "pipelinerun.started",
                1_215,
                "shop/8",
                json!({"pipelineName": "shop"}),
            ),
            ("build.started", 1_220, "b-8", json!({})),
            ("build.finished", 1_300, "b-8", json!({"artifactId": IMAGE})),
            (
                "artifact.packaged",
                1_301,
                IMAGE,
                json!({"change": {"id": "32"}}),
            ),
            (
                "taskrun.started",
                1_310,
                "shop/8/deploy",
                json!({"taskName": "deploy", "pipelineRun": run_8}),
            ),
            (
                "service.deployed",
                1_340,
                "shop",
                json!({"environment": {"id": "production"}, "artifactId": IMAGE}),
            ),
            (
                "taskrun.finished",
                1_345,
                "shop/8/deploy",
                json!({"taskName": "deploy", "pipelineRun": run_8, "outcome": "success"}),
            ),
            (
                "pipelinerun.finished",
                1_346,
                "shop/8",
                json!({"pipelineName": "shop", "outcome": "success"}),
            ),
        ],
    )
}

#[tokio::test]
async fn answers_about_pipeline_runs() {
    let mut conversation = Conversation::begin().await;
    let mut odd = failed().remove(6);
    odd["context"]["id"] = json!("odd");
    odd["subject"]["content"]["outcome"] = json!("meh");
    // Whether what is recorded lasts is told once, and differs between engines.
    let receiver = json!({"name": "any", "type": "acme.any", "version": "1", "description": "d", "schema_name": "any"});
    conversation.call("create_receiver", receiver).await;
    let calls = [
        (
            "record_one",
            "record_cdevent",
            json!({"events": failed().remove(0)}),
        ),
        ("record_run", "record_cdevent", json!({"events": failed()})),
        (
            "record_several",
            "record_cdevent",
            json!({"events": [odd, {"a": 1}]}),
        ),
        ("record_good", "record_cdevent", json!({"events": good()})),
        (
            "run_failed",
            "correlate_pipeline_run",
            json!({"anchor": "7"}),
        ),
        (
            "run_good",
            "correlate_pipeline_run",
            json!({"anchor": "shop/8"}),
        ),
        (
            "run_timeline",
            "correlate_pipeline_run",
            json!({"anchor": "7", "include": "timeline"}),
        ),
        (
            "run_missing",
            "correlate_pipeline_run",
            json!({"anchor": "shop/9"}),
        ),
        ("runs", "list_pipeline_runs", json!({"pipeline": "shop"})),
        (
            "runs_none",
            "list_pipeline_runs",
            json!({"status": "stuck"}),
        ),
        ("trace_tag", "trace_artifact", json!({"anchor": "shop:1.4"})),
        (
            "trace_production",
            "trace_artifact",
            json!({"anchor": "environment:production"}),
        ),
        (
            "metrics",
            "delivery_metrics",
            json!({"since": "2026-11-21"}),
        ),
    ];
    for (name, tool, arguments) in calls {
        let text = conversation.call(tool, arguments).await;
        println!("{name}: {} tokens", tokens(&text));
        assert!(tokens(&text) < 1_500, "{name} has {} tokens", tokens(&text));
        insta::assert_snapshot!(name, text);
    }
}
