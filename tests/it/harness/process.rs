//! Other processes: this test binary started again to run one of its tests alone.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output};

/// The user `nobody`, and the group `nogroup` or `nobody`, on most systems.
const NOBODY: u32 = 65_534;

/// This binary, in a form that a user without a right to its folder can start too.
fn this_binary() -> PathBuf {
    let magic = PathBuf::from("/proc/self/exe");
    if magic.exists() {
        magic
    } else {
        std::env::current_exe().unwrap()
    }
}

/// Whether this process is root, whom no file permission stops.
fn is_root() -> bool {
    let probe = tempfile::NamedTempFile::new().unwrap();
    probe.as_file().metadata().unwrap().uid() == 0
}

const ALONE: [&str; 3] = ["--exact", "--nocapture", "--test-threads=1"];

/// This binary, about to run the test of this name alone.
pub(crate) fn alone(test: &str) -> Command {
    let mut command = Command::new(this_binary());
    command.arg(test).args(ALONE);
    command
}

/// Runs the test of this name in a process that permissions apply to, if they do not apply to
/// this one. Tells whether that was done: then nothing is left to do here.
pub(crate) fn done_without_root(test: &str) -> bool {
    if !is_root() {
        return false;
    }
    let output = alone(test).uid(NOBODY).gid(NOBODY).output().unwrap();
    assert_passed(test, &output);
    true
}

/// Runs the test of this name in a process that may mount file systems, if this one may not: as the
/// root of a user namespace. Tells whether that was done: then nothing is left to do here.
pub(crate) fn done_with_mounts(test: &str) -> bool {
    // Root of a container may be as little allowed to as anybody else.
    let probe = tempfile::tempdir().unwrap();
    let mut mount = Command::new("mount");
    mount
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(probe.path());
    if mount.output().is_ok_and(|out| out.status.success()) {
        let unmounted = Command::new("umount").arg(probe.path()).status();
        assert!(unmounted.unwrap().success());
        return false;
    }
    let inside = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount"]).args(arguments);
        command
    };
    if !inside(&["true"])
        .output()
        .is_ok_and(|out| out.status.success())
    {
        println!("left out: {test} mounts a file system, and this user may not");
        return true;
    }
    let binary = std::env::current_exe().unwrap();
    let output = inside(&[]).arg(binary).arg(test).args(ALONE).output();
    assert_passed(test, &output.unwrap());
    true
}

/// Runs the test of this name in a process whose files cannot grow over `kib` KiB: a write that
/// would make one longer fails, as with a quota. Tells whether that was done: in that process
/// itself it was not.
pub(crate) fn done_with_small_files(test: &str, kib: u64) -> bool {
    const HERE: &str = "FILES_ARE_SMALL_HERE";
    if std::env::var_os(HERE).is_some() {
        return false;
    }
    // The shell is the portable way to set a limit, in blocks of 512 bytes; with the signal for it
    // ignored a write just fails.
    let script = format!("trap '' XFSZ && ulimit -f {} && exec \"$@\"", kib * 2);
    let output = Command::new("sh")
        .args(["-c", &script, "sh"])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .args(ALONE)
        .env(HERE, "1")
        .output()
        .unwrap();
    assert_passed(test, &output);
    true
}

fn assert_passed(test: &str, output: &Output) {
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    let passed = output.status.success() && out.contains("test result: ok. 1 passed");
    assert!(
        passed,
        "{test} in a process of its own: {}\n{out}\n{err}",
        output.status
    );
}
