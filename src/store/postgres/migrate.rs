//! Migrations, embedded and numbered. Each runs in one transaction under the writers' lock, with the
//! version read again inside: two processes may start at once.

use super::session::Line;
use super::statements;
use crate::store::sql::{Arg, Columns as _, Session as _};
use crate::store::{Result, StoreError};

/// One step.
#[derive(Debug, Clone, Copy)]
struct Migration {
    /// Its number, from 1.
    version: i64,
    /// What it does, in a word.
    name: &'static str,
    sql: &'static str,
    /// The oldest schema that a binary may have been built for and still work with this one.
    readable_from: i64,
}

/// All steps, in order.
const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "registry",
        sql: include_str!("../../../migrations/postgres/0001_registry.sql"),
        readable_from: 1,
    },
    Migration {
        version: 2,
        name: "correlation",
        sql: include_str!("../../../migrations/postgres/0002_correlation.sql"),
        // A binary without it would record events and not what they say.
        readable_from: 2,
    },
];

/// The schema that this binary is built for.
pub fn built_for() -> i64 {
    MIGRATIONS.last().map_or(0, |m| m.version)
}

const CREATE_SCHEMA: &str = "CREATE SCHEMA epr_mcp";
const CREATE_VERSION_TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_version (\
    version BIGINT PRIMARY KEY, name TEXT NOT NULL, readable_from BIGINT NOT NULL, applied_by TEXT NOT NULL)";
const VERSION: &str =
    "SELECT coalesce(max(version), 0), coalesce(max(readable_from), 0) FROM schema_version";
const INSERT_VERSION: &str =
    "INSERT INTO schema_version (version, name, readable_from, applied_by) VALUES ($1, $2, $3, $4)";
const INSERT_REGISTRY: &str = "INSERT INTO registry (id) VALUES ($1)";
/// The schema; our table in it; any other table in it.
const LOOK: &str = "SELECT to_regnamespace('epr_mcp') IS NOT NULL, \
    to_regclass('epr_mcp.schema_version') IS NOT NULL, EXISTS (SELECT FROM pg_catalog.pg_class \
    WHERE relnamespace = to_regnamespace('epr_mcp') AND relkind IN ('r', 'p', 'v', 'm'))";

/// What a database has of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Schema {
    /// Whether the schema is there.
    pub(super) exists: bool,
    /// Its version; 0 if there is nothing of ours.
    pub(super) version: i64,
    /// Whether there is something of ours.
    pub(super) made: bool,
    readable_from: i64,
}

/// Looks; refuses a schema of this name that is not ours, and one that is too new.
pub(super) async fn schema(line: &mut Line) -> Result<Schema> {
    let row = line.one("read the schema", LOOK, Vec::new()).await?;
    let (exists, made, taken) = (row.bool(0)?, row.bool(1)?, row.bool(2)?);
    if !made {
        if taken {
            return Err(StoreError::unavailable(
                "the schema epr_mcp of this database is not that of a registry",
                "Use another database with EPR_DB (--db).",
            ));
        }
        return Ok(Schema {
            exists,
            ..Schema::default()
        });
    }
    let row = line
        .one("read the schema version", VERSION, Vec::new())
        .await?;
    let found = Schema {
        exists,
        made,
        version: row.int(0)?,
        readable_from: row.int(1)?,
    };
    check_readable(found.version, found.readable_from)?;
    Ok(found)
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
            "Update epr-mcp, or use another database with EPR_DB (--db).",
        ));
    }
    Ok(())
}

/// Brings the database up to this binary's schema.
pub(super) async fn migrate(line: &mut Line, registry_id: &str) -> Result<()> {
    const DOING: &str = "migrate the database";
    line.command(DOING, statements::BEGIN_TO_LOOK).await?;
    let mut found = schema(line).await?;
    if !found.exists {
        line.command(DOING, CREATE_SCHEMA).await?;
    }
    line.command(DOING, CREATE_VERSION_TABLE).await?;
    for migration in MIGRATIONS {
        if migration.version <= found.version {
            continue;
        }
        line.command(DOING, migration.sql).await?;
        let args = vec![
            Arg::Int(migration.version),
            Arg::Text(migration.name.to_owned()),
            Arg::Int(migration.readable_from),
            Arg::Text(env!("CARGO_PKG_VERSION").to_owned()),
        ];
        line.change(DOING, INSERT_VERSION, args, 1).await?;
        if migration.version == 1 {
            let args = vec![Arg::Text(registry_id.to_owned())];
            line.change(DOING, INSERT_REGISTRY, args, 1).await?;
        }
        found.version = migration.version;
        tracing::info!(
            version = migration.version,
            name = migration.name,
            "migrated the database"
        );
    }
    line.command(DOING, "COMMIT").await?;
    Ok(())
}
