//! Looking into the payloads of events, in portions whose memory is bounded.

use serde_json::Value;

use super::{Registry, Result};
use crate::domain::event::Event;
use crate::domain::json::{self, escape_token};
use crate::domain::refusal::Refusal;
use crate::domain::search::{EventFilter, PointerEquals};
use crate::limits;
use crate::store::Store;

/// Members that are named of a value that is too large to be shown.
const INSIDE: usize = 30;
/// Characters of such a member's name; longer ones are not named.
const INSIDE_CHARS: usize = 80;

/// A value that was selected in a payload.
#[derive(Debug, Clone, PartialEq)]
pub enum Selected {
    /// The payload has nothing there.
    Missing,
    /// The value.
    Value(Value),
    /// The value is larger than what was asked for at most.
    TooLarge {
        /// Bytes of its compact text.
        bytes: usize,
        /// Pointers to some of what is inside.
        inside: Vec<String>,
    },
}

/// What a look into one payload gave.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Look {
    /// It is too large to be looked into.
    Unread,
    /// It does not fit the filter.
    Unfit,
    /// It fits; the selected values, in the order of their pointers.
    Fits(Vec<Selected>),
}

/// What to look for.
#[derive(Debug, Clone)]
pub(super) struct Sought {
    filter: Vec<PointerEquals>,
    select: Vec<String>,
    most: usize,
}

impl Sought {
    /// Values that must be there, and values to show, each of at most so many bytes.
    pub(super) fn new(filter: &EventFilter, select: &[String], most: usize) -> Self {
        Self {
            filter: filter.payload.clone(),
            select: select.to_vec(),
            most,
        }
    }

    /// Whether there is anything to look for.
    pub(super) fn is_empty(&self) -> bool {
        self.filter.is_empty() && self.select.is_empty()
    }

    /// Looks into one payload.
    fn look(&self, text: &str) -> std::result::Result<Look, Refusal> {
        let shape = json::scan("payload", text)?;
        let parsed = json::check_nodes("payload", &shape)
            .and_then(|()| json::parse("payload", text, &shape));
        let payload = match parsed {
            Ok(payload) => payload,
            // One recorded payload must not end everybody's search.
            Err(Refusal::TooLarge { .. }) => return Ok(Look::Unread),
            Err(refusal) => return Err(refusal),
        };
        let fits = self
            .filter
            .iter()
            .all(|want| json::equal_at(&payload, &want.pointer, &want.value));
        if !fits {
            return Ok(Look::Unfit);
        }
        let select = |pointer: &String| {
            payload.pointer(pointer).map_or(Selected::Missing, |value| {
                bounded(value, pointer, self.most)
            })
        };
        Ok(Look::Fits(self.select.iter().map(select).collect()))
    }
}

/// A copy of a value, or what it is and where to look inside.
fn bounded(value: &Value, pointer: &str, most: usize) -> Selected {
    let bytes = size(value);
    if bytes <= most {
        return Selected::Value(value.clone());
    }
    let inside = match value {
        Value::Object(fields) => fields
            .keys()
            .filter(|key| key.chars().count() <= INSIDE_CHARS)
            .take(INSIDE)
            .map(|key| format!("{pointer}/{}", escape_token(key)))
            .collect(),
        Value::Array(items) if items.is_empty() => Vec::new(),
        Value::Array(items) => vec![
            format!("{pointer}/0"),
            format!("{pointer}/{}", items.len() - 1),
        ],
        _ => Vec::new(),
    };
    Selected::TooLarge { bytes, inside }
}

/// Bytes of a value's compact text.
fn size(value: &Value) -> usize {
    struct Count(usize);

    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let mut count = Count(0);
    // Counting does not fail.
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}

/// Bytes that a payload takes at most while it is looked into. A value takes two bytes of text at
/// least, with the comma that parts it from the next.
pub(super) fn weight(event: &Event) -> usize {
    let bytes = usize::try_from(event.payload_size).unwrap_or(limits::PAYLOAD_BYTES);
    bytes + (bytes / 2 + 1).min(limits::JSON_NODES) * limits::JSON_NODE_BYTES
}

/// How many of the events, from the first on, one portion takes; at least one.
pub(super) fn portion(events: &[Event]) -> usize {
    let mut room = 0;
    events
        .iter()
        .take_while(|event| {
            let first = room == 0;
            room += weight(event);
            first || room <= limits::SCAN_PORTION_BYTES
        })
        .count()
}

impl Registry {
    /// Looks into the payloads of some events, which together make one [`portion`].
    pub(super) async fn look_into(
        &self,
        store: &dyn Store,
        events: &[Event],
        sought: &Sought,
    ) -> Result<Vec<Look>> {
        let room = events.iter().map(weight).sum();
        let room = self.inner.schemas.room(room).await?;
        let seqs: Vec<i64> = events.iter().map(|event| event.seq).collect();
        let payloads = store.payloads(&seqs).await?;
        let sought = sought.clone();
        self.inner
            .schemas
            .blocking(move || {
                let looks = payloads.iter().map(|(_, text)| sought.look(text)).collect();
                drop((payloads, room));
                looks
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sought(filter: &[(&str, Value)], select: &[&str], most: usize) -> Sought {
        Sought {
            filter: filter
                .iter()
                .map(|(pointer, value)| PointerEquals {
                    pointer: (*pointer).to_owned(),
                    value: value.clone(),
                })
                .collect(),
            select: select.iter().map(|p| (*p).to_owned()).collect(),
            most,
        }
    }

    #[test]
    fn a_payload_fits_by_its_values_and_gives_the_selected_ones() {
        let text = r#"{"a": {"b": [1, 2]}, "c": null, "long": "0123456789"}"#;
        let look = |s: &Sought| s.look(text).unwrap();
        assert_eq!(
            look(&sought(&[("/a/b/1", json!(2.0))], &["/c", "/d", "/a"], 100)),
            Look::Fits(vec![
                Selected::Value(json!(null)),
                Selected::Missing,
                Selected::Value(json!({"b": [1, 2]}))
            ])
        );
        assert_eq!(
            look(&sought(&[("/a/b/1", json!(3))], &["/c"], 100)),
            Look::Unfit
        );
        let too_large = |bytes, inside: &[&str]| Selected::TooLarge {
            bytes,
            inside: inside.iter().map(|p| (*p).to_owned()).collect(),
        };
        assert_eq!(
            look(&sought(&[], &["/a", "/a/b", "/long"], 4)),
            Look::Fits(vec![
                too_large(11, &["/a/b"]),
                too_large(5, &["/a/b/0", "/a/b/1"]),
                too_large(12, &[])
            ])
        );
    }

    #[test]
    fn a_payload_with_too_many_values_is_passed() {
        let text = format!("[{}1]", "1,".repeat(limits::JSON_NODES));
        assert_eq!(sought(&[], &["/0"], 10).look(&text).unwrap(), Look::Unread);
    }
}
