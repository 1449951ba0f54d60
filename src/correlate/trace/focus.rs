//! The artifacts that a trace is about, as far as is known so far.

use super::stays::{Stay, stays};
use super::wholes::Whole;
use super::{Meaning, Trace};
use crate::correlate::facts::{Artifact, Recorded};
use crate::correlate::names::{artifact_names, same_artifact};
use crate::correlate::origin::{Commit, changes, commits, makes};
use crate::limits::trace as bounds;

/// What a trace is about.
#[derive(Debug)]
pub(super) struct Focus<'a> {
    /// Distinct artifacts, newest first.
    pub(super) artifacts: Vec<&'a Artifact>,
    /// Those beyond [`bounds::ARTIFACTS`].
    pub(super) more: usize,
    /// Whether each is to be told in full.
    pub(super) in_full: bool,
    /// Of a service or environment: what runs.
    pub(super) running: Vec<Stay<'a>>,
    /// The events that are about the commit or change itself, or made from it.
    pub(super) from: Vec<&'a Recorded>,
}

impl<'a> Focus<'a> {
    pub(super) fn of(trace: &'a Trace) -> Self {
        let events = trace.by_time();
        let mut focus = Self {
            artifacts: Vec::new(),
            more: 0,
            in_full: true,
            running: Vec::new(),
            from: Vec::new(),
        };
        match &trace.meaning {
            None => {}
            Some(Meaning::Digest(digest)) => {
                let has = |artifact: &Artifact| artifact.digest.as_ref() == Some(digest);
                focus.named(&events, has);
            }
            Some(Meaning::Artifact(name)) => focus.named(&events, |artifact| {
                artifact.purl.as_ref().unwrap_or(&artifact.id) == name
            }),
            Some(Meaning::Package(name)) => {
                focus.named(&events, |artifact| artifact_names(artifact).contains(name));
                let is_tag = |artifact: &&Artifact| is_tag(artifact, name);
                // A tag is on one artifact at a time: the newest.
                if focus.artifacts.first().is_some_and(is_tag) {
                    focus.more += focus.artifacts.len() - 1;
                    focus.artifacts.truncate(1);
                } else {
                    focus.in_full = focus.artifacts.len() == 1;
                }
            }
            Some(Meaning::Commit { repository, sha }) => {
                let wanted = Commit {
                    repository: repository.clone(),
                    sha: sha.clone(),
                };
                focus.made_from(&events, |event| {
                    commits(&event.facts)
                        .iter()
                        .any(|commit| commit.agrees(&wanted))
                });
            }
            Some(Meaning::Change(id)) => focus.made_from(&events, |event| {
                let about = event.facts.about.as_ref();
                let is_it = |kind: &str, other: &str| kind == "change" && other == id;
                about.is_some_and(|about| is_it(&about.kind, &about.id))
                    || changes(&event.facts).any(|change| is_it(&change.kind, &change.id))
            }),
            Some(Meaning::Service(name)) => {
                focus.running(&events, |stay| stay.service == Some(name.as_str()));
                focus.in_full = focus.artifacts.len() == 1;
            }
            Some(Meaning::Environment(name)) => {
                focus.running(&events, |stay| stay.environment == Some(name.as_str()));
                focus.in_full = false;
            }
        }
        focus.in_full &= focus.artifacts.len() <= bounds::IN_FULL;
        focus
    }

    /// The artifacts that a description fits, by when they were made as far as that is known.
    fn named(&mut self, events: &[&'a Recorded], fits: impl Fn(&Artifact) -> bool) {
        for event in events.iter().rev() {
            let made = |artifact: &&Artifact| makes(&event.facts, artifact) && fits(artifact);
            for artifact in event.facts.artifacts.iter().filter(made) {
                self.add(artifact);
            }
        }
        for event in events.iter().rev() {
            for artifact in event
                .facts
                .artifacts
                .iter()
                .filter(|artifact| fits(artifact))
            {
                self.add(artifact);
            }
        }
    }

    /// The artifacts that were made from a commit or change: by events that name it, or by those of
    /// the chains of such events.
    fn made_from(&mut self, events: &[&'a Recorded], is_from: impl Fn(&Recorded) -> bool) {
        self.from = events
            .iter()
            .copied()
            .filter(|event| is_from(event))
            .collect();
        let chains: Vec<&String> = self
            .from
            .iter()
            .filter_map(|event| event.facts.chain.as_ref())
            .collect();
        let unchained = self.from.iter().filter(|event| event.facts.chain.is_none());
        let wholes: Vec<Whole<'_>> = unchained.flat_map(|event| Whole::of(event)).collect();
        for event in events.iter().rev() {
            let in_chain = event
                .facts
                .chain
                .as_ref()
                .is_some_and(|chain| chains.contains(&chain));
            let of_whole = |own: &Whole<'_>| wholes.iter().any(|whole| whole.is(own));
            if !(in_chain || is_from(event) || Whole::of(event).iter().any(of_whole)) {
                continue;
            }
            let made = |artifact: &&Artifact| makes(&event.facts, artifact);
            for artifact in event.facts.artifacts.iter().filter(made) {
                self.add(artifact);
            }
        }
    }

    /// What runs.
    fn running(&mut self, events: &[&'a Recorded], fits: impl Fn(&Stay<'a>) -> bool) {
        let all = stays(events.iter().copied());
        self.running = all
            .into_iter()
            .filter(|stay| stay.runs() && fits(stay))
            .collect();
        self.running
            .sort_by_key(|stay| std::cmp::Reverse((stay.from(), stay.event.seq)));
        let artifacts: Vec<&'a Artifact> = self
            .running
            .iter()
            .filter_map(|stay| stay.artifact)
            .collect();
        for artifact in artifacts {
            self.add(artifact);
        }
    }

    /// Adds an artifact, or what is new of one that is there.
    fn add(&mut self, artifact: &'a Artifact) {
        if artifact.id.is_empty() && artifact.digest.is_none() && artifact.purl.is_none() {
            return;
        }
        if let Some(known) = self
            .artifacts
            .iter_mut()
            .find(|known| same_artifact(known, artifact))
        {
            // The description that says more stands for it.
            let says = |artifact: &Artifact| (artifact.digest.is_some(), artifact.purl.is_some());
            if says(artifact) > says(known) {
                *known = artifact;
            }
        } else if self.artifacts.len() < bounds::ARTIFACTS {
            self.artifacts.push(artifact);
        } else {
            self.more += 1;
        }
    }
}

/// Whether a name is a tag of an artifact and not what all its versions are called.
fn is_tag(artifact: &Artifact, name: &str) -> bool {
    let tagged = crate::correlate::names::ImageName::read(&artifact.id);
    artifact.tags.iter().any(|tag| tag.trim() == name)
        || tagged.is_some_and(|image| image.tag.is_some() && image.tagged == name)
}
