//! Searching events: filters in, a page with its total and cursor out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::looking::{self, Look, Selected, Sought};
use super::{Registry, Result};
use crate::domain::event::Event;
use crate::domain::id::{ReceiverId, looks_like_id};
use crate::domain::json::pointer_is_valid;
use crate::domain::principal::{Principal, Scope};
use crate::domain::receiver::Receiver;
use crate::domain::refusal::Refusal;
use crate::domain::search::{Cursor, EventFilter, Order, TextMatch, Total, query_mark};
use crate::limits;
use crate::store::search::AccessPath;
use crate::store::{ReceiverText, Store};

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
    /// Bytes of one such value; of a larger one its size is told.
    pub select_bytes: usize,
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
            select_bytes: limits::ANSWER_BYTES,
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
    /// The selected values, in the order of the pointers; none where the payload was not read.
    pub selected: Vec<Selected>,
}

/// A page of events, or their counts.
#[derive(Debug, Clone, Default)]
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
        let mut search = Search {
            store,
            request,
            sought: Sought::new(filter, &request.select, request.select_bytes),
            limit,
            known: HashMap::new(),
            found: EventSearch::default(),
            counts: BTreeMap::new(),
            fitting: 0,
            payload_bytes: 0,
        };
        loop {
            let rows = limits::SCAN_ROWS - search.found.scanned;
            let stretch = match &path {
                Some(path) => {
                    let chunk = search.chunk();
                    path.read(store, filter, order, position, chunk, rows)
                        .await?
                }
                None => by_ids(store, filter, receivers.as_ref(), order, position).await?,
            };
            search.found.scanned += stretch.scanned;
            let at_end = stretch.next.is_none();
            position = stretch.next;
            match self.take_in(&mut search, stretch.events).await? {
                // Nothing may be skipped: go on right after the last event that was looked at.
                Stopped::At { seq, more } => {
                    if !at_end || more {
                        position = Some(seq);
                    }
                    break;
                }
                Stopped::No if at_end || search.found.scanned >= limits::SCAN_ROWS => break,
                Stopped::No => {}
            }
        }
        let Search {
            mut found,
            counts,
            fitting,
            ..
        } = search;
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
        if group_by.is_some() {
            let mut groups: Vec<_> = counts.into_iter().collect();
            groups.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            found.groups = Some(groups);
        }
        Ok(found)
    }

    /// Takes the events of one stretch into the answer, until it is full or has read enough.
    async fn take_in(&self, search: &mut Search<'_>, events: Vec<Event>) -> Result<Stopped> {
        let missing: BTreeSet<ReceiverId> = events
            .iter()
            .map(|event| event.receiver_id)
            .filter(|id| !search.known.contains_key(id))
            .collect();
        let missing: Vec<_> = missing.into_iter().collect();
        for receiver in self.receivers(search.store, &missing).await? {
            search.known.insert(receiver.id, receiver);
        }
        let mut events = events.as_slice();
        while !events.is_empty() {
            let portion = if search.sought.is_empty() {
                events.len()
            } else {
                looking::portion(events)
            };
            let (now, later) = events.split_at(portion);
            let looks = if search.sought.is_empty() {
                vec![Look::Fits(Vec::new()); now.len()]
            } else {
                self.look_into(search.store, now, &search.sought).await?
            };
            for (n, (event, look)) in now.iter().zip(looks).enumerate() {
                if search.take(event, look) {
                    return Ok(Stopped::At {
                        seq: event.seq,
                        more: n + 1 < now.len() || !later.is_empty(),
                    });
                }
            }
            events = later;
        }
        Ok(Stopped::No)
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
        for types in [&filter.types, &filter.event_types] {
            if !types.is_empty() {
                narrow(receivers_of(store, ReceiverText::Type, types).await?);
            }
        }
        Ok(allowed)
    }

    /// All receivers that a filter means: one by its id, or every version of those with this name,
    /// else of those with this type.
    pub async fn receivers_meant(
        &self,
        principal: &Principal,
        what: &str,
    ) -> Result<Vec<ReceiverId>> {
        principal.require(Scope::Read)?;
        let store = self.store().await?;
        let what = what.trim();
        if !looks_like_id(what) {
            let value = [TextMatch::Exact(what.to_owned())];
            for by in [ReceiverText::Name, ReceiverText::Type] {
                let found = receivers_of(store.as_ref(), by, &value).await?;
                if !found.is_empty() {
                    return Ok(found.into_iter().collect());
                }
            }
        }
        // One, or a refusal that names what comes near.
        Ok(vec![self.receiver_named(store.as_ref(), what).await?.id])
    }
}

/// A search under way.
struct Search<'a> {
    store: &'a dyn Store,
    request: &'a SearchRequest,
    sought: Sought,
    limit: usize,
    known: HashMap<ReceiverId, Arc<Receiver>>,
    found: EventSearch,
    counts: BTreeMap<String, u64>,
    /// Events that fit.
    fitting: u64,
    /// Bytes of payload that were read.
    payload_bytes: usize,
}

/// Whether a search has to end before its rows do.
enum Stopped {
    /// No.
    No,
    /// After this event; whether there were more on the stretch.
    At { seq: i64, more: bool },
}

impl Search<'_> {
    /// How many fitting rows to read next.
    fn chunk(&self) -> usize {
        if self.request.group_by.is_some() {
            512
        } else if self.sought.is_empty() {
            (self.limit - self.found.hits.len()).min(limits::PAGE_MAX)
        } else {
            // Few of them may fit: a small page must not read row by row.
            limits::PAGE_MAX
        }
    }

    /// Takes one event in; tells whether that was the last one.
    fn take(&mut self, event: &Event, look: Look) -> bool {
        if !self.sought.is_empty() {
            self.payload_bytes += usize::try_from(event.payload_size).unwrap_or_default();
        }
        let enough = |search: &Self| search.payload_bytes > limits::SCAN_PAYLOAD_BYTES;
        let selected = match look {
            Look::Fits(selected) => selected,
            Look::Unfit => return enough(self),
            Look::Unread => {
                self.found.unread += 1;
                if !self.request.filter.payload.is_empty() {
                    return enough(self);
                }
                Vec::new()
            }
        };
        let Some(receiver) = self.known.get(&event.receiver_id).cloned() else {
            return false;
        };
        self.fitting += 1;
        match self.request.group_by {
            Some(by) => {
                *self
                    .counts
                    .entry(group_key(by, event, &receiver))
                    .or_default() += 1;
            }
            None => self.found.hits.push(EventHit {
                event: event.clone(),
                receiver,
                selected,
            }),
        }
        self.found.hits.len() == self.limit || enough(self)
    }
}

/// The receivers whose name or type is one of these.
async fn receivers_of(
    store: &dyn Store,
    by: ReceiverText,
    values: &[TextMatch],
) -> Result<BTreeSet<ReceiverId>> {
    let mut ids = BTreeSet::new();
    for value in values {
        let most = limits::FILTER_RECEIVERS + 1;
        ids.extend(store.receiver_ids(by, value, most).await?);
        if ids.len() > limits::FILTER_RECEIVERS {
            return Err(Refusal::InvalidArgument {
                argument: match by {
                    ReceiverText::Name => "receiver",
                    ReceiverText::Type => "type",
                },
                value: value.to_string(),
                why: format!(
                    "more than {} receivers fit; write more of it",
                    limits::FILTER_RECEIVERS
                ),
            }
            .into());
        }
    }
    Ok(ids)
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
    let lists: [(&'static str, usize); 9] = [
        ("name", filter.name.len()),
        ("version", filter.version.len()),
        ("release", filter.release.len()),
        ("platform_id", filter.platform_id.len()),
        ("package", filter.package.len()),
        ("type", filter.types.len()),
        ("event_type", filter.event_types.len()),
        ("receiver", filter.receiver_ids.len()),
        ("id", filter.ids.len()),
    ];
    for (argument, length) in lists {
        // A receiver that is named by its name or type stands for all of its versions.
        let most = match argument {
            "receiver" => limits::FILTER_RECEIVERS,
            // A kind of event is looked for under several names.
            "event_type" => 4 * limits::FILTER_VALUES,
            _ => limits::FILTER_VALUES,
        };
        if length > most {
            return Err(Refusal::InvalidArgument {
                argument,
                value: format!("{length} values"),
                why: format!("at most {most} values are allowed"),
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

fn group_key(by: GroupBy, event: &Event, receiver: &Receiver) -> String {
    match by {
        GroupBy::Name => event.unit.name.clone(),
        GroupBy::Receiver => receiver.kind.clone(),
        GroupBy::Success => event.success.to_string(),
        GroupBy::Day => event.created_at.to_string().chars().take(10).collect(),
    }
}
