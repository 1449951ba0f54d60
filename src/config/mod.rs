//! Settings: flags over environment over a TOML file over defaults. Environment names follow the
//! existing EPR server where it has one.
//!
//! A setting is one field of [`Options`]; its doc comment is the reference that `--help` and
//! `docs/CONFIGURATION.md` show.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, ValueEnum};
use serde::Deserialize;

/// Settings that every command knows.
#[derive(Clone, Default, Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The database: a file path, sqlite://PATH, or postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full.
    /// Default: epr.db in the platform's data folder
    #[arg(
        long,
        global = true,
        env = "EPR_DB",
        hide_env_values = true,
        value_name = "PATH or URL",
        help_heading = "Database"
    )]
    pub db: Option<String>,

    /// PostgreSQL: a file that holds the password; it is read again for each new connection. Otherwise
    /// the password comes from the URL, PGPASSWORD or ~/.pgpass
    #[arg(
        long,
        global = true,
        env = "EPR_DB_PASSWORD_FILE",
        value_name = "FILE",
        value_parser = OsStringValueParser::new().map(PathBuf::from),
        help_heading = "Database"
    )]
    pub db_password_file: Option<PathBuf>,

    /// PostgreSQL: connections of this process at most, 3 or more. Default: 10
    #[arg(
        long,
        global = true,
        env = "EPR_DB_CONNECTIONS",
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(3..),
        help_heading = "Database"
    )]
    pub db_connections: Option<u32>,

    /// PostgreSQL: seconds that an answer of the server is waited for. Default: 15
    #[arg(
        long,
        global = true,
        env = "EPR_DB_PATIENCE",
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..),
        help_heading = "Database"
    )]
    pub db_patience: Option<u64>,

    /// What an acknowledged event survives: a power cut (full), or only the end of the process
    /// (normal, faster). Default: full
    #[arg(
        long,
        global = true,
        env = "EPR_SQLITE_SYNCHRONOUS",
        value_enum,
        help_heading = "Database"
    )]
    pub sqlite_synchronous: Option<Synchronous>,

    /// How SQLite keeps transactions: a write-ahead log (wal), a rollback journal (rollback), or
    /// whichever the file system allows (auto). Default: auto
    #[arg(
        long,
        global = true,
        env = "EPR_SQLITE_JOURNAL",
        value_enum,
        help_heading = "Database"
    )]
    pub sqlite_journal: Option<JournalMode>,

    /// A folder of JSON Schema documents that the $refs of receivers' schemas may name by $id; read
    /// once at the start, symbolic links are not followed
    #[arg(
        long,
        global = true,
        env = "EPR_SCHEMA_DIR",
        value_name = "DIR",
        value_parser = OsStringValueParser::new().map(PathBuf::from),
        help_heading = "Database"
    )]
    pub schema_dir: Option<PathBuf>,

    /// What to do with a payload that holds a known kind of secret (a private key, a token): record it
    /// and say so (warn), or refuse it (refuse). Default: warn
    #[arg(
        long,
        global = true,
        env = "EPR_PAYLOAD_SECRETS",
        value_enum,
        help_heading = "Recording"
    )]
    pub payload_secrets: Option<PayloadSecrets>,

    /// Days that messages stay in the log. Default: 90
    #[arg(
        long,
        global = true,
        env = "EPR_RETAIN_MESSAGES",
        value_name = "DAYS",
        help_heading = "Retention"
    )]
    pub retain_messages: Option<u32>,

    /// Days that the audit trail is kept. Default: 400
    #[arg(
        long,
        global = true,
        env = "EPR_RETAIN_AUDIT",
        value_name = "DAYS",
        help_heading = "Retention"
    )]
    pub retain_audit: Option<u32>,

    /// Days that idempotency keys are remembered. Default: 30
    #[arg(
        long,
        global = true,
        env = "EPR_RETAIN_IDEMPOTENCY_KEYS",
        value_name = "DAYS",
        help_heading = "Retention"
    )]
    pub retain_idempotency_keys: Option<u32>,

    /// Log messages of this level and above, to stderr: error, warn, info, debug, trace, or a
    /// filter such as epr_mcp=debug. Default: warn
    #[arg(
        long,
        global = true,
        env = "EPR_LOG",
        value_name = "LEVEL",
        help_heading = "Logging"
    )]
    pub log: Option<String>,

    /// The form of log lines. Default: text
    #[arg(
        long,
        global = true,
        env = "EPR_LOG_FORMAT",
        value_enum,
        help_heading = "Logging"
    )]
    pub log_format: Option<LogFormat>,

    /// A TOML file with settings, named as the flags with _ for -
    #[arg(
        long,
        global = true,
        env = "EPR_CONFIG",
        value_name = "FILE",
        value_parser = OsStringValueParser::new().map(PathBuf::from)
    )]
    #[serde(skip)]
    pub config: Option<PathBuf>,
}

/// Without what may hold a password.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").finish_non_exhaustive()
    }
}

/// `--sqlite-synchronous`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Synchronous {
    /// Survives a power cut.
    Full,
    /// Survives the end of the process.
    Normal,
}

/// `--sqlite-journal`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JournalMode {
    /// As the file system allows.
    Auto,
    /// A write-ahead log.
    Wal,
    /// A rollback journal.
    Rollback,
}

/// `--payload-secrets`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PayloadSecrets {
    /// Recorded, with a warning.
    Warn,
    /// Refused.
    Refuse,
}

/// `--log-format`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the settings file {} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not as it must be.
    #[error("the settings file {} is not valid: line {line}: {why}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Where: the line itself may hold a password and is not shown.
        line: usize,
        /// Why.
        why: String,
    },
    /// A setting that this version does not know what to do with.
    #[error("{0}")]
    Unsupported(String),
    /// There is no place for the default database.
    #[error("no home folder was found for the default database: name a file with --db")]
    NoHome,
}

impl Options {
    /// Fills what neither flags nor environment say from the settings file.
    #[expect(clippy::disallowed_methods, reason = "runs before the runtime does")]
    pub fn with_file(self) -> Result<Self, ConfigError> {
        // A variable that is set to nothing says nothing.
        let named = |path: &PathBuf| !path.as_os_str().is_empty();
        let Some(path) = self.config.clone().filter(named) else {
            return Ok(self);
        };
        let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::Unreadable {
            path: path.clone(),
            source,
        })?;
        let file: Self = toml::from_str(&text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            ConfigError::Invalid {
                path,
                line: before.map_or(1, |before| before.matches('\n').count() + 1),
                why: error.message().to_owned(),
            }
        })?;
        Ok(Self {
            db: self.db.or(file.db),
            db_password_file: self.db_password_file.or(file.db_password_file),
            db_connections: self.db_connections.or(file.db_connections),
            db_patience: self.db_patience.or(file.db_patience),
            sqlite_synchronous: self.sqlite_synchronous.or(file.sqlite_synchronous),
            sqlite_journal: self.sqlite_journal.or(file.sqlite_journal),
            schema_dir: self.schema_dir.or(file.schema_dir),
            payload_secrets: self.payload_secrets.or(file.payload_secrets),
            retain_messages: self.retain_messages.or(file.retain_messages),
            retain_audit: self.retain_audit.or(file.retain_audit),
            retain_idempotency_keys: self
                .retain_idempotency_keys
                .or(file.retain_idempotency_keys),
            log: self.log.or(file.log),
            log_format: self.log_format.or(file.log_format),
            config: self.config,
        })
    }

    /// Where the database is.
    pub fn database(&self) -> Result<Database, ConfigError> {
        match self
            .db
            .as_deref()
            .map(str::trim)
            .filter(|db| !db.is_empty())
        {
            None => default_database()
                .map(Database::Sqlite)
                .ok_or(ConfigError::NoHome),
            Some(db) => parse_database(db),
        }
    }
}

/// Where a registry is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// In a SQLite file.
    Sqlite(PathBuf),
    /// In the PostgreSQL database of this URL.
    Postgres(String),
}

fn parse_database(db: &str) -> Result<Database, ConfigError> {
    if ["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| db.starts_with(scheme))
    {
        return Ok(Database::Postgres(db.to_owned()));
    }
    // What is nearly a URL, or is what libpq takes, is no file.
    let like = |begin: &str| {
        db.get(..begin.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(begin))
    };
    if like("postgres:") || like("postgresql:") || (like("host=") || db.contains(" dbname=")) {
        return Err(ConfigError::Unsupported(
            "the database is named neither by a path nor by a URL: write postgres://USER@HOST:PORT/DATABASE"
                .to_owned(),
        ));
    }
    let path = db
        .strip_prefix("sqlite://")
        .or_else(|| db.strip_prefix("sqlite:"))
        .unwrap_or(db);
    if path.contains("://") {
        return Err(ConfigError::Unsupported(format!(
            "the database {} is neither a path nor sqlite://PATH nor postgres://…",
            path.split_once("://").map_or(path, |(scheme, _)| scheme)
        )));
    }
    if path.is_empty() || path == ":memory:" {
        return Err(ConfigError::Unsupported(
            "an in-memory database would lose every event; name a file (for a try, `epr-mcp stdio --demo`)".to_owned(),
        ));
    }
    Ok(Database::Sqlite(PathBuf::from(path)))
}

/// `epr.db` in the platform's data folder.
pub fn default_database() -> Option<PathBuf> {
    let dirs = directories::ProjectDirs::from("", "", "epr-mcp")?;
    Some(dirs.data_local_dir().join("epr.db"))
}

/// The absolute form of a path, for what is shown and written.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_a_path_or_a_url() {
        let file = Database::Sqlite(PathBuf::from("/a/b.db"));
        assert_eq!(parse_database("/a/b.db").unwrap(), file);
        assert_eq!(parse_database("sqlite:///a/b.db").unwrap(), file);
        assert_eq!(
            parse_database("postgres://localhost:5432").unwrap(),
            Database::Postgres("postgres://localhost:5432".to_owned())
        );
        for bad in [
            "mysql://x",
            "postgres:/localhost/db",
            "host=localhost dbname=epr",
            ":memory:",
            "sqlite://",
        ] {
            assert!(parse_database(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn flags_beat_the_file_and_unknown_keys_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("epr.toml");
        std::fs::write(&path, "db = \"/from/file.db\"\nlog = \"debug\"\n").unwrap();
        let flags = Options {
            db: Some("/from/flag.db".into()),
            config: Some(path.clone()),
            ..Options::default()
        };
        let options = flags.clone().with_file().unwrap();
        assert_eq!(
            (options.db.as_deref(), options.log.as_deref()),
            (Some("/from/flag.db"), Some("debug"))
        );
        std::fs::write(&path, "dbb = 1\n").unwrap();
        let error = flags.clone().with_file().unwrap_err().to_string();
        assert!(error.contains("dbb"), "{error}");
        std::fs::write(
            &path,
            "log = \"info\"\ndb = \"postgres://u:s3\\cret@h/d\"\n",
        )
        .unwrap();
        let error = flags.with_file().unwrap_err().to_string();
        assert!(
            error.contains("line 2") && !error.contains("cret"),
            "{error}"
        );
    }
}
