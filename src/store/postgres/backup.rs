//! A copy of the registry, by the server's own tool: `pg_dump`.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use super::open::inspect;
use super::options::PostgresOptions;
use crate::store::{Result, StoreError};

/// Copies the registry as it is at one moment, while it is in use, to a new file for `pg_restore`. The
/// file appears under its name when it is whole. Says what was made.
pub async fn backup(options: &PostgresOptions, to: &Path) -> Result<String> {
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
    if inspect(options).await?.version == 0 {
        return Err(StoreError::unavailable(
            format!("there is no registry in {}", options.location()),
            "Name its database with EPR_DB (--db).",
        ));
    }
    let folder = match to.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let part = tempfile::Builder::new()
        .prefix(".epr-backup-")
        .tempfile_in(folder)
        .map_err(failed)?;
    let run = Command::new("pg_dump")
        .args([
            "--schema=epr_mcp",
            "--format=custom",
            "--no-password",
            "--file",
        ])
        .arg(part.path())
        .envs(options.environment().await?)
        .env_remove("PGHOSTADDR")
        .env_remove("PGSERVICE")
        .env_remove("PGOPTIONS")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await;
    let output = run.map_err(|error| {
        StoreError::unavailable(
            format!("pg_dump cannot be run ({error})"),
            "Install PostgreSQL's client programs of the server's version or later, or back up on the server: \
             pg_dump --schema=epr_mcp --format=custom --file=FILE DATABASE.",
        )
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(StoreError::unavailable(
            format!("pg_dump failed: {}", said.trim()),
            "Its version must not be older than the server's, and the user needs to read the schema epr_mcp.",
        ));
    }
    part.as_file().sync_all().map_err(failed)?;
    let size = part.as_file().metadata().map_err(failed)?.len();
    part.persist_noclobber(to)
        .map_err(|error| failed(error.error))?;
    Ok(format!("{} ({size} bytes, for pg_restore)", to.display()))
}
