//! A minimal MCP client over a pipe inside the process: what it sends and reads is what a client
//! over stdio would.

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf,
};
use tokio::task::JoinHandle;

use crate::mcp::McpServer;
use crate::mcp::stdio::{Ending, StdioError};

/// Bytes that fit into the pipe.
const PIPE: usize = 64 * 1024;

/// What a tool answered.
#[derive(Debug)]
pub(super) struct Reply {
    /// The text that an assistant reads.
    pub(super) text: String,
    /// Whether the tool refused.
    pub(super) is_error: bool,
}

pub(super) struct Client {
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    out: WriteHalf<DuplexStream>,
    next_id: u64,
    server: JoinHandle<Result<(), StdioError>>,
}

impl Client {
    pub(super) async fn connect(server: McpServer) -> anyhow::Result<Self> {
        let (ours, theirs) = tokio::io::duplex(PIPE);
        let (server_in, server_out) = tokio::io::split(theirs);
        let server = tokio::spawn(crate::mcp::stdio::serve(
            server,
            server_in,
            server_out,
            Ending::default(),
        ));
        let (read, out) = tokio::io::split(ours);
        let mut client = Self {
            lines: BufReader::new(read).lines(),
            out,
            next_id: 0,
            server,
        };
        let params = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "epr-mcp demo", "version": env!("CARGO_PKG_VERSION")}
        });
        client.request("initialize", params).await?;
        client
            .send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))
            .await?;
        Ok(client)
    }

    /// Calls a tool.
    pub(super) async fn call(&mut self, tool: &str, arguments: Value) -> anyhow::Result<Reply> {
        let result = self
            .request("tools/call", json!({"name": tool, "arguments": arguments}))
            .await?;
        let blocks = result
            .get("content")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let texts = blocks
            .iter()
            .filter_map(|block| block.get("text").and_then(Value::as_str));
        Ok(Reply {
            text: texts.collect::<Vec<_>>().join("\n"),
            is_error: result
                .get("isError")
                .and_then(Value::as_bool)
                .unwrap_or(false),
        })
    }

    /// Ends the conversation and waits for the server.
    pub(super) async fn close(mut self) -> anyhow::Result<()> {
        self.out.shutdown().await?;
        drop((self.out, self.lines));
        self.server.await??;
        Ok(())
    }

    async fn request(&mut self, method: &str, params: Value) -> anyhow::Result<Value> {
        self.next_id += 1;
        let id = self.next_id;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
            .await?;
        loop {
            let line = self
                .lines
                .next_line()
                .await?
                .context("the server ended the conversation")?;
            let message: Value = serde_json::from_str(&line)?;
            if message.get("id").and_then(Value::as_u64) != Some(id) {
                continue;
            }
            if let Some(error) = message.get("error") {
                anyhow::bail!("{method} failed: {error}");
            }
            return message
                .get("result")
                .cloned()
                .context("an answer without a result");
        }
    }

    async fn send(&mut self, message: &Value) -> anyhow::Result<()> {
        let mut line = message.to_string();
        line.push('\n');
        self.out.write_all(line.as_bytes()).await?;
        self.out.flush().await?;
        Ok(())
    }
}
