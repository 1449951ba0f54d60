//! Where what was made went, and how long it took from the change to there.

use super::artifacts::Artifacts;
use super::events::Events;
use super::source::Source;
use crate::correlate::deploy::{Action, deployment};
use crate::correlate::facts::Artifact;

/// From where the lead time is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeadFrom {
    /// A change was merged.
    Merged,
    /// The first event about a change, a push or a branch.
    FirstCommit,
    /// The first event of the run: nothing tells of the change, so that the lead time is longer.
    RunStart,
}

impl LeadFrom {
    /// The word for it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Merged => "change_merged",
            Self::FirstCommit => "first_commit",
            Self::RunStart => "run_start",
        }
    }
}

/// One deployment.
#[derive(Debug)]
pub(super) struct Deployment<'a> {
    /// The place of its event.
    pub entry: usize,
    /// When, in microseconds since 1970.
    pub at: i64,
    /// `deployed`, `upgraded`, `rolledback`, `removed`.
    pub action: &'a str,
    /// Whether it brought something there.
    pub brings: bool,
    /// What; of programs that know no services, the name of what they deploy.
    pub service: Option<&'a str>,
    /// Where to.
    pub environment: Option<&'a str>,
    /// The artifact, as the event names it.
    pub artifact: Option<&'a Artifact>,
    /// From where the lead time is counted, the event there, and how long it is.
    pub lead: Option<(LeadFrom, usize, i64)>,
}

/// The deployments of a run, by time.
pub(super) fn deployments<'a>(events: &Events<'a>, source: &Source<'a>) -> Vec<Deployment<'a>> {
    let first = events.counted().next().map(|(at, entry)| (at, entry.at));
    let mut out = Vec::new();
    for (at, entry) in events.counted() {
        let facts = entry.facts();
        let Some(deploy) = deployment(facts) else {
            continue;
        };
        let action = match facts.subject.as_str() {
            "service" => facts.predicate.as_str(),
            _ => "deployed",
        };
        let brings = deploy.action == Action::Deployed;
        let lead = source
            .begin(entry.at)
            .map(|(begin, when, merged)| {
                let from = if merged {
                    LeadFrom::Merged
                } else {
                    LeadFrom::FirstCommit
                };
                (from, begin, when)
            })
            .or_else(|| {
                let (begin, when) = first.filter(|(begin, _)| *begin != at)?;
                Some((LeadFrom::RunStart, begin, when))
            })
            .filter(|_| brings)
            .map(|(from, begin, when)| (from, begin, entry.at.saturating_sub(when).max(0)));
        out.push(Deployment {
            entry: at,
            at: entry.at,
            action,
            brings,
            service: deploy.service,
            environment: deploy.environment,
            artifact: deploy.artifact,
            lead,
        });
    }
    out
}

/// The first publication of what was deployed, where that is later than the deployment.
pub(super) fn published_late(
    deployment: &Deployment<'_>,
    artifacts: &Artifacts<'_>,
) -> Option<(usize, i64)> {
    let published = artifacts.find(deployment.artifact?)?.published?;
    let late = published.at.saturating_sub(deployment.at);
    (late > 0 && deployment.brings).then_some((published.entry, late))
}
