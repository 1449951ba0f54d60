//! What one document is, for a person who looks at a file.

use std::fmt::Write as _;

use crate::cli::output::visible;
use crate::cli::refused;
use crate::correlate::{Conformance, DocumentKind, Facts, Role, edges};
use crate::registry::{Intake, Taken};

/// A few lines about a document.
pub(super) fn text(line: u64, one: &Taken, dry_run: bool) -> String {
    let mut out = format!("line {line}: ");
    match &one.facts {
        None => out.push_str("an event whose payload says nothing that is known here"),
        Some(facts) => what(&mut out, facts),
    }
    let would = if dry_run { "would be " } else { "" };
    let fate = match &one.outcome {
        Intake::Recorded {
            event: Some(event), ..
        } if !dry_run => format!("recorded as {}", event.id),
        Intake::Recorded { .. } => format!("{would}recorded"),
        Intake::Repeated { id } => format!("there already, as {id}"),
        Intake::Refused(error) => format!("refused: {}", visible(&refused::text(error))),
    };
    let _ = write!(out, "\n  {fate}");
    if let Some((receiver, made)) = &one.receiver {
        let made = if *made { " (made for it)" } else { "" };
        let _ = write!(out, "\n  receiver  {}{made}", visible(&receiver.kind));
    }
    if let Some(unit) = &one.unit {
        let success = match one.success {
            Some(true) => "success",
            _ => "failure",
        };
        let _ = write!(out, "\n  unit      {}, {success}", unit.uri());
    }
    if let Some(facts) = &one.facts {
        about(&mut out, facts);
    }
    if let Some(run) = &one.run {
        let _ = write!(out, "\n  run       {run}");
    }
    for warning in &one.warnings {
        let _ = write!(
            out,
            "\n  warning   {}: {}",
            warning.code,
            visible(&warning.text)
        );
    }
    out
}

fn what(out: &mut String, facts: &Facts) {
    let kind = match facts.kind {
        DocumentKind::CdEvent => "CDEvent",
        DocumentKind::Link => "CDEvents link",
        DocumentKind::CloudEvent => "CloudEvent",
        DocumentKind::Sbom => "SBOM",
    };
    let _ = write!(out, "{kind} {}", visible(&facts.type_name));
    if let Some(spec) = &facts.spec {
        let _ = write!(out, " (version {})", visible(spec));
    }
}

fn about(out: &mut String, facts: &Facts) {
    if let Some(about) = &facts.about {
        let _ = write!(
            out,
            "\n  subject   {} {}",
            visible(&about.kind),
            visible(&about.id)
        );
        if let Some(source) = &about.source {
            let _ = write!(out, " at {}", visible(source));
        }
    }
    let context = [facts.id.as_deref(), facts.source.as_deref()];
    if let [Some(id), Some(source)] = context {
        let _ = write!(
            out,
            "\n  context   {} from {}",
            visible(id),
            visible(source)
        );
    }
    if let Some(at) = facts.at() {
        let _ = write!(out, " at {at}");
    }
    for edge in edges(facts) {
        // What it is about itself is told above.
        if edge.role != Role::Own {
            let _ = write!(
                out,
                "\n  link      {} {} {}",
                role(edge.role),
                edge.kind.as_str(),
                visible(&edge.text)
            );
        }
    }
    match facts.verdict.conformance {
        Conformance::Conforms => {
            let _ = write!(
                out,
                "\n  verdict   conforms to CDEvents {}",
                visible(facts.verdict.spec.as_deref().unwrap_or_default())
            );
        }
        Conformance::Deviates => {
            for fault in &facts.verdict.faults {
                let _ = write!(out, "\n  verdict   deviates: {}", visible(fault));
            }
        }
        Conformance::Unknown => {}
    }
    for note in &facts.notes {
        let _ = write!(
            out,
            "\n  remark    {} {}",
            visible(&note.code),
            visible(&note.detail)
        );
    }
}

/// What the event is to the thing, as a word before it.
const fn role(role: Role) -> &'static str {
    match role {
        Role::Own => "about",
        Role::Chain => "in",
        Role::Member => "part of",
        Role::Path => "follows",
        Role::End => "ends",
        Role::Cause => "caused by",
        Role::Relation => "related to",
        Role::Produces => "makes",
        Role::Uses => "uses",
        Role::From => "from",
        Role::Context => "with",
        Role::LinkFrom => "leads from",
        Role::LinkTo => "leads to",
    }
}
