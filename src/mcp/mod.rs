//! The registry for assistants, over the Model Context Protocol.
//!
//! | module | what it holds |
//! |---|---|
//! | `catalogue`, `tool`, `tools` | the one table of tools, what a tool is, one file a tool |
//! | `schema`, `args` | what tools take: the published schema and the lenient reading of it |
//! | `render`, `payload`, `paging` | records as JSON and text, parts of large payloads, answers of bounded size |
//! | `resources`, `prompts`, `completion`, `instructions` | everything else that a client is offered |
//! | `handler`, `protocol`, `stdio` | the protocol, its faults, the transport |
//! | `confirm` | asking a person before a gate turns |
//! | `subscriptions` | telling clients that what they watch has changed |
//! | `selection`, `client_config` | which tools are offered; how clients are told of the server |
//!
//! To add a tool: a file under `tools/` and a line in `catalogue`.

mod args;
mod catalogue;
pub mod client_config;
mod completion;
mod confirm;
mod error;
mod files;
mod handler;
mod instructions;
mod paging;
mod payload;
mod prompts;
mod protocol;
mod render;
mod resources;
mod scan;
mod schema;
mod selection;
pub mod stdio;
mod subscriptions;
mod tool;
mod tools;

use std::path::PathBuf;
use std::sync::Arc;

use rmcp::model::{Implementation, ServerCapabilities, ServerConfig, Tool};

pub use catalogue::{catalogue_json, tool_table_markdown};
pub use selection::{ToolChoice, ToolSelection};

use crate::registry::Registry;
use schema::Extras;
use subscriptions::Subscriptions;
use tool::ToolSpec;

/// How a server is to behave.
#[derive(Debug, Clone)]
pub struct McpOptions {
    /// The name that is recorded with everything that is written.
    pub principal_name: String,
    /// The way in, as it is recorded: `mcp-stdio`.
    pub surface: &'static str,
    /// Nothing may be written.
    pub read_only: bool,
    /// The tools that are offered.
    pub tools: ToolSelection,
    /// The version of this program.
    pub version: &'static str,
    /// The directory from which payloads may be read.
    pub allow_files: Option<PathBuf>,
    /// The registry holds made-up data.
    pub demo: bool,
    /// A write that would turn a gate is refused until it is confirmed.
    pub confirm_gate_turns: bool,
}

impl McpOptions {
    fn extras(&self) -> Extras {
        Extras {
            files: self.allow_files.is_some(),
            confirmation: self.confirm_gate_turns,
        }
    }
}

impl Default for McpOptions {
    fn default() -> Self {
        Self {
            principal_name: "local".to_owned(),
            surface: "mcp",
            read_only: false,
            tools: ToolSelection::default_set(),
            version: env!("CARGO_PKG_VERSION"),
            allow_files: None,
            demo: false,
            confirm_gate_turns: false,
        }
    }
}

/// The MCP server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct McpServer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    registry: Registry,
    options: McpOptions,
    definitions: Vec<Tool>,
    info: ServerConfig,
    subscriptions: Subscriptions,
}

impl McpServer {
    /// A server over a registry.
    pub fn new(registry: Registry, mut options: McpOptions) -> Self {
        if options.read_only {
            options.tools = options.tools.without_writes();
        }
        let extras = options.extras();
        let definitions = options
            .tools
            .tools()
            .map(|tool| tool.definition(extras))
            .collect();
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_prompts()
            .enable_completions()
            .build();
        let info = ServerConfig::new(capabilities)
            .with_server_info(
                Implementation::new("epr-mcp", options.version)
                    .with_title("Event Provenance Registry")
                    .with_description("Provenance of software units, and the gates that they pass"),
            )
            .with_instructions(instructions::instructions(
                |tool| options.tools.offers(tool),
                options.demo,
                options.confirm_gate_turns,
            ));
        Self {
            inner: Arc::new(Inner {
                registry,
                options,
                definitions,
                info,
                subscriptions: Subscriptions::default(),
            }),
        }
    }

    /// The use cases.
    pub(crate) fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// How this server is to behave.
    pub(crate) fn options(&self) -> &McpOptions {
        &self.inner.options
    }

    /// The offered tools as they are listed.
    pub(crate) fn definitions(&self) -> &[Tool] {
        &self.inner.definitions
    }

    /// The offered tools.
    pub(crate) fn tools(&self) -> impl Iterator<Item = &'static ToolSpec> {
        self.inner.options.tools.tools()
    }

    /// Whether a tool is offered.
    pub(crate) fn offers(&self, name: &str) -> bool {
        self.inner.options.tools.offers(name)
    }

    /// What callers may do beyond the ordinary.
    pub(crate) fn extras(&self) -> Extras {
        self.inner.options.extras()
    }

    /// Whether payloads may come from files.
    pub(crate) fn reads_files(&self) -> bool {
        self.inner.options.allow_files.is_some()
    }

    /// The subscriptions of its connection.
    pub(crate) fn subscriptions(&self) -> &Subscriptions {
        &self.inner.subscriptions
    }

    /// What this server tells of itself.
    pub(crate) fn info(&self) -> &ServerConfig {
        &self.inner.info
    }
}
