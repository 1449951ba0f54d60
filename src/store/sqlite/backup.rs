//! A copy of the file, made while it is in use.

use std::path::Path;

use super::errors::Doing;
use super::migrate;
use super::open::{self, SqliteOptions};
use crate::store::{Result, StoreError};

/// Copies the registry as it is at one moment, of whatever version it is, to a new file, while it is in
/// use: `VACUUM INTO` (sqlite.org/lang_vacuum.html). The file appears under its name when it is whole
/// and on the disk. Says what was made.
pub async fn backup(options: &SqliteOptions, to: &Path) -> Result<String> {
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
    let mut connection = open::connect(options, false).await?;
    // Refuses the file of another program.
    let found = migrate::schema(&mut connection).await?;
    if found.version == 0 {
        return Err(StoreError::unavailable(
            format!("there is no registry in {}", options.path.display()),
            "Name its file with --db.",
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
        .execute(&mut connection)
        .await
        .doing("copy the database")?;
    drop(connection);
    let copied = tokio::fs::OpenOptions::new()
        .write(true)
        .open(&file)
        .await
        .map_err(failed)?;
    copied.sync_all().await.map_err(failed)?;
    let size = copied.metadata().await.map_err(failed)?.len();
    // Unlike a renaming this does not replace a file that somebody made meanwhile; some file systems
    // cannot do it.
    match tokio::fs::hard_link(&file, to).await {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            tokio::fs::rename(&file, to).await.map_err(failed)?;
        }
        linked => linked.map_err(failed)?,
    }
    Ok(format!(
        "{} ({size} bytes, a SQLite file of schema {})",
        to.display(),
        found.version
    ))
}
