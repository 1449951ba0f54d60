//! The commands of the binary, one file each.

#![expect(clippy::print_stderr, reason = "commands talk to people on a terminal")]

mod backup;
mod batch;
mod conversation;
mod database;
mod definition;
mod demo;
mod doctor;
mod epr_cli;
mod event;
mod export;
mod gate;
mod generate;
mod given;
mod group;
mod ingest;
mod install;
mod migrate;
mod one_cpu;
mod output;
mod receiver;
mod refused;
mod reindex;
mod session;
mod setup;
mod shell;
mod signals;
mod stdio;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use self::signals::Signals;
use crate::config::{LogFormat, Options};
use crate::limits;
use crate::telemetry;

/// What is still at work after the command is done, such as a read from stdin that nobody waits for, is
/// given so long and then left.
const SHUTDOWN: Duration = Duration::from_millis(100);

/// An Event Provenance Registry that AI assistants talk to over MCP.
///
/// Without a command it serves MCP over stdio, which is what an MCP client starts.
#[derive(Debug, Parser)]
#[command(
    name = "epr-mcp",
    version,
    max_term_width = 100,
    subcommand_negates_reqs = true,
    after_help = "First steps:\n\
        \x20 epr-mcp demo                             see it at work\n\
        \x20 epr-mcp install --client cursor --write  connect a client; without a name: which ones are here\n\
        \x20 epr-mcp doctor                           is everything well?\n\
        \n\
        In scripts:\n\
        \x20 epr-mcp event create --help              record that something happened\n\
        \x20 epr-mcp gate check --help                let a deploy job wait for a gate"
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
    /// Play a failed and a good pipeline run, and show what an assistant sees
    Demo(demo::DemoArgs),
    /// Bring the database up to this version
    Migrate(migrate::MigrateArgs),
    /// Copy the registry to a new file, while it is in use
    Backup(backup::BackupArgs),
    /// Define and list receivers: kinds of events
    #[command(subcommand)]
    Receiver(receiver::ReceiverCommand),
    /// Define and list groups: gates
    #[command(subcommand)]
    Group(group::GroupCommand),
    /// Record and list events
    #[command(subcommand)]
    Event(event::EventCommand),
    /// Record CDEvents, CloudEvents and EPR events of a file or of stdin, at full speed
    #[command(
        after_help = "Examples:\n  epr-mcp ingest events.ndjson\n  epr-mcp ingest --dry-run --explain one-event.json\n  \
        kubectl logs -f cdevents-sink | epr-mcp ingest --announce -\n\n\
        Exit code: 0 when everything was recorded or there already, 1 when some documents were refused, 2 when it could not go on."
    )]
    Ingest(Box<ingest::IngestArgs>),
    /// Write recorded events out as NDJSON: CDEvents 0.5.1, CloudEvents, or EPR events
    #[command(
        after_help = "Examples:\n  epr-mcp export --format cdevents --since 24h | curl -T - http://cdviz.example.com/events\n  \
        epr-mcp export --format cdevents --type 'testsuiterun.*' tests.ndjson\n  \
        epr-mcp export | EPR_DB=other.db epr-mcp ingest -\n\n\
        What it left out, and why, is told on stderr."
    )]
    Export(Box<export::ExportArgs>),
    /// Find out what recorded payloads say: after an upgrade, or anew
    Reindex(reindex::ReindexArgs),
    /// Ask a gate, in a script
    #[command(subcommand)]
    Gate(gate::GateCommand),
    /// Of `epr-cli` alone
    #[command(skip)]
    Status(epr_cli::StatusArgs),
    /// Tell what is configured and whether it works
    Doctor(doctor::DoctorArgs),
    /// Print the completion of this command line for a shell
    Completions(shell::CompletionsArgs),
    /// Print the manual page, or write those of all commands
    Man(shell::ManArgs),
    /// Print generated documents
    #[command(hide = true)]
    Generate(generate::GenerateArgs),
}

/// Runs the command line: this program's own or, called through a link named `epr-cli`, the one of the
/// existing EPR.
pub fn main() -> ExitCode {
    let (options, command) = if epr_cli::is_called() {
        epr_cli::parse()
    } else {
        parse()
    };
    let asks_a_gate = matches!(command, Command::Gate(_));
    let failed = |code| ExitCode::from(if asks_a_gate { gate::NOT_TOLD } else { code });
    match run(options, command) {
        Ok(_) if OUTPUT_LOST.load(Ordering::Relaxed) => {
            note("the output cannot be written");
            failed(2)
        }
        Ok(code) => code,
        Err(error) => {
            note(&told(&error));
            failed(if refusal(&error).is_some() { 1 } else { 2 })
        }
    }
}

/// Whether something that was said could not be written.
static OUTPUT_LOST: AtomicBool = AtomicBool::new(false);

fn parse() -> (Options, Command) {
    let mut known = Cli::command();
    let matches = known
        .try_get_matches_from_mut(std::env::args_os())
        .unwrap_or_else(|error| wrong(&error));
    // The process's end gives it back at once; to take it apart costs a short command for nothing.
    std::mem::forget(known);
    let parsed = no_lost_flags(&matches).and_then(|()| Cli::from_arg_matches(&matches));
    let cli = parsed.unwrap_or_else(|error| wrong(&error));
    let stdio = cli.stdio;
    let mut command = cli
        .command
        .unwrap_or_else(|| Command::Stdio(Box::new(stdio)));
    if let Command::Install(args) = &mut command {
        let own = matches.subcommand().map_or(&matches, |(_, own)| own);
        args.given = install::given(own);
    }
    (cli.options, command)
}

/// Ends with what is wrong about the command line, or with the help that was asked for. A script that
/// asks a gate must not take a slip for an answer.
#[expect(clippy::exit, reason = "as clap does it, with another code")]
fn wrong(error: &clap::Error) -> ! {
    // There is nothing else to say it to.
    let _ = error.print();
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let asks_a_gate = words.windows(2).any(|pair| pair == ["gate", "check"]);
    let code = match error.exit_code() {
        0 => 0,
        _ if asks_a_gate => gate::NOT_TOLD.into(),
        code => code,
    };
    std::process::exit(code);
}

/// What the registry refused, if that is what an error is.
fn refusal(error: &anyhow::Error) -> Option<&crate::registry::Error> {
    error.downcast_ref()
}

/// An error with what it is about; a refusal with the next step.
fn told(error: &anyhow::Error) -> String {
    match refusal(error) {
        None => format!("{error:#}"),
        Some(refusal) => {
            let text = refused::text(refusal);
            let about = error.to_string();
            if about == refusal.to_string() {
                text
            } else {
                format!("{about}: {text}")
            }
        }
    }
}

/// The flags of `stdio` stand before a command too, because it is the default one. There they
/// would count for nothing, and `--read-only` may not be lost in silence.
fn no_lost_flags(matches: &ArgMatches) -> Result<(), clap::Error> {
    let given = |id: &clap::Id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
    if matches.subcommand().is_none() || !matches.ids().any(given) {
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

fn run(options: Options, command: Command) -> anyhow::Result<ExitCode> {
    let runtime = runtime(&command)?;
    let signals = {
        let _inside = runtime.enter();
        Signals::take(Duration::from_millis(limits::PATIENCE_MILLIS))?
    };
    let options = options.with_file()?;
    // The SDK warns of every refused request; its sender has been told.
    // A command that ends with what went wrong need not log it as well.
    let brief = is_brief(&command);
    let quiet = if brief {
        "warn,rmcp=error,epr_mcp::registry=error"
    } else if matches!(command, Command::Demo(_)) {
        // It plays both sides; that one of them left when it was interrupted is no news.
        "warn,rmcp=off"
    } else {
        "warn,rmcp=error"
    };
    let filter = options.log.as_deref().unwrap_or(quiet);
    telemetry::init(filter, options.log_format.unwrap_or(LogFormat::Text))
        .map_err(anyhow::Error::msg)?;
    let result = runtime.block_on(async {
        match command {
            // These have something to do yet when they are told to end.
            Command::Stdio(args) => stdio::run(options, *args, signals).await,
            Command::Demo(args) => demo::run(options, args, signals).await,
            Command::Gate(command) => gate::run(&options, command, &signals).await,
            Command::Reindex(args) => reindex::run(&options, &args, &signals).await,
            Command::Ingest(args) => ingest::run(&options, *args, &signals).await,
            Command::Export(args) => export::run(&options, *args, &signals).await,
            command => tokio::select! {
                done = plain(command, options) => done,
                code = signals.told() => Ok(code),
            },
        }
    });
    if brief {
        // What it had to do is done, and nothing else is waited for.
        runtime.shutdown_background();
    } else {
        runtime.shutdown_timeout(SHUTDOWN);
    }
    result
}

/// Whether a command asks or writes something and ends.
fn is_brief(command: &Command) -> bool {
    matches!(
        command,
        Command::Receiver(_)
            | Command::Group(_)
            | Command::Event(_)
            | Command::Gate(_)
            | Command::Status(_)
    )
}

/// Whether a command asks or writes one thing: how much it has to do does not depend on the registry
/// or on a file.
fn is_one_question(command: &Command) -> bool {
    use event::EventCommand;
    use group::GroupCommand;
    use receiver::ReceiverCommand;

    match command {
        Command::Receiver(command) => matches!(command, ReceiverCommand::Create(_)),
        Command::Group(command) => {
            matches!(command, GroupCommand::Create(_) | GroupCommand::Modify(_))
        }
        Command::Event(command) => matches!(command, EventCommand::Create(_)),
        Command::Gate(_) | Command::Status(_) => true,
        _ => false,
    }
}

/// Two threads for what has several things to do at once. A command that asks something and ends would
/// only pay for them.
fn runtime(command: &Command) -> std::io::Result<tokio::runtime::Runtime> {
    if is_one_question(command) {
        one_cpu::stay();
    }
    let brief = is_brief(command);
    let mut builder = if brief {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    if !brief {
        builder.worker_threads(2);
    }
    builder.enable_all().build()
}

/// A command that a signal may cut off anywhere.
async fn plain(command: Command, options: Options) -> anyhow::Result<ExitCode> {
    match command {
        Command::Install(args) => install::run(args).await,
        Command::Migrate(args) => migrate::run(&options, &args).await,
        Command::Backup(args) => backup::run(&options, &args).await,
        Command::Doctor(args) => doctor::run(&options, &args).await,
        Command::Receiver(command) => receiver::run(&options, command).await,
        Command::Group(command) => group::run(&options, command).await,
        Command::Event(command) => event::run(&options, command).await,
        Command::Status(args) => epr_cli::status(&options, &args).await,
        Command::Generate(args) => generate::run(&args, Cli::command()),
        Command::Completions(args) => shell::completions(&args, Cli::command()),
        Command::Man(args) => shell::man(&args, Cli::command()),
        // They are told of signals.
        Command::Stdio(_)
        | Command::Demo(_)
        | Command::Gate(_)
        | Command::Ingest(_)
        | Command::Export(_)
        | Command::Reindex(_) => Ok(ExitCode::SUCCESS),
    }
}

/// Prints a line to stdout; a closed pipe ends the output, not the program.
fn say(text: impl AsRef<str>) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = writeln!(out, "{}", text.as_ref())
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        OUTPUT_LOST.store(true, Ordering::Relaxed);
    }
}

/// Prints a line for whoever started the command, beside its answer.
fn note(text: &str) {
    let program = if epr_cli::is_called() {
        "epr-cli"
    } else {
        "epr-mcp"
    };
    eprintln!("{program}: {text}");
}

/// Whether a person sits at stdin.
fn at_a_terminal() -> bool {
    std::io::stdin().is_terminal()
}
