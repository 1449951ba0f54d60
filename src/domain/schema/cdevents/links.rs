//! The link documents of the CDEvents, under the ids by which the schemas of the events refer to
//! them. They are definitions of ours for the same documents.

use serde_json::{Value, json};

use super::super::named::{DRAFT, text};

/// How a version of the specification writes links (links.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// `link_type`, `context_id`: 0.4.0.
    Snake,
    /// `linkType`, `contextId`.
    Camel,
    /// The same, and `domainId` for what sends no events: 0.6.
    Domain,
}

/// The versions that have links, with the base of the references to them. 0.4.0 spells these
/// references with a leading slash, which leaves out the version.
const BASES: [(&str, Dialect); 6] = [
    ("https://cdevents.dev/0.4.0/schema/links/", Dialect::Snake),
    ("https://cdevents.dev/schema/links/", Dialect::Snake),
    ("https://cdevents.dev/0.4.1/schema/links/", Dialect::Camel),
    ("https://cdevents.dev/0.5.0/schema/links/", Dialect::Camel),
    ("https://cdevents.dev/0.5.1/schema/links/", Dialect::Camel),
    (
        "https://cdevents.dev/0.6.0-draft/schema/links/",
        Dialect::Domain,
    ),
];

/// The documents of all versions.
pub(in super::super) fn documents() -> impl Iterator<Item = Value> {
    BASES.into_iter().flat_map(|(base, dialect)| {
        ["", ".json"].into_iter().flat_map(move |suffix| {
            let name = |kind: &str| format!("{base}{kind}{suffix}");
            let kinds = ["end", "path", "relation"]
                .map(|kind| (kind, name(&format!("embeddedlink{kind}"))));
            let array = json!({
                "$schema": DRAFT,
                "$id": name("embeddedlinksarray"),
                "type": "array",
                "items": {"anyOf": kinds.each_ref().map(|(_, id)| json!({"$ref": id}))},
            });
            let domain = (dialect == Dialect::Domain).then(|| domain_id(&name("domainid")));
            kinds
                .map(|(kind, id)| link(kind, &id, dialect, &name("domainid")))
                .into_iter()
                .chain([array])
                .chain(domain)
        })
    })
}

/// An embedded link: what follows (`path`), what belongs together (`relation`), what ends (`end`).
fn link(kind: &str, id: &str, dialect: Dialect, domain: &str) -> Value {
    let (link_type, link_kind) = if dialect == Dialect::Snake {
        ("link_type", "link_kind")
    } else {
        ("linkType", "linkKind")
    };
    let mut properties = json!({
        link_type: {"type": "string", "enum": [kind.to_uppercase()]},
        "tags": {"type": "object"},
    });
    let (own, required) = match kind {
        "relation" => (
            json!({link_kind: text(), "target": related(dialect, domain)}),
            vec![link_type, link_kind, "target"],
        ),
        "path" => (json!({"from": origin(dialect)}), vec![link_type, "from"]),
        _ => (json!({"from": origin(dialect)}), vec![link_type]),
    };
    if let (Some(all), Value::Object(own)) = (properties.as_object_mut(), own) {
        all.extend(own);
    }
    json!({
        "$schema": DRAFT,
        "$id": id,
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": false,
    })
}

/// Where a path or an end comes from.
fn origin(dialect: Dialect) -> Value {
    match dialect {
        Dialect::Domain => either(&json!({"type": "string", "format": "uri-reference"})),
        Dialect::Camel => one("contextId", true),
        Dialect::Snake => one("context_id", true),
    }
}

/// What a relation is to. Up to 0.5 it need not say: the published schemas leave that open.
fn related(dialect: Dialect, domain: &str) -> Value {
    match dialect {
        Dialect::Domain => either(&json!({"$ref": domain})),
        Dialect::Camel => one("contextId", false),
        Dialect::Snake => one("context_id", false),
    }
}

fn one(name: &str, required: bool) -> Value {
    let required: &[&str] = if required { &[name] } else { &[] };
    json!({"type": "object", "required": required, "properties": {name: text()}})
}

fn either(domain: &Value) -> Value {
    json!({
        "type": "object",
        "properties": {"contextId": text(), "domainId": domain},
        "anyOf": [{"required": ["contextId"]}, {"required": ["domainId"]}],
    })
}

/// `cdevents:v0:<provider>:<provider id>:<namespace>:<groups>:<type>:<resource id>`, where groups
/// are parted by slashes.
fn domain_id(id: &str) -> Value {
    json!({
        "$schema": DRAFT,
        "$id": id,
        "type": "string",
        "format": "uri-reference",
        "pattern": "^cdevents:v0(:[^:]*){3}:([^:/]([^:]*[^:/])?)?:[^:]+:.",
    })
}
