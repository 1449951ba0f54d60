//! Patterns run on an engine whose time is linear in the text. Linear is not yet cheap: a pattern
//! may compile to thousands of states, each of which may be looked at for each character. So
//! patterns are compiled once, within limits, and charged to the check by their size.

use std::collections::BTreeMap;

use jsonschema::{Keyword, PatternOptions, Regex, ValidationError, Validator};
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Look};
use serde_json::json;

use crate::limits::schema as bounds;

use super::meter::{Bounded, Metered};
use super::{SMALL_DRAFT, invalid};
use crate::domain::refusal::Refusal;
use crate::domain::text::quoted;

/// The engine for all patterns.
pub(super) fn engine() -> PatternOptions<Regex> {
    PatternOptions::regex()
        .size_limit(bounds::PATTERN_BYTES)
        .dfa_size_limit(bounds::PATTERN_BYTES)
}

/// A compiled pattern.
#[derive(Debug, Clone)]
struct Pattern {
    text: String,
    validator: Validator,
    price: Price,
}

/// What running a pattern costs.
#[derive(Debug, Clone, Copy)]
struct Price {
    /// States that it compiles to at most.
    states: u64,
    /// For every character there is at most a fixed choice of states to be in, so that the engine
    /// runs at a few instructions per character however many states there are.
    tame: bool,
}

impl Price {
    /// Steps for a text of this many bytes. Of a pattern that is not tame every state may be
    /// alive at every character.
    fn steps(self, bytes: usize) -> u64 {
        let per_byte = if self.tame {
            0
        } else {
            self.states.saturating_mul(bytes as u64) / 2
        };
        (1 + bytes as u64 / 8).saturating_add(per_byte)
    }

    /// The same for a member name's average byte.
    fn per_name_byte(self) -> u64 {
        if self.tame { 1 } else { 1 + self.states / 2 }
    }
}

/// The patterns of one schema.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    by_text: BTreeMap<String, Pattern>,
    states: u64,
    name_price: u64,
}

impl Patterns {
    /// Compiles a pattern that stands at `at` in the schema, and gives its price for each byte of a
    /// member name.
    pub(super) fn add(&mut self, text: &str, at: &str) -> Result<u64, Refusal> {
        if let Some(known) = self.by_text.get(text) {
            return Ok(known.price.per_name_byte());
        }
        let shown = format!("the pattern {}", quoted(text));
        if let Some(name) = not_linear(text) {
            return Err(invalid(
                at,
                format!("{shown} uses {name}"),
                "Rewrite it without look-ahead, look-behind and back-references, for example as several patterns \
                 under allOf and not: patterns run on an engine that is always linear.",
            ));
        }
        let price = price(text);
        let states = price.states;
        if self.by_text.len() >= bounds::PATTERNS
            || self.states.saturating_add(states) > bounds::PATTERN_STATES
        {
            let why = format!("there are too many or too large patterns: with {shown}");
            return Err(invalid(
                at,
                why,
                "Use fewer patterns, with smaller repetition counts.",
            ));
        }
        let built = jsonschema::options()
            .with_draft(SMALL_DRAFT)
            .with_pattern_options(engine())
            .build(&json!({"pattern": text}));
        let Ok(validator) = built else {
            return Err(if regex_syntax::Parser::new().parse(text).is_ok() {
                let hint = "Use smaller repetition counts, or minLength and maxLength.";
                invalid(
                    at,
                    format!(
                        "{shown} compiles to more than {} bytes",
                        bounds::PATTERN_BYTES
                    ),
                    hint,
                )
            } else {
                invalid(
                    at,
                    format!("{shown} is not a regular expression"),
                    "Correct the pattern (ECMA-262 syntax).",
                )
            });
        };
        self.states += states;
        self.by_text.insert(
            text.to_owned(),
            Pattern {
                text: text.to_owned(),
                validator,
                price,
            },
        );
        Ok(price.per_name_byte())
    }

    /// Notes the price of all patterns that each member name of some object runs through.
    pub(super) fn note_names(&mut self, price: u64) {
        self.name_price = self.name_price.max(price);
    }

    /// The highest price of a byte of a member name.
    pub(super) fn name_price(&self) -> u64 {
        self.name_price
    }

    /// What the engine checks `pattern` with.
    pub(super) fn keyword(
        &self,
        text: &str,
    ) -> Result<Box<dyn for<'i> Keyword<'i, Bounded>>, ValidationError<'static>> {
        match self.by_text.get(text) {
            Some(pattern) => Ok(Box::new(pattern.clone())),
            None => Err(ValidationError::custom("a pattern that was not met before")),
        }
    }
}

impl<'i> Keyword<'i, Bounded> for Pattern {
    fn validate(&self, instance: Metered<'i>) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) {
            Ok(())
        } else {
            Err(ValidationError::custom(self.text.clone()))
        }
    }

    fn is_valid(&self, instance: Metered<'i>) -> bool {
        let Some((text, value)) = instance.text() else {
            return true;
        };
        !instance.charge(self.price.steps(text.len())) || self.validator.is_valid(value)
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
        let escaped = if c == '\\' {
            rest.chars().nth(1).map_or(0, char::len_utf8)
        } else {
            0
        };
        rest = rest.get(c.len_utf8() + escaped..).unwrap_or_default();
    }
    None
}

fn not_linear_at(rest: &str) -> Option<&'static str> {
    if rest.starts_with("(?=") || rest.starts_with("(?!") {
        Some("look-ahead")
    } else if rest.starts_with("(?<=") || rest.starts_with("(?<!") {
        Some("look-behind")
    } else if rest.starts_with("\\k<")
        || rest
            .strip_prefix('\\')
            .is_some_and(|r| r.starts_with(|c| matches!(c, '1'..='9')))
    {
        Some("a back-reference")
    } else {
        None
    }
}

/// The price of a pattern; one that this parser does not understand counts as the largest.
fn price(pattern: &str) -> Price {
    match regex_syntax::Parser::new().parse(pattern) {
        Ok(hir) => {
            let states = states(&hir);
            let anchored = hir.properties().look_set_prefix().contains(Look::Start);
            // Finding out takes the square of the states.
            let tame = anchored && states <= 5_000 && is_tame(&hir, &ClassUnicode::empty(), false);
            Price { states, tame }
        }
        Err(_) => Price {
            states: bounds::PATTERN_BYTES as u64 / 50,
            tame: false,
        },
    }
}

fn states(hir: &Hir) -> u64 {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(Class::Bytes(_)) => 1,
        HirKind::Literal(literal) => literal.0.len() as u64,
        HirKind::Class(Class::Unicode(class)) => {
            1 + if class.is_ascii() {
                0
            } else {
                2 * class.ranges().len() as u64
            }
        }
        HirKind::Repetition(repetition) => {
            let times = u64::from(
                repetition
                    .max
                    .unwrap_or(repetition.min.saturating_add(1))
                    .max(1),
            );
            states(&repetition.sub).saturating_mul(times)
        }
        HirKind::Capture(capture) => states(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(states).fold(1, u64::saturating_add)
        }
    }
}

/// Whether a part of an anchored pattern never has to guess how often to repeat: what a repetition
/// begins with differs from what may follow it, and alternatives inside a repetition begin
/// differently. `next` is what may follow the part.
fn is_tame(hir: &Hir, next: &ClassUnicode, repeated: bool) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) => true,
        HirKind::Look(look) => matches!(look, Look::Start | Look::End),
        HirKind::Capture(capture) => is_tame(&capture.sub, next, repeated),
        HirKind::Repetition(repetition) => {
            let own = first(&repetition.sub);
            let varies = repetition.max != Some(repetition.min);
            if varies && overlap(&own, next) {
                return false;
            }
            let mut after = own;
            after.union(next);
            let once = repetition.max.is_some_and(|max| max <= 1);
            is_tame(
                &repetition.sub,
                if once { next } else { &after },
                repeated || (varies && !once),
            )
        }
        HirKind::Concat(parts) => {
            let mut next = next.clone();
            parts.iter().rev().all(|part| {
                let tame = is_tame(part, &next, repeated);
                let mut own = first(part);
                if is_nullable(part) {
                    own.union(&next);
                }
                next = own;
                tame
            })
        }
        HirKind::Alternation(parts) => {
            let mut met = ClassUnicode::empty();
            parts.iter().all(|part| {
                let own = first(part);
                let apart = !repeated || !overlap(&own, &met);
                met.union(&own);
                apart && is_tame(part, next, repeated)
            })
        }
    }
}

fn overlap(a: &ClassUnicode, b: &ClassUnicode) -> bool {
    let mut both = a.clone();
    both.intersect(b);
    !both.ranges().is_empty()
}

fn is_nullable(hir: &Hir) -> bool {
    hir.properties().minimum_len() == Some(0)
}

/// The characters that a match of a part may begin with.
fn first(hir: &Hir) -> ClassUnicode {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => ClassUnicode::empty(),
        HirKind::Literal(literal) => {
            let first = std::str::from_utf8(&literal.0)
                .ok()
                .and_then(|text| text.chars().next());
            let range = first.map_or(ClassUnicodeRange::new('\0', char::MAX), |c| {
                ClassUnicodeRange::new(c, c)
            });
            ClassUnicode::new([range])
        }
        HirKind::Class(Class::Unicode(class)) => class.clone(),
        HirKind::Class(Class::Bytes(_)) => {
            ClassUnicode::new([ClassUnicodeRange::new('\0', char::MAX)])
        }
        HirKind::Repetition(repetition) => first(&repetition.sub),
        HirKind::Capture(capture) => first(&capture.sub),
        HirKind::Concat(parts) => {
            let mut all = ClassUnicode::empty();
            for part in parts {
                all.union(&first(part));
                if !is_nullable(part) {
                    break;
                }
            }
            all
        }
        HirKind::Alternation(parts) => {
            let mut all = ClassUnicode::empty();
            for part in parts {
                all.union(&first(part));
            }
            all
        }
    }
}
