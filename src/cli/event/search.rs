//! `epr-mcp event search`

use clap::{ArgAction, Args};

use super::{FIELDS, row};
use crate::cli::definition::{ListArgs, asked, exactly, given as filled, no_jsonpath};
use crate::cli::note;
use crate::cli::output::{self, Cell, Fields, List, OutputArgs, Row};
use crate::cli::refused;
use crate::cli::session::{Session, Use, Who};
use crate::config::Options;
use crate::domain::event::Event;
use crate::domain::id::{EventId, looks_like_id};
use crate::domain::refusal::Refusal;
use crate::domain::search::{EventFilter, Order};
use crate::domain::window;
use crate::limits;
use crate::registry::{Error, SearchRequest};

/// Flags of `event search`.
#[derive(Debug, Args)]
pub(in crate::cli) struct SearchArgs {
    /// The one with this id
    #[arg(long, allow_hyphen_values = true)]
    id: Option<String>,
    /// Those of units with exactly this name
    #[arg(long, allow_hyphen_values = true)]
    name: Option<String>,
    /// Those of units with exactly this version
    #[arg(long, allow_hyphen_values = true)]
    version: Option<String>,
    /// Those of units with exactly this release
    #[arg(long, allow_hyphen_values = true)]
    release: Option<String>,
    /// Those of units with exactly this platform
    #[arg(long, allow_hyphen_values = true)]
    platform_id: Option<String>,
    /// Those of units with exactly this kind of package
    #[arg(long, allow_hyphen_values = true)]
    package: Option<String>,
    /// Those that went well (true), or did not (false)
    #[arg(long, value_name = "BOOL")]
    success: Option<String>,
    /// Those of this receiver: its id, name or type
    #[arg(long, value_name = "RECEIVER")]
    event_receiver_id: Option<String>,
    /// Those recorded since: 2026-11-22, 2026-11-22T21:00:00Z, 90m, 24h, 7d
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// What to show of each: names parted by blanks, or all
    #[arg(
        long,
        value_name = "FIELDS",
        default_value = "id name version release platform_id package success",
        help_heading = "Output"
    )]
    fields: String,
    /// Show what would be searched for, and do not search
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    dry_run: bool,
    #[arg(long, hide = true)]
    jsonpath: Option<String>,
    #[command(flatten)]
    list: ListArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(options: &Options, args: &SearchArgs) -> anyhow::Result<()> {
    no_jsonpath(args.jsonpath.as_deref())?;
    let fields = Fields::parse(&args.fields, FIELDS)?;
    let success = match filled(args.success.as_ref()) {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => anyhow::bail!("--success is true or false"),
    };
    if args.dry_run {
        return output::record(&asked_for(args), args.output).await;
    }
    let session = Session::begin(options, &args.who, Use::Read).await?;
    let result = list(&session, args, success, &fields).await;
    session.end(result).await
}

fn asked_for(args: &SearchArgs) -> Row {
    asked(&[
        ("id", &args.id),
        ("name", &args.name),
        ("version", &args.version),
        ("release", &args.release),
        ("platform_id", &args.platform_id),
        ("package", &args.package),
        ("success", &args.success),
        ("event_receiver_id", &args.event_receiver_id),
        ("since", &args.since),
        ("fields", &Some(args.fields.clone())),
    ])
}

/// What to look for; `None` if nothing can fit, which has been told.
async fn filter(
    session: &Session,
    args: &SearchArgs,
    success: Option<bool>,
) -> anyhow::Result<Option<EventFilter>> {
    let (registry, principal) = (&session.registry, &session.principal);
    let mut filter = EventFilter {
        name: exactly(args.name.as_ref()),
        version: exactly(args.version.as_ref()),
        release: exactly(args.release.as_ref()),
        platform_id: exactly(args.platform_id.as_ref()),
        package: exactly(args.package.as_ref()),
        success,
        ..EventFilter::default()
    };
    if let Some(id) = filled(args.id.as_ref()) {
        match id.parse::<EventId>() {
            Ok(id) => filter.ids.push(id),
            Err(refusal) => {
                note(&format!("{refusal} {}", refused::next(&refusal)));
                return Ok(None);
            }
        }
    }
    if let Some(what) = filled(args.event_receiver_id.as_ref()) {
        filter.receiver_ids = match registry.receivers_meant(principal, what).await {
            // A search for what is not there finds nothing; a name that is not there is a slip.
            Err(Error::Refused(Refusal::NotFound { .. })) if looks_like_id(what) => {
                return Ok(None);
            }
            meant => meant?,
        };
    }
    let since = filled(args.since.as_ref());
    let window = window::parse(since, None, None, registry.now());
    filter.from = window.map_err(Error::from)?.from;
    Ok(Some(filter))
}

async fn list(
    session: &Session,
    args: &SearchArgs,
    success: Option<bool>,
    fields: &Fields,
) -> anyhow::Result<()> {
    let (registry, principal) = (&session.registry, &session.principal);
    let mut out = List::begin(args.output, args.list.limit);
    let Some(filter) = filter(session, args, success).await? else {
        return out.end().await;
    };
    let order = if args.list.newest_first {
        Order::NewestFirst
    } else {
        Order::OldestFirst
    };
    let mut request = SearchRequest {
        filter,
        order,
        ..SearchRequest::default()
    };
    let mut more = false;
    while out.room() > 0 {
        request.limit = out.room().min(limits::PAGE_MAX);
        let found = registry.search_events(principal, &request).await?;
        let events: Vec<Event> = found.hits.into_iter().map(|hit| hit.event).collect();
        print(session, &mut out, &events, fields).await?;
        request.cursor = found.next_cursor;
        more = request.cursor.is_some();
        if !more {
            break;
        }
    }
    out.end().await?;
    if more && out.is_read() {
        note("there may be more than these; --limit N shows more of them");
    }
    Ok(())
}

/// Prints a page, its payloads in portions.
async fn print(
    session: &Session,
    out: &mut List,
    events: &[Event],
    fields: &Fields,
) -> anyhow::Result<()> {
    let mut left = events;
    while !left.is_empty() {
        let payloads = if fields.contains("payload") {
            let (registry, principal) = (&session.registry, &session.principal);
            Some(registry.payload_texts(principal, left).await?)
        } else {
            None
        };
        let portion = payloads.as_ref().map_or(left.len(), Vec::len).max(1);
        let (now, later) = left.split_at_checked(portion).unwrap_or((left, &[]));
        for (at, event) in now.iter().enumerate() {
            let mut row = row(event);
            if let Some(text) = payloads.as_ref().and_then(|texts| texts.get(at)) {
                row.push("payload", Cell::document(text));
            }
            out.add(row.only(fields)).await?;
        }
        left = later;
    }
    Ok(())
}
