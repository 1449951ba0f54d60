//! Schemas that are here by name, for who has none at hand. They are ours and compact: they hold a
//! payload to what its readers need, and leave the rest open.

use serde_json::{Value, json};

use super::cdevents::{self, EventType, PREFIX, Spec, events};
use crate::domain::refusal::Refusal;
use crate::limits;

/// A schema that is here by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The schema as compact JSON.
    pub schema: String,
    /// The type of a receiver that has it, where there is a usual one.
    pub suggested_type: Option<String>,
    /// What it accepts, as a receiver's description.
    pub description: String,
}

const NAMES: [&str; 5] = [
    "any",
    "cloudevent",
    "cdevents:<subject.predicate>",
    "cyclonedx",
    "spdx",
];
const CDEVENTS: &str = "cdevents:";

/// The names, those of the CDEvents as one pattern.
pub fn names() -> &'static [&'static str] {
    &NAMES
}

/// The names of the CDEvents, each as [`named`] takes it.
pub fn cdevents_names() -> impl Iterator<Item = String> {
    events()
        .iter()
        .map(|event| format!("{CDEVENTS}{}", event.name()))
}

/// The schema of this name. That of a CDEvent is open and takes all versions; behind an `@` the name
/// may say one version of the specification, whose schema is closed.
pub fn named(name: &str) -> Result<Named, Refusal> {
    let (schema, suggested_type, description) = match name.trim() {
        "any" => (json!({}), None, "Any JSON value".to_owned()),
        "cloudevent" => (
            cloudevent(),
            None,
            "A CloudEvent 1.0 in structured JSON form".to_owned(),
        ),
        "cyclonedx" => {
            let description = "A CycloneDX 1.2 to 1.7 SBOM in JSON".to_owned();
            (cyclonedx(), Some("sbom.cyclonedx".to_owned()), description)
        }
        "spdx" => {
            let description = "An SPDX 2 JSON or SPDX 3 JSON-LD SBOM".to_owned();
            (spdx(), Some("sbom.spdx".to_owned()), description)
        }
        other => return cdevent(other),
    };
    Ok(Named {
        schema: schema.to_string(),
        suggested_type,
        description,
    })
}

fn cdevent(name: &str) -> Result<Named, Refusal> {
    let (base, version) = match name.rsplit_once('@') {
        Some((base, version)) => (base, Some(version)),
        None => (name, None),
    };
    let event = cdevents_event(base)
        .and_then(cdevents::event)
        .ok_or_else(|| unknown(name))?;
    let short = event.name();
    let Some(version) = version else {
        return Ok(Named {
            schema: event.union().to_string(),
            suggested_type: Some(format!("{PREFIX}{short}")),
            description: format!("A CDEvents {short} event, {}", span(event)),
        });
    };
    let of_version = Spec::ALL.into_iter().rev().find(|spec| {
        let minor = spec.name().rsplit_once('.').map(|(minor, _)| minor);
        spec.name() == version || minor == Some(version)
    });
    let found = of_version.and_then(|spec| Some((spec, event.schema(spec)?)));
    let Some((spec, schema)) = found else {
        return Err(Refusal::NotFound {
            kind: "schema",
            what: name.to_owned(),
            near: event
                .specs()
                .rev()
                .map(|spec| format!("{CDEVENTS}{short}@{}", spec.name()))
                .collect(),
        });
    };
    Ok(Named {
        schema: schema.to_string(),
        suggested_type: event.type_name(spec).map(str::to_owned),
        description: format!("A CDEvents {short} event of version {}", spec.name()),
    })
}

/// The versions that have an event: `versions 0.3.0 to 0.6.0-draft`.
fn span(event: &EventType) -> String {
    let (first, last) = (event.specs().next(), event.specs().next_back());
    match (first, last) {
        (Some(first), Some(last)) if first != last => {
            format!("versions {} to {}", first.name(), last.name())
        }
        (first, _) => first.map_or_else(String::new, |spec| format!("version {}", spec.name())),
    }
}

/// `subject.predicate` of a name, which may also be a whole event type with its version. That does
/// not choose a version of the specification: one event type can be in several, and differ.
fn cdevents_event(name: &str) -> Option<&str> {
    let event = name.strip_prefix(CDEVENTS)?;
    let event = event.strip_prefix(PREFIX).unwrap_or(event);
    let end = event
        .match_indices('.')
        .nth(1)
        .map_or(event.len(), |(i, _)| i);
    let (event, version) = event.split_at(end);
    version
        .chars()
        .all(|c| c == '.' || c.is_ascii_digit())
        .then_some(event)
}

fn unknown(name: &str) -> Refusal {
    // No known name is longer, and the comparison takes the product of both lengths.
    let start: String = name.chars().take(80).collect();
    let mut near: Vec<_> = NAMES
        .iter()
        .filter(|name| !name.starts_with(CDEVENTS))
        .map(|name| (*name).to_owned())
        .chain(cdevents_names())
        // `artifact.packaged` is near to the name that begins with `cdevents:`.
        .map(|known| {
            let short = known.strip_prefix(CDEVENTS).unwrap_or(&known);
            (
                strsim::levenshtein(&start, &known).min(strsim::levenshtein(&start, short)),
                known,
            )
        })
        .collect();
    near.sort();
    let near = near
        .into_iter()
        .take(limits::CANDIDATES / 3)
        .map(|(_, known)| known)
        .collect();
    Refusal::NotFound {
        kind: "schema",
        what: name.to_owned(),
        near,
    }
}

/// The draft of all of them.
pub(super) const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Text that is not empty.
pub(super) fn text() -> Value {
    json!({"type": "string", "minLength": 1})
}

fn cloudevent() -> Value {
    json!({
        "$schema": DRAFT,
        "type": "object",
        "required": ["specversion", "id", "source", "type"],
        "properties": {
            "specversion": {"type": "string", "pattern": "^1\\.0"},
            "id": text(),
            "source": {"type": "string", "minLength": 1, "format": "uri-reference"},
            "type": text(),
            "time": {"type": ["string", "null"], "format": "date-time"},
            "subject": {"type": ["string", "null"], "minLength": 1},
            "datacontenttype": {"type": ["string", "null"], "minLength": 1},
            "dataschema": {"type": ["string", "null"], "minLength": 1, "format": "uri"},
            "data_base64": {"type": ["string", "null"]},
        },
        "propertyNames": {"pattern": "^([a-z0-9]+|data_base64)$"},
        "not": {"required": ["data", "data_base64"]},
    })
}

fn cyclonedx() -> Value {
    json!({
        "$schema": DRAFT,
        "type": "object",
        "required": ["bomFormat", "specVersion"],
        "properties": {
            "bomFormat": {"const": "CycloneDX"},
            "specVersion": {"enum": ["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"]},
            "serialNumber": {"type": "string"},
            "metadata": {
                "type": "object",
                "properties": {"component": {"$ref": "#/$defs/component"}},
            },
            "components": {"type": "array", "items": {"$ref": "#/$defs/component"}},
            "dependencies": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["ref"],
                    "properties": {"ref": text(), "dependsOn": {"type": "array", "items": {"type": "string"}}},
                },
            },
            "vulnerabilities": {"type": "array", "items": {"type": "object"}},
        },
        "$defs": {
            "component": {
                "type": "object",
                "required": ["type", "name"],
                "properties": {
                    "type": text(),
                    "name": {"type": "string"},
                    "version": {"type": "string"},
                    "purl": {"type": "string"},
                    "bom-ref": {"type": "string"},
                    "components": {"type": "array", "items": {"$ref": "#/$defs/component"}},
                },
            },
        },
    })
}

fn spdx() -> Value {
    json!({
        "$schema": DRAFT,
        "type": "object",
        "if": {"required": ["@graph"]},
        "then": {
            "required": ["@context"],
            "properties": {"@graph": {"type": "array", "items": {"type": "object"}}},
        },
        "else": {
            "required": ["spdxVersion", "SPDXID", "name"],
            "properties": {
                "spdxVersion": {"type": "string", "pattern": "^SPDX-2\\.[0-9]+$"},
                "SPDXID": text(),
                "name": {"type": "string"},
                "packages": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["SPDXID"],
                        "properties": {"SPDXID": text(), "name": {"type": "string"}},
                    },
                },
                "relationships": {"type": "array", "items": {"type": "object"}},
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::schema::{Documents, compile};

    fn check(name: &str, payload: &Value) -> Vec<String> {
        let compiled =
            compile(&named(name).unwrap().schema, &Documents::built_in(), false).unwrap();
        let violations = compiled
            .check(payload)
            .err()
            .map(|v| v.violations)
            .unwrap_or_default();
        violations
            .into_iter()
            .map(|v| format!("{}: {}", v.at, v.what))
            .collect()
    }

    #[test]
    fn every_name_has_a_schema_that_compiles() {
        let events: Vec<_> = cdevents_names().collect();
        assert_eq!(events.len(), 48);
        for name in names()
            .iter()
            .filter(|name| !name.contains('<'))
            .map(|n| (*n).to_owned())
            .chain(events)
        {
            let named = named(&name).unwrap();
            let compiled = compile(&named.schema, &Documents::built_in(), false).unwrap();
            assert_eq!(compiled.accepts_everything(), name == "any");
            assert!(named.description.len() < 100);
        }
    }

    #[test]
    fn a_cdevent_is_held_to_what_all_versions_require() {
        let named = named("cdevents:artifact.packaged").unwrap();
        assert_eq!(
            named.suggested_type.as_deref(),
            Some("dev.cdevents.artifact.packaged")
        );
        assert_eq!(
            super::named("cdevents:dev.cdevents.artifact.packaged.0.2.0").unwrap(),
            named
        );
        assert_eq!(
            check("cdevents:artifact.packaged", &json!({"name": "foo"})),
            [
                ": context is required",
                ": subject is required",
                ": Additional property name is not allowed"
            ]
        );
        let mut event = json!({
            "context": {"specversion": "0.5.1", "id": "1", "source": "/s", "type": "dev.cdevents.testcaserun.finished.0.3.0",
                "timestamp": "2026-01-02T03:04:05Z"},
            "subject": {"id": "t", "content": {"outcome": "success", "environment": {"id": "e"}}},
        });
        assert!(check("cdevents:testcaserun.finished", &event).is_empty());
        event["subject"]["content"] = json!({"outcome": "great", "environment": {}});
        assert_eq!(
            check("cdevents:testcaserun.finished", &event),
            [
                "/subject/content/environment: id is required",
                "/subject/content/outcome: subject.content.outcome must be one of the following: \"pass\", \"fail\", \
                 \"cancel\", \"error\", \"success\", \"failure\"",
            ]
        );
        assert!(
            check("cdevents:testcaserun.started", &event)[0]
                .starts_with("/context/type: Does not match pattern")
        );
    }

    #[test]
    fn a_version_behind_the_name_closes_the_schema() {
        let found = named("cdevents:artifact.packaged@0.4.1").unwrap();
        assert_eq!(
            found.suggested_type.as_deref(),
            Some("dev.cdevents.artifact.packaged.0.2.0")
        );
        assert_eq!(
            found.description,
            "A CDEvents artifact.packaged event of version 0.4.1"
        );
        for same in [
            "cdevents:artifact.packaged@0.4",
            "cdevents:dev.cdevents.artifact.packaged.0.2.0@0.4.1",
        ] {
            assert_eq!(named(same).unwrap(), found);
        }
        let mut event = json!({
            "context": {"version": "0.4.1", "id": "1", "source": "/s", "type": "dev.cdevents.artifact.packaged.0.2.0",
                "timestamp": "2026-01-02T03:04:05Z", "chainId": "c", "links": [{"linkType": "END"}]},
            "subject": {"id": "pkg:oci/a", "type": "artifact", "content": {"change": {"id": "c"}}},
        });
        assert_eq!(check("cdevents:artifact.packaged@0.4.1", &event), [""; 0]);
        assert_eq!(check("cdevents:artifact.packaged@0.5.1", &event).len(), 4);
        event["subject"]["content"]["more"] = json!(1);
        event["context"]["links"] = json!([{"linkType": "END", "more": 1}]);
        assert_eq!(check("cdevents:artifact.packaged@0.4.1", &event).len(), 3);

        for (name, nearest) in [
            (
                "cdevents:approval.created@0.5.1",
                vec!["cdevents:approval.created@0.6.0-draft"],
            ),
            (
                "cdevents:ticket.created@0.3.0",
                vec![
                    "cdevents:ticket.created@0.6.0-draft",
                    "cdevents:ticket.created@0.5.1",
                    "cdevents:ticket.created@0.5.0",
                    "cdevents:ticket.created@0.4.1",
                    "cdevents:ticket.created@0.4.0",
                ],
            ),
            ("cdevents:build.qeued@0.5.1", vec!["cdevents:build.queued"]),
        ] {
            let Err(Refusal::NotFound { near, .. }) = named(name) else {
                panic!("{name}")
            };
            assert_eq!(near[..nearest.len()], nearest);
        }
    }

    #[test]
    fn descriptions_name_the_versions() {
        for (name, versions) in [
            ("build.queued", "versions 0.3.0 to 0.6.0-draft"),
            ("ticket.created", "versions 0.4.0 to 0.6.0-draft"),
            ("approval.created", "version 0.6.0-draft"),
        ] {
            let description = named(&format!("cdevents:{name}")).unwrap().description;
            assert_eq!(description, format!("A CDEvents {name} event, {versions}"));
        }
    }

    #[test]
    fn an_unknown_name_brings_the_nearest() {
        for (name, nearest) in [
            ("cdevents:artifact.package", "cdevents:artifact.packaged"),
            ("service.deployd", "cdevents:service.deployed"),
            ("cyclondx", "cyclonedx"),
            ("cdevents:artifact.packaged.x", "cdevents:artifact.packaged"),
        ] {
            let Err(Refusal::NotFound {
                kind: "schema",
                near,
                ..
            }) = named(name)
            else {
                panic!("{name}")
            };
            assert_eq!(near[0], nearest);
        }
    }

    #[test]
    fn a_cloudevent_has_its_attributes() {
        let mut event = json!({"specversion": "1.0", "id": "1", "source": "urn:x", "type": "t", "data": {"a": 1}, "chainid": "c"});
        assert!(check("cloudevent", &event).is_empty());
        event["data_base64"] = json!("e30=");
        assert_eq!(
            check("cloudevent", &event),
            [": Must not validate the schema (not)"]
        );
        assert_eq!(
            check(
                "cloudevent",
                &json!({"specversion": "0.3", "id": "", "source": "s"})
            )
            .len(),
            3
        );
    }
}
