//! Looking into the payloads of events that were recorded before: after an upgrade, or to find out
//! anew what all of them say.

use std::collections::HashMap;
use std::sync::Arc;

use super::intake::{facts_of, may_say_something};
use super::{Registry, Result, looking, unexpected};
use crate::correlate::indexed;
use crate::domain::command::{Action, Outcome};
use crate::domain::id::ReceiverId;
use crate::domain::indexed::OldEvent;
use crate::domain::principal::{Principal, Scope};
use crate::domain::search::Order;
use crate::limits;
use crate::registry::WriteOptions;
use crate::store::{Bounds, Stream};

/// How far the looking has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reindexing {
    /// Events up to this position have been looked into.
    pub after: i64,
    /// Those up to this one are to be; 0 when there are none left.
    pub to: i64,
}

impl Registry {
    /// How many events wait to be looked into.
    pub async fn reindexing(&self, principal: &Principal) -> Result<Reindexing> {
        principal.require(Scope::Admin)?;
        let counters = self.store().await?.counters().await?;
        Ok(Reindexing {
            after: counters.reindexed_to,
            to: counters.unindexed_to,
        })
    }

    /// Forgets what all payloads say, so that they are looked into anew.
    pub async fn forget_index(&self, principal: &Principal) -> Result<Reindexing> {
        principal.require(Scope::Admin)?;
        self.reindexed(principal, Action::ClearIndex).await
    }

    /// Looks into some more events, the oldest first. Several processes may do so at once: each goes
    /// on where another one has come to.
    pub async fn reindex(&self, principal: &Principal, from: Reindexing) -> Result<Reindexing> {
        principal.require(Scope::Admin)?;
        if from.to == 0 {
            return Ok(from);
        }
        let store = self.store().await?;
        let store = store.as_ref();
        let bounds = Bounds {
            after: from.after,
            before: from.to.saturating_add(1),
        };
        let seqs = store
            .stream(
                Stream::All,
                bounds,
                Order::OldestFirst,
                limits::REINDEX_EVENTS,
            )
            .await?;
        let mut events = store.events(&seqs).await?;
        let all = events.len() == seqs.len() && seqs.len() < limits::REINDEX_EVENTS;
        let portion = looking::portion(&events).max(1);
        let whole = all && portion >= events.len();
        events.truncate(portion);
        let to = match events.last() {
            // Behind the last event there are no others up to the end.
            Some(last) if !whole => last.seq,
            _ => from.to,
        };
        let receivers: Vec<ReceiverId> = events.iter().map(|event| event.receiver_id).collect();
        let kinds: HashMap<ReceiverId, String> = self
            .receivers(store, &receivers)
            .await?
            .iter()
            .map(|receiver| (receiver.id, receiver.kind.clone()))
            .collect();
        let room = events.iter().map(looking::weight).sum();
        let room = self.inner.schemas.room(room).await?;
        let seqs: Vec<i64> = events.iter().map(|event| event.seq).collect();
        let payloads: HashMap<i64, String> = store.payloads(&seqs).await?.into_iter().collect();
        let look = move || {
            let old = events.iter().filter_map(|event| {
                let payload = payloads.get(&event.seq)?;
                if !may_say_something(payload) {
                    return None;
                }
                let kind = kinds.get(&event.receiver_id).map_or("", String::as_str);
                let facts = facts_of(payload, kind)?;
                let indexed = indexed(&facts, false, event.created_at);
                Some(OldEvent::new(event, Arc::new(indexed)))
            });
            let old = old.collect();
            drop(room);
            Ok(old)
        };
        let events: Vec<OldEvent> = self.inner.schemas.blocking(look).await?;
        let action = Action::Reindex {
            after: from.after,
            to,
            events,
        };
        self.reindexed(principal, action).await
    }

    async fn reindexed(&self, principal: &Principal, action: Action) -> Result<Reindexing> {
        let options = WriteOptions::default();
        match self.submit(principal, action, &options).await? {
            Outcome::Reindexed { after, to, .. } => Ok(Reindexing { after, to }),
            _ => Err(unexpected()),
        }
    }
}
