//! Whether two documents are the same event, however they are written.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::decode::bare;
use crate::domain::json::has_wide_integer;

/// A digest of what a document says: that of the CDEvent inside, if there is one, else of all of it. The
/// order of members, blanks and escapes make no difference. `None` where reading it may have lost digits
/// of a number, so that different documents could come to the same.
pub fn content_digest(payload: &Value) -> Option<[u8; 32]> {
    let event = bare(payload);
    let value = event.as_deref().unwrap_or(payload);
    if has_wide_integer(value).is_some() {
        return None;
    }
    let mut hash = Sha256::new();
    add(value, &mut hash);
    Some(hash.finalize().into())
}

/// Each part with its kind and length, so that parts cannot run into each other.
fn add(value: &Value, hash: &mut Sha256) {
    let mut part = |kind: u8, text: &str| {
        hash.update([kind]);
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    match value {
        Value::Null => part(b'n', ""),
        Value::Bool(flag) => part(b'b', if *flag { "1" } else { "0" }),
        Value::Number(number) => part(b'd', &number.to_string()),
        Value::String(text) => part(b's', text),
        Value::Array(items) => {
            hash.update([b'[']);
            hash.update((items.len() as u64).to_be_bytes());
            for item in items {
                add(item, hash);
            }
        }
        Value::Object(members) => {
            hash.update([b'{']);
            hash.update((members.len() as u64).to_be_bytes());
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            for (name, member) in members {
                hash.update((name.len() as u64).to_be_bytes());
                hash.update(name.as_bytes());
                add(member, hash);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(text: &str) -> Option<[u8; 32]> {
        content_digest(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn an_event_is_the_same_however_it_is_written() {
        let event = json!({"context": {"id": "1", "type": "t"}, "subject": {"id": "s", "content": {"a": [1, 2.5]}}});
        let known = content_digest(&event);
        assert!(known.is_some());
        let other = r#"{ "subject" : {"content": {"a":[1,2.5]}, "id": "\u0073"}, "context": {"type":"t","id":"1"} }"#;
        assert_eq!(of(other), known);
        let envelope =
            json!({"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": event});
        assert_eq!(content_digest(&envelope), known);
    }

    #[test]
    fn what_differs_stays_different() {
        for (one, other) in [
            (r#"{"a":1}"#, r#"{"a":"1"}"#),
            (r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#),
            (r#"{"a":null}"#, "{}"),
            (r#"{"a":{"b":1}}"#, r#"{"a":{},"b":1}"#),
            (r#"{"a":["b","c"]}"#, r#"{"a":["bc",""]}"#),
            (r#"{"a":true}"#, r#"{"a":false}"#),
        ] {
            assert_ne!(of(one), of(other), "{one} {other}");
        }
        assert_eq!(of(r#"{"a":123456789012345678901234567890}"#), None);
    }
}
