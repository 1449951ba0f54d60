//! `epr-mcp generate`: the documents in the repository that are made from the code.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::builder::{PossibleValue, ValueRange};
use clap::{Args, ValueEnum};

use super::say;
use crate::mcp::{client_config, tool_table_markdown};

/// Flags of `generate`.
#[derive(Debug, Args)]
pub(super) struct GenerateArgs {
    /// Which document
    #[arg(value_enum)]
    document: Document,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Document {
    /// mcp.json
    McpJson,
    /// docs/TOOLS.md
    Tools,
    /// docs/CONFIGURATION.md
    Config,
    /// The table of clients in README.md
    Clients,
}

pub(super) fn run(args: &GenerateArgs, command: clap::Command) -> anyhow::Result<ExitCode> {
    match args.document {
        Document::McpJson => say(client_config::json("epr-mcp", &["stdio"])),
        Document::Tools => say(format!(
            "# Tools\n\nWhat an assistant gets. This page is made by `make generate`.\n\n{}",
            tool_table_markdown().trim_end()
        )),
        Document::Clients => say(super::install::table().trim_end()),
        Document::Config => say(configuration(command)?.trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}

fn configuration(mut command: clap::Command) -> anyhow::Result<String> {
    command.build();
    let mut out = String::from(
        "# Configuration\n\nFlags beat environment variables, those beat the settings file (`--config`, TOML), that \
         beats the defaults. This page is made by `make generate`.\n",
    );
    let own = command.clone();
    let stdio = command
        .find_subcommand("stdio")
        .cloned()
        .unwrap_or_default();
    let shared: Vec<String> = own
        .get_arguments()
        .filter(|a| a.is_global_set())
        .map(|a| a.get_id().to_string())
        .collect();
    out.push_str("\n## Every command\n\nThese may stand in the settings file.\n\n");
    table(&mut out, own.get_arguments().filter(|a| a.is_global_set()))?;
    out.push_str("\n## `epr-mcp stdio`, and `epr-mcp` alone\n\n");
    table(
        &mut out,
        stdio
            .get_arguments()
            .filter(|a| !shared.contains(&a.get_id().to_string())),
    )?;
    for sub in commands(&command).filter(|sub| sub.get_name() != "stdio") {
        one_command(&mut out, sub, "epr-mcp", &shared)?;
    }
    Ok(out)
}

/// The commands of a command that a reader is told of.
fn commands(command: &clap::Command) -> impl Iterator<Item = &clap::Command> {
    command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
}

/// A command, or the commands that it consists of.
fn one_command(
    out: &mut String,
    command: &clap::Command,
    above: &str,
    shared: &[String],
) -> std::fmt::Result {
    let name = format!("{above} {}", command.get_name());
    if commands(command).next().is_some() {
        return commands(command).try_for_each(|sub| one_command(out, sub, &name, shared));
    }
    let about = command.get_about().map(ToString::to_string);
    let values = command.get_positionals().map(|argument| {
        let name = argument.get_value_names().and_then(|names| names.first());
        format!(" {}", name.map_or("", |name| name.as_str()))
    });
    let usage = values.collect::<String>();
    write!(
        out,
        "\n## `{name}{usage}`\n\n{}.\n",
        about.unwrap_or_default()
    )?;
    let own = |a: &&clap::Arg| !shared.contains(&a.get_id().to_string()) && is_shown(a);
    if command.get_arguments().any(|a| own(&a)) {
        out.push('\n');
        table(out, command.get_arguments().filter(own))?;
    }
    Ok(())
}

/// Whether an argument is a flag that a reader is told of.
fn is_shown(argument: &clap::Arg) -> bool {
    !argument.is_hide_set()
        && argument.get_long().is_some_and(|long| {
            !matches!(long, "help" | "version") || argument.get_action().takes_values()
        })
}

fn table<'a>(out: &mut String, arguments: impl Iterator<Item = &'a clap::Arg>) -> std::fmt::Result {
    out.push_str("| flag | environment | what it does |\n|---|---|---|\n");
    for argument in arguments {
        let Some(long) = argument.get_long() else {
            continue;
        };
        if !is_shown(argument) {
            continue;
        }
        let value = value(argument);
        let env = argument
            .get_env()
            .map(|env| format!("`{}`", env.to_string_lossy()))
            .unwrap_or_default();
        let help = argument
            .get_help()
            .map(ToString::to_string)
            .unwrap_or_default()
            .replace('\n', " ");
        let default = default(argument, &help);
        writeln!(out, "| `--{long}{value}` | {env} | {help}{default} |")?;
    }
    Ok(())
}

/// The value behind a flag; in brackets where the flag may stand alone.
fn value(argument: &clap::Arg) -> String {
    let names = argument.get_value_names();
    let name = names.and_then(|names| names.first());
    let optional = |n: ValueRange| n.min_values() == 0 && n.max_values() > 0;
    if argument.get_num_args().is_some_and(optional) {
        return name.map_or_else(String::new, |name| format!("[={name}]"));
    }
    if !argument.get_action().takes_values() {
        return String::new();
    }
    let possible = argument.get_possible_values();
    if possible.is_empty() {
        return name.map_or_else(String::new, |name| format!(" {name}"));
    }
    let possible: Vec<&str> = possible.iter().map(PossibleValue::get_name).collect();
    format!(" {}", possible.join("\\|"))
}

/// The default, where it is not what a reader takes for granted and the help does not tell it itself.
fn default(argument: &clap::Arg, help: &str) -> String {
    let values = argument.get_default_values();
    let values: Vec<_> = values.iter().map(|value| value.to_string_lossy()).collect();
    let told = values.is_empty() || values == ["false"] || help.contains("Default: ");
    if told || !argument.get_action().takes_values() {
        return String::new();
    }
    format!(". Default: {}", values.join(" "))
}
