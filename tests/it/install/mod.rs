//! `epr-mcp install`: what it writes is read back as the client would read it, and started exactly as it
//! stands there.

mod clients;
mod entries;
mod files;
mod project;
mod registry;
mod whose;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::mcp::client::Server;

/// Every client, with the member that holds its servers.
const CLIENTS: [(&str, &str); 8] = [
    ("claude-code", "mcpServers"),
    ("claude-desktop", "mcpServers"),
    ("vscode", "servers"),
    ("cursor", "mcpServers"),
    ("windsurf", "mcpServers"),
    ("zed", "context_servers"),
    ("codex", "mcp_servers"),
    ("gemini", "mcpServers"),
];

/// A home folder of nobody's, as it is on a platform.
struct Home {
    folder: tempfile::TempDir,
    platform: &'static str,
}

impl Home {
    fn new(platform: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, platform }
    }

    fn linux() -> Self {
        Self::new("linux")
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    /// The binary in this home, without the settings of whoever runs the tests.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_epr-mcp"));
        let own = [
            "EPR_", "PG", "XDG_", "VSCODE_", "CODEX_", "CLAUDE_", "GEMINI_", "FLATPAK_",
        ];
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text != "EPR_TEST_RUN" && own.iter().any(|begin| text.starts_with(begin)) {
                command.env_remove(name);
            }
        }
        command
            .env("HOME", self.folder.path())
            .env("USERPROFILE", self.folder.path())
            .env("APPDATA", self.path("AppData/Roaming"))
            .env("LOCALAPPDATA", self.path("AppData/Local"))
            .current_dir(self.folder.path())
            .args(["install", "--platform", self.platform])
            .args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs it and expects that it works; gives what it prints.
    fn well(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", both(&output));
        out(&output)
    }

    /// Runs it and expects that it does not; gives all that it prints.
    fn refused(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{}", both(&output));
        both(&output)
    }

    /// A file with a text in it.
    fn with(&self, inside: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(inside);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// What lies beside a file, without the file itself.
    fn beside(path: &Path) -> Vec<String> {
        let own = path.file_name().unwrap().to_str().unwrap();
        let entries = std::fs::read_dir(path.parent().unwrap()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name != own).collect();
        names.sort();
        names
    }
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn both(output: &Output) -> String {
    format!("{}{}", out(output), String::from_utf8_lossy(&output.stderr))
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// A configuration as its client reads it, by other means than those of the program.
fn read_as(client: &str, text: &str) -> Value {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match client {
        "codex" => toml::from_str(text).unwrap_or_else(|why| panic!("{text}: {why}")),
        "vscode" | "zed" | "gemini" => plain(text),
        _ => serde_json::from_str(text).unwrap_or_else(|why| panic!("{text}: {why}")),
    }
}

/// JSON without its comments and the commas before closing brackets.
fn plain(text: &str) -> Value {
    let mut clean = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c == '"' {
            let mut end = 1;
            while !rest[end..].starts_with('"') {
                end += if rest[end..].starts_with('\\') { 2 } else { 1 };
                while !rest.is_char_boundary(end) {
                    end += 1;
                }
            }
            clean.push_str(&rest[..=end]);
            rest = &rest[end + 1..];
        } else if rest.starts_with("//") {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if rest.starts_with("/*") {
            rest = &rest[rest.find("*/").unwrap() + 2..];
        } else {
            if matches!(c, '}' | ']') && clean.trim_end().ends_with(',') {
                clean.truncate(clean.trim_end().len() - 1);
            }
            clean.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    serde_json::from_str(&clean).unwrap_or_else(|why| panic!("{text}: {why}"))
}

/// Starts what an entry says, with no more of this environment than clients hand on.
fn started(home: &Home, entry: &Value) -> Server {
    let mut command = Command::new(entry["command"].as_str().unwrap());
    for argument in entry["args"].as_array().unwrap() {
        command.arg(argument.as_str().unwrap());
    }
    command.env_clear().env("HOME", home.folder.path());
    for name in ["PATH", "EPR_TEST_RUN"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    for (name, value) in entry["env"].as_object().into_iter().flatten() {
        command.env(name, value.as_str().unwrap());
    }
    Server::greeted(command)
}

/// The tools that it offers.
fn tools_of(home: &Home, entry: &Value) -> usize {
    let list = started(home, entry)
        .request("tools/list", json!({}))
        .unwrap();
    list["tools"].as_array().unwrap().len()
}
