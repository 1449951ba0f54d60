//! The same on PostgreSQL. The baseline inserts the rows of a transaction with one statement a table.
//! It does not copy them (COPY): the driver sends the end of each COPY by itself, with Nagle's
//! algorithm on, and waits some 40 ms for the server's delayed acknowledgement of the rows.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use epr_mcp::domain::time::SystemClock;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

use super::data::{Place, open_registry};
use super::ingest::{ROUNDS, SAME, Sender, add, take_in};
use super::postgres::{Server, same_rows};
use super::report::{Goal, Report};
use super::stats::Sample;

/// Tables in the order in which they can be filled, and which of their rows belong to the events
/// behind `{after}` up to `{to}`. Counters of receivers, names and units and the newest events a
/// trigger writes.
const TABLES: [(&str, &str, &str); 10] = [
    (
        "name",
        "id, name",
        "SELECT id, name FROM name WHERE id IN (SELECT name_id FROM event GROUP BY name_id \
         HAVING min(seq) > {after} AND min(seq) <= {to}) ORDER BY id",
    ),
    (
        "unit",
        "id, key, name_id, version, release, platform_id, package",
        "SELECT id, key, name_id, version, release, platform_id, package FROM unit WHERE id IN (SELECT unit_id \
         FROM event GROUP BY unit_id HAVING min(seq) > {after} AND min(seq) <= {to}) ORDER BY id",
    ),
    (
        "event",
        "*",
        "SELECT * FROM event WHERE seq > {after} AND seq <= {to} ORDER BY seq",
    ),
    (
        "payload",
        "*",
        "SELECT * FROM payload WHERE event_seq > {after} AND event_seq <= {to} ORDER BY event_seq",
    ),
    (
        "message",
        "*",
        "SELECT * FROM message WHERE event_seq > {after} AND event_seq <= {to} ORDER BY seq",
    ),
    (
        "facts",
        "*",
        "SELECT * FROM facts WHERE seq > {after} AND seq <= {to} ORDER BY seq",
    ),
    (
        "link",
        "*",
        "SELECT * FROM link WHERE seq > {after} AND seq <= {to} ORDER BY key, seq, role",
    ),
    (
        "natural_key",
        "*",
        "SELECT * FROM natural_key WHERE seq > {after} AND seq <= {to} ORDER BY key",
    ),
    // Those that the transaction touched, as they are at the end of the round.
    (
        RUN,
        "*",
        "SELECT * FROM run WHERE first_seq <= {to} AND (last_seq > {after} OR merged_into > {run}) ORDER BY num",
    ),
    (
        "run_label",
        "*",
        "SELECT l.* FROM run_label l JOIN run r ON r.num = l.num WHERE r.first_seq <= {to} AND r.last_seq > {after}",
    ),
];
/// Its rows are written anew by each transaction that touches them.
const RUN: &str = "run";
const AGAIN: &str = "ON CONFLICT (num) DO UPDATE SET \
    merged_into = excluded.merged_into, pipeline = excluded.pipeline, first_at = excluded.first_at, \
    last_at = excluded.last_at, first_seq = excluded.first_seq, last_seq = excluded.last_seq, \
    queued_at = excluded.queued_at, started_at = excluded.started_at, finished_at = excluded.finished_at, \
    outcome = excluded.outcome, events = excluded.events, failed = excluded.failed, \
    standing = excluded.standing, labels = excluded.labels";
/// What the registry's row is behind an event.
const REGISTRY: &str = "SELECT max(seq), max(created_at), (SELECT max(seq) FROM message WHERE event_seq <= $1), \
    max(unit_id), max(name_id), count(*) FILTER (WHERE success), count(*) FILTER (WHERE NOT success), \
    (SELECT last_run_num FROM registry), (SELECT runs FROM registry) FROM event WHERE seq <= $1";
const UPDATE: &str = "UPDATE registry SET last_event_seq = $1, last_created_at = $2, last_message_seq = $3, \
    last_unit_id = $4, last_name_id = $5, succeeded = $6, failed = $7, last_run_num = $8, runs = $9";

pub(crate) async fn run(server: &Server, report: &mut Report) -> anyhow::Result<()> {
    let ours = server.copy("template1", "runs_ours").await?;
    let mut sender = Sender::new();
    // The first events make the receivers.
    let registry = open_registry(Place::postgres(&ours)?, Arc::new(SystemClock));
    take_in(&registry, sender.round()).await?;
    registry.close().await;
    let theirs = server.copy("runs_ours", "runs_theirs").await?;
    let registry = open_registry(Place::postgres(&ours)?, Arc::new(SystemClock));
    let mut plain = connect(&theirs).await?;
    let mut reader = Reader::open(&ours).await?;
    let (mut epr, mut inserted) = (Sample::default(), Sample::default());
    for round in 0..=ROUNDS {
        let rate = take_in(&registry, sender.round()).await?;
        let transactions = reader.read().await?;
        let other = insert(&mut plain, &transactions).await?;
        // The first round warms up.
        if round > 0 {
            epr.push(rate);
            inserted.push(other);
        }
    }
    registry.close().await;
    plain.close().await?;
    same_rows(&ours, &theirs, &SAME).await?;
    let baseline = ("plain sqlx, a table a time", &inserted);
    add(report, "PostgreSQL", &epr, baseline, Goal::AtLeast(0.5));
    Ok(())
}

/// A connection on our tables.
async fn connect(url: &str) -> anyhow::Result<PgConnection> {
    // As the registry is, on one machine.
    let mut connection = PgConnection::connect(&format!("{url}?sslmode=disable")).await?;
    sqlx::raw_sql("SET search_path = epr_mcp")
        .execute(&mut connection)
        .await?;
    Ok(connection)
}

/// What one transaction wrote: by table as JSON, and the registry's row.
struct Transaction {
    events: i64,
    rows: Vec<String>,
    registry: [i64; 9],
}

/// Reads what the registry wrote.
struct Reader {
    connection: PgConnection,
    last_event: i64,
    last_run: i64,
    labels: HashSet<String>,
}

impl Reader {
    async fn open(url: &str) -> anyhow::Result<Self> {
        let mut reader = Self {
            connection: connect(url).await?,
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
        let spans =
            sqlx::query("SELECT max(seq) FROM event WHERE seq > $1 GROUP BY created_at ORDER BY 1")
                .bind(self.last_event)
                .fetch_all(&mut *connection)
                .await?;
        let mut transactions = Vec::new();
        let mut last_run = self.last_run;
        for span in &spans {
            let to: i64 = span.try_get(0)?;
            let mut rows = Vec::new();
            for (table, _, sql) in TABLES {
                let sql = sql
                    .replace("{after}", &self.last_event.to_string())
                    .replace("{to}", &to.to_string())
                    .replace("{run}", &self.last_run.to_string());
                let sql = format!("SELECT coalesce(json_agg(t)::text, '[]') FROM ({sql}) t");
                let row = sqlx::query(AssertSqlSafe(sql))
                    .fetch_one(&mut *connection)
                    .await?;
                let mut text: String = row.try_get(0)?;
                if table == "run_label" {
                    let mut labels: Vec<Value> = serde_json::from_str(&text)?;
                    labels.retain(|label| self.labels.insert(label.to_string()));
                    text = serde_json::to_string(&labels)?;
                }
                rows.push(text);
            }
            let row = sqlx::query(REGISTRY)
                .bind(to)
                .fetch_one(&mut *connection)
                .await?;
            let mut registry = [0; 9];
            for (at, number) in registry.iter_mut().enumerate() {
                *number = row.try_get(at)?;
            }
            last_run = registry[7];
            transactions.push(Transaction {
                events: to - self.last_event,
                rows,
                registry,
            });
            self.last_event = to;
        }
        self.last_run = last_run;
        Ok(transactions)
    }
}

/// Inserts the rows of these transactions; gives events a second.
async fn insert(
    connection: &mut PgConnection,
    transactions: &[Transaction],
) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let mut events = 0;
    for transaction in transactions {
        sqlx::query("BEGIN").execute(&mut *connection).await?;
        for ((table, columns, _), rows) in TABLES.iter().zip(&transaction.rows) {
            if rows == "[]" {
                continue;
            }
            let into = match *columns {
                "*" => String::new(),
                columns => format!("({columns})"),
            };
            let again = if *table == RUN { AGAIN } else { "" };
            let sql = format!(
                "INSERT INTO {table} {into} SELECT {columns} FROM \
                 json_populate_recordset(NULL::epr_mcp.{table}, $1::json) {again}"
            );
            sqlx::query(AssertSqlSafe(sql))
                .bind(rows)
                .execute(&mut *connection)
                .await?;
        }
        let mut update = sqlx::query(AssertSqlSafe(UPDATE));
        for number in transaction.registry {
            update = update.bind(number);
        }
        update.execute(&mut *connection).await?;
        sqlx::query("COMMIT").execute(&mut *connection).await?;
        events += transaction.events;
    }
    Ok(events as f64 / begun.elapsed().as_secs_f64())
}
