//! The life of one artifact, as it is told.

use super::source::Source;
use super::tested::Tested;
use crate::correlate::deploy::bare_name;
use crate::correlate::facts::{Artifact, Recorded, SbomReference};
use crate::domain::id::EventId;
use crate::domain::run::{RunName, RunOutcome};
use crate::domain::time::Timestamp;
use crate::domain::unit::Unit;

/// Something that happened, with the event that says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// The event.
    pub event: EventId,
}

impl Moment {
    pub(super) fn of(event: &Recorded) -> Self {
        Self {
            at: event.at(),
            event: event.id,
        }
    }
}

/// The run that made an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeBy {
    /// What names it.
    pub name: RunName,
    /// The pipeline.
    pub pipeline: Option<String>,
    /// When it started.
    pub started: Option<Timestamp>,
    /// When it finished, and how.
    pub finished: Option<(Timestamp, Option<RunOutcome>)>,
    /// An event of it.
    pub event: EventId,
}

impl MadeBy {
    /// What it is asked for by. A pipelineRun of which no event is known may be known by another
    /// name, so that there is none for it.
    pub fn handle(&self) -> Option<String> {
        match &self.name {
            RunName::PipelineRun { source: None, .. } => None,
            name => Some(name.key().handle()),
        }
    }
}

/// The build or task that made an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltBy {
    /// `build`, `taskrun` or `pipelinerun`.
    pub kind: String,
    /// Its name, else its id.
    pub name: String,
    /// When it ended.
    pub ended: Moment,
    /// How.
    pub outcome: Option<RunOutcome>,
    /// Where to look at it.
    pub uri: Option<String>,
    /// The build system and the machine.
    pub place: Option<String>,
}

/// Where an SBOM is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SbomAt {
    /// Recorded.
    Event {
        /// The event.
        event: EventId,
        /// `cyclonedx` or `spdx`.
        format: String,
    },
    /// By reference.
    Reference(SbomReference),
}

/// How a deployment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Another deployment came.
    Replaced,
    /// It was rolled back.
    RolledBack,
    /// The service was removed.
    Removed,
}

/// A deployment of an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed {
    /// The service.
    pub service: Option<String>,
    /// The environment.
    pub environment: Option<String>,
    /// When it came.
    pub since: Moment,
    /// Whether it was recorded as a success.
    pub ok: bool,
    /// Whether it came by a rollback of another.
    pub back: bool,
    /// When it ended, and how.
    pub until: Option<(Moment, Ended)>,
    /// What came then, to be shown.
    pub next: Option<String>,
    /// Microseconds from the change to the first deployment there, and whether from its merge.
    pub lead: Option<(i64, bool)>,
    /// Whether its time lies in the future, by more than clocks differ.
    pub ahead: bool,
}

/// An incident that names an artifact, or came up where it ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// Its id.
    pub id: String,
    /// When it was first heard of.
    pub since: Moment,
    /// When it was resolved.
    pub resolved: Option<Moment>,
    /// The service.
    pub service: Option<String>,
    /// The environment.
    pub environment: Option<String>,
    /// What is said of it.
    pub reason: Option<String>,
    /// Whether it names the artifact; if not, it names a service while the artifact ran as it.
    pub names_it: bool,
}

/// A decision of people in the runs that made or deployed an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Its id.
    pub id: String,
    /// The last event about it.
    pub last: Moment,
    /// What it came to, in the sender's words where they say more.
    pub said: Option<String>,
    /// Who.
    pub by: Option<String>,
}

/// Something that nothing is recorded of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Missing {
    /// The change or commit that it was made from.
    Source,
    /// What a change that is referred to was: no event is about it.
    Change,
    /// What built it.
    Build,
    /// `artifact.packaged`.
    Packaged,
    /// `artifact.published`.
    Published,
    /// `artifact.signed`, or a signature.
    Signed,
    /// An SBOM.
    Sbom,
    /// Tests.
    Tests,
    /// A deployment.
    Deployment,
}

impl Missing {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Change => "change",
            Self::Build => "build",
            Self::Packaged => "packaged",
            Self::Published => "published",
            Self::Signed => "signed",
            Self::Sbom => "sbom",
            Self::Tests => "tests",
            Self::Deployment => "deployment",
        }
    }

    /// What is missing.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Source => "no change or commit that it was made from",
            Self::Change => "no event about the change itself",
            Self::Build => "no build or task that made it",
            Self::Packaged => "no artifact.packaged event",
            Self::Published => "no artifact.published event",
            Self::Signed => "no artifact.signed event",
            Self::Sbom => "no SBOM, recorded or by reference",
            Self::Tests => "no tests",
            Self::Deployment => "no deployment",
        }
    }
}

/// The life of an artifact.
#[derive(Debug, Clone, PartialEq)]
pub struct Lineage {
    /// What it is, as its events describe it together.
    pub artifact: Artifact,
    /// The units of its events, the first few.
    pub units: Vec<Unit>,
    /// What it was made from.
    pub source: Source,
    /// The run that made it.
    pub made_by: Option<MadeBy>,
    /// The build or task.
    pub built_by: Option<BuiltBy>,
    /// When it was packaged, first.
    pub packaged: Option<Moment>,
    /// When it was published, first.
    pub published: Option<Moment>,
    /// When it was signed, first.
    pub signed: Option<Moment>,
    /// When it was deleted, last.
    pub deleted: Option<Moment>,
    /// Its SBOM.
    pub sbom: Option<SbomAt>,
    /// Tests and scans.
    pub tested: Tested,
    /// Deployments, newest first; at most [`crate::limits::trace::LIST`].
    pub deployed: Vec<Deployed>,
    /// Incidents, newest first; at most [`crate::limits::trace::LIST`].
    pub incidents: Vec<Incident>,
    /// Approvals, by time; at most [`crate::limits::trace::LIST`].
    pub approvals: Vec<Approval>,
    /// What nothing is recorded of.
    pub missing: Vec<Missing>,
}

/// What an artifact is called where there is little room: its bare name and the first digits of its
/// digest, else its version.
pub(super) fn label(artifact: &Artifact) -> String {
    let name = bare_name(artifact);
    match &artifact.digest {
        Some(digest) => format!("{name} {}", short_digest(digest)),
        None => artifact.purl.clone().unwrap_or_else(|| artifact.id.clone()),
    }
}

/// The first digits of a digest, which tell it from others for a reader.
pub(super) fn short_digest(digest: &str) -> String {
    match digest.split_once(':') {
        Some((algorithm, hex)) if hex.len() > 12 => {
            format!("{algorithm}:{}…", hex.get(..12).unwrap_or(hex))
        }
        _ => digest.to_owned(),
    }
}
