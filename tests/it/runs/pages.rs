//! Lists of runs, resources, prompts and completions about them.

use serde_json::{Value, json};

use super::cdevent;
use crate::mcp::client::{Server, fresh, text_of};

/// Twelve runs of two pipelines; every third fails, the last one does not end, one deploys.
fn record(server: &mut Server) {
    let mut events = Vec::new();
    for run in 0..12 {
        let id = format!("https://ci.example.com/runs/{}", 9000 + run);
        let name = if run % 2 == 0 { "web" } else { "api" };
        let at = |second: usize| format!("2026-11-{:02}T10:00:{second:02}Z", 1 + run);
        let content = json!({"pipelineName": name, "uri": id});
        let event = |kind: &str, second: usize, content: Value| {
            let event_id = format!("{run}-{kind}-{second}");
            cdevent(kind, &event_id, &at(second), &id, content)
        };
        events.push(event("pipelinerun.queued", 0, content.clone()));
        events.push(event("pipelinerun.started", 2, content.clone()));
        if run < 11 {
            let outcome = if run % 3 == 0 { "failure" } else { "success" };
            let mut content = content;
            content["outcome"] = json!(outcome);
            events.push(event("pipelinerun.finished", 30 + run, content));
        }
    }
    let answer = server.record("record_cdevent", json!({"events": events}));
    assert_eq!(answer["recorded"], 35, "{answer}");
}

fn ids(list: &Value) -> Vec<String> {
    let runs = list["runs"].as_array().unwrap();
    let id = |run: &Value| {
        run["id"]
            .as_str()
            .unwrap()
            .rsplit('/')
            .next()
            .unwrap()
            .to_owned()
    };
    runs.iter().map(id).collect()
}

#[test]
fn runs_are_listed_by_pipeline_status_and_time_page_by_page() {
    let (_keep, db) = fresh();
    let mut server = Server::on(&db);
    record(&mut server);
    let mut list = |mut arguments: Value| {
        arguments["format"] = json!("json");
        server.record("list_pipeline_runs", arguments)
    };
    let all = list(json!({"limit": 100}));
    assert_eq!(ids(&all)[0], "9011");
    assert_eq!(all["total"], 12);
    assert_eq!(
        ids(&list(json!({"pipeline": "web"}))),
        ["9010", "9008", "9006", "9004", "9002", "9000"]
    );
    assert_eq!(
        ids(&list(json!({"status": "failed"}))),
        ["9009", "9006", "9003", "9000"]
    );
    assert_eq!(
        ids(&list(json!({"status": "failed", "pipeline": "api"}))),
        ["9009", "9003"]
    );
    // It has been open for longer than a day, or will have been.
    let open = list(json!({"status": "running"}));
    assert_eq!(ids(&open), ["9011"]);
    assert_eq!(
        ids(&list(json!({"since": "2026-11-03", "until": "2026-11-05"}))),
        ["9004", "9003", "9002"]
    );
    let mut seen = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let page = list(json!({"limit": 5, "cursor": cursor}));
        seen.extend(ids(&page));
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(seen, ids(&all));
    let other = list(json!({"limit": 5}))["next_cursor"].clone();
    let refused = server.refusal(
        "list_pipeline_runs",
        json!({"pipeline": "web", "cursor": other}),
    );
    assert!(refused.contains("other arguments"), "{refused}");
}

#[test]
fn a_run_is_a_resource_and_can_be_completed() {
    let (_keep, db) = fresh();
    let mut server = Server::on(&db);
    record(&mut server);
    let read = |server: &mut Server, uri: &str| {
        let result = server
            .request("resources/read", json!({"uri": uri}))
            .unwrap();
        result["contents"][0].clone()
    };
    let json = read(&mut server, "epr://runs/9003");
    assert_eq!(json["mimeType"], "application/json");
    let story: Value = serde_json::from_str(json["text"].as_str().unwrap()).unwrap();
    assert_eq!(story["run"]["declared"], "failure", "{story}");
    let encoded = "epr://runs/https%3A%2F%2Fci.example.com%2Fruns%2F9003/timeline";
    let timeline = read(&mut server, encoded);
    assert_eq!(timeline["mimeType"], "text/plain");
    assert!(
        timeline["text"].as_str().unwrap().contains("pipelineRun"),
        "{timeline}"
    );
    let missing = server.request("resources/read", json!({"uri": "epr://runs/nope"}));
    assert!(missing.is_err());
    let complete = |server: &mut Server, reference: Value, begun: &str| {
        let params = json!({"ref": reference, "argument": {"name": "run", "value": begun}});
        let result = server.request("completion/complete", params).unwrap();
        result["completion"]["values"].clone()
    };
    let template = json!({"type": "ref/resource", "uri": "epr://runs/{run}"});
    let newest = complete(&mut server, template.clone(), "");
    assert_eq!(newest[0], "https://ci.example.com/runs/9011", "{newest}");
    let begun = complete(
        &mut server,
        template.clone(),
        "https://ci.example.com/runs/900",
    );
    assert_eq!(begun.as_array().unwrap().len(), 10);
    assert_eq!(complete(&mut server, template, "we"), json!(["web"]));
    let prompt = json!({"type": "ref/prompt", "name": "investigate_run"});
    let handle = story["run"]["run"].as_str().unwrap();
    assert_eq!(complete(&mut server, prompt, handle), json!([handle]));
}

#[test]
fn the_prompt_for_a_failed_run_has_its_story_in_it() {
    let (_keep, db) = fresh();
    let mut server = Server::on(&db);
    record(&mut server);
    let get = |server: &mut Server, run: &str| {
        let params = json!({"name": "investigate_run", "arguments": {"run": run}});
        server.request("prompts/get", params)
    };
    let got = get(&mut server, "9003").unwrap();
    let text = got["messages"][0]["content"]["text"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        text.contains("declared failure") && text.contains("fetch_event"),
        "{text}"
    );
    let several = get(&mut server, "api").unwrap();
    let text = several["messages"][0]["content"]["text"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(text.contains("6 runs fit «api» by pipeline"), "{text}");
    assert!(get(&mut server, "nope").is_err());
    assert!(get(&mut server, " ").is_err());
    let told = server.text("describe_registry", json!({}));
    assert!(
        told.contains("12 pipeline runs; pipelines: «api», «web»"),
        "{told}"
    );
    let list = text_of(&server.call_raw("list_pipeline_runs", json!({"limit": 2})));
    assert!(list.contains("There are more"), "{list}");
}
