//! What a hundred thousand rows have in common costs an answer no more than what a thousand have.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteArguments;

use super::super::statements::SqliteStatements;
use super::*;

type Query = sqlx::query::Query<'static, sqlx::Sqlite, SqliteArguments>;

/// So many links of one key, contents of one natural key, and runs of one moment, id, pipeline and
/// label, every other one of which waits.
const FILL: [&str; 4] = [
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
     INSERT INTO link (key, seq, role) SELECT unhex(replace(hex(zeroblob(16)), '00', '01')), i, i % 3 FROM n",
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
     INSERT INTO natural_key (key, content, seq) SELECT zeroblob(16), randomblob(16), i FROM n",
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
     INSERT INTO run (num, key, kind, id, pipeline, at, place, first_at, last_at, first_seq, last_seq, \
     finished_at, outcome, events, failed, standing, labels) SELECT i, zeroblob(7) || randomblob(9), 0, 'same', 'p', 5, i, \
     5, 5, 1, 1, 5, 0, 1, 0, 1 + i % 2, zeroblob(0) FROM n",
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
     INSERT INTO run_label (label, at, num) SELECT zeroblob(16), 5, i FROM n",
];

const ZEROS: &str = "00000000000000000000000000000000";
const ONES: &str = "01010101010101010101010101010101";

/// Each question, with values that the rows of [`FILL`] answer; lists in the middle of the moment.
fn questions(rows: i64) -> Vec<(&'static str, Query)> {
    let keys = format!("[\"{ONES}\", \"{ZEROS}\"]");
    let pairs = format!("[\"{ZEROS}{ONES}\"]");
    let list = |sql| {
        sqlx::query(sql)
            .bind(5i64)
            .bind(rows / 2)
            .bind(i64::MIN)
            .bind(20i64)
    };
    let one = |sql| sqlx::query(sql);
    vec![
        (
            "links",
            one(SqliteStatements::LINKS_NEWEST)
                .bind(keys.clone())
                .bind(20i64)
                .bind(0i64)
                .bind(i64::MAX),
        ),
        (
            "links",
            one(SqliteStatements::LINKS_OLDEST)
                .bind(keys)
                .bind(20i64)
                .bind(0i64)
                .bind(i64::MAX),
        ),
        (
            "natural keys",
            one(SqliteStatements::NATURAL_KEYS).bind(pairs),
        ),
        ("runs", list(SqliteStatements::LIST_RUNS)),
        ("open runs", list(SqliteStatements::LIST_RUNS_OPEN)),
        ("bad runs", list(SqliteStatements::LIST_RUNS_BAD)),
        (
            "runs of a pipeline",
            list(SqliteStatements::LIST_RUNS_OF_PIPELINE).bind("p"),
        ),
        (
            "runs of a label",
            list(SqliteStatements::LIST_RUNS_OF_LABEL).bind(vec![0u8; 16]),
        ),
        (
            "runs of a handle",
            one(SqliteStatements::RUNS_IN_KEYS)
                .bind(vec![0u8; 16])
                .bind([[0u8; 7].as_slice(), &[255; 9]].concat())
                .bind(20i64),
        ),
        (
            "runs of an id",
            one(SqliteStatements::RUNS_OF_ID).bind("same").bind(20i64),
        ),
        (
            "ids",
            one(SqliteStatements::RUN_IDS)
                .bind("s")
                .bind("t")
                .bind(20i64),
        ),
        (
            "pipelines",
            one(SqliteStatements::PIPELINES)
                .bind("")
                .bind("q")
                .bind(20i64),
        ),
        (
            "times",
            one(SqliteStatements::RUN_MARKS).bind("p").bind(20i64),
        ),
    ]
}

/// What each question costs, in steps of SQLite's machine, and how many rows it gives.
async fn costs(connection: &mut SqliteConnection, rows: i64) -> Vec<(&'static str, usize, usize)> {
    for sql in FILL {
        let filled = sqlx::query(sql).bind(rows).execute(&mut *connection).await;
        filled.unwrap();
    }
    let steps = Arc::new(AtomicUsize::new(0));
    let counted = steps.clone();
    let count = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        true
    };
    connection
        .lock_handle()
        .await
        .unwrap()
        .set_progress_handler(1, count);
    let mut costs = Vec::new();
    for (name, query) in questions(rows) {
        steps.store(0, Ordering::Relaxed);
        let found = query.fetch_all(&mut *connection).await.unwrap();
        costs.push((name, steps.load(Ordering::Relaxed), found.len()));
    }
    connection
        .lock_handle()
        .await
        .unwrap()
        .remove_progress_handler();
    costs
}

#[tokio::test]
async fn what_many_rows_have_in_common_costs_no_more_than_what_is_asked_for() {
    let mut few = {
        let (_folder, store) = store().await;
        costs(&mut Engine::reader(&store).await.unwrap(), 1_000).await
    };
    let (_folder, store) = store().await;
    let many = costs(&mut Engine::reader(&store).await.unwrap(), 100_000).await;
    for ((name, few, found), (_, many, found_of_many)) in few.drain(..).zip(many) {
        assert_eq!(found, found_of_many, "{name}");
        assert!(found <= 20, "{name} gives {found} rows");
        assert!(few > 10, "{name}: the steps are counted");
        assert!(many <= few + few / 10, "{name}: {few} steps, then {many}");
    }
}
