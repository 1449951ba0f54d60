//! What a tool takes: one table of parameters, from which both the published JSON Schema and the
//! reading of arguments follow.
//!
//! The schemas keep to what every host understands: an object at the root, one type for each
//! property, no references, no unions, no boolean schemas.

use serde_json::{Map, Value, json};

/// What a parameter holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text.
    Text,
    /// One or several texts.
    Texts,
    /// True or false.
    Flag,
    /// A whole number between two.
    Integer(i64, i64),
    /// A JSON object.
    Object,
    /// Any JSON value, or its text.
    Json,
    /// One or several JSON objects, or their text.
    Documents,
    /// One of these words.
    Word(&'static [&'static str]),
}

impl Kind {
    /// Whether an object may be its value.
    pub(crate) const fn holds_objects(self) -> bool {
        matches!(self, Self::Object | Self::Json | Self::Documents)
    }
}

/// One parameter of a tool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Param {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it holds.
    pub(crate) kind: Kind,
    /// What it means; may be empty where the name says it.
    pub(crate) doc: &'static str,
    /// Whether every call needs it.
    pub(crate) required: bool,
    /// Whether a file may stand for it, so that only a call without files needs it.
    pub(crate) or_file: bool,
    /// Other names under which callers send it.
    pub(crate) aliases: &'static [&'static str],
    /// Where it is offered.
    pub(crate) only: Only,
}

/// Where a parameter is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Only {
    /// Everywhere.
    Everywhere,
    /// Where files may be read.
    WithFiles,
    /// Where the turning of gates has to be confirmed.
    WithConfirmation,
}

/// What a server lets its callers do beyond the ordinary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Extras {
    /// Payloads may come from files.
    pub(crate) files: bool,
    /// The turning of gates has to be confirmed.
    pub(crate) confirmation: bool,
}

impl Extras {
    /// Everything that there is, for the documents.
    pub(crate) const ALL: Self = Self {
        files: true,
        confirmation: true,
    };
}

impl Param {
    /// A parameter that a call may leave out.
    pub(crate) const fn new(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            name,
            kind,
            doc,
            required: false,
            or_file: false,
            aliases: &[],
            only: Only::Everywhere,
        }
    }

    /// A text.
    pub(crate) const fn text(name: &'static str, doc: &'static str) -> Self {
        Self::new(name, Kind::Text, doc)
    }

    /// Every call needs it.
    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Every call needs it, unless files may be read and one stands for it.
    pub(crate) const fn required_or_file(mut self) -> Self {
        self.or_file = true;
        self
    }

    /// Whether a call cannot do without.
    pub(crate) const fn is_required(&self, extras: Extras) -> bool {
        self.required || (self.or_file && !extras.files)
    }

    /// Other names under which callers send it.
    pub(crate) const fn alias(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// Offered only where files may be read.
    pub(crate) const fn with_files(mut self) -> Self {
        self.only = Only::WithFiles;
        self
    }

    /// Offered only where the turning of gates has to be confirmed.
    pub(crate) const fn with_confirmation(mut self) -> Self {
        self.only = Only::WithConfirmation;
        self
    }

    fn schema(&self) -> Value {
        let mut schema = match self.kind {
            Kind::Text => json!({"type": "string"}),
            Kind::Texts => json!({"type": "array", "items": {"type": "string"}}),
            Kind::Flag => json!({"type": "boolean"}),
            Kind::Integer(least, most) => {
                json!({"type": "integer", "minimum": least, "maximum": most})
            }
            Kind::Object | Kind::Json => json!({"type": "object"}),
            Kind::Documents => json!({"type": "array", "items": {"type": "object"}}),
            Kind::Word(words) => json!({"type": "string", "enum": words}),
        };
        if let (Some(fields), false) = (schema.as_object_mut(), self.doc.is_empty()) {
            fields.insert("description".to_owned(), self.doc.into());
        }
        schema
    }
}

/// The parameters that are offered.
pub(crate) fn offered(
    params: &'static [Param],
    extras: Extras,
) -> impl Iterator<Item = &'static Param> {
    params.iter().filter(move |param| match param.only {
        Only::Everywhere => true,
        Only::WithFiles => extras.files,
        Only::WithConfirmation => extras.confirmation,
    })
}

/// The JSON Schema of a tool's arguments.
pub(crate) fn input_schema(params: &'static [Param], extras: Extras) -> Map<String, Value> {
    let properties: Map<_, _> = offered(params, extras)
        .map(|param| (param.name.to_owned(), param.schema()))
        .collect();
    let required: Vec<_> = offered(params, extras)
        .filter(|p| p.is_required(extras))
        .map(|p| p.name)
        .collect();
    let mut schema = Map::new();
    schema.insert("type".to_owned(), "object".into());
    schema.insert("properties".to_owned(), properties.into());
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    schema
}

/// The JSON Schema of a record-like answer: what a program may rely on. Answers hold more.
pub(crate) fn output_schema(fields: &[(&'static str, &'static str)]) -> Map<String, Value> {
    let properties: Map<_, _> = fields
        .iter()
        .map(|(name, kind)| {
            let schema = match *kind {
                "array" => json!({"type": "array", "items": {"type": "object"}}),
                kind => json!({ "type": kind }),
            };
            ((*name).to_owned(), schema)
        })
        .collect();
    let required: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
    let mut schema = Map::new();
    schema.insert("type".to_owned(), "object".into());
    schema.insert("properties".to_owned(), properties.into());
    schema.insert("required".to_owned(), required.into());
    schema
}

/// Parameters that several tools share.
pub(crate) mod common {
    use super::{Kind, Param};
    use crate::limits;

    pub(crate) const UNIT: Param = Param::text(
        "unit",
        "epr://history/NAME/VERSION/RELEASE/PLATFORM_ID/PACKAGE (percent-encoded), an event id, or a bare name",
    )
    .alias(&["nvrpp", "uri"]);
    pub(crate) const RELEASE: Param = Param::text("release", "");
    pub(crate) const PLATFORM: Param = Param::text("platform_id", "").alias(&["platform"]);
    pub(crate) const PACKAGE: Param = Param::text("package", "");
    pub(crate) const DRY_RUN: Param =
        Param::new("dry_run", Kind::Flag, "check and preview; store nothing");
    pub(crate) const LIMIT: Param = Param::new(
        "limit",
        Kind::Integer(1, limits::PAGE_MAX as i64),
        "default 20",
    )
    .alias(&["page_size", "first"]);
    pub(crate) const CURSOR: Param = Param::text(
        "cursor",
        "next_cursor of the page before, with the same arguments",
    )
    .alias(&["next_cursor", "after"]);
    pub(crate) const FORMAT: Param =
        Param::new("format", Kind::Word(&["text", "json"]), "default text");
    pub(crate) const DETAIL: Param = Param::new(
        "detail",
        Kind::Word(&["normal", "full"]),
        "full: up to 60 KB instead of 20",
    );
    pub(crate) const CONFIRM: Param = Param::new(
        "confirm",
        Kind::Flag,
        "true once a person has agreed to what it does to gates",
    )
    .with_confirmation();
    pub(crate) const IDEMPOTENCY_KEY: Param = Param::text(
        "idempotency_key",
        "a repeated call by the same principal with the same key and content gives the first result",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_needs_something_is_not_offered_without() {
        const PARAMS: &[Param] = &[
            Param::text("a", "x").required(),
            Param::text("b", "").with_files(),
            Param::new("c", Kind::Flag, "").with_confirmation(),
        ];
        assert_eq!(
            Value::Object(input_schema(PARAMS, Extras::default())),
            json!({"type": "object", "properties": {"a": {"type": "string", "description": "x"}}, "required": ["a"]})
        );
        assert_eq!(offered(PARAMS, Extras::ALL).count(), 3);
    }
}
