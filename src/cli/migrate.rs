//! `epr-mcp migrate`

use std::process::ExitCode;

use clap::Args;

use super::database::{configured, told};
use super::{say, setup};
use crate::config::Options;

/// Flags of `migrate`.
#[derive(Debug, Args)]
pub(super) struct MigrateArgs {
    /// Only tell whether there is something to do; exit 1 if so
    #[arg(long)]
    check: bool,
}

pub(super) async fn run(options: &Options, args: &MigrateArgs) -> anyhow::Result<ExitCode> {
    let database = configured(options)?.migrating();
    let place = database.location();
    let before = database.inspect().await.map_err(told)?.version;
    let own = database.built_for();
    if args.check {
        let up_to_date = before >= own;
        say(format!(
            "{place}: schema {before}; this version is built for {own}. {}",
            if up_to_date {
                "Nothing to do."
            } else {
                "Run `epr-mcp migrate`."
            }
        ));
        return Ok(if up_to_date {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(1)
        });
    }
    let (_, ids) = setup::clock_and_ids();
    let store = database.open(ids.as_ref()).await.map_err(told)?;
    let after = store.info().schema_version;
    store.close().await;
    if after == before {
        say(format!("{place}: already at schema {after}."));
    } else {
        say(format!(
            "{place}: migrated from schema {before} to {after}."
        ));
    }
    Ok(ExitCode::SUCCESS)
}
