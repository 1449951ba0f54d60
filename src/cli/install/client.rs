//! The clients that this server can be installed in, and how each one's configuration looks.

use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::edit::Beyond;
use crate::mcp::client_config::Launch;

/// An MCP client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Client {
    /// Claude Desktop
    ClaudeDesktop,
    /// Claude Code
    ClaudeCode,
    /// Visual Studio Code (GitHub Copilot)
    #[value(name = "vscode")]
    VsCode,
    /// Cursor
    Cursor,
    /// Windsurf
    Windsurf,
    /// Zed
    Zed,
    /// Codex
    Codex,
    /// Gemini CLI
    Gemini,
}

/// The language of a configuration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// JSON, with or without comments.
    Json,
    /// TOML.
    Toml,
}

impl Client {
    /// All of them, in the order in which they are shown.
    pub(super) const ALL: [Self; 8] = [
        Self::ClaudeCode,
        Self::ClaudeDesktop,
        Self::VsCode,
        Self::Cursor,
        Self::Windsurf,
        Self::Zed,
        Self::Codex,
        Self::Gemini,
    ];

    /// What `--client` calls it; also the name of its page in `docs/clients/`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ClaudeDesktop => "claude-desktop",
            Self::ClaudeCode => "claude-code",
            Self::VsCode => "vscode",
            Self::Cursor => "cursor",
            Self::Windsurf => "windsurf",
            Self::Zed => "zed",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
        }
    }

    /// What people call it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::ClaudeDesktop => "Claude Desktop",
            Self::ClaudeCode => "Claude Code",
            Self::VsCode => "VS Code",
            Self::Cursor => "Cursor",
            Self::Windsurf => "Windsurf",
            Self::Zed => "Zed",
            Self::Codex => "Codex",
            Self::Gemini => "Gemini CLI",
        }
    }

    pub(super) fn format(self) -> Format {
        match self {
            Self::Codex => Format::Toml,
            _ => Format::Json,
        }
    }

    /// The member of the file that holds the servers.
    pub(super) fn servers(self) -> &'static str {
        match self {
            Self::VsCode => "servers",
            Self::Zed => "context_servers",
            Self::Codex => "mcp_servers",
            _ => "mcpServers",
        }
    }

    /// The most that may stand in its file beside plain JSON.
    pub(super) fn reads(self) -> Beyond {
        match self {
            Self::VsCode | Self::Zed => Beyond::Commas,
            Self::Gemini => Beyond::Comments,
            _ => Beyond::Nothing,
        }
    }

    /// What has to be done before it knows of a change.
    pub(super) fn afterwards(self) -> &'static str {
        match self {
            Self::ClaudeDesktop => {
                "Quit Claude Desktop and start it again; closing its window is not enough."
            }
            Self::ClaudeCode => {
                "Start a new session; /mcp in it, or `claude mcp list`, shows the server."
            }
            Self::VsCode => {
                "Run \"MCP: List Servers\" from the Command Palette, start the server and trust it."
            }
            Self::Cursor => "Look at Settings > MCP: the server has to be switched on there.",
            Self::Windsurf => "Press Refresh in the MCP panel of Cascade.",
            Self::Zed => {
                "Zed takes it up at once; the Agent Panel's settings show a green dot beside it."
            }
            Self::Codex => "Start a new session; /mcp in it shows the server.",
            Self::Gemini => "Start it again; /mcp, or `gemini mcp list`, shows the server.",
        }
    }

    /// The entry for this server as the client reads it.
    pub(super) fn entry(self, launch: &Launch) -> Map<String, Value> {
        let mut entry = Map::new();
        match self {
            Self::VsCode | Self::ClaudeCode => {
                entry.insert("type".to_owned(), json!("stdio"));
            }
            // Older versions demand it, newer ones do without.
            Self::Zed => {
                entry.insert("source".to_owned(), json!("custom"));
            }
            _ => {}
        }
        entry.extend(launch.members());
        entry
    }

    /// A whole file with nothing but the entry, as text to paste.
    pub(super) fn snippet(self, name: &str, launch: &Launch) -> String {
        match self.format() {
            Format::Json => {
                let entry = self.entry(launch);
                format!("{:#}", json!({ self.servers(): { name: entry } }))
            }
            Format::Toml => super::edit::toml::snippet(self.servers(), name, launch),
        }
    }
}

/// What an entry that was found in a file starts, if that can be told.
pub(super) fn launch_of(entry: &Value) -> Option<Launch> {
    let strings = |list: &Vec<Value>| {
        let texts = list.iter().map(|item| item.as_str().map(str::to_owned));
        texts.collect::<Option<Vec<_>>>()
    };
    let args = match entry.get("args") {
        None => Vec::new(),
        Some(args) => strings(args.as_array()?)?,
    };
    let env = match entry.get("env") {
        None | Some(Value::Null) => Vec::new(),
        Some(env) => env
            .as_object()?
            .iter()
            .map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect::<Option<Vec<_>>>()?,
    };
    Some(Launch {
        command: entry.get("command")?.as_str()?.to_owned(),
        args,
        env,
    })
}

/// Whether two starts are the same; the order of variables means nothing.
pub(super) fn same(one: &Launch, other: &Launch) -> bool {
    let sorted = |launch: &Launch| {
        let mut env = launch.env.clone();
        env.sort();
        env
    };
    one.command == other.command && one.args == other.args && sorted(one) == sorted(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_reads_back_what_its_entry_says() {
        let mut launch = Launch::new("/opt/epr mcp", &["stdio", "--db", "C:\\x \"y\".db"]);
        launch
            .env
            .push(("EPR_PRINCIPAL".to_owned(), "Zoë".to_owned()));
        for client in Client::ALL {
            let value: Value = match client.format() {
                Format::Json => serde_json::from_str(&client.snippet("epr", &launch)).unwrap(),
                Format::Toml => toml::from_str(&client.snippet("epr", &launch)).unwrap(),
            };
            let read = launch_of(&value[client.servers()]["epr"]).unwrap();
            assert!(same(&read, &launch), "{client:?}: {read:?}");
        }
    }

    #[test]
    fn the_names_are_those_of_the_command_line() {
        for client in Client::ALL {
            assert_eq!(
                client.to_possible_value().unwrap().get_name(),
                client.name()
            );
        }
        assert_eq!(Client::ALL.len(), Client::value_variants().len());
    }

    #[test]
    fn what_is_no_start_is_not_read_as_one() {
        for entry in [
            json!({"url": "https://x"}),
            json!({"command": 1}),
            json!({"command": "x", "args": [1]}),
            json!(null),
        ] {
            assert_eq!(launch_of(&entry), None, "{entry}");
        }
        assert!(launch_of(&json!({"command": "x", "env": null})).is_some());
    }
}
