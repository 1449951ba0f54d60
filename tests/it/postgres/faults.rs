//! A server that is stopped, restarted, killed and cut off while events are recorded: what was
//! acknowledged is there, what was refused is not, and all goes on by itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use epr_mcp::domain::command::{Action, Outcome};
use epr_mcp::domain::id::{EventId, IdSource};
use epr_mcp::domain::refusal::Refusal;
use epr_mcp::domain::schema::Documents;
use epr_mcp::domain::search::DefinitionFilter;
use epr_mcp::domain::time::SystemClock;
use epr_mcp::domain::unit::Unit;
use epr_mcp::registry::{Error, Heard, Opener, Parts, Registry, WriteOptions};
use epr_mcp::store::postgres::{PostgresOptions, PostgresSettings, PostgresStore};
use epr_mcp::store::{Store, StoreError};

use super::proxy::{Network, Proxy};
use super::server::OwnServer;
use crate::harness::indexed::{self, record_indexed};
use crate::harness::invariants::{assert_completions_follow, assert_postgres_whole};
use crate::harness::{self, ada, all_messages, event_input, unit};

/// The longest wait for one answer, here.
const PATIENCE: Duration = Duration::from_secs(1);
/// The longest time in which all has to be well again.
const SOON: Duration = Duration::from_secs(20);

#[derive(Debug)]
struct Through {
    options: PostgresOptions,
    ids: Arc<dyn IdSource>,
}

#[async_trait::async_trait]
impl Opener for Through {
    async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        PostgresStore::open_shared(&self.options, self.ids.as_ref()).await
    }

    fn location(&self) -> String {
        self.options.location().to_owned()
    }
}

/// A registry on a server behind a proxy.
fn registry(url: &str, source: i64) -> Registry {
    let settings = PostgresSettings {
        patience: Some(PATIENCE),
        ..PostgresSettings::default()
    };
    let ids: Arc<dyn IdSource> = Arc::new(harness::ids(source));
    Registry::new(Parts {
        opener: Arc::new(Through {
            options: PostgresOptions::parse(url, &settings).unwrap(),
            ids: ids.clone(),
        }),
        clock: Arc::new(SystemClock),
        ids,
        documents: Documents::built_in(),
        announce: true,
        refuse_secrets: false,
    })
}

async fn define(registry: &Registry) {
    use epr_mcp::registry::{GroupInput, ReceiverInput};
    for name in ["build", "scan"] {
        let input = ReceiverInput {
            name: name.to_owned(),
            kind: format!("type.{name}"),
            version: "1".to_owned(),
            description: "a receiver".to_owned(),
            schema: Some("{}".to_owned()),
            ..ReceiverInput::default()
        };
        let options = WriteOptions::default();
        registry
            .create_receiver(&ada(), input, &options)
            .await
            .unwrap();
    }
    let input = GroupInput {
        name: "ready".to_owned(),
        kind: "gate.ready".to_owned(),
        version: "1".to_owned(),
        description: "a group".to_owned(),
        enabled: true,
        receivers: vec!["build".to_owned(), "scan".to_owned()],
    };
    let options = WriteOptions::default();
    registry
        .create_group(&ada(), input, &options)
        .await
        .unwrap();
}

async fn record(registry: &Registry, receiver: &str, unit: Unit) -> Result<String, Error> {
    let input = event_input(receiver, unit, true, "{\"n\":1}");
    let options = WriteOptions::default();
    let written = registry.create_event(&ada(), input, &options).await?;
    Ok(written.event.id.to_string())
}

/// What became of an attempt to record an event.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    Acknowledged(String),
    Refused,
    Uncertain,
}

fn fate(result: Result<String, Error>) -> Fate {
    match result {
        Ok(id) => Fate::Acknowledged(id),
        Err(Error::Refused(refusal @ Refusal::Unavailable { .. })) => {
            assert!(refusal.retryable(), "{refusal}");
            assert!(!refusal.to_string().is_empty());
            Fate::Refused
        }
        Err(Error::Refused(Refusal::Uncertain { .. })) => Fate::Uncertain,
        Err(other) => panic!("neither written nor refused as it should be: {other:?}"),
    }
}

/// Waits until events can be recorded again.
async fn well_again(registry: &Registry, what: &str) {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let begun = Instant::now();
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        match record(registry, "build", unit(&format!("well-{number}"))).await {
            Ok(_) => return,
            Err(error) => assert!(
                begun.elapsed() < SOON,
                "after {what} it does not go on: {error}"
            ),
        }
    }
}

/// One fault, from its beginning to the moment at which it is over.
async fn strike(n: usize, server: &mut OwnServer, proxy: &Proxy) -> &'static str {
    let span = Duration::from_millis(100 + 170 * (n as u64 * 7 % 11));
    let through = |network| async move {
        proxy.set(network);
        tokio::time::sleep(span).await;
        proxy.set(Network::Whole);
    };
    match n % 10 {
        0 => through(Network::Stalled).await,
        1 => through(Network::Closed).await,
        2 => through(Network::Reset).await,
        3 => through(Network::Deaf).await,
        4 | 5 => {
            let losing = if n % 10 == 4 {
                Network::LosesCommitAnswer
            } else {
                Network::LosesCommit
            };
            proxy.set(losing);
            let _ = tokio::time::timeout(SOON, proxy.commit_lost()).await;
            proxy.set(Network::Whole);
        }
        6 | 7 => {
            tokio::task::block_in_place(|| {
                server.down("fast");
                std::thread::sleep(span / 4);
                server.up();
            });
        }
        8 => {
            tokio::task::block_in_place(|| {
                server.down("immediate");
                server.up();
            });
        }
        _ => {
            tokio::task::block_in_place(|| {
                server.kill();
                server.up();
            });
        }
    }
    [
        "a stall",
        "a cut",
        "a reset",
        "lost answers",
        "a lost answer to a commit",
        "a lost commit",
        "a restart",
        "another restart",
        "an immediate stop",
        "a kill",
    ][n % 10]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_100_faults_none_loses_an_acknowledged_event_or_leaves_a_half_one() {
    const FAULTS: usize = 100;
    const WRITERS: usize = 6;
    let Some(mut server) = OwnServer::start() else {
        return;
    };
    let proxy = Proxy::to(server.port).await;
    let registry = registry(&OwnServer::url(proxy.port), 1);
    define(&registry).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let (registry, stop) = (registry.clone(), stop.clone());
        writers.spawn(async move {
            let mut fates = Vec::new();
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                n += 1;
                let name = format!("w{writer}-{n}");
                let receiver = if n % 2 == 0 { "build" } else { "scan" };
                let begun = Instant::now();
                let fate = fate(record(&registry, receiver, unit(&name)).await);
                // Waiting, connecting, writing, looking up: each is bounded.
                assert!(
                    begun.elapsed() < 8 * PATIENCE,
                    "{name} hung for {:?}",
                    begun.elapsed()
                );
                // The faults are what is tested, not how much can be written between them.
                tokio::time::sleep(Duration::from_millis(20)).await;
                fates.push((name, fate));
            }
            fates
        });
    }
    // Somebody follows all the while, and misses nothing.
    let mut following = registry.follow(&ada()).await.unwrap();
    let seqs = |heard: Heard| match heard {
        Heard::Changes(changes) => changes.iter().map(|change| change.seq).collect::<Vec<_>>(),
        Heard::TooMuch => panic!("the follower was not slow"),
    };
    // Once it has begun; a fault before that would be told as a gap.
    let mut seen = seqs(following.next().await.unwrap());
    let follower = tokio::spawn(async move {
        while let Some(heard) = following.next().await {
            seen.extend(seqs(heard));
        }
        seen
    });
    for n in 0..FAULTS {
        let begun = Instant::now();
        let what = strike(n, &mut server, &proxy).await;
        let over = Instant::now();
        well_again(&registry, what).await;
        println!(
            "{what}: {:.1} s, well again after {:.1} s",
            over.duration_since(begun).as_secs_f32(),
            over.elapsed().as_secs_f32()
        );
    }
    stop.store(true, Ordering::Relaxed);
    let mut fates = BTreeMap::new();
    while let Some(writer) = writers.join_next().await {
        fates.extend(writer.unwrap());
    }
    let store = registry.store().await.unwrap();
    let messages = all_messages(store.as_ref()).await;
    // The follower comes to the end.
    tokio::time::sleep(Duration::from_secs(2)).await;
    registry.close().await;
    let seen = tokio::time::timeout(SOON, follower).await.unwrap().unwrap();

    assert_completions_follow(&messages);
    assert_postgres_whole(&OwnServer::url(server.port)).await;
    let mut there: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for message in &messages {
        if let epr_mcp::domain::message::MessageSubject::Event { event, .. } = &message.subject {
            there
                .entry(event.unit.name.clone())
                .or_default()
                .push(event.id.to_string());
        }
    }
    let mut counts = [0; 3];
    for (name, fate) in &fates {
        let found = there.get(name).cloned().unwrap_or_default();
        match fate {
            Fate::Acknowledged(id) => {
                counts[0] += 1;
                assert_eq!(&found, std::slice::from_ref(id), "{name} was acknowledged");
            }
            Fate::Refused => {
                counts[1] += 1;
                assert!(found.is_empty(), "{name} was refused and is there");
            }
            Fate::Uncertain => {
                counts[2] += 1;
                assert!(found.len() < 2, "{name} is there twice");
            }
        }
    }
    let [acknowledged, refused, uncertain] = counts;
    println!("{acknowledged} acknowledged, {refused} refused, {uncertain} uncertain");
    assert!(acknowledged > FAULTS && refused > 0);
    let from = seen.first().copied().unwrap_or_default();
    let last = messages.last().unwrap().seq;
    assert_eq!(
        seen,
        (from..=last).collect::<Vec<_>>(),
        "each message once, in order"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_to_a_commit_is_resolved() {
    let Some(server) = OwnServer::start() else {
        return;
    };
    let proxy = Proxy::to(server.port).await;
    let registry = registry(&OwnServer::url(proxy.port), 1);
    define(&registry).await;
    for n in 0..10 {
        proxy.set(Network::LosesCommitAnswer);
        let name = format!("answer-{n}");
        let answer = fate(record(&registry, "build", unit(&name)).await);
        assert!(
            matches!(answer, Fate::Acknowledged(_)),
            "{name}: {answer:?}"
        );
        proxy.set(Network::LosesCommit);
        let name = format!("commit-{n}");
        let answer = fate(record(&registry, "build", unit(&name)).await);
        assert_eq!(answer, Fate::Refused, "{name}");
    }
    let store = registry.store().await.unwrap();
    assert_eq!(store.counters().await.unwrap().succeeded, 10);
    what_is_said_is_resolved_too(store.as_ref(), &proxy).await;
    registry.close().await;
    assert_postgres_whole(&OwnServer::url(server.port)).await;
}

/// What events say stands and falls with them.
async fn what_is_said_is_resolved_too(store: &dyn Store, proxy: &Proxy) {
    let all = DefinitionFilter::default();
    let mut receivers = store.find_receivers(&all, None, 1).await.unwrap();
    let receiver = receivers.rows.remove(0).id;
    let ids = harness::ids(50);
    let write = async |network, says| {
        proxy.set(network);
        let id = EventId::new(ids.next());
        let command = record_indexed(id, receiver, &unit("said"), "{}", says);
        let written = store.write(&[command], harness::START).await;
        Some(written.ok()?.remove(0).unwrap())
    };
    let (answer, commit) = (Network::LosesCommitAnswer, Network::LosesCommit);
    assert!(write(commit, indexed::once(1)).await.is_none());
    let first = write(answer, indexed::once(1)).await;
    assert!(matches!(first, Some(Outcome::Event { .. })), "{first:?}");
    assert!(write(commit, indexed::once(1)).await.is_none());
    let again = write(answer, indexed::once(1)).await;
    assert!(matches!(again, Some(Outcome::Repeated { .. })), "{again:?}");
    let seq = store.counters().await.unwrap().last_event_seq;
    let found = store.recorded(&[seq]).await.unwrap().remove(0);
    assert_eq!(found.repeats, 1);
    for (network, done) in [(commit, false), (answer, true)] {
        proxy.set(network);
        let clear = harness::command(Action::ClearIndex);
        let cleared = store.write(&[clear], harness::START).await;
        assert_eq!(cleared.is_ok(), done, "{cleared:?}");
        let said = store.recorded(&[seq]).await.unwrap();
        assert_eq!(said.is_empty(), done);
    }
    proxy.set(Network::Whole);
}
