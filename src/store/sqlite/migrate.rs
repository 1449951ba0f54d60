//! Migrations, embedded and numbered. Each runs in one exclusive transaction with the version
//! read again inside: two assistants may start at once.

use sqlx::{Connection, Row, SqliteConnection};

use super::errors::{self, Doing};
use super::statements;
use crate::store::{Result, StoreError};

/// One step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Migration {
    /// Its number, from 1.
    pub version: i64,
    /// What it does, in a word.
    pub name: &'static str,
    /// Its SQL.
    pub sql: &'static str,
    /// The oldest schema that a binary may have been built for and still work with this one.
    pub readable_from: i64,
}

/// All steps, in order.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "registry",
        sql: include_str!("../../../migrations/sqlite/0001_registry.sql"),
        readable_from: 1,
    },
    Migration {
        version: 2,
        name: "retention",
        sql: include_str!("../../../migrations/sqlite/0002_retention.sql"),
        readable_from: 1,
    },
    Migration {
        version: 3,
        name: "upkeep",
        sql: include_str!("../../../migrations/sqlite/0003_upkeep.sql"),
        // A binary without it would count everything twice.
        readable_from: 3,
    },
];

/// The schema that this binary is built for.
pub fn built_for() -> i64 {
    MIGRATIONS.last().map_or(0, |m| m.version)
}

const CREATE_VERSION_TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_version (\
    version INTEGER PRIMARY KEY, name TEXT NOT NULL, readable_from INTEGER NOT NULL, applied_by TEXT NOT NULL)";
const HAS_VERSION_TABLE: &str =
    "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'schema_version'";
const COUNT_TABLES: &str = "SELECT count(*), count(*) FILTER (WHERE name IN ('schema_version', 'registry')) \
    FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'";
const INSERT_VERSION: &str =
    "INSERT INTO schema_version (version, name, readable_from, applied_by) VALUES ($1, $2, $3, $4)";
const INSERT_REGISTRY: &str = "INSERT OR IGNORE INTO registry (only_row, id) VALUES (1, $1)";

/// The version that the database has, and the oldest that may use it; zeros for an empty one.
pub(super) async fn version(connection: &mut SqliteConnection) -> Result<(i64, i64)> {
    let row = sqlx::query(HAS_VERSION_TABLE)
        .fetch_one(&mut *connection)
        .await
        .doing("read the schema")?;
    if row.try_get::<i64, _>(0).doing("read the schema")? == 0 {
        return Ok((0, 0));
    }
    let row = sqlx::query(statements::COMPATIBILITY)
        .fetch_one(connection)
        .await
        .doing("read the schema version")?;
    Ok((
        row.try_get(0).doing("read the schema version")?,
        row.try_get(1).doing("read the schema version")?,
    ))
}

/// Refuses the database of another program. One statement, so that it sees a new one either empty
/// or whole.
pub(super) async fn check_ours(connection: &mut SqliteConnection) -> Result<()> {
    let row = sqlx::query(COUNT_TABLES)
        .fetch_one(connection)
        .await
        .doing("read the schema")?;
    let count = |index| row.try_get::<i64, _>(index).doing("read the schema");
    if count(0)? == 0 || count(1)? == 2 {
        return Ok(());
    }
    Err(StoreError::unavailable(
        "the file is the database of another program",
        "Use another file with --db.",
    ))
}

/// Refuses a database that is too new for this binary.
pub(super) fn check_readable(version: i64, readable_from: i64) -> Result<()> {
    let own = built_for();
    if readable_from > own {
        return Err(StoreError::unavailable(
            format!(
                "it was written by a newer epr-mcp (schema {version}; this is {}, built for schema {own})",
                env!("CARGO_PKG_VERSION")
            ),
            "Update epr-mcp, or use another database with --db.",
        ));
    }
    Ok(())
}

/// Brings the database up to this binary's schema; gives the version that it then has.
pub(super) async fn migrate(connection: &mut SqliteConnection, registry_id: &str) -> Result<i64> {
    let (found, readable_from) = version(connection).await?;
    check_readable(found, readable_from)?;
    let mut current = found;
    for migration in MIGRATIONS.iter().filter(|m| m.version > found) {
        let mut transaction = connection
            .begin_with("BEGIN EXCLUSIVE")
            .await
            .doing("lock the database to migrate it")?;
        sqlx::query(CREATE_VERSION_TABLE)
            .execute(&mut *transaction)
            .await
            .doing("migrate")?;
        let (now, readable_from) = version(&mut transaction).await?;
        check_readable(now, readable_from)?;
        if now < migration.version {
            sqlx::raw_sql(migration.sql)
                .execute(&mut *transaction)
                .await
                .doing("migrate")?;
            sqlx::query(INSERT_VERSION)
                .bind(migration.version)
                .bind(migration.name)
                .bind(migration.readable_from)
                .bind(env!("CARGO_PKG_VERSION"))
                .execute(&mut *transaction)
                .await
                .doing("migrate")?;
            if migration.version == 1 {
                sqlx::query(INSERT_REGISTRY)
                    .bind(registry_id)
                    .execute(&mut *transaction)
                    .await
                    .doing("migrate")?;
            }
            tracing::info!(
                version = migration.version,
                name = migration.name,
                "migrated the database"
            );
        }
        transaction
            .commit()
            .await
            .map_err(|error| errors::classify("commit a migration", error))?;
        current = now.max(migration.version);
    }
    Ok(current)
}
