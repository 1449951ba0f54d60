//! Messages: what the registry publishes, rendered to the exact body that existing watchers read.
//!
//! A message is stored as a small row ([`MessageRecord`] is that row with the records it is about)
//! and becomes bytes when it is read or published.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::event::{Event, Reference, WireEvent, WireReceiver};
use super::group::Group;
use super::json::compact;
use super::receiver::DefinedReceiver;
use super::time::Timestamp;
use crate::limits;

/// The version of the body that new rows ask for.
pub const WIRE_VERSION: i64 = 1;

const REGISTRY_PLATFORM: &str = "event-provenance-registry";

/// What a message tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// An event was recorded.
    Event,
    /// A receiver was created.
    ReceiverCreated,
    /// A group was created.
    GroupCreated,
    /// A group was enabled or disabled.
    GroupModified,
    /// A gate passes for a unit.
    GroupComplete,
}

impl MessageKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::Event,
        Self::ReceiverCreated,
        Self::GroupCreated,
        Self::GroupModified,
        Self::GroupComplete,
    ];

    /// The stored number.
    pub const fn code(self) -> i64 {
        match self {
            Self::Event => 1,
            Self::ReceiverCreated => 2,
            Self::GroupCreated => 3,
            Self::GroupModified => 4,
            Self::GroupComplete => 5,
        }
    }

    /// Reads the stored number.
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// The value of the `ce_eprkind` header: tells a gate from an event of the same type.
    pub const fn header(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::ReceiverCreated => "receiver",
            Self::GroupCreated | Self::GroupModified => "group",
            Self::GroupComplete => "gate",
        }
    }
}

/// A message's type: that of the receiver or the group it is about, or one of the registry's own.
pub fn type_of(kind: MessageKind, subject_type: &str) -> &str {
    match kind {
        MessageKind::Event | MessageKind::GroupComplete => subject_type,
        MessageKind::ReceiverCreated => "epr.event.receiver.created",
        MessageKind::GroupCreated => "epr.event.receiver.group.created",
        MessageKind::GroupModified => "epr.event.receiver.group.modified",
    }
}

/// A stored message with the records that it is about.
#[derive(Debug, Clone)]
pub struct MessageRecord {
    /// Its position in the log.
    pub seq: i64,
    /// When it was written.
    pub created_at: Timestamp,
    /// The version of its body.
    pub wire_version: i64,
    /// For a passed gate: whether it did not pass before.
    pub transition: bool,
    /// Never to be published.
    pub log_only: bool,
    /// What it tells, and about what.
    pub subject: MessageSubject,
}

/// What a message tells, and about what.
#[derive(Debug, Clone)]
pub enum MessageSubject {
    /// [`MessageKind::Event`]
    Event {
        /// The event.
        event: Box<Event>,
        /// Its payload's text.
        payload: Arc<str>,
        /// Its receiver.
        receiver: Arc<DefinedReceiver>,
    },
    /// [`MessageKind::ReceiverCreated`]
    ReceiverCreated(Arc<DefinedReceiver>),
    /// [`MessageKind::GroupCreated`]
    GroupCreated(Box<Group>),
    /// [`MessageKind::GroupModified`]
    GroupModified(Box<Group>),
    /// [`MessageKind::GroupComplete`]
    GroupComplete {
        /// The event that left the gate passing.
        event: Box<Event>,
        /// Its payload's text.
        payload: Arc<str>,
        /// Its receiver.
        receiver: Arc<DefinedReceiver>,
        /// The group, as it was then.
        group: Box<Group>,
    },
}

impl MessageSubject {
    /// What it tells.
    pub const fn kind(&self) -> MessageKind {
        match self {
            Self::Event { .. } => MessageKind::Event,
            Self::ReceiverCreated(_) => MessageKind::ReceiverCreated,
            Self::GroupCreated(_) => MessageKind::GroupCreated,
            Self::GroupModified(_) => MessageKind::GroupModified,
            Self::GroupComplete { .. } => MessageKind::GroupComplete,
        }
    }

    /// The message's type.
    pub fn type_name(&self) -> &str {
        match self {
            Self::Event { receiver, .. } => &receiver.receiver.kind,
            Self::GroupComplete { group, .. } => &group.kind,
            Self::ReceiverCreated(_) | Self::GroupCreated(_) | Self::GroupModified(_) => {
                type_of(self.kind(), "")
            }
        }
    }
}

/// A message as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireMessage {
    /// Kafka key: the unit's path, so that the messages of one unit stay in order.
    pub key: String,
    /// Kafka headers: the CloudEvents attributes (Kafka binding, binary mode) and ours.
    pub headers: Vec<(&'static str, String)>,
    /// The body: one JSON object without blanks between tokens.
    pub body: String,
}

#[derive(Serialize)]
struct Body<'a> {
    success: bool,
    id: String,
    specversion: &'static str,
    #[serde(rename = "type")]
    kind: &'a str,
    source: &'static str,
    api_version: &'static str,
    name: &'a str,
    version: &'a str,
    release: String,
    platform_id: &'a str,
    package: &'a str,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    events: Option<Vec<WireEvent<'a>>>,
    event_receivers: Option<Vec<&'a WireReceiver<'a>>>,
    event_receiver_groups: Option<Vec<&'a Group>>,
}

/// How much of an over-long body is replaced by references.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Detail {
    Whole,
    PayloadByReference,
    SchemaByReference,
}

/// Renders a message. `registry` is the registry's own id, part of `ce_id`; a body over `limit`
/// bytes (normally [`limits::MESSAGE_BYTES`]) carries the payload, then also the schema, by
/// reference.
pub fn render(
    record: &MessageRecord,
    registry: &str,
    limit: usize,
) -> Result<WireMessage, serde_json::Error> {
    let mut text = body(record, Detail::Whole)?;
    for detail in [Detail::PayloadByReference, Detail::SchemaByReference] {
        if text.len() > limit {
            text = body(record, detail)?;
        }
    }
    let kind = record.subject.kind();
    let (key, subject) = match &record.subject {
        MessageSubject::Event { event, .. } | MessageSubject::GroupComplete { event, .. } => {
            let path = event.unit.path();
            (path.clone(), path)
        }
        MessageSubject::ReceiverCreated(receiver) => (
            receiver.receiver.id.to_string(),
            receiver.receiver.id.to_string(),
        ),
        MessageSubject::GroupCreated(group) | MessageSubject::GroupModified(group) => {
            (group.id.to_string(), group.id.to_string())
        }
    };
    let digest = data_encoding::BASE64.encode(&Sha256::digest(text.as_bytes()));
    let headers = vec![
        ("ce_specversion", "1.0".to_owned()),
        ("ce_id", format!("{registry}-{}", record.seq)),
        ("ce_type", record.subject.type_name().to_owned()),
        ("ce_source", "epr".to_owned()),
        ("ce_time", record.created_at.to_string()),
        ("ce_subject", subject),
        ("content-type", "application/json".to_owned()),
        // RFC 9530.
        ("content-digest", format!("sha-256=:{digest}:")),
        ("ce_eprkind", kind.header().to_owned()),
        ("ce_eprtransition", record.transition.to_string()),
        ("ce_eprhops", "0".to_owned()),
    ];
    Ok(WireMessage {
        key,
        headers,
        body: text,
    })
}

fn body(record: &MessageRecord, detail: Detail) -> Result<String, serde_json::Error> {
    let kind = record.subject.type_name();
    let created = record.created_at.to_seconds_string();
    match &record.subject {
        MessageSubject::Event {
            event,
            payload,
            receiver,
        } => {
            let receiver = wire_receiver(receiver, detail);
            let events = Some(vec![wire_event(event, payload, &receiver, detail)?]);
            let data = Data {
                events,
                event_receivers: Some(vec![&receiver]),
                event_receiver_groups: None,
            };
            serde_json::to_string(&unit_body(
                event.id.to_string(),
                kind,
                event,
                event.success,
                data,
            ))
        }
        MessageSubject::GroupComplete {
            event,
            payload,
            receiver,
            group,
        } => {
            let receiver = wire_receiver(receiver, detail);
            let events = Some(vec![wire_event(event, payload, &receiver, detail)?]);
            let data = Data {
                events,
                event_receivers: None,
                event_receiver_groups: Some(vec![group]),
            };
            serde_json::to_string(&unit_body(group.id.to_string(), kind, event, true, data))
        }
        MessageSubject::ReceiverCreated(receiver) => {
            let wire = wire_receiver(receiver, detail);
            let data = Data {
                events: None,
                event_receivers: Some(vec![&wire]),
                event_receiver_groups: None,
            };
            let about = &receiver.receiver;
            let own = (about.name.as_str(), about.version.as_str(), created);
            serde_json::to_string(&own_body(
                about.id.to_string(),
                kind,
                own,
                "event.receiver",
                data,
            ))
        }
        MessageSubject::GroupCreated(group) | MessageSubject::GroupModified(group) => {
            let data = Data {
                events: None,
                event_receivers: None,
                event_receiver_groups: Some(vec![group]),
            };
            let own = (group.name.as_str(), group.version.as_str(), created);
            serde_json::to_string(&own_body(
                group.id.to_string(),
                kind,
                own,
                "event.receiver.group",
                data,
            ))
        }
    }
}

fn unit_body<'a>(
    id: String,
    kind: &'a str,
    event: &'a Event,
    success: bool,
    data: Data<'a>,
) -> Body<'a> {
    Body {
        success,
        id,
        specversion: "1.0",
        kind,
        source: "epr",
        api_version: "v1",
        name: &event.unit.name,
        version: &event.unit.version,
        release: event.unit.release.clone(),
        platform_id: &event.unit.platform_id,
        package: &event.unit.package,
        data,
    }
}

fn own_body<'a>(
    id: String,
    kind: &'a str,
    (name, version, release): (&'a str, &'a str, String),
    package: &'a str,
    data: Data<'a>,
) -> Body<'a> {
    Body {
        success: true,
        id,
        specversion: "1.0",
        kind,
        source: "epr",
        api_version: "v1",
        name,
        version,
        release,
        platform_id: REGISTRY_PLATFORM,
        package,
        data,
    }
}

fn empty_object() -> &'static RawValue {
    const EMPTY: &str = "{}";
    serde_json::from_str(EMPTY).unwrap_or(RawValue::NULL)
}

fn wire_receiver(defined: &DefinedReceiver, detail: Detail) -> WireReceiver<'_> {
    let by_reference = detail == Detail::SchemaByReference;
    let DefinedReceiver { receiver, schema } = defined;
    let text = schema.get();
    WireReceiver {
        id: receiver.id,
        name: &receiver.name,
        kind: &receiver.kind,
        version: &receiver.version,
        description: &receiver.description,
        schema: if by_reference { empty_object() } else { schema },
        schema_ref: by_reference.then(|| {
            reference(
                format!("epr://receivers/{}", receiver.id),
                &Sha256::digest(text),
                text.len(),
            )
        }),
        fingerprint: &receiver.fingerprint,
        created_at: receiver.created_at,
    }
}

fn wire_event<'a>(
    event: &'a Event,
    payload: &str,
    receiver: &'a WireReceiver<'a>,
    detail: Detail,
) -> Result<WireEvent<'a>, serde_json::Error> {
    let whole = detail == Detail::Whole;
    let payload_ref = (!whole).then(|| {
        reference(
            format!("epr://events/{}", event.id),
            &event.payload_digest,
            payload.len(),
        )
    });
    Ok(WireEvent {
        id: event.id,
        name: &event.unit.name,
        version: &event.unit.version,
        release: &event.unit.release,
        platform_id: &event.unit.platform_id,
        package: &event.unit.package,
        description: &event.description,
        payload: if whole {
            Some(RawValue::from_string(compact(payload).into_owned())?)
        } else {
            None
        },
        payload_ref,
        success: event.success,
        created_at: event.created_at,
        event_receiver_id: event.receiver_id,
        event_receiver: Some(receiver),
    })
}

fn reference(uri: String, digest: &[u8], size: usize) -> Reference {
    Reference {
        uri,
        sha256: data_encoding::HEXLOWER.encode(digest),
        size: i64::try_from(size).unwrap_or(i64::MAX),
    }
}

/// The body limit of [`render`] when nothing else is configured.
pub const DEFAULT_LIMIT: usize = limits::MESSAGE_BYTES;

#[cfg(test)]
mod tests;
