//! What an entry says, and whether it works.

use serde_json::{Value, json};

use super::{Home, both, out, read_as, text, tools_of};

fn entry(home: &Home) -> Value {
    read_as("cursor", &text(&home.path(".cursor/mcp.json")))["mcpServers"]["epr"].clone()
}

#[test]
fn what_is_set_here_is_carried_into_the_entry_and_said() {
    let home = Home::linux();
    let written = home
        .command(&["--client", "cursor", "--write"])
        .env("EPR_DB", "team/registry.db")
        .env("EPR_READ_ONLY", "true")
        .env("EPR_TOOLS", "")
        .env("EPR_UNHEARD_OF", "1")
        .output()
        .unwrap();
    assert!(written.status.success(), "{}", both(&written));
    let told = both(&written);
    assert!(told.contains("EPR_DB, EPR_READ_ONLY."), "{told}");
    assert!(told.contains("EPR_UNHEARD_OF"), "{told}");
    let folder = std::fs::canonicalize(home.folder.path()).unwrap();
    let entry = entry(&home);
    assert_eq!(entry["args"], json!(["stdio"]));
    assert_eq!(
        entry["env"],
        json!({"EPR_DB": folder.join("team/registry.db"), "EPR_READ_ONLY": "true"})
    );
    let all = {
        let other = Home::linux();
        other.well(&["--client", "cursor", "--write"]);
        tools_of(&other, &self::entry(&other))
    };
    assert!(tools_of(&home, &entry) < all, "read-only offers less");
}

#[test]
fn no_password_is_written_or_shown() {
    let home = Home::linux();
    let secret = "postgres://ci:hush-hush@db.example/epr";
    for arguments in [
        &["--client", "cursor", "--write", "--db", secret][..],
        &["--client", "cursor", "--write", "--", "--db", secret],
        &["--client", "cursor", "--db", secret],
    ] {
        let told = home.refused(arguments, 2);
        assert!(
            told.contains("EPR_DB_PASSWORD_FILE") && told.contains("~/.pgpass"),
            "{told}"
        );
        assert!(!told.contains("hush-hush"), "{told}");
    }
    let told = home
        .command(&["--client", "cursor", "--write"])
        .env("EPR_DB", secret)
        .output()
        .unwrap();
    assert_eq!(told.status.code(), Some(2));
    assert!(!both(&told).contains("hush-hush"));
    assert!(!home.path(".cursor").exists());
}

#[test]
fn the_same_again_is_nothing_and_another_start_of_ours_is_an_update() {
    let home = Home::linux();
    let file = home.path(".cursor/mcp.json");
    home.well(&["--client", "cursor", "--write"]);
    let before = text(&file);
    let told = home.well(&["--client", "cursor", "--write"]);
    assert!(
        told.contains("already") && told.contains("Nothing was written") && told.contains("tools"),
        "{told}"
    );
    assert_eq!(text(&file), before);
    assert!(Home::beside(&file).is_empty());

    let told = home.well(&["--client", "cursor", "--write", "--", "--read-only"]);
    assert!(
        told.contains("Updated") && told.contains("\"--read-only\"") && !told.contains("command"),
        "what changes is said: {told}"
    );
    assert_eq!(entry(&home)["args"], json!(["stdio", "--read-only"]));
    assert_eq!(Home::beside(&file), ["mcp.json.epr-backup-1"]);
    assert_eq!(text(&home.path(".cursor/mcp.json.epr-backup-1")), before);

    // What stands there is not taken away by a command that leaves it out.
    let now = text(&file);
    let told = home.run(&["--client", "cursor", "--write"]);
    assert_eq!(told.status.code(), Some(1), "{}", both(&told));
    assert!(
        both(&told).contains("\"--read-only\"") && both(&told).contains("--force"),
        "{}",
        both(&told)
    );
    assert_eq!(text(&file), now);

    home.well(&["--client", "cursor", "--write", "--name", "epr_2"]);
    let config = read_as("cursor", &text(&file));
    assert_eq!(config["mcpServers"]["epr_2"]["args"], json!(["stdio"]));
    home.well(&["--client", "cursor", "--uninstall", "--name", "epr_2"]);
    assert_eq!(entry(&home)["args"], json!(["stdio", "--read-only"]));
}

#[test]
fn the_secrets_of_another_entry_are_not_shown() {
    let home = Home::linux();
    let other = json!({
        "command": "npx --token=hush other",
        "args": ["--token", "hush", "--key=hush", "https://u:hush@h", "hush"],
        "env": {"API_KEY": "hush", "EPR_TOKEN": "hush", "\u{9b}31m\u{202e}": "hush"},
        "headers": {"Authorization": "hush"},
        "url": "https://u:hush@h.example/hush?key=hush",
        "more": {"deep": {"er": "hush"}},
        "\u{1b}]0;title\u{7}": [["hush"]]
    });
    let whole = json!({"mcpServers": {"epr": other}});
    home.with(".cursor/mcp.json", whole.to_string());
    for arguments in [
        &["--client", "cursor", "--write"][..],
        &["--client", "cursor", "--uninstall"],
        &["--client", "cursor", "--write", "--no-check", "--force"],
    ] {
        let told = both(&home.run(arguments));
        for name in ["headers", "h.example", "npx"] {
            assert!(told.contains(name), "{told}");
        }
        assert!(
            !told.contains("hush") && !told.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}']),
            "{told:?}"
        );
    }
    home.with(
        ".cursor/mcp.json",
        r#"{"mcpServers": {"epr": {"command": "other", "env": {"API_KEY": "hush-hush"}}}}"#,
    );
    let told = home.refused(&["--client", "cursor", "--write"], 1);
    assert!(
        told.contains("API_KEY") && !told.contains("hush-hush"),
        "{told}"
    );
}

#[test]
fn an_equal_entry_that_is_switched_off_is_told_of() {
    let home = Home::linux();
    home.well(&["--client", "cursor", "--write", "--no-check"]);
    let file = home.path(".cursor/mcp.json");
    let off = text(&file).replace("\"args\"", "\"disabled\": true, \"args\"");
    home.with(".cursor/mcp.json", &off);
    let told = home.run(&["--client", "cursor", "--write", "--no-check"]);
    assert!(
        told.status.success() && both(&told).contains("switched off"),
        "{}",
        both(&told)
    );
    assert_eq!(text(&file), off);
}

#[test]
fn taking_out_what_is_not_there_says_so() {
    let home = Home::linux();
    let told = home.well(&["--client", "zed", "--uninstall"]);
    assert!(told.contains("has no entry «epr»"), "{told}");
    assert!(!home.path(".config").exists());
}

#[test]
fn an_entry_that_does_not_work_is_told_with_the_last_words_of_the_server() {
    let home = Home::linux();
    let arguments = ["--client", "cursor", "--", "--allow-files", "nowhere"];
    let told = home.refused(&arguments, 1);
    assert!(
        told.contains("does not work") && told.contains("| epr-mcp: --allow-files"),
        "{told}"
    );
    let arguments = [
        "--client",
        "cursor",
        "--no-check",
        "--",
        "--allow-files",
        "nowhere",
    ];
    let told = home.well(&arguments);
    assert!(told.contains("Not checked"), "{told}");
    let arguments = [
        "--client",
        "cursor",
        "--write",
        "--",
        "--allow-files",
        "nowhere",
    ];
    let told = home.refused(&arguments, 1);
    assert!(told.contains("--uninstall"), "{told}");
}

#[test]
fn flags_that_the_server_does_not_know_are_refused_before_anything_is_done() {
    let home = Home::linux();
    let told = home.refused(&["--client", "cursor", "--write", "--", "--read-onyl"], 2);
    assert!(told.contains("'--read-only'"), "{told}");
    let told = home.refused(&["--client", "cursor", "--write", "--name", "a b"], 2);
    assert!(told.contains("letters"), "{told}");
    for url in [
        &["--url", "https://u:hush@h"][..],
        &["--url=https://u:hush@h"],
    ] {
        let mut arguments = vec!["--client", "cursor", "--write", "--no-check", "--"];
        arguments.extend(url);
        let told = home.refused(&arguments, 2);
        assert!(told.contains("--url") && !told.contains("hush"), "{told}");
    }
    assert!(!home.path(".cursor").exists());
}

#[test]
fn a_link_on_the_path_is_named_and_not_where_it_leads() {
    let home = Home::linux();
    let bin = home.path("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let link = bin.join("epr-mcp");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_epr-mcp"), &link).unwrap();
    let shown = home
        .command(&["--client", "cursor", "--write"])
        .env("PATH", &bin)
        .output()
        .unwrap();
    assert!(shown.status.success(), "{}", both(&shown));
    assert_eq!(entry(&home)["command"], json!(link));
    // Where it lies is in a temporary folder, and that is said.
    assert!(
        both(&shown).contains("temporary folder"),
        "{}",
        both(&shown)
    );
    assert!(!out(&shown).contains("temporary folder"));
    let told = both(&home.run(&["--client", "cursor", "--force", "--write"]));
    assert!(told.contains("build folder"), "{told}");
}
