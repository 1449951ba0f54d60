//! A copy of the registry, by the server's own tool: `pg_dump`.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use super::open::inspect;
use super::options::PostgresOptions;
use crate::store::copy::NewFile;
use crate::store::{Result, StoreError};

/// Copies the registry as it is at one moment, while it is in use, to a new file for `pg_restore`. Says
/// what was made.
pub async fn backup(options: &PostgresOptions, to: &Path) -> Result<String> {
    let file = NewFile::begin(to).await?;
    if inspect(options).await?.version == 0 {
        return Err(StoreError::unavailable(
            format!("there is no registry in {}", options.location()),
            "Name its database with EPR_DB (--db).",
        ));
    }
    let run = Command::new("pg_dump")
        .args([
            "--schema=epr_mcp",
            "--format=custom",
            "--no-password",
            "--file",
        ])
        .arg(file.path())
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
    let size = file.finish().await?;
    Ok(format!("{} ({size} bytes, for pg_restore)", to.display()))
}
