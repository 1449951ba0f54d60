//! `epr-mcp event`

mod search;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, Args, Subcommand};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::batch::{self, GenerateArgs, Made, unmade};
use super::definition::warn_of;
use super::output::{Cell, Fields, OutputArgs, Row};
use super::session::{Session, Use, Who};
use super::{given, note};
use crate::config::Options;
use crate::domain::event::Event;
use crate::domain::gate::Turn;
use crate::domain::json::compact;
use crate::domain::text::quoted;
use crate::domain::unit::Unit;
use crate::limits;
use crate::registry::{EventInput, EventWritten, PayloadInput, UnitInput, WriteOptions};

const FIELDS: &[&str] = &[
    "id",
    "name",
    "version",
    "release",
    "platform_id",
    "package",
    "description",
    "payload",
    "success",
    "created_at",
    "event_receiver_id",
    "recorded_by",
];

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum EventCommand {
    /// Record what happened to a unit
    #[command(
        args_override_self = true,
        after_help = "Example:\n  epr-mcp event create --name payments-api --version 2.4.1 \\\n    \
        --release 77 --platform-id linux-amd64 --package oci \\\n    \
        --event-receiver-id scan --success --description 'No findings' \\\n    \
        --payload '{\"critical\":0}'\n\n\
        Prints {\"data\": \"<id>\"}; which gates it opens or closes is told on stderr. Without --success, or with \
        --success=false, a failure is recorded. With --idempotency-key a repeated job records once."
    )]
    Create(Box<CreateArgs>),
    /// List events, oldest first
    #[command(
        args_override_self = true,
        after_help = "Examples:\n  epr-mcp event search --name payments-api --version 2.4.1 --success false --fields all\n  \
        epr-mcp event search --since 24h --newest-first --limit 20 --output table"
    )]
    Search(Box<search::SearchArgs>),
    /// Record the events of a file: a JSON object, or an array of them (YAML does as well)
    #[command(
        args_override_self = true,
        after_help = "Example:\n  epr-mcp event generate events.json\n\nMembers are named as `event search --fields all` shows them; \
        others are passed over. It stops at the first one that is refused and says which; the ones before it are recorded. \
        With an idempotency_key in each event a file can be given again whole."
    )]
    Generate(GenerateArgs),
}

/// Flags of `event create`.
#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// The unit's name
    #[arg(long, required_unless_present = "unit", allow_hyphen_values = true)]
    name: Option<String>,
    /// The unit's version
    #[arg(long, required_unless_present = "unit", allow_hyphen_values = true)]
    version: Option<String>,
    /// The unit's release, such as a build number
    #[arg(long, required_unless_present = "unit", allow_hyphen_values = true)]
    release: Option<String>,
    /// The unit's platform, such as linux-amd64
    #[arg(long, required_unless_present = "unit", allow_hyphen_values = true)]
    platform_id: Option<String>,
    /// The unit's kind of package, such as oci or rpm
    #[arg(long, required_unless_present = "unit", allow_hyphen_values = true)]
    package: Option<String>,
    /// All five in one: epr://history/NAME/VERSION/RELEASE/PLATFORM/PACKAGE, percent-encoded
    #[arg(long, value_name = "URI", conflicts_with_all = ["name", "version", "release", "platform_id", "package"])]
    unit: Option<String>,
    /// What happened, in words
    #[arg(long, allow_hyphen_values = true)]
    description: String,
    /// Whether it went well. Default: false
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    success: bool,
    /// The receiver: its id, name or type
    #[arg(long, value_name = "RECEIVER")]
    event_receiver_id: String,
    /// The payload, which must match the receiver's schema; kept byte for byte
    #[arg(
        long,
        value_name = "JSON",
        required_unless_present = "payload_file",
        allow_hyphen_values = true
    )]
    payload: Option<String>,
    /// A file that holds the payload; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "payload")]
    payload_file: Option<PathBuf>,
    /// A key for which this event is recorded once, however often the command is repeated
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Check everything and show what would be recorded; store nothing
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    who: Who,
}

/// An event in a file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object with the members of an event")]
struct Item {
    name: String,
    version: String,
    release: String,
    platform_id: String,
    package: String,
    description: String,
    payload: Option<Box<RawValue>>,
    success: bool,
    event_receiver_id: String,
    idempotency_key: Option<String>,
}

pub(super) async fn run(options: &Options, command: EventCommand) -> anyhow::Result<ExitCode> {
    match command {
        EventCommand::Create(args) => create(options, *args).await,
        EventCommand::Search(args) => search::run(options, &args).await,
        EventCommand::Generate(args) => generate(options, &args).await,
    }
    .map(|()| ExitCode::SUCCESS)
}

async fn create(options: &Options, args: CreateArgs) -> anyhow::Result<()> {
    let unit = match &args.unit {
        Some(uri) => Unit::parse(uri).map_err(crate::registry::Error::from)?,
        None => Unit {
            name: args.name.unwrap_or_default(),
            version: args.version.unwrap_or_default(),
            release: args.release.unwrap_or_default(),
            platform_id: args.platform_id.unwrap_or_default(),
            package: args.package.unwrap_or_default(),
        },
    };
    let payload = match (args.payload, args.payload_file) {
        (Some(text), _) => text,
        (None, Some(file)) => given::text(&file, limits::PAYLOAD_BYTES).await?,
        (None, None) => String::new(),
    };
    let input = EventInput {
        unit: UnitInput::Exact(unit),
        description: args.description,
        success: args.success,
        receiver: args.event_receiver_id,
        payload: PayloadInput::Text(payload.clone()),
    };
    let write = WriteOptions {
        dry_run: args.dry_run,
        idempotency_key: args.idempotency_key,
        ..WriteOptions::default()
    };
    let session = Session::begin(options, &args.who, Use::Write).await?;
    let result = one(&session, input, &payload, &write).await;
    let made = session.end(result).await?;
    made.tell(args.dry_run, args.output).await
}

async fn one(
    session: &Session,
    input: EventInput,
    payload: &str,
    write: &WriteOptions,
) -> anyhow::Result<Made> {
    let written = session
        .registry
        .create_event(&session.principal, input, write)
        .await?;
    warn_of(&written.warnings);
    if !written.created {
        note("the idempotency key was used before: this is the event that it recorded");
    }
    tell_gates(&written, write.dry_run);
    let mut row = row(&written.event);
    row.push("payload", Cell::document(payload));
    let row = row.only(&Fields::parse("all", FIELDS)?);
    Ok(Made {
        id: written.event.id.to_string(),
        row: if written.created { unmade(row) } else { row },
    })
}

/// What the event did to gates.
fn tell_gates(written: &EventWritten, dry_run: bool) {
    for gate in &written.gates {
        if let Some(text) = turn_text(gate.turn, dry_run) {
            let waits: Vec<String> = gate
                .state
                .waits_for()
                .take(limits::CANDIDATES)
                .map(|(id, standing)| {
                    let member = written.members.iter().find(|member| member.id == id);
                    let name = member.map_or_else(|| id.to_string(), |m| quoted(&m.name));
                    format!("{name} ({})", standing.word())
                })
                .collect();
            let waits = if waits.is_empty() {
                String::new()
            } else {
                format!(" {}", waits.join(", "))
            };
            note(&format!("gate {} {text}{waits}", quoted(&gate.group.name)));
        }
    }
}

/// What became of a gate, as far as it is worth a line.
fn turn_text(turn: Turn, dry_run: bool) -> Option<&'static str> {
    match (turn, dry_run) {
        (Turn::Opened, false) => Some("opened"),
        (Turn::Opened, true) => Some("would open"),
        (Turn::Closed, false) => Some("closed; waits for"),
        (Turn::Closed, true) => Some("would close and wait for"),
        (Turn::Waiting, _) => Some("waits for"),
        (Turn::StillPassing | Turn::Disabled, _) => None,
    }
}

fn row(event: &Event) -> Row {
    let unit = &event.unit;
    Row::new(vec![
        ("id", Cell::show(event.id)),
        ("name", Cell::show(&unit.name)),
        ("version", Cell::show(&unit.version)),
        ("release", Cell::show(&unit.release)),
        ("platform_id", Cell::show(&unit.platform_id)),
        ("package", Cell::show(&unit.package)),
        ("description", Cell::show(&event.description)),
        ("success", Cell::Flag(event.success)),
        ("created_at", Cell::show(event.created_at)),
        ("event_receiver_id", Cell::show(event.receiver_id)),
        ("recorded_by", Cell::show(&event.recorded_by)),
    ])
}

async fn generate(options: &Options, args: &GenerateArgs) -> anyhow::Result<()> {
    batch::generate(options, args, async |session, item: Item| {
        let payload = item
            .payload
            .map(|payload| compact(payload.get()).into_owned())
            .unwrap_or_default();
        let input = EventInput {
            unit: UnitInput::Exact(Unit {
                name: item.name,
                version: item.version,
                release: item.release,
                platform_id: item.platform_id,
                package: item.package,
            }),
            description: item.description,
            success: item.success,
            receiver: item.event_receiver_id,
            payload: PayloadInput::Text(payload.clone()),
        };
        let write = WriteOptions {
            dry_run: args.dry_run,
            idempotency_key: item.idempotency_key,
            ..WriteOptions::default()
        };
        one(session, input, &payload, &write).await
    })
    .await
}
