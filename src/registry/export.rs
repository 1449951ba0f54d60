//! Recorded events as text for other programs: a line each.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::intake::{facts_in, may_say_something};
use super::{Error, EventHit, Registry, Result};
use crate::correlate::Facts;
use crate::correlate::convert::{
    Fallback, NotConvertible, Recording, to_0_5_1, to_cloudevent_text,
};
use crate::domain::event::{Event, WireEvent};
use crate::domain::json;
use crate::domain::principal::Principal;
use crate::domain::receiver::Receiver;
use crate::limits;

/// What stands for this registry as the source of events that name none.
const SOURCE: &str = "epr";

/// In whose words events are exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// Bare CDEvents 0.5.1; see [`to_0_5_1`].
    CdEvents,
    /// CloudEvents 1.0 in structured mode, their data as it was recorded.
    CloudEvents,
    /// Events of the registry, in the shape that EPR clients read and that can be taken in again. The
    /// receiver stands there without its schema.
    Epr,
}

/// An event as text of one line, without the line's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The JSON text.
    pub line: String,
    /// Whether it was not in this version before.
    pub changed: bool,
    /// Whether it lacked what is required, for which something stands that is no one's.
    pub filled: bool,
}

/// Why an event cannot be exported in a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotExported {
    /// Its payload is too large to be looked into.
    #[error(
        "its payload is larger than {} bytes, and so is not looked into",
        limits::DECODED_BYTES
    )]
    TooLarge,
    /// Its payload is nothing that is known.
    #[error("its payload is no CDEvent")]
    Unknown,
    /// It is known, and no CDEvent can be made of it.
    #[error(transparent)]
    NotConvertible(#[from] NotConvertible),
}

/// What became of one event.
pub type ExportResult = std::result::Result<Exported, NotExported>;

impl Registry {
    /// Texts of as many of these events, from the first on, as one portion of memory holds; of one at
    /// least. One for each event, in their order.
    pub async fn export(
        &self,
        principal: &Principal,
        format: ExportFormat,
        hits: &[EventHit],
    ) -> Result<Vec<ExportResult>> {
        let events: Vec<Event> = hits.iter().map(|hit| hit.event.clone()).collect();
        let texts = self.payload_texts(principal, &events).await?;
        let hits: Vec<EventHit> = hits.iter().take(texts.len()).cloned().collect();
        // Megabytes to take apart are no work for the runtime's own threads.
        let work = move || {
            let pairs = hits.iter().zip(&texts);
            pairs
                .map(|(hit, text)| exported(format, &hit.event, &hit.receiver, text))
                .collect()
        };
        let done: std::result::Result<Result<Vec<_>>, _> = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| Error::internal(format!("an export broke off: {error}")))?
    }
}

/// One event. `payload` is JSON, for it was checked when it was recorded.
fn exported(
    format: ExportFormat,
    event: &Event,
    receiver: &Receiver,
    payload: &str,
) -> Result<ExportResult> {
    let as_it_is = |line| Exported {
        line,
        changed: false,
        filled: false,
    };
    Ok(match format {
        ExportFormat::Epr => Ok(as_it_is(epr(event, receiver, payload)?)),
        ExportFormat::CloudEvents => Ok(as_it_is(cloudevent(event, receiver, payload)?)),
        ExportFormat::CdEvents => cdevent(event, receiver, payload)?,
    })
}

/// What a payload holds and what it says, if it may be looked into.
fn looked_into(payload: &str, receiver: &Receiver) -> Result<Option<(Value, Option<Facts>)>> {
    if payload.len() > limits::DECODED_BYTES {
        return Ok(None);
    }
    let shape = json::scan("payload", payload)?;
    let value = json::parse("payload", payload, &shape)?;
    let facts = may_say_something(payload)
        .then(|| facts_in(&value, &receiver.kind))
        .flatten();
    Ok(Some((value, facts)))
}

fn cdevent(event: &Event, receiver: &Receiver, payload: &str) -> Result<ExportResult> {
    let Some((value, facts)) = looked_into(payload, receiver)? else {
        return Ok(Err(NotExported::TooLarge));
    };
    let Some(facts) = facts else {
        return Ok(Err(NotExported::Unknown));
    };
    let id = event.id.to_string();
    let fallback = Fallback {
        id: &id,
        time: event.created_at,
        source: SOURCE,
    };
    Ok(match to_0_5_1(&value, &facts, &fallback) {
        Err(why) => Err(why.into()),
        Ok(converted) => Ok(Exported {
            line: converted.event.to_string(),
            changed: !converted.changes.is_empty(),
            filled: !converted.filled.is_empty(),
        }),
    })
}

fn cloudevent(event: &Event, receiver: &Receiver, payload: &str) -> Result<String> {
    let found = looked_into(payload, receiver)?;
    let (value, facts) = match &found {
        Some((value, facts)) => (Some(value), facts.as_ref()),
        None => (None, None),
    };
    let id = event.id.to_string();
    let recording = Recording {
        id: &id,
        receiver_type: &receiver.kind,
        unit: &event.unit,
        time: event.created_at,
    };
    Ok(to_cloudevent_text(
        &on_one_line(payload),
        value,
        facts,
        &recording,
    ))
}

fn epr(event: &Event, receiver: &Receiver, payload: &str) -> Result<String> {
    #[derive(Serialize)]
    struct Line<'a> {
        #[serde(flatten)]
        event: WireEvent<'a>,
        #[serde(rename = "EventReceiver")]
        receiver: &'a Receiver,
    }
    let unreadable = |error: serde_json::Error| {
        Error::internal(format!("the payload of event {}: {error}", event.id))
    };
    let payload = RawValue::from_string(on_one_line(payload)).map_err(unreadable)?;
    let line = Line {
        event: WireEvent {
            id: event.id,
            name: &event.unit.name,
            version: &event.unit.version,
            release: &event.unit.release,
            platform_id: &event.unit.platform_id,
            package: &event.unit.package,
            description: &event.description,
            payload: Some(payload),
            payload_ref: None,
            success: event.success,
            created_at: event.created_at,
            event_receiver_id: event.receiver_id,
            event_receiver: None,
        },
        receiver,
    };
    serde_json::to_string(&line).map_err(unreadable)
}

/// The text byte for byte, unless it stands on several lines: then without blanks between tokens.
fn on_one_line(payload: &str) -> String {
    let payload = payload.trim();
    if payload.contains(['\n', '\r']) {
        json::compact(payload).into_owned()
    } else {
        payload.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_stays_as_it_was_sent_unless_it_has_several_lines() {
        assert_eq!(on_one_line(r#" {"a": 1.50} "#), r#"{"a": 1.50}"#);
        assert_eq!(
            on_one_line("{\"a\":\r\n 1.50, \"b\": \"x \\n y\"}"),
            r#"{"a":1.50,"b":"x \n y"}"#
        );
    }
}
