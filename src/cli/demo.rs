//! `epr-mcp demo`: two runs of a delivery pipeline, played through the MCP surface.

mod client;
mod screen;
mod script;
mod times;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use clap::Args;
use serde_json::Value;

use self::client::{Client, Reply};
use self::script::{CHAPTERS, Chapter, Step};
use super::signals::Signals;
use super::{say, setup};
use crate::config::Options;
use crate::domain::id::IdSource;
use crate::domain::time::{Clock, Timestamp};
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

/// A tool call as it is sent.
struct Call {
    /// Its arguments without the events, as text.
    said: String,
    /// The events of a pipeline that go with them.
    events: Option<Vec<Value>>,
}

/// What is played, as it is played.
enum Scene<'a> {
    Chapter(usize, &'a Chapter),
    Step(&'a Step, &'a Call, &'a Reply),
}

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
        "One release of a service: a pipeline run that fails, the fix, and a run that reaches production. A CI system \
         sends what happens, people ask an assistant, and both speak to the registry over MCP. Lines with > are the tool \
         calls; below each stands what comes back, which is what the assistant reads.\n",
    );
    // Interrupted, it leaves nothing behind either.
    let mut shown = |scene: Scene<'_>| match scene {
        Scene::Chapter(number, chapter) => screen::chapter(number, chapter),
        Scene::Step(step, call, reply) => screen::step(step, call, reply),
    };
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
        "{steps} calls, every one over MCP. To talk to your own registry, give your client this configuration:\n"
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
    each: &mut (dyn FnMut(Scene<'_>) + Send),
) -> anyhow::Result<usize> {
    let options = McpOptions {
        principal_name: "ci-payments".to_owned(),
        surface: "demo",
        ..McpOptions::default()
    };
    let now = registry.now();
    let mut client = Client::connect(McpServer::new(registry, options)).await?;
    let mut steps = 0;
    for (number, chapter) in CHAPTERS.iter().enumerate() {
        each(Scene::Chapter(number + 1, chapter));
        for step in chapter.steps {
            let (call, arguments) =
                call(step, now).with_context(|| format!("the step «{}»", step.title))?;
            let reply = client.call(step.tool, arguments).await?;
            anyhow::ensure!(
                reply.is_error == step.refused
                    && reply.text.contains(step.told)
                    && recorded(&call, &reply),
                "the step «{}» did not end as it should: {}",
                step.title,
                reply.text
            );
            each(Scene::Step(step, &call, &reply));
            steps += 1;
        }
    }
    client.close().await?;
    Ok(steps)
}

/// Whether all events of a pipeline were recorded: a call of which some were refused is no error.
fn recorded(call: &Call, reply: &Reply) -> bool {
    call.events.as_ref().is_none_or(|events| {
        let answer: Option<Value> = serde_json::from_str(&reply.text).ok();
        let number = answer.and_then(|answer| answer.get("recorded")?.as_u64());
        number == u64::try_from(events.len()).ok()
    })
}

/// The call of a step, and its arguments.
fn call(step: &Step, now: Timestamp) -> anyhow::Result<(Call, Value)> {
    let said = times::filled(step.arguments, now)?;
    let mut arguments: Value = serde_json::from_str(&said)?;
    let events: Option<Vec<Value>> = step
        .events
        .map(|events| anyhow::Ok(serde_json::from_str(&times::filled(events, now)?)?))
        .transpose()?;
    if let (Some(arguments), Some(events)) = (arguments.as_object_mut(), &events) {
        arguments.insert("events".to_owned(), events.clone().into());
    }
    Ok((Call { said, events }, arguments))
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
            let played = play(registry.clone(), &mut |_| {}).await;
            registry.close().await;
            played.map_err(failed)?;
        }
        SqliteStore::open_shared(&options, self.ids.as_ref()).await
    }

    fn location(&self) -> String {
        self.path.display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_of_which_an_event_was_refused_did_not_end_well() {
        let call = |events| Call {
            said: String::new(),
            events,
        };
        let reply = |text: &str| Reply {
            text: text.to_owned(),
            is_error: false,
        };
        let two = call(Some(vec![json!({}), json!({})]));
        assert!(recorded(&two, &reply(r#"{"results":[],"recorded":2}"#)));
        for text in [r#"{"recorded":1,"refused":1}"#, "{}", "recorded"] {
            assert!(!recorded(&two, &reply(text)), "{text}");
        }
        assert!(recorded(&call(None), &reply("anything")));
    }
}
