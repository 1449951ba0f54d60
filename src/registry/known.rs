//! Receivers that were read before. They never change and are never deleted, so what is known of
//! them stays true, whichever process made them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Registry, Result};
use crate::domain::id::ReceiverId;
use crate::domain::receiver::Receiver;
use crate::limits;
use crate::store::Store;

#[derive(Debug, Default)]
pub(super) struct KnownReceivers {
    by_id: Mutex<HashMap<ReceiverId, Arc<Receiver>>>,
}

impl KnownReceivers {
    fn look_up(&self, ids: &[ReceiverId]) -> (Vec<Arc<Receiver>>, Vec<ReceiverId>) {
        let by_id = self.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut found, mut missing) = (Vec::with_capacity(ids.len()), Vec::new());
        for id in ids {
            match by_id.get(id) {
                Some(receiver) => found.push(receiver.clone()),
                None => missing.push(*id),
            }
        }
        (found, missing)
    }

    fn keep(&self, receivers: &[Arc<Receiver>]) {
        let mut by_id = self.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        if by_id.len() + receivers.len() > limits::KNOWN_RECEIVERS {
            by_id.clear();
        }
        for receiver in receivers.iter().take(limits::KNOWN_RECEIVERS) {
            by_id.insert(receiver.id, receiver.clone());
        }
    }
}

impl Registry {
    /// Receivers by id, in no particular order, without those that there are not.
    pub(super) async fn receivers(
        &self,
        store: &dyn Store,
        ids: &[ReceiverId],
    ) -> Result<Vec<Arc<Receiver>>> {
        let (mut found, missing) = self.inner.known.look_up(ids);
        if !missing.is_empty() {
            let read = store.receivers(&missing).await?;
            let read: Vec<_> = read.into_iter().map(Arc::new).collect();
            self.inner.known.keep(&read);
            found.extend(read);
        }
        Ok(found)
    }

    /// The receiver with this id, if there is one.
    pub(super) async fn receiver(
        &self,
        store: &dyn Store,
        id: ReceiverId,
    ) -> Result<Option<Arc<Receiver>>> {
        Ok(self.receivers(store, &[id]).await?.pop())
    }
}
