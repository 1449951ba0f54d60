//! The long texts of many records at once, for callers that write whole lists out.

use super::{Registry, Result};
use crate::domain::event::Event;
use crate::domain::id::ReceiverId;
use crate::domain::principal::{Principal, Scope};
use crate::limits;

/// How many of the events, from the first on, have payloads that fit into one portion; at least one.
fn portion(events: &[Event]) -> usize {
    let mut bytes = 0_usize;
    let fitting = events.iter().take_while(|event| {
        bytes = bytes.saturating_add(usize::try_from(event.payload_size).unwrap_or(usize::MAX));
        bytes <= limits::SCAN_PORTION_BYTES
    });
    fitting.count().max(1).min(events.len())
}

impl Registry {
    /// The payloads of as many of these events, from the first on, as one portion of memory holds; of one
    /// at least. Each as it was sent.
    pub async fn payload_texts(
        &self,
        principal: &Principal,
        events: &[Event],
    ) -> Result<Vec<String>> {
        principal.require(Scope::Read)?;
        let now = events.get(..portion(events)).unwrap_or_default();
        let seqs: Vec<i64> = now.iter().map(|event| event.seq).collect();
        let found = self.store().await?.payloads(&seqs).await?;
        if found.len() != now.len() {
            return Err(super::Error::internal("an event has no payload"));
        }
        Ok(found.into_iter().map(|(_, text)| text).collect())
    }

    /// The schemas of these receivers, at most [`limits::PAGE_MAX`].
    pub async fn schema_texts(
        &self,
        principal: &Principal,
        receivers: &[ReceiverId],
    ) -> Result<Vec<(ReceiverId, String)>> {
        principal.require(Scope::Read)?;
        let receivers = receivers.get(..limits::PAGE_MAX).unwrap_or(receivers);
        Ok(self.store().await?.schemas(receivers).await?)
    }
}
