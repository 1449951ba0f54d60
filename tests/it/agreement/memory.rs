//! A store in memory, as plain as can be. It shares with the engines what decides (`domain::decide`),
//! and nothing of how rows are kept and found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use epr_mcp::domain::command::Command;
use epr_mcp::domain::decide::{NewMessage, decide};
use epr_mcp::domain::event::Event;
use epr_mcp::domain::gate::Latest;
use epr_mcp::domain::group::Group;
use epr_mcp::domain::id::{EventId, GroupId, ReceiverId};
use epr_mcp::domain::message::MessageRecord;
use epr_mcp::domain::receiver::Receiver;
use epr_mcp::domain::search::{DefinitionFilter, Order, Page, Position, TextMatch, any_fits};
use epr_mcp::domain::time::Timestamp;
use epr_mcp::domain::unit::{Unit, UnitKey};
use epr_mcp::store::{
    AuditEntry, Bounds, Change, Counters, Cutoffs, Decided, Glance, GlanceLimits, Pruned,
    ReceiverText, RecordText, Remark, Result, Store, StoreInfo, Stream,
};
use tokio::sync::watch;

use super::rows::{Rows, newest_first};

#[derive(Debug)]
pub(super) struct MemoryStore {
    rows: Mutex<Rows>,
    info: StoreInfo,
    bell: watch::Sender<u64>,
}

/// One page of `rows`, newest first.
fn page<'a, T: Clone + 'a>(
    rows: impl Iterator<Item = (i64, &'a T)>,
    after: Position,
    limit: usize,
    fits: impl Fn(&T) -> bool,
) -> Page<T> {
    let mut page = Page {
        rows: Vec::new(),
        next: after,
        scanned: 0,
    };
    for (position, row) in rows.filter(|(at, _)| after.is_none_or(|after| *at < after)) {
        if page.rows.len() == limit {
            return page;
        }
        page.scanned += 1;
        page.next = Some(position);
        if fits(row) {
            page.rows.push(row.clone());
        }
    }
    page.next = None;
    page
}

fn exact(values: &[TextMatch]) -> Option<&str> {
    match values {
        [TextMatch::Exact(text)] => Some(text),
        _ => None,
    }
}

impl MemoryStore {
    pub(super) fn new() -> Self {
        Self {
            rows: Mutex::default(),
            info: StoreInfo::default(),
            bell: watch::Sender::new(0),
        }
    }

    pub(super) fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap()
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn info(&self) -> &StoreInfo {
        &self.info
    }

    async fn write(&self, commands: &[Command], now: Timestamp) -> Result<Vec<Decided>> {
        let mut rows = self.rows();
        let mut state = rows.state();
        let (plan, decided) = decide(&mut state, commands, now);
        if !plan.is_empty() {
            rows.apply(plan, state.last_created_at);
        }
        Ok(decided)
    }

    async fn preview(&self, commands: &[Command], now: Timestamp) -> Result<Vec<Decided>> {
        let mut state = self.rows().state();
        Ok(decide(&mut state, commands, now).1)
    }

    async fn receivers(&self, ids: &[ReceiverId]) -> Result<Vec<Receiver>> {
        let rows = self.rows();
        let found = ids.iter().filter_map(|id| rows.receiver(*id));
        Ok(found.map(|defined| defined.receiver.clone()).collect())
    }

    async fn receiver_ids(
        &self,
        by: ReceiverText,
        value: &TextMatch,
        limit: usize,
    ) -> Result<Vec<ReceiverId>> {
        let text = |receiver: &Receiver| match by {
            ReceiverText::Name => receiver.name.clone(),
            ReceiverText::Type => receiver.kind.clone(),
        };
        let rows = self.rows();
        let mut found: Vec<_> = rows
            .receivers
            .iter()
            .map(|defined| (text(&defined.receiver), defined.receiver.id))
            .filter(|(text, _)| value.fits(text))
            .collect();
        // The first defined come first among equals.
        found.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(found.into_iter().take(limit).map(|(_, id)| id).collect())
    }

    async fn schema(&self, id: ReceiverId) -> Result<Option<String>> {
        let rows = self.rows();
        Ok(rows
            .receiver(id)
            .map(|defined| defined.schema.get().to_owned()))
    }

    async fn schemas(&self, ids: &[ReceiverId]) -> Result<Vec<(ReceiverId, String)>> {
        let rows = self.rows();
        let found = ids.iter().filter_map(|id| rows.receiver(*id));
        Ok(found
            .map(|defined| (defined.receiver.id, defined.schema.get().to_owned()))
            .collect())
    }

    async fn find_receivers(
        &self,
        filter: &DefinitionFilter,
        after: Position,
        limit: usize,
    ) -> Result<Page<Receiver>> {
        let rows = self.rows();
        let receivers: Vec<Receiver> = rows.receivers.iter().map(|d| d.receiver.clone()).collect();
        let near = |receiver: &Receiver| match (exact(&filter.name), exact(&filter.types)) {
            (Some(name), _) => receiver.name == name,
            (None, Some(kind)) => receiver.kind == kind,
            (None, None) => true,
        };
        let candidates = newest_first(&receivers).filter(|(_, receiver)| near(receiver));
        Ok(page(candidates, after, limit, |receiver| {
            any_fits(&filter.name, &receiver.name)
                && any_fits(&filter.types, &receiver.kind)
                && any_fits(&filter.version, &receiver.version)
        }))
    }

    async fn groups(&self, ids: &[GroupId]) -> Result<Vec<Group>> {
        let rows = self.rows();
        let found = rows.groups.iter().filter(|group| ids.contains(&group.id));
        Ok(found.cloned().collect())
    }

    async fn find_groups(
        &self,
        filter: &DefinitionFilter,
        after: Position,
        limit: usize,
    ) -> Result<Page<Group>> {
        let rows = self.rows();
        let near =
            |group: &Group| match (exact(&filter.name), exact(&filter.types), filter.receiver) {
                (Some(name), _, _) => group.name == name,
                (None, Some(kind), _) => group.kind == kind,
                (None, None, Some(id)) => group.event_receiver_ids.contains(&id),
                (None, None, None) => true,
            };
        let candidates = newest_first(&rows.groups).filter(|(_, group)| near(group));
        Ok(page(candidates, after, limit, |group| {
            any_fits(&filter.name, &group.name)
                && any_fits(&filter.types, &group.kind)
                && any_fits(&filter.version, &group.version)
                && filter
                    .receiver
                    .is_none_or(|id| group.event_receiver_ids.contains(&id))
                && filter
                    .enabled
                    .is_none_or(|enabled| group.enabled == enabled)
        }))
    }

    async fn groups_of(&self, receivers: &[ReceiverId], limit: usize) -> Result<Vec<Group>> {
        let rows = self.rows();
        let member = |group: &&Group| {
            let members = &group.event_receiver_ids;
            members.iter().any(|id| receivers.contains(id))
        };
        let mut found: Vec<Group> = rows.groups.iter().filter(member).cloned().collect();
        found.sort_by_key(|group| group.id);
        found.truncate(limit);
        Ok(found)
    }

    async fn texts(
        &self,
        of: RecordText,
        beginning: &str,
        limit: usize,
    ) -> Result<Vec<(String, String)>> {
        let mut found = self.rows().texts(of);
        found.retain(|(text, _)| text.starts_with(beginning));
        found.sort();
        if matches!(
            of,
            RecordText::ReceiverId | RecordText::GroupId | RecordText::EventId
        ) {
            found.reverse();
        }
        found.truncate(limit);
        Ok(found)
    }

    async fn event_seqs(&self, ids: &[EventId]) -> Result<Vec<i64>> {
        let rows = self.rows();
        let found = rows
            .events
            .iter()
            .filter(|(event, _)| ids.contains(&event.id));
        Ok(found.map(|(event, _)| event.seq).collect())
    }

    async fn events(&self, seqs: &[i64]) -> Result<Vec<Event>> {
        let rows = self.rows();
        let event = |seq: &i64| Some(rows.events.get(*seq as usize - 1)?.0.clone());
        Ok(seqs.iter().filter_map(event).collect())
    }

    async fn payloads(&self, seqs: &[i64]) -> Result<Vec<(i64, String)>> {
        let rows = self.rows();
        let payload = |seq: &i64| Some((*seq, rows.events.get(*seq as usize - 1)?.1.clone()));
        Ok(seqs.iter().filter_map(payload).collect())
    }

    async fn stream(
        &self,
        stream: Stream,
        bounds: Bounds,
        order: Order,
        limit: usize,
    ) -> Result<Vec<i64>> {
        let rows = self.rows();
        let mut seqs: Vec<i64> = rows
            .events
            .iter()
            .filter(|(event, _)| rows.in_stream(stream, event))
            .map(|(event, _)| event.seq)
            .filter(|seq| *seq > bounds.after && *seq < bounds.before)
            .collect();
        if order == Order::NewestFirst {
            seqs.reverse();
        }
        seqs.truncate(limit);
        Ok(seqs)
    }

    async fn stream_count(&self, stream: Stream) -> Result<u64> {
        let rows = self.rows();
        let fits = |event: &&(Event, String)| rows.in_stream(stream, &event.0);
        Ok(rows.events.iter().filter(fits).count() as u64)
    }

    async fn seq_at(&self, at: Timestamp) -> Result<i64> {
        let rows = self.rows();
        let before = rows
            .events
            .iter()
            .filter(|(event, _)| event.created_at < at);
        Ok(before.count() as i64 + 1)
    }

    async fn names(&self, name: &TextMatch, limit: usize) -> Result<Vec<(i64, String)>> {
        let rows = self.rows();
        let mut found: Vec<(i64, String)> = newest_first(&rows.names)
            .filter(|(_, text)| name.fits(text))
            .map(|(id, text)| (id, text.clone()))
            .collect();
        found.sort_by(|a, b| a.1.cmp(&b.1));
        found.truncate(limit);
        Ok(found)
    }

    async fn newest_names(&self, limit: usize) -> Result<Vec<String>> {
        let rows = self.rows();
        Ok(rows.names.iter().rev().take(limit).cloned().collect())
    }

    async fn unit_ids(&self, keys: &[UnitKey]) -> Result<Vec<(UnitKey, i64)>> {
        let rows = self.rows();
        let found = newest_first(&rows.units).map(|(id, unit)| (unit.key(), id));
        Ok(found.filter(|(key, _)| keys.contains(key)).collect())
    }

    async fn units(&self, ids: &[i64]) -> Result<Vec<(i64, Unit)>> {
        let rows = self.rows();
        let found = newest_first(&rows.units).filter(|(id, _)| ids.contains(id));
        Ok(found.map(|(id, unit)| (id, unit.clone())).collect())
    }

    async fn units_by_name(
        &self,
        name: Option<i64>,
        before: Position,
        limit: usize,
    ) -> Result<Vec<(i64, Unit)>> {
        let rows = self.rows();
        let found = newest_first(&rows.units)
            .filter(|(id, _)| before.is_none_or(|before| *id < before))
            .filter(|(_, unit)| name.is_none() || rows.name_id(&unit.name) == name)
            .map(|(id, unit)| (id, unit.clone()));
        Ok(found.take(limit).collect())
    }

    async fn units_by_version(&self, name: i64, version: &str, limit: usize) -> Result<Vec<i64>> {
        let rows = self.rows();
        let found = newest_first(&rows.units)
            .filter(|(_, unit)| rows.name_id(&unit.name) == Some(name) && unit.version == version)
            .map(|(id, _)| id);
        Ok(found.take(limit).collect())
    }

    async fn unit_receivers(&self, unit: i64, limit: usize) -> Result<Vec<ReceiverId>> {
        let rows = self.rows();
        let has = |id: &ReceiverId| rows.newest(unit, *id).is_some();
        let ids = rows.receivers.iter().map(|defined| defined.receiver.id);
        Ok(ids.filter(has).take(limit).collect())
    }

    async fn latest(
        &self,
        units: &[i64],
        receivers: &[ReceiverId],
    ) -> Result<Vec<(i64, ReceiverId, Latest)>> {
        let all = self.rows().all_newest();
        let wanted = |(unit, receiver, _): &(i64, ReceiverId, Latest)| {
            units.contains(unit) && receivers.contains(receiver)
        };
        Ok(all.into_iter().filter(wanted).collect())
    }

    async fn latest_of(
        &self,
        receiver: ReceiverId,
        before: Position,
        limit: usize,
    ) -> Result<Vec<(i64, i64)>> {
        let all = self.rows().all_newest();
        let mut found: Vec<(i64, i64)> = all
            .into_iter()
            .filter(|(_, id, _)| *id == receiver)
            .map(|(unit, _, latest)| (unit, latest.seq))
            .filter(|(_, seq)| before.is_none_or(|before| *seq < before))
            .collect();
        found.sort_by_key(|(_, seq)| std::cmp::Reverse(*seq));
        found.truncate(limit);
        Ok(found)
    }

    async fn first_use(&self, principal: &str, key: &str) -> Result<Option<String>> {
        let rows = self.rows();
        let first = rows.keys.get(&(principal.to_owned(), key.to_owned()));
        Ok(first.map(|first| first.id.clone()))
    }

    async fn messages(&self, after: i64, limit: usize) -> Result<Vec<MessageRecord>> {
        let rows = self.rows();
        let found = rows.messages.iter().filter(|message| message.seq > after);
        Ok(found
            .take(limit)
            .map(|message| rows.record(message))
            .collect())
    }

    async fn changes(&self, after: i64, limit: usize) -> Result<Vec<Change>> {
        let rows = self.rows();
        let change = |message: &NewMessage| {
            let event = message
                .event_seq
                .map(|seq| &rows.events[seq as usize - 1].0);
            Change {
                seq: message.seq,
                kind: message.kind,
                unit: event.map(|event| event.unit.key()),
                receiver: message.receiver_id.or(event.map(|event| event.receiver_id)),
                group: message.group.as_ref().map(|(id, _)| *id),
                created_at: message.created_at,
            }
        };
        let found = rows.messages.iter().filter(|message| message.seq > after);
        Ok(found.take(limit).map(change).collect())
    }

    fn wakes(&self) -> watch::Receiver<u64> {
        self.bell.subscribe()
    }

    async fn remarks(&self) -> Result<Vec<Remark>> {
        Ok(Vec::new())
    }

    async fn audit(&self, before: Position, limit: usize) -> Result<Vec<AuditEntry>> {
        let rows = self.rows();
        let found = rows.audit.iter().rev();
        let found = found.filter(|entry| before.is_none_or(|before| entry.seq < before));
        Ok(found.take(limit).cloned().collect())
    }

    async fn glance(&self, most: &GlanceLimits) -> Result<Glance> {
        let rows = self.rows();
        let events_of = |id| {
            let fits = |event: &&(Event, String)| event.0.receiver_id == id;
            rows.events.iter().filter(fits).count() as u64
        };
        let groups: Vec<Group> = rows
            .groups
            .iter()
            .rev()
            .take(most.groups)
            .cloned()
            .collect();
        let members: BTreeSet<ReceiverId> = groups
            .iter()
            .flat_map(|group| group.event_receiver_ids.clone())
            .collect();
        let latest: Vec<_> = rows
            .all_newest()
            .into_iter()
            .filter(|(_, receiver, _)| members.contains(receiver))
            .collect();
        // The tests have far fewer units than a glance may look at.
        let units: BTreeMap<i64, ()> = latest.iter().map(|(unit, _, _)| (-unit, ())).collect();
        Ok(Glance {
            counters: rows.counters(),
            types: rows
                .receivers
                .iter()
                .rev()
                .take(most.receivers)
                .map(|d| (d.receiver.kind.clone(), events_of(d.receiver.id)))
                .collect(),
            all_units: !members.is_empty(),
            groups,
            units: units.into_keys().map(|unit| -unit).collect(),
            latest,
            names: rows.names.iter().rev().take(most.names).cloned().collect(),
        })
    }

    async fn counters(&self) -> Result<Counters> {
        Ok(self.rows().counters())
    }

    async fn prune(&self, _: &Cutoffs, _: usize) -> Result<Pruned> {
        Ok(Pruned::default())
    }

    async fn check(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    async fn close(&self) {}
}
