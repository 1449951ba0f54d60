//! Showing parts of payloads that are too large to be shown whole.

use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::render::Obj;
use crate::domain::json::escape_token;
use crate::registry::Selected;

/// Members that an outline lists.
const OUTLINED: usize = 30;
/// Characters of a member's name that an outline shows.
const NAME_CHARS: usize = 80;

/// The top level of a JSON text: where each member is, of which kind and size. It builds no
/// document.
pub(crate) fn outline(text: &str) -> Vec<Value> {
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.deserialize_any(Outline).unwrap_or_default()
}

struct Outline;

impl<'de> Visitor<'de> for Outline {
    type Value = Vec<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<Value>, A::Error> {
        let mut parts = Vec::new();
        let mut left_out = 0_usize;
        while let Some(name) = map.next_key::<String>()? {
            if parts.len() < OUTLINED && name.chars().count() <= NAME_CHARS {
                let value = map.next_value::<&RawValue>()?.get();
                parts.push(part(&format!("/{}", escape_token(&name)), value));
            } else {
                map.next_value::<IgnoredAny>()?;
                left_out += 1;
            }
        }
        if left_out > 0 {
            parts.push(Obj::new().put("more_members", left_out).into());
        }
        Ok(parts)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<Value>, A::Error> {
        let first = items.next_element::<&RawValue>()?;
        let mut length = usize::from(first.is_some());
        while items.next_element::<IgnoredAny>()?.is_some() {
            length += 1;
        }
        let mut parts: Vec<Value> = first
            .into_iter()
            .map(|value| part("/0", value.get()))
            .collect();
        parts.push(Obj::new().put("items", length).into());
        Ok(parts)
    }

    fn visit_str<E>(self, _: &str) -> Result<Vec<Value>, E> {
        Ok(Vec::new())
    }
}

fn part(at: &str, value: &str) -> Value {
    let kind = match value.bytes().next() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        _ => "number",
    };
    Obj::new()
        .put("at", at)
        .put("is", kind)
        .put("bytes", value.len())
        .into()
}

/// Selected values under their pointers; one that is too large is replaced by its size.
pub(crate) fn selected(pointers: &[String], values: Vec<Selected>) -> Obj {
    let mut shown = Obj::new();
    if values.is_empty() && !pointers.is_empty() {
        return shown.put(
            "unread",
            "the payload has too many values to be looked into",
        );
    }
    for (pointer, value) in pointers.iter().zip(values) {
        let value = match value {
            Selected::Value(value) => value,
            Selected::Missing => Obj::new().put("missing", true).into(),
            Selected::TooLarge { bytes, inside } => Obj::new()
                .put("omitted_bytes", bytes)
                .put("select_inside", inside)
                .into(),
        };
        shown = shown.always(pointer, value);
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_outline_tells_where_what_is() {
        let parts =
            outline(r#"{"a/b": [1, 2], "c": {"d": 1}, "e": null, "f": "x", "g": true, "h": -1}"#);
        let kinds: Vec<_> = parts.iter().map(|p| p["is"].as_str().unwrap()).collect();
        assert_eq!(
            kinds,
            ["array", "object", "null", "string", "boolean", "number"]
        );
        assert_eq!(parts[0], json!({"at": "/a~1b", "is": "array", "bytes": 6}));
        assert_eq!(
            outline("[{}, 2, 3]"),
            [
                json!({"at": "/0", "is": "object", "bytes": 2}),
                json!({"items": 3})
            ]
        );
        assert!(
            outline("\"text\"").is_empty() && outline("7").is_empty() && outline("{").is_empty()
        );
        let many: serde_json::Map<_, _> =
            (0..50).map(|i| (i.to_string(), Value::from(i))).collect();
        assert_eq!(
            outline(&json!(many).to_string()).last(),
            Some(&json!({"more_members": 20}))
        );
    }

    #[test]
    fn a_selected_value_that_is_too_large_tells_where_to_go_on() {
        let pointers = ["/a".to_owned(), "/b".to_owned(), "/c".to_owned()];
        let values = vec![
            Selected::TooLarge {
                bytes: 108,
                inside: vec!["/a/x".to_owned()],
            },
            Selected::Value(json!(null)),
            Selected::Missing,
        ];
        assert_eq!(
            Value::from(selected(&pointers, values)),
            json!({"/a": {"omitted_bytes": 108, "select_inside": ["/a/x"]}, "/b": null, "/c": {"missing": true}})
        );
        let unread = Value::from(selected(&pointers, Vec::new()));
        assert!(unread["unread"].is_string(), "{unread}");
    }
}
