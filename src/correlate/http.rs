//! CloudEvents over HTTP (cloudevents/bindings/http-protocol-binding.md, version 1.0): which mode a
//! request is in, and binary mode as the equivalent event in structured mode.

use std::borrow::Cow;
use std::fmt;

use data_encoding::BASE64;
use percent_encoding::percent_decode;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::cloudevent::is_json;
use crate::domain::json;
use crate::domain::text::quoted;
use crate::limits;

/// How a request carries events (HTTP binding, section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// A JSON array of events.
    Batch,
    /// A JSON event with its attributes.
    Structured,
    /// Attributes in headers, data in the body.
    Binary,
    /// No CloudEvent: a bare CDEvent or another document.
    Plain,
    /// A CloudEvents format or a character set that is not known.
    Unsupported,
}

/// The mode of a request: by the media type if that names CloudEvents, else binary if there is the
/// header `ce-specversion`.
pub fn mode(content_type: Option<&str>, has_ce_specversion: bool) -> Mode {
    const PREFIX: &str = "application/cloudevents";
    let given = content_type.unwrap_or_default().to_ascii_lowercase();
    let mut parts = given.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let Some(format) = essence.strip_prefix(PREFIX) else {
        return if has_ce_specversion {
            Mode::Binary
        } else {
            Mode::Plain
        };
    };
    // JSON is UTF-8, whatever a parameter says (RFC 8259 section 8.1).
    let is_utf8 = parts
        .filter_map(|parameter| parameter.strip_prefix("charset="))
        .all(|charset| matches!(charset.trim_matches('"'), "utf-8" | "utf8" | "us-ascii"));
    match format {
        _ if !is_utf8 => Mode::Unsupported,
        "" | "+json" => Mode::Structured,
        "-batch" | "-batch+json" => Mode::Batch,
        _ => Mode::Unsupported,
    }
}

/// What is wrong with a request in binary mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BinaryError {
    /// A header stands there twice.
    #[error("the header {0} is there twice")]
    Duplicate(String),
    /// A header's value is not UTF-8, decoded.
    #[error(
        "the header {0} is not UTF-8 once it is percent-decoded (HTTP binding section 3.1.3.2)"
    )]
    NotUtf8(String),
    /// A header names what is no attribute.
    #[error(
        "the header {0} names no attribute; the body is the data, and Content-Type its media type"
    )]
    Reserved(String),
    /// There are too many.
    #[error("there are more than {limit} headers ce-*", limit = limits::CLOUDEVENT_ATTRIBUTES)]
    TooMany,
}

/// The event in structured mode that a request in binary mode is. A body that is JSON becomes `data`
/// byte for byte, any other `data_base64`. Whether required attributes are there is judged when the
/// event is read.
pub fn binary_to_structured<'a>(
    headers: impl Iterator<Item = (&'a str, &'a [u8])>,
    body: &[u8],
) -> Result<String, BinaryError> {
    let mut attributes: Vec<(String, String)> = Vec::new();
    let mut media_type = None;
    for (header, value) in headers {
        let header = header.to_ascii_lowercase();
        let name = match header.strip_prefix("ce-") {
            Some(name) => name,
            None if header == "content-type" => {
                if media_type.is_some() {
                    return Err(BinaryError::Duplicate("content-type".to_owned()));
                }
                let value = std::str::from_utf8(value)
                    .map_err(|_| BinaryError::NotUtf8("content-type".to_owned()))?;
                media_type = Some(value.trim().to_owned());
                continue;
            }
            None => continue,
        };
        if matches!(name, "" | "data" | "data_base64" | "datacontenttype") {
            return Err(BinaryError::Reserved(quoted(&header)));
        }
        if attributes.iter().any(|(known, _)| known == name) {
            return Err(BinaryError::Duplicate(quoted(&header)));
        }
        if attributes.len() >= limits::CLOUDEVENT_ATTRIBUTES {
            return Err(BinaryError::TooMany);
        }
        let text = header_text(value).ok_or_else(|| BinaryError::NotUtf8(quoted(&header)))?;
        attributes.push((name.to_owned(), text));
    }
    Ok(structured(attributes, media_type, body))
}

/// Unquotes a header's value, then percent-decodes it once (HTTP binding section 3.1.3.2).
fn header_text(value: &[u8]) -> Option<String> {
    let value = value.trim_ascii();
    let value: Cow<'_, [u8]> = match value {
        [b'"', inner @ .., b'"'] => Cow::Owned(unescaped(inner)),
        plain => Cow::Borrowed(plain),
    };
    let decoded = percent_decode(&value).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// Takes the backslashes off a quoted string (RFC 9110 section 5.6.4).
fn unescaped(quoted: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(quoted.len());
    let mut bytes = quoted.iter();
    while let Some(byte) = bytes.next() {
        let escaped = if *byte == b'\\' { bytes.next() } else { None };
        out.push(*escaped.unwrap_or(byte));
    }
    out
}

/// Attributes that CloudEvents requires come first.
const FIRST: [&str; 4] = ["specversion", "id", "source", "type"];

fn structured(
    mut attributes: Vec<(String, String)>,
    media_type: Option<String>,
    body: &[u8],
) -> String {
    let rank = |name: &str| FIRST.iter().position(|first| *first == name);
    attributes.sort_by_key(|(name, _)| rank(name).unwrap_or(FIRST.len()));
    let says_json = media_type.as_deref().is_none_or(is_json);
    if let Some(media_type) = media_type.filter(|text| !text.is_empty()) {
        attributes.push(("datacontenttype".to_owned(), media_type));
    }
    let mut out = String::with_capacity(body.len() + 256);
    out.push('{');
    for (name, value) in &attributes {
        member(&mut out, name);
        out.push_str(&json_string(value));
    }
    let document = std::str::from_utf8(body)
        .ok()
        .filter(|text| says_json && json::scan("data", text).is_ok());
    match document {
        Some(text) => {
            member(&mut out, "data");
            out.push_str(text);
        }
        None if body.is_empty() => {}
        None => {
            member(&mut out, "data_base64");
            out.push('"');
            BASE64.encode_append(body, &mut out);
            out.push('"');
        }
    }
    out.push('}');
    out
}

fn member(out: &mut String, name: &str) {
    if out.len() > 1 {
        out.push(',');
    }
    out.push_str(&json_string(name));
    out.push(':');
}

fn json_string(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

/// What is wrong with a batch.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// It is no JSON array.
    #[error("a batch is a JSON array of events: {0}")]
    NotAnArray(serde_json::Error),
}

/// The items of a batch, each with its exact text.
pub fn split(text: &str) -> Result<Vec<&RawValue>, BatchError> {
    let mut parser = serde_json::Deserializer::from_str(text);
    let items = parser
        .deserialize_seq(Items)
        .and_then(|items| parser.end().map(|()| items));
    items.map_err(BatchError::NotAnArray)
}

/// Takes items one by one, so that a long list stops being read where it is too long.
struct Items;

impl<'de> Visitor<'de> for Items {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            if items.len() >= limits::BATCH_ITEMS {
                let limit = limits::BATCH_ITEMS;
                return Err(A::Error::custom(format!("more than {limit} items at once")));
            }
            items.push(item);
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests;
