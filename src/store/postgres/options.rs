//! Where the database is and how it is reached.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

use super::encryption::Encryption;
use crate::limits;
use crate::store::sql::Step;
use crate::store::{Result, StoreError};

/// How a PEM file begins.
const PEM: &[u8] = b"-----BEGIN ";

/// Every statement of this engine fits.
const STATEMENTS_KEPT: usize = 200;

/// One connection writes, one listens.
const BESIDE_READERS: usize = 2;

/// What an existing EPR uses when its settings do not say: `EPR_DB` has only host and port there.
const DEFAULT_NAME: &str = "postgres";

/// What a URL may say behind the `?`; anything else is refused, for to leave out, say, a demand on the
/// encryption would be worse than to fail.
const KNOWN: [&str; 13] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "host",
    "user",
    "dbname",
    "application_name",
];

/// What is set beside the URL.
#[derive(Debug, Clone, Default)]
pub struct PostgresSettings {
    /// A file that holds the password; read at each new connection, so that it can be changed.
    pub password_file: Option<PathBuf>,
    /// Connections of this process at most; at least three.
    pub connections: Option<u32>,
    /// The longest wait for one answer.
    pub patience: Option<Duration>,
}

/// How to reach a database.
#[derive(Clone)]
pub struct PostgresOptions {
    connect: PgConnectOptions,
    password_file: Option<PathBuf>,
    /// Certificates and keys, each with the parameter that names it.
    certificates: Vec<(&'static str, PathBuf)>,
    /// The URL without its password.
    location: String,
    /// Connections for reading at most.
    pub(super) readers: usize,
    /// The longest wait for one answer of the server.
    pub(super) patience: Duration,
    /// Whether an older schema is brought up to date.
    pub migrate: bool,
}

/// Without the password.
impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("location", &self.location)
            .finish_non_exhaustive()
    }
}

impl PostgresOptions {
    /// Reads a URL, `postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full`. What it leaves out comes
    /// from libpq's variables (`PGHOST`, `PGUSER`, `PGPASSWORD`, `PGSSLMODE`…), the password also from
    /// the password file of libpq (`~/.pgpass`, `PGPASSFILE`); user and database are `postgres` at last.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words that do not repeat a password.
    pub fn parse(url: &str, settings: &PostgresSettings) -> std::result::Result<Self, String> {
        let mut url = Url::parse(url).map_err(|error| {
            format!(
                "the database URL is not valid ({error}); write postgres://USER@HOST:PORT/DATABASE, with special \
                 characters percent-encoded"
            )
        })?;
        for (key, _) in url.query_pairs() {
            if !KNOWN.contains(&key.as_ref()) {
                return Err(format!(
                    "the database URL has the parameter {key}, which this program does not know; it knows sslmode, \
                     sslrootcert, sslcert, sslkey, host, user, dbname and application_name. Remove it, or set \
                     the like with the settings of this program"
                ));
            }
        }
        let says = |key: &str| url.query_pairs().any(|(k, _)| k == key);
        let has = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let no_user = url.username().is_empty() && !says("user") && !has("PGUSER");
        let no_database =
            url.path().trim_start_matches('/').is_empty() && !says("dbname") && !has("PGDATABASE");
        if no_user {
            url.query_pairs_mut().append_pair("user", DEFAULT_NAME);
        }
        if no_database {
            url.query_pairs_mut().append_pair("dbname", DEFAULT_NAME);
        }
        if url.host_str().is_some_and(|host| host.contains(',')) {
            return Err(
                "the database URL names several servers; this program takes one: the primary, or a name that \
                 leads to it"
                    .to_owned(),
            );
        }
        let encryption = Encryption::of(&url)?;
        if url.password().is_some() && settings.password_file.is_some() {
            return Err(
                "the database URL has a password and a password file is set too: keep one of them"
                    .to_owned(),
            );
        }
        let connect = PgConnectOptions::from_str(url.as_str())
            .map_err(|error| format!("the database URL cannot be used: {error}"))?;
        let connect = encryption.apply(connect);
        // An address of IPv6 stands in brackets in a URL, and nowhere else.
        let host = connect.get_host();
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let connect = match bare.map(str::to_owned) {
            Some(bare) => connect.host(&bare),
            None => connect,
        };
        if settings.connections.is_some_and(|most| most < 3) {
            return Err("--db-connections: 3 at least".to_owned());
        }
        let longest = Duration::from_hours(1);
        if settings
            .patience
            .is_some_and(|p| p.is_zero() || p > longest)
        {
            return Err("--db-patience: 1 to 3600 seconds".to_owned());
        }
        let patience = settings
            .patience
            .unwrap_or(Duration::from_secs(limits::POSTGRES_PATIENCE_SECONDS));
        let connections = settings.connections.unwrap_or(limits::POSTGRES_CONNECTIONS);
        let host = match connect.get_socket() {
            Some(socket) => socket.display().to_string().replace('/', "%2F"),
            None if connect.get_host().contains(':') => format!("[{}]", connect.get_host()),
            None => connect.get_host().replace('/', "%2F"),
        };
        let location = format!(
            "postgres://{}@{host}:{}/{}",
            connect.get_username(),
            connect.get_port(),
            connect.get_database().unwrap_or_default()
        );
        // Nobody asked for encryption, and nobody stands between two processes of one machine.
        let connect = if !encryption.asked && is_local(&connect) {
            connect.ssl_mode(PgSslMode::Disable)
        } else {
            connect
        };
        let connect = connect
            .statement_cache_capacity(STATEMENTS_KEPT)
            .disable_statement_logging();
        let connect = if connect.get_application_name().is_none() {
            connect.application_name("epr-mcp")
        } else {
            connect
        };
        Ok(Self {
            connect,
            password_file: settings.password_file.clone(),
            certificates: encryption.files,
            location,
            readers: (connections as usize).saturating_sub(BESIDE_READERS),
            patience,
            migrate: false,
        })
    }

    /// The URL without its password.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// Connections of this process at most.
    pub(super) fn connections(&self) -> usize {
        self.readers + BESIDE_READERS
    }

    /// Whether the server's certificate is checked, so that nobody between can read or change what
    /// is sent.
    pub fn verifies(&self) -> bool {
        matches!(
            self.connect.get_ssl_mode(),
            PgSslMode::VerifyFull | PgSslMode::VerifyCa
        )
    }

    /// Whether the server is reached without a network.
    pub fn is_local(&self) -> bool {
        is_local(&self.connect)
    }

    /// Commands, and bytes of what they bring, that one step of a transaction takes: see the limit.
    pub(super) fn step(&self) -> Step {
        let encrypted = !matches!(self.connect.get_ssl_mode(), PgSslMode::Disable);
        Step {
            commands: limits::POSTGRES_BATCH_STEP,
            bytes: if encrypted {
                limits::POSTGRES_RECORD_BYTES
            } else {
                usize::MAX
            },
        }
    }

    /// What a connection is made with, now.
    pub(super) async fn connect(&self) -> Result<PgConnectOptions> {
        for (parameter, file) in &self.certificates {
            let text = tokio::fs::read(file).await.map_err(|error| {
                StoreError::unavailable(
                    format!("the file {} cannot be read: {error}", file.display()),
                    format!("Check {parameter} in EPR_DB (--db)."),
                )
            })?;
            if !text.windows(PEM.len()).any(|window| window == PEM) {
                return Err(StoreError::unavailable(
                    format!("the file {} holds no PEM text", file.display()),
                    format!("Check {parameter} in EPR_DB (--db)."),
                ));
            }
        }
        let Some(file) = &self.password_file else {
            return Ok(self.connect.clone());
        };
        let password = tokio::fs::read_to_string(file).await.map_err(|error| {
            StoreError::unavailable(
                format!(
                    "the password file {} cannot be read: {error}",
                    file.display()
                ),
                "Check --db-password-file.",
            )
        })?;
        Ok(self
            .connect
            .clone()
            .password(password.trim_end_matches(['\r', '\n'])))
    }

    /// What another program is to be given to reach the database: the variables of libpq.
    pub(super) async fn environment(&self) -> Result<Vec<(&'static str, String)>> {
        let connect = self.connect().await?;
        // Only the password and what is said of encryption are read from it; a host or user that does not
        // fit a URL would be in the way.
        let url = connect.clone().host("h").username("u").to_url_lossy();
        let mut variables = vec![
            (
                "PGHOST",
                connect.get_socket().map_or_else(
                    || connect.get_host().to_owned(),
                    |socket| socket.display().to_string(),
                ),
            ),
            ("PGPORT", connect.get_port().to_string()),
            ("PGUSER", connect.get_username().to_owned()),
            (
                "PGDATABASE",
                connect.get_database().unwrap_or_default().to_owned(),
            ),
        ];
        if let Some(password) = url.password() {
            let password = percent_encoding::percent_decode_str(password).decode_utf8_lossy();
            variables.push(("PGPASSWORD", password.into_owned()));
        }
        for (key, value) in url.query_pairs() {
            let name = match key.as_ref() {
                "sslmode" => "PGSSLMODE",
                "sslrootcert" => "PGSSLROOTCERT",
                "sslcert" => "PGSSLCERT",
                "sslkey" => "PGSSLKEY",
                _ => continue,
            };
            variables.push((name, value.into_owned()));
        }
        Ok(variables)
    }
}

fn is_local(connect: &PgConnectOptions) -> bool {
    connect.get_socket().is_some()
        || matches!(
            connect.get_host(),
            "localhost" | "127.0.0.1" | "::1" | "[::1]"
        )
        || connect.get_host().starts_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(url: &str) -> String {
        PostgresOptions::parse(url, &PostgresSettings::default())
            .unwrap()
            .location()
            .to_owned()
    }

    #[test]
    fn what_a_url_leaves_out_is_as_an_existing_server_has_it() {
        assert_eq!(
            location("postgres://localhost:5432"),
            "postgres://postgres@localhost:5432/postgres"
        );
        assert_eq!(
            location("postgresql://epr@db.example:6543/registry?sslmode=verify-full"),
            "postgres://epr@db.example:6543/registry"
        );
        assert_eq!(
            location("postgres://h?user=a&dbname=b"),
            "postgres://a@h:5432/b"
        );
    }

    #[test]
    fn a_password_is_never_shown() {
        let url = "postgres://epr:s3cret@h/d";
        assert_eq!(location(url), "postgres://epr@h:5432/d");
        let settings = PostgresSettings {
            password_file: Some("/run/secrets/db".into()),
            ..PostgresSettings::default()
        };
        for bad in [
            url,
            "postgres://epr:s3cret@h:port/d",
            "postgres://epr:s3cret@h/d?sslmode=perhaps",
            "postgres://epr:s3cret@h/d?channel_binding=require",
        ] {
            let error = PostgresOptions::parse(bad, &settings).unwrap_err();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn an_unknown_demand_is_refused() {
        let url = "postgres://h/d?channel_binding=require";
        let error = PostgresOptions::parse(url, &PostgresSettings::default()).unwrap_err();
        assert!(error.contains("channel_binding"), "{error}");
    }
}
