//! The content of a subject, brought into the shape that its type has.

use serde_json::{Map, Value, json};

use super::fill::{fill, optional};
use super::kept::Kept;
use super::{Log, Parts, Target};
use crate::correlate::decode::read;
use crate::correlate::facts::Facts;
use crate::correlate::uri::{as_reference, is_reference, is_uri};
use crate::domain::run::RunOutcome;
use crate::domain::schema::cdevents::{Field, Kind, Shape, Spec};

pub(super) fn converted(
    parts: &Parts<'_>,
    facts: &Facts,
    target: &Target,
    kept: &mut Kept,
    log: &mut Log,
) -> Map<String, Value> {
    let (given, beside) = given(parts);
    kept.put("x_subject", beside, log);
    let Some(event) = target.event else {
        return without_nulls(given, log);
    };
    let mut shaping = Shaping {
        spec: target.spec,
        facts,
        flat: parts.flat,
        log,
    };
    let (content, rest) = shaping.object("content", event.content(), given);
    kept.put("x_content", rest, log);
    content
}

/// The content, and what stands beside it. Some producers leave the content out and write its fields
/// beside the id.
fn given(parts: &Parts<'_>) -> (Map<String, Value>, Map<String, Value>) {
    let own = |name: &str, value: &Value| match name {
        "content" | "type" => true,
        "id" | "source" => value.is_string() || read::scalar(value).is_some(),
        _ => value.is_null(),
    };
    let beside = parts
        .subject
        .iter()
        .filter(|(name, value)| !own(name, value));
    let beside: Map<_, _> = beside
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    match parts.subject.get("content") {
        Some(Value::Object(content)) => (content.clone(), beside),
        None | Some(Value::Null) => (beside, Map::new()),
        Some(other) => {
            let mut beside = beside;
            beside.insert("content".to_owned(), other.clone());
            (Map::new(), beside)
        }
    }
}

/// The content of a custom event is free.
fn without_nulls(mut content: Map<String, Value>, log: &mut Log) -> Map<String, Value> {
    let before = content.len();
    content.retain(|_, value| !value.is_null());
    if content.len() < before {
        log.change("content without what is null");
    }
    content
}

/// What a value became.
enum Shaped {
    /// It fits, or was made to.
    Fits(Value),
    /// It fits in part; the rest is kept.
    Part(Value, Value),
    /// It does not fit.
    Strange(Value),
}

struct Shaping<'a> {
    spec: Spec,
    facts: &'a Facts,
    flat: bool,
    log: &'a mut Log,
}

impl Shaping<'_> {
    /// An object of a shape, and what has no place in it.
    fn object(
        &mut self,
        path: &str,
        shape: &Shape,
        mut given: Map<String, Value>,
    ) -> (Map<String, Value>, Map<String, Value>) {
        let mut out = Map::new();
        let mut rest = Map::new();
        for field in shape.fields_of(self.spec) {
            let path = format!("{path}.{}", field.name);
            let value = self
                .take(&path, field, &mut given)
                .map(|(name, value)| (name, self.field(&path, field, value)));
            match value {
                Some((_, Shaped::Fits(value))) => {
                    out.insert(field.name.to_owned(), value);
                }
                Some((name, Shaped::Part(value, over))) => {
                    out.insert(field.name.to_owned(), value);
                    rest.insert(name, over);
                }
                Some((name, Shaped::Strange(value))) => {
                    rest.insert(name, value);
                }
                None => {}
            }
            if !out.contains_key(field.name) {
                let known = match (field.required, self.flat) {
                    (true, _) => Some(fill(&path, field, self.facts, self.spec, self.log)),
                    (false, true) => optional(&path, field, self.facts),
                    // Where the links of an event say it.
                    (false, false) if path == "content.pipelineRun" => {
                        optional(&path, field, self.facts)
                    }
                    (false, false) => None,
                };
                if let Some(value) = known {
                    out.insert(field.name.to_owned(), value);
                }
            }
        }
        let nulls = given.values().any(Value::is_null);
        if nulls {
            self.log.change(format!("{path} without what is null"));
        }
        rest.extend(given.into_iter().filter(|(_, value)| !value.is_null()));
        (out, rest)
    }

    /// Takes the value of a field out of the members, by its name or one that it had.
    fn take(
        &mut self,
        path: &str,
        field: &Field,
        given: &mut Map<String, Value>,
    ) -> Option<(String, Value)> {
        let earlier: &[&str] = match field.name {
            "uri" => &["url"],
            "ticketURI" => &["ticketUri", "ticketUrl"],
            _ => &[],
        };
        for name in [field.name].iter().chain(earlier) {
            match given.get(*name) {
                None => {}
                Some(Value::Null) => {
                    given.shift_remove(*name);
                    self.log.change(format!("{path}: null left out"));
                }
                Some(_) => {
                    if *name != field.name {
                        self.log.change(format!("{name} → {path}"));
                    }
                    let value = given.shift_remove(*name)?;
                    return Some(((*name).to_owned(), value));
                }
            }
        }
        None
    }

    /// A value as its field wants it.
    fn field(&mut self, path: &str, field: &Field, value: Value) -> Shaped {
        match &field.kind {
            Kind::Object(shape) => self.inner(path, shape, value),
            Kind::List => self.list(path, value),
            Kind::Text if field.name == "errors" => self.errors(path, value),
            kind => {
                let fits = text_of(&value).filter(|text| !(field.not_empty && text.is_empty()));
                match fits.and_then(|text| self.text(path, field, kind, &text)) {
                    Some(made) => {
                        if !value.is_string() {
                            self.log.change(format!("{path} is a text"));
                        }
                        Shaped::Fits(json!(made))
                    }
                    None => Shaped::Strange(value),
                }
            }
        }
    }

    /// A text as its field wants it; `None` if it does not fit.
    fn text(&mut self, path: &str, field: &Field, kind: &Kind, text: &str) -> Option<String> {
        match kind {
            Kind::OneOf(words) => self.word(path, words, text),
            // Free until the draft of 0.6, and read by its words nevertheless.
            Kind::Text if field.name == "outcome" => {
                let word = outcome_word(text).unwrap_or(text);
                if word != text {
                    self.log.change(format!("{path} is {word}"));
                }
                Some(word.to_owned())
            }
            Kind::Format("uri") => {
                let text = text.trim();
                is_uri(text).then(|| text.to_owned())
            }
            Kind::Format(_) => {
                if !is_reference(text) {
                    self.log
                        .change(format!("{path} is written as a URI reference"));
                }
                Some(as_reference(text))
            }
            _ => Some(text.to_owned()),
        }
    }

    /// One of some words. Outcomes have had others.
    fn word(&mut self, path: &str, words: &[&str], text: &str) -> Option<String> {
        if words.contains(&text) {
            return Some(text.to_owned());
        }
        let plain = text.trim();
        let same = words
            .iter()
            .find(|word| word.eq_ignore_ascii_case(plain))
            .copied();
        let of_outcome = || {
            let outcome = words
                .contains(&"success")
                .then(|| outcome_word(plain))
                .flatten();
            outcome.filter(|word| words.contains(word))
        };
        let word = same.or_else(of_outcome)?;
        self.log.change(format!("{path} is {word}"));
        Some(word.to_owned())
    }

    fn inner(&mut self, path: &str, shape: &Shape, value: Value) -> Shaped {
        let given = match value {
            Value::Object(given) => given,
            other => {
                // An id, or an address, without the object around it.
                let whole = shape
                    .fields_of(self.spec)
                    .find(|field| field.required)
                    .map(|field| field.name);
                match (whole, read::scalar(&other)) {
                    (Some(name), Some(text)) => {
                        self.log.change(format!("{path} → {path}.{name}"));
                        Map::from_iter([(name.to_owned(), json!(text))])
                    }
                    _ => return Shaped::Strange(other),
                }
            }
        };
        let lacks = |given: &Map<String, Value>| {
            let mut required = shape.fields_of(self.spec).filter(|field| field.required);
            required.any(|field| {
                let names: &[&str] = if field.name == "uri" {
                    &["uri", "url"]
                } else {
                    &[field.name]
                };
                !names
                    .iter()
                    .any(|name| given.get(*name).and_then(read::scalar).is_some())
            })
        };
        // Without its id it says nothing that a receiver could use.
        if lacks(&given) {
            return Shaped::Strange(Value::Object(given));
        }
        match self.object(path, shape, given) {
            (out, rest) if rest.is_empty() => Shaped::Fits(Value::Object(out)),
            (out, rest) => Shaped::Part(Value::Object(out), Value::Object(rest)),
        }
    }

    fn list(&mut self, path: &str, value: Value) -> Shaped {
        let Value::Array(items) = value else {
            return match text_of(&value) {
                Some(text) => {
                    self.log.change(format!("{path} is a list"));
                    Shaped::Fits(json!([text]))
                }
                None => Shaped::Strange(value),
            };
        };
        if items.iter().all(Value::is_string) {
            return Shaped::Fits(Value::Array(items));
        }
        let texts: Option<Vec<String>> = items
            .iter()
            .filter(|item| !item.is_null())
            .map(text_of)
            .collect();
        match texts {
            Some(texts) => {
                self.log.change(format!("{path} is a list of texts"));
                Shaped::Fits(json!(texts))
            }
            None => Shaped::Strange(Value::Array(items)),
        }
    }

    /// Errors, which some write as a list.
    fn errors(&mut self, path: &str, value: Value) -> Shaped {
        if let Value::Array(items) = &value {
            let texts: Vec<String> = items.iter().filter_map(text_of).collect();
            if !texts.is_empty() {
                self.log.change(format!("{path} is a text"));
                return Shaped::Part(json!(texts.join("; ")), value);
            }
            return Shaped::Strange(value);
        }
        match text_of(&value) {
            Some(text) => Shaped::Fits(json!(text)),
            None => Shaped::Strange(value),
        }
    }
}

/// The word of 0.5 for an outcome, if it has one.
fn outcome_word(text: &str) -> Option<&'static str> {
    match RunOutcome::parse(text)? {
        RunOutcome::Skipped | RunOutcome::Unknown => None,
        outcome => Some(outcome.as_str()),
    }
}

/// The text of a scalar; blank text too.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        other => read::scalar(other).map(std::borrow::Cow::into_owned),
    }
}
