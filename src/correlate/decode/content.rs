//! The content of a subject, in the words of every version (CDEvents spec, the tables of each
//! subject).

use serde_json::Value;

use super::artifact::ArtifactId;
use super::custom::leftovers;
use super::draft::{Draft, is_full_commit};
use super::links;
use super::read::{self, Object};
use crate::correlate::facts::{SbomReference, Target};
use crate::correlate::key::Role;
use crate::domain::run::RunOutcome;
use crate::domain::text::quoted;

/// What is read below, or says nothing more.
pub(super) const READ: &[&str] = &[
    "taskName",
    "pipelineName",
    "name",
    "summary",
    "url",
    "uri",
    "viewUrl",
    "approvalDetailsUrl",
    "resourceTargetUrl",
    "ticketURI",
    "outcome",
    "status",
    "decision",
    "errors",
    "reason",
    "description",
    "resolution",
    "pipelineRun",
    "testSuiteRun",
    "testCaseRun",
    "testCase.id",
    "testCase.name",
    "testSuite.id",
    "testSuite.name",
    "change",
    "sbom",
    "user",
    "creator",
    "requestor",
    "responder",
    "environment",
    "service",
    "repository",
    "artifactId",
    "signature",
    "trigger.uri",
    "trigger.url",
    // Of subjects whose fields stand beside their content.
    "id",
    "source",
    "type",
    "content",
];

/// Subjects that a content refers to as the whole of which its own is a part.
const WHOLES: [(&str, &str); 3] = [
    ("pipelineRun", "pipelinerun"),
    ("testSuiteRun", "testsuiterun"),
    ("testCaseRun", "testcaserun"),
];

/// Reads the content of the draft's subject.
pub(super) fn read(draft: &mut Draft, content: &Object) {
    read_fields(draft, content);
    leftovers(draft, content, READ);
}

/// Reads the fields that are known.
pub(super) fn read_fields(draft: &mut Draft, content: &Object) {
    names(draft, content);
    context(draft, content);
    for (name, kind) in WHOLES {
        if let Some(to) = read::get(content, name).and_then(read::reference) {
            draft.refer_to(Role::Member, kind, to);
        }
    }
    artifacts(draft, content);
    change(draft, content);
    resources(draft, content);
    outcome(draft, content);
}

fn names(draft: &mut Draft, content: &Object) {
    let of = |name: &str| {
        read::object(content, name).and_then(|object| read::text(object, &["name", "id"]))
    };
    let subject = draft.facts.subject.as_str();
    draft.facts.name = read::text(content, &["taskName", "pipelineName", "name", "summary"])
        .or_else(|| match subject {
            "testcaserun" => of("testCase"),
            "testsuiterun" => of("testSuite"),
            _ => None,
        });
    draft.facts.uri = ["uri", "url", "viewUrl", "approvalDetailsUrl"]
        .iter()
        .find_map(|name| read::id(content, name));
}

fn context(draft: &mut Draft, content: &Object) {
    let id_of = |name: &str| {
        let (id, _) = read::get(content, name).and_then(read::reference)?;
        Some(id)
    };
    let facts = &mut draft.facts;
    let own = facts.about.as_ref().map(|about| about.id.clone());
    let own_if = |subject: &str| own.clone().filter(|_| facts.subject == subject);
    let around = &mut facts.context;
    around.environment = id_of("environment").or_else(|| own_if("environment"));
    around.service = id_of("service").or_else(|| own_if("service"));
    around.repository = repository(content).or_else(|| match facts.subject.as_str() {
        "repository" => facts.uri.clone().or_else(|| own.clone()),
        _ => None,
    });
    around.branch = own_if("branch");
    around.pipeline = read::text(content, &["pipelineName"]);
    around.test_case = id_of("testCase");
    around.test_suite = id_of("testSuite");
    around.user = read::text(content, &["user", "creator", "responder", "requestor"]);
}

/// A repository: its address where that is said, else its id.
pub(super) fn repository(content: &Object) -> Option<String> {
    let value = read::get(content, "repository")?;
    let address = value.as_object().and_then(|object| {
        ["uri", "url", "viewUrl"]
            .iter()
            .find_map(|name| read::id(object, name))
    });
    address.or_else(|| read::reference(value).map(|(id, _)| id))
}

fn artifacts(draft: &mut Draft, content: &Object) {
    let subject = draft.facts.subject.clone();
    if subject == "artifact"
        && let Some(about) = draft.facts.about.as_ref().map(|about| about.id.clone())
    {
        draft.artifact(Role::Own, &about);
    }
    if let Some(id) = read::id(content, "artifactId") {
        draft.artifact(artifact_role(&subject), &id);
    }
    let sbom = read::get(content, "sbom").and_then(sbom);
    let signature = read::text(content, &["signature"]);
    if let Some(artifact) = draft.facts.artifacts.first_mut() {
        artifact.sbom = sbom;
        artifact.signature = signature;
    }
}

/// What an event about this subject is to an artifact that it names.
pub(super) fn artifact_role(subject: &str) -> Role {
    match subject {
        "artifact" => Role::Own,
        "build" | "taskrun" | "pipelinerun" => Role::Produces,
        _ => Role::Uses,
    }
}

/// An SBOM by reference: `{uri}`, `{format, url}`, or the address alone.
pub(super) fn sbom(value: &Value) -> Option<SbomReference> {
    match value {
        Value::Object(object) => Some(SbomReference {
            uri: read::id(object, "uri").or_else(|| read::id(object, "url"))?,
            format: read::text(object, &["format"]),
        }),
        other => Some(SbomReference {
            uri: read::id_of(other)?,
            format: None,
        }),
    }
}

fn change(draft: &mut Draft, content: &Object) {
    let subject = draft.facts.subject.as_str();
    if subject == "change"
        && let Some(about) = draft.facts.about.clone()
        && is_full_commit(&about.id)
    {
        let repository = draft.facts.context.repository.clone();
        draft.commit(Role::Own, repository, &about.id);
    }
    let Some((id, source)) = read::get(content, "change").and_then(read::reference) else {
        return;
    };
    // Common generators write the artifact where the change should be.
    let own = draft.facts.about.as_ref().map(|about| about.id.as_str());
    let read = ArtifactId::read(&id);
    if own == Some(id.as_str()) || read.purl.is_some() || read.digest.is_some() {
        return draft.note_once("change_is_artifact", quoted(&id));
    }
    if is_full_commit(&id) {
        draft.commit(Role::From, source.clone(), &id);
    }
    draft.refer_to(Role::From, "change", (id, source));
}

fn resources(draft: &mut Draft, content: &Object) {
    if let Some(trigger) = read::object(content, "trigger")
        && let Some(uri) = read::id(trigger, "uri").or_else(|| read::id(trigger, "url"))
    {
        links::resource(draft, &uri, "trigger");
    }
    if let Some(uri) = read::id(content, "ticketURI") {
        links::resource(draft, &uri, "ticket");
    }
    if let Some(uri) = read::id(content, "resourceTargetUrl") {
        links::resource(draft, &uri, "approval");
    }
    let role = match draft.facts.subject.as_str() {
        // The address of a ticket is how incidents name it.
        "ticket" => Role::Own,
        // A run is looked for by the address of its page; several may share one.
        "pipelinerun" => Role::Context,
        _ => return,
    };
    if let Some(uri) = draft.facts.uri.clone() {
        draft.refer(role, Target::Resource(uri), None);
    }
}

fn outcome(draft: &mut Draft, content: &Object) {
    let said = |name: &str| read::text(content, &[name]);
    let (subject, predicate) = (draft.facts.subject.clone(), draft.facts.predicate.clone());
    match (subject.as_str(), predicate.as_str()) {
        ("approval", "closed") => approval(draft, said("status").or_else(|| said("decision"))),
        ("approval", "updated") => approval(draft, said("decision")),
        (_, "skipped") => draft.facts.outcome = Some(RunOutcome::Skipped),
        _ => {
            if let Some(word) = said("outcome") {
                draft.outcome(&word);
            }
        }
    }
    let why: Vec<String> = match subject.as_str() {
        "incident" => vec![read::text(content, &["description", "reason"])],
        "ticket" => vec![read::text(content, &["resolution", "reason"])],
        _ => vec![read::text(content, &["reason"]), errors(content)],
    }
    .into_iter()
    .flatten()
    .collect();
    if !why.is_empty() {
        draft.facts.reason = Some(read::shortened(&why.join("; ")));
    }
}

/// Errors as a text, or a list of texts.
fn errors(content: &Object) -> Option<String> {
    if let Some(text) = read::text(content, &["errors", "error"]) {
        return Some(text);
    }
    let list = read::array(content, "errors").iter().take(8);
    let texts: Vec<String> = list
        .filter_map(|error| match error {
            Value::Object(error) => read::text(error, &["message", "description", "reason"]),
            other => read::text_of(other),
        })
        .collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

/// An approval that is not given is none: what is still open counts as unknown.
fn approval(draft: &mut Draft, said: Option<String>) {
    let Some(said) = said else { return };
    let outcome = match said.to_ascii_lowercase().as_str() {
        "approved" => RunOutcome::Success,
        "rejected" | "requestchanges" => RunOutcome::Failure,
        "expired" => RunOutcome::Cancel,
        "deferred" | "delegate" | "escalated" => RunOutcome::Unknown,
        other => return draft.outcome(other),
    };
    draft.set_outcome(Some(outcome), &said);
}
