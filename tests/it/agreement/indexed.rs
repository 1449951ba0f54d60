//! Random events that say something: SQLite, PostgreSQL and the naive model decide alike and give the
//! same answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use epr_mcp::domain::command::{Action, Command, Outcome};
use epr_mcp::domain::id::{EventId, IdSource, ReceiverId};
use epr_mcp::domain::indexed::{Indexed, OldEvent};
use epr_mcp::store::Store;
use epr_mcp::store::postgres::PostgresStore;
use epr_mcp::store::sqlite::{SqliteOptions, SqliteStore};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::memory::MemoryStore;
use crate::harness::indexed::{all_said, anything, at, record_indexed};
use crate::harness::postgres::TestDatabase;
use crate::harness::{self, command, create_receiver, unit};

#[derive(Debug, Clone)]
enum Op {
    Record(Vec<Record>),
    Clear,
    /// So many of the events that are still to be looked into.
    Reindex(usize),
    Read {
        limit: usize,
    },
}

#[derive(Debug, Clone)]
struct Record {
    unit: usize,
    payload: usize,
    says: Option<Indexed>,
}

fn op() -> impl Strategy<Value = Op> {
    let record = (
        0..2usize,
        0..2usize,
        prop::option::weighted(0.9, anything()),
    )
        .prop_map(|(unit, payload, says)| Record {
            unit,
            payload,
            says,
        });
    prop_oneof![
        8 => vec(record, 1..6).prop_map(Op::Record),
        1 => Just(Op::Clear),
        3 => (1..8usize).prop_map(Op::Reindex),
        3 => (1..30usize).prop_map(|limit| Op::Read { limit }),
    ]
}

/// A registry and what has been recorded in it.
struct Side {
    name: &'static str,
    store: Arc<dyn Store>,
    said: BTreeMap<i64, OldEvent>,
}

impl Side {
    async fn write(&mut self, commands: &[Command], second: i64) -> String {
        let decided = self.store.write(commands, at(second)).await.unwrap();
        assert_eq!(decided.len(), commands.len());
        for (command, decided) in commands.iter().zip(&decided) {
            if let Action::RecordEvent {
                indexed: Some(indexed),
                ..
            } = &command.action
                && let Ok(Outcome::Event { event, .. }) = decided
            {
                let old = OldEvent::new(event, indexed.clone());
                self.said.insert(event.seq, old);
            }
        }
        format!("{decided:?}")
    }

    async fn run(&mut self, op: &Op, receiver: ReceiverId, at: i64) -> String {
        match op {
            Op::Record(records) => {
                let ids = harness::ids(1_000 + at);
                let commands: Vec<Command> = records
                    .iter()
                    .map(|record| {
                        let id = EventId::new(ids.next());
                        let unit = unit(["u", "v"][record.unit]);
                        let payload = ["{}", "[]"][record.payload];
                        let says = record.says.clone();
                        let says_nothing = says.is_none();
                        let says = says.unwrap_or_else(|| harness::indexed::says(""));
                        let mut command = record_indexed(id, receiver, &unit, payload, says);
                        if says_nothing
                            && let Action::RecordEvent { indexed, .. } = &mut command.action
                        {
                            *indexed = None;
                        }
                        command
                    })
                    .collect();
                self.write(&commands, at).await
            }
            Op::Clear => self.write(&[command(Action::ClearIndex)], at).await,
            Op::Reindex(events) => {
                let counters = self.store.counters().await.unwrap();
                let after = counters.reindexed_to;
                let to = (after + *events as i64).min(counters.unindexed_to);
                let some = self.said.range(after + 1..=to.max(after + 1));
                let reindex = Action::Reindex {
                    after,
                    to,
                    events: some.map(|(_, old)| old.clone()).collect(),
                };
                self.write(&[command(reindex)], at).await
            }
            Op::Read { limit } => format!("{:?}", all_said(self.store.as_ref(), *limit).await),
        }
    }
}

async fn agree(ops: &[Op], database: &TestDatabase) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    let ids = harness::ids(1);
    let sqlite = SqliteOptions::new(folder.path().join("epr.db"));
    let stores: [(_, Arc<dyn Store>); 3] = [
        ("model", Arc::new(MemoryStore::new())),
        (
            "sqlite",
            SqliteStore::open_shared(&sqlite, &ids).await.unwrap(),
        ),
        (
            "postgres",
            PostgresStore::open_shared(&database.options(), &ids)
                .await
                .unwrap(),
        ),
    ];
    let receiver = ReceiverId::new(ids.next());
    let mut sides = Vec::new();
    for (name, store) in stores {
        let created = store.write(&[create_receiver(receiver, "r")], at(0)).await;
        created.unwrap();
        sides.push(Side {
            name,
            store,
            said: BTreeMap::new(),
        });
    }
    let last = Op::Read { limit: 100 };
    for (n, op) in ops.iter().chain([&last]).enumerate() {
        let mut first: Option<String> = None;
        for side in &mut sides {
            let answer = side.run(op, receiver, n as i64 + 1).await;
            match &first {
                None => first = Some(answer),
                Some(model) => {
                    prop_assert_eq!(&answer, model, "{} at {}: {:?}", side.name, n, op);
                }
            }
        }
    }
    for side in &sides {
        let findings = side.store.check().await.unwrap();
        prop_assert_eq!(findings, Vec::<String>::new(), "{}", side.name);
        side.store.close().await;
    }
    Ok(())
}

#[test]
fn what_events_say_is_the_same_on_every_store() {
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
    let run = runner.run(&vec(op(), 5..40), |ops| {
        let database = TestDatabase::new().expect("there is a server");
        runtime.block_on(agree(&ops, &database))
    });
    if let Err(error) = run {
        panic!("{error}");
    }
}
