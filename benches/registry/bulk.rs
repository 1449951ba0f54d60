//! Databases of pipeline runs, far too large to be recorded event by event: the rows that intake
//! would have written, inserted in bulk. What payloads say is found out by the same code; indexes are
//! made at the end.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use epr_mcp::domain::id::ReceiverId;
use epr_mcp::domain::indexed::content_key;
use epr_mcp::domain::message::{MessageKind, WIRE_VERSION};
use epr_mcp::domain::run::{RunChange, Runs};
use epr_mcp::domain::time::{Clock as _, SteppingClock, SystemClock, Timestamp};
use epr_mcp::domain::unit::{Unit, UnitKey};
use epr_mcp::registry::{ReceiverInput, WriteOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, SqliteConnection};
use tokio::sync::mpsc;

use super::bulk_check;
use super::cells::{Cell, Rows, Table};
use super::data::{self, Place, SPAN_MICROS, open_registry};
use super::made::{self, Made};
use super::pipelines;
use super::world::principal;

/// Increase it when other rows are generated.
pub(crate) const GENERATION: u32 = 1;
/// Rows in one statement.
const AT_ONCE: usize = 100;

/// The columns of a run's row, as [`run`] gives them.
pub(crate) const RUN_COLUMNS: &str = "num, key, merged_into, kind, id, source, pipeline, at, place, first_at, \
    last_at, first_seq, last_seq, queued_at, started_at, finished_at, outcome, events, failed, standing, labels";

/// Builds a database of so many events.
pub(crate) async fn build(path: &Path, events: usize) -> anyhow::Result<()> {
    let begun = Instant::now();
    let part = data::fresh(path)?;
    let from = SystemClock.now().plus_micros(-SPAN_MICROS);
    define(&part, from).await?;
    let (to, mut portions) = mpsc::channel(4);
    let making = tokio::task::spawn_blocking(move || made::make(events, from, &to));
    let staged = path.with_extension("staged");
    drop(std::fs::remove_file(&staged));
    let mut filling = Filling::begin(&part, &staged).await?;
    while let Some(portion) = portions.recv().await {
        for made in portion {
            filling.take(made)?;
        }
        filling.flush().await?;
    }
    making.await??;
    filling.end().await?;
    std::fs::remove_file(&staged)?;
    data::checkpoint(&part).await?;
    if events <= data::SMALL {
        bulk_check::same_as_recorded(&part).await?;
    }
    std::fs::rename(&part, path)?;
    let seconds = begun.elapsed().as_secs_f64();
    let bytes = std::fs::metadata(path)?.len() / 1_000_000;
    println!("Built {events} events of pipeline runs in {seconds:.0} s ({bytes} MB).");
    Ok(())
}

/// An empty registry with the receivers that intake would have made.
async fn define(part: &Path, from: Timestamp) -> anyhow::Result<()> {
    let earlier = SteppingClock::new(from.plus_micros(-3_600_000_000), 1);
    let registry = open_registry(Place::file(part), Arc::new(earlier));
    for kind in pipelines::types() {
        let input = ReceiverInput {
            name: kind.clone(),
            kind,
            version: "1.0.0".to_owned(),
            description: "Accepts anything".to_owned(),
            schema_name: Some("any".to_owned()),
            ..ReceiverInput::default()
        };
        let options = WriteOptions::default();
        registry
            .create_receiver(&principal(), input, &options)
            .await?;
    }
    registry.close().await;
    Ok(())
}

/// A run that is not over: its rows are written at its end.
#[derive(Default)]
struct OpenRun {
    runs: Runs,
    names: HashMap<String, Counted>,
    units: HashMap<UnitKey, (Counted, i64, Unit)>,
    /// By unit and receiver: the newest event and whether it went well.
    latest: HashMap<(i64, i64), (i64, bool)>,
}

/// A row with its number of events that went well or did not.
#[derive(Debug, Clone, Copy)]
struct Counted {
    id: i64,
    succeeded: i64,
    failed: i64,
}

impl Counted {
    const fn new(id: i64) -> Self {
        Self {
            id,
            succeeded: 0,
            failed: 0,
        }
    }

    fn count(&mut self, success: bool) {
        self.succeeded += i64::from(success);
        self.failed += i64::from(!success);
    }
}

/// The numbers of the registry's row.
#[derive(Debug, Default)]
struct Last {
    event: i64,
    at: i64,
    message: i64,
    unit: i64,
    name: i64,
    run: i64,
    runs: i64,
    all: (i64, i64),
}

struct Filling {
    connection: SqliteConnection,
    /// What is made again at the end.
    dropped: Vec<String>,
    recorder: i64,
    receivers: HashMap<String, (ReceiverId, Counted)>,
    /// Names that units of many runs have in common.
    names: HashMap<String, Counted>,
    open: HashMap<usize, OpenRun>,
    last: Last,
    events: Rows,
    messages: Rows,
    facts: Rows,
    links: Rows,
    natural: Rows,
    name_rows: Rows,
    unit_rows: Rows,
    latest: Rows,
    run_rows: Rows,
    labels: Rows,
}

impl Filling {
    async fn begin(part: &Path, staged: &Path) -> anyhow::Result<Self> {
        let mut connection = SqliteConnectOptions::new()
            .filename(part)
            .journal_mode(SqliteJournalMode::Off)
            .synchronous(SqliteSynchronous::Off)
            // The attached file is made too.
            .create_if_missing(true)
            .foreign_keys(false)
            .busy_timeout(Duration::from_secs(5))
            .pragma("cache_size", "-400000")
            .disable_statement_logging()
            .connect()
            .await?;
        let dropped = drop_derived(&mut connection).await?;
        sqlx::query("ATTACH $1 AS staged")
            .bind(staged.display().to_string())
            .execute(&mut connection)
            .await?;
        sqlx::raw_sql(
            "PRAGMA staged.journal_mode = OFF; PRAGMA staged.synchronous = OFF; \
             CREATE TABLE staged.link_found (key, seq, role); CREATE TABLE staged.natural_found (key, content, seq)",
        )
        .execute(&mut connection)
        .await?;
        let found = sqlx::query("SELECT type, id, num FROM receiver")
            .fetch_all(&mut connection)
            .await?;
        let mut receivers = HashMap::new();
        for row in &found {
            let id: ReceiverId = row.try_get::<String, _>(1)?.parse()?;
            receivers.insert(row.try_get(0)?, (id, Counted::new(row.try_get(2)?)));
        }
        let row = sqlx::query("SELECT last_message_seq, (SELECT id FROM recorder) FROM registry")
            .fetch_one(&mut connection)
            .await?;
        sqlx::query("BEGIN").execute(&mut connection).await?;
        let rows = |name, columns| Rows::new(Table::new(name, columns), AT_ONCE);
        Ok(Self {
            dropped,
            recorder: row.try_get(1)?,
            receivers,
            names: HashMap::new(),
            open: HashMap::new(),
            last: Last {
                message: row.try_get(0)?,
                ..Last::default()
            },
            events: rows(
                "event",
                "seq, id, unit_id, name_id, receiver_num, success, created_at, recorder_id, payload_digest, \
                 payload_size, description, payload",
            ),
            messages: rows(
                "message",
                "seq, kind, event_seq, transition, log_only, wire_version, created_at",
            ),
            facts: rows("facts", "seq, text"),
            links: rows("staged.link_found", "key, seq, role"),
            natural: rows("staged.natural_found", "key, content, seq"),
            name_rows: rows("name", "id, name, succeeded, failed"),
            unit_rows: rows(
                "unit",
                "id, key, name_id, version, release, platform_id, package, events",
            ),
            latest: rows("latest", "unit_id, receiver_num, seq, success"),
            run_rows: rows("run", RUN_COLUMNS),
            labels: rows("run_label", "label, at, num"),
            connection,
        })
    }

    /// Takes an event.
    fn take(&mut self, made: Made) -> anyhow::Result<()> {
        let last = &mut self.last;
        last.event += 1;
        last.message += 1;
        last.at = made.at.as_micros();
        let (seq, well) = (last.event, made.success);
        last.all.0 += i64::from(well);
        last.all.1 += i64::from(!well);
        let receiver = self.receivers.get_mut(&made.kind);
        let (receiver_id, receiver) = receiver.context("a type has no receiver")?;
        receiver.count(well);
        let open = self.open.entry(made.run).or_insert_with(|| {
            // The run, its id alone and its chain.
            last.run += 3;
            OpenRun {
                runs: Runs::new(last.run - 3, 0),
                ..OpenRun::default()
            }
        });
        // Of its units those of artifacts share a name with those of other runs.
        let names = match made.unit.package.as_str() {
            "oci" => &mut self.names,
            _ => &mut open.names,
        };
        let name = names.entry(made.unit.name.clone()).or_insert_with(|| {
            last.name += 1;
            Counted::new(last.name)
        });
        name.count(well);
        let name_id = name.id;
        let (unit, ..) = open.units.entry(made.unit.key()).or_insert_with(|| {
            last.unit += 1;
            (Counted::new(last.unit), name_id, made.unit.clone())
        });
        unit.count(well);
        let unit_id = unit.id;
        open.latest.insert((unit_id, receiver.id), (seq, well));
        let payload = &made.payload;
        self.events.push([
            seq.into(),
            made.id.to_string().into(),
            unit_id.into(),
            name_id.into(),
            receiver.id.into(),
            i64::from(well).into(),
            last.at.into(),
            self.recorder.into(),
            payload.digest()[..].into(),
            (payload.size() as i64).into(),
            made.description.into(),
            payload.text().to_owned().into(),
        ]);
        self.messages.push([
            last.message.into(),
            MessageKind::Event.code().into(),
            seq.into(),
            0.into(),
            1.into(),
            WIRE_VERSION.into(),
            last.at.into(),
        ]);
        let content = content_key(*receiver_id, &made.unit, well, payload.digest());
        let natural = made.indexed.natural.context("it has no natural key")?;
        self.natural
            .push([natural.key[..].into(), content[..].into(), seq.into()]);
        let mut links = made.indexed.links;
        links.sort_unstable();
        links.dedup();
        for link in links {
            self.links
                .push([link.key[..].into(), seq.into(), link.role.into()]);
        }
        self.facts.push([seq.into(), made.indexed.facts.into()]);
        if let Some(touch) = &made.indexed.run {
            open.runs.touch(seq, touch);
        }
        if made.is_last
            && let Some(run) = self.open.remove(&made.run)
        {
            self.over(run);
        }
        Ok(())
    }

    /// Writes the rows of a run that is over.
    fn over(&mut self, mut open: OpenRun) {
        for (name, counted) in open.names {
            push_name(&mut self.name_rows, name, counted);
        }
        for (key, (counted, name_id, unit)) in open.units {
            self.unit_rows.push([
                counted.id.into(),
                key[..].into(),
                name_id.into(),
                unit.version.into(),
                unit.release.into(),
                unit.platform_id.into(),
                unit.package.into(),
                (counted.succeeded + counted.failed).into(),
            ]);
        }
        for ((unit, receiver), (seq, success)) in open.latest {
            self.latest.push([
                unit.into(),
                receiver.into(),
                seq.into(),
                i64::from(success).into(),
            ]);
        }
        self.last.runs += open.runs.count();
        for change in open.runs.take_changes() {
            let summary = &change.row.summary;
            for label in &change.labelled {
                self.labels.push([
                    label[..].into(),
                    summary.at.as_micros().into(),
                    summary.num.into(),
                ]);
            }
            self.run_rows.push(run(change));
        }
    }

    async fn flush(&mut self) -> anyhow::Result<()> {
        for rows in [
            &mut self.events,
            &mut self.messages,
            &mut self.facts,
            &mut self.links,
            &mut self.natural,
            &mut self.name_rows,
            &mut self.unit_rows,
            &mut self.latest,
            &mut self.run_rows,
            &mut self.labels,
        ] {
            let table = rows.table.name;
            rows.flush(&mut self.connection).await.context(table)?;
        }
        Ok(())
    }

    async fn end(mut self) -> anyhow::Result<()> {
        for (_, run) in std::mem::take(&mut self.open) {
            self.over(run);
        }
        for (name, counted) in std::mem::take(&mut self.names) {
            push_name(&mut self.name_rows, name, counted);
        }
        self.flush().await?;
        let (connection, last) = (&mut self.connection, &self.last);
        for sql in [
            "INSERT INTO link (key, seq, role) SELECT key, seq, role FROM staged.link_found ORDER BY key, seq, role",
            "INSERT INTO natural_key (key, content, seq) SELECT key, content, seq FROM staged.natural_found ORDER BY key, content",
        ] {
            sqlx::query(sql).execute(&mut *connection).await?;
        }
        for (_, counted) in self.receivers.values() {
            sqlx::query("UPDATE receiver SET succeeded = $2, failed = $3 WHERE num = $1")
                .bind(counted.id)
                .bind(counted.succeeded)
                .bind(counted.failed)
                .execute(&mut *connection)
                .await?;
        }
        sqlx::query(
            "UPDATE registry SET last_created_at = $1, last_event_seq = $2, last_message_seq = $3, last_unit_id = $4, \
             last_name_id = $5, succeeded = $6, failed = $7, last_run_num = $8, runs = $9",
        )
        .bind(last.at)
        .bind(last.event)
        .bind(last.message)
        .bind(last.unit)
        .bind(last.name)
        .bind(last.all.0)
        .bind(last.all.1)
        .bind(last.run)
        .bind(last.runs)
        .execute(&mut *connection)
        .await?;
        sqlx::query("COMMIT").execute(&mut *connection).await?;
        sqlx::query("DETACH staged")
            .execute(&mut *connection)
            .await?;
        for sql in self.dropped {
            sqlx::raw_sql(AssertSqlSafe(sql))
                .execute(&mut *connection)
                .await?;
        }
        self.connection.close().await?;
        Ok(())
    }
}

fn push_name(rows: &mut Rows, name: String, counted: Counted) {
    rows.push([
        counted.id.into(),
        name.into(),
        counted.succeeded.into(),
        counted.failed.into(),
    ]);
}

/// The values of a run's row, in the order of [`RUN_COLUMNS`].
fn run(change: RunChange) -> Vec<Cell> {
    let standing = change.row.standing().code();
    let merged_into = change.row.merged_into;
    let run = change.row.summary;
    let (kind, id, source) = run.name.parts();
    let micros = |at: Option<Timestamp>| at.map(Timestamp::as_micros);
    let finished = run.marks.finished;
    vec![
        run.num.into(),
        run.key.0[..].into(),
        merged_into.into(),
        kind.into(),
        id.to_owned().into(),
        source.map(str::to_owned).into(),
        run.pipeline.clone().into(),
        run.at.as_micros().into(),
        run.num.into(),
        run.first_at.as_micros().into(),
        run.last_at.as_micros().into(),
        run.first_seq.into(),
        run.last_seq.into(),
        micros(run.marks.queued).into(),
        micros(run.marks.started).into(),
        micros(finished.map(|(at, _)| at)).into(),
        finished.map(|(_, outcome)| outcome.code()).into(),
        run.events.into(),
        run.failed.into(),
        standing.into(),
        run.labels.as_flattened().into(),
    ]
}

/// Drops triggers and indexes; gives what makes them again, indexes first.
async fn drop_derived(connection: &mut SqliteConnection) -> anyhow::Result<Vec<String>> {
    let found = sqlx::query(
        "SELECT type, name, sql FROM sqlite_schema WHERE type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY type, name",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut dropped = Vec::new();
    for row in &found {
        let (kind, name): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let drop = AssertSqlSafe(format!("DROP {kind} {name}"));
        sqlx::query(drop).execute(&mut *connection).await?;
        dropped.push(row.try_get(2)?);
    }
    Ok(dropped)
}
