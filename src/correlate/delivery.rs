//! How a team delivers: the four figures of DORA (deployment frequency, lead time for changes,
//! change failure rate, time to restore), for each service in each environment. Pure: the caller
//! finds the deployments and incidents of a window by [`delivery_key`], lets
//! [`LeadTimes`] find the change of each deployment, and gives both to [`Delivery::of`].
//!
//! What is counted, so that the figures can be trusted:
//!
//! - A **deployment** is a `service.deployed` or `service.upgraded` event in the window, or an
//!   environment that an artifact changed, each source and id once. It **succeeded** if it was
//!   recorded as a success and says nothing else.
//! - **Deployment frequency**: successful deployments over the days of the window, as far as it is
//!   past.
//! - **Lead time for changes**: from the merge of the change to the deployment, for each successful
//!   deployment that brings an artifact for the first time to that service and environment. Where
//!   no merge is known, from the first event of the change or commit.
//! - **Change failure rate**: deployments that were recorded as failed, were rolled back, or were
//!   followed by an incident, over all deployments. A rollback undoes the newest deployment before
//!   it that is not undone yet. An incident is blamed on the newest deployment before it of the
//!   artifact that it names, else of the service that it names.
//! - **Time to restore**: from `incident.detected` (else `reported`) to `incident.resolved`; of a
//!   failed deployment without an incident, until the rollback or the next successful deployment of
//!   the same service in the same environment.
//!
//! What could not be counted is counted by its [`Reason`], and never guessed.

mod figures;
mod fold;
mod incidents;
mod json;
mod lead;
mod reason;
#[cfg(test)]
mod tests;
mod text;

use std::collections::{BTreeMap, BTreeSet};

pub use figures::{Failures, Figures, Spread};
pub use lead::{Lead, LeadTimes};
pub use reason::Reason;

use super::deploy::{Action, DeliveryScope, delivery_key, deployment};
use super::facts::Recorded;
use super::key::LinkKey;
use super::shown::DAY;
use crate::domain::time::Timestamp;
use crate::limits;
use figures::Tally;
use fold::Lines;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The start of the window, inclusive, in event time.
    pub from: Timestamp,
    /// Its end, exclusive.
    pub to: Timestamp,
    /// This service alone.
    pub service: Option<String>,
    /// This environment alone.
    pub environment: Option<String>,
}

impl Scope {
    /// The key under which its deployments and incidents are found. Those of a service are fewer
    /// than those of an environment; whatever else is found is left out by the scope itself.
    pub fn key(&self) -> LinkKey {
        delivery_key(match (&self.service, &self.environment) {
            (Some(service), _) => DeliveryScope::Service(service),
            (None, Some(environment)) => DeliveryScope::Environment(environment),
            (None, None) => DeliveryScope::All,
        })
    }

    /// The part of it that begins with the oldest of these events, which are the newest that there are:
    /// figures over days of which no event was read would be too low.
    #[must_use]
    pub fn as_far_as(&self, events: &[Recorded]) -> Self {
        let times = events.iter().map(Recorded::at);
        let oldest = times.filter(|at| self.holds(*at)).min();
        Self {
            from: oldest.unwrap_or(self.from),
            ..self.clone()
        }
    }

    fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    fn takes_environment(&self, environment: Option<&str>) -> bool {
        self.environment.is_none() || self.environment.as_deref() == environment
    }

    fn takes_service(&self, service: Option<&str>) -> bool {
        self.service.is_none() || self.service.as_deref() == service
    }
}

/// The figures of one service in one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The service.
    pub service: String,
    /// The environment, where its events name one.
    pub environment: Option<String>,
    /// Its figures.
    pub figures: Figures,
}

/// How many successful deployments there were in each of the equal parts of the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buckets {
    /// Days in a part.
    pub days: u32,
    /// Deployments in each part, the first at the start of the window. The last part may be shorter.
    pub counts: Vec<usize>,
}

/// How a team delivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What was asked for.
    pub scope: Scope,
    /// Microseconds of the window that are past: what frequencies are taken over.
    pub measured: i64,
    /// All services and environments together.
    pub total: Figures,
    /// Each service in each environment, most deployments first; at most
    /// [`limits::delivery::ROWS`].
    pub rows: Vec<Row>,
    /// Rows beyond that.
    pub more_rows: usize,
    /// The deployments over time.
    pub buckets: Buckets,
    /// What was left out, and why.
    pub left_out: BTreeMap<Reason, usize>,
    /// Whether there were more events in the window than are looked at, so that all counts are too
    /// low. The caller knows it too, from what it read, and then sets it.
    pub truncated: bool,
    /// The start of the window that was asked for, where the scope begins later because there are more
    /// events than are looked at.
    pub asked_from: Option<Timestamp>,
}

impl Delivery {
    /// Counts up the deployments and incidents among `events`, in any order; others are ignored.
    /// Those shortly before and after the window help to tell what failed and was restored, and are
    /// not counted. `change_of` gives the change of each deployment, as [`LeadTimes::of`] does.
    pub fn of<'a>(
        events: impl IntoIterator<Item = &'a Recorded>,
        change_of: impl Fn(&Recorded) -> Lead,
        scope: &Scope,
        now: Timestamp,
    ) -> Self {
        let mut left_out = BTreeMap::new();
        let mut read = BTreeMap::new();
        let mut truncated = false;
        for event in events {
            if read.len() >= limits::delivery::EVENTS && !read.contains_key(&event.seq) {
                truncated = true;
                continue;
            }
            read.insert(event.seq, event);
        }
        let events = once_each(read.into_values(), &mut left_out);
        let mut lines = Lines::of(&events, scope, &mut left_out);
        lines.roll_back(&mut left_out);
        let mut unplaced = Tally::default();
        incidents::blame(&events, &mut lines, scope, &mut unplaced, &mut left_out);
        let buckets = buckets(&lines, scope, now);
        let mut total = unplaced;
        let mut rows = Vec::new();
        for line in lines.into_all() {
            let (service, environment) = (line.service.to_owned(), line.environment);
            let tally = line.tally(&change_of, &mut left_out);
            total.add(&tally);
            let figures = tally.finish();
            if figures.deployments > 0 || figures.restore.count > 0 {
                rows.push(Row {
                    service,
                    environment: environment.map(str::to_owned),
                    figures,
                });
            }
        }
        rows.sort_by(|one, other| {
            (other.figures.deployments.cmp(&one.figures.deployments))
                .then_with(|| one.service.cmp(&other.service))
                .then_with(|| one.environment.cmp(&other.environment))
        });
        let more_rows = rows.len().saturating_sub(limits::delivery::ROWS);
        rows.truncate(limits::delivery::ROWS);
        Self {
            measured: measured(scope, now),
            scope: scope.clone(),
            total: total.finish(),
            rows,
            more_rows,
            buckets,
            left_out,
            truncated,
            asked_from: None,
        }
    }
}

/// Whether an event is a deployment whose change is worth looking for.
fn brings(event: &Recorded) -> bool {
    deployment(&event.facts).is_some_and(|deploy| deploy.action == Action::Deployed)
}

/// The events by time, without those that came more than once: same source, id, type and subject.
fn once_each<'a>(
    events: impl Iterator<Item = &'a Recorded>,
    left_out: &mut BTreeMap<Reason, usize>,
) -> Vec<&'a Recorded> {
    let mut seen = BTreeSet::new();
    let mut once: Vec<&Recorded> = events
        .filter(|event| {
            let facts = &event.facts;
            let Some(id) = &facts.id else { return true };
            let about = facts.about.as_ref().map(|about| &about.id);
            let new = seen.insert((&facts.source, id, &facts.subject, &facts.predicate, about));
            if !new {
                count(left_out, Reason::Duplicate);
            }
            new
        })
        .collect();
    once.sort_by_key(|event| (event.at(), event.seq));
    once
}

fn count(left_out: &mut BTreeMap<Reason, usize>, reason: Reason) {
    *left_out.entry(reason).or_default() += 1;
}

/// Microseconds of the window that are past.
fn measured(scope: &Scope, now: Timestamp) -> i64 {
    let end = scope.to.min(now).as_micros();
    end.saturating_sub(scope.from.as_micros()).max(0)
}

fn buckets(lines: &Lines<'_>, scope: &Scope, now: Timestamp) -> Buckets {
    let most = limits::delivery::BUCKETS as i64;
    let whole_days = measured(scope, now).div_euclid(DAY) + 1;
    // Days for two weeks, then weeks, then as many weeks as it takes.
    let days = match whole_days {
        ..=15 => 1,
        days => (days + 7 * most - 1).div_euclid(7 * most).max(1) * 7,
    };
    let parts = measured(scope, now)
        .saturating_add(days * DAY - 1)
        .div_euclid(days * DAY);
    let mut counts = vec![0; parts.clamp(0, most) as usize];
    for at in lines.successes() {
        let part = at.as_micros().saturating_sub(scope.from.as_micros()) / (days * DAY);
        if let Some(count) = usize::try_from(part)
            .ok()
            .and_then(|part| counts.get_mut(part))
        {
            *count += 1;
        }
    }
    Buckets {
        days: days as u32,
        counts,
    }
}
