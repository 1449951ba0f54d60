//! What kind of place a file lies in: whether it lasts, whether processes can share it.

use std::path::{Path, PathBuf};

use super::mounts::{self, Container, Marks, Place};

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

/// What a look at a file's surroundings tells.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    /// Its place.
    pub(super) place: Place,
    /// What this process runs in.
    pub(super) container: Option<Container>,
    /// Whether this process may write the file, or make it.
    pub(super) writable: bool,
    /// The identity of the file, if it is there.
    pub(super) identity: Option<FileIdentity>,
}

/// Makes the folder of `path`, which need not exist yet, and looks at its place. It blocks, and is for
/// a thread that may.
pub(super) fn look(path: &Path) -> std::io::Result<Surroundings> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    };
    std::fs::create_dir_all(&folder)?;
    let mounts = mounts_table();
    let container = mounts::container(&mounts, marks());
    let folder = std::fs::canonicalize(&folder).unwrap_or(folder);
    let writable = match std::fs::OpenOptions::new().append(true).open(path) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    Ok(Surroundings {
        place: mounts::judge(&mounts, container, &folder),
        container,
        writable,
        identity: std::fs::metadata(path)
            .ok()
            .and_then(|metadata| of_metadata(&metadata)),
    })
}

/// What this process runs in. It blocks.
pub(super) fn container() -> Option<Container> {
    mounts::container(&mounts_table(), marks())
}

#[expect(
    clippy::disallowed_methods,
    reason = "runs on a thread that may block: one hop instead of five"
)]
fn mounts_table() -> String {
    std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default()
}

fn marks() -> Marks {
    Marks {
        file: ["/.dockerenv", "/run/.containerenv"]
            .iter()
            .any(|mark| Path::new(mark).exists()),
        kubernetes: std::env::var_os("KUBERNETES_SERVICE_HOST").is_some(),
    }
}
