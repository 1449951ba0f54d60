//! What an event becomes when it is taken in as a CloudEvent or CDEvent: its receiver's type,
//! whether it is a success, its unit, and what is kept beside it.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::decode::artifact::ArtifactId;
use super::facts::{Artifact, DocumentKind, Facts, Note, Subject, Target};
use super::key::{Role, edges, folded};
use super::repair;
use crate::domain::indexed::{Indexed, Link, NaturalKey};
use crate::domain::run::{
    Label, LabelKind, Phase, PhaseMark, PipelineRunReference, RunOutcome, RunTouch, words,
};
use crate::domain::text::{is_hidden, quoted};
use crate::domain::time::Timestamp;
use crate::domain::unit::Unit;
use crate::limits;

/// The type of the receiver that such an event belongs to: the type as it was declared. `None` where
/// there is none, or it cannot be the type of a receiver.
pub fn receiver_type(facts: &Facts) -> Option<String> {
    let name = facts.type_name.as_str();
    let fits = name.chars().nth(limits::FIELD_CHARS).is_none() && !name.chars().any(is_hidden);
    (fits && !name.trim().is_empty()).then(|| name.to_owned())
}

/// Notes that tell of nothing that is wrong with a document.
const HARMLESS: [&str; 4] = [
    "chain_end",
    "outcome_skipped",
    "references_left_out",
    "ancient_timestamp",
];

/// Whether a note tells of a repair or a doubt: what a strict intake refuses.
pub fn is_fault(note: &Note) -> bool {
    !HARMLESS.contains(&note.code.as_str())
}

/// Types whose end is a matter of their outcome, so that one without an outcome is no success.
const WITH_OUTCOME: [(&str, &str); 6] = [
    ("pipelinerun", "finished"),
    ("taskrun", "finished"),
    ("testcaserun", "finished"),
    ("testsuiterun", "finished"),
    ("approval", "updated"),
    ("approval", "closed"),
];

/// Whether an event is recorded as a success, and what is to be told of that.
///
/// | the event | success |
/// |---|---|
/// | outcome failure, error, cancel; an approval rejected, expired | no |
/// | outcome success | yes |
/// | outcome skipped | yes, with the note `outcome_skipped` |
/// | an outcome in a word that is not known; none where the type has one; an approval that is still open | no, with the note `outcome_unknown` |
/// | any other type | yes |
pub fn success(facts: &Facts) -> (bool, Option<Note>) {
    let note = |code: &str, detail: &str| {
        Some(Note {
            code: code.to_owned(),
            detail: detail.to_owned(),
        })
    };
    match facts.outcome {
        Some(RunOutcome::Success) => (true, None),
        Some(outcome) if outcome.is_bad() => (false, None),
        // A subject that was skipped says so by its type; an end that was skipped is told.
        Some(RunOutcome::Skipped) if facts.predicate == "skipped" => (true, None),
        Some(RunOutcome::Skipped) => (true, note("outcome_skipped", "recorded as a success")),
        Some(_) => {
            let said = facts.outcome_said.as_deref().unwrap_or_default();
            (false, note("outcome_unknown", &quoted(said)))
        }
        None => {
            let has_one = WITH_OUTCOME
                .iter()
                .any(|(subject, predicate)| facts.is(subject, predicate));
            if facts.kind == DocumentKind::CdEvent && has_one {
                (false, note("outcome_unknown", "no outcome was given"))
            } else {
                (true, None)
            }
        }
    }
}

/// Extensions of a CloudEvent by which a sender gives the unit, part by part.
pub const UNIT_EXTENSIONS: [&str; 5] = [
    "eprname",
    "eprversion",
    "eprrelease",
    "eprplatformid",
    "eprpackage",
];

/// What stands for a part that does not apply.
const NONE: &str = "-";
/// What stands for every platform.
const ANY: &str = "any";

/// The unit that an event happened to.
///
/// | the event | name | version | release | platform_id | package |
/// |---|---|---|---|---|---|
/// | names one artifact by a purl | namespace and name | version of the purl | digest in the purl, or `-` | qualifier `arch`, or `any` | type of the purl |
/// | names one by a reference to an image | repository | tag, or digest | digest, or `-` | `any` | `oci` |
/// | names one by its digest alone | digest | digest | digest | `any` | `artifact` |
/// | names one by other text | the text | `-` | `-` | `any` | `artifact` |
/// | is about another subject | id | `-` | source | `any` | subject type |
/// | is a CloudEvent with a subject | subject | `-` | source | `any` | `cloudevent` |
/// | is a CloudEvent without | source | `-` | `-` | `any` | `cloudevent` |
///
/// All of the unit comes from the artifact's id alone and from nothing else in the event, so that
/// packaged, signed, published, deployed, scanned and tested events that name the same artifact are of
/// one unit, and can meet in one gate. An artifact that the event is about goes before others; of
/// several others none is chosen, and the subject names the unit. Events that name no artifact (a
/// pipelineRun, a change, a test suite run of most producers) meet others of their own subject only.
///
/// A sender can give each part by the extensions [`UNIT_EXTENSIONS`]. Parts that a unit cannot have,
/// because they are longer than 255 characters or hold what does not show, are cut and end in a hash.
pub fn unit(facts: &Facts, extensions: &BTreeMap<String, String>) -> Unit {
    let derived = the_artifact(facts).map_or_else(|| of_subject(facts), of_artifact);
    let part = |extension: &str, derived: String| {
        let given = extensions.get(extension).filter(|text| is_visible(text));
        field(given.unwrap_or(&derived))
    };
    let [name, version, release, platform_id, package] = UNIT_EXTENSIONS;
    Unit {
        name: part(name, derived.name),
        version: part(version, derived.version),
        release: part(release, derived.release),
        platform_id: part(platform_id, derived.platform_id),
        package: part(package, derived.package),
    }
}

/// The artifact that an event is about, or the only one that it names.
fn the_artifact(facts: &Facts) -> Option<&Artifact> {
    let own = facts.artifacts.iter().find(|it| it.role == Role::Own);
    own.or(match facts.artifacts.as_slice() {
        [only] => Some(only),
        _ => None,
    })
}

fn of_artifact(artifact: &Artifact) -> Unit {
    let read = ArtifactId::read(&artifact.id);
    let digest = read.digest.clone();
    let has_name = read.name.is_some();
    let version = read.version.or_else(|| digest.clone());
    Unit {
        name: read.name.unwrap_or(read.id),
        version: version.unwrap_or_else(|| NONE.to_owned()),
        release: digest.unwrap_or_else(|| NONE.to_owned()),
        platform_id: read.arch.unwrap_or_else(|| ANY.to_owned()),
        package: read
            .package
            .filter(|_| has_name)
            .unwrap_or_else(|| "artifact".to_owned()),
    }
}

fn of_subject(facts: &Facts) -> Unit {
    let none = || NONE.to_owned();
    let source = facts.source.clone();
    let (name, release, package) = match (&facts.about, facts.kind) {
        (Some(Subject { kind, id, source }), _) => (Some(id.clone()), source.clone(), kind.clone()),
        (None, DocumentKind::CloudEvent) => (source, None, "cloudevent".to_owned()),
        (None, DocumentKind::CdEvent) => (None, source, facts.subject.clone()),
        (None, DocumentKind::Link) => (facts.chain.clone(), None, "link".to_owned()),
        (None, DocumentKind::Sbom) => (facts.name.clone(), None, "sbom".to_owned()),
    };
    let name = name.or_else(|| facts.id.clone());
    Unit {
        name: name.unwrap_or_else(|| facts.type_name.clone()),
        version: none(),
        release: release.unwrap_or_else(none),
        platform_id: ANY.to_owned(),
        package,
    }
}

fn is_visible(text: &str) -> bool {
    !text.chars().all(|c| c.is_whitespace() || is_hidden(c))
}

/// A text as the part of a unit: not blank, at most 255 characters, nothing that does not show. What
/// has to be changed ends in a hash of what it was, so that different texts stay different.
fn field(text: &str) -> String {
    const HASH_DIGITS: usize = 16;
    let text = text.trim();
    if text.is_empty() {
        return NONE.to_owned();
    }
    let fits = text.chars().nth(limits::FIELD_CHARS).is_none();
    if fits && is_visible(text) && !text.chars().any(is_hidden) {
        return text.to_owned();
    }
    let hash = HEXLOWER.encode(&Sha256::digest(text.as_bytes()));
    let shown = text.chars().filter(|c| !is_hidden(*c));
    let kept: String = shown.take(limits::FIELD_CHARS - HASH_DIGITS - 1).collect();
    let hash: String = hash.chars().take(HASH_DIGITS).collect();
    format!("{}~{hash}", kept.trim_start())
}

/// What an event adds to the summary of its run; `None` if it names none.
pub fn run_touch(facts: &Facts, now: Timestamp) -> Option<RunTouch> {
    if facts.kind == DocumentKind::Link {
        return None;
    }
    let own = facts
        .about
        .as_ref()
        .filter(|about| about.kind == "pipelinerun");
    let pipeline_run = own
        .map(|about| PipelineRunReference {
            id: about.id.clone(),
            source: about.source.clone(),
            own_source: facts.source.clone(),
        })
        .or_else(|| {
            whole(facts, "pipelinerun").map(|to| PipelineRunReference {
                id: to.id.clone(),
                source: to.source.clone(),
                own_source: facts.source.clone(),
            })
        });
    let build = if pipeline_run.is_none() && facts.chain.is_none() && facts.has_note("flat_dialect")
    {
        let own = facts.about.as_ref().filter(|about| about.kind == "build");
        own.or_else(|| whole(facts, "build"))
            .map(|to| to.id.clone())
    } else {
        None
    };
    if pipeline_run.is_none() && facts.chain.is_none() && build.is_none() {
        return None;
    }
    // A clock that is wrong would put the run at an end of the list for good.
    let said = facts.at().filter(|at| *at >= repair::ANCIENT);
    let mut labels = labels(facts);
    if let Some(run) = &pipeline_run {
        let word = |text| Label {
            kind: LabelKind::Word,
            text,
        };
        labels.extend(words(&run.id).into_iter().map(word));
    }
    Some(RunTouch {
        pipeline_run,
        chain: facts.chain.clone(),
        build,
        at: said.map_or(now, |at| at.min(now)),
        phase: own.and_then(|_| phase(facts)).map(|phase| PhaseMark {
            phase,
            at: said.unwrap_or(now),
        }),
        failed: went_badly(facts),
        labels,
    })
}

/// Whether an event tells of something that went badly: an end that is recorded as no success does so
/// too, though nothing that is known says how it ended.
fn went_badly(facts: &Facts) -> bool {
    let ends = facts.kind == DocumentKind::CdEvent && facts.predicate == "finished";
    facts.outcome.is_some_and(RunOutcome::is_bad) || (ends && !success(facts).0)
}

/// The subject of this type that an event is a part of.
fn whole<'a>(facts: &'a Facts, kind: &str) -> Option<&'a Subject> {
    facts
        .references
        .iter()
        .find_map(|reference| match &reference.target {
            Target::Subject(to) if reference.role == Role::Member && to.kind == kind => Some(to),
            _ => None,
        })
}

fn phase(facts: &Facts) -> Option<Phase> {
    Some(match facts.predicate.as_str() {
        "queued" => Phase::Queued,
        "started" => Phase::Started,
        "finished" => Phase::Finished(facts.outcome.unwrap_or(RunOutcome::Unknown)),
        _ => return None,
    })
}

/// The pipeline, and what it deployed where.
fn labels(facts: &Facts) -> Vec<Label> {
    let context = &facts.context;
    let deploys = facts.subject == "service"
        || (facts.subject == "environment" && facts.has_note("flat_dialect"));
    [
        (LabelKind::Pipeline, &context.pipeline, true),
        (LabelKind::Service, &context.service, deploys),
        (LabelKind::Environment, &context.environment, deploys),
    ]
    .into_iter()
    .filter(|(_, _, wanted)| *wanted)
    .filter_map(|(kind, text, _)| {
        let text = text.clone()?;
        Some(Label { kind, text })
    })
    .collect()
}

/// What is kept beside an event. `once`: whether a repeat with equal content is not recorded again.
pub fn indexed(facts: &Facts, once: bool, now: Timestamp) -> Indexed {
    let links = edges(facts).into_iter().map(|edge| Link {
        key: edge.key.0,
        role: edge.role.code(),
    });
    Indexed {
        // Strings, integers and lists of them: there is nothing in it that JSON cannot hold.
        facts: serde_json::to_string(facts).unwrap_or_default(),
        links: links.collect(),
        natural: natural_key(facts).map(|key| NaturalKey {
            key,
            once,
            content: facts.content_digest,
        }),
        run: run_touch(facts, now),
    }
}

/// 16 bytes of SHA-256 over source and id (CloudEvents 1.0, "id": unique per source).
fn natural_key(facts: &Facts) -> Option<[u8; 16]> {
    let (source, id) = (facts.source.as_ref()?, facts.id.as_ref()?);
    let id = folded(id);
    let mut hash = Sha256::new();
    for part in [source.as_str(), &id] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut key = [0; 16];
    for (to, from) in key.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    Some(key)
}

#[cfg(test)]
mod tests;
