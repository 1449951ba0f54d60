//! `epr-mcp install`: connects a client, and proves that what it will start works.

mod binary;
mod client;
mod edit;
mod file;
mod launch;
mod links;
mod oneline;
mod places;
mod prove;
mod report;
mod trial;
mod whose;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{ArgMatches, Args};
use serde_json::{Map, Value};

use self::client::{Client, launch_of, same};
use self::edit::Spot;
use self::launch::{Made, Refused};
use self::places::{Place, Platform, Scope, Surroundings};
use self::trial::Trial;
use super::say;
use crate::limits;
use crate::mcp::client_config::{Launch, SERVER_NAME};

pub(super) use self::launch::{Given, flags};
pub(super) use self::links::table;

/// Letters that the name of an entry may have; clients make the names of tools from it.
const NAME_CHARS: usize = 40;

/// Flags of `install`.
#[derive(Debug, Args)]
pub(super) struct InstallArgs {
    /// What else the command line and the environment say.
    #[arg(skip)]
    pub(super) given: Given,

    /// The client. Without it: the clients, and which of them were found here
    #[arg(long, value_enum, value_name = "NAME")]
    client: Option<Client>,

    /// Write the entry into the client's configuration, after a backup. Without it, what would be
    /// written is shown, and no file is written
    #[arg(long, requires = "client")]
    write: bool,

    /// Take the entry out again, after a backup
    #[arg(long, requires = "client", conflicts_with = "write")]
    uninstall: bool,

    /// The name of the entry. Default: epr
    #[arg(long, value_name = "NAME", default_value = SERVER_NAME, hide_default_value = true, value_parser = entry_name)]
    name: String,

    /// Whose configuration: yours, or that of the project in this folder (claude-code, vscode, cursor).
    /// Default: user
    #[arg(long, value_enum, default_value = "user", hide_default_value = true)]
    scope: Scope,

    /// Replace or take out an entry of that name that starts another program, and follow a link that leaves
    /// the project
    #[arg(long)]
    force: bool,

    /// Do not start the server to see whether it works
    #[arg(long)]
    no_check: bool,

    /// The places of another platform, as they are with the variables of this environment
    #[arg(long, value_enum, hide = true)]
    platform: Option<Platform>,

    /// Flags of `epr-mcp stdio` for the entry, such as --read-only
    #[arg(last = true, value_name = "FLAGS")]
    behind: Vec<std::ffi::OsString>,
}

/// A name that every client takes.
fn entry_name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if text.is_empty() || text.len() > NAME_CHARS || !text.chars().all(plain) {
        return Err(format!(
            "a name has up to {NAME_CHARS} letters, digits, - and _"
        ));
    }
    Ok(text.to_owned())
}

/// What the command line and the environment say of the entry.
pub(super) fn given(matches: &ArgMatches) -> Given {
    Given {
        flags: flags(matches),
        behind: Vec::new(),
        variables: std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .collect(),
    }
}

/// A client, an entry, and the file where they meet.
struct Task {
    client: Client,
    name: String,
    scope: Scope,
    platform: Platform,
    file: PathBuf,
    /// The folder that the file has to lie in.
    within: Option<PathBuf>,
    force: bool,
}

impl Task {
    fn found(&self) -> anyhow::Result<file::Found> {
        file::read(&self.file, self.within.as_deref())
    }

    fn write(&self, found: &file::Found, text: &str) -> anyhow::Result<Option<PathBuf>> {
        let readers = match self.scope {
            Scope::User => file::Readers::Owner,
            Scope::Project => file::Readers::Others,
        };
        file::write(found, text, readers)
    }

    fn spot(&self) -> Spot<'_> {
        Spot {
            format: self.client.format(),
            servers: self.client.servers(),
            name: &self.name,
        }
    }
}

pub(super) async fn run(mut args: InstallArgs) -> anyhow::Result<ExitCode> {
    let given = std::mem::take(&mut args.given);
    let (write, no_check, client) = (args.write, args.no_check, args.client);
    // Files are looked at, which may take its time.
    let step = tokio::task::spawn_blocking(move || prepare(given, args)).await??;
    let trial = match step {
        Step::Done(code) => return Ok(code),
        Step::Stands(trial) => trial,
    };
    if no_check {
        say("Not checked, as asked: whether it starts.");
    } else if !check(trial).await? {
        if write {
            report::warn(
                "the entry is in the file all the same; mend what is wrong, or take it out with --uninstall",
            );
        }
        return Ok(ExitCode::from(1));
    }
    if let Some(client) = client.filter(|_| write) {
        say(format!("Next: {}", client.afterwards()));
        say("Then ask the assistant: what is in the registry?");
    }
    Ok(ExitCode::SUCCESS)
}

/// How far it came.
enum Step {
    /// To its end.
    Done(ExitCode),
    /// The entry was shown or stands in the file, and is to be tried so.
    Stands(Trial),
}

fn prepare(mut given: Given, args: InstallArgs) -> anyhow::Result<Step> {
    let platform = args.platform.unwrap_or_else(Platform::here);
    let Some(client) = args.client else {
        list(platform)?;
        return Ok(Step::Done(ExitCode::SUCCESS));
    };
    let within = match args.scope {
        Scope::Project if !args.force => Some(here()?),
        _ => None,
    };
    let task = Task {
        client,
        within,
        name: args.name,
        scope: args.scope,
        platform,
        file: place(client, platform, args.scope)?.file,
        force: args.force,
    };
    if args.uninstall {
        return Ok(Step::Done(uninstall(&task)));
    }
    given.behind = args.behind;
    let binary = binary::path()?;
    if let Some(doubt) = binary::doubt(&binary, &std::env::temp_dir()) {
        report::warn(&format!(
            "{} {doubt}. Put epr-mcp where it stays (`cargo install --path .`, or a copy in a folder of your PATH), \
             and install from there.",
            binary.display()
        ));
    }
    let Made {
        launch,
        file,
        remarks,
    } = match launch::make(&binary, &given) {
        Ok(made) => made,
        Err(Refused::Said(error)) => return Err(error),
        Err(Refused::Flags(error)) => {
            let _ = error.print();
            // Help that was asked for is no error.
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            return Ok(Step::Done(ExitCode::from(code)));
        }
    };
    for remark in &remarks {
        report::warn(remark);
    }
    if args.write {
        return install(&task, &launch);
    }
    report::show(&task, &launch);
    report::would(&task, &launch, plan(&task, &launch));
    let trial = if args.no_check {
        Trial::as_it_is(launch)
    } else {
        Trial::harmless(launch, file)?
    };
    Ok(Step::Stands(trial))
}

/// Starts what the entry says; `false` when that does not work.
async fn check(trial: Trial) -> anyhow::Result<bool> {
    let patience = Duration::from_secs(limits::INSTALL_CHECK_SECONDS);
    let proved = prove::prove(&trial.launch, patience).await;
    let works = report::proved(&proved, trial.instead_of.as_deref());
    // A folder goes with it.
    tokio::task::spawn_blocking(move || drop(trial)).await?;
    Ok(works)
}

/// Writes the entry; gives what the file says now.
fn install(task: &Task, launch: &Launch) -> anyhow::Result<Step> {
    let failed = |error: &anyhow::Error| {
        report::failed(task, error);
        report::by_hand(task, launch);
        Ok(Step::Done(ExitCode::from(1)))
    };
    match plan(task, launch) {
        Ok(Plan::There) => {
            say(format!(
                "{} has «{}» already, as it should be: {}. Nothing was written.",
                task.client.title(),
                task.name,
                task.file.display()
            ));
        }
        Ok(Plan::Foreign(old)) => {
            report::other(task, launch, &old);
            return Ok(Step::Done(ExitCode::from(1)));
        }
        Ok(Plan::Losing(old)) => {
            report::losing(task, launch, &old);
            return Ok(Step::Done(ExitCode::from(1)));
        }
        Ok(Plan::Write(change)) => match write(task, &change) {
            Ok(backup) => report::written(task, &change, backup.as_deref()),
            Err(error) => return failed(&error),
        },
        Err(error) => return failed(&error),
    }
    // What counts is what the client will read.
    let found = task.found()?;
    let seen = edit::look(&found.text, &task.spot())
        .map_err(|fault| anyhow::anyhow!("{}: {fault}", task.file.display()))?;
    if seen.entry.as_ref().is_some_and(switched_off) {
        report::warn("the entry is switched off there; switch it on in the client");
    }
    let read = seen.entry.as_ref().and_then(launch_of);
    let read = read.with_context(|| format!("{} has no entry now", task.file.display()))?;
    Ok(Step::Stands(Trial::as_it_is(read)))
}

/// What writing the entry comes to.
enum Plan {
    /// An equal entry is there.
    There,
    /// One of that name starts another program.
    Foreign(Value),
    /// One of ours has flags or variables that the new one leaves out.
    Losing(Value),
    /// It can be written.
    Write(Box<Change>),
}

/// A file with another entry in it.
struct Change {
    found: file::Found,
    /// What of the file the client may not read.
    beyond: edit::Beyond,
    /// The entry that stands there.
    old: Option<Value>,
    new: Map<String, Value>,
    /// The file with the new entry.
    text: String,
}

/// Several clients have a member that says so.
fn switched_off(entry: &Value) -> bool {
    let says = |name: &str| entry.get(name).and_then(Value::as_bool);
    says("disabled") == Some(true) || says("enabled") == Some(false)
}

/// What writing would come to; the file is only read.
fn plan(task: &Task, launch: &Launch) -> anyhow::Result<Plan> {
    let found = task.found()?;
    let fault = |fault: edit::Fault| anyhow::anyhow!("{}: {fault}", found.target.display());
    let seen = edit::look(&found.text, &task.spot()).map_err(fault)?;
    if let Some(old) = &seen.entry {
        if launch_of(old).is_some_and(|old| same(&old, launch)) {
            return Ok(Plan::There);
        }
        if !whose::ours(old) && !task.force {
            return Ok(Plan::Foreign(old.clone()));
        }
        if !task.force && whose::loses(old, &task.client.entry(launch)) {
            return Ok(Plan::Losing(old.clone()));
        }
    }
    let mut new = task.client.entry(launch);
    if let Some(old) = &seen.entry {
        new = whose::merged(old, &new);
    }
    let text = edit::put(&found.text, &task.spot(), &new).map_err(fault)?;
    Ok(Plan::Write(Box::new(Change {
        found,
        beyond: seen.beyond,
        old: seen.entry,
        new,
        text,
    })))
}

/// Writes the file; gives the backup of the file as it was.
fn write(task: &Task, change: &Change) -> anyhow::Result<Option<PathBuf>> {
    let found = &change.found;
    if change.beyond > task.client.reads() {
        let what = match change.beyond {
            edit::Beyond::Commas => "commas before closing brackets",
            _ => "comments",
        };
        report::warn(&format!(
            "{} has {what}, which {} may not read. They are kept.",
            found.target.display(),
            task.client.title()
        ));
    }
    if found.linked {
        report::link(task, &found.target);
    }
    task.write(found, &change.text)
}

fn uninstall(task: &Task) -> ExitCode {
    match removed(task) {
        Ok(Removal::Absent) => {
            say(format!(
                "{} has no entry «{}» in {}. Nothing was changed.",
                task.client.title(),
                task.name,
                task.file.display()
            ));
            ExitCode::SUCCESS
        }
        Ok(Removal::Foreign(old)) => {
            report::not_ours(task, &old);
            ExitCode::from(1)
        }
        Ok(Removal::Removed(backup)) => {
            report::removed(task, &backup);
            ExitCode::SUCCESS
        }
        Err(error) => {
            report::failed(task, &error);
            report::remove_by_hand(task);
            ExitCode::from(1)
        }
    }
}

enum Removal {
    /// There is no entry.
    Absent,
    /// It starts another program, and stays.
    Foreign(Value),
    /// It is out, and this is the backup.
    Removed(PathBuf),
}

/// Takes the entry out.
fn removed(task: &Task) -> anyhow::Result<Removal> {
    let found = task.found()?;
    let fault = |fault: edit::Fault| anyhow::anyhow!("{}: {fault}", found.target.display());
    let Some(entry) = edit::look(&found.text, &task.spot()).map_err(fault)?.entry else {
        return Ok(Removal::Absent);
    };
    if !whose::ours(&entry) && !task.force {
        return Ok(Removal::Foreign(entry));
    }
    let Some(text) = edit::take(&found.text, &task.spot()).map_err(fault)? else {
        return Ok(Removal::Absent);
    };
    if found.linked {
        report::link(task, &found.target);
    }
    let backup = task.write(&found, &text)?;
    let backup = backup.context("there is no backup of what was changed")?;
    Ok(Removal::Removed(backup))
}

/// Where the client looks.
fn place(client: Client, platform: Platform, scope: Scope) -> anyhow::Result<Place> {
    let found = with_surroundings(|around| places::places(client, platform, scope, around))?;
    places::choose(found.map_err(anyhow::Error::msg)?, Path::exists)
        .with_context(|| format!("{} has no place for it here", client.title()))
}

fn with_surroundings<T>(use_it: impl FnOnce(&Surroundings) -> T) -> anyhow::Result<T> {
    let variable = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    Ok(use_it(&Surroundings {
        variable: &variable,
        home: directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_path_buf()),
        folder: here()?,
    }))
}

fn here() -> anyhow::Result<PathBuf> {
    std::env::current_dir().context("this folder is gone")
}

/// The clients, and which of them were found.
fn list(platform: Platform) -> anyhow::Result<()> {
    say("Clients that epr-mcp can be installed in, and where they keep their configuration:\n");
    let mut first = None;
    for client in Client::ALL {
        let found =
            with_surroundings(|around| places::places(client, platform, Scope::User, around))?;
        let line = match found {
            Ok(places) => {
                let there = places
                    .iter()
                    .any(|place| place.signs.iter().any(|sign| sign.exists()));
                let place = places::choose(places, Path::exists);
                let file = place.map_or_else(String::new, |place| place.file.display().to_string());
                let word = if there { "found" } else { "" };
                if there {
                    first.get_or_insert(client);
                }
                format!("{word:6} {file}")
            }
            Err(why) => why,
        };
        say(format!("  {:15} {line}", client.name()));
    }
    let next = first.map_or("NAME", Client::name);
    say(format!(
        "\nNext: epr-mcp install --client {next}          shows what would be written\n      \
         epr-mcp install --client {next} --write  writes it, after a backup"
    ));
    Ok(())
}
