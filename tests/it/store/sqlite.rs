//! SQLite databases for the suite.

use std::sync::Arc;

use async_trait::async_trait;
use epr_mcp::store::Store;
use epr_mcp::store::sqlite::{Journal, SqliteOptions, SqliteStore};
use sqlx::Connection as _;

use super::scene::Database;
use crate::harness;
use crate::harness::invariants::assert_whole;

struct SqliteFile {
    options: SqliteOptions,
    ids: harness::Ids,
    /// Removed at the end of the test.
    _folder: tempfile::TempDir,
}

#[async_trait]
impl Database for SqliteFile {
    async fn open(&self) -> Arc<dyn Store> {
        let opened = SqliteStore::open_shared(&self.options, &self.ids).await;
        opened.unwrap_or_else(|error| panic!("{error}: {error:?}"))
    }

    fn fresh(&self) -> Arc<dyn Database> {
        new_file(self.options.journal)
    }
}

/// A new file with a write-ahead log.
pub(super) fn open_sqlite() -> Arc<dyn Database> {
    new_file(Journal::Wal)
}

/// A new file with a rollback journal, as on file systems that processes cannot share memory on.
pub(super) fn open_sqlite_with_rollback_journal() -> Arc<dyn Database> {
    new_file(Journal::Rollback)
}

fn new_file(journal: Journal) -> Arc<dyn Database> {
    let folder = tempfile::tempdir().unwrap();
    let mut options = SqliteOptions::new(folder.path().join("epr.db"));
    options.journal = journal;
    Arc::new(SqliteFile {
        options,
        ids: harness::ids(0),
        _folder: folder,
    })
}

/// Takes a file back to the first schema, as a binary of that time left it.
const BACK_TO_THE_FIRST: &str = "\
    DROP TABLE facts; DROP TABLE event_repeat; DROP TABLE link; DROP TABLE natural_key; DROP TABLE run; DROP TABLE run_label;\
    ALTER TABLE registry DROP COLUMN last_run_num; ALTER TABLE registry DROP COLUMN runs;\
    ALTER TABLE registry DROP COLUMN reindexed_to; ALTER TABLE registry DROP COLUMN unindexed_to;\
    DROP TRIGGER event_recorded; DROP TRIGGER message_written; DROP TRIGGER name_made; DROP TRIGGER unit_made;\
    ALTER TABLE registry DROP COLUMN definitions; ALTER TABLE registry DROP COLUMN messages_pruned;\
    ALTER TABLE registry DROP COLUMN messages_pruned_to; DELETE FROM schema_version WHERE version > 1;";

#[tokio::test]
async fn the_journal_of_a_file_can_be_changed() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = SqliteOptions::new(folder.path().join("epr.db"));
    for (journal, mode) in [
        (Journal::Wal, "wal"),
        (Journal::Rollback, "delete"),
        (Journal::Auto, "wal"),
    ] {
        options.journal = journal;
        let store = SqliteStore::open_shared(&options, &harness::ids(0))
            .await
            .unwrap();
        store.counters().await.unwrap();
        let mut other = sqlx::SqliteConnection::connect(&options.path.to_string_lossy())
            .await
            .unwrap();
        let found: String = sqlx::query_scalar("PRAGMA journal_mode")
            .fetch_one(&mut other)
            .await
            .unwrap();
        assert_eq!(found, mode);
        other.close().await.unwrap();
        store.close().await;
    }
}

#[tokio::test]
async fn a_file_of_the_first_schema_is_brought_up_to_date_and_used() {
    let bench = harness::Bench::new();
    bench.receiver("r").await;
    bench.group("g", &["r"], true).await;
    for success in [true, false] {
        bench.event("r", "web", success).await;
    }
    let before = bench.store().await.counters().await.unwrap();
    bench.registry.close().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&bench.path);
    let mut raw = sqlx::SqliteConnection::connect_with(&options)
        .await
        .unwrap();
    sqlx::raw_sql(BACK_TO_THE_FIRST)
        .execute(&mut raw)
        .await
        .unwrap();
    raw.close().await.unwrap();

    let late = harness::Bench::at(&bench.path, 1);
    let store = late.store().await;
    assert_eq!(
        store.info().schema_version,
        epr_mcp::store::sqlite::built_for()
    );
    assert_eq!(
        store.counters().await.unwrap(),
        epr_mcp::store::Counters {
            // What these events say is still to be found out.
            unindexed_to: before.last_event_seq,
            ..before
        },
        "what was there is there"
    );
    late.receiver("second").await;
    late.event("r", "web", true).await;
    late.event("r", "new", true).await;
    assert_eq!(
        store.counters().await.unwrap().succeeded,
        before.succeeded + 2
    );
    assert_whole(&bench.path).await;
}
