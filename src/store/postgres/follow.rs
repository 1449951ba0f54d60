//! Hearing of commits: each writing transaction sends one NOTIFY
//! (postgresql.org/docs/current/sql-notify.html).

use std::time::Duration;

use sqlx::Executor as _;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::time::{Instant, timeout, timeout_at};

use super::errors::classify;
use super::options::PostgresOptions;
use crate::limits;
use crate::store::Result;
use crate::store::wake::Bell;

/// The channel of migrations/postgres/0001_registry.sql.
const CHANNEL: &str = "epr_mcp";

/// Rings at each commit, and once a second whatever is heard: a message that was lost on its way, or a
/// connection that broke without a word, costs a second and no more. Runs until it is dropped.
pub(super) async fn watch(options: PostgresOptions, bell: Bell) {
    let second = Duration::from_secs(limits::POSTGRES_FOLLOW_SECONDS);
    loop {
        match timeout(options.patience, listen(&options)).await {
            Ok(Ok(listener)) => {
                bell.ring();
                if let Err(error) = hear(listener, &options, &bell, second).await {
                    tracing::debug!(%error, "the connection for notifications was lost");
                }
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "no connection for notifications");
                // A standby sends none, and to ask it each second would only cost.
                for _ in 0..limits::POSTGRES_LISTEN_CHECK_SECONDS {
                    bell.ring();
                    tokio::time::sleep(second).await;
                }
            }
            Err(_) => tracing::debug!("no connection for notifications in time"),
        }
        bell.ring();
        tokio::time::sleep(second).await;
    }
}

async fn listen(options: &PostgresOptions) -> Result<PgListener> {
    const DOING: &str = "listen for changes";
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .acquire_slow_level(log::LevelFilter::Off)
        .acquire_timeout(options.patience)
        .connect_lazy_with(options.connect().await?);
    let mut listener = PgListener::connect_with(&pool)
        .await
        .map_err(|error| classify(DOING, error))?;
    // A lost connection ends this listener; the next one is made with what is configured then.
    listener.eager_reconnect(false);
    listener
        .listen(CHANNEL)
        .await
        .map_err(|error| classify(DOING, error))?;
    Ok(listener)
}

/// Rings until the connection is lost.
async fn hear(
    mut listener: PgListener,
    options: &PostgresOptions,
    bell: &Bell,
    second: Duration,
) -> sqlx::Result<()> {
    let mut next_look = Instant::now() + Duration::from_secs(limits::POSTGRES_LISTEN_CHECK_SECONDS);
    loop {
        let until = (Instant::now() + second).min(next_look);
        match timeout_at(until, listener.try_recv()).await {
            Ok(Ok(Some(_))) => {
                // Those of the same moment are one.
                while listener.next_buffered().is_some() {}
                bell.ring();
            }
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(_) => bell.ring(),
        }
        if Instant::now() >= next_look {
            // A connection that broke without a word is silent, as one is on which nothing happens.
            let asked = timeout(options.patience, listener.execute("SELECT 1")).await;
            match asked {
                Ok(answered) => answered?,
                Err(_) => return Ok(()),
            };
            next_look = Instant::now() + Duration::from_secs(limits::POSTGRES_LISTEN_CHECK_SECONDS);
        }
    }
}
