//! Telling clients that what they watch has changed, whoever changed it: `subscriptions/listen` of
//! MCP 2026-07-28, and `resources/subscribe` of older revisions.
//!
//! A notice says that a resource may be another by now, no more: several changes in a short while are
//! one notice, and a client that reads too slowly for its notices delays nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rmcp::ErrorData;
use rmcp::model::{ResourceUpdatedNotificationParam, SubscriptionFilter};
use rmcp::service::{Peer, RoleServer, SubscriptionContext, SubscriptionSink};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::error::protocol_error;
use super::resources::Address;
use super::tool::ToolCx;
use crate::domain::id::{GroupId, ReceiverId};
use crate::domain::message::MessageKind;
use crate::domain::text::quoted;
use crate::domain::unit::UnitKey;
use crate::limits;
use crate::registry::{Change, Following, Heard};

/// The subscriptions of one connection.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    /// Those of `subscriptions/listen` that are open.
    open: AtomicUsize,
    /// What `resources/subscribe` asked for, and the task that tells of it.
    older: Mutex<Option<Older>>,
    /// The connection is at its end.
    closing: CancellationToken,
}

#[derive(Debug)]
struct Older {
    watched: Watched,
    end: CancellationToken,
}

/// What is watched, by address.
#[derive(Debug, Clone, Default)]
struct Watched(Arc<Mutex<BTreeMap<String, What>>>);

/// What makes a resource another one.
#[derive(Debug, Clone)]
enum What {
    /// Anything that happens.
    Anything,
    /// Any event.
    Events,
    /// An event of this unit.
    Unit(UnitKey),
    /// A change of this group.
    Group(Group),
    /// An event of this unit that counts for this group, or a change of the group.
    Gate(Group, UnitKey),
    /// Nothing: it never changes.
    Never,
}

/// A group, as far as it is known.
#[derive(Debug, Clone)]
struct Group {
    /// Its id, name or type.
    text: String,
    /// Its id and members.
    known: Option<(GroupId, BTreeSet<ReceiverId>)>,
}

impl Group {
    fn named(text: String) -> Self {
        Self { text, known: None }
    }

    /// Whether it is this one, or might be: a name may come to mean another group.
    fn changed(&self, change: &Change) -> bool {
        match change.kind {
            MessageKind::GroupModified => {
                let known = self.known.as_ref();
                known.is_none_or(|(id, _)| change.group == Some(*id))
            }
            MessageKind::GroupCreated => {
                self.text.parse::<GroupId>().is_err() || self.known.is_none()
            }
            _ => false,
        }
    }

    fn counts(&self, receiver: Option<ReceiverId>) -> bool {
        match (&self.known, receiver) {
            (Some((_, members)), Some(receiver)) => members.contains(&receiver),
            _ => true,
        }
    }
}

impl What {
    /// What an address of this registry is about.
    fn of(uri: &str) -> Option<Self> {
        Some(match Address::parse(uri)? {
            Address::Overview => Self::Anything,
            // Any event may turn out to belong to a run, or to bring in others that do.
            Address::LatestEvents | Address::Run(_) | Address::RunTimeline(_) => Self::Events,
            Address::History(unit) => Self::Unit(unit.key()),
            Address::Group(text) => Self::Group(Group::named(text)),
            Address::Gate { group, unit } => Self::Gate(Group::named(group), unit.key()),
            Address::Event(_) | Address::Receiver(_) => Self::Never,
        })
    }

    fn touched(&self, change: &Change) -> bool {
        let event = change.kind == MessageKind::Event;
        match self {
            Self::Anything => true,
            Self::Events => event,
            Self::Unit(unit) => event && change.unit == Some(*unit),
            Self::Group(group) => group.changed(change),
            Self::Gate(group, unit) => {
                (event && change.unit == Some(*unit) && group.counts(change.receiver))
                    || group.changed(change)
            }
            Self::Never => false,
        }
    }

    fn group(&mut self) -> Option<&mut Group> {
        match self {
            Self::Group(group) | Self::Gate(group, _) => Some(group),
            _ => None,
        }
    }
}

impl Watched {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, What>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The addresses that are others after what was heard.
    fn touched(&self, heard: &Heard) -> Vec<String> {
        let watched = self.lock();
        let fits = |what: &What| match heard {
            Heard::Changes(changes) => changes.iter().any(|change| what.touched(change)),
            Heard::TooMuch => !matches!(what, What::Never),
        };
        watched
            .iter()
            .filter(|(_, what)| fits(what))
            .map(|(uri, _)| uri.clone())
            .collect()
    }

    /// Finds the groups that are named but not known, or all of them again.
    async fn resolve(&self, cx: &ToolCx, again: bool) {
        let named: Vec<(String, String)> = {
            let mut watched = self.lock();
            let groups = watched.iter_mut().filter_map(|(uri, what)| {
                let group = what.group()?;
                (again || group.known.is_none()).then(|| (uri.clone(), group.text.clone()))
            });
            groups.collect()
        };
        for (uri, text) in named {
            let found = cx.registry().fetch_group(&cx.principal, &text).await.ok();
            let known = found.map(|(group, _)| {
                let members = group.event_receiver_ids.iter().copied().collect();
                (group.id, members)
            });
            if let Some(group) = self.lock().get_mut(&uri).and_then(What::group) {
                group.known = known;
            }
        }
    }
}

impl Subscriptions {
    /// Ends all of them, with the answer that the protocol has for that.
    pub(crate) fn close(&self) {
        self.closing.cancel();
    }

    /// The part of what is asked for that is told of: addresses of this registry.
    pub(crate) fn accepted(requested: &SubscriptionFilter) -> SubscriptionFilter {
        let uris = requested.resource_subscriptions.iter().flatten();
        let known = uris.filter(|uri| What::of(uri).is_some());
        SubscriptionFilter::builder()
            .resource_subscriptions(known.take(limits::SUBSCRIBED_URIS).cloned())
            .build()
    }

    /// Tells until the client has had enough or the connection ends.
    pub(crate) async fn listen(
        &self,
        cx: &ToolCx,
        context: &SubscriptionContext,
    ) -> Result<(), ErrorData> {
        let open = Open::new(&self.open)?;
        let watched = Watched::default();
        let uris = context.accepted().resource_subscriptions.iter().flatten();
        watched
            .lock()
            .extend(uris.filter_map(|uri| Some((uri.clone(), What::of(uri)?))));
        let telling = tell(cx, &watched, Way::Listen(context.sink().clone()), None);
        tokio::select! {
            () = telling => {}
            () = context.cancelled() => {}
            () = self.closing.cancelled() => {}
        }
        drop(open);
        Ok(())
    }

    /// Adds an address for a client of an older revision. From the answer on it is told of.
    pub(crate) async fn subscribe(
        &self,
        cx: ToolCx,
        uri: String,
        peer: Peer<RoleServer>,
    ) -> Result<(), ErrorData> {
        let what = What::of(&uri).ok_or_else(|| {
            let text = format!(
                "There is no resource {}; resources/templates/list tells the forms.",
                quoted(&uri)
            );
            ErrorData::resource_not_found(text, None)
        })?;
        // Before it is answered: what changes after the answer is heard.
        let following = cx.registry().follow(&cx.principal).await;
        let mut following = Some(following.map_err(|error| protocol_error(&error))?);
        let watched = {
            let mut older = self.older();
            let older = older.get_or_insert_with(|| {
                let watched = Watched::default();
                let end = self.closing.child_token();
                let (set, ended, cx) = (watched.clone(), end.clone(), cx.clone());
                let following = following.take();
                tokio::spawn(async move {
                    tokio::select! {
                        () = tell(&cx, &set, Way::Peer(peer), following) => {}
                        () = ended.cancelled() => {}
                    }
                });
                Older { watched, end }
            });
            let mut watched = older.watched.lock();
            if watched.len() >= limits::SUBSCRIBED_URIS && !watched.contains_key(&uri) {
                return Err(too_many(limits::SUBSCRIBED_URIS, "addresses"));
            }
            watched.insert(uri, what);
            drop(watched);
            older.watched.clone()
        };
        watched.resolve(&cx, false).await;
        Ok(())
    }

    /// Takes an address away again; one that is not there is no fault.
    pub(crate) fn unsubscribe(&self, uri: &str) {
        let mut older = self.older();
        if let Some(active) = older.as_ref() {
            let mut watched = active.watched.lock();
            watched.remove(uri);
            if !watched.is_empty() {
                return;
            }
            active.end.cancel();
        }
        *older = None;
    }

    fn older(&self) -> MutexGuard<'_, Option<Older>> {
        self.older.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the subscriptions that a connection may have open.
struct Open<'a>(&'a AtomicUsize);

impl<'a> Open<'a> {
    fn new(open: &'a AtomicUsize) -> Result<Self, ErrorData> {
        let this = Self(open);
        if open.fetch_add(1, Ordering::Relaxed) >= limits::SUBSCRIPTIONS {
            return Err(too_many(limits::SUBSCRIPTIONS, "subscriptions"));
        }
        Ok(this)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(crate) fn too_many(most: usize, what: &str) -> ErrorData {
    ErrorData::invalid_params(
        format!("This connection has {most} {what} already, and may not have more: end one first."),
        None,
    )
}

/// The way to a client.
#[derive(Debug)]
enum Way {
    Listen(SubscriptionSink),
    Peer(Peer<RoleServer>),
}

impl Way {
    /// Whether the notice was taken.
    async fn notice(&self, uri: String) -> bool {
        match self {
            Self::Listen(sink) => sink.notify_resource_updated(uri).await.is_ok(),
            Self::Peer(peer) => {
                let notice = ResourceUpdatedNotificationParam::new(uri);
                peer.notify_resource_updated(notice).await.is_ok()
            }
        }
    }
}

/// Follows the log and sends the address of everything that changed, as long as that is taken. A
/// database that is away is waited for.
async fn tell(cx: &ToolCx, watched: &Watched, way: Way, first: Option<Following>) {
    let mut first = first;
    let mut waited = false;
    loop {
        let begun = Instant::now();
        let followed = match first.take() {
            Some(following) => Ok(following),
            None => cx.registry().follow(&cx.principal).await,
        };
        // A moment is made up for; what happened in a longer wait is not known.
        waited |= begun.elapsed() > Duration::from_millis(limits::FOLLOW_RETRY_MILLIS);
        let mut following = match followed {
            Ok(following) => following,
            Err(error) => {
                tracing::debug!(%error, "the registry cannot be followed now");
                waited = true;
                sleep(Duration::from_millis(limits::FOLLOW_RETRY_MILLIS)).await;
                continue;
            }
        };
        watched.resolve(cx, false).await;
        // What happened while it was away is not known.
        let mut heard = if std::mem::take(&mut waited) {
            Some(Heard::TooMuch)
        } else {
            following.next().await
        };
        while let Some(first) = heard {
            let mut due: BTreeSet<String> = BTreeSet::new();
            let mut regroup = false;
            let mut next = Some(first);
            while let Some(heard) = next {
                regroup |= makes_groups(&heard);
                due.extend(watched.touched(&heard));
                next = following.now();
            }
            if regroup {
                watched.resolve(cx, true).await;
            }
            let told = !due.is_empty();
            for uri in due {
                if !way.notice(uri).await {
                    return;
                }
            }
            if told {
                sleep(Duration::from_millis(limits::NOTICE_MILLIS)).await;
            }
            heard = following.next().await;
        }
        // The feed ended, as it does when the registry is closed.
        waited = true;
        sleep(Duration::from_millis(limits::FOLLOW_RETRY_MILLIS)).await;
    }
}

fn makes_groups(heard: &Heard) -> bool {
    match heard {
        Heard::Changes(changes) => changes
            .iter()
            .any(|change| change.kind == MessageKind::GroupCreated),
        Heard::TooMuch => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;

    fn change(kind: MessageKind) -> Change {
        Change {
            seq: 1,
            kind,
            unit: None,
            receiver: None,
            group: None,
            created_at: Timestamp::default(),
        }
    }

    fn what(uri: &str) -> What {
        What::of(uri).unwrap()
    }

    #[test]
    fn a_history_changes_by_events_of_its_unit_alone() {
        let history = what("epr://history/a/1/r/p/k");
        let What::Unit(key) = history else { panic!() };
        let mut event = change(MessageKind::Event);
        assert!(!history.touched(&event));
        event.unit = Some(key);
        assert!(history.touched(&event));
        event.kind = MessageKind::GroupComplete;
        assert!(!history.touched(&event), "the event was told of already");
    }

    #[test]
    fn a_gate_changes_by_its_members_and_by_its_group() {
        let mut gate = what("epr://gates/ready/a/1/r/p/k");
        let What::Gate(group, key) = &mut gate else {
            panic!()
        };
        let (member, other) = (
            ReceiverId::new(ulid::Ulid(1)),
            ReceiverId::new(ulid::Ulid(2)),
        );
        let id = GroupId::new(ulid::Ulid(3));
        group.known = Some((id, BTreeSet::from([member])));
        let mut event = change(MessageKind::Event);
        event.unit = Some(*key);
        event.receiver = Some(other);
        assert!(!gate.touched(&event));
        event.receiver = Some(member);
        assert!(gate.touched(&event));
        let mut enabled = change(MessageKind::GroupModified);
        enabled.group = Some(GroupId::new(ulid::Ulid(4)));
        assert!(!gate.touched(&enabled));
        enabled.group = Some(id);
        assert!(gate.touched(&enabled));
        assert!(
            gate.touched(&change(MessageKind::GroupCreated)),
            "it is known by name"
        );
    }

    #[test]
    fn what_never_changes_can_be_watched_in_vain() {
        let receiver = what("epr://receivers/scan");
        assert!(!receiver.touched(&change(MessageKind::ReceiverCreated)));
        assert!(What::of("file:///etc/passwd").is_none());
    }
}
