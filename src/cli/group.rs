//! `epr-mcp group`

use std::process::ExitCode;

use clap::{ArgAction, Args, Subcommand};
use serde::Deserialize;

use super::batch::{self, GenerateArgs, Made, unmade};
use super::definition::{self, DefinitionSearch, warn_of};
use super::note;
use super::output::{self, Cell, Fields, OutputArgs, Row};
use super::session::{Session, Use, Who};
use crate::config::Options;
use crate::domain::group::Group;
use crate::domain::text::quoted;
use crate::limits;
use crate::registry::{GroupInput, GroupWritten, WriteOptions};

const FIELDS: &[&str] = &[
    "id",
    "name",
    "type",
    "version",
    "description",
    "enabled",
    "event_receiver_ids",
    "created_at",
    "updated_at",
];

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum GroupCommand {
    /// Define a group: a gate that passes when the newest event of every member is a success
    #[command(
        args_override_self = true,
        after_help = "Example:\n  epr-mcp group create --name release-ready --type dev.example.ready \\\n    \
        --version 1.0.0 --description 'What a release needs' \\\n    \
        --event-receiver-ids 'build scan'\n\n\
        Prints {\"data\": \"<id>\"}. An equal group that exists already gives its id."
    )]
    Create(CreateArgs),
    /// List groups, oldest first
    #[command(
        args_override_self = true,
        after_help = "Example:\n  epr-mcp group search --name release-ready --fields all"
    )]
    Search(DefinitionSearch),
    /// Define the groups of a file: a JSON object, or an array of them (YAML does as well)
    #[command(
        args_override_self = true,
        after_help = "Example:\n  epr-mcp group generate groups.json\n\nMembers are named as `group search --fields all` shows \
        them; others are passed over. It stops at the first one that is refused."
    )]
    Generate(GenerateArgs),
    /// Put a gate in or out of force
    #[command(
        args_override_self = true,
        after_help = "Example:\n  epr-mcp group modify --id release-ready --disable\n\nEnabling announces nothing by itself; \
        how many units pass already is told."
    )]
    Modify(ModifyArgs),
}

/// Flags of `group create`.
#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// What it is called
    #[arg(long, allow_hyphen_values = true)]
    name: String,
    /// The type of the message that a passed gate becomes
    #[arg(long = "type", value_name = "TYPE", allow_hyphen_values = true)]
    kind: String,
    /// The version of its definition
    #[arg(long, allow_hyphen_values = true)]
    version: String,
    /// What it is for
    #[arg(long, allow_hyphen_values = true)]
    description: String,
    /// The member receivers by id, name or type, parted by blanks or commas
    #[arg(long, value_name = "RECEIVERS")]
    event_receiver_ids: String,
    /// Whether the gate is in force from the start
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value_t = true, default_missing_value = "true", action = ArgAction::Set)]
    enabled: bool,
    /// Check everything and show what would be defined; store nothing
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    who: Who,
}

/// Flags of `group modify`.
#[derive(Debug, Args)]
pub(super) struct ModifyArgs {
    /// The group: its id, name or type
    #[arg(long, value_name = "GROUP")]
    id: String,
    /// Put it in force
    #[arg(long, required_unless_present = "disable", conflicts_with = "disable")]
    enable: bool,
    /// Put it out of force
    #[arg(long)]
    disable: bool,
    /// Check everything and show what would become of it; store nothing
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    who: Who,
}

/// A group in a file.
#[derive(Debug, Deserialize)]
#[serde(default, expecting = "an object with the members of a group")]
struct Item {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    version: String,
    description: String,
    enabled: bool,
    event_receiver_ids: Vec<String>,
}

impl Default for Item {
    fn default() -> Self {
        Self {
            name: String::new(),
            kind: String::new(),
            version: String::new(),
            description: String::new(),
            enabled: true,
            event_receiver_ids: Vec::new(),
        }
    }
}

pub(super) async fn run(options: &Options, command: GroupCommand) -> anyhow::Result<ExitCode> {
    match command {
        GroupCommand::Create(args) => create(options, args).await,
        GroupCommand::Search(args) => search(options, &args).await,
        GroupCommand::Generate(args) => generate(options, &args).await,
        GroupCommand::Modify(args) => modify(options, &args).await,
    }
    .map(|()| ExitCode::SUCCESS)
}

async fn create(options: &Options, args: CreateArgs) -> anyhow::Result<()> {
    let receivers = args
        .event_receiver_ids
        .split(|c: char| c.is_whitespace() || c == ',')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    let input = GroupInput {
        name: args.name,
        kind: args.kind,
        version: args.version,
        description: args.description,
        enabled: args.enabled,
        receivers,
    };
    let session = Session::begin(options, &args.who, Use::Write).await?;
    let result = one(&session, input, args.dry_run).await;
    let made = session.end(result).await?;
    made.tell(args.dry_run, args.output).await
}

async fn one(session: &Session, input: GroupInput, dry_run: bool) -> anyhow::Result<Made> {
    let write = WriteOptions {
        dry_run,
        ..WriteOptions::default()
    };
    let written = session
        .registry
        .create_group(&session.principal, input, &write)
        .await?;
    if !written.changed {
        note(&format!("an equal group exists: {}", written.group.id));
    }
    tell(&written);
    let row = row(&written.group).only(&Fields::parse("all", FIELDS)?);
    Ok(Made {
        id: written.group.id.to_string(),
        row: if written.changed { unmade(row) } else { row },
    })
}

/// What a group that was made or put in force means at once.
fn tell(written: &GroupWritten) {
    warn_of(&written.warnings);
    if let Some(passing) = written.passing.filter(|passing| passing.count > 0) {
        let least = if passing.exact { "" } else { "at least " };
        note(&format!(
            "gate {}: {least}{} passing already, which is not announced",
            quoted(&written.group.name),
            units(passing.count)
        ));
    }
}

fn units(count: usize) -> String {
    match count {
        1 => "1 unit is".to_owned(),
        count => format!("{count} units are"),
    }
}

fn row(group: &Group) -> Row {
    let members = group.event_receiver_ids.iter().map(ToString::to_string);
    Row::new(vec![
        ("id", Cell::show(group.id)),
        ("name", Cell::show(&group.name)),
        ("type", Cell::show(&group.kind)),
        ("version", Cell::show(&group.version)),
        ("description", Cell::show(&group.description)),
        ("enabled", Cell::Flag(group.enabled)),
        ("event_receiver_ids", Cell::List(members.collect())),
        ("created_at", Cell::show(group.created_at)),
        ("updated_at", Cell::show(group.updated_at)),
    ])
}

async fn search(options: &Options, args: &DefinitionSearch) -> anyhow::Result<()> {
    definition::search(options, args, FIELDS, async |session, fields| {
        let (registry, principal) = (&session.registry, &session.principal);
        let found = definition::found(
            args,
            async |id| registry.find_group(principal, id).await,
            |g: &Group| args.fits(&g.name, &g.kind, &g.version),
            async |filter, cursor| {
                registry
                    .search_groups(principal, filter, limits::PAGE_MAX, cursor)
                    .await
            },
        );
        definition::print(args, found.await?, async |page| {
            Ok(page.iter().map(|group| row(group).only(fields)).collect())
        })
        .await
    })
    .await
}

async fn generate(options: &Options, args: &GenerateArgs) -> anyhow::Result<()> {
    batch::generate(options, args, async |session, item: Item| {
        let input = GroupInput {
            name: item.name,
            kind: item.kind,
            version: item.version,
            description: item.description,
            enabled: item.enabled,
            receivers: item.event_receiver_ids,
        };
        one(session, input, args.dry_run).await
    })
    .await
}

async fn modify(options: &Options, args: &ModifyArgs) -> anyhow::Result<()> {
    let session = Session::begin(options, &args.who, Use::Write).await?;
    let result = set_enabled(&session, args).await;
    session.end(result).await
}

async fn set_enabled(session: &Session, args: &ModifyArgs) -> anyhow::Result<()> {
    let write = WriteOptions {
        dry_run: args.dry_run,
        ..WriteOptions::default()
    };
    let written = session
        .registry
        .set_group_enabled(&session.principal, &args.id, args.enable, &write)
        .await?;
    if !written.changed {
        let state = if args.enable { "enabled" } else { "disabled" };
        note(&format!(
            "group {} is {state} already",
            quoted(&written.group.name)
        ));
    }
    tell(&written);
    if args.dry_run {
        output::record(&row(&written.group), args.output).await
    } else {
        output::made(&written.group.id.to_string(), args.output).await
    }
}
