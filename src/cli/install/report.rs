//! What a person is told: results on stdout, what to mind on stderr.

use std::path::Path;

use serde_json::{Value, json};

use super::client::Format;
use super::{Task, oneline};
use crate::cli::say;
use crate::mcp::client_config::Launch;

/// Something to mind.
pub(super) fn warn(text: &str) {
    eprintln!("epr-mcp: {text}");
}

/// What would be written, and how else it can be done.
pub(super) fn show(task: &Task, launch: &Launch) {
    by_hand(task, launch);
    if let Some(command) =
        oneline::command(task.client, &task.name, launch, task.scope, task.platform)
    {
        say(format!("\nOr with its own command:\n\n{command}"));
    }
    say("\nOr let this program write it: the same command with --write.");
}

/// The file and what to put into it.
pub(super) fn by_hand(task: &Task, launch: &Launch) {
    let there = if task.file.exists() {
        ""
    } else {
        " (not there yet)"
    };
    let language = match task.client.format() {
        Format::Json => "JSON",
        Format::Toml => "TOML",
    };
    say(format!(
        "{} reads {}{there}. Put this into it, beside what is there ({language}):\n\n{}",
        task.client.title(),
        task.file.display(),
        task.client.snippet(&task.name, launch)
    ));
}

pub(super) fn remove_by_hand(task: &Task) {
    say(format!(
        "To do it by hand: take «{}» out of «{}» in {}.",
        task.name,
        task.client.servers(),
        task.file.display()
    ));
}

pub(super) fn failed(task: &Task, error: &anyhow::Error) {
    warn(&format!("{error:#}"));
    warn(&format!(
        "nothing was changed in the configuration of {}",
        task.client.title()
    ));
}

pub(super) fn link(task: &Task, target: &Path) {
    say(format!(
        "{} is a link; the file that it leads to is changed, {}, and the link stays.",
        task.file.display(),
        target.display()
    ));
}

pub(super) fn written(task: &Task, backup: Option<&Path>) {
    say(format!(
        "Written: «{}» in {}, for {}.",
        task.name,
        task.file.display(),
        task.client.title()
    ));
    saved(backup);
}

pub(super) fn removed(task: &Task, backup: &Path) {
    say(format!(
        "Removed: «{}» from {}, of {}.",
        task.name,
        task.file.display(),
        task.client.title()
    ));
    saved(Some(backup));
}

fn saved(backup: Option<&Path>) {
    if let Some(backup) = backup {
        say(format!("As it was before: {}", backup.display()));
    }
}

/// An entry of that name starts something else.
pub(super) fn other(task: &Task, launch: &Launch, old: &Value) {
    warn(&format!(
        "{} has another entry «{}»; nothing was changed. Replace it with --force, or choose a name with --name.",
        task.file.display(),
        task.name
    ));
    let new = Value::Object(task.client.entry(launch));
    say(format!(
        "There is:\n\n{:#}\n\nThis would be:\n\n{:#}",
        json!({ &task.name: shown(old) }),
        json!({ &task.name: new })
    ));
}

/// An entry without the values of its variables, where secrets are kept.
fn shown(entry: &Value) -> Value {
    let mut entry = entry.clone();
    for part in ["env", "headers"] {
        if let Some(members) = entry.get_mut(part).and_then(Value::as_object_mut) {
            for (name, value) in members {
                if !name.starts_with("EPR_") {
                    *value = json!("…");
                }
            }
        }
    }
    entry
}
