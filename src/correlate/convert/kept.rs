//! What 0.5.1 has no place for, in `customData`.

use serde_json::{Map, Value, json};

use super::{Log, Parts};

/// `customData` as it will be.
#[derive(Debug)]
pub(super) struct Kept {
    /// What the sender put there, if it is not an object.
    plain: Option<Value>,
    object: Map<String, Value>,
    media_type: Option<Value>,
}

impl Kept {
    pub(super) fn new(parts: &Parts<'_>, log: &mut Log) -> Self {
        let mut kept = Self {
            plain: None,
            object: Map::new(),
            media_type: parts
                .custom_type
                .as_deref()
                .filter(|value| value.is_string())
                .cloned(),
        };
        match parts.custom.as_deref() {
            None => {}
            Some(Value::Object(object)) => kept.object = object.clone(),
            // Base64, or so the specification says.
            Some(text @ Value::String(_)) => kept.plain = Some(text.clone()),
            Some(other) => {
                log.change("customData → customData.x_data: 0.5.1 takes an object or a text");
                kept.object.insert("x_data".to_owned(), other.clone());
            }
        }
        kept.put("x_top", parts.rest.clone(), log);
        kept
    }

    /// Keeps members that found no place, under a name.
    pub(super) fn put(&mut self, name: &str, members: Map<String, Value>, log: &mut Log) {
        if members.is_empty() {
            return;
        }
        log.change(format!("what 0.5.1 has no field for → customData.{name}"));
        let place = self.object.entry(name).or_insert_with(|| json!({}));
        if !place.is_object() {
            let before = place.take();
            *place = json!({"_": before});
        }
        let Value::Object(place) = place else { return };
        for (key, value) in members {
            let mut key = key;
            while place.get(&key).is_some_and(|known| *known != value) {
                key.push('_');
            }
            place.insert(key, value);
        }
    }

    /// Keeps values that found no place, under a name.
    pub(super) fn push(&mut self, name: &str, values: Vec<Value>, log: &mut Log) {
        if values.is_empty() {
            return;
        }
        log.change(format!("what 0.5.1 has no field for → customData.{name}"));
        let place = self.object.entry(name).or_insert_with(|| json!([]));
        if !place.is_array() {
            let before = place.take();
            *place = json!([before]);
        }
        if let Value::Array(place) = place {
            place.extend(values);
        }
    }

    /// Writes it, with the names of what was filled.
    pub(super) fn finish(mut self, event: &mut Map<String, Value>, filled: &[String]) {
        if !filled.is_empty() {
            // Named once, however often the event is converted.
            let known = self.object.get("x_filled").and_then(Value::as_array);
            let mut all: Vec<Value> = known.cloned().unwrap_or_default();
            for path in filled {
                if !all.iter().any(|known| known.as_str() == Some(path)) {
                    all.push(json!(path));
                }
            }
            self.object.insert("x_filled".to_owned(), Value::Array(all));
        }
        let custom = match self.plain {
            Some(plain) if self.object.is_empty() => Some(plain),
            Some(plain) => {
                self.object.insert("x_data".to_owned(), plain);
                if let Some(media_type) = self.media_type.take() {
                    self.object
                        .insert("x_data_content_type".to_owned(), media_type);
                }
                Some(Value::Object(self.object))
            }
            None if self.object.is_empty() => None,
            None => Some(Value::Object(self.object)),
        };
        if let Some(custom) = custom {
            event.insert("customData".to_owned(), custom);
        }
        if let Some(media_type) = self.media_type {
            event.insert("customDataContentType".to_owned(), media_type);
        }
    }
}
