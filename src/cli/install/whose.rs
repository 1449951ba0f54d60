//! Whose an entry is, what of it stays when it is written anew, and what of it may be shown.

use serde_json::{Map, Value, json};
use url::Url;

/// The members that say how a server is started. All others are the client's, or the person's.
const START: [&str; 5] = ["command", "args", "env", "type", "source"];

/// Members that name a server which is not started.
const ADDRESSES: [&str; 3] = ["url", "serverUrl", "httpUrl"];

/// What the names of secrets have in them.
const SECRET: [&str; 5] = ["token", "secret", "password", "key", "auth"];

/// Whether it starts a program called epr-mcp, wherever that lies.
pub(super) fn ours(entry: &Value) -> bool {
    let command = entry.get("command").and_then(Value::as_str);
    let program = command.and_then(|command| command.rsplit(['/', '\\']).next());
    program.is_some_and(|name| name == "epr-mcp" || name.eq_ignore_ascii_case("epr-mcp.exe"))
}

/// The new entry. Where the old one is ours too, what does not belong to the start is kept.
pub(super) fn merged(old: &Value, new: &Map<String, Value>) -> Map<String, Value> {
    let Some(old) = old.as_object().filter(|_| ours(old)) else {
        return new.clone();
    };
    let mut merged = Map::new();
    for (name, member) in old {
        if !START.contains(&name.as_str()) {
            merged.insert(name.clone(), member.clone());
        } else if let Some(member) = new.get(name) {
            merged.insert(name.clone(), member.clone());
        }
    }
    for (name, member) in new {
        merged.entry(name).or_insert_with(|| member.clone());
    }
    merged
}

/// The members of the start that are another's after an update: the name, what was, what is.
pub(super) fn changes(old: &Value, new: &Map<String, Value>) -> Vec<(&'static str, Value, Value)> {
    let shown = |name: &str, value: Option<&Value>| match (name, value) {
        (_, None) => Value::Null,
        ("args", Some(Value::Array(args))) => arguments(args),
        ("env", Some(Value::Object(env))) => variables(env),
        (_, Some(other)) => other.clone(),
    };
    START
        .into_iter()
        .filter(|name| old.get(name) != new.get(*name))
        .map(|name| (name, shown(name, old.get(name)), shown(name, new.get(name))))
        .collect()
}

/// Whether the new entry leaves out a flag or a variable of the old one: `--read-only`, say, or the
/// database. Whoever repeats the command without it need not have meant that.
pub(super) fn loses(old: &Value, new: &Map<String, Value>) -> bool {
    let args = |entry: Option<&Value>| entry.and_then(Value::as_array).cloned();
    let (had, has) = (args(old.get("args")), args(new.get("args")));
    let has = has.unwrap_or_default();
    let variables = |entry: Option<&Value>| entry.and_then(Value::as_object).cloned();
    let (set, sets) = (variables(old.get("env")), variables(new.get("env")));
    let sets = sets.unwrap_or_default();
    had.unwrap_or_default().iter().any(|arg| !has.contains(arg))
        || set
            .unwrap_or_default()
            .iter()
            .any(|(name, value)| sets.get(name) != Some(value))
}

/// The members that an update keeps.
pub(super) fn kept(old: &Value) -> Vec<&str> {
    let members = old.as_object().into_iter().flatten();
    let names = members.map(|(name, _)| name.as_str());
    names.filter(|name| !START.contains(name)).collect()
}

/// What may be shown of an entry that is somebody else's: its program or its host, and the names of all
/// else. Nobody knows where it keeps its secrets.
pub(super) fn outline(entry: &Value) -> Value {
    let Some(members) = entry.as_object() else {
        return hidden(entry);
    };
    let shown = members.iter().map(|(name, member)| {
        let member = match member.as_str() {
            // Some have a whole command line here.
            Some(command) if name == "command" => {
                json!(command.split(" -").next().unwrap_or_default())
            }
            Some(address) if ADDRESSES.contains(&name.as_str()) => json!(host(address)),
            _ => hidden(member),
        };
        (name.clone(), member)
    });
    Value::Object(shown.collect())
}

fn hidden(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value.clone(),
        Value::Object(members) => {
            let members = members.iter();
            Value::Object(members.map(|(name, v)| (name.clone(), hidden(v))).collect())
        }
        Value::Array(items) if items.is_empty() => json!([]),
        _ => json!("…"),
    }
}

fn host(address: &str) -> String {
    match Url::parse(address) {
        Ok(url) => match url.host_str() {
            Some(host) => format!("{}://{host}/…", url.scheme()),
            None => "…".to_owned(),
        },
        Err(_) => "…".to_owned(),
    }
}

/// Arguments without what stands behind a flag for a secret, and without what an address may hold.
fn arguments(args: &[Value]) -> Value {
    let mut secret = false;
    let shown = args.iter().map(|arg| {
        let Some(arg) = arg.as_str() else {
            return hidden(arg);
        };
        if std::mem::take(&mut secret) && !arg.starts_with('-') {
            return json!("…");
        }
        let flag = arg.split('=').next().unwrap_or_default();
        let named = arg.starts_with('-') && is_secret(flag);
        secret = named && flag == arg;
        if named && flag != arg {
            return json!(format!("{flag}=…"));
        }
        json!(without_secret(arg))
    });
    Value::Array(shown.collect())
}

/// Variables of ours with their values, others without.
fn variables(env: &Map<String, Value>) -> Value {
    let shown = env.iter().map(|(name, value)| {
        let value = match value.as_str() {
            Some(value) if name.starts_with("EPR_") && !is_secret(name) => {
                json!(without_secret(value))
            }
            _ => hidden(value),
        };
        (name.clone(), value)
    });
    Value::Object(shown.collect())
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // The file's name is none.
    !name.ends_with("file") && SECRET.iter().any(|part| name.contains(part))
}

fn without_secret(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, rest)) if rest.contains(['@', '?']) => format!("{scheme}://…"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_is_what_starts_a_program_of_our_name() {
        for command in [
            "epr-mcp",
            "/opt/epr-mcp",
            r"C:\Program Files\EPR-MCP.EXE",
            "./bin/epr-mcp",
        ] {
            assert!(ours(&json!({ "command": command })), "{command}");
        }
        for entry in [
            json!({"command": "docker", "args": ["epr-mcp"]}),
            json!({"command": "/opt/not-epr-mcp"}),
            json!({"command": "/opt/epr-mcp/other"}),
            json!({"command": "epr-mcp --token x"}),
            json!({"command": ["epr-mcp"]}),
            json!({"url": "https://h/epr-mcp"}),
            json!("epr-mcp"),
            json!(null),
        ] {
            assert!(!ours(&entry), "{entry}");
        }
    }

    #[test]
    fn secrets_of_an_old_start_are_not_told_with_what_changes() {
        let old = json!({
            "command": "epr-mcp",
            "args": ["stdio", "--token", "hush", "--api-key=hush", "--db", "postgres://u:hush@h/d", "--read-only",
                "--db-password-file", "/run/secret"],
            "env": {"EPR_TOKEN": "hush", "EPR_DB": "https://u:hush@h", "PGPASSWORD": "hush", "EPR_PRINCIPAL": "ada"},
        });
        let told = changes(&old, &Map::new());
        let names: Vec<&str> = told.iter().map(|(name, ..)| *name).collect();
        assert_eq!(names, ["command", "args", "env"]);
        let told = format!("{told:?}");
        assert!(!told.contains("hush"), "{told}");
        for word in ["--read-only", "PGPASSWORD", "ada", "/run/secret"] {
            assert!(told.contains(word), "{told}");
        }
    }
}
