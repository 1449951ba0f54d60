//! The connections for reading: made when they are needed, kept for a while, given up when they broke
//! or when a statement on them was given up.

use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{self, Metrics, PoolError, RecycleError, RecycleResult, TimeoutType};

use super::options::PostgresOptions;
use super::session::Line;
use crate::limits;
use crate::store::{Result, StoreError};

/// Makes connections.
#[derive(Debug)]
pub(in crate::store) struct Maker {
    options: PostgresOptions,
}

/// A connection from the pool.
pub(in crate::store) type PooledLine = managed::Object<Maker>;
pub(super) type Pool = managed::Pool<Maker>;

impl managed::Manager for Maker {
    type Type = Line;
    type Error = StoreError;

    async fn create(&self) -> Result<Line> {
        Line::connect(&self.options).await
    }

    async fn recycle(&self, line: &mut Line, _: &Metrics) -> RecycleResult<StoreError> {
        // Not kept for ever: a name may lead to another server by now, a password be another.
        let old = line.age() > Duration::from_secs(limits::POSTGRES_CONNECTION_SECONDS);
        if line.is_ready() && !old {
            Ok(())
        } else {
            Err(RecycleError::message("of no more use"))
        }
    }
}

/// A pool that connects when a connection is taken.
pub(super) fn pool(options: &PostgresOptions) -> Result<Pool> {
    let maker = Maker {
        options: options.clone(),
    };
    Pool::builder(maker)
        .max_size(options.readers)
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| StoreError::unavailable(error.to_string(), "Report this as a defect."))
}

/// Closes connections that nobody has needed for a while, as long as there is the pool.
pub(super) async fn tidy(pool: Pool) {
    let pool = {
        let weak = pool.weak();
        drop(pool);
        weak
    };
    let idle = Duration::from_secs(limits::POSTGRES_IDLE_SECONDS);
    loop {
        tokio::time::sleep(idle).await;
        let Some(pool) = pool.upgrade() else { return };
        pool.retain(|line, _| line.is_ready() && line.idle() < idle);
    }
}

/// A connection, waiting for one a bounded time.
pub(super) async fn take(pool: &Pool, options: &PostgresOptions) -> Result<PooledLine> {
    let timeouts = managed::Timeouts::wait_millis(options.patience.as_millis() as u64);
    match pool.timeout_get(&timeouts).await {
        Ok(line) => Ok(line),
        Err(PoolError::Backend(error)) => Err(error),
        Err(PoolError::Timeout(TimeoutType::Wait)) => Err(StoreError::unavailable(
            format!(
                "all {} connections for reading are in use",
                pool.status().max_size
            ),
            "Wait a moment; --db-connections allows more.",
        )),
        Err(PoolError::Closed) => Err(StoreError::unavailable(
            "it is closed",
            "The server is shutting down; start it again.",
        )),
        Err(error) => Err(StoreError::unavailable(
            format!("no connection: {error}"),
            "Wait a moment.",
        )),
    }
}
