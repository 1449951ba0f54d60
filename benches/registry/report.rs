//! What was measured, what was wanted, and how both compare.

use std::fmt;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::facts::Facts;

/// What a figure has to be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
    /// Whatever it is: it is told for comparison.
    None,
}

impl Goal {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
            Self::None => true,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "<= {most}"),
            Self::AtLeast(least) => write!(f, ">= {least}"),
            Self::None => Ok(()),
        }
    }
}

/// One line of the report. With a baseline the goal is for the ratio of both, without for the
/// value itself.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) group: &'static str,
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) value: f64,
    pub(crate) baseline: Option<Baseline>,
    pub(crate) goal: Goal,
}

/// What a figure is held against.
#[derive(Debug, Clone)]
pub(crate) struct Baseline {
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    /// The figure by the baseline, of runs in turns.
    pub(crate) ratio: f64,
}

impl Figure {
    fn judged(&self) -> f64 {
        self.baseline.as_ref().map_or(self.value, |b| b.ratio)
    }

    fn passes(&self) -> bool {
        self.goal.holds(self.judged())
    }

    fn json(&self) -> Value {
        let (limit, is) = match self.goal {
            Goal::AtMost(most) => (Some(most), "at_most"),
            Goal::AtLeast(least) => (Some(least), "at_least"),
            Goal::None => (None, "none"),
        };
        json!({
            "group": self.group,
            "figure": self.name,
            "unit": self.unit,
            "value": self.value,
            "baseline": self.baseline.as_ref().map(|b| b.value),
            "baseline_name": self.baseline.as_ref().map(|b| b.name),
            "ratio": self.baseline.as_ref().map(|b| b.ratio),
            "goal": limit,
            "goal_is": is,
            "pass": self.passes(),
        })
    }
}

/// All figures of a run.
#[derive(Debug)]
pub(crate) struct Report {
    facts: Facts,
    figures: Vec<Figure>,
}

impl Report {
    pub(crate) fn new(facts: Facts) -> Self {
        Self {
            facts,
            figures: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    pub(crate) fn passes(&self) -> bool {
        self.figures.iter().all(Figure::passes)
    }

    /// Writes the machine's line, then one line a figure.
    pub(crate) fn save(&self, path: &Path) -> anyhow::Result<()> {
        let lines = std::iter::once(self.facts.json()).chain(self.figures.iter().map(Figure::json));
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        fs::write(path, text)?;
        Ok(())
    }
}

/// Three digits that matter.
fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<52} {:>9} {:<6} {:>9} {:<26} {:>7} {:>8}",
            "figure (median)", "epr-mcp", "", "baseline", "", "ratio", "goal"
        )?;
        let mut group = "";
        for figure in &self.figures {
            if figure.group != group {
                group = figure.group;
                writeln!(f, "{group}")?;
            }
            let (baseline, name, ratio) = match &figure.baseline {
                Some(b) => (short(b.value), b.name, format!("{:.2}", b.ratio)),
                None => (String::new(), "", String::new()),
            };
            let (value, unit, goal) = (short(figure.value), figure.unit, figure.goal.to_string());
            let verdict = match figure.goal {
                Goal::None => "",
                _ if figure.passes() => "pass",
                _ => "MISS",
            };
            writeln!(
                f,
                "  {:<50} {value:>9} {unit:<6} {baseline:>9} {name:<26} {ratio:>7} {goal:>8} {verdict}",
                figure.name
            )?;
        }
        let missed = self.figures.iter().filter(|f| !f.passes()).count();
        write!(f, "{} figures, {missed} missed.", self.figures.len())
    }
}
