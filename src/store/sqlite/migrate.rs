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
    Migration {
        version: 4,
        name: "correlation",
        sql: include_str!("../../../migrations/sqlite/0004_correlation.sql"),
        // A binary without it would record events and not what they say.
        readable_from: 4,
    },
];

/// The schema that this binary is built for.
pub fn built_for() -> i64 {
    MIGRATIONS.last().map_or(0, |m| m.version)
}

const CREATE_VERSION_TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_version (\
    version INTEGER PRIMARY KEY, name TEXT NOT NULL, readable_from INTEGER NOT NULL, applied_by TEXT NOT NULL)";
const COUNT_TABLES: &str = "SELECT count(*), count(*) FILTER (WHERE name IN ('schema_version', 'registry')) \
    FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'";
const INSERT_VERSION: &str =
    "INSERT INTO schema_version (version, name, readable_from, applied_by) VALUES ($1, $2, $3, $4)";
const INSERT_REGISTRY: &str = "INSERT OR IGNORE INTO registry (only_row, id) VALUES (1, $1)";

/// What the schema of a database is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Schema {
    /// Its version; 0 for an empty database.
    pub(super) version: i64,
    /// The oldest version that a binary may have been built for to use it.
    pub(super) readable_from: i64,
    /// The version of SQLite; empty for an empty database.
    pub(super) engine: String,
}

/// Reads the schema, and refuses the database of another program.
pub(super) async fn schema(connection: &mut SqliteConnection) -> Result<Schema> {
    // Mostly it is ours and up to date, which one question tells.
    if let Ok(found) = version(connection).await
        && found.version == built_for()
    {
        return Ok(found);
    }
    // One statement, so that it sees a new database either empty or whole.
    let row = sqlx::query(COUNT_TABLES)
        .fetch_one(&mut *connection)
        .await
        .doing("read the schema")?;
    let count = |index| row.try_get::<i64, _>(index).doing("read the schema");
    if count(0)? == 0 {
        return Ok(Schema::default());
    }
    if count(1)? != 2 {
        return Err(StoreError::unavailable(
            "the file is the database of another program",
            "Use another file with --db.",
        ));
    }
    version(connection).await
}

async fn version(connection: &mut SqliteConnection) -> Result<Schema> {
    let row = sqlx::query(statements::COMPATIBILITY)
        .fetch_one(connection)
        .await
        .doing("read the schema version")?;
    Ok(Schema {
        version: row.try_get(0).doing("read the schema version")?,
        readable_from: row.try_get(1).doing("read the schema version")?,
        engine: row.try_get(2).doing("read the schema version")?,
    })
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

/// Brings a database with the schema `found` up to this binary's; gives the schema that it then has.
pub(super) async fn migrate(
    connection: &mut SqliteConnection,
    found: Schema,
    registry_id: &str,
) -> Result<Schema> {
    check_readable(found.version, found.readable_from)?;
    for migration in MIGRATIONS.iter().filter(|m| m.version > found.version) {
        let mut transaction = connection
            .begin_with("BEGIN EXCLUSIVE")
            .await
            .doing("lock the database to migrate it")?;
        sqlx::query(CREATE_VERSION_TABLE)
            .execute(&mut *transaction)
            .await
            .doing("migrate")?;
        let now = version(&mut transaction).await?;
        check_readable(now.version, now.readable_from)?;
        if now.version < migration.version {
            apply(&mut transaction, migration, registry_id).await?;
        }
        transaction
            .commit()
            .await
            .map_err(|error| errors::classify("commit a migration", error))?;
    }
    version(connection).await
}

async fn apply(
    connection: &mut SqliteConnection,
    migration: &Migration,
    registry_id: &str,
) -> Result<()> {
    sqlx::raw_sql(migration.sql)
        .execute(&mut *connection)
        .await
        .doing("migrate")?;
    sqlx::query(INSERT_VERSION)
        .bind(migration.version)
        .bind(migration.name)
        .bind(migration.readable_from)
        .bind(env!("CARGO_PKG_VERSION"))
        .execute(&mut *connection)
        .await
        .doing("migrate")?;
    if migration.version == 1 {
        sqlx::query(INSERT_REGISTRY)
            .bind(registry_id)
            .execute(&mut *connection)
            .await
            .doing("migrate")?;
    }
    tracing::info!(
        version = migration.version,
        name = migration.name,
        "migrated the database"
    );
    Ok(())
}
