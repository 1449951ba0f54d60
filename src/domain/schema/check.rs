//! What does not match, in words. Clients of the existing registry know the wording of its
//! validator, so the same findings have the same texts here.

use std::fmt::Write as _;

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

use super::meter::NOT_BELIEVED;
use super::unique::duplicates;
use crate::domain::refusal::Violation;
use crate::limits;
use crate::limits::schema as bounds;

/// What does not match in one payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violations {
    /// In the order of the payload, at most [`limits::VIOLATIONS`].
    pub violations: Vec<Violation>,
    /// Whether there are more.
    pub more: bool,
}

/// A text from outside, cut to the length that is echoed.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(bounds::ECHO_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Puts the engine's findings into words and in order.
pub(super) fn tell<'a>(
    payload: &Value,
    errors: impl Iterator<Item = ValidationError<'a>>,
) -> Violations {
    let mut teller = Teller {
        payload,
        told: Vec::new(),
    };
    let mut more = false;
    for error in errors {
        if more || **error.instance() == *NOT_BELIEVED {
            more = true;
            break;
        }
        teller.tell(&error);
        more = teller.told.len() > bounds::VIOLATIONS_SORTED;
    }
    // Parents come before children, then the order is that of the engine.
    teller
        .told
        .sort_by(|a, b| order(&a.violation.at, &b.violation.at).then(a.rank.cmp(&b.rank)));
    teller.told.dedup_by(|a, b| a.violation == b.violation);
    more |= teller.told.len() > limits::VIOLATIONS;
    let violations = teller
        .told
        .into_iter()
        .take(limits::VIOLATIONS)
        .map(|told| told.violation);
    Violations {
        violations: violations.collect(),
        more,
    }
}

/// JSON pointers by depth-first position: numbers by value, a parent before its children.
fn order(a: &str, b: &str) -> std::cmp::Ordering {
    let token = |token: &str| (token.parse::<u64>().ok(), token.to_owned());
    a.split('/').map(token).cmp(b.split('/').map(token))
}

struct Told {
    violation: Violation,
    /// What is missing comes first, then what is too much, then the rest.
    rank: u8,
}

struct Teller<'a> {
    payload: &'a Value,
    told: Vec<Told>,
}

impl Teller<'_> {
    fn add(&mut self, at: &str, rank: u8, what: String) {
        if self.told.len() <= bounds::VIOLATIONS_SORTED {
            self.told.push(Told {
                violation: Violation {
                    at: at.to_owned(),
                    what,
                },
                rank,
            });
        }
    }

    fn tell(&mut self, error: &ValidationError<'_>) {
        let at = error.instance_path().as_str();
        match error.kind() {
            Kind::Required { property } => {
                self.add(
                    at,
                    0,
                    format!("{} is required", cut(property.as_str().unwrap_or_default())),
                );
            }
            Kind::AdditionalProperties { unexpected } => {
                for name in unexpected {
                    self.add(
                        at,
                        1,
                        format!("Additional property {} is not allowed", cut(name)),
                    );
                }
            }
            Kind::UnevaluatedProperties { unexpected } => {
                for name in unexpected {
                    self.add(
                        at,
                        1,
                        format!("Unevaluated property {} is not allowed", cut(name)),
                    );
                }
            }
            // The engine's short cut where `additionalProperties: false` stands alone.
            Kind::FalseSchema if is_closed_object(error) => {
                let members = self.payload.pointer(at).and_then(Value::as_object);
                for name in members.into_iter().flat_map(serde_json::Map::keys) {
                    self.add(
                        at,
                        1,
                        format!("Additional property {} is not allowed", cut(name)),
                    );
                }
            }
            kind => {
                let what = self.words(at, kind);
                self.add(at, 2, what);
                if let Kind::AnyOf { context } | Kind::OneOfNotValid { context } = kind
                    && let Some(closest) = closest(context, at)
                {
                    // The alternative that was probably meant.
                    for error in closest {
                        self.tell(error);
                    }
                }
            }
        }
    }

    fn words(&self, at: &str, kind: &Kind) -> String {
        let value = self.payload.pointer(at).unwrap_or(&Value::Null);
        match kind {
            Kind::Type { kind } => {
                format!(
                    "Invalid type. Expected: {}, given: {}",
                    expected(kind),
                    type_name(value)
                )
            }
            Kind::Format { format } => format!("Does not match format '{}'", cut(format)),
            Kind::Enum { options } => {
                let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
                format!(
                    "{} must be one of the following: {}",
                    field(at),
                    listed(options)
                )
            }
            Kind::Constant { expected_value } => {
                format!(
                    "{} does not match: {}",
                    field(at),
                    cut(&expected_value.to_string())
                )
            }
            Kind::MinLength { limit } => {
                format!("String length must be greater than or equal to {limit}")
            }
            Kind::MaxLength { limit } => {
                format!("String length must be less than or equal to {limit}")
            }
            Kind::Minimum { limit } => format!("Must be greater than or equal to {limit}"),
            Kind::Maximum { limit } => format!("Must be less than or equal to {limit}"),
            Kind::ExclusiveMinimum { limit } => format!("Must be greater than {limit}"),
            Kind::ExclusiveMaximum { limit } => format!("Must be less than {limit}"),
            Kind::MultipleOf { multiple_of } => format!("Must be a multiple of {multiple_of}"),
            // The pattern keyword is ours, and its message is the pattern.
            Kind::Pattern { pattern }
            | Kind::Custom {
                message: pattern, ..
            } => {
                format!("Does not match pattern '{}'", cut(pattern))
            }
            Kind::MinItems { limit } => format!("Array must have at least {limit} items"),
            Kind::MaxItems { limit } => format!("Array must have at most {limit} items"),
            Kind::AdditionalItems { .. } => "No additional items allowed on array".to_owned(),
            Kind::UnevaluatedItems { .. } => "No unevaluated items allowed on array".to_owned(),
            Kind::Contains => "At least one of the items must match".to_owned(),
            Kind::MinProperties { limit } => format!("Must have at least {limit} properties"),
            Kind::MaxProperties { limit } => format!("Must have at most {limit} properties"),
            Kind::UniqueItems => unique(value),
            Kind::OneOfNotValid { .. } | Kind::OneOfMultipleValid { .. } => {
                "Must validate one and only one schema (oneOf)".to_owned()
            }
            Kind::AnyOf { .. } => "Must validate at least one schema (anyOf)".to_owned(),
            Kind::Not { .. } => "Must not validate the schema (not)".to_owned(),
            Kind::PropertyNames { error } => {
                let name = error.instance().as_str().map(cut).unwrap_or_default();
                format!("Property name of \"{name}\" does not match")
            }
            Kind::FalseSchema => "False always fails validation".to_owned(),
            _ => "Does not match the schema".to_owned(),
        }
    }
}

/// Whether `false` is the value of `additionalProperties`, and not of a property of that name.
fn is_closed_object(error: &ValidationError<'_>) -> bool {
    let place = error.schema_path().as_str();
    let parent = place.strip_suffix("/additionalProperties");
    parent.is_some_and(|parent| !parent.ends_with("/properties"))
}

/// The failed alternative with the fewest violations that are not about the value's own type: the
/// others were not meant.
fn closest<'a>(
    alternatives: &'a [Vec<ValidationError<'static>>],
    at: &str,
) -> Option<&'a [ValidationError<'static>]> {
    let other_kind = |error: &ValidationError<'_>| {
        error.instance_path().as_str() == at && matches!(error.kind(), Kind::Type { .. })
    };
    let told = alternatives.iter().filter(|errors| !errors.is_empty());
    told.min_by_key(|errors| (errors.iter().any(other_kind), errors.len()))
        .map(Vec::as_slice)
}

fn expected(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => one.to_string(),
        TypeKind::Multiple(several) => {
            let several: Vec<_> = several
                .iter()
                .map(|one: JsonType| one.to_string())
                .collect();
            format!("[{}]", several.join(","))
        }
    }
}

/// The type of a value as violations name it.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.as_f64().is_some_and(|n| n.fract() == 0.0) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A place in the payload as the existing registry's texts name it: `(root)`, `a.b.0`.
pub fn field(at: &str) -> String {
    match at.strip_prefix('/') {
        Some(rest) => cut(&rest.replace('/', ".").replace("~1", "/").replace("~0", "~")),
        None => "(root)".to_owned(),
    }
}

/// Values of a schema, cut after about [`bounds::ECHO_CHARS`] characters.
fn listed(values: &[Value]) -> String {
    let mut out = String::new();
    for (i, value) in values.iter().enumerate() {
        if out.len() > bounds::ECHO_CHARS {
            let _ = write!(out, " and {} more", values.len() - i);
            break;
        }
        let gap = if i == 0 { "" } else { ", " };
        let _ = write!(out, "{gap}{}", cut(&value.to_string()));
    }
    out
}

fn unique(value: &Value) -> String {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    match duplicates(items, &|_| true) {
        Some((first, second)) => format!("array items[{first},{second}] must be unique"),
        None => "array items must be unique".to_owned(),
    }
}
