//! What commands print: one record, or a list of them, as JSON or as a table.

mod print;

use clap::{ArgAction, Args, ValueEnum};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::value::RawValue;

pub(super) use self::print::{List, made, made_one, print, record, records, write};
use crate::domain::text::{escape_hidden_in_json, is_hidden};

/// Characters of a document in a table's cell.
const CELL_CHARS: usize = 60;

/// In which form a command answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Format {
    /// JSON
    #[default]
    Json,
    /// Columns for people
    Table,
}

/// How a command answers.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(super) struct OutputArgs {
    /// The form of the answer
    #[arg(long, value_enum, default_value_t = Format::Json, help_heading = "Output")]
    pub(super) output: Format,

    /// JSON on one line
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false,
        default_missing_value = "true", action = ArgAction::Set, help_heading = "Output")]
    pub(super) no_indent: bool,
}

/// The fields that a search shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fields(Vec<&'static str>);

impl Fields {
    /// Reads a list of names, parted by blanks or commas, or `all`.
    pub(super) fn parse(text: &str, known: &'static [&'static str]) -> anyhow::Result<Self> {
        let words: Vec<&str> = text
            .split(|c: char| c.is_whitespace() || c == ',')
            .filter(|word| !word.is_empty())
            .collect();
        anyhow::ensure!(
            !words.is_empty(),
            "--fields names no field: write all, or some of {}",
            known.join(" ")
        );
        if words == ["all"] {
            return Ok(Self(known.to_vec()));
        }
        let mut fields = Vec::new();
        for word in words {
            let Some(field) = known.iter().find(|field| **field == word) else {
                anyhow::bail!(
                    "--fields: there is no field «{}»; there are {}, or all",
                    visible(word),
                    known.join(" ")
                );
            };
            if !fields.contains(field) {
                fields.push(*field);
            }
        }
        Ok(Self(fields))
    }

    pub(super) fn contains(&self, field: &str) -> bool {
        self.0.contains(&field)
    }
}

/// One value of a record.
#[derive(Debug, Clone)]
pub(super) enum Cell {
    /// Text.
    Text(String),
    /// True or false.
    Flag(bool),
    /// Several texts.
    List(Vec<String>),
    /// A JSON document, as it was sent.
    Document(Box<RawValue>),
}

impl Cell {
    pub(super) fn show(value: impl std::fmt::Display) -> Self {
        Self::Text(value.to_string())
    }

    /// A document that is known to be JSON.
    pub(super) fn document(text: &str) -> Self {
        let compact = crate::domain::json::compact(text.trim()).into_owned();
        match RawValue::from_string(compact) {
            Ok(raw) => Self::Document(raw),
            Err(_) => Self::Text(text.to_owned()),
        }
    }

    /// As a cell of a table: nothing in it can move the cursor.
    fn plain(&self) -> String {
        match self {
            Self::Text(text) => visible(text),
            Self::Flag(flag) => flag.to_string(),
            Self::List(list) => visible(&list.join(" ")),
            Self::Document(raw) => {
                let mut chars = raw.get().chars();
                let mut text: String = chars.by_ref().take(CELL_CHARS).collect();
                if chars.next().is_some() {
                    text.push('…');
                }
                visible(&text)
            }
        }
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::List(list) => list.serialize(serializer),
            Self::Document(raw) => raw.serialize(serializer),
        }
    }
}

/// Text whose hidden characters are written out.
pub(super) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// One record: its fields in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Row(Vec<(&'static str, Cell)>);

impl Row {
    /// A record with all of its fields.
    pub(super) fn new(cells: Vec<(&'static str, Cell)>) -> Self {
        Self(cells)
    }

    /// The same with another value of a field.
    pub(super) fn with(mut self, field: &'static str, cell: Cell) -> Self {
        for (name, old) in &mut self.0 {
            if *name == field {
                *old = cell;
                break;
            }
        }
        self
    }

    /// The same without these fields.
    pub(super) fn without(mut self, fields: &[&str]) -> Self {
        self.0.retain(|(field, _)| !fields.contains(field));
        self
    }

    pub(super) fn push(&mut self, field: &'static str, cell: Cell) {
        self.0.push((field, cell));
    }

    /// The fields with their values as cells of a table.
    fn plain(&self) -> Vec<(&'static str, String)> {
        let plain = self.0.iter().map(|(field, cell)| (*field, cell.plain()));
        plain.collect()
    }

    /// Only these fields, in their order.
    pub(super) fn only(mut self, fields: &Fields) -> Self {
        let place = |field: &str| fields.0.iter().position(|wanted| *wanted == field);
        self.0.retain(|(field, _)| place(field).is_some());
        self.0.sort_by_key(|(field, _)| place(field));
        self
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (field, cell) in &self.0 {
            map.serialize_entry(field, cell)?;
        }
        map.end()
    }
}

/// A value as JSON text for a terminal or a pipe: indented by so many blanks, or on one line.
fn json(value: &impl Serialize, indent: Option<&[u8]>) -> anyhow::Result<String> {
    let bytes = match indent {
        Some(indent) => {
            let formatter = serde_json::ser::PrettyFormatter::with_indent(indent);
            let mut serializer = serde_json::Serializer::with_formatter(Vec::new(), formatter);
            value.serialize(&mut serializer)?;
            serializer.into_inner()
        }
        None => serde_json::to_vec(value)?,
    };
    Ok(escape_hidden_in_json(&String::from_utf8(bytes)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["id", "name", "version"];

    #[test]
    fn fields_are_read_as_existing_scripts_write_them() {
        let fields = |text| Fields::parse(text, KNOWN).map(|fields| fields.0);
        assert_eq!(fields("id name").unwrap(), ["id", "name"]);
        assert_eq!(fields("name,version,name").unwrap(), ["name", "version"]);
        assert_eq!(fields(" all ").unwrap(), KNOWN);
        assert!(fields("").is_err());
        let error = fields("id nmae\u{1b}").unwrap_err().to_string();
        assert!(
            error.contains("nmae\\u{1b}") && error.contains("id name version"),
            "{error}"
        );
    }

    #[test]
    fn a_record_shows_the_wanted_fields_in_the_wanted_order() {
        let row = Row::new(vec![
            ("id", Cell::show(1)),
            ("name", Cell::show("n\u{202e}")),
            ("version", Cell::document("{ \"a\" : 1.50 }")),
        ]);
        let fields = Fields::parse("version name", KNOWN).unwrap();
        let text = json(&row.only(&fields), None).unwrap();
        assert_eq!(text, "{\"version\":{\"a\":1.50},\"name\":\"n\\u202e\"}");
    }

    #[test]
    fn a_table_keeps_hostile_text_in_its_cell() {
        let row = |name: &str| Row::new(vec![("id", Cell::show(1)), ("name", Cell::show(name))]);
        let rows = [row("plain"), row("a\u{1b}[2Jb\nc"), row("日本")];
        let text = print::table(rows.iter().map(Row::plain).collect());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(
            lines[0].contains("NAME") && lines[2].contains("a\\u{1b}[2Jb\\u{a}c"),
            "{text}"
        );
        assert_eq!(print::table(Vec::new()), "nothing found\n");
    }
}
