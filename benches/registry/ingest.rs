//! Taking in the events of pipeline runs as `epr-mcp ingest` does, against plain statements that insert
//! the very same rows, in transactions of the same events.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use epr_mcp::domain::time::{Clock as _, SystemClock, Timestamp};
use epr_mcp::limits;
use epr_mcp::registry::{Intake, IntakeOptions, Registry};
use sqlx::sqlite::SqliteSynchronous;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, SqliteConnection};

use super::bulk::RUN_COLUMNS;
use super::cells::{self, Cell, Rows, Table};
use super::data::{Databases, Place, checkpoint, connect, open_registry};
use super::pipelines::Pipelines;
use super::report::{Baseline, Figure, Goal, Report};
use super::stats::{Sample, median_ratio};
use super::world::principal;
use super::{ingest_postgres, postgres};

/// Events of one round; about 500 runs are begun and ended in it.
pub(crate) const EVENTS: usize = 10_000;
pub(crate) const ROUNDS: usize = 5;
/// What events happen apart.
const APART_MICROS: i64 = 1_000_000;
/// Rows in one statement of the baseline that inserts many at once.
const AT_ONCE: usize = 50;

pub(crate) async fn run(databases: &Databases, report: &mut Report) -> anyhow::Result<()> {
    on_sqlite(databases, report).await?;
    let server = postgres::Server::start(databases)?;
    ingest_postgres::run(&server, report).await
}

async fn on_sqlite(databases: &Databases, report: &mut Report) -> anyhow::Result<()> {
    let scratch = databases.scratch()?;
    let path = |name: &str| scratch.path().join(name);
    let ours = path("ours.db");
    let mut sender = Sender::new();
    // The first events make the receivers.
    let registry = open_registry(Place::file(&ours), Arc::new(SystemClock));
    take_in(&registry, sender.round()).await?;
    registry.close().await;
    checkpoint(&ours).await?;
    let mut plain = Vec::new();
    for (name, at_once) in [("rows.db", 1), ("many.db", AT_ONCE)] {
        std::fs::copy(&ours, path(name))?;
        plain.push(Plain::open(&path(name), at_once).await?);
    }
    let registry = open_registry(Place::file(&ours), Arc::new(SystemClock));
    let mut reader = Reader::open(&ours).await?;
    let mut rates = [Sample::default(), Sample::default(), Sample::default()];
    for round in 0..=ROUNDS {
        let documents = sender.round();
        let [epr, others @ ..] = &mut rates;
        let rate = take_in(&registry, documents).await?;
        let transactions = reader.read().await?;
        // The first round warms up.
        if round > 0 {
            epr.push(rate);
        }
        for (plain, rates) in plain.iter_mut().zip(others) {
            let rate = plain.insert(&transactions).await?;
            if round > 0 {
                rates.push(rate);
            }
        }
    }
    registry.close().await;
    for name in ["rows.db", "many.db"] {
        same_rows(&ours, &path(name)).await?;
    }
    let [epr, rows, many] = rates;
    add(
        report,
        "SQLite",
        &epr,
        ("plain sqlx, row by row", &rows),
        Goal::AtLeast(0.5),
    );
    add(
        report,
        "SQLite",
        &epr,
        ("plain sqlx, 50 rows a time", &many),
        Goal::AtLeast(0.5),
    );
    Ok(())
}

pub(crate) fn add(
    report: &mut Report,
    engine: &str,
    epr: &Sample,
    (name, plain): (&'static str, &Sample),
    goal: Goal,
) {
    println!(
        "{engine}: {:.0} events/s, {name}: {:.0}",
        epr.median(),
        plain.median()
    );
    report.add(Figure {
        group: "ingest",
        name: format!("CDEvents of pipeline runs, {engine}"),
        unit: "/s",
        value: epr.median(),
        baseline: Some(Baseline {
            name,
            value: plain.median(),
            ratio: median_ratio(epr, plain),
        }),
        goal,
    });
}

/// Gives the documents of all rounds.
#[derive(Debug)]
pub(crate) struct Sender {
    pipelines: Pipelines,
    at: Timestamp,
}

impl Sender {
    pub(crate) fn new() -> Self {
        let all = EVENTS * (ROUNDS + 2);
        Self {
            pipelines: Pipelines::new(all),
            at: SystemClock.now().plus_micros(-(all as i64) * APART_MICROS),
        }
    }

    /// The documents of one round.
    pub(crate) fn round(&mut self) -> Vec<String> {
        let mut next = || {
            self.at = self.at.plus_micros(APART_MICROS);
            self.pipelines.next(self.at).text
        };
        (0..EVENTS).map(|_| next()).collect()
    }
}

/// Takes documents in, in chunks, the next of which is read while one is written; gives events a
/// second.
pub(crate) async fn take_in(registry: &Registry, documents: Vec<String>) -> anyhow::Result<f64> {
    let (principal, options) = (principal(), IntakeOptions::default());
    let events = documents.len();
    let chunks: Vec<Vec<String>> = documents
        .chunks(limits::INGEST_CHUNK)
        .map(<[String]>::to_vec)
        .collect();
    let mut chunks = chunks.into_iter();
    let begun = Instant::now();
    let first = chunks.next().unwrap_or_default();
    let mut ready = Some(registry.read_documents(first).await?);
    while let Some(documents) = ready.take() {
        let taking = registry.record_documents(&principal, documents, &options);
        let taken = match chunks.next() {
            None => taking.await?,
            Some(next) => {
                let (taken, next) = tokio::join!(taking, registry.read_documents(next));
                ready = Some(next?);
                taken?
            }
        };
        let is_new = |outcome: &Intake| matches!(outcome, Intake::Recorded { .. });
        let odd = taken.iter().find(|one| !is_new(&one.outcome));
        anyhow::ensure!(odd.is_none(), "a document was not recorded: {odd:?}");
    }
    Ok(events as f64 / begun.elapsed().as_secs_f64())
}

/// The tables that the registry writes, in the order in which they can be filled. Counters and the
/// newest events the tables' own triggers write.
const TABLES: [Table; 10] = [
    Table::new("name", "id, name"),
    Table::new(
        "unit",
        "id, key, name_id, version, release, platform_id, package",
    ),
    Table::new(
        "event",
        "seq, id, unit_id, name_id, receiver_num, success, created_at, recorder_id, payload_digest, \
         payload_size, description, payload",
    ),
    Table::new("payload", "event_seq, deflated"),
    Table::new(
        "message",
        "seq, kind, event_seq, receiver_num, group_num, group_state, transition, log_only, wire_version, created_at",
    ),
    Table::new("facts", "seq, text"),
    Table::new("link", "key, seq, role"),
    Table::new("natural_key", "key, content, seq"),
    Table {
        name: "run",
        columns: RUN_COLUMNS,
        rest: "ON CONFLICT (num) DO UPDATE SET merged_into = excluded.merged_into, pipeline = excluded.pipeline, \
            first_at = excluded.first_at, last_at = excluded.last_at, first_seq = excluded.first_seq, \
            last_seq = excluded.last_seq, queued_at = excluded.queued_at, started_at = excluded.started_at, \
            finished_at = excluded.finished_at, outcome = excluded.outcome, events = excluded.events, \
            failed = excluded.failed, standing = excluded.standing, labels = excluded.labels",
    },
    Table::new("run_label", "label, at, num"),
];
/// The place of a table whose rows are written anew by each transaction that touches them.
const RUN: usize = 8;
const RUN_LABEL: usize = 9;

/// Of each table its new rows, behind the first and the last event with which they belong. `$1` is the last event
/// that was read before, `$2` the last row of a run.
fn new_rows() -> [String; TABLES.len()] {
    let with = |columns: &str, table: &str, seq: &str| {
        format!(
            "SELECT {seq}, {seq}, {columns} FROM {table} WHERE {seq} > $1 AND $2 >= 0 ORDER BY {seq}"
        )
    };
    let made = |columns: &str, table: &str| {
        format!(
            "SELECT e.seq, e.seq, {columns} FROM (SELECT {table}_id, min(seq) AS seq FROM event GROUP BY {table}_id) e \
             JOIN {table} t ON t.id = e.{table}_id WHERE e.seq > $1 AND $2 >= 0 ORDER BY t.id"
        )
    };
    let touched = "r.last_seq > $1 OR r.merged_into > $2";
    TABLES.map(|table| match table.name {
        "name" | "unit" => made(table.columns, table.name),
        "payload" | "message" => with(table.columns, table.name, "event_seq"),
        "run" => format!(
            "SELECT r.first_seq, max(r.last_seq, $1 + 1), {RUN_COLUMNS} FROM run r WHERE {touched} ORDER BY num"
        ),
        "run_label" => format!(
            "SELECT r.first_seq, r.last_seq, l.label, l.at, l.num FROM run r JOIN run_label l ON l.num = r.num \
             WHERE {touched}"
        ),
        _ => with(table.columns, table.name, "seq"),
    })
}

/// What one transaction wrote, by table.
#[derive(Debug)]
struct Transaction {
    first: i64,
    last: i64,
    rows: Vec<Vec<Vec<Cell>>>,
    /// The registry's numbers of runs, at the end of the round.
    runs: (i64, i64),
}

/// Reads what the registry wrote.
struct Reader {
    connection: SqliteConnection,
    last_event: i64,
    last_run: i64,
    labels: HashSet<Vec<u8>>,
}

impl Reader {
    async fn open(path: &Path) -> anyhow::Result<Self> {
        let mut reader = Self {
            connection: connect(path, SqliteSynchronous::Full).connect().await?,
            last_event: 0,
            last_run: 0,
            labels: HashSet::new(),
        };
        reader.read().await?;
        Ok(reader)
    }

    /// The transactions since the last time: the events of one have the same time.
    async fn read(&mut self) -> anyhow::Result<Vec<Transaction>> {
        let connection = &mut self.connection;
        let row = sqlx::query("SELECT last_event_seq, last_run_num, runs FROM registry")
            .fetch_one(&mut *connection)
            .await?;
        let (last_event, last_run): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        let runs = (last_run, row.try_get(2)?);
        let spans = sqlx::query(
            "SELECT min(seq), max(seq) FROM event WHERE seq > $1 GROUP BY created_at ORDER BY 1",
        )
        .bind(self.last_event)
        .fetch_all(&mut *connection)
        .await?;
        let mut transactions = Vec::new();
        for span in &spans {
            transactions.push(Transaction {
                first: span.try_get(0)?,
                last: span.try_get(1)?,
                rows: vec![Vec::new(); TABLES.len()],
                runs,
            });
        }
        for (place, sql) in new_rows().into_iter().enumerate() {
            let found = sqlx::query(AssertSqlSafe(sql))
                .bind(self.last_event)
                .bind(self.last_run)
                .fetch_all(&mut *connection)
                .await?;
            for row in &found {
                let (first, last): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
                let first = first.max(self.last_event + 1);
                let cells = cells::read(row, 2)?;
                if place == RUN_LABEL && !self.labels.insert(key(&cells)) {
                    continue;
                }
                let from = transactions.partition_point(|it| it.last < first);
                for transaction in transactions.iter_mut().skip(from) {
                    if transaction.first > last {
                        break;
                    }
                    if let Some(rows) = transaction.rows.get_mut(place) {
                        rows.push(cells.clone());
                    }
                    if place != RUN {
                        break;
                    }
                }
            }
        }
        (self.last_event, self.last_run) = (last_event, last_run);
        Ok(transactions)
    }
}

/// A label's row as one value.
fn key(cells: &[Cell]) -> Vec<u8> {
    let bytes = |cell: &Cell| match cell {
        Cell::Int(value) => value.to_be_bytes().to_vec(),
        Cell::Blob(bytes) => bytes.clone(),
        Cell::Text(text) => text.clone().into_bytes(),
        Cell::Null => Vec::new(),
    };
    cells.iter().flat_map(bytes).collect()
}

/// The baseline.
struct Plain {
    connection: SqliteConnection,
    rows: Vec<Rows>,
}

impl Plain {
    async fn open(path: &Path, at_once: usize) -> anyhow::Result<Self> {
        let pages = limits::SQLITE_CHECKPOINT_PAGES.to_string();
        let connection = connect(path, SqliteSynchronous::Full)
            .pragma("wal_autocheckpoint", pages)
            .connect()
            .await?;
        let rows = TABLES.map(|table| Rows::new(table, at_once));
        Ok(Self {
            connection,
            rows: rows.into(),
        })
    }

    /// Inserts the rows of these transactions; gives events a second.
    async fn insert(&mut self, transactions: &[Transaction]) -> anyhow::Result<f64> {
        let mut transactions: Vec<(&Transaction, Vec<Vec<Vec<Cell>>>)> = transactions
            .iter()
            .map(|it| (it, it.rows.clone()))
            .collect();
        let begun = Instant::now();
        let mut events = 0;
        for (transaction, rows) in &mut transactions {
            let connection = &mut self.connection;
            sqlx::query("BEGIN IMMEDIATE")
                .execute(&mut *connection)
                .await?;
            for (table, found) in self.rows.iter_mut().zip(rows.drain(..)) {
                for row in found {
                    table.push(row);
                }
                table.flush(&mut *connection).await?;
            }
            sqlx::query("UPDATE registry SET last_run_num = $1, runs = $2")
                .bind(transaction.runs.0)
                .bind(transaction.runs.1)
                .execute(&mut *connection)
                .await?;
            sqlx::query("COMMIT").execute(&mut *connection).await?;
            events += transaction.last - transaction.first + 1;
        }
        Ok(events as f64 / begun.elapsed().as_secs_f64())
    }
}

/// What has to stand in both databases.
pub(crate) const SAME: [&str; 13] = [
    "SELECT * FROM registry",
    "SELECT * FROM receiver ORDER BY num",
    "SELECT * FROM name ORDER BY id",
    "SELECT * FROM unit ORDER BY id",
    "SELECT * FROM event ORDER BY seq",
    "SELECT * FROM payload ORDER BY event_seq",
    "SELECT * FROM latest ORDER BY unit_id, receiver_num",
    "SELECT * FROM message ORDER BY seq",
    "SELECT * FROM facts ORDER BY seq",
    "SELECT * FROM link ORDER BY key, seq, role",
    "SELECT * FROM natural_key ORDER BY key, content",
    "SELECT * FROM run ORDER BY num",
    "SELECT * FROM run_label ORDER BY label, at, num",
];

/// Makes sure that the baseline does the same work.
async fn same_rows(ours: &Path, theirs: &Path) -> anyhow::Result<()> {
    for sql in SAME {
        let mut found = Vec::new();
        for path in [ours, theirs] {
            let mut connection = connect(path, SqliteSynchronous::Full).connect().await?;
            let rows = sqlx::query(sql).fetch_all(&mut connection).await?;
            let rows: Result<Vec<_>, _> = rows.iter().map(|row| cells::read(row, 0)).collect();
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
