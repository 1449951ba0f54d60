//! A client's configuration file: read with care, and written so that nothing is ever lost.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

use crate::domain::text::quoted_to;
use crate::limits;

/// The mark that some editors of Windows begin a file with.
const BOM: &str = "\u{feff}";
/// Links that are followed to where a file is to be made.
const LINKS: usize = 16;
/// Characters of a path that somebody else wrote.
pub(super) const PATH_CHARS: usize = 1_000;
/// Backups of one file that are counted.
const BACKUPS: usize = 10_000;

/// What was found where a client looks.
#[derive(Debug)]
pub(super) struct Found {
    /// Where the file really is.
    pub(super) target: PathBuf,
    /// The name is a symbolic link.
    pub(super) linked: bool,
    /// The text without its mark; empty if there is no file yet.
    pub(super) text: String,
    /// The bytes as they were; `None` if there is no file yet.
    bytes: Option<Vec<u8>>,
}

/// Reads a file, which has to lie in the folder `within`, if that is given.
///
/// # Errors
///
/// It is something else than a text that this program may replace; each says what to do.
pub(super) fn read(path: &Path, within: Option<&Path>) -> anyhow::Result<Found> {
    let linked = path.is_symlink();
    let target = target(path)?;
    if let Some(folder) = within {
        ensure!(
            lies_in(&target, folder)?,
            "{} leads to {}, outside of the project; look at who has put a link there, and follow it with --force",
            path.display(),
            quoted_to(&target.display().to_string(), PATH_CHARS)
        );
    }
    let bytes = match std::fs::metadata(&target) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => {
            return Err(error).with_context(|| format!("{} cannot be read", target.display()));
        }
        Ok(metadata) => Some(bytes(&target, &metadata)?),
    };
    let text = match &bytes {
        None => String::new(),
        Some(bytes) => text(&target, bytes)?,
    };
    Ok(Found {
        target,
        linked,
        text,
        bytes,
    })
}

/// Where a name leads, which need not be there yet.
fn target(path: &Path) -> anyhow::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..LINKS {
        if !path.is_symlink() {
            return Ok(path);
        }
        let to = std::fs::read_link(&path)
            .with_context(|| format!("the link {} cannot be read", path.display()))?;
        path = match path.parent() {
            Some(folder) => folder.join(to),
            None => to,
        };
    }
    bail!(
        "{} is a link that leads to links only; mend it first",
        path.display()
    )
}

/// Whether a path, which need not be there yet, lies in a folder when all links are followed.
fn lies_in(path: &Path, folder: &Path) -> anyhow::Result<bool> {
    let folder = std::fs::canonicalize(folder)
        .with_context(|| format!("the folder {} cannot be read", folder.display()))?;
    let there = path
        .ancestors()
        .find_map(|above| Some((above, std::fs::canonicalize(above).ok()?)));
    Ok(there.is_some_and(|(above, real)| {
        // What is still to be made must not lead back up.
        let beyond = path.strip_prefix(above).unwrap_or(path);
        real.starts_with(&folder) && !beyond.components().any(|part| part == Component::ParentDir)
    }))
}

fn bytes(path: &Path, metadata: &Metadata) -> anyhow::Result<Vec<u8>> {
    ensure!(
        !metadata.is_dir(),
        "{} is a folder, where the client looks for a file; move it away first",
        path.display()
    );
    ensure!(
        metadata.is_file(),
        "{} is no ordinary file; move it away first",
        path.display()
    );
    let most = limits::CLIENT_CONFIG_BYTES;
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(most + 1).read_to_end(&mut bytes))
        .with_context(|| format!("{} cannot be read", path.display()))?;
    ensure!(
        bytes.len() as u64 <= most,
        "{} has more than {} MiB, which is no configuration",
        path.display(),
        most / 1024 / 1024
    );
    Ok(bytes)
}

fn text(path: &Path, bytes: &[u8]) -> anyhow::Result<String> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        bail!("{} is in UTF-16; save it as UTF-8 first", path.display());
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.split(|byte| *byte == b'\n').count();
        anyhow::anyhow!(
            "{} is not UTF-8 text (line {line}); save it as UTF-8 first",
            path.display()
        )
    })?;
    Ok(text.strip_prefix(BOM).unwrap_or(text).to_owned())
}

/// Who may read a file that is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    /// Its owner.
    Owner,
    /// Whoever the umask lets.
    Others,
}

/// Replaces what was read by another text; gives the backup that was made of it.
///
/// # Errors
///
/// Nothing was changed then.
pub(super) fn write(read: &Found, text: &str, readers: Readers) -> anyhow::Result<Option<PathBuf>> {
    let path = &read.target;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)
        .with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    let old = match &read.bytes {
        None => None,
        Some(_) => Some(writable(path)?),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".epr-mcp-");
    #[cfg(unix)]
    if readers == Readers::Others && read.bytes.is_none() {
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    }
    #[cfg(not(unix))]
    let _ = readers;
    let mut new = builder
        .tempfile_in(folder)
        .with_context(|| format!("nothing can be written to the folder {}", folder.display()))?;
    let mark = if read.bytes.as_deref().is_some_and(marked) {
        BOM
    } else {
        ""
    };
    let written = new
        .write_all(mark.as_bytes())
        .and_then(|()| new.write_all(text.as_bytes()));
    written
        .and_then(|()| new.as_file().sync_all())
        .with_context(|| format!("nothing can be written to the folder {}", folder.display()))?;
    let backup = match (&read.bytes, &old) {
        (Some(bytes), Some(old)) => {
            like(new.as_file(), old)
                .with_context(|| format!("{} could not keep its owner", path.display()))?;
            Some(back_up(path, bytes, old)?)
        }
        _ => None,
    };
    if let Err(error) = unchanged(read).and_then(|()| {
        new.persist(path)
            .map(drop)
            .with_context(|| format!("{} cannot be replaced", path.display()))
    }) {
        // A backup of what was not touched is only litter.
        if let Some(backup) = &backup {
            let _ = std::fs::remove_file(backup);
        }
        return Err(error);
    }
    // The name outlives a power cut too; where a folder cannot be synchronised, so be it.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(backup)
}

fn marked(bytes: &[u8]) -> bool {
    bytes.starts_with(BOM.as_bytes())
}

fn writable(path: &Path) -> anyhow::Result<Metadata> {
    let metadata =
        std::fs::metadata(path).with_context(|| format!("{} cannot be read", path.display()))?;
    ensure!(
        !metadata.permissions().readonly(),
        "{} is read-only; make it writable first, or ask whoever manages it",
        path.display()
    );
    Ok(metadata)
}

/// A client that runs writes its file too.
fn unchanged(read: &Found) -> anyhow::Result<()> {
    let now = match File::open(&read.target) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
        Ok(file) => {
            let mut bytes = Vec::new();
            file.take(limits::CLIENT_CONFIG_BYTES + 1)
                .read_to_end(&mut bytes)?;
            Some(bytes)
        }
    };
    ensure!(
        now == read.bytes,
        "{} has just been changed by another program; run this again",
        read.target.display()
    );
    Ok(())
}

/// Copies the old file beside itself, under the first number that is free.
fn back_up(path: &Path, bytes: &[u8], old: &Metadata) -> anyhow::Result<PathBuf> {
    let name = path
        .file_name()
        .context("the file has no name")?
        .to_os_string();
    for number in 1..=BACKUPS {
        let mut name = name.clone();
        name.push(format!(".epr-backup-{number}"));
        let backup = path.with_file_name(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = match options.open(&backup) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("the backup {} cannot be made", backup.display()));
            }
            Ok(file) => file,
        };
        file.write_all(bytes)
            .and_then(|()| like(&file, old))
            .and_then(|()| file.sync_all())
            .inspect_err(|_| drop(std::fs::remove_file(&backup)))
            .with_context(|| format!("the backup {} cannot be written", backup.display()))?;
        return Ok(backup);
    }
    bail!(
        "{} has {BACKUPS} backups already; remove some first",
        path.display()
    )
}

/// Gives a file the owner and the permissions of another.
fn like(file: &File, old: &Metadata) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        let new = file.metadata()?;
        if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
            fchown(file, Some(old.uid()), Some(old.gid()))?;
        }
    }
    file.set_permissions(old.permissions())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backups_never_overwrite_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        std::fs::write(&path, "one").unwrap();
        for (text, number) in [("two", 1), ("three", 2)] {
            let backup = write(&read(&path, None).unwrap(), text, Readers::Owner)
                .unwrap()
                .unwrap();
            assert!(backup.ends_with(format!("a.json.epr-backup-{number}")));
        }
        let content = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
        assert_eq!(content("a.json.epr-backup-1"), b"one");
        assert_eq!(content("a.json.epr-backup-2"), b"two");
        assert_eq!(content("a.json"), b"three");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_file_that_another_program_has_changed_meanwhile_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        std::fs::write(&path, "one").unwrap();
        let before = read(&path, None).unwrap();
        std::fs::write(&path, "other").unwrap();
        let error = write(&before, "mine", Readers::Owner)
            .unwrap_err()
            .to_string();
        assert!(error.contains("run this again"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"other");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_mark_of_a_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        std::fs::write(&path, "\u{feff}{}").unwrap();
        let before = read(&path, None).unwrap();
        assert_eq!(before.text, "{}");
        write(&before, "{ }", Readers::Owner).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), "\u{feff}{ }".as_bytes());
    }
}
