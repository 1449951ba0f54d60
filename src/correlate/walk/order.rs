//! The order of a run's events.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::limits;

use super::node::Node;
use super::search::SECOND;

/// By time, then by what comes first in a life, then by source, id and position. Within one subject the
/// life wins where it contradicts the clock by little: machines that report one thing are seldom more
/// than minutes apart, and a run does not start before it waits.
pub(super) fn sort(nodes: &mut [&Node]) {
    let times = times(nodes);
    let time = |node: &Node| times.get(&node.seq()).copied().unwrap_or(node.at);
    nodes.sort_by(|one, other| {
        time(one)
            .cmp(&time(other))
            .then_with(|| one.rank().cmp(&other.rank()))
            .then_with(|| by_name(one, other))
    });
}

fn by_name(one: &Node, other: &Node) -> Ordering {
    let name = |node: &Node| (node.facts().source.clone(), node.facts().id.clone());
    name(one)
        .cmp(&name(other))
        .then(one.seq().cmp(&other.seq()))
}

/// The events of one life of a subject: where a predicate comes again, another life begins.
#[derive(Default)]
struct Life<'a> {
    events: Vec<&'a Node>,
}

impl Life<'_> {
    fn has(&self, predicate: &str) -> bool {
        let mut events = self.events.iter();
        events.any(|node| node.facts().predicate == predicate)
    }
}

/// The instants to sort events by, where they are not their own.
fn times(nodes: &[&Node]) -> BTreeMap<i64, i64> {
    let mut subjects: BTreeMap<_, Vec<&Node>> = BTreeMap::new();
    for node in nodes {
        if let Some(own) = node.own().filter(|own| own.is_execution()) {
            let key = own.identity.unwrap_or(own.anywhere);
            subjects.entry(key).or_default().push(node);
        }
    }
    let mut times = BTreeMap::new();
    for mut events in subjects.into_values() {
        events.sort_by(|one, other| {
            (one.at, one.rank())
                .cmp(&(other.at, other.rank()))
                .then_with(|| by_name(one, other))
        });
        let mut life = Life::default();
        for node in events {
            if life.has(&node.facts().predicate) {
                settle(&life, &mut times);
                life = Life::default();
            }
            life.events.push(node);
        }
        settle(&life, &mut times);
    }
    times
}

/// An event is put before what comes later in life and was reported a little earlier.
fn settle(life: &Life<'_>, times: &mut BTreeMap<i64, i64>) {
    let most = limits::WALK_CLOCK_SECONDS * SECOND;
    for node in &life.events {
        let later = life.events.iter().filter(|later| {
            let by = node.at.saturating_sub(later.at);
            later.rank() > node.rank() && (1..=most).contains(&by)
        });
        if let Some(first) = later.map(|later| later.at).min() {
            times.insert(node.seq(), first);
        }
    }
}
