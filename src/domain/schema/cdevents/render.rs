//! Makes schemas from lines of the table.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::named::{DRAFT, text};
use super::table::{Field, Kind, Line, MINORS, Shape};
use super::{CUSTOM_PREFIX, Spec};

/// In 0.5 subjects lost their type, but for this event, which may have it.
const KEEPS_ITS_TYPE: (&str, &str) = ("ticket", "closed");

/// The schema of an event type in one version of the specification.
pub(super) fn closed(spec: Spec, line: &Line, type_name: &str) -> Value {
    let kept = spec >= Spec::V050 && (line.subject, line.predicate) == KEEPS_ITS_TYPE;
    let typed = spec < Spec::V050 || kept;
    event(
        &id(spec, line),
        context(spec, &one_of(&[type_name]), loose(line)),
        subject(
            spec,
            typed.then(|| one_of(&[line.subject])),
            loose(line),
            object(&line.content, spec.minor()),
        ),
    )
}

/// The schema of custom events: `dev.cdeventsx.<tool>-<subject>.<predicate>.<version>`.
pub(super) fn custom(spec: Spec) -> Value {
    let prefix = CUSTOM_PREFIX.replace('.', "\\.");
    let version = r"\.[0-9]+\.[0-9]+\.[0-9]+";
    let version = if spec == Spec::V040 {
        format!("({version})?")
    } else {
        version.to_owned()
    };
    let name = "[a-zA-Z0-9]+-[a-zA-Z]+";
    let pattern = format!(r"^{prefix}{name}\.[a-zA-Z]+{version}$");
    let subject_type = json!({"type": "string", "pattern": format!("^{name}$")});
    event(
        &format!("https://cdevents.dev/{}/schema/custom", spec.name()),
        context(spec, &json!({"type": "string", "pattern": pattern}), false),
        subject(
            spec,
            (spec < Spec::V050).then_some(subject_type),
            false,
            json!({"type": "object"}),
        ),
    )
}

/// What the events of a version have in common.
pub(super) fn frame(spec: Spec) -> Value {
    event(
        &format!("https://cdevents.dev/{}/schema/event", spec.name()),
        context(spec, &text(), true),
        subject(
            spec,
            (spec < Spec::V050).then(text),
            true,
            json!({"type": "object"}),
        ),
    )
}

/// A schema that takes the events of all versions.
pub(super) fn union(line: &Line) -> Value {
    let (subject, predicate) = (line.subject.to_ascii_lowercase(), line.predicate);
    let minors: Vec<_> = (0..MINORS)
        .filter(|minor| line.versions.get(*minor).is_some_and(Option::is_some))
        .collect();
    let contents: Vec<_> = minors.iter().map(|minor| (*minor, &line.content)).collect();
    let (source, subject_source) = if loose(line) {
        (text(), json!({"type": "string"}))
    } else {
        (
            reference(),
            json!({"type": "string", "format": "uri-reference"}),
        )
    };
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
                    "source": source,
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
                    "source": subject_source,
                    "type": {"type": "string"},
                    "content": common(&contents),
                },
            },
            "customData": {},
            "customDataContentType": {"type": "string"},
        },
    })
}

/// The published id. It spells the subject by its words up to 0.4; one name is a slip.
fn id(spec: Spec, line: &Line) -> String {
    let by_words = spec < Spec::V050 || line.subject == "testOutput";
    let subject = match (spec, line.subject, line.predicate) {
        (Spec::V030, "testSuiteRun", "finished") => "test-suite".to_owned(),
        (_, subject, _) if by_words => subject.chars().fold(String::new(), |mut name, c| {
            if c.is_ascii_uppercase() {
                name.push('-');
            }
            name.push(c.to_ascii_lowercase());
            name
        }),
        (_, subject, _) => subject.to_ascii_lowercase(),
    };
    format!(
        "https://cdevents.dev/{}/schema/{subject}-{}-event",
        spec.name(),
        line.predicate
    )
}

/// The events of tests may have any text as their sources; those of others are URI references.
fn loose(line: &Line) -> bool {
    line.subject.starts_with("test")
}

fn event(id: &str, context: Value, subject: Value) -> Value {
    let mut event = closed_object(
        &["context", "subject"],
        [
            ("context", context),
            ("subject", subject),
            (
                "customData",
                json!({"type": ["object", "string"], "contentEncoding": "base64"}),
            ),
            ("customDataContentType", json!({"type": "string"})),
        ],
    );
    if let Value::Object(event) = &mut event {
        event.shift_insert(0, "$schema".to_owned(), json!(DRAFT));
        event.shift_insert(1, "$id".to_owned(), json!(id));
    }
    event
}

fn context(spec: Spec, type_schema: &Value, loose: bool) -> Value {
    let version = if spec < Spec::V050 {
        "version"
    } else {
        "specversion"
    };
    let chain = if spec == Spec::V040 {
        "chain_id"
    } else {
        "chainId"
    };
    let common = [
        (version, text()),
        ("id", text()),
        ("source", if loose { text() } else { reference() }),
        ("type", type_schema.clone()),
        (
            "timestamp",
            json!({"type": "string", "format": "date-time"}),
        ),
    ];
    let since_links = [
        (
            "schemaUri",
            json!({"type": "string", "minLength": 1, "format": "uri"}),
        ),
        (chain, text()),
        ("links", json!({"$ref": "links/embeddedlinksarray"})),
    ];
    let since_links = since_links.into_iter().filter(|_| spec >= Spec::V040);
    closed_object(
        &[version, "id", "source", "type", "timestamp"],
        common.into_iter().chain(since_links),
    )
}

fn subject(spec: Spec, subject_type: Option<Value>, loose: bool, content: Value) -> Value {
    let required: &[&str] = if spec < Spec::V050 {
        &["id", "type", "content"]
    } else {
        &["id", "content"]
    };
    let source = if loose {
        json!({"type": "string"})
    } else {
        reference()
    };
    let members = [
        Some(("id", text())),
        Some(("source", source)),
        subject_type.map(|schema| ("type", schema)),
        Some(("content", content)),
    ];
    closed_object(required, members.into_iter().flatten())
}

fn object(shape: &Shape, minor: usize) -> Value {
    let required: Vec<_> = shape
        .fields(minor)
        .filter(|field| field.required)
        .map(|field| field.name)
        .collect();
    let members = shape
        .fields(minor)
        .map(|field| (field.name, value(field, minor)));
    let mut object = closed_object(&required, members);
    if let Value::Object(object) = &mut object
        && shape.open
    {
        object.shift_remove("additionalProperties");
    }
    object
}

fn value(field: &Field, minor: usize) -> Value {
    let mut value = match &field.kind {
        Kind::Text => json!({"type": "string"}),
        Kind::Format(format) => json!({"type": "string", "format": format}),
        Kind::OneOf(values) => one_of(values),
        Kind::List => json!({"type": "array", "items": {"type": "string"}}),
        Kind::Object(shape) => object(shape, minor),
    };
    if let Value::Object(value) = &mut value
        && field.not_empty
    {
        value.insert("minLength".to_owned(), json!(1));
    }
    value
}

fn closed_object<'a>(
    required: &[&str],
    members: impl IntoIterator<Item = (&'a str, Value)>,
) -> Value {
    let properties: Map<_, _> = members
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect();
    let mut object = json!({"type": "object"});
    if let Value::Object(object) = &mut object {
        if !required.is_empty() {
            object.insert("required".to_owned(), json!(required));
        }
        object.insert("properties".to_owned(), Value::Object(properties));
        object.insert("additionalProperties".to_owned(), json!(false));
    }
    object
}

fn one_of(values: &[&str]) -> Value {
    json!({"type": "string", "enum": values})
}

fn reference() -> Value {
    json!({"type": "string", "minLength": 1, "format": "uri-reference"})
}

/// What shapes of several minor versions agree on, open to other fields.
fn common(shapes: &[(usize, &Shape)]) -> Value {
    let mut fields: BTreeMap<&str, Vec<(usize, &Field)>> = BTreeMap::new();
    for (minor, shape) in shapes {
        for field in shape.fields(*minor) {
            fields.entry(field.name).or_default().push((*minor, field));
        }
    }
    let required: Vec<_> = fields
        .iter()
        .filter(|(_, in_minors)| {
            in_minors.len() == shapes.len() && in_minors.iter().all(|(_, field)| field.required)
        })
        .map(|(name, _)| *name)
        .collect();
    let properties: Map<_, _> = fields
        .iter()
        .map(|(name, in_minors)| {
            let schema = common_value(in_minors, required.contains(name));
            ((*name).to_owned(), schema)
        })
        .collect();
    let mut object = Map::new();
    object.insert("type".to_owned(), json!("object"));
    if !required.is_empty() {
        object.insert("required".to_owned(), json!(required));
    }
    if !properties.is_empty() {
        object.insert("properties".to_owned(), Value::Object(properties));
    }
    Value::Object(object)
}

fn common_value(fields: &[(usize, &Field)], required: bool) -> Value {
    let shapes: Vec<_> = fields
        .iter()
        .filter_map(|(minor, field)| match &field.kind {
            Kind::Object(shape) => Some((*minor, shape)),
            _ => None,
        })
        .collect();
    if shapes.len() == fields.len() {
        return common(&shapes);
    }
    if fields.iter().all(|(_, field)| field.kind == Kind::List) {
        return json!({"type": "array"});
    }
    let mut values: Vec<&str> = Vec::new();
    for (_, field) in fields {
        match &field.kind {
            Kind::OneOf(more) => {
                for value in more {
                    if !values.contains(value) {
                        values.push(value);
                    }
                }
            }
            _ if required && fields.iter().all(|(_, field)| field.not_empty) => return text(),
            _ => return json!({"type": "string"}),
        }
    }
    one_of(&values)
}
