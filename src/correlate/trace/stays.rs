//! What ran where from when to when.

use std::collections::BTreeMap;

use crate::correlate::deploy::{Action, deployment};
use crate::correlate::facts::{Artifact, Recorded};
use crate::correlate::names::same_artifact;
use crate::domain::run::RunOutcome;
use crate::domain::time::Timestamp;

/// How a stay ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Something else was deployed, or the same once more.
    Deployed,
    /// It was rolled back.
    RolledBack,
    /// The service was removed.
    Removed,
}

/// An artifact of a service in an environment from one deployment on.
#[derive(Debug, Clone)]
pub(super) struct Stay<'a> {
    pub(super) service: Option<&'a str>,
    pub(super) environment: Option<&'a str>,
    /// What runs; of a rollback that does not say it, what ran before.
    pub(super) artifact: Option<&'a Artifact>,
    /// The event that brought it.
    pub(super) event: &'a Recorded,
    /// Whether it came by a rollback.
    pub(super) back: bool,
    /// Whether it was recorded as a success; if not, it changed nothing.
    pub(super) ok: bool,
    /// When it ended, and how.
    pub(super) until: Option<(&'a Recorded, End)>,
    /// What came then.
    pub(super) next: Option<&'a Artifact>,
}

impl Stay<'_> {
    pub(super) fn from(&self) -> Timestamp {
        self.event.at()
    }

    /// Whether it runs now, as far as is known.
    pub(super) fn runs(&self) -> bool {
        self.ok && self.until.is_none()
    }

    pub(super) fn is_of(&self, artifact: &Artifact) -> bool {
        self.artifact
            .is_some_and(|own| same_artifact(own, artifact))
    }

    /// Whether it lasted at an instant.
    pub(super) fn covers(&self, at: Timestamp) -> bool {
        self.ok && self.from() <= at && self.until.is_none_or(|(end, _)| at <= end.at())
    }
}

/// The stays that events by time tell of, by service and environment and then by time.
pub(super) fn stays<'a>(events: impl Iterator<Item = &'a Recorded>) -> Vec<Stay<'a>> {
    let mut lines: BTreeMap<(Option<&str>, Option<&str>), Vec<Stay<'a>>> = BTreeMap::new();
    for event in events {
        let Some(deploy) = deployment(&event.facts) else {
            continue;
        };
        let line = lines
            .entry((deploy.service, deploy.environment))
            .or_default();
        let ok = event.success && !event.facts.outcome.is_some_and(RunOutcome::is_bad);
        let running = line.iter().rposition(Stay::runs);
        if deploy.action == Action::Removed {
            if let Some(stay) = running.filter(|_| ok).and_then(|at| line.get_mut(at)) {
                stay.until = Some((event, End::Removed));
            }
            continue;
        }
        let back = deploy.action == Action::RolledBack;
        let current = running
            .and_then(|at| line.get(at))
            .and_then(|stay| stay.artifact);
        let is_current =
            |artifact: &Artifact| current.is_some_and(|current| same_artifact(current, artifact));
        // Some name in a rollback what they take away.
        let named = deploy
            .artifact
            .filter(|artifact| !back || !is_current(artifact));
        let before = || {
            let mut earlier = line.iter().rev().filter(|stay| stay.ok);
            let other = |stay: &&Stay<'a>| stay.artifact.is_some_and(|own| !is_current(own));
            earlier.find(other).and_then(|stay| stay.artifact)
        };
        let artifact = named.or_else(|| if back { before() } else { None });
        if let Some(stay) = running.filter(|_| ok).and_then(|at| line.get_mut(at)) {
            let end = if back { End::RolledBack } else { End::Deployed };
            stay.until = Some((event, end));
            stay.next = artifact;
        }
        line.push(Stay {
            service: deploy.service,
            environment: deploy.environment,
            artifact,
            event,
            back,
            ok,
            until: None,
            next: None,
        });
    }
    lines.into_values().flatten().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::correlate::testing::{cdevent, log};

    fn event(predicate: &str, artifact: &str, minute: u32) -> Value {
        let time = format!("2026-11-01T10:{minute:02}:00Z");
        let content = json!({"environment": {"id": "production"}, "artifactId": artifact});
        cdevent(&format!("service.{predicate}"), "shop", &time, &content)
    }

    fn told(payloads: &[Value], failed: &[i64]) -> Vec<String> {
        let mut log = log(payloads);
        for seq in failed {
            log.events.get_mut(seq).unwrap().success = false;
        }
        let stays = stays(log.events.values());
        let id = |artifact: Option<&Artifact>| artifact.map_or("?", |a| a.id.as_str()).to_owned();
        let told = stays.iter().map(|stay| {
            let state = match stay.until {
                _ if !stay.ok => "failed".to_owned(),
                None => "runs".to_owned(),
                Some((_, end)) => format!("{end:?} {}", id(stay.next)),
            };
            format!("{} {state}", id(stay.artifact))
        });
        told.collect()
    }

    #[test]
    fn each_deployment_ends_the_one_before() {
        let told = told(
            &[
                event("deployed", "a", 1),
                event("upgraded", "b", 2),
                event("deployed", "c", 3),
                event("upgraded", "d", 4),
                event("removed", "", 5),
            ],
            &[3],
        );
        assert_eq!(
            told,
            ["a Deployed b", "b Deployed d", "c failed", "d Removed ?"]
        );
    }

    #[test]
    fn a_rollback_brings_back_what_it_names_or_what_ran_before() {
        let before = [event("deployed", "a", 1), event("deployed", "b", 2)];
        for named in ["a", "b", ""] {
            let mut events = before.to_vec();
            events.push(event("rolledback", named, 3));
            assert_eq!(
                told(&events, &[]),
                ["a Deployed b", "b RolledBack a", "a runs"],
                "{named}"
            );
        }
        assert_eq!(told(&[event("rolledback", "", 3)], &[]), ["? runs"]);
    }
}
