//! Looking into JSON from outside: what is absent, what is of another type, how long it is.

use std::borrow::Cow;

use data_encoding::BASE64;
use serde_json::{Map, Value};

use crate::domain::json;
use crate::limits;

/// A JSON object.
pub(in crate::correlate) type Object = Map<String, Value>;

/// Names that CDEvents 0.4.0 wrote in snake_case, and no version else.
pub(super) const IN_SNAKE_CASE: [(&str, &str); 7] = [
    ("chainId", "chain_id"),
    ("linkType", "link_type"),
    ("linkKind", "link_kind"),
    ("contextId", "context_id"),
    ("domainId", "domain_id"),
    ("schemaUri", "schema_uri"),
    ("customData", "custom_data"),
];

/// The member of this name, or of the same in snake_case; `null` is absent.
pub(in crate::correlate) fn get<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    let there = |name: &str| object.get(name).filter(|value| !value.is_null());
    there(name).or_else(|| {
        let (_, snake) = IN_SNAKE_CASE.iter().find(|(camel, _)| *camel == name)?;
        there(snake)
    })
}

/// The text of a scalar: numbers and booleans too, because producers write `"id": 17`. `None` for
/// what is blank.
pub(in crate::correlate) fn scalar(value: &Value) -> Option<Cow<'_, str>> {
    let text = match value {
        Value::String(text) => Cow::Borrowed(text.trim()),
        Value::Number(number) => Cow::Owned(number.to_string()),
        Value::Bool(yes) => Cow::Borrowed(if *yes { "true" } else { "false" }),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// An id, cut where it is longer than any real one.
pub(in crate::correlate) fn id_of(value: &Value) -> Option<String> {
    scalar(value).map(|text| cut(&text, limits::FACT_ID_CHARS).into_owned())
}

/// A text to show, cut with a mark.
pub(super) fn text_of(value: &Value) -> Option<String> {
    scalar(value).map(|text| shortened(&text))
}

/// A text to show, cut with a mark.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(limits::FACT_CHARS) {
        Some(_) => format!("{}…", cut(text, limits::FACT_CHARS - 1)),
        None => text.to_owned(),
    }
}

/// The first `limit` characters.
pub(in crate::correlate) fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    match text.char_indices().nth(limit) {
        Some((at, _)) => Cow::Borrowed(text.get(..at).unwrap_or_default()),
        None => Cow::Borrowed(text),
    }
}

/// The id in the member of this name.
pub(in crate::correlate) fn id(object: &Object, name: &str) -> Option<String> {
    id_of(get(object, name)?)
}

/// The text in the first of these members that has one.
pub(super) fn text(object: &Object, names: &[&str]) -> Option<String> {
    names
        .iter()
        .find_map(|name| get(object, name).and_then(text_of))
}

/// The object in the member of this name.
pub(super) fn object<'a>(object: &'a Object, name: &str) -> Option<&'a Object> {
    get(object, name)?.as_object()
}

/// The array in the member of this name.
pub(super) fn array<'a>(object: &'a Object, name: &str) -> &'a [Value] {
    get(object, name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// A reference to a subject: `{id, source}`, or the id alone.
pub(super) fn reference(value: &Value) -> Option<(String, Option<String>)> {
    match value {
        Value::Object(object) => Some((id(object, "id")?, id(object, "source"))),
        other => Some((id_of(other)?, None)),
    }
}

/// A document that stands in another as text, or as base64 of its text.
pub(in crate::correlate) fn document(text: &str) -> Option<Value> {
    if text.len() > limits::DECODED_BYTES {
        return None;
    }
    let shape = json::scan("data", text).ok()?;
    json::check_nodes("data", &shape).ok()?;
    json::parse("data", text, &shape).ok()
}

/// A document in base64 (RFC 4648 section 4).
pub(super) fn base64_document(text: &str) -> Option<Value> {
    let bytes = BASE64.decode(text.trim().as_bytes()).ok()?;
    document(std::str::from_utf8(&bytes).ok()?)
}

/// Whether it is the address of something.
pub(super) fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, rest)| {
        !rest.is_empty()
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    })
}
