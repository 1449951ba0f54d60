//! How much a schema asks for, reckoned before it is used.
//!
//! The cost of a schema is the greatest number of subschema applications that one path through a
//! payload, from its root down to one leaf, can cause, recursion counted once:
//!
//! - A subschema costs 1, plus all subschemas that it applies to the same value (`$ref`, `allOf`,
//!   `anyOf`, `oneOf`, `not`, `if`, `then`, `else`, dependencies), because each of them may run.
//! - It costs further what it applies to the dearest member or item. Of the members only one lies
//!   on the path, so `properties` count by their maximum and not by their sum: a schema with many
//!   members is large, not costly. Schemas that apply to the same member or item (`properties` with
//!   each of `patternProperties`, `items` with `contains`) count together.
//! - `unevaluatedProperties` and `unevaluatedItems` apply the other subschemas again.
//! - A member or item that leads back into the schemas it came from (recursion) counts 1. What
//!   recursion multiplies depends on the payload, and is bounded by the check's own meter.
//!
//! So doubling, in place or from level to level, counts with its power, while real schemas stay
//! far below the limit. Members and items within recursion are the only edges left out, which
//! makes the rest free of cycles: every cost is computed once, in linear time, from the bottom up,
//! and the first subschema above the limit is the one that is named. A cycle in place, which would
//! never look at a smaller value, is no usable schema.

use super::invalid;
use super::refs::{Graph, Part, Role, too_costly};
use crate::domain::refusal::Refusal;
use crate::limits;
use crate::limits::schema as bounds;

/// What a schema asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cost {
    /// Subschema applications, as the module says.
    pub(super) applications: u64,
    /// Applications that finding out what was evaluated takes.
    marking: u64,
    /// Subschemas that are applied to one value inside each other, anywhere in the schema.
    pub(super) nesting: u32,
    /// The same, beginning with this subschema.
    own_nesting: u32,
}

/// Reckons the cost of a schema, or refuses it.
pub(super) fn reckon(graph: &Graph) -> Result<Cost, Refusal> {
    let groups = groups(&graph.parts);
    let group = |part: usize| groups.get(part).copied().unwrap_or_default();
    let mut costs: Vec<Option<Cost>> = vec![None; graph.parts.len()];
    let mut on_path = vec![false; graph.parts.len()];
    let mut path: Vec<(usize, usize)> = vec![(0, 0)];
    while let Some((part, next)) = path.last_mut() {
        let (index, edge) = (*part, *next);
        *next += 1;
        let Some(part) = graph.parts.get(index) else {
            break;
        };
        set(&mut on_path, index, true);
        match part.edges.get(edge) {
            Some((role, target)) if !recurs(*role, group(index), group(*target)) => {
                if on_path.get(*target) == Some(&true) {
                    return Err(invalid(
                        &part.at,
                        "it applies itself to the same value, without a step into a member or an item".to_owned(),
                        "Put the reference under properties, items or another keyword that steps into the value.",
                    ));
                }
                if costs.get(*target).is_some_and(Option::is_none) {
                    path.push((*target, 0));
                }
            }
            Some(_) => {}
            None => {
                let cost = of(part, |role, target| {
                    if recurs(role, group(index), group(target)) {
                        Cost {
                            applications: 1,
                            ..Cost::default()
                        }
                    } else {
                        costs.get(target).copied().flatten().unwrap_or_default()
                    }
                });
                if cost.applications > limits::SCHEMA_COST {
                    return Err(too_costly(
                        cost.applications,
                        limits::SCHEMA_COST,
                        part.at.clone(),
                    ));
                }
                if cost.own_nesting > bounds::NESTING {
                    return Err(invalid(
                        &part.at,
                        format!(
                            "more than {} subschemas apply to one value inside each other",
                            bounds::NESTING
                        ),
                        "Shorten the chain of $ref, allOf, anyOf, oneOf and not.",
                    ));
                }
                set(&mut costs, index, Some(cost));
                set(&mut on_path, index, false);
                path.pop();
            }
        }
    }
    let nesting = costs
        .iter()
        .flatten()
        .map(|cost| cost.own_nesting)
        .max()
        .unwrap_or(1);
    let root = costs.first().copied().flatten().unwrap_or_default();
    Ok(Cost { nesting, ..root })
}

fn set<T>(list: &mut [T], index: usize, value: T) {
    if let Some(slot) = list.get_mut(index) {
        *slot = value;
    }
}

/// Whether an edge leads back to where it came from, one level down.
fn recurs(role: Role, from: usize, to: usize) -> bool {
    role.steps_down() && from == to
}

/// The cost of one subschema from the costs of those that it applies.
fn of(part: &Part, cost_of: impl Fn(Role, usize) -> Cost) -> Cost {
    let (mut in_place, mut marking, mut nesting) = (0u64, 0u64, 0);
    let (mut member, mut matching, mut other_member) = (0u64, 0u64, 0u64);
    let (mut item, mut every_item) = (0u64, 0u64);
    for (role, target) in &part.edges {
        let cost = cost_of(*role, *target);
        let applications = cost.applications;
        match role {
            Role::InPlace => {
                in_place = in_place.saturating_add(applications);
                marking = marking
                    .saturating_add(applications)
                    .saturating_add(cost.marking);
                nesting = nesting.max(cost.own_nesting);
            }
            Role::Member => member = member.max(applications),
            Role::MatchingMember => matching = matching.saturating_add(applications),
            Role::OtherMember => other_member = other_member.max(applications),
            Role::Item | Role::OtherItem => item = item.max(applications),
            Role::EveryItem => every_item = every_item.saturating_add(applications),
        }
    }
    let down = member
        .saturating_add(matching)
        .max(other_member)
        .max(item.saturating_add(every_item));
    let again = if part.unevaluated { marking } else { 0 };
    Cost {
        applications: 1u64
            .saturating_add(in_place)
            .saturating_add(again)
            .saturating_add(down),
        marking,
        nesting: 0,
        own_nesting: nesting + 1,
    }
}

/// Gives each part the number of its group: two parts are in one group if each leads to the other
/// (strongly connected components, Tarjan's algorithm without recursion).
fn groups(parts: &[Part]) -> Vec<usize> {
    const NONE: usize = usize::MAX;
    let at = |list: &[usize], i: usize| list.get(i).copied().unwrap_or(NONE);
    let mut group = vec![NONE; parts.len()];
    let mut order = vec![NONE; parts.len()];
    let mut low = vec![NONE; parts.len()];
    let (mut met, mut closed) = (0, 0);
    let mut waiting = Vec::new();
    // Everything is reached from the root.
    let mut path: Vec<(usize, usize)> = vec![(0, 0)];
    while let Some((index, next)) = path.last_mut() {
        let (index, edge) = (*index, *next);
        *next += 1;
        if edge == 0 {
            set(&mut order, index, met);
            set(&mut low, index, met);
            met += 1;
            waiting.push(index);
        }
        match parts.get(index).and_then(|part| part.edges.get(edge)) {
            Some((_, target)) if at(&order, *target) == NONE => path.push((*target, 0)),
            Some((_, target)) if at(&group, *target) == NONE => {
                let lowest = at(&low, index).min(at(&order, *target));
                set(&mut low, index, lowest);
            }
            Some(_) => {}
            None => {
                path.pop();
                if at(&low, index) == at(&order, index) {
                    while let Some(member) = waiting.pop() {
                        set(&mut group, member, closed);
                        if member == index {
                            break;
                        }
                    }
                    closed += 1;
                }
                if let Some((parent, _)) = path.last() {
                    let lowest = at(&low, *parent).min(at(&low, index));
                    set(&mut low, *parent, lowest);
                }
            }
        }
    }
    group
}
