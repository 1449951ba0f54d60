//! Asking for what is wanted, and taking the answers.

use std::collections::{BTreeMap, BTreeSet};

use crate::correlate::facts::Recorded;
use crate::correlate::key::{LinkKey, Role};
use crate::limits;

use super::known::Known;
use super::node::Node;
use super::{Ask, LinkRow, Scan};

impl Known {
    /// The next question; none if everything that is wanted is known.
    pub(super) fn next_ask(&mut self) -> Option<Ask> {
        if let Some(ask) = self.extra.pop_front() {
            return Some(ask);
        }
        if let Some(keys) = self.again.pop_front() {
            return Some(self.ask_for(keys));
        }
        if !self.unasked.is_empty() {
            let unasked = std::mem::take(&mut self.unasked);
            let is_newest = |key: &LinkKey| self.keys.get(key).is_some_and(|key| key.newest);
            let (newest, all): (Vec<_>, Vec<_>) = unasked.into_iter().partition(is_newest);
            for keys in [all, newest] {
                self.again
                    .extend(keys.chunks(limits::WALK_KEYS).map(<[_]>::to_vec));
            }
            return self.next_ask();
        }
        if let Some(units) = self.units.take() {
            return Some(units);
        }
        self.choose_unread();
        if let Some(ask) = self.extra.pop_front() {
            return Some(ask);
        }
        let portion: Vec<i64> = self
            .to_read
            .iter()
            .take(limits::WALK_PORTION)
            .copied()
            .collect();
        if portion.is_empty() {
            return None;
        }
        for seq in &portion {
            self.to_read.remove(seq);
        }
        Some(Ask::Events { seqs: portion })
    }

    fn ask_for(&self, keys: Vec<LinkKey>) -> Ask {
        let first = keys.first().and_then(|key| self.keys.get(key));
        if first.is_some_and(|key| key.newest) {
            return Ask::Links {
                keys,
                per_key: self.newest_per_key(),
                rows: limits::WALK_ROWS,
                scan: Scan::Before(i64::MAX),
            };
        }
        Ask::Links {
            keys,
            per_key: self.per_key(),
            rows: limits::WALK_ROWS,
            scan: Scan::From(i64::MIN),
        }
    }

    fn per_key(&self) -> usize {
        self.limits.fan_out.max(self.limits.events) + 1
    }

    fn newest_per_key(&self) -> usize {
        (self.limits.events / 2).max(1)
    }

    /// Takes over the ties that were found.
    pub(super) fn links(&mut self, ask: &Ask, rows: Vec<LinkRow>) {
        let Ask::Links {
            keys,
            per_key,
            rows: most,
            ..
        } = ask
        else {
            return;
        };
        if rows.len() >= *most && keys.len() > 1 {
            // Some are missing, and which ones is not known.
            let (one, other) = keys.split_at(keys.len() / 2);
            self.again.push_front(other.to_vec());
            self.again.push_front(one.to_vec());
            return;
        }
        let asked: BTreeSet<LinkKey> = keys.iter().copied().collect();
        let mut found: BTreeMap<LinkKey, Vec<(i64, Role)>> = BTreeMap::new();
        for row in rows.into_iter().filter(|row| asked.contains(&row.key)) {
            found.entry(row.key).or_default().push((row.seq, row.role));
        }
        for key in asked {
            let rows = found.remove(&key).unwrap_or_default();
            self.answer(key, rows, *per_key);
        }
    }

    fn answer(&mut self, at: LinkKey, mut rows: Vec<(i64, Role)>, per_key: usize) {
        let fan_out = self.limits.fan_out;
        let Some(key) = self.keys.get_mut(&at) else {
            return;
        };
        rows.sort_unstable();
        rows.dedup();
        key.owned |= rows.iter().any(|(_, role)| *role == Role::Own);
        key.answered = true;
        if rows.len() > fan_out && !key.bulk && !key.newest {
            key.hub = true;
            return;
        }
        key.more |= rows.len() >= per_key && !key.looked_on;
        self.rows += rows.len();
        key.rows.append(&mut rows);
        key.rows.sort_unstable();
        key.rows.dedup();
        self.unread.insert(at);
    }

    /// Decides which events of the keys that were answered are read: those of keys that few events
    /// share come first, for they say the most.
    fn choose_unread(&mut self) {
        let mut chosen: BTreeMap<i64, (usize, usize)> = BTreeMap::new();
        let most = self.limits.events;
        let per_key = self.per_key();
        let mut cut = false;
        let mut later = Vec::new();
        for at in std::mem::take(&mut self.unread) {
            let Some(key) = self.keys.get_mut(&at) else {
                continue;
            };
            let roles = key.wanted.without(key.read);
            if key.more && !roles.is_empty() {
                cut = true;
                if !key.newest {
                    (key.more, key.looked_on) = (false, true);
                    let last = key.rows.last().map_or(i64::MIN, |(seq, _)| *seq);
                    let mut scans = vec![Scan::Before(i64::MAX)];
                    if let Some(focus) = self.focus.filter(|focus| *focus > last) {
                        scans.extend([Scan::Before(focus), Scan::From(focus)]);
                    }
                    self.extra.extend(scans.into_iter().map(|scan| Ask::Links {
                        keys: vec![at],
                        per_key,
                        rows: limits::WALK_ROWS,
                        scan,
                    }));
                    later.push(at);
                    continue;
                }
            }
            key.read = key.wanted;
            let seqs: BTreeSet<i64> = key
                .rows
                .iter()
                .filter(|(_, role)| roles.holds(*role))
                .map(|(seq, _)| *seq)
                .collect();
            let fan_out = seqs.len();
            let seqs = if key.bulk && fan_out > most {
                cut = true;
                nearest(&seqs, most, self.focus)
            } else {
                seqs
            };
            for seq in seqs {
                if self.nodes.contains_key(&seq) {
                    let depth = self.depths.entry(seq).or_insert(key.depth);
                    *depth = (*depth).min(key.depth);
                } else if !self.gone.contains(&seq) {
                    let best = chosen.entry(seq).or_insert((fan_out, key.depth));
                    *best = (best.0.min(fan_out), best.1.min(key.depth));
                }
            }
        }
        self.unread.extend(later);
        let mut chosen: Vec<(usize, i64, usize)> = chosen
            .into_iter()
            .map(|(seq, (fan_out, depth))| (fan_out, seq, depth))
            .collect();
        chosen.sort_unstable();
        let room = self.room().saturating_sub(self.to_read.len());
        if cut || chosen.len() > room {
            self.truncated.insert("events");
        }
        for (_, seq, depth) in chosen.into_iter().take(room) {
            self.depths.insert(seq, depth);
            self.to_read.insert(seq);
        }
    }

    /// Takes over the events that were found.
    pub(super) fn events(&mut self, ask: &Ask, events: Vec<Recorded>) {
        let Ask::Events { seqs } = ask else { return };
        let asked: BTreeSet<i64> = seqs.iter().copied().collect();
        for event in events {
            let seq = event.seq;
            if !asked.contains(&seq) || self.nodes.contains_key(&seq) {
                continue;
            }
            let node = Node::new(event);
            let mut keys: Vec<(LinkKey, Role)> = node
                .edges
                .iter()
                .map(|edge| (edge.key, edge.role))
                .collect();
            keys.sort_unstable();
            keys.dedup();
            for (key, role) in keys {
                let on = self.index.entry(key).or_default();
                let at = on.partition_point(|known| *known < (seq, role));
                on.insert(at, (seq, role));
            }
            self.nodes.insert(seq, node);
            self.fresh.push(seq);
        }
        self.gone.extend(
            asked
                .into_iter()
                .filter(|seq| !self.nodes.contains_key(seq)),
        );
    }
}

/// As many of these positions as there is room for: half of them around the one that was asked about,
/// the rest from the beginning and the end, where a run is named and its outcome told.
fn nearest(seqs: &BTreeSet<i64>, most: usize, focus: Option<i64>) -> BTreeSet<i64> {
    let mut chosen = BTreeSet::new();
    if let Some(focus) = focus {
        chosen.extend(seqs.range(focus..).take(most / 4 + 1));
        chosen.extend(seqs.range(..focus).rev().take(most / 4));
    }
    let (mut first, mut last) = (seqs.iter(), seqs.iter().rev());
    while chosen.len() < most.min(seqs.len()) {
        chosen.extend(first.next());
        if chosen.len() < most {
            chosen.extend(last.next());
        }
    }
    chosen
}
