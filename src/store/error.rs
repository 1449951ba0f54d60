//! What a database can fail with.

use std::fmt;

use crate::domain::refusal::Refusal;

/// A failure of the database, not of the request.
#[derive(Debug)]
pub enum StoreError {
    /// It cannot be used now: locked, full, read-only, gone, from a newer version.
    Unavailable {
        /// What happened.
        why: String,
        /// What to do about it.
        hint: String,
    },
    /// A commit was answered by an error, and what became of it cannot be looked up.
    Uncertain {
        /// What happened.
        why: String,
    },
    /// A statement failed for the data that it was given; other commands may succeed.
    Statement {
        /// What failed.
        what: String,
        /// The driver's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A row is not as it must be.
    Inconsistent {
        /// The table.
        table: &'static str,
        /// What is wrong.
        what: String,
    },
}

impl StoreError {
    /// A row that is not as it must be.
    pub fn inconsistent(table: &'static str, what: impl fmt::Display) -> Self {
        Self::Inconsistent {
            table,
            what: what.to_string(),
        }
    }

    /// Not usable now.
    pub fn unavailable(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Unavailable {
            why: why.into(),
            hint: hint.into(),
        }
    }

    /// As a refusal, if the caller can do something about it.
    pub fn as_refusal(&self) -> Option<Refusal> {
        match self {
            Self::Unavailable { why, hint } => Some(Refusal::Unavailable {
                why: why.clone(),
                hint: hint.clone(),
            }),
            Self::Uncertain { why } => Some(Refusal::Uncertain { why: why.clone() }),
            Self::Statement { .. } | Self::Inconsistent { .. } => None,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable { why, .. } => write!(f, "the database cannot be used: {why}"),
            Self::Uncertain { why } => write!(f, "it is not known whether a write was kept: {why}"),
            Self::Statement { what, .. } => write!(f, "the database refused to {what}"),
            Self::Inconsistent { table, what } => {
                write!(f, "a row of table {table} is not as it must be: {what}")
            }
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Statement { source, .. } => Some(source.as_ref()),
            Self::Unavailable { .. } | Self::Uncertain { .. } | Self::Inconsistent { .. } => None,
        }
    }
}
