//! TOML, edited in place.

use serde_json::{Map, Value};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, TomlError, value};

use super::{Beyond, Fault, Seen, Spot, line_end};
use crate::mcp::client_config::Launch;

/// A whole file with nothing but the entry.
pub(in super::super) fn snippet(servers: &str, name: &str, launch: &Launch) -> String {
    let mut document = DocumentMut::new();
    let mut all = Table::new();
    all.set_implicit(true);
    all.insert(name, Item::Table(table(&launch.members())));
    document.insert(servers, Item::Table(all));
    document.to_string().trim_end().to_owned()
}

pub(super) fn look(text: &str, spot: &Spot) -> Result<Seen, Fault> {
    let document = parse(text)?;
    if let Some(servers) = document.get(spot.servers)
        && !servers.is_table_like()
    {
        return Err(Fault {
            at: None,
            why: format!("{} has to be a table, [{0}.…]", spot.servers),
        });
    }
    let value: Value = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        Fault::new(text, at, error.message())
    })?;
    let entry = value.get(spot.servers).and_then(|all| all.get(spot.name));
    Ok(Seen {
        entry: entry.cloned(),
        value,
        beyond: Beyond::Nothing,
    })
}

pub(super) fn put(text: &str, spot: &Spot, entry: &Map<String, Value>) -> Result<String, Fault> {
    let before = look(text, spot)?.entry;
    let mut document = parse(text)?;
    if !document.contains_key(spot.servers) {
        let mut servers = Table::new();
        servers.set_implicit(true);
        document.insert(spot.servers, Item::Table(servers));
    }
    match document.get_mut(spot.servers) {
        Some(Item::Table(servers)) => {
            match servers.get_mut(spot.name).and_then(Item::as_table_like_mut) {
                Some(old) => renew(old, before.as_ref(), entry),
                None => {
                    let mut new = table(entry);
                    if !text.trim().is_empty() {
                        new.decor_mut().set_prefix("\n");
                    }
                    servers.insert(spot.name, Item::Table(new));
                }
            }
        }
        Some(Item::Value(toml_edit::Value::InlineTable(servers))) => {
            match servers.get_mut(spot.name) {
                Some(toml_edit::Value::InlineTable(old)) => renew(old, before.as_ref(), entry),
                _ => {
                    servers.insert(spot.name, inline(entry).into());
                }
            }
        }
        _ => {
            return Err(Fault {
                at: None,
                why: format!("{} has to be a table", spot.servers),
            });
        }
    }
    Ok(as_it_was(text, document.to_string()))
}

/// Changes an entry where it stands: what stays the same is not written anew, so that it keeps its form
/// and its remarks, whatever kind of value it is.
fn renew(old: &mut dyn TableLike, before: Option<&Value>, entry: &Map<String, Value>) {
    let gone: Vec<String> = old
        .iter()
        .map(|(name, _)| name.to_owned())
        .filter(|name| !entry.contains_key(name))
        .collect();
    for name in gone {
        old.remove(&name);
    }
    for (name, member) in entry {
        if before.and_then(|before| before.get(name)) != Some(member) {
            old.insert(name, item(member));
        }
    }
}

pub(super) fn take(text: &str, spot: &Spot) -> Result<String, Fault> {
    let mut document = parse(text)?;
    if let Some(servers) = document
        .get_mut(spot.servers)
        .and_then(Item::as_table_like_mut)
    {
        TableLike::remove(servers, spot.name);
    }
    Ok(as_it_was(text, document.to_string()))
}

fn parse(text: &str) -> Result<DocumentMut, Fault> {
    text.parse().map_err(|error: TomlError| {
        let at = error.span().map_or(0, |span| span.start);
        Fault::new(text, at, format!("it is not TOML: {}", error.message()))
    })
}

/// The editor writes `\n`; a file with the line ends of Windows keeps them.
fn as_it_was(before: &str, edited: String) -> String {
    if line_end(before) == "\r\n" {
        edited.replace("\r\n", "\n").replace('\n', "\r\n")
    } else {
        edited
    }
}

fn table(entry: &Map<String, Value>) -> Table {
    let mut table = Table::new();
    for (name, member) in entry {
        table.insert(name, item(member));
    }
    table
}

fn item(member: &Value) -> Item {
    match member {
        Value::Array(items) => value(items.iter().filter_map(Value::as_str).collect::<Array>()),
        Value::Object(members) => value(inline(members)),
        other => value(other.as_str().unwrap_or_default()),
    }
}

fn inline(entry: &Map<String, Value>) -> InlineTable {
    let mut table = InlineTable::new();
    for (name, member) in entry {
        if let Ok(value) = item(member).into_value() {
            table.insert(name, value);
        }
    }
    table
}
