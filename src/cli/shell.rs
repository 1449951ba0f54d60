//! `epr-mcp completions` and `epr-mcp man`: what a shell and `man` know of this command line.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use clap_complete::Shell;

use super::say;

/// Flags of `completions`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples (make the folder first):\n  epr-mcp completions bash > ~/.local/share/bash-completion/completions/epr-mcp\n  \
    epr-mcp completions zsh > \"${fpath[1]}/_epr-mcp\"\n  \
    epr-mcp completions fish > ~/.config/fish/completions/epr-mcp.fish\n  \
    epr-mcp completions powershell >> $PROFILE"
)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Flags of `man`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  epr-mcp man | man -l -\n  epr-mcp man --dir ~/.local/share/man/man1 && man epr-mcp-gate-check"
)]
pub(super) struct ManArgs {
    /// Write the pages of all commands into this folder, which is made if it is missing
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn completions(
    args: &CompletionsArgs,
    mut command: clap::Command,
) -> anyhow::Result<ExitCode> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command, "epr-mcp", &mut text);
    let mut text = String::from_utf8(text)?;
    if args.shell == Shell::Bash {
        // clap_complete 4.6 spells the hyphen of a program's name in two ways there, and so would
        // complete nothing behind the first word.
        text = text.replace("epr__subcmd__mcp", "epr__mcp");
    }
    say(text.trim_end());
    Ok(ExitCode::SUCCESS)
}

pub(super) fn man(args: &ManArgs, command: clap::Command) -> anyhow::Result<ExitCode> {
    let Some(folder) = &args.dir else {
        let mut text = Vec::new();
        clap_mangen::Man::new(command).render(&mut text)?;
        say(String::from_utf8(text)?.trim_end());
        return Ok(ExitCode::SUCCESS);
    };
    let about = || format!("the pages cannot be written to {}", folder.display());
    std::fs::create_dir_all(folder).with_context(about)?;
    clap_mangen::generate_to(command, folder).with_context(about)?;
    say(format!("The pages are in {}.", folder.display()));
    Ok(ExitCode::SUCCESS)
}
