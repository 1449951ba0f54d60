//! The documents that a `$ref` may lead to. Nothing is ever fetched: what is not here is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jsonschema::{Retrieve, Uri};
use serde_json::{Value, json};

use super::cdevents::link_documents;
use super::invalid;
use crate::domain::json;
use crate::domain::refusal::Refusal;
use crate::domain::text::quoted;
use crate::limits;
use crate::limits::schema as bounds;

/// Schema documents by id: those built in, and those that the operator adds.
#[derive(Debug, Clone)]
pub struct Documents {
    added: Arc<BTreeMap<String, Value>>,
}

/// Made when a schema is first compiled: most starts of a server compile none.
static BUILT_IN: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    let documents = [spdx_licences(), jsf()].into_iter().chain(link_documents());
    documents
        .filter_map(|document| {
            let id = document.get("$id")?.as_str()?.to_owned();
            Some((id, document))
        })
        .collect()
});

impl Documents {
    /// What well-known schemas refer to: the licence list and the signature format of CycloneDX,
    /// the links of CDEvents. They are definitions of ours for the same documents.
    pub fn built_in() -> Self {
        Self {
            added: Arc::default(),
        }
    }

    /// The document with this id.
    fn get(&self, id: &str) -> Option<&Value> {
        self.added.get(id).or_else(|| BUILT_IN.get(id))
    }

    /// Adds a document and gives its id. A later one replaces an earlier one of the same id.
    pub fn insert(&mut self, text: &str) -> Result<String, Refusal> {
        let document = super::parse(text)?;
        let id = ["$id", "id"]
            .iter()
            .find_map(|key| document.get(key))
            .and_then(Value::as_str)
            .unwrap_or_default();
        let id = id.trim_end_matches('#').to_owned();
        let absolute = jsonschema::uri::from_str(&id).is_ok_and(|uri| uri.as_str() == id);
        if !absolute || id.contains('#') {
            let why = format!("{} is not an absolute URI without a fragment", quoted(&id));
            return Err(invalid(
                "/$id",
                why,
                "Give the document the `$id` that other schemas refer to it by.",
            ));
        }
        Arc::make_mut(&mut self.added).insert(id.clone(), document);
        Ok(id)
    }

    /// The same documents with one of them replaced.
    pub(super) fn replaced(&self, id: &str, document: Value) -> Self {
        let mut added = Arc::clone(&self.added);
        Arc::make_mut(&mut added).insert(id.to_owned(), document);
        Self { added }
    }
}

/// Serves the engine's requests for documents, and remembers them. It never fails: a missing
/// document is an empty one, so that one pass finds everything that is missing.
#[derive(Debug, Clone)]
pub(super) struct Shelf {
    documents: Documents,
    asked: Arc<Mutex<Asked>>,
}

/// What was asked for, as absolute ids.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    pub(super) served: BTreeSet<String>,
    pub(super) missing: BTreeSet<String>,
}

impl Shelf {
    pub(super) fn new(documents: &Documents) -> Self {
        Self {
            documents: documents.clone(),
            asked: Arc::default(),
        }
    }

    /// Notes a document that is missing although it was not asked for.
    pub(super) fn miss(&self, id: &str) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.missing.insert(id.to_owned());
    }

    /// The refusal that names what is missing: sorted, each once, not all if there are very many.
    pub(super) fn unresolved(&self) -> Option<Refusal> {
        let missing = self.asked().missing;
        let mut named: Vec<_> = missing.iter().map(|id| readable_id(id)).collect();
        named.sort_unstable();
        named.truncate(bounds::MISSING_NAMED);
        (!named.is_empty()).then_some(Refusal::UnresolvedRefs { missing: named })
    }

    /// What was asked for so far.
    pub(super) fn asked(&self) -> Asked {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Retrieve for Shelf {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn Error + Send + Sync>> {
        let id = uri.as_str().trim_end_matches('#');
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(document) = self.documents.get(id) {
            asked.served.insert(id.to_owned());
            return Ok(document.clone());
        }
        asked.missing.insert(id.to_owned());
        Ok(json!({}))
    }
}

/// The base of schemas that have no `$id`; the engine's own.
pub(super) const NO_BASE: &str = "json-schema:///";

/// A missing document's id as the schema's author knows it: relative where there is no base.
fn readable_id(id: &str) -> String {
    id.strip_prefix(NO_BASE).unwrap_or(id).to_owned()
}

const DRAFT_7: &str = "http://json-schema.org/draft-07/schema#";

/// A licence id of the SPDX list, by its shape: the list grows several times a year, and a payload
/// must not be refused because this server is older than a licence.
fn spdx_licences() -> Value {
    json!({
        "$schema": DRAFT_7,
        "$id": "http://cyclonedx.org/schema/spdx.schema.json",
        "type": "string",
        "pattern": "^[A-Za-z0-9][A-Za-z0-9.+-]*$",
        "maxLength": 100,
    })
}

/// A JSON Signature Format 0.82 signature: one core, several signers, or a chain of them.
fn jsf() -> Value {
    let core = |required: &[&str]| {
        json!({
            "type": "object",
            "required": required,
            "properties": {
                "algorithm": {"type": "string", "minLength": 1},
                "keyId": {"type": "string"},
                "publicKey": {
                    "type": "object",
                    "required": ["kty"],
                    "properties": {"kty": {"type": "string", "enum": ["EC", "OKP", "RSA"]}},
                },
                "certificatePath": {"type": "array", "minItems": 1, "items": {"type": "string"}},
                "excludes": {"type": "array", "items": {"type": "string"}},
                "value": {"type": "string", "minLength": 1},
            },
        })
    };
    let several = |name: &str| {
        json!({
            "type": "object",
            "required": [name],
            "additionalProperties": false,
            "properties": {name: {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/signer"}}},
        })
    };
    json!({
        "$schema": DRAFT_7,
        "$id": "http://cyclonedx.org/schema/jsf-0.82.schema.json",
        "definitions": {
            "signature": {
                "type": "object",
                "oneOf": [several("signers"), several("chain"), {"$ref": "#/definitions/signer"}],
            },
            "signer": core(&["algorithm", "value"]),
        },
    })
}

/// Refuses a text that cannot be a schema document at all.
pub(super) fn parse(text: &str) -> Result<Value, Refusal> {
    if text.len() > limits::SCHEMA_BYTES {
        return Err(Refusal::TooLarge {
            what: "schema",
            size: Some(text.len() as u64),
            limit: limits::SCHEMA_BYTES as u64,
            unit: "bytes",
            hint: "Keep what the payload is decided by, and drop descriptions and examples."
                .to_owned(),
        });
    }
    let shape = json::scan("schema", text)?;
    let schema = json::parse("schema", text, &shape)?;
    let kind = match &schema {
        Value::Object(_) | Value::Bool(_) => return Ok(schema),
        Value::Null => "null",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Number(_) => "a number",
    };
    Err(invalid(
        "",
        format!("it is {kind}; a schema is an object or a boolean"),
        "Pass a JSON Schema object, for example {\"type\":\"object\"}; {} accepts every payload.",
    ))
}
