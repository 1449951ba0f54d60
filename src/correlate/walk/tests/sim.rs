//! Pipeline runs of a small company, one beside the other, as their tools report them.

use std::collections::BTreeSet;

use crate::correlate::facts::Recorded;
use crate::correlate::key::Role;

use super::build::{Draft, event};

/// Numbers that come out the same for the same seed (SplitMix64).
#[derive(Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn between(&mut self, from: f64, to: f64) -> f64 {
        let part = (self.number() >> 11) as f64 / (1_u64 << 53) as f64;
        from + part * (to - from)
    }

    pub(super) fn below(&mut self, most: usize) -> usize {
        (self.number() % most.max(1) as u64) as usize
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

/// What events say of what they belong to, beside their contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ties {
    /// A chain.
    Chain,
    /// A PATH link to the event before.
    Path,
    /// A RELATION to the event before.
    Relation,
    /// Nothing.
    Contents,
}

/// Whose units they are recorded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Units {
    /// Each run has its own.
    Unique,
    /// All runs of a service have the same.
    Shared,
    /// What an event is about is its unit.
    Own,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) ties: Ties,
    pub(super) units: Units,
    pub(super) runs: usize,
    pub(super) services: usize,
    /// Seconds from one run to the next.
    pub(super) apart: f64,
}

/// What was recorded, and what belongs together.
pub(super) struct World {
    pub(super) events: Vec<Recorded>,
    /// The events of each run.
    pub(super) runs: Vec<BTreeSet<i64>>,
    /// The events of each run that are about its pipelineRun or one of its tasks.
    pub(super) tasks: Vec<BTreeSet<i64>>,
}

impl World {
    pub(super) fn run_of(&self, seq: i64) -> usize {
        let of = self.runs.iter().position(|run| run.contains(&seq));
        of.unwrap()
    }
}

/// One run of 21 events.
fn run(plan: Plan, random: &mut Random, at: usize) -> Vec<Draft> {
    let service = format!("svc{}", at % plan.services);
    let begin = at as f64 * plan.apart;
    let hex: String = (0..4)
        .map(|_| format!("{:016x}", random.number()))
        .collect();
    let image = format!("pkg:oci/{service}@sha256:{hex}");
    let (pr, build, suite) = (format!("pr-{at}"), format!("b-{at}"), format!("ts-{at}"));
    let change = format!("{at}");
    let mut now = begin;
    let mut events: Vec<Draft> = Vec::new();
    let mut add = |random: &mut Random, from: f64, to: f64, what: &str, id: &str, source: &str| {
        now += random.between(from, to);
        event(what, id, source, now)
    };
    let (tekton, hub, registry, kube) =
        ("/tekton/a", "https://github.com", "/registry", "/testkube");
    events.push(add(random, 2.0, 8.0, "change.merged", &change, hub));
    events.push(add(random, 2.0, 6.0, "pipelinerun.queued", &pr, tekton));
    events.push(add(random, 2.0, 6.0, "pipelinerun.started", &pr, tekton));
    for task in ["clone", "compile", "push"] {
        let id = format!("{pr}/{task}");
        let started = add(random, 2.0, 6.0, "taskrun.started", &id, tekton);
        events.push(started.part_of("pipelinerun", &pr));
        if task == "compile" {
            events.push(add(random, 1.0, 4.0, "build.started", &build, tekton));
            let finished = add(random, 2.0, 6.0, "build.finished", &build, tekton);
            events.push(finished.makes(&image));
        }
        let finished = add(random, 10.0, 40.0, "taskrun.finished", &id, tekton);
        events.push(finished.part_of("pipelinerun", &pr));
    }
    let packaged = add(random, 3.0, 8.0, "artifact.packaged", &image, tekton);
    events.push(packaged.subject(Role::From, "change", &change, Some(hub)));
    events.push(add(random, 3.0, 8.0, "artifact.signed", &image, tekton));
    events.push(add(
        random,
        3.0,
        8.0,
        "artifact.published",
        &image,
        registry,
    ));
    events.push(add(random, 3.0, 8.0, "testsuiterun.started", &suite, kube));
    for case in 0..3 {
        let id = format!("tc-{at}-{case}");
        let finished = add(random, 3.0, 8.0, "testcaserun.finished", &id, kube);
        events.push(finished.part_of("testsuiterun", &suite));
    }
    events.push(add(random, 2.0, 5.0, "testsuiterun.finished", &suite, kube));
    events.push(add(random, 4.0, 9.0, "pipelinerun.finished", &pr, tekton));
    let mut deployed = add(random, 20.0, 40.0, "service.deployed", &service, "/argocd");
    deployed.facts.context.environment = Some("staging".to_owned());
    events.push(deployed.uses(&image));
    let mut before: Option<String> = None;
    for (nth, draft) in events.iter_mut().enumerate() {
        // A ULID: an id that no other source comes to.
        let id = format!("01HQK6M8S2T3W4X5Y6Z7{at:03}{nth:03}");
        let mut next = draft.clone().id(&id);
        next = match (plan.ties, &before) {
            (Ties::Chain, _) => next.chain(&format!("chain-{at}")),
            (Ties::Path, Some(before)) => next.after(before),
            (Ties::Relation, Some(before)) => next.event(Role::Relation, before),
            _ => next,
        };
        next = match plan.units {
            Units::Unique => next.of(&service, &format!("2026.{at}")),
            Units::Shared => next.of(&service, "1"),
            Units::Own => next,
        };
        before = Some(id);
        *draft = next;
    }
    assert_eq!(events.len(), 21);
    events
}

/// All runs, recorded roughly in the order in which things happened.
pub(super) fn world(plan: Plan, seed: u64) -> World {
    let mut random = Random(seed);
    let mut drafts: Vec<(i64, usize, Draft)> = Vec::new();
    for at in 0..plan.runs {
        for draft in run(plan, &mut random, at) {
            let late = (random.between(0.0, 5.0) * 1e6) as i64;
            drafts.push((draft.facts.time.unwrap() + late, at, draft));
        }
    }
    drafts.sort_by_key(|(recorded, ..)| *recorded);
    let mut world = World {
        events: Vec::new(),
        runs: vec![BTreeSet::new(); plan.runs],
        tasks: vec![BTreeSet::new(); plan.runs],
    };
    for (nth, (_, at, draft)) in drafts.into_iter().enumerate() {
        let seq = nth as i64 + 1;
        let kind = draft.facts.subject.as_str();
        if matches!(kind, "pipelinerun" | "taskrun") {
            world.tasks[at].insert(seq);
        }
        world.runs[at].insert(seq);
        world.events.push(draft.record(seq));
    }
    world
}
