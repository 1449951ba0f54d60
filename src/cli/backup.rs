//! `epr-mcp backup`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::database::{configured, told};
use super::say;
use crate::config::Options;

/// Flags of `backup`.
#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// The file to make: a SQLite file, or for PostgreSQL one for pg_restore
    #[arg(value_name = "FILE")]
    to: PathBuf,
}

pub(super) async fn run(options: &Options, args: &BackupArgs) -> anyhow::Result<ExitCode> {
    let database = configured(options)?;
    let made = database.backup(&args.to).await.map_err(told)?;
    say(format!("{}: copied to {made}.", database.location()));
    Ok(ExitCode::SUCCESS)
}
