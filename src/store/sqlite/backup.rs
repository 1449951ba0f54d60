//! A copy of the file, made while it is in use.

use std::path::Path;

use sqlx::SqliteConnection;

use super::errors::Doing;
use crate::store::{Result, StoreError};

/// Copies what a new transaction sees to a new file: `VACUUM INTO` (sqlite.org/lang_vacuum.html). The
/// file appears under its name when it is whole and on the disk.
pub(super) async fn copy(connection: &mut SqliteConnection, to: &Path) -> Result<String> {
    let failed = |error: std::io::Error| {
        StoreError::unavailable(
            format!("the copy {} cannot be written: {error}", to.display()),
            "Name a file in a folder where this user may write and where there is room.",
        )
    };
    if tokio::fs::try_exists(to).await.map_err(failed)? {
        return Err(StoreError::unavailable(
            format!("there is a file {} already", to.display()),
            "Name a new file.",
        ));
    }
    let folder = match to.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // On the same file system, so that it can be given its name.
    let part = tempfile::Builder::new()
        .prefix(".epr-backup-")
        .tempdir_in(folder)
        .map_err(failed)?;
    let file = part.path().join("epr.db");
    sqlx::query("VACUUM INTO $1")
        .bind(file.to_string_lossy().into_owned())
        .execute(connection)
        .await
        .doing("copy the database")?;
    let copied = tokio::fs::OpenOptions::new()
        .write(true)
        .open(&file)
        .await
        .map_err(failed)?;
    copied.sync_all().await.map_err(failed)?;
    let size = copied.metadata().await.map_err(failed)?.len();
    // Unlike a renaming this does not replace a file that somebody made meanwhile.
    tokio::fs::hard_link(&file, to).await.map_err(failed)?;
    Ok(format!("{} ({size} bytes), a SQLite file", to.display()))
}
