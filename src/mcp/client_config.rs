//! What an MCP client's configuration needs to start this server.

use serde_json::{Value, json};

/// The entry under which clients know this server.
pub const SERVER_NAME: &str = "epr";

/// The configuration of a client that starts `command` with `arguments` and speaks MCP with it
/// over stdio, in the form that most clients read, as text to paste. `mcp.json` is this for a
/// binary on the search path.
pub fn json(command: &str, arguments: &[&str]) -> String {
    format!("{:#}", config(command, arguments))
}

/// The same as a value.
pub fn config(command: &str, arguments: &[&str]) -> Value {
    json!({ "mcpServers": { SERVER_NAME: { "command": command, "args": arguments } } })
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
}
