//! The events of a run in order, with those that came more than once.

use std::collections::{BTreeMap, HashMap};

use crate::correlate::facts::{DocumentKind, Facts, Recorded};
use crate::correlate::key::folded;
use crate::correlate::run::{Member, Run};
use crate::domain::id::EventId;
use crate::domain::run::RunOutcome;

/// Microseconds around 1970 that a calendar of four-digit years knows. Sums of differences of such
/// times keep clear of the ends of the integers.
const MOST: i64 = 377_700_000_000_000_000;

/// Where a thing stands by one of its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It waits.
    Queued,
    /// It runs.
    Started,
    /// It ended; so, if the predicate says how.
    Finished(Option<RunOutcome>),
}

/// The stage that an event tells of. The words are those of CDEvents (core.md, testing-events.md)
/// and those that custom types and the programs of the tutorial use in their place.
pub(super) fn stage(facts: &Facts) -> Option<Stage> {
    Some(match facts.predicate.as_str() {
        "queued" | "scheduled" | "pending" => Stage::Queued,
        "started" | "running" => Stage::Started,
        "finished" | "completed" | "ended" => Stage::Finished(None),
        "succeeded" | "passed" => Stage::Finished(Some(RunOutcome::Success)),
        "failed" => Stage::Finished(Some(RunOutcome::Failure)),
        "errored" => Stage::Finished(Some(RunOutcome::Error)),
        "canceled" | "cancelled" | "aborted" => Stage::Finished(Some(RunOutcome::Cancel)),
        "skipped" => Stage::Finished(Some(RunOutcome::Skipped)),
        _ => return None,
    })
}

/// What comes first in a life, for events of the same time.
fn rank(facts: &Facts) -> u8 {
    match (stage(facts), facts.predicate.as_str()) {
        (Some(Stage::Queued), _) | (None, "created") => 0,
        (Some(Stage::Started), _) => 1,
        (None, _) => 2,
        (Some(Stage::Finished(_)), _) => 3,
    }
}

/// One event of the run.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    /// As it was found.
    pub member: &'a Member,
    /// When it happened, in microseconds since 1970.
    pub at: i64,
    /// The entry that it repeats; such a one is listed and counts for nothing.
    pub repeats: Option<usize>,
}

impl<'a> Entry<'a> {
    /// The event.
    pub(super) fn event(&self) -> &'a Recorded {
        &self.member.event
    }

    /// What it says.
    pub(super) fn facts(&self) -> &'a Facts {
        &self.member.event.facts
    }
}

/// The events of a run by time; then by what comes first in a life, by source, id and position.
#[derive(Debug)]
pub(super) struct Events<'a> {
    list: Vec<Entry<'a>>,
    by_context: HashMap<String, Vec<usize>>,
    /// Events that share source and id and say different things (CloudEvents 1.0, "id").
    pub conflicts: Vec<Vec<usize>>,
}

impl<'a> Events<'a> {
    /// Puts the members of a run in order and finds repeats.
    pub(super) fn of(run: &'a Run) -> Self {
        let mut list: Vec<Entry<'a>> = run
            .members
            .iter()
            .map(|member| Entry {
                member,
                at: member.event.at().as_micros().clamp(-MOST, MOST),
                repeats: None,
            })
            .collect();
        list.sort_by(|a, b| {
            let key = |entry: &Entry<'a>| {
                let facts = entry.facts();
                (
                    entry.at,
                    rank(facts),
                    &facts.source,
                    &facts.id,
                    entry.event().seq,
                )
            };
            key(a).cmp(&key(b))
        });
        let mut named: BTreeMap<(&str, String), Vec<usize>> = BTreeMap::new();
        for (at, entry) in list.iter().enumerate() {
            let facts = entry.facts();
            if let Some(id) = &facts.id {
                let source = facts.source.as_deref().unwrap_or_default();
                named.entry((source, folded(id))).or_default().push(at);
            }
        }
        let mut conflicts = Vec::new();
        for group in named.values().filter(|group| group.len() > 1) {
            let kept = mark_repeats(&mut list, group);
            if kept.len() > 1 {
                conflicts.push(kept);
            }
        }
        let mut by_context: HashMap<String, Vec<usize>> = HashMap::new();
        for ((_, id), group) in named {
            let kept = group
                .into_iter()
                .filter(|at| list.get(*at).is_some_and(|entry| entry.repeats.is_none()));
            by_context.entry(id).or_default().extend(kept);
        }
        Self {
            list,
            by_context,
            conflicts,
        }
    }

    /// All of them, repeats too.
    pub(super) fn all(&self) -> &[Entry<'a>] {
        &self.list
    }

    /// How many there are, repeats too.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// One of them.
    pub(super) fn get(&self, at: usize) -> Option<&Entry<'a>> {
        self.list.get(at)
    }

    /// What one of them says.
    pub(super) fn facts(&self, at: usize) -> Option<&'a Facts> {
        self.get(at).map(Entry::facts)
    }

    /// The id of one of them.
    pub(super) fn id(&self, at: usize) -> Option<EventId> {
        self.get(at).map(|entry| entry.event().id)
    }

    /// Those that count, with their places.
    pub(super) fn counted(&self) -> impl DoubleEndedIterator<Item = (usize, &Entry<'a>)> {
        self.list.iter().enumerate().filter(|(_, entry)| {
            entry.repeats.is_none() && entry.facts().kind != DocumentKind::Link
        })
    }

    /// The event with this context id: that of `source` if there is one, else the only one. Links do
    /// not name the source (links.md), so that several may have the id.
    pub(super) fn by_context(&self, id: &str, source: Option<&str>) -> Option<usize> {
        let found = self.by_context.get(&folded(id))?;
        let own = found
            .iter()
            .find(|at| self.facts(**at).and_then(|f| f.source.as_deref()) == source);
        match (own, found.as_slice()) {
            (Some(own), _) => Some(*own),
            (None, [only]) => Some(*only),
            _ => None,
        }
    }
}

/// The ids of all events that a run knows, by their positions in the log.
pub(super) fn ids_by_position(run: &Run) -> HashMap<i64, EventId> {
    run.members
        .iter()
        .map(|member| &member.event)
        .chain(&run.links)
        .chain(run.related.iter().map(|related| &related.event))
        .map(|event| (event.seq, event.id))
        .collect()
}

/// Marks what repeats another entry of a group with the same source and id, the first recorded being
/// the original; gives those that say different things.
fn mark_repeats(list: &mut [Entry<'_>], group: &[usize]) -> Vec<usize> {
    let mut by_record = group.to_vec();
    by_record.sort_by_key(|at| list.get(*at).map(|entry| entry.event().seq));
    let mut kept: Vec<usize> = Vec::new();
    let mut by_digest: HashMap<[u8; 32], usize> = HashMap::new();
    for at in by_record {
        let Some(entry) = list.get(at) else { continue };
        let digest = entry.event().payload_digest;
        let same = by_digest.get(&digest).copied().or_else(|| {
            // The same event in another text: other blanks, another order of fields.
            let first = kept.first().and_then(|first| list.get(*first))?;
            (first.facts() == entry.facts()).then(|| kept.first().copied())?
        });
        match same {
            Some(original) => {
                if let Some(entry) = list.get_mut(at) {
                    entry.repeats = Some(original);
                }
            }
            None => {
                by_digest.insert(digest, at);
                kept.push(at);
            }
        }
    }
    kept.sort_unstable();
    kept
}
