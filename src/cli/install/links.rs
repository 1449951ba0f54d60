//! The part of the README that tells how each client is connected, with links that install by a click.

use std::fmt::Write as _;

use data_encoding::BASE64;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::client::Client;
use crate::mcp::client_config::{Launch, SERVER_NAME};

/// What a browser's `encodeURIComponent` leaves alone.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// A link that a client installs the entry from, where it documents one. A page of a forge may link to
/// `https:` only, so these lead through the client's own redirection.
fn one_click(client: Client, launch: &Launch) -> Option<String> {
    let encoded = |text: &str| utf8_percent_encode(text, COMPONENT).to_string();
    match client {
        Client::VsCode => {
            let mut server = json!({ "name": SERVER_NAME });
            if let Value::Object(server) = &mut server {
                server.extend(client.entry(launch));
            }
            let install = format!("vscode:mcp/install?{}", encoded(&server.to_string()));
            Some(format!(
                "https://insiders.vscode.dev/redirect?url={}",
                encoded(&install)
            ))
        }
        Client::Cursor => {
            let entry = Value::Object(client.entry(launch)).to_string();
            Some(format!(
                "https://cursor.com/en/install-mcp?name={SERVER_NAME}&config={}",
                encoded(&BASE64.encode(entry.as_bytes()))
            ))
        }
        _ => None,
    }
}

/// The colour of a client's badge.
fn colour(client: Client) -> &'static str {
    match client {
        Client::ClaudeCode | Client::ClaudeDesktop => "D97757",
        Client::VsCode => "0098FF",
        Client::Cursor => "000000",
        Client::Windsurf => "0B100F",
        Client::Zed => "084CCF",
        Client::Codex => "10A37F",
        Client::Gemini => "4285F4",
    }
}

/// A row for each client: its badge, the command, its page.
pub(in crate::cli) fn table() -> String {
    let launch = Launch::on_the_path();
    let mut out = String::from("| client | install | |\n|---|---|---|\n");
    for client in Client::ALL {
        let (name, title) = (client.name(), client.title());
        let page = format!("docs/clients/{name}.md");
        let link = one_click(client, &launch);
        let word = if link.is_some() { "install" } else { "how to" };
        let badge = format!(
            "https://img.shields.io/badge/{}-{}-{}",
            title.replace(' ', "_"),
            word.replace(' ', "_"),
            colour(client)
        );
        let _ = writeln!(
            out,
            "| [![{title}: {word}]({badge})]({}) | `epr-mcp install --client {name} --write` | [{title}]({page}) |",
            link.as_deref().unwrap_or(&page)
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;

    use super::*;

    fn decoded(text: &str) -> String {
        percent_decode_str(text).decode_utf8().unwrap().into_owned()
    }

    fn page(client: Client) -> String {
        let name = client.name();
        let file = format!("{}/docs/clients/{name}.md", env!("CARGO_MANIFEST_DIR"));
        String::from_utf8(std::fs::read(&file).unwrap_or_else(|why| panic!("{file}: {why}")))
            .unwrap()
    }

    #[test]
    fn the_links_hold_what_the_code_makes() {
        let launch = Launch::on_the_path();
        let link = one_click(Client::VsCode, &launch).unwrap();
        let inner = decoded(
            link.strip_prefix("https://insiders.vscode.dev/redirect?url=")
                .unwrap(),
        );
        let config = decoded(inner.strip_prefix("vscode:mcp/install?").unwrap());
        assert_eq!(
            serde_json::from_str::<Value>(&config).unwrap(),
            json!({"name": "epr", "type": "stdio", "command": "epr-mcp", "args": ["stdio"]})
        );
        let link = one_click(Client::Cursor, &launch).unwrap();
        let config = decoded(link.split_once("&config=").unwrap().1);
        let config = BASE64.decode(config.as_bytes()).unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&config).unwrap(),
            json!({"command": "epr-mcp", "args": ["stdio"]})
        );
    }

    #[test]
    fn the_readme_has_the_table_that_the_code_makes() {
        let readme = include_str!("../../../README.md");
        assert!(
            readme.contains(&table()),
            "paste what `epr-mcp generate clients` prints into README.md"
        );
    }

    #[test]
    fn each_client_has_a_page_with_its_command_and_its_snippet() {
        let launch = Launch::on_the_path();
        for client in Client::ALL {
            let page = page(client);
            let command = format!("epr-mcp install --client {} --write", client.name());
            let snippet = client.snippet(SERVER_NAME, &launch);
            assert!(page.contains(&command), "{client:?}: {command}");
            assert!(page.contains(&snippet), "{client:?}:\n{snippet}");
            let own = super::super::oneline::command(
                client,
                SERVER_NAME,
                &launch,
                super::super::places::Scope::User,
                super::super::places::Platform::Linux,
            );
            if let Some(own) = own {
                assert!(page.contains(&own), "{client:?}: {own}");
            }
            if let Some(link) = one_click(client, &launch) {
                assert!(page.contains(&link), "{client:?}: {link}");
            }
        }
    }
}
