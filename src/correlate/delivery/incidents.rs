//! Incidents: which deployment each is blamed on, and how long it lasted.

use std::collections::BTreeMap;

use super::figures::Tally;
use super::fold::{Failure, Line, Lines, between};
use super::{Reason, Scope, count};
use crate::correlate::deploy::service_of;
use crate::correlate::facts::{Artifact, Facts, Recorded};
use crate::correlate::names::same_artifact;
use crate::domain::time::Timestamp;

/// One incident from its beginning to its end.
#[derive(Debug)]
struct Incident<'a> {
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    service: Option<&'a str>,
    environment: Option<&'a str>,
    artifact: Option<&'a Artifact>,
}

impl<'a> Incident<'a> {
    fn at(start: Option<Timestamp>, end: Option<Timestamp>, facts: &'a Facts) -> Self {
        let mut incident = Self {
            start,
            end,
            service: None,
            environment: None,
            artifact: None,
        };
        incident.learn(facts);
        incident
    }

    /// What a later event of it adds.
    fn learn(&mut self, facts: &'a Facts) {
        self.service = self.service.or_else(|| service_of(facts));
        let environment = facts.context.environment.as_deref().map(str::trim);
        self.environment = self
            .environment
            .or(environment.filter(|name| !name.is_empty()));
        self.artifact = self.artifact.or_else(|| facts.artifacts.first());
    }

    /// Whether it may concern what runs on this line. What it does not say it does not exclude, but
    /// it has to name the service or the artifact.
    fn concerns(&self, line: &Line<'_>) -> bool {
        let elsewhere = |(here, there): (&str, &str)| here != there;
        if self
            .environment
            .zip(line.environment)
            .is_some_and(elsewhere)
        {
            return false;
        }
        match self.service {
            Some(service) => service == line.service,
            None => line
                .deployed
                .iter()
                .any(|deployed| self.names(deployed.artifact)),
        }
    }

    fn lasted(&self) -> Result<i64, Reason> {
        match (self.start, self.end) {
            (None, _) => Err(Reason::IncidentStartUnknown),
            (_, None) => Err(Reason::IncidentOpen),
            (Some(start), Some(end)) => Ok(between(start, end)),
        }
    }

    fn names(&self, artifact: Option<&Artifact>) -> bool {
        let both = self.artifact.zip(artifact);
        both.is_some_and(|(named, artifact)| same_artifact(named, artifact))
    }
}

/// The incidents among events by time. One that comes up again after its end is another one.
fn incidents<'a>(events: &[&'a Recorded]) -> Vec<Incident<'a>> {
    let mut all: Vec<Incident<'a>> = Vec::new();
    let mut open: BTreeMap<(&str, Option<&str>), usize> = BTreeMap::new();
    for event in events {
        let facts = &event.facts;
        if facts.subject != "incident" {
            continue;
        }
        let about = facts.about.as_ref();
        let key = about.map(|about| (about.id.as_str(), about.source.as_deref()));
        let known = key.and_then(|key| open.get(&key).copied());
        let known = known.and_then(|place| all.get_mut(place));
        let at = Some(event.at());
        match (facts.predicate.as_str(), known) {
            ("resolved", Some(incident)) => {
                incident.end = at;
                incident.learn(facts);
                if let Some(key) = key {
                    open.remove(&key);
                }
            }
            ("resolved", None) => all.push(Incident::at(None, at, facts)),
            // Reported after it was detected.
            ("detected" | "reported", Some(incident)) => incident.learn(facts),
            ("detected" | "reported", None) => {
                if let Some(key) = key {
                    open.insert(key, all.len());
                }
                all.push(Incident::at(at, None, facts));
            }
            _ => {}
        }
    }
    all
}

/// Finds for each incident of the scope the deployment that it is blamed on, and counts how long it
/// lasted: on the line of that deployment or of the service that it names, else in `unplaced`.
pub(super) fn blame<'a>(
    events: &[&'a Recorded],
    lines: &mut Lines<'a>,
    scope: &Scope,
    unplaced: &mut Tally,
    left_out: &mut BTreeMap<Reason, usize>,
) {
    for incident in incidents(events) {
        let other_service = incident.service.is_some() && !scope.takes_service(incident.service);
        if other_service || !scope.takes_environment(incident.environment) {
            continue;
        }
        let Some(at) = incident.start.or(incident.end) else {
            continue;
        };
        let culprit = culprit(lines, &incident, at);
        // Without a service it belongs to the one that was asked for only by its artifact.
        if scope.service.is_some() && incident.service.is_none() && culprit.is_none() {
            continue;
        }
        let counted = scope.holds(at);
        if counted {
            let service = culprit.map(|(service, ..)| service).or(incident.service);
            let environment =
                culprit.map_or(incident.environment, |(_, environment, _)| environment);
            match (incident.lasted(), service) {
                (Err(reason), _) => count(left_out, reason),
                (Ok(lasted), Some(service)) => {
                    lines.line(service, environment).restores.push(lasted);
                }
                (Ok(lasted), None) => unplaced.restores.push(lasted),
            }
        } else {
            count(left_out, Reason::OutsideWindow);
        }
        // A deployment of the window may have failed by an incident after it.
        let place = culprit.map(|(service, environment, place)| {
            let line = lines.line(service, environment);
            line.deployed.get_mut(place)
        });
        let Some(deployed) = place.flatten() else {
            if counted {
                count(left_out, Reason::NothingToBlame);
            }
            continue;
        };
        deployed.failure.get_or_insert(Failure::Incident);
        deployed.has_incident = true;
        if counted && !deployed.counted {
            count(left_out, Reason::EarlierDeployment);
        }
    }
}

/// The newest deployment before an incident that it may concern: its line and its place. One of the
/// artifact that the incident names is preferred to another of the service.
fn culprit<'a>(
    lines: &mut Lines<'a>,
    incident: &Incident<'_>,
    at: Timestamp,
) -> Option<(&'a str, Option<&'a str>, usize)> {
    let concerned = lines.all().filter(|line| incident.concerns(line));
    let candidates = concerned.filter_map(|line| {
        let named = line.newest(at, |deployed| incident.names(deployed.artifact));
        let place = match incident.service {
            Some(_) => named.or_else(|| line.newest(at, |_| true)),
            None => named,
        }?;
        let deployed = line.deployed.get(place)?;
        let rank = (named.is_some(), deployed.at, deployed.event.seq);
        Some((rank, (line.service, line.environment, place)))
    });
    candidates
        .max_by_key(|(rank, _)| *rank)
        .map(|(_, found)| found)
}
