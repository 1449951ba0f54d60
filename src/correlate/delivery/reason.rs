//! Why something was left out of a figure.

/// Why something was left out of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The event came more than once.
    Duplicate,
    /// It happened before or after the window.
    OutsideWindow,
    /// It names no service.
    NoService,
    /// An environment was asked for, and it names none.
    NoEnvironment,
    /// Lead time: it failed.
    Failed,
    /// Lead time: the same artifact was there before.
    Redeployed,
    /// Lead time: the deployment names no artifact and no chain.
    NoArtifact,
    /// Lead time: nothing tells of the change that the artifact was made from.
    NoChange,
    /// Lead time: the change is later than the deployment.
    ChangeAfterDeployment,
    /// Lead time: there were more deployments or events than one question looks at.
    NotLookedAt,
    /// Change failure rate: what was rolled back, or what an incident could be blamed on, was
    /// deployed before the window.
    EarlierDeployment,
    /// Change failure rate: an incident or rollback that no known deployment precedes.
    NothingToBlame,
    /// Time to restore: the incident is open.
    IncidentOpen,
    /// Time to restore: the incident was resolved, and nothing tells when it was detected.
    IncidentStartUnknown,
    /// Time to restore: nothing has succeeded since the deployment that failed.
    NotRestored,
}

impl Reason {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::OutsideWindow => "outside_window",
            Self::NoService => "no_service",
            Self::NoEnvironment => "no_environment",
            Self::Failed => "failed_deployment",
            Self::Redeployed => "redeployed",
            Self::NoArtifact => "no_artifact",
            Self::NoChange => "no_change",
            Self::ChangeAfterDeployment => "change_after_deployment",
            Self::NotLookedAt => "not_looked_at",
            Self::EarlierDeployment => "earlier_deployment",
            Self::NothingToBlame => "nothing_to_blame",
            Self::IncidentOpen => "incident_open",
            Self::IncidentStartUnknown => "incident_start_unknown",
            Self::NotRestored => "not_restored",
        }
    }

    /// The figure that it is left out of, and why, for a list: `lead time: no change known`; where it is
    /// left out of all, what it is.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Duplicate => "events that came more than once",
            Self::OutsideWindow => "events outside the window",
            Self::NoService => "events that name no service",
            Self::NoEnvironment => "events that name no environment",
            Self::Failed => "lead time: the deployment failed",
            Self::Redeployed => "lead time: the same artifact was there before",
            Self::NoArtifact => "lead time: names no artifact",
            Self::NoChange => "lead time: no change known",
            Self::ChangeAfterDeployment => "lead time: the change is later than the deployment",
            Self::NotLookedAt => "lead time: beyond what one question looks at",
            Self::EarlierDeployment => "failure rate: concerns a deployment before the window",
            Self::NothingToBlame => "failure rate: no deployment known before it",
            Self::IncidentOpen => "time to restore: the incident is open",
            Self::IncidentStartUnknown => "time to restore: nothing tells when it was detected",
            Self::NotRestored => "time to restore: nothing has succeeded since",
        }
    }
}
