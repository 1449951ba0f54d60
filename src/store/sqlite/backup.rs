//! A copy of the file, made while it is in use.

use std::path::Path;

use super::errors::Doing;
use super::migrate;
use super::open::{self, SqliteOptions};
use crate::store::copy::NewFile;
use crate::store::{Result, StoreError};

/// Copies the registry as it is at one moment, of whatever version it is, to a new file, while it is in
/// use: `VACUUM INTO` (sqlite.org/lang_vacuum.html). Says what was made.
pub async fn backup(options: &SqliteOptions, to: &Path) -> Result<String> {
    let file = NewFile::begin(to).await?;
    let mut connection = open::connect(options, false).await?;
    // Refuses the file of another program.
    let found = migrate::schema(&mut connection).await?;
    if found.version == 0 {
        return Err(StoreError::unavailable(
            format!("there is no registry in {}", options.path.display()),
            "Name its file with --db.",
        ));
    }
    sqlx::query("VACUUM INTO $1")
        .bind(file.path().to_string_lossy().into_owned())
        .execute(&mut connection)
        .await
        .doing("copy the database")?;
    drop(connection);
    let size = file.finish().await?;
    Ok(format!(
        "{} ({size} bytes, a SQLite file of schema {})",
        to.display(),
        found.version
    ))
}
