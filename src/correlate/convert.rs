//! Recorded events in the words of others.
//!
//! [`to_0_5_1`] brings a CDEvent of any version or dialect up to CDEvents 0.5.1, as bare JSON: what
//! CDviz and other receivers that know the published schemas accept. What is recorded stays as it
//! was sent; this is another view of it.
//!
//! - Id, source, chain and time are kept, so that an event that is sent again is the same event. What
//!   is missing of them comes from the record.
//! - Types, names and outcomes are those of 0.5 (`url` → `uri`, `pass` → `success`,
//!   `testcase` → `testcaserun`); a finished test case whose outcome is that it was skipped becomes
//!   `testcaserun.skipped`.
//! - What 0.5.1 has no place for moves to `customData`: `x_content`, `x_subject`, `x_context` and
//!   `x_top` by where it stood, `x_links` what is no link, `x_data` a customData that is no object.
//!   What is null is left out.
//! - What 0.5.1 requires and nothing says is filled with a value that is no one's (`unknown`,
//!   `about:blank`, an outcome `error`) and named in [`Converted::filled`] and in
//!   `customData.x_filled`. A subject without an id is not made up.
//! - Links as an object become RELATIONs with their addresses among the tags; the one that names the
//!   pipelineRun goes where 0.5 has it, into the content. An envelope's `causationid` becomes a
//!   RELATION `causedBy`.
//! - Flat documents get a content from what they say; their data is kept as `customData.x_data`.
//! - Types that only the draft of 0.6 has (`approval.*`) stay events of that draft. Custom types
//!   (`dev.cdeventsx.…`) stay what they are, with their content. Types that no version has
//!   (`dev.cdevents.test.completed.0.1.0`) become custom ones of the tool `epr`, for receivers
//!   refuse the others.
//!
//! [`to_cloudevent`] puts any recorded event into a CloudEvent, as it was recorded.

mod content;
mod context;
mod envelope;
mod fill;
mod kept;
mod links;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_corpus;

use std::borrow::Cow;

use serde_json::{Map, Value, json};

pub use envelope::{Recording, to_cloudevent, to_cloudevent_text};

use super::cloudevent::CloudEvent;
use super::decode::bare;
use super::facts::{DocumentKind, Facts};
use crate::domain::run::RunOutcome;
use crate::domain::schema::cdevents::{self, CUSTOM_PREFIX, EventType, Spec};
use crate::domain::text::quoted;
use crate::domain::time::Timestamp;
use crate::limits;
use kept::Kept;

/// The tool in whose name types are made custom that no version of CDEvents has.
const TOOL: &str = "epr";

/// What an event is given that lacks it.
#[derive(Debug, Clone, Copy)]
pub struct Fallback<'a> {
    /// The id of the record.
    pub id: &'a str,
    /// When it was recorded.
    pub time: Timestamp,
    /// A URI reference that stands for this registry.
    pub source: &'a str,
}

/// An event in another version.
#[derive(Debug, Clone, PartialEq)]
pub struct Converted {
    /// The event.
    pub event: Value,
    /// What was changed, for a reader; at most [`limits::FACT_LIST`] of it. Empty if it was an event
    /// of 0.5.1 already.
    pub changes: Vec<String>,
    /// Fields that are required and that nothing says: they hold a placeholder.
    pub filled: Vec<String>,
}

/// Why something cannot be a CDEvent of 0.5.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotConvertible {
    /// It is something else.
    #[error("it is no CDEvent but {}", kind_word(*.0))]
    NoEvent(DocumentKind),
    /// Nothing says what it is about.
    #[error("it says not what it is about: its subject has no id")]
    NoSubject,
    /// It has no type from which one could be made.
    #[error("it has no type, or one without a subject and predicate")]
    NoType,
}

const fn kind_word(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::CdEvent => "a CDEvent",
        DocumentKind::Link => "a link",
        DocumentKind::CloudEvent => "another CloudEvent",
        DocumentKind::Sbom => "an SBOM",
    }
}

/// Brings a recorded payload up to CDEvents 0.5.1. `facts` is what was read of it when it was
/// recorded.
pub fn to_0_5_1(
    payload: &Value,
    facts: &Facts,
    fallback: &Fallback<'_>,
) -> Result<Converted, NotConvertible> {
    if facts.kind != DocumentKind::CdEvent {
        return Err(NotConvertible::NoEvent(facts.kind));
    }
    let about = facts.about.as_ref().filter(|about| !about.id.is_empty());
    let about = about.ok_or(NotConvertible::NoSubject)?;
    let parts = Parts::of(payload);
    let mut log = Log::default();
    let target = Target::of(facts, &mut log)?;
    let mut kept = Kept::new(&parts, &mut log);
    let declared = facts.type_name.trim();
    if target.event.is_none() && target.type_name != declared {
        let members = [("type".to_owned(), json!(declared))];
        kept.put("x_context", members.into_iter().collect(), &mut log);
    }

    let inside = content::converted(&parts, facts, &target, &mut kept, &mut log);
    let context = context::converted(&parts, facts, fallback, &target, &mut kept, &mut log);
    let mut subject = Map::new();
    subject.insert("id".to_owned(), json!(about.id));
    if let Some(source) = super::decode::read::id(&parts.subject, "source") {
        subject.insert(
            "source".to_owned(),
            json!(context::reference("subject.source", &source, &mut log)),
        );
    }
    subject.insert("content".to_owned(), Value::Object(inside));
    if parts.subject.contains_key("type") {
        log.change("subject.type dropped: 0.5 has it in context.type alone");
    }

    let mut event = Map::new();
    event.insert("context".to_owned(), Value::Object(context));
    event.insert("subject".to_owned(), Value::Object(subject));
    if target.spec != Spec::NEWEST {
        links::only_of_the_draft(&mut event, &mut kept, &mut log);
    }
    kept.finish(&mut event, &log.filled);
    Ok(Converted {
        event: Value::Object(event),
        changes: log.changes,
        filled: log.filled,
    })
}

/// A document taken apart.
struct Parts<'a> {
    context: Cow<'a, Map<String, Value>>,
    subject: Cow<'a, Map<String, Value>>,
    custom: Option<Cow<'a, Value>>,
    custom_type: Option<Cow<'a, Value>>,
    /// Other members at the top.
    rest: Map<String, Value>,
    /// Whether it has no subject, so that its content is made from what it says.
    flat: bool,
}

impl<'a> Parts<'a> {
    fn of(payload: &'a Value) -> Self {
        match bare(payload) {
            Some(Cow::Borrowed(event)) => Self::bare(event),
            Some(Cow::Owned(event)) => Parts::bare(&event).into_owned(),
            None => Self::flat(payload),
        }
    }

    fn bare(event: &'a Value) -> Self {
        let member = |name: &str| event.get(name).filter(|value| !value.is_null());
        let object = |name: &str| match member(name) {
            Some(Value::Object(object)) => Cow::Borrowed(object),
            _ => Cow::Owned(Map::new()),
        };
        let media_type = member("customDataContentType").filter(|value| value.is_string());
        let own = |name: &str| match name {
            "context" | "subject" | "customData" => true,
            "customDataContentType" => media_type.is_some(),
            "custom_data" => member("customData").is_none(),
            _ => false,
        };
        let all = event.as_object().into_iter().flatten();
        Self {
            context: object("context"),
            subject: object("subject"),
            custom: member("customData")
                .or_else(|| member("custom_data"))
                .map(Cow::Borrowed),
            custom_type: media_type.map(Cow::Borrowed),
            rest: all
                .filter(|(name, value)| !own(name) && !value.is_null())
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            flat: false,
        }
    }

    /// What has an envelope alone, or only part of an event: its data, else all of it, is kept.
    fn flat(payload: &Value) -> Self {
        let object = payload.as_object();
        let enveloped = object.map(|object| CloudEvent::read(object).0);
        let data = enveloped.as_ref().and_then(CloudEvent::document);
        let (custom, context) = match (data, payload.get("context")) {
            (None, Some(Value::Object(context))) => (None, context.clone()),
            (data, _) => (data.map(Cow::into_owned), Map::new()),
        };
        Self {
            context: Cow::Owned(context),
            subject: Cow::Owned(Map::new()),
            custom: custom
                .map(|data| json!({"x_data": data}))
                .or_else(|| payload.get("customData").cloned())
                .filter(|custom| !custom.is_null())
                .map(Cow::Owned),
            custom_type: None,
            rest: Map::new(),
            flat: true,
        }
    }

    fn into_owned(self) -> Parts<'static> {
        Parts {
            context: Cow::Owned(self.context.into_owned()),
            subject: Cow::Owned(self.subject.into_owned()),
            custom: self.custom.map(|value| Cow::Owned(value.into_owned())),
            custom_type: self.custom_type.map(|value| Cow::Owned(value.into_owned())),
            rest: self.rest,
            flat: self.flat,
        }
    }
}

/// What an event becomes.
struct Target {
    spec: Spec,
    type_name: String,
    /// The event type of the specification; `None` of custom ones, whose content is free.
    event: Option<&'static EventType>,
}

impl Target {
    fn of(facts: &Facts, log: &mut Log) -> Result<Self, NotConvertible> {
        let declared = facts.type_name.trim();
        let is_custom = declared
            .get(..CUSTOM_PREFIX.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(CUSTOM_PREFIX));
        if is_custom {
            return Self::custom(declared, log);
        }
        let mut name = format!("{}.{}", facts.subject, facts.predicate);
        if name == "testcaserun.finished" && facts.outcome == Some(RunOutcome::Skipped) {
            log.change("testcaserun.finished that was skipped → testcaserun.skipped");
            name = "testcaserun.skipped".to_owned();
        }
        let Some(event) = cdevents::event(&name) else {
            return Self::unknown(facts, log);
        };
        let spec = match event.type_name(Spec::NEWEST) {
            Some(_) => Spec::NEWEST,
            None => event.specs().next_back().unwrap_or(Spec::NEWEST),
        };
        let type_name = event.type_name(spec).unwrap_or_default().to_owned();
        if type_name != declared {
            log.change(format!("type {} → {type_name}", quoted(declared)));
        }
        Ok(Self {
            spec,
            type_name,
            event: Some(event),
        })
    }

    /// A custom type in the form that receivers take (custom/README.md): `dev.cdeventsx.` and tool,
    /// subject, predicate and a version of three numbers.
    fn custom(declared: &str, log: &mut Log) -> Result<Self, NotConvertible> {
        let rest = declared.get(CUSTOM_PREFIX.len()..).unwrap_or_default();
        let mut parts = rest.split('.');
        let named = parts.next().unwrap_or_default();
        let (tool, subject) = named.split_once('-').unwrap_or((TOOL, named));
        let tool: String = tool.chars().filter(char::is_ascii_alphanumeric).collect();
        let letters =
            |text: &str| -> String { text.chars().filter(char::is_ascii_alphabetic).collect() };
        let (subject, predicate) = (letters(subject), letters(parts.next().unwrap_or_default()));
        if subject.is_empty() || predicate.is_empty() {
            return Err(NotConvertible::NoType);
        }
        let tool = if tool.is_empty() {
            TOOL.to_owned()
        } else {
            tool
        };
        let mut version = ["0", "1", "0"].map(|missing| {
            let part = parts.next().unwrap_or_default();
            let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let number = part.get(..digits).unwrap_or_default();
            if number.is_empty() { missing } else { number }.to_owned()
        });
        let [major, minor, patch] = version.each_mut().map(std::mem::take);
        let type_name =
            format!("{CUSTOM_PREFIX}{tool}-{subject}.{predicate}.{major}.{minor}.{patch}");
        if type_name != declared {
            log.change(format!("type {} → {type_name}", quoted(declared)));
        }
        Ok(Self {
            spec: Spec::NEWEST,
            type_name,
            event: None,
        })
    }

    /// A type that no version has: a custom one of ours, as custom/README.md writes them.
    fn unknown(facts: &Facts, log: &mut Log) -> Result<Self, NotConvertible> {
        let letters = |text: &str| -> String {
            text.chars()
                .filter(char::is_ascii_alphabetic)
                .take(limits::FIELD_CHARS)
                .collect()
        };
        let (subject, predicate) = (letters(&facts.subject), letters(&facts.predicate));
        if subject.is_empty() || predicate.is_empty() {
            return Err(NotConvertible::NoType);
        }
        log.change(format!(
            "type {} is of no version: sent as a custom one",
            quoted(&facts.type_name)
        ));
        Ok(Self {
            spec: Spec::NEWEST,
            type_name: format!("{CUSTOM_PREFIX}{TOOL}-{subject}.{predicate}.0.1.0"),
            event: None,
        })
    }
}

/// What was changed and filled.
#[derive(Debug, Default)]
struct Log {
    changes: Vec<String>,
    filled: Vec<String>,
}

impl Log {
    fn change(&mut self, change: impl Into<String>) {
        let change = change.into();
        if self.changes.len() < limits::FACT_LIST && !self.changes.contains(&change) {
            self.changes.push(change);
        }
    }

    fn fill(&mut self, path: &str) {
        if self.filled.len() < limits::FACT_LIST {
            self.filled.push(path.to_owned());
        }
    }
}
