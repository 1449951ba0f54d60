//! What producers put beside the vocabulary, into `customData`: details of a build, artifacts,
//! the source.

use std::borrow::Cow;

use serde_json::Value;

use super::artifact::ArtifactId;
use super::content::sbom;
use super::draft::{Draft, is_commit};
use super::links;
use super::read::{self, Object};
use crate::correlate::cloudevent::is_json;
use crate::correlate::facts::{Artifact, Scan, Step};
use crate::correlate::key::Role;
use crate::correlate::repair;
use crate::domain::text::quoted;
use crate::limits;

/// What is read below. A list's places are `*`.
const READ: &[&str] = &[
    "buildSystem",
    "buildNode",
    "buildDuration",
    "buildSteps.*.name",
    "buildSteps.*.status",
    "buildSteps.*.duration",
    "buildSteps.*.exitCode",
    "source.repository",
    "source.branch",
    "source.commit",
    "source.author",
    "repository",
    "branch",
    "commit",
    "author",
    "artifacts.*.id",
    "artifacts.*.name",
    "artifacts.*.digest",
    "artifacts.*.tags",
    "artifacts.*.size",
    "artifacts.*.signature.keyId",
    "environment.platform",
    "environment.buildArgs",
    "environment.labels",
    "platform",
    "buildArgs",
    "labels",
    "security.scanResults.vulnerabilities",
    "security.scanResults.scanner",
    "scanResults.vulnerabilities",
    "scanResults.scanner",
    "links",
];

/// Reads `customData`: an object, or one as text or in base64.
pub(super) fn read(draft: &mut Draft, value: &Value, media_type: Option<&str>) {
    let document = match value {
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => {
            read::document(text).map(Cow::Owned)
        }
        Value::String(text) if media_type.is_none_or(is_json) => {
            read::base64_document(text).map(Cow::Owned)
        }
        Value::Null => return,
        other => Some(Cow::Borrowed(other)),
    };
    match document.as_deref() {
        Some(Value::Object(custom)) => object(draft, custom),
        _ => keep(draft, "customData", document.as_deref().unwrap_or(value)),
    }
}

fn object(draft: &mut Draft, custom: &Object) {
    build(draft, custom);
    source(draft, custom);
    artifacts(draft, custom);
    links::of_subjects(draft, read::array(custom, "links"));
    if let Some(Value::Object(map)) = read::get(custom, "links") {
        links::embedded(draft, &Value::Object(map.clone()));
    }
    let attached = attach_sbom(draft, custom);
    let mut known = READ.to_vec();
    if attached {
        known.extend(["security.sbom", "sbom"]);
    }
    leftovers(draft, custom, &known);
}

fn build(draft: &mut Draft, custom: &Object) {
    let environment = read::object(custom, "environment");
    let inside = |name: &str| {
        environment
            .and_then(|environment| read::object(environment, name))
            .or_else(|| read::object(custom, name))
    };
    let scan = read::object(custom, "security")
        .and_then(|security| read::object(security, "scanResults"))
        .or_else(|| read::object(custom, "scanResults"));
    let system = read::text(custom, &["buildSystem"]);
    let node = read::text(custom, &["buildNode"]);
    let duration = read::text(custom, &["buildDuration"]);
    let platform = environment
        .and_then(|environment| read::text(environment, &["platform"]))
        .or_else(|| read::text(custom, &["platform"]));
    let all_steps = read::array(custom, "buildSteps");
    let steps: Vec<Step> = all_steps
        .iter()
        .take(limits::FACT_LIST)
        .filter_map(Value::as_object)
        .map(step)
        .collect();
    let (arguments, no_room) = pairs(inside("buildArgs"));
    let (labels, none_either) = pairs(inside("labels"));
    let left_out = all_steps.len().saturating_sub(limits::FACT_LIST) + no_room + none_either;
    let scan = scan.and_then(scan_of);
    let says_something = [&system, &node, &duration, &platform]
        .iter()
        .any(|text| text.is_some())
        || !(steps.is_empty() && arguments.is_empty() && labels.is_empty())
        || scan.is_some();
    if !says_something {
        return;
    }
    let details = draft.details();
    details.system = system;
    details.node = node;
    details.duration = duration;
    details.platform = platform;
    details.steps = steps;
    details.arguments = arguments;
    details.labels = labels;
    details.scan = scan;
    details.left_out += u32::try_from(left_out).unwrap_or(u32::MAX);
}

fn step(step: &Object) -> Step {
    Step {
        name: read::text(step, &["name"]).unwrap_or_default(),
        status: read::text(step, &["status"]),
        duration: read::text(step, &["duration"]),
        exit_code: read::get(step, "exitCode").and_then(Value::as_i64),
    }
}

/// Scalar members in order, and how many found no room.
fn pairs(object: Option<&Object>) -> (Vec<(String, String)>, usize) {
    let mut all = object.into_iter().flatten();
    let pairs: Vec<_> = all
        .by_ref()
        .filter_map(|(name, value)| Some((read::shortened(name), read::text_of(value)?)))
        .take(limits::FACT_LIST)
        .collect();
    (pairs, all.count())
}

fn scan_of(scan: &Object) -> Option<Scan> {
    let counts = read::object(scan, "vulnerabilities").into_iter().flatten();
    let counts: Vec<_> = counts
        .filter_map(|(severity, count)| Some((read::shortened(severity), count.as_i64()?)))
        .take(limits::FACT_LIST)
        .collect();
    let scanner = read::text(scan, &["scanner"]);
    (scanner.is_some() || !counts.is_empty()).then_some(Scan { scanner, counts })
}

/// Where it was made from: `source: {repository, branch, commit, author}`, or the same names at
/// the top; the revision among the labels of an image (OCI image specification, annotations).
fn source(draft: &mut Draft, custom: &Object) {
    let source = read::object(custom, "source").unwrap_or(custom);
    let given = |name: &str| read::id(source, name);
    let repository = super::content::repository(source);
    let context = &mut draft.facts.context;
    context.repository = context.repository.take().or_else(|| repository.clone());
    context.branch = context.branch.take().or_else(|| given("branch"));
    context.user = context
        .user
        .take()
        .or_else(|| read::text(source, &["author"]));
    let label = |name: &str| {
        let details = draft.facts.details.as_ref()?;
        let (_, value) = details.labels.iter().find(|(label, _)| label == name)?;
        Some(value.clone())
    };
    let revision = label("org.opencontainers.image.revision");
    let origin = label("org.opencontainers.image.source");
    match given("commit").filter(|commit| is_commit(commit)) {
        Some(commit) => draft.commit(Role::From, repository, &commit),
        None => {
            if let Some(revision) = revision {
                draft.commit(Role::From, repository.or(origin), &revision);
            }
        }
    }
}

fn artifacts(draft: &mut Draft, custom: &Object) {
    let role = super::content::artifact_role(&draft.facts.subject);
    let list = read::array(custom, "artifacts");
    draft.leave_out(list.len().saturating_sub(limits::FACT_LIST));
    for value in list.iter().take(limits::FACT_LIST) {
        match value {
            Value::Object(given) => {
                if let Some(artifact) = artifact(draft, given, role) {
                    draft.add_artifact(artifact);
                }
            }
            other => {
                if let Some(id) = read::id_of(other) {
                    draft.artifact(role, &id);
                }
            }
        }
    }
}

/// `{id, digest, name, tags, size, signature}`.
pub(super) fn artifact(draft: &mut Draft, given: &Object, role: Role) -> Option<Artifact> {
    let said = read::id(given, "digest");
    let digest = said.as_deref().and_then(repair::digest_field);
    let id = read::id(given, "id")
        .or_else(|| read::id(given, "purl"))
        .or_else(|| digest.as_ref().map(|read| read.value.clone()))
        .or_else(|| read::id(given, "name"))?;
    let read = ArtifactId::read(&id);
    if read.repaired || digest.as_ref().is_some_and(|digest| digest.repaired) {
        draft.note_once("digest_repaired", quoted(said.as_deref().unwrap_or(&id)));
    }
    if digest.is_none()
        && let Some(said) = &said
    {
        draft.note_once("digest_unreadable", quoted(said));
    }
    let mut artifact = read.into_artifact(role);
    artifact.digest = artifact.digest.or(digest.map(|read| read.value));
    artifact.name = read::text(given, &["name"]).or(artifact.name);
    artifact.tags = read::array(given, "tags")
        .iter()
        .filter_map(read::text_of)
        .take(limits::FACT_LIST)
        .collect();
    artifact.size = read::get(given, "size").and_then(Value::as_i64);
    artifact.signature = read::get(given, "signature").and_then(|signature| match signature {
        Value::Object(signature) => read::text(signature, &["keyId", "id", "value"]),
        other => read::text_of(other),
    });
    artifact.sbom = read::get(given, "sbom").and_then(sbom);
    Some(artifact)
}

/// An SBOM that stands beside the artifacts is of the only one; of several it cannot be told.
fn attach_sbom(draft: &mut Draft, custom: &Object) -> bool {
    let given = read::object(custom, "security")
        .and_then(|security| read::get(security, "sbom"))
        .or_else(|| read::get(custom, "sbom"))
        .and_then(sbom);
    match (given, draft.facts.artifacts.as_mut_slice()) {
        (Some(sbom), [artifact]) => {
            artifact.sbom.get_or_insert(sbom);
            true
        }
        _ => false,
    }
}

/// Keeps scalar fields that nothing has read, by their path, as far as there is room.
pub(super) fn leftovers(draft: &mut Draft, object: &Object, known: &[&str]) {
    let mut rest = Rest {
        draft,
        known,
        looks: limits::FACT_LOOKS,
    };
    rest.members(object, "", "", 1);
}

/// A bounded walk over what is left.
struct Rest<'a> {
    draft: &'a mut Draft,
    known: &'a [&'a str],
    looks: usize,
}

impl Rest<'_> {
    fn members(&mut self, object: &Object, pattern: &str, path: &str, level: usize) {
        for (at, (name, value)) in object.iter().enumerate() {
            if self.looks == 0 {
                return self.count(object.len() - at);
            }
            self.value(value, &joined(pattern, name), &joined(path, name), level);
        }
    }

    fn items(&mut self, items: &[Value], pattern: &str, path: &str, level: usize) {
        let pattern = joined(pattern, "*");
        for (at, item) in items.iter().enumerate() {
            if self.looks == 0 {
                return self.count(items.len() - at);
            }
            self.value(item, &pattern, &joined(path, &at.to_string()), level);
        }
    }

    fn value(&mut self, value: &Value, pattern: &str, path: &str, level: usize) {
        self.looks = self.looks.saturating_sub(1);
        if self.known.contains(&pattern) {
            return;
        }
        match value {
            Value::Object(object) if level < limits::FACT_LEVELS => {
                self.members(object, pattern, path, level + 1);
            }
            Value::Array(items) if level < limits::FACT_LEVELS => {
                self.items(items, pattern, path, level + 1);
            }
            value => keep(self.draft, path, value),
        }
    }

    fn count(&mut self, more: usize) {
        let details = self.draft.details();
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        details.left_out = details.left_out.saturating_add(more);
    }
}

fn joined(path: &str, name: &str) -> String {
    let path = read::cut(path, limits::FACT_CHARS);
    let name = read::cut(name, limits::FACT_CHARS);
    let gap = if path.is_empty() { "" } else { "." };
    format!("{path}{gap}{name}")
}

fn keep(draft: &mut Draft, path: &str, value: &Value) {
    let text = match value {
        // Nothing, and blank texts, say nothing.
        Value::Null => return,
        Value::Object(_) | Value::Array(_) => None,
        scalar => match read::text_of(scalar) {
            None => return,
            text => text,
        },
    };
    let details = draft.details();
    match text {
        Some(text) if details.other.len() < limits::FACT_LIST => {
            details.other.push((read::shortened(path), text));
        }
        _ => details.left_out = details.left_out.saturating_add(1),
    }
}
