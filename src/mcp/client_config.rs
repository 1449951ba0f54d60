//! What an MCP client's configuration needs to start this server.

use serde_json::{Map, Value, json};

/// The entry under which clients know this server.
pub const SERVER_NAME: &str = "epr";

/// How a client starts this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The program: an absolute path, or a name on the search path.
    pub command: String,
    /// What stands behind it.
    pub args: Vec<String>,
    /// Variables that are set for it, beside those of the client.
    pub env: Vec<(String, String)>,
}

impl Launch {
    /// A start without variables of its own.
    pub fn new(command: &str, args: &[&str]) -> Self {
        Self {
            command: command.to_owned(),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            env: Vec::new(),
        }
    }

    /// For a binary on the search path, with everything as it is by default.
    pub fn on_the_path() -> Self {
        Self::new("epr-mcp", &["stdio"])
    }

    /// The members that all clients read: `command`, `args` and, if there are any, `env`.
    pub fn members(&self) -> Map<String, Value> {
        let mut members = Map::new();
        members.insert("command".to_owned(), json!(self.command));
        members.insert("args".to_owned(), json!(self.args));
        if !self.env.is_empty() {
            let env: Map<String, Value> = self
                .env
                .iter()
                .map(|(name, value)| (name.clone(), json!(value)))
                .collect();
            members.insert("env".to_owned(), Value::Object(env));
        }
        members
    }
}

/// The configuration of a client that starts `command` with `arguments` and speaks MCP with it
/// over stdio, in the form that most clients read, as text to paste. `mcp.json` is this for a
/// binary on the search path.
pub fn json(command: &str, arguments: &[&str]) -> String {
    format!("{:#}", config(command, arguments))
}

/// The same as a value.
pub fn config(command: &str, arguments: &[&str]) -> Value {
    json!({ "mcpServers": { SERVER_NAME: Launch::new(command, arguments).members() } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_clients_read() {
        let read: Value = serde_json::from_str(&super::json("epr-mcp", &["stdio"])).unwrap();
        assert_eq!(
            read,
            json!({"mcpServers": {"epr": {"command": "epr-mcp", "args": ["stdio"]}}})
        );
    }

    #[test]
    fn variables_stand_in_env_and_only_when_there_are_any() {
        let mut launch = Launch::on_the_path();
        assert!(!launch.members().contains_key("env"));
        launch.env.push(("EPR_DB".to_owned(), "/a.db".to_owned()));
        assert_eq!(launch.members()["env"], json!({"EPR_DB": "/a.db"}));
    }
}
