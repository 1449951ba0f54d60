//! The context of an event.

use serde_json::{Map, Value, json};

use super::kept::Kept;
use super::links;
use super::{Fallback, Log, Parts, Target};
use crate::correlate::decode::read;
use crate::correlate::facts::Facts;
use crate::correlate::repair;
use crate::correlate::uri::{as_reference, is_reference, is_uri};
use crate::domain::time::Timestamp;

/// What is read here, where it is no object; the rest is kept.
const READ: [&str; 11] = [
    "version",
    "specversion",
    "id",
    "source",
    "type",
    "timestamp",
    "time",
    "chainId",
    "schemaUri",
    "links",
    // As 0.4.0 spelled it.
    "chain_id",
];

pub(super) fn converted(
    parts: &Parts<'_>,
    facts: &Facts,
    fallback: &Fallback<'_>,
    target: &Target,
    kept: &mut Kept,
    log: &mut Log,
) -> Map<String, Value> {
    let given = &parts.context;
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| out.insert(name.to_owned(), value);
    if read::id(given, "specversion").as_deref() != Some(target.spec.name()) {
        log.change(format!("specversion {}", target.spec.name()));
    }
    put("specversion", json!(target.spec.name()));
    let id = facts.id.as_deref().filter(|id| !id.is_empty());
    if id.is_none() {
        log.change("context.id is that of the record");
    }
    put("id", json!(id.unwrap_or(fallback.id)));
    let source = facts.source.as_deref().filter(|source| !source.is_empty());
    if source.is_none() {
        log.change("context.source stands for the registry");
    }
    put(
        "source",
        json!(reference(
            "context.source",
            source.unwrap_or(fallback.source),
            log
        )),
    );
    put("type", json!(target.type_name));
    put("timestamp", json!(timestamp(parts, facts, fallback, log)));

    let is_read = |name: &str, value: &Value| {
        let text = read::scalar(value).is_some() || value.is_string();
        READ.contains(&name) && (text || name == "links")
    };
    let mut rest: Map<String, Value> = (given.iter())
        .filter(|(name, value)| !is_read(name, value) && !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if let Some(schema) = read::get(given, "schemaUri") {
        rest.shift_remove("schema_uri");
        match schema.as_str().map(str::trim) {
            Some(text) if is_uri(text) => {
                put("schemaUri", json!(text));
            }
            _ => {
                rest.insert("schemaUri".to_owned(), schema.clone());
            }
        }
    }
    if let Some(chain) = facts.chain.as_deref().filter(|chain| !chain.is_empty()) {
        put("chainId", json!(chain));
    }
    kept.put("x_context", rest, log);
    let links = links::converted(parts, facts, kept, log);
    if !links.is_empty() {
        put("links", Value::Array(links));
    }
    out
}

/// The time as it was written, if it is written as RFC 3339 has it; else as it was read.
fn timestamp(parts: &Parts<'_>, facts: &Facts, fallback: &Fallback<'_>, log: &mut Log) -> String {
    if let Some(Value::String(text)) = parts.context.get("timestamp")
        && repair::timestamp(text).is_some_and(|read| !read.repaired)
        && is_common(text)
    {
        return text.clone();
    }
    let at = facts.at().filter(|at| has_four_digits(*at));
    log.change(match at {
        Some(_) => "context.timestamp is written as RFC 3339",
        None => "context.timestamp is when it was recorded",
    });
    at.unwrap_or(fallback.time).to_string()
}

/// RFC 3339 without what some readers refuse: small letters, leap seconds, more than nine digits.
fn is_common(text: &str) -> bool {
    let seconds = text.get(17..19).unwrap_or_default();
    text.len() <= "2025-08-20T14:30:25.123456789+00:00".len()
        && seconds < "60"
        && text.bytes().all(|byte| !byte.is_ascii_lowercase())
}

/// Whether the year has the four digits that RFC 3339 gives it.
pub(super) fn has_four_digits(at: Timestamp) -> bool {
    at.to_string().as_bytes().get(4) == Some(&b'-')
}

/// A URI reference; what may not stand in it is encoded.
pub(super) fn reference(path: &str, text: &str, log: &mut Log) -> String {
    if !is_reference(text) {
        log.change(format!("{path} is written as a URI reference"));
    }
    as_reference(text)
}
