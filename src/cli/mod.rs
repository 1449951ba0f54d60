//! The commands of the binary, one file each.

#![expect(clippy::print_stderr, reason = "commands talk to people on a terminal")]

mod backup;
mod conversation;
mod database;
mod demo;
mod doctor;
mod generate;
mod install;
mod migrate;
mod setup;
mod stdio;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::{LogFormat, Options};
use crate::telemetry;

/// Seconds that work in progress has to end in after the command is done.
const SHUTDOWN: Duration = Duration::from_secs(2);

/// An Event Provenance Registry that AI assistants talk to over MCP.
///
/// Without a command it serves MCP over stdio, which is what an MCP client starts.
#[derive(Debug, Parser)]
#[command(
    name = "epr-mcp",
    version,
    max_term_width = 100,
    subcommand_negates_reqs = true
)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    stdio: stdio::StdioArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve MCP over stdin and stdout (the default)
    Stdio(Box<stdio::StdioArgs>),
    /// Connect a client: show or write its configuration, and check that it works
    Install(install::InstallArgs),
    /// Play a delivery pipeline and show what an assistant sees
    Demo(demo::DemoArgs),
    /// Bring the database up to this version
    Migrate(migrate::MigrateArgs),
    /// Copy the registry to a new file, while it is in use
    Backup(backup::BackupArgs),
    /// Tell what is configured and whether it works
    Doctor(doctor::DoctorArgs),
    /// Print generated documents
    #[command(hide = true)]
    Generate(generate::GenerateArgs),
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let parsed = no_lost_flags(&matches).and_then(|()| Cli::from_arg_matches(&matches));
    let cli = parsed.unwrap_or_else(|error| error.exit());
    match run(cli, &matches) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("epr-mcp: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// The flags of `stdio` stand before a command too, because it is the default one. There they
/// would count for nothing, and `--read-only` may not be lost in silence.
fn no_lost_flags(matches: &ArgMatches) -> Result<(), clap::Error> {
    if matches.subcommand().is_none() {
        return Ok(());
    }
    let own = stdio::StdioArgs::augment_args(clap::Command::new("stdio"));
    for flag in own.get_arguments() {
        let source = matches.value_source(flag.get_id().as_str());
        if source == Some(ValueSource::CommandLine) {
            let name = flag.get_long().unwrap_or_default();
            let text = format!("write --{name} behind the command: epr-mcp stdio --{name} …");
            return Err(Cli::command().error(ErrorKind::ArgumentConflict, text));
        }
    }
    Ok(())
}

fn run(cli: Cli, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let options = cli.options.with_file()?;
    // The SDK warns of every refused request; its sender has been told.
    let filter = options.log.as_deref().unwrap_or("warn,rmcp=error");
    telemetry::init(filter, options.log_format.unwrap_or(LogFormat::Text))
        .map_err(anyhow::Error::msg)?;
    let command = cli
        .command
        .unwrap_or_else(|| Command::Stdio(Box::new(cli.stdio)));
    if let Command::Generate(args) = command {
        return generate::run(&args, Cli::command());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let result = runtime.block_on(async {
        match command {
            Command::Stdio(args) => stdio::run(options, *args).await,
            Command::Install(args) => {
                let own = matches.subcommand().map_or(matches, |(_, own)| own);
                install::run(install::given(own), args).await
            }
            Command::Demo(args) => demo::run(options, args).await,
            Command::Migrate(args) => migrate::run(&options, &args).await,
            Command::Backup(args) => backup::run(&options, &args).await,
            Command::Doctor(args) => doctor::run(&options, &args).await,
            Command::Generate(_) => Ok(ExitCode::SUCCESS),
        }
    });
    // A read from stdin that nobody waits for must not keep the process.
    runtime.shutdown_timeout(SHUTDOWN);
    result
}

/// Prints a line to stdout; a closed pipe ends the output, not the program.
fn say(text: impl AsRef<str>) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", text.as_ref());
}

/// Whether a person sits at stdin.
fn at_a_terminal() -> bool {
    std::io::stdin().is_terminal()
}
