//! The run as it is told: which events, why each of them, and what is to be said of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::correlate::key::{KeyKind, LinkKey, folded};
use crate::correlate::run::{Confidence, Member, Method, Remark, Run};
use crate::domain::run::RunName;
use crate::domain::text::quoted;
use crate::limits;

use super::node::{Node, Roles};
use super::order;
use super::owners::{Owners, Standing};
use super::related::shown;
use super::vias::{Vias, ties_of};

/// What the answer is asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Wish {
    /// The event that was asked about.
    pub(super) anchor: Option<i64>,
    /// The pipelineRun that was asked about: its id, and its source if that was said.
    pub(super) run: Option<(String, Option<String>)>,
}

/// The run that a search found; `None` if it found nothing.
pub(super) fn run(owners: &Owners<'_>, wish: &Wish) -> Option<Run> {
    let known = &owners.search.known;
    let mut members = owners.members();
    if members.is_empty() {
        return None;
    }
    let mut remarks = Vec::new();
    let foreign = cross_chain(owners, &members);
    if !foreign.is_empty() {
        let detail = "linked with events of another chain".to_owned();
        remarks.push(remark("cross_chain", detail, foreign.iter().copied()));
    }
    members.extend(&foreign);
    let repeated = repeated(owners, &members);
    let (copies, mut found) = (repeated.copies, repeated.remarks);
    remarks.append(&mut found);

    let mut nodes: Vec<&Node> = members.iter().filter_map(|seq| known.node(*seq)).collect();
    order::sort(&mut nodes);
    let first = nodes.iter().find(|node| !node.is_link()).or(nodes.first());
    let anchor = wish.anchor.filter(|anchor| members.contains(anchor));
    let root = anchor.or(first.map(|node| node.seq()))?;
    let places: BTreeMap<i64, usize> = nodes
        .iter()
        .enumerate()
        .map(|(place, node)| (node.seq(), place))
        .collect();
    let mut vias = Vias::find(owners, &places, root);

    let mut truncated: BTreeSet<&'static str> = known.truncated().collect();
    let most = known.limits().events;
    let is_shown = |node: &&&Node| !copies.contains(&node.seq());
    let events = nodes.iter().filter(|node| !node.is_link());
    let mut kept: Vec<&Node> = events.filter(is_shown).copied().collect();
    if kept.len() > most {
        truncated.insert("events");
        // Those that are closest to where it was asked from.
        kept.sort_by_key(|node| (vias.rank(node.seq()), node.seq()));
        kept.truncate(most);
        kept.sort_by_key(|node| places.get(&node.seq()).copied());
    }
    let kept_seqs: BTreeSet<i64> = kept.iter().map(|node| node.seq()).collect();

    let beside = owners.beside(&members);
    remarks.extend(references(owners, &kept_seqs));
    remarks.extend(dangling(owners, &kept));
    if !beside.ambiguous.is_empty() {
        let detail = ambiguity(owners);
        remarks.push(remark(
            "ambiguous",
            detail,
            beside.ambiguous.iter().copied(),
        ));
    }
    if beside.left_out > 0 {
        let detail = format!("{} more events touch it", beside.left_out);
        remarks.push(remark("related_left_out", detail, []));
    }
    let name = name(owners, &kept, wish, &mut remarks);

    let chain = owners.search.bonds.chain;
    let kept: Vec<Member> = kept
        .into_iter()
        .map(|node| Member {
            via: vias.take(node.seq(), foreign.contains(&node.seq())),
            event: node.event.clone(),
        })
        .collect();
    let method = method(&kept, chain.is_some(), name.is_some());
    let worst = kept.iter().map(|member| member.via.confidence).max();
    let mut confidence = worst.unwrap_or(Confidence::Low);
    if !beside.ambiguous.is_empty() || method == Method::Single {
        confidence = Confidence::Low;
    }
    Some(Run {
        name,
        method,
        confidence,
        members: kept,
        links: nodes
            .iter()
            .filter(|node| node.is_link())
            .map(|node| node.event.clone())
            .collect(),
        related: beside.related,
        remarks,
        truncated: truncated.into_iter().collect(),
        hubs: known.hubs(),
    })
}

pub(super) fn remark(
    code: &'static str,
    detail: String,
    events: impl IntoIterator<Item = i64>,
) -> Remark {
    Remark {
        code,
        detail,
        events: events.into_iter().take(limits::WALK_REMARKED).collect(),
    }
}

/// Events of other chains that follow from events of the run or are parts of it, or the other way.
fn cross_chain(owners: &Owners<'_>, members: &BTreeSet<i64>) -> BTreeSet<i64> {
    let touches = owners.search.bonds.touches();
    let said = touches.filter(|touch| touch.is_said && members.contains(&touch.native));
    said.map(|touch| touch.foreign).collect()
}

struct Repeated {
    /// Records that are left out, because the same event is there.
    copies: BTreeSet<i64>,
    remarks: Vec<Remark>,
}

/// Events that were recorded twice count once; other events with the same source and id count.
fn repeated(owners: &Owners<'_>, members: &BTreeSet<i64>) -> Repeated {
    let known = &owners.search.known;
    let mut by_id: BTreeMap<(Option<&str>, &str), Vec<&Node>> = BTreeMap::new();
    let mut again = BTreeSet::new();
    for node in members.iter().filter_map(|seq| known.node(*seq)) {
        let facts = node.facts();
        if node.event.repeats > 0 {
            again.insert(node.seq());
        }
        if let Some(id) = facts.id.as_deref().filter(|_| !node.is_link()) {
            let source = facts.source.as_deref();
            by_id.entry((source, id)).or_default().push(node);
        }
    }
    let mut found = Repeated {
        copies: BTreeSet::new(),
        remarks: Vec::new(),
    };
    for ((_, id), nodes) in by_id {
        let mut contents: BTreeMap<[u8; 32], i64> = BTreeMap::new();
        for node in nodes {
            match contents.get(&node.event.payload_digest) {
                Some(first) => {
                    again.extend([*first, node.seq()]);
                    found.copies.insert(node.seq());
                }
                None => {
                    contents.insert(node.event.payload_digest, node.seq());
                }
            }
        }
        if contents.len() > 1 {
            let detail = format!("source and id {} with different contents", quoted(id));
            let mut seqs: Vec<i64> = contents.into_values().collect();
            seqs.sort_unstable();
            found.remarks.push(remark("id_conflict", detail, seqs));
        }
    }
    if !again.is_empty() {
        let detail = "the same event came more than once and counts once".to_owned();
        found
            .remarks
            .insert(0, remark("duplicate_event", detail, again));
    }
    found
}

/// References that may mean several things.
fn references(owners: &Owners<'_>, members: &BTreeSet<i64>) -> Vec<Remark> {
    let mut by_text: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for (seq, text) in &owners.search.bonds.unclear {
        if members.contains(seq) {
            by_text.entry(text).or_default().push(*seq);
        }
    }
    let remarks = by_text.into_iter().map(|(text, seqs)| {
        let detail = format!("{} may mean several", quoted(text));
        remark("ambiguous_reference", detail, seqs)
    });
    remarks.collect()
}

/// Links to events that are not recorded.
fn dangling(owners: &Owners<'_>, members: &[&Node]) -> Vec<Remark> {
    let known = &owners.search.known;
    let mut by_key: BTreeMap<LinkKey, (&str, Vec<i64>)> = BTreeMap::new();
    for node in members {
        for edge in &node.edges {
            let leads = Roles::PATH.with(Roles::RELATION).without(Roles::OWN);
            let is_event = edge.kind == KeyKind::Event;
            if is_event
                && leads.holds(edge.role)
                && known.is_followed(edge.key)
                && !known.is_owned(edge.key)
            {
                let entry = by_key.entry(edge.key).or_insert((&edge.text, Vec::new()));
                entry.1.push(node.seq());
            }
        }
    }
    let remarks = by_key.into_values().map(|(text, seqs)| {
        let detail = format!("event {} is not recorded", quoted(text));
        remark("dangling_link", detail, seqs)
    });
    remarks.collect()
}

/// What cannot be told apart.
fn ambiguity(owners: &Owners<'_>) -> String {
    let mut runs: BTreeSet<usize> = BTreeSet::new();
    let core = owners.core.and_then(|core| owners.standing(core));
    for root in owners.atoms.keys() {
        if let Some(Standing::Unclear(some)) = owners.standing(*root) {
            let is_own = match &core {
                Some(Standing::Owned(owner, _)) => some.contains(owner),
                Some(Standing::Unclear(own)) => !own.is_disjoint(&some),
                None => false,
            };
            if is_own {
                runs.extend(some);
            }
        }
    }
    let names: BTreeSet<String> = runs
        .iter()
        .filter_map(|run| owners.label_of(*run))
        .collect();
    let first: Vec<String> = names.into_iter().take(5).collect();
    format!("may be part of {}", first.join(", "))
}

/// What names the run: the pipelineRun that was asked about, or that the event belongs to that was
/// asked about, or else the first; else the chain, else a build.
fn name(
    owners: &Owners<'_>,
    members: &[&Node],
    wish: &Wish,
    remarks: &mut Vec<Remark>,
) -> Option<RunName> {
    let bonds = &owners.search.bonds;
    let is_native = |node: &&&Node| bonds.is_native(node);
    let mut runs: BTreeMap<LinkKey, (i64, i64)> = BTreeMap::new();
    let mut build: Option<(i64, i64, String)> = None;
    let mut asked = None;
    for node in members.iter().filter(is_native) {
        for tie in &node.subjects {
            let Some(identity) = tie.identity else {
                continue;
            };
            let at = (node.at, node.seq());
            if tie.names("pipelinerun") {
                let first = runs.entry(identity).or_insert(at);
                *first = (*first).min(at);
                if wish.anchor == Some(node.seq()) {
                    asked = asked.or(Some(identity));
                }
            } else if tie.names("build") && node.is_flat() {
                let this = (node.at, node.seq(), tie.id.clone());
                if build.as_ref().is_none_or(|known| this < *known) {
                    build = Some(this);
                }
            }
        }
    }
    let by_name = wish.run.as_ref().and_then(|(id, source)| {
        let mut keys = runs.keys();
        keys.find(|key| {
            bonds.identities.get(key).is_some_and(|known| {
                folded(&known.id) == *id && (source.is_none() || known.source == *source)
            })
        })
    });
    let first = runs
        .iter()
        .min_by_key(|(key, at)| (**at, **key))
        .map(|(key, _)| *key);
    let chosen = by_name.copied().or(asked).or(first);
    if runs.len() > 1 {
        let others = runs.keys().filter(|key| Some(**key) != chosen);
        let names: Vec<String> = others
            .filter_map(|key| owners.named(*key))
            .take(5)
            .map(|name| shown(&name))
            .collect();
        let more = runs.len() - 1 - names.len();
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let detail = format!("it holds also {}{more}", names.join(", "));
        let seqs = runs
            .iter()
            .filter(|(key, _)| Some(**key) != chosen)
            .map(|(_, (_, seq))| *seq);
        remarks.push(remark("several_runs", detail, seqs));
    }
    let chain = || {
        let mut chains = members
            .iter()
            .filter(|node| node.chain.is_some() && bonds.is_native(node));
        chains.find_map(|node| node.facts().chain.as_deref())
    };
    chosen
        .and_then(|key| owners.named(key))
        .or_else(|| chain().map(|id| RunName::Chain(id.to_owned())))
        .or_else(|| build.map(|(_, _, id)| RunName::Build { id }))
}

/// The strongest tie that holds the run together; where the unit was needed, that is said instead.
fn method(members: &[Member], has_chain: bool, has_name: bool) -> Method {
    let has = |ties: &[&str]| {
        members
            .iter()
            .any(|member: &Member| ties.contains(&member.via.tie))
    };
    if has_chain {
        Method::Chain
    } else if has(&[ties_of::UNIT]) {
        Method::NvrppSlice
    } else if has(&ties_of::LINKS) {
        Method::Link
    } else if has(&ties_of::PARTS) {
        Method::Member
    } else if members.len() > 1 {
        Method::Digest
    } else if has_name {
        Method::Member
    } else {
        Method::Single
    }
}
