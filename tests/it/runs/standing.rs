//! How runs stand in lists, and what leads to one.

use serde_json::{Value, json};

use super::cdevent;
use crate::mcp::client::{Server, fresh};

/// An event of a run of a pipeline.
fn of_run(kind: &str, run: &str, pipeline: &str, time: &str, mut content: Value) -> Value {
    content["pipelineName"] = json!(pipeline);
    cdevent(kind, &format!("{kind} of {run}"), time, run, content)
}

#[test]
fn stuck_runs_of_many_pipelines_are_listed_page_by_page() {
    let (_keep, db) = fresh();
    let mut server = Server::on(&db);
    let events: Vec<Value> = (0..25)
        .map(|n| {
            let time = format!("2025-11-01T10:00:{n:02}Z");
            let (run, pipeline) = (format!("pr-{n}"), format!("pipeline {n}"));
            of_run("pipelinerun.started", &run, &pipeline, &time, json!({}))
        })
        .collect();
    server.record("record_cdevent", json!({"events": events}));
    let mut seen = 0;
    let mut cursor = Value::Null;
    loop {
        let page = server.record(
            "list_pipeline_runs",
            json!({"status": "stuck", "limit": 100, "format": "json", "cursor": cursor}),
        );
        seen += page["runs"].as_array().unwrap().len();
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(seen, 25);
    let none = server.text("list_pipeline_runs", json!({"pipeline": "pipeline x"}));
    assert!(none.contains("no pipeline has that name"), "{none}");
    assert!(none.contains("«pipeline 0»"), "{none}");
}

#[test]
fn clocks_that_run_ahead_and_ends_without_an_outcome_are_told() {
    let (_keep, db) = fresh();
    let mut server = Server::on(&db);
    let ahead = |kind: &str, time: &str| {
        of_run(kind, "pr-ahead", "web", time, json!({"outcome": "failure"}))
    };
    let end = json!({"outcome": "who knows"});
    let events = [
        ahead("pipelinerun.started", "2095-11-01T10:00:00Z"),
        ahead("pipelinerun.finished", "2095-11-01T10:05:00Z"),
        of_run(
            "pipelinerun.finished",
            "pr-odd",
            "web",
            "2025-11-01T10:00:00Z",
            end,
        ),
        of_run(
            "pipelinerun.queued",
            "pr-queued",
            "web",
            "2025-11-01T10:00:00Z",
            json!({}),
        ),
    ];
    server.record("record_cdevent", json!({"events": events}));
    let failed = server.text("list_pipeline_runs", json!({"status": "failed"}));
    assert!(failed.contains("failure after 5 m"), "{failed}");
    assert!(failed.contains("its clock runs ahead"), "{failed}");
    assert!(
        failed.contains("«pr-odd»") && !failed.contains("«pr-queued»"),
        "{failed}"
    );
    let queued = server.text("list_pipeline_runs", json!({"status": "queued"}));
    assert!(queued.contains("«pr-queued»"), "{queued}");
    let since = server.text("list_pipeline_runs", json!({"since": "2025-01-01"}));
    assert!(
        since.contains("choose runs by their first event"),
        "{since}"
    );
}

#[test]
fn a_run_is_found_by_a_page_of_it_and_by_what_its_events_only_refer_to() {
    let (_keep, db) = fresh();
    let mut server = Server::on(&db);
    let url = "https://ci.example.com/o/a/runs/77001";
    let uri = "https://ci.example.com/tasks/compile/3";
    let (start, end) = ("2026-11-01T10:00:00Z", "2026-11-01T10:01:00Z");
    let task = json!({"pipelineRun": {"id": url}, "uri": uri, "outcome": "success"});
    let built =
        json!({"artifactId": "pkg:oci/a@1", "change": {"id": "gerrit-4711", "source": "/git"}});
    let events = [
        of_run("pipelinerun.started", url, "web", start, json!({})),
        of_run("taskrun.finished", "compile", "web", end, task),
        of_run("artifact.packaged", "pkg:oci/a@1", "web", end, built),
    ];
    server.record("record_cdevent", json!({"events": events}));
    for anchor in [
        url.to_owned(),
        format!("{url}/"),
        format!("{url}/job/1"),
        format!("{url}/attempts/1?check=2"),
        "run #77001".to_owned(),
        uri.to_owned(),
    ] {
        let story = server.text("correlate_pipeline_run", json!({"anchor": anchor}));
        assert!(
            story.contains(&format!("pipelineRun «{url}»")),
            "{anchor}: {story}"
        );
    }
    let change = server.text("correlate_pipeline_run", json!({"anchor": "gerrit-4711"}));
    assert!(change.contains("Source: change «gerrit-4711»"), "{change}");
    let none = server.refusal(
        "correlate_pipeline_run",
        json!({"anchor": "https://ci.example.com/o/b"}),
    );
    assert!(none.contains("There is no run"), "{none}");
}
