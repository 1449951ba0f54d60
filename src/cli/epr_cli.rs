//! The command line of the existing EPR: what this program is when it is called through a link named
//! `epr-cli`. Its commands work on the registry that `EPR_DB` names.

use std::path::Path;
use std::process::ExitCode;

use clap::{ArgAction, Args, Parser, Subcommand};
use serde_json::json;

use super::output::{Cell, OutputArgs, Row, record};
use super::session::{Session, Use, Who};
use super::{Command, event, group, receiver};
use crate::config::Options;
use crate::registry::Overview;

/// Events, receivers and groups of an Event Provenance Registry, from the command line.
///
/// This is epr-mcp under the name of the existing EPR's command: it takes the same flags and works on the
/// database that EPR_DB (--db) names.
#[derive(Debug, Parser)]
#[command(name = "epr-cli", version, max_term_width = 100)]
struct EprCli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: EprCommand,
}

#[derive(Debug, Subcommand)]
enum EprCommand {
    /// Create, search and generate event receivers
    #[command(subcommand)]
    Receiver(receiver::ReceiverCommand),
    /// Create, search, generate and modify event receiver groups
    #[command(subcommand)]
    Group(group::GroupCommand),
    /// Create, search and generate events
    #[command(subcommand)]
    Event(event::EventCommand),
    /// Tell whether the registry answers, and what it holds
    #[command(args_override_self = true)]
    Status(StatusArgs),
}

/// Flags of `status`.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Show what would be asked, and do not ask
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    who: Who,
}

/// Whether this process was started under that name.
pub(super) fn is_called() -> bool {
    std::env::args_os().next().is_some_and(|program| {
        Path::new(&program)
            .file_stem()
            .is_some_and(|stem| stem == "epr-cli")
    })
}

/// Reads the command line, or ends the process with what is wrong about it.
pub(super) fn parse() -> (Options, Command) {
    let EprCli { options, command } = EprCli::parse();
    let command = match command {
        EprCommand::Receiver(command) => Command::Receiver(command),
        EprCommand::Group(command) => Command::Group(command),
        EprCommand::Event(command) => Command::Event(command),
        EprCommand::Status(args) => Command::Status(args),
    };
    (options, command)
}

pub(super) async fn status(options: &Options, args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let session = Session::begin(options, &args.who, Use::Read).await?;
    let location = session.registry.location();
    let result = if args.dry_run {
        Ok(Row::new(vec![("database", Cell::show(location))]))
    } else {
        let overview = session.registry.overview(&session.principal).await;
        overview
            .map(|overview| status_row(&overview))
            .map_err(Into::into)
    };
    let row = session.end(result).await?;
    record(&row, args.output).await?;
    Ok(ExitCode::SUCCESS)
}

fn status_row(overview: &Overview) -> Row {
    let (store, counters) = (&overview.store, &overview.counters);
    let service = json!({"name": "epr-mcp", "version": env!("CARGO_PKG_VERSION")});
    let database = json!({"engine": store.engine, "version": store.engine_version, "location": store.location,
        "schema": store.schema_version});
    let holds = json!({"events": counters.succeeded + counters.failed, "receivers": counters.receivers,
        "groups": counters.groups, "units": counters.units});
    Row::new(vec![
        ("service", Cell::document(&service.to_string())),
        (
            "health",
            Cell::document(&json!({"readiness": true, "liveness": true}).to_string()),
        ),
        ("database", Cell::document(&database.to_string())),
        ("holds", Cell::document(&holds.to_string())),
    ])
}
