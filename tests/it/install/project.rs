//! Configuration that belongs to a project: others read it, and others may have put links there.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use super::{Home, both, text};

const WRITE: [&str; 6] = [
    "--client",
    "claude-code",
    "--scope",
    "project",
    "--write",
    "--no-check",
];
const FILE: &str = ".mcp.json";

#[test]
fn a_new_file_of_a_project_is_for_all_whom_the_umask_lets_and_one_of_yours_is_yours() {
    let mode =
        |home: &Home, file: &str| home.path(file).metadata().unwrap().permissions().mode() & 0o777;
    let home = Home::linux();
    for (umask, arguments, file, expected) in [
        ("022", &WRITE[..], FILE, 0o644),
        ("027", &WRITE, FILE, 0o640),
        (
            "022",
            &["--client", "cursor", "--write", "--no-check"],
            ".cursor/mcp.json",
            0o600,
        ),
    ] {
        let install = home.command(arguments);
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")])
            .arg(install.get_program())
            .args(install.get_args())
            .current_dir(home.folder.path());
        for (name, value) in install.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let done = shell.output().unwrap();
        assert!(done.status.success(), "{}", both(&done));
        assert_eq!(mode(&home, file), expected, "{umask} {file}");
        std::fs::remove_file(home.path(file)).unwrap();
    }
}

#[test]
fn a_link_that_leaves_the_project_is_followed_only_by_force() {
    let outside = tempfile::tempdir().unwrap();
    let there = outside.path().join("there.json");
    std::fs::write(&there, "{}").unwrap();
    let missing = outside.path().join("made/by/link.json");
    let name = outside.path().file_name().unwrap().to_str().unwrap();
    // By way of a folder that is not there, a path could be counted as one inside.
    let sly = format!("gone/../../{name}/made/by/link.json");
    for target in [there.as_path(), missing.as_path(), sly.as_ref()] {
        let home = Home::linux();
        symlink(target, home.path(FILE)).unwrap();
        let told = home.refused(&WRITE, 1);
        assert!(
            told.contains("--force")
                && told.contains("outside")
                && told.contains("nothing was changed"),
            "{told}"
        );
        assert_eq!(text(&there), "{}");
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
        assert_eq!(std::fs::read_dir(home.folder.path()).unwrap().count(), 1);
    }
    // A folder on the way may be the link.
    let home = Home::linux();
    symlink(outside.path(), home.path(".cursor")).unwrap();
    let arguments = [
        "--client",
        "cursor",
        "--scope",
        "project",
        "--write",
        "--no-check",
    ];
    let told = home.refused(&arguments, 1);
    assert!(told.contains("outside"), "{told}");
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);

    let home = Home::linux();
    symlink(&missing, home.path(FILE)).unwrap();
    let mut forced = WRITE.to_vec();
    forced.push("--force");
    home.well(&forced);
    assert!(missing.is_file() && home.path(FILE).is_symlink());
    let taken = [
        "--client",
        "claude-code",
        "--scope",
        "project",
        "--uninstall",
    ];
    let told = home.refused(&taken, 1);
    assert!(told.contains("outside"), "{told}");
}

#[test]
fn a_link_inside_the_project_is_followed_and_the_backup_is_said_to_lie_in_the_work_tree() {
    let home = Home::linux();
    home.with("shared/mcp.json", "{}");
    symlink("shared/mcp.json", home.path(FILE)).unwrap();
    let told = home.well(&WRITE);
    assert!(told.contains("work tree"), "{told}");
    assert!(text(&home.path("shared/mcp.json")).contains("mcpServers"));
    // Yours is in nobody's work tree.
    let home = Home::linux();
    home.with(".cursor/mcp.json", "{}");
    let told = home.well(&["--client", "cursor", "--write", "--no-check"]);
    assert!(
        told.contains("backup-1") && !told.contains("work tree"),
        "{told}"
    );
}
