//! A look at JSON text that builds nothing: is it one JSON value, how deep, how large, with what
//! oddities. It runs before any document is built in memory, because a built one costs a multiple
//! of its text, and a parser that recurses must not be given more levels than a stack holds.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hasher as _};

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::refusal::Refusal;
use crate::limits;

/// Levels that `serde_json` parses by itself; it counts one level more than there are.
const PARSER_DEPTH: usize = 127;

/// What a JSON text looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    /// Nesting: 0 for a scalar, 1 for an array of scalars.
    pub depth: usize,
    /// Values: objects, arrays and scalars. Member names are not counted.
    pub nodes: usize,
    /// Some object has the same member name twice. Looked for up to [`limits::JSON_NODES`] member
    /// names of unclosed objects, which bounds the memory of the look itself.
    pub duplicate_keys: bool,
    /// Some integer is outside what 64 bits hold, so a parsed document has it rounded.
    pub wide_integers: bool,
}

/// Looks at `text`, which must hold exactly one JSON value; blanks may surround it. The number of
/// values is only reported: see [`check_nodes`].
pub fn scan(what: &'static str, text: &str) -> Result<Shape, Refusal> {
    let mut scanner = Scanner {
        text,
        at: 0,
        shape: Shape::default(),
        open: Vec::new(),
        keys: Vec::new(),
    };
    match scanner.run() {
        Ok(()) => Ok(scanner.shape),
        Err(Fault::Depth) => Err(Refusal::TooLarge {
            what,
            size: None,
            limit: limits::JSON_DEPTH as u64,
            unit: "levels",
            hint: "Flatten it, or send the deep part as a string.".to_owned(),
        }),
        Err(Fault::Syntax(why)) => Err(Refusal::InvalidJson {
            what,
            why: scanner.located(why),
        }),
    }
}

/// Refuses a text with more values than may be built in memory.
pub fn check_nodes(what: &'static str, shape: &Shape) -> Result<(), Refusal> {
    if shape.nodes <= limits::JSON_NODES {
        return Ok(());
    }
    Err(Refusal::TooLarge {
        what,
        size: Some(shape.nodes as u64),
        limit: limits::JSON_NODES as u64,
        unit: "values",
        hint: "Send it in parts, or use a receiver with the schema {}, which needs no check."
            .to_owned(),
    })
}

/// Builds the document of a text that [`scan`] has accepted. Of equal member names the last wins.
pub fn parse(what: &'static str, text: &str, shape: &Shape) -> Result<Value, Refusal> {
    let built = if shape.depth <= PARSER_DEPTH {
        serde_json::from_str(text)
    } else {
        parse_deepest(text)
    };
    built.map_err(|error| Refusal::InvalidJson {
        what,
        why: error.to_string(),
    })
}

/// The parser counts the outermost level too much, so that one is taken off by hand.
fn parse_deepest(text: &str) -> serde_json::Result<Value> {
    if text.trim_start().starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(text)?;
        let items = items
            .into_iter()
            .map(|item| serde_json::from_str::<Value>(item.get()));
        return items
            .collect::<serde_json::Result<Vec<_>>>()
            .map(Value::Array);
    }
    let Members(members) = serde_json::from_str(text)?;
    let mut object = Map::new();
    for (name, value) in members {
        object.insert(name, serde_json::from_str(value.get())?);
    }
    Ok(Value::Object(object))
}

/// The members of an object in the order of the text, duplicates included.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> serde::Deserialize<'de> for Members<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

enum Fault {
    Depth,
    Syntax(&'static str),
}

/// An object or array that is not closed yet.
enum Open {
    Array,
    /// Where the hashes of this object's member names begin in [`Scanner::keys`].
    Object(usize),
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    shape: Shape,
    open: Vec<Open>,
    /// Hashes of the member names of all open objects; a closed object takes its own off the end.
    keys: Vec<u64>,
}

impl Scanner<'_> {
    fn run(&mut self) -> Result<(), Fault> {
        'value: loop {
            self.blanks();
            self.shape.nodes += 1;
            match self.peek() {
                Some(b'{') => {
                    self.enter(Open::Object(self.keys.len()))?;
                    if self.peek() != Some(b'}') {
                        self.member_name()?;
                        continue 'value;
                    }
                }
                Some(b'[') => {
                    self.enter(Open::Array)?;
                    if self.peek() != Some(b']') {
                        continue 'value;
                    }
                }
                Some(b'"') => drop(self.string(false)?),
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(b't') => self.word("true")?,
                Some(b'f') => self.word("false")?,
                Some(b'n') => self.word("null")?,
                Some(_) => return Err(Fault::Syntax("expected a value")),
                None => return Err(Fault::Syntax("it ends where a value is expected")),
            }
            loop {
                self.blanks();
                match (self.open.last(), self.peek()) {
                    (None, None) => return Ok(()),
                    (None, Some(_)) => return Err(Fault::Syntax("there is text after the value")),
                    (Some(Open::Array), Some(b']')) | (Some(Open::Object(_)), Some(b'}')) => {
                        self.leave();
                    }
                    (Some(Open::Array), Some(b',')) => {
                        self.at += 1;
                        continue 'value;
                    }
                    (Some(Open::Object(_)), Some(b',')) => {
                        self.at += 1;
                        self.blanks();
                        self.member_name()?;
                        continue 'value;
                    }
                    (Some(_), None) => {
                        return Err(Fault::Syntax("it ends inside an object or array"));
                    }
                    (Some(Open::Array), _) => return Err(Fault::Syntax("expected `,` or `]`")),
                    (Some(Open::Object(_)), _) => return Err(Fault::Syntax("expected `,` or `}`")),
                }
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn enter(&mut self, open: Open) -> Result<(), Fault> {
        if self.open.len() == limits::JSON_DEPTH {
            return Err(Fault::Depth);
        }
        self.open.push(open);
        self.shape.depth = self.shape.depth.max(self.open.len());
        self.at += 1;
        self.blanks();
        Ok(())
    }

    fn leave(&mut self) {
        if let Some(Open::Object(start)) = self.open.pop() {
            if let Some(own) = self.keys.get_mut(start..)
                && own.len() > 1
                && !self.shape.duplicate_keys
            {
                own.sort_unstable();
                self.shape.duplicate_keys = own.windows(2).any(|pair| pair.first() == pair.last());
            }
            self.keys.truncate(start);
        }
        self.at += 1;
    }

    fn member_name(&mut self) -> Result<(), Fault> {
        if self.peek() != Some(b'"') {
            return Err(Fault::Syntax("expected a member name in double quotes"));
        }
        let wanted = !self.shape.duplicate_keys && self.keys.len() < limits::JSON_NODES;
        if let Some(name) = self.string(wanted)? {
            let mut hasher = DefaultHasher::new();
            hasher.write(name.as_bytes());
            let hash = hasher.finish();
            self.keys.push(hash);
        }
        self.blanks();
        if self.peek() != Some(b':') {
            return Err(Fault::Syntax("expected `:`"));
        }
        self.at += 1;
        Ok(())
    }

    /// Passes a string; gives it unescaped if it is wanted.
    fn string(&mut self, wanted: bool) -> Result<Option<Cow<'_, str>>, Fault> {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(0..=0x1f) => {
                    return Err(Fault::Syntax(
                        "a control character inside a string must be escaped",
                    ));
                }
                Some(_) => self.at += 1,
                None => return Err(Fault::Syntax("it ends inside a string")),
            }
        }
        let end = self.at;
        self.at += 1;
        if !wanted {
            return Ok(None);
        }
        if escaped {
            let quoted = self.text.get(start - 1..self.at).unwrap_or_default();
            let name: String =
                serde_json::from_str(quoted).map_err(|_| Fault::Syntax("a broken escape"))?;
            return Ok(Some(Cow::Owned(name)));
        }
        Ok(self.text.get(start..end).map(Cow::Borrowed))
    }

    fn escape(&mut self) -> Result<(), Fault> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                let first = self.hex()?;
                // Characters outside the basic plane are written as a pair; half of one is none.
                let low = (0xD800..0xDC00).contains(&first).then(|| {
                    let follows = self.text.as_bytes().get(self.at..self.at + 2) == Some(b"\\u");
                    self.at += usize::from(follows);
                    if follows { self.hex() } else { Ok(0) }
                });
                let paired = low
                    .transpose()?
                    .is_none_or(|low| (0xDC00..0xE000).contains(&low));
                if !paired || (0xDC00..0xE000).contains(&first) {
                    return Err(Fault::Syntax("half of a surrogate pair"));
                }
            }
            _ => return Err(Fault::Syntax("an unknown escape")),
        }
        Ok(())
    }

    /// Passes `u` and four hexadecimal digits.
    fn hex(&mut self) -> Result<u32, Fault> {
        let digits = self.text.get(self.at + 1..self.at + 5).unwrap_or_default();
        if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Fault::Syntax("`\\u` needs four hexadecimal digits"));
        }
        self.at += 5;
        u32::from_str_radix(digits, 16)
            .map_err(|_| Fault::Syntax("`\\u` needs four hexadecimal digits"))
    }

    fn word(&mut self, word: &str) -> Result<(), Fault> {
        if !self
            .text
            .as_bytes()
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(word.as_bytes()))
        {
            return Err(Fault::Syntax("expected a value"));
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        if self.peek() == Some(b'0') {
            self.at += 1;
            if matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(Fault::Syntax("a number must not begin with 0"));
            }
        } else {
            self.digits()?;
        }
        let mut integer = true;
        if self.peek() == Some(b'.') {
            integer = false;
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            integer = false;
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        let number = self.text.get(start..self.at).unwrap_or_default();
        if integer && (number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok()) {
            return Ok(());
        }
        if number.parse::<f64>().is_ok_and(f64::is_infinite) {
            self.at = start;
            return Err(Fault::Syntax("a number out of range"));
        }
        self.shape.wide_integers |= integer;
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start {
            Err(Fault::Syntax("expected a digit"))
        } else {
            Ok(())
        }
    }

    fn located(&self, why: &str) -> String {
        let before = self.text.get(..self.at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        format!("{why} at line {line}, column {column}")
    }
}

/// The JSON pointer of the first number in a parsed value that must have been an integer outside
/// what 64 bits hold, and is therefore not the number that was sent.
pub fn has_wide_integer(value: &Value) -> Option<String> {
    fn find(value: &Value, path: &mut Vec<String>) -> bool {
        match value {
            Value::Number(number) => {
                number.is_f64()
                    && number
                        .as_f64()
                        .is_some_and(|n| n.fract() == 0.0 && n.abs() >= 9_223_372_036_854_775_808.0)
            }
            Value::Array(items) => items.iter().enumerate().any(|(i, item)| {
                path.push(i.to_string());
                find(item, path) || path.pop().is_none()
            }),
            Value::Object(members) => members.iter().any(|(name, member)| {
                path.push(escape_token(name));
                find(member, path) || path.pop().is_none()
            }),
            _ => false,
        }
    }
    let mut path = Vec::new();
    find(value, &mut path).then(|| {
        path.iter()
            .fold(String::new(), |pointer, token| pointer + "/" + token)
    })
}

/// A member name as a token of a JSON pointer.
pub fn escape_token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Removes blanks outside strings and changes nothing else. The text is known to be JSON.
pub fn compact(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let (mut kept, mut in_string, mut escaped) = (0, false, false);
    for (i, byte) in text.bytes().enumerate() {
        if in_string {
            (in_string, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
        } else if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            out.push_str(text.get(kept..i).unwrap_or_default());
            kept = i + 1;
        } else {
            in_string = byte == b'"';
        }
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(kept..).unwrap_or_default());
    Cow::Owned(out)
}

/// Whether the value at a JSON pointer is `want`; numbers are equal by value (1 and 1.0), and
/// nothing is equal to what is not there.
pub fn equal_at(value: &Value, pointer: &str, want: &Value) -> bool {
    value
        .pointer(pointer)
        .is_some_and(|found| jsonschema::json::cmp::equal(found, want))
}

/// Whether a text is a JSON pointer (RFC 6901).
pub fn pointer_is_valid(pointer: &str) -> bool {
    (pointer.is_empty() || pointer.starts_with('/'))
        && pointer
            .split('~')
            .skip(1)
            .all(|after| after.starts_with(['0', '1']))
}

#[cfg(test)]
mod tests;
