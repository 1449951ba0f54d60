//! Access paths: which index ranges answer a search of events. The ranges of one search are
//! merged by log position, and what they do not decide is checked row by row over a bounded
//! number of rows. No SQL is built, and both engines take the same path.

use std::collections::BTreeSet;

use super::{Bounds, Result, Store, Stream};
use crate::domain::event::Event;
use crate::domain::id::ReceiverId;
use crate::domain::search::{EventFilter, Order, TextMatch, Total};
use crate::limits;

/// How one search reads the log.
#[derive(Debug, Clone)]
pub struct AccessPath {
    /// Index ranges without events in common.
    streams: Vec<Stream>,
    /// Positions of the time window.
    bounds: Bounds,
    /// Whether every event of the ranges fits; otherwise rows have to be checked.
    covers: bool,
    /// The receivers that the filter allows, if it says so.
    receivers: Option<BTreeSet<ReceiverId>>,
}

/// The events that fit on a bounded stretch of the log.
#[derive(Debug)]
pub struct Stretch {
    /// Those that fit.
    pub events: Vec<Event>,
    /// Rows that were looked at.
    pub scanned: usize,
    /// Where to go on; `None` at the end of the log.
    pub next: Option<i64>,
}

impl AccessPath {
    /// Chooses the ranges for `filter`. `receivers` are those that its receiver ids, types and
    /// group allow together; `None` if it says nothing of the kind.
    pub async fn choose(
        store: &dyn Store,
        filter: &EventFilter,
        receivers: Option<BTreeSet<ReceiverId>>,
    ) -> Result<Self> {
        let after = match filter.from {
            Some(from) => store.seq_at(from).await? - 1,
            None => 0,
        };
        let before = match filter.to {
            Some(to) => store.seq_at(to).await?,
            None => i64::MAX,
        };
        let mut path = Self {
            streams: vec![Stream::All],
            bounds: Bounds { after, before },
            covers: true,
            receivers,
        };
        // What none of the ranges below decides.
        let loose_unit_parts = !(filter.release.is_empty()
            && filter.platform_id.is_empty()
            && filter.package.is_empty());
        let outcome = |success: bool| filter.success.is_none_or(|want| want == success);
        if let Some(unit) = &filter.unit {
            let ids = store.unit_ids(&[unit.key()]).await?;
            path.streams = ids.into_iter().map(|(_, id)| Stream::Unit(id)).collect();
            path.covers = filter.success.is_none()
                && path.receivers.is_none()
                && filter.name.is_empty()
                && filter.version.is_empty()
                && !loose_unit_parts;
        } else if let Some(names) = matching_names(store, &filter.name).await? {
            let by_version = match filter.version.as_slice() {
                [TextMatch::Exact(version)] => units_of_version(store, &names, version).await?,
                _ => None,
            };
            if let Some(units) = by_version {
                path.streams = units.into_iter().map(Stream::Unit).collect();
                path.covers =
                    filter.success.is_none() && path.receivers.is_none() && !loose_unit_parts;
            } else {
                path.streams = names
                    .iter()
                    .flat_map(|id| [true, false].map(|success| (*id, success)))
                    .filter(|(_, success)| outcome(*success))
                    .map(|(id, success)| Stream::Name(id, success))
                    .collect();
                path.covers =
                    path.receivers.is_none() && filter.version.is_empty() && !loose_unit_parts;
            }
        } else if let Some(ids) = path
            .receivers
            .as_ref()
            .filter(|ids| ids.len() <= limits::FILTER_VALUES)
        {
            path.streams = ids
                .iter()
                .flat_map(|id| [true, false].map(|success| (*id, success)))
                .filter(|(_, success)| outcome(*success))
                .map(|(id, success)| Stream::Receiver(id, success))
                .collect();
            path.covers = filter.name.is_empty() && filter.version.is_empty() && !loose_unit_parts;
        } else {
            if filter.success == Some(false) {
                path.streams = vec![Stream::Failed];
            }
            path.covers = filter.success != Some(true)
                && path.receivers.is_none()
                && filter.name.is_empty()
                && filter.version.is_empty()
                && !loose_unit_parts;
        }
        path.covers &= filter.ids.is_empty();
        Ok(path)
    }

    /// Reads on from `position` until `limit` events fit or `rows` rows were looked at.
    pub async fn read(
        &self,
        store: &dyn Store,
        filter: &EventFilter,
        order: Order,
        position: Option<i64>,
        limit: usize,
        rows: usize,
    ) -> Result<Stretch> {
        let mut bounds = self.bounds;
        match (order, position) {
            (Order::NewestFirst, Some(at)) => bounds.before = bounds.before.min(at),
            (Order::OldestFirst, Some(at)) => bounds.after = bounds.after.max(at),
            (_, None) => {}
        }
        let mut stretch = Stretch {
            events: Vec::new(),
            scanned: 0,
            next: None,
        };
        while stretch.events.len() < limit && stretch.scanned < rows {
            let wanted = if self.covers {
                limit - stretch.events.len()
            } else {
                limit.max(256)
            };
            let take = wanted.min(rows - stretch.scanned);
            let seqs = self.merged(store, bounds, order, take).await?;
            let ended = seqs.len() < take;
            let events = store.events(&seqs).await?;
            for event in events {
                stretch.scanned += 1;
                match order {
                    Order::NewestFirst => bounds.before = event.seq,
                    Order::OldestFirst => bounds.after = event.seq,
                }
                stretch.next = Some(event.seq);
                if self.fits(filter, &event) {
                    stretch.events.push(event);
                    if stretch.events.len() == limit {
                        break;
                    }
                }
            }
            if ended && stretch.events.len() < limit {
                stretch.next = None;
                return Ok(stretch);
            }
        }
        if stretch.next.is_some() && self.merged(store, bounds, order, 1).await?.is_empty() {
            stretch.next = None;
        }
        Ok(stretch)
    }

    /// How many events fit, exactly up to [`limits::COUNT_MAX`] where that can be told without
    /// reading rows; `None` where it cannot.
    pub async fn total(&self, store: &dyn Store) -> Result<Option<Total>> {
        if !self.covers {
            return Ok(None);
        }
        if self.bounds == Bounds::default() {
            let count = store.stream_counts(&self.streams).await?;
            return Ok(Some(Total { count, exact: true }));
        }
        if self.streams == [Stream::All] {
            // Log positions have no gaps.
            let newest = store.counters().await?.last_event_seq;
            let last = newest.min(self.bounds.before - 1);
            let count = u64::try_from(last - self.bounds.after).unwrap_or(0);
            return Ok(Some(Total { count, exact: true }));
        }
        let most = usize::try_from(limits::COUNT_MAX).unwrap_or(usize::MAX);
        let mut count = 0;
        for stream in &self.streams {
            count += store
                .stream(*stream, self.bounds, Order::NewestFirst, most + 1)
                .await?
                .len();
            if count > most {
                return Ok(Some(Total {
                    count: limits::COUNT_MAX,
                    exact: false,
                }));
            }
        }
        Ok(Some(Total {
            count: count as u64,
            exact: true,
        }))
    }

    async fn merged(
        &self,
        store: &dyn Store,
        bounds: Bounds,
        order: Order,
        limit: usize,
    ) -> Result<Vec<i64>> {
        if bounds.after.saturating_add(1) >= bounds.before {
            return Ok(Vec::new());
        }
        store.streams(&self.streams, bounds, order, limit).await
    }

    fn fits(&self, filter: &EventFilter, event: &Event) -> bool {
        self.covers
            || (self
                .receivers
                .as_ref()
                .is_none_or(|ids| ids.contains(&event.receiver_id))
                && filter.fits_event(event))
    }
}

/// The rows of the names that fit; `None` if the filter names none, or more than can be merged.
async fn matching_names(store: &dyn Store, names: &[TextMatch]) -> Result<Option<BTreeSet<i64>>> {
    if names.is_empty() {
        return Ok(None);
    }
    let mut ids = BTreeSet::new();
    for name in names {
        ids.extend(
            store
                .names(name, limits::FILTER_VALUES + 1)
                .await?
                .into_iter()
                .map(|(id, _)| id),
        );
        if ids.len() > limits::FILTER_VALUES {
            return Ok(None);
        }
    }
    Ok(Some(ids))
}

/// The units of one version; `None` if there are more than can be merged.
async fn units_of_version(
    store: &dyn Store,
    names: &BTreeSet<i64>,
    version: &str,
) -> Result<Option<Vec<i64>>> {
    let mut units = Vec::new();
    for name in names {
        units.extend(
            store
                .units_by_version(*name, version, limits::FILTER_VALUES + 1)
                .await?,
        );
        if units.len() > limits::FILTER_VALUES {
            return Ok(None);
        }
    }
    Ok(Some(units))
}
