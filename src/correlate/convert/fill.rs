//! What the content lacks: from elsewhere in the event, else a placeholder.

use serde_json::{Map, Value, json};

use super::Log;
use crate::correlate::facts::{Facts, Subject, Target};
use crate::correlate::key::Role;
use crate::correlate::origin::{changes, commits};
use crate::correlate::uri::{as_reference, is_uri};
use crate::domain::run::RunOutcome;
use crate::domain::schema::cdevents::{Field, Kind, Shape, Spec};

/// What stands where a text is required and nothing says one.
const UNKNOWN: &str = "unknown";
/// A URI that leads nowhere (RFC 6694).
const NOWHERE: &str = "about:blank";

/// The value of a required field that the content lacks.
pub(super) fn fill(path: &str, field: &Field, facts: &Facts, spec: Spec, log: &mut Log) -> Value {
    if let Some(value) = optional(path, field, facts) {
        log.change(format!("{path} is taken from elsewhere in the event"));
        return value;
    }
    if let Kind::Object(shape) = &field.kind {
        return filled_object(path, shape, facts, spec, log);
    }
    log.fill(path);
    placeholder(field)
}

fn filled_object(path: &str, shape: &Shape, facts: &Facts, spec: Spec, log: &mut Log) -> Value {
    let required = shape.fields_of(spec).filter(|field| field.required);
    let members = required.map(|field| {
        let path = format!("{path}.{}", field.name);
        (field.name.to_owned(), fill(&path, field, facts, spec, log))
    });
    Value::Object(members.collect())
}

fn placeholder(field: &Field) -> Value {
    match &field.kind {
        Kind::Text => json!(match field.name {
            "format" => "application/octet-stream",
            _ => UNKNOWN,
        }),
        Kind::Format(_) => json!(NOWHERE),
        // An outcome that is not known is none that went well.
        Kind::OneOf(words) => {
            let safe = ["error", "other", "deferred", "expired"];
            let word = safe.into_iter().find(|word| words.contains(word));
            json!(word.or(words.first().copied()).unwrap_or(UNKNOWN))
        }
        Kind::List => json!([]),
        Kind::Object(_) => json!({}),
    }
}

/// The value of a field as other parts of the event say it.
pub(super) fn optional(path: &str, field: &Field, facts: &Facts) -> Option<Value> {
    let context = &facts.context;
    let text = |text: Option<&String>| text.filter(|text| !text.is_empty()).map(|text| json!(text));
    let reference =
        |id: Option<&String>| id.filter(|id| !id.is_empty()).map(|id| json!({"id": id}));
    let own = |kind: &str| facts.subject == kind;
    let value = match path.strip_prefix("content.")? {
        "artifactId" => artifact(facts),
        "environment" => reference(context.environment.as_ref()),
        "service" => reference(context.service.as_ref()),
        "repository" => reference(context.repository.as_ref()),
        "pipelineRun" => part_of(facts, "pipelinerun"),
        "testSuiteRun" => part_of(facts, "testsuiterun"),
        "testCaseRun" => part_of(facts, "testcaserun"),
        "testCase" => reference(context.test_case.as_ref()),
        "testSuite" => reference(context.test_suite.as_ref()),
        "change" => change(facts),
        "sbom" => {
            let sbom = facts
                .artifacts
                .iter()
                .find_map(|artifact| artifact.sbom.as_ref());
            sbom.map(|sbom| json!({"uri": as_reference(&sbom.uri)}))
        }
        "signature" => text(
            facts
                .artifacts
                .iter()
                .find_map(|artifact| artifact.signature.as_ref()),
        ),
        "pipelineName" => text(context.pipeline.as_ref().or(facts.name.as_ref())),
        "name" if own("repository") => text(facts.name.as_ref()).or_else(|| last_part(facts)),
        "name" if own("environment") => text(context.environment.as_ref()),
        "taskName" | "summary" | "name" => text(facts.name.as_ref()),
        "user" | "creator" => text(context.user.as_ref()),
        "requestor" | "responder" => uri(context.user.as_ref()),
        "description" | "reason" => text(facts.reason.as_ref()),
        "uri" | "approvalDetailsUrl" if own("repository") => {
            uri(facts.uri.as_ref()).or_else(|| uri(context.repository.as_ref()))
        }
        "uri" | "approvalDetailsUrl" => uri(facts.uri.as_ref()),
        "ticketURI" => resource(facts, "ticket"),
        "resourceTargetUrl" => resource(facts, "approval"),
        "resolution" => text(facts.outcome_said.as_ref().or(facts.reason.as_ref())),
        "outcome" => facts.outcome.and_then(outcome),
        "decision" | "status" => decision(facts, field),
        _ => None,
    }?;
    // What is read elsewhere is bounded there, and may be no word that this field takes.
    match &field.kind {
        Kind::OneOf(words) => value
            .as_str()
            .is_some_and(|word| words.contains(&word))
            .then_some(value),
        Kind::Format("uri") => value.as_str().is_some_and(is_uri).then_some(value),
        _ => Some(value),
    }
}

fn outcome(outcome: RunOutcome) -> Option<Value> {
    match outcome {
        RunOutcome::Success | RunOutcome::Failure | RunOutcome::Cancel | RunOutcome::Error => {
            Some(json!(outcome.as_str()))
        }
        // What was left out was not carried out.
        RunOutcome::Skipped => Some(json!("cancel")),
        RunOutcome::Unknown => None,
    }
}

/// The words of approvals (the draft of 0.6) for what came of one.
fn decision(facts: &Facts, field: &Field) -> Option<Value> {
    let word = match (facts.outcome?, field.name) {
        (RunOutcome::Success, _) => "approved",
        (RunOutcome::Failure | RunOutcome::Error, _) => "rejected",
        (RunOutcome::Cancel, "status") => "cancelled",
        _ => return None,
    };
    Some(json!(word))
}

fn artifact(facts: &Facts) -> Option<Value> {
    let id = facts
        .artifacts
        .iter()
        .find(|artifact| !artifact.id.is_empty())?;
    Some(json!(id.id))
}

fn subject(subject: &Subject) -> Value {
    let mut out = Map::from_iter([("id".to_owned(), json!(subject.id))]);
    if let Some(source) = &subject.source {
        out.insert("source".to_owned(), json!(as_reference(source)));
    }
    Value::Object(out)
}

fn part_of(facts: &Facts, kind: &str) -> Option<Value> {
    facts
        .references
        .iter()
        .find_map(|reference| match (reference.role, &reference.target) {
            (Role::Member, Target::Subject(whole))
                if whole.kind == kind && !whole.id.is_empty() =>
            {
                Some(subject(whole))
            }
            _ => None,
        })
}

/// The change, else the commit.
fn change(facts: &Facts) -> Option<Value> {
    if let Some(change) = changes(facts).find(|change| !change.id.is_empty()) {
        return Some(subject(change));
    }
    let commit = commits(facts).into_iter().next()?;
    Some(subject(&Subject {
        kind: String::new(),
        id: commit.sha,
        source: commit.repository,
    }))
}

fn uri(text: Option<&String>) -> Option<Value> {
    text.filter(|text| is_uri(text)).map(|text| json!(text))
}

fn resource(facts: &Facts, name: &str) -> Option<Value> {
    facts
        .references
        .iter()
        .find_map(|reference| match &reference.target {
            Target::Resource(to) if reference.name.as_deref() == Some(name) => uri(Some(to)),
            _ => None,
        })
}

/// The last part of the subject's id.
fn last_part(facts: &Facts) -> Option<Value> {
    let id = &facts.about.as_ref()?.id;
    let last = id.trim_end_matches('/').rsplit('/').next()?;
    (!last.is_empty()).then(|| json!(last))
}
