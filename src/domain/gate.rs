//! When a gate passes: pure rules over a group's members and each member's newest event.

use super::group::Group;
use super::id::ReceiverId;

/// The newest event of one receiver for one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latest {
    /// The event's position in the log.
    pub seq: i64,
    /// Whether it went well.
    pub success: bool,
}

/// How one member of a gate stands for one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The newest event is a success.
    Pass(Latest),
    /// The newest event is a failure.
    Fail(Latest),
    /// There is no event.
    Missing,
}

impl Standing {
    /// From the newest event, if there is one.
    pub const fn of(latest: Option<Latest>) -> Self {
        match latest {
            Some(latest) if latest.success => Self::Pass(latest),
            Some(latest) => Self::Fail(latest),
            None => Self::Missing,
        }
    }

    /// The event that decides, if there is one.
    pub const fn latest(self) -> Option<Latest> {
        match self {
            Self::Pass(latest) | Self::Fail(latest) => Some(latest),
            Self::Missing => None,
        }
    }

    /// `pass`, `fail` or `missing`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass(_) => "pass",
            Self::Fail(_) => "fail",
            Self::Missing => "missing",
        }
    }
}

/// How a whole gate stands for one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateState {
    /// Whether the group is in force.
    pub enabled: bool,
    /// Each member, in the group's order.
    pub members: Vec<(ReceiverId, Standing)>,
}

impl GateState {
    /// Evaluates `group` with `latest` telling the newest event of a receiver for the unit.
    pub fn evaluate(group: &Group, latest: impl Fn(ReceiverId) -> Option<Latest>) -> Self {
        Self {
            enabled: group.enabled,
            members: group
                .event_receiver_ids
                .iter()
                .map(|id| (*id, Standing::of(latest(*id))))
                .collect(),
        }
    }

    /// Whether every member's newest event is a success.
    pub fn complete(&self) -> bool {
        self.members
            .iter()
            .all(|(_, standing)| matches!(standing, Standing::Pass(_)))
    }

    /// The gate passes: the group is enabled and [`complete`](Self::complete).
    pub fn passes(&self) -> bool {
        self.enabled && self.complete()
    }

    /// The members whose newest event is missing or a failure.
    pub fn waits_for(&self) -> impl Iterator<Item = (ReceiverId, Standing)> {
        self.members
            .iter()
            .copied()
            .filter(|(_, standing)| !matches!(standing, Standing::Pass(_)))
    }

    /// Whether any of the deciding events is newer than `seq`.
    pub fn decided_after(&self, seq: i64) -> bool {
        self.members
            .iter()
            .any(|(_, standing)| standing.latest().is_some_and(|latest| latest.seq > seq))
    }
}

/// What one event did to one gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// It did not pass before and passes now.
    Opened,
    /// It passed before and passes still.
    StillPassing,
    /// It passed before and does not now.
    Closed,
    /// It did not pass before and does not now.
    Waiting,
    /// The group is disabled.
    Disabled,
}

impl Turn {
    /// Compares the states before and after one event.
    pub fn between(before: &GateState, after: &GateState) -> Self {
        match (before.passes(), after.passes()) {
            _ if !after.enabled => Self::Disabled,
            (false, true) => Self::Opened,
            (true, true) => Self::StillPassing,
            (true, false) => Self::Closed,
            (false, false) => Self::Waiting,
        }
    }
}

/// Whether a completion is announced as a transition. It is not one only when the gate was
/// passing before and that has been announced: one of the events that decided it then came after
/// the group was created or enabled.
pub fn is_transition(before: &GateState, active_from_seq: i64) -> bool {
    !(before.passes() && before.decided_after(active_from_seq))
}
