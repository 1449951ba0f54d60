//! What is kept beside an event of what its payload says, ready to be written.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::event::Event;
use super::id::{EventId, ReceiverId};
use super::run::RunTouch;
use super::unit::Unit;

/// Bytes that a link takes on its way to the database.
const LINK_BYTES: usize = 48;

/// 16 bytes of SHA-256.
pub type Key = [u8; 16];

/// What is kept beside an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexed {
    /// The facts, as compact JSON.
    pub facts: String,
    /// The keys that tie it to other events.
    pub links: Vec<Link>,
    /// What a repeat of it is known by.
    pub natural: Option<NaturalKey>,
    /// What it adds to the summary of its run.
    pub run: Option<RunTouch>,
}

impl Indexed {
    /// Bytes of this on its way to the database.
    pub fn size(&self) -> usize {
        self.facts.len() + self.links.len() * LINK_BYTES
    }
}

/// One tie of an event: a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Link {
    /// 16 bytes that stand for the key.
    pub key: Key,
    /// The number of the role.
    pub role: i64,
}

/// What a repeated CloudEvent or CDEvent is known by (CloudEvents 1.0, "id": unique per source).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NaturalKey {
    /// 16 bytes that stand for source and id.
    pub key: Key,
    /// Whether an event with equal content is not recorded again. Only CloudEvents and CDEvents
    /// intake asks for that; an EPR client that sends an event twice gets two.
    pub once: bool,
    /// A digest of the event however it is written: the order of members, blanks, an envelope make no
    /// other event of it. Without one the payload's bytes are compared.
    pub content: Option<[u8; 32]>,
}

/// What two events with the same natural key have in common if one is the other again: 16 bytes of
/// SHA-256 over receiver, unit, success and [`NaturalKey::content`] or the payload.
pub fn content_key(
    receiver: ReceiverId,
    unit: &Unit,
    success: bool,
    payload_digest: &[u8; 32],
) -> Key {
    let mut hash = Sha256::new();
    hash.update(receiver.ulid().0.to_be_bytes());
    hash.update(unit.key());
    hash.update([u8::from(success)]);
    hash.update(payload_digest);
    let mut key = [0; 16];
    for (to, from) in key.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    key
}

/// An event that was recorded before, and what its payload says.
#[derive(Debug, Clone)]
pub struct OldEvent {
    /// Its position in the log.
    pub seq: i64,
    /// Its id.
    pub id: EventId,
    /// Its [`content_key`].
    pub content: Key,
    /// What is to be kept beside it.
    pub indexed: Arc<Indexed>,
}

impl OldEvent {
    /// Of an event as it was recorded.
    pub fn new(event: &Event, indexed: Arc<Indexed>) -> Self {
        Self {
            seq: event.seq,
            id: event.id,
            content: content_key(
                event.receiver_id,
                &event.unit,
                event.success,
                (indexed.natural.and_then(|natural| natural.content))
                    .as_ref()
                    .unwrap_or(&event.payload_digest),
            ),
            indexed,
        }
    }
}
