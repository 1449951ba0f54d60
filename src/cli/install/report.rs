//! What a person is told: results on stdout, what to mind on stderr.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::client::Format;
use super::file::PATH_CHARS;
use super::places::Scope;
use super::prove::Proof;
use super::{Change, Plan, Task, oneline, whose};
use crate::cli::say;
use crate::domain::text::{escape_hidden_in_json, quoted_to};
use crate::mcp::client_config::Launch;

/// Something to mind.
pub(super) fn warn(text: &str) {
    eprintln!("epr-mcp: {}", visible(text));
}

/// What would be written, and how else it can be done.
pub(super) fn show(task: &Task, launch: &Launch) {
    by_hand(task, launch);
    if let Some(command) =
        oneline::command(task.client, &task.name, launch, task.scope, task.platform)
    {
        say(format!("\nOr with its own command:\n\n{command}"));
    }
}

/// What --write would come to.
pub(super) fn would(task: &Task, launch: &Launch, plan: anyhow::Result<Plan>) {
    let refused = |why: &str| {
        warn(&format!(
            "--write would refuse: {} has «{}» {why}",
            task.file.display(),
            task.name
        ));
    };
    match plan {
        Ok(Plan::There) => say(format!(
            "\nIt is there already, as it should be: --write would change nothing in {}.",
            task.file.display()
        )),
        Ok(Plan::Foreign(old)) => {
            refused(&format!("already, which does not start epr-mcp. {REPLACE}"));
            outline(task, "There is, values left out", &old);
        }
        Ok(Plan::Losing(old)) => {
            refused(&format!(
                "with flags or variables that this would take away. {REPEAT}"
            ));
            changes(&old, &task.client.entry(launch));
        }
        Ok(Plan::Write(change)) => {
            say("\nOr let this program write it: the same command with --write.");
            if let Some(old) = &change.old {
                say("It would change the entry that is there:");
                changes(old, &change.new);
            }
        }
        Err(error) => warn(&format!("--write would fail: {error:#}")),
    }
}

const REPLACE: &str = "Replace it with --force, or choose a name with --name.";
const REPEAT: &str =
    "Repeat them (flags behind --), replace the entry with --force, or choose a name with --name.";

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
        quoted_to(&target.display().to_string(), PATH_CHARS)
    ));
}

/// What was written, and what of an older entry went or stayed.
pub(super) fn written(task: &Task, change: &Change, backup: Option<&Path>) {
    let verb = match &change.old {
        None => "Written",
        Some(old) if whose::ours(old) => "Updated",
        Some(_) => "Replaced",
    };
    say(format!(
        "{verb}: «{}» in {}, for {}.",
        task.name,
        task.file.display(),
        task.client.title()
    ));
    match &change.old {
        Some(old) if whose::ours(old) => {
            changes(old, &change.new);
            let kept = whose::kept(old);
            if !kept.is_empty() {
                say(visible(&format!("  kept as it was: {}", json!(kept))));
            }
        }
        Some(old) => outline(task, "Gone, values left out", old),
        None => {}
    }
    saved(task, backup);
}

pub(super) fn removed(task: &Task, backup: &Path) {
    say(format!(
        "Removed: «{}» from {}, of {}.",
        task.name,
        task.file.display(),
        task.client.title()
    ));
    saved(task, Some(backup));
}

fn saved(task: &Task, backup: Option<&Path>) {
    if let Some(backup) = backup {
        let backup = visible(&backup.display().to_string());
        say(format!("As it was before: {backup}"));
        if task.scope == Scope::Project {
            say("That lies in the work tree: remove it, or keep it out of what you commit.");
        }
    }
}

/// An entry of that name starts something else.
pub(super) fn other(task: &Task, launch: &Launch, old: &Value) {
    warn(&format!(
        "{} has another entry «{}», which does not start epr-mcp; nothing was changed. {REPLACE}",
        task.file.display(),
        task.name
    ));
    outline(task, "There is, values left out", old);
    let new = Value::Object(task.client.entry(launch));
    say(format!(
        "\nThis would be:\n\n{:#}",
        json!({ &task.name: new })
    ));
}

/// The entry that is there has what the new one would leave out.
pub(super) fn losing(task: &Task, launch: &Launch, old: &Value) {
    warn(&format!(
        "{} has «{}» with flags or variables that this would take away; nothing was changed. {REPEAT}",
        task.file.display(),
        task.name
    ));
    changes(old, &task.client.entry(launch));
}

/// What another start would change.
fn changes(old: &Value, new: &Map<String, Value>) {
    for (name, was, is) in whose::changes(old, new) {
        let line = match (was, is) {
            (Value::Null, is) => format!("  {name} is new: {is}"),
            (was, Value::Null) => format!("  {name} is gone; it was {was}"),
            (was, is) => format!("  {name} was {was}, is {is}"),
        };
        say(visible(&line));
    }
}

/// What is to be taken out starts something else.
pub(super) fn not_ours(task: &Task, old: &Value) {
    warn(&format!(
        "«{}» in {} does not start epr-mcp; nothing was changed. Take it out with --force.",
        task.name,
        task.file.display()
    ));
    outline(task, "There is, values left out", old);
}

fn outline(task: &Task, what: &str, old: &Value) {
    let shown = json!({ &task.name: whose::outline(old) });
    say(format!("{what}:\n\n{}", visible(&format!("{shown:#}"))));
}

/// What was seen of the server, which was tried on a throw-away registry if its own is missing; gives
/// whether it works.
pub(super) fn proved(proved: &anyhow::Result<Proof>, missing: Option<&Path>) -> bool {
    let doctor = "Look into it with: epr-mcp doctor";
    match proved {
        Err(error) => {
            warn(&format!(
                "started as the client will start it, it does not work: {error}\n{doctor}"
            ));
            false
        }
        Ok(Proof {
            registry: Err(why), ..
        }) => {
            warn(&format!(
                "it starts, but its registry cannot be used: {why}\n{doctor}"
            ));
            false
        }
        Ok(Proof {
            tools,
            registry: Ok(location),
        }) => {
            let seen = format!("started as the client will start it, it offers {tools} tools");
            say(match missing {
                None => format!(
                    "\nChecked: {seen}, and its registry opens: {}",
                    visible(location)
                ),
                Some(missing) => format!(
                    "\nChecked with a throw-away registry: {seen}.\nIts own registry {} is not there yet; it is made \
                     with --write, or when the client first starts the server.",
                    missing.display()
                ),
            });
            true
        }
    }
}

/// Text of others as a terminal may get it.
fn visible(text: &str) -> String {
    escape_hidden_in_json(text)
}
