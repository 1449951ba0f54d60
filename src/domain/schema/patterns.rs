//! Patterns run on an engine whose time is linear in the text. Linear is not yet cheap: a pattern
//! may compile to thousands of states, each of which may be looked at for each character. So
//! patterns are compiled once, within limits, and charged to the check by their size.

use std::collections::BTreeMap;

use jsonschema::{Keyword, PatternOptions, Regex, ValidationError, Validator};
use regex_syntax::hir::{Class, Hir, HirKind};
use serde_json::json;

use super::bounds;
use super::check::cut;
use super::invalid;
use super::meter::{Bounded, Metered};
use crate::domain::refusal::Refusal;

/// The engine for all patterns.
pub(super) fn engine() -> PatternOptions<Regex> {
    PatternOptions::regex().size_limit(bounds::PATTERN_BYTES).dfa_size_limit(bounds::PATTERN_BYTES)
}

/// A compiled pattern.
#[derive(Debug, Clone)]
struct Pattern {
    text: String,
    validator: Validator,
    /// States that it has at most.
    states: u64,
}

/// The patterns of one schema.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    by_text: BTreeMap<String, Pattern>,
    states: u64,
    name_states: u64,
}

impl Patterns {
    /// Compiles a pattern that stands at `at` in the schema.
    pub(super) fn add(&mut self, text: &str, at: &str) -> Result<u64, Refusal> {
        if let Some(known) = self.by_text.get(text) {
            return Ok(known.states);
        }
        let shown = format!("the pattern {}", json!(cut(text)));
        if let Some(name) = not_linear(text) {
            return Err(invalid(
                at,
                format!("{shown} uses {name}"),
                "Rewrite it without look-ahead, look-behind and back-references, for example as several patterns \
                 under allOf and not: patterns run on an engine that is always linear.",
            ));
        }
        let states = states_of(text);
        if self.by_text.len() >= bounds::PATTERNS || self.states.saturating_add(states) > bounds::PATTERN_STATES {
            let why = format!("there are too many or too large patterns: with {shown}");
            return Err(invalid(at, why, "Use fewer patterns, with smaller repetition counts."));
        }
        let built = jsonschema::options().with_pattern_options(engine()).build(&json!({"pattern": text}));
        let Ok(validator) = built else {
            return Err(if regex_syntax::Parser::new().parse(text).is_ok() {
                let hint = "Use smaller repetition counts, or minLength and maxLength.";
                invalid(at, format!("{shown} compiles to more than {} bytes", bounds::PATTERN_BYTES), hint)
            } else {
                invalid(at, format!("{shown} is not a regular expression"), "Correct the pattern (ECMA-262 syntax).")
            });
        };
        self.states += states;
        self.by_text.insert(text.to_owned(), Pattern { text: text.to_owned(), validator, states });
        Ok(states)
    }

    /// Notes that each member name of some object runs through patterns of so many states.
    pub(super) fn note_names(&mut self, states: u64) {
        self.name_states = self.name_states.max(states);
    }

    /// The most states that one member name runs through.
    pub(super) fn name_states(&self) -> u64 {
        self.name_states
    }

    /// What the engine checks `pattern` with.
    pub(super) fn keyword(&self, text: &str) -> Result<Box<dyn for<'i> Keyword<'i, Bounded>>, ValidationError<'static>> {
        match self.by_text.get(text) {
            Some(pattern) => Ok(Box::new(pattern.clone())),
            None => Err(ValidationError::custom("a pattern that was not met before")),
        }
    }
}

impl<'i> Keyword<'i, Bounded> for Pattern {
    fn validate(&self, instance: Metered<'i>) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) { Ok(()) } else { Err(ValidationError::custom(self.text.clone())) }
    }

    fn is_valid(&self, instance: Metered<'i>) -> bool {
        let Some((text, value)) = instance.text() else { return true };
        !instance.charge(1 + text.len() as u64 * self.states.max(8) / 32) || self.validator.is_valid(value)
    }
}

/// What a pattern uses that no linear engine can do.
fn not_linear(pattern: &str) -> Option<&'static str> {
    let mut rest = pattern;
    let mut in_class = false;
    while let Some(c) = rest.chars().next() {
        if let (false, Some(name)) = (in_class, not_linear_at(rest)) {
            return Some(name);
        }
        in_class = (in_class || c == '[') && c != ']';
        let escaped = if c == '\\' { rest.chars().nth(1).map_or(0, char::len_utf8) } else { 0 };
        rest = rest.get(c.len_utf8() + escaped..).unwrap_or_default();
    }
    None
}

fn not_linear_at(rest: &str) -> Option<&'static str> {
    if rest.starts_with("(?=") || rest.starts_with("(?!") {
        Some("look-ahead")
    } else if rest.starts_with("(?<=") || rest.starts_with("(?<!") {
        Some("look-behind")
    } else if rest.starts_with("\\k<") || rest.strip_prefix('\\').is_some_and(|r| r.starts_with(|c| matches!(c, '1'..='9'))) {
        Some("a back-reference")
    } else {
        None
    }
}

/// States that a pattern compiles to, roughly; what this parser does not understand counts as the
/// largest that is allowed.
fn states_of(pattern: &str) -> u64 {
    let largest = bounds::PATTERN_BYTES as u64 / 50;
    regex_syntax::Parser::new().parse(pattern).map_or(largest, |hir| states(&hir))
}

fn states(hir: &Hir) -> u64 {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(Class::Bytes(_)) => 1,
        HirKind::Literal(literal) => literal.0.len() as u64,
        HirKind::Class(Class::Unicode(class)) => 1 + if class.is_ascii() { 0 } else { 2 * class.ranges().len() as u64 },
        HirKind::Repetition(repetition) => {
            let times = u64::from(repetition.max.unwrap_or(repetition.min.saturating_add(1)).max(1));
            states(&repetition.sub).saturating_mul(times)
        }
        HirKind::Capture(capture) => states(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(states).fold(1, u64::saturating_add)
        }
    }
}
