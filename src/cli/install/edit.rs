//! Putting an entry into the text of a configuration file and taking it out again: pure functions
//! from text to text. Whatever else stands in the file stays.

pub(super) mod json;
pub(super) mod toml;

use std::fmt;

use serde_json::{Map, Value};

use super::client::Format;

/// Where an entry stands in a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot<'a> {
    pub(super) format: Format,
    /// The member that holds the servers.
    pub(super) servers: &'a str,
    /// The name of the entry.
    pub(super) name: &'a str,
}

/// Why a text cannot be edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Line and column, from 1, where that can be told.
    pub(super) at: Option<(usize, usize)>,
    pub(super) why: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some((line, column)) => write!(f, "line {line}, column {column}: {}", self.why),
            None => f.write_str(&self.why),
        }
    }
}

impl Fault {
    fn new(text: &str, offset: usize, why: impl Into<String>) -> Self {
        Self {
            at: Some(position(text, offset)),
            why: why.into(),
        }
    }
}

/// What is in a text.
#[derive(Debug)]
pub(super) struct Seen {
    /// The whole.
    value: Value,
    /// The entry, if there is one.
    pub(super) entry: Option<Value>,
    /// What it holds beside plain JSON.
    pub(super) beyond: Beyond,
}

/// What plain JSON does not know, in the order in which fewer clients read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Beyond {
    Nothing,
    Comments,
    /// Commas before closing brackets, and maybe comments.
    Commas,
}

/// Reads a text.
pub(super) fn look(text: &str, spot: &Spot) -> Result<Seen, Fault> {
    match spot.format {
        Format::Json => json::look(text, spot),
        Format::Toml => toml::look(text, spot),
    }
}

/// The text with the entry in it, instead of one of that name if there is one.
pub(super) fn put(text: &str, spot: &Spot, entry: &Map<String, Value>) -> Result<String, Fault> {
    let before = look(text, spot)?;
    let edited = match spot.format {
        Format::Json => json::put(text, spot, entry)?,
        Format::Toml => toml::put(text, spot, entry)?,
    };
    check(&before, &edited, spot, Some(&Value::Object(entry.clone())))?;
    Ok(edited)
}

/// The text without the entry; `None` if there is none.
pub(super) fn take(text: &str, spot: &Spot) -> Result<Option<String>, Fault> {
    let before = look(text, spot)?;
    if before.entry.is_none() {
        return Ok(None);
    }
    let edited = match spot.format {
        Format::Json => json::take(text, spot)?,
        Format::Toml => toml::take(text, spot)?,
    };
    check(&before, &edited, spot, None)?;
    Ok(Some(edited))
}

/// A file that is somebody's own is only written when the edit is proven: it says what it should, and
/// all else says what it said.
fn check(before: &Seen, edited: &str, spot: &Spot, entry: Option<&Value>) -> Result<(), Fault> {
    let fault = |why: &str| Fault {
        at: None,
        why: format!("the edit failed its own check ({why}); please report this"),
    };
    let after = look(edited, spot).map_err(|error| fault(&error.to_string()))?;
    if after.entry.as_ref() != entry {
        return Err(fault("the entry is not as it should be"));
    }
    if rest(before.value.clone(), spot) != rest(after.value, spot) {
        return Err(fault("something else would change"));
    }
    Ok(())
}

/// All but the entry; no servers and an empty list of them are the same.
fn rest(mut value: Value, spot: &Spot) -> Value {
    let Some(whole) = value.as_object_mut() else {
        return value;
    };
    if let Some(servers) = whole.get_mut(spot.servers).and_then(Value::as_object_mut) {
        servers.shift_remove(spot.name);
        if servers.is_empty() {
            whole.shift_remove(spot.servers);
        }
    }
    value
}

/// Line and column of a byte, from 1; the column counts characters.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before: String = text
        .char_indices()
        .take_while(|(at, _)| *at < offset)
        .map(|(_, c)| c)
        .collect();
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    (line, column)
}

/// The line end that a text uses.
fn line_end(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text.get(..at).is_some_and(|line| line.ends_with('\r')) => "\r\n",
        _ => "\n",
    }
}

#[cfg(test)]
mod tests;
