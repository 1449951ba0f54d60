//! `epr-mcp export`: recorded events as NDJSON, in the words of others.

mod sink;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use self::sink::Sink;
use super::note;
use super::session::{Session, Use, Who};
use super::signals::Signals;
use crate::config::Options;
use crate::domain::id::EventId;
use crate::domain::search::{EventFilter, Order, TextMatch, event_type};
use crate::domain::unit::UnitQuery;
use crate::domain::window;
use crate::limits;
use crate::registry::{Error, EventHit, ExportFormat, ExportResult, SearchRequest};

/// Flags of `export`.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// A file to make; - or nothing is stdout
    #[arg(value_name = "FILE")]
    to: Option<PathBuf>,
    /// In whose words
    #[arg(long, value_enum, default_value_t = Format::Epr)]
    format: Format,
    /// Of this kind: artifact.packaged (any version), 'testsuiterun.*', or another vocabulary's type.
    /// Several: any of them
    #[arg(
        long = "type",
        value_name = "PATTERN",
        value_delimiter = ',',
        help_heading = "Which events"
    )]
    kind: Vec<String>,
    /// Of receivers with this id, name or type
    #[arg(long, value_name = "RECEIVER", help_heading = "Which events")]
    event_receiver_id: Vec<String>,
    /// Of the receivers of this group: its id, name or type
    #[arg(long, value_name = "GROUP", help_heading = "Which events")]
    group: Option<String>,
    /// Those that went well (true), or did not (false)
    #[arg(long, value_name = "BOOL", help_heading = "Which events")]
    success: Option<bool>,
    /// Recorded since: 2026-11-22, 2026-11-22T21:00:00Z, 90m, 24h, 7d
    #[arg(long, value_name = "TIME", help_heading = "Which events")]
    since: Option<String>,
    /// Recorded until; a date includes its day
    #[arg(long, value_name = "TIME", help_heading = "Which events")]
    until: Option<String>,
    /// The time zone of dates, such as Europe/Berlin. Default: UTC
    #[arg(long, value_name = "ZONE", help_heading = "Which events")]
    tz: Option<String>,
    /// Of this unit: epr://history/…, or any part that tells it apart
    #[arg(long, help_heading = "Which events")]
    unit: Option<String>,
    /// Of units with this name; with a star at its end, that begin so
    #[arg(long, allow_hyphen_values = true, help_heading = "Which events")]
    name: Vec<String>,
    /// Of units with this version
    #[arg(
        long = "unit-version",
        alias = "version",
        value_name = "VERSION",
        allow_hyphen_values = true,
        help_heading = "Which events"
    )]
    unit_version: Vec<String>,
    /// Of units with this release
    #[arg(long, allow_hyphen_values = true, help_heading = "Which events")]
    release: Vec<String>,
    /// Of units with this platform
    #[arg(long, allow_hyphen_values = true, help_heading = "Which events")]
    platform_id: Vec<String>,
    /// Of units with this kind of package
    #[arg(long, allow_hyphen_values = true, help_heading = "Which events")]
    package: Vec<String>,
    /// At most so many, the oldest first
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Say nothing about what was exported and what was left out
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    who: Who,
}

/// In whose words events are exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Bare CDEvents 0.5.1, brought up to it where they are older; what is no CDEvent is left out
    #[value(name = "cdevents")]
    CdEvents,
    /// CloudEvents 1.0, around what was recorded
    #[value(name = "cloudevents")]
    CloudEvents,
    /// Events of the registry, for `epr-mcp ingest` of another one
    Epr,
}

impl From<Format> for ExportFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::CdEvents => Self::CdEvents,
            Format::CloudEvents => Self::CloudEvents,
            Format::Epr => Self::Epr,
        }
    }
}

pub(super) async fn run(
    options: &Options,
    args: ExportArgs,
    signals: &Signals,
) -> anyhow::Result<ExitCode> {
    let session = Session::begin(options, &args.who, Use::Read).await?;
    let result = export(&session, &args, signals).await;
    session.end(result).await
}

async fn export(
    session: &Session,
    args: &ExportArgs,
    signals: &Signals,
) -> anyhow::Result<ExitCode> {
    let filter = filter(session, args).await?;
    let mut sink = Sink::open(args.to.as_deref()).await?;
    let mut counted = Counted::default();
    let told = tokio::select! {
        done = write(session, args, filter, &mut sink, &mut counted) => done.map(|()| None)?,
        code = signals.told() => Some(code),
    };
    if let Some(code) = told {
        // A file that is not whole is not made.
        return Ok(code);
    }
    let place = sink.end().await?;
    if !args.quiet {
        for line in counted.told(place.as_deref()) {
            note(&line);
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn filter(session: &Session, args: &ExportArgs) -> anyhow::Result<EventFilter> {
    let (registry, principal) = (&session.registry, &session.principal);
    let matches = |texts: &[String]| -> Vec<TextMatch> {
        let given = texts.iter().filter(|text| !text.is_empty());
        given.map(|text| TextMatch::parse(text)).collect()
    };
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (since, until, tz) = (given(&args.since), given(&args.until), given(&args.tz));
    let window = window::parse(
        since.as_deref(),
        until.as_deref(),
        tz.as_deref(),
        registry.now(),
    );
    let window = window.map_err(Error::from)?;
    let kinds = args.kind.iter().map(|kind| kind.trim());
    let mut filter = EventFilter {
        name: matches(&args.name),
        version: matches(&args.unit_version),
        release: matches(&args.release),
        platform_id: matches(&args.platform_id),
        package: matches(&args.package),
        event_types: kinds
            .filter(|kind| !kind.is_empty())
            .flat_map(event_type)
            .collect(),
        success: args.success,
        from: window.from,
        to: window.to,
        ..EventFilter::default()
    };
    if let Some(unit) = given(&args.unit) {
        let query = UnitQuery {
            unit: Some(unit),
            ..UnitQuery::default()
        };
        filter.unit = Some(registry.find_unit(principal, &query).await?);
    }
    for what in &args.event_receiver_id {
        filter
            .receiver_ids
            .extend(registry.receivers_meant(principal, what).await?);
    }
    if let Some(what) = given(&args.group) {
        filter.group = Some(registry.find_group(principal, &what).await?.id);
    }
    Ok(filter)
}

/// Writes everything that fits, page by page: what is held does not grow with what is exported.
async fn write(
    session: &Session,
    args: &ExportArgs,
    filter: EventFilter,
    sink: &mut Sink,
    counted: &mut Counted,
) -> anyhow::Result<()> {
    let (registry, principal) = (&session.registry, &session.principal);
    let mut room = args.limit.unwrap_or(usize::MAX);
    let mut request = SearchRequest {
        filter,
        order: Order::OldestFirst,
        ..SearchRequest::default()
    };
    while room > 0 {
        request.limit = room.min(limits::PAGE_MAX);
        let found = registry.search_events(principal, &request).await?;
        let mut left: &[EventHit] = &found.hits;
        while !left.is_empty() {
            let texts = registry.export(principal, args.format.into(), left).await?;
            let (now, later) = left.split_at_checked(texts.len()).unwrap_or((left, &[]));
            left = later;
            for (hit, text) in now.iter().zip(texts) {
                counted.count(hit.event.id, &text);
                // Events that are left out take no room: the limit is on what is written.
                let Ok(text) = text else { continue };
                room = room.saturating_sub(1);
                if !sink.line(&text.line).await? || room == 0 {
                    return Ok(());
                }
            }
        }
        request.cursor = found.next_cursor;
        if request.cursor.is_none() {
            break;
        }
    }
    Ok(())
}

/// What became of the events.
#[derive(Debug, Default)]
struct Counted {
    exported: u64,
    changed: u64,
    filled: u64,
    /// By the reason: how many, and the first of them.
    left_out: BTreeMap<String, (u64, EventId)>,
}

impl Counted {
    fn count(&mut self, id: EventId, result: &ExportResult) {
        match result {
            Ok(text) => {
                self.exported += 1;
                self.changed += u64::from(text.changed);
                self.filled += u64::from(text.filled);
            }
            Err(why) => {
                let (count, _) = self.left_out.entry(why.to_string()).or_insert((0, id));
                *count += 1;
            }
        }
    }

    /// What a person wants to know: lines.
    fn told(&self, place: Option<&Path>) -> Vec<String> {
        let to = place.map_or_else(String::new, |place| format!(" to {}", place.display()));
        let mut lines = vec![format!("exported {}{to}", events(self.exported))];
        if self.changed > 0 {
            lines.push(format!(
                "{} brought up to CDEvents 0.5.1",
                events(self.changed)
            ));
        }
        if self.filled > 0 {
            lines.push(format!(
                "{} lack what CDEvents 0.5.1 requires: a placeholder stands there, named in customData.x_filled",
                events(self.filled)
            ));
        }
        for (why, (count, first)) in &self.left_out {
            let which = if *count == 1 { "it is" } else { "the first is" };
            lines.push(format!(
                "left out {}: {why}; {which} {first}",
                events(*count)
            ));
        }
        lines
    }
}

fn events(count: u64) -> String {
    let one = if count == 1 { "" } else { "s" };
    format!("{count} event{one}")
}
