//! The engine that the tests of the use cases and of the MCP surface run on. `make test` runs them on
//! both: what a user sees is the same.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use epr_mcp::domain::id::IdSource;
use epr_mcp::registry::Opener;
use epr_mcp::store::postgres::{PostgresOptions, PostgresSettings, PostgresStore};
use epr_mcp::store::sqlite::{SqliteOptions, SqliteStore};
use epr_mcp::store::{Store, StoreError};

use super::postgres::TestDatabase;

/// `EPR_TEST_ENGINE`: `sqlite` (the default) or `postgres`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

pub(crate) fn engine() -> Engine {
    match std::env::var("EPR_TEST_ENGINE").as_deref() {
        Err(_) | Ok("" | "sqlite") => Engine::Sqlite,
        Ok("postgres") => Engine::Postgres,
        Ok(other) => panic!("EPR_TEST_ENGINE={other}: sqlite or postgres"),
    }
}

/// What `EPR_DB` says for the database that a test names by this path: the path itself, or the URL of a
/// database that stands for it.
pub(crate) fn database(path: &Path) -> String {
    static DATABASES: Mutex<Option<HashMap<PathBuf, TestDatabase>>> = Mutex::new(None);
    match engine() {
        Engine::Sqlite => path.to_str().unwrap().to_owned(),
        Engine::Postgres => {
            let mut databases = DATABASES.lock().unwrap();
            databases
                .get_or_insert_default()
                .entry(path.to_owned())
                .or_insert_with(|| {
                    TestDatabase::new().expect("a PostgreSQL server: make test-deps")
                })
                .url
                .clone()
        }
    }
}

/// Opens the store that `EPR_DB` names, as the binary does.
pub(crate) async fn open(database: &str, ids: &dyn IdSource) -> Result<Arc<dyn Store>, StoreError> {
    if database.starts_with("postgres://") {
        let options = PostgresOptions::parse(database, &PostgresSettings::default()).unwrap();
        PostgresStore::open_shared(&options, ids).await
    } else {
        SqliteStore::open_shared(&SqliteOptions::new(database), ids).await
    }
}

/// Opens a database when it is first needed.
#[derive(Debug)]
pub(crate) struct DatabaseOpener {
    pub(crate) database: String,
    pub(crate) ids: Arc<dyn IdSource>,
}

#[async_trait]
impl Opener for DatabaseOpener {
    async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        open(&self.database, self.ids.as_ref()).await
    }

    fn location(&self) -> String {
        self.database.clone()
    }
}

/// Runs statements in the database behind the registry's back, in the dialect of the engine.
pub(crate) async fn meddle(path: &Path, sqlite: &'static str, postgres: &'static str) {
    use sqlx::{Connection as _, PgConnection, SqliteConnection};
    let database = database(path);
    match engine() {
        Engine::Sqlite => {
            let mut raw = SqliteConnection::connect(&database).await.unwrap();
            sqlx::raw_sql(sqlite).execute(&mut raw).await.unwrap();
            raw.close().await.unwrap();
        }
        Engine::Postgres => {
            let mut raw = PgConnection::connect(&database).await.unwrap();
            for sql in ["SET search_path = epr_mcp", postgres] {
                sqlx::raw_sql(sql).execute(&mut raw).await.unwrap();
            }
            raw.close().await.unwrap();
        }
    }
}

/// The write lock of a database, held by somebody else until this is dropped.
pub(crate) struct Lock {
    connection: Holder,
    runtime: tokio::runtime::Runtime,
}

enum Holder {
    /// Held for as long as it is open.
    Sqlite(#[expect(dead_code, reason = "to be dropped")] sqlx::SqliteConnection),
    Postgres(sqlx::PgConnection),
}

impl Lock {
    pub(crate) fn on(path: &Path) -> Self {
        use sqlx::{Connection as _, PgConnection, SqliteConnection};
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let database = database(path);
        let connection = runtime.block_on(async {
            match engine() {
                Engine::Sqlite => {
                    let mut connection = SqliteConnection::connect(&database).await.unwrap();
                    sqlx::raw_sql("BEGIN IMMEDIATE")
                        .execute(&mut connection)
                        .await
                        .unwrap();
                    Holder::Sqlite(connection)
                }
                Engine::Postgres => {
                    let mut connection = PgConnection::connect(&database).await.unwrap();
                    sqlx::raw_sql("BEGIN; SELECT pg_advisory_xact_lock(28552608120398704)")
                        .execute(&mut connection)
                        .await
                        .unwrap();
                    Holder::Postgres(connection)
                }
            }
        });
        Self {
            connection,
            runtime,
        }
    }

    /// Whether somebody waits for it; `None` where that cannot be seen.
    pub(crate) fn is_waited_for(&mut self) -> Option<bool> {
        const WAITING: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let Holder::Postgres(connection) = &mut self.connection else {
            return None;
        };
        let waiting: i64 = self
            .runtime
            .block_on(sqlx::query_scalar(WAITING).fetch_one(connection))
            .unwrap();
        Some(waiting > 0)
    }
}
