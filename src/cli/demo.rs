//! `epr-mcp demo`: a delivery pipeline, played through the MCP surface.

mod client;
mod script;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use clap::Args;
use serde_json::Value;

use self::client::{Client, Reply};
use self::script::{STEPS, Step};
use super::signals::Signals;
use super::{say, setup};
use crate::config::Options;
use crate::domain::id::IdSource;
use crate::domain::time::Clock;
use crate::mcp::{McpOptions, McpServer, client_config};
use crate::registry::{Opener, Registry};
use crate::store::sqlite::{SqliteOptions, SqliteStore};
use crate::store::{Store, StoreError};

/// Flags of `demo`.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Keep the database and tell how to go on with it
    #[arg(long)]
    keep: bool,
}

/// Lines of an answer that are shown.
const SHOWN_LINES: usize = 24;
/// Characters of a line that are shown.
const SHOWN_CHARS: usize = 1_200;

pub(super) async fn run(
    options: Options,
    args: DemoArgs,
    signals: Signals,
) -> anyhow::Result<ExitCode> {
    let (clock, ids) = setup::clock_and_ids();
    let folder = tempfile::Builder::new()
        .prefix("epr-mcp-demo-")
        .tempdir()
        .context("no temporary folder")?;
    let path = folder.path().join("epr.db");
    let opener = Arc::new(DemoOpener {
        path: path.clone(),
        ids: ids.clone(),
        play: None,
    });
    let registry = setup::registry(&options, opener, clock, ids).await?;
    say(
        "A delivery pipeline, as an assistant works with it over MCP. Lines with > are the tool calls; below each \
         stands what the assistant reads.\n",
    );
    // Interrupted, it leaves nothing behind either.
    let mut shown = |step: &Step, reply: &Reply| show(step, reply);
    let steps = tokio::select! {
        steps = play(registry.clone(), &mut shown) => Ok(steps),
        code = signals.told() => Err(code),
    };
    registry.close().await;
    let steps = match steps {
        Ok(steps) => steps?,
        Err(cut_off) => return Ok(cut_off),
    };
    let command = std::env::current_exe()
        .ok()
        .map_or_else(|| "epr-mcp".to_owned(), |exe| exe.display().to_string());
    say(format!(
        "\n{steps} calls, every one over MCP. To talk to your own registry, give your client this configuration:\n"
    ));
    if args.keep {
        let kept = folder.keep().join("epr.db");
        say(client_config::json(
            &command,
            &["stdio", "--db", &kept.display().to_string()],
        ));
        say(format!("\nThe demo's database is kept: {}", kept.display()));
    } else {
        say(client_config::json(&command, &["stdio"]));
        say("\nThe demo's database is gone. `epr-mcp stdio --demo` serves its data to a client.");
    }
    Ok(ExitCode::SUCCESS)
}

/// Plays every step; gives their number. A step that does not end as it should is an error: the
/// demo never shows what does not work.
async fn play(
    registry: Registry,
    each: &mut (dyn FnMut(&Step, &Reply) + Send),
) -> anyhow::Result<usize> {
    let options = McpOptions {
        principal_name: "ci-payments".to_owned(),
        surface: "demo",
        ..McpOptions::default()
    };
    let mut client = Client::connect(McpServer::new(registry, options)).await?;
    for step in STEPS {
        let arguments: Value = serde_json::from_str(step.arguments)
            .with_context(|| format!("the arguments of the step «{}»", step.title))?;
        let reply = client.call(step.tool, arguments).await?;
        anyhow::ensure!(
            reply.is_error == step.refused,
            "the step «{}» did not end as it should: {}",
            step.title,
            reply.text
        );
        each(step, &reply);
    }
    client.close().await?;
    Ok(STEPS.len())
}

fn show(step: &Step, reply: &Reply) {
    say(format!("── {}", step.title));
    say(format!(
        "> {} {}",
        step.tool,
        step.arguments
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    ));
    let lines: Vec<&str> = reply.text.lines().collect();
    for line in lines.iter().take(SHOWN_LINES) {
        let short: String = line.chars().take(SHOWN_CHARS).collect();
        let cut = if short.len() < line.len() { " …" } else { "" };
        say(format!("  {short}{cut}"));
    }
    if lines.len() > SHOWN_LINES {
        say(format!("  … {} more lines", lines.len() - SHOWN_LINES));
    }
    say("");
}

/// A registry with the demo's data that goes with this value.
#[derive(Debug)]
pub(super) struct ThrowAway {
    pub(super) registry: Registry,
    _folder: tempfile::TempDir,
}

impl ThrowAway {
    pub(super) async fn new(options: &Options) -> anyhow::Result<Self> {
        let (clock, ids) = setup::clock_and_ids();
        let folder = tempfile::Builder::new()
            .prefix("epr-mcp-demo-")
            .tempdir()
            .context("no temporary folder")?;
        let path: PathBuf = folder.path().join("epr.db");
        let play = Some((options.clone(), clock.clone()));
        let opener = Arc::new(DemoOpener {
            path,
            ids: ids.clone(),
            play,
        });
        let registry = setup::registry(options, opener, clock, ids).await?;
        Ok(Self {
            registry,
            _folder: folder,
        })
    }
}

/// Opens a throw-away database and, if asked to, plays the demo into it first.
#[derive(Debug)]
struct DemoOpener {
    path: PathBuf,
    ids: Arc<dyn IdSource>,
    play: Option<(Options, Arc<dyn Clock>)>,
}

#[async_trait]
impl Opener for DemoOpener {
    async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        let options = SqliteOptions {
            throw_away: true,
            ..SqliteOptions::new(&self.path)
        };
        if let Some((settings, clock)) = &self.play {
            let failed = |error: anyhow::Error| {
                StoreError::unavailable(
                    format!("the demo could not be played: {error:#}"),
                    "Look into the log.",
                )
            };
            let opener = Arc::new(Self {
                path: self.path.clone(),
                ids: self.ids.clone(),
                play: None,
            });
            let registry = setup::registry(settings, opener, clock.clone(), self.ids.clone())
                .await
                .map_err(failed)?;
            let played = play(registry.clone(), &mut |_, _| {}).await;
            registry.close().await;
            played.map_err(failed)?;
        }
        SqliteStore::open_shared(&options, self.ids.as_ref()).await
    }

    fn location(&self) -> String {
        self.path.display().to_string()
    }
}
