//! What SQLite's errors mean for an operator.

use crate::store::{Result, StoreError};

/// Names what was being done when a statement failed.
pub(super) trait Doing<T> {
    fn doing(self, what: &'static str) -> Result<T>;
}

impl<T> Doing<T> for std::result::Result<T, sqlx::Error> {
    fn doing(self, what: &'static str) -> Result<T> {
        self.map_err(|error| classify(what, error))
    }
}

/// SQLite's primary result code: sqlite.org/rescode.html.
fn code(error: &sqlx::Error) -> Option<i32> {
    let code = error.as_database_error()?.code()?;
    code.parse::<i32>().ok().map(|code| code & 0xff)
}

/// Whether somebody else holds a lock that was needed.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(code(error), Some(5 | 6))
}

/// What cannot be written, or not even opened: who may do so is then worth a look.
const READ_ONLY: &str = "it is read-only";
const CANNOT_OPEN: &str = "the file cannot be opened";

/// Whether a permission may be what is missing, by what [`classify`] told.
pub(super) fn is_barred(why: &str) -> bool {
    why == READ_ONLY || why.starts_with(CANNOT_OPEN)
}

/// Tells a database that cannot be used now from a statement that is at fault.
pub(super) fn classify(what: &'static str, error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::PoolTimedOut => {
            return StoreError::unavailable(
                "all connections are in use",
                "The server is under load.",
            );
        }
        sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            return StoreError::unavailable(
                "it is closed",
                "The server is shutting down; start it again.",
            );
        }
        sqlx::Error::Io(io) => {
            return StoreError::unavailable(io.to_string(), "Check the path and its permissions.");
        }
        _ => {}
    }
    let text = error.to_string();
    match code(&error) {
        Some(5 | 6) => StoreError::unavailable(
            "another process holds its write lock",
            "Let that process finish (another epr-mcp, a backup, an open sqlite3 shell with a transaction).",
        ),
        Some(8) => StoreError::unavailable(
            READ_ONLY,
            "Give the user of this process write permission to the file, to -wal and -shm beside it and to its folder, or copy it to a folder where that user may write.",
        ),
        Some(10) => StoreError::unavailable(
            format!("the disk failed ({text})"),
            "Check the disk and the file system.",
        ),
        Some(11 | 26) => StoreError::unavailable(
            format!("the file is damaged or is not a SQLite database ({text})"),
            "Restore a backup, or use another file with --db.",
        ),
        Some(13) => StoreError::unavailable("the disk is full", "Free some space."),
        Some(14) => StoreError::unavailable(
            CANNOT_OPEN,
            "Check that its folder exists and that this user may write there, or use another path with --db.",
        ),
        _ => StoreError::Statement {
            what: what.to_owned(),
            source: Box::new(error),
        },
    }
}
