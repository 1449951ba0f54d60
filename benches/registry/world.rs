//! Made-up deliveries: services in teams, each version of a service through a pipeline of checks,
//! many pipelines at once. The same seed gives the same deliveries.

use std::collections::HashMap;
use std::sync::Arc;

use epr_mcp::domain::command::{Action, Command, TurnPolicy};
use epr_mcp::domain::event::{EventDraft, Payload};
use epr_mcp::domain::id::{EventId, IdSource, ReceiverId};
use epr_mcp::domain::principal::{Principal, PrincipalKind, Recorder};
use epr_mcp::domain::unit::Unit;
use epr_mcp::registry::{GroupInput, ReceiverInput, Registry, WriteOptions};
use serde_json::json;

/// What is recorded of each version, and the type that it has.
const STAGES: [(&str, &str); 20] = [
    ("build", "dev.example.build"),
    ("lint", "dev.example.lint"),
    ("unit-test", "dev.example.test"),
    ("sast", "dev.example.scan"),
    ("license-check", "dev.example.licenses"),
    ("sbom", "dev.example.sbom"),
    ("container-scan", "dev.example.scan"),
    ("sign", "dev.example.signature"),
    ("publish", "dev.example.publish"),
    ("integration-test", "dev.example.test"),
    ("deploy-dev", "dev.example.deploy"),
    ("smoke-dev", "dev.example.smoke"),
    ("performance-test", "dev.example.test"),
    ("deploy-stage", "dev.example.deploy"),
    ("smoke-stage", "dev.example.smoke"),
    ("end-to-end-test", "dev.example.test"),
    ("approval", "dev.example.approval"),
    ("deploy-prod", "dev.example.deploy"),
    ("smoke-prod", "dev.example.smoke"),
    ("announce", "dev.example.announce"),
];
const GROUPS: usize = 10;
/// Services of one team; their names begin with the team's.
const TEAM: usize = 20;
/// Events of one unit.
const PIPELINE: usize = 10;
/// Units that are under way at the same time.
const OPEN_UNITS: usize = 60;

/// What every receiver here expects of a payload.
pub(crate) const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "required": ["pipeline", "digest", "duration_ms", "result"],
  "properties": {
    "pipeline": {"type": "string", "minLength": 1, "maxLength": 200},
    "digest": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
    "duration_ms": {"type": "integer", "minimum": 0},
    "result": {"enum": ["passed", "failed"]},
    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    "log": {"type": "array", "items": {"type": "string"}}
  }
}"#;

/// Repeatable pseudo-random numbers (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// True `percent` times of a hundred.
    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// Who defines and asks.
pub(crate) fn principal() -> Principal {
    Principal::local("bench", "bench", "bench 1", false)
}

/// Defines all receivers and groups; gives the receivers in the order of the stages.
pub(crate) async fn define(registry: &Registry) -> anyhow::Result<Vec<ReceiverId>> {
    let (principal, options) = (principal(), WriteOptions::default());
    let mut receivers = Vec::new();
    for (name, kind) in STAGES {
        let input = ReceiverInput {
            name: name.to_owned(),
            kind: kind.to_owned(),
            version: "1.0.0".to_owned(),
            description: format!("The stage {name} of a delivery"),
            schema: Some(SCHEMA.to_owned()),
            ..ReceiverInput::default()
        };
        let written = registry
            .create_receiver(&principal, input, &options)
            .await?;
        receivers.push(written.receiver.id);
    }
    for group in 0..GROUPS {
        let input = GroupInput {
            name: format!("gate-{group}"),
            kind: format!("dev.example.gate.{group}"),
            version: "1.0.0".to_owned(),
            description: "What a version needs".to_owned(),
            enabled: true,
            receivers: members(group)
                .filter_map(|stage| receivers.get(stage).map(ToString::to_string))
                .collect(),
        };
        registry.create_group(&principal, input, &options).await?;
    }
    Ok(receivers)
}

/// The stages of a group: 3 to 6.
fn members(group: usize) -> impl Iterator<Item = usize> {
    (0..3 + group % 4).map(move |i| (group * 2 + i * 3) % STAGES.len())
}

/// A unit on its way through its pipeline.
#[derive(Debug)]
struct Delivery {
    unit: Unit,
    /// The stages that are left, the next one last.
    left: Vec<usize>,
}

/// Gives events, one after the other.
#[derive(Debug)]
pub(crate) struct Deliveries<I> {
    random: Random,
    receivers: Vec<ReceiverId>,
    ids: I,
    names: usize,
    /// Units so far, by name.
    versions: HashMap<usize, usize>,
    open: Vec<Delivery>,
    recorders: Vec<Arc<Recorder>>,
}

impl<I: IdSource> Deliveries<I> {
    /// Deliveries of as many names as a registry with so many events has: 200 for 10,000 and
    /// 2,000 for 1,000,000.
    pub(crate) fn new(receivers: Vec<ReceiverId>, ids: I, events: usize) -> Self {
        let teams = ((events as f64 / 100.0).sqrt().round() as usize).max(1);
        let recorder = |n| Recorder {
            principal: format!("ci-team-{n:03}"),
            kind: PrincipalKind::Local,
            surface: "mcp-stdio".to_owned(),
            client: "pipeline 4.2".to_owned(),
        };
        Self {
            random: Random::new(events as u64),
            receivers,
            ids,
            names: teams * TEAM,
            versions: HashMap::new(),
            open: Vec::new(),
            recorders: (0..teams).map(|n| Arc::new(recorder(n))).collect(),
        }
    }

    fn begin(&mut self) -> Delivery {
        // The square makes some names far more frequent than others.
        let scale = 1 << 20;
        let u = self.random.below(scale) as f64 / scale as f64;
        let name = ((u * u * self.names as f64) as usize).min(self.names - 1);
        let version = self.versions.entry(name).or_default();
        let unit = unit(name, self.recorders.len(), *version);
        *version += 1;
        let mut stages: Vec<usize> = members(self.random.below(GROUPS)).collect();
        while stages.len() < PIPELINE {
            let stage = self.random.below(STAGES.len());
            if !stages.contains(&stage) {
                stages.push(stage);
            }
        }
        stages.sort_unstable_by(|a, b| b.cmp(a));
        if self.random.chance(5) {
            // Given up on the way.
            let keep = self.random.below(PIPELINE);
            stages.drain(..keep);
        }
        Delivery { unit, left: stages }
    }

    /// The next event, as the command that records it.
    pub(crate) fn command(&mut self) -> Command {
        while self.open.len() < OPEN_UNITS {
            let delivery = self.begin();
            self.open.push(delivery);
        }
        let at = self.random.below(self.open.len());
        let failed = self.random.chance(4);
        let retried = failed && self.random.chance(75);
        let (mut unit, mut stage, mut over) = (None, 0, true);
        if let Some(delivery) = self.open.get_mut(at) {
            stage = delivery.left.pop().unwrap_or_default();
            if retried {
                delivery.left.push(stage);
            }
            over = delivery.left.is_empty();
            unit = Some(delivery.unit.clone());
        }
        if over {
            self.open.swap_remove(at);
        }
        let unit = unit.unwrap_or_else(|| self::unit(0, 1, 0));
        let team = self.random.below(self.recorders.len());
        let recorder = self.recorders.get(team).cloned();
        Command {
            recorder: recorder.unwrap_or_else(|| Arc::new(principal().recorder)),
            action: Action::RecordEvent {
                id: EventId::new(self.ids.next()),
                draft: EventDraft {
                    payload: Payload::new(payload(&mut self.random, !failed)),
                    description: format!(
                        "{} of {}",
                        STAGES.get(stage).map_or("", |s| s.0),
                        unit.name
                    ),
                    success: !failed,
                    receiver_id: self.receivers.get(stage).copied().unwrap_or_else(|| {
                        // There is one for each stage.
                        ReceiverId::new(self.ids.next())
                    }),
                    unit,
                },
                indexed: None,
            },
            idempotency_key: None,
            log_only: true,
            turns: TurnPolicy::Allowed,
        }
    }
}

/// The unit of a name: two platforms of each version.
pub(crate) fn unit(name: usize, teams: usize, version: usize) -> Unit {
    let (team, service) = (name % teams, name / teams);
    let number = version / 2;
    Unit {
        name: format!("team-{team:03}-service-{service:02}"),
        version: format!("1.{}.{}", number / 20, number % 20),
        release: format!("2026.{number}"),
        platform_id: ["linux-amd64", "linux-arm64"][version % 2].to_owned(),
        package: "oci".to_owned(),
    }
}

/// The beginning of the names of one team.
pub(crate) fn team_prefix(name: &str) -> String {
    name.chars().take("team-000-".len()).collect()
}

/// A payload that fits the schema: mostly some hundred bytes, now and then nearly 4 KiB.
pub(crate) fn payload(random: &mut Random, passed: bool) -> String {
    let lines = if random.chance(2) {
        40
    } else {
        random.below(4)
    };
    let log: Vec<String> = (0..lines)
        .map(|line| {
            format!(
                "step {line}: {:016x} took {} ms, nothing to report",
                random.next(),
                random.below(9000)
            )
        })
        .collect();
    let digest: String = (0..4).map(|_| format!("{:016x}", random.next())).collect();
    let payload = json!({
        "pipeline": format!("https://ci.example.dev/runs/{}", random.below(1_000_000)),
        "digest": format!("sha256:{digest}"),
        "duration_ms": random.below(600_000),
        "result": if passed { "passed" } else { "failed" },
        "labels": {"team": "payments", "environment": "staging", "runner": format!("r-{}", random.below(64))},
        "log": log,
    });
    payload.to_string()
}
