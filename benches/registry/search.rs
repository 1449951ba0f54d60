//! Reading at 1,000,000 events against reading at 10,000. Both files are in the system's cache: a
//! small one always is, and the disk is not what is compared.

use std::sync::Arc;
use std::time::{Duration, Instant};

use epr_mcp::domain::event::Event;
use epr_mcp::domain::group::Group;
use epr_mcp::domain::principal::Principal;
use epr_mcp::domain::receiver::Receiver;
use epr_mcp::domain::search::{DefinitionFilter, EventFilter, TextMatch};
use epr_mcp::domain::time::SystemClock;
use epr_mcp::domain::unit::UnitQuery;
use epr_mcp::limits;
use epr_mcp::registry::{Registry, SearchRequest};
use epr_mcp::store::Store;

use super::data::{Databases, Place, open_registry};
use super::report::{Baseline, Figure, Goal, Report};
use super::stats::Sample;
use super::world::{Random, principal, team_prefix};

const ROUNDS: usize = 300;
const WARM: usize = 20;
/// Failures that are asked for. At 10,000 events a name has about as many, and answers of a size are
/// compared.
const FAILURES: usize = 3;
const WINDOW_MICROS: i64 = 12 * 3_600 * 1_000_000;

/// One question, as a caller would put it about an event that is there.
#[derive(Debug, Clone, Copy)]
enum Question {
    Name,
    NameAndVersion,
    Unit,
    Receiver,
    Type,
    Group,
    Window,
    TypeAndWindow,
    FailedByName,
    Prefix,
    GatesOfUnit,
    GateOfUnit,
    WaitingAtGate,
}

const QUESTIONS: [(Question, &str); 13] = [
    (Question::Name, "search by name"),
    (Question::NameAndVersion, "search by name and version"),
    (Question::Unit, "search by unit"),
    (Question::Receiver, "search by receiver"),
    (Question::Type, "search by type"),
    (Question::Group, "search by group"),
    (Question::Window, "search by window"),
    (Question::TypeAndWindow, "search by type and window"),
    (
        Question::FailedByName,
        "search by success and name (3 failures)",
    ),
    (Question::Prefix, "search by prefix of the name (20 names)"),
    (Question::GatesOfUnit, "check_gate of a unit, all its gates"),
    (Question::GateOfUnit, "check_gate of a unit at one gate"),
    (Question::WaitingAtGate, "check_gate of a group, who waits"),
];

pub(crate) async fn run(databases: &Databases, report: &mut Report) -> anyhow::Result<()> {
    let places = [&databases.small, &databases.large].map(|path| Place::file(path));
    compare("read, 1,000,000 events", places, report, || {
        into_cache(&databases.small)?;
        into_cache(&databases.large)
    })
    .await
}

/// Asks every question of a small and of a large registry, in turns.
pub(crate) async fn compare(
    group: &'static str,
    [small, large]: [Place; 2],
    report: &mut Report,
    before: impl Fn() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut small = Side::open(small).await?;
    let mut large = Side::open(large).await?;
    for (question, name) in QUESTIONS {
        before()?;
        let (mut few, mut many) = (Sample::default(), Sample::default());
        let (mut few_rows, mut many_rows) = (0, 0);
        for round in 0..WARM + ROUNDS {
            let (time_few, rows_few) = small.ask(question).await?;
            let (time_many, rows_many) = large.ask(question).await?;
            if round >= WARM {
                few.push_time(time_few);
                many.push_time(time_many);
                few_rows += rows_few;
                many_rows += rows_many;
            }
        }
        let rows = |sum| sum as f64 / ROUNDS as f64;
        println!(
            "{name}: {:.1} rows in {:.3} ms (95%: {:.3}), at 10,000 events {:.1} rows in {:.3} ms (95%: {:.3})",
            rows(many_rows),
            many.median(),
            many.quantile(0.95),
            rows(few_rows),
            few.median(),
            few.quantile(0.95)
        );
        report.add(Figure {
            group,
            name: name.to_owned(),
            unit: "ms",
            value: many.median(),
            baseline: Some(Baseline {
                name: "the same at 10,000",
                value: few.median(),
                ratio: many.median() / few.median(),
            }),
            goal: Goal::AtMost(1.5),
        });
    }
    small.registry.close().await;
    large.registry.close().await;
    Ok(())
}

/// Reads a file once; systems that are short of memory, or think so, drop what lies idle.
pub(crate) fn into_cache(path: &std::path::Path) -> anyhow::Result<()> {
    std::io::copy(&mut std::fs::File::open(path)?, &mut std::io::sink())?;
    Ok(())
}

/// One database and what is asked of it.
struct Side {
    registry: Registry,
    store: Arc<dyn Store>,
    principal: Principal,
    events: i64,
    receivers: Vec<Receiver>,
    groups: Vec<Group>,
    random: Random,
}

impl Side {
    async fn open(place: Place) -> anyhow::Result<Self> {
        let registry = open_registry(place, Arc::new(SystemClock));
        let store = registry.store().await?;
        let all = DefinitionFilter::default();
        Ok(Self {
            events: store.counters().await?.last_event_seq,
            receivers: store
                .find_receivers(&all, None, limits::PAGE_MAX)
                .await?
                .rows,
            groups: store.find_groups(&all, None, limits::PAGE_MAX).await?.rows,
            principal: principal(),
            random: Random::new(1),
            registry,
            store,
        })
    }

    /// An event from anywhere in the log, and its receiver.
    async fn some_event(&mut self) -> anyhow::Result<(Event, Receiver)> {
        let seq = 1 + self.random.below(self.events as usize) as i64;
        let event = self.store.events(&[seq]).await?.into_iter().next();
        let event = event.ok_or_else(|| anyhow::anyhow!("there is no event {seq}"))?;
        let receiver = self.receivers.iter().find(|r| r.id == event.receiver_id);
        let receiver = receiver
            .cloned()
            .ok_or_else(|| anyhow::anyhow!("there is no receiver"))?;
        Ok((event, receiver))
    }

    /// Asks once, about another event each time; gives the time and how many rows came.
    async fn ask(&mut self, question: Question) -> anyhow::Result<(Duration, usize)> {
        let (event, receiver) = self.some_event().await?;
        let at = self.random.below(self.groups.len());
        let group = self
            .groups
            .get(at)
            .cloned()
            .ok_or_else(|| anyhow::anyhow!("there is no group"))?;
        let exact = |text: &str| vec![TextMatch::Exact(text.to_owned())];
        let window = |filter: EventFilter| EventFilter {
            from: Some(event.created_at.plus_micros(-WINDOW_MICROS)),
            to: Some(event.created_at.plus_micros(1)),
            ..filter
        };
        let empty = EventFilter::default();
        let name = exact(&event.unit.name);
        let unit = UnitQuery {
            unit: Some(event.unit.uri()),
            ..UnitQuery::default()
        };
        let types = exact(&receiver.kind);
        let filter = match question {
            Question::Name => EventFilter { name, ..empty },
            Question::NameAndVersion => EventFilter {
                name,
                version: exact(&event.unit.version),
                ..empty
            },
            Question::Unit => EventFilter {
                unit: Some(event.unit),
                ..empty
            },
            Question::Receiver => EventFilter {
                receiver_ids: vec![receiver.id],
                ..empty
            },
            Question::Type => EventFilter { types, ..empty },
            Question::Group => EventFilter {
                group: Some(group.id),
                ..empty
            },
            Question::Window => window(empty),
            Question::TypeAndWindow => window(EventFilter { types, ..empty }),
            Question::FailedByName => EventFilter {
                name,
                success: Some(false),
                ..empty
            },
            Question::Prefix => EventFilter {
                name: vec![TextMatch::Prefix(team_prefix(&event.unit.name))],
                ..empty
            },
            Question::GatesOfUnit => {
                let begun = Instant::now();
                let gates = self
                    .registry
                    .check_unit(&self.principal, &unit, None)
                    .await?;
                return Ok((begun.elapsed(), gates.gates.len()));
            }
            Question::GateOfUnit => {
                let (begun, group) = (Instant::now(), group.id.to_string());
                let gates = self
                    .registry
                    .check_unit(&self.principal, &unit, Some(&group))
                    .await?;
                return Ok((begun.elapsed(), gates.gates.len()));
            }
            Question::WaitingAtGate => {
                let (begun, group) = (Instant::now(), group.id.to_string());
                let found = self
                    .registry
                    .check_group(&self.principal, &group, limits::PAGE_DEFAULT, None)
                    .await?;
                return Ok((begun.elapsed(), found.waiting.len()));
            }
        };
        let mut request = SearchRequest {
            filter,
            ..SearchRequest::default()
        };
        if matches!(question, Question::FailedByName) {
            request.limit = FAILURES;
        }
        let begun = Instant::now();
        let found = self
            .registry
            .search_events(&self.principal, &request)
            .await?;
        Ok((begun.elapsed(), found.hits.len()))
    }
}
