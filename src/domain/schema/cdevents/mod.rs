//! The CDEvents vocabulary: which versions of the specification there are, which event types each
//! has, and a schema for each of them, made from one table of facts (`table.txt`).
//!
//! The schemas say what the published ones say, but for what is a fault there:
//! - 0.4.0 refers to link schemas by an address that none of them has, and those hold keywords where
//!   properties were meant. Here its links are those of 0.4.1 in the spelling of 0.4.0 (`link_type`).
//!   Its tickets and skipped test cases, which leave out the chain and the links, have them here.
//! - 0.5.0 requires `context.version` of three types, which it calls `specversion` and forbids
//!   otherwise. Here it is 0.5.1.
//! - Custom events (`dev.cdeventsx.…`) may have a version with more than one digit in its parts, as
//!   semantic versions do; and 0.4.0, whose pattern leaves it out, takes both.

mod links;
mod render;
mod table;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_published;

use std::sync::{LazyLock, OnceLock};

use serde_json::Value;

use super::{Compiled, Documents, compile_accepted};
use table::{FIRST_MINOR, Line, MINORS};

pub(super) use links::documents as link_documents;
pub use table::{Field, Kind, Shape};

/// What the types of the specification begin with.
pub const PREFIX: &str = "dev.cdevents.";

/// What custom types begin with (custom/README.md).
pub const CUSTOM_PREFIX: &str = "dev.cdeventsx.";

/// A version of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Spec {
    /// 0.3.0.
    V030,
    /// 0.4.0, which spells the names of links in `snake_case`.
    V040,
    /// 0.4.1.
    V041,
    /// 0.5.0.
    V050,
    /// 0.5.1.
    V051,
    /// The draft of 0.6.0, as of June 2026.
    Draft060,
}

impl Spec {
    /// Those that are known, from the oldest.
    pub const ALL: [Self; 6] = [
        Self::V030,
        Self::V040,
        Self::V041,
        Self::V050,
        Self::V051,
        Self::Draft060,
    ];

    /// The newest one that is released.
    pub const NEWEST: Self = Self::V051;

    /// As an event declares it.
    pub fn name(self) -> &'static str {
        match self {
            Self::V030 => "0.3.0",
            Self::V040 => "0.4.0",
            Self::V041 => "0.4.1",
            Self::V050 => "0.5.0",
            Self::V051 => "0.5.1",
            Self::Draft060 => "0.6.0-draft",
        }
    }

    /// The place of its minor version in the table.
    fn minor(self) -> usize {
        let minor = match self {
            Self::V030 => 3,
            Self::V040 | Self::V041 => 4,
            Self::V050 | Self::V051 => 5,
            Self::Draft060 => 6,
        };
        minor - FIRST_MINOR
    }

    /// The version whose rules are the same.
    fn rules(self) -> Self {
        match self {
            Self::V050 => Self::V051,
            other => other,
        }
    }

    /// Reads a version as events declare it: a patch version that is not known is judged as the
    /// newest of its minor version, a draft as what it became. 0.6 is known as a draft only.
    pub fn read(version: &str) -> Reading {
        let (core, draft) = match version.split_once(['-', '+']) {
            Some((core, draft)) => (core, !draft.is_empty()),
            None => (version, false),
        };
        let mut parts = core.split('.').map(|part| {
            let digits = part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse::<u32>().ok().filter(|_| digits)
        });
        let (Some(Some(major)), Some(Some(minor)), patch, None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Reading::None;
        };
        let patch = match patch {
            Some(None) => return Reading::None,
            Some(patch) => patch,
            None => None,
        };
        match (major, minor, patch) {
            (0, 3, _) => Reading::Known(Self::V030),
            (0, 4, Some(0)) => Reading::Known(Self::V040),
            (0, 4, _) => Reading::Known(Self::V041),
            (0, 5, Some(0)) => Reading::Known(Self::V050),
            (0, 5, _) => Reading::Known(Self::V051),
            (0, 6, None | Some(0)) if draft => Reading::Known(Self::Draft060),
            _ => Reading::Other,
        }
    }
}

/// What a declared version of the specification turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// One that is known, or near enough.
    Known(Spec),
    /// A version that is not known here.
    Other,
    /// No version.
    None,
}

/// An event type of the specification.
#[derive(Debug)]
pub struct EventType {
    /// `subject.predicate` in lower case.
    name: String,
    /// The whole type in each minor version.
    types: [Option<String>; MINORS],
    line: Line,
    index: usize,
}

impl EventType {
    /// `subject.predicate` in lower case.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole type as a version of the specification has it: `dev.cdevents.build.queued.0.2.0`.
    pub fn type_name(&self, spec: Spec) -> Option<&str> {
        self.types.get(spec.minor())?.as_deref()
    }

    /// The versions of the specification that have it, from the oldest.
    pub fn specs(&self) -> impl DoubleEndedIterator<Item = Spec> + use<'_> {
        Spec::ALL
            .into_iter()
            .filter(|spec| self.type_name(*spec).is_some())
    }

    /// What `subject.content` holds; which fields there are depends on the version.
    pub fn content(&self) -> &Shape {
        &self.line.content
    }

    /// Its schema in a version of the specification, under the id that the published one has.
    pub fn schema(&self, spec: Spec) -> Option<Value> {
        self.type_name(spec)
            .map(|type_name| render::closed(spec, &self.line, type_name))
    }

    /// [`Self::schema`], ready to check events. It is compiled when it is first asked for, and kept.
    pub fn compiled(&self, spec: Spec) -> Option<&'static Compiled> {
        compiled(spec, self.index, || self.schema(spec.rules()))
    }

    /// A schema for the events of all versions: what they agree on, the rest is open.
    pub fn union(&self) -> Value {
        render::union(&self.line)
    }
}

static EVENTS: LazyLock<Vec<EventType>> = LazyLock::new(|| {
    let lines = table::read(table::TEXT).unwrap_or_default();
    let types = lines.into_iter().enumerate().map(|(index, line)| {
        let name = format!("{}.{}", line.subject.to_ascii_lowercase(), line.predicate);
        EventType {
            types: line
                .versions
                .map(|version| Some(format!("{PREFIX}{name}.{}", version?))),
            name,
            line,
            index,
        }
    });
    types.collect()
});

/// The event types, by name.
pub fn events() -> &'static [EventType] {
    &EVENTS
}

/// The event type that is named `subject.predicate`, in lower case.
pub fn event(name: &str) -> Option<&'static EventType> {
    EVENTS.iter().find(|event| event.name == name)
}

/// The schema of `subject.predicate` in a version of the specification.
pub fn schema(spec: Spec, name: &str) -> Option<Value> {
    event(name)?.schema(spec)
}

/// The schema of custom events (custom/schema.json); there are none in 0.3.
pub fn custom_schema(spec: Spec) -> Option<Value> {
    (spec >= Spec::V040).then(|| render::custom(spec))
}

/// [`custom_schema`], ready to check events.
pub fn custom(spec: Spec) -> Option<&'static Compiled> {
    compiled(spec, EVENTS.len(), || custom_schema(spec.rules()))
}

/// A schema of what all events of a version have in common, ready to check events of no known type.
pub fn frame(spec: Spec) -> Option<&'static Compiled> {
    compiled(spec, EVENTS.len() + 1, || Some(render::frame(spec.rules())))
}

/// A place for each schema that there can be: there are no others, so nothing has to be dropped. About
/// 230 are ever filled, and take some 12 MB when all of them are.
static COMPILED: LazyLock<Vec<OnceLock<Option<Compiled>>>> = LazyLock::new(|| {
    (0..Spec::ALL.len() * (EVENTS.len() + 2))
        .map(|_| OnceLock::new())
        .collect()
});

fn compiled(
    spec: Spec,
    index: usize,
    schema: impl FnOnce() -> Option<Value>,
) -> Option<&'static Compiled> {
    let place = (spec.rules() as usize) * (EVENTS.len() + 2) + index;
    let compile = || compile_accepted(&schema()?.to_string(), &Documents::built_in(), false).ok();
    COMPILED.get(place)?.get_or_init(compile).as_ref()
}
