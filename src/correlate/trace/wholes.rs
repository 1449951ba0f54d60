//! Which events are of one run: what they say that they are part of.

use crate::correlate::facts::{Recorded, Subject, Target};
use crate::correlate::key::{Role, folded};

/// A pipelineRun or a build that an event is about or part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole<'a> {
    pub(super) kind: &'a str,
    pub(super) id: &'a str,
    /// Where the id is unique, if that is said.
    pub(super) source: Option<&'a str>,
    /// The source of the event that says it.
    home: Option<&'a str>,
    /// Whether the event is about it.
    own: bool,
}

impl<'a> Whole<'a> {
    /// Those of an event.
    pub(super) fn of(event: &'a Recorded) -> Vec<Self> {
        let facts = &event.facts;
        let whole = |subject: &'a Subject, own: bool| {
            matches!(subject.kind.as_str(), "pipelinerun" | "build").then(|| Self {
                kind: &subject.kind,
                id: &subject.id,
                source: subject.source.as_deref(),
                home: facts.source.as_deref(),
                own,
            })
        };
        let about = facts.about.iter().filter_map(|about| whole(about, true));
        let parts = facts.references.iter().filter_map(|reference| {
            match (reference.role, &reference.target) {
                (Role::Member, Target::Subject(subject)) => whole(subject, false),
                _ => None,
            }
        });
        about.chain(parts).collect()
    }

    /// The pipelineRun of an event.
    pub(super) fn pipeline_run(event: &'a Recorded) -> Option<Self> {
        Self::of(event)
            .into_iter()
            .find(|whole| whole.kind == "pipelinerun")
    }

    /// Whether both name one thing. An id without a source means the thing itself wherever it is;
    /// two such mean the same only if one sender wrote them.
    pub(super) fn is(&self, other: &Self) -> bool {
        if self.kind != other.kind || folded(self.id) != folded(other.id) {
            return false;
        }
        match (self.source, other.source) {
            (Some(one), Some(two)) => one == two,
            (None, None) => self.home == other.home,
            (None, Some(source)) => other.own || self.home == Some(source),
            (Some(source), None) => self.own || other.home == Some(source),
        }
    }
}
