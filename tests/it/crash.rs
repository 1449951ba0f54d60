//! What was acknowledged survives a process that is killed at any moment, and nothing of what was
//! not is there by half.
//!
//! The writers are this test binary, started again to run [`WRITER`] alone, with the file named in
//! an environment variable. They print the id of each event as soon as it is acknowledged.

mod said;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use epr_mcp::domain::id::EventId;
use epr_mcp::registry::WriteOptions;

use crate::harness::invariants::{assert_whole, expected_completions};
use crate::harness::{Bench, ada, all_messages, completions, event_input, process, unit};

const WRITER: &str = "crash::every_event_is_acknowledged_once_it_is_written";
const FILE: &str = "CRASH_TEST_FILE";
const SOURCE: &str = "CRASH_TEST_SOURCE";
const MARK: &str = "acknowledged ";
/// Tasks of one writer, so that commands share transactions.
const TASKS: usize = 4;

/// Defines what is needed, then records events, the `from`th and on, until `acknowledge` says that
/// it is enough.
async fn write_events(
    bench: &Bench,
    from: usize,
    acknowledge: impl Fn(EventId) -> bool + Clone + Send + 'static,
) {
    bench.receiver("build").await;
    bench.receiver("scan").await;
    bench.group("release", &["build", "scan"], true).await;
    let large = Arc::new(format!("\"{}\"", "large ".repeat(2_000)));
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let (registry, large) = (bench.registry.clone(), large.clone());
        let acknowledge = acknowledge.clone();
        tasks.spawn(async move {
            for n in from + task.. {
                let receiver = if n % 2 == 0 { "build" } else { "scan" };
                let payload = if n % 5 == 0 {
                    large.as_str()
                } else {
                    "{\"n\":1}"
                };
                let unit = unit(&format!("u{}", n % 7));
                let input = event_input(receiver, unit, n % 11 != 0, payload);
                let written = registry
                    .create_event(&ada(), input, &WriteOptions::default())
                    .await
                    .unwrap();
                if !acknowledge(written.event.id) {
                    return;
                }
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
}

/// The writer itself, on a file of its own; or, as a child of the tests below, on theirs until it
/// is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_is_acknowledged_once_it_is_written() {
    if let Some(path) = std::env::var_os(FILE) {
        let source: u32 = std::env::var(SOURCE).unwrap().parse().unwrap();
        let bench = Bench::at(Path::new(&path), source.into());
        // Ends with the parent: then nobody reads any more.
        let print = |id| {
            std::io::stdout()
                .write_all(format!("\n{MARK}{id}\n").as_bytes())
                .is_ok()
        };
        write_events(&bench, 3 * source as usize, print).await;
        return;
    }
    let bench = Bench::new();
    let acknowledged = Arc::new(std::sync::Mutex::new(Vec::new()));
    let collected = acknowledged.clone();
    write_events(&bench, 0, move |id| {
        let mut ids = collected.lock().unwrap();
        ids.push(id);
        ids.len() < 60
    })
    .await;
    let acknowledged = acknowledged.lock().unwrap().clone();
    let seqs = bench.store().await.event_seqs(&acknowledged).await.unwrap();
    assert_eq!(seqs.len(), 60 + TASKS - 1, "each task ends with one more");
    assert_eq!(
        seqs.into_iter().collect::<BTreeSet<_>>().len(),
        acknowledged.len()
    );
    assert_whole(&bench.path).await;
}

/// A writer process and what it acknowledges.
struct Writer {
    child: Child,
    acknowledged: Receiver<EventId>,
    reader: std::thread::JoinHandle<()>,
    seen: Vec<EventId>,
}

impl Writer {
    fn start(writer: &str, path: &Path, source: usize) -> Self {
        let mut child = process::alone(writer)
            .env(FILE, path)
            .env(SOURCE, source.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, acknowledged) = mpsc::channel();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let reader = std::thread::spawn(move || {
            let mut line = String::new();
            while lines.read_line(&mut line).unwrap() > 0 {
                // The last line may be cut.
                if let Some(id) = line.strip_prefix(MARK).and_then(|id| id.strip_suffix('\n'))
                    && send.send(id.parse().unwrap()).is_err()
                {
                    return;
                }
                line.clear();
            }
        });
        Self {
            child,
            acknowledged,
            reader,
            seen: Vec::new(),
        }
    }

    /// Waits for an acknowledgement until `deadline`.
    fn acknowledged_by(&mut self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let id = self.acknowledged.recv_timeout(left);
        self.seen.extend(id.as_ref().ok());
        id.is_ok()
    }

    /// Kills the process with SIGKILL and gives all that it acknowledged.
    fn kill(mut self) -> Vec<EventId> {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        self.reader.join().unwrap();
        self.seen.extend(self.acknowledged.iter());
        let mut stderr = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        assert_eq!(
            status.code(),
            None,
            "the writer ended by itself: {status}\n{stderr}"
        );
        self.seen
    }
}

/// Numbers that look random and are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Rounds of `writers` processes on one file that are all killed at some moment; gives what they
/// acknowledged.
fn killed_repeatedly(
    writer: &str,
    path: &Path,
    rounds: usize,
    writers: usize,
) -> BTreeSet<EventId> {
    let mut dice = Dice(u64::try_from(writers).unwrap());
    let mut acknowledged = BTreeSet::new();
    let mut killed_early = 0;
    for round in 0..rounds {
        let started = Instant::now();
        let mut running: Vec<Writer> = (0..writers)
            .map(|n| Writer::start(writer, path, 1 + round * writers + n))
            .collect();
        if dice.below(4) == 0 {
            // While it starts: opens the file, migrates it, recovers what the last one left.
            let deadline = started + Duration::from_micros(dice.below(30_000));
            while running[0].acknowledged_by(deadline) {}
        } else {
            for n in 0..writers {
                let patience = Instant::now() + Duration::from_secs(60);
                if !running[n].acknowledged_by(patience) {
                    running.remove(n).kill();
                    panic!("round {round}: nothing is acknowledged");
                }
            }
            // While it writes.
            let deadline = Instant::now() + Duration::from_micros(dice.below(15_000));
            while running[0].acknowledged_by(deadline) {}
        }
        let before = acknowledged.len();
        for writer in running {
            for id in writer.kill() {
                assert!(acknowledged.insert(id), "{id} was acknowledged twice");
            }
        }
        killed_early += usize::from(acknowledged.len() == before);
    }
    assert!(
        killed_early < rounds / 2,
        "{killed_early} rounds wrote nothing"
    );
    acknowledged
}

/// Everything that was acknowledged by then has to be there.
async fn kill_repeatedly(rounds: usize, writers: usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("epr.db");
    let acknowledged = killed_repeatedly(WRITER, &path, rounds, writers);
    assert_whole(&path).await;
    let bench = Bench::at(&path, 0);
    let store = bench.store().await;
    let ids: Vec<EventId> = acknowledged.iter().copied().collect();
    let mut found = 0;
    for some in ids.chunks(500) {
        found += store.event_seqs(some).await.unwrap().len();
    }
    assert_eq!(found, ids.len(), "an acknowledged event is not there");
    let messages = all_messages(store.as_ref()).await;
    let told: Vec<_> = completions(&messages)
        .into_iter()
        .map(|(_, name, new)| (name, new))
        .collect();
    assert_eq!(told, expected_completions(&messages, &["build", "scan"]));
    assert!(told.iter().any(|(_, new)| *new) && told.iter().any(|(_, new)| !new));

    // And the file is as good as before.
    bench.event("build", "after", true).await;
    assert_eq!(store.check().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn acknowledged_events_survive_a_writer_that_is_killed_200_times() {
    kill_repeatedly(200, 1).await;
}

#[tokio::test]
async fn acknowledged_events_survive_two_writers_that_are_killed_at_once_60_times() {
    kill_repeatedly(60, 2).await;
}
