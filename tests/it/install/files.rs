//! Files as they are met: with comments, marks and links, broken, closed, huge. Nothing is ever lost.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::{Home, read_as, text};

const FILE: &str = ".cursor/mcp.json";
const WRITE: [&str; 4] = ["--client", "cursor", "--write", "--no-check"];

/// What cannot be edited stays to the byte, the piece to paste is shown, and the exit is not 0.
fn left_alone(home: &Home, file: &Path, why: &str) {
    let before = std::fs::read(file).unwrap();
    let told = home.refused(&WRITE, 1);
    assert!(told.contains(why), "{why}: {told}");
    assert!(told.contains("nothing was changed"), "{told}");
    assert!(
        told.contains("\"mcpServers\": {") && told.contains("\"stdio\""),
        "the piece is shown: {told}"
    );
    assert_eq!(std::fs::read(file).unwrap(), before);
    assert!(Home::beside(file).is_empty(), "{:?}", Home::beside(file));
    let told = home.refused(&["--client", "cursor", "--uninstall"], 1);
    assert!(told.contains(why) && told.contains("by hand"), "{told}");
    assert_eq!(std::fs::read(file).unwrap(), before);
}

#[test]
fn what_is_not_understood_is_left_alone_and_the_fault_has_its_place() {
    for (content, why) in [
        (
            &b"{\n  \"mcpServers\": {\n    \"x\" {}\n  }\n}\n"[..],
            "line 3, column 9",
        ),
        (b"{\"a\": 1", "line 1"),
        (b"[]", "there has to be an object"),
        (
            b"{\n  \"mcpServers\": [1]\n}",
            "line 2, column 17: \"mcpServers\" has to be",
        ),
        (b"{\"mcpServers\": {}, \"mcpServers\": {}}", "second time"),
        (b"{\"a\": \"\xff\"}", "not UTF-8"),
        (b"\xff\xfe{\0}\0", "UTF-16"),
    ] {
        let home = Home::linux();
        let file = home.with(FILE, content);
        left_alone(&home, &file, why);
    }
    let home = Home::linux();
    home.with(".codex/config.toml", "model = \"o3\"\nmodel = = 1\n");
    let told = home.refused(&["--client", "codex", "--write"], 1);
    assert!(
        told.contains("line 2") && told.contains("[mcp_servers.epr]"),
        "{told}"
    );
}

#[test]
fn a_huge_file_and_a_deep_one_are_left_alone() {
    let home = Home::linux();
    let file = home.with(FILE, "");
    let huge = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
    huge.set_len(40 * 1024 * 1024).unwrap();
    let told = home.refused(&WRITE, 1);
    assert!(told.contains("MiB"), "{told}");
    assert_eq!(file.metadata().unwrap().len(), 40 * 1024 * 1024);
    let home = Home::linux();
    let deep = format!("{{\"a\": {}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    left_alone(&home, &home.with(FILE, deep), "nesting");
}

#[test]
fn what_may_not_be_written_stays_closed() {
    let home = Home::linux();
    let file = home.with(FILE, "{}");
    let closed = std::fs::Permissions::from_mode(0o444);
    std::fs::set_permissions(&file, closed).unwrap();
    let told = home.refused(&WRITE, 1);
    assert!(
        told.contains("read-only") && told.contains("\"stdio\""),
        "{told}"
    );
    assert_eq!(text(&file), "{}");
    assert!(Home::beside(&file).is_empty());

    // A folder in place of the file, a file in place of the folder.
    let home = Home::linux();
    std::fs::create_dir_all(home.path(FILE)).unwrap();
    let told = home.refused(&WRITE, 1);
    assert!(told.contains("is a folder"), "{told}");
    let home = Home::linux();
    home.with(".cursor", "a file");
    let told = home.refused(&WRITE, 1);
    assert!(told.contains("\"stdio\""), "{told}");
    assert_eq!(text(&home.path(".cursor")), "a file");

    // A folder where nobody may make anything.
    let home = Home::linux();
    let refused = home
        .command(&WRITE)
        .env("HOME", "/proc/self")
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let told = super::both(&refused);
    assert!(
        told.contains("/proc/self/.cursor") && told.contains("\"stdio\""),
        "{told}"
    );
}

#[test]
fn a_pipe_in_place_of_the_file_does_not_hold_it_up() {
    let home = Home::linux();
    std::fs::create_dir_all(home.path(".cursor")).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(home.path(FILE))
        .status();
    assert!(made.unwrap().success());
    let told = home.refused(&WRITE, 1);
    assert!(told.contains("no ordinary file"), "{told}");
}

#[test]
fn a_link_stays_a_link_and_its_file_is_written() {
    let home = Home::linux();
    let real = home.with("dotfiles/cursor.json", "{\"mine\": 1}");
    std::fs::create_dir_all(home.path(".cursor")).unwrap();
    symlink("../dotfiles/cursor.json", home.path(FILE)).unwrap();
    let told = home.well(&WRITE);
    assert!(
        told.contains("is a link") && told.contains("cursor.json"),
        "{told}"
    );
    assert!(home.path(FILE).is_symlink());
    let config = read_as("cursor", &text(&real));
    assert_eq!(config["mine"], 1);
    assert!(config["mcpServers"]["epr"].is_object());
    assert_eq!(
        text(&home.path("dotfiles/cursor.json.epr-backup-1")),
        "{\"mine\": 1}"
    );

    // One that leads nowhere yet.
    let home = Home::linux();
    std::fs::create_dir_all(home.path(".cursor")).unwrap();
    symlink(home.path("later/cursor.json"), home.path(FILE)).unwrap();
    home.well(&WRITE);
    assert!(home.path(FILE).is_symlink() && home.path("later/cursor.json").is_file());
    // And one that leads to itself.
    let home = Home::linux();
    std::fs::create_dir_all(home.path(".cursor")).unwrap();
    symlink(home.path(FILE), home.path(FILE)).unwrap();
    let told = home.refused(&WRITE, 1);
    assert!(told.contains("links only"), "{told}");
}

#[test]
fn marks_line_ends_and_permissions_stay() {
    let home = Home::linux();
    let file = home.with(FILE, "\u{feff}{\r\n\t\"mine\": 1\r\n}\r\n");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    home.well(&WRITE);
    let after = text(&file);
    assert!(
        after.starts_with("\u{feff}{\r\n\t\"mine\": 1,\r\n\t\"mcpServers\": {\r\n"),
        "{after:?}"
    );
    assert_eq!(after.matches('\n').count(), after.matches("\r\n").count());
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o640);
    assert_eq!(mode(&home.path(".cursor/mcp.json.epr-backup-1")), 0o640);
    home.well(&["--client", "cursor", "--uninstall"]);
    let back = text(&file);
    assert!(
        back.starts_with("\u{feff}{\r\n\t\"mine\": 1,\r\n"),
        "{back:?}"
    );
}

#[test]
fn an_empty_file_is_filled() {
    for content in ["", "  \n", "\u{feff}", "{}"] {
        let home = Home::linux();
        let file = home.with(FILE, content);
        home.well(&WRITE);
        let config = read_as("cursor", &text(&file));
        assert!(config["mcpServers"]["epr"].is_object(), "{content:?}");
        assert_eq!(text(&home.path(".cursor/mcp.json.epr-backup-1")), content);
    }
}

#[test]
fn comments_are_kept_and_a_client_that_may_not_read_them_is_named() {
    let home = Home::linux();
    let file = home.with(FILE, "{\n  // mine\n  \"mcpServers\": {}\n}\n");
    let told = super::both(&home.run(&WRITE));
    assert!(told.contains("Cursor may not read"), "{told}");
    assert!(text(&file).contains("  // mine\n"));
    let home = Home::linux();
    home.with(".gemini/settings.json", "{\n  \"a\": 1, // mine\n}\n");
    let told = super::both(&home.run(&["--client", "gemini", "--write", "--no-check"]));
    assert!(told.contains("commas before closing brackets"), "{told}");
    let home = Home::linux();
    let file = home.with(
        ".config/zed/settings.json",
        "// mine\n{\n  \"theme\": \"x\", // dark\n}\n",
    );
    let told = super::both(&home.run(&["--client", "zed", "--write", "--no-check"]));
    assert!(!told.contains("may not read"), "{told}");
    let after = text(&file);
    assert!(
        after.starts_with("// mine\n{\n  \"theme\": \"x\", // dark\n"),
        "{after}"
    );
    assert!(super::plain(&after)["context_servers"]["epr"].is_object());
}

#[test]
fn backups_are_never_overwritten() {
    let home = Home::linux();
    let file = home.with(FILE, "{\"round\": 0}");
    for round in 1..=3 {
        home.well(&WRITE);
        home.well(&["--client", "cursor", "--uninstall"]);
        assert_eq!(Home::beside(&file).len(), round * 2);
    }
    assert_eq!(
        text(&home.path(".cursor/mcp.json.epr-backup-1")),
        "{\"round\": 0}"
    );
}
