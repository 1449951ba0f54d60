//! `epr-mcp stdio`, what an MCP client starts.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};

use super::signals::Signals;
use super::{at_a_terminal, demo, setup};
use crate::config::Options;
use crate::domain::retention::Retention;
use crate::limits;
use crate::mcp::stdio::Ending;
use crate::mcp::{McpOptions, McpServer, ToolChoice, ToolSelection};
use crate::registry::Registry;

/// Environment variables of other versions and programs that this one does not act on: each is
/// said aloud, because silence would look like agreement.
pub(super) const FOREIGN_VARIABLES: [(&str, &str); 2] = [
    (
        "EPR_URL",
        "names a server to talk to, but this version only serves a database that it opens itself",
    ),
    (
        "EPR_BROKERS",
        "names Kafka brokers, but this version keeps its messages in the registry's log only",
    ),
];

/// Flags of `stdio`.
#[derive(Debug, Default, Args)]
pub(super) struct StdioArgs {
    /// Offer only tools that change nothing; beats every other choice of tools
    #[arg(long, env = "EPR_READ_ONLY", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false,
        default_missing_value = "true", value_parser = switch, help_heading = "Tools")]
    read_only: bool,

    /// Offer exactly these tools
    #[arg(
        long,
        env = "EPR_TOOLS",
        value_name = "NAME,…",
        value_delimiter = ',',
        help_heading = "Tools"
    )]
    tools: Vec<String>,

    /// Do not offer these tools
    #[arg(
        long,
        env = "EPR_EXCLUDE_TOOLS",
        value_name = "NAME,…",
        value_delimiter = ',',
        help_heading = "Tools"
    )]
    exclude_tools: Vec<String>,

    /// Offer the tools of these sets: default, all
    #[arg(
        long,
        env = "EPR_TOOLSETS",
        value_name = "NAME,…",
        value_delimiter = ',',
        help_heading = "Tools"
    )]
    toolsets: Vec<String>,

    /// Let create_event read a payload from a file inside this folder
    #[arg(
        long,
        env = "EPR_ALLOW_FILES",
        value_name = "DIR",
        value_parser = OsStringValueParser::new().map(PathBuf::from),
        help_heading = "Tools"
    )]
    allow_files: Option<PathBuf>,

    /// Refuse a write that would turn a gate until a person has agreed: a client of MCP 2026-07-28 that
    /// can ask its user is asked; otherwise the assistant calls again with confirm: true, and its word is
    /// taken for it
    #[arg(long, env = "EPR_CONFIRM_GATE_TURNS", value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_value_t = false, default_missing_value = "true", value_parser = switch,
        help_heading = "Tools")]
    confirm_gate_turns: bool,

    /// The name that stands beside what is recorded here. Default: the user's login name
    #[arg(long, env = "EPR_PRINCIPAL", value_name = "NAME")]
    principal: Option<String>,

    /// Serve the data of `epr-mcp demo` from a throw-away database, whatever --db says
    #[arg(long)]
    demo: bool,

    /// Refused: this version only serves a database that it opens itself
    #[arg(long, value_name = "URL", hide = true)]
    url: Option<String>,
}

pub(super) async fn run(
    options: Options,
    args: StdioArgs,
    signals: Signals,
) -> anyhow::Result<ExitCode> {
    setup::refuse_url(args.url.as_deref())?;
    let selection = ToolSelection::new(&ToolChoice {
        tools: named(args.tools),
        exclude: named(args.exclude_tools),
        toolsets: named(args.toolsets),
        read_only: args.read_only,
    })
    .map_err(anyhow::Error::msg)?;
    let throw_away = if args.demo {
        Some(demo::ThrowAway::new(&options).await?)
    } else {
        None
    };
    let registry = match &throw_away {
        Some(demo) => demo.registry.clone(),
        None => setup::configured(&options).await?,
    };
    let allow_files = args
        .allow_files
        .filter(|folder| !folder.as_os_str().is_empty());
    let allow_files = match allow_files {
        Some(folder) => {
            let folder = tokio::fs::canonicalize(&folder).await.map_err(|error| {
                anyhow::anyhow!(
                    "--allow-files: the folder {} cannot be used: {error}",
                    folder.display()
                )
            })?;
            Some(folder)
        }
        None => None,
    };
    if at_a_terminal() {
        greet(&registry.location());
    }
    registry.open_in_background();
    let server = McpServer::new(
        registry.clone(),
        McpOptions {
            principal_name: setup::local_name(args.principal)?,
            surface: "mcp-stdio",
            read_only: args.read_only,
            tools: selection,
            allow_files,
            demo: args.demo,
            confirm_gate_turns: args.confirm_gate_turns,
            ..McpOptions::default()
        },
    );
    let ending = Ending::default();
    let tell = ending.clone();
    tokio::spawn(async move {
        signals.told().await;
        tell.tell();
    });
    let pruning = (!args.read_only)
        .then(|| tokio::spawn(prune(registry.clone(), setup::retention(&options))));
    let (stdin, stdout) = rmcp::transport::stdio_pipes();
    let ended = crate::mcp::stdio::serve(server, stdin, stdout, ending.clone()).await;
    if let Some(pruning) = pruning {
        pruning.abort();
    }
    let most = Duration::from_millis(limits::END_MILLIS);
    registry.close_within(ending.left(most)).await;
    drop(throw_away);
    ended?;
    Ok(ExitCode::SUCCESS)
}

/// A list without what is empty: a variable that is set to nothing says nothing.
fn named(list: Vec<String>) -> Vec<String> {
    list.into_iter()
        .filter(|name| !name.trim().is_empty())
        .collect()
}

/// A switch as text; a variable that is set to nothing says nothing.
fn switch(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "" | "false" | "no" | "off" | "0" => Ok(false),
        _ => Err("write true or false".to_owned()),
    }
}

/// Deletes what is not kept for ever, now and then.
async fn prune(registry: Registry, retention: Retention) {
    let (first, between) = limits::PRUNE_SECONDS;
    let mut pause = first;
    loop {
        tokio::time::sleep(Duration::from_secs(pause)).await;
        pause = between;
        match registry.prune(&retention).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "retention deleted {rows} rows"),
            Err(error) => tracing::warn!(%error, "retention could not delete old rows"),
        }
    }
}

/// What a person sees who starts this by hand.
fn greet(location: &str) {
    eprintln!(
        "epr-mcp {} speaks MCP (JSON-RPC, a message a line) on stdin and stdout, for an assistant to talk to.\n\
         Registry: {location}\n\
         To see it at work: epr-mcp demo. To connect a client: epr-mcp install. Ctrl-D ends.",
        env!("CARGO_PKG_VERSION")
    );
}
