//! What an event may have to do with: what it is about, and its unit.

use std::collections::BTreeMap;

use crate::correlate::key::{KeyKind, Role};
use crate::domain::unit::Unit;
use crate::limits;

use super::known::Wanted;
use super::node::{Roles, SubjectTie};
use super::owners::Owners;
use super::search::{Bucket, Search};

impl Search {
    /// The units of what was found to belong together, and where the first event of each is recorded.
    pub(super) fn units(&mut self) -> Vec<(Unit, i64)> {
        self.bonds.settle_rest(&mut self.known);
        let owners = Owners::find(self);
        let mut units: BTreeMap<Unit, (usize, i64)> = BTreeMap::new();
        for seq in owners.members() {
            let node = self.known.node(seq);
            let Some(node) = node.filter(|node| !node.has_own_unit) else {
                continue;
            };
            let known = units.entry(node.event.unit.clone()).or_insert((0, seq));
            known.0 += 1;
            known.1 = known.1.min(seq);
        }
        let mut units: Vec<(Unit, (usize, i64))> = units.into_iter().collect();
        units.sort_by(|(one, (most, _)), (other, (least, _))| least.cmp(most).then(one.cmp(other)));
        if units.len() > limits::WALK_UNITS {
            units.truncate(limits::WALK_UNITS);
        }
        units
            .into_iter()
            .map(|(unit, (_, first))| (unit, first))
            .collect()
    }

    /// Whether all events of a unit were read.
    pub(super) fn is_whole(&self, bucket: &Bucket) -> bool {
        let (before, after) = self.bucket_sides;
        let of_unit = self
            .known
            .nodes()
            .filter(|node| node.event.unit == bucket.unit);
        let (mut older, mut newer) = (0, 0);
        for node in of_unit {
            if node.seq() < bucket.around {
                older += 1;
            } else {
                newer += 1;
            }
        }
        older < before && newer < after && !self.known.truncated().any(|why| why == "events")
    }

    /// Wants what an event may have to do with, by what it is about.
    pub(super) fn want_weak(&mut self, seq: i64, backward: bool) {
        let depth = self.known.depth(seq);
        let steps = self.known.limits().weak_steps;
        let Some(node) = self.known.node(seq) else {
            return;
        };
        let has_steps = depth < steps;
        let mut edges = Vec::new();
        for edge in &node.edges {
            let roles = match edge.kind {
                KeyKind::Event if edge.role == Role::Own || edge.role == Role::Relation => {
                    edges.push((edge.clone(), Roles::RELATION, depth));
                    continue;
                }
                KeyKind::Digest | KeyKind::Artifact => Roles::ARTIFACT,
                // From a commit back to all runs that were made from it is no way.
                KeyKind::Commit | KeyKind::Resource if backward => Roles::ALL,
                KeyKind::Commit | KeyKind::Resource => Roles::OWN,
                _ => continue,
            };
            edges.push((edge.clone(), roles, depth + 1));
        }
        let mut subjects: Vec<(SubjectTie, Roles)> = Vec::new();
        for tie in &node.subjects {
            let roles = match tie.role {
                Role::Own if tie.is_source() && backward => Roles::ALL,
                Role::Own if tie.is_source() => Roles::OWN,
                Role::Own => Roles::ALL.without(Roles::MEMBER).with(Roles::OWN),
                Role::Member => continue,
                _ => Roles::OWN,
            };
            subjects.push((tie.clone(), roles));
        }
        for (edge, roles, depth) in edges {
            if has_steps || edge.kind == KeyKind::Event {
                self.known.want_edge(&edge, roles, depth);
            }
        }
        if !has_steps {
            return;
        }
        for (tie, roles) in subjects {
            let keys = [tie.identity, Some(tie.anywhere).filter(|_| backward)];
            for key in keys.into_iter().flatten() {
                let wanted = Wanted {
                    key,
                    kind: KeyKind::Subject,
                    text: &tie.shown,
                    bulk: false,
                };
                self.known.want(wanted, roles, depth + 1);
            }
        }
    }
}
