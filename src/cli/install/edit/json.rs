//! JSON, with or without comments and trailing commas. An entry is put in by inserting text and taken
//! out by cutting text: no other byte of the file is touched.

use std::ops::Range;

use jsonc_parser::ast::{Object, ObjectProp, Value as Ast};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, CommentCollectionStrategy, ParseOptions, parse_to_ast};
use serde::Serialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::{Beyond, Fault, Seen, Spot, line_end};

const INDENT: &str = "  ";

/// What the clients' readers take at most; all else is a mistake that must not be built upon.
const LENIENT: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

const COLLECT: CollectOptions = CollectOptions {
    comments: CommentCollectionStrategy::Off,
    tokens: false,
};

pub(super) fn look(text: &str, spot: &Spot) -> Result<Seen, Fault> {
    let Some(root) = parse(text)? else {
        return Ok(Seen {
            value: json!({}),
            entry: None,
            beyond: beyond(text),
        });
    };
    let servers = servers(text, &root, spot)?;
    let entry = match &servers {
        Some((_, servers)) => only(text, servers, spot.name)?,
        None => None,
    };
    Ok(Seen {
        entry: entry.map(|entry| Value::from(entry.value.clone())),
        value: Value::from(Ast::Object(root)),
        beyond: beyond(text),
    })
}

fn beyond(text: &str) -> Beyond {
    let plain = text.trim().is_empty() || serde_json::from_str::<IgnoredAny>(text).is_ok();
    let strict = ParseOptions {
        allow_trailing_commas: false,
        ..LENIENT
    };
    if plain {
        Beyond::Nothing
    } else if parse_to_ast(text, &COLLECT, &strict).is_ok() {
        Beyond::Comments
    } else {
        Beyond::Commas
    }
}

pub(super) fn put(text: &str, spot: &Spot, entry: &Map<String, Value>) -> Result<String, Fault> {
    let style = Style::of(text);
    let entry = Value::Object(entry.clone());
    let Some(root) = parse(text)? else {
        let whole = json!({ spot.servers: { spot.name: entry } });
        let gap = if text.trim().is_empty() || text.ends_with('\n') {
            ""
        } else {
            style.end
        };
        // What is blank is no text worth keeping; a comment is.
        let kept = if text.trim().is_empty() { "" } else { text };
        return Ok(format!(
            "{kept}{gap}{}{}",
            style.value(&whole, ""),
            style.end
        ));
    };
    let Some((_, servers)) = servers(text, &root, spot)? else {
        return Ok(insert(
            text,
            &style,
            &root,
            spot.servers,
            &json!({ spot.name: entry }),
        ));
    };
    match only(text, servers, spot.name)? {
        Some(old) => {
            let range = range(&old.value);
            let indent = indent_at(text, old.range.start);
            Ok(splice(
                text,
                vec![(range.clone(), style.value(&entry, indent))],
            ))
        }
        None => Ok(insert(text, &style, servers, spot.name, &entry)),
    }
}

pub(super) fn take(text: &str, spot: &Spot) -> Result<String, Fault> {
    let Some(root) = parse(text)? else {
        return Ok(text.to_owned());
    };
    let Some((_, servers)) = servers(text, &root, spot)? else {
        return Ok(text.to_owned());
    };
    let Some(entry) = only(text, servers, spot.name)? else {
        return Ok(text.to_owned());
    };
    Ok(cut(text, servers, entry))
}

fn parse(text: &str) -> Result<Option<Object<'_>>, Fault> {
    let parsed = parse_to_ast(text, &COLLECT, &LENIENT).map_err(|error| {
        Fault::new(
            text,
            error.range().start,
            format!("it is not JSON: {}", error.kind()),
        )
    })?;
    match parsed.value {
        None => Ok(None),
        Some(Ast::Object(root)) => Ok(Some(root)),
        Some(other) => Err(Fault::new(
            text,
            range(&other).start,
            "there has to be an object, { … }",
        )),
    }
}

type Member<'a, 'b> = (&'b ObjectProp<'a>, &'b Object<'a>);

/// The object with the servers, if there is one.
fn servers<'a, 'b>(
    text: &str,
    root: &'b Object<'a>,
    spot: &Spot,
) -> Result<Option<Member<'a, 'b>>, Fault> {
    let Some(member) = only(text, root, spot.servers)? else {
        return Ok(None);
    };
    match &member.value {
        Ast::Object(servers) => Ok(Some((member, servers))),
        other => Err(Fault::new(
            text,
            range(other).start,
            format!("\"{}\" has to be an object, {{ … }}", spot.servers),
        )),
    }
}

/// The member of that name. Two are a fault: readers disagree on which one counts.
fn only<'a, 'b>(
    text: &str,
    object: &'b Object<'a>,
    name: &str,
) -> Result<Option<&'b ObjectProp<'a>>, Fault> {
    let mut found = object
        .properties
        .iter()
        .filter(|member| member.name.as_str() == name);
    let first = found.next();
    match found.next() {
        Some(second) => Err(Fault::new(
            text,
            second.range.start,
            format!("\"{name}\" stands here a second time; keep one of them"),
        )),
        None => Ok(first),
    }
}

/// Puts a member behind those that are there.
fn insert(text: &str, style: &Style, object: &Object, name: &str, value: &Value) -> String {
    let key = json!(name).to_string();
    let close = object.range.end.saturating_sub(1);
    let Some(last) = object.properties.last() else {
        let own = own_line(text, close);
        let inner = match own {
            Some(indent) => format!("{indent}{}", style.indent),
            None => format!("{}{}", indent_at(text, object.range.start), style.indent),
        };
        if style.one_line {
            let member = format!("{key}: {}", style.value(value, ""));
            return splice(text, vec![(close..close, member)]);
        }
        let member = format!("{key}: {}", style.value(value, &inner));
        let end = style.end;
        let inserted = match own {
            // Behind what may stand before the brace: its line begins with its indentation already.
            Some(indent) => format!("{}{member}{end}{indent}", style.indent),
            None => format!(
                "{end}{inner}{member}{end}{}",
                indent_at(text, object.range.start)
            ),
        };
        return splice(text, vec![(close..close, inserted)]);
    };
    let after = last.range.end;
    let comma = comma_after(text, after);
    let (behind, end_comma) = match comma {
        Some(comma) => (comma + 1, ","),
        None => (after, ""),
    };
    let own = own_line(text, last.range.start);
    let (at, inserted) = match own {
        // A remark behind the last member stays beside it.
        Some(indent) => (
            behind + remark(text, behind),
            format!(
                "{}{indent}{key}: {}{end_comma}",
                style.end,
                style.value(value, indent)
            ),
        ),
        None => (behind, format!(" {key}: {}{end_comma}", Style::flat(value))),
    };
    let mut edits = Vec::new();
    if comma.is_none() {
        edits.push((after..after, ",".to_owned()));
    }
    edits.push((at..at, inserted));
    splice(text, edits)
}

/// Cuts a member out, with its comma.
fn cut(text: &str, object: &Object, member: &ObjectProp) -> String {
    let range = member.range.start..member.range.end;
    let close = object.range.end.saturating_sub(1);
    let open = object.range.start + 1;
    if object.properties.len() == 1 {
        let inside = text.get(open..range.start).unwrap_or_default();
        let end = comma_after(text, range.end).map_or(range.end, |comma| comma + 1);
        let behind = text.get(end..close).unwrap_or_default();
        // With nothing else inside, the braces close up.
        if inside.trim().is_empty() && behind.trim().is_empty() {
            return splice(text, vec![(open..close, String::new())]);
        }
        return splice(
            text,
            vec![(lead(text, range.start, end)..end, String::new())],
        );
    }
    if let Some(comma) = comma_after(text, range.end) {
        return splice(
            text,
            vec![(lead(text, range.start, comma + 1)..comma + 1, String::new())],
        );
    }
    // The last of several, without a comma behind it: the one before it goes.
    let mut edits = Vec::new();
    let before = object
        .properties
        .iter()
        .rfind(|other| other.range.end <= range.start);
    if let Some(comma) = before.and_then(|before| comma_after(text, before.range.end)) {
        edits.push((comma..comma + 1, String::new()));
    }
    edits.push((lead(text, range.start, range.end)..range.end, String::new()));
    splice(text, edits)
}

/// How a text is written.
struct Style {
    end: &'static str,
    indent: String,
    /// The whole is one line.
    one_line: bool,
}

impl Style {
    fn of(text: &str) -> Self {
        let first = text.lines().find_map(|line| {
            let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
            let (indent, rest) = line.split_at_checked(indent)?;
            (!indent.is_empty() && rest.starts_with('"')).then(|| indent.to_owned())
        });
        Self {
            end: line_end(text),
            indent: first.unwrap_or_else(|| INDENT.to_owned()),
            one_line: !text.trim().is_empty() && !text.trim().contains('\n'),
        }
    }

    /// A value whose first line begins behind `indent` and something else.
    fn value(&self, value: &Value, indent: &str) -> String {
        if self.one_line {
            return Self::flat(value);
        }
        let mut out = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(self.indent.as_bytes());
        let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
        if value.serialize(&mut serializer).is_err() {
            return Self::flat(value);
        }
        String::from_utf8_lossy(&out).replace('\n', &format!("{}{indent}", self.end))
    }

    /// On one line, with blanks.
    fn flat(value: &Value) -> String {
        match value {
            Value::Object(members) => {
                let members: Vec<String> = members
                    .iter()
                    .map(|(name, value)| format!("{}: {}", json!(name), Self::flat(value)))
                    .collect();
                format!("{{{}}}", members.join(", "))
            }
            Value::Array(items) => {
                let items: Vec<String> = items.iter().map(Self::flat).collect();
                format!("[{}]", items.join(", "))
            }
            other => other.to_string(),
        }
    }
}

/// Applies edits that stand in the order of the text.
fn splice(text: &str, edits: Vec<(Range<usize>, String)>) -> String {
    let mut out = String::with_capacity(text.len() + 256);
    let mut from = 0;
    for (range, new) in edits {
        out.push_str(text.get(from..range.start).unwrap_or_default());
        out.push_str(&new);
        from = range.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

/// The comma behind a member, over blanks and comments.
fn comma_after(text: &str, mut at: usize) -> Option<usize> {
    loop {
        let rest = text.get(at..)?;
        let blank = rest.len() - rest.trim_start().len();
        at += blank;
        let rest = text.get(at..)?;
        if rest.starts_with(',') {
            return Some(at);
        }
        at += comment(rest)?;
    }
}

/// The length of the comment that a text begins with.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find(['\n', '\r']).unwrap_or(text.len()));
    }
    let body = text.strip_prefix("/*")?;
    Some(body.find("*/").map_or(text.len(), |end| end + 4))
}

/// The length of a remark that stands behind something on the same line, with nothing behind it.
fn remark(text: &str, at: usize) -> usize {
    let mut length = 0;
    loop {
        let rest = text.get(at + length..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let rest = rest.get(blanks..).unwrap_or_default();
        let Some(found) = comment(rest) else {
            let ends = rest.is_empty() || rest.starts_with(['\n', '\r']);
            return if ends { length } else { 0 };
        };
        if rest.get(..found).is_some_and(|found| found.contains('\n')) {
            return 0;
        }
        length += blanks + found;
    }
}

/// What stands before a byte on its line, if that is only blanks.
fn own_line(text: &str, at: usize) -> Option<&str> {
    let before = text.get(..at)?;
    let start = before.rfind('\n').map(|newline| newline + 1)?;
    let indent = before.get(start..)?;
    indent.trim().is_empty().then_some(indent)
}

/// The blanks that the line of a byte begins with.
fn indent_at(text: &str, at: usize) -> &str {
    let before = text.get(..at).unwrap_or_default();
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.get(start..).unwrap_or_default();
    let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
    line.get(..indent).unwrap_or_default()
}

/// Where the blanks before a cut begin; with the line end before them, unless something is left on the
/// line behind it, which a comment above would swallow.
fn lead(text: &str, start: usize, end: usize) -> usize {
    let before = text.get(..start).unwrap_or_default();
    let before = before.trim_end_matches([' ', '\t']);
    let behind = text.get(end..).unwrap_or_default();
    let behind = behind.trim_start_matches([' ', '\t']);
    if !behind.is_empty() && !behind.starts_with(['\n', '\r']) {
        return before.len();
    }
    let before = before.strip_suffix('\n').unwrap_or(before);
    before.strip_suffix('\r').unwrap_or(before).len()
}

fn range(value: &Ast) -> Range<usize> {
    let range = value.range();
    range.start..range.end
}
