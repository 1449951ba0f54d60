//! What is about the same unit, at the time of a run: the last resort, where no chain says more. Only
//! units that a sender gave count; those that are made of what an event is about say nothing more.
//!
//! A unit is what a gate passes for, and people reuse it: every nightly build of a branch may be the
//! same unit. So nothing is taken because of its unit alone. The events of a unit are first put
//! together by everything else that they say; what then names a pipelineRun is that run's. The rest
//! goes by time to the last run that had begun, and to none where several were going on.

use std::collections::{BTreeMap, BTreeSet};

use crate::correlate::run::Confidence;

use super::node::{Node, SubjectTie};
use super::owners::{Head, LEAD, Owners, Place, Standing, by_time};
use super::search::{Bucket, span};

/// What is to be given to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    /// A build and what belongs to it.
    Build(usize),
    Group(i64),
    Source(i64),
}

impl Owners<'_> {
    /// Gives what the units that were looked at hold to the runs among them.
    pub(super) fn slice_units(&mut self) {
        let search = self.search;
        for bucket in &search.buckets {
            self.slice_unit(bucket);
        }
    }

    fn slice_unit(&mut self, bucket: &Bucket) {
        let known = &self.search.known;
        let mut inside: BTreeMap<Place, Vec<&Node>> = BTreeMap::new();
        let of_unit = known.nodes().filter(|node| node.event.unit == bucket.unit);
        for node in of_unit.filter(|node| !node.has_own_unit) {
            if let Some(place) = self.place(node.seq()) {
                inside.entry(place).or_default().push(node);
            }
        }
        let is_build = |owner: usize| {
            let head = self.list.get(owner).map(|owner| owner.head);
            matches!(head, Some(Head::Build(_)))
        };
        let owners = || {
            inside.iter().filter_map(|(place, nodes)| match place {
                Place::Owner(owner) => Some((*owner, nodes)),
                _ => None,
            })
        };
        let has_runs = owners().any(|(owner, _)| !is_build(owner));
        let mut runs: Vec<(usize, i64, i64)> = Vec::new();
        let mut items: BTreeMap<Item, Vec<&Node>> = BTreeMap::new();
        for (owner, nodes) in owners() {
            if has_runs && is_build(owner) {
                items.insert(Item::Build(owner), nodes.clone());
                continue;
            }
            // A run lasts as long as its own events do; what came of it later is no part of that.
            let core: BTreeSet<i64> = self
                .list
                .get(owner)
                .into_iter()
                .flat_map(|o| o.core.iter().copied())
                .collect();
            let own = nodes.iter().filter(|node| core.contains(&node.seq()));
            let (from, to) = span(own.copied());
            if from <= to {
                runs.push((owner, from, to));
            }
        }
        for (place, nodes) in &inside {
            match place {
                Place::Group(group) => items.insert(Item::Group(*group), nodes.clone()),
                Place::Source(root) => items.insert(Item::Source(*root), nodes.clone()),
                Place::Owner(_) => None,
            };
        }
        if runs.is_empty() {
            self.unite_unit(items.keys());
            return;
        }
        let is_sole = runs.len() == 1 && self.search.is_whole(bucket);
        let mut found = Vec::new();
        for (item, nodes) in items {
            let standing = match item {
                Item::Source(root) if self.has_takers(root) => continue,
                Item::Source(_) => source_by_time(&runs, &nodes),
                _ => {
                    // Builds and tests begin while their run goes on; it may be over when an artifact is
                    // signed or deployed.
                    let mut nodes = nodes.into_iter();
                    let begins = nodes
                        .clone()
                        .any(|node| node.own().is_some_and(SubjectTie::is_execution));
                    let grace = if begins { 0 } else { LEAD };
                    by_time(runs.iter().copied(), Self::time_of(&mut nodes), grace)
                }
            };
            let Some(mut standing) = standing else {
                continue;
            };
            if let Standing::Owned(owner, confidence) = &mut standing {
                let head = self.list.get(*owner).map(|owner| owner.head);
                if matches!(head, Some(Head::Chain(_))) {
                    // What is part of a chain says so.
                    standing = Standing::Unclear(BTreeSet::from([*owner]));
                } else if is_sole {
                    *confidence = Confidence::Medium;
                }
            }
            found.push((item, standing));
        }
        for (item, standing) in found {
            match item {
                Item::Build(owner) => {
                    self.part_of.insert(owner, standing);
                }
                Item::Group(root) | Item::Source(root) => {
                    self.of.insert(root, standing);
                }
            }
        }
    }

    /// Where a unit has no run, its events are what there is of one.
    fn unite_unit<'b>(&mut self, items: impl Iterator<Item = &'b Item>) {
        let mut first = None;
        for item in items {
            if let Item::Group(root) = item {
                let first = *first.get_or_insert(*root);
                self.groups.unite(first, *root);
            }
        }
    }
}

/// A change belongs to the run that started just after it. One that was merged while a run was going
/// on, or long before the next one, may belong to any.
fn source_by_time(runs: &[(usize, i64, i64)], nodes: &[&Node]) -> Option<Standing> {
    let (_, at) = span(nodes.iter().copied());
    let near = runs
        .iter()
        .filter(|(_, from, _)| from.saturating_sub(at).saturating_abs() <= LEAD);
    let near: BTreeSet<usize> = near.map(|(owner, ..)| *owner).collect();
    match near.first() {
        Some(only) if near.len() == 1 => Some(Standing::Owned(*only, Confidence::Low)),
        Some(_) => Some(Standing::Unclear(near)),
        None => None,
    }
}
