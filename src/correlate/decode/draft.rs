//! Facts while they are gathered: bounded, each thing once.

use crate::correlate::facts::{Artifact, Details, Facts, Reference, Subject, Target};
use crate::correlate::key::Role;
use crate::correlate::repair;
use crate::domain::run::RunOutcome;
use crate::domain::text::quoted;
use crate::domain::time::Timestamp;
use crate::limits;

use super::artifact::ArtifactId;
use super::read::shortened;

/// Facts while they are gathered.
pub(super) struct Draft {
    pub(super) facts: Facts,
    left_out: usize,
}

impl Draft {
    pub(super) fn new(facts: Facts) -> Self {
        Self { facts, left_out: 0 }
    }

    /// The facts, with a note of what found no room in them.
    pub(super) fn finish(mut self) -> Facts {
        if self.left_out > 0 {
            let detail = format!("{} more than are kept", self.left_out);
            self.facts.note("references_left_out", detail);
        }
        if self.facts.details.as_deref() == Some(&Details::default()) {
            self.facts.details = None;
        }
        self.facts
    }

    /// Notes something, as long as there are few notes.
    pub(super) fn note(&mut self, code: &str, detail: impl Into<String>) {
        if self.facts.notes.len() < limits::FACT_LIST {
            self.facts.note(code, detail);
        }
    }

    /// Notes something that need not be told twice.
    pub(super) fn note_once(&mut self, code: &str, detail: impl Into<String>) {
        if !self.facts.has_note(code) {
            self.note(code, detail);
        }
    }

    /// Counts what is not even looked at.
    pub(super) fn leave_out(&mut self, count: usize) {
        self.left_out = self.left_out.saturating_add(count);
    }

    /// Adds a reference that is not there yet.
    pub(super) fn refer(&mut self, role: Role, target: Target, name: Option<&str>) {
        let reference = Reference {
            role,
            target,
            name: name.map(shortened),
        };
        let references = &mut self.facts.references;
        let same =
            |known: &Reference| known.role == reference.role && known.target == reference.target;
        if references.iter().any(same) {
            return;
        }
        if references.len() < limits::FACT_LIST {
            references.push(reference);
        } else {
            self.left_out += 1;
        }
    }

    /// Refers to a subject.
    pub(super) fn refer_to(&mut self, role: Role, kind: &str, to: (String, Option<String>)) {
        let (id, source) = to;
        let kind = kind.to_owned();
        self.refer(role, Target::Subject(Subject { kind, id, source }), None);
    }

    /// Refers to a commit, if the text can be one.
    pub(super) fn commit(&mut self, role: Role, repository: Option<String>, sha: &str) {
        if is_commit(sha) {
            let sha = sha.to_ascii_lowercase();
            self.refer(role, Target::Commit { repository, sha }, None);
        }
    }

    /// Adds an artifact by its id.
    pub(super) fn artifact(&mut self, role: Role, id: &str) {
        let read = ArtifactId::read(id);
        if read.repaired {
            self.note("digest_repaired", quoted(id.trim()));
        }
        self.add_artifact(read.into_artifact(role));
    }

    /// Adds an artifact, or what is new of one that is there already: with the same role and the same
    /// digest, purl or id.
    pub(super) fn add_artifact(&mut self, artifact: Artifact) {
        let meets = |known: &&mut Artifact| {
            known.role == artifact.role
                && (known.id == artifact.id
                    || (known.digest.is_some() && known.digest == artifact.digest)
                    || (known.purl.is_some() && known.purl == artifact.purl))
        };
        let artifacts = &mut self.facts.artifacts;
        if let Some(known) = artifacts.iter_mut().find(meets) {
            merge(known, artifact);
        } else if artifacts.len() < limits::FACT_LIST {
            artifacts.push(artifact);
        } else {
            self.left_out += 1;
        }
    }

    /// Takes a chain, unless it only stands for one: what has none would be one run with all others
    /// that have none.
    pub(super) fn chain(&mut self, said: Option<String>) {
        match said {
            Some(said) if is_placeholder(&said) => {
                self.note_once("chain_placeholder", quoted(&said));
            }
            said => self.facts.chain = said,
        }
    }

    /// Details, made when they are first needed.
    pub(super) fn details(&mut self) -> &mut Details {
        self.facts.details.get_or_insert_default()
    }

    /// Takes a time as the event's own.
    pub(super) fn time(&mut self, time: Timestamp) {
        self.facts.time = Some(time.as_micros());
        if time < repair::ANCIENT {
            self.note_once("ancient_timestamp", time.to_string());
        }
    }

    /// Reads a time.
    pub(super) fn read_time(&mut self, place: &str, text: &str) -> Option<Timestamp> {
        let Some(read) = repair::timestamp(text) else {
            self.note("time_unreadable", format!("{place} {}", quoted(text)));
            return None;
        };
        if read.repaired {
            self.note_once("timestamp_repaired", format!("{place} {}", quoted(text)));
        }
        Some(read.value)
    }

    /// Takes a word for how it ended.
    pub(super) fn outcome(&mut self, said: &str) {
        let outcome = RunOutcome::parse(said);
        self.set_outcome(outcome, said);
    }

    /// Takes how it ended, and the word for it.
    pub(super) fn set_outcome(&mut self, outcome: Option<RunOutcome>, said: &str) {
        let facts = &mut self.facts;
        facts.outcome = Some(outcome.unwrap_or(RunOutcome::Unknown));
        if outcome.is_none_or(|outcome| outcome.as_str() != said) {
            facts.outcome_said = Some(shortened(said));
        }
        if outcome.is_none() {
            self.note_once("outcome_unknown", quoted(said));
        }
    }
}

/// Words by which programs fill a field that they have nothing for.
const PLACEHOLDERS: [&str; 9] = [
    "null",
    "none",
    "unknown",
    "undefined",
    "n/a",
    "-",
    "0",
    // The nil UUID and the max UUID (RFC 9562 sections 5.9 and 5.10).
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
];

/// Whether an id stands for none.
fn is_placeholder(id: &str) -> bool {
    PLACEHOLDERS.contains(&id.trim().to_ascii_lowercase().as_str())
}

/// Whether it can be the id of a commit: hexadecimal, as long as git shortens it or longer.
pub(in crate::correlate) fn is_commit(text: &str) -> bool {
    let hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    hex && (limits::COMMIT_KEY_DIGITS..=64).contains(&text.len())
}

/// Whether it is the full id of a commit (SHA-1 or SHA-256).
pub(super) fn is_full_commit(text: &str) -> bool {
    is_commit(text) && matches!(text.len(), 40 | 64)
}

fn merge(known: &mut Artifact, new: Artifact) {
    fn fill<T>(known: &mut Option<T>, new: Option<T>) {
        if known.is_none() {
            *known = new;
        }
    }
    // The longer id says more: `app:1` and `app:1@sha256:…`.
    if new.id.len() > known.id.len() && known.purl.is_none() {
        known.id = new.id;
    }
    fill(&mut known.purl, new.purl);
    fill(&mut known.digest, new.digest);
    fill(&mut known.name, new.name);
    fill(&mut known.signature, new.signature);
    fill(&mut known.sbom, new.sbom);
    fill(&mut known.size, new.size);
    if known.tags.is_empty() {
        known.tags = new.tags;
    }
}
