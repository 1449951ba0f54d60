//! `epr-mcp backup`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::database::configured;
use super::say;
use crate::config::Options;
use crate::store::StoreError;

/// Flags of `backup`.
#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// The file to make: a SQLite file, or for PostgreSQL one for pg_restore
    #[arg(value_name = "FILE")]
    to: PathBuf,
}

pub(super) async fn run(options: &Options, args: &BackupArgs) -> anyhow::Result<ExitCode> {
    let database = configured(options)?;
    let made = database
        .backup(&args.to)
        .await
        .map_err(|error| match error {
            // Either of the two may be at fault: the text says which.
            StoreError::Unavailable { why, hint } => {
                anyhow::anyhow!("no backup was made: {why}. {hint}")
            }
            error => error.into(),
        })?;
    say(format!("{}: copied to {made}.", database.location()));
    Ok(ExitCode::SUCCESS)
}
