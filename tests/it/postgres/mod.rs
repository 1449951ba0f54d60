//! What is PostgreSQL's own: connections that break, servers that go, databases that others use too.

mod access;
mod ending;
mod faults;
mod opening;
mod proxy;
mod server;
mod waiting;

use std::process::Output;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

use crate::mcp::client::Setup;

/// The binary with these arguments on this database.
fn run(url: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    Setup::at(url).tool(arguments, variables).output().unwrap()
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Runs statements in a database.
fn sql(url: &str, statements: &str) {
    try_sql(url, statements).unwrap_or_else(|error| panic!("{statements}: {error}"));
}

fn try_sql(url: &str, statements: &str) -> Result<(), String> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut connection = PgConnection::connect(url).await.unwrap();
        let done = sqlx::raw_sql(AssertSqlSafe(statements.to_owned()))
            .execute(&mut connection)
            .await;
        connection.close().await.unwrap();
        done.map(|_| ()).map_err(|error| error.to_string())
    })
}

fn count(url: &str, query: &'static str) -> i64 {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut connection = PgConnection::connect(url).await.unwrap();
        let row = sqlx::query(query).fetch_one(&mut connection).await.unwrap();
        row.get(0)
    })
}

/// The same database as another user.
fn as_user(url: &str, user: &str) -> String {
    url.replace("//epr@", &format!("//{user}@"))
}
