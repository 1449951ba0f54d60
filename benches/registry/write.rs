//! Recording events, durably, against plain statements that write the same rows.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use epr_mcp::domain::event::Payload;
use epr_mcp::domain::group::{Group, GroupState};
use epr_mcp::domain::id::{EventId, IdSource as _, ReceiverId, UlidSource};
use epr_mcp::domain::time::{Clock as _, SystemClock};
use epr_mcp::domain::unit::Unit;
use epr_mcp::limits;
use epr_mcp::registry::{
    EventInput, GroupInput, PayloadInput, ReceiverInput, Registry, UnitInput, WriteOptions,
};
use sqlx::sqlite::{SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Row as _};

use super::data::{Databases, Place, checkpoint, connect, open_registry};
use super::plain::{self, Numbers};
use super::report::{Baseline, Figure, Goal, Report};
use super::stats::{Sample, median_ratio};
use super::world::{self, Random, principal};

/// Receivers of the gate that every event here is part of.
pub(crate) const STAGES: usize = 4;
const PAYLOADS: usize = 256;
const NAMES: usize = 200;
const TEAMS: usize = 10;
const ROUNDS: usize = 9;
const ROUND: Duration = Duration::from_millis(1_500);

pub(crate) async fn run(databases: &Databases, report: &mut Report) -> anyhow::Result<()> {
    let scratch = databases.scratch()?;
    let (ours, theirs) = (
        scratch.path().join("ours.db"),
        scratch.path().join("plain.db"),
    );
    fs::copy(&databases.small, &ours)?;
    let gate = Gate::define(Place::file(&ours)).await?;
    checkpoint(&ours).await?;
    fs::copy(&ours, &theirs)?;
    without_triggers(&theirs).await?;
    let pool = SqlitePoolOptions::new()
        // The registry has one connection more than it has readers.
        .max_connections(limits::SQLITE_READERS + 1)
        .connect_with(connect(&theirs, SqliteSynchronous::Full))
        .await?;
    let pair = Pair::new(Place::file(&ours), plain::Pool::Sqlite(pool), &gate).await?;
    pair.warm().await?;
    same_rows(&ours, &theirs).await?;
    let goals = [(1, 0.8), (32, 5.0)];
    pair.measure("write, synchronous=FULL", &goals, report)
        .await?;
    pair.close().await;
    Ok(())
}

/// The registry and the baseline, each on its own copy of the same rows.
pub(crate) struct Pair {
    epr: Arc<Side>,
    plain: Arc<Side>,
}

impl Pair {
    pub(crate) async fn new(ours: Place, theirs: plain::Pool, gate: &Gate) -> anyhow::Result<Self> {
        Ok(Self {
            epr: Arc::new(Side::new(Way::registry(ours), gate)),
            plain: Arc::new(Side::new(Way::plain(theirs, gate).await?, gate)),
        })
    }

    /// Writes the same events on both.
    pub(crate) async fn warm(&self) -> anyhow::Result<()> {
        for side in [&self.epr, &self.plain] {
            Caller::new(side.clone(), 0).write(50 * STAGES).await?;
        }
        Ok(())
    }

    pub(crate) async fn close(&self) {
        if let Way::Registry(registry) = &self.epr.way {
            registry.close().await;
        }
    }

    /// So many callers on each, in turns, against a goal.
    pub(crate) async fn measure(
        &self,
        group: &'static str,
        goals: &[(usize, f64)],
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let mut first = 1;
        for (callers, goal) in goals.iter().copied() {
            let (mut a, mut b) = (Sample::default(), Sample::default());
            for round in 0..=ROUNDS {
                let rates = [
                    rate(&self.epr, first, callers).await?,
                    rate(&self.plain, first, callers).await?,
                ];
                first += callers;
                // The first round warms up.
                if round > 0 {
                    a.push(rates[0]);
                    b.push(rates[1]);
                }
            }
            report.add(Figure {
                group,
                name: format!(
                    "create_event with a gate, {callers} caller{}",
                    if callers == 1 { "" } else { "s" }
                ),
                unit: "/s",
                value: a.median(),
                baseline: Some(Baseline {
                    name: "plain sqlx, same rows",
                    value: b.median(),
                    ratio: median_ratio(&a, &b),
                }),
                goal: Goal::AtLeast(goal),
            });
        }
        Ok(())
    }
}

/// Events a second of so many callers at the same time, numbered from `first`.
pub(crate) async fn rate(side: &Arc<Side>, first: usize, callers: usize) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for number in first..first + callers {
        let mut caller = Caller::new(side.clone(), number);
        running.spawn(async move {
            let mut events = 0_usize;
            while begun.elapsed() < ROUND {
                caller.write(1).await?;
                events += 1;
            }
            anyhow::Ok(events)
        });
    }
    let mut events = 0;
    while let Some(done) = running.join_next().await {
        events += done??;
    }
    Ok(events as f64 / begun.elapsed().as_secs_f64())
}

/// What the events here are for.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    pub(crate) receivers: Vec<ReceiverId>,
    group: Group,
}

impl Gate {
    pub(crate) async fn define(place: Place) -> anyhow::Result<Self> {
        let registry = open_registry(place, Arc::new(SystemClock));
        let (principal, options) = (principal(), WriteOptions::default());
        let mut receivers = Vec::new();
        for stage in 0..STAGES {
            let input = ReceiverInput {
                name: format!("bench-{stage}"),
                kind: format!("dev.example.bench.{stage}"),
                version: "1.0.0".to_owned(),
                description: "A stage of a delivery".to_owned(),
                schema: Some(world::SCHEMA.to_owned()),
                ..ReceiverInput::default()
            };
            let written = registry
                .create_receiver(&principal, input, &options)
                .await?;
            receivers.push(written.receiver.id);
        }
        let input = GroupInput {
            name: "bench-gate".to_owned(),
            kind: "dev.example.bench.gate".to_owned(),
            version: "1.0.0".to_owned(),
            description: "What a delivery needs".to_owned(),
            enabled: true,
            receivers: receivers.iter().map(ToString::to_string).collect(),
        };
        let group = registry
            .create_group(&principal, input, &options)
            .await?
            .group;
        // The baseline looks no name up: each has to be there.
        for name in 0..NAMES {
            let input = EventInput {
                unit: UnitInput::Exact(world::unit(name, TEAMS, 0)),
                description: "The first of its name".to_owned(),
                success: true,
                receiver: receivers
                    .first()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
                payload: PayloadInput::Text(world::payload(&mut Random::new(name as u64), true)),
            };
            registry.create_event(&principal, input, &options).await?;
        }
        registry.close().await;
        Ok(Self { receivers, group })
    }
}

/// How a side writes.
#[derive(Debug)]
pub(crate) enum Way {
    Registry(Registry),
    Plain {
        pool: plain::Pool,
        /// By stage.
        numbers: Vec<Numbers>,
        names: HashMap<String, i64>,
        ids: UlidSource<SystemClock>,
    },
}

impl Way {
    pub(crate) fn registry(place: Place) -> Self {
        Self::Registry(open_registry(place, Arc::new(SystemClock)))
    }

    async fn plain(pool: plain::Pool, gate: &Gate) -> anyhow::Result<Self> {
        let number = |sql: &'static str, id: String| pool.number(sql, id);
        let group = number(
            "SELECT num FROM receiver_group WHERE id = $1",
            gate.group.id.to_string(),
        )
        .await?;
        let recorder = number(
            "SELECT id FROM recorder WHERE principal = $1",
            principal().recorder.principal,
        )
        .await?;
        let mut numbers = Vec::new();
        for id in &gate.receivers {
            numbers.push(Numbers {
                receiver: number("SELECT num FROM receiver WHERE id = $1", id.to_string()).await?,
                group,
                group_state: serde_json::to_string(&GroupState::of(&gate.group))?,
                recorder,
            });
        }
        let names = pool.names().await?;
        Ok(Self::Plain {
            pool,
            numbers,
            names,
            ids: UlidSource::new(SystemClock),
        })
    }
}

/// One of the two that are compared.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) way: Way,
    receivers: Vec<ReceiverId>,
    payloads: Vec<String>,
}

impl Side {
    pub(crate) fn new(way: Way, gate: &Gate) -> Self {
        Self::of(way, gate.receivers.clone())
    }

    /// One that knows the receivers of its gate.
    pub(crate) fn of(way: Way, receivers: Vec<ReceiverId>) -> Self {
        let mut random = Random::new(3);
        Self {
            way,
            receivers,
            payloads: (0..PAYLOADS)
                .map(|_| world::payload(&mut random, true))
                .collect(),
        }
    }
}

/// Records event after event: for one unit after the other all stages, in order.
#[derive(Debug)]
struct Caller {
    side: Arc<Side>,
    number: usize,
    events: usize,
    /// The row of the unit that is under way, where that has to be known.
    unit_id: Option<i64>,
}

impl Caller {
    fn new(side: Arc<Side>, number: usize) -> Self {
        Self {
            side,
            number,
            events: 0,
            unit_id: None,
        }
    }

    async fn write(&mut self, events: usize) -> anyhow::Result<()> {
        for _ in 0..events {
            self.write_one().await?;
        }
        Ok(())
    }

    async fn write_one(&mut self) -> anyhow::Result<()> {
        let stage = self.events % STAGES;
        let delivery = self.events / STAGES;
        let unit = Unit {
            version: format!("9.{}.{delivery}", self.number),
            ..world::unit((self.number * 37 + delivery) % NAMES, TEAMS, 0)
        };
        let payload = self
            .side
            .payloads
            .get(self.events % PAYLOADS)
            .cloned()
            .unwrap_or_default();
        self.events += 1;
        let description = format!("stage {stage} of a delivery");
        match &self.side.way {
            Way::Registry(registry) => {
                let receiver = self
                    .side
                    .receivers
                    .get(stage)
                    .context("there is no such stage")?;
                let input = EventInput {
                    unit: UnitInput::Exact(unit),
                    description,
                    success: true,
                    receiver: receiver.to_string(),
                    payload: PayloadInput::Text(payload),
                };
                registry
                    .create_event(&principal(), input, &WriteOptions::default())
                    .await?;
            }
            Way::Plain {
                pool,
                numbers,
                names,
                ids,
            } => {
                let event = plain::Event {
                    id: EventId::new(ids.next()),
                    name_id: *names.get(&unit.name).context("the name is not known")?,
                    unit_id: self.unit_id.filter(|_| stage > 0),
                    unit,
                    description,
                    payload: Payload::new(payload),
                    at: SystemClock.now(),
                    completes: stage + 1 == STAGES,
                };
                let numbers = numbers.get(stage).context("there is no such stage")?;
                self.unit_id = Some(plain::write(pool, numbers, &event).await?);
            }
        }
        Ok(())
    }
}

/// Takes from the baseline's file what would write some of its rows for it.
async fn without_triggers(path: &Path) -> anyhow::Result<()> {
    let mut connection = connect(path, SqliteSynchronous::Full).connect().await?;
    let triggers = sqlx::query("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        .fetch_all(&mut connection)
        .await?;
    for row in triggers {
        let name: String = row.try_get(0)?;
        let drop = sqlx::AssertSqlSafe(format!("DROP TRIGGER {name}"));
        sqlx::query(drop).execute(&mut connection).await?;
    }
    Ok(())
}

/// What has to stand in both databases after the same events. Ids and times differ.
pub(crate) const SAME: [&str; 9] = [
    "SELECT seq, unit_id, name_id, receiver_num, success, recorder_id, payload_digest, payload_size, description, \
     payload FROM event",
    "SELECT id, key, name_id, version, release, platform_id, package, events FROM unit",
    "SELECT id, name, succeeded, failed FROM name",
    "SELECT num, succeeded, failed FROM receiver",
    "SELECT unit_id, receiver_num, seq, success FROM latest",
    "SELECT seq, kind, event_seq, receiver_num, group_num, group_state, transition, log_only, wire_version FROM message",
    "SELECT last_event_seq, last_message_seq, last_unit_id, last_name_id, succeeded, failed FROM registry",
    "SELECT last_run_num, runs, reindexed_to, unindexed_to FROM registry",
    // These payloads say nothing of pipeline runs.
    "SELECT (SELECT count(*) FROM facts) AS facts, (SELECT count(*) FROM link) AS links, \
     (SELECT count(*) FROM natural_key) AS keys, (SELECT count(*) FROM run) AS runs",
];

/// Makes sure that the baseline does the same work.
async fn same_rows(ours: &Path, theirs: &Path) -> anyhow::Result<()> {
    let mut connections = [
        connect(ours, SqliteSynchronous::Full).connect().await?,
        connect(theirs, SqliteSynchronous::Full).connect().await?,
    ];
    for sql in SAME {
        let mut found = Vec::new();
        for connection in &mut connections {
            let rows = sqlx::query(sql).fetch_all(connection).await?;
            let text = |row: &sqlx::sqlite::SqliteRow| {
                (0..row.len())
                    .map(|at| row.try_get_unchecked::<Option<Vec<u8>>, _>(at))
                    .collect::<Result<Vec<_>, _>>()
            };
            found.push(rows.iter().map(text).collect::<Result<Vec<_>, _>>()?);
        }
        anyhow::ensure!(
            found.first() == found.get(1),
            "the baseline wrote other rows: {sql}"
        );
    }
    Ok(())
}
