//! What happened in a run whose events lie scattered over the whole registry: among many events
//! against among few, and against nothing but the reads that it takes. And lists of runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::park_timeout;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use epr_mcp::correlate::ask::{Ask, Given, Scan};
use epr_mcp::correlate::{Anchor, Found, LinkRow, Walk, WalkLimits};
use epr_mcp::domain::principal::Principal;
use epr_mcp::domain::search::Order;
use epr_mcp::domain::time::{SystemClock, Timestamp};
use epr_mcp::domain::window::Window;
use epr_mcp::limits;
use epr_mcp::registry::{Registry, RunAnswer, RunFilter, RunQuestion};
use epr_mcp::store::{Bounds, Store};
use serde_json::json;
use sqlx::sqlite::SqliteSynchronous;
use sqlx::{ConnectOptions as _, Row as _, SqliteConnection};

use super::data::{Databases, LARGE, Place, SMALL, connect, open_registry};
use super::memory::resident;
use super::pipelines::{SCATTERED, SCATTERED_EVENTS, scattered_id, scattered_pipeline};
use super::report::{Baseline, Figure, Goal, Report};
use super::search::into_cache;
use super::server::{Era, Server};
use super::stats::{Sample, median_ratio};
use super::world::principal;

/// How often each question is asked; each scattered run several times.
const ROUNDS: usize = 15 * SCATTERED;
const WARM: usize = SCATTERED;
/// A week before the newest event.
const WINDOW_MICROS: i64 = 7 * 86_400 * 1_000_000;
const LINKS: &str = "SELECT l.key, l.seq, l.role FROM json_each($1) k CROSS JOIN link l \
    WHERE l.key = unhex(k.value) AND l.seq > $2 AND l.seq < $3 LIMIT $4";
const EVENTS: &str = "SELECT e.seq, e.id, e.success, e.created_at, e.payload_digest, n.name, u.version, f.text \
    FROM json_each($1) s CROSS JOIN event e ON e.seq = s.value CROSS JOIN facts f ON f.seq = e.seq \
    CROSS JOIN unit u ON u.id = e.unit_id CROSS JOIN name n ON n.id = u.name_id";

pub(crate) async fn run(databases: &Databases, report: &mut Report) -> anyhow::Result<()> {
    let mut both = Both::open(databases, (SMALL, LARGE)).await?;
    both.compare(
        "correlate, 1,000,000 events",
        "the same at 10,000",
        1.5,
        // In a week too few runs fail among 10,000 events: answers of a size are compared.
        &QUESTIONS[..2],
        report,
    )
    .await?;
    both.raw(report).await?;
    both.close().await;
    memory(&both.paths[1], report)
}

/// The figures of a registry of any size: 10,000,000 unless it is said.
pub(crate) async fn run_large(databases: &Databases, report: &mut Report) -> anyhow::Result<()> {
    let events = match std::env::var("EPR_BENCH_EVENTS") {
        Ok(text) => text.replace([',', '_'], "").parse()?,
        Err(_) => 10_000_000,
    };
    println!("A registry of {events} events.");
    let mut both = Both::open(databases, (100_000, events)).await?;
    both.compare("large", "the same at 100,000", 2.0, &QUESTIONS, report)
        .await?;
    both.close().await;
    memory(&both.paths[1], report)
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
enum Question {
    Correlate,
    OfPipeline,
    Failed,
}

const QUESTIONS: [(Question, &str); 3] = [
    (
        Question::Correlate,
        "correlate a run of 100 scattered events",
    ),
    (
        Question::OfPipeline,
        "list the newest 20 runs of a pipeline",
    ),
    (Question::Failed, "list 20 runs that failed in 7 days"),
];

/// A small registry and a large one.
struct Both {
    paths: [PathBuf; 2],
    sides: [Side; 2],
}

impl Both {
    async fn open(databases: &Databases, (few, many): (usize, usize)) -> anyhow::Result<Self> {
        let paths = [databases.runs(few).await?, databases.runs(many).await?];
        Ok(Self {
            sides: [Side::open(&paths[0]).await?, Side::open(&paths[1]).await?],
            paths,
        })
    }

    async fn close(&self) {
        for side in &self.sides {
            side.registry.close().await;
        }
    }

    /// Asks every question of both, in turns.
    async fn compare(
        &mut self,
        group: &'static str,
        baseline: &'static str,
        most: f64,
        questions: &[(Question, &str)],
        report: &mut Report,
    ) -> anyhow::Result<()> {
        for (question, name) in questions.iter().copied() {
            for path in &self.paths {
                into_cache(path)?;
            }
            let (mut few, mut many) = (Sample::default(), Sample::default());
            for round in 0..WARM + ROUNDS {
                let [small, large] = &self.sides;
                let times = [
                    small.ask(question, round % SCATTERED).await?,
                    large.ask(question, round % SCATTERED).await?,
                ];
                if round >= WARM {
                    few.push_time(times[0]);
                    many.push_time(times[1]);
                }
            }
            report.add(Figure {
                group,
                name: name.to_owned(),
                unit: "ms",
                value: many.median(),
                baseline: Some(Baseline {
                    name: baseline,
                    value: few.median(),
                    ratio: median_ratio(&many, &few),
                }),
                goal: Goal::AtMost(most),
            });
        }
        Ok(())
    }

    /// Correlates in the large registry, and reads the same rows without, in turns.
    async fn raw(&mut self, report: &mut Report) -> anyhow::Result<()> {
        into_cache(&self.paths[1])?;
        let side = &self.sides[1];
        let mut connection = connect(&self.paths[1], SqliteSynchronous::Full)
            .read_only(true)
            .connect()
            .await?;
        let mut reads = Vec::new();
        let (mut reading, mut walking) = (Sample::default(), Sample::default());
        for run in 0..WARM + ROUNDS {
            let (of_run, took, thought) = side.reads(run % SCATTERED).await?;
            if run < SCATTERED {
                reads.push(of_run);
            } else {
                reading.push_time(took);
                walking.push_time(thought);
            }
        }
        let (mut told, mut raw) = (Sample::default(), Sample::default());
        let mut rows = 0;
        for round in 0..WARM + ROUNDS {
            let run = round % SCATTERED;
            let time = side.ask(Question::Correlate, run).await?;
            let begun = Instant::now();
            rows = 0;
            for read in reads.get(run).into_iter().flatten() {
                rows += read.run(&mut connection).await?;
            }
            let without = begun.elapsed();
            if round >= WARM {
                told.push_time(time);
                raw.push_time(without);
            }
        }
        let asked = reads.first().map_or(0, Vec::len);
        println!(
            "A walk asks {asked} questions, which {rows} rows answer: {:.2} ms; what it makes of them: {:.2} ms. \
             The rest finds what was asked about, what is usual, and gates.",
            reading.median(),
            walking.median()
        );
        report.add(Figure {
            group: "correlate, 1,000,000 events",
            name: "correlate a run of 100 scattered events".to_owned(),
            unit: "ms",
            value: told.median(),
            baseline: Some(Baseline {
                name: "its reads by plain sqlx",
                value: raw.median(),
                ratio: median_ratio(&told, &raw),
            }),
            goal: Goal::AtMost(3.0),
        });
        Ok(())
    }
}

/// A registry.
struct Side {
    registry: Registry,
    store: Arc<dyn Store>,
    principal: Principal,
    newest: Timestamp,
}

impl Side {
    async fn open(path: &Path) -> anyhow::Result<Self> {
        let registry = open_registry(Place::file(path), Arc::new(SystemClock));
        let store = registry.store().await?;
        let last = store.counters().await?.last_event_seq;
        let newest = store.events(&[last]).await?;
        let newest = newest.first().context("there is no event")?.created_at;
        Ok(Self {
            principal: principal(),
            newest,
            registry,
            store,
        })
    }

    async fn ask(&self, question: Question, run: usize) -> anyhow::Result<Duration> {
        let mut filter = RunFilter::default();
        match question {
            Question::Correlate => {
                let question = RunQuestion {
                    anchor: scattered_id(run),
                    events: None,
                };
                let begun = Instant::now();
                let answer = self
                    .registry
                    .pipeline_run(&self.principal, &question)
                    .await?;
                let time = begun.elapsed();
                let RunAnswer::Run(found) = answer else {
                    anyhow::bail!("{} is not one run", question.anchor);
                };
                let events = found.run.members.len();
                anyhow::ensure!(events == SCATTERED_EVENTS, "the run has {events} events");
                return Ok(time);
            }
            Question::OfPipeline => filter.pipeline = Some(scattered_pipeline()),
            Question::Failed => {
                filter.status = Some("failed");
                filter.window = Window {
                    from: Some(self.newest.plus_micros(-WINDOW_MICROS)),
                    to: None,
                };
            }
        }
        let begun = Instant::now();
        let listed = self
            .registry
            .list_runs(&self.principal, &filter, limits::PAGE_DEFAULT, None)
            .await?;
        let time = begun.elapsed();
        let runs = listed.runs.len();
        // In the small registry fewer failed in a week.
        let least = match question {
            Question::Failed => 1,
            _ => limits::PAGE_DEFAULT,
        };
        anyhow::ensure!(runs >= least, "there are {runs} runs");
        Ok(time)
    }

    /// What the walk of a run reads; how long that takes, and how long everything else in it.
    async fn reads(&self, run: usize) -> anyhow::Result<(Vec<Read>, Duration, Duration)> {
        let named = self.store.runs_by_id(&scattered_id(run), 2).await?;
        let name = &named.first().context("the run is not known")?.name;
        let begun = Instant::now();
        let mut reading = Duration::ZERO;
        let mut walk = Walk::new(&Anchor::from(name), WalkLimits::default());
        let mut reads = Vec::new();
        loop {
            match walk.ask() {
                None => break,
                Some(Ask::Links {
                    keys,
                    per_key,
                    scan,
                    ..
                }) => {
                    let (after, before, order) = match scan {
                        Scan::From(seq) => (seq.saturating_sub(1), i64::MAX, Order::OldestFirst),
                        Scan::Before(seq) => (0, seq, Order::NewestFirst),
                    };
                    let raw: Vec<[u8; 16]> = keys.iter().map(|key| key.0).collect();
                    let bounds = Bounds { after, before };
                    let asked = Instant::now();
                    let rows = self.store.links(&raw, per_key, bounds, order).await?;
                    reading += asked.elapsed();
                    let hex: Vec<String> = raw.iter().map(|key| HEXLOWER.encode(key)).collect();
                    reads.push(Read::Links {
                        keys: serde_json::to_string(&hex)?,
                        after,
                        before,
                        rows: rows.len(),
                    });
                    let row = |row: &epr_mcp::store::LinkRow| {
                        Some(LinkRow {
                            key: *keys.get(row.place)?,
                            seq: row.seq,
                            role: row.role,
                        })
                    };
                    walk.give(Given::Links(rows.iter().filter_map(row).collect()));
                }
                Some(Ask::Events { seqs }) => {
                    let asked = Instant::now();
                    let events = self.store.recorded(&seqs).await?;
                    reading += asked.elapsed();
                    walk.give(Given::Events(events));
                    reads.push(Read::Events {
                        seqs: serde_json::to_string(&seqs)?,
                        rows: seqs.len(),
                    });
                }
                Some(Ask::UnitEvents { .. }) => anyhow::bail!("a run with a chain needs no unit"),
            }
        }
        let Found::Run(run) = walk.finish() else {
            anyhow::bail!("the walk finds no run");
        };
        let events = run.members.len();
        anyhow::ensure!(events == SCATTERED_EVENTS, "the walk finds {events} events");
        Ok((reads, reading, begun.elapsed().saturating_sub(reading)))
    }
}

/// A question to the index.
enum Read {
    Links {
        keys: String,
        after: i64,
        before: i64,
        rows: usize,
    },
    Events {
        seqs: String,
        rows: usize,
    },
}

impl Read {
    /// Reads; gives how many rows there are.
    async fn run(&self, connection: &mut SqliteConnection) -> anyhow::Result<usize> {
        let found = match self {
            Self::Links {
                keys,
                after,
                before,
                rows,
            } => {
                sqlx::query(LINKS)
                    .bind(keys)
                    .bind(after)
                    .bind(before)
                    .bind(*rows as i64)
                    .fetch_all(connection)
                    .await?
            }
            Self::Events { seqs, .. } => {
                let found = sqlx::query(EVENTS).bind(seqs).fetch_all(connection).await?;
                for row in &found {
                    let text: &str = row.try_get(7)?;
                    anyhow::ensure!(!text.is_empty(), "an event says nothing");
                }
                found
            }
        };
        let (Self::Links { rows, .. } | Self::Events { rows, .. }) = self;
        anyhow::ensure!(
            found.len() == *rows,
            "{} rows instead of {rows}",
            found.len()
        );
        Ok(found.len())
    }
}

/// What a correlation takes of the real server's memory, and how long an assistant waits for it.
fn memory(database: &Path, report: &mut Report) -> anyhow::Result<()> {
    let mut server = Server::epr(database, Era::Handshake)?;
    server.call("describe_registry", json!({}))?;
    server.call(
        "list_pipeline_runs",
        json!({"pipeline": scattered_pipeline()}),
    )?;
    park_timeout(Duration::from_millis(500));
    // The kernel forgets the peak.
    std::fs::write(format!("/proc/{}/clear_refs", server.pid()), "5")?;
    let before = resident(server.pid(), "VmRSS")?;
    let mut times = Sample::default();
    let mut ask = |server: &mut Server, run: usize| -> anyhow::Result<()> {
        let begun = Instant::now();
        server.call(
            "correlate_pipeline_run",
            json!({"anchor": scattered_id(run)}),
        )?;
        times.push_time(begun.elapsed());
        Ok(())
    };
    ask(&mut server, 0)?;
    let most = resident(server.pid(), "VmHWM")?;
    for round in 0..5 * SCATTERED {
        ask(&mut server, round % SCATTERED)?;
    }
    drop(server);
    for (name, unit, value, goal) in [
        (
            "memory of one correlation",
            "MB",
            most - before,
            Goal::AtMost(16.0),
        ),
        (
            "correlate_pipeline_run over stdio",
            "ms",
            times.median(),
            Goal::None,
        ),
    ] {
        report.add(Figure {
            group: "correlate, the server",
            name: name.to_owned(),
            unit,
            value,
            baseline: None,
            goal,
        });
    }
    Ok(())
}
