//! The benchmark: eight groups of figures, each beside its baseline from the same run.
//!
//! `cargo bench` runs all of them, `cargo bench --bench registry -- write search` those groups. A
//! figure that misses its goal makes the exit code 1. What was measured is also written to
//! `bench.jsonl` in the target directory, one object a line.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::needless_pass_by_value,
    clippy::indexing_slicing,
    reason = "a benchmark reports to people and may stop at once"
)]

mod registry {
    pub(crate) mod bulk;
    pub(crate) mod bulk_check;
    pub(crate) mod cells;
    pub(crate) mod commands;
    pub(crate) mod correlate;
    pub(crate) mod data;
    pub(crate) mod facts;
    pub(crate) mod ingest;
    pub(crate) mod ingest_postgres;
    pub(crate) mod made;
    pub(crate) mod memory;
    pub(crate) mod pipelines;
    pub(crate) mod plain;
    pub(crate) mod postgres;
    pub(crate) mod report;
    pub(crate) mod sdk;
    pub(crate) mod search;
    pub(crate) mod server;
    pub(crate) mod spawn;
    pub(crate) mod stats;
    pub(crate) mod world;
    pub(crate) mod write;
}

use std::process::ExitCode;
use std::time::Instant;

use registry::data::Databases;
use registry::report::Report;
use registry::{
    commands, correlate, data, facts, ingest, memory, postgres, sdk, search, spawn, write,
};

/// The groups of figures, in the order in which they run.
const GROUPS: [&str; 9] = [
    "spawn",
    "commands",
    "write",
    "search",
    "memory",
    "postgres",
    "ingest",
    "correlate",
    LARGE,
];
/// Runs only if it is asked for: its database takes minutes to build and gigabytes to keep.
const LARGE: &str = "large";

fn main() -> ExitCode {
    if std::env::var_os(sdk::ROLE).is_some() {
        return sdk::main();
    }
    if let Some(database) = std::env::var_os(commands::ROLE) {
        return commands::main(database.as_ref());
    }
    if let Some(url) = std::env::var_os(postgres::ROLE) {
        return postgres::writer(&url.to_string_lossy());
    }
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("the benchmark failed: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run() -> anyhow::Result<bool> {
    // Cargo adds --bench.
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| arg != "--bench")
        .collect();
    if let Some(unknown) = asked.iter().find(|group| !GROUPS.contains(&group.as_str())) {
        anyhow::bail!(
            "there is no group {unknown}; there are {}",
            GROUPS.join(", ")
        );
    }
    let wanted =
        |group: &str| (asked.is_empty() && group != LARGE) || asked.iter().any(|a| a == group);
    let begun = Instant::now();
    // As many workers as the server has.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let databases = runtime.block_on(Databases::prepare(wanted("search")))?;
    let facts = runtime.block_on(facts::gather(&databases))?;
    println!("{facts}");
    let mut report = Report::new(facts);
    if wanted("spawn") {
        spawn::run(&databases, &mut report)?;
    }
    if wanted("commands") {
        runtime.block_on(commands::run(&databases, &mut report))?;
    }
    if wanted("write") {
        runtime.block_on(write::run(&databases, &mut report))?;
    }
    if wanted("search") {
        runtime.block_on(search::run(&databases, &mut report))?;
    }
    if wanted("memory") {
        memory::run(&databases, &mut report)?;
    }
    if wanted("postgres") {
        runtime.block_on(postgres::run(&databases, &mut report))?;
    }
    if wanted("ingest") {
        runtime.block_on(ingest::run(&databases, &mut report))?;
    }
    if wanted("correlate") {
        runtime.block_on(correlate::run(&databases, &mut report))?;
    }
    if wanted(LARGE) {
        runtime.block_on(correlate::run_large(&databases, &mut report))?;
    }
    println!("{report}");
    println!("Took {:.0} s.", begun.elapsed().as_secs_f64());
    report.save(&data::target().join("bench.jsonl"))?;
    Ok(report.passes())
}
