//! Why a file may not be written: which path, whose it is, who this process is, and what to do.

use std::path::Path;

use super::errors::is_barred;
use crate::store::{Result, StoreError};

/// Adds what is found on the disk to an error that a missing permission can have caused.
pub(super) async fn explained<T>(result: Result<T>, path: &Path) -> Result<T> {
    match result {
        Err(StoreError::Unavailable { why, hint }) if is_barred(&why) => {
            let barred = because(why, path).await;
            Err(barred.unwrap_or_else(|why| StoreError::Unavailable { why, hint }))
        }
        other => other,
    }
}

/// That `what` for want of a permission on `path`, its folder or what lies beside it; `what` again if
/// none is missing.
pub(super) async fn because(what: String, path: &Path) -> std::result::Result<StoreError, String> {
    let path = path.to_owned();
    let found = tokio::task::spawn_blocking(move || obstacle::found(&path)).await;
    match found {
        Ok(Some((why, hint))) => Ok(StoreError::unavailable(format!("{what}: {why}"), hint)),
        _ => Err(what),
    }
}

#[cfg(not(unix))]
mod obstacle {
    pub(super) fn found(_: &std::path::Path) -> Option<(String, String)> {
        None
    }
}

#[cfg(unix)]
mod obstacle {
    use std::fmt::Write as _;
    use std::os::unix::fs::MetadataExt as _;
    use std::path::{Path, PathBuf};

    use rustix::fs::{Access, AtFlags, CWD, accessat};
    use rustix::io::Errno;
    use rustix::process::{getegid, geteuid};

    use crate::store::sqlite::environment;
    use crate::store::sqlite::mounts::Container;

    /// A user and a group.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) struct Ids {
        pub(super) user: u32,
        pub(super) group: u32,
    }

    /// What stands in the way.
    #[derive(Debug, PartialEq, Eq)]
    pub(super) enum Obstacle {
        /// The file system is mounted so.
        ReadOnly,
        /// It belongs to these, with these bits of its mode.
        Owner(Ids, u32),
    }

    /// What is in the way of writing `path`, and what to do. It blocks.
    pub(super) fn found(path: &Path) -> Option<(String, String)> {
        let me = Ids {
            user: geteuid().as_raw(),
            group: getegid().as_raw(),
        };
        let (at, obstacle) = first(path)?;
        Some(told(
            &at,
            at.is_dir(),
            &obstacle,
            me,
            environment::container(),
        ))
    }

    /// The first of the places that writing needs which may not be used: the folders on the way, the
    /// folder or where it would be made, the file and what SQLite keeps beside it.
    fn first(path: &Path) -> Option<(PathBuf, Obstacle)> {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let mut on_the_way: Vec<&Path> = folder.ancestors().skip(1).collect();
        on_the_way.reverse();
        let there = folder.ancestors().find(|folder| folder.is_dir());
        let beside = ["", "-wal", "-shm", "-journal"].map(|end| {
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            PathBuf::from(name)
        });
        let (search, make) = (Access::EXEC_OK, Access::WRITE_OK | Access::EXEC_OK);
        let ways = on_the_way.into_iter().map(|folder| (folder, search));
        let files = beside
            .iter()
            .map(|file| (file.as_path(), Access::READ_OK | Access::WRITE_OK));
        let needed = ways.chain(there.map(|folder| (folder, make))).chain(files);
        for (place, access) in needed {
            if let Some(obstacle) = barred(place, access) {
                return Some((place.to_owned(), obstacle));
            }
        }
        None
    }

    fn barred(place: &Path, access: Access) -> Option<Obstacle> {
        match accessat(CWD, place, access, AtFlags::EACCESS) {
            Err(Errno::ROFS) => Some(Obstacle::ReadOnly),
            Err(Errno::ACCESS | Errno::PERM) => {
                let metadata = std::fs::metadata(place).ok()?;
                let owner = Ids {
                    user: metadata.uid(),
                    group: metadata.gid(),
                };
                Some(Obstacle::Owner(owner, metadata.mode() & 0o7777))
            }
            // It is not there, or the answer is about something else.
            _ => None,
        }
    }

    /// The pure part: why, and what to do.
    pub(super) fn told(
        at: &Path,
        is_folder: bool,
        obstacle: &Obstacle,
        me: Ids,
        container: Option<Container>,
    ) -> (String, String) {
        let what = if is_folder { "folder" } else { "file" };
        let shown = at.display();
        let folder = if is_folder { Some(at) } else { at.parent() };
        let folder = folder.unwrap_or(at).display();
        let Ids { user, group } = me;
        let (why, mut hint) = match obstacle {
            Obstacle::ReadOnly => (
                format!("the {what} {shown} is on a file system that is mounted read-only"),
                match container {
                    None => "Mount it writable".to_owned(),
                    Some(Container::Pod) => format!(
                        "Mount a PersistentVolumeClaim at {folder} without readOnly, also with a read-only root"
                    ),
                    Some(Container::Plain) => {
                        format!("Mount a volume that can be written (-v epr:{folder}, without :ro)")
                    }
                },
            ),
            Obstacle::Owner(owner, mode) => {
                let mut why = format!(
                    "the {what} {shown} belongs to uid {} (gid {}, mode {mode:o}), and this process runs as uid {user} \
                     (gid {group})",
                    owner.user, owner.group
                );
                let mine = owner.user == user;
                if mine {
                    let _ = write!(why, "; the mode does not let its owner write");
                }
                let hint = match container {
                    _ if mine => format!("Let its owner write: chmod u+rwX {shown}"),
                    None => format!(
                        "Run this as uid {}, or as root: chown -R {user}:{group} {folder}",
                        owner.user
                    ),
                    Some(Container::Pod) => format!(
                        "Set securityContext.fsGroup: {group} for the pod, or runAsUser: {}",
                        owner.user
                    ),
                    Some(Container::Plain) => format!(
                        "Mount a named volume (-v epr:{folder}), or for a folder of the host: run the container as its \
                         owner (--user \"$(id -u):$(id -g)\"), or give it to this user (chown -R {user}:{group} FOLDER, \
                         on the host)"
                    ),
                };
                (why, hint)
            }
        };
        let _ = write!(hint, ". Or use another path with --db.");
        (why, hint)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        const ME: Ids = Ids {
            user: 65_532,
            group: 65_532,
        };
        const ROOTS: Obstacle = Obstacle::Owner(Ids { user: 0, group: 0 }, 0o755);

        fn about_data(obstacle: &Obstacle, container: Option<Container>) -> (String, String) {
            told(Path::new("/data"), true, obstacle, ME, container)
        }

        #[test]
        fn a_foreign_owner_is_named_with_this_process_and_the_next_step() {
            let (why, hint) = about_data(&ROOTS, Some(Container::Plain));
            assert_eq!(
                why,
                "the folder /data belongs to uid 0 (gid 0, mode 755), and this process runs as uid 65532 (gid 65532)"
            );
            for step in [
                "-v epr:/data",
                "--user \"$(id -u):$(id -g)\"",
                "chown -R 65532:65532",
                "--db",
            ] {
                assert!(hint.contains(step), "{hint}");
            }
            let (_, hint) = about_data(&ROOTS, Some(Container::Pod));
            assert!(hint.contains("fsGroup: 65532"), "{hint}");
            let (_, hint) = about_data(&ROOTS, None);
            assert!(
                hint.contains("chown -R 65532:65532 /data") && !hint.contains("volume"),
                "{hint}"
            );
        }

        #[test]
        fn ones_own_file_is_told_apart_from_a_foreign_one() {
            let file = Path::new("/data/epr.db");
            let (why, hint) = told(file, false, &Obstacle::Owner(ME, 0o444), ME, None);
            assert!(
                why.contains("mode 444") && why.contains("its owner"),
                "{why}"
            );
            assert!(hint.contains("chmod u+rwX /data/epr.db"), "{hint}");
        }

        #[test]
        fn a_read_only_file_system_is_told() {
            let (why, hint) = about_data(&Obstacle::ReadOnly, Some(Container::Plain));
            assert!(why.contains("read-only"), "{why}");
            assert!(hint.contains("without :ro"), "{hint}");
            let (_, hint) = about_data(&Obstacle::ReadOnly, None);
            assert!(!hint.contains(":ro"), "{hint}");
        }

        #[test]
        fn what_may_be_written_is_in_nobodys_way() {
            let folder = tempfile::tempdir().unwrap();
            assert_eq!(found(&folder.path().join("new/epr.db")), None);
        }
    }
}
