//! What the walk has read, and what it still has to ask for: keys and events, each once, bounded.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::correlate::key::{Edge, KeyKind, LinkKey, Role};
use crate::domain::text::quoted;
use crate::domain::unit::Unit;
use crate::limits;

use super::node::{Node, Roles};
use super::search::DAY;
use super::{Ask, WalkLimits};

/// A key that was asked for.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) kind: KeyKind,
    pub(super) text: String,
    pub(super) answered: bool,
    /// By position; none of a hub.
    pub(super) rows: Vec<(i64, Role)>,
    /// More events share it than a key may tie together.
    pub(super) hub: bool,
    /// It names the run itself: what it ties together is taken, as far as there is room.
    pub(super) bulk: bool,
    /// It ties more together than one answer holds, and whether the rest of it was looked at.
    pub(super) more: bool,
    pub(super) looked_on: bool,
    /// Its newest ties are asked for, and not all.
    pub(super) newest: bool,
    /// There is an event that is it.
    pub(super) owned: bool,
    /// The roles whose events are to be read, and those that were.
    pub(super) wanted: Roles,
    pub(super) read: Roles,
    /// Weak steps from the start to the events that it leads to.
    pub(super) depth: usize,
}

/// What the walk has read.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) limits: WalkLimits,
    /// The position of the event that was asked about.
    pub(super) focus: Option<i64>,
    pub(super) nodes: BTreeMap<i64, Node>,
    pub(super) depths: BTreeMap<i64, usize>,
    /// The ties of the events that were read.
    pub(super) index: BTreeMap<LinkKey, Vec<(i64, Role)>>,
    /// The events that have no place in the log any more.
    pub(super) gone: BTreeSet<i64>,
    pub(super) keys: BTreeMap<LinkKey, Key>,
    pub(super) unasked: BTreeSet<LinkKey>,
    /// Keys whose answer was too long, to be asked for in smaller numbers.
    pub(super) again: VecDeque<Vec<LinkKey>>,
    /// Further looks at keys that tie more together than one answer holds.
    pub(super) extra: VecDeque<Ask>,
    pub(super) unread: BTreeSet<LinkKey>,
    pub(super) to_read: BTreeSet<i64>,
    pub(super) units: Option<Ask>,
    pub(super) rows: usize,
    pub(super) fresh: Vec<i64>,
    pub(super) truncated: BTreeSet<&'static str>,
}

impl Known {
    pub(super) fn new(limits: WalkLimits, focus: Option<i64>) -> Self {
        Self {
            limits,
            focus,
            nodes: BTreeMap::new(),
            depths: BTreeMap::new(),
            index: BTreeMap::new(),
            gone: BTreeSet::new(),
            keys: BTreeMap::new(),
            unasked: BTreeSet::new(),
            again: VecDeque::new(),
            extra: VecDeque::new(),
            unread: BTreeSet::new(),
            to_read: BTreeSet::new(),
            units: None,
            rows: 0,
            fresh: Vec::new(),
            truncated: BTreeSet::new(),
        }
    }

    // What is known.

    pub(super) fn limits(&self) -> WalkLimits {
        self.limits
    }

    /// Whether two events are near enough in time for weak ties to mean anything.
    pub(super) fn are_near(&self, one: &Node, other: &Node) -> bool {
        let days = self.limits.weak_days.saturating_mul(DAY);
        one.at.saturating_sub(other.at).saturating_abs() <= days
    }

    pub(super) fn node(&self, seq: i64) -> Option<&Node> {
        self.nodes.get(&seq)
    }

    pub(super) fn node_mut(&mut self, seq: i64) -> Option<&mut Node> {
        self.nodes.get_mut(&seq)
    }

    pub(super) fn nodes(&self) -> impl DoubleEndedIterator<Item = &Node> {
        self.nodes.values()
    }

    /// Weak steps from the start to this event.
    pub(super) fn depth(&self, seq: i64) -> usize {
        self.depths.get(&seq).copied().unwrap_or_default()
    }

    /// The ties of this key among the events that were read, by position.
    pub(super) fn on(&self, key: LinkKey) -> &[(i64, Role)] {
        self.index.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Whether it is asked for and not answered.
    pub(super) fn is_pending(&self, key: LinkKey) -> bool {
        self.keys.get(&key).is_some_and(|key| !key.answered)
    }

    /// Whether it was asked for, answered, and may be followed.
    pub(super) fn is_followed(&self, key: LinkKey) -> bool {
        self.keys
            .get(&key)
            .is_some_and(|key| key.answered && !key.hub)
    }

    /// Whether events are still to be read.
    pub(super) fn has_to_read(&self) -> bool {
        !self.to_read.is_empty()
    }

    /// Whether anything is still to be asked.
    pub(super) fn has_to_ask(&self) -> bool {
        self.has_to_read()
            || !self.unasked.is_empty()
            || !self.unread.is_empty()
            || !self.again.is_empty()
            || !self.extra.is_empty()
            || self.units.is_some()
    }

    /// Whether too many events share it.
    pub(super) fn is_hub(&self, key: LinkKey) -> bool {
        self.keys.get(&key).is_some_and(|key| key.hub)
    }

    /// Whether some event is what it names.
    pub(super) fn is_owned(&self, key: LinkKey) -> bool {
        self.keys.get(&key).is_some_and(|key| key.owned)
            || self.on(key).iter().any(|(_, role)| *role == Role::Own)
    }

    /// The events that are what it names, as far as they were told.
    pub(super) fn owners(&self, key: LinkKey) -> impl Iterator<Item = i64> {
        let rows = self.keys.get(&key).map_or(&[][..], |key| &key.rows);
        rows.iter()
            .filter(|(_, role)| *role == Role::Own)
            .map(|(seq, _)| *seq)
    }

    /// The first and the last event of a key and how many there are, at least.
    pub(super) fn span(&self, key: LinkKey) -> Option<(i64, i64, usize)> {
        let rows = &self.keys.get(&key)?.rows;
        let seqs: BTreeSet<i64> = rows.iter().map(|(seq, _)| *seq).collect();
        Some((*seqs.first()?, *seqs.last()?, seqs.len()))
    }

    /// Whether a key ties more together than was asked for.
    pub(super) fn has_more(&self, key: LinkKey) -> bool {
        self.keys.get(&key).is_some_and(|key| key.more || key.hub)
    }

    /// The events of a key, newest first.
    pub(super) fn tied(&self, key: LinkKey) -> impl Iterator<Item = (i64, Role)> {
        let rows = self.keys.get(&key).map_or(&[][..], |key| &key.rows);
        rows.iter().rev().copied()
    }

    /// Why there may be more than this.
    pub(super) fn truncated(&self) -> impl Iterator<Item = &'static str> {
        self.truncated.iter().copied()
    }

    pub(super) fn truncate(&mut self, why: &'static str) {
        self.truncated.insert(why);
    }

    /// Keys that were not followed, to be shown.
    pub(super) fn hubs(&self) -> Vec<String> {
        let hubs = self.keys.values().filter(|key| key.hub);
        let texts: BTreeSet<String> = hubs
            .map(|key| format!("{} {}", key.kind.as_str(), quoted(&key.text)))
            .collect();
        texts.into_iter().collect()
    }

    /// Events that were read since this was last asked.
    pub(super) fn take_fresh(&mut self) -> Vec<i64> {
        let mut fresh = std::mem::take(&mut self.fresh);
        fresh.sort_unstable();
        fresh
    }

    /// Room for further events.
    pub(super) fn room(&self) -> usize {
        // As many as a run may have, and as many around it, to tell what is not part of it.
        let most = self.limits.events.saturating_mul(2);
        most.saturating_sub(self.nodes.len())
    }

    // What is wanted.

    /// Wants the events that have one of these roles on a key.
    pub(super) fn want(&mut self, edge: Wanted<'_>, roles: Roles, depth: usize) {
        let Wanted {
            key,
            kind,
            text,
            bulk,
        } = edge;
        if let Some(known) = self.keys.get_mut(&key) {
            known.depth = known.depth.min(depth);
            if bulk && known.hub {
                // It turned out to be the run.
                (known.hub, known.answered) = (false, false);
                self.unasked.insert(key);
            }
            known.bulk |= bulk;
            if !roles.without(known.wanted).is_empty() {
                known.wanted = known.wanted.with(roles);
                if known.answered {
                    self.unread.insert(key);
                }
            }
            return;
        }
        if self.rows >= limits::WALK_ROWS_HELD {
            self.truncated.insert("keys");
            return;
        }
        self.keys.insert(
            key,
            Key {
                kind,
                text: text.to_owned(),
                answered: false,
                rows: Vec::new(),
                hub: false,
                bulk,
                more: false,
                looked_on: false,
                newest: false,
                owned: false,
                wanted: roles,
                read: Roles::default(),
                depth,
            },
        );
        self.unasked.insert(key);
    }

    /// Wants the events on the far side of an edge.
    pub(super) fn want_edge(&mut self, edge: &Edge, roles: Roles, depth: usize) {
        let wanted = Wanted {
            key: edge.key,
            kind: edge.kind,
            text: &edge.text,
            bulk: false,
        };
        self.want(wanted, roles, depth);
    }

    /// Wants the newest events of a key, however many it has.
    pub(super) fn want_newest(&mut self, wanted: Wanted<'_>) {
        let key = wanted.key;
        self.want(wanted, Roles::ALL, 0);
        if let Some(key) = self.keys.get_mut(&key) {
            key.newest = true;
        }
    }

    /// Wants these events.
    pub(super) fn want_events(&mut self, seqs: impl IntoIterator<Item = i64>) {
        let mut left_out = false;
        for seq in seqs {
            if self.nodes.contains_key(&seq) || self.gone.contains(&seq) {
                continue;
            }
            if self.to_read.len() < self.room() {
                self.to_read.insert(seq);
            } else if !self.to_read.contains(&seq) {
                left_out = true;
            }
        }
        if left_out {
            self.truncated.insert("events");
        }
    }

    /// Wants the events of units around positions.
    pub(super) fn want_units(&mut self, units: Vec<(Unit, i64)>, before: usize, after: usize) {
        self.units = Some(Ask::UnitEvents {
            units,
            before,
            after,
        });
    }
}

/// A key to ask for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) key: LinkKey,
    pub(super) kind: KeyKind,
    pub(super) text: &'a str,
    /// Whether it names the run itself.
    pub(super) bulk: bool,
}
