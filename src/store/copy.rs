//! A new file for a copy of a registry: it appears under its name when it is whole and on the disk.

use std::io;
use std::path::{Path, PathBuf};

use super::{Result, StoreError};

/// A file that is being made, beside the place where it will stand.
#[derive(Debug)]
pub(super) struct NewFile {
    to: PathBuf,
    folder: tempfile::TempDir,
}

impl NewFile {
    /// Refuses a name that is taken, and a folder that cannot be written.
    pub(super) async fn begin(to: &Path) -> Result<Self> {
        if tokio::fs::try_exists(to)
            .await
            .map_err(|error| failed(to, &error))?
        {
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
        let folder = tempfile::Builder::new()
            .prefix(".epr-backup-")
            .tempdir_in(folder)
            .map_err(|error| failed(to, &error))?;
        Ok(Self {
            to: to.to_owned(),
            folder,
        })
    }

    /// Where it is made; there is nothing yet.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("copy")
    }

    /// Gives it its name; tells how many bytes it has.
    pub(super) async fn finish(self) -> Result<u64> {
        let (from, to) = (self.path(), &self.to);
        self.named(&from).await.map_err(|error| failed(to, &error))
    }

    async fn named(&self, from: &Path) -> io::Result<u64> {
        let file = tokio::fs::OpenOptions::new().write(true).open(from).await?;
        file.sync_all().await?;
        let size = file.metadata().await?.len();
        // Unlike a renaming this does not replace a file that somebody made meanwhile; some file systems
        // cannot do it.
        match tokio::fs::hard_link(from, &self.to).await {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                tokio::fs::rename(from, &self.to).await?;
            }
            linked => linked?,
        }
        Ok(size)
    }
}

fn failed(to: &Path, error: &io::Error) -> StoreError {
    StoreError::unavailable(
        format!("the copy {} cannot be written: {error}", to.display()),
        "Name a file in a folder where this user may write and where there is room.",
    )
}
