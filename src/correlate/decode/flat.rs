//! Flat documents with the type of a CDEvent: no context, what it is about beside the attributes,
//! in `data: {repository, change, build, artifact, test, deployment, environment}`. Common tutorials
//! on CDEvents have programs that write them.

use serde_json::Value;

use super::draft::{Draft, is_commit};
use super::read::{self, Object};
use super::types::EventType;
use super::{cdevent, content, custom};
use crate::correlate::cloudevent::CloudEvent;
use crate::correlate::facts::{DocumentKind, Facts, Subject};
use crate::correlate::key::Role;

/// What is read below.
const READ: &[&str] = &[
    "repository",
    "change.id",
    "change.author",
    "build.id",
    "build.source",
    "build.commit",
    "build.status",
    "artifact.id",
    "artifact.digest",
    "artifact.name",
    "artifact.tags",
    "artifact.size",
    "test.id",
    "test.type",
    "test.outcome",
    "test.reason",
    "deployment.id",
    "deployment.status",
    "environment.id",
    "environment.name",
];
const PARTS: [&str; 7] = [
    "repository",
    "change",
    "build",
    "artifact",
    "test",
    "deployment",
    "environment",
];

/// Reads an event whose envelope alone says that it is a CDEvent.
pub(super) fn read(
    envelope: &CloudEvent<'_>,
    kind: EventType,
    top: &Object,
    data: Option<&Value>,
) -> Facts {
    let type_name = envelope.type_name.clone();
    let mut draft = Draft::new(Facts::new(DocumentKind::CdEvent, type_name));
    let empty = Object::new();
    let data = match data {
        Some(Value::Object(data)) => data,
        Some(_) => {
            draft.note("data_unreadable", "data is no object");
            &empty
        }
        None => {
            draft.note("data_missing", "");
            &empty
        }
    };
    let has_parts = PARTS.iter().any(|part| read::object(data, part).is_some());
    if has_parts || !data.is_empty() || envelope.specversion.is_empty() {
        draft.note("flat_dialect", "there is no context");
    }
    cdevent::take_type(&mut draft, Some(kind), &empty);
    draft.facts.spec = read::id(top, "version");
    draft.facts.id = Some(envelope.id.clone()).filter(|id| !id.is_empty());
    draft.facts.source = Some(envelope.source.clone()).filter(|source| !source.is_empty());
    cdevent::missing_identity(&mut draft);
    // Some programs write `timestamp`.
    let inner = match (envelope.time, read::id(top, "timestamp")) {
        (None, Some(text)) => draft.read_time("timestamp", &text),
        _ => None,
    };
    cdevent::times(&mut draft, inner, false, Some(envelope));
    draft.chain(read::id(top, "chainId").or_else(|| read::id(data, "chainId")));
    cdevent::ties_of_envelope(&mut draft, envelope);
    about(&mut draft, envelope, data);
    // Fields in the words of the vocabulary may stand in it as well.
    content::read_fields(&mut draft, data);
    parts(&mut draft, data);
    custom::leftovers(&mut draft, data, &[READ, content::READ].concat());
    draft.finish()
}

/// The part that the type is about names it; otherwise the attribute does.
fn about(draft: &mut Draft, envelope: &CloudEvent<'_>, data: &Object) {
    let kind = draft.facts.subject.clone();
    let of_part = match kind.as_str() {
        "environment" | "repository" | "build" | "change" => {
            read::object(data, &kind).and_then(|part| read::id(part, "id"))
        }
        _ => None,
    };
    let Some(id) = of_part.or_else(|| envelope.subject.clone()) else {
        return draft.note("subject_missing", "");
    };
    let source = draft.facts.source.clone();
    draft.facts.about = Some(Subject { kind, id, source });
}

fn parts(draft: &mut Draft, data: &Object) {
    let part = |name: &str| read::object(data, name);
    let field = |name: &str, field: &str| part(name).and_then(|part| read::id(part, field));
    let subject = draft.facts.subject.clone();

    let repository = content::repository(data).or_else(|| field("build", "source"));
    if draft.facts.context.repository.is_none() {
        draft.facts.context.repository = repository;
    }
    let repository = draft.facts.context.repository.clone();
    if let Some(author) = field("change", "author") {
        draft.facts.context.user = Some(read::shortened(&author));
    }
    for name in ["build", "deployment"] {
        if subject != name
            && let Some(id) = field(name, "id")
        {
            draft.refer_to(Role::Member, name, (id, None));
        }
    }
    if let Some(commit) = field("build", "commit") {
        draft.commit(Role::From, repository.clone(), &commit);
    }
    if let Some(id) = field("change", "id") {
        let role = match subject.as_str() {
            "repository" | "change" => Role::Own,
            _ => Role::From,
        };
        if is_commit(&id) {
            draft.commit(role, repository, &id);
        } else if subject != "change" {
            draft.refer_to(role, "change", (id, None));
        }
    }
    if let Some(given) = part("artifact") {
        let role = content::artifact_role(&subject);
        if let Some(artifact) = custom::artifact(draft, given, role) {
            if subject == "artifact" {
                // It says more of itself than the attribute `subject` does.
                draft.facts.artifacts.clear();
            }
            draft.add_artifact(artifact);
        }
    }
    if let Some(test) = part("test") {
        draft.facts.context.test_case = read::id(test, "type").or_else(|| read::id(test, "id"));
        draft.facts.name = read::text(test, &["name", "type", "id"]);
        draft.facts.reason = read::text(test, &["reason"]);
        if let Some(said) = read::text(test, &["outcome"]) {
            draft.outcome(&said);
        }
    }
    if let Some(given) = part("environment") {
        draft.facts.context.environment = read::id(given, "id").or_else(|| read::id(given, "name"));
    }
    if draft.facts.predicate == "finished"
        && draft.facts.outcome.is_none()
        && let Some(said) = field("build", "status")
    {
        draft.outcome(&said);
    }
    if let Some(id) = field("deployment", "id")
        && draft.facts.name.is_none()
    {
        draft.facts.name = Some(read::shortened(&format!("deployment {id}")));
    }
}
