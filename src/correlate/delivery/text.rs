//! The figures as text.

use std::fmt::Write as _;

use super::{Delivery, Figures, Row, Scope, Spread};
use crate::correlate::shown::{DAY, call, count, lasting, name, when};
use crate::limits;

/// What is counted, for a reader who has to trust it. The long form is in the module's head.
const RULES: &str = "counted: deployment = service.deployed or upgraded; frequency = successful ones over the days \
    of the window; lead time = change merged to first successful deployment of its artifact there; failed = recorded \
    as failed, rolled back, or an incident that names its artifact, or its service before the next deployment; restore \
    = incident detected to resolved, or failed deployment to rollback or next success.";

impl Delivery {
    /// The figures as text, in about `most` bytes ([`limits::delivery::TEXT_BYTES`] by default).
    pub fn text(&self, most: usize) -> String {
        let mut out = self.head();
        let total = &self.total;
        if total.deployments == 0 {
            out.push_str("No deployments in this window.\n");
        } else {
            let _ = writeln!(out, "{}", self.frequency(total));
        }
        if let Some(lead) = lead(total) {
            let _ = writeln!(out, "lead time: {lead}");
        }
        if let Some(failures) = failures(total) {
            let _ = writeln!(out, "change failure rate: {failures}");
        }
        if total.restore.count > 0 {
            let _ = writeln!(out, "time to restore: {}", spread(total.restore));
        }
        let mut tail = String::new();
        if !self.left_out.is_empty() {
            let reasons: Vec<String> = (self.left_out.iter())
                .map(|(reason, number)| format!("{} ({number})", reason.sentence()))
                .collect();
            let _ = writeln!(tail, "left out: {}.", reasons.join("; "));
        }
        if self.truncated && self.asked_from.is_none() {
            tail.push_str("There are more events in this window than one question looks at; narrow it for exact counts.\n");
        }
        let _ = writeln!(tail, "{RULES}");
        let _ = writeln!(tail, "next: {}", self.next());
        if self.rows.len() > 1 || self.more_rows > 0 {
            out.push_str("by service and environment:\n");
            let mut shown = 0;
            for row in &self.rows {
                let line = self.row(row);
                if shown > 0 && out.len() + line.len() + tail.len() > most {
                    break;
                }
                shown += 1;
                out.push_str(&line);
            }
            if self.scope.environment.is_none() && self.has_several_environments() {
                out.push_str(" (the figures above mix environments; name one for its own)\n");
            }
            let rest = self.rows.len() - shown + self.more_rows;
            if rest > 0 {
                let _ = writeln!(out, " {rest} more; name a service or an environment");
            }
        }
        out + &tail
    }

    fn has_several_environments(&self) -> bool {
        let mut names = self.rows.iter().map(|row| &row.environment);
        let first = names.next();
        names.any(|name| Some(name) != first)
    }

    fn head(&self) -> String {
        let Scope {
            from,
            to,
            service,
            environment,
        } = &self.scope;
        let of = |what: &str, given: &Option<String>| match given {
            Some(given) => format!("{what} {}", name(given)),
            None => format!("all {what}s"),
        };
        let part = self.asked_from.map(|asked| {
            format!(
                "; ONLY THIS PART of the window from {}, for there are more events than one question looks at: \
                 narrow it",
                when(asked)
            )
        });
        format!(
            "DELIVERY of {} in {}, {} to {} (event time, {} of it past{})\n",
            of("service", service),
            of("environment", environment),
            when(*from),
            when(*to),
            lasting(self.measured),
            part.unwrap_or_default(),
        )
    }

    fn frequency(&self, figures: &Figures) -> String {
        let mut out = format!(
            "deployments: {}, {} successful",
            figures.deployments, figures.succeeded
        );
        if let Some(rate) = rate(figures, self.measured) {
            let _ = write!(out, ", {rate}");
        }
        if let (Some(first), Some(last)) = (figures.first, figures.last) {
            let _ = write!(out, "; first {}, last {}", when(first), when(last));
        }
        let counts = &self.buckets.counts;
        if counts.len() > 1 {
            let counts: Vec<String> = counts.iter().map(ToString::to_string).collect();
            let _ = write!(
                out,
                "; per {}: {}",
                match self.buckets.days {
                    1 => "day".to_owned(),
                    7 => "week".to_owned(),
                    days => format!("{days} days"),
                },
                counts.join(" ")
            );
        }
        out
    }

    fn row(&self, row: &Row) -> String {
        let place = row.environment.as_deref().map_or_else(
            || "no environment said".to_owned(),
            |environment| format!("in {}", name(environment)),
        );
        let figures = &row.figures;
        let mut line = format!(
            " {} {place}: {}",
            name(&row.service),
            count(figures.deployments, "deployment")
        );
        if let Some(rate) = rate(figures, self.measured) {
            let _ = write!(line, ", {rate}");
        }
        if let Some(median) = figures.lead.median {
            let _ = write!(line, "; lead {}", lasting(median));
        }
        if let Some(percent) = figures.change_failure_percent() {
            let _ = write!(line, "; {percent:.1}% failed");
        }
        if let Some(median) = figures.restore.median {
            let _ = write!(line, "; restored in {}", lasting(median));
        }
        line.push('\n');
        line
    }

    fn next(&self) -> String {
        // What runs there now, and by which change it came.
        let anchor = match (
            &self.scope.service,
            &self.scope.environment,
            self.rows.first(),
        ) {
            (Some(service), ..) => ("service", service),
            (None, Some(environment), _) => ("environment", environment),
            (None, None, Some(row)) => ("service", &row.service),
            (None, None, None) => return call("describe_registry", &[]),
        };
        if anchor.1.len() > limits::SHOWN_NAME_BYTES {
            return call("describe_registry", &[]);
        }
        let anchor = format!("{}:{}", anchor.0, anchor.1);
        call("trace_artifact", &[("anchor", &anchor)])
    }
}

/// `3.5 a week`, `2.1 a day`.
fn rate(figures: &Figures, micros: i64) -> Option<String> {
    let per_day = figures.per_day(micros)?;
    Some(if per_day >= 1.0 {
        format!("{per_day:.1} a day")
    } else if micros >= 7 * DAY || per_day * 7.0 >= 1.0 {
        format!("{:.1} a week", per_day * 7.0)
    } else {
        format!("{per_day:.2} a day")
    })
}

fn spread(spread: Spread) -> String {
    let median = spread.median.map(lasting).unwrap_or_default();
    let p90 = spread.p90.map(lasting).unwrap_or_default();
    match spread.count {
        1 => format!("{median} (1 measured)"),
        measured => format!("median {median}, 90% within {p90} ({measured} measured)"),
    }
}

fn lead(figures: &Figures) -> Option<String> {
    (figures.lead.count > 0).then(|| {
        let partial = match figures.lead_from_first_commit {
            0 => String::new(),
            number => {
                format!("; {number} from the first event of the change, for no merge is known")
            }
        };
        format!("{}{partial}", spread(figures.lead))
    })
}

fn failures(figures: &Figures) -> Option<String> {
    let percent = figures.change_failure_percent()?;
    let failures = figures.failures;
    let mut out = format!(
        "{percent:.1}% ({} of {})",
        failures.all(),
        figures.deployments
    );
    let causes = [
        (failures.rolled_back, "rolled back"),
        (failures.incident, "with an incident"),
        (failures.not_successful, "recorded as failed"),
    ];
    let causes: Vec<String> = causes
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, cause)| format!("{number} {cause}"))
        .collect();
    if !causes.is_empty() {
        let _ = write!(out, ": {}", causes.join(", "));
    }
    Some(out)
}

/// The text keeps to a size that a caller can reckon with, whatever names are in it.
const _: () = assert!(RULES.len() < limits::delivery::TEXT_BYTES / 3);
