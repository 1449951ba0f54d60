//! From the start of a server to its first answer to a tool's call.

use std::time::{Duration, Instant};

use serde_json::json;

use super::data::Databases;
use super::report::{Baseline, Figure, Goal, Report};
use super::sdk;
use super::server::{Era, Server};
use super::stats::{Sample, median_ratio};

const SPAWNS: usize = 40;
const WARM: usize = 3;

pub(crate) fn run(databases: &Databases, report: &mut Report) -> anyhow::Result<()> {
    for (era, name) in [
        (Era::Handshake, "spawn, initialize, describe_registry"),
        (Era::Stateless, "spawn, describe_registry (2026-07-28)"),
    ] {
        let (mut ours, mut theirs) = (Sample::default(), Sample::default());
        for round in 0..WARM + SPAWNS {
            let epr = first_answer(|| Server::epr(&databases.medium, era), "describe_registry")?;
            let sdk = first_answer(|| Server::sdk(era), sdk::TOOL)?;
            if round >= WARM {
                ours.push_time(epr);
                theirs.push_time(sdk);
            }
        }
        let figure = Figure {
            group: "spawn",
            name: format!("{name}, 100,000 events"),
            unit: "ms",
            value: ours.median(),
            baseline: None,
            goal: Goal::AtMost(15.0),
        };
        report.add(figure.clone());
        report.add(Figure {
            name: "  the same".to_owned(),
            baseline: Some(Baseline {
                name: "SDK server, no database",
                value: theirs.median(),
                ratio: median_ratio(&ours, &theirs),
            }),
            goal: Goal::AtMost(3.0),
            ..figure
        });
    }
    Ok(())
}

fn first_answer(
    start: impl FnOnce() -> anyhow::Result<Server>,
    tool: &str,
) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let mut server = start()?;
    server.call(tool, json!({}))?;
    Ok(begun.elapsed())
}
