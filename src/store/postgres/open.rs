//! Opening a registry in a PostgreSQL database: the server, the schema, what stands beside it.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::PostgresStore;
use super::lines;
use super::migrate::{self, built_for};
use super::options::PostgresOptions;
use super::session::Line;
use super::statements;
use super::writing::Writing;
use crate::domain::id::IdSource;
use crate::store::sql::{Columns as _, Session as _};
use crate::store::wake::Wakes;
use crate::store::{Inspected, Result, Store, StoreError, StoreInfo};

/// The oldest server that this engine is for.
const OLDEST: i64 = 150_000;

/// Version, encoding, whether it is a standby, whether commits are flushed, and the tables of an
/// existing EPR, by the names that its object mapper gives them.
const SURROUNDINGS: &str = "SELECT current_setting('server_version_num')::bigint, current_setting('server_version'), \
    current_setting('server_encoding'), pg_is_in_recovery(), current_setting('fsync') = 'on', \
    (SELECT string_agg(n.nspname || '.' || c.relname, ', ' ORDER BY c.relname) FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'epr_mcp' \
    AND c.relname IN ('event_receivers', 'event_receiver_groups', 'event_receiver_group_to_event_receivers'))";

/// Whether this user may make the schema, or fill it where it is there.
const MAY_MAKE: &str = "SELECT coalesce(has_schema_privilege(to_regnamespace('epr_mcp'), 'CREATE'), \
    has_database_privilege(current_database(), 'CREATE'))";

#[derive(Debug)]
struct Surroundings {
    version: String,
    warnings: Vec<String>,
}

/// Opens the registry. In a database without one it is made; an older one is refused unless the options
/// say to bring it up to date.
pub async fn open(options: &PostgresOptions, ids: &dyn IdSource) -> Result<PostgresStore> {
    let mut line = Line::connect(options).await?;
    let surroundings = surroundings(&mut line, options).await?;
    let mut schema = migrate::schema(&mut line).await?;
    if schema.version < built_for() {
        if schema.made && !options.migrate {
            return Err(StoreError::unavailable(
                format!(
                    "its schema is {} and this version is built for {}",
                    schema.version,
                    built_for()
                ),
                "Run `epr-mcp migrate` once, with a user that owns the schema epr_mcp.",
            ));
        }
        migrate::migrate(&mut line, &ids.next().to_string()).await?;
        schema = migrate::schema(&mut line).await?;
    }
    let row = line
        .one("read the registry", statements::REGISTRY_ID, Vec::new())
        .await?;
    let readers = lines::pool(options)?;
    tokio::spawn(lines::tidy(readers.clone()));
    Ok(PostgresStore {
        info: StoreInfo {
            engine: "postgresql",
            engine_version: surroundings.version,
            location: options.location().to_owned(),
            schema_version: schema.version,
            registry_id: row.text(0)?.to_owned(),
            ephemeral: None,
            warnings: surroundings.warnings,
        },
        options: options.clone(),
        writer: Mutex::new(Writing::new(options.clone(), line)),
        readers,
        wakes: Wakes::new(),
    })
}

async fn surroundings(line: &mut Line, options: &PostgresOptions) -> Result<Surroundings> {
    let row = line
        .one("look at the server", SURROUNDINGS, Vec::new())
        .await?;
    let version = row.text(1)?.to_owned();
    if row.int(0)? < OLDEST {
        return Err(StoreError::unavailable(
            format!("the server is PostgreSQL {version}; 15 or later is needed"),
            "Use a newer server.",
        ));
    }
    let encoding = row.text(2)?;
    if encoding != "UTF8" {
        return Err(StoreError::unavailable(
            format!("the database keeps text as {encoding}"),
            "Create one with ENCODING 'UTF8' (CREATE DATABASE … TEMPLATE template0), and name it with EPR_DB (--db).",
        ));
    }
    let mut warnings = Vec::new();
    if row.bool(3)? {
        warnings.push(
            "The server is a standby: it can be read, and every write is refused.".to_owned(),
        );
    }
    if !row.bool(4)? {
        warnings.push(
            "The server runs with fsync off: a power cut may damage the registry.".to_owned(),
        );
    }
    if let Some(tables) = row.text_or_null(5)? {
        warnings.push(format!(
            "The database also holds the tables of an existing EPR ({tables}). They are neither read nor changed: this \
             registry is in the schema epr_mcp."
        ));
    }
    if !options.is_local() && !options.verifies() {
        warnings.push(
            "The server's certificate is not checked: whoever stands between could read and change what is sent. \
             Add ?sslmode=verify-full to EPR_DB (--db)."
                .to_owned(),
        );
    }
    Ok(Surroundings { version, warnings })
}

/// What `doctor` and `migrate` can tell of a database without changing it. One that is no place for a
/// registry is refused.
pub async fn inspect(options: &PostgresOptions) -> Result<Inspected> {
    let mut line = Line::connect(options).await?;
    let surroundings = surroundings(&mut line, options).await?;
    let found = migrate::schema(&mut line).await?;
    let row = line.one("look at the rights", MAY_MAKE, Vec::new()).await?;
    let may_make = row.bool(0)?;
    line.close().await;
    Ok(Inspected {
        version: found.version,
        may_make,
        warnings: surroundings.warnings,
    })
}

impl PostgresStore {
    /// Opens as a shared trait object.
    pub async fn open_shared(
        options: &PostgresOptions,
        ids: &dyn IdSource,
    ) -> Result<Arc<dyn Store>> {
        Ok(Arc::new(open(options, ids).await?))
    }
}
