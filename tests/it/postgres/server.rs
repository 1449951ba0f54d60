//! A server of its own for tests that stop and kill it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::postgres::{cluster, left_out, script};

/// A server in a folder of its own.
pub(super) struct OwnServer {
    folder: tempfile::TempDir,
    pub(super) port: u16,
}

impl OwnServer {
    /// `None` where there is none to start; that is said.
    pub(super) fn start() -> Option<Self> {
        if cluster().is_none() {
            left_out();
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self { folder, port: 0 };
        server.up();
        Some(server)
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("server")
    }

    /// Starts it, on the port that it had.
    pub(super) fn up(&mut self) {
        let out = Command::new(script())
            .arg("start")
            .arg(self.dir())
            .output()
            .unwrap();
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        let port = std::fs::read_to_string(self.dir().join("port")).unwrap();
        self.port = port.trim().parse().unwrap();
    }

    /// Stops it: `fast` ends all connections, `immediate` leaves it to recover when it starts.
    pub(super) fn down(&self, mode: &str) {
        let stopped = Command::new(script())
            .arg("stop")
            .arg(self.dir())
            .arg(mode)
            .status();
        assert!(stopped.unwrap().success());
    }

    /// All its processes.
    fn processes(&self) -> Vec<String> {
        let pid = std::fs::read_to_string(self.dir().join("data/postmaster.pid")).unwrap();
        let pid: u32 = pid.lines().next().unwrap().trim().parse().unwrap();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        let children = children.split_whitespace().map(str::to_owned);
        std::iter::once(pid.to_string()).chain(children).collect()
    }

    /// Kills all its processes at once, as a machine that is switched off does.
    pub(super) fn kill(&self) {
        let pids = self.processes();
        let _ = Command::new("kill").arg("-KILL").args(&pids).status();
        for pid in pids {
            while Path::new(&format!("/proc/{pid}/stat")).exists() && !is_zombie(&pid) {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
        // Where nobody has waited for the dead process the server would take it for alive.
        let _ = std::fs::remove_file(self.dir().join("data/postmaster.pid"));
    }

    /// Stops all its processes where they are, until the answer is dropped: connections stand and
    /// nothing answers.
    pub(super) fn hang(&self) -> Hung {
        let stop = |pid: &str| Command::new("kill").args(["-STOP", pid]).status().unwrap();
        // The parent first: it starts no more then. A child may come to its end meanwhile.
        let parent = self.processes().remove(0);
        assert!(stop(&parent).success());
        let hung = Hung(self.processes());
        for pid in &hung.0 {
            let gone = || !Path::new(&format!("/proc/{pid}")).exists() || is_zombie(pid);
            assert!(stop(pid).success() || gone(), "{pid}");
        }
        hung
    }

    /// The address behind this port. Not encrypted: the proxy looks for COMMITs.
    pub(super) fn url(port: u16) -> String {
        format!("postgres://epr@127.0.0.1:{port}/postgres?sslmode=disable")
    }
}

/// A server that hangs.
pub(super) struct Hung(Vec<String>);

impl Drop for Hung {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg("-CONT").args(&self.0).status();
    }
}

fn is_zombie(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        stat.rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with('Z'))
    })
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        let _ = Command::new(script())
            .arg("stop")
            .arg(self.dir())
            .arg("immediate")
            .stderr(std::process::Stdio::null())
            .status();
    }
}
