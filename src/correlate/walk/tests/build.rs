//! Events made by hand.

use std::collections::BTreeMap;

use ulid::Ulid;

use crate::correlate::facts::{
    Artifact, DocumentKind, Facts, Recorded, Reference, Subject, Target,
};
use crate::correlate::intake;
use crate::correlate::key::Role;
use crate::domain::id::EventId;
use crate::domain::time::Timestamp;
use crate::domain::unit::Unit;

pub(super) const SECOND: i64 = 1_000_000;
/// 2026-11-01T08:00:00Z.
pub(super) const START: i64 = 1_793_520_000 * SECOND;

/// An event in the making.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) facts: Facts,
    pub(super) unit: Option<Unit>,
    pub(super) content: u8,
    pub(super) repeats: u32,
}

pub(super) fn unit(name: &str, release: &str) -> Unit {
    Unit {
        name: name.to_owned(),
        version: "1.2.0".to_owned(),
        release: release.to_owned(),
        platform_id: "x64".to_owned(),
        package: "oci".to_owned(),
    }
}

/// An event of a subject: `pipelinerun.started` of `pr-1`, so many seconds after the start.
pub(super) fn event(what: &str, id: &str, source: &str, seconds: f64) -> Draft {
    let (subject, predicate) = what.split_once('.').unwrap();
    let mut facts = Facts::new(
        DocumentKind::CdEvent,
        format!("dev.cdevents.{subject}.{predicate}.0.3.0"),
    );
    facts.subject = subject.to_owned();
    facts.predicate = predicate.to_owned();
    facts.source = Some(source.to_owned());
    facts.time = Some(START + (seconds * SECOND as f64) as i64);
    facts.about = Some(Subject {
        kind: subject.to_owned(),
        id: id.to_owned(),
        source: Some(source.to_owned()),
    });
    if subject == "artifact" {
        facts.artifacts.push(artifact(Role::Own, id));
    }
    Draft {
        facts,
        unit: None,
        content: 0,
        repeats: 0,
    }
}

fn artifact(role: Role, id: &str) -> Artifact {
    let purl = id.starts_with("pkg:").then(|| id.to_owned());
    let digest = id
        .split_once('@')
        .map(|(_, version)| version)
        .filter(|version| version.starts_with("sha256:"));
    Artifact {
        role,
        id: id.to_owned(),
        purl,
        digest: digest.map(str::to_owned),
        ..Artifact::default()
    }
}

/// A stand-alone link.
pub(super) fn link(kind: &str, chain: &str, ends: &[(Role, &str)]) -> Draft {
    let mut facts = Facts::new(DocumentKind::Link, kind.to_ascii_uppercase());
    facts.predicate = kind.to_owned();
    facts.chain = Some(chain.to_owned());
    facts.time = Some(START);
    for (role, id) in ends {
        facts.references.push(Reference {
            role: *role,
            target: Target::Event((*id).to_owned()),
            name: None,
        });
    }
    Draft {
        facts,
        unit: None,
        content: 0,
        repeats: 0,
    }
}

impl Draft {
    pub(super) fn id(mut self, id: &str) -> Self {
        self.facts.id = Some(id.to_owned());
        self
    }

    pub(super) fn chain(mut self, chain: &str) -> Self {
        self.facts.chain = Some(chain.to_owned());
        self
    }

    fn refer(mut self, role: Role, target: Target) -> Self {
        self.facts.references.push(Reference {
            role,
            target,
            name: None,
        });
        self
    }

    /// It follows from that event.
    pub(super) fn after(self, id: &str) -> Self {
        self.refer(Role::Path, Target::Event(id.to_owned()))
    }

    pub(super) fn event(self, role: Role, id: &str) -> Self {
        self.refer(role, Target::Event(id.to_owned()))
    }

    pub(super) fn subject(self, role: Role, kind: &str, id: &str, source: Option<&str>) -> Self {
        self.refer(
            role,
            Target::Subject(Subject {
                kind: kind.to_owned(),
                id: id.to_owned(),
                source: source.map(str::to_owned),
            }),
        )
    }

    /// It is a part of that, without a source.
    pub(super) fn part_of(self, kind: &str, id: &str) -> Self {
        self.subject(Role::Member, kind, id, None)
    }

    pub(super) fn commit(self, role: Role, repository: Option<&str>, sha: &str) -> Self {
        self.refer(
            role,
            Target::Commit {
                repository: repository.map(str::to_owned),
                sha: sha.to_owned(),
            },
        )
    }

    pub(super) fn resource(self, uri: &str) -> Self {
        self.refer(Role::Relation, Target::Resource(uri.to_owned()))
    }

    pub(super) fn makes(mut self, id: &str) -> Self {
        self.facts.artifacts.push(artifact(Role::Produces, id));
        self
    }

    pub(super) fn uses(mut self, id: &str) -> Self {
        self.facts.artifacts.push(artifact(Role::Uses, id));
        self
    }

    pub(super) fn of(mut self, name: &str, release: &str) -> Self {
        self.unit = Some(unit(name, release));
        self
    }

    pub(super) fn content(mut self, content: u8) -> Self {
        self.content = content;
        self
    }

    /// As it is recorded at a position. Without a unit, what it is about is the unit.
    pub(super) fn record(self, seq: i64) -> Recorded {
        let own = || intake::unit(&self.facts, &BTreeMap::new());
        let unit = self.unit.clone().unwrap_or_else(own);
        let mut facts = self.facts;
        if facts.id.is_none() && facts.kind != DocumentKind::Link {
            facts.id = Some(format!("event-{seq}"));
        }
        let mut digest = [self.content; 32];
        if self.content == 0 {
            digest[..8].copy_from_slice(&seq.to_be_bytes());
        }
        Recorded {
            seq,
            id: EventId::new(Ulid(u128::try_from(seq).unwrap())),
            unit,
            receiver_type: facts.type_name.clone(),
            success: true,
            recorded_at: facts.at().unwrap_or(Timestamp::from_micros(START)),
            payload_digest: digest,
            repeats: self.repeats,
            facts,
        }
    }
}

/// Events in the order in which they are recorded.
pub(super) fn recorded(drafts: impl IntoIterator<Item = Draft>) -> Vec<Recorded> {
    let drafts = drafts.into_iter().enumerate();
    drafts
        .map(|(at, draft)| draft.record(at as i64 + 1))
        .collect()
}
