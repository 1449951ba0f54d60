//! The clients' own commands that add a server.

use serde_json::{Value, json};

use super::client::Client;
use super::places::{Platform, Scope};
use crate::mcp::client_config::Launch;

/// The command of the client that does what `--write` would, if it has one.
pub(super) fn command(
    client: Client,
    name: &str,
    launch: &Launch,
    scope: Scope,
    platform: Platform,
) -> Option<String> {
    let scope_word = match scope {
        Scope::User => "user",
        Scope::Project => "project",
    };
    let mut words: Vec<String> = Vec::new();
    let mut push = |more: &[&str]| words.extend(more.iter().map(|&word| word.to_owned()));
    let pairs: Vec<String> = launch
        .env
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    match client {
        Client::ClaudeCode => {
            push(&["claude", "mcp", "add", "--scope", scope_word, name]);
            for pair in &pairs {
                push(&["--env", pair]);
            }
            push(&["--", &launch.command]);
            words.extend(launch.args.clone());
        }
        Client::Codex => {
            push(&["codex", "mcp", "add", name]);
            for pair in &pairs {
                push(&["--env", pair]);
            }
            push(&["--", &launch.command]);
            words.extend(launch.args.clone());
        }
        Client::Gemini => {
            // It drops what stands behind a second `=`, as URLs have it.
            if launch.env.iter().any(|(_, value)| value.contains('=')) {
                return None;
            }
            push(&["gemini", "mcp", "add", "--scope", scope_word]);
            for pair in &pairs {
                push(&["--env", pair]);
            }
            push(&[name, &launch.command, "--"]);
            words.extend(launch.args.clone());
        }
        Client::VsCode if scope == Scope::User => {
            let mut server = json!({ "name": name });
            if let Value::Object(server) = &mut server {
                server.extend(client.entry(launch));
            }
            push(&["code", "--add-mcp", &server.to_string()]);
        }
        _ => return None,
    }
    let words: Vec<String> = words.iter().map(|word| quoted(word, platform)).collect();
    Some(words.join(" "))
}

/// A word as a shell of the platform reads it back.
fn quoted(word: &str, platform: Platform) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    let windows = platform == Platform::Windows;
    if !word.is_empty() && word.chars().all(|c| plain(c) || (windows && c == '\\')) {
        return word.to_owned();
    }
    if !windows {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    // Backslashes count only before a quotation mark, the closing one among them.
    let mut out = String::from("\"");
    let mut backslashes = 0;
    for c in word.chars() {
        match c {
            '\\' => backslashes += 1,
            '"' => {
                out.push_str(&"\\".repeat(backslashes + 1));
                backslashes = 0;
            }
            _ => backslashes = 0,
        }
        out.push(c);
    }
    out.push_str(&"\\".repeat(backslashes));
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(launch: &Launch) -> Vec<String> {
        Client::ALL
            .into_iter()
            .filter_map(|client| command(client, "epr", launch, Scope::User, Platform::Linux))
            .collect()
    }

    #[test]
    fn each_client_has_its_own_words() {
        let mut launch = Launch::new("/opt/my tools/epr-mcp", &["stdio", "--read-only"]);
        launch.env.push(("EPR_PRINCIPAL".into(), "it's me".into()));
        insta::assert_snapshot!(lines(&launch).join("\n"), @r#"
        claude mcp add --scope user epr --env 'EPR_PRINCIPAL=it'\''s me' -- '/opt/my tools/epr-mcp' stdio --read-only
        code --add-mcp '{"name":"epr","type":"stdio","command":"/opt/my tools/epr-mcp","args":["stdio","--read-only"],"env":{"EPR_PRINCIPAL":"it'\''s me"}}'
        codex mcp add epr --env 'EPR_PRINCIPAL=it'\''s me' -- '/opt/my tools/epr-mcp' stdio --read-only
        gemini mcp add --scope user --env 'EPR_PRINCIPAL=it'\''s me' epr '/opt/my tools/epr-mcp' -- stdio --read-only
        "#);
    }

    #[test]
    fn a_command_that_would_lose_something_is_not_offered() {
        let mut launch = Launch::on_the_path();
        launch
            .env
            .push(("EPR_DB".into(), "postgres://h/d?sslmode=verify-full".into()));
        let lines = lines(&launch);
        assert!(!lines.iter().any(|line| line.starts_with("gemini")));
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn windows_has_its_own_quotation_marks() {
        let quoted = |word| quoted(word, Platform::Windows);
        assert_eq!(quoted(r"C:\bin\epr-mcp.exe"), r"C:\bin\epr-mcp.exe");
        assert_eq!(quoted(r"C:\my bin\"), r#""C:\my bin\\""#);
        assert_eq!(quoted(r#"{"a":"\"}"#), r#""{\"a\":\"\\\"}""#);
    }
}
