//! Records as JSON for assistants: complete, compact, without nulls and empties.

use std::fmt::Write as _;

pub(crate) mod gate;
pub(crate) mod record;
pub(crate) mod run;

use serde_json::{Map, Value};

use crate::domain::json::escape_token;
use crate::domain::text::escape_hidden_in_json;

/// Builds a JSON object, leaving out what is null or empty.
#[derive(Debug, Default)]
pub(crate) struct Obj(Map<String, Value>);

impl Obj {
    /// An empty object.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a field.
    #[must_use]
    pub(crate) fn put(mut self, key: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        let empty = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        };
        if !empty {
            self.0.insert(key.to_owned(), value);
        }
        self
    }

    /// Adds a field even when it is empty: a list whose emptiness is the answer.
    #[must_use]
    pub(crate) fn always(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// Adds what prints itself: an id, a time.
    #[must_use]
    pub(crate) fn show(self, key: &str, value: impl ToString + Copy) -> Self {
        self.put(key, value.to_string())
    }

    /// Adds the fields of another object.
    #[must_use]
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Takes fields away.
    #[must_use]
    pub(crate) fn without(mut self, keys: &[&str]) -> Self {
        self.0.retain(|key, _| !keys.contains(&key.as_str()));
        self
    }

    /// Adds a flag only when it is set.
    #[must_use]
    pub(crate) fn flag(self, key: &str, set: bool) -> Self {
        if set { self.put(key, true) } else { self }
    }
}

impl From<Obj> for Value {
    fn from(obj: Obj) -> Self {
        Self::Object(obj.0)
    }
}

/// JSON as text, with every character that does not show written as an escape.
pub(crate) fn json_text(value: &Value) -> String {
    escape_hidden_in_json(&value.to_string())
}

/// A value that keeps to about `most` bytes: of its longest lists the rest is left out and counted.
pub(crate) fn fitted(mut value: Value, most: usize) -> Value {
    loop {
        let bytes = json_text(&value).len();
        if bytes <= most || !shorten_longest(&mut value) {
            return value;
        }
    }
}

/// Halves the list with the most text in it, of those with several items; tells whether there was
/// one.
fn shorten_longest(value: &mut Value) -> bool {
    fn longest(value: &Value, at: &mut Vec<String>, best: &mut (usize, Vec<String>)) {
        match value {
            Value::Array(items) => {
                let bytes: usize = items.iter().map(|item| item.to_string().len()).sum();
                if items.len() > 2 && bytes > best.0 {
                    *best = (bytes, at.clone());
                }
                for (i, item) in items.iter().enumerate() {
                    at.push(i.to_string());
                    longest(item, at, best);
                    at.pop();
                }
            }
            Value::Object(fields) => {
                for (key, field) in fields {
                    at.push(escape_token(key));
                    longest(field, at, best);
                    at.pop();
                }
            }
            _ => {}
        }
    }
    let mut best = (0, Vec::new());
    longest(value, &mut Vec::new(), &mut best);
    let pointer: String = best.1.iter().map(|part| format!("/{part}")).collect();
    let Some(Value::Array(items)) = value.pointer_mut(&pointer).filter(|_| best.0 > 0) else {
        return false;
    };
    let counted = items
        .last()
        .and_then(|last| last.get("more"))
        .and_then(Value::as_u64);
    if counted.is_some() {
        items.pop();
    }
    let kept = items.len() / 2;
    let more = (items.len() - kept) as u64 + counted.unwrap_or_default();
    items.truncate(kept);
    items.push(Obj::new().put("more", more).into());
    true
}

/// A call written out: the tool's name and its arguments as JSON.
pub(crate) fn call(tool: &str, arguments: &[(&str, Value)]) -> String {
    let arguments: Map<_, _> = arguments
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    format!("{tool} {}", json_text(&arguments.into()))
}

/// `1 event`, `2 events`.
pub(crate) fn count(number: u64, one: &str) -> String {
    if number == 1 {
        format!("1 {one}")
    } else {
        format!("{number} {one}s")
    }
}

/// Joins as many of `items` as fit into `bytes`, and tells how many were left out and where they
/// are found.
pub(crate) fn listed(items: &[String], gap: &str, bytes: usize, more: &str) -> String {
    let mut out = String::new();
    for (i, item) in items.iter().enumerate() {
        if i > 0 && out.len() + gap.len() + item.len() > bytes {
            let _ = write!(out, "{gap}and {} more ({more})", items.len() - i);
            break;
        }
        if i > 0 {
            out.push_str(gap);
        }
        out.push_str(item);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empties_are_left_out_but_not_false_and_zero() {
        let value: Value = Obj::new()
            .put("a", "")
            .put("b", Value::Null)
            .put("c", Vec::<Value>::new())
            .put("d", false)
            .put("e", 0)
            .always("f", Vec::<Value>::new())
            .flag("g", false)
            .into();
        assert_eq!(value.to_string(), r#"{"d":false,"e":0,"f":[]}"#);
    }

    #[test]
    fn calls_are_literal() {
        assert_eq!(
            call("check_gate", &[("unit", "epr://history/a".into())]),
            r#"check_gate {"unit":"epr://history/a"}"#
        );
        assert_eq!(call("describe_registry", &[]), "describe_registry {}");
        assert_eq!(json_text(&"a\u{202e}b".into()), "\"a\\u202eb\"");
    }

    #[test]
    fn long_lists_are_shortened_until_the_whole_fits() {
        let names =
            |n: usize| -> Vec<Value> { (0..n).map(|i| format!("{i:0>50}").into()).collect() };
        let value: Value = Obj::new()
            .put("few", names(3))
            .put("many", names(100))
            .into();
        let short = fitted(value.clone(), 1_000);
        assert!(short.to_string().len() <= 1_000, "{short}");
        let many = short["many"].as_array().unwrap();
        let told = many.last().unwrap()["more"].as_u64().unwrap() as usize;
        assert_eq!(many.len() - 1 + told, 100);
        assert_eq!(fitted(value.clone(), 100_000), value);
        let text: Value = "x".repeat(2_000).into();
        assert_eq!(fitted(text.clone(), 1_000), text, "only lists are cut");
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let items: Vec<String> = (0..10).map(|i| format!("item {i}")).collect();
        assert_eq!(
            listed(&items, ", ", 15, "x"),
            "item 0, item 1, and 8 more (x)"
        );
        assert_eq!(listed(&items, ", ", 1000, "x").matches("item").count(), 10);
    }
}
