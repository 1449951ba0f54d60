//! Watching the file for commits: SQLite counts those of other connections, the writer's of this
//! process among them, in `PRAGMA data_version` (sqlite.org/pragma.html#pragma_data_version).

use std::time::Duration;

use sqlx::SqliteConnection;

use super::check_present;
use super::environment::FileIdentity;
use super::errors::Doing;
use super::open::{self, SqliteOptions};
use crate::limits;
use crate::store::Result;
use crate::store::sql::Columns as _;
use crate::store::wake::Bell;

/// Rings when something was committed, until it is dropped. While the file cannot be read it rings each
/// time that it looks: those who follow find out for themselves.
pub(super) async fn watch(options: SqliteOptions, identity: Option<FileIdentity>, bell: Bell) {
    let mut connection = None;
    let mut seen = None;
    loop {
        let version = version(&options, identity, &mut connection).await;
        if let Err(error) = &version {
            tracing::debug!(%error, "the database cannot be watched");
            connection = None;
        }
        let version = version.ok();
        if version.is_none() || version != seen {
            bell.ring();
        }
        seen = version;
        tokio::time::sleep(Duration::from_millis(limits::SQLITE_FOLLOW_MILLIS)).await;
    }
}

/// What stands for the newest commit, on a connection that is opened if there is none.
async fn version(
    options: &SqliteOptions,
    identity: Option<FileIdentity>,
    connection: &mut Option<SqliteConnection>,
) -> Result<i64> {
    // To open another file that lies at the same path, beside this one's log, would ruin it.
    check_present(options.path.clone(), identity).await?;
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(open::connect(options, false).await?),
    };
    let row = sqlx::query("PRAGMA data_version")
        .fetch_one(connection)
        .await;
    row.doing("look for changes")?.int(0)
}
