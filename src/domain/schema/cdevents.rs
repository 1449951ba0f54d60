//! Schemas of the CDEvents, made from a table of what the published versions agree on.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::named::{DRAFT, text};

/// The event types with the fields of their content; its head says how to read it.
const TABLE: &str = include_str!("cdevents.txt");

/// The event types with their fields.
pub(super) fn events() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(':'))
}

/// The schema of one event type.
pub(super) fn cdevent(event: &str, fields: &str) -> Value {
    let (subject, predicate) = event.split_once('.').unwrap_or((event, ""));
    json!({
        "$schema": DRAFT,
        "type": "object",
        "required": ["context", "subject"],
        "additionalProperties": false,
        "properties": {
            "context": {
                "type": "object",
                "required": ["id", "source", "type", "timestamp"],
                "properties": {
                    "version": text(),
                    "specversion": text(),
                    "id": text(),
                    "source": {"type": "string", "minLength": 1, "format": "uri-reference"},
                    "type": {"type": "string", "pattern": format!("^dev\\.cdevents\\.{subject}\\.{predicate}\\.")},
                    "timestamp": {"type": "string", "format": "date-time"},
                    "chainId": text(),
                },
            },
            "subject": {
                "type": "object",
                "required": ["id", "content"],
                "properties": {
                    "id": text(),
                    "source": {"type": "string", "format": "uri-reference"},
                    "type": {"type": "string"},
                    "content": content(fields),
                },
            },
            "customData": {},
            "customDataContentType": {"type": "string"},
        },
    })
}

/// One field of a table line and what stands below it.
#[derive(Default)]
struct Field<'a> {
    required: bool,
    list: bool,
    values: Vec<&'a str>,
    below: BTreeMap<&'a str, Field<'a>>,
}

fn content(fields: &str) -> Value {
    let mut root = Field::default();
    for field in fields.split_whitespace() {
        let (path, values) = field.split_once('=').unwrap_or((field, ""));
        let (path, required) = path
            .strip_suffix('!')
            .map_or((path, false), |path| (path, true));
        let (path, list) = path
            .strip_suffix("[]")
            .map_or((path, false), |path| (path, true));
        let place = path.split('.').fold(&mut root, |place, name| {
            place.below.entry(name).or_default()
        });
        (place.required, place.list) = (required, list);
        place.values = values
            .split('|')
            .filter(|value| !value.is_empty())
            .collect();
    }
    object(&root)
}

fn object(field: &Field<'_>) -> Value {
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    let required: Vec<_> = field
        .below
        .iter()
        .filter(|(_, field)| field.required)
        .map(|(name, _)| *name)
        .collect();
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    let properties: Map<_, _> = field
        .below
        .iter()
        .map(|(name, field)| {
            let schema = match field {
                _ if !field.below.is_empty() => object(field),
                _ if !field.values.is_empty() => json!({"type": "string", "enum": field.values}),
                _ if field.list => json!({"type": "array"}),
                _ if field.required => text(),
                _ => json!({"type": "string"}),
            };
            ((*name).to_owned(), schema)
        })
        .collect();
    if !properties.is_empty() {
        schema.insert("properties".to_owned(), Value::Object(properties));
    }
    Value::Object(schema)
}
