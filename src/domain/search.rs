//! Filters, pages and cursors.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::event::Event;
use super::id::{EventId, GroupId, ReceiverId};
use super::refusal::Refusal;
use super::time::Timestamp;
use super::unit::Unit;
use crate::limits;

/// One value of a text filter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum TextMatch {
    /// Equal, character by character.
    Exact(String),
    /// Starting with this.
    Prefix(String),
}

impl TextMatch {
    /// Reads a filter value: `foo*` is a prefix, `foo\*` ends in a literal star.
    pub fn parse(text: &str) -> Self {
        if let Some(head) = text.strip_suffix("\\*") {
            Self::Exact(format!("{head}*"))
        } else if let Some(head) = text.strip_suffix('*') {
            Self::Prefix(head.to_owned())
        } else {
            Self::Exact(text.to_owned())
        }
    }

    /// Whether `text` fits.
    pub fn fits(&self, text: &str) -> bool {
        match self {
            Self::Exact(want) => want == text,
            Self::Prefix(want) => text.starts_with(want.as_str()),
        }
    }

    /// The range of texts that fit, for an index in character order: from (inclusive) and, for a
    /// prefix that has one, to (exclusive).
    pub fn range(&self) -> (String, Option<String>) {
        match self {
            // No stored text has a control character: nothing lies between.
            Self::Exact(text) => (text.clone(), Some(format!("{text}\u{1}"))),
            Self::Prefix(text) => (text.clone(), successor(text)),
        }
    }
}

impl fmt::Display for TextMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) => match text.strip_suffix('*') {
                Some(head) => write!(f, "{head}\\*"),
                None => f.write_str(text),
            },
            Self::Prefix(text) => write!(f, "{text}*"),
        }
    }
}

/// The smallest text greater than every text that starts with `prefix`.
fn successor(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        let next = match u32::from(last) + 1 {
            0xD800 => Some('\u{E000}'),
            code => char::from_u32(code),
        };
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

/// Whether `values` is empty or one of them fits.
pub fn any_fits(values: &[TextMatch], text: &str) -> bool {
    values.is_empty() || values.iter().any(|value| value.fits(text))
}

/// What stands for a kind of event: `artifact.packaged` for every version of that CDEvents type, with
/// and without the prefix of the specification; `artifact` and `artifact.*` for all of that subject;
/// another vocabulary's type for itself and its versions.
pub fn event_type(text: &str) -> Vec<TextMatch> {
    const CDEVENTS: &str = "dev.cdevents.";
    let begins = text.ends_with('*');
    let text = text.trim_end_matches('*').trim_end_matches('.');
    let mut names = vec![text.to_owned()];
    if !text.starts_with(CDEVENTS) {
        names.push(format!("{CDEVENTS}{text}"));
    }
    let matches = names.into_iter().flat_map(|name| {
        let versions = TextMatch::Prefix(format!("{name}."));
        let itself = if begins {
            TextMatch::Prefix(name)
        } else {
            TextMatch::Exact(name)
        };
        [itself, versions]
    });
    matches.collect()
}

/// A place in the payload and the value that it must have.
#[derive(Debug, Clone, PartialEq)]
pub struct PointerEquals {
    /// JSON pointer (RFC 6901).
    pub pointer: String,
    /// The value; numbers are compared by value.
    pub value: Value,
}

/// Which events to find. All given fields must fit; a field with several values fits by any.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventFilter {
    /// By id.
    pub ids: Vec<EventId>,
    /// By exact unit.
    pub unit: Option<Unit>,
    /// By name.
    pub name: Vec<TextMatch>,
    /// By version.
    pub version: Vec<TextMatch>,
    /// By release.
    pub release: Vec<TextMatch>,
    /// By platform_id.
    pub platform_id: Vec<TextMatch>,
    /// By package.
    pub package: Vec<TextMatch>,
    /// By receiver.
    pub receiver_ids: Vec<ReceiverId>,
    /// By receiver type.
    pub types: Vec<TextMatch>,
    /// By the kind of event that a receiver's type names, whatever its version.
    pub event_types: Vec<TextMatch>,
    /// By membership of the receiver in a group.
    pub group: Option<GroupId>,
    /// By outcome.
    pub success: Option<bool>,
    /// Recorded at or after.
    pub from: Option<Timestamp>,
    /// Recorded before.
    pub to: Option<Timestamp>,
    /// By values in the payload.
    pub payload: Vec<PointerEquals>,
}

impl EventFilter {
    /// Whether an event fits in everything but its receiver and its payload.
    pub fn fits_event(&self, event: &Event) -> bool {
        let unit = &event.unit;
        (self.ids.is_empty() || self.ids.contains(&event.id))
            && self.unit.as_ref().is_none_or(|want| want == unit)
            && any_fits(&self.name, &unit.name)
            && any_fits(&self.version, &unit.version)
            && any_fits(&self.release, &unit.release)
            && any_fits(&self.platform_id, &unit.platform_id)
            && any_fits(&self.package, &unit.package)
            && self.success.is_none_or(|want| want == event.success)
            && self.from.is_none_or(|from| event.created_at >= from)
            && self.to.is_none_or(|to| event.created_at < to)
    }
}

/// Which receivers or groups to find.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DefinitionFilter {
    /// By name.
    pub name: Vec<TextMatch>,
    /// By type.
    pub types: Vec<TextMatch>,
    /// By version.
    pub version: Vec<TextMatch>,
    /// Groups only: by a member receiver.
    pub receiver: Option<ReceiverId>,
    /// Groups only: by whether the gate is in force.
    pub enabled: Option<bool>,
}

/// Which way a list runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// For assistants.
    NewestFirst,
    /// For existing EPR clients, which take the last row as the result.
    OldestFirst,
}

/// Where a page starts: strictly after this position in the list's order.
pub type Position = Option<i64>;

/// Rows, and where the next page starts.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The position to go on from; `None` at the end.
    pub next: Position,
    /// Rows that were looked at.
    pub scanned: usize,
}

/// How many rows fit in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// The number.
    pub count: u64,
    /// Whether it is the whole number; otherwise there are at least that many.
    pub exact: bool,
}

/// An opaque cursor: a position in one particular query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The position.
    pub position: i64,
    /// [`query_mark`] of the query.
    pub mark: [u8; 4],
}

const CURSOR_VERSION: u8 = 1;

impl Cursor {
    /// The text that a caller passes back.
    pub fn encode(self) -> String {
        let mut bytes = vec![CURSOR_VERSION];
        bytes.extend(self.mark);
        bytes.extend(self.position.to_be_bytes());
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// The position, if the text is a cursor of the query with this mark.
    pub fn decode(text: &str, mark: [u8; 4]) -> Result<i64, Refusal> {
        let invalid = |why| Refusal::InvalidCursor { why };
        if text.len() > limits::CURSOR_CHARS {
            return Err(invalid("it is too long to be one"));
        }
        let bytes = BASE64URL_NOPAD
            .decode(text.as_bytes())
            .map_err(|_| invalid("it is not one of this server"))?;
        let bytes =
            <[u8; 13]>::try_from(bytes).map_err(|_| invalid("it is not one of this server"))?;
        let [version, m0, m1, m2, m3, position @ ..] = bytes;
        if version != CURSOR_VERSION {
            return Err(invalid("it comes from another version of this server"));
        }
        if [m0, m1, m2, m3] != mark {
            return Err(invalid("it belongs to a search with other arguments"));
        }
        Ok(i64::from_be_bytes(position))
    }
}

/// Marks the cursors of one query: the list's name and its filter.
pub fn query_mark(list: &str, filter: &impl std::fmt::Debug) -> [u8; 4] {
    let digest = Sha256::digest(format!("{list} {filter:?}").as_bytes());
    let mut mark = [0; 4];
    for (to, from) in mark.iter_mut().zip(digest.iter()) {
        *to = *from;
    }
    mark
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_star_at_the_end_is_a_prefix_unless_escaped() {
        assert_eq!(TextMatch::parse("foo*"), TextMatch::Prefix("foo".into()));
        assert_eq!(TextMatch::parse("foo\\*"), TextMatch::Exact("foo*".into()));
        assert_eq!(TextMatch::parse("*foo"), TextMatch::Exact("*foo".into()));
        assert_eq!(TextMatch::parse("*"), TextMatch::Prefix(String::new()));
    }

    #[test]
    fn a_cursor_of_another_query_is_refused() {
        let (a, b) = (query_mark("events", &1), query_mark("events", &2));
        let cursor = Cursor {
            position: 77,
            mark: a,
        }
        .encode();
        assert_eq!(Cursor::decode(&cursor, a), Ok(77));
        for bad in ["", "x", "////", &cursor[1..], &"A".repeat(5000)] {
            assert!(Cursor::decode(bad, a).is_err(), "{bad}");
        }
        assert!(Cursor::decode(&cursor, b).is_err());
    }

    proptest! {
        #[test]
        fn a_range_holds_exactly_what_fits(prefix in "[a-c\u{7ff}\u{d7ff}\u{10ffff}]{0,3}", text in "[a-d\u{7ff}\u{d7ff}\u{10ffff}]{0,4}") {
            for value in [TextMatch::Prefix(prefix.clone()), TextMatch::Exact(prefix.clone())] {
                let (from, to) = value.range();
                let inside = text >= from && to.is_none_or(|to| text < to);
                prop_assert_eq!(inside, value.fits(&text));
            }
        }
    }

    #[test]
    fn an_event_type_stands_for_all_its_versions() {
        let fits = |asked: &str, kind: &str| event_type(asked).iter().any(|m| m.fits(kind));
        for (asked, kind, expect) in [
            (
                "artifact.packaged",
                "dev.cdevents.artifact.packaged.0.2.0",
                true,
            ),
            ("artifact.packaged", "dev.cdevents.artifact.packaged", true),
            (
                "artifact.packaged",
                "dev.cdevents.artifact.published.0.2.0",
                false,
            ),
            (
                "artifact.packaged",
                "dev.cdevents.artifact.packagedx.0.2.0",
                false,
            ),
            ("artifact.*", "dev.cdevents.artifact.published.0.2.0", true),
            ("artifact", "dev.cdevents.artifact.published.0.2.0", true),
            (
                "dev.cdevents.artifact.packaged",
                "dev.cdevents.artifact.packaged.0.2.0",
                true,
            ),
            (
                "dev.cdevents.artifact.packaged.0.2.0",
                "dev.cdevents.artifact.packaged.0.2.0",
                true,
            ),
            (
                "dev.cdevents.artifact.packaged.0.2.0",
                "dev.cdevents.artifact.packaged.0.1.1",
                false,
            ),
            ("com.example.order", "com.example.order", true),
            ("com.example.order", "com.example.order.v2", true),
            ("com.example.order", "com.example.orders", false),
            ("com.example.or*", "com.example.orders", true),
        ] {
            assert_eq!(fits(asked, kind), expect, "{asked} {kind}");
        }
    }
}
