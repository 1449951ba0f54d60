//! Searching events: filters in, a page with its total and cursor out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

use super::{Error, Registry, Result};
use crate::domain::event::Event;
use crate::domain::id::ReceiverId;
use crate::domain::json::pointer_is_valid;
use crate::domain::principal::{Principal, Scope};
use crate::domain::receiver::Receiver;
use crate::domain::refusal::Refusal;
use crate::domain::search::{
    Cursor, DefinitionFilter, EventFilter, Order, TextMatch, Total, query_mark,
};
use crate::limits;
use crate::store::Store;
use crate::store::search::AccessPath;

/// By what events are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    /// Unit name.
    Name,
    /// Receiver type.
    Receiver,
    /// Outcome.
    Success,
    /// Day of recording, in UTC.
    Day,
}

/// How events are searched, beside the filter.
#[derive(Debug, Clone)]
pub struct SearchRequest {
    /// What must fit.
    pub filter: EventFilter,
    /// Rows on the page; clamped to [`limits::PAGE_MAX`].
    pub limit: usize,
    /// Where to go on.
    pub cursor: Option<String>,
    /// Which way.
    pub order: Order,
    /// Count instead of listing.
    pub group_by: Option<GroupBy>,
    /// JSON pointers into the payload whose values are to be shown.
    pub select: Vec<String>,
    /// The search as it was asked, where the filter resolves it against the present (`24h`, the
    /// versions of a name): a cursor belongs to the question, not to its reading of a moment.
    pub asked: Option<String>,
}

impl Default for SearchRequest {
    fn default() -> Self {
        Self {
            filter: EventFilter::default(),
            limit: limits::PAGE_DEFAULT,
            cursor: None,
            order: Order::NewestFirst,
            group_by: None,
            select: Vec::new(),
            asked: None,
        }
    }
}

/// One event that fits.
#[derive(Debug, Clone)]
pub struct EventHit {
    /// The event.
    pub event: Event,
    /// Its receiver.
    pub receiver: Arc<Receiver>,
    /// The selected values, in the order of the pointers; `None` where the payload has none.
    pub selected: Vec<Option<Value>>,
}

/// A page of events, or their counts.
#[derive(Debug, Clone)]
pub struct EventSearch {
    /// The rows.
    pub hits: Vec<EventHit>,
    /// The counts, greatest first, when they were asked for; from the rows that were looked at.
    pub groups: Option<Vec<(String, u64)>>,
    /// Where to go on.
    pub next_cursor: Option<String>,
    /// How many events fit in all; `None` when more rows would have to be read to tell.
    pub total: Option<Total>,
    /// Rows that were looked at.
    pub scanned: usize,
    /// Events whose payload is too large to be looked into; they fit no payload filter.
    pub unread: usize,
}

impl Registry {
    /// Finds events.
    pub async fn search_events(
        &self,
        principal: &Principal,
        request: &SearchRequest,
    ) -> Result<EventSearch> {
        principal.require(Scope::Read)?;
        check(request)?;
        let limit = request.limit.clamp(1, limits::PAGE_MAX);
        let filter = &request.filter;
        let (order, group_by) = (request.order, request.group_by);
        let mark = match &request.asked {
            Some(asked) => query_mark("events", &(asked, order, group_by)),
            None => query_mark("events", &(filter, order, group_by)),
        };
        let mut position = request
            .cursor
            .as_deref()
            .map(|c| Cursor::decode(c, mark))
            .transpose()?;
        let first_page = position.is_none();
        let store = self.store().await?;
        let store = store.as_ref();
        let receivers = self.allowed_receivers(store, filter).await?;
        let path = if filter.ids.is_empty() {
            Some(AccessPath::choose(store, filter, receivers.clone()).await?)
        } else {
            None
        };
        let needs_payload = !filter.payload.is_empty() || !request.select.is_empty();
        let mut found = EventSearch {
            hits: Vec::new(),
            groups: None,
            next_cursor: None,
            total: None,
            scanned: 0,
            unread: 0,
        };
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        let mut fitting = 0_u64;
        let mut payload_bytes = 0_usize;
        let mut known: HashMap<ReceiverId, Arc<Receiver>> = HashMap::new();
        let wanted = if request.group_by.is_some() {
            limits::SCAN_ROWS
        } else {
            limit
        };
        loop {
            let rows = limits::SCAN_ROWS - found.scanned;
            let stretch = match &path {
                Some(path) => {
                    let chunk = match request.group_by {
                        Some(_) => 512,
                        // Few of them may fit: a small page must not read row by row.
                        None if needs_payload => limits::PAGE_MAX,
                        None => (wanted - found.hits.len()).min(limits::PAGE_MAX),
                    };
                    path.read(store, filter, request.order, position, chunk, rows)
                        .await?
                }
                None => by_ids(store, filter, receivers.as_ref(), request.order, position).await?,
            };
            found.scanned += stretch.scanned;
            let at_end = stretch.next.is_none();
            position = stretch.next;
            self.learn_receivers(store, &mut known, &stretch.events)
                .await?;
            let mut stopped_at = None;
            let mut events = stretch.events.into_iter();
            for event in events.by_ref() {
                let Some(receiver) = known.get(&event.receiver_id).cloned() else {
                    continue;
                };
                let mut selected = Vec::new();
                let seq = event.seq;
                if needs_payload {
                    let text = store
                        .payloads(&[seq])
                        .await?
                        .into_iter()
                        .next()
                        .map(|(_, t)| t)
                        .unwrap_or_default();
                    payload_bytes += text.len();
                    let payload = match self.inner.schemas.parse("payload", text).await {
                        Ok(payload) => Some(payload),
                        // One recorded payload must not end everybody's search.
                        Err(Error::Refused(Refusal::TooLarge { .. })) => {
                            found.unread += 1;
                            None
                        }
                        Err(error) => return Err(error),
                    };
                    let fits = match &payload {
                        Some(payload) => filter.fits_payload(payload),
                        None => filter.payload.is_empty(),
                    };
                    if !fits {
                        if payload_bytes > limits::SCAN_PAYLOAD_BYTES {
                            stopped_at = Some(seq);
                            break;
                        }
                        continue;
                    }
                    let at = |p: &String| payload.as_ref().and_then(|v| v.pointer(p).cloned());
                    selected = request.select.iter().map(at).collect();
                }
                fitting += 1;
                match request.group_by {
                    Some(by) => *counts.entry(group_key(by, &event, &receiver)).or_default() += 1,
                    None => found.hits.push(EventHit {
                        event,
                        receiver,
                        selected,
                    }),
                }
                if found.hits.len() == limit || payload_bytes > limits::SCAN_PAYLOAD_BYTES {
                    stopped_at = Some(seq);
                    break;
                }
            }
            if let Some(seq) = stopped_at {
                // Nothing may be skipped: go on right after the last event that was looked at.
                if !at_end || !events.as_slice().is_empty() {
                    position = Some(seq);
                }
                break;
            }
            if at_end || found.scanned >= limits::SCAN_ROWS {
                break;
            }
        }
        found.next_cursor = position.map(|position| Cursor { position, mark }.encode());
        found.total = match &path {
            Some(path) if filter.payload.is_empty() => path.total(store).await?,
            _ => None,
        };
        if found.total.is_none() && first_page && position.is_none() {
            found.total = Some(Total {
                count: fitting,
                exact: true,
            });
        }
        if request.group_by.is_some() {
            let mut groups: Vec<_> = counts.into_iter().collect();
            groups.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            found.groups = Some(groups);
        }
        Ok(found)
    }

    /// The receivers that ids, types and group allow together; `None` if the filter names none.
    async fn allowed_receivers(
        &self,
        store: &dyn Store,
        filter: &EventFilter,
    ) -> Result<Option<BTreeSet<ReceiverId>>> {
        let mut allowed: Option<BTreeSet<ReceiverId>> = None;
        let mut narrow = |ids: BTreeSet<ReceiverId>| {
            allowed = Some(match allowed.take() {
                Some(before) => before.intersection(&ids).copied().collect(),
                None => ids,
            });
        };
        if !filter.receiver_ids.is_empty() {
            narrow(filter.receiver_ids.iter().copied().collect());
        }
        if let Some(id) = filter.group {
            let groups = store.groups(&[id]).await?;
            let group = groups
                .into_iter()
                .next()
                .ok_or_else(|| super::not_found("group", id.to_string(), Vec::new()))?;
            narrow(group.event_receiver_ids.into_iter().collect());
        }
        if !filter.types.is_empty() {
            let by_type = DefinitionFilter {
                types: filter.types.clone(),
                ..DefinitionFilter::default()
            };
            let mut ids = BTreeSet::new();
            let mut after = None;
            loop {
                let page = store
                    .find_receivers(&by_type, after, limits::PAGE_MAX)
                    .await?;
                ids.extend(page.rows.iter().map(|r| r.id));
                after = page.next;
                if after.is_none() {
                    break;
                }
                if ids.len() > limits::FILTER_VALUES {
                    return Err(too_many_types(&filter.types).into());
                }
            }
            narrow(ids);
        }
        Ok(allowed)
    }

    async fn learn_receivers(
        &self,
        store: &dyn Store,
        known: &mut HashMap<ReceiverId, Arc<Receiver>>,
        events: &[Event],
    ) -> Result<()> {
        let missing: BTreeSet<ReceiverId> = events
            .iter()
            .map(|e| e.receiver_id)
            .filter(|id| !known.contains_key(id))
            .collect();
        if !missing.is_empty() {
            let ids: Vec<_> = missing.into_iter().collect();
            for receiver in store.receivers(&ids).await? {
                known.insert(receiver.id, Arc::new(receiver));
            }
        }
        Ok(())
    }
}

async fn by_ids(
    store: &dyn Store,
    filter: &EventFilter,
    receivers: Option<&BTreeSet<ReceiverId>>,
    order: Order,
    position: Option<i64>,
) -> Result<crate::store::search::Stretch> {
    let mut seqs = store.event_seqs(&filter.ids).await?;
    seqs.sort_unstable();
    if order == Order::NewestFirst {
        seqs.reverse();
    }
    seqs.retain(|seq| {
        position.is_none_or(|at| match order {
            Order::NewestFirst => *seq < at,
            Order::OldestFirst => *seq > at,
        })
    });
    let scanned = seqs.len();
    let mut events = store.events(&seqs).await?;
    events.retain(|event| {
        filter.fits_event(event) && receivers.is_none_or(|ids| ids.contains(&event.receiver_id))
    });
    Ok(crate::store::search::Stretch {
        events,
        scanned,
        next: None,
    })
}

fn check(request: &SearchRequest) -> std::result::Result<(), Refusal> {
    let filter = &request.filter;
    let lists: [(&'static str, usize); 7] = [
        ("name", filter.name.len()),
        ("version", filter.version.len()),
        ("release", filter.release.len()),
        ("platform_id", filter.platform_id.len()),
        ("package", filter.package.len()),
        ("receiver", filter.receiver_ids.len() + filter.types.len()),
        ("id", filter.ids.len()),
    ];
    for (argument, length) in lists {
        if length > limits::FILTER_VALUES {
            return Err(Refusal::InvalidArgument {
                argument,
                value: format!("{length} values"),
                why: format!("at most {} values are allowed", limits::FILTER_VALUES),
            });
        }
    }
    let pointers = request.select.len() + filter.payload.len();
    if pointers > limits::POINTERS {
        return Err(Refusal::InvalidArgument {
            argument: "select",
            value: format!("{pointers} pointers"),
            why: format!(
                "at most {} JSON pointers are allowed in one search",
                limits::POINTERS
            ),
        });
    }
    let all = request
        .select
        .iter()
        .chain(filter.payload.iter().map(|p| &p.pointer));
    for pointer in all {
        if !pointer_is_valid(pointer) {
            return Err(Refusal::InvalidArgument {
                argument: "select",
                value: pointer.clone(),
                why: "a JSON pointer starts with / and has ~0 for ~ and ~1 for /, such as /context/chainId".to_owned(),
            });
        }
    }
    Ok(())
}

fn too_many_types(types: &[TextMatch]) -> Refusal {
    Refusal::InvalidArgument {
        argument: "type",
        value: format!("{types:?}"),
        why: format!(
            "it fits more than {} receivers; write more of the type",
            limits::FILTER_VALUES
        ),
    }
}

fn group_key(by: GroupBy, event: &Event, receiver: &Receiver) -> String {
    match by {
        GroupBy::Name => event.unit.name.clone(),
        GroupBy::Receiver => receiver.kind.clone(),
        GroupBy::Success => event.success.to_string(),
        GroupBy::Day => event.created_at.to_string().chars().take(10).collect(),
    }
}
