//! The requests that have been handed on and not been answered yet.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::model::RequestId;
use tokio::sync::Notify;

/// Requests in flight, with the bytes that each arrived in.
#[derive(Debug, Clone, Default)]
pub(super) struct Flights {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    bytes: Mutex<HashMap<RequestId, usize>>,
    landed: Notify,
}

impl Flights {
    fn bytes(&self) -> MutexGuard<'_, HashMap<RequestId, usize>> {
        self.shared
            .bytes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.bytes().len()
    }

    /// A request was handed on.
    pub(super) fn took_off(&self, id: RequestId, bytes: usize) {
        self.bytes().insert(id, bytes);
    }

    /// A request was answered, or was cancelled and will not be.
    pub(super) fn landed(&self, id: &RequestId) {
        if self.bytes().remove(id).is_some() {
            self.shared.landed.notify_waiters();
        }
    }

    /// Waits until fewer requests are in flight than so many, and fewer bytes than so many.
    pub(super) async fn below(&self, calls: usize, bytes: usize) {
        loop {
            // Made before looking: it hears of every landing from here on.
            let landed = self.shared.landed.notified();
            {
                let flying = self.bytes();
                if flying.len() < calls && flying.values().sum::<usize>() < bytes {
                    return;
                }
            }
            landed.await;
        }
    }
}
