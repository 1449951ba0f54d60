//! Reads `table.txt`, whose head says how it is written.

use std::collections::BTreeMap;

use super::Spec;

/// The table's text.
pub(super) const TEXT: &str = include_str!("table.txt");

/// Minor versions of the specification that the table tells apart: 0.3 to 0.6.
pub(super) const MINORS: usize = 4;

/// The first of them.
pub(super) const FIRST_MINOR: usize = 3;

/// An event type as a line of the table says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// The subject as `subject.type` spells it: `pipelineRun`.
    pub(super) subject: &'static str,
    pub(super) predicate: &'static str,
    /// The event's own version in each minor version of the specification that has it.
    pub(super) versions: [Option<&'static str>; MINORS],
    pub(super) content: Shape,
}

/// What an object holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// It takes fields that are not listed.
    pub open: bool,
    fields: Vec<Field>,
}

impl Shape {
    /// The fields that it has in a version of the specification.
    pub fn fields_of(&self, spec: Spec) -> impl Iterator<Item = &Field> {
        self.fields(spec.minor())
    }

    /// The fields that it has in a minor version.
    pub(super) fn fields(&self, minor: usize) -> impl Iterator<Item = &Field> {
        self.fields
            .iter()
            .filter(move |field| (field.first..=field.last).contains(&minor))
    }
}

/// A field of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Whether it has to be there.
    pub required: bool,
    /// Whether its text may not be empty.
    pub not_empty: bool,
    /// What it holds.
    pub kind: Kind,
    first: usize,
    last: usize,
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A text with a format of JSON Schema: `uri` or `uri-reference`.
    Format(&'static str),
    /// One of these words.
    OneOf(Vec<&'static str>),
    /// A list of texts.
    List,
    /// An object.
    Object(Shape),
}

/// The event types of a table, or the part of it that is not understood.
pub(super) fn read(text: &'static str) -> Result<Vec<Line>, String> {
    let mut shapes = BTreeMap::new();
    let mut lines = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap_or_default();
        if let Some(name) = name.strip_prefix('{') {
            let (name, mark) = name.split_once('}').ok_or(name)?;
            let mut shape = shape(words, &shapes)?;
            shape.open = mark == "*";
            shapes.insert(name, shape);
            continue;
        }
        let (subject, predicate) = name.split_once('.').ok_or(name)?;
        let mut versions = [None; MINORS];
        for version in &mut versions {
            *version = Some(words.next().ok_or(name)?).filter(|version| *version != "-");
        }
        lines.push(Line {
            subject,
            predicate,
            versions,
            content: shape(words, &shapes)?,
        });
    }
    Ok(lines)
}

fn shape(
    words: impl Iterator<Item = &'static str>,
    shapes: &BTreeMap<&'static str, Shape>,
) -> Result<Shape, String> {
    let fields = words.map(|word| field(word, shapes).ok_or_else(|| word.to_owned()));
    Ok(Shape {
        open: false,
        fields: fields.collect::<Result<_, _>>()?,
    })
}

fn field(word: &'static str, shapes: &BTreeMap<&'static str, Shape>) -> Option<Field> {
    let (rest, range) = word.split_once('@').unwrap_or((word, ".."));
    let (first, last) = range.split_once("..")?;
    let end = rest
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    let (rest, required) = flag(rest, '!');
    let (rest, not_empty) = flag(rest, '+');
    let kind = match rest.split_at_checked(1) {
        None => Kind::Text,
        Some(("~", "ref")) => Kind::Format("uri-reference"),
        Some(("~", "uri")) => Kind::Format("uri"),
        Some(("=", words)) => Kind::OneOf(words.split('|').collect()),
        Some(("[", "]")) => Kind::List,
        Some(("{", name)) => Kind::Object(shapes.get(name.strip_suffix('}')?)?.clone()),
        Some(_) => return None,
    };
    Some(Field {
        name,
        required,
        not_empty,
        kind,
        first: minor(first, 0)?,
        last: minor(last, MINORS - 1)?,
    })
}

fn flag(rest: &'static str, mark: char) -> (&'static str, bool) {
    rest.strip_prefix(mark)
        .map_or((rest, false), |rest| (rest, true))
}

/// The place of `0.4` among the minor versions.
fn minor(version: &str, default: usize) -> Option<usize> {
    if version.is_empty() {
        return Some(default);
    }
    let minor: usize = version.strip_prefix("0.")?.parse().ok()?;
    minor
        .checked_sub(FIRST_MINOR)
        .filter(|minor| *minor < MINORS)
}
