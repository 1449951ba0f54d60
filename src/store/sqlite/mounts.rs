//! What the table of mounts tells of a folder: whether what is written there lasts, and whether
//! processes can share it.

use std::path::{Path, PathBuf};

/// What is known of the place of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// The file system, if it is one that cannot share memory between machines or with a host.
    pub(super) remote: Option<String>,
    /// Why what is written there will not last.
    pub(super) ephemeral: Option<String>,
}

/// What this process runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    /// A pod of Kubernetes.
    Pod,
    /// Any other.
    Plain,
}

/// What a process can see of being in a container.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Marks {
    /// The file by which Docker or Podman marks its containers is there.
    pub(super) file: bool,
    /// The variable that Kubernetes sets is there.
    pub(super) kubernetes: bool,
}

/// File systems on which SQLite's shared memory does not work across all users of a file
/// (sqlite.org/wal.html): network file systems, those that a virtual machine shares with its host, and
/// those of a cluster.
const REMOTE: &[&str] = &[
    "9p",
    "acfs",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "drvfs",
    "fakeowner",
    "fuse",
    "gfs2",
    "glusterfs",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "ocfs2",
    "orangefs",
    "osxfs",
    "prl_fs",
    "smb2",
    "smb3",
    "smbfs",
    "vboxsf",
    "virtiofs",
    "vmhgfs",
];

/// What programs give as a file system is as good as they are, and most of them bring files from
/// elsewhere (sshfs, grpcfuse, gcsfuse, …). One does not.
const LOCAL_FUSE: &str = "fuse.fuse-overlayfs";

fn is_remote(kind: &str) -> bool {
    REMOTE.contains(&kind) || kind.starts_with("fuse.") && kind != LOCAL_FUSE
}

/// One line of `/proc/self/mountinfo` (man proc_pid_mountinfo).
#[derive(Debug)]
struct Mount<'a> {
    /// What of its file system is mounted.
    root: String,
    point: PathBuf,
    kind: &'a str,
    source: &'a str,
}

fn parse(line: &str) -> Option<Mount<'_>> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ').skip(3);
    let mut right = right.split(' ');
    Some(Mount {
        root: unescape(left.next()?),
        point: PathBuf::from(unescape(left.next()?)),
        kind: right.next()?,
        source: right.next().unwrap_or_default(),
    })
}

/// The mount that a folder lies in.
fn mount_of<'a>(mounts: &'a str, folder: &Path) -> Option<Mount<'a>> {
    let around = mounts.lines().filter_map(parse);
    // Of several on one point the last one is on top, and that is the one which `max_by_key` gives.
    around
        .filter(|mount| folder.starts_with(&mount.point))
        .max_by_key(|mount| mount.point.components().count())
}

/// What this process runs in, if in any. Not every container has a mark; then its root tells: layers
/// over an image.
pub(super) fn container(mounts: &str, marks: Marks) -> Option<Container> {
    let layers = || {
        // Some systems that are installed so have layers too, from a source of this name.
        mount_of(mounts, Path::new("/")).is_some_and(|root| {
            (root.kind == "overlay" && root.source != "composefs") || root.kind == LOCAL_FUSE
        })
    };
    if marks.kubernetes {
        Some(Container::Pod)
    } else if marks.file || layers() {
        Some(Container::Plain)
    } else {
        None
    }
}

/// What is known of a folder.
pub(super) fn judge(mounts: &str, container: Option<Container>, folder: &Path) -> Place {
    let Some(mount) = mount_of(mounts, folder) else {
        return Place::default();
    };
    let remote = is_remote(mount.kind).then(|| mount.kind.to_owned());
    let shown = folder.display();
    let ephemeral = if matches!(mount.kind, "tmpfs" | "ramfs") {
        Some(format!(
            "{} is kept in memory ({})",
            mount.point.display(),
            mount.kind
        ))
    } else if mount.root.contains("/kubernetes.io~empty-dir/") {
        Some(
            "it lies in an emptyDir, which goes with the pod; mount a PersistentVolumeClaim"
                .to_owned(),
        )
    } else if has_no_name(&mount.root) {
        Some(format!(
            "it lies in a volume without a name, which goes with the container or is not found again; name one \
             (-v epr:{shown})"
        ))
    } else if container.is_some() && mount.point == Path::new("/") {
        Some(match container {
            Some(Container::Pod) => {
                "it lies in the container's own file system, which goes with the pod; mount a \
                                     PersistentVolumeClaim"
                    .to_owned()
            }
            _ => format!(
                "it lies in the container's own file system, which goes with the container; mount a volume \
                 (-v epr:{shown})"
            ),
        })
    } else {
        None
    };
    Place { remote, ephemeral }
}

/// Docker and Podman keep a volume in `volumes/NAME/_data`, and give one that nobody named a name of
/// 64 hexadecimal digits.
fn has_no_name(root: &str) -> bool {
    let mut parts = root.rsplit('/');
    let data = parts.next();
    let name = parts.next().unwrap_or_default();
    let volumes = parts.next();
    (data, volumes) == (Some("_data"), Some("volumes"))
        && name.len() == 64
        && name.bytes().all(|byte| byte.is_ascii_hexdigit())
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

    const MARKED: Marks = Marks {
        file: true,
        kubernetes: false,
    };

    /// The table of a container whose image lies in layers, with one more line.
    fn table(line: &str) -> String {
        format!(
            "600 500 0:55 / / rw,relatime - overlay overlay rw,lowerdir=/l1:/l2,upperdir=/u/diff,workdir=/u/work\n\
             601 600 0:58 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw\n{line}\n"
        )
    }

    fn at_data(line: &str) -> Place {
        judge(&table(line), Some(Container::Plain), Path::new("/data/epr"))
    }

    fn ephemeral(line: &str) -> String {
        at_data(line).ephemeral.expect("it does not last")
    }

    #[test]
    fn volumes_and_folders_of_the_host_last() {
        for line in [
            // Docker: a named volume, a folder; the same with /var on a disk of its own.
            "605 600 8:1 /var/lib/docker/volumes/epr/_data /data rw,relatime master:1 - ext4 /dev/sda1 rw",
            "605 600 8:1 /home/ada/epr /data rw,relatime - ext4 /dev/sda1 rw",
            "605 600 8:2 /lib/docker/volumes/epr/_data /data rw,relatime master:1 - xfs /dev/sda2 rw",
            // Docker Desktop: a named volume in its virtual machine.
            "605 600 254:1 /docker/volumes/epr/_data /data rw,relatime master:23 - ext4 /dev/vda1 rw",
            // Podman: a named volume, of root and of a user.
            "605 600 8:1 /var/lib/containers/storage/volumes/epr/_data /data rw,relatime - btrfs /dev/sda1 rw",
            "605 600 8:1 /home/ada/.local/share/containers/storage/volumes/epr/_data /data rw - ext4 /dev/sda1 rw",
            // Kubernetes: a claim on a block device, and one on a folder of the node.
            "605 600 259:4 / /data rw,relatime - ext4 /dev/nvme1n1 rw",
            "605 600 259:1 /var/local-path-provisioner/pvc-1_default_epr /data rw,relatime - ext4 /dev/nvme0n1p1 rw",
            // A name that only looks like none.
            "605 600 8:1 /var/lib/docker/volumes/deadbeef/_data /data rw,relatime master:1 - ext4 /dev/sda1 rw",
        ] {
            assert_eq!(at_data(line), Place::default(), "{line}");
        }
    }

    #[test]
    fn what_goes_with_the_container_is_told() {
        let own = ephemeral("");
        assert!(
            own.contains("container's own") && own.contains("-v epr:/data"),
            "{own}"
        );
        let memory =
            ephemeral("605 600 0:60 / /data rw,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw");
        assert!(memory.contains("/data is kept in memory"), "{memory}");
        for folder in ["/var/lib/docker", "/docker", "/var/lib/containers/storage"] {
            let name = "5f".repeat(32);
            let unnamed = ephemeral(&format!(
                "605 600 8:1 {folder}/volumes/{name}/_data /data rw,relatime master:1 - ext4 /dev/sda1 rw"
            ));
            assert!(unnamed.contains("without a name"), "{unnamed}");
        }
        let scratch = ephemeral(
            "605 600 8:1 /var/lib/kubelet/pods/0b-1/volumes/kubernetes.io~empty-dir/data /data rw - ext4 /dev/sda1 rw",
        );
        assert!(scratch.contains("emptyDir"), "{scratch}");
    }

    #[test]
    fn file_systems_that_are_shared_with_a_host_or_a_network_are_known() {
        for (line, kind) in [
            // Docker Desktop on macOS: VirtioFS as it is now and as it was, gRPC FUSE, osxfs.
            (
                "605 600 0:90 /Users/ada/epr /data rw,nosuid,nodev,relatime - fakeowner /run/host_mark/Users rw,fakeowner",
                "fakeowner",
            ),
            (
                "605 600 0:90 /Users/ada/epr /data rw,relatime - virtiofs virtiofs0 rw",
                "virtiofs",
            ),
            (
                "605 600 0:90 /Users/ada/epr /data rw,nosuid,nodev,relatime - fuse.grpcfuse grpcfuse rw,user_id=0,allow_other",
                "fuse.grpcfuse",
            ),
            (
                "605 600 0:90 /Users/ada/epr /data rw,nosuid,nodev,relatime - fuse.osxfs osxfs rw,user_id=0",
                "fuse.osxfs",
            ),
            // Docker Desktop and others on WSL 2: a folder of Windows.
            (
                "605 600 0:90 /Users/ada/epr /data rw,noatime - 9p C:\\134 rw,dirsync,aname=drvfs;path=C:\\;uid=1000,trans=fd",
                "9p",
            ),
            (
                "605 600 0:90 /epr /data rw,noatime - drvfs C: rw,uid=1000",
                "drvfs",
            ),
            // Podman's machine: Apple's hypervisor, QEMU.
            (
                "605 600 0:41 /ada/epr /data rw,relatime - virtiofs a2a0ee2c717462feb1de2f5afd59de5fd2d8 rw",
                "virtiofs",
            ),
            (
                "605 600 0:41 /ada/epr /data rw,relatime - 9p vol0 rw,trans=virtio,version=9p2000.L,msize=131072",
                "9p",
            ),
            // Lima and Colima.
            (
                "605 600 0:41 /epr /data rw,relatime - virtiofs mount0 rw",
                "virtiofs",
            ),
            (
                "605 600 0:41 /epr /data rw,relatime - 9p mount0 rw,sync,dirsync,access=client,trans=virtio",
                "9p",
            ),
            (
                "605 600 0:41 /epr /data rw,nosuid,nodev - fuse.sshfs :/Users/ada rw,user_id=501,allow_other",
                "fuse.sshfs",
            ),
            // Virtual machines of others.
            ("605 600 0:41 / /data rw - vboxsf share rw", "vboxsf"),
            ("605 600 0:41 / /data rw - prl_fs none rw", "prl_fs"),
            (
                "605 600 0:41 / /data rw - fuse.vmhgfs-fuse vmhgfs-fuse rw",
                "fuse.vmhgfs-fuse",
            ),
            // Networks; Kubernetes mounts many of them.
            (
                "605 600 0:41 / /data rw,relatime - nfs4 10.0.0.2:/export/epr rw,vers=4.1",
                "nfs4",
            ),
            (
                "605 600 0:41 / /data rw,relatime - cifs //nas/epr rw,vers=3.1.1",
                "cifs",
            ),
            (
                "605 600 0:41 / /data rw,relatime - ceph mon:/volumes/csi rw",
                "ceph",
            ),
            (
                "605 600 0:41 / /data rw,nosuid,nodev - fuse.gcsfuse bucket rw,user_id=0",
                "fuse.gcsfuse",
            ),
            (
                "605 600 0:41 / /data rw,nosuid,nodev - fuse.mountpoint-s3 bucket rw",
                "fuse.mountpoint-s3",
            ),
        ] {
            assert_eq!(at_data(line).remote.as_deref(), Some(kind), "{line}");
            assert_eq!(at_data(line).ephemeral, None, "{line}");
        }
        let layers = "600 1 0:55 / / rw - fuse.fuse-overlayfs fuse-overlayfs rw,user_id=0";
        assert_eq!(judge(layers, None, Path::new("/data")), Place::default());
    }

    #[test]
    fn a_container_is_known_by_its_marks_or_by_its_layers() {
        let disk = "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw";
        let layers = table("");
        let alone = Marks::default();
        let pod = Marks {
            kubernetes: true,
            file: false,
        };
        assert_eq!(container(disk, alone), None);
        assert_eq!(container("", alone), None);
        assert_eq!(container(disk, MARKED), Some(Container::Plain));
        assert_eq!(container(&layers, alone), Some(Container::Plain));
        assert_eq!(container(&layers, pod), Some(Container::Pod));
        let installed = "22 1 0:33 / / ro,relatime - overlay composefs ro,lowerdir=/run/ostree";
        assert_eq!(container(installed, alone), None);
        let rootless = "22 1 0:33 / / rw - fuse.fuse-overlayfs fuse-overlayfs rw";
        assert_eq!(container(rootless, alone), Some(Container::Plain));
        let in_pod = judge(&layers, Some(Container::Pod), Path::new("/data"));
        assert!(in_pod.ephemeral.unwrap().contains("PersistentVolumeClaim"));
        assert_eq!(judge(disk, None, Path::new("/data")), Place::default());
    }

    #[test]
    fn the_innermost_mount_counts_and_of_two_on_one_point_the_last() {
        let mounts = "\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n\
31 22 0:27 / /mnt/team\\040share rw - nfs4 server:/x rw\n\
32 22 0:28 / /host rw - virtiofs host rw\n\
34 32 0:30 / /host/fast rw - ext4 /dev/sdb rw\n\
35 22 0:31 / /tmp rw - tmpfs tmpfs rw\n\
36 22 0:32 / /twice rw - ext4 /dev/sdc rw\n\
37 22 0:33 / /twice rw - nfs4 server:/y rw\n";
        let at = |path: &str| judge(mounts, None, Path::new(path));
        assert_eq!(at("/srv"), Place::default());
        assert_eq!(at("/mnt/team share/epr").remote.as_deref(), Some("nfs4"));
        assert_eq!(at("/host/epr").remote.as_deref(), Some("virtiofs"));
        assert_eq!(at("/host/fast/epr"), Place::default());
        assert_eq!(at("/twice/epr").remote.as_deref(), Some("nfs4"));
        assert!(at("/tmp/x").ephemeral.unwrap().contains("memory"));
        assert_eq!(
            judge("", Some(Container::Plain), Path::new("/x")),
            Place::default()
        );
    }
}
