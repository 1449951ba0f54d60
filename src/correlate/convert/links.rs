//! Embedded links (CDEvents links.md), from whatever form they have.

use serde_json::{Map, Value, json};

use super::kept::Kept;
use super::{Log, Parts};
use crate::correlate::conformance::verdict;
use crate::correlate::decode::read;
use crate::correlate::facts::{Facts, Target};
use crate::correlate::key::{Role, folded};
use crate::limits;

/// A link as 0.5.1 has it, and whether it has a place for all that stood in the one given.
type Made = (Value, bool);

/// The links; what is none is kept.
pub(super) fn converted(
    parts: &Parts<'_>,
    facts: &Facts,
    kept: &mut Kept,
    log: &mut Log,
) -> Vec<Value> {
    let mut links = Vec::new();
    let mut strange = Vec::new();
    match parts.context.get("links") {
        None | Some(Value::Null) => {}
        Some(Value::Array(given)) => {
            let mut given = given.iter().filter(|link| !link.is_null());
            for link in given.by_ref().take(limits::LINKS_PER_EVENT) {
                let (made, whole) = link.as_object().and_then(one).unzip();
                if made.as_ref() != Some(link) {
                    log.change("links are written as links.md has them");
                }
                if whole != Some(true) {
                    strange.push(link.clone());
                }
                links.extend(made);
            }
            strange.extend(given.cloned());
        }
        Some(Value::Object(link)) if read::get(link, "linkType").is_some() => {
            log.change("the one link → a list of links");
            let (made, whole) = one(link).unzip();
            if whole != Some(true) {
                strange.push(Value::Object(link.clone()));
            }
            links.extend(made);
        }
        Some(Value::Object(named)) => {
            log.change("links as an object → RELATION links");
            for (name, value) in named.iter().filter(|(_, value)| !value.is_null()) {
                let (made, whole) = relation(name, value)
                    .filter(|_| links.len() < limits::LINKS_PER_EVENT)
                    .unzip();
                if whole != Some(true) {
                    strange.push(json!({name: value}));
                }
                links.extend(made);
            }
        }
        Some(other) => strange.push(other.clone()),
    }
    kept.push("x_links", strange, log);
    cause(facts, &mut links, log);
    links
}

/// A link with the names and the form that 0.5.1 has; `None` if it is none.
fn one(link: &Map<String, Value>) -> Option<Made> {
    let kind = read::id(link, "linkType")?.to_ascii_uppercase();
    let place = match kind.as_str() {
        "RELATION" => "target",
        "PATH" | "END" => "from",
        _ => return None,
    };
    let (leads, whole_end) = match read::get(link, place) {
        Some(given) => end(given).map(|(leads, whole)| (Some(leads), whole))?,
        None if kind == "END" => (None, true),
        None => return None,
    };
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| out.insert(name.to_owned(), value);
    match leads {
        // Only the draft of 0.6 has paths between resources.
        Some(leads) if kind == "RELATION" || leads.get("contextId").is_none() => {
            let own = read::id(link, "linkKind").filter(|_| kind == "RELATION");
            let name = match kind.as_str() {
                "RELATION" => "related".to_owned(),
                path => path.to_ascii_lowercase(),
            };
            put("linkType", json!("RELATION"));
            put("linkKind", json!(own.unwrap_or(name)));
            put("target", leads);
        }
        Some(leads) => {
            put("linkType", json!(kind));
            put("from", leads);
        }
        None => {
            put("linkType", json!(kind));
        }
    }
    match read::get(link, "tags") {
        Some(Value::Object(tags)) => {
            put("tags", Value::Object(tags.clone()));
        }
        Some(other) => {
            put("tags", json!({"tags": other}));
        }
        None => {}
    }
    let has_place = |name: &str, value: &Value| match name {
        "linkType" | "link_type" | "tags" => true,
        "linkKind" | "link_kind" => kind == "RELATION" && read::scalar(value).is_some(),
        other => other == place,
    };
    let mut members = link.iter().filter(|(_, value)| !value.is_null());
    let whole = members.all(|(name, value)| has_place(name, value));
    Some((Value::Object(out), whole && whole_end))
}

/// Where a link leads: an event by the id of its context, or a resource by its domain id. What else
/// stands there stays, for 0.5.1 leaves it open.
fn end(value: &Value) -> Option<Made> {
    let Some(object) = value.as_object() else {
        return read::id_of(value).map(|id| (json!({"contextId": id}), true));
    };
    let mut out = Map::new();
    let mut whole = true;
    for name in ["contextId", "domainId"] {
        let given = read::get(object, name);
        let id = given.and_then(read::id_of);
        whole &= given.is_none() || id.is_some();
        if let Some(id) = id {
            out.insert(name.to_owned(), json!(id));
        }
    }
    let own = ["contextId", "context_id", "domainId", "domain_id"];
    let others = object
        .iter()
        .filter(|(name, value)| !own.contains(&name.as_str()) && !value.is_null());
    out.extend(others.map(|(name, value)| (name.clone(), value.clone())));
    Some((Value::Object(out), whole))
}

/// Keeps aside what is no link in the draft of 0.6, which is stricter: it wants to know where each leads.
pub(super) fn only_of_the_draft(event: &mut Map<String, Value>, kept: &mut Kept, log: &mut Log) {
    let mut one_by_one = Value::Object(event.clone());
    let Some(Value::Object(context)) = event.get_mut("context") else {
        return;
    };
    let Some(Value::Array(links)) = context.get_mut("links") else {
        return;
    };
    let mut strange = Vec::new();
    links.retain(|link| {
        if let Some(only) = one_by_one.pointer_mut("/context/links") {
            *only = json!([link]);
        }
        let faults = verdict(&one_by_one).faults;
        let is_one = !faults
            .iter()
            .any(|fault| fault.starts_with("/context/links"));
        if !is_one {
            strange.push(link.clone());
        }
        is_one
    });
    if links.is_empty() {
        context.shift_remove("links");
    }
    kept.push("x_links", strange, log);
}

/// A member of links as an object: an address, an id, or an event.
fn relation(name: &str, value: &Value) -> Option<Made> {
    let kind = match name.trim() {
        "" => "related",
        name => name,
    };
    let link = |target: Value| json!({"linkType": "RELATION", "linkKind": kind, "target": target});
    let (text, whole) = match value {
        Value::Object(object) if read::get(object, "contextId").is_some() => {
            let (target, whole) = end(value)?;
            return Some((link(target), whole));
        }
        Value::Object(object) => {
            let text = read::id(object, "id").or_else(|| read::id(object, "uri"))?;
            (text, object.len() == 1)
        }
        other => (read::id_of(other)?, true),
    };
    if text.starts_with("cdevents:") {
        return Some((link(json!({"domainId": text})), whole));
    }
    let mut link = link(json!({}));
    if let Some(link) = link.as_object_mut() {
        link.insert("tags".to_owned(), json!({"uri": text}));
    }
    Some((link, whole))
}

/// What caused the event, as an envelope says it, for the event loses its envelope.
fn cause(facts: &Facts, links: &mut Vec<Value>, log: &mut Log) {
    for reference in &facts.references {
        let (Role::Cause, Target::Event(id)) = (reference.role, &reference.target) else {
            continue;
        };
        let names = |end: &Value| end.as_str().is_some_and(|end| folded(end) == folded(id));
        let known = |link: &Value| {
            let ends = ["/target/contextId", "/from/contextId"].map(|end| link.pointer(end));
            ends.into_iter().flatten().any(names)
        };
        if !links.iter().any(known) && links.len() < limits::LINKS_PER_EVENT {
            log.change("the envelope's causationid → a RELATION link");
            let target = json!({"contextId": id});
            links.push(json!({"linkType": "RELATION", "linkKind": "causedBy", "target": target}));
        }
    }
}
