//! What a use case can end with other than a result.

use std::fmt;
use std::sync::Arc;

use crate::domain::refusal::Refusal;
use crate::store::StoreError;

/// What a use case answers.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a use case gave no result.
#[derive(Debug)]
pub enum Error {
    /// The request was refused; the caller can read why and what to do.
    Refused(Refusal),
    /// Something is broken here. The cause is in the log under this number.
    Internal {
        /// The number.
        incident: String,
    },
}

impl Error {
    /// Logs the cause once and keeps only a number for the caller.
    pub fn internal(cause: impl fmt::Display) -> Self {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let incident = format!(
            "{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        tracing::error!(%incident, %cause, "internal error {incident}: {cause}");
        Self::Internal { incident }
    }

    /// Whether something is broken or overloaded here, and not with what was asked.
    pub fn is_fault(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.retryable(),
            Self::Internal { .. } => true,
        }
    }

    pub(super) fn from_shared(error: &Arc<StoreError>) -> Self {
        error
            .as_refusal()
            .map_or_else(|| Self::internal(Chain(error.as_ref())), Self::Refused)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        error
            .as_refusal()
            .map_or_else(|| Self::internal(Chain(&error)), Self::Refused)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "{refusal} {}", refusal.next()),
            Self::Internal { incident } => write!(
                f,
                "Internal error {incident}. Nothing more can be said here; the server's log has the cause under that number."
            ),
        }
    }
}

impl std::error::Error for Error {}

/// An error with its causes, on one line.
struct Chain<'a>(&'a dyn std::error::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
