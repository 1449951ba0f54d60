//! Whether an event agrees with the CDEvents specification of its version.
//!
//! Which version that is: the one that the event declares (`context.specversion`, up to 0.4
//! `context.version`); else the one that its type belongs to; else the newest one that has the event.
//! With a version that is not known here (0.1, 0.2, a future one) there is nothing to compare.

use serde_json::{Map, Value};

use super::facts::{Conformance, Verdict};
use crate::domain::schema::Compiled;
use crate::domain::schema::cdevents::{
    self, CUSTOM_PREFIX, EventType, PREFIX, Reading, Spec, events,
};
use crate::limits;

/// Where the type stands in an event.
const TYPE: &str = "/context/type";

/// The verdict on a bare CDEvent (`context` and `subject`). What is no CDEvent, or is of a version
/// that is not known here, is not judged; the reason then stands among the faults.
pub fn verdict(event: &Value) -> Verdict {
    let Some(context) = event.get("context").and_then(Value::as_object) else {
        return unknown("(root): not a CDEvent: it has no context");
    };
    let mut faults = Vec::new();
    let spec = match declared(context) {
        Declared::As(spec) => Some(spec),
        Declared::Unreadable(fault) => {
            faults.push(fault);
            None
        }
        Declared::Foreign(why) => return unknown(&why),
        Declared::Nothing => None,
    };
    let Some(type_name) = context.get("type").and_then(Value::as_str) else {
        let spec = spec.unwrap_or(Spec::NEWEST);
        return judge(event, spec, cdevents::frame(spec), faults);
    };
    if type_name.starts_with(CUSTOM_PREFIX) {
        let spec = spec.unwrap_or(Spec::NEWEST);
        let Some(schema) = cdevents::custom(spec) else {
            return unknown(&format!(
                "{TYPE}: custom events came with CDEvents {}, after {}",
                Spec::V040.name(),
                spec.name()
            ));
        };
        return judge(event, spec, Some(schema), faults);
    }
    let name = type_name.strip_prefix(PREFIX);
    let known = find(name.unwrap_or(type_name));
    let (Some(known), Some(_)) = (known, name) else {
        if known.is_none() && name.is_none() {
            return unknown(&format!(
                "{TYPE}: {} is no type of CDEvents",
                cut(type_name, limits::ECHO_CHARS)
            ));
        }
        let spec = spec.unwrap_or(Spec::NEWEST);
        let near = known.or_else(|| nearest(name.unwrap_or(type_name), spec));
        faults.insert(0, stranger(type_name, spec, near));
        return judge(event, spec, cdevents::frame(spec), faults);
    };
    let spec = spec.unwrap_or_else(|| spec_of_type(known, type_name));
    let Some(right) = known.type_name(spec) else {
        faults.insert(0, stranger(type_name, spec, Some(known)));
        return judge(event, spec, cdevents::frame(spec), faults);
    };
    if right != type_name {
        faults.insert(0, of_another(known, type_name, spec, right));
    }
    judge(event, spec, known.compiled(spec), faults)
}

/// What an event declares as its version.
enum Declared {
    As(Spec),
    /// A version that there are no facts of, as the reason why it is not judged.
    Foreign(String),
    /// Something that is no version, as a fault.
    Unreadable(String),
    Nothing,
}

fn declared(context: &Map<String, Value>) -> Declared {
    let found = ["specversion", "version"]
        .into_iter()
        .find_map(|key| Some((key, context.get(key)?.as_str()?)));
    let Some((key, version)) = found else {
        return Declared::Nothing;
    };
    match Spec::read(version) {
        // Drafts of 0.5 still had `version`.
        Reading::Known(Spec::V050) if key == "version" && version.contains('-') => {
            Declared::As(Spec::V041)
        }
        Reading::Known(spec) => Declared::As(spec),
        Reading::Other => Declared::Foreign(format!(
            "/context/{key}: CDEvents {} is not known here; {} to {} are",
            cut(version, limits::ECHO_CHARS),
            Spec::V030.name(),
            Spec::Draft060.name()
        )),
        Reading::None => Declared::Unreadable(format!(
            "/context/{key}: {} is not a version",
            cut(version, limits::ECHO_CHARS)
        )),
    }
}

/// The event that a type without its prefix names, whatever its version and spelling.
fn find(name: &str) -> Option<&'static EventType> {
    let end = name
        .match_indices('.')
        .nth(1)
        .map_or(name.len(), |(at, _)| at);
    let name = name.get(..end)?;
    cdevents::event(name).or_else(|| {
        events()
            .iter()
            .find(|event| event.name().eq_ignore_ascii_case(name))
    })
}

/// The version of the specification that an undeclared event is judged by.
fn spec_of_type(event: &EventType, type_name: &str) -> Spec {
    let newest_first = || {
        let released = event.specs().rev().filter(|spec| *spec <= Spec::NEWEST);
        released.chain(event.specs().filter(|spec| *spec > Spec::NEWEST))
    };
    newest_first()
        .find(|spec| event.type_name(*spec) == Some(type_name))
        .or_else(|| newest_first().next())
        .unwrap_or(Spec::NEWEST)
}

/// The event of a version whose name is nearest to that of an unknown type.
fn nearest(name: &str, spec: Spec) -> Option<&'static EventType> {
    // The comparison takes the product of both lengths, and no name is longer.
    let name: String = name.chars().take(limits::ECHO_CHARS).collect();
    let end = name
        .match_indices('.')
        .nth(1)
        .map_or(name.len(), |(at, _)| at);
    let name = name.get(..end)?.to_ascii_lowercase();
    events()
        .iter()
        .filter(|event| event.type_name(spec).is_some())
        .min_by_key(|event| strsim::levenshtein(&name, event.name()))
}

/// The fault of a type that a version does not have.
fn stranger(type_name: &str, spec: Spec, near: Option<&EventType>) -> String {
    let type_name = cut(type_name, limits::ECHO_CHARS);
    let mut fault = format!("{TYPE}: {type_name} is no type of CDEvents {}", spec.name());
    if let Some(near) = near {
        match (near.type_name(spec), near.specs().next()) {
            (Some(near), _) => fault = format!("{fault}; the nearest is {near}"),
            (None, Some(first)) => {
                let near = near.type_name(first).unwrap_or_default();
                fault = format!("{fault}; {near} came with {}", first.name());
            }
            (None, None) => {}
        }
    }
    fault
}

/// The fault of a type that is of another version than the event.
fn of_another(event: &EventType, type_name: &str, spec: Spec, right: &str) -> String {
    let home = event
        .specs()
        .find(|spec| event.type_name(*spec) == Some(type_name));
    let type_name = cut(type_name, limits::ECHO_CHARS);
    let spec = spec.name();
    match home {
        Some(home) => format!(
            "{TYPE}: {type_name} is of CDEvents {}; {spec} has {right}",
            home.name()
        ),
        None => format!("{TYPE}: {type_name} is of no known version; CDEvents {spec} has {right}"),
    }
}

/// Checks an event against a schema. What is known of its type is not said twice.
fn judge(event: &Value, spec: Spec, schema: Option<&Compiled>, mut faults: Vec<String>) -> Verdict {
    let Some(schema) = schema else {
        return unknown("(root): there is no schema to compare it with");
    };
    if let Err(found) = schema.check(event) {
        let told = |at: &str| faults.iter().any(|fault| is_at(fault, at));
        let more: Vec<_> = found
            .violations
            .iter()
            .filter(|violation| !told(&violation.at))
            .map(|violation| {
                let at = Some(violation.at.as_str()).filter(|at| !at.is_empty());
                format!("{}: {}", at.unwrap_or("(root)"), violation.what)
            })
            .collect();
        faults.extend(more);
    }
    faults.truncate(limits::FAULTS);
    Verdict {
        conformance: if faults.is_empty() {
            Conformance::Conforms
        } else {
            Conformance::Deviates
        },
        spec: Some(spec.name().to_owned()),
        faults: faults
            .iter()
            .map(|fault| cut(fault, limits::FACT_CHARS))
            .collect(),
    }
}

fn is_at(fault: &str, at: &str) -> bool {
    fault
        .strip_prefix(at)
        .is_some_and(|rest| !at.is_empty() && rest.starts_with(": "))
}

fn unknown(why: &str) -> Verdict {
    Verdict {
        conformance: Conformance::Unknown,
        spec: None,
        faults: vec![cut(why, limits::FACT_CHARS)],
    }
}

/// A text of at most so many characters.
fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit.saturating_sub(1)) {
        Some((end, last)) if end + last.len_utf8() < text.len() => {
            format!("{}…", text.get(..end).unwrap_or_default())
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
