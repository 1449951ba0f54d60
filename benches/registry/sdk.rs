//! The baseline of a start: a server of the same SDK with one tool and no database. The benchmark
//! runs itself as that server.

use std::process::ExitCode;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::{ErrorData, ServerHandler, ServiceExt as _};
use serde_json::Map;

/// Set, it makes this program the server.
pub(crate) const ROLE: &str = "EPR_BENCH_SDK_SERVER";
/// Its one tool.
pub(crate) const TOOL: &str = "hello";

#[derive(Debug, Clone)]
struct Hello;

impl ServerHandler for Hello {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new(TOOL, "1"))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tool = Tool::new(TOOL, "Says hello", Map::new());
        Ok(ListToolsResult::with_all_items(vec![tool]))
    }

    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        Ok(CallToolResult::success(vec![ContentBlock::text("hello")]).into())
    }
}

/// Serves until the input ends.
pub(crate) fn main() -> ExitCode {
    let served = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map(|runtime| {
            runtime.block_on(async {
                if let Ok(running) = Hello.serve(rmcp::transport::stdio_pipes()).await {
                    // However it ends, the client is gone.
                    let _ = running.waiting().await;
                }
            });
        });
    if served.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
