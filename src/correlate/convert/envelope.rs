//! Recorded events as CloudEvents.

use serde_json::{Map, Value, json};

use super::context::has_four_digits;
use crate::correlate::cloudevent::CloudEvent;
use crate::correlate::decode::read;
use crate::correlate::facts::{DocumentKind, Facts};
use crate::correlate::uri::{as_reference, is_uri};
use crate::domain::time::Timestamp;
use crate::domain::unit::Unit;

/// The version of CloudEvents that is written.
const SPECVERSION: &str = "1.0";
/// The source of events that name none: this registry.
const SOURCE: &str = "epr";

/// How an event was recorded.
#[derive(Debug, Clone, Copy)]
pub struct Recording<'a> {
    /// Its id in the registry.
    pub id: &'a str,
    /// The type of its receiver.
    pub receiver_type: &'a str,
    /// What it happened to.
    pub unit: &'a Unit,
    /// When it was recorded.
    pub time: Timestamp,
}

/// A recorded event as a CloudEvent 1.0 in structured mode.
///
/// A CDEvent gets the envelope that its binding prescribes (CDEvents cloudevents-binding.md): id,
/// source and type of its context, its subject's id, its time; around the event as it was recorded,
/// in its own version. A payload that is a CloudEvent stays one: attributes that CloudEvents requires
/// are completed, its time is written as RFC 3339, the rest is as it was. Any other event gets the
/// receiver's type, the source `epr`, its unit's path as subject, and its id and time in the
/// registry, so that it is the same however often it is sent.
pub fn to_cloudevent(payload: &Value, facts: Option<&Facts>, recording: &Recording<'_>) -> Value {
    match Enveloped::of(Some(payload), facts, recording) {
        Enveloped::Already(event) => Value::Object(event),
        Enveloped::Around(mut attributes) => {
            // Absent, as the JSON format has it.
            if !payload.is_null() {
                attributes.insert("datacontenttype".to_owned(), json!("application/json"));
                attributes.insert("data".to_owned(), payload.clone());
            }
            Value::Object(attributes)
        }
    }
}

/// The text of [`to_cloudevent`], whose data is the payload's own text, so that nothing in it is read
/// and written anew: numbers keep their digits. `payload` is `None` for what is too large to be taken
/// apart.
pub fn to_cloudevent_text(
    text: &str,
    payload: Option<&Value>,
    facts: Option<&Facts>,
    recording: &Recording<'_>,
) -> String {
    let attributes = match Enveloped::of(payload, facts, recording) {
        Enveloped::Already(event) => return Value::Object(event).to_string(),
        Enveloped::Around(attributes) => Value::Object(attributes).to_string(),
    };
    let text = text.trim();
    match attributes.strip_suffix('}') {
        Some(open) if text != "null" => {
            format!(r#"{open},"datacontenttype":"application/json","data":{text}}}"#)
        }
        _ => attributes,
    }
}

/// A payload and its envelope.
enum Enveloped {
    /// It is one, completed.
    Already(Map<String, Value>),
    /// The attributes of one around it.
    Around(Map<String, Value>),
}

impl Enveloped {
    fn of(payload: Option<&Value>, facts: Option<&Facts>, recording: &Recording<'_>) -> Self {
        let object = payload.and_then(Value::as_object);
        let enveloped = object.filter(|object| {
            let flat = facts.is_some_and(|facts| facts.has_note("flat_dialect"));
            CloudEvent::is_one(object) || flat
        });
        match (enveloped, facts) {
            (Some(envelope), _) => Self::Already(completed(envelope, facts, recording)),
            (None, Some(facts)) if facts.kind == DocumentKind::CdEvent => {
                let mut out = attributes(
                    facts.id.as_deref(),
                    facts.source.as_deref(),
                    Some(&facts.type_name),
                    recording,
                );
                let subject = facts.about.as_ref().map(|about| about.id.as_str());
                put(&mut out, "subject", subject);
                let time = facts.at().filter(|at| has_four_digits(*at));
                out.insert("time".to_owned(), json!(time.unwrap_or(recording.time)));
                Self::Around(out)
            }
            (None, _) => {
                let mut out = attributes(None, None, None, recording);
                put(&mut out, "subject", Some(&recording.unit.path()));
                out.insert("time".to_owned(), json!(recording.time));
                Self::Around(out)
            }
        }
    }
}

/// What CloudEvents requires.
fn attributes(
    id: Option<&str>,
    source: Option<&str>,
    type_name: Option<&str>,
    recording: &Recording<'_>,
) -> Map<String, Value> {
    let given = |text: Option<&str>| {
        text.map(str::trim)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let source = given(source).map_or_else(|| SOURCE.to_owned(), |source| as_reference(&source));
    let mut out = Map::new();
    out.insert("specversion".to_owned(), json!(SPECVERSION));
    out.insert(
        "id".to_owned(),
        json!(given(id).unwrap_or_else(|| recording.id.to_owned())),
    );
    out.insert("source".to_owned(), json!(source));
    let receiver_type = recording.receiver_type.to_owned();
    out.insert(
        "type".to_owned(),
        json!(given(type_name).unwrap_or(receiver_type)),
    );
    out
}

fn put(out: &mut Map<String, Value>, name: &str, text: Option<&str>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        out.insert(name.to_owned(), json!(text));
    }
}

/// A payload that is an envelope already.
fn completed(
    envelope: &Map<String, Value>,
    facts: Option<&Facts>,
    recording: &Recording<'_>,
) -> Map<String, Value> {
    let of_facts = |text: fn(&Facts) -> Option<&String>| facts.and_then(text).map(String::as_str);
    let id = read::id(envelope, "id");
    let source = read::id(envelope, "source");
    let type_name = read::id(envelope, "type");
    let declared = of_facts(|facts| Some(&facts.type_name));
    let mut out = attributes(
        id.as_deref().or(of_facts(|facts| facts.id.as_ref())),
        source
            .as_deref()
            .or(of_facts(|facts| facts.source.as_ref())),
        type_name.as_deref().or(declared),
        recording,
    );
    let subject = read::id(envelope, "subject");
    let about = facts
        .and_then(|facts| facts.about.as_ref())
        .map(|about| about.id.as_str());
    put(&mut out, "subject", subject.as_deref().or(about));
    let time = facts.and_then(Facts::at).filter(|at| has_four_digits(*at));
    out.insert("time".to_owned(), json!(time.unwrap_or(recording.time)));
    let mut seen_data = false;
    for (name, value) in envelope {
        let known = out.contains_key(name) || value.is_null();
        let is_data = matches!(name.as_str(), "data" | "data_base64");
        // Of two that exclude each other the first.
        if known || (is_data && seen_data) {
            continue;
        }
        seen_data |= is_data;
        if is_data {
            out.insert(name.clone(), value.clone());
            continue;
        }
        let name = attribute_name(name);
        let is_taken = out.contains_key(&name) || matches!(name.as_str(), "" | "data");
        let is_wrong = match name.as_str() {
            "dataschema" => !value.as_str().is_some_and(is_uri),
            "datacontenttype" => value.as_str().is_none_or(str::is_empty),
            _ => false,
        };
        if is_taken || is_wrong {
            continue;
        }
        let value = match value {
            Value::String(_) | Value::Bool(_) => value.clone(),
            // An integer of 32 bits, or text.
            Value::Number(number) if number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) => {
                value.clone()
            }
            other => json!(other.to_string()),
        };
        out.insert(name, value);
    }
    out
}

/// CloudEvents 1.0, "Attribute Naming Convention": small letters and digits.
fn attribute_name(name: &str) -> String {
    let letters = name.bytes().filter(u8::is_ascii_alphanumeric);
    letters
        .map(|byte| char::from(byte.to_ascii_lowercase()))
        .collect()
}
