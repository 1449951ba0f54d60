//! The life of one artifact, gathered from the events that are known.

use std::collections::BTreeMap;

use super::lineage::{
    Approval, BuiltBy, Deployed, Ended, Incident, Lineage, MadeBy, Missing, Moment, SbomAt, label,
};
use super::source::Source;
use super::stays::{End, Stay, stays};
use super::tested::Tested;
use super::wholes::Whole;
use super::{Running, Trace, Traced};
use crate::correlate::deploy::service_of;
use crate::correlate::facts::{Artifact, DocumentKind, Recorded};
use crate::correlate::key::Role;
use crate::correlate::names::same_artifact;
use crate::correlate::origin::makes;
use crate::domain::run::RunName;
use crate::domain::time::Timestamp;
use crate::domain::unit::Unit;
use crate::limits::story::CLOCK_SECONDS;
use crate::limits::trace as bounds;

/// What a trace came to.
pub(super) fn traced(trace: &Trace, now: Timestamp) -> Traced {
    let focus = trace.focus();
    let events = trace.by_time();
    let all_stays = stays(events.iter().copied());
    let mut lineages: Vec<Lineage> = (focus.artifacts.iter())
        .map(|artifact| Life::of(artifact, &events).tell(&all_stays))
        .collect();
    let latest = now.plus_micros(CLOCK_SECONDS * 1_000_000);
    for deployed in lineages.iter_mut().flat_map(|it| &mut it.deployed) {
        deployed.ahead = deployed.since.at > latest;
    }
    let running = focus.running.iter().map(|stay| Running {
        service: stay.service.map(str::to_owned),
        environment: stay.environment.map(str::to_owned),
        since: stay.from(),
        ahead: stay.from() > latest,
        event: stay.event.id,
        artifact: stay.artifact.cloned(),
        place: stay.artifact.and_then(|artifact| {
            let same = |known: &&Artifact| same_artifact(known, artifact);
            focus.artifacts.iter().position(same)
        }),
    });
    let source = lineages
        .is_empty()
        .then(|| Source::of(&focus.from, &[], &events));
    Traced {
        said: trace.anchor.said().to_owned(),
        meaning: trace.meaning.clone(),
        also: trace.also.clone(),
        in_full: focus.in_full,
        running: running.collect(),
        more: focus.more,
        source: source.filter(|source| !source.is_empty()),
        artifacts: lineages,
        gates: Vec::new(),
        truncated: trace.no_room || trace.asked.iter().any(|key| trace.cut.contains(key)),
        now,
    }
}

/// The events of an artifact, each list by time.
struct Life<'a> {
    artifact: Artifact,
    all: &'a [&'a Recorded],
    /// About it: packaged, signed, published.
    own: Vec<&'a Recorded>,
    /// Of what made it, those above included.
    made: Vec<&'a Recorded>,
    /// That use it.
    used: Vec<&'a Recorded>,
    boms: Vec<&'a Recorded>,
    /// Of the runs that made it.
    run: Vec<&'a Recorded>,
    /// Of the runs that deployed it.
    deploying: Vec<&'a Recorded>,
}

impl<'a> Life<'a> {
    fn of(artifact: &Artifact, all: &'a [&'a Recorded]) -> Self {
        let mut life = Self {
            artifact: Artifact {
                role: Role::Own,
                ..artifact.clone()
            },
            all,
            own: Vec::new(),
            made: Vec::new(),
            used: Vec::new(),
            boms: Vec::new(),
            run: Vec::new(),
            deploying: Vec::new(),
        };
        for event in all {
            let same = |one: &&Artifact| same_artifact(one, artifact);
            for named in event.facts.artifacts.iter().filter(same) {
                if event.facts.kind == DocumentKind::Sbom {
                    life.boms.push(event);
                    continue;
                }
                learn(&mut life.artifact, named);
                if named.role == Role::Own {
                    life.own.push(event);
                }
                if makes(&event.facts, named) {
                    life.made.push(event);
                } else if named.role == Role::Uses {
                    life.used.push(event);
                }
            }
        }
        life.run = life.runs_of(&life.made);
        life.deploying = life.runs_of(&life.used);
        life
    }

    /// The events of the runs that these belong to: of their chains, and of the pipelineRuns that
    /// they say they are part of.
    fn runs_of(&self, of: &[&Recorded]) -> Vec<&'a Recorded> {
        let chains: Vec<&String> = of
            .iter()
            .filter_map(|event| event.facts.chain.as_ref())
            .collect();
        let wholes: Vec<Whole<'_>> = of.iter().flat_map(|event| Whole::of(event)).collect();
        let belongs = |event: &&Recorded| match &event.facts.chain {
            Some(chain) if !chains.is_empty() => chains.contains(&chain),
            _ => {
                of.iter().any(|one| one.seq == event.seq)
                    || Whole::of(event)
                        .iter()
                        .any(|own| wholes.iter().any(|whole| whole.is(own)))
            }
        };
        self.all.iter().copied().filter(belongs).collect()
    }

    fn tell(self, all_stays: &[Stay<'_>]) -> Lineage {
        let own_stays: Vec<&Stay<'_>> = all_stays
            .iter()
            .filter(|stay| stay.is_of(&self.artifact))
            .collect();
        let first = |predicate: &str| {
            let mut own = self.own.iter();
            own.find(|event| event.facts.is("artifact", predicate))
                .map(|event| Moment::of(event))
        };
        let deleted = self
            .own
            .iter()
            .rfind(|event| event.facts.is("artifact", "deleted"));
        let source = Source::of(&self.made, &self.run, self.all);
        let mut tests = self.run.clone();
        tests.extend(&self.deploying);
        tests.extend(&self.used);
        tests.extend(&self.made);
        tests.sort_by_key(|event| (event.at(), event.seq));
        tests.dedup_by_key(|event| event.seq);
        let mut lineage = Lineage {
            units: self.units(),
            made_by: self.made_by(),
            built_by: self.built_by(),
            packaged: first("packaged"),
            published: first("published"),
            signed: first("signed"),
            deleted: deleted.map(|event| Moment::of(event)),
            sbom: self.sbom(),
            tested: Tested::of(&tests),
            deployed: deployed(&own_stays, &source),
            incidents: self.incidents(&own_stays),
            approvals: approvals(&tests),
            missing: Vec::new(),
            artifact: self.artifact,
            source,
        };
        lineage.missing = missing(&lineage);
        lineage
    }

    fn units(&self) -> Vec<Unit> {
        let mut units: Vec<Unit> = Vec::new();
        for event in self.own.iter().chain(&self.used).chain(&self.made) {
            if !units.contains(&event.unit) && units.len() < 3 {
                units.push(event.unit.clone());
            }
        }
        units
    }

    fn sbom(&self) -> Option<SbomAt> {
        if let Some(bom) = self.boms.last() {
            return Some(SbomAt::Event {
                event: bom.id,
                format: bom.facts.type_name.clone(),
            });
        }
        self.artifact.sbom.clone().map(SbomAt::Reference)
    }

    /// The pipelineRun that made it: of what made it one says so itself; else the one of its chain
    /// that had started then; else the chain.
    fn made_by(&self) -> Option<MadeBy> {
        let when = self.made.first().map(|event| event.at());
        let event = self.made.first()?.id;
        let said = self
            .made
            .iter()
            .find_map(|event| Whole::pipeline_run(event));
        let mut runs: BTreeMap<(&str, Option<&str>), MadeBy> = BTreeMap::new();
        for event in &self.run {
            let facts = &event.facts;
            let Some(about) = facts
                .about
                .as_ref()
                .filter(|about| about.kind == "pipelinerun")
            else {
                continue;
            };
            let key = (about.id.as_str(), about.source.as_deref());
            let run = runs.entry(key).or_insert_with(|| MadeBy {
                name: RunName::PipelineRun {
                    id: about.id.clone(),
                    source: about.source.clone(),
                },
                pipeline: None,
                started: None,
                finished: None,
                event: event.id,
            });
            run.pipeline = run
                .pipeline
                .take()
                .or_else(|| facts.context.pipeline.clone());
            match facts.predicate.as_str() {
                "started" => run.started = run.started.or(Some(event.at())),
                "finished" => run.finished = Some((event.at(), facts.outcome)),
                _ => {}
            }
        }
        if let Some(said) = said {
            let named = runs.iter().find(|((id, source), _)| {
                *id == said.id && (said.source.is_none() || said.source == *source)
            });
            return Some(named.map_or_else(
                || MadeBy {
                    name: RunName::PipelineRun {
                        id: said.id.to_owned(),
                        source: said.source.map(str::to_owned),
                    },
                    pipeline: None,
                    started: None,
                    finished: None,
                    event,
                },
                |(_, run)| run.clone(),
            ));
        }
        let had_started = |run: &&MadeBy| {
            run.started
                .zip(when)
                .is_some_and(|(start, when)| start <= when)
        };
        let latest = runs
            .values()
            .filter(had_started)
            .max_by_key(|run| run.started);
        if let Some(run) = latest.or_else(|| runs.values().next()) {
            return Some(run.clone());
        }
        let chain = self
            .made
            .iter()
            .find_map(|event| event.facts.chain.clone())?;
        Some(MadeBy {
            name: RunName::Chain(chain),
            pipeline: None,
            started: None,
            finished: None,
            event,
        })
    }

    /// What says that it made it; a build before a task before a pipelineRun.
    fn built_by(&self) -> Option<BuiltBy> {
        const KINDS: [&str; 3] = ["build", "taskrun", "pipelinerun"];
        let of = |events: &[&'a Recorded], kind: &str| -> Option<&'a Recorded> {
            events
                .iter()
                .copied()
                .rfind(|event| event.facts.subject == kind && event.facts.predicate == "finished")
        };
        let event = (KINDS.iter().find_map(|kind| of(&self.made, kind)))
            .or_else(|| of(&self.run, "build"))?;
        let facts = &event.facts;
        let about = facts.about.as_ref().map(|about| &about.id);
        let details = facts.details.as_ref();
        let place = details.and_then(|details| match (&details.system, &details.node) {
            (Some(system), Some(node)) => Some(format!("{system} on {node}")),
            (one, other) => one.clone().or_else(|| other.clone()),
        });
        Some(BuiltBy {
            kind: facts.subject.clone(),
            name: facts.name.as_ref().or(about).cloned().unwrap_or_default(),
            ended: Moment::of(event),
            outcome: facts.outcome,
            uri: facts.uri.clone(),
            place,
        })
    }

    fn incidents(&self, own_stays: &[&Stay<'_>]) -> Vec<Incident> {
        let mut all: BTreeMap<(&str, Option<&str>), Incident> = BTreeMap::new();
        for event in self.all {
            let facts = &event.facts;
            let Some(about) = facts.about.as_ref().filter(|_| facts.subject == "incident") else {
                continue;
            };
            let key = (about.id.as_str(), about.source.as_deref());
            let incident = all.entry(key).or_insert_with(|| Incident {
                id: about.id.clone(),
                since: Moment::of(event),
                resolved: None,
                service: None,
                environment: None,
                reason: None,
                names_it: false,
            });
            let same = |one: &Artifact| same_artifact(one, &self.artifact);
            incident.names_it |= facts.artifacts.iter().any(same);
            let service = || service_of(facts).map(str::to_owned);
            incident.service = incident.service.take().or_else(service);
            let environment = || facts.context.environment.clone();
            incident.environment = incident.environment.take().or_else(environment);
            incident.reason = incident.reason.take().or_else(|| facts.reason.clone());
            if facts.predicate == "resolved" {
                incident.resolved = Some(Moment::of(event));
            }
        }
        // One that names only the service concerns what ran as it when it began.
        let ran = |incident: &Incident| {
            let here = |stay: &Stay<'_>| {
                let places = stay.environment.zip(incident.environment.as_deref());
                stay.service == incident.service.as_deref()
                    && places.is_none_or(|(one, two)| one == two)
            };
            let mut stays = own_stays.iter().filter(|stay| here(stay));
            incident.service.is_some() && stays.any(|stay| stay.covers(incident.since.at))
        };
        let concerns = |incident: &Incident| incident.names_it || ran(incident);
        let mut incidents: Vec<Incident> = all.into_values().filter(concerns).collect();
        incidents.sort_by(|one, other| (other.since.at, &other.id).cmp(&(one.since.at, &one.id)));
        incidents.truncate(bounds::LIST);
        incidents
    }
}

/// Adds what another description of the same artifact says.
fn learn(known: &mut Artifact, other: &Artifact) {
    fn fill<T: Clone>(known: &mut Option<T>, new: Option<&T>) {
        if known.is_none() {
            *known = new.cloned();
        }
    }
    fill(&mut known.purl, other.purl.as_ref());
    fill(&mut known.digest, other.digest.as_ref());
    fill(&mut known.name, other.name.as_ref());
    fill(&mut known.signature, other.signature.as_ref());
    fill(&mut known.sbom, other.sbom.as_ref());
    fill(&mut known.size, other.size.as_ref());
    for tag in &other.tags {
        if !known.tags.contains(tag) && known.tags.len() < bounds::LIST {
            known.tags.push(tag.clone());
        }
    }
}

fn deployed(stays: &[&Stay<'_>], source: &Source) -> Vec<Deployed> {
    let mut deployed: Vec<Deployed> = Vec::new();
    let mut places: Vec<(Option<&str>, Option<&str>)> = Vec::new();
    for stay in stays {
        let place = (stay.service, stay.environment);
        let first = stay.ok && !stay.back && !places.contains(&place);
        if first {
            places.push(place);
        }
        let begin = source.begin(stay.from()).filter(|_| first);
        deployed.push(Deployed {
            service: stay.service.map(str::to_owned),
            environment: stay.environment.map(str::to_owned),
            since: Moment::of(stay.event),
            ok: stay.ok,
            back: stay.back,
            until: stay.until.map(|(event, end)| {
                let ended = match end {
                    End::Deployed => Ended::Replaced,
                    End::RolledBack => Ended::RolledBack,
                    End::Removed => Ended::Removed,
                };
                (Moment::of(event), ended)
            }),
            next: stay.next.map(label),
            lead: begin.map(|(begin, merged)| {
                let lead = stay.from().as_micros().saturating_sub(begin.as_micros());
                (lead, merged)
            }),
            ahead: false,
        });
    }
    deployed.sort_by(|one, other| {
        (other.since.at, other.since.event).cmp(&(one.since.at, one.since.event))
    });
    deployed.truncate(bounds::LIST);
    deployed
}

fn approvals(events: &[&Recorded]) -> Vec<Approval> {
    let mut approvals: BTreeMap<(&str, Option<&str>), Approval> = BTreeMap::new();
    for event in events {
        let facts = &event.facts;
        let Some(about) = facts.about.as_ref().filter(|_| facts.subject == "approval") else {
            continue;
        };
        let word = facts.outcome.map(|outcome| outcome.as_str().to_owned());
        let approval = Approval {
            id: about.id.clone(),
            last: Moment::of(event),
            said: facts.outcome_said.clone().or(word),
            by: facts.context.user.clone(),
        };
        approvals.insert((&about.id, about.source.as_deref()), approval);
    }
    let mut approvals: Vec<Approval> = approvals.into_values().collect();
    approvals.sort_by_key(|approval| (approval.last.at, approval.last.event));
    approvals.truncate(bounds::LIST);
    approvals
}

fn missing(lineage: &Lineage) -> Vec<Missing> {
    let source = &lineage.source;
    let no_source = source.changes.is_empty() && source.commits.is_empty() && source.push.is_none();
    let unheard = source.changes.iter().all(|change| change.first.is_none());
    let not_signed = lineage.signed.is_none() && lineage.artifact.signature.is_none();
    [
        (Missing::Source, no_source),
        (
            Missing::Change,
            !no_source && unheard && source.push.is_none(),
        ),
        (Missing::Build, lineage.built_by.is_none()),
        (Missing::Packaged, lineage.packaged.is_none()),
        (Missing::Published, lineage.published.is_none()),
        (Missing::Signed, not_signed),
        (Missing::Sbom, lineage.sbom.is_none()),
        (Missing::Tests, lineage.tested.is_empty()),
        (Missing::Deployment, lineage.deployed.is_empty()),
    ]
    .into_iter()
    .filter_map(|(what, is_missing)| is_missing.then_some(what))
    .collect()
}
