//! A minimal MCP client over a pipe inside the process: what it sends and reads is what a client
//! over stdio would.

use serde_json::{Value, json};
use tokio::io::{DuplexStream, ReadHalf, WriteHalf};
use tokio::task::JoinHandle;

use crate::cli::conversation::Conversation;
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
    conversation: Conversation<ReadHalf<DuplexStream>, WriteHalf<DuplexStream>>,
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
        let conversation = Conversation::open(read, out, "epr-mcp demo").await?;
        Ok(Self {
            conversation,
            server,
        })
    }

    /// Calls a tool.
    pub(super) async fn call(&mut self, tool: &str, arguments: Value) -> anyhow::Result<Reply> {
        let params = json!({"name": tool, "arguments": arguments});
        let result = self.conversation.request("tools/call", params).await?;
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
    pub(super) async fn close(self) -> anyhow::Result<()> {
        self.conversation.close().await?;
        self.server.await??;
        Ok(())
    }
}
