//! PostgreSQL databases for the suite.

use std::sync::Arc;

use async_trait::async_trait;
use epr_mcp::store::Store;
use epr_mcp::store::postgres::PostgresStore;

use super::scene::Database;
use crate::harness;
use crate::harness::postgres::TestDatabase;

struct PostgresDatabase {
    database: TestDatabase,
    ids: harness::Ids,
}

#[async_trait]
impl Database for PostgresDatabase {
    async fn open(&self) -> Arc<dyn Store> {
        let opened = PostgresStore::open_shared(&self.database.options(), &self.ids).await;
        opened.unwrap_or_else(|error| panic!("{error}: {error:?}"))
    }

    fn fresh(&self) -> Arc<dyn Database> {
        open_postgres().expect("there is a server")
    }
}

/// A new database.
pub(super) fn open_postgres() -> Option<Arc<dyn Database>> {
    let database = TestDatabase::new()?;
    Some(Arc::new(PostgresDatabase {
        database,
        ids: harness::ids(0),
    }))
}
