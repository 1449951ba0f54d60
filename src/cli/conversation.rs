//! The client's side of an MCP conversation, a message a line, over whatever carries lines.

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, Lines};

/// A conversation that the server has agreed to.
pub(super) struct Conversation<R, W> {
    lines: Lines<BufReader<R>>,
    out: W,
    next_id: u64,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Conversation<R, W> {
    /// Introduces itself as `client`.
    pub(super) async fn open(read: R, out: W, client: &str) -> anyhow::Result<Self> {
        let mut conversation = Self {
            lines: BufReader::new(read).lines(),
            out,
            next_id: 0,
        };
        let params = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": client, "version": env!("CARGO_PKG_VERSION")}
        });
        conversation.request("initialize", params).await?;
        conversation
            .send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))
            .await?;
        Ok(conversation)
    }

    /// Asks and waits for the answer.
    pub(super) async fn request(&mut self, method: &str, params: Value) -> anyhow::Result<Value> {
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
            let message: Value = serde_json::from_str(&line)
                .context("the server wrote a line that is no JSON message")?;
            if message.get("id").and_then(Value::as_u64) != Some(id) {
                continue;
            }
            if let Some(error) = message.get("error") {
                match error.get("message").and_then(Value::as_str) {
                    Some(message) => anyhow::bail!("{method} failed: {message}"),
                    None => anyhow::bail!("{method} failed: {error}"),
                }
            }
            return message
                .get("result")
                .cloned()
                .context("an answer without a result");
        }
    }

    /// Says that nothing more will come.
    pub(super) async fn close(mut self) -> anyhow::Result<()> {
        self.out.shutdown().await?;
        Ok(())
    }

    async fn send(&mut self, message: &Value) -> anyhow::Result<()> {
        let mut line = message.to_string();
        line.push('\n');
        self.out.write_all(line.as_bytes()).await?;
        self.out.flush().await?;
        Ok(())
    }
}
