//! The graph of a schema: every subschema that a payload can be held against, and how it gets
//! there. References are resolved exactly as the engine resolves them, by its own registry.

use std::collections::HashMap;

use jsonschema::{Draft, ReferencingError, Registry};
use serde_json::{Map, Value, json};

use super::documents::{NO_BASE, Shelf};
use super::invalid;
use super::patterns::Patterns;
use crate::domain::json::escape_token;
use crate::domain::refusal::Refusal;
use crate::domain::text::quoted;
use crate::limits::schema as bounds;

/// How a subschema is applied, seen from the schema that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// To the same value.
    InPlace,
    /// To one member, by its name.
    Member,
    /// To each member whose name matches.
    MatchingMember,
    /// To members that nothing else applies to, or to member names.
    OtherMember,
    /// To one item, by its position.
    Item,
    /// To items that have no position of their own.
    OtherItem,
    /// To every item.
    EveryItem,
}

impl Role {
    /// Whether it applies to a part of the value.
    pub(super) fn steps_down(self) -> bool {
        self != Self::InPlace
    }
}

/// A subschema.
#[derive(Debug)]
pub(super) struct Part {
    /// Where it stands: a JSON pointer, behind the document's id if that is another one.
    pub(super) at: String,
    /// What it applies.
    pub(super) edges: Vec<(Role, usize)>,
    /// It asks what its other parts have evaluated, and so applies them again.
    pub(super) unevaluated: bool,
}

/// What a walk through a schema found.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) parts: Vec<Part>,
    pub(super) patterns: Patterns,
    /// The schema and the documents as they are without references to missing documents, if there
    /// are such references.
    pub(super) filled: Option<(Value, Vec<(String, Value)>)>,
}

/// Subschemas with references to missing documents, by address.
type Holes = HashMap<usize, Hole>;

/// What is left of a subschema whose reference leads to a missing document.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Hole {
    /// Nothing: up to draft 7 a `$ref` is all there is.
    Whole,
    /// Everything but these keywords.
    Keywords(Vec<&'static str>),
}

/// Keywords whose value is one subschema.
const SINGLE: [(&str, Role); 11] = [
    ("not", Role::InPlace),
    ("if", Role::InPlace),
    ("then", Role::InPlace),
    ("else", Role::InPlace),
    ("additionalProperties", Role::OtherMember),
    ("unevaluatedProperties", Role::OtherMember),
    ("propertyNames", Role::OtherMember),
    ("items", Role::OtherItem),
    ("additionalItems", Role::OtherItem),
    ("unevaluatedItems", Role::OtherItem),
    ("contains", Role::EveryItem),
];
/// Keywords whose value is a list of subschemas.
const LISTS: [(&str, Role); 5] = [
    ("allOf", Role::InPlace),
    ("anyOf", Role::InPlace),
    ("oneOf", Role::InPlace),
    ("prefixItems", Role::Item),
    ("items", Role::Item),
];
/// Keywords whose value is an object of subschemas.
const NAMED: [(&str, Role); 4] = [
    ("properties", Role::Member),
    ("patternProperties", Role::MatchingMember),
    ("dependentSchemas", Role::InPlace),
    ("dependencies", Role::InPlace),
];
const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

/// The subschemas in a schema, with where they stand in it. Keywords of all drafts count: one that
/// this draft ignores is counted too much, never too little.
fn subschemas(schema: &Map<String, Value>) -> Vec<(Role, String, &Value)> {
    let mut found = Vec::new();
    for (keyword, role) in SINGLE {
        if let Some(sub) = schema.get(keyword).filter(|sub| is_schema(sub)) {
            found.push((role, format!("/{keyword}"), sub));
        }
    }
    for (keyword, role) in LISTS {
        let list = schema
            .get(keyword)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .enumerate();
        found.extend(
            list.filter(|(_, sub)| is_schema(sub))
                .map(|(i, sub)| (role, format!("/{keyword}/{i}"), sub)),
        );
    }
    for (keyword, role) in NAMED {
        let named = schema
            .get(keyword)
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        let named = named.filter(|(_, sub)| is_schema(sub));
        found.extend(
            named.map(|(name, sub)| (role, format!("/{keyword}/{}", escape_token(name)), sub)),
        );
    }
    found
}

fn is_schema(value: &Value) -> bool {
    value.is_object() || value.is_boolean()
}

/// A schema at `base`, and the documents that it leads to.
pub(super) fn registry<'a>(
    schema: &'a Value,
    draft: Draft,
    base: &str,
    shelf: &Shelf,
) -> Result<Registry<'a>, ReferencingError> {
    Registry::new()
        .retriever(shelf.clone())
        .draft(draft)
        .retrieve_known_draft_meta_schemas(false)
        .add(base, draft.create_resource_ref(schema))?
        .prepare()
}

/// Walks the schema at `base`. References to documents that are not in `missing` must resolve.
pub(super) fn walk(
    schema: &Value,
    draft: Draft,
    base: &str,
    shelf: &Shelf,
) -> Result<Graph, Refusal> {
    let mut graph = Graph::default();
    let unusable = |at: &str, error: &ReferencingError| {
        let hint = "Correct the reference, or add what it names under `$defs` (`definitions` up to draft 7).";
        invalid(at, describe(error), hint)
    };
    let registry = registry(schema, draft, base, shelf).map_err(|error| unusable("", &error))?;
    let asked = shelf.asked();
    let mut holes = Holes::new();
    let base = jsonschema::uri::from_str(base).map_err(|error| unusable("/$id", &error))?;

    // A subschema is met once for each chain of resources that leads to it, as the engine compiles
    // it: what a dynamic reference means depends on that chain.
    let mut known: HashMap<(usize, String), usize> = HashMap::new();
    let mut open = vec![(0, schema, registry.resolver(base.clone()), draft)];
    graph.parts.push(Part {
        at: String::new(),
        edges: Vec::new(),
        unevaluated: false,
    });
    while let Some((part, contents, resolver, draft)) = open.pop() {
        let Value::Object(keywords) = contents else {
            continue;
        };
        let at = graph
            .parts
            .get(part)
            .map(|part| part.at.clone())
            .unwrap_or_default();
        let mut targets = Vec::new();
        for keyword in REFERENCES {
            let Some(reference) = keywords.get(keyword).and_then(Value::as_str) else {
                continue;
            };
            let here = format!("{at}/{keyword}");
            let document = reference.split('#').next().unwrap_or_default();
            let document = resolver.resolve_uri(&resolver.base_uri().borrow(), document);
            let document = document.map_err(|error| unusable(&here, &error))?;
            let missing = document.as_str().trim_end_matches('#');
            let found = match keyword {
                _ if asked.missing.contains(missing) => None,
                "$recursiveRef" => Some(resolver.lookup_recursive_ref()),
                _ => Some(resolver.lookup(reference)),
            };
            // The engine has the meta-schemas of one draft at a time, and asks for no others.
            if matches!(
                found,
                None | Some(Err(ReferencingError::Unretrievable { .. }))
            ) {
                shelf.miss(missing);
                let hole = holes.entry(std::ptr::from_ref(contents).addr());
                match hole.or_insert_with(|| Hole::Keywords(Vec::new())) {
                    Hole::Keywords(keywords) if draft > Draft::Draft7 => keywords.push(keyword),
                    hole => *hole = Hole::Whole,
                }
                continue;
            }
            let Some(found) = found else { continue };
            let (target, resolver, draft) =
                found.map_err(|error| unusable(&here, &error))?.into_inner();
            if !is_schema(target) {
                let why = format!(
                    "the reference {} leads to something that is not a schema",
                    quoted(reference)
                );
                return Err(invalid(
                    &here,
                    why,
                    "A reference must lead to an object or a boolean.",
                ));
            }
            let fragment = reference
                .split_once('#')
                .map_or("", |(_, fragment)| fragment);
            let own = *resolver.base_uri() == base;
            let at = match (own, fragment.starts_with('/') || fragment.is_empty()) {
                (true, true) => fragment.to_owned(),
                (true, false) => format!("#{fragment}"),
                (false, _) => format!(
                    "{}#{fragment}",
                    resolver.base_uri().as_str().trim_start_matches(NO_BASE)
                ),
            };
            targets.push((Role::InPlace, at, target, resolver, draft));
        }
        // Up to draft 7 nothing beside a `$ref` counts.
        let only_reference = draft <= Draft::Draft7 && keywords.contains_key("$ref");
        if !only_reference {
            patterns(keywords, &at, &mut graph.patterns)?;
            for (role, suffix, sub) in subschemas(keywords) {
                let draft = draft.detect(sub);
                let at = format!("{at}{suffix}");
                let resolver = resolver.in_subresource(draft.create_resource_ref(sub));
                targets.push((
                    role,
                    at.clone(),
                    sub,
                    resolver.map_err(|error| unusable(&at, &error))?,
                    draft,
                ));
            }
        }
        let mut edges = Vec::with_capacity(targets.len());
        for (role, at, target, resolver, draft) in targets {
            let scope = resolver.dynamic_scope();
            let resources = scope.iter().map(jsonschema::Uri::as_str);
            let Some(chain) = chain(resolver.base_uri().as_str(), resources) else {
                return Err(too_costly(
                    bounds::PARTS as u64 + 1,
                    bounds::PARTS as u64,
                    at,
                ));
            };
            let key = (std::ptr::from_ref(target).addr(), chain);
            let next = graph.parts.len();
            let index = *known.entry(key).or_insert(next);
            if index == next {
                if next >= bounds::PARTS {
                    return Err(too_costly(next as u64 + 1, bounds::PARTS as u64, at));
                }
                graph.parts.push(Part {
                    at,
                    edges: Vec::new(),
                    unevaluated: false,
                });
                open.push((index, target, resolver, draft));
            }
            edges.push((role, index));
        }
        if let Some(part) = graph.parts.get_mut(part) {
            part.edges = edges;
            part.unevaluated = !only_reference
                && ["unevaluatedProperties", "unevaluatedItems"]
                    .iter()
                    .any(|k| keywords.contains_key(*k));
        }
    }
    if !holes.is_empty() {
        let served = asked.served.into_iter().filter_map(|id| {
            let resolved = registry
                .resolver(jsonschema::uri::from_str(&id).ok()?)
                .lookup("#")
                .ok()?;
            let document = filled(resolved.contents(), &holes);
            Some((id, document))
        });
        graph.filled = Some((filled(schema, &holes), served.collect()));
    }
    Ok(graph)
}

/// The resources that lead to a subschema, from the innermost, each where it was first entered:
/// what comes again changes no dynamic reference. Nothing if there are too many.
fn chain<'a>(base: &str, scope: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut entered: Vec<&str> = Vec::new();
    for uri in scope {
        entered.retain(|known| *known != uri);
        entered.push(uri);
        if entered.len() > bounds::RESOURCES_ON_A_PATH {
            return None;
        }
    }
    Some(
        entered
            .into_iter()
            .fold(base.to_owned(), |chain, uri| chain + " " + uri),
    )
}

/// Compiles the patterns of one subschema.
fn patterns(
    keywords: &Map<String, Value>,
    at: &str,
    patterns: &mut Patterns,
) -> Result<(), Refusal> {
    if let Some(pattern) = keywords.get("pattern").and_then(Value::as_str) {
        patterns.add(pattern, &format!("{at}/pattern"))?;
    }
    let named = keywords.get("patternProperties").and_then(Value::as_object);
    let mut price = 0u64;
    for pattern in named.into_iter().flat_map(Map::keys) {
        let at = format!("{at}/patternProperties/{}", escape_token(pattern));
        price = price.saturating_add(patterns.add(pattern, &at)?);
    }
    patterns.note_names(price);
    Ok(())
}

pub(super) fn too_costly(cost: u64, limit: u64, at: String) -> Refusal {
    Refusal::SchemaTooCostly { cost, limit, at }
}

fn describe(error: &ReferencingError) -> String {
    match error {
        ReferencingError::PointerToNowhere { pointer } => {
            format!(
                "the reference leads to {}, where there is nothing",
                quoted(pointer)
            )
        }
        ReferencingError::NoSuchAnchor { anchor } | ReferencingError::InvalidAnchor { anchor } => {
            format!(
                "the reference leads to the anchor {}, which does not exist",
                quoted(anchor)
            )
        }
        ReferencingError::InvalidUri(_) => "it is not a valid URI reference".to_owned(),
        other => quoted(&other.to_string()),
    }
}

/// A copy of a document in which what refers to missing documents accepts everything.
fn filled(value: &Value, holes: &Holes) -> Value {
    let hole = holes.get(&std::ptr::from_ref(value).addr());
    match (value, hole) {
        (_, Some(Hole::Whole)) => json!({}),
        (Value::Object(members), hole) => {
            let gone =
                |name: &str| matches!(hole, Some(Hole::Keywords(gone)) if gone.contains(&name));
            let kept = members.iter().filter(|(name, _)| !gone(name));
            Value::Object(
                kept.map(|(name, member)| (name.clone(), filled(member, holes)))
                    .collect(),
            )
        }
        (Value::Array(items), _) => items.iter().map(|item| filled(item, holes)).collect(),
        (scalar, _) => scalar.clone(),
    }
}
