//! Of this engine alone: every statement is valid, and the frequent ones run by index.

use std::fmt::Write as _;
use std::sync::Arc;

use sqlx::{Row, SqliteConnection};

use super::*;
use crate::domain::id::CountingIds;

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
    let mut connection = store.reader().await.unwrap();
    let mut plans = String::new();
    for (name, sql) in statements::ALL {
        let steps = plan(&mut connection, sql).await;
        for step in &steps {
            let scans_rows = step.starts_with("SCAN ")
                && !step.contains("json_each")
                && !step.contains("VIRTUAL TABLE")
                && !step.contains("CONSTANT ROW")
                && !step.contains("(subquery")
                // One row, or a handful.
                && !step.starts_with("SCAN registry")
                && !step.starts_with("SCAN schema_version");
            // Walking an index or the table in order to a LIMIT is what a newest-first list is.
            let walks = sql.contains("LIMIT")
                && sql.contains("ORDER BY")
                && !steps.iter().any(|s| s.contains("TEMP B-TREE FOR ORDER BY"));
            assert!(!scans_rows || walks, "{name}: {steps:#?}");
        }
        if sql.contains("LIMIT") && !matches!(*name, "GROUPS_OF" | "FIND_GROUPS_BY_MEMBER") {
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
