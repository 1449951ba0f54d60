//! The same figures on PostgreSQL, on a server of the benchmark's own, whose databases are built once
//! and kept beside the files.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use epr_mcp::domain::id::ReceiverId;
use epr_mcp::store::postgres;
use sha2::{Digest as _, Sha256};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool, Row as _};

use super::data::{self, Databases, Place};
use super::plain;
use super::report::{Baseline, Figure, Goal, Report};
use super::search;
use super::stats::{Sample, median_ratio};
use super::write::{self, Gate, Pair, Side, Way};

/// Set to a URL, it makes this program a writer on that database.
pub(crate) const ROLE: &str = "EPR_BENCH_POSTGRES_WRITER";
const CALLERS: usize = 32;
const ROUNDS: usize = 7;

/// What a kept database depends on.
const MIGRATIONS: [&str; 2] = [
    include_str!("../../migrations/postgres/0001_registry.sql"),
    include_str!("../../migrations/postgres/0002_correlation.sql"),
];

/// A running server, stopped when it is dropped.
pub(crate) struct Server {
    folder: PathBuf,
    /// The URL without a database.
    base: String,
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/postgres")
}

impl Server {
    /// One for databases of this schema; those of others are removed.
    pub(crate) fn start(databases: &Databases) -> anyhow::Result<Self> {
        let mut hash = Sha256::new();
        hash.update(data::GENERATION.to_be_bytes());
        for migration in MIGRATIONS {
            hash.update(migration);
        }
        let digest: String = hash
            .finalize()
            .iter()
            .take(4)
            .map(|b| format!("{b:02x}"))
            .collect();
        let name = format!("postgres-v{}-{digest}", postgres::built_for());
        for entry in std::fs::read_dir(&databases.folder)? {
            let path = entry?.path();
            let old = path.file_name().is_some_and(|file| {
                let file = file.to_string_lossy();
                file.starts_with("postgres-") && file != name
            });
            if old {
                std::fs::remove_dir_all(path)?;
            }
        }
        let folder = databases.folder.join(name);
        // What is compared is not the disk: everything fits.
        let started = Command::new(script())
            .env("EPR_TEST_POSTGRES_BUFFERS", "3GB")
            .arg("start")
            .arg(&folder)
            .output()?;
        anyhow::ensure!(
            started.status.success(),
            "the PostgreSQL server does not start: {}",
            String::from_utf8_lossy(&started.stderr)
        );
        let url = String::from_utf8(started.stdout)?;
        let (base, _) = url
            .trim()
            .rsplit_once('/')
            .context("the script gives a URL")?;
        Ok(Self {
            folder,
            base: base.to_owned(),
        })
    }

    fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.base)
    }

    async fn administer(&self, sql: String) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(&self.url("postgres")).await?;
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await?;
        connection.close().await?;
        Ok(())
    }

    /// A database that is a copy of another, in place of an older copy.
    pub(crate) async fn copy(&self, from: &str, name: &str) -> anyhow::Result<String> {
        self.administer(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            .await?;
        self.administer(format!("CREATE DATABASE {name} TEMPLATE {from}"))
            .await?;
        Ok(self.url(name))
    }

    /// Builds a database of so many events, unless it is there.
    async fn build(&self, name: &str, events: usize) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(&self.url("postgres")).await?;
        let there = sqlx::query("SELECT FROM pg_database WHERE datname = $1")
            .bind(name)
            .fetch_optional(&mut connection)
            .await?
            .is_some();
        connection.close().await?;
        if there {
            return Ok(());
        }
        let begun = Instant::now();
        let part = self.copy("template1", "part").await?;
        data::fill(Place::postgres(&part)?, events).await?;
        let mut connection = PgConnection::connect(&part).await?;
        sqlx::raw_sql("VACUUM ANALYZE")
            .execute(&mut connection)
            .await?;
        connection.close().await?;
        self.administer(format!("ALTER DATABASE part RENAME TO {name}"))
            .await?;
        println!(
            "Built {events} events on PostgreSQL in {:.0} s.",
            begun.elapsed().as_secs_f64()
        );
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new(script())
            .arg("stop")
            .arg(&self.folder)
            .status();
    }
}

pub(crate) async fn run(databases: &Databases, report: &mut Report) -> anyhow::Result<()> {
    let server = Server::start(databases)?;
    server.build("small", data::SMALL).await?;
    server.build("large", data::LARGE).await?;
    writing(&server, report).await?;
    for name in ["small", "large"] {
        into_memory(&server.url(name)).await?;
    }
    let places = [
        Place::postgres(&server.url("small"))?,
        Place::postgres(&server.url("large"))?,
    ];
    search::compare("read, PostgreSQL, 1,000,000 events", places, report, || {
        Ok(())
    })
    .await
}

/// Reads every table and index into the server's memory.
async fn into_memory(url: &str) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(
        "CREATE EXTENSION IF NOT EXISTS pg_prewarm; SELECT sum(pg_prewarm(oid)) FROM pg_class \
         WHERE relnamespace = 'epr_mcp'::regnamespace AND relkind IN ('r', 'i')",
    )
    .execute(&mut connection)
    .await?;
    connection.close().await?;
    Ok(())
}

/// A pool on our tables.
async fn pool(url: &str) -> anyhow::Result<PgPool> {
    let pool = PgPoolOptions::new()
        .max_connections(CALLERS as u32)
        .after_connect(|connection, _| {
            Box::pin(async move {
                sqlx::raw_sql("SET search_path = epr_mcp")
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        // As the registry is, on one machine.
        .connect(&format!("{url}?sslmode=disable"))
        .await?;
    Ok(pool)
}

async fn writing(server: &Server, report: &mut Report) -> anyhow::Result<()> {
    const GROUP: &str = "write, PostgreSQL";
    let ours = server.copy("small", "ours").await?;
    let gate = Gate::define(Place::postgres(&ours)?).await?;
    let theirs = server.copy("ours", "theirs").await?;
    let plain = pool(&theirs).await?;
    sqlx::raw_sql("DROP TRIGGER event_recorded ON event; DROP TRIGGER message_written ON message")
        .execute(&plain)
        .await?;
    let place = Place::postgres(&ours)?;
    let pair = Pair::new(place.clone(), plain::Pool::Postgres(plain.clone()), &gate).await?;
    pair.warm().await?;
    same_rows(&ours, &theirs, &write::SAME).await?;
    pair.measure(GROUP, &[(1, 0.8), (CALLERS, 2.0)], report)
        .await?;
    pair.close().await;

    let side = Arc::new(Side::new(Way::registry(place), &gate));
    two_processes(&side, &ours, &gate, report).await?;
    if let Way::Registry(registry) = &side.way {
        registry.close().await;
    }
    for callers in [1, CALLERS] {
        let rate = bare(&plain, callers).await?;
        report.add(Figure {
            group: GROUP,
            name: format!("for comparison: one row, one index, {callers} at once"),
            unit: "/s",
            value: rate,
            baseline: None,
            goal: Goal::None,
        });
    }
    Ok(())
}

/// Two processes at once against one, each with all callers, in turns.
async fn two_processes(
    side: &Arc<Side>,
    url: &str,
    gate: &Gate,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut other = Other::start(url, gate)?;
    let (mut one, mut both) = (Sample::default(), Sample::default());
    let mut first = 10_000;
    for round in 0..=ROUNDS {
        let alone = write::rate(side, first, CALLERS).await?;
        first += CALLERS;
        other.go()?;
        let ours = write::rate(side, first, CALLERS).await?;
        let theirs = other.done()?;
        first += CALLERS;
        // The first round warms up.
        if round > 0 {
            one.push(alone);
            both.push(ours + theirs);
        }
    }
    other.end()?;
    report.add(Figure {
        group: "write, PostgreSQL",
        name: format!("two processes together, {CALLERS} callers each"),
        unit: "/s",
        value: both.median(),
        baseline: Some(Baseline {
            name: "one process",
            value: one.median(),
            ratio: median_ratio(&both, &one),
        }),
        goal: Goal::AtLeast(0.7),
    });
    Ok(())
}

/// This program as another writer, which writes for one round whenever it is told to.
struct Other {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Other {
    fn start(url: &str, gate: &Gate) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .env(ROLE, url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().context("it is piped")?;
        let mut other = Self {
            child,
            lines: BufReader::new(stdout).lines(),
        };
        other.say(&serde_json::to_string(&gate.receivers)?)?;
        Ok(other)
    }

    fn say(&mut self, line: &str) -> anyhow::Result<()> {
        let stdin = self.child.stdin.as_mut().context("it is piped")?;
        writeln!(stdin, "{line}")?;
        stdin.flush()?;
        Ok(())
    }

    fn go(&mut self) -> anyhow::Result<()> {
        self.say("go")
    }

    fn done(&mut self) -> anyhow::Result<f64> {
        let line = self.lines.next().context("the other writer ended")??;
        Ok(line.parse()?)
    }

    fn end(mut self) -> anyhow::Result<()> {
        drop(self.child.stdin.take());
        anyhow::ensure!(self.child.wait()?.success(), "the other writer failed");
        Ok(())
    }
}

/// The other writer.
pub(crate) fn writer(url: &str) -> ExitCode {
    match serve(url) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the other writer: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(url: &str) -> anyhow::Result<()> {
    let mut lines = std::io::stdin().lines();
    let ids = lines.next().context("the receivers come first")??;
    let ids: Vec<String> = serde_json::from_str(&ids)?;
    let receivers: Result<Vec<ReceiverId>, _> = ids.iter().map(|id| id.parse()).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let way = Way::registry(Place::postgres(url)?);
    let side = Arc::new(Side::of(way, receivers?));
    let mut first = 1_000_000;
    for line in lines {
        line?;
        let rate = runtime.block_on(write::rate(&side, first, CALLERS))?;
        first += CALLERS;
        println!("{rate}");
    }
    Ok(())
}

/// Rows a second of a table with one index, a transaction each: what the server can do at most.
async fn bare(pool: &PgPool, callers: usize) -> anyhow::Result<f64> {
    sqlx::raw_sql(
        "DROP TABLE IF EXISTS bare; CREATE TABLE bare (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text TEXT)",
    )
    .execute(pool)
    .await?;
    let text = "x".repeat(400);
    let begun = Instant::now();
    let mut running: tokio::task::JoinSet<sqlx::Result<usize>> = tokio::task::JoinSet::new();
    for _ in 0..callers {
        let (pool, text) = (pool.clone(), text.clone());
        running.spawn(async move {
            let mut rows = 0_usize;
            while begun.elapsed().as_secs() < 3 {
                sqlx::query("INSERT INTO bare (text) VALUES ($1)")
                    .bind(&text)
                    .execute(&pool)
                    .await?;
                rows += 1;
            }
            Ok(rows)
        });
    }
    let mut rows = 0;
    while let Some(done) = running.join_next().await {
        rows += done??;
    }
    Ok(rows as f64 / begun.elapsed().as_secs_f64())
}

/// Makes sure that the baseline does the same work.
pub(crate) async fn same_rows(ours: &str, theirs: &str, all: &[&str]) -> anyhow::Result<()> {
    for sql in all {
        let mut found = Vec::new();
        for url in [ours, theirs] {
            let mut connection = PgConnection::connect(url).await?;
            sqlx::raw_sql("SET search_path = epr_mcp")
                .execute(&mut connection)
                .await?;
            let text = AssertSqlSafe(format!("SELECT (t.*)::text FROM ({sql}) t ORDER BY 1"));
            let rows = sqlx::query(text).fetch_all(&mut connection).await?;
            let rows: Result<Vec<String>, _> = rows.iter().map(|row| row.try_get(0)).collect();
            found.push(rows?);
            connection.close().await?;
        }
        anyhow::ensure!(
            found.first() == found.get(1),
            "the baseline wrote other rows: {sql}"
        );
    }
    Ok(())
}
