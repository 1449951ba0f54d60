//! Receivers' schemas: what a schema may be, what a `$ref` may lead to, how a payload is checked.
//!
//! | module | what it holds |
//! |---|---|
//! | [`documents`] | the documents that a `$ref` may lead to; nothing is ever fetched |
//! | [`refs`] | the walk through a schema: its subschemas, references and patterns |
//! | [`cost`] | what a schema asks for, and the refusal of one that asks for too much |
//! | [`patterns`] | regular expressions, on a linear engine and within limits |
//! | [`meter`], [`unique`] | what a single check may spend |
//! | [`check`] | what does not match, in the words that existing clients know |
//! | [`mod@named`] | the schemas that are here by name |
//! | [`cdevents`] | the CDEvents of each version: their types, schemas and link documents |
//!
//! Schemas and payloads are both hostile input. A schema is bounded before it is used: its size and
//! depth, its cost (see [`cost`]), its patterns. A check is bounded while it runs: each look at a
//! value is counted (see [`meter`]), because what a schema's recursion multiplies shows only with
//! the payload.

pub mod cdevents;
mod check;
mod cost;
mod documents;
mod meter;
mod named;
mod patterns;
mod refs;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_corpus;
#[cfg(test)]
mod tests_hostile;
#[cfg(test)]
mod tests_refs;
mod unique;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

pub use check::{Violations, field};
pub use documents::Documents;
pub use named::{Named, cdevents_names, named, names};

use super::refusal::{Refusal, Violation};
use super::text::quoted;
use crate::limits::schema as bounds;
use check::cut;
use documents::{NO_BASE, Shelf, parse};
use meter::{Bounded, Meter, Metered};

/// A schema that is ready to check payloads.
#[derive(Debug)]
pub struct Compiled {
    engine: Engine,
    unchecked_refs: bool,
}

#[derive(Debug)]
enum Engine {
    /// There is nothing to check.
    Anything,
    Schema {
        validator: Validator<Bounded>,
        nesting: u32,
        name_price: u64,
    },
}

/// Compiles a schema's text. References lead to `documents` or nowhere; what leads nowhere is
/// refused, or accepts everything where `allow_unresolved_refs` says so.
pub fn compile(
    text: &str,
    documents: &Documents,
    allow_unresolved_refs: bool,
) -> Result<Compiled, Refusal> {
    compile_as(Standing::New, text, documents, allow_unresolved_refs)
}

/// As [`compile`], for the text of a schema that this registry accepted before: it is not held
/// against the rules of its draft again, for which the engine would first compile those rules.
pub fn compile_accepted(
    text: &str,
    documents: &Documents,
    allow_unresolved_refs: bool,
) -> Result<Compiled, Refusal> {
    compile_as(Standing::Accepted, text, documents, allow_unresolved_refs)
}

/// The draft of roots of our own making. The engine compiles the rules of a root's draft to hold the
/// root against them, and those of draft 6 cost the least: a quarter of those of 2020-12.
const SMALL_DRAFT: Draft = Draft::Draft6;

/// The base of the root that leads to an accepted schema.
const ROOT: &str = "json-schema:///accepted";

/// Whether a schema is known to follow the rules of its draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    New,
    Accepted,
}

fn compile_as(
    standing: Standing,
    text: &str,
    documents: &Documents,
    allow_unresolved_refs: bool,
) -> Result<Compiled, Refusal> {
    let mut schema = parse(text)?;
    let draft = settle_draft(&mut schema);
    if accepts_everything(&schema) {
        return Ok(Compiled {
            engine: Engine::Anything,
            unchecked_refs: false,
        });
    }
    // The engine is written for schemas of its user's own making, and says some things by panic.
    let compiled = catch_unwind(AssertUnwindSafe(|| {
        build(standing, schema, draft, documents, allow_unresolved_refs)
    }));
    compiled.unwrap_or_else(|_| {
        let hint = "Simplify its `$id`s and references.";
        Err(invalid(
            "",
            "the schema engine cannot use it".to_owned(),
            hint,
        ))
    })
}

impl Compiled {
    /// Whether parts of the schema accept everything because their documents are missing.
    pub fn unchecked_refs(&self) -> bool {
        self.unchecked_refs
    }

    /// Whether every payload is accepted, so that none needs to be parsed for a check.
    pub fn accepts_everything(&self) -> bool {
        matches!(self.engine, Engine::Anything)
    }

    /// Whether a payload matches, as far as a few steps tell; for where nothing may take long.
    pub fn matches_at_once(&self, payload: &Value) -> bool {
        let Engine::Schema {
            validator,
            nesting,
            name_price,
        } = &self.engine
        else {
            return true;
        };
        let matches = catch_unwind(AssertUnwindSafe(|| {
            let meter = Meter::with_most(bounds::QUICK_STEPS, *nesting, *name_price);
            validator.is_valid(Metered::new(payload, &meter)) && !meter.is_spent()
        }));
        matches.unwrap_or(false)
    }

    /// Checks a payload. What does not match is told; where that would take too long, less of it.
    pub fn check(&self, payload: &Value) -> Result<(), Violations> {
        let Engine::Schema {
            validator,
            nesting,
            name_price,
        } = &self.engine
        else {
            return Ok(());
        };
        let checked = catch_unwind(AssertUnwindSafe(|| {
            let meter = Meter::new(*nesting, *name_price);
            let valid = validator.is_valid(Metered::new(payload, &meter));
            if meter.is_spent() {
                return Err(only(
                    "The check was given up: this schema needs too many steps, or too many levels, for this payload",
                ));
            }
            if valid {
                return Ok(());
            }
            let meter = Meter::new(*nesting, *name_price);
            let violations = check::tell(
                payload,
                validator.iter_errors(Metered::new(payload, &meter)),
            );
            if violations.violations.is_empty() {
                return Err(only("Does not match the schema, in too many ways to list"));
            }
            Err(Violations {
                more: violations.more || meter.is_spent(),
                ..violations
            })
        }));
        checked.unwrap_or_else(|_| Err(only("The schema engine failed on this payload")))
    }
}

fn only(what: &str) -> Violations {
    Violations {
        violations: vec![Violation {
            at: String::new(),
            what: what.to_owned(),
        }],
        more: true,
    }
}

fn build(
    standing: Standing,
    schema: Value,
    draft: Draft,
    documents: &Documents,
    allow_unresolved: bool,
) -> Result<Compiled, Refusal> {
    if standing == Standing::New {
        against_metaschema(&schema)?;
    }
    let base = base_of(&schema, draft)?;
    let shelf = Shelf::new(documents);
    let mut graph = refs::walk(&schema, draft, &base, &shelf)?;
    let unresolved = shelf.unresolved();
    let unchecked_refs = unresolved.is_some();
    if let Some(refusal) = unresolved.filter(|_| !allow_unresolved) {
        return Err(refusal);
    }
    let (mut schema, mut documents) = (schema, documents.clone());
    if let Some((filled, served)) = graph.filled.take() {
        documents = served
            .into_iter()
            .fold(documents, |documents, (id, document)| {
                documents.replaced(&id, document)
            });
        schema = filled;
    }
    let cost = cost::reckon(&graph)?;
    let name_price = graph.patterns.name_price();
    let patterns = Arc::new(graph.patterns);
    let options = jsonschema::options_for::<Bounded>()
        .with_retriever(Shelf::new(&documents))
        .should_validate_formats(true)
        .with_pattern_options(patterns::engine())
        .with_keyword("pattern", move |_, value, _| {
            patterns.keyword(value.as_str().unwrap_or_default())
        })
        // Up to draft 7 the engine decodes content; nobody else does, and it takes unbounded memory.
        .without_content_media_type_support("application/json")
        .without_content_encoding_support("base64");
    let built = match standing {
        Standing::New => options.with_draft(draft).with_base_uri(base).build(&schema),
        // Documents behind a reference are not held against the rules of their draft.
        Standing::Accepted => refs::registry(&schema, draft, &base, &Shelf::new(&documents))
            .map_err(Into::into)
            .and_then(|registry| {
                options
                    .with_draft(SMALL_DRAFT)
                    .with_registry(&registry)
                    .with_base_uri(ROOT)
                    .build(&json!({ "$ref": base }))
            }),
    };
    let validator = built.map_err(|error| {
        let why = cut(&error.masked().to_string());
        invalid(
            error.instance_path().as_str(),
            why,
            "Correct the schema there.",
        )
    })?;
    let engine = Engine::Schema {
        validator,
        nesting: cost.nesting,
        name_price,
    };
    Ok(Compiled {
        engine,
        unchecked_refs,
    })
}

/// The draft that `$schema` names. An unknown one is taken off the schema, which is then read as
/// the newest: the existing registry accepts such schemas.
fn settle_draft(schema: &mut Value) -> Draft {
    let draft = Draft::default().detect(schema);
    if draft != Draft::Unknown {
        return draft;
    }
    if let Value::Object(keywords) = schema {
        keywords.shift_remove("$schema");
    }
    Draft::default()
}

/// Whether a schema holds nothing that could refuse a payload.
fn accepts_everything(schema: &Value) -> bool {
    const NOTES: [&str; 7] = [
        "$schema",
        "$id",
        "$comment",
        "title",
        "description",
        "default",
        "examples",
    ];
    match schema {
        Value::Bool(accepts) => *accepts,
        Value::Object(keywords) => keywords.iter().all(|(name, value)| {
            NOTES.contains(&name.as_str())
                && (value.is_string() || matches!(name.as_str(), "default" | "examples"))
        }),
        _ => false,
    }
}

/// Holds a schema against the rules of its draft.
fn against_metaschema(schema: &Value) -> Result<(), Refusal> {
    // Documents with parts of other drafts are held against theirs by the engine.
    if declares_nested_draft(schema) || jsonschema::meta::is_valid(schema) {
        return Ok(());
    }
    let Err(error) = jsonschema::meta::validate(schema) else {
        return Ok(());
    };
    let at = error.instance_path().as_str().to_owned();
    let value = schema.pointer(&at).unwrap_or(&Value::Null);
    if at.ends_with("/type") && (value.is_string() || value.is_array()) {
        return Err(invalid(
            &at,
            format!("{} is not a type", quoted(&value.to_string())),
            "Use array, boolean, integer, null, number, object or string, or a list of them.",
        ));
    }
    let told = check::tell(schema, std::iter::once(error));
    let (at, why) = told
        .violations
        .into_iter()
        .next_back()
        .map_or((at, String::new()), |last| (last.at, last.what));
    Err(invalid(
        &at,
        quoted(&why),
        "Correct the schema there; it must follow the JSON Schema draft that its $schema names.",
    ))
}

fn declares_nested_draft(schema: &Value) -> bool {
    fn declares(value: &Value) -> bool {
        match value {
            Value::Object(members) => members
                .iter()
                .any(|(name, member)| name == "$schema" || declares(member)),
            Value::Array(items) => items.iter().any(declares),
            _ => false,
        }
    }
    schema
        .as_object()
        .is_some_and(|members| members.values().any(declares))
}

/// The URI that a schema's references are relative to.
fn base_of(schema: &Value, draft: Draft) -> Result<String, Refusal> {
    let keyword = draft.id_keyword();
    let id = schema
        .get(keyword)
        .and_then(Value::as_str)
        .unwrap_or_default();
    let id = id.split('#').next().unwrap_or_default();
    if id.is_empty() {
        return Ok(NO_BASE.to_owned());
    }
    jsonschema::uri::from_str(id)
        .map(|uri| uri.as_str().to_owned())
        .map_err(|_| {
            let hint = "Give the schema an absolute URI as its id, or none.";
            invalid(
                &format!("/{keyword}"),
                format!("{} is not a URI", quoted(id)),
                hint,
            )
        })
}

fn invalid(at: &str, why: String, hint: &str) -> Refusal {
    Refusal::InvalidSchema {
        at: cut_pointer(at),
        why,
        hint: hint.to_owned(),
    }
}

/// A pointer can be as long as the schema's longest names together.
fn cut_pointer(at: &str) -> String {
    if at.chars().count() > 500 {
        at.chars().take(500).chain(['…']).collect()
    } else {
        at.to_owned()
    }
}
