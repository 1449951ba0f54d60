//! Runs made by hand.

use serde_json::Value;

use crate::correlate::story::{Asked, GateLine, Page, Section, Story, Typical};
use crate::correlate::{
    Artifact, Confidence, Details, DocumentKind, Facts, Member, Method, Recorded, Reference,
    Related, Remark, Role, Run, SbomReference, Subject, Target, Via,
};
use crate::domain::id::EventId;
use crate::domain::run::{RunName, RunOutcome};
use crate::domain::time::Timestamp;
use crate::domain::unit::Unit;

pub(super) const TEKTON: &str = "/tekton/a";

/// 2026-11-01T08:00:00Z.
pub(super) const ZERO: i64 = 1_793_520_000_000_000;

pub(super) fn micros(seconds: f64) -> i64 {
    (seconds * 1_000_000.0).round() as i64
}

pub(super) fn at(seconds: f64) -> Timestamp {
    Timestamp::from_micros(ZERO + micros(seconds))
}

pub(super) fn id_of(seq: i64) -> EventId {
    EventId::new(ulid::Ulid(
        (1_793_520_000_000_u128 << 80) + u128::from(seq.unsigned_abs()),
    ))
}

/// A run in the making, and what is asked of it.
#[derive(Debug)]
pub(super) struct Sample {
    pub run: Run,
    pub asked: Asked,
    next: i64,
}

impl Sample {
    /// The run of pipelineRun `pr-1`, without events, looked at an hour after its beginning.
    pub(super) fn new() -> Self {
        Self {
            run: Run {
                name: Some(RunName::PipelineRun {
                    id: "pr-1".to_owned(),
                    source: Some(TEKTON.to_owned()),
                }),
                method: Method::Chain,
                confidence: Confidence::High,
                members: Vec::new(),
                links: Vec::new(),
                related: Vec::new(),
                remarks: Vec::new(),
                truncated: Vec::new(),
                hubs: Vec::new(),
            },
            asked: Asked {
                now: at(3_600.0),
                typical: None,
                gates: Vec::new(),
                handle: "run_abcdefghijkl".to_owned(),
            },
            next: 1,
        }
    }

    /// One that began, with a finished pipelineRun.
    pub(super) fn finished(end: f64, outcome: RunOutcome) -> Self {
        let mut sample = Self::new();
        sample
            .add("pipelinerun.queued", "pr-1", -4.0)
            .pipeline("web");
        sample
            .add("pipelinerun.started", "pr-1", 0.0)
            .pipeline("web");
        sample
            .add("pipelinerun.finished", "pr-1", end)
            .outcome(outcome);
        sample
    }

    pub(super) fn record(&mut self, facts: Facts, seconds: f64) -> Recorded {
        let seq = self.next;
        self.next += 1;
        Recorded {
            seq,
            id: id_of(seq),
            unit: Unit {
                name: "web".to_owned(),
                version: "1.2.0".to_owned(),
                release: "7".to_owned(),
                platform_id: "x64".to_owned(),
                package: "oci".to_owned(),
            },
            receiver_type: facts.type_name.clone(),
            success: true,
            recorded_at: at(seconds + 0.5),
            payload_digest: [seq as u8; 32],
            repeats: 0,
            facts,
        }
    }

    /// Adds an event `subject.predicate` about the subject with this id.
    pub(super) fn add(&mut self, what: &str, id: &str, seconds: f64) -> Event<'_> {
        let facts = facts(what, id, seconds, self.next);
        let event = self.record(facts, seconds);
        self.push(event)
    }

    pub(super) fn push(&mut self, event: Recorded) -> Event<'_> {
        self.run.members.push(Member {
            event,
            via: Via {
                tie: "chain",
                key: "c-1".to_owned(),
                from: None,
                confidence: Confidence::High,
            },
        });
        Event(&mut self.run.members.last_mut().unwrap().event)
    }

    /// A taskRun of the pipelineRun, from start to end.
    pub(super) fn task(&mut self, name: &str, from: f64, to: f64, outcome: RunOutcome) {
        let id = format!("pr-1/{name}");
        let root = ("pipelinerun", "pr-1");
        self.add("taskrun.started", &id, from)
            .name(name)
            .part_of(root);
        self.add("taskrun.finished", &id, to)
            .name(name)
            .part_of(root)
            .outcome(outcome);
    }

    /// An event that touches the run.
    pub(super) fn relate(&mut self, what: &str, id: &str, seconds: f64, why: &'static str) {
        let facts = facts(what, id, seconds, self.next);
        let event = self.record(facts, seconds);
        let detail = String::new();
        self.run.related.push(Related { event, why, detail });
    }

    pub(super) fn remark(&mut self, code: &'static str, detail: &str, events: &[i64]) {
        self.run.remarks.push(Remark {
            code,
            detail: detail.to_owned(),
            events: events.to_vec(),
        });
    }

    /// A stand-alone link.
    pub(super) fn link(&mut self, kind: &str, references: &[(Role, &str)]) {
        let mut facts = Facts::new(DocumentKind::Link, format!("dev.cdevents.link.{kind}"));
        facts.predicate = kind.to_owned();
        facts.references = references
            .iter()
            .map(|(role, id)| reference(*role, Target::Event((*id).to_owned())))
            .collect();
        let link = self.record(facts, 0.0);
        self.run.links.push(link);
    }

    pub(super) fn usual(&mut self, runs: usize, median_s: f64, p95_s: f64) {
        self.asked.typical = Some(Typical {
            runs,
            median_s,
            p95_s,
        });
    }

    pub(super) fn gate(&mut self, group: &str, missing: &[&str], failed: &[&str]) {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        self.asked.gates.push(GateLine {
            group: group.to_owned(),
            unit: "epr://history/web/1.2.0/7/x64/oci".to_owned(),
            passes: missing.is_empty() && failed.is_empty(),
            enabled: true,
            missing: owned(missing),
            failed: owned(failed),
            outside: Vec::new(),
        });
    }

    pub(super) fn story(&self) -> Story<'_> {
        Story::tell(&self.run, &self.asked)
    }

    pub(super) fn summary(&self) -> String {
        self.text(&[])
    }

    pub(super) fn text(&self, sections: &[Section]) -> String {
        self.story().text(sections, Page::first(sections)).body
    }

    pub(super) fn json(&self, sections: &[Section]) -> Value {
        self.story().json(sections, Page::first(sections)).body
    }

    /// The anomalies with this code: severity, detail, positions of the events.
    pub(super) fn found(&self, code: &str) -> Vec<(&'static str, String, Vec<i64>)> {
        let story = self.story();
        let these = story.anomalies.list.iter().filter(|one| one.code == code);
        these
            .map(|one| {
                let seqs = one.events.iter().map(|id| (id.ulid().0 & 0xffff) as i64);
                (one.severity.as_str(), one.detail.clone(), seqs.collect())
            })
            .collect()
    }

    pub(super) fn codes(&self) -> Vec<String> {
        let story = self.story();
        let mut codes: Vec<String> = story
            .anomalies
            .list
            .iter()
            .map(|one| one.code.clone().into_owned())
            .collect();
        codes.dedup();
        codes
    }
}

fn facts(what: &str, id: &str, seconds: f64, seq: i64) -> Facts {
    let (subject, predicate) = what.split_once('.').unwrap();
    let mut facts = Facts::new(DocumentKind::CdEvent, format!("dev.cdevents.{what}.0.3.0"));
    facts.subject = subject.to_owned();
    facts.predicate = predicate.to_owned();
    facts.id = Some(format!("e-{seq}"));
    facts.source = Some(TEKTON.to_owned());
    facts.time = Some(ZERO + micros(seconds));
    facts.chain = Some("c-1".to_owned());
    facts.about = Some(Subject {
        kind: subject.to_owned(),
        id: id.to_owned(),
        source: Some(TEKTON.to_owned()),
    });
    facts
}

fn reference(role: Role, target: Target) -> Reference {
    Reference {
        role,
        target,
        name: None,
    }
}

/// An event in the making.
pub(super) struct Event<'s>(pub &'s mut Recorded);

impl Event<'_> {
    pub(super) fn with(self, change: impl FnOnce(&mut Facts)) -> Self {
        change(&mut self.0.facts);
        self
    }

    pub(super) fn source(self, source: &str) -> Self {
        self.with(|facts| {
            facts.source = Some(source.to_owned());
            if let Some(about) = &mut facts.about {
                about.source = Some(source.to_owned());
            }
        })
    }

    pub(super) fn name(self, name: &str) -> Self {
        self.with(|facts| facts.name = Some(name.to_owned()))
    }

    pub(super) fn pipeline(self, name: &str) -> Self {
        self.with(|facts| facts.context.pipeline = Some(name.to_owned()))
    }

    pub(super) fn outcome(self, outcome: RunOutcome) -> Self {
        self.with(|facts| facts.outcome = Some(outcome))
            .success(!outcome.is_bad())
    }

    pub(super) fn success(self, success: bool) -> Self {
        self.0.success = success;
        self
    }

    pub(super) fn reason(self, reason: &str) -> Self {
        self.with(|facts| facts.reason = Some(reason.to_owned()))
    }

    /// A part of a subject, given without its source.
    pub(super) fn part_of(self, (kind, id): (&str, &str)) -> Self {
        self.refer(Role::Member, subject(kind, id))
    }

    pub(super) fn refer(self, role: Role, target: Target) -> Self {
        self.with(|facts| facts.references.push(reference(role, target)))
    }

    pub(super) fn after(self, seq: i64) -> Self {
        self.refer(Role::Path, Target::Event(format!("e-{seq}")))
    }

    pub(super) fn artifact(self, role: Role, id: &str) -> Self {
        self.with(|facts| {
            let digest = id
                .split('@')
                .nth(1)
                .filter(|digest| digest.starts_with("sha256:"));
            facts.artifacts.push(Artifact {
                role,
                id: id.to_owned(),
                purl: id.starts_with("pkg:").then(|| id.to_owned()),
                digest: digest.map(str::to_owned),
                ..Artifact::default()
            });
        })
    }

    pub(super) fn sbom(self, uri: &str) -> Self {
        self.with(|facts| {
            facts.artifacts[0].sbom = Some(SbomReference {
                uri: uri.to_owned(),
                format: Some("spdx-json".to_owned()),
            });
        })
    }

    pub(super) fn environment(self, name: &str) -> Self {
        self.with(|facts| facts.context.environment = Some(name.to_owned()))
    }

    pub(super) fn details(self, details: Details) -> Self {
        self.with(|facts| facts.details = Some(Box::new(details)))
    }
}

pub(super) fn subject(kind: &str, id: &str) -> Target {
    Target::Subject(Subject {
        kind: kind.to_owned(),
        id: id.to_owned(),
        source: None,
    })
}

pub(super) const DIGEST: &str =
    "sha256:4e1195df020de59e0d65a33a4279f1183e7ae4e5d980e309f8b55adff2e61c3e";

/// The purl of an image with a digest that ends in `n`.
pub(super) fn image(n: u8) -> String {
    format!("pkg:oci/web@{}{n}", &DIGEST[..DIGEST.len() - 1])
}
