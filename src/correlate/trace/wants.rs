//! Which links a trace wants next.

use super::Trace;
use super::focus::Focus;
use super::stays::stays;
use super::wholes::Whole;
use crate::correlate::deploy::{DeliveryScope, delivery_key};
use crate::correlate::facts::{Artifact, Recorded};
use crate::correlate::key::{LinkKey, Role};
use crate::correlate::names::{artifact_keys, same_artifact};
use crate::correlate::origin::{changes, commits, makes, tells_of_change};
use crate::limits::trace as bounds;

/// Keys in the order in which they are wanted, each once.
struct Wants<'t> {
    trace: &'t Trace,
    keys: Vec<LinkKey>,
}

impl Wants<'_> {
    fn add(&mut self, key: LinkKey) {
        let room = self.keys.len() < bounds::KEYS;
        if room && !self.trace.asked.contains(&key) && !self.keys.contains(&key) {
            self.keys.push(key);
        }
    }

    /// The newest chains of events by time.
    fn chains<'a>(&mut self, events: impl DoubleEndedIterator<Item = &'a Recorded>, most: usize) {
        let mut chains: Vec<&String> = Vec::new();
        for chain in events.rev().filter_map(|event| event.facts.chain.as_ref()) {
            if !chains.contains(&chain) && chains.len() < most {
                chains.push(chain);
            }
        }
        for chain in chains {
            self.add(LinkKey::chain(chain));
        }
    }

    /// The changes and commits that an event refers to or is about.
    fn sources(&mut self, event: &Recorded) {
        for change in changes(&event.facts) {
            self.add(LinkKey::subject(
                "change",
                &change.id,
                change.source.as_deref(),
            ));
        }
        for commit in commits(&event.facts) {
            self.add(commit.key());
        }
        let about = event.facts.about.as_ref();
        if let Some(change) = about.filter(|about| about.kind == "change") {
            self.add(LinkKey::subject(
                "change",
                &change.id,
                change.source.as_deref(),
            ));
        }
    }

    /// The runs and builds that an event is part of or about.
    fn wholes(&mut self, event: &Recorded) {
        for whole in Whole::of(event) {
            self.add(LinkKey::subject(whole.kind, whole.id, None));
            if let Some(source) = whole.source {
                self.add(LinkKey::subject(whole.kind, whole.id, Some(source)));
            }
        }
    }

    /// What an artifact leads to.
    fn artifact(&mut self, artifact: &Artifact, events: &[&Recorded], in_full: bool) {
        let with = |fits: fn(&Recorded, &Artifact) -> bool| {
            let named = move |event: &&Recorded| {
                let mut artifacts = event.facts.artifacts.iter();
                artifacts.any(|one| fits(event, one) && same_artifact(one, artifact))
            };
            events.iter().copied().filter(named).collect::<Vec<_>>()
        };
        let made = with(|event, artifact| makes(&event.facts, artifact));
        let used = with(|_, artifact| artifact.role == Role::Uses);
        for event in &made {
            self.sources(event);
        }
        if !in_full {
            return;
        }
        self.chains(made.iter().copied(), bounds::CHAINS);
        for event in &made {
            self.wholes(event);
        }
        self.chains(used.iter().copied(), bounds::CHAINS);
        let deployed = stays(used.iter().copied());
        let mut services: Vec<&str> = deployed.iter().filter_map(|stay| stay.service).collect();
        services.dedup();
        for service in services.into_iter().take(bounds::SERVICES) {
            self.add(delivery_key(DeliveryScope::Service(service)));
        }
    }
}

impl Trace {
    /// The keys that are wanted next.
    pub(super) fn wanted_keys(&self) -> Vec<LinkKey> {
        let mut wants = Wants {
            trace: self,
            keys: Vec::new(),
        };
        if self.rounds == 0 {
            for meaning in self.anchor.meanings() {
                wants.add(meaning.key());
            }
            return wants.keys;
        }
        if self.rounds >= bounds::ROUNDS || self.meaning.is_none() {
            return wants.keys;
        }
        let events = self.by_time();
        let Focus {
            artifacts,
            in_full,
            from,
            ..
        } = self.focus();
        for event in &from {
            wants.sources(event);
        }
        wants.chains(from.iter().copied(), bounds::CHAINS);
        for event in from
            .iter()
            .rev()
            .filter(|event| event.facts.chain.is_none())
        {
            wants.wholes(event);
        }
        for artifact in &artifacts {
            for key in artifact_keys(artifact) {
                wants.add(key);
            }
        }
        for artifact in &artifacts {
            wants.artifact(artifact, &events, in_full);
        }
        // What a change that was found refers to: its commits, and commits' changes.
        if in_full {
            for event in events.iter().filter(|event| tells_of_change(&event.facts)) {
                let is_of_it = artifacts.len() == 1 || from.iter().any(|of| of.seq == event.seq);
                if is_of_it {
                    wants.sources(event);
                }
            }
        }
        wants.keys
    }
}
