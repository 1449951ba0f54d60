//! Reading a tool's arguments as assistants send them.
//!
//! What can only mean one thing is taken: an object sent as JSON text, a number or a flag as a
//! word, one value where a list is wanted, a value still in the «…» it was shown in, arguments
//! nested under one key, another server's name for the same thing. Everything else is a fault, and
//! all faults of a call are told at once.

use serde_json::{Map, Value};

use super::error::ToolError;
use super::schema::{Extras, Kind, Param, offered};
use crate::domain::text::quoted;
use crate::limits;

/// The arguments of one call, under the names of the tool's parameters.
#[derive(Debug)]
pub(crate) struct Args {
    tool: &'static str,
    values: Map<String, Value>,
    faults: Vec<String>,
    notes: Vec<String>,
}

impl Args {
    /// Sorts what was sent to the parameters that it is meant for.
    pub(crate) fn new(
        tool: &'static str,
        params: &'static [Param],
        extras: Extras,
        sent: Map<String, Value>,
    ) -> Self {
        let known: Vec<&'static Param> = offered(params, extras).collect();
        let mut args = Self {
            tool,
            values: Map::new(),
            faults: Vec::new(),
            notes: Vec::new(),
        };
        for (key, value) in unwrapped(&known, sent) {
            if value.is_null() {
                continue;
            }
            match param_of(&known, &key) {
                Some(param) if args.values.contains_key(param.name) => {
                    args.fault(format!(
                        "{} is given twice, the second time as {}",
                        param.name,
                        quoted(&key)
                    ));
                }
                Some(param) => {
                    args.values.insert(param.name.to_owned(), value);
                }
                None => {
                    let why = unknown(&known, &key);
                    args.fault(why);
                }
            }
        }
        for param in &known {
            if param.is_required(extras) && !args.values.contains_key(param.name) {
                let doc = if param.doc.is_empty() {
                    kind_words(param.kind)
                } else {
                    param.doc.to_owned()
                };
                args.fault(format!("{} is required: {doc}", param.name));
            }
        }
        args
    }

    /// Notes a fault that the tool itself found.
    pub(crate) fn fault(&mut self, why: impl Into<String>) {
        self.faults.push(why.into());
    }

    /// Ends the reading: all faults as one refusal, or what was taken in another way than sent.
    pub(crate) fn finish(self) -> Result<Vec<String>, ToolError> {
        if self.faults.is_empty() {
            Ok(self.notes)
        } else {
            Err(ToolError::Arguments {
                tool: self.tool,
                faults: self.faults,
            })
        }
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        let value = self.values.shift_remove(name)?;
        match one_text(value) {
            Ok(text) => Some(text),
            Err(value) => {
                self.mismatch(name, "text", &value);
                None
            }
        }
    }

    /// A text that [`Self::new`] has already found missing if it is; then it is empty.
    pub(crate) fn needed_text(&mut self, name: &'static str) -> String {
        self.text(name).unwrap_or_default()
    }

    /// Several texts, or one.
    pub(crate) fn texts(&mut self, name: &'static str) -> Vec<String> {
        let Some(value) = self.values.shift_remove(name) else {
            return Vec::new();
        };
        let listed = match value {
            Value::Array(items) => items,
            Value::String(text) if text.trim_start().starts_with('[') => {
                match serde_json::from_str(&text) {
                    Ok(Value::Array(items)) => items,
                    _ => vec![Value::String(text)],
                }
            }
            other => vec![other],
        };
        if listed.len() > limits::FILTER_VALUES {
            self.fault(format!(
                "{name} lists {} values; at most {} are allowed",
                listed.len(),
                limits::FILTER_VALUES
            ));
            return Vec::new();
        }
        let mut texts = Vec::with_capacity(listed.len());
        for item in listed {
            match one_text(item) {
                Ok(text) => texts.push(text),
                Err(item) => self.mismatch(name, "text or a list of texts", &item),
            }
        }
        texts
    }

    /// True or false.
    pub(crate) fn flag(&mut self, name: &'static str) -> Option<bool> {
        let value = self.values.shift_remove(name)?;
        let word = match &value {
            Value::Bool(flag) => return Some(*flag),
            Value::String(text) => unquoted(text).trim().to_ascii_lowercase(),
            _ => String::new(),
        };
        match word.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                self.mismatch(name, "true or false", &value);
                None
            }
        }
    }

    /// A whole number; one outside the range is moved to its nearer end, which is told.
    pub(crate) fn integer(&mut self, name: &'static str, least: i64, most: i64) -> Option<i64> {
        let value = self.values.shift_remove(name)?;
        let number = match &value {
            Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
            Value::String(text) => unquoted(text).trim().parse().ok(),
            _ => None,
        };
        let Some(number) = number else {
            self.mismatch(
                name,
                &format!("a whole number from {least} to {most}"),
                &value,
            );
            return None;
        };
        let taken = number.clamp(least, most);
        if taken != number {
            self.notes.push(format!(
                "{name} {number} is outside {least} to {most}; {taken} was used"
            ));
        }
        Some(taken)
    }

    /// One of a few words.
    pub(crate) fn word(
        &mut self,
        name: &'static str,
        words: &'static [&'static str],
    ) -> Option<&'static str> {
        let value = self.values.shift_remove(name)?;
        let sent = value
            .as_str()
            .map(|text| unquoted(text).trim().to_ascii_lowercase());
        let found = sent.and_then(|sent| words.iter().copied().find(|word| *word == sent));
        if found.is_none() {
            self.mismatch(name, &format!("one of {}", words.join(", ")), &value);
        }
        found
    }

    /// A JSON object, or the text of one.
    pub(crate) fn object(&mut self, name: &'static str) -> Option<Map<String, Value>> {
        let value = self.values.shift_remove(name)?;
        match as_object(value) {
            Ok(object) => Some(object),
            Err(value) => {
                self.mismatch(name, "a JSON object", &value);
                None
            }
        }
    }

    /// Any JSON value, as it was sent.
    pub(crate) fn json(&mut self, name: &'static str) -> Option<Value> {
        self.values.shift_remove(name)
    }

    fn mismatch(&mut self, name: &str, wanted: &str, got: &Value) {
        self.fault(format!(
            "{name} must be {wanted}, not {}",
            quoted(&got.to_string())
        ));
    }
}

/// Text without the one pair of «…» that it may still stand in.
pub(crate) fn unquoted(text: &str) -> &str {
    text.trim()
        .strip_prefix('«')
        .and_then(|rest| rest.strip_suffix('»'))
        .unwrap_or(text)
}

fn one_text(value: Value) -> Result<String, Value> {
    match value {
        Value::String(text) => Ok(unquoted(&text).to_owned()),
        // Only whole numbers: 1.10 would arrive here as 1.1.
        Value::Number(number) if number.is_i64() || number.is_u64() => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Array(items) => match <[Value; 1]>::try_from(items) {
            Ok([one @ (Value::String(_) | Value::Number(_))]) => one_text(one),
            Ok([one]) => Err(Value::Array(vec![one])),
            Err(items) => Err(Value::Array(items)),
        },
        other => Err(other),
    }
}

fn as_object(value: Value) -> Result<Map<String, Value>, Value> {
    match value {
        Value::Object(object) => Ok(object),
        Value::String(text) => match serde_json::from_str(unquoted(&text)) {
            Ok(Value::Object(object)) => Ok(object),
            _ => Err(Value::String(text)),
        },
        other => Err(other),
    }
}

fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9.0e15).then_some(number as i64)
}

/// Takes arguments out of one wrapping key (`{"event": {…}}`, `{"params": {…}}`), which other
/// servers nest them in.
fn unwrapped(known: &[&'static Param], mut sent: Map<String, Value>) -> Map<String, Value> {
    for _ in 0..2 {
        let mut entries = sent.iter();
        let (Some((key, value)), None) = (entries.next(), entries.next()) else {
            return sent;
        };
        let holds_objects = param_of(known, key).is_some_and(|p| p.kind.holds_objects());
        if holds_objects {
            return sent;
        }
        match as_object(value.clone()) {
            Ok(inner) => sent = inner,
            Err(_) => return sent,
        }
    }
    sent
}

/// The parameter that a key is meant for: by name, by alias, or by either in another spelling
/// (`platformId`, `platform-id`).
fn param_of(known: &[&'static Param], key: &str) -> Option<&'static Param> {
    let by = |name: &str| {
        known
            .iter()
            .find(|p| p.name == name)
            .or_else(|| known.iter().find(|p| p.aliases.contains(&name)))
            .copied()
    };
    by(key).or_else(|| by(&snake_case(key)))
}

fn snake_case(key: &str) -> String {
    let mut out = String::with_capacity(key.len() + 4);
    let mut after_lower = false;
    for c in key.chars().take(80) {
        if c.is_ascii_uppercase() && after_lower {
            out.push('_');
        }
        after_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        out.push(if c == '-' || c == ' ' {
            '_'
        } else {
            c.to_ascii_lowercase()
        });
    }
    out
}

fn unknown(known: &[&'static Param], key: &str) -> String {
    let names = known.iter().map(|p| p.name);
    match nearest(key, names.clone()) {
        Some(near) => format!("{} is not an argument; did you mean {near}?", quoted(key)),
        None if known.is_empty() => format!("{} is not an argument; there are none", quoted(key)),
        None => format!(
            "{} is not an argument; they are {}",
            quoted(key),
            names.collect::<Vec<_>>().join(", ")
        ),
    }
}

/// The name that `key` is probably a misspelling of.
pub(crate) fn nearest<'a>(key: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let key: String = snake_case(key).chars().take(80).collect();
    names
        .map(|name| (strsim::jaro_winkler(&key, name), name))
        .filter(|(likeness, _)| *likeness > 0.85)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

fn kind_words(kind: Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Texts => "text or a list of texts".to_owned(),
        Kind::Flag => "true or false".to_owned(),
        Kind::Integer(least, most) => format!("a whole number from {least} to {most}"),
        Kind::Object => "a JSON object".to_owned(),
        Kind::Json => "JSON".to_owned(),
        Kind::Documents => "one or several JSON objects".to_owned(),
        Kind::Word(words) => format!("one of {}", words.join(", ")),
    }
}

#[cfg(test)]
mod tests;
