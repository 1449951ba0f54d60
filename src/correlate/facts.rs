//! What one event says, normalised. It is made once, when the event is recorded, and kept beside
//! the payload as compact JSON, so that no question has to read payloads again. Every text in it is
//! bounded by the decoder.

use serde::{Deserialize, Serialize};

use crate::domain::id::EventId;
use crate::domain::run::RunOutcome;
use crate::domain::time::Timestamp;
use crate::domain::unit::Unit;

use super::key::Role;

/// What a payload turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// A CDEvent of any version or dialect, bare or in a CloudEvent.
    CdEvent,
    /// A stand-alone CDEvents link (links.md): it ties events, and is none itself.
    Link,
    /// A CloudEvent that carries something else.
    CloudEvent,
    /// A CycloneDX or SPDX document.
    Sbom,
}

/// The identity of a subject: ids are unique per type and source only (CDEvents spec.md, "source
/// (subject)").
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// The subject type in lower case: `pipelinerun`, `taskrun`, `artifact`…
    #[serde(rename = "t")]
    pub kind: String,
    /// Its id.
    #[serde(rename = "i")]
    pub id: String,
    /// Where the id is unique. Absent in a reference that does not say it.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// What a reference points to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// An event, by the id of its context.
    Event(String),
    /// A subject; without a source it is looked for in the referring event's own source first.
    Subject(Subject),
    /// A commit: the repository where it is known, and at least 7 hexadecimal digits.
    Commit {
        /// As it was given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        repository: Option<String>,
        /// Lower case.
        sha: String,
    },
    /// A resource: a URI or a CDEvents domain id.
    Resource(String),
}

/// A reference from an event to something else.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reference {
    /// What the event is to it.
    #[serde(rename = "r")]
    pub role: Role,
    /// What it points to.
    #[serde(rename = "to")]
    pub target: Target,
    /// The kind of a relation (`linkKind`), as it was given.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// An artifact that an event is about, made or used.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Artifact {
    /// [`Role::Own`] for `artifact.*` events, [`Role::Produces`], or [`Role::Uses`].
    #[serde(rename = "r")]
    pub role: Role,
    /// As it was given, repaired.
    pub id: String,
    /// The canonical purl with its version and without qualifiers, where the id is a purl.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purl: Option<String>,
    /// `algorithm:hex` in lower case, where the id or a field has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// A name to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// A signature: its id or key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// Where its SBOM is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sbom: Option<SbomReference>,
    /// Bytes, where that is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<i64>,
}

/// An SBOM that is given by reference.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SbomReference {
    /// Where it is.
    pub uri: String,
    /// Its format as it was said: `spdx-json`…
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

/// What an event happened in or with: for filters and for showing, never to walk along, for a
/// thousand runs share each of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Context {
    /// The environment's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The service's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The repository: its URL where that is said, else its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The pipeline's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// The test case's id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_case: Option<String>,
    /// The test suite's id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_suite: Option<String>,
    /// Who: a user, an author, a requestor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// Details of a build as producers put them into `customData`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Details {
    /// The build system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// How long it took, as it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    /// The platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// Steps, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// Build arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<(String, String)>,
    /// Labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<(String, String)>,
    /// A scan's result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan: Option<Scan>,
    /// Other scalar fields, by their path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other: Vec<(String, String)>,
    /// Fields that found no room.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u32,
}

/// One step of a build.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Its status as it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// How long it took, as it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    /// Its exit code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
}

/// What a scanner found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Scan {
    /// The scanner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scanner: Option<String>,
    /// Vulnerabilities by severity, in the order given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counts: Vec<(String, i64)>,
}

/// Whether an event agrees with the published schema of its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conformance {
    /// It does.
    Conforms,
    /// It does not.
    Deviates,
    /// There is nothing to compare it with: no CDEvent, or a version that is not known here.
    #[default]
    Unknown,
}

/// The verdict on an event's conformance. It is told and never a reason to refuse, unless asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Verdict {
    /// The verdict.
    #[serde(rename = "is")]
    pub conformance: Conformance,
    /// The version of the specification that it was compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<String>,
    /// The first things that deviate: a JSON pointer and what is wrong there. Of what is unknown, why
    /// it is. They echo text from outside, so each is quoted as a whole where it is shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
}

/// Something worth knowing of how an event was read: a repair, or what could not be made out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// `timestamp_repaired`, `links_object_dialect`…
    pub code: String,
    /// What exactly.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// What one event says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// A digest of the event however it is written; see [`super::content_digest`]. Not kept.
    #[serde(skip)]
    pub content_digest: Option<[u8; 32]>,
    /// What kind of document it is.
    #[serde(rename = "k")]
    pub kind: DocumentKind,
    /// The type as it was declared: `dev.cdevents.taskrun.finished.0.1.1`. Documents that declare
    /// none have `dev.cdevents.link.path` and the like, or `sbom.cyclonedx`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// `taskrun`; of a custom type `tool-subject`, in lower case. Empty for what is no CDEvent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// `finished`, in lower case; of a link `path` and the like, of an SBOM its format.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub predicate: String,
    /// The version of the specification as it was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<String>,
    /// The id of its context; unique per source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The source of its context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// When it happened, in microseconds since 1970-01-01 UTC, as far as the sender said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<i64>,
    /// The chain that it belongs to: `chainId`, or a CloudEvent's `correlationid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// What it is about, qualified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<Subject>,
    /// A name to show: of the task, the pipeline, the test case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How it ended, for `*.finished` and the like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<RunOutcome>,
    /// The outcome as it was said, where that is another word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome_said: Option<String>,
    /// Why: errors, a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where to look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// What it refers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Reference>,
    /// Artifacts that it is about, made or used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
    /// What it happened in.
    #[serde(default, skip_serializing_if = "is_default")]
    pub context: Context,
    /// Details of a build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Box<Details>>,
    /// Whether it agrees with its specification.
    #[serde(default, skip_serializing_if = "is_default")]
    pub verdict: Verdict,
    /// Repairs and doubts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

impl Facts {
    /// Facts that say nothing but what kind of document it is.
    pub fn new(kind: DocumentKind, type_name: impl Into<String>) -> Self {
        Self {
            content_digest: None,
            kind,
            type_name: type_name.into(),
            subject: String::new(),
            predicate: String::new(),
            spec: None,
            id: None,
            source: None,
            time: None,
            chain: None,
            about: None,
            name: None,
            outcome: None,
            outcome_said: None,
            reason: None,
            uri: None,
            references: Vec::new(),
            artifacts: Vec::new(),
            context: Context::default(),
            details: None,
            verdict: Verdict::default(),
            notes: Vec::new(),
        }
    }

    /// When it happened, as far as the sender said.
    pub fn at(&self) -> Option<Timestamp> {
        self.time.map(Timestamp::from_micros)
    }

    /// Whether it is `subject.predicate`.
    pub fn is(&self, subject: &str, predicate: &str) -> bool {
        self.subject == subject && self.predicate == predicate
    }

    /// Adds a note, once for each code and detail.
    pub fn note(&mut self, code: &str, detail: impl Into<String>) {
        let note = Note {
            code: code.to_owned(),
            detail: detail.into(),
        };
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Whether there is a note with this code.
    pub fn has_note(&self, code: &str) -> bool {
        self.notes.iter().any(|note| note.code == code)
    }
}

/// A recorded event with its facts, as a question reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Its position in the log.
    pub seq: i64,
    /// Its id in the registry.
    pub id: EventId,
    /// What it happened to.
    pub unit: Unit,
    /// The type of its receiver.
    pub receiver_type: String,
    /// Whether it went well, as it was recorded.
    pub success: bool,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// SHA-256 of the payload's text.
    pub payload_digest: [u8; 32],
    /// How often it came again, word by word, and was not recorded again.
    pub repeats: u32,
    /// What it says.
    pub facts: Facts,
}

impl Recorded {
    /// When it happened: as the sender said, else when it was recorded.
    pub fn at(&self) -> Timestamp {
        self.facts.at().unwrap_or(self.recorded_at)
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
