//! What PostgreSQL's errors mean for an operator: postgresql.org/docs/current/errcodes-appendix.html.

use sqlx::postgres::{PgDatabaseError, PgSeverity};

use crate::store::StoreError;

/// What a writer does when it waits for the writers' lock.
pub(super) const BEGINNING: &str = "begin a write";

const RETRY: &str = "Wait a moment.";

/// Whether the connection is of no more use: it broke, or the server ended it.
pub(super) fn ends_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => {
            // What is fatal ends a session.
            let fatal = error
                .try_downcast_ref::<PgDatabaseError>()
                .is_some_and(|e| matches!(e.severity(), PgSeverity::Fatal | PgSeverity::Panic));
            let code = error.code().unwrap_or_default();
            // Connection exceptions, an operator's intervention, a transaction that was idle too long,
            // statements that the server does not know any more or that another schema has changed.
            fatal
                || code.starts_with("08")
                || matches!(
                    code.as_ref(),
                    "57P01" | "57P02" | "57P03" | "57P04" | "57P05" | "25P03" | "26000" | "0A000"
                )
        }
        _ => false,
    }
}

/// Whether the server said that a statement failed: then a transaction is rolled back for certain.
pub(super) fn is_answer(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(_)) && !ends_connection(error)
}

/// Tells a database that cannot be used now from a statement that is at fault.
pub(super) fn classify(doing: &'static str, error: sqlx::Error) -> StoreError {
    let sqlx::Error::Database(database) = &error else {
        return match error {
            sqlx::Error::Io(io) if io.kind() == std::io::ErrorKind::InvalidData => encryption(&io),
            sqlx::Error::Io(io) => StoreError::unavailable(
                format!("the PostgreSQL server cannot be reached: {io}"),
                format!(
                    "{RETRY} If that does not help, check that it runs and that EPR_DB (--db) names it."
                ),
            ),
            sqlx::Error::Tls(tls) => encryption(&tls),
            sqlx::Error::Configuration(why) => StoreError::unavailable(
                format!("the settings of the database do not go together: {why}"),
                "Check EPR_DB (--db).",
            ),
            sqlx::Error::Protocol(text) => StoreError::unavailable(
                format!("the PostgreSQL server cannot be understood: {text}"),
                format!(
                    "{RETRY} If that does not help, check that EPR_DB (--db) names a PostgreSQL server, not through a pooler that shares connections between transactions."
                ),
            ),
            error => statement(doing, error),
        };
    };
    let text = database.message().to_owned();
    let code = database.code().unwrap_or_default().into_owned();
    let (why, hint): (String, &str) = match code.as_str() {
        "55P03" => (
            if doing == BEGINNING {
                "another process holds its write lock".to_owned()
            } else {
                format!(
                    "another session keeps a table of the registry locked (when asked to {doing})"
                )
            },
            "Wait a moment. If that does not help: `epr-mcp doctor` names who holds it.",
        ),
        "57014" => (
            format!("a statement took too long ({text})"),
            "Wait a moment. If that does not help: the server is overloaded; --db-patience allows more.",
        ),
        "57P01" | "57P02" | "57P03" => (
            format!("the PostgreSQL server is going down or coming up ({text})"),
            RETRY,
        ),
        "25P03" | "25P04" | "57P05" => (
            format!("the PostgreSQL server ended the connection ({text})"),
            RETRY,
        ),
        "40001" | "40P01" => (format!("other work was in the way ({text})"), RETRY),
        "53300" => (
            format!("the PostgreSQL server has no connection left ({text})"),
            "Raise its max_connections or the limit of the user, or lower --db-connections of the processes that use it.",
        ),
        "54000" => (
            format!("the PostgreSQL server has reached a limit ({text})"),
            "Look for sessions that listen and keep a transaction open.",
        ),
        "53100" | "53000" => (
            format!("the PostgreSQL server is out of room ({text})"),
            "Free some space on the server's disk.",
        ),
        "53200" => (
            format!("the PostgreSQL server is out of memory ({text})"),
            RETRY,
        ),
        "25006" => (
            "the PostgreSQL server takes no writes: it is a standby, or set to read-only"
                .to_owned(),
            "Name the primary server with EPR_DB (--db).",
        ),
        "28000" if text.contains("no encryption") => (
            format!("the PostgreSQL server refused the login ({text})"),
            "Add ?sslmode=require, or better verify-full, to EPR_DB (--db).",
        ),
        "28P01" | "28000" => (
            format!("the PostgreSQL server refused the login ({text})"),
            "Check the user in EPR_DB (--db) and the password: in the URL, --db-password-file, PGPASSWORD or ~/.pgpass (mode 0600).",
        ),
        "3D000" => (
            text,
            "Create it (CREATE DATABASE … ENCODING 'UTF8'), or name another one with EPR_DB (--db).",
        ),
        "42501" => (
            format!("the user may not do that ({text})"),
            "Grant it what docs/POSTGRESQL.md lists, or use another user in EPR_DB (--db).",
        ),
        "3F000" | "42P01" => (
            format!("the registry's tables are missing ({text})"),
            "Run `epr-mcp migrate`, or restore a backup.",
        ),
        code if code.starts_with("08") => (
            format!("the connection to the PostgreSQL server failed ({text})"),
            RETRY,
        ),
        code if code.starts_with("58") || code.starts_with("XX") => (
            format!("the PostgreSQL server failed ({text})"),
            "Look into the server's log.",
        ),
        "26000" | "0A000" => (
            format!("the connection has to be made anew ({text})"),
            RETRY,
        ),
        _ => return statement(doing, error),
    };
    StoreError::unavailable(why, hint)
}

fn encryption(why: &dyn std::fmt::Display) -> StoreError {
    StoreError::unavailable(
        format!("the encryption to the PostgreSQL server failed: {why}"),
        "Check sslmode and sslrootcert in EPR_DB (--db), and the server's certificate.",
    )
}

fn statement(doing: &'static str, error: sqlx::Error) -> StoreError {
    StoreError::Statement {
        what: doing.to_owned(),
        source: Box::new(error),
    }
}
