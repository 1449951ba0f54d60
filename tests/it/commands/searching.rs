//! Searching, and the forms in which it answers.

use std::io::Read as _;
use std::process::Stdio;

use serde_json::{Value, json};

use super::{Cli, event, file, fresh, with};

/// Events of one name each, in this order.
fn events(folder: &tempfile::TempDir, cli: &Cli, names: &[String]) {
    let items: Vec<Value> = names
        .iter()
        .map(|name| {
            json!({"name": name, "version": "1", "release": "1", "platform_id": "p", "package": "k",
                "description": "d", "payload": {"n": name}, "success": true, "event_receiver_id": "all"})
        })
        .collect();
    let path = file(folder, "events.json", &json!(items).to_string());
    cli.run(&["event", "generate", path.to_str().unwrap()])
        .well();
}

fn names(rows: &[Value]) -> Vec<String> {
    let name = |row: &Value| row["name"].as_str().unwrap().to_owned();
    rows.iter().map(name).collect()
}

#[test]
fn every_page_is_shown_oldest_first_unless_asked_otherwise() {
    let (folder, cli) = fresh();
    cli.receiver("all");
    let all: Vec<String> = (0..230).map(|n| format!("unit-{n:03}")).collect();
    events(&folder, &cli, &all);
    let found = cli
        .run(&["event", "search", "--fields", "name payload"])
        .rows();
    assert_eq!(names(&found), all);
    assert!(found.iter().all(|row| row["payload"]["n"] == row["name"]));
    let newest = cli
        .run(&[
            "event",
            "search",
            "--fields",
            "name",
            "--newest-first",
            "--limit",
            "2",
        ])
        .well();
    assert!(newest.err.contains("more"), "{newest:?}");
    assert_eq!(names(&newest.rows()), ["unit-229", "unit-228"]);
    let exact = cli.run(&["event", "search", "--limit", "230"]).well();
    assert_eq!(
        (exact.err.clone(), exact.rows().len()),
        (String::new(), 230)
    );
    assert!(
        cli.run(&["event", "search", "--limit", "0"])
            .rows()
            .is_empty()
    );
    let since = cli
        .run(&["event", "search", "--since", "1h", "--name", "unit-007"])
        .rows();
    assert_eq!(since.len(), 1);
    cli.run(&["event", "search", "--since", "yesterday"])
        .refused(1, &["since", "24h"]);
}

#[test]
fn filters_are_exact_and_all_of_them_must_fit() {
    let (_folder, cli) = fresh();
    let build = cli.receiver("build");
    cli.receiver("scan");
    for (receiver, name, success) in [
        ("build", "web", true),
        ("scan", "web", false),
        ("build", "web*", true),
    ] {
        cli.event(receiver, name, success).well();
    }
    let count = |arguments: &[&str]| {
        cli.run(&[&["event", "search"], arguments].concat())
            .rows()
            .len()
    };
    assert_eq!(count(&["--name", "web"]), 2);
    assert_eq!(count(&["--name", "web*"]), 1, "a star is a star");
    assert_eq!(count(&["--name", "web", "--success", "true"]), 1);
    assert_eq!(
        count(&[
            "--success",
            "false",
            "--version",
            "1.0.0",
            "--release",
            "2026.11"
        ]),
        1
    );
    assert_eq!(
        count(&["--platform-id", "x64-linux", "--package", "oci"]),
        3
    );
    assert_eq!(count(&["--package", "rpm"]), 0);
    assert_eq!(count(&["--event-receiver-id", &build]), 2);
    assert_eq!(count(&["--event-receiver-id", "test.scan"]), 1);
    // Empty filters ask for nothing, as existing scripts write them.
    assert_eq!(count(&["--name", "", "--success", "", "--id", ""]), 3);

    let search = |arguments: &[&str]| {
        cli.run(&[&["receiver", "search"], arguments].concat())
            .rows()
    };
    assert_eq!(names(&search(&[])), ["build", "scan"]);
    assert_eq!(
        names(&search(&["--newest-first", "--limit", "1"])),
        ["scan"]
    );
    assert_eq!(
        search(&["--id", &build, "--name", "scan"]),
        Vec::<Value>::new()
    );
    assert_eq!(
        search(&["--type", "test.build", "--version", "2"]),
        Vec::<Value>::new()
    );
    assert_eq!(
        search(&["--id", &build])[0],
        json!({"id": build, "name": "build", "version": "1.0.0", "type": "test.build"})
    );
}

#[test]
fn an_id_that_is_not_there_finds_nothing_and_one_that_cannot_be_is_told() {
    let (_folder, cli) = fresh();
    let id = cli.receiver("build");
    cli.group("ready", "build");
    let nothing = "00000000000000000000000000";
    for kind in ["receiver", "group", "event"] {
        let found = cli.run(&[kind, "search", "--id", nothing]).well();
        assert_eq!(
            (found.out.as_str(), found.err.as_str()),
            ("[]\n", ""),
            "{kind}"
        );
        let found = cli.run(&[kind, "search", "--id", "1HKX7"]).well();
        assert_eq!(found.out, "[]\n", "{kind}");
        assert!(
            found.err.contains("1HKX7") && found.err.contains("26"),
            "{found:?}"
        );
    }
    let of_none = ["event", "search", "--event-receiver-id", nothing];
    assert_eq!(cli.run(&of_none).well().out, "[]\n");
    cli.run(&["event", "search", "--event-receiver-id", "biuld"])
        .refused(1, &["«biuld»", "«build»"]);
    let found = cli
        .run(&["receiver", "search", "--id", &id.to_lowercase()])
        .well();
    assert!(found.err.contains(&id), "{found:?}");
}

#[test]
fn a_table_is_for_people_and_no_text_can_leave_its_cell() {
    let (_folder, cli) = fresh();
    cli.receiver("all");
    let described = |text| with(&event("all", "web", "true"), "--description", text);
    cli.run(&described("red \u{1b}[31m\nnext")).well();
    cli.run(&described("rtl \u{202e}txt")).well();
    let table = cli
        .run(&[
            "event",
            "search",
            "--output",
            "table",
            "--fields",
            "name description payload",
        ])
        .well();
    let lines: Vec<&str> = table.out.lines().collect();
    assert_eq!(lines.len(), 3, "{table:?}");
    assert!(!table.out.contains('\u{1b}'), "{table:?}");
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>(),
        ["NAME", "DESCRIPTION", "PAYLOAD"]
    );
    assert!(lines[1].contains("red \\u{1b}[31m\\u{a}next"), "{table:?}");
    assert!(lines[2].contains("rtl \\u{202e}txt"), "{table:?}");
    let json = cli
        .run(&["event", "search", "--fields", "description"])
        .well();
    assert!(json.out.contains("\\u202e"), "{json:?}");
    assert_eq!(json.rows()[1]["description"], "rtl \u{202e}txt");
    let nothing = cli.run(&["group", "search", "--output", "table"]).well();
    assert_eq!(nothing.out, "nothing found\n");
}

#[test]
fn a_search_can_be_looked_at_without_being_made() {
    let (_folder, cli) = fresh();
    let asked = cli
        .run(&[
            "event",
            "search",
            "--name",
            "web",
            "--success",
            "true",
            "--dry-run",
        ])
        .well();
    assert_eq!(
        (&asked.json()["name"], &asked.json()["success"]),
        (&json!("web"), &json!("true"))
    );
    let asked = cli
        .run(&["group", "search", "--type", "t", "--dry-run"])
        .well();
    assert_eq!(asked.json()["type"], "t");
}

#[test]
fn a_reader_that_has_enough_ends_the_search() {
    let (folder, cli) = fresh();
    cli.receiver("all");
    let all: Vec<String> = (0..400).map(|n| format!("{n:0>200}")).collect();
    events(&folder, &cli, &all);
    let mut child = cli
        .command(&["event", "search", "--fields", "all"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 1];
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut first).unwrap();
    drop(out);
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), first), (Some(0), *b"["));
    assert!(
        ended.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
}

#[test]
fn a_search_that_nobody_reads_can_be_ended() {
    let (folder, cli) = fresh();
    cli.receiver("all");
    let all: Vec<String> = (0..400).map(|n| format!("{n:0>200}")).collect();
    events(&folder, &cli, &all);
    let mut child = cli
        .command(&["event", "search", "--fields", "all"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // The pipe is full once there is something to read, and more does not go in.
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut [0; 1]).unwrap();
    let pid = child.id().to_string();
    let begun = std::time::Instant::now();
    std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status()
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(
        begun.elapsed() < std::time::Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_shell_and_man_learn_the_command_line() {
    let (folder, cli) = fresh();
    for (shell, word) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef epr-mcp"),
        ("fish", "complete -c epr-mcp"),
        ("powershell", "Register-ArgumentCompleter"),
        ("elvish", "edit:completion"),
    ] {
        let script = cli.run(&["completions", shell]).well();
        assert!(
            script.out.contains(word) && script.out.contains("idempotency-key"),
            "{shell}"
        );
    }
    let page = cli.run(&["man"]).well();
    assert!(
        page.out.contains(".TH epr-mcp 1") && page.out.contains("gate"),
        "{page:?}"
    );
    let pages = folder.path().join("man/man1");
    cli.run(&["man", "--dir", pages.to_str().unwrap()]).well();
    let check = std::fs::read_to_string(pages.join("epr-mcp-gate-check.1")).unwrap();
    assert!(
        check.contains("Exit codes") && check.contains("wait"),
        "{check}"
    );
    if std::process::Command::new("bash")
        .arg("--version")
        .output()
        .is_ok()
    {
        let script = file(
            &folder,
            "epr-mcp.bash",
            &cli.run(&["completions", "bash"]).out,
        );
        let asked = "COMP_WORDS=(epr-mcp gate check --wa); COMP_CWORD=3; source \"$1\"; f=$(complete -p epr-mcp); f=${f##*-F }; \"${f%% *}\" epr-mcp --wa check; echo \"${COMPREPLY[*]}\"";
        let out = std::process::Command::new("bash")
            .args(["-c", asked, "bash"])
            .arg(script)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(
            told.contains("--wait "),
            "{told} {}",
            String::from_utf8_lossy(&out.stderr)
        );
    } else {
        println!("left out: completion in bash, which is not installed");
    }
}
