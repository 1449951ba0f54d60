//! Resident memory of the real server.

use std::fs;
use std::thread::park_timeout;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::data::Databases;
use super::report::{Figure, Goal, Report};
use super::server::{Era, Server};
use super::world::{Random, payload, team_prefix, unit};

/// Rounds of work; each records some events and reads in several ways.
const ROUNDS: usize = 250;
/// Calls that are under way at the same time, as an assistant's may be.
const AT_ONCE: usize = 8;
/// Names that are searched for.
const TEAMS: usize = 30;

pub(crate) fn run(databases: &Databases, report: &mut Report) -> anyhow::Result<()> {
    let scratch = databases.scratch()?;
    let database = scratch.path().join("memory.db");
    fs::copy(&databases.medium, &database)?;
    let mut server = Server::epr(&database, Era::Handshake)?;
    server.call("describe_registry", json!({}))?;
    park_timeout(Duration::from_millis(500));
    let idle = resident(server.pid(), "VmRSS")?;
    work(&mut server)?;
    let most = resident(server.pid(), "VmHWM")?;
    drop(server);
    for (name, value, goal) in [
        ("idle after its first answer, 100,000 events", idle, 20.0),
        ("most of it under load, events up to 4 KB", most, 60.0),
    ] {
        report.add(Figure {
            group: "memory",
            name: name.to_owned(),
            unit: "MB",
            value,
            baseline: None,
            goal: Goal::AtMost(goal),
        });
    }
    Ok(())
}

/// Megabytes that the kernel tells of a process.
pub(crate) fn resident(pid: u32, field: &str) -> anyhow::Result<f64> {
    let status = fs::read(format!("/proc/{pid}/status"))?;
    let status = String::from_utf8_lossy(&status);
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kib: f64 = line
        .and_then(|rest| rest.split_whitespace().next())
        .with_context(|| format!("the kernel does not tell {field}"))?
        .parse()?;
    Ok(kib * 1024.0 / 1e6)
}

fn work(server: &mut Server) -> anyhow::Result<()> {
    let mut random = Random::new(7);
    for round in 0..ROUNDS {
        server.call_all((0..AT_ONCE).map(|_| ("create_event", event(&mut random))))?;
        let about = unit(random.below(400), TEAMS, random.below(8));
        let reads = [
            json!({"name": about.name}),
            json!({"name": about.name, "version": about.version, "limit": 100}),
            json!({"name": format!("{}*", team_prefix(&about.name)), "limit": 100}),
            json!({"type": "dev.example.test", "since": "7d"}),
            json!({"group": format!("gate-{}", random.below(10)), "success": false}),
            json!({"name": about.name, "group_by": "receiver"}),
            json!({"unit": about.uri(), "select": ["/digest", "/duration_ms"]}),
        ];
        server.call_all(reads.map(|arguments| ("search_events", arguments)))?;
        let gates = [
            json!({"unit": about.uri()}),
            json!({"group": format!("gate-{}", round % 10)}),
            json!({"unit": about.uri(), "group": format!("gate-{}", round % 10)}),
        ];
        server.call_all(gates.map(|arguments| ("check_gate", arguments)))?;
    }
    Ok(())
}

/// An event whose payload has up to 4 KB.
fn event(random: &mut Random) -> Value {
    let unit = unit(random.below(400), TEAMS, random.below(1_000));
    json!({
        "name": unit.name, "version": unit.version, "release": unit.release,
        "platform_id": unit.platform_id, "package": unit.package,
        "description": "A stage ended", "event_receiver_id": "container-scan",
        "success": true, "payload": padded(random),
    })
}

/// A payload's text, brought to a length up to 4,000 bytes.
fn padded(random: &mut Random) -> String {
    let length = 400 + random.below(3_600);
    let text = payload(random, true);
    let missing = length.saturating_sub(text.len());
    match text.strip_suffix('}') {
        Some(open) if missing > 12 => format!("{open},\"note\":\"{}\"}}", "n".repeat(missing - 10)),
        _ => text,
    }
}
