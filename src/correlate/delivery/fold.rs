//! Deployments and rollbacks, each service in each environment in order.

use std::collections::BTreeMap;

use super::figures::Tally;
use super::lead::Lead;
use super::{Reason, Scope, count};
use crate::correlate::deploy::{Action, deployment};
use crate::correlate::facts::{Artifact, Recorded};
use crate::correlate::names::same_artifact;
use crate::domain::run::RunOutcome;
use crate::domain::time::Timestamp;

/// By what a deployment is known to have failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    NotSuccessful,
    /// It was undone at this instant.
    RolledBack(Timestamp),
    Incident,
}

/// One deployment.
#[derive(Debug)]
pub(super) struct Deployed<'a> {
    pub(super) event: &'a Recorded,
    pub(super) at: Timestamp,
    pub(super) artifact: Option<&'a Artifact>,
    /// Whether it was recorded as a success.
    pub(super) ok: bool,
    /// Whether it is in the window.
    pub(super) counted: bool,
    pub(super) failure: Option<Failure>,
    undone: bool,
    /// Whether an incident tells how long it took to restore the service.
    pub(super) has_incident: bool,
}

/// A service in an environment.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) service: &'a str,
    pub(super) environment: Option<&'a str>,
    /// By time.
    pub(super) deployed: Vec<Deployed<'a>>,
    rollbacks: Vec<(Timestamp, bool)>,
    /// Restored after incidents.
    pub(super) restores: Vec<i64>,
}

impl<'a> Line<'a> {
    fn new(service: &'a str, environment: Option<&'a str>) -> Self {
        Self {
            service,
            environment,
            deployed: Vec::new(),
            rollbacks: Vec::new(),
            restores: Vec::new(),
        }
    }

    /// The place of the newest deployment at or before an instant that is fit.
    pub(super) fn newest(
        &self,
        at: Timestamp,
        fit: impl Fn(&Deployed<'a>) -> bool,
    ) -> Option<usize> {
        let upto = self.deployed.partition_point(|deployed| deployed.at <= at);
        let before = self.deployed.get(..upto)?;
        before.iter().rposition(fit)
    }

    /// When service was restored after the deployment at this place failed.
    fn restored(&self, place: usize) -> Option<Timestamp> {
        let failed = self.deployed.get(place)?;
        if let Some(Failure::RolledBack(at)) = failed.failure {
            return Some(at);
        }
        let later = self.deployed.get(place + 1..).unwrap_or_default();
        let deployed = later
            .iter()
            .find(|deployed| deployed.ok)
            .map(|next| next.at);
        let rolled_back = self.rollbacks.iter().find(|(at, _)| *at >= failed.at);
        [deployed, rolled_back.map(|(at, _)| *at)]
            .into_iter()
            .flatten()
            .min()
    }

    /// Counts this line up.
    pub(super) fn tally(
        self,
        change_of: &impl Fn(&Recorded) -> Lead,
        left_out: &mut BTreeMap<Reason, usize>,
    ) -> Tally {
        let mut tally = Tally::default();
        for (place, deployed) in self.deployed.iter().enumerate() {
            if !deployed.counted {
                continue;
            }
            tally.deployed(deployed.at, deployed.ok);
            let failures = &mut tally.figures.failures;
            match deployed.failure {
                Some(Failure::NotSuccessful) => failures.not_successful += 1,
                Some(Failure::RolledBack(_)) => failures.rolled_back += 1,
                Some(Failure::Incident) => failures.incident += 1,
                None => {}
            }
            if deployed.failure.is_some() && !deployed.has_incident {
                match self.restored(place) {
                    Some(at) => tally.restores.push(between(deployed.at, at)),
                    None => count(left_out, Reason::NotRestored),
                }
            }
            match self.lead(place, deployed, change_of) {
                Ok((micros, merged)) => {
                    tally.leads.push(micros);
                    tally.figures.lead_from_first_commit += usize::from(!merged);
                }
                Err(reason) => count(left_out, reason),
            }
        }
        tally.restores.extend(self.restores);
        tally
    }

    fn lead(
        &self,
        place: usize,
        deployed: &Deployed<'_>,
        change_of: &impl Fn(&Recorded) -> Lead,
    ) -> Result<(i64, bool), Reason> {
        if !deployed.ok {
            return Err(Reason::Failed);
        }
        let earlier = self.deployed.get(..place).unwrap_or_default();
        let again = deployed.artifact.is_some_and(|artifact| {
            let same = |known: &Artifact| same_artifact(known, artifact);
            earlier
                .iter()
                .any(|earlier| earlier.ok && earlier.artifact.is_some_and(same))
        });
        if again {
            return Err(Reason::Redeployed);
        }
        match change_of(deployed.event) {
            Lead::Since { at, .. } if at > deployed.at => Err(Reason::ChangeAfterDeployment),
            Lead::Since { at, merged, .. } => Ok((between(at, deployed.at), merged)),
            Lead::Unknown(reason) => Err(reason),
        }
    }
}

pub(super) fn between(from: Timestamp, to: Timestamp) -> i64 {
    to.as_micros().saturating_sub(from.as_micros()).max(0)
}

/// All services in all environments.
#[derive(Debug, Default)]
pub(super) struct Lines<'a>(BTreeMap<(&'a str, Option<&'a str>), Line<'a>>);

impl<'a> Lines<'a> {
    /// Of events by time.
    pub(super) fn of(
        events: &[&'a Recorded],
        scope: &Scope,
        left_out: &mut BTreeMap<Reason, usize>,
    ) -> Self {
        let mut lines = Self::default();
        for event in events {
            let Some(deploy) = deployment(&event.facts) else {
                continue;
            };
            let environment = deploy
                .environment
                .map(str::trim)
                .filter(|name| !name.is_empty());
            if deploy.action == Action::Removed
                || !scope.takes_service(deploy.service)
                || (environment.is_some() && !scope.takes_environment(environment))
            {
                continue;
            }
            let at = event.at();
            let missing = match (deploy.service, environment) {
                (None, _) => Some(Reason::NoService),
                (_, None) if scope.environment.is_some() => Some(Reason::NoEnvironment),
                _ => None,
            };
            let counted = scope.holds(at);
            if let (Some(reason), true) = (missing, counted) {
                count(left_out, reason);
            }
            let (Some(service), None) = (deploy.service, missing) else {
                continue;
            };
            let line = lines.line(service, environment);
            if deploy.action == Action::RolledBack {
                line.rollbacks.push((at, counted));
                continue;
            }
            if !counted {
                count(left_out, Reason::OutsideWindow);
            }
            let ok = event.success && !event.facts.outcome.is_some_and(RunOutcome::is_bad);
            line.deployed.push(Deployed {
                event,
                at,
                artifact: deploy.artifact,
                ok,
                counted,
                failure: (!ok).then_some(Failure::NotSuccessful),
                undone: false,
                has_incident: false,
            });
        }
        lines
    }

    /// Each rollback undoes the newest deployment before it that is not undone yet.
    pub(super) fn roll_back(&mut self, left_out: &mut BTreeMap<Reason, usize>) {
        for line in self.0.values_mut() {
            for (at, counted) in line.rollbacks.clone() {
                let place = line.newest(at, |deployed| !deployed.undone);
                let Some(deployed) = place.and_then(|place| line.deployed.get_mut(place)) else {
                    if counted {
                        count(left_out, Reason::NothingToBlame);
                    }
                    continue;
                };
                deployed.undone = true;
                // One that failed at once stays that.
                deployed.failure.get_or_insert(Failure::RolledBack(at));
                if counted && !deployed.counted {
                    count(left_out, Reason::EarlierDeployment);
                }
            }
        }
    }

    /// The line of a service in an environment.
    pub(super) fn line(&mut self, service: &'a str, environment: Option<&'a str>) -> &mut Line<'a> {
        self.0
            .entry((service, environment))
            .or_insert_with(|| Line::new(service, environment))
    }

    /// All lines, in a fixed order.
    pub(super) fn all(&mut self) -> impl Iterator<Item = &mut Line<'a>> {
        self.0.values_mut()
    }

    /// All lines, in a fixed order.
    pub(super) fn into_all(self) -> impl Iterator<Item = Line<'a>> {
        self.0.into_values()
    }

    /// When the successful deployments of the window were.
    pub(super) fn successes(&self) -> impl Iterator<Item = Timestamp> {
        let all = self.0.values().flat_map(|line| &line.deployed);
        all.filter(|deployed| deployed.ok && deployed.counted)
            .map(|deployed| deployed.at)
    }
}
