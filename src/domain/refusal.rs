//! The closed set of ways to say no. Each says what was wrong, where, and what to do next; how a
//! surface shows it (an `isError` result, an HTTP status) is decided there, in one place.

use std::fmt;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::text::quoted;
use crate::limits;

/// Bytes of the candidates that one refusal lists; they can be long.
const CANDIDATES_BYTES: usize = 6_000;

/// One field that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// The field's name as the caller writes it.
    pub field: &'static str,
    /// What is wrong, continuing the field's name: `cannot be blank`.
    pub why: String,
}

/// One place where a payload does not match its receiver's schema.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    /// JSON pointer (RFC 6901) into the payload; empty for the whole payload.
    pub at: String,
    /// What is wrong there.
    pub what: String,
}

/// What a write would do to one gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateTurning {
    /// The group's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `open`, `close`, `put in force`, `put out of force`.
    pub what: &'static str,
}

/// Why a request was refused. Refusals are decided before anything is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// An id that cannot be one.
    InvalidId {
        /// What the id should name: `receiver`, `event`, `group`.
        kind: &'static str,
        /// What was given.
        value: String,
        /// What is wrong with it.
        why: String,
        /// The id that was probably meant.
        suggestion: Option<String>,
    },
    /// Fields that are blank, too long or otherwise unusable.
    InvalidFields(Vec<FieldFault>),
    /// An argument whose value cannot be used.
    InvalidArgument {
        /// The argument's name.
        argument: &'static str,
        /// What was given, as text.
        value: String,
        /// What is allowed.
        why: String,
    },
    /// Nothing has this id or name.
    NotFound {
        /// `receiver`, `event`, `group` or `unit`.
        kind: &'static str,
        /// What was asked for.
        what: String,
        /// Names or ids that come near.
        near: Vec<String>,
    },
    /// Several things fit.
    Ambiguous {
        /// `receiver`, `group` or `unit`.
        kind: &'static str,
        /// What was asked for.
        what: String,
        /// What fits, each as it can be passed back.
        candidates: Vec<String>,
        /// Whether there are more than the listed ones.
        more: bool,
    },
    /// The same name, type and version exist with another definition.
    Conflict {
        /// `receiver` or `group`.
        kind: &'static str,
        /// Name, type and version.
        what: String,
        /// The id of the existing one.
        existing: String,
        /// In which fields the two differ.
        differs: Vec<&'static str>,
    },
    /// An idempotency key that was used for another command.
    IdempotencyConflict {
        /// The key.
        key: String,
        /// What the key made then.
        existing: String,
    },
    /// Text that is not JSON.
    InvalidJson {
        /// Which text: `payload` or `schema`.
        what: &'static str,
        /// What the parser met, with line and column.
        why: String,
    },
    /// A document that is not a usable JSON Schema.
    InvalidSchema {
        /// JSON pointer into the schema.
        at: String,
        /// What is wrong there.
        why: String,
        /// What to do instead.
        hint: String,
    },
    /// A schema that would cost too much to check a payload against.
    SchemaTooCostly {
        /// Subschema applications that were counted (at least).
        cost: u64,
        /// How many are allowed.
        limit: u64,
        /// JSON pointer to where the cost arises.
        at: String,
    },
    /// A schema that refers to documents which are not built in.
    UnresolvedRefs {
        /// The ids of the missing documents.
        missing: Vec<String>,
    },
    /// A payload that does not match its receiver's schema.
    SchemaMismatch {
        /// The receiver.
        receiver_id: String,
        /// What does not match; at most [`crate::limits::VIOLATIONS`].
        violations: Vec<Violation>,
        /// Whether there are more.
        more: bool,
    },
    /// Something over its limit.
    TooLarge {
        /// What: `payload`, `schema`, `message`…
        what: &'static str,
        /// Its size, if it was measured to the end.
        size: Option<u64>,
        /// The limit.
        limit: u64,
        /// `bytes`, `levels`, `values`…
        unit: &'static str,
        /// What to do instead.
        hint: String,
    },
    /// The caller may not do this.
    Forbidden {
        /// What was missing, in words: the scope or the grant.
        why: String,
        /// Who can change that.
        hint: String,
    },
    /// A type that only the registry itself may use.
    ReservedType {
        /// The type.
        value: String,
    },
    /// A cursor that this query did not give.
    InvalidCursor {
        /// What is wrong with it.
        why: &'static str,
    },
    /// Too much at once; the same call may succeed in a moment.
    Busy {
        /// What is exhausted.
        what: &'static str,
    },
    /// The database failed at the end of a write, and cannot be asked what became of it.
    Uncertain {
        /// What happened.
        why: String,
    },
    /// A write that would turn gates, where that has to be confirmed.
    Unconfirmed {
        /// The unit, or nothing where gates turn for all units.
        unit: Option<String>,
        /// What would happen to which gates, at most [`crate::limits::CANDIDATES`].
        turns: Vec<GateTurning>,
        /// Whether there are more.
        more: bool,
        /// Stands for exactly these turns, the ones that are not named with them.
        mark: String,
    },
    /// A payload that holds a secret, where such payloads are refused.
    SecretInPayload {
        /// What it is.
        what: &'static str,
    },
    /// The messages that were asked for are deleted.
    Gone {
        /// The position from which on nothing is deleted.
        oldest: i64,
    },
    /// The database cannot be used now.
    Unavailable {
        /// What happened.
        why: String,
        /// What to do about it.
        hint: String,
    },
}

impl Refusal {
    /// A write that would turn these gates, of a unit or of all of them.
    pub fn unconfirmed(unit: Option<String>, mut turns: Vec<GateTurning>) -> Self {
        let mut hash = Sha256::new();
        for text in unit
            .iter()
            .map(String::as_str)
            .chain(turns.iter().flat_map(|turn| [turn.id.as_str(), turn.what]))
        {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        let more = turns.len() > limits::CANDIDATES;
        turns.truncate(limits::CANDIDATES);
        Self::Unconfirmed {
            unit,
            turns,
            more,
            mark: HEXLOWER.encode(&hash.finalize()),
        }
    }

    /// A stable word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidId { .. } => "invalid_id",
            Self::InvalidFields(_) => "invalid_fields",
            Self::InvalidArgument { .. } => "invalid_argument",
            Self::NotFound { .. } => "not_found",
            Self::Ambiguous { .. } => "ambiguous",
            Self::Conflict { .. } => "conflict",
            Self::IdempotencyConflict { .. } => "idempotency_conflict",
            Self::InvalidJson { .. } => "invalid_json",
            Self::InvalidSchema { .. } => "invalid_schema",
            Self::SchemaTooCostly { .. } => "schema_too_costly",
            Self::UnresolvedRefs { .. } => "unresolved_refs",
            Self::SchemaMismatch { .. } => "schema_mismatch",
            Self::TooLarge { .. } => "too_large",
            Self::Forbidden { .. } => "forbidden",
            Self::ReservedType { .. } => "reserved_type",
            Self::InvalidCursor { .. } => "invalid_cursor",
            Self::Busy { .. } => "busy",
            Self::Uncertain { .. } => "uncertain",
            Self::Unconfirmed { .. } => "unconfirmed",
            Self::SecretInPayload { .. } => "secret_in_payload",
            Self::Gone { .. } => "gone",
            Self::Unavailable { .. } => "unavailable",
        }
    }

    /// Whether the same call may succeed later without any change.
    pub const fn retryable(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Unavailable { .. })
    }

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
            Self::Gone { oldest } => write!(
                f,
                "Messages before position {oldest} are deleted: they are kept for a limited time."
            ),
            Self::Unavailable { why, .. } => write!(f, "The database cannot be used: {why}."),
        }
    }
}

impl std::error::Error for Refusal {}
