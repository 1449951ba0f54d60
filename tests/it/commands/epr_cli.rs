//! The commands of the EPR workshop, word by word, through a link named `epr-cli`.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::{Ran, fresh};
use crate::harness::engine::database;

/// A shell whose path begins with a folder that holds the link.
struct Shell {
    folder: tempfile::TempDir,
    db: String,
}

impl Shell {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("epr-cli");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_epr-mcp"), link).unwrap();
        let db = database(&folder.path().join("epr.db"));
        Self { folder, db }
    }

    fn run(&self, line: &str) -> Ran {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders = vec![PathBuf::from(self.folder.path())];
        folders.extend(std::env::split_paths(&path));
        let mut command = Command::new("sh");
        command
            .args(["-c", line])
            .env("PATH", std::env::join_paths(folders).unwrap());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("EPR_") {
                command.env_remove(name);
            }
        }
        Ran::of(command.env("EPR_DB", &self.db).output().unwrap())
    }

    /// What is created is told as the workshop shows it: an object of one member, indented.
    fn made(&self, line: &str) -> String {
        let ran = self.run(line).well();
        let id = ran.json()["data"].as_str().unwrap().to_owned();
        assert_eq!(ran.out, format!("{{\n    \"data\": \"{id}\"\n}}\n"));
        assert!(
            id.len() == 26
                && id
                    .bytes()
                    .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()),
            "{id}"
        );
        id
    }

    fn found(&self, line: &str) -> Vec<Value> {
        self.run(line).rows()
    }
}

#[test]
fn a4_the_workshops_commands_give_what_the_workshop_shows() {
    let shell = Shell::new();
    let mut receivers = Vec::new();
    for name in ["foo", "bar"] {
        let create = format!(
            "epr-cli receiver create --name \"{name}-cli\" --version \"1.0.0\" --description \"{name} cli created {name}\" \
             --type \"epr.{name}.cli\" --schema \"{{}}\""
        );
        let preview = shell.run(&format!("{create} --dry-run")).well().json();
        assert_eq!(
            (&preview["name"], &preview["schema"]),
            (&json!(format!("{name}-cli")), &json!({}))
        );
        assert_eq!(preview["fingerprint"].as_str().unwrap().len(), 64);
        let id = shell.made(&create);
        let found = shell.found(&format!("epr-cli receiver search --id {id} --fields all"));
        assert_eq!(
            (found.len(), &found[0]["id"], &found[0]["type"]),
            (1, &json!(id), &json!(format!("epr.{name}.cli")))
        );
        assert_eq!(found[0]["fingerprint"], preview["fingerprint"]);
        receivers.push(id);
    }
    let [foo, bar] = &receivers[..] else { panic!() };
    for search in ["--type epr.foo.cli", "--name foo-cli --version 1.0.0"] {
        let found = shell.found(&format!("epr-cli receiver search {search} --fields all"));
        assert_eq!((found.len(), &found[0]["id"]), (1, &json!(foo)), "{search}");
    }

    let create = format!(
        "epr-cli group create --name \"foo-group-cli\" --version \"1.0.0\" --description \"foo cli created foo group\" \
         --type \"epr.foo.group.cli\" --event-receiver-ids \"{foo} {bar}\""
    );
    let preview = shell.run(&format!("{create} --dry-run")).well().json();
    assert_eq!(
        (&preview["enabled"], &preview["event_receiver_ids"]),
        (&json!(true), &json!([foo, bar]))
    );
    let group = shell.made(&create);
    let found = shell.found(&format!("epr-cli group search --id {group} --fields all"));
    assert_eq!(
        (found.len(), &found[0]["event_receiver_ids"]),
        (1, &json!([foo, bar]))
    );

    for (name, receiver) in [("foo", foo), ("bar", bar)] {
        let create = format!(
            "epr-cli event create --name {name} --version 1.0.0 --release 2024.01 --platform-id x86-64-gnu-linux-9 --package rpm \
             --success true --description \"the {name} event for {name}\" --success true --event-receiver-id {receiver} \
             --payload '{{\"name\":\"{name}\"}}'"
        );
        let preview = shell.run(&format!("{create} --dry-run")).well().json();
        assert_eq!(
            (&preview["success"], &preview["payload"]),
            (&json!(true), &json!({"name": name}))
        );
        assert!(
            shell
                .found(&format!("epr-cli event search --name {name}"))
                .is_empty(),
            "nothing was stored"
        );
        let id = shell.made(&create);
        for search in [
            format!("--id {id}"),
            format!("--name {name} --version 1.0.0"),
            format!("--name {name} --version 1.0.0 --success true"),
        ] {
            let found = shell.found(&format!("epr-cli event search {search} --fields all"));
            assert_eq!(
                (found.len(), &found[0]["id"], &found[0]["payload"]),
                (1, &json!(id), &json!({"name": name})),
                "{search}"
            );
        }
    }
    // The id as it is misprinted there.
    let misprinted = shell
        .run("epr-cli event search --id 1HKX7HKVDVH0HRQN0P2VDJ7Y6 --fields all")
        .well();
    assert_eq!(misprinted.out, "[]\n");
    // The gate of one unit needs both events of that unit.
    let both = "epr-cli event create --name foo --version 1.0.0 --release 2024.01 --platform-id x86-64-gnu-linux-9 --package rpm \
        --success true --description \"the bar event for foo\" --event-receiver-id";
    let opened = shell
        .run(&format!("{both} {bar} --payload '{{\"name\":\"foo\"}}'"))
        .well();
    assert!(
        opened.err.contains("gate «foo-group-cli» opened"),
        "{opened:?}"
    );
}

#[test]
fn the_link_knows_the_commands_of_that_name_and_no_others() {
    let shell = Shell::new();
    shell.run("epr-cli stdio").refused(2, &["stdio"]);
    shell
        .run("epr-cli")
        .refused(2, &["receiver", "group", "event", "status"]);
    let help = shell.run("epr-cli --help").well();
    assert!(
        help.out.contains("EPR_DB") && !help.out.contains("doctor"),
        "{help:?}"
    );
    shell
        .run("epr-cli status --url http://localhost:8042")
        .refused(2, &["--db"]);
    shell.made("epr-cli receiver create --name a --type b --version 1 --description c");
    let status = shell.run("epr-cli status").well().json();
    assert_eq!(
        (&status["holds"]["receivers"], &status["service"]["name"]),
        (&json!(1), &json!("epr-mcp"))
    );
    let asked = shell.run("epr-cli status --dry-run --no-indent").well();
    assert_eq!(asked.out.lines().count(), 1);
}

#[test]
fn the_same_commands_are_there_under_the_other_name() {
    let (_folder, cli) = fresh();
    let id = cli.receiver("foo");
    assert_eq!(
        cli.run(&["receiver", "search", "--id", &id]).rows().len(),
        1
    );
    cli.run(&["status"]).refused(2, &["status"]);
}

#[test]
fn what_it_tells_bears_the_name_that_it_was_called_by() {
    let shell = Shell::new();
    let told = shell.run("epr-cli event search --id x");
    assert!(told.err.starts_with("epr-cli: "), "{told:?}");
}
