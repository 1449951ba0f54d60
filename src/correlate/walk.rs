//! The walk: which events make up a pipeline run.
//!
//! Nothing is decided when events are recorded, for the tie that explains an event may come long after
//! it. The walk begins at what was asked about (an event, a pipelineRun, a chain, an artifact, a
//! commit, a unit), reads what has a key in common with it, and goes on from there, level by level: each
//! round is one question for all keys of the level. It does no I/O itself: [`Walk::ask`] says what has
//! to be read, and is told.
//!
//! **What belongs together whatever else is said**: events of one chain; an event and what follows from
//! it (links.md: PATH, END; `causationid`); the events of one execution (pipelineRun, taskRun, build,
//! test runs), and of its parts, even where its own events were never sent. Sets of such events are
//! moved about as one. Three rules keep them apart:
//!
//! - *The chain rule.* Once a run has a chain, events of other chains are not part of it, unless their
//!   sender says that one follows from the other or is part of it (`cross_chain`); and even these are
//!   not gone on from. A part that has its whole in its own chain means that one.
//! - *Names without a source* mean the subject of their own source if there is one, then the only one
//!   that has the id (in the same chain, or at all). If several could be meant, events of one source
//!   that name the same are still together, and a remark says that it is not known with what
//!   (`ambiguous_reference`). Link targets are events without a source, and treated likewise.
//! - *Reused names.* A taskRun or testCaseRun whose events name different wholes is not one thing: such
//!   ids are names of jobs.
//!
//! **What tells whose a set is** otherwise ([`owners`]): a relation that the sender named, an artifact,
//! an incident or ticket, in this order. These ties never bring two runs together: a set that names
//! another chain or pipelineRun, or a build where no run claims it, is another run, and is listed beside
//! it (`related`). An artifact's events belong to the run that made it, its deployments and incidents too
//! unless they are part of a run of their own; if several made it, by time.
//!
//! **What runs come from** (changes, branches, repositories; [`sources`]) belongs to each run that came
//! from it, and leads to no other run, unless it is what was asked about.
//!
//! **A unit** is the last resort ([`mod@slice`]), and only where there is no chain.
//!
//! Where the question is about an event that belongs to a run only by such reasoning, the search begins
//! anew from that run, so that the answer is the same whichever of its events was asked about. It is not
//! only where a bound cut it: from the middle of a path of 100,000 links others are near than from its
//! end.
//!
//! One chain may hold several pipelineRuns (a build that triggers a deployment): the chain is what its
//! senders called one thing, so all of it is the run. It is named after the pipelineRun that was asked
//! about or else began first, and the others are named in a remark (`several_runs`).

mod answer;
mod asking;
mod bonds;
mod candidates;
mod claims;
mod known;
mod node;
mod order;
mod owners;
mod related;
mod search;
mod settle;
mod slice;
mod sources;
mod types;
mod vias;
mod weak;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use types::{Anchor, Ask, Candidate, Found, Given, LinkRow, Scan, WalkLimits};

use super::facts::{Recorded, Subject};
use super::key::{KeyKind, LinkKey, Role, folded, hub_key};
use super::run::{Confidence, Run};
use crate::limits;

use answer::Wish;
use candidates::Counting;
use owners::{Owners, Place};
use search::{Search, Seeds, Step};

/// What a search came to.
#[derive(Debug)]
enum Verdict {
    /// The run is what it found.
    Run,
    /// It belongs to the run of this event.
    Partly(i64),
    /// Several runs have to do with it.
    Several(Counting),
    Nothing,
}

/// A walk.
#[derive(Debug)]
pub struct Walk {
    limits: WalkLimits,
    wish: Wish,
    /// The commit that was asked about.
    commit: Option<(Option<String>, String)>,
    search: Search,
    restarts: usize,
    counting: Option<Counting>,
    /// What the first search found, if another one loses what was asked about.
    first: Option<Run>,
    current: Option<Ask>,
    stopped: Option<&'static str>,
    is_done: bool,
}

impl Walk {
    /// A walk from an anchor.
    pub fn new(anchor: &Anchor, limits: WalkLimits) -> Self {
        let mut wish = Wish::default();
        let mut commit = None;
        let key = |key, kind, text: &str| (key, kind, text.to_owned());
        let seeds = match anchor {
            Anchor::Event(seq) => {
                wish.anchor = Some(*seq);
                Seeds::Event(*seq)
            }
            Anchor::Chain(id) => Seeds::Chain(LinkKey::chain(id), id.clone()),
            Anchor::PipelineRun { id, source } => {
                wish.run = Some((folded(id), source.clone()));
                let at = LinkKey::subject("pipelinerun", id, source.as_deref());
                Seeds::Keys(vec![key(at, KeyKind::Subject, id)])
            }
            Anchor::Subject(subject) => {
                let Subject { kind, id, source } = subject;
                let hub = match kind.as_str() {
                    "environment" => Some(KeyKind::Environment),
                    "service" => Some(KeyKind::Service),
                    "repository" => Some(KeyKind::Repository),
                    _ => None,
                };
                Seeds::Keys(vec![match hub {
                    Some(hub) => key(hub_key(hub, id), hub, id),
                    None => {
                        let at = LinkKey::subject(kind, id, source.as_deref());
                        key(at, KeyKind::Subject, id)
                    }
                }])
            }
            Anchor::Artifact { digest, name } => {
                let of = |kind, text: &String| key(LinkKey::of(kind, &[text]), kind, text);
                let digest = digest.iter().map(|text| of(KeyKind::Digest, text));
                let name = name.iter().map(|text| of(KeyKind::Artifact, text));
                Seeds::Keys(digest.chain(name).collect())
            }
            Anchor::Commit { repository, sha } => {
                let sha = sha.to_ascii_lowercase();
                commit = Some((repository.clone(), sha.clone()));
                // Whoever does not say the repository may mean this one.
                let is_enough = sha.len() >= limits::COMMIT_KEY_DIGITS;
                let at = LinkKey::commit(None, &sha);
                let keys = is_enough.then(|| key(at, KeyKind::Commit, &sha));
                Seeds::Keys(keys.into_iter().collect())
            }
            Anchor::Resource(uri) => {
                let at = LinkKey::of(KeyKind::Resource, &[uri]);
                Seeds::Keys(vec![key(at, KeyKind::Resource, uri)])
            }
            Anchor::Unit(unit) => Seeds::Unit(unit.clone()),
        };
        Self {
            search: Search::new(seeds, limits, wish.anchor),
            limits,
            wish,
            commit,
            restarts: 0,
            counting: None,
            first: None,
            current: None,
            stopped: None,
            is_done: false,
        }
    }

    /// What has to be read next; nothing at the walk's end. The same until it is answered.
    pub fn ask(&mut self) -> Option<Ask> {
        if self.current.is_none() {
            self.current = self.find_next();
        }
        self.current.clone()
    }

    fn find_next(&mut self) -> Option<Ask> {
        while !self.is_done && self.stopped.is_none() {
            if let Some(counting) = &mut self.counting {
                if let Some(ask) = counting.next(&mut self.search.known) {
                    return Some(ask);
                }
                self.is_done = true;
                break;
            }
            match self.search.next() {
                Step::Ask(ask) => return Some(ask),
                Step::Chain(key, text) => self.restart(Seeds::Chain(key, text)),
                Step::Done => self.judge(),
            }
        }
        None
    }

    fn restart(&mut self, seeds: Seeds) {
        self.restarts += 1;
        if self.restarts > limits::WALK_RESTARTS {
            self.is_done = true;
            return;
        }
        self.search = Search::new(seeds, self.limits, self.wish.anchor);
    }

    /// Takes the answer to what was asked; another one is left aside.
    pub fn give(&mut self, given: Given) {
        let known = &mut self.search.known;
        match (&self.current, given) {
            (Some(ask @ Ask::Links { .. }), Given::Links(rows)) => known.links(ask, rows),
            (Some(ask @ Ask::Events { .. }), Given::Events(events)) => known.events(ask, events),
            (Some(Ask::UnitEvents { .. }), Given::Positions(seqs)) => known.want_events(seqs),
            _ => return,
        }
        self.current = None;
    }

    /// Ends the walk before its end: what was found until then is told, and why there may be more.
    pub fn stop(&mut self, why: &'static str) {
        self.stopped = Some(why);
        self.current = None;
    }

    /// What a search that is at its end came to.
    fn judge(&mut self) {
        self.search.bonds.settle_rest(&mut self.search.known);
        let (verdict, first) = {
            let owners = Owners::find(&self.search);
            let verdict = match owners.core {
                Some(core) => verdict_of(&owners, core),
                None => self.touched(&owners),
            };
            let is_lost = matches!(verdict, Verdict::Partly(_))
                && self.first.is_none()
                && self.wish.anchor.is_some();
            let first = is_lost.then(|| answer::run(&owners, &self.wish)).flatten();
            (verdict, first)
        };
        if let Some(mut first) = first {
            first.confidence = Confidence::Low;
            self.first = Some(first);
        }
        match verdict {
            Verdict::Run | Verdict::Nothing => self.is_done = true,
            Verdict::Partly(seed) => self.restart(Seeds::Event(seed)),
            Verdict::Several(counting) => self.counting = Some(counting),
        }
    }

    /// The runs that what was asked about touches.
    fn touched(&self, owners: &Owners<'_>) -> Verdict {
        let known = &self.search.known;
        let mut seqs: Vec<i64> = match &self.search.seeds {
            Seeds::Keys(keys) => {
                let rows: Vec<(i64, Role)> =
                    keys.iter().flat_map(|(key, ..)| known.tied(*key)).collect();
                // A run is where its own events are; its parts may be in other chains.
                let is_run = self.wish.run.is_some();
                let has_own = rows.iter().any(|(_, role)| *role == Role::Own);
                let fits = |role: Role| !is_run || !has_own || role == Role::Own;
                let fitting = rows.into_iter().filter(|(_, role)| fits(*role));
                fitting.map(|(seq, _)| seq).collect()
            }
            Seeds::Unit(unit) => {
                let of_unit = known.nodes().filter(|node| node.event.unit == *unit);
                of_unit.map(node::Node::seq).collect()
            }
            Seeds::Event(_) | Seeds::Chain(..) => Vec::new(),
        };
        if let Some((repository, sha)) = &self.commit {
            let at = LinkKey::commit(None, sha);
            let names = |seq: &i64| {
                let node = known.node(*seq);
                node.is_some_and(|node| node.names_commit(at, repository.as_deref(), sha))
            };
            seqs.retain(names);
        }
        let touched = || seqs.iter().filter_map(|seq| owners.own_place(*seq));
        let is_source = |place: &Place| matches!(place, Place::Source(_));
        let mut places: BTreeSet<Place> = touched().filter(|place| !is_source(place)).collect();
        if places.is_empty() {
            // Where nothing else names it, what came from it is found from its own events.
            for place in touched() {
                let Place::Source(source) = place else {
                    continue;
                };
                let takers = owners.takers(source);
                if takers.is_empty() {
                    places.insert(place);
                }
                places.extend(takers);
            }
        }
        several(owners, &places, None)
    }

    /// What was found.
    pub fn finish(mut self) -> Found {
        if let Some(counting) = self.counting.take() {
            return counting.finish(&self.search.known, self.stopped);
        }
        self.search.bonds.settle_rest(&mut self.search.known);
        let owners = Owners::find(&self.search);
        let found = answer::run(&owners, &self.wish);
        let has_anchor = |run: &Run| {
            let anchor = self.wish.anchor;
            let is_it = |event: &Recorded| Some(event.seq) == anchor;
            let copies = || {
                let copies = run.remarks.iter().filter(|r| r.code == "duplicate_event");
                copies
                    .flat_map(|remark| &remark.events)
                    .any(|seq| Some(*seq) == anchor)
            };
            anchor.is_none()
                || run.members.iter().any(|member| is_it(&member.event))
                || run.links.iter().any(is_it)
                || copies()
        };
        let found = match (found, self.first) {
            (Some(run), Some(first)) if !has_anchor(&run) => Some(first),
            (None, first) => first,
            (found, _) => found,
        };
        match found {
            Some(mut run) => {
                run.truncated.extend(self.stopped);
                Found::Run(Box::new(run))
            }
            None => {
                let mut truncated: Vec<&'static str> = self.search.known.truncated().collect();
                truncated.extend(self.stopped);
                Found::Nothing { truncated }
            }
        }
    }
}

/// What a search from a set came to: the run itself, or another one that it belongs to.
fn verdict_of(owners: &Owners<'_>, core: i64) -> Verdict {
    match owners.place_of(core) {
        Some(Place::Owner(owner)) => match owners.list.get(owner) {
            Some(owner) if !owner.core.contains(&core) => Verdict::Partly(owner.seed),
            _ => Verdict::Run,
        },
        Some(Place::Source(root)) => several(owners, &owners.takers(root), Some(Verdict::Run)),
        Some(Place::Group(_)) | None => Verdict::Run,
    }
}

/// One run to go on from, or several to choose from.
fn several(owners: &Owners<'_>, places: &BTreeSet<Place>, none: Option<Verdict>) -> Verdict {
    let seeds: Vec<i64> = places
        .iter()
        .filter_map(|place| candidates::seed(owners, *place))
        .collect();
    match seeds.as_slice() {
        [] => none.unwrap_or(Verdict::Nothing),
        [seed] => Verdict::Partly(*seed),
        _ => Verdict::Several(Counting::new(owners, places)),
    }
}
