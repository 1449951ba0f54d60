//! Commands as whole processes, on a registry of 100,000 events, beside a program that only opens the
//! same file. The benchmark runs itself as that program.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use epr_mcp::domain::unit::Unit;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};

use super::data::Databases;
use super::report::{Baseline, Figure, Goal, Report};
use super::stats::{Sample, median_ratio};

/// Set to a database, it makes this program one that opens it and ends.
pub(crate) const ROLE: &str = "EPR_BENCH_OPENER";

const RUNS: usize = 60;
const WARM: usize = 5;

/// Opens the file and asks it one question.
pub(crate) fn main(database: &Path) -> ExitCode {
    let opened = || -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let mut connection = open(database).await?;
            sqlx::query("SELECT last_event_seq FROM registry")
                .fetch_one(&mut connection)
                .await?;
            connection.close().await?;
            Ok(())
        })
    };
    match opened() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn open(database: &Path) -> anyhow::Result<SqliteConnection> {
    let options = SqliteConnectOptions::new().filename(database);
    Ok(options.connect().await?)
}

pub(crate) async fn run(databases: &Databases, report: &mut Report) -> anyhow::Result<()> {
    let folder = databases.scratch()?;
    let database = folder.path().join("commands.db");
    std::fs::copy(&databases.medium, &database)?;
    let (unit, receiver) = some_unit(&database).await?;
    let payload = super::world::payload(&mut super::world::Random::new(7), true);
    let parts = unit.parts();
    let flags = [
        "--name",
        "--version",
        "--release",
        "--platform-id",
        "--package",
    ];
    let unit_flags: Vec<&str> = flags
        .iter()
        .zip(&parts)
        .flat_map(|(flag, (_, value))| [*flag, *value])
        .collect();
    let check = [&["gate", "check", "--group", "gate-0"][..], &unit_flags].concat();
    let create = [
        &[
            "event",
            "create",
            "--event-receiver-id",
            &receiver,
            "--success",
            "--description",
            "bench",
        ][..],
        &["--payload", &payload],
        &unit_flags,
    ]
    .concat();
    // A gate that is not open answers with 1 or 2.
    for (name, arguments, codes) in [
        ("gate check", &check, 0..=2),
        ("event create", &create, 0..=0),
    ] {
        let (mut ours, mut theirs) = (Sample::default(), Sample::default());
        for round in 0..WARM + RUNS {
            let (epr, code) = timed(epr(&database, arguments))?;
            anyhow::ensure!(codes.contains(&code), "{name} ended with {code}");
            let (plain, code) = timed(opener(&database)?)?;
            anyhow::ensure!(code == 0, "the baseline ended with {code}");
            if round >= WARM {
                ours.push_time(epr);
                theirs.push_time(plain);
            }
        }
        report.add(Figure {
            group: "commands",
            name: format!("{name}, 100,000 events"),
            unit: "ms",
            value: ours.median(),
            baseline: Some(Baseline {
                name: "a program that opens the file",
                value: theirs.median(),
                ratio: median_ratio(&ours, &theirs),
            }),
            goal: Goal::AtMost(3.0),
        });
    }
    Ok(())
}

/// The newest unit, and the id of a receiver of it.
async fn some_unit(database: &Path) -> anyhow::Result<(Unit, String)> {
    let mut connection = open(database).await?;
    let row = sqlx::query(
        "SELECT n.name, u.version, u.release, u.platform_id, u.package, r.id FROM event e JOIN unit u ON u.id = e.unit_id \
         JOIN name n ON n.id = u.name_id JOIN receiver r ON r.num = e.receiver_num ORDER BY e.seq DESC LIMIT 1",
    )
    .fetch_one(&mut connection)
    .await?;
    connection.close().await?;
    let unit = Unit {
        name: row.try_get(0)?,
        version: row.try_get(1)?,
        release: row.try_get(2)?,
        platform_id: row.try_get(3)?,
        package: row.try_get(4)?,
    };
    Ok((unit, row.try_get(5)?))
}

fn epr(database: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_epr-mcp"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("EPR_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).arg("--db").arg(database);
    command
}

fn opener(database: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.env(ROLE, database);
    Ok(command)
}

/// Runs a process to its end.
fn timed(mut command: Command) -> anyhow::Result<(Duration, i32)> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let begun = Instant::now();
    let status = command
        .status()
        .context("the program could not be started")?;
    Ok((begun.elapsed(), status.code().unwrap_or(-1)))
}
