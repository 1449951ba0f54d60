//! Events: an immutable record of what happened to one unit.

use std::io::Write;
use std::sync::{Arc, OnceLock};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::id::{EventId, ReceiverId};
use super::principal::Recorder;
use super::refusal::Refusal;
use super::text::FieldCheck;
use super::time::Timestamp;
use super::unit::Unit;
use crate::limits;

/// A recorded event without its payload's text, which may be large.
#[derive(Debug, Clone)]
pub struct Event {
    /// Position in the log of events; rises with every commit.
    pub seq: i64,
    /// Its id.
    pub id: EventId,
    /// What it happened to.
    pub unit: Unit,
    /// What happened, in words.
    pub description: String,
    /// Whether it went well.
    pub success: bool,
    /// The kind of event.
    pub receiver_id: ReceiverId,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// SHA-256 of the payload's text.
    pub payload_digest: [u8; 32],
    /// Bytes of the payload's text.
    pub payload_size: i64,
    /// Who recorded it.
    pub recorded_by: Arc<Recorder>,
}

impl Event {
    /// `sha256:` and the payload digest in lower-case hexadecimal.
    pub fn payload_digest_text(&self) -> String {
        format!(
            "sha256:{}",
            data_encoding::HEXLOWER.encode(&self.payload_digest)
        )
    }
}

/// A payload's text, exactly as it was sent, with its digest.
#[derive(Debug, Clone)]
pub struct Payload {
    text: Arc<str>,
    digest: [u8; 32],
    packed: Arc<OnceLock<Option<Box<[u8]>>>>,
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Payload {}

impl Payload {
    /// Takes text that is known to be one JSON value.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let digest = Sha256::digest(text.as_bytes()).into();
        Self {
            text,
            digest,
            packed: Arc::default(),
        }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text, to be shared with other threads.
    pub fn shared(&self) -> Arc<str> {
        self.text.clone()
    }

    /// SHA-256 of the text.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Bytes of the text.
    pub fn size(&self) -> usize {
        self.text.len()
    }

    /// The text as it is stored when it is long (RFC 1951); `None` when it is short. Made once and
    /// kept, so that it can be made where time does not matter.
    pub fn packed(&self) -> Option<&[u8]> {
        self.packed
            .get_or_init(|| {
                if self.size() <= limits::INLINE_PAYLOAD_BYTES {
                    return None;
                }
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
                // Writing to memory does not fail; if it did, the text itself would be stored.
                encoder.write_all(self.text.as_bytes()).ok()?;
                encoder.finish().ok().map(Vec::into_boxed_slice)
            })
            .as_deref()
    }
}

/// What a caller gives to record an event; the payload is checked apart from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDraft {
    /// What it happened to.
    pub unit: Unit,
    /// What happened, in words.
    pub description: String,
    /// Whether it went well.
    pub success: bool,
    /// The kind of event.
    pub receiver_id: ReceiverId,
    /// The payload's text.
    pub payload: Payload,
}

impl EventDraft {
    /// Checks everything but the payload and the receiver.
    pub fn check(&self) -> Result<(), Refusal> {
        let mut check = FieldCheck::default();
        self.unit.check(&mut check);
        check.prose("description", &self.description);
        check.finish()
    }
}

/// An event in the shape that existing EPR clients read. `EventReceiver` is left out where the
/// receiver stands beside it anyway.
#[derive(Debug, Serialize)]
pub struct WireEvent<'a> {
    /// [`Event::id`].
    pub id: EventId,
    /// [`Unit::name`].
    pub name: &'a str,
    /// [`Unit::version`].
    pub version: &'a str,
    /// [`Unit::release`].
    pub release: &'a str,
    /// [`Unit::platform_id`].
    pub platform_id: &'a str,
    /// [`Unit::package`].
    pub package: &'a str,
    /// [`Event::description`].
    pub description: &'a str,
    /// The payload, without blanks between tokens; absent when it is given by reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Box<RawValue>>,
    /// Where the payload can be read, when it is too large to be carried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_ref: Option<Reference>,
    /// [`Event::success`].
    pub success: bool,
    /// [`Event::created_at`].
    pub created_at: Timestamp,
    /// [`Event::receiver_id`].
    pub event_receiver_id: ReceiverId,
    /// The receiver, under the key that existing clients expect.
    #[serde(rename = "EventReceiver", skip_serializing_if = "Option::is_none")]
    pub event_receiver: Option<&'a WireReceiver<'a>>,
}

/// A receiver in the shape that existing EPR clients read.
#[derive(Debug, Serialize)]
pub struct WireReceiver<'a> {
    /// The receiver's id.
    pub id: ReceiverId,
    /// Its name.
    pub name: &'a str,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Its description.
    pub description: &'a str,
    /// Its schema; `{}` when it is given by reference.
    pub schema: &'a RawValue,
    /// Where the schema can be read, when it is too large to be carried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema_ref: Option<Reference>,
    /// Its fingerprint.
    pub fingerprint: &'a str,
    /// When it was recorded.
    pub created_at: Timestamp,
}

/// Where to read text that is too large to be carried, and how to know it.
#[derive(Debug, Clone, Serialize)]
pub struct Reference {
    /// A resource URI of the registry.
    pub uri: String,
    /// Lower-case hexadecimal SHA-256 of the text.
    pub sha256: String,
    /// Bytes of the text.
    pub size: i64,
}
