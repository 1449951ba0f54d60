//! What kind of place a file lies in: whether it lasts, whether processes can share it.

use std::path::{Path, PathBuf};

/// Tells a file from another one at the same path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileIdentity {
    device: u64,
    file: u64,
}

/// The identity of the file at `path`; `None` if there is none, or the platform cannot tell.
pub(super) async fn identity(path: &Path) -> Option<FileIdentity> {
    let metadata = tokio::fs::metadata(path).await.ok()?;
    of_metadata(&metadata)
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other platforms cannot tell")]
fn of_metadata(metadata: &std::fs::Metadata) -> Option<FileIdentity> {
    use std::os::unix::fs::MetadataExt;
    Some(FileIdentity {
        device: metadata.dev(),
        file: metadata.ino(),
    })
}

#[cfg(not(unix))]
fn of_metadata(_: &std::fs::Metadata) -> Option<FileIdentity> {
    None
}

/// What is known of the place of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// The file system, if it is one that cannot share memory between machines or with a host.
    pub(super) remote: Option<String>,
    /// Why what is written there will not last.
    pub(super) ephemeral: Option<String>,
}

/// What a look at a file's surroundings tells.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    /// Its place.
    pub(super) place: Place,
    /// Whether this process may write the file, or make it.
    pub(super) writable: bool,
    /// The identity of the file, if it is there.
    pub(super) identity: Option<FileIdentity>,
}

/// Makes the folder of `path`, which need not exist yet, and looks at its place. It blocks, and is for
/// a thread that may.
#[expect(
    clippy::disallowed_methods,
    reason = "runs on a thread that may block: one hop instead of five"
)]
pub(super) fn look(path: &Path) -> std::io::Result<Surroundings> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    };
    std::fs::create_dir_all(&folder)?;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let in_container = ["/.dockerenv", "/run/.containerenv"]
        .iter()
        .any(|mark| Path::new(mark).exists());
    let folder = std::fs::canonicalize(&folder).unwrap_or(folder);
    let writable = match std::fs::OpenOptions::new().append(true).open(path) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    Ok(Surroundings {
        place: judge(&mounts, in_container, &folder),
        writable,
        identity: std::fs::metadata(path)
            .ok()
            .and_then(|metadata| of_metadata(&metadata)),
    })
}

/// File systems on which SQLite's shared memory does not work across all users of a file
/// (sqlite.org/wal.html): network file systems and those that a virtual machine shares with its
/// host.
const REMOTE: &[&str] = &[
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "virtiofs",
    "fuse.sshfs",
    "fuse.virtiofs",
    "fuse.grpcfuse",
    "fuse.osxfs",
    "fuse.gcsfuse",
    "fuse.s3fs",
    "vboxsf",
    "prl_fs",
    "ceph",
    "fuse.ceph",
    "glusterfs",
    "fuse.glusterfs",
    "afs",
    "lustre",
    "drvfs",
    "vmhgfs",
    "fuse.vmhgfs-fuse",
];

/// The pure part: `mounts` is the text of `/proc/self/mountinfo` (man proc_pid_mountinfo).
fn judge(mounts: &str, in_container: bool, folder: &Path) -> Place {
    let mut best: Option<(usize, &str, PathBuf)> = None;
    for line in mounts.lines() {
        let Some((left, right)) = line.split_once(" - ") else {
            continue;
        };
        let (Some(point), Some(kind)) = (left.split(' ').nth(4), right.split(' ').next()) else {
            continue;
        };
        let point = PathBuf::from(unescape(point));
        let depth = point.components().count();
        // Of several mounts on one point the last one is on top.
        if folder.starts_with(&point) && best.as_ref().is_none_or(|(deepest, ..)| depth >= *deepest)
        {
            best = Some((depth, kind, point));
        }
    }
    let Some((_, kind, point)) = best else {
        return Place::default();
    };
    let remote = REMOTE.contains(&kind).then(|| kind.to_owned());
    let ephemeral = if matches!(kind, "tmpfs" | "ramfs") {
        Some(format!("{} is kept in memory ({kind})", point.display()))
    } else if in_container && point == Path::new("/") {
        Some("it lies in the container's own file system, which goes with the container; mount a volume".to_owned())
    } else {
        None
    };
    Place { remote, ephemeral }
}

/// `\040` and the like, as the kernel writes blanks in paths.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let octal = (*first == b'\\')
            .then(|| {
                tail.get(..3)
                    .and_then(|digits| std::str::from_utf8(digits).ok())
            })
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match octal {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 0:21 / / rw,relatime - overlay overlay rw\n\
30 22 0:26 / /data rw - ext4 /dev/sda1 rw\n\
31 22 0:27 / /mnt/team\\040share rw - nfs4 server:/x rw\n\
32 22 0:28 / /host rw - virtiofs host rw\n\
33 22 0:29 / /tmp rw - tmpfs tmpfs rw\n\
34 32 0:30 / /host/fast rw - ext4 /dev/sdb rw\n";

    #[test]
    fn tells_places_that_last_and_can_be_shared() {
        let at = |path: &str, container| judge(MOUNTS, container, Path::new(path));
        assert_eq!(at("/data/epr", true), Place::default());
        assert_eq!(
            at("/mnt/team share/epr", false).remote.as_deref(),
            Some("nfs4")
        );
        assert_eq!(at("/host/epr", false).remote.as_deref(), Some("virtiofs"));
        assert_eq!(at("/host/fast/epr", false), Place::default());
        assert!(at("/tmp/x", false).ephemeral.unwrap().contains("memory"));
        assert!(at("/srv/local", true).ephemeral.unwrap().contains("volume"));
        assert_eq!(at("/srv/local", false), Place::default());
        assert_eq!(judge("", true, Path::new("/x")), Place::default());
    }
}
