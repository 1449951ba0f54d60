//! How a refusal is worded: what was wrong, and what to do next.

use std::fmt;

use super::Refusal;
use crate::domain::text::quoted;

/// Bytes of the candidates that one refusal lists; they can be long.
const CANDIDATES_BYTES: usize = 6_000;

impl Refusal {
    /// What to do next, as a sentence.
    pub fn next(&self) -> String {
        match self {
            Self::InvalidId { kind, suggestion, .. } => match suggestion {
                Some(id) => format!("Use {id}."),
                None => format!("Find the id with {}.", search_tool(kind)),
            },
            Self::InvalidFields(_) | Self::InvalidArgument { .. } => "Correct it and call again.".to_owned(),
            Self::NotFound { kind, near, .. } if near.is_empty() => {
                format!("Look it up with {}.", search_tool(kind))
            }
            Self::NotFound { near, .. } => format!("Did you mean {}?", near.join(", ")),
            Self::NotFoundYet { near, .. } => {
                let near = match near.as_slice() {
                    [] => String::new(),
                    near => format!(" Did you mean {}?", near.join(", ")),
                };
                format!("epr-mcp reindex looks into the others; then ask again.{near}")
            }
            Self::Ambiguous { candidates, more, .. } => {
                let mut listed = String::new();
                let mut left_out = *more;
                for candidate in candidates {
                    if !listed.is_empty() && listed.len() + candidate.len() > CANDIDATES_BYTES {
                        left_out = true;
                        break;
                    }
                    let gap = if listed.is_empty() { "" } else { "; " };
                    listed.push_str(gap);
                    listed.push_str(candidate);
                }
                let more = if left_out { " (there are more; add another field)" } else { "" };
                format!("Pass one of these{more}: {listed}.")
            }
            Self::Conflict { kind, existing, .. } => format!(
                "Use {existing}, or create the new {kind} under another version."
            ),
            Self::IdempotencyConflict { existing, .. } => {
                format!("Use {existing}, or send the new command with a new key.")
            }
            Self::InvalidJson { .. } => "Send valid JSON (RFC 8259).".to_owned(),
            Self::InvalidSchema { hint, .. } | Self::TooLarge { hint, .. } | Self::Forbidden { hint, .. } => hint.clone(),
            Self::Unavailable { hint, .. } => format!("{hint} Then retry: nothing was written."),
            Self::SchemaTooCostly { .. } => {
                "Flatten nested anyOf/oneOf/allOf and repeated $ref chains, or give a looser schema.".to_owned()
            }
            Self::UnresolvedRefs { .. } => "Inline these documents under `$defs`, start the server with \
                --schema-dir holding them, or pass allow_unresolved_refs: true (those parts then go unchecked, \
                and the receiver is marked unchecked_refs)."
                .to_owned(),
            Self::SchemaMismatch { receiver_id, .. } => format!(
                "Correct the payload; fetch_receiver {receiver_id} shows the schema. Nothing was recorded."
            ),
            Self::ReservedType { .. } => "Choose a type without the prefix `epr.event.receiver.`.".to_owned(),
            Self::InvalidCursor { .. } => "Repeat the search without a cursor.".to_owned(),
            Self::Busy { .. } => "Retry in a moment: nothing was written.".to_owned(),
            Self::Uncertain { .. } => "Look for it before you repeat it (search_events, search_receivers, \
                search_groups); with the same idempotency_key a repeat writes it once."
                .to_owned(),
            Self::Unconfirmed { .. } => "If a person has agreed to that, call again with confirm: true. Nothing was written.".to_owned(),
            Self::SecretInPayload { .. } => {
                "Take it out of the payload, replace it at its source, and record the event again.".to_owned()
            }
            Self::NotAnEvent { .. } => "Send a CDEvent, a CloudEvent, or an EPR event (name, version, release, platform_id, \
                package, success, payload); anything else goes into the payload of an event: create_event."
                .to_owned(),
            Self::Nonconformant { .. } => {
                "Correct it at the sender, or record it without strict: true, which repairs and notes it.".to_owned()
            }
            Self::Gone { oldest } => format!(
                "Read on without a position: from {oldest} on everything is there; what was before is lost to this reader."
            ),
        }
    }
}

/// The tool that finds a thing of this kind.
fn search_tool(kind: &str) -> &'static str {
    match kind {
        "receiver" => "search_receivers",
        "group" => "search_groups",
        "run" => "list_pipeline_runs",
        _ => "search_events",
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidId {
                kind, value, why, ..
            } => write!(f, "{} is not the id of any {kind}: {why}.", quoted(value)),
            Self::InvalidFields(faults) => {
                for (i, fault) in faults.iter().enumerate() {
                    let gap = if i == 0 { "" } else { "; " };
                    write!(f, "{gap}{} {}", fault.field, fault.why)?;
                }
                write!(f, ".")
            }
            Self::InvalidArgument {
                argument,
                value,
                why,
            } => {
                write!(f, "{argument} {} cannot be used: {why}.", quoted(value))
            }
            Self::NotFound { kind, what, .. } => write!(f, "There is no {kind} {}.", quoted(what)),
            Self::NotFoundYet {
                kind, what, unread, ..
            } => write!(
                f,
                "No {kind} {} was found, but {unread} recorded events have not been looked into yet.",
                quoted(what)
            ),
            Self::Ambiguous { kind, what, .. } => {
                write!(f, "More than one {kind} fits {}.", quoted(what))
            }
            Self::Conflict {
                kind,
                what,
                existing,
                differs,
            } => write!(
                f,
                "A {kind} {} exists with another {}: {existing}.",
                quoted(what),
                differs.join(" and ")
            ),
            Self::IdempotencyConflict { key, existing } => write!(
                f,
                "The idempotency key {} was used for another command, which made {existing}.",
                quoted(key)
            ),
            Self::InvalidJson { what, why } => write!(f, "The {what} is not JSON: {why}."),
            Self::InvalidSchema { at, why, .. } => {
                write!(
                    f,
                    "The schema cannot be used at {}: {why}.",
                    quoted(if at.is_empty() { "/" } else { at })
                )
            }
            Self::SchemaTooCostly { cost, limit, at } => write!(
                f,
                "The schema is too costly to check: at {} it needs at least {cost} subschema applications; {limit} are allowed.",
                quoted(if at.is_empty() { "/" } else { at })
            ),
            Self::UnresolvedRefs { missing } => {
                write!(
                    f,
                    "The schema refers to documents that this server does not have (nothing is ever fetched): "
                )?;
                for (i, id) in missing.iter().enumerate() {
                    write!(f, "{}{}", if i == 0 { "" } else { ", " }, quoted(id))?;
                }
                write!(f, ".")
            }
            Self::SchemaMismatch {
                receiver_id,
                violations,
                more,
            } => {
                write!(
                    f,
                    "The payload does not match the schema of receiver {receiver_id}: "
                )?;
                for (i, violation) in violations.iter().enumerate() {
                    let gap = if i == 0 { "" } else { "; " };
                    let at = if violation.at.is_empty() {
                        "(root)"
                    } else {
                        &violation.at
                    };
                    write!(f, "{gap}{} {}", quoted(at), quoted(&violation.what))?;
                }
                write!(f, "{}.", if *more { "; and more" } else { "" })
            }
            Self::TooLarge {
                what,
                size,
                limit,
                unit,
                ..
            } => match size {
                Some(size) => write!(
                    f,
                    "The {what} has {size} {unit}; at most {limit} are allowed."
                ),
                None => write!(f, "The {what} has more than {limit} {unit}."),
            },
            Self::Forbidden { why, .. } => write!(f, "Not allowed: {why}."),
            Self::ReservedType { value } => write!(
                f,
                "The type {} is reserved: messages of the registry itself have types under `epr.event.receiver.`.",
                quoted(value)
            ),
            Self::InvalidCursor { why } => write!(f, "The cursor cannot be used: {why}."),
            Self::Busy { what } => write!(f, "The server is busy: {what}."),
            Self::Uncertain { why } => {
                write!(f, "It is not known whether this was written: {why}.")
            }
            Self::Unconfirmed {
                unit, turns, more, ..
            } => {
                write!(f, "This would ")?;
                for (i, turn) in turns.iter().enumerate() {
                    let gap = if i == 0 { "" } else { ", " };
                    write!(
                        f,
                        "{gap}{} gate {} ({})",
                        turn.what,
                        quoted(&turn.name),
                        turn.id
                    )?;
                }
                if *more {
                    write!(f, " and others")?;
                }
                if let Some(unit) = unit {
                    write!(f, " for {}", quoted(unit))?;
                }
                write!(f, ", which has to be confirmed.")
            }
            Self::SecretInPayload { what } => write!(
                f,
                "The payload holds a secret ({what}), and this registry does not record secrets."
            ),
            Self::NotAnEvent { why } => write!(f, "This is no event: {why}."),
            Self::Nonconformant { faults } => {
                write!(f, "This does not conform to its specification: ")?;
                for (i, fault) in faults.iter().enumerate() {
                    write!(f, "{}{}", if i == 0 { "" } else { "; " }, quoted(fault))?;
                }
                write!(f, ".")
            }
            Self::Gone { oldest } => write!(
                f,
                "Messages before position {oldest} are deleted: they are kept for a limited time."
            ),
            Self::Unavailable { why, .. } => write!(f, "The database cannot be used: {why}."),
        }
    }
}
