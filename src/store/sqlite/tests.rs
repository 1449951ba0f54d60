//! Of this engine alone: every statement is valid, the frequent ones run by index, and a full disk
//! is met as SQLite tells it.

mod hubs;

use std::fmt::Write as _;
use std::sync::Arc;

use sqlx::{Row, SqliteConnection};

use super::{SqliteOptions, SqliteStore, open, statements};
use crate::domain::command::{Action, Command, TurnPolicy};
use crate::domain::id::{CountingIds, ReceiverId};
use crate::domain::principal::Principal;
use crate::domain::receiver::ReceiverDraft;
use crate::domain::time::Timestamp;
use crate::store::sql::{Engine, Statements as _};
use crate::store::{Store, StoreError};

async fn store() -> (tempfile::TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let ids = Arc::new(CountingIds::new(Timestamp::from_micros(
        1_795_000_000_000_000,
    )));
    let store = open(
        &SqliteOptions::new(folder.path().join("epr.db")),
        ids.as_ref(),
    )
    .await
    .unwrap();
    (folder, store)
}

async fn plan(connection: &mut SqliteConnection, sql: &'static str) -> Vec<String> {
    // EXPLAIN needs no bound values; the text is one of ours.
    let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
    let rows = sqlx::query(explain).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>(3)).collect()
}

#[tokio::test]
async fn every_statement_is_valid_and_none_scans_a_table() {
    let (_folder, store) = store().await;
    let mut connection = Engine::reader(&store).await.unwrap();
    let mut plans = String::new();
    let parts = |(name, sql): &(&'static str, &'static str)| {
        let name = *name;
        sql.split("; ").map(move |part| (name, part))
    };
    let all = statements::SqliteStatements::ALL.iter();
    for (name, sql) in all.chain(statements::OWN).flat_map(parts) {
        if sql.is_empty() || sql.starts_with("BEGIN") {
            continue;
        }
        let steps = plan(&mut connection, sql).await;
        for step in &steps {
            let scans_rows = step.starts_with("SCAN ")
                && !step.contains("json_each")
                && !step.contains("VIRTUAL TABLE")
                && !step.contains("CONSTANT ROW")
                // The given values, materialised.
                && step != "SCAN wanted"
                && !step.contains("(subquery")
                // One row, or a handful.
                && !step.starts_with("SCAN registry")
                && !step.starts_with("SCAN schema_version");
            // Walking an index or the table in order to a LIMIT is what a newest-first list is.
            let walks = sql.contains("LIMIT")
                && sql.contains("ORDER BY")
                && !steps.iter().any(|s| s.contains("TEMP B-TREE FOR ORDER BY"));
            // The rows that refer to a new event: looked for only while a foreign key is broken
            // (OP_FkIfZero), which none can be.
            let children = name == "INSERT_ROWS"
                && ["SCAN message", "SCAN latest"]
                    .iter()
                    .any(|child| step.starts_with(child));
            // To empty a table, SQLite looks at none of its rows.
            let empties = name == "CLEAR_INDEX";
            assert!(
                !scans_rows || walks || children || empties,
                "{name}: {steps:#?}"
            );
        }
        if sql.contains("LIMIT") && !matches!(name, "GROUPS_OF" | "FIND_GROUPS_BY_MEMBER") {
            let sorts = steps.iter().any(|s| s.contains("TEMP B-TREE FOR ORDER BY"));
            assert!(!sorts, "{name} sorts before it cuts: {steps:#?}");
        }
        writeln!(plans, "{name}").unwrap();
        for step in steps {
            writeln!(plans, "  {step}").unwrap();
        }
    }
    insta::assert_snapshot!("plans", plans);
}

/// A new receiver with a schema of so many bytes.
fn receiver(n: u128, bytes: usize) -> Command {
    let id = ReceiverId::new(ulid::Ulid(n));
    let draft = ReceiverDraft {
        name: format!("r{n}"),
        kind: "type".to_owned(),
        version: "1".to_owned(),
        description: "a receiver".to_owned(),
        schema: format!("{{\"title\":\"{}\"}}", "x".repeat(bytes)),
        allow_unresolved_refs: false,
    };
    Command {
        recorder: Arc::new(Principal::local("ada", "test", "", false).recorder),
        action: Action::CreateReceiver {
            id,
            draft,
            unchecked_refs: false,
        },
        idempotency_key: None,
        log_only: true,
        turns: TurnPolicy::Allowed,
    }
}

#[tokio::test]
async fn a_full_disk_refuses_writes_until_there_is_room_again() {
    let (_folder, store) = store().await;
    let now = Timestamp::from_micros(1_795_000_000_000_000);
    Store::write(&store, &[receiver(1, 10)], now).await.unwrap();
    let before = store.counters().await.unwrap();

    // SQLite answers as on a full disk when the file may have no more pages; that holds for this
    // connection, and the next one knows nothing of it.
    store.writer.lock().await.limit_pages().await;
    let two = [receiver(2, 10), receiver(3, 200_000)];
    let refused = Store::write(&store, &two, now).await;
    let Err(StoreError::Unavailable { why, hint }) = &refused else {
        panic!("{refused:?}")
    };
    assert_eq!(
        (why.as_str(), hint.as_str()),
        ("the disk is full", "Free some space.")
    );
    assert_eq!(
        store.counters().await.unwrap(),
        before,
        "nothing of the batch is there"
    );

    Store::write(&store, &[receiver(3, 200_000)], now)
        .await
        .unwrap();
    assert_eq!(store.counters().await.unwrap().receivers, 2);
    assert_eq!(Store::check(&store).await.unwrap(), Vec::<String>::new());
}
