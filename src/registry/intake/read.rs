//! Reading one document: what it is, what it says, how its event is to be recorded.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::Findings;
use crate::correlate::cloudevent::CloudEvent;
use crate::correlate::{
    Conformance, DocumentKind, Facts, Hint, UNIT_EXTENSIONS, bare, content_digest, decode,
    is_fault, receiver_type, success, unit, verdict,
};
use crate::domain::event::Payload;
use crate::domain::id::EventId;
use crate::domain::json;
use crate::domain::refusal::Refusal;
use crate::domain::run::RunOutcome;
use crate::domain::secrets;
use crate::domain::unit::Unit;
use crate::limits;

/// A document that was looked into.
#[derive(Debug)]
pub struct Document(Result<Read, Refusal>);

/// A document that is an event.
#[derive(Debug)]
pub(super) struct Read {
    /// The payload to record: the document as it came, or of an EPR event its payload.
    pub(super) payload: Payload,
    /// What it says, where that is known.
    pub(super) facts: Option<Facts>,
    /// What an EPR event says of itself.
    epr: Option<EprEvent>,
    /// The CDEvent inside, where the document is an envelope around one.
    pub(super) inner: Option<Arc<str>>,
    /// Attributes by which a sender names the unit.
    extensions: BTreeMap<String, String>,
    /// What it is known by when the same place is read again.
    place: Option<String>,
    findings: Findings,
}

/// An event as EPR clients write it.
#[derive(Debug, Deserialize)]
struct EprEvent {
    /// The id that it has where it was exported.
    #[serde(default)]
    id: Option<String>,
    name: String,
    version: String,
    release: String,
    platform_id: String,
    package: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    success: bool,
    #[serde(default)]
    event_receiver_id: Option<String>,
    /// The receiver as the registry knew it that the event was exported from.
    #[serde(default, rename = "EventReceiver")]
    event_receiver: Option<ReceiverTold>,
    #[serde(skip)]
    payload: String,
}

/// A receiver by what it is called, for a registry in which it has another id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
pub(super) struct ReceiverTold {
    /// Its name.
    pub(super) name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// Its version.
    pub(super) version: String,
}

/// The members that tell an EPR event.
const EPR_MEMBERS: [&str; 6] = [
    "name",
    "version",
    "release",
    "platform_id",
    "package",
    "payload",
];
impl Document {
    /// Looks into a text.
    pub(super) fn read(text: String) -> Self {
        Self(read(text))
    }

    /// What it says, if it is an event.
    pub fn facts(&self) -> Option<&Facts> {
        self.0.as_ref().ok()?.facts.as_ref()
    }

    /// Tells where it stands in a file that stays as it is, so that reading it again does not record it
    /// again. CDEvents and CloudEvents are known by their own ids.
    #[must_use]
    pub fn at(mut self, place: String) -> Self {
        if let Ok(read) = &mut self.0 {
            read.place = Some(place);
        }
        self
    }

    pub(super) fn into_read(self) -> Result<Read, Refusal> {
        self.0
    }
}

fn read(text: String) -> Result<Read, Refusal> {
    let shape = json::scan("document", &text)?;
    if text.len() > limits::DECODED_BYTES {
        if let Ok(epr) = epr_event(&text) {
            return Ok(Read::unread(epr, &text, shape.duplicate_keys));
        }
        return Err(Refusal::TooLarge {
            what: "document",
            size: Some(text.len() as u64),
            limit: limits::DECODED_BYTES as u64,
            unit: "bytes",
            hint: "Record it as the payload of an event: create_event, or epr-mcp event create."
                .to_owned(),
        });
    }
    let value = json::parse("document", &text, &shape)?;
    let Some(members) = value.as_object() else {
        return Err(not_an_event("it is no JSON object"));
    };
    let epr = EPR_MEMBERS
        .iter()
        .all(|name| members.contains_key(*name))
        .then(|| epr_event(&text))
        .transpose()?;
    let said = match &epr {
        Some(_) => members.get("payload").unwrap_or(&Value::Null),
        None => &value,
    };
    let hint = Hint::default();
    let facts = judged(said, &hint);
    if let (Some(facts), None) = (&facts, &epr) {
        unusable(facts)?;
        if facts.kind == DocumentKind::Sbom && !is_typed_envelope(members) {
            return Err(not_an_event(
                "it is an SBOM, which stands for no event by itself: record it as the payload of an event",
            ));
        }
    }
    if facts.is_none() && epr.is_none() {
        return Err(not_an_event("nothing in it tells what happened"));
    }
    let extensions = UNIT_EXTENSIONS
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), said.get(name)?.as_str()?.to_owned())))
        .collect();
    let findings = Findings {
        duplicate_keys: shape.duplicate_keys,
        secret: secrets::first_in_json(&text),
    };
    let inner = match bare(said) {
        Some(Cow::Owned(event)) => Some(Arc::from(event.to_string())),
        _ => None,
    };
    let payload = match &epr {
        Some(epr) => epr.payload.clone(),
        None => text,
    };
    Ok(Read {
        payload: Payload::new(payload),
        facts,
        epr,
        inner,
        extensions,
        place: None,
        findings,
    })
}

/// Whether a document is a CloudEvent that tells its type, whatever it carries.
fn is_typed_envelope(members: &Map<String, Value>) -> bool {
    let kind = members.get("type").and_then(Value::as_str);
    CloudEvent::is_one(members) && kind.is_some_and(|kind| !kind.trim().is_empty())
}

/// Notes of what leaves nothing to be recorded.
const UNUSABLE: [&str; 3] = ["two_data", "data_unreadable", "type_missing"];

/// Refuses a CloudEvent that cannot be read.
fn unusable(facts: &Facts) -> Result<(), Refusal> {
    let fault = facts
        .notes
        .iter()
        .find(|note| UNUSABLE.contains(&note.code.as_str()));
    match fault {
        None => Ok(()),
        Some(note) if note.detail.is_empty() => Err(not_an_event("it has no type")),
        Some(note) => Err(not_an_event(&note.detail)),
    }
}

fn epr_event(text: &str) -> Result<EprEvent, Refusal> {
    #[derive(Deserialize)]
    struct Parts<'a> {
        #[serde(borrow)]
        payload: &'a RawValue,
    }
    let invalid = |error: serde_json::Error| not_an_event(&format!("as an EPR event: {error}"));
    let mut event: EprEvent = serde_json::from_str(text).map_err(invalid)?;
    let parts: Parts<'_> = serde_json::from_str(text).map_err(invalid)?;
    event.payload = parts.payload.get().to_owned();
    Ok(event)
}

fn not_an_event(why: &str) -> Refusal {
    Refusal::NotAnEvent {
        why: why.to_owned(),
    }
}

impl Read {
    /// An EPR event that is too large to be looked into.
    fn unread(epr: EprEvent, text: &str, duplicate_keys: bool) -> Self {
        Self {
            payload: Payload::new(epr.payload.clone()),
            facts: None,
            epr: Some(epr),
            inner: None,
            extensions: BTreeMap::new(),
            place: None,
            findings: Findings {
                duplicate_keys,
                secret: secrets::first_in_json(text),
            },
        }
    }

    /// The unit: as the caller gives it, as an EPR event names it, as the document says.
    pub(super) fn unit(&self, given: &BTreeMap<&'static str, String>) -> Unit {
        let mut found = match (&self.epr, &self.facts) {
            (Some(epr), _) => Unit {
                name: epr.name.clone(),
                version: epr.version.clone(),
                release: epr.release.clone(),
                platform_id: epr.platform_id.clone(),
                package: epr.package.clone(),
            },
            (None, Some(facts)) => unit(facts, &self.extensions),
            // A document that says nothing and is no EPR event was refused.
            (None, None) => Unit::default(),
        };
        for (field, value) in given {
            let part = match *field {
                "name" => &mut found.name,
                "version" => &mut found.version,
                "release" => &mut found.release,
                "platform_id" => &mut found.platform_id,
                _ => &mut found.package,
            };
            part.clone_from(value);
        }
        found
    }

    /// Whether it counts as a success: as an EPR event says, or as the document's outcome does.
    pub(super) fn success(&self) -> bool {
        match (&self.epr, &self.facts) {
            (Some(epr), _) => epr.success,
            (None, Some(facts)) => success(facts).0,
            (None, None) => false,
        }
    }

    /// What happened, in words.
    pub(super) fn description(&self) -> String {
        let said = self.epr.as_ref().and_then(|epr| epr.description.clone());
        let said = said.filter(|text| !text.trim().is_empty());
        said.unwrap_or_else(|| {
            let facts = self.facts.as_ref();
            let text = facts.map_or_else(|| "recorded".to_owned(), description);
            text.chars().take(limits::FIELD_CHARS).collect()
        })
    }

    /// The type of the receiver that it is for.
    pub(super) fn receiver_type(&self) -> Option<String> {
        receiver_type(self.facts.as_ref()?)
    }

    /// The receiver that an EPR event names.
    pub(super) fn receiver_named(&self) -> Option<&str> {
        let named = self.epr.as_ref()?.event_receiver_id.as_deref()?.trim();
        (!named.is_empty()).then_some(named)
    }

    /// What an EPR event is known by when it comes again: the id that it was exported with, else where it
    /// stands. It has no id of its own.
    pub(super) fn key(&self) -> Option<String> {
        let id = self.epr.as_ref()?.id.as_deref();
        match id.map(str::parse::<EventId>) {
            Some(Ok(id)) => Some(format!("exported event {id}")),
            _ => self.place.clone(),
        }
    }

    /// The receiver that an EPR event had where it was exported.
    pub(super) fn receiver_told(&self) -> Option<&ReceiverTold> {
        self.epr.as_ref()?.event_receiver.as_ref()
    }

    pub(super) const fn findings(&self) -> Findings {
        self.findings
    }

    /// Refuses what deviates from its specification or had to be repaired.
    pub(super) fn strictly(&self) -> Result<(), Refusal> {
        let Some(facts) = &self.facts else {
            return Ok(());
        };
        let mut faults = Vec::new();
        if facts.verdict.conformance == Conformance::Deviates {
            faults.extend(facts.verdict.faults.iter().cloned());
        }
        let notes = facts.notes.iter().filter(|note| is_fault(note));
        faults.extend(notes.map(|note| format!("{} {}", note.code, note.detail).trim().to_owned()));
        if faults.is_empty() {
            return Ok(());
        }
        faults.truncate(limits::CANDIDATES);
        Err(Refusal::Nonconformant { faults })
    }
}

/// `taskrun finished: success, compile`.
fn description(facts: &Facts) -> String {
    if facts.subject.is_empty() {
        return facts.type_name.clone();
    }
    let mut text = format!("{} {}", facts.subject, facts.predicate);
    if let Some(outcome) = facts.outcome {
        text.push_str(": ");
        text.push_str(outcome.as_str());
    }
    let what = facts
        .name
        .as_deref()
        .or(facts.about.as_ref().map(|about| about.id.as_str()));
    if let Some(what) = what {
        text.push_str(", ");
        text.push_str(what);
    }
    let bad = facts.outcome.is_some_and(RunOutcome::is_bad);
    if let Some(reason) = facts.reason.as_deref().filter(|_| bad) {
        text.push_str(": ");
        text.push_str(reason);
    }
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Words one of which every payload has that says something which is known here: to look for them
/// costs little beside taking a payload apart.
const MARKS: [&str; 8] = [
    "\"context\"",
    "\"specversion\"",
    "\"linkType\"",
    "\"link_type\"",
    "\"bomFormat\"",
    "\"spdxVersion\"",
    "\"@graph\"",
    "dev.cdevents",
];

/// Whether it is worth while to take an event's payload apart.
pub(in crate::registry) fn may_say_something(payload: &str) -> bool {
    payload.len() <= limits::DECODED_BYTES
        && payload.trim_start().starts_with('{')
        && MARKS.iter().any(|mark| payload.contains(mark))
}

/// What the payload of an event says that somebody records by itself, or recorded before.
pub(in crate::registry) fn facts_of(payload: &str, receiver_type: &str) -> Option<Facts> {
    if !may_say_something(payload) {
        return None;
    }
    let shape = json::scan("payload", payload).ok()?;
    let value = json::parse("payload", payload, &shape).ok()?;
    facts_in(&value, receiver_type)
}

/// The same of a payload that has been taken apart.
pub(in crate::registry) fn facts_in(payload: &Value, receiver_type: &str) -> Option<Facts> {
    let hint = Hint {
        receiver_type: Some(receiver_type),
    };
    judged(payload, &hint)
}

/// What a document says, with the verdict on it.
fn judged(value: &Value, hint: &Hint<'_>) -> Option<Facts> {
    let mut facts = decode(value, hint)?;
    facts.content_digest = content_digest(value);
    if let Some(event) = bare(value) {
        facts.verdict = verdict(&event);
    }
    if let (_, Some(note)) = success(&facts) {
        facts.note(&note.code, note.detail);
    }
    Some(facts)
}
