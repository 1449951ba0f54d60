//! Whose entry of the name it is: one that starts epr-mcp is brought up to date, another's is left alone.

use serde_json::{Value, json};

use super::{Home, both, read_as, text};

const CURSOR: &str = ".cursor/mcp.json";
const WRITE: [&str; 4] = ["--client", "cursor", "--write", "--no-check"];
const TAKE: [&str; 3] = ["--client", "cursor", "--uninstall"];

fn with(home: &Home, entry: &Value) -> String {
    let whole = format!("{:#}", json!({"mcpServers": {"epr": entry}, "mine": 1}));
    home.with(CURSOR, &whole);
    whole
}

fn entry(home: &Home) -> Value {
    read_as("cursor", &text(&home.path(CURSOR)))["mcpServers"]["epr"].clone()
}

fn foreign() -> [Value; 4] {
    [
        json!({"command": "/someone/elses", "args": ["stdio"]}),
        json!({"url": "https://elsewhere.example/mcp"}),
        json!({"command": "/opt/not-epr-mcp"}),
        json!({"command": "docker", "args": ["run", "epr-mcp", "stdio"]}),
    ]
}

#[test]
fn an_entry_that_starts_another_program_is_taken_out_only_by_force() {
    for foreign in foreign() {
        let home = Home::linux();
        let before = with(&home, &foreign);
        let told = home.refused(&TAKE, 1);
        assert!(
            told.contains("--force") && told.contains("nothing was changed"),
            "{told}"
        );
        assert_eq!(text(&home.path(CURSOR)), before);
        assert!(Home::beside(&home.path(CURSOR)).is_empty());
        home.well(&["--client", "cursor", "--uninstall", "--force"]);
        assert_eq!(entry(&home), Value::Null);
        assert_eq!(text(&home.path(".cursor/mcp.json.epr-backup-1")), before);
    }
}

#[test]
fn an_entry_that_starts_another_program_is_written_over_only_by_force_and_what_goes_is_named() {
    for foreign in foreign() {
        let home = Home::linux();
        let before = with(&home, &foreign);
        let told = home.refused(&WRITE, 1);
        assert!(
            told.contains("--force") && told.contains("--name"),
            "{told}"
        );
        assert_eq!(text(&home.path(CURSOR)), before);
    }
    let home = Home::linux();
    with(
        &home,
        &json!({"command": "/someone/elses", "args": ["x"], "timeout": 5, "headers": {"A": "hush"}}),
    );
    let told = home.well(&["--client", "cursor", "--write", "--no-check", "--force"]);
    assert!(
        told.contains("timeout") && told.contains("headers") && !told.contains("hush"),
        "{told}"
    );
    let entry = entry(&home);
    assert!(entry.get("timeout").is_none() && entry["args"] == json!(["stdio"]));
}

#[test]
fn an_entry_of_ours_is_brought_up_to_date_and_what_the_client_put_there_stays() {
    for command in [
        "/old/epr-mcp",
        "epr-mcp",
        r"C:\Program Files\epr\epr-mcp.exe",
    ] {
        let home = Home::linux();
        let before = with(
            &home,
            &json!({
                "type": "stdio",
                "command": command,
                "args": ["stdio", "--db", "postgres://u:hush@h/d"],
                "env": {"EPR_DB": "/old.db", "MINE": "hush"},
                "disabled": true,
                "autoApprove": ["search_events"],
                "timeout": 1.5
            }),
        );
        let refused = home.run(&WRITE);
        assert_eq!(refused.status.code(), Some(1), "{}", both(&refused));
        assert!(!both(&refused).contains("hush"), "{}", both(&refused));
        let written = home.run(&[&WRITE[..], &["--force"]].concat());
        let told = both(&written);
        assert!(written.status.success(), "{told}");
        for word in [
            "Updated",
            "command",
            "args",
            "MINE",
            "autoApprove",
            "switched off",
        ] {
            assert!(told.contains(word), "{word}: {told}");
        }
        assert!(!told.contains("hush"), "{told}");
        let entry = entry(&home);
        assert_eq!(entry["command"], env!("CARGO_BIN_EXE_epr-mcp"));
        assert_eq!(entry["args"], json!(["stdio"]));
        assert!(entry.get("env").is_none() && entry.get("type").is_none());
        assert_eq!(entry["disabled"], true);
        assert_eq!(entry["autoApprove"], json!(["search_events"]));
        assert_eq!(entry["timeout"], 1.5);
        assert_eq!(text(&home.path(".cursor/mcp.json.epr-backup-1")), before);
        // Once more is nothing.
        assert!(home.well(&WRITE).contains("Nothing was written"));
        home.well(&TAKE);
        assert_eq!(self::entry(&home), Value::Null);
    }
}

#[test]
fn tables_of_codex_keep_their_other_members_and_remarks() {
    for (before, after) in [
        (
            "[mcp_servers.epr]\ncommand = \"/old/epr-mcp\"\nstartup_timeout_sec = 20 # slow disk\nenabled = true\n\n\
             [mcp_servers.epr.env]\nEPR_DB = \"/old.db\"\n\n[mcp_servers.epr.tools.search_events]\napproval_mode = \
             \"approve\"\n",
            "startup_timeout_sec = 20 # slow disk\nenabled = true\n",
        ),
        (
            "mcp_servers = { epr = { command = \"/old/epr-mcp\", startup_timeout_sec = 20 } }\n",
            "startup_timeout_sec = 20",
        ),
    ] {
        let home = Home::linux();
        let file = home.with(".codex/config.toml", before);
        let told = home.well(&["--client", "codex", "--write", "--no-check", "--force"]);
        assert!(told.contains("startup_timeout_sec"), "{told}");
        let written = text(&file);
        assert!(written.contains(after), "{written}");
        let config = read_as("codex", &written);
        let entry = &config["mcp_servers"]["epr"];
        assert_eq!(entry["command"], env!("CARGO_BIN_EXE_epr-mcp"));
        assert_eq!(entry["args"], json!(["stdio"]));
        assert!(entry.get("env").is_none(), "{written}");
        let had: Value = read_as("codex", before)["mcp_servers"]["epr"].clone();
        for member in ["startup_timeout_sec", "enabled", "tools"] {
            assert_eq!(entry.get(member), had.get(member), "{written}");
        }
    }
}

#[test]
fn showing_tells_what_writing_would_come_to() {
    const SHOW: [&str; 3] = ["--client", "cursor", "--no-check"];
    let home = Home::linux();
    let show = |home: &Home| {
        let shown = home.run(&SHOW);
        assert!(shown.status.success(), "{}", both(&shown));
        both(&shown)
    };
    assert!(show(&home).contains("the same command with --write"));
    assert!(!home.path(CURSOR).exists(), "showing writes nothing");

    home.well(&WRITE);
    let told = show(&home);
    assert!(told.contains("--write would change nothing"), "{told}");

    let before = with(
        &home,
        &json!({"command": "/old/epr-mcp", "args": ["stdio"]}),
    );
    let told = show(&home);
    assert!(
        told.contains("would change the entry") && told.contains("command was"),
        "{told}"
    );
    assert_eq!(text(&home.path(CURSOR)), before);

    with(&home, &foreign()[0]);
    let told = show(&home);
    assert!(
        told.contains("--write would refuse") && told.contains("--force"),
        "{told}"
    );

    with(
        &home,
        &json!({"command": "/old/epr-mcp", "args": ["stdio", "--read-only"], "env": {"MINE": "hush"}}),
    );
    let told = show(&home);
    assert!(
        told.contains("--write would refuse") && told.contains("behind --"),
        "{told}"
    );
    assert!(!told.contains("hush"), "{told}");

    home.with(CURSOR, "{ not json");
    let told = show(&home);
    assert!(told.contains("--write would fail"), "{told}");
}
