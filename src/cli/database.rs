//! The configured database, whichever engine it is of.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::config::{self, JournalMode, Options, Synchronous};
use crate::domain::id::IdSource;
use crate::registry::Opener;
use crate::store::postgres::{self, PostgresOptions, PostgresSettings, PostgresStore};
use crate::store::sqlite::{self, Durability, Journal, SqliteOptions, SqliteStore};
use crate::store::{Inspected, Store, StoreError};

/// A database and how it is to be opened.
#[derive(Debug, Clone)]
pub(super) enum Database {
    Sqlite(SqliteOptions),
    Postgres(Box<PostgresOptions>),
}

/// That of the settings.
pub(super) fn configured(options: &Options) -> anyhow::Result<Database> {
    match options.database()? {
        config::Database::Sqlite(path) => {
            let mut sqlite = SqliteOptions::new(config::absolute(&path));
            if options.sqlite_synchronous == Some(Synchronous::Normal) {
                sqlite.durability = Durability::Normal;
            }
            sqlite.journal = match options.sqlite_journal {
                None | Some(JournalMode::Auto) => Journal::Auto,
                Some(JournalMode::Wal) => Journal::Wal,
                Some(JournalMode::Rollback) => Journal::Rollback,
            };
            Ok(Database::Sqlite(sqlite))
        }
        config::Database::Postgres(url) => {
            let settings = PostgresSettings {
                password_file: options
                    .db_password_file
                    .clone()
                    .filter(|file| !file.as_os_str().is_empty()),
                connections: options.db_connections,
                patience: options.db_patience.map(Duration::from_secs),
            };
            let postgres = PostgresOptions::parse(&url, &settings)
                .map_err(|error| anyhow::anyhow!("EPR_DB (--db): {error}"))?;
            Ok(Database::Postgres(Box::new(postgres)))
        }
    }
}

impl Database {
    /// The same, to be brought up to date when it is opened.
    pub(super) fn migrating(mut self) -> Self {
        if let Self::Postgres(options) = &mut self {
            options.migrate = true;
        }
        self
    }

    /// The same, for a process that asks one question at a time and ends.
    pub(super) fn briefly(mut self) -> Self {
        if let Self::Sqlite(options) = &mut self {
            options.one_connection = true;
        }
        self
    }

    /// Where it is, without a password.
    pub(super) fn location(&self) -> String {
        match self {
            Self::Sqlite(options) => options.path.display().to_string(),
            Self::Postgres(options) => options.location().to_owned(),
        }
    }

    /// Opens it.
    pub(super) async fn open(&self, ids: &dyn IdSource) -> Result<Arc<dyn Store>, StoreError> {
        match self {
            Self::Sqlite(options) => SqliteStore::open_shared(options, ids).await,
            Self::Postgres(options) => PostgresStore::open_shared(options, ids).await,
        }
    }

    /// What can be told of it without changing it.
    pub(super) async fn inspect(&self) -> Result<Inspected, StoreError> {
        match self {
            Self::Sqlite(options) => Ok(Inspected {
                version: sqlite::inspect(options).await?,
                may_make: true,
                warnings: Vec::new(),
            }),
            Self::Postgres(options) => postgres::inspect(options).await,
        }
    }

    /// The schema that this binary is built for.
    pub(super) fn built_for(&self) -> i64 {
        match self {
            Self::Sqlite(_) => sqlite::built_for(),
            Self::Postgres(_) => postgres::built_for(),
        }
    }

    /// Copies it to a new file; says what was made.
    pub(super) async fn backup(&self, to: &std::path::Path) -> Result<String, StoreError> {
        match self {
            Self::Sqlite(options) => sqlite::backup(options, to).await,
            Self::Postgres(options) => postgres::backup(options, to).await,
        }
    }
}

/// What went wrong, with what to do about it.
pub(super) fn told(error: StoreError) -> anyhow::Error {
    match error {
        StoreError::Unavailable { why, hint } => {
            anyhow::anyhow!("the database cannot be used: {why}. {hint}")
        }
        error => error.into(),
    }
}

/// Opens a database when it is first needed.
#[derive(Debug)]
pub(super) struct DatabaseOpener {
    pub(super) database: Database,
    pub(super) ids: Arc<dyn IdSource>,
}

#[async_trait]
impl Opener for DatabaseOpener {
    async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        self.database.open(self.ids.as_ref()).await
    }

    fn location(&self) -> String {
        self.database.location()
    }
}
