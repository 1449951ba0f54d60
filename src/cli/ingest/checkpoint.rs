//! How far the reading of a file came, kept beside the user's other data of this program, so that an
//! interrupted `ingest` can go on.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::documents::{Form, Position};

/// Bytes at the beginning of a file by which it is known again.
const HEAD_BYTES: u64 = 64 * 1024;

/// How far it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    /// Bytes before the next document.
    bytes: u64,
    /// Lines before it.
    lines: u64,
    /// How it stands there.
    form: Form,
    /// SHA-256 of the file's beginning, as far as it was read.
    head: String,
}

/// Where the checkpoint of one file into one registry is.
#[derive(Debug, Clone)]
pub(super) struct Keeper {
    at: PathBuf,
    file: PathBuf,
}

impl Keeper {
    /// For this file and this registry.
    pub(super) fn new(folder: &Path, file: &Path, registry: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [registry.as_bytes(), file.as_os_str().as_encoded_bytes()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let name = HEXLOWER.encode(hash.finalize().get(..16).unwrap_or_default());
        Self {
            at: folder.join(format!("{name}.json")),
            file: file.to_owned(),
        }
    }

    /// Where to go on; `None` if there is nothing to go on with. A file that is another one by now is
    /// refused.
    #[expect(
        clippy::disallowed_methods,
        reason = "called on a thread that may wait"
    )]
    pub(super) fn load(&self) -> anyhow::Result<Option<Position>> {
        let text = match std::fs::read_to_string(&self.at) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", self.at.display()));
            }
        };
        let found: Checkpoint = serde_json::from_str(&text)
            .with_context(|| format!("{} is damaged; delete it", self.at.display()))?;
        let size = std::fs::metadata(&self.file).map_or(0, |file| file.len());
        anyhow::ensure!(
            size >= found.bytes,
            "{} is shorter than what was read of it before; leave --resume out to read it from its beginning",
            self.file.display()
        );
        anyhow::ensure!(
            head(&self.file, found.bytes)? == found.head,
            "{} is not the file that was read before; leave --resume out to read it from its beginning",
            self.file.display()
        );
        Ok(Some(Position {
            bytes: found.bytes,
            lines: found.lines,
            form: found.form,
        }))
    }

    /// Keeps the place. The file is replaced as a whole: a power cut leaves the old one or the new one.
    pub(super) fn save(&self, position: Position) -> anyhow::Result<()> {
        let checkpoint = Checkpoint {
            bytes: position.bytes,
            lines: position.lines,
            form: position.form,
            head: head(&self.file, position.bytes)?,
        };
        let folder = self.at.parent().unwrap_or(Path::new("."));
        let about = || format!("cannot write {}", self.at.display());
        std::fs::create_dir_all(folder).with_context(about)?;
        let mut new = tempfile::NamedTempFile::new_in(folder).with_context(about)?;
        new.write_all(serde_json::to_string(&checkpoint)?.as_bytes())
            .with_context(about)?;
        new.persist(&self.at).with_context(about)?;
        Ok(())
    }

    /// Forgets it: the file was read to its end.
    pub(super) fn forget(&self) {
        if let Err(error) = std::fs::remove_file(&self.at)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "the checkpoint of a file that was read stays behind");
        }
    }
}

/// SHA-256 of the file's beginning.
fn head(file: &Path, read: u64) -> anyhow::Result<String> {
    use std::io::Read as _;

    let open =
        std::fs::File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut bytes = Vec::new();
    open.take(HEAD_BYTES.min(read))
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {}", file.display()))?;
    Ok(HEXLOWER.encode(&Sha256::digest(&bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_unless_the_file_is_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("events.ndjson");
        std::fs::write(&file, b"{\"a\":1}\n{\"b\":2}\n").unwrap();
        let keeper = Keeper::new(&folder.path().join("kept"), &file, "registry");
        assert_eq!(keeper.load().unwrap(), None);
        let place = Position {
            bytes: 8,
            lines: 1,
            form: Form::Lines,
        };
        keeper.save(place).unwrap();
        assert_eq!(keeper.load().unwrap(), Some(place));
        std::fs::write(&file, b"{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n").unwrap();
        assert_eq!(keeper.load().unwrap(), Some(place), "it grew at its end");
        let other = Keeper::new(&folder.path().join("kept"), &file, "other");
        assert_eq!(other.load().unwrap(), None);
        std::fs::write(&file, b"{\"x\":1}\n{\"b\":2}\n").unwrap();
        let refused = keeper.load().unwrap_err().to_string();
        assert!(refused.contains("not the file"), "{refused}");
        std::fs::write(&file, b"{").unwrap();
        let refused = keeper.load().unwrap_err().to_string();
        assert!(refused.contains("is shorter"), "{refused}");
        keeper.forget();
        assert_eq!(keeper.load().unwrap(), None);
    }
}
