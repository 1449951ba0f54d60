//! What a tool is, and what it is given and gives.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use rmcp::model::{CallToolResult, ContentBlock, Resource, Tool, ToolAnnotations};
use serde_json::{Map, Value};

use super::McpServer;
use super::args::Args;
use super::error::ToolError;
use super::render::json_text;
use super::schema::{Extras, Param, input_schema, output_schema};
use crate::domain::command::TurnPolicy;
use crate::domain::principal::Principal;
use crate::domain::secrets::{mask_value, masked_tokens};
use crate::registry::Registry;

/// A future on the heap.
pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What running a tool gives.
pub(crate) type ToolResult = Result<Answer, ToolError>;

/// One tool: everything about it that the catalogue, the docs and a call need.
pub(crate) struct ToolSpec {
    /// `verb_noun`.
    pub(crate) name: &'static str,
    /// For people.
    pub(crate) title: &'static str,
    /// One line for the docs.
    pub(crate) summary: &'static str,
    /// For the assistant: when to use it first, at most 1,000 characters.
    pub(crate) description: &'static str,
    /// The toolset that it belongs to.
    pub(crate) toolset: &'static str,
    /// What it does to the registry.
    pub(crate) effect: Effect,
    /// What it takes.
    pub(crate) params: &'static [Param],
    /// What a program may rely on in a record-like answer: names and JSON types.
    pub(crate) output: &'static [(&'static str, &'static str)],
    /// Runs it.
    pub(crate) run: fn(ToolCx, Args) -> BoxFuture<ToolResult>,
}

/// What a tool does to the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing.
    Reads,
    /// Adds a record; a repeated call finds the first or is refused.
    AddsOnce,
    /// Adds a record at every call.
    Adds,
    /// Changes something that is there; a repeated call changes nothing more.
    Changes,
}

impl Effect {
    /// Whether it writes.
    pub(crate) const fn writes(self) -> bool {
        !matches!(self, Self::Reads)
    }

    fn annotations(self) -> ToolAnnotations {
        ToolAnnotations::new()
            .read_only(!self.writes())
            .destructive(matches!(self, Self::Changes))
            .idempotent(!matches!(self, Self::Adds))
            .open_world(false)
    }
}

impl fmt::Debug for ToolSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolSpec")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl ToolSpec {
    /// As it is listed.
    pub(crate) fn definition(&self, extras: Extras) -> Tool {
        let tool = Tool::new(
            self.name,
            self.description,
            Arc::new(input_schema(self.params, extras)),
        )
        .with_title(self.title)
        .with_annotations(self.effect.annotations());
        if self.output.is_empty() {
            tool
        } else {
            tool.with_raw_output_schema(Arc::new(output_schema(self.output)))
        }
    }

    /// The arguments of one call, sorted to its parameters.
    pub(crate) fn arguments(&self, extras: Extras, sent: Option<Map<String, Value>>) -> Args {
        Args::new(self.name, self.params, extras, sent.unwrap_or_default())
    }
}

/// What a running tool is given.
#[derive(Debug, Clone)]
pub(crate) struct ToolCx {
    /// The server.
    pub(crate) server: McpServer,
    /// Who asks.
    pub(crate) principal: Principal,
    /// The mark of the gate turns that a person has agreed to in this call.
    pub(crate) agreed: Option<String>,
    /// Whether the client can ask its user.
    pub(crate) asks: bool,
}

impl ToolCx {
    /// The use cases.
    pub(crate) fn registry(&self) -> &Registry {
        self.server.registry()
    }

    /// Whether a write may turn gates. The word of the assistant counts only where nobody can be
    /// asked.
    pub(crate) fn turns(&self, confirm: Option<bool>) -> TurnPolicy {
        let told = confirm == Some(true) && !self.asks;
        if self.server.options().confirm_gate_turns && !told {
            TurnPolicy::Agreed(self.agreed.clone())
        } else {
            TurnPolicy::Allowed
        }
    }
}

/// What a tool answers. Known shapes of secrets are masked, wherever they stand.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    text: String,
    structured: Option<Value>,
    links: Vec<Resource>,
}

impl Answer {
    /// A record-like answer: the same data for hosts that show the text and for those that show
    /// the structure.
    pub(crate) fn record(mut value: Value) -> Self {
        mask_value(&mut value);
        Self {
            text: json_text(&value),
            structured: Some(value),
            links: Vec::new(),
        }
    }

    /// A composed answer, written to be read.
    pub(crate) fn composed(text: &str) -> Self {
        Self {
            text: masked_tokens(text).into_owned(),
            structured: None,
            links: Vec::new(),
        }
    }

    /// Points to something that is too large to be carried.
    pub(crate) fn link(mut self, resource: Option<Resource>) -> Self {
        self.links.extend(resource);
        self
    }

    /// As a tool's result.
    pub(crate) fn into_result(self) -> CallToolResult {
        let mut content = vec![ContentBlock::text(self.text)];
        content.extend(self.links.into_iter().map(ContentBlock::resource_link));
        let mut result = CallToolResult::success(content);
        result.structured_content = self.structured;
        result
    }
}
