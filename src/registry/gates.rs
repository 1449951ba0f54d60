//! How gates stand: for a unit, and for a group the units that wait.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::definitions::members;
use super::views::{GateView, GroupWaiting, MemberView, UnitGates, WaitingUnit};
use super::{Registry, Result};
use crate::domain::gate::{GateState, Latest};
use crate::domain::group::Group;
use crate::domain::id::ReceiverId;
use crate::domain::principal::{Principal, Scope};
use crate::domain::receiver::Receiver;
use crate::domain::search::{Cursor, Order, query_mark};
use crate::domain::time::Timestamp;
use crate::domain::unit::{Unit, UnitQuery};
use crate::limits;
use crate::store::{Bounds, Store, Stream};

/// A bounded look at the units of one gate, newest first.
#[derive(Debug)]
pub(super) struct Look {
    /// Units that wait: row, newest position among the members' events, state.
    pub(super) waiting: Vec<(i64, i64, GateState)>,
    /// Units that pass, by row.
    pub(super) passing: Vec<i64>,
    /// Units in all.
    pub(super) looked_at: usize,
    /// Where to go on.
    pub(super) next: Option<i64>,
}

impl Registry {
    /// All gates of one unit, or how it stands at one group.
    pub async fn check_unit(
        &self,
        principal: &Principal,
        query: &UnitQuery,
        group: Option<&str>,
    ) -> Result<UnitGates> {
        principal.require(Scope::Read)?;
        let store = self.store().await?;
        let store = store.as_ref();
        let only = match group {
            Some(what) => Some(self.group_named(store, what).await?),
            None => None,
        };
        let (unit, row) = self.unit_meant(store, query).await?;
        let (gates, more) = match row {
            Some(row) => self.gates_of(store, row, only).await?,
            None => (
                self.gate_views(store, None, only.into_iter().collect())
                    .await?,
                false,
            ),
        };
        Ok(UnitGates {
            unit,
            known: row.is_some(),
            gates,
            more,
        })
    }

    /// The gates of a unit's row: those with a member that has an event for it, or only the
    /// given one. Tells whether some were left out.
    pub(super) async fn gates_of(
        &self,
        store: &dyn Store,
        row: i64,
        only: Option<Group>,
    ) -> Result<(Vec<GateView>, bool)> {
        if let Some(group) = only {
            return Ok((self.gate_views(store, Some(row), vec![group]).await?, false));
        }
        let mut receivers = store
            .unit_receivers(row, limits::UNIT_RECEIVERS + 1)
            .await?;
        let cut = receivers.len() > limits::UNIT_RECEIVERS;
        receivers.truncate(limits::UNIT_RECEIVERS);
        let mut groups = store.groups_of(&receivers, limits::PAGE_MAX + 1).await?;
        let more = cut || groups.len() > limits::PAGE_MAX;
        groups.truncate(limits::PAGE_MAX);
        Ok((self.gate_views(store, Some(row), groups).await?, more))
    }

    async fn gate_views(
        &self,
        store: &dyn Store,
        row: Option<i64>,
        groups: Vec<Group>,
    ) -> Result<Vec<GateView>> {
        if groups.is_empty() {
            return Ok(Vec::new());
        }
        let ids: BTreeSet<ReceiverId> = groups
            .iter()
            .flat_map(|g| g.event_receiver_ids.iter().copied())
            .collect();
        let ids: Vec<_> = ids.into_iter().collect();
        let receivers = self.receivers(store, &ids).await?;
        let receivers: HashMap<ReceiverId, Arc<Receiver>> =
            receivers.into_iter().map(|r| (r.id, r)).collect();
        let mut latest: HashMap<ReceiverId, Latest> = HashMap::new();
        if let Some(row) = row {
            latest.extend(
                store
                    .latest(&[row], &ids)
                    .await?
                    .into_iter()
                    .map(|(_, id, newest)| (id, newest)),
            );
        }
        let seqs: Vec<i64> = latest.values().map(|newest| newest.seq).collect();
        let events: HashMap<i64, _> = store
            .events(&seqs)
            .await?
            .into_iter()
            .map(|e| (e.seq, e))
            .collect();
        let view = |group: Group| {
            let state = GateState::evaluate(&group, |id| latest.get(&id).copied());
            let members = state
                .members
                .iter()
                .filter_map(|(id, standing)| {
                    let event = standing
                        .latest()
                        .and_then(|newest| events.get(&newest.seq).cloned());
                    Some(MemberView {
                        receiver: receivers.get(id)?.clone(),
                        standing: *standing,
                        event,
                    })
                })
                .collect();
            GateView {
                group,
                state,
                members,
            }
        };
        Ok(groups.into_iter().map(view).collect())
    }

    /// The units that wait at one gate, newest first.
    pub async fn check_group(
        &self,
        principal: &Principal,
        group: &str,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<GroupWaiting> {
        principal.require(Scope::Read)?;
        let limit = limit.clamp(1, limits::PAGE_MAX);
        let store = self.store().await?;
        let store = store.as_ref();
        let group = self.group_named(store, group).await?;
        let mark = query_mark("waiting", &group.id);
        let before = cursor.map(|c| Cursor::decode(c, mark)).transpose()?;
        let receivers = members(store, &group).await?;
        let look = self
            .look_at_gate_until(store, &group, before, limits::WAITING_SCAN, limit)
            .await?;
        let rows: Vec<i64> = look.waiting.iter().map(|(row, ..)| *row).collect();
        let units: HashMap<i64, Unit> = store.units(&rows).await?.into_iter().collect();
        let seqs: Vec<i64> = look.waiting.iter().map(|(_, seq, _)| *seq).collect();
        let times: HashMap<i64, Timestamp> = store
            .events(&seqs)
            .await?
            .into_iter()
            .map(|e| (e.seq, e.created_at))
            .collect();
        let waiting = look
            .waiting
            .into_iter()
            .filter_map(|(row, seq, state)| {
                Some(WaitingUnit {
                    unit: units.get(&row)?.clone(),
                    state,
                    last_event_at: *times.get(&seq)?,
                })
            })
            .collect();
        Ok(GroupWaiting {
            group,
            receivers,
            waiting,
            looked_at: look.looked_at,
            passing: look.passing.len(),
            next_cursor: look.next.map(|position| Cursor { position, mark }.encode()),
        })
    }

    /// Looks at up to `most` units of a gate, newest first.
    pub(super) async fn look_at_gate(
        &self,
        store: &dyn Store,
        group: &Group,
        before: Option<i64>,
        most: usize,
    ) -> Result<Look> {
        self.look_at_gate_until(store, group, before, most, usize::MAX)
            .await
    }

    /// Looks at `most` units, or until `wanted` of them wait, or enough rows were seen. A unit stands
    /// at its newest event of any member, so that following the list with a cursor meets it once.
    async fn look_at_gate_until(
        &self,
        store: &dyn Store,
        group: &Group,
        mut before: Option<i64>,
        most: usize,
        wanted: usize,
    ) -> Result<Look> {
        const CHUNK: usize = 100;
        let ids = &group.event_receiver_ids;
        let mut look = Look {
            waiting: Vec::new(),
            passing: Vec::new(),
            looked_at: 0,
            next: None,
        };
        // The position of the last unit that was taken in.
        let mut last = before;
        // A unit has a row for each member that has an event for it.
        let mut rows_left = most.saturating_mul(limits::GATE_ROWS_PER_UNIT);
        loop {
            // Position -> unit, merged over the members.
            let mut merged: BTreeMap<i64, i64> = BTreeMap::new();
            let mut floor = i64::MIN;
            for id in ids {
                let chunk = store.latest_of(*id, before, CHUNK).await?;
                if chunk.len() == CHUNK {
                    // Below the end of the shortest chunk something may be missing.
                    floor = floor.max(chunk.last().map_or(i64::MIN, |(_, seq)| *seq));
                }
                merged.extend(chunk.into_iter().map(|(unit, seq)| (seq, unit)));
            }
            let chunk: Vec<(i64, i64)> = merged
                .range(floor..)
                .rev()
                .map(|(seq, unit)| (*seq, *unit))
                .collect();
            if chunk.is_empty() {
                return Ok(look);
            }
            let rows = chunk.len();
            let units: BTreeSet<i64> = chunk.iter().map(|(_, unit)| *unit).collect();
            let units: Vec<_> = units.into_iter().collect();
            let latest: HashMap<(i64, ReceiverId), Latest> = store
                .latest(&units, ids)
                .await?
                .into_iter()
                .map(|(u, r, newest)| ((u, r), newest))
                .collect();
            for (seq, unit) in chunk {
                let state = GateState::evaluate(group, |r| latest.get(&(unit, r)).copied());
                before = Some(seq);
                let newest = state
                    .members
                    .iter()
                    .filter_map(|(_, s)| s.latest())
                    .map(|l| l.seq)
                    .max();
                if newest != Some(seq) {
                    // This unit stands further up.
                    continue;
                }
                // One unit more than is wanted tells that there are more.
                let passes = state.complete();
                let full = look.looked_at >= most || (!passes && look.waiting.len() >= wanted);
                if full {
                    look.next = last;
                    return Ok(look);
                }
                look.looked_at += 1;
                if passes {
                    look.passing.push(unit);
                } else {
                    look.waiting.push((unit, seq, state));
                }
                last = before;
            }
            if floor == i64::MIN {
                return Ok(look);
            }
            rows_left = rows_left.saturating_sub(rows);
            if rows_left == 0 {
                look.next = before;
                return Ok(look);
            }
        }
    }

    /// Units by their newest event, newest first: a bounded look at the log, each unit once a page.
    pub async fn recent_units(
        &self,
        principal: &Principal,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<(Vec<(Unit, Timestamp)>, Option<String>)> {
        principal.require(Scope::Read)?;
        let limit = limit.clamp(1, limits::PAGE_MAX);
        let mark = query_mark("units", &());
        let mut before = cursor
            .map(|c| Cursor::decode(c, mark))
            .transpose()?
            .unwrap_or(i64::MAX);
        let store = self.store().await?;
        let mut found: Vec<(Unit, Timestamp)> = Vec::new();
        let mut seen: BTreeSet<[u8; 16]> = BTreeSet::new();
        let mut scanned = 0;
        while scanned < limits::SCAN_ROWS {
            let bounds = Bounds { after: 0, before };
            let seqs = store
                .stream(Stream::All, bounds, Order::NewestFirst, limits::PAGE_MAX)
                .await?;
            if seqs.is_empty() {
                return Ok((found, None));
            }
            scanned += seqs.len();
            let events = store.events(&seqs).await?;
            let rows = store
                .unit_ids(&events.iter().map(|e| e.unit.key()).collect::<Vec<_>>())
                .await?;
            let rows: HashMap<[u8; 16], i64> = rows.into_iter().collect();
            for event in events {
                before = event.seq;
                let key = event.unit.key();
                if !seen.insert(key) {
                    continue;
                }
                // On an earlier page it stood at its newest event.
                let newest = match rows.get(&key) {
                    Some(row) => {
                        store
                            .stream(Stream::Unit(*row), Bounds::default(), Order::NewestFirst, 1)
                            .await?
                    }
                    None => Vec::new(),
                };
                if newest.first() == Some(&event.seq) {
                    found.push((event.unit, event.created_at));
                    if found.len() == limit {
                        return Ok((
                            found,
                            Some(
                                Cursor {
                                    position: before,
                                    mark,
                                }
                                .encode(),
                            ),
                        ));
                    }
                }
            }
        }
        Ok((
            found,
            Some(
                Cursor {
                    position: before,
                    mark,
                }
                .encode(),
            ),
        ))
    }
}
