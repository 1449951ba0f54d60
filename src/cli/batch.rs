//! Making the records of a file one after the other: the `generate` of each kind of record.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{ArgAction, Args};
use serde::de::DeserializeOwned;

use super::given;
use super::output::{self, Cell, OutputArgs, Row};
use super::session::{Session, Use, Who};
use crate::config::Options;

/// Flags of the commands that read records from a file.
#[derive(Debug, Args)]
pub(super) struct GenerateArgs {
    /// The file; - is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Check everything and show what would be made; store nothing
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    pub(super) dry_run: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    who: Who,
}

/// A record that was made, or for a dry run would be.
pub(super) struct Made {
    pub(super) id: String,
    /// As a dry run shows it.
    pub(super) row: Row,
}

impl Made {
    /// Tells of one record by itself.
    pub(super) async fn tell(&self, dry_run: bool, args: OutputArgs) -> anyhow::Result<()> {
        if dry_run {
            output::record(&self.row, args).await
        } else {
            output::made(&self.id, args).await
        }
    }
}

/// Makes each record of a file, and stops at the first that cannot be made.
pub(super) async fn generate<T: DeserializeOwned>(
    options: &Options,
    args: &GenerateArgs,
    one: impl AsyncFn(&Session, T) -> anyhow::Result<Made>,
) -> anyhow::Result<()> {
    let items: Vec<T> = given::items(&args.file).await?;
    let session = Session::begin(options, &args.who, Use::Write).await?;
    let result = all(&session, items, args, one).await;
    session.end(result).await
}

async fn all<T>(
    session: &Session,
    items: Vec<T>,
    args: &GenerateArgs,
    one: impl AsyncFn(&Session, T) -> anyhow::Result<Made>,
) -> anyhow::Result<()> {
    let count = items.len();
    let mut rows = Vec::new();
    for (at, item) in items.into_iter().enumerate() {
        let made = one(session, item)
            .await
            .with_context(|| format!("item {} of {count}", at + 1))?;
        if args.dry_run {
            rows.push(made.row);
        } else {
            output::made_one(&made.id, args.output).await?;
        }
    }
    if args.dry_run {
        output::records(rows, args.output).await?;
    }
    Ok(())
}

/// A record that was not stored has no id and no time yet.
pub(super) fn unmade(row: Row) -> Row {
    row.with("id", Cell::show(""))
        .without(&["created_at", "updated_at"])
}
