//! The envelope: CloudEvents 1.0 in the JSON format (cloudevents/formats/json-format.md). It is read
//! leniently, and what is wrong with it is told; whether that is a reason to refuse is the caller's.

use std::borrow::Cow;
use std::collections::BTreeMap;

use data_encoding::BASE64;
use serde_json::Value;

use super::decode::read::{self, Object};
use super::facts::Note;
use super::repair;
use crate::domain::text::quoted;
use crate::domain::time::Timestamp;
use crate::limits;

/// What is wrong with an envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloudEventError {
    /// It is no JSON object.
    #[error("a CloudEvent is a JSON object, and this is {0}")]
    NotAnObject(&'static str),
    /// A batch is no JSON array.
    #[error("a batch of CloudEvents is a JSON array, and this is {0}")]
    NotAnArray(&'static str),
    /// A batch has too many items.
    #[error("the batch has {0} items; at most {limit} are taken at once", limit = limits::BATCH_ITEMS)]
    TooManyItems(usize),
    /// A required attribute is absent or null.
    #[error(
        "the attribute {0} is missing; CloudEvents 1.0 asks for id, source, specversion and type"
    )]
    Missing(&'static str),
    /// A required attribute is blank.
    #[error("the attribute {0} is empty")]
    Empty(&'static str),
    /// An attribute is not a string.
    #[error("the attribute {name} is {found} and not a string")]
    NotAString {
        /// Its name.
        name: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// It is of another version.
    #[error("specversion is {0}, and only 1.0 is known")]
    Version(String),
    /// Both `data` and `data_base64` are there.
    #[error("it has both data and data_base64; only one of them may be there")]
    TwoData,
    /// `data_base64` is not base64.
    #[error("data_base64 is not base64 (RFC 4648 section 4): {0}")]
    Base64(String),
    /// An extension is not a scalar.
    #[error("the extension {name} is {found}; a string, a boolean or an integer is asked for")]
    Extension {
        /// Its name, quoted.
        name: String,
        /// What it is.
        found: &'static str,
    },
    /// There are too many attributes.
    #[error("it has more than {limit} attributes", limit = limits::CLOUDEVENT_ATTRIBUTES)]
    TooManyAttributes,
}

/// What an event carries.
#[derive(Debug, Clone, PartialEq)]
pub enum Data<'a> {
    /// Nothing.
    None,
    /// A JSON value.
    Json(&'a Value),
    /// Bytes, as `data_base64`.
    Bytes(Vec<u8>),
}

/// An envelope and what it carries.
#[derive(Debug, Clone, PartialEq)]
pub struct CloudEvent<'a> {
    /// The version of CloudEvents, usually `1.0`. Required attributes are empty only where an event
    /// was read leniently.
    pub specversion: String,
    /// Unique per source.
    pub id: String,
    /// A URI reference.
    pub source: String,
    /// What happened.
    pub type_name: String,
    /// What it happened to, in the words of the source.
    pub subject: Option<String>,
    /// When it happened.
    pub time: Option<Timestamp>,
    /// The media type of the data; absent means JSON.
    pub datacontenttype: Option<String>,
    /// Where the schema of the data is.
    pub dataschema: Option<String>,
    /// Other attributes by their names, booleans and integers as CloudEvents writes them.
    pub extensions: BTreeMap<String, String>,
    /// What it carries.
    pub data: Data<'a>,
    /// What was repaired or is odd.
    pub notes: Vec<Note>,
}

const OWN: [&str; 10] = [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "dataschema",
    "data",
    "data_base64",
];

/// Reads one event in structured mode. An absent or unreadable time, odd names and text where a
/// number should be are told as notes; what the specification requires is an error.
pub fn parse_structured(value: &Value) -> Result<CloudEvent<'_>, CloudEventError> {
    let object = value
        .as_object()
        .ok_or_else(|| CloudEventError::NotAnObject(kind(value)))?;
    let (event, faults) = CloudEvent::read(object);
    faults.into_iter().next().map_or(Ok(event), Err)
}

/// Reads a batch, each item on its own: one that is wrong does not spoil the others.
pub fn parse_batch(
    value: &Value,
) -> Result<Vec<Result<CloudEvent<'_>, CloudEventError>>, CloudEventError> {
    let items = value
        .as_array()
        .ok_or_else(|| CloudEventError::NotAnArray(kind(value)))?;
    if items.len() > limits::BATCH_ITEMS {
        return Err(CloudEventError::TooManyItems(items.len()));
    }
    Ok(items.iter().map(parse_structured).collect())
}

impl<'a> CloudEvent<'a> {
    /// Whether it is taken for an envelope at all: a version, and a type or data.
    pub fn is_one(object: &Object) -> bool {
        let has = |name: &str| read::get(object, name).is_some();
        has("specversion") && (has("type") || has("data") || has("data_base64"))
    }

    /// Reads what is there, and tells what is wrong. Flat documents that have the names of the
    /// attributes and no version are read too.
    pub(super) fn read(object: &'a Object) -> (Self, Vec<CloudEventError>) {
        let mut reader = Reader {
            object,
            notes: Vec::new(),
            faults: Vec::new(),
        };
        let specversion = reader.specversion();
        let mut event = Self {
            specversion,
            id: reader.required("id"),
            source: reader.required("source"),
            type_name: reader.required("type"),
            subject: reader.optional("subject"),
            time: reader.time(),
            datacontenttype: reader.optional("datacontenttype"),
            dataschema: reader.optional("dataschema"),
            extensions: reader.extensions(),
            data: reader.data(),
            notes: Vec::new(),
        };
        event.notes = reader.notes;
        (event, reader.faults)
    }

    /// The extension of this name.
    pub fn extension(&self, name: &str) -> Option<&str> {
        self.extensions.get(name).map(String::as_str)
    }

    /// The data as a JSON document: also where it stands as text, or as base64 of text, of a media
    /// type that is JSON.
    pub fn document(&self) -> Option<Cow<'_, Value>> {
        let says_json = self.datacontenttype.as_deref().is_none_or(is_json);
        match &self.data {
            Data::Json(Value::String(text)) if text.trim_start().starts_with(['{', '[']) => {
                read::document(text).map(Cow::Owned)
            }
            Data::Json(value) => Some(Cow::Borrowed(value)),
            Data::Bytes(bytes) if says_json => std::str::from_utf8(bytes)
                .ok()
                .and_then(read::document)
                .map(Cow::Owned),
            Data::None | Data::Bytes(_) => None,
        }
    }
}

/// Whether a media type is JSON: `application/json`, `text/json`, or one that ends in `+json`
/// (CloudEvents JSON format, section 3.1).
pub(super) fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let lower = essence.to_ascii_lowercase();
    lower
        .split_once('/')
        .is_some_and(|(_, subtype)| subtype == "json" || subtype.ends_with("+json"))
}

/// What a value is, for a message.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

struct Reader<'a> {
    object: &'a Object,
    notes: Vec<Note>,
    faults: Vec<CloudEventError>,
}

impl<'a> Reader<'a> {
    fn note(&mut self, code: &str, detail: String) {
        if self.notes.len() < limits::FACT_LIST {
            self.notes.push(Note {
                code: code.to_owned(),
                detail,
            });
        }
    }

    /// A string; a number or boolean in its place is taken as its text and told.
    fn attribute(&mut self, name: &'static str) -> Option<String> {
        let value = self.object.get(name).filter(|value| !value.is_null())?;
        if !value.is_string() {
            self.faults.push(CloudEventError::NotAString {
                name,
                found: kind(value),
            });
        }
        read::id_of(value)
    }

    fn optional(&mut self, name: &'static str) -> Option<String> {
        self.attribute(name)
    }

    fn required(&mut self, name: &'static str) -> String {
        let text = self.attribute(name);
        if text.is_none() {
            match self.object.get(name) {
                None | Some(Value::Null) => self.faults.push(CloudEventError::Missing(name)),
                Some(Value::String(_)) => self.faults.push(CloudEventError::Empty(name)),
                // Told by `attribute`.
                Some(_) => {}
            }
        }
        text.unwrap_or_default()
    }

    fn specversion(&mut self) -> String {
        let version = self.required("specversion");
        if !version.is_empty() && version != "1.0" {
            self.faults.push(CloudEventError::Version(quoted(&version)));
        }
        version
    }

    fn time(&mut self) -> Option<Timestamp> {
        let text = self.attribute("time")?;
        let Some(read) = repair::timestamp(&text) else {
            self.note("time_unreadable", format!("time {}", quoted(&text)));
            return None;
        };
        if read.repaired {
            self.note("timestamp_repaired", format!("time {}", quoted(&text)));
        }
        Some(read.value)
    }

    fn extensions(&mut self) -> BTreeMap<String, String> {
        let mut extensions = BTreeMap::new();
        let object = self.object;
        for (name, value) in object {
            if OWN.contains(&name.as_str()) || value.is_null() {
                continue;
            }
            if extensions.len() + OWN.len() >= limits::CLOUDEVENT_ATTRIBUTES {
                self.faults.push(CloudEventError::TooManyAttributes);
                break;
            }
            let is_scalar = match value {
                Value::String(_) | Value::Bool(_) => true,
                Value::Number(number) => number.is_i64() || number.is_u64(),
                _ => false,
            };
            if !is_scalar {
                self.faults.push(CloudEventError::Extension {
                    name: quoted(name),
                    found: match value {
                        Value::Number(_) => "a number with a fraction",
                        other => kind(other),
                    },
                });
                if self.faults.len() > limits::CLOUDEVENT_ATTRIBUTES {
                    break;
                }
                continue;
            }
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            if !name.bytes().all(plain) {
                self.note("extension_name", quoted(name));
            }
            if let Some(text) = read::id_of(value) {
                extensions.insert(read::cut(name, limits::FIELD_CHARS).into_owned(), text);
            }
        }
        extensions
    }

    fn data(&mut self) -> Data<'a> {
        let there = |name: &str| self.object.get(name).filter(|value| !value.is_null());
        let (data, base64) = (there("data"), there("data_base64"));
        if data.is_some() && base64.is_some() {
            self.faults.push(CloudEventError::TwoData);
        }
        match (data, base64) {
            (Some(data), _) => Data::Json(data),
            (None, Some(Value::String(text))) => match BASE64.decode(text.as_bytes()) {
                Ok(bytes) => Data::Bytes(bytes),
                Err(error) => {
                    self.faults.push(CloudEventError::Base64(error.to_string()));
                    Data::None
                }
            },
            (None, Some(other)) => {
                self.faults.push(CloudEventError::NotAString {
                    name: "data_base64",
                    found: kind(other),
                });
                Data::None
            }
            (None, None) => Data::None,
        }
    }
}

#[cfg(test)]
mod tests;
