//! `epr-mcp receiver`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, Args, Subcommand};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::batch::{self, GenerateArgs, Made, unmade};
use super::definition::{self, DefinitionSearch, warn_of};
use super::output::{Cell, Fields, OutputArgs, Row};
use super::session::{Session, Use, Who};
use super::{given, note};
use crate::config::Options;
use crate::domain::receiver::Receiver;
use crate::limits;
use crate::registry::{ReceiverInput, WriteOptions};

const FIELDS: &[&str] = &[
    "id",
    "name",
    "type",
    "version",
    "description",
    "schema",
    "fingerprint",
    "created_at",
];

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum ReceiverCommand {
    /// Define a receiver: a kind of event, and the JSON Schema of its payloads
    #[command(
        args_override_self = true,
        after_help = "Example:\n  epr-mcp receiver create --name scan --type dev.example.scan \\\n    \
        --version 1.0.0 --description 'A scan ended' \\\n    \
        --schema '{\"type\":\"object\",\"required\":[\"critical\"]}'\n\n\
        Prints {\"data\": \"<id>\"}. An equal receiver that exists already gives its id; the same name, type and \
        version with another definition is refused."
    )]
    Create(CreateArgs),
    /// List receivers, oldest first
    #[command(
        args_override_self = true,
        after_help = "Example:\n  epr-mcp receiver search --type dev.example.scan --fields all"
    )]
    Search(DefinitionSearch),
    /// Define the receivers of a file: a JSON object, or an array of them (YAML does as well)
    #[command(
        args_override_self = true,
        after_help = "Example:\n  epr-mcp receiver generate receivers.json\n\nMembers are named as `receiver search --fields all` \
        shows them; others are passed over. It stops at the first one that is refused; what exists already is told and \
        not made again, so that a corrected file can be given whole."
    )]
    Generate(GenerateArgs),
}

/// Flags of `receiver create`.
#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// What it is called
    #[arg(long, allow_hyphen_values = true)]
    name: String,
    /// The type of its events' messages, such as dev.example.scan
    #[arg(long = "type", value_name = "TYPE", allow_hyphen_values = true)]
    kind: String,
    /// The version of its definition
    #[arg(long, allow_hyphen_values = true)]
    version: String,
    /// What it is for
    #[arg(long, allow_hyphen_values = true)]
    description: String,
    /// The JSON Schema that payloads must match. Default: {}, which accepts everything
    #[arg(long, value_name = "JSON", conflicts_with_all = ["schema_file", "schema_name"])]
    schema: Option<String>,
    /// A file that holds the schema; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "schema_name")]
    schema_file: Option<PathBuf>,
    /// A built-in schema: any, cloudevent, cdevents:<subject.predicate>, cyclonedx or spdx
    #[arg(long, value_name = "NAME")]
    schema_name: Option<String>,
    /// Leave what the schema refers to and this program does not have unchecked
    #[arg(long)]
    allow_unresolved_refs: bool,
    /// Check everything and show what would be defined; store nothing
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    who: Who,
}

/// A receiver in a file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object with the members of a receiver")]
struct Item {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    version: String,
    description: String,
    schema: Option<Box<RawValue>>,
    schema_name: Option<String>,
    allow_unresolved_refs: bool,
}

pub(super) async fn run(options: &Options, command: ReceiverCommand) -> anyhow::Result<ExitCode> {
    match command {
        ReceiverCommand::Create(args) => create(options, args).await,
        ReceiverCommand::Search(args) => search(options, &args).await,
        ReceiverCommand::Generate(args) => generate(options, &args).await,
    }
    .map(|()| ExitCode::SUCCESS)
}

async fn create(options: &Options, args: CreateArgs) -> anyhow::Result<()> {
    let schema = match (args.schema, args.schema_file, &args.schema_name) {
        (Some(schema), ..) => Some(schema),
        (_, Some(file), _) => Some(given::text(&file, limits::SCHEMA_BYTES).await?),
        (_, _, Some(_)) => None,
        _ => Some("{}".to_owned()),
    };
    let input = ReceiverInput {
        name: args.name,
        kind: args.kind,
        version: args.version,
        description: args.description,
        schema,
        schema_name: args.schema_name,
        allow_unresolved_refs: args.allow_unresolved_refs,
    };
    let session = Session::begin(options, &args.who, Use::Write).await?;
    let result = one(&session, input, args.dry_run).await;
    let made = session.end(result).await?;
    made.tell(args.dry_run, args.output).await
}

async fn one(session: &Session, input: ReceiverInput, dry_run: bool) -> anyhow::Result<Made> {
    let schema = match (&input.schema, &input.schema_name) {
        (None, Some(name)) => {
            crate::domain::schema::named(name)
                .map_err(crate::registry::Error::from)?
                .schema
        }
        (schema, _) => schema.clone().unwrap_or_default(),
    };
    let write = WriteOptions {
        dry_run,
        ..WriteOptions::default()
    };
    let written = session
        .registry
        .create_receiver(&session.principal, input, &write)
        .await?;
    warn_of(&written.warnings);
    let receiver = &written.receiver;
    if !written.created {
        note(&format!("an equal receiver exists: {}", receiver.id));
    }
    let mut row = row(receiver);
    if dry_run && written.created {
        row = unmade(row);
    }
    row.push("schema", Cell::document(&schema));
    Ok(Made {
        id: receiver.id.to_string(),
        row: row.only(&Fields::parse("all", FIELDS)?),
    })
}

fn row(receiver: &Receiver) -> Row {
    Row::new(vec![
        ("id", Cell::show(receiver.id)),
        ("name", Cell::show(&receiver.name)),
        ("type", Cell::show(&receiver.kind)),
        ("version", Cell::show(&receiver.version)),
        ("description", Cell::show(&receiver.description)),
        ("fingerprint", Cell::show(&receiver.fingerprint)),
        ("created_at", Cell::show(receiver.created_at)),
    ])
}

async fn search(options: &Options, args: &DefinitionSearch) -> anyhow::Result<()> {
    definition::search(options, args, FIELDS, async |session, fields| {
        let (registry, principal) = (&session.registry, &session.principal);
        let found = definition::found(
            args,
            async |id| registry.find_receiver(principal, id).await,
            |r: &Receiver| args.fits(&r.name, &r.kind, &r.version),
            async |filter, cursor| {
                registry
                    .search_receivers(principal, filter, limits::PAGE_MAX, cursor)
                    .await
            },
        );
        definition::print(args, found.await?, async |page| {
            let ids: Vec<_> = page.iter().map(|receiver| receiver.id).collect();
            let schemas = if fields.contains("schema") {
                registry.schema_texts(principal, &ids).await?
            } else {
                Vec::new()
            };
            let rows = page.iter().map(|receiver| {
                let mut row = row(receiver);
                if let Some((_, schema)) = schemas.iter().find(|(id, _)| *id == receiver.id) {
                    row.push("schema", Cell::document(schema));
                }
                row.only(fields)
            });
            Ok(rows.collect())
        })
        .await
    })
    .await
}

async fn generate(options: &Options, args: &GenerateArgs) -> anyhow::Result<()> {
    batch::generate(options, args, async |session, item: Item| {
        let schema = match (item.schema, &item.schema_name) {
            (None, None) => Some("{}".to_owned()),
            (schema, _) => schema.map(|schema| schema.get().to_owned()),
        };
        let input = ReceiverInput {
            name: item.name,
            kind: item.kind,
            version: item.version,
            description: item.description,
            schema,
            schema_name: item.schema_name,
            allow_unresolved_refs: item.allow_unresolved_refs,
        };
        one(session, input, args.dry_run).await
    })
    .await
}
