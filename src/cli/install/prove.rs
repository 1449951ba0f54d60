//! Starts what an entry names as a client would, and asks it for its tools.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::cli::conversation::Conversation;
use crate::mcp::client_config::Launch;

/// Seconds that a server may take to end by itself once nobody talks to it.
const FAREWELL: Duration = Duration::from_secs(5);
/// Bytes of what it wrote to stderr that are kept.
const KEPT: usize = 16 * 1024;
/// Lines of them that are shown.
const SHOWN: usize = 12;
/// Pages of tools that are asked for.
const PAGES: usize = 50;

/// The number of tools that it offers.
///
/// # Errors
///
/// Why it cannot be talked to, with the last that it wrote to stderr.
pub(super) async fn prove(launch: &Launch, patience: Duration) -> anyhow::Result<usize> {
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
    let talked = match timeout(patience, talk(&mut child)).await {
        Ok(talked) => talked,
        Err(_) => Err(anyhow!(
            "it gave no answer within {} seconds",
            patience.as_secs()
        )),
    };
    let wait = if talked.is_ok() {
        FAREWELL
    } else {
        Duration::from_millis(500)
    };
    let ended = timeout(wait, child.wait()).await;
    if ended.is_err() {
        // Killed and waited for: nothing stays behind.
        child.kill().await.context("it could not be ended")?;
    }
    match talked {
        Ok(tools) => Ok(tools),
        Err(error) => Err(explained(error, ended.ok(), words).await),
    }
}

async fn talk(child: &mut Child) -> anyhow::Result<usize> {
    let (Some(read), Some(write)) = (child.stdout.take(), child.stdin.take()) else {
        anyhow::bail!("it has no pipes");
    };
    let mut conversation = Conversation::open(read, write, "epr-mcp install").await?;
    let mut count = 0;
    let mut params = json!({});
    for _ in 0..PAGES {
        let page = conversation.request("tools/list", params).await?;
        let tools = page.get("tools").and_then(Value::as_array);
        count += tools
            .context("tools/list has no tools in its answer")?
            .len();
        match page.get("nextCursor") {
            Some(cursor) if !cursor.is_null() => params = json!({ "cursor": cursor }),
            _ => break,
        }
    }
    conversation.close().await?;
    Ok(count)
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
        assert!(
            !std::path::Path::new(&format!("/proc/{}", pid.trim())).exists(),
            "it is still there"
        );
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
