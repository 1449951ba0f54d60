//! SQLite databases for the suite.

use std::sync::Arc;

use async_trait::async_trait;
use epr_mcp::store::Store;
use epr_mcp::store::sqlite::{Journal, SqliteOptions, SqliteStore};

use super::scene::Database;
use crate::harness;

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
