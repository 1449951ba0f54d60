//! Databases of three sizes, built once and kept beside the compiled program.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use async_trait::async_trait;
use epr_mcp::domain::id::{IdSource, UlidSource};
use epr_mcp::domain::schema::Documents;
use epr_mcp::domain::time::{Clock, SteppingClock, SystemClock, Timestamp};
use epr_mcp::limits;
use epr_mcp::registry::{Opener, Parts, Registry};
use epr_mcp::store::postgres::{PostgresOptions, PostgresSettings, PostgresStore};
use epr_mcp::store::sqlite::{self, Durability, SqliteOptions, SqliteStore};
use epr_mcp::store::{Store, StoreError};
use sha2::{Digest as _, Sha256};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};

use super::bulk;
use super::world::{self, Deliveries};

pub(crate) const SMALL: usize = 10_000;
const MEDIUM: usize = 100_000;
pub(crate) const LARGE: usize = 1_000_000;
/// Increase it when other rows are generated.
pub(crate) const GENERATION: u32 = 1;
/// What the events are spread over. Shorter than any retention, so that nothing is deleted.
pub(crate) const SPAN_MICROS: i64 = 60 * 86_400 * 1_000_000;

/// Where the databases are. Those that are measured read-only are used in place.
#[derive(Debug)]
pub(crate) struct Databases {
    pub(crate) folder: PathBuf,
    /// 10,000 events.
    pub(crate) small: PathBuf,
    /// 100,000 events.
    pub(crate) medium: PathBuf,
    /// 1,000,000 events, if it was asked for.
    pub(crate) large: PathBuf,
    /// What all of them depend on.
    key: String,
}

impl Databases {
    /// Builds what is missing.
    pub(crate) async fn prepare(with_large: bool) -> anyhow::Result<Self> {
        let folder = target().join("bench-data");
        fs::create_dir_all(&folder)?;
        let key = key(&folder).await?;
        let path = |name: &str| folder.join(format!("{name}-{key}.db"));
        let databases = Self {
            small: path("small"),
            medium: path("medium"),
            large: path("large"),
            folder: folder.clone(),
            key,
        };
        databases.drop_others()?;
        build(&databases.small, SMALL).await?;
        build(&databases.medium, MEDIUM).await?;
        if with_large {
            build(&databases.large, LARGE).await?;
        }
        Ok(databases)
    }

    /// Databases of other schemas are of no more use.
    fn drop_others(&self) -> anyhow::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let own = path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().contains(&self.key));
            if !own && path.is_file() {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// A database of so many events of pipeline runs; built if it is missing.
    pub(crate) async fn runs(&self, events: usize) -> anyhow::Result<PathBuf> {
        let name = |generation| format!("runs-{generation}-");
        let own = name(bulk::GENERATION);
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let old = path.file_name().is_some_and(|file| {
                let file = file.to_string_lossy();
                file.starts_with("runs-") && !file.starts_with(&own)
            });
            if old {
                fs::remove_file(path)?;
            }
        }
        let path = self.folder.join(format!("{own}{events}-{}.db", self.key));
        if !path.exists() {
            bulk::build(&path, events).await?;
        }
        Ok(path)
    }

    /// A folder that goes when it is dropped, on the same disk.
    pub(crate) fn scratch(&self) -> anyhow::Result<tempfile::TempDir> {
        Ok(tempfile::tempdir_in(&self.folder)?)
    }
}

/// The target directory of this build.
pub(crate) fn target() -> PathBuf {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    scratch.parent().unwrap_or(scratch).to_owned()
}

/// Tells databases of one schema and generation from others.
async fn key(folder: &Path) -> anyhow::Result<String> {
    let scratch = tempfile::tempdir_in(folder)?;
    let path = scratch.path().join("empty.db");
    open_store(&path).await?.close().await;
    let mut connection = connect(&path, SqliteSynchronous::Normal).connect().await?;
    let rows = sqlx::query("SELECT coalesce(sql, '') FROM sqlite_schema ORDER BY name")
        .fetch_all(&mut connection)
        .await?;
    let mut hash = Sha256::new();
    hash.update(GENERATION.to_be_bytes());
    for row in rows {
        hash.update(row.try_get::<String, _>(0)?);
    }
    let digest: String = hash
        .finalize()
        .iter()
        .take(4)
        .map(|b| format!("{b:02x}"))
        .collect();
    Ok(format!("v{}-{digest}", sqlite::built_for()))
}

/// A connection as plain programs have it.
pub(crate) fn connect(path: &Path, synchronous: SqliteSynchronous) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::from_millis(limits::SQLITE_BUSY_MILLIS))
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .foreign_keys(true)
        .pragma("cache_size", format!("-{}", limits::SQLITE_CACHE_KIB))
        .disable_statement_logging()
}

/// Opens a database as the server does.
pub(crate) async fn open_store(path: &Path) -> anyhow::Result<SqliteStore> {
    let ids = UlidSource::new(SystemClock);
    let store = sqlite::open(&SqliteOptions::new(path), &ids).await;
    store.with_context(|| format!("{} cannot be opened", path.display()))
}

/// Where a registry is.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    File(SqliteOptions),
    Postgres(Box<PostgresOptions>),
}

impl Place {
    /// A file with the default settings.
    pub(crate) fn file(path: &Path) -> Self {
        Self::File(SqliteOptions::new(path))
    }

    /// A PostgreSQL database.
    pub(crate) fn postgres(url: &str) -> anyhow::Result<Self> {
        let options = PostgresOptions::parse(url, &PostgresSettings::default());
        options
            .map(|options| Self::Postgres(Box::new(options)))
            .map_err(anyhow::Error::msg)
    }
}

/// Opens one.
#[derive(Debug)]
struct Opening {
    place: Place,
    ids: Arc<dyn IdSource>,
}

#[async_trait]
impl Opener for Opening {
    async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        match &self.place {
            Place::File(options) => SqliteStore::open_shared(options, self.ids.as_ref()).await,
            Place::Postgres(options) => {
                PostgresStore::open_shared(options, self.ids.as_ref()).await
            }
        }
    }

    fn location(&self) -> String {
        "the benchmark's".to_owned()
    }
}

/// A registry as the server has it.
pub(crate) fn open_registry(place: Place, clock: Arc<dyn Clock>) -> Registry {
    let ids = Arc::new(UlidSource::new(SystemClock));
    Registry::new(Parts {
        opener: Arc::new(Opening {
            place,
            ids: ids.clone(),
        }),
        clock,
        ids,
        documents: Documents::built_in(),
        announce: false,
        refuse_secrets: false,
    })
}

/// Builds a database of so many events, unless it is there.
async fn build(path: &Path, events: usize) -> anyhow::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let begun = Instant::now();
    let part = fresh(path)?;
    let options = SqliteOptions {
        durability: Durability::Normal,
        ..SqliteOptions::new(&part)
    };
    fill(Place::File(options), events).await?;
    checkpoint(&part).await?;
    fs::rename(&part, path)?;
    let seconds = begun.elapsed().as_secs_f64();
    let bytes = fs::metadata(path)?.len() / 1_000_000;
    println!("Built {events} events in {seconds:.0} s ({bytes} MB).");
    Ok(())
}

/// Where a database is built that becomes this file; what was left there is removed.
pub(crate) fn fresh(path: &Path) -> anyhow::Result<PathBuf> {
    for suffix in ["part", "part-wal", "part-shm"] {
        let old = path.with_extension(suffix);
        if old.exists() {
            fs::remove_file(old)?;
        }
    }
    Ok(path.with_extension("part"))
}

/// Records so many events in a new registry.
pub(crate) async fn fill(place: Place, events: usize) -> anyhow::Result<()> {
    let step = SPAN_MICROS / events as i64;
    let from = SystemClock.now().plus_micros(-SPAN_MICROS);
    // The log's time does not step back: what is defined must be older than the events.
    let earlier = SteppingClock::new(from.plus_micros(-3_600_000_000), 1);
    let registry = open_registry(place, Arc::new(earlier));
    let receivers = world::define(&registry).await?;
    let store = registry.store().await?;
    let ids = UlidSource::new(SteppingClock::new(from, step));
    let mut deliveries = Deliveries::new(receivers, ids, events);
    let mut waiting = Vec::with_capacity(limits::BATCH_COMMANDS);
    let mut written = 0;
    while written < events {
        while waiting.len() < limits::BATCH_COMMANDS.min(events - written) {
            waiting.push(deliveries.command());
        }
        let now = Timestamp::from_micros(from.as_micros() + written as i64 * step);
        let decided = store.write(&waiting, now).await?;
        written += decided.len();
        waiting.drain(..decided.len());
        for decided in decided {
            decided
                .map_err(|refusal| anyhow::anyhow!("a generated event was refused: {refusal}"))?;
        }
    }
    registry.close().await;
    Ok(())
}

/// Leaves everything in the one file.
pub(crate) async fn checkpoint(path: &Path) -> anyhow::Result<()> {
    let mut connection: SqliteConnection = connect(path, SqliteSynchronous::Full).connect().await?;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    Ok(())
}
