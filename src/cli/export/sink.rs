//! Where an export goes: stdout, or a file that appears when it is whole.

use std::io::{ErrorKind, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt as _;

use crate::cli::output;
use crate::domain::text::escape_hidden_in_json;

/// Bytes that are written at a time.
const PORTION: usize = 256 * 1024;

/// Takes lines.
#[derive(Debug)]
pub(super) struct Sink {
    to: To,
    /// What is not written yet.
    text: String,
}

#[derive(Debug)]
enum To {
    Stdout {
        /// Nothing in what is shown to a person can move the cursor.
        shown: bool,
    },
    File(Box<File>),
}

#[derive(Debug)]
struct File {
    open: tokio::fs::File,
    kept: NamedTempFile,
    path: PathBuf,
}

impl Sink {
    /// A file that is there already is not written over.
    pub(super) async fn open(to: Option<&Path>) -> anyhow::Result<Self> {
        let to = match to.filter(|path| *path != Path::new("-")) {
            None => To::Stdout {
                shown: std::io::stdout().is_terminal(),
            },
            Some(path) => {
                let path = path.to_owned();
                let file = tokio::task::spawn_blocking(move || File::make(path)).await??;
                To::File(Box::new(file))
            }
        };
        Ok(Self {
            to,
            text: String::new(),
        })
    }

    /// Writes a line; false when nobody reads any more.
    pub(super) async fn line(&mut self, line: &str) -> anyhow::Result<bool> {
        match self.to {
            To::Stdout { shown: true } => self.text += &escape_hidden_in_json(line),
            _ => self.text += line,
        }
        self.text.push('\n');
        if self.text.len() >= PORTION {
            return self.flush().await;
        }
        Ok(true)
    }

    /// Ends it; gives the file that was made.
    pub(super) async fn end(mut self) -> anyhow::Result<Option<PathBuf>> {
        self.flush().await?;
        match self.to {
            To::Stdout { .. } => Ok(None),
            To::File(file) => file.keep().await.map(Some),
        }
    }

    async fn flush(&mut self) -> anyhow::Result<bool> {
        let text = std::mem::take(&mut self.text);
        match &mut self.to {
            To::Stdout { .. } => output::write(text).await,
            To::File(file) => {
                let written = file.open.write_all(text.as_bytes()).await;
                written.with_context(|| cannot(&file.path))?;
                Ok(true)
            }
        }
    }
}

fn cannot(path: &Path) -> String {
    format!("the file {} cannot be written", path.display())
}

fn is_there(path: &Path) -> String {
    format!(
        "the file {} is there already; name another one",
        path.display()
    )
}

impl File {
    fn make(path: PathBuf) -> anyhow::Result<Self> {
        anyhow::ensure!(!path.try_exists().unwrap_or(false), is_there(&path));
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".epr-mcp-export-");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // As the user's other files: the umask takes from it.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let kept = builder.tempfile_in(folder.unwrap_or_else(|| Path::new(".")));
        let kept = kept.with_context(|| cannot(&path))?;
        let open = kept.reopen().with_context(|| cannot(&path))?;
        Ok(Self {
            open: tokio::fs::File::from_std(open),
            kept,
            path,
        })
    }

    async fn keep(mut self) -> anyhow::Result<PathBuf> {
        self.open
            .flush()
            .await
            .with_context(|| cannot(&self.path))?;
        let keep = move || {
            let synced = self.kept.as_file().sync_all();
            synced.with_context(|| cannot(&self.path))?;
            match self.kept.persist_noclobber(&self.path) {
                Ok(_) => Ok(self.path),
                Err(error) if error.error.kind() == ErrorKind::AlreadyExists => {
                    Err(anyhow::anyhow!(is_there(&self.path)))
                }
                Err(error) => Err(error.error).with_context(|| cannot(&self.path)),
            }
        };
        tokio::task::spawn_blocking(keep).await?
    }
}
