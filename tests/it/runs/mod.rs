//! CDEvents go in as they are, and the story of a pipeline run comes out: through the real binary, on
//! the engine that the tests run on.

mod delivering;
mod exporting;
mod gates;
mod ingesting;
mod pages;
mod recording;
mod standing;
mod streams;
mod workshop;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::mcp::client::{Server, Setup};

/// A folder of the corpus, or `None` with a line that says what was left out.
fn fixtures(what: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("EPR_FIXTURES").map(PathBuf::from);
    if folder.is_none() {
        println!("left out: {what}: EPR_FIXTURES is not set");
    }
    folder
}

/// Ingests what is given on stdin.
fn ingest(db: &Path, input: &[u8], arguments: &[&str]) -> Output {
    let mut all = vec!["ingest", "-", "--quiet"];
    all.extend(arguments);
    let mut command = Setup::new(db).tool(&all, &[]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // Who refuses may not read to the end.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// What `ingest` counted.
fn summary(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!(
            "{error}: {text} {}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

/// A CDEvent of version 0.5.1.
fn cdevent(kind: &str, id: &str, at: &str, subject: &str, content: Value) -> Value {
    json!({
        "context": {
            "specversion": "0.5.1", "id": id, "source": "https://ci.example.com", "timestamp": at,
            "type": format!("dev.cdevents.{kind}.0.3.0"),
        },
        "subject": {"id": subject, "content": content},
    })
}

/// The story of a run as JSON, with these sections.
fn story(server: &mut Server, anchor: &str, include: &str) -> Value {
    let arguments =
        json!({"anchor": anchor, "include": include, "format": "json", "detail": "full"});
    server.record("correlate_pipeline_run", arguments)
}

/// The events of a run by the ids of their contexts.
fn contexts(story: &Value) -> Vec<String> {
    let events = story["events"].as_array();
    let events = events.unwrap_or_else(|| panic!("no events in {story}"));
    let id = |event: &Value| event["context_id"].as_str().unwrap().to_owned();
    events.iter().map(id).collect()
}

/// The codes of what is odd about a run.
fn anomalies(story: &Value) -> Vec<String> {
    let all = story["anomalies"].as_array().cloned().unwrap_or_default();
    let code = |anomaly: &Value| anomaly["code"].as_str().unwrap().to_owned();
    all.iter().map(code).collect()
}
