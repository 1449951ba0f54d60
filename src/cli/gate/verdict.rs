//! What a look at a gate came to: as an exit code, as lines, as JSON.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::domain::gate::Standing;
use crate::domain::text::{escape_hidden_in_json, quoted};
use crate::domain::unit::Unit;
use crate::registry::GateView;

/// How a gate stands for a unit.
pub(super) struct Verdict {
    pub(super) unit: Unit,
    pub(super) gate: GateView,
}

/// What a check came to.
pub(super) enum Ended {
    /// The gate could be looked at.
    Told(Box<Verdict>),
    /// It could, and the time to wait was over.
    TimedOut(Box<Verdict>, Duration),
    /// Nothing is recorded for the unit, with what comes near.
    NoUnit(String),
    /// Nor was it when the time to wait was over.
    NoUnitInTime(String, Duration),
    /// It could not be told, with a code.
    Error(String, &'static str),
    /// Somebody ended the wait.
    Interrupted,
}

impl Ended {
    /// The same, after a wait that did not help.
    pub(super) fn timed_out(self, waited: Duration, for_retries: bool) -> Self {
        let waits = self.waits(for_retries);
        match self {
            Self::Told(verdict) if waits => Self::TimedOut(verdict, waited),
            Self::NoUnit(text) => Self::NoUnitInTime(text, waited),
            other => other,
        }
    }

    /// Whether there is something to wait for.
    pub(super) fn waits(&self, for_retries: bool) -> bool {
        match self {
            Self::Told(verdict) => {
                let state = &verdict.gate.state;
                !state.passes() && (for_retries || word(verdict) == "missing")
            }
            Self::NoUnit(_) => true,
            _ => false,
        }
    }

    /// What is waited for, in a line.
    pub(super) fn waiting(&self) -> String {
        match self {
            Self::Told(verdict) => format!(
                "waiting: gate {} for {}: {}",
                quoted(&verdict.gate.group.name),
                verdict.unit.uri(),
                why(verdict)
            ),
            Self::NoUnit(text) => format!("waiting: {text}"),
            _ => String::new(),
        }
    }

    /// The exit code.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Told(verdict) => match word(verdict) {
                "pass" => 0,
                "missing" => 2,
                _ => 1,
            },
            Self::TimedOut(..) | Self::NoUnit(_) | Self::NoUnitInTime(..) => 2,
            Self::Error(..) | Self::Interrupted => super::NOT_TOLD,
        }
    }

    fn result(&self) -> &'static str {
        match self {
            Self::Told(verdict) => word(verdict),
            Self::NoUnit(_) => "missing",
            Self::TimedOut(..) | Self::NoUnitInTime(..) => "timed_out",
            Self::Error(..) | Self::Interrupted => "error",
        }
    }
}

/// `pass`, `fail`, `missing` or `disabled`. A failure says more than something that is missing.
fn word(verdict: &Verdict) -> &'static str {
    let state = &verdict.gate.state;
    let failed = |standing| matches!(standing, Standing::Fail(_));
    if state.passes() {
        "pass"
    } else if state.waits_for().any(|(_, standing)| failed(standing)) {
        "fail"
    } else if state.complete() {
        "disabled"
    } else if state.enabled {
        "missing"
    } else {
        "disabled"
    }
}

/// Why a gate does not pass.
fn why(verdict: &Verdict) -> String {
    let mut parts = Vec::new();
    if !verdict.gate.state.enabled {
        parts.push("the gate is disabled".to_owned());
    }
    for (kind, about) in [("fail", "failed"), ("missing", "missing")] {
        let names: Vec<String> = verdict
            .gate
            .members
            .iter()
            .filter(|member| member.standing.word() == kind)
            .map(|member| quoted(&member.receiver.name))
            .collect();
        if !names.is_empty() {
            parts.push(format!("{about}: {}", names.join(", ")));
        }
    }
    parts.join("; ")
}

/// A check as it is told.
pub(super) struct Report<'a> {
    pub(super) ended: &'a Ended,
    /// How long was waited, if that was asked for.
    pub(super) waited: Option<Duration>,
}

impl Report<'_> {
    /// Lines for stdout, or a line for stderr.
    pub(super) fn text(&self) -> Result<String, String> {
        match self.ended {
            Ended::Told(verdict) => Ok(lines(verdict, None)),
            Ended::TimedOut(verdict, waited) => Ok(lines(verdict, Some(*waited))),
            Ended::NoUnit(text) => Ok(format!("MISSING: {text}")),
            Ended::NoUnitInTime(text, waited) => {
                Ok(format!("MISSING after {}: {text}", span(*waited)))
            }
            Ended::Error(text, _) => Err(text.clone()),
            Ended::Interrupted => Err("interrupted before the gate was decided".to_owned()),
        }
    }

    /// The same as JSON.
    pub(super) fn json(&self) -> anyhow::Result<String> {
        let mut out = json!({"result": self.ended.result(), "exit_code": self.ended.code()});
        match self.ended {
            Ended::Told(verdict) | Ended::TimedOut(verdict, _) => fill(&mut out, verdict),
            Ended::NoUnit(text) | Ended::NoUnitInTime(text, _) => {
                put(&mut out, "message", text.as_str());
            }
            Ended::Error(text, code) => {
                put(&mut out, "error", json!({"code": code, "message": text}));
            }
            Ended::Interrupted => {
                let about = json!({"code": "interrupted", "message": "interrupted before the gate was decided"});
                put(&mut out, "error", about);
            }
        }
        if let Some(waited) = self.waited {
            put(&mut out, "waited_seconds", waited.as_secs());
        }
        Ok(escape_hidden_in_json(&serde_json::to_string_pretty(&out)?))
    }
}

fn put(out: &mut Value, field: &str, value: impl Into<Value>) {
    if let Some(out) = out.as_object_mut() {
        out.insert(field.to_owned(), value.into());
    }
}

fn fill(out: &mut Value, verdict: &Verdict) {
    let (group, unit) = (&verdict.gate.group, &verdict.unit);
    put(
        out,
        "group",
        json!({"id": group.id, "name": group.name, "type": group.kind, "version": group.version, "enabled": group.enabled}),
    );
    put(
        out,
        "unit",
        json!({"uri": unit.uri(), "name": unit.name, "version": unit.version, "release": unit.release,
            "platform_id": unit.platform_id, "package": unit.package}),
    );
    let members = verdict.gate.members.iter().map(|member| {
        let receiver = &member.receiver;
        let mut shown = json!({"id": receiver.id, "name": receiver.name, "type": receiver.kind,
            "standing": member.standing.word()});
        if let Some(event) = &member.event {
            let about = json!({"id": event.id, "created_at": event.created_at, "success": event.success,
                "description": event.description, "recorded_by": event.recorded_by.as_ref()});
            put(&mut shown, "event", about);
        }
        shown
    });
    put(out, "receivers", members.collect::<Vec<_>>());
}

fn lines(verdict: &Verdict, timed_out: Option<Duration>) -> String {
    let gate = &verdict.gate;
    let state = &gate.state;
    let head = match word(verdict) {
        "pass" => "PASS",
        "missing" => "MISSING",
        _ => "FAIL",
    };
    let after = timed_out.map_or_else(String::new, |waited| format!(" after {}", span(waited)));
    let mut out = format!(
        "{head}{after}: gate {} for {}",
        quoted(&gate.group.name),
        verdict.unit.uri()
    );
    if !state.passes() {
        let _ = write!(out, ": {}", why(verdict));
    }
    for member in &gate.members {
        let _ = write!(
            out,
            "\n  {:7} {}",
            member.standing.word(),
            quoted(&member.receiver.name)
        );
        if let Some(event) = &member.event {
            let _ = write!(
                out,
                "  {} by {}: {}  (event {})",
                event.created_at,
                quoted(&event.recorded_by.principal),
                quoted(&event.description),
                event.id
            );
        }
    }
    out
}

/// A span as a person says it.
fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, 0) => format!("{m} min"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}
