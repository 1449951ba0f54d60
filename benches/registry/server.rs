//! A server as a child process, spoken to over its pipes.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::sdk;

/// How the client begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    /// `initialize` first, as clients of 2025-11-25 do.
    Handshake,
    /// At once with the request, as clients of 2026-07-28 may.
    Stateless,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    era: Era,
    next_id: u64,
}

impl Server {
    /// Starts `epr-mcp` on a database.
    pub(crate) fn epr(database: &Path, era: Era) -> anyhow::Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_epr-mcp"));
        // The settings of whoever runs the benchmark do not count.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("EPR_") {
                command.env_remove(name);
            }
        }
        command.arg("--db").arg(database);
        Self::start(command, era)
    }

    /// Starts the server without a database.
    pub(crate) fn sdk(era: Era) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.env(sdk::ROLE, "1");
        Self::start(command, era)
    }

    fn start(mut command: Command, era: Era) -> anyhow::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .context("the server could not be started")?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().context("there is no pipe")?;
        let mut server = Self {
            child,
            stdin,
            stdout: BufReader::new(stdout),
            era,
            next_id: 0,
        };
        if era == Era::Handshake {
            let params = json!({
                "protocolVersion": "2025-11-25", "capabilities": {},
                "clientInfo": {"name": "bench", "version": "1"}
            });
            server.request("initialize", params)?;
            server.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))?;
        }
        Ok(server)
    }

    fn send(&mut self, message: &Value) -> anyhow::Result<()> {
        let stdin = self.stdin.as_mut().context("the pipe is closed")?;
        stdin.write_all(format!("{message}\n").as_bytes())?;
        Ok(())
    }

    /// Sends a request and does not wait.
    fn begin(&mut self, method: &str, mut params: Value) -> anyhow::Result<()> {
        if let (Era::Stateless, Some(params)) = (self.era, params.as_object_mut()) {
            let meta = json!({
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            });
            params.insert("_meta".to_owned(), meta);
        }
        self.next_id += 1;
        let id = self.next_id;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
    }

    /// The next answer.
    fn answer(&mut self) -> anyhow::Result<Value> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        anyhow::ensure!(!line.is_empty(), "the server ended without an answer");
        let answer: Value = serde_json::from_str(&line)?;
        let refused = answer.pointer("/result/isError") == Some(&Value::Bool(true));
        anyhow::ensure!(
            answer.get("result").is_some() && !refused,
            "the server answered {line}"
        );
        Ok(answer)
    }

    fn request(&mut self, method: &str, params: Value) -> anyhow::Result<Value> {
        self.begin(method, params)?;
        self.answer()
    }

    /// Calls a tool.
    pub(crate) fn call(&mut self, tool: &str, arguments: Value) -> anyhow::Result<Value> {
        self.request("tools/call", json!({"name": tool, "arguments": arguments}))
    }

    /// Calls tools, all of them at once.
    pub(crate) fn call_all(
        &mut self,
        calls: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> anyhow::Result<()> {
        let mut sent = 0;
        for (tool, arguments) in calls {
            self.begin("tools/call", json!({"name": tool, "arguments": arguments}))?;
            sent += 1;
        }
        for _ in 0..sent {
            self.answer()?;
        }
        Ok(())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its input ends it.
        self.stdin = None;
        let _ = self.child.wait();
    }
}
