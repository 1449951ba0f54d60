//! The commands of the binary, as a person or a script runs them.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::mcp::client::{Server, Setup, any_receiver, event, fresh};

/// The binary with nothing of the tests' own settings.
fn command(db: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_epr-mcp"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("EPR_") {
            command.env_remove(name);
        }
    }
    command.env("EPR_DB", db);
    command
}

fn run(db: &Path, arguments: &[&str]) -> Output {
    command(db).args(arguments).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A file with a receiver and an event.
fn filled(db: &Path) {
    let mut server = Server::on(db);
    server.id_of("create_receiver", any_receiver("all"));
    server.id_of("create_event", event("all", "web", true, &json!({})));
    server.hang_up();
    assert!(
        server
            .ends_within(std::time::Duration::from_secs(10))
            .success()
    );
}

#[test]
fn the_demo_plays_to_its_end_and_keeps_its_database_only_when_asked() {
    let (_folder, db) = fresh();
    let played = run(&db, &["demo"]);
    assert!(played.status.success(), "{}", err(&played));
    let shown = out(&played);
    assert!(shown.contains("GATE «release-ready»: OPEN"), "{shown}");
    let config = &shown[shown.rfind("\n{").unwrap()..=shown.rfind('}').unwrap()];
    let config: Value = serde_json::from_str(config).unwrap();
    let entry = &config["mcpServers"]["epr"];
    assert!(
        Path::new(entry["command"].as_str().unwrap()).is_absolute(),
        "{config}"
    );
    assert_eq!(entry["args"], json!(["stdio"]));
    assert!(!db.exists(), "the demo has a database of its own");

    let kept = out(&run(&db, &["demo", "--keep"]));
    let path = kept.trim().rsplit(": ").next().unwrap();
    let mut server = Server::on(Path::new(path));
    let found = server.record("search_events", json!({"name": "payments-api"}));
    assert!(found["total"].as_u64().unwrap() > 3, "{found}");
    server.kill();
    std::fs::remove_dir_all(Path::new(path).parent().unwrap()).unwrap();
}

#[test]
fn the_demo_tells_of_a_failed_and_of_a_good_run() {
    let (_folder, db) = fresh();
    let played = run(&db, &["demo"]);
    assert!(played.status.success(), "{}", err(&played));
    let shown = out(&played);
    let mut rest = shown.as_str();
    for told in [
        "Run 456788 fails",
        "(15 events, ",
        "\"recorded\":15,",
        "What happened in run 456788?",
        "FINISHED, declared failure",
        "FAILED\n   grype-scan «2 critical in log4j-core 2.14.1",
        "«release-ready» for epr://history/payments-api/2.4.1/77/linux-amd64/oci CLOSED: failed «scan»",
        "> check_gate {\"name\": \"payments-api\"}\n  GATE «release-ready»: CLOSED",
        "2 of 3 pass; waits for «scan» (fail)",
        "Nothing was recorded.",
        "\"dry_run\":true",
        "\"turn\":\"opened\"",
        "run 456789\n",
        "\"recorded\":18,",
        "GATE «release-ready»: OPEN",
        "\"recorded\":4,",
        "What happened in run 456789?",
        "FINISHED, declared success",
        "«payments-api» deployed to «production»",
        "«release-ready» for epr://history/payments-api/2.4.1/77/linux-amd64/oci PASSES",
        "made by: pipelineRun «payments/456789»",
        "runs now as far as is recorded",
        "2 runs, newest first",
        "\"total\":3,",
    ] {
        let at = rest.find(told);
        assert!(at.is_some(), "{told:?} is not told, or too early: {shown}");
        rest = &rest[at.unwrap() + told.len()..];
    }
    assert!(!shown.contains("{{"), "a time was not filled in: {shown}");
    for fault in [
        "deviates",
        "future_timestamp",
        "clock_skew",
        "started_before",
    ] {
        assert!(!shown.contains(fault), "{fault}: {shown}");
    }
}

#[test]
fn doctor_tells_and_changes_nothing() {
    let (_folder, db) = fresh();
    let missing = run(&db, &["doctor"]);
    assert!(missing.status.success(), "{}", out(&missing));
    assert!(out(&missing).contains("not there yet"), "{}", out(&missing));
    assert!(!db.exists(), "it is for a server to make");

    filled(&db);
    let well = run(&db, &["doctor", "--deep"]);
    assert!(well.status.success(), "{}", out(&well));
    let told = out(&well);
    assert!(
        told.contains("1 events") && told.contains("none found"),
        "{told}"
    );
    let warned = command(&db)
        .arg("doctor")
        .env("EPR_URL", "https://epr")
        .output();
    let warned = out(&warned.unwrap());
    assert!(warned.contains("warn  EPR_URL"), "{warned}");

    std::fs::write(&db, "no database ".repeat(1_000)).unwrap();
    let broken = run(&db, &["doctor"]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(out(&broken).contains("FAULT"), "{}", out(&broken));
    assert_eq!(
        std::fs::read_to_string(&db).unwrap(),
        "no database ".repeat(1_000)
    );
}

#[test]
fn migrate_brings_a_database_up_to_date_and_tells_whether_it_has_to() {
    let (_folder, db) = fresh();
    let due = run(&db, &["migrate", "--check"]);
    assert_eq!(due.status.code(), Some(1), "{}", out(&due));
    assert!(!db.exists());
    let done = run(&db, &["migrate"]);
    assert!(
        done.status.success() && out(&done).contains("migrated from schema 0"),
        "{}",
        out(&done)
    );
    assert!(run(&db, &["migrate", "--check"]).status.success());
    assert!(out(&run(&db, &["migrate"])).contains("already at schema"));
}

#[test]
fn settings_come_from_flags_then_variables_then_the_file() {
    let (folder, db) = fresh();
    let config = folder.path().join("epr.toml");
    let from_file = folder.path().join("from-file.db");
    std::fs::write(
        &config,
        format!("db = {:?}\nlog = \"warn\"\n", from_file.display()),
    )
    .unwrap();
    let config = config.to_str().unwrap();
    let location = |output: Output| {
        let told = out(&output);
        told.lines()
            .find(|line| line.contains(" database "))
            .unwrap()
            .to_owned()
    };
    let mut alone = command(&db);
    alone
        .env_remove("EPR_DB")
        .args(["doctor", "--config", config]);
    assert!(location(alone.output().unwrap()).contains("from-file.db"));
    assert!(location(run(&db, &["doctor", "--config", config])).contains("epr.db"));
    let flag = folder.path().join("flag.db");
    let flagged = run(&db, &["doctor", "--db", flag.to_str().unwrap()]);
    assert!(location(flagged).contains("flag.db"));

    let missing = run(&db, &["doctor", "--config", "/nowhere/epr.toml"]);
    let told = err(&missing);
    assert!(
        told.contains("/nowhere/epr.toml") && told.matches("os error 2").count() == 1,
        "{told}"
    );
    std::fs::write(config, "dbb = 1\n").unwrap();
    let unknown = run(&db, &["doctor", "--config", config]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(err(&unknown).contains("dbb"), "{}", err(&unknown));
}

#[test]
fn a_variable_that_is_set_to_nothing_says_nothing() {
    let (_folder, db) = fresh();
    let mut setup = Setup::new(&db);
    for name in [
        "EPR_TOOLS",
        "EPR_EXCLUDE_TOOLS",
        "EPR_TOOLSETS",
        "EPR_READ_ONLY",
        "EPR_ALLOW_FILES",
        "EPR_SCHEMA_DIR",
        "EPR_CONFIRM_GATE_TURNS",
        "EPR_PRINCIPAL",
        "EPR_URL",
    ] {
        setup = setup.env(name, "");
    }
    let mut server = Server::start(&setup.env("USER", "grace"));
    server.id_of("create_receiver", any_receiver("all"));
    let made = server.record("create_event", event("all", "web", true, &json!({})));
    assert_eq!(made["recorded_by"]["principal"], "grace");
}

#[test]
fn a_name_that_nobody_can_have_is_refused_at_the_start() {
    let (_folder, db) = fresh();
    for name in [
        "a\u{202e}b".to_owned(),
        "line\nbreak".to_owned(),
        "n".repeat(300),
    ] {
        let refused = command(&db)
            .arg("stdio")
            .env("EPR_PRINCIPAL", &name)
            .output()
            .unwrap();
        assert_eq!(refused.status.code(), Some(2), "{name:?}");
        assert!(err(&refused).contains("EPR_PRINCIPAL"), "{}", err(&refused));
    }
}

#[test]
fn logs_go_to_stderr_in_the_form_that_was_asked_for() {
    let (_folder, db) = fresh();
    let migrated = command(&db)
        .args(["migrate", "--log", "info", "--log-format", "json"])
        .output()
        .unwrap();
    assert!(migrated.status.success());
    let lines = err(&migrated);
    let mut lines = lines.lines().peekable();
    assert!(lines.peek().is_some(), "the migrations are logged");
    for line in lines {
        let entry: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        assert!(
            entry["level"].is_string() && entry["message"].is_string(),
            "{line}"
        );
    }
    assert!(!out(&migrated).contains("\"level\""));
    let unreadable = run(&db, &["doctor", "--log", "a=b=c"]);
    assert_eq!(unreadable.status.code(), Some(2), "{}", err(&unreadable));
    let version = run(&db, &["--version"]);
    assert_eq!(
        out(&version).trim(),
        format!("epr-mcp {}", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn a_copy_is_made_while_the_file_is_in_use_and_can_be_used() {
    let (folder, db) = fresh();
    filled(&db);
    let copy = folder.path().join("Kopie ü.db");
    let to = copy.to_str().unwrap();
    let mut server = Server::on(&db);
    server.id_of("create_event", event("all", "web", false, &json!({})));
    let made = run(&db, &["backup", to]);
    assert!(made.status.success(), "{}", err(&made));
    assert!(out(&made).contains("a SQLite file"), "{}", out(&made));
    // What comes later is not in it.
    server.id_of("create_event", event("all", "web", true, &json!({})));

    let again = run(&db, &["backup", to]);
    let told = err(&again);
    assert!(
        told.contains("no backup was made") && told.contains(to),
        "{told}"
    );
    assert_eq!(again.status.code(), Some(2));
    assert!(err(&again).contains("already"), "{}", err(&again));
    let nowhere = run(&db, &["backup", "/nowhere/at/all.db"]);
    assert!(
        err(&nowhere).contains("cannot be written"),
        "{}",
        err(&nowhere)
    );
    let missing = run(&folder.path().join("none.db"), &["backup", "other.db"]);
    assert_eq!(missing.status.code(), Some(2), "{}", err(&missing));

    let mut copied = Server::on(&copy);
    let text = copied.text("describe_registry", json!({}));
    assert!(text.contains("Holds 2 events (1 failed)"), "{text}");
    copied.id_of("create_event", event("all", "web", true, &json!({})));
    assert!(run(&copy, &["doctor", "--deep"]).status.success());
    // Nothing is left beside it.
    let left = std::fs::read_dir(folder.path()).unwrap();
    let names = left.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let parts: Vec<String> = names.filter(|name| name.contains("backup")).collect();
    assert!(parts.is_empty(), "{parts:?}");
}
