//! What became of everything that was read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::IngestArgs;
use crate::cli::output::{Format, visible};
use crate::cli::refused;
use crate::cli::{note, say};
use crate::correlate::Conformance;
use crate::domain::gate::Turn;
use crate::registry::{Error, Intake, Taken};

/// Refusals that are told with their line.
const TOLD: usize = 20;
/// Different types and remarks that are counted apart; the others are counted together.
const KINDS: usize = 200;
/// Rows of a table of the summary.
const ROWS: usize = 12;
const OTHERS: &str = "(others)";

/// The counts.
#[derive(Debug, Default, Serialize)]
pub(super) struct Summary {
    documents: u64,
    recorded: u64,
    repeated: u64,
    refused: u64,
    conforming: u64,
    deviating: u64,
    not_judged: u64,
    receivers_made: u64,
    gates_opened: u64,
    gates_closed: u64,
    types: BTreeMap<String, u64>,
    remarks: BTreeMap<String, u64>,
    refusals: BTreeMap<String, u64>,
    #[serde(rename = "first_refusals")]
    told: Vec<String>,
}

impl Summary {
    /// Counts what became of a document.
    pub(super) fn add(&mut self, file: &Path, line: u64, one: &Taken) {
        self.documents += 1;
        if let Some(facts) = &one.facts {
            let kind = if facts.subject.is_empty() {
                facts.type_name.clone()
            } else {
                format!("{}.{}", facts.subject, facts.predicate)
            };
            counted(&mut self.types, kind);
            for note in &facts.notes {
                counted(&mut self.remarks, note.code.clone());
            }
            match facts.verdict.conformance {
                Conformance::Conforms => self.conforming += 1,
                Conformance::Deviates => self.deviating += 1,
                Conformance::Unknown => self.not_judged += 1,
            }
        }
        for warning in &one.warnings {
            if warning.code == "ephemeral" {
                note(&warning.text);
                continue;
            }
            counted(&mut self.remarks, warning.code.to_owned());
        }
        match &one.outcome {
            Intake::Recorded {
                gates, id_conflict, ..
            } => {
                self.recorded += 1;
                self.receivers_made +=
                    u64::from(one.receiver.as_ref().is_some_and(|(_, made)| *made));
                if id_conflict.is_some() {
                    counted(&mut self.remarks, "id_conflict".to_owned());
                }
                let turned = |turn| gates.iter().filter(|gate| gate.turn == turn).count() as u64;
                self.gates_opened += turned(Turn::Opened);
                self.gates_closed += turned(Turn::Closed);
            }
            Intake::Repeated { .. } => self.repeated += 1,
            Intake::Refused(error) => {
                let code = match error {
                    Error::Refused(refusal) => refusal.code(),
                    Error::Internal { .. } => "internal",
                };
                self.refuse(file, line, code, &refused::text(error));
            }
        }
    }

    /// Counts a document that could not be read at all.
    pub(super) fn unreadable(&mut self, file: &Path, line: u64, why: &str) {
        self.documents += 1;
        self.refuse(file, line, "unreadable", why);
    }

    fn refuse(&mut self, file: &Path, line: u64, code: &str, why: &str) {
        self.refused += 1;
        counted(&mut self.refusals, code.to_owned());
        if self.told.len() < TOLD {
            let place = format!("{}, line {line}: {}", file.display(), visible(why));
            self.told.push(place);
        }
    }

    /// Whether something was refused.
    pub(super) const fn refused(&self) -> bool {
        self.refused > 0
    }

    /// On one line, for a progress bar.
    pub(super) fn line(&self) -> String {
        format!(
            "{} recorded, {} repeated, {} refused",
            self.recorded, self.repeated, self.refused
        )
    }

    /// Tells everything, in the form that was asked for.
    pub(super) fn tell(&self, args: &IngestArgs) -> anyhow::Result<()> {
        if args.output.output == Format::Json && !args.explain {
            let text = if args.output.no_indent {
                serde_json::to_string(self)?
            } else {
                serde_json::to_string_pretty(self)?
            };
            say(crate::domain::text::escape_hidden_in_json(&text));
        } else {
            say(self.text(args.dry_run));
        }
        for refusal in &self.told {
            note(refusal);
        }
        let more = self.refused.saturating_sub(self.told.len() as u64);
        if more > 0 {
            note(&format!("and {more} more were refused"));
        }
        Ok(())
    }

    fn text(&self, dry_run: bool) -> String {
        let would = if dry_run { "would be " } else { "" };
        let mut out = format!(
            "{} documents: {} {would}recorded, {} there already, {} refused\n",
            self.documents, self.recorded, self.repeated, self.refused
        );
        let _ = writeln!(
            out,
            "verdicts: {} conform, {} deviate, {} of types without a schema",
            self.conforming, self.deviating, self.not_judged
        );
        if self.receivers_made + self.gates_opened + self.gates_closed > 0 {
            let _ = writeln!(
                out,
                "{} receivers {would}made; {} gates {would}opened, {} closed",
                self.receivers_made, self.gates_opened, self.gates_closed
            );
        }
        for (name, counts) in [
            ("types", &self.types),
            ("remarks", &self.remarks),
            ("refusals", &self.refusals),
        ] {
            if !counts.is_empty() {
                let _ = writeln!(out, "{name}: {}", most(counts));
            }
        }
        out.trim_end().to_owned()
    }
}

fn counted(counts: &mut BTreeMap<String, u64>, what: String) {
    let what = if counts.len() >= KINDS && !counts.contains_key(&what) {
        OTHERS.to_owned()
    } else {
        what
    };
    *counts.entry(what).or_default() += 1;
}

/// The greatest counts, the greatest first.
fn most(counts: &BTreeMap<String, u64>) -> String {
    let mut rows: Vec<(&String, &u64)> = counts.iter().collect();
    rows.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let mut out = String::new();
    for (i, (what, count)) in rows.iter().take(ROWS).enumerate() {
        let gap = if i == 0 { "" } else { ", " };
        let _ = write!(out, "{gap}{} {count}", visible(what));
    }
    if rows.len() > ROWS {
        let _ = write!(out, ", and {} more", rows.len() - ROWS);
    }
    out
}
