//! What payloads say: what is kept beside an event when it is recorded, or later, and that an event
//! which comes again is not recorded again.

use std::sync::Arc;

use super::{IndexNumbers, LinkRow, NaturalRow, Plan, State, Writer};
use crate::domain::command::Outcome;
use crate::domain::event::EventDraft;
use crate::domain::id::EventId;
use crate::domain::indexed::{Indexed, Key, OldEvent, content_key};
use crate::domain::run::Runs;

/// What an event is known by when it comes again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Natural {
    key: Key,
    content: Key,
    once: bool,
}

impl Natural {
    pub(super) fn of(draft: &EventDraft, indexed: &Indexed) -> Option<Self> {
        let natural = indexed.natural?;
        let content = natural.content.as_ref();
        let digest = content.unwrap_or_else(|| draft.payload.digest());
        Some(Self {
            key: natural.key,
            content: content_key(draft.receiver_id, &draft.unit, draft.success, digest),
            once: natural.once,
        })
    }
}

impl Writer<'_> {
    /// The event that this one is again, if it is not to be recorded again; that is counted.
    pub(super) fn repeated(&mut self, natural: Natural) -> Option<(EventId, i64)> {
        let rows = self.state.index.natural.get(&natural.key)?;
        let (seq, id) = *rows.get(&natural.content).filter(|_| natural.once)?;
        *self.plan.index.repeats.entry(seq).or_default() += 1;
        Some((id, seq))
    }

    /// Keeps the natural key of an event; gives an event that has the same one with another content.
    pub(super) fn natural(&mut self, natural: Natural, seq: i64, id: EventId) -> Option<EventId> {
        let Natural { key, content, .. } = natural;
        let rows = self.state.index.natural.entry(key).or_default();
        let mut others = rows.iter().filter(|(other, _)| **other != content);
        let conflict = others.next().map(|(_, (_, id))| *id);
        // Later than what is looked into now: it came while the log was being looked into.
        let exists = match rows.get(&content) {
            Some((known, _)) if *known <= seq => return conflict,
            known => known.is_some(),
        };
        rows.insert(content, (seq, id));
        let row = NaturalRow { seq, exists };
        let planned = self.plan.index.natural.entry((key, content)).or_insert(row);
        planned.seq = seq;
        conflict
    }

    /// Keeps what an event says.
    pub(super) fn index(&mut self, seq: i64, indexed: &Arc<Indexed>) {
        let plan = &mut self.plan.index;
        plan.facts.push((seq, indexed.clone()));
        let links = indexed.links.iter();
        plan.links.extend(links.map(|link| LinkRow {
            key: link.key,
            seq,
            role: link.role,
        }));
        if let Some(touch) = &indexed.run {
            self.state.index.runs.touch(seq, touch);
        }
    }

    /// Forgets what payloads say, of the events of this batch too. By what events are known when they
    /// come again is not forgotten, so that they are not recorded anew meanwhile, nor how often they
    /// came: no payload says it.
    pub(super) fn clear_index(&mut self) -> Outcome {
        let (state, plan) = (&mut self.state.index, &mut self.plan.index);
        state.runs = Runs::default();
        state.reindexed_to = 0;
        state.unindexed_to = self.state.last_event_seq;
        plan.clear = true;
        plan.facts.clear();
        plan.links.clear();
        self.audit_done("index".to_owned(), "cleared".to_owned());
        self.reindexed(true)
    }

    /// Keeps what events say that were recorded before, if nobody else has done so meanwhile.
    pub(super) fn reindex(&mut self, after: i64, to: i64, events: &[OldEvent]) -> Outcome {
        let index = &mut self.state.index;
        if after != index.reindexed_to || to <= after || to > index.unindexed_to {
            return self.reindexed(false);
        }
        index.reindexed_to = to;
        if to == index.unindexed_to {
            (index.reindexed_to, index.unindexed_to) = (0, 0);
        }
        self.plan.index.moved = true;
        for event in events {
            // What lies elsewhere is there already, or its turn comes.
            if event.seq <= after || event.seq > to {
                continue;
            }
            if let Some(natural) = event.indexed.natural {
                let natural = Natural {
                    key: natural.key,
                    content: event.content,
                    once: natural.once,
                };
                self.natural(natural, event.seq, event.id);
            }
            self.index(event.seq, &event.indexed);
        }
        self.reindexed(true)
    }

    fn reindexed(&self, done: bool) -> Outcome {
        Outcome::Reindexed {
            done,
            after: self.state.index.reindexed_to,
            to: self.state.index.unindexed_to,
        }
    }
}

/// Brings the rows of a batch into the form in which they are written: links in the order of their
/// table, each run once.
pub(super) fn finish(state: &mut State, plan: &mut Plan) {
    plan.index.links.sort_unstable();
    plan.index.links.dedup();
    let index = &mut state.index;
    plan.index.runs = index.runs.take_changes();
    plan.index.numbers = IndexNumbers {
        last_run_num: index.runs.last_num(),
        runs: index.runs.count(),
        reindexed_to: index.reindexed_to,
        unindexed_to: index.unindexed_to,
    };
}
