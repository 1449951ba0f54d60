//! `epr-mcp reindex`: find out anew what recorded payloads say.

use std::process::ExitCode;

use clap::Args;

use super::session::{Session, Use, Who};
use super::signals::Signals;
use super::{note, say};
use crate::config::Options;

/// Flags of `reindex`.
#[derive(Debug, Args)]
pub(super) struct ReindexArgs {
    /// Begin anew with all events; otherwise those that have not been looked into are
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(
    options: &Options,
    args: &ReindexArgs,
    signals: &Signals,
) -> anyhow::Result<ExitCode> {
    let session = Session::begin(options, &args.who, Use::Write).await?;
    let result = reindex(&session, args, signals).await;
    session.end(result).await
}

async fn reindex(
    session: &Session,
    args: &ReindexArgs,
    signals: &Signals,
) -> anyhow::Result<ExitCode> {
    let (registry, principal) = (&session.registry, &session.principal);
    let mut place = if args.all {
        registry.forget_index(principal).await?
    } else {
        registry.reindexing(principal).await?
    };
    if place.to == 0 {
        say("All events have been looked into. --all does so anew.");
        return Ok(ExitCode::SUCCESS);
    }
    let all = place.to;
    let first = place.after;
    while place.to != 0 {
        if signals.is_told() {
            note(&format!(
                "stopped at event {} of {}; run again, it goes on there",
                place.after, place.to
            ));
            return Ok(signals.told().await);
        }
        place = registry.reindex(principal, place).await?;
    }
    say(format!("Looked into {} events.", all - first));
    Ok(ExitCode::SUCCESS)
}
