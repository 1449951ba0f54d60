//! Links: embedded in a context (CDEvents links.md), on their own, and in the dialects of producers.

use serde_json::Value;

use super::draft::{Draft, is_commit};
use super::read::{self, Object};
use super::types::today;
use crate::correlate::cloudevent::CloudEvent;
use crate::correlate::facts::{DocumentKind, Facts, Target};
use crate::correlate::key::Role;
use crate::domain::text::quoted;
use crate::limits;

/// Notes names in snake_case.
pub(super) fn note_snake(draft: &mut Draft, object: &Object) {
    let mut names = read::IN_SNAKE_CASE.iter().map(|(_, snake)| *snake);
    if let Some(name) = names.find(|name| object.contains_key(*name)) {
        draft.note_once("snake_case_links", name);
    }
}

/// Reads `context.links`, in whatever form it comes.
pub(super) fn embedded(draft: &mut Draft, links: &Value) {
    match links {
        Value::Array(links) => {
            let looked_at = links.len().min(limits::LINKS_PER_EVENT);
            draft.leave_out(links.len() - looked_at);
            for link in links.iter().take(looked_at) {
                match link.as_object() {
                    Some(link) => one(draft, link),
                    None => draft.note_once("link_unreadable", "a link is no object"),
                }
            }
        }
        Value::Object(link) if read::get(link, "linkType").is_some() => one(draft, link),
        Value::Object(links) => as_object(draft, links),
        _ => draft.note_once("link_unreadable", "links are no list"),
    }
}

/// One embedded link.
fn one(draft: &mut Draft, link: &Object) {
    note_snake(draft, link);
    let kind = read::id(link, "linkType").unwrap_or_default();
    let name = read::id(link, "linkKind");
    let (role, end) = match kind.to_ascii_uppercase().as_str() {
        "PATH" => (Role::Path, "from"),
        "END" => (Role::End, "from"),
        "RELATION" => (Role::Relation, "target"),
        // Never embedded by the specification, and it says nothing that the event does not.
        "START" => return,
        _ => {
            return draft.note_once("link_unreadable", format!("linkType {}", quoted(&kind)));
        }
    };
    let Some(end) = read::get(link, end) else {
        return match role {
            // END may go without: the path ends here, wherever it came from.
            Role::End => draft.note_once("chain_end", ""),
            _ => draft.note_once(
                "link_unreadable",
                format!("{} leads nowhere", quoted(&kind)),
            ),
        };
    };
    point(draft, role, end, name.as_deref());
}

/// Where a link leads: an event by the id of its context, a resource by its domain id.
fn point(draft: &mut Draft, role: Role, end: &Value, name: Option<&str>) {
    let Some(end) = end.as_object() else {
        if let Some(id) = read::id_of(end) {
            draft.refer(role, Target::Event(id), name);
        }
        return;
    };
    note_snake(draft, end);
    let event = read::id(end, "contextId");
    let resource = read::id(end, "domainId");
    if event.is_none() && resource.is_none() {
        draft.note_once("link_unreadable", "a link leads to nothing");
    }
    if let Some(id) = event {
        draft.refer(role, Target::Event(id), name);
    }
    if let Some(uri) = resource {
        draft.refer(role, Target::Resource(uri), name);
    }
}

/// Subjects that an event is a part of, by the names of their references.
const WHOLES: [(&str, &str); 4] = [
    ("pipelinerun", "pipelinerun"),
    ("testsuiterun", "testsuiterun"),
    ("testcaserun", "testcaserun"),
    ("build", "build"),
];

/// Links as an object of addresses: `{"pipelineRun": "https://…", "trigger": "https://…"}`.
fn as_object(draft: &mut Draft, links: &Object) {
    if links.is_empty() {
        return;
    }
    draft.note_once("links_object_dialect", "links are an object and no list");
    draft.leave_out(links.len().saturating_sub(limits::LINKS_PER_EVENT));
    for (name, value) in links.iter().take(limits::LINKS_PER_EVENT) {
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let plain = plain.to_ascii_lowercase();
        let whole = WHOLES.iter().find(|(key, _)| *key == plain);
        match (whole, value) {
            (_, Value::Null) => {}
            (Some((_, kind)), value) => {
                if let Some(to) = read::reference(value) {
                    draft.refer_to(Role::Member, kind, to);
                }
            }
            (None, Value::Object(end)) if read::get(end, "contextId").is_some() => {
                point(draft, Role::Relation, value, Some(name));
            }
            (None, value) => {
                if let Some((id, _)) = read::reference(value) {
                    resource(draft, &id, name);
                }
            }
        }
    }
}

/// A resource by its address, and the commit that it is, if it is one.
pub(super) fn resource(draft: &mut Draft, uri: &str, name: &str) {
    draft.refer(Role::Relation, Target::Resource(uri.to_owned()), Some(name));
    if let Some((repository, sha)) = commit_of(uri) {
        let repository = Some(repository);
        draft.refer(
            Role::Relation,
            Target::Commit { repository, sha },
            Some(name),
        );
    }
}

/// Repository and id of a commit by its page: `https://host/org/app/commit/<id>`, as the forges have
/// it (`/-/commit/`, `/commits/`).
pub(in crate::correlate) fn commit_of(url: &str) -> Option<(String, String)> {
    if !read::is_url(url) {
        return None;
    }
    let path = url.split(['?', '#']).next()?.trim_end_matches('/');
    let (path, sha) = path.rsplit_once('/')?;
    let repository = path
        .strip_suffix("/commit")
        .or_else(|| path.strip_suffix("/commits"))?;
    let repository = repository.strip_suffix("/-").unwrap_or(repository);
    is_commit(sha).then(|| (repository.to_owned(), sha.to_ascii_lowercase()))
}

/// Links from subject to subject as the tools around CDviz write them:
/// `customData.links[] = {linkkind, subject: {id, type}}`.
pub(super) fn of_subjects(draft: &mut Draft, links: &[Value]) {
    let looked_at = links.len().min(limits::LINKS_PER_EVENT);
    draft.leave_out(links.len() - looked_at);
    for link in links.iter().take(looked_at).filter_map(Value::as_object) {
        let name = read::id(link, "linkkind").or_else(|| read::id(link, "linkKind"));
        let Some(to) = read::object(link, "subject") else {
            continue;
        };
        let Some(id) = read::id(to, "id") else {
            continue;
        };
        let kind = read::id(to, "type")
            .unwrap_or_default()
            .to_ascii_lowercase();
        let kind = today(&kind);
        if kind == "artifact" {
            draft.artifact(Role::Uses, &id);
        } else if !kind.is_empty() {
            let subject = crate::correlate::facts::Subject {
                kind: kind.to_owned(),
                id,
                source: read::id(to, "source"),
            };
            draft.refer(Role::Relation, Target::Subject(subject), name.as_deref());
        }
    }
}

/// Whether it is a stand-alone link (links.md, "Separate links").
pub(super) fn is_one(object: &Object) -> bool {
    read::id(object, "linkType").is_some()
        && (read::get(object, "chainId").is_some()
            || ["start", "from", "end", "source", "target"]
                .iter()
                .any(|end| read::get(object, end).is_some_and(Value::is_object)))
}

/// Reads a stand-alone link. What it leads from has the role [`Role::LinkFrom`], what it leads to
/// [`Role::LinkTo`]; the ends of a RELATION are related, first its source, then its target. The
/// predicate says which link it is.
pub(super) fn stand_alone(object: &Object, envelope: Option<&CloudEvent<'_>>) -> Facts {
    let declared = read::id(object, "linkType").unwrap_or_default();
    let kind = read::cut(&declared, limits::FIELD_CHARS).to_ascii_lowercase();
    let type_name = envelope
        .map(|envelope| envelope.type_name.clone())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| format!("dev.cdevents.link.{kind}"));
    let mut draft = Draft::new(Facts::new(DocumentKind::Link, type_name));
    note_snake(&mut draft, object);
    let ends: &[(&str, Role)] = match kind.as_str() {
        "start" => &[("start", Role::LinkFrom)],
        "path" => &[("from", Role::LinkFrom), ("to", Role::LinkTo)],
        "end" => &[("from", Role::LinkFrom), ("end", Role::LinkTo)],
        "relation" => &[("source", Role::Relation), ("target", Role::Relation)],
        _ => {
            draft.note("link_unreadable", format!("linkType {}", quoted(&declared)));
            &[]
        }
    };
    let name = read::id(object, "linkKind");
    for (end, role) in ends {
        match read::get(object, end) {
            Some(end) => point(&mut draft, *role, end, name.as_deref()),
            None if kind == "end" && *end == "from" => {}
            None => draft.note_once("link_unreadable", format!("it has no {end}")),
        }
    }
    draft.facts.name = name;
    draft.chain(read::id(object, "chainId"));
    if draft.facts.chain.is_none() && !draft.facts.has_note("chain_placeholder") {
        draft.note("chain_missing", "");
    }
    draft.facts.predicate = kind;
    let time = read::id(object, "timestamp");
    let time = time.and_then(|text| draft.read_time("timestamp", &text));
    if let Some(time) = time.or_else(|| envelope.and_then(|envelope| envelope.time)) {
        draft.time(time);
    }
    if let Some(envelope) = envelope {
        draft.facts.id = Some(envelope.id.clone()).filter(|id| !id.is_empty());
        draft.facts.source = Some(envelope.source.clone()).filter(|source| !source.is_empty());
    }
    draft.finish()
}
