//! What a command line says of a refusal: the same sentence as everywhere, and the next step in words
//! of the command line.

use crate::domain::refusal::Refusal;
use crate::registry::Error;

/// One line: what was wrong and what to do next.
pub(super) fn text(error: &Error) -> String {
    match error {
        Error::Refused(refusal) => format!("{refusal} {}", next(refusal)),
        Error::Internal { .. } => error.to_string(),
    }
}

/// What to do next. Where a refusal names a tool of MCP, the command that does the same.
pub(super) fn next(refusal: &Refusal) -> String {
    match refusal {
        Refusal::InvalidId {
            kind,
            suggestion: None,
            ..
        } => format!("Find the id with `{}`.", search(kind)),
        Refusal::NotFound { kind, near, .. } if near.is_empty() => {
            format!("`{}` tells what there is.", search(kind))
        }
        Refusal::SchemaMismatch { receiver_id, .. } => format!(
            "Correct the payload; `epr-mcp receiver search --id {receiver_id} --fields schema` shows the schema. \
             It was not recorded."
        ),
        Refusal::UnresolvedRefs { .. } => {
            "Inline these documents under `$defs`, or name a folder that holds them with --schema-dir, \
             or pass --allow-unresolved-refs (those parts then go unchecked, and the receiver is marked)."
                .to_owned()
        }
        Refusal::Uncertain { .. } => {
            "Look for it before you repeat it; with the same --idempotency-key a repeat writes it once.".to_owned()
        }
        other => other.next(),
    }
}

/// The command that finds a thing of this kind.
fn search(kind: &str) -> &'static str {
    match kind {
        "receiver" => "epr-mcp receiver search",
        "group" => "epr-mcp group search",
        _ => "epr-mcp event search",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_next_step_names_a_tool_of_mcp() {
        let refusals = [
            Refusal::InvalidId {
                kind: "group",
                value: "x".into(),
                why: "short".into(),
                suggestion: None,
            },
            Refusal::NotFound {
                kind: "receiver",
                what: "x".into(),
                near: Vec::new(),
            },
            Refusal::NotFound {
                kind: "unit",
                what: "x".into(),
                near: Vec::new(),
            },
            Refusal::SchemaMismatch {
                receiver_id: "01X".into(),
                violations: Vec::new(),
                more: false,
            },
            Refusal::UnresolvedRefs {
                missing: vec!["x".into()],
            },
            Refusal::Uncertain { why: "x".into() },
        ];
        for refusal in refusals {
            let next = next(&refusal);
            for tool in [
                "search_",
                "fetch_",
                "allow_unresolved_refs",
                "idempotency_key",
            ] {
                assert!(!next.contains(tool), "{next}");
            }
        }
    }
}
