//! Opening a SQLite file: its folder, its journal, its schema, its surroundings.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection};
use tokio::sync::Mutex;

use super::errors::{Doing, is_busy};
use super::mounts::Container;
use super::writing::Writing;
use super::{SqliteStore, environment, migrate, permission, statements};
use crate::domain::id::IdSource;
use crate::limits;
use crate::store::sql::Columns as _;
use crate::store::wake::Wakes;
use crate::store::{Result, StoreError, StoreInfo};

/// How much an acknowledged write survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// A power cut.
    #[default]
    Full,
    /// The end of the process; a power cut may take the last commits.
    Normal,
}

/// How the file keeps its transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Journal {
    /// A write-ahead log, or a rollback journal where the file system does not allow one.
    #[default]
    Auto,
    /// A write-ahead log.
    Wal,
    /// A rollback journal.
    Rollback,
}

/// How to open a file.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The file; it and its folder are made when they are missing.
    pub path: PathBuf,
    /// How much an acknowledged write survives.
    pub durability: Durability,
    /// How the file keeps its transactions.
    pub journal: Journal,
    /// The database goes with the process: a demonstration.
    pub throw_away: bool,
    /// For a process that does one thing after the other and ends: the connection that writes reads
    /// too. A second one costs as much as what such a process does with it.
    pub one_connection: bool,
}

impl SqliteOptions {
    /// A file with the default settings.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            durability: Durability::Full,
            journal: Journal::Auto,
            throw_away: false,
            one_connection: false,
        }
    }

    pub(super) fn connect(&self) -> SqliteConnectOptions {
        let synchronous = match self.durability {
            Durability::Full => SqliteSynchronous::Full,
            Durability::Normal => SqliteSynchronous::Normal,
        };
        SqliteConnectOptions::new()
            .filename(&self.path)
            .busy_timeout(Duration::from_millis(limits::SQLITE_BUSY_MILLIS))
            .synchronous(synchronous)
            .foreign_keys(true)
            .pragma("cache_size", format!("-{}", limits::SQLITE_CACHE_KIB))
            .pragma("temp_store", "MEMORY")
            .pragma(
                "wal_autocheckpoint",
                limits::SQLITE_CHECKPOINT_PAGES.to_string(),
            )
            .statement_cache_capacity(statements_kept())
            .disable_statement_logging()
    }
}

/// Every statement of this engine fits.
const fn statements_kept() -> usize {
    100
}

/// Opens the file and brings it up to this binary's schema.
pub async fn open(options: &SqliteOptions, ids: &dyn IdSource) -> Result<SqliteStore> {
    permission::explained(opened(options, ids).await, &options.path).await
}

async fn opened(options: &SqliteOptions, ids: &dyn IdSource) -> Result<SqliteStore> {
    let path = &options.path;
    let looked = path.clone();
    let looked = tokio::task::spawn_blocking(move || environment::look(&looked)).await;
    let looked = looked.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    let environment::Surroundings {
        place,
        container,
        writable,
        identity,
    } =
        match looked {
            Ok(looked) => looked,
            Err(error) => {
                let what = format!("the folder of {} cannot be made", path.display());
                return Err(permission::because(what, path).await.unwrap_or_else(|what| {
                StoreError::unavailable(
                    format!("{what}: {error}"),
                    "Use another path with --db, or make the folder writable for this user.",
                )
            }));
            }
        };
    let wal = match options.journal {
        Journal::Wal => true,
        Journal::Rollback => false,
        Journal::Auto => place.remote.is_none(),
    };
    let mut connection = connect(options, true).await?;
    let mut schema = migrate::schema(&mut connection).await?;
    migrate::check_readable(schema.version, schema.readable_from)?;
    let readers = SqlitePoolOptions::new()
        .max_connections(limits::SQLITE_READERS)
        .min_connections(0)
        .idle_timeout(Duration::from_secs(30))
        .acquire_timeout(Duration::from_secs(limits::WAIT_SECONDS))
        .test_before_acquire(false)
        .connect_lazy_with(options.connect().pragma("query_only", "ON"));
    let mut wal = wal;
    let mut registry = None;
    if schema.version == migrate::built_for() {
        registry = Some(identify(&mut connection).await?);
    }
    if writable {
        // Set, a journal costs a look at the file; the one that is there mostly is the right one.
        let right = registry.as_ref().is_some_and(|(_, is)| *is == wal);
        if !right {
            wal = set_journal(&mut connection, wal).await?;
        }
        if schema.version < migrate::built_for() {
            let id = ids.next().to_string();
            schema = migrate::migrate(&mut connection, schema, &id).await?;
        }
    }
    if schema.version < migrate::built_for() {
        return Err(StoreError::unavailable(
            format!(
                "the file {} is {} and read-only",
                path.display(),
                if schema.version == 0 {
                    "empty"
                } else {
                    "of an older version"
                }
            ),
            "Make it writable, or use another file with --db.",
        ));
    }
    // A connection to a file that may not be written is given up when a write was tried. Others that
    // share its memory stay able to write once the file is; opened afterwards they are not.
    let read = Arc::new(AtomicBool::new(!writable));
    // Not earlier: the journal cannot be changed while there is another connection.
    if !options.one_connection {
        let (warm, read) = (readers.clone(), read.clone());
        tokio::spawn(async move {
            if writable {
                // The first answers need the processors more.
                tokio::time::sleep(Duration::from_millis(limits::SQLITE_READER_MILLIS)).await;
            }
            drop(warm.acquire().await);
            read.store(true, Ordering::Relaxed);
        });
    }
    let registry_id = match registry {
        Some((id, _)) => id,
        None => identify(&mut connection).await?.0,
    };
    let mut warnings = Vec::new();
    if let Some(kind) = &place.remote {
        warnings.push(format!(
            "The database lies on {kind}, which several processes cannot share safely: it is used with {}. Use a {}.",
            if wal {
                "a write-ahead log, as it was found"
            } else {
                "a rollback journal, and slowly"
            },
            match container {
                None => "local disk",
                Some(Container::Plain) => "volume of the container engine (-v NAME:FOLDER)",
                Some(Container::Pod) => "volume on a block device",
            }
        ));
    }
    if options.durability == Durability::Normal {
        warnings.push(
            "With --sqlite-synchronous normal a power cut may take the last acknowledged events."
                .to_owned(),
        );
    }
    let identity = match identity {
        Some(identity) => Some(identity),
        None => environment::identity(path).await,
    };
    Ok(SqliteStore {
        info: StoreInfo {
            engine: "sqlite",
            engine_version: schema.engine,
            location: path.display().to_string(),
            schema_version: schema.version,
            registry_id,
            ephemeral: if options.throw_away {
                Some("it is a throw-away database that goes with this process".to_owned())
            } else {
                place.ephemeral
            },
            warnings,
        },
        path: path.clone(),
        identity,
        writer: Arc::new(Mutex::new(Writing::new(options.clone(), connection, wal))),
        readers,
        read,
        options: options.clone(),
        wakes: Wakes::new(),
    })
}

/// The id of the registry, and whether its journal is a write-ahead log.
async fn identify(connection: &mut SqliteConnection) -> Result<(String, bool)> {
    let row = sqlx::query(statements::REGISTRY_ID)
        .fetch_one(connection)
        .await
        .doing("read the registry")?;
    let wal = row.text(1)?.eq_ignore_ascii_case("wal");
    Ok((row.text(0)?.to_owned(), wal))
}

/// Opens a connection; `create` makes a file that is missing.
pub(super) async fn connect(options: &SqliteOptions, create: bool) -> Result<SqliteConnection> {
    let path = &options.path;
    options
        .connect()
        .create_if_missing(create)
        .connect()
        .await
        .doing("open the database")
        .map_err(|error| match error {
            StoreError::Unavailable { why, hint } => StoreError::Unavailable {
                why: format!("{why} ({})", path.display()),
                hint,
            },
            StoreError::Statement { source, .. } => StoreError::unavailable(
                format!("the file {} cannot be opened: {source}", path.display()),
                "Check the path and its permissions, or use another one with --db.",
            ),
            error => error,
        })
}

/// Sets the journal; a file that is in use keeps the one that it has. Tells whether it then is a
/// write-ahead log.
async fn set_journal(connection: &mut SqliteConnection, wal: bool) -> Result<bool> {
    let statement = if wal {
        "PRAGMA journal_mode = WAL"
    } else {
        "PRAGMA journal_mode = DELETE"
    };
    let begun = Instant::now();
    let mut set = sqlx::query(statement).fetch_one(&mut *connection).await;
    // SQLite does not wait for the lock that a change of the journal takes, whatever the busy
    // timeout: two processes that make a file at the same time meet here.
    while set.as_ref().is_err_and(is_busy) {
        if begun.elapsed() > Duration::from_millis(limits::SQLITE_BUSY_MILLIS) {
            set = sqlx::query("PRAGMA journal_mode")
                .fetch_one(&mut *connection)
                .await;
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        set = sqlx::query(statement).fetch_one(&mut *connection).await;
    }
    let row = set.doing("set the journal")?;
    let mode = row.text(0)?;
    let has_wal = mode.eq_ignore_ascii_case("wal");
    if has_wal != wal {
        tracing::warn!(%mode, "the database keeps its journal mode");
    }
    Ok(has_wal)
}

/// How long a connection waits inside SQLite for somebody else's lock.
pub(super) async fn set_busy_timeout(connection: &mut SqliteConnection, millis: u64) -> Result<()> {
    // A pragma takes no bound values; the text is a number of ours.
    let statement = sqlx::AssertSqlSafe(format!("PRAGMA busy_timeout = {millis}"));
    sqlx::query(statement)
        .execute(connection)
        .await
        .doing("set the wait for a lock")?;
    Ok(())
}

/// What `doctor` and `migrate` can tell of a file without changing it: its schema version, 0 for
/// a missing or empty file.
pub async fn inspect(options: &SqliteOptions) -> Result<i64> {
    let path = &options.path;
    if !tokio::fs::try_exists(path).await.unwrap_or(false) {
        let what = "it cannot be made".to_owned();
        return match permission::because(what, path).await {
            Ok(barred) => Err(barred),
            Err(_) => Ok(0),
        };
    }
    let connection = connect(options, false).await;
    let mut connection = permission::explained(connection, path).await?;
    let found = migrate::schema(&mut connection).await?;
    migrate::check_readable(found.version, found.readable_from)?;
    Ok(found.version)
}

impl SqliteStore {
    /// Opens as a shared trait object.
    pub async fn open_shared(
        options: &SqliteOptions,
        ids: &dyn IdSource,
    ) -> Result<Arc<dyn crate::store::Store>> {
        Ok(Arc::new(open(options, ids).await?))
    }
}
