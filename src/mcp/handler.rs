//! The server as the SDK sees it: both protocol eras, lists, calls, reads.

use rmcp::ErrorData;
use rmcp::ServerHandler;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult,
    CustomRequest, CustomResult, DiscoverResult, GetPromptRequestParams, GetPromptResponse,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
    PaginatedRequestParams, ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse,
    ServerConfig, SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams,
};
use rmcp::service::{RequestContext, RoleServer, SubscriptionContext};
use tokio::task::JoinSet;

use super::args::nearest;
use super::confirm::{self, Answered};
use super::error::ToolError;
use super::protocol::unmatched_request;
use super::subscriptions::Subscriptions;
use super::tool::{ToolCx, ToolSpec};
use super::{McpServer, catalogue, completion, prompts, resources};
use crate::domain::principal::Principal;
use crate::domain::text::quoted;
use crate::registry::Error;

/// Milliseconds for which lists of tools, prompts and templates may be kept: they do not change
/// while the server runs.
const FIXED_TTL_MS: u64 = 3_600_000;

impl McpServer {
    /// Who asks in this call.
    fn cx(&self, context: &RequestContext<RoleServer>) -> ToolCx {
        let options = self.options();
        let client = context
            .client_info()
            .map(|c| format!("{} {}", c.name, c.version))
            .unwrap_or_default();
        let principal = Principal::local(
            &options.principal_name,
            options.surface,
            client.trim(),
            options.read_only,
        );
        ToolCx {
            server: self.clone(),
            principal,
            agreed: None,
            asks: confirm::can_ask(context),
        }
    }

    fn unknown_tool(&self, name: &str) -> ErrorData {
        let offered = || self.tools().map(|tool| tool.name);
        let hint = match (catalogue::tool(name), nearest(name, offered())) {
            (Some(tool), _) if self.options().read_only && tool.effect.writes() => {
                "it writes, and this server was started with --read-only".to_owned()
            }
            (Some(_), _) => "it exists, but this server was started without it".to_owned(),
            (None, Some(near)) => format!("did you mean {near}?"),
            (None, None) => format!("there are {}", offered().collect::<Vec<_>>().join(", ")),
        };
        ErrorData::invalid_params(format!("There is no tool {}: {hint}", quoted(name)), None)
    }
}

/// Whether the request is of the revision that has cache hints, or a later one.
fn has_cache_hints(context: &RequestContext<RoleServer>) -> bool {
    context
        .protocol_version()
        .is_some_and(|version| version.as_str() >= ProtocolVersion::V_2026_07_28.as_str())
}

/// A list that fits one page takes no cursor.
fn no_cursor(request: Option<&PaginatedRequestParams>) -> Result<(), ErrorData> {
    match request.and_then(|r| r.cursor.as_ref()) {
        Some(_) => Err(ErrorData::invalid_params(
            "This list has one page; ask for it without a cursor.",
            None,
        )),
        None => Ok(()),
    }
}

impl ServerHandler for McpServer {
    fn get_info(&self) -> ServerConfig {
        self.info().clone()
    }

    async fn discover(&self, _: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        let versions = self.supported_protocol_versions().into_owned();
        let result = DiscoverResult::from_server_info(versions, self.get_info());
        Ok(result
            .with_ttl_ms(FIXED_TTL_MS)
            .with_cache_scope(CacheScope::Private))
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        no_cursor(request.as_ref())?;
        let result = ListToolsResult::with_all_items(self.definitions().to_vec());
        Ok(if has_cache_hints(&context) {
            result
                .with_ttl_ms(FIXED_TTL_MS)
                .with_cache_scope(CacheScope::Private)
        } else {
            result
        })
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.definitions()
            .iter()
            .find(|tool| tool.name == name)
            .cloned()
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(tool) = self.tools().find(|tool| tool.name == request.name) else {
            return Err(self.unknown_tool(&request.name));
        };
        let mut cx = self.cx(&context);
        // Kept for the question that a write may be answered with.
        let mut asked = None;
        if self.options().confirm_gate_turns && tool.effect.writes() {
            asked = Some(request.arguments.clone());
            match confirm::answered(&request) {
                Answered::Nothing => {}
                Answered::Yes { mark } => cx.agreed = Some(mark),
                Answered::No => {
                    let text = "The user did not confirm it; nothing was written.".to_owned();
                    return Ok(refused(tool, ToolError::Other(text)).into());
                }
            }
        }
        let args = tool.arguments(self.extras(), request.arguments);
        // In a task of its own: a defect in a tool answers as an error instead of not at all, and
        // dropping the set stops the tool when the call is cancelled.
        let mut running = JoinSet::new();
        running.spawn((tool.run)(cx, args));
        let ended = tokio::select! {
            ended = running.join_next() => ended,
            () = context.ct.cancelled() => return Err(ErrorData::internal_error("The call was cancelled.", None)),
        };
        let result = match ended {
            Some(Ok(Ok(answer))) => answer.into_result(),
            Some(Ok(Err(error))) => {
                let question = asked.and_then(|arguments| {
                    confirm::question(&context, tool.name, arguments.as_ref(), &error)
                });
                match question {
                    Some(question) => return Ok(question.into()),
                    None => refused(tool, error),
                }
            }
            Some(Err(defect)) => refused(tool, Error::internal(defect).into()),
            None => refused(
                tool,
                Error::internal("a tool ended without a result").into(),
            ),
        };
        Ok(result.into())
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let cursor = request.and_then(|r| r.cursor);
        resources::list(&self.cx(&context), cursor).await
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        no_cursor(request.as_ref())?;
        let result = resources::templates();
        Ok(if has_cache_hints(&context) {
            result
                .with_ttl_ms(FIXED_TTL_MS)
                .with_cache_scope(CacheScope::Private)
        } else {
            result
        })
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let cx = self.cx(&context);
        tokio::select! {
            read = resources::read(&cx, &request.uri) => Ok(read?.into()),
            () = context.ct.cancelled() => Err(ErrorData::internal_error("The call was cancelled.", None)),
        }
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(Subscriptions::accepted(requested))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let cx = self.cx(context.request_context());
        self.subscriptions().listen(&cx, &context).await
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let cx = self.cx(&context);
        let peer = context.peer.clone();
        self.subscriptions().subscribe(cx, request.uri, peer).await
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.subscriptions().unsubscribe(&request.uri);
        Ok(())
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        no_cursor(request.as_ref())?;
        let result = ListPromptsResult::with_all_items(prompts::list(self));
        Ok(if has_cache_hints(&context) {
            result
                .with_ttl_ms(FIXED_TTL_MS)
                .with_cache_scope(CacheScope::Private)
        } else {
            result
        })
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        Ok(
            prompts::get(self.cx(&context), &request.name, request.arguments)
                .await?
                .into(),
        )
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let cx = self.cx(&context);
        tokio::select! {
            completed = completion::complete(&cx, request) => completed,
            () = context.ct.cancelled() => Err(ErrorData::internal_error("The call was cancelled.", None)),
        }
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        Err(unmatched_request(&request.method, request.params.as_ref()))
    }
}

fn refused(tool: &'static ToolSpec, error: ToolError) -> rmcp::model::CallToolResult {
    tracing::debug!(tool = tool.name, "refused: {}", error.text());
    error.into_result()
}
