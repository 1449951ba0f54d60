//! The commands that define, record, search and ask a gate, run as a script runs them.

mod epr_cli;
pub(crate) mod gate;
mod records;
mod searching;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::harness::engine::database;

/// The binary on one registry.
pub(crate) struct Cli {
    db: String,
}

impl Cli {
    pub(crate) fn on(path: &Path) -> Self {
        Self::at(&database(path))
    }

    /// On what `EPR_DB` is to say, whatever engine the tests run on.
    pub(crate) fn at(db: &str) -> Self {
        Self { db: db.to_owned() }
    }

    /// The binary with nothing of the tests' own settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_epr-mcp"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("EPR_") {
                command.env_remove(name);
            }
        }
        command.env("EPR_DB", &self.db).env("EPR_PRINCIPAL", "ci");
        command.args(arguments);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// Runs it with something to read.
    pub(crate) fn run_with(&self, arguments: &[&str], stdin: &[u8]) -> Ran {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(stdin).unwrap();
        Ran::of(child.wait_with_output().unwrap())
    }

    /// Makes something, and gives its id.
    pub(crate) fn id(&self, arguments: &[&str]) -> String {
        self.run(arguments).id()
    }

    /// Defines a receiver of this name that accepts everything.
    pub(crate) fn receiver(&self, name: &str) -> String {
        let kind = format!("test.{name}");
        self.id(&[
            "receiver",
            "create",
            "--name",
            name,
            "--type",
            &kind,
            "--version",
            "1.0.0",
            "--description",
            "a receiver",
        ])
    }

    /// Defines a gate of this name.
    pub(crate) fn group(&self, name: &str, members: &str) -> String {
        let kind = format!("gate.{name}");
        self.id(&[
            "group",
            "create",
            "--name",
            name,
            "--type",
            &kind,
            "--version",
            "1.0.0",
            "--description",
            "a group",
            "--event-receiver-ids",
            members,
        ])
    }

    /// Records an event for the unit that is told apart by its name.
    pub(crate) fn event(&self, receiver: &str, name: &str, success: bool) -> Ran {
        self.run(&event(
            receiver,
            name,
            if success { "true" } else { "false" },
        ))
    }
}

/// The command that records an event.
pub(crate) fn event<'a>(receiver: &'a str, name: &'a str, success: &'a str) -> Vec<&'a str> {
    vec![
        "event",
        "create",
        "--name",
        name,
        "--version",
        "1.0.0",
        "--release",
        "2026.11",
        "--platform-id",
        "x64-linux",
        "--package",
        "oci",
        "--description",
        "it ended",
        "--event-receiver-id",
        receiver,
        "--success",
        success,
        "--payload",
        "{}",
    ]
}

/// The same arguments with another value of a flag.
pub(crate) fn with<'a>(arguments: &[&'a str], flag: &str, value: &'a str) -> Vec<&'a str> {
    let mut arguments = arguments.to_vec();
    let at = arguments
        .iter()
        .position(|a| *a == flag)
        .expect("the flag is there");
    arguments[at + 1] = value;
    arguments
}

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// It has to have succeeded.
    pub(crate) fn well(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// It has to have ended with this code, saying all of this on stderr and nothing on stdout.
    pub(crate) fn refused(self, code: i32, words: &[&str]) {
        assert_eq!((self.code, self.out.as_str()), (Some(code), ""), "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "there is no {word:?} in {self:?}");
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The id in `{"data": "<id>"}`.
    pub(crate) fn id(self) -> String {
        let ran = self.well();
        ran.json()["data"].as_str().unwrap().to_owned()
    }

    /// The rows of a search.
    pub(crate) fn rows(self) -> Vec<Value> {
        let ran = self.well();
        ran.json().as_array().unwrap().clone()
    }
}

/// A folder that goes with the test, and the commands on a new registry in it.
pub(crate) fn fresh() -> (tempfile::TempDir, Cli) {
    let folder = tempfile::tempdir().unwrap();
    let cli = Cli::on(&folder.path().join("epr.db"));
    (folder, cli)
}

/// A file with this text.
fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}
