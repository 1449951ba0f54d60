//! Starts what an entry names as a client would, and asks it for its tools and its registry.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use crate::cli::conversation::Conversation;
use crate::mcp::client_config::Launch;

/// How long a server may take to end by itself once nobody talks to it.
const FAREWELL: Duration = Duration::from_secs(3);
/// Between two looks at a registry that is being opened.
const PAUSE: Duration = Duration::from_millis(100);
/// The tool that tells of the registry.
const DESCRIBE: &str = "describe_registry";
/// Bytes of what it wrote to stderr that are kept.
const KEPT: usize = 16 * 1024;
/// Lines of them that are shown.
const SHOWN: usize = 12;
/// Pages of tools that are asked for.
const PAGES: usize = 50;

/// What was seen of a server.
#[derive(Debug)]
pub(super) struct Proof {
    /// The number of tools that it offers.
    pub(super) tools: usize,
    /// Where its registry is, which was open; or why that cannot be used.
    pub(super) registry: Result<String, String>,
}

/// Starts it, asks it for its tools and its registry, and lets it end.
///
/// # Errors
///
/// Why it cannot be talked to, with the last that it wrote to stderr.
pub(super) async fn prove(launch: &Launch, patience: Duration) -> anyhow::Result<Proof> {
    let mut command = Command::new(&launch.command);
    // What is set here may be unset where the client runs.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("EPR_") || text.starts_with("PG") {
            command.env_remove(name);
        }
    }
    let mut child = command
        .args(&launch.args)
        .envs(launch.env.iter().map(|(name, value)| (name, value)))
        // Nor does a client start it in this folder.
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{} does not start", launch.command))?;
    let words = child.stderr.take().map(|stderr| tokio::spawn(tail(stderr)));
    let talked = talk(&mut child, patience).await;
    // Its input has ended: it closes its database and goes.
    let ended = timeout(FAREWELL, child.wait()).await;
    if ended.is_err() {
        // Killed and waited for: nothing stays behind.
        child.kill().await.context("it could not be ended")?;
    }
    match talked {
        Ok(proof) => Ok(proof),
        Err(error) => Err(explained(error, ended.ok(), words).await),
    }
}

type Talk = Conversation<ChildStdout, ChildStdin>;

async fn talk(child: &mut Child, patience: Duration) -> anyhow::Result<Proof> {
    let until = Instant::now() + patience;
    let (mut conversation, tools) = match timeout_at(until, begun(child)).await {
        Ok(begun) => begun?,
        Err(_) => bail!("it gave no answer within {} seconds", patience.as_secs()),
    };
    let by_tool = tools.iter().any(|name| name == DESCRIBE);
    let registry = match timeout_at(until, registry(&mut conversation, by_tool)).await {
        Ok(registry) => registry,
        Err(_) => Err(format!("it was not open after {} s", patience.as_secs())),
    };
    // One that has ended has been told of.
    let _ = conversation.close().await;
    Ok(Proof {
        tools: tools.len(),
        registry,
    })
}

/// The conversation and the names of the tools.
async fn begun(child: &mut Child) -> anyhow::Result<(Talk, Vec<String>)> {
    let (Some(read), Some(write)) = (child.stdout.take(), child.stdin.take()) else {
        bail!("it has no pipes");
    };
    let mut conversation = Conversation::open(read, write, "epr-mcp install").await?;
    let mut names = Vec::new();
    let mut params = json!({});
    for _ in 0..PAGES {
        let page = conversation.request("tools/list", params).await?;
        let tools = page.get("tools").and_then(Value::as_array);
        let tools = tools.context("tools/list has no tools in its answer")?;
        names.extend(tools.iter().map(|tool| {
            let name = tool.get("name").and_then(Value::as_str);
            name.unwrap_or_default().to_owned()
        }));
        match page.get("nextCursor") {
            Some(cursor) if !cursor.is_null() => params = json!({ "cursor": cursor }),
            _ => break,
        }
    }
    Ok((conversation, names))
}

/// Where the registry is, once it is open. The tools are listed before that.
async fn registry(conversation: &mut Talk, by_tool: bool) -> Result<String, String> {
    loop {
        let answer = if by_tool {
            let call = json!({"name": DESCRIBE, "arguments": {"format": "json"}});
            conversation.request("tools/call", call).await
        } else {
            let read = json!({"uri": "epr://overview"});
            conversation.request("resources/read", read).await
        };
        match seen(&answer.map_err(|error| plainly(&error.to_string()))?) {
            Seen::Open(location) => return Ok(location),
            Seen::Broken(why) => return Err(plainly(&why)),
            Seen::Opening => tokio::time::sleep(PAUSE).await,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Open(String),
    Opening,
    Broken(String),
}

/// What a description of the registry says of it.
fn seen(answer: &Value) -> Seen {
    let text = ["/content/0/text", "/contents/0/text"]
        .iter()
        .find_map(|place| answer.pointer(place)?.as_str())
        .unwrap_or_default();
    if answer.get("isError").and_then(Value::as_bool) == Some(true) {
        return Seen::Broken(text.to_owned());
    }
    let facts: Value = serde_json::from_str(text).unwrap_or_default();
    let fact = |place: &str| facts.pointer(place).and_then(Value::as_str);
    match (fact("/problem"), fact("/storage/location")) {
        (Some(_), _) if fact("/storage/state") == Some("opening") => Seen::Opening,
        (Some(problem), _) => Seen::Broken(problem.to_owned()),
        (None, Some(location)) => Seen::Open(location.to_owned()),
        (None, None) => Seen::Broken("it does not say where it keeps it".to_owned()),
    }
}

/// Without what is said already.
fn plainly(why: &str) -> String {
    let why = why.strip_prefix("resources/read failed: ").unwrap_or(why);
    let why = why
        .strip_prefix("The database cannot be used: ")
        .unwrap_or(why);
    // That speaks of a record.
    let retry = " Then retry: nothing was written.";
    why.strip_suffix(retry).unwrap_or(why).to_owned()
}

async fn explained(
    error: anyhow::Error,
    ended: Option<std::io::Result<std::process::ExitStatus>>,
    words: Option<JoinHandle<Vec<u8>>>,
) -> anyhow::Error {
    let mut told = format!("{error:#}");
    if let Some(Ok(status)) = ended {
        told = format!("{told} ({status})");
    }
    let words = match words {
        Some(words) => timeout(FAREWELL, words).await,
        None => return anyhow!(told),
    };
    let Ok(Ok(words)) = words else {
        return anyhow!(told);
    };
    let words = String::from_utf8_lossy(&words);
    let lines: Vec<&str> = words
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    for line in lines.iter().skip(lines.len().saturating_sub(SHOWN)) {
        told = format!("{told}\n  | {line}");
    }
    anyhow!(told)
}

/// The end of what is written, however much it is.
async fn tail(mut from: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(count) = from.read(&mut chunk).await {
        if count == 0 {
            break;
        }
        kept.extend_from_slice(chunk.get(..count).unwrap_or_default());
        let over = kept.len().saturating_sub(KEPT);
        kept.drain(..over);
    }
    kept
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    async fn told(script: &str) -> String {
        let launch = Launch::new("/bin/sh", &["-c", script]);
        let error = prove(&launch, Duration::from_secs(1)).await.unwrap_err();
        format!("{error:#}")
    }

    #[tokio::test]
    async fn a_program_that_says_nothing_is_given_up_and_ended() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let told = told(&format!("echo $$ > {}; exec sleep 600", file.display())).await;
        assert!(told.contains("no answer within 1 second"), "{told}");
        let pid = tokio::fs::read_to_string(file).await.unwrap();
        let there = |pid: &str| {
            let signal = format!("kill -0 {pid}");
            let mut shell = std::process::Command::new("/bin/sh");
            let shell = shell.args(["-c", &signal]).stderr(Stdio::null());
            shell.status().unwrap().success()
        };
        assert!(
            there(&std::process::id().to_string()),
            "one that runs is seen"
        );
        assert!(!there(pid.trim()), "it is still there");
    }

    #[test]
    fn what_a_description_says_is_understood() {
        let by_tool = |text: &str| seen(&json!({"content": [{"type": "text", "text": text}]}));
        assert_eq!(
            by_tool(r#"{"storage": {"location": "/a.db"}}"#),
            Seen::Open("/a.db".to_owned())
        );
        assert_eq!(
            by_tool(r#"{"storage": {"location": "/a.db", "state": "opening"}, "problem": "slow"}"#),
            Seen::Opening
        );
        assert_eq!(
            by_tool(
                r#"{"storage": {"location": "/a.db", "state": "cannot be opened"}, "problem": "no"}"#
            ),
            Seen::Broken("no".to_owned())
        );
        assert!(matches!(by_tool("no facts"), Seen::Broken(_)));
        let error = json!({"isError": true, "content": [{"type": "text", "text": "no"}]});
        assert_eq!(seen(&error), Seen::Broken("no".to_owned()));
        let resource = json!({"contents": [{"text": r#"{"storage": {"location": "/a.db"}}"#}]});
        assert_eq!(seen(&resource), Seen::Open("/a.db".to_owned()));
    }

    #[tokio::test]
    async fn one_that_needs_a_moment_to_end_is_let_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ended");
        // It answers nothing of use, and cleans up when its input has ended.
        let script = format!(
            "echo no message; cat > /dev/null; sleep 1; echo > {}",
            file.display()
        );
        told(&script).await;
        assert!(file.exists(), "it was cut off");
    }

    #[tokio::test]
    async fn the_last_words_of_one_that_fails_are_shown() {
        let told = told("for i in $(seq 5000); do echo line $i >&2; done; exit 3").await;
        assert!(
            told.contains("| line 5000") && told.contains("exit status: 3"),
            "{told}"
        );
        assert!(!told.contains("| line 4900"), "{told}");
    }

    #[tokio::test]
    async fn one_that_writes_something_else_is_no_server() {
        let told = told("echo hello; cat").await;
        assert!(told.contains("no JSON message"), "{told}");
    }

    #[tokio::test]
    async fn one_that_is_not_there_is_named() {
        let launch = Launch::new("/nowhere/epr-mcp", &[]);
        let error = prove(&launch, Duration::from_secs(1)).await.unwrap_err();
        assert!(error.to_string().contains("/nowhere/epr-mcp"), "{error:#}");
    }
}
