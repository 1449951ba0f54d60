//! What a payload says: from JSON of any dialect to [`Facts`].
//!
//! | payload | kind |
//! |---|---|
//! | a CDEvent (`context` and `subject`) of version 0.1 to 0.6-draft, bare or in a CloudEvent | [`DocumentKind::CdEvent`] |
//! | a flat document with the type of a CDEvent | [`DocumentKind::CdEvent`], note `flat_dialect` |
//! | a stand-alone link | [`DocumentKind::Link`] |
//! | CycloneDX or SPDX in JSON, bare or in a CloudEvent | [`DocumentKind::Sbom`] |
//! | any other CloudEvent | [`DocumentKind::CloudEvent`] |
//!
//! Anything else says nothing. Nothing is refused here, for what is recorded is recorded: what had
//! to be repaired or could not be made out is a note.

pub(in crate::correlate) mod artifact;
mod cdevent;
mod content;
mod custom;
mod draft;
mod flat;
mod links;
pub(in crate::correlate) mod read;
mod sbom;
mod types;

use std::borrow::Cow;

use serde_json::Value;

pub(in crate::correlate) use self::draft::is_commit;
pub(in crate::correlate) use self::links::commit_of as commit_page;

use self::draft::Draft;
use self::read::Object;
use self::types::EventType;
use super::cloudevent::{CloudEvent, CloudEventError};
use super::facts::{DocumentKind, Facts, Subject};

/// What is known of a payload besides itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hint<'a> {
    /// The type of the receiver that it was sent to. It stands in for a type that the payload lacks.
    pub receiver_type: Option<&'a str>,
}

/// Reads what a payload says; `None` if it is nothing of what is known.
pub fn decode(payload: &Value, hint: &Hint<'_>) -> Option<Facts> {
    let object = payload.as_object()?;
    let kind = || read::id(object, "type").and_then(|text| EventType::parse(&text));
    let bare_context = read::object(object, "context").is_some();
    if CloudEvent::is_one(object) || (!bare_context && kind().is_some()) {
        return Some(enveloped(object, hint));
    }
    document(object, None, hint)
}

/// The CDEvent of a payload without its envelope; `None` where there is none.
pub fn bare(payload: &Value) -> Option<Cow<'_, Value>> {
    let object = payload.as_object()?;
    let is_event = |value: &Value| {
        let event = value.as_object();
        event.is_some_and(|event| {
            read::object(event, "context").is_some() && read::get(event, "subject").is_some()
        })
    };
    if is_event(payload) {
        return Some(Cow::Borrowed(payload));
    }
    if !CloudEvent::is_one(object) {
        return None;
    }
    let (envelope, _) = CloudEvent::read(object);
    let event = envelope.document().filter(|event| is_event(event))?;
    Some(Cow::Owned(event.into_owned()))
}

/// What stands on its own or in an envelope.
fn document(object: &Object, envelope: Option<&CloudEvent<'_>>, hint: &Hint<'_>) -> Option<Facts> {
    sbom::read(object, envelope)
        .or_else(|| cdevent::read(object, envelope, hint))
        .or_else(|| links::is_one(object).then(|| links::stand_alone(object, envelope)))
}

fn enveloped(object: &Object, hint: &Hint<'_>) -> Facts {
    let (envelope, faults) = CloudEvent::read(object);
    let data = envelope.document();
    let inner = match data.as_deref() {
        Some(Value::Object(inner)) => document(inner, Some(&envelope), hint),
        _ => None,
    };
    let mut facts = match (inner, EventType::parse(&envelope.type_name)) {
        (Some(facts), _) => facts,
        (None, Some(kind)) => flat::read(&envelope, kind, object, data.as_deref()),
        (None, None) => other(&envelope),
    };
    for note in &envelope.notes {
        // What is told of the time depends on whether the event has one of its own.
        if note.code == "extension_name" && facts.notes.len() < crate::limits::FACT_LIST {
            facts.note(&note.code, note.detail.clone());
        }
    }
    for fault in faults {
        let code = match fault {
            // What is missing is told of the event as a whole.
            CloudEventError::Missing(name) | CloudEventError::Empty(name)
                if name != "specversion" || facts.has_note("flat_dialect") =>
            {
                continue;
            }
            CloudEventError::TwoData => "two_data",
            CloudEventError::Base64(_) => "data_unreadable",
            _ => "envelope_odd",
        };
        if facts.notes.len() < crate::limits::FACT_LIST {
            facts.note(code, fault.to_string());
        }
    }
    facts
}

/// A CloudEvent that carries none of the documents.
fn other(envelope: &CloudEvent<'_>) -> Facts {
    let type_name = envelope.type_name.clone();
    let mut draft = Draft::new(Facts::new(DocumentKind::CloudEvent, type_name));
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    draft.facts.id = given(&envelope.id);
    draft.facts.source = given(&envelope.source);
    cdevent::missing_identity(&mut draft);
    if envelope.type_name.is_empty() {
        draft.note("type_missing", "");
    }
    cdevent::times(&mut draft, None, false, Some(envelope));
    cdevent::ties_of_envelope(&mut draft, envelope);
    if let Some(id) = &envelope.subject {
        draft.facts.about = Some(Subject {
            kind: "cloudevent".to_owned(),
            id: id.clone(),
            source: draft.facts.source.clone(),
        });
    }
    draft.finish()
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_corpus;
#[cfg(test)]
mod tests_hostile;
#[cfg(test)]
mod tests_links;
