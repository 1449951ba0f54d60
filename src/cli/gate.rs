//! `epr-mcp gate check`: whether a deployment may go on, as an exit code.

mod verdict;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use tokio::time::Instant;

use self::verdict::{Ended, Report, Verdict};
use super::output::print;
use super::session::{Session, Use, Who};
use super::signals::Signals;
use super::{note, refused};
use crate::config::Options;
use crate::domain::refusal::Refusal;
use crate::domain::unit::UnitQuery;
use crate::registry::{Change, Error, Following, Heard, Registry, UnitGates};

/// The exit code of a check that could not tell how the gate stands.
pub(super) const NOT_TOLD: u8 = 3;
/// The longest wait: a job that waits for longer is forgotten.
const WAIT_MAX: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Between two looks while nothing is heard: what machines with other clocks recorded in the moment
/// before is not heard of.
const RELOOK: Duration = Duration::from_secs(20);
/// Between two tries while the database cannot be used.
const RETRY: Duration = Duration::from_secs(1);

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum GateCommand {
    /// Tell by the exit code whether a unit passes a gate; for deploy jobs
    #[command(
        args_override_self = true,
        after_help = "Exit codes:\n  0  the gate passes\n  1  it does not: a step failed, or the gate is disabled\n  \
        2  a step is missing, or --wait ran out\n  3  it could not be told: no such gate, several that fit, no database, a slip in the command line\n\n\
        Examples:\n  epr-mcp gate check --group release-ready --name payments-api\n  \
        epr-mcp gate check --group release-ready --name payments-api \\\n    \
        --version 2.4.1 --wait 30m && ./deploy.sh"
    )]
    Check(Box<CheckArgs>),
}

/// In which form the verdict is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Lines for people
    Text,
    /// One JSON object
    Json,
}

/// Flags of `gate check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The gate: a group's id, name or type
    #[arg(long, value_name = "GROUP")]
    group: String,
    /// The unit's name; any part that tells the unit apart is enough
    #[arg(long)]
    name: Option<String>,
    /// The unit's version
    #[arg(long)]
    version: Option<String>,
    /// The unit's release
    #[arg(long)]
    release: Option<String>,
    /// The unit's platform
    #[arg(long)]
    platform_id: Option<String>,
    /// The unit's kind of package
    #[arg(long)]
    package: Option<String>,
    /// The unit as epr://history/…, or the id of one of its events
    #[arg(long, value_name = "UNIT")]
    unit: Option<String>,
    /// Wait so long for missing steps, such as 90s, 30m, 1h30m; a failed step ends the wait at once
    #[arg(long, value_name = "TIME", value_parser = span)]
    wait: Option<Duration>,
    /// While waiting, wait for the repetition of failed steps too
    #[arg(long, requires = "wait")]
    wait_for_retries: bool,
    /// The form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    output: Format,
    #[command(flatten)]
    who: Who,
}

/// `90s`, `30m`, `1h30m`.
fn span(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let span = text.parse::<jiff::SignedDuration>();
    // A bare number is not of any unit, and ISO 8601 is not what people write here.
    let span = span.ok().filter(|_| text.ends_with(char::is_alphabetic));
    let span = span.and_then(|span| Duration::try_from(span).ok());
    match span {
        Some(span) if span <= WAIT_MAX => Ok(span),
        Some(_) => Err("wait for 168h (7 days) at most".to_owned()),
        None => Err("write a number and its unit, such as 90s, 30m or 1h30m".to_owned()),
    }
}

pub(super) async fn run(
    options: &Options,
    command: GateCommand,
    signals: &Signals,
) -> anyhow::Result<ExitCode> {
    let GateCommand::Check(args) = command;
    let begun = Instant::now();
    let ended = match Session::begin(options, &args.who, Use::Read).await {
        Ok(session) => {
            let ended = tokio::select! {
                ended = check(&session, &args) => ended,
                _ = signals.told() => Ended::Interrupted,
            };
            session.registry.close().await;
            ended
        }
        Err(error) => Ended::Error(format!("{error:#}"), "settings"),
    };
    let report = Report {
        ended: &ended,
        waited: args.wait.map(|_| begun.elapsed()),
    };
    match args.output {
        Format::Json => print(report.json()?).await?,
        Format::Text => match report.text() {
            Ok(told) => print(told).await?,
            Err(fault) => note(&fault),
        },
    }
    Ok(ExitCode::from(ended.code()))
}

/// How one look at the gate ended.
enum Look {
    /// It could be told.
    Told(Box<UnitGates>),
    /// Nothing is recorded yet for any unit that was meant.
    NoUnit(String),
}

async fn check(session: &Session, args: &CheckArgs) -> Ended {
    let query = UnitQuery {
        unit: args.unit.clone(),
        name: args.name.clone(),
        version: args.version.clone(),
        release: args.release.clone(),
        platform_id: args.platform_id.clone(),
        package: args.package.clone(),
    };
    if query.is_empty() {
        return Ended::Error(
            "name the unit: --name and --version, any other part of it, or --unit".to_owned(),
            "invalid_argument",
        );
    }
    let Some(wait) = args.wait else {
        return match look(session, &args.group, &query).await {
            Ok(look) => judged(look),
            Err(error) => failed(&error),
        };
    };
    let deadline = Instant::now() + wait;
    tokio::select! {
        ended = until_decided(session, args, &query) => ended,
        () = tokio::time::sleep_until(deadline) => {
            // What was recorded in the last moment counts.
            match look(session, &args.group, &query).await {
                Ok(look) => judged(look).timed_out(wait, args.wait_for_retries),
                Err(error) => failed(&error),
            }
        }
    }
}

async fn look(session: &Session, group: &str, query: &UnitQuery) -> Result<Look, Error> {
    let (registry, principal) = (&session.registry, &session.principal);
    match registry.check_unit(principal, query, Some(group)).await {
        Ok(gates) => Ok(Look::Told(Box::new(gates))),
        Err(Error::Refused(refusal @ Refusal::NotFound { kind: "unit", .. })) => {
            // The first event of a unit makes it.
            let text = format!("{refusal} {}", refused::next(&refusal));
            Ok(Look::NoUnit(text))
        }
        Err(error) => Err(error),
    }
}

fn judged(look: Look) -> Ended {
    match look {
        Look::NoUnit(text) => Ended::NoUnit(text),
        Look::Told(mut gates) => match gates.gates.pop() {
            Some(gate) => Ended::Told(Box::new(Verdict {
                unit: gates.unit,
                gate,
            })),
            None => Ended::Error("the gate could not be read".to_owned(), "internal"),
        },
    }
}

fn failed(error: &Error) -> Ended {
    let code = match error {
        Error::Refused(refusal) => refusal.code(),
        Error::Internal { .. } => "internal",
    };
    Ended::Error(refused::text(error), code)
}

/// Looks whenever the log tells of something that may matter, until there is nothing to wait for.
async fn until_decided(session: &Session, args: &CheckArgs, query: &UnitQuery) -> Ended {
    let mut shown = String::new();
    let mut following: Option<Following> = None;
    loop {
        let looked = match follow(session, &mut following).await {
            Ok(()) => look(session, &args.group, query).await,
            Err(error) => Err(error),
        };
        let ended = match looked {
            Ok(look) => judged(look),
            Err(Error::Refused(refusal)) if refusal.retryable() => {
                tell(&mut shown, format!("{refusal} Trying again."));
                following = None;
                tokio::time::sleep(RETRY).await;
                continue;
            }
            Err(error) => return failed(&error),
        };
        if !ended.waits(args.wait_for_retries) {
            return ended;
        }
        tell(&mut shown, ended.waiting());
        if !news(&session.registry, &mut following, &ended).await {
            following = None;
        }
    }
}

/// Follows the log from before the first look on, so that nothing falls between the two.
async fn follow(session: &Session, following: &mut Option<Following>) -> Result<(), Error> {
    if following.is_none() {
        *following = Some(session.registry.follow(&session.principal).await?);
    }
    Ok(())
}

/// Waits until something is written that may change the verdict; false if the log cannot be followed.
async fn news(registry: &Registry, following: &mut Option<Following>, ended: &Ended) -> bool {
    let Some(following) = following else {
        return false;
    };
    loop {
        let Ok(heard) = tokio::time::timeout(RELOOK, following.next()).await else {
            return true;
        };
        match heard {
            Some(Heard::TooMuch) => return true,
            Some(Heard::Changes(changes)) => {
                if changes.iter().any(|change| matters(change, ended)) {
                    return true;
                }
            }
            None => {
                tracing::debug!(
                    location = registry.location(),
                    "the log is not followed any more"
                );
                tokio::time::sleep(RETRY).await;
                return false;
            }
        }
    }
}

fn matters(change: &Change, ended: &Ended) -> bool {
    match ended {
        Ended::Told(verdict) => {
            change.group == Some(verdict.gate.group.id)
                || change.unit.is_some_and(|unit| unit == verdict.unit.key())
        }
        // Any event may be the first one of the unit.
        _ => change.unit.is_some(),
    }
}

/// Tells how things stand, once for as long as they stand so.
fn tell(shown: &mut String, text: String) {
    if *shown != text {
        note(&text);
        *shown = text;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_written_with_its_unit() {
        assert_eq!(span("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(span("30m"), Ok(Duration::from_secs(1_800)));
        assert_eq!(span("1h30m"), Ok(Duration::from_secs(5_400)));
        assert_eq!(span("0s"), Ok(Duration::ZERO));
        for bad in ["", "30", "-5m", "soon", "PT", "8d 1h", "400h", "1.5"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }
}
