//! Receivers: a kind of event, and the JSON Schema that its payloads must match.

use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::id::ReceiverId;
use super::refusal::Refusal;
use super::text::FieldCheck;
use super::time::Timestamp;

/// Types under this prefix belong to the registry's own messages. Watchers match on the type
/// alone, so nobody else may use it.
pub const RESERVED_TYPE_PREFIX: &str = "epr.event.receiver.";

/// A kind of event, without its schema, which may be large. Immutable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receiver {
    /// Its id.
    pub id: ReceiverId,
    /// What it is called.
    pub name: String,
    /// The type of the messages that its events become.
    #[serde(rename = "type")]
    pub kind: String,
    /// The version of its definition.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// [`fingerprint`] of the definition.
    pub fingerprint: String,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// Whether parts of the schema refer to documents that are not checked.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unchecked_refs: bool,
}

/// A receiver with its schema.
#[derive(Debug, Clone)]
pub struct DefinedReceiver {
    /// The receiver.
    pub receiver: Receiver,
    /// The JSON Schema that payloads must match, as it was sent but for blanks between tokens.
    pub schema: Box<RawValue>,
}

/// What a caller gives to define a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverDraft {
    /// What it is called.
    pub name: String,
    /// The type of the messages that its events become.
    pub kind: String,
    /// The version of its definition.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// The text of its JSON Schema.
    pub schema: String,
    /// Accept `$ref`s to documents that are not known, and leave those parts unchecked.
    pub allow_unresolved_refs: bool,
}

impl ReceiverDraft {
    /// Checks everything but the schema.
    pub fn check(&self) -> Result<(), Refusal> {
        let mut check = FieldCheck::default();
        check.identity("name", &self.name);
        check.identity("type", &self.kind);
        check.identity("version", &self.version);
        check.prose("description", &self.description);
        check.finish()?;
        check_type(&self.kind)
    }
}

/// Refuses a type that belongs to the registry's own messages.
pub fn check_type(kind: &str) -> Result<(), Refusal> {
    if kind.starts_with(RESERVED_TYPE_PREFIX) {
        return Err(Refusal::ReservedType {
            value: kind.to_owned(),
        });
    }
    Ok(())
}

/// Lower-case hexadecimal SHA-256 of `v1 TYPE DESCRIPTION NAME VERSION`, as existing EPR servers
/// and clients compute it. The schema is not part of it.
pub fn fingerprint(kind: &str, description: &str, name: &str, version: &str) -> String {
    let text = format!("v1 {kind} {description} {name} {version}");
    data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_those_of_existing_servers() {
        let brixton = "The event receiver of Brixton";
        for (kind, description, name, version, expect) in [
            (
                "foo.bar",
                brixton,
                "foobar",
                "1.1.3",
                "464df32e59fe3f4a28b868da8b01eeee457ea1e90e45ef3a9c60362a78c26bed",
            ),
            (
                "foo.bar",
                brixton,
                "watcher-workshop",
                "1.0.0",
                "b183c34c7ba56b17f89dfe0c0b22c0a340889cae88d8e87a3f16bc5bdc8f7acb",
            ),
            (
                "dev.foo.python.cli",
                "foo python cli event receiver",
                "foo-python-cli",
                "1.0.0",
                "9fb8af394a9c4cdfefe7b74d7d9e3111f7ffca07abff19dfe57da98e0d349852",
            ),
        ] {
            assert_eq!(fingerprint(kind, description, name, version), expect);
        }
    }

    #[test]
    fn the_registrys_own_types_are_reserved() {
        assert!(check_type("epr.event.receiver.group.created").is_err());
        assert!(check_type("epr.event.receiverx").is_ok());
    }
}
