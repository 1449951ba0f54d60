//! Random sequences of operations: SQLite, PostgreSQL and a naive model in memory give the same answer
//! to every one of them.

mod index;
mod indexed;
mod memory;
mod ops;
mod rows;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use epr_mcp::domain::id::IdSource;
use epr_mcp::domain::schema::Documents;
use epr_mcp::domain::time::{Clock, Timestamp};
use epr_mcp::registry::{Opener, Parts, ReceiverInput, Registry, WriteOptions};
use epr_mcp::store::postgres::PostgresStore;
use epr_mcp::store::sqlite::{SqliteOptions, SqliteStore};
use epr_mcp::store::{Store, StoreError};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use self::memory::MemoryStore;
use self::ops::{Op, op, run};
use crate::harness::invariants::assert_completions_follow;
use crate::harness::postgres::TestDatabase;
use crate::harness::{self, SECOND, START, ada, all_messages};

/// Gives a store that is open.
#[derive(Debug)]
struct Given(Arc<dyn Store>);

#[async_trait]
impl Opener for Given {
    async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(self.0.clone())
    }

    fn location(&self) -> String {
        String::new()
    }
}

/// A time that all sides share, whatever they do how often.
#[derive(Debug, Clone, Default)]
struct Shown(Arc<AtomicI64>);

impl Shown {
    fn step(&self) {
        self.0.fetch_add(SECOND, Ordering::Relaxed);
    }
}

impl Clock for Shown {
    fn now(&self) -> Timestamp {
        START.plus_micros(self.0.load(Ordering::Relaxed))
    }
}

fn registry(store: Arc<dyn Store>, ids: Arc<dyn IdSource>, clock: &Shown) -> Registry {
    Registry::new(Parts {
        opener: Arc::new(Given(store)),
        clock: Arc::new(clock.clone()),
        ids,
        documents: Documents::built_in(),
        announce: true,
        refuse_secrets: false,
    })
}

/// Waits until what is queued is written: a refusal is noted in the audit trail a little later.
async fn settle(registry: &Registry) {
    let input = ReceiverInput {
        name: "first".to_owned(),
        kind: "first".to_owned(),
        version: "1".to_owned(),
        description: "the first write".to_owned(),
        schema: Some("{}".to_owned()),
        ..ReceiverInput::default()
    };
    let options = WriteOptions::default();
    let written = registry.create_receiver(&ada(), input, &options).await;
    written.unwrap();
}

async fn agree(ops: &[Op], database: &TestDatabase) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    let ids = || -> Arc<dyn IdSource> { Arc::new(harness::ids(1)) };
    let sqlite = SqliteOptions::new(folder.path().join("epr.db"));
    let clock = Shown::default();
    let mut sides: Vec<(&str, Registry, Arc<dyn Store>)> = Vec::new();
    for name in ["model", "sqlite", "postgres"] {
        let ids = ids();
        let store: Arc<dyn Store> = match name {
            "sqlite" => SqliteStore::open_shared(&sqlite, ids.as_ref())
                .await
                .unwrap(),
            "postgres" => {
                let options = database.options();
                PostgresStore::open_shared(&options, ids.as_ref())
                    .await
                    .unwrap()
            }
            _ => {
                // The engines take one for the registry.
                ids.next();
                Arc::new(MemoryStore::new())
            }
        };
        sides.push((name, registry(store.clone(), ids, &clock), store));
    }
    for (_, registry, _) in &sides {
        // The first write may be told that the place of a file does not last.
        settle(registry).await;
    }
    for (at, op) in ops.iter().enumerate() {
        let mut first: Option<String> = None;
        clock.step();
        for (name, registry, _) in &sides {
            let answer = run(registry, op).await;
            settle(registry).await;
            match &first {
                None => first = Some(answer),
                Some(model) => prop_assert_eq!(&answer, model, "{} at {}: {:?}", name, at, op),
            }
        }
    }
    for (name, registry, store) in &sides {
        let messages = all_messages(store.as_ref()).await;
        assert_completions_follow(&messages);
        prop_assert_eq!(
            store.check().await.unwrap(),
            Vec::<String>::new(),
            "{}",
            name
        );
        registry.close().await;
    }
    Ok(())
}

#[test]
fn every_answer_is_the_same_on_every_store() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let config = Config {
        cases: 40,
        max_shrink_iters: 60,
        failure_persistence: None,
        ..Config::default()
    };
    let Some(first) = TestDatabase::new() else {
        return;
    };
    drop(first);
    let mut runner = TestRunner::new(config);
    let run = runner.run(&vec(op(), 10..70), |ops| {
        let database = TestDatabase::new().expect("there is a server");
        runtime.block_on(agree(&ops, &database))
    });
    if let Err(error) = run {
        panic!("{error}");
    }
}
