//! The closed set of ways to say no. Each says what was wrong, where, and what to do next; how a
//! surface shows it (an `isError` result, an HTTP status) is decided there, in one place.

mod wording;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::limits;

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
    /// Nothing that was looked into has this id or name, and not everything was.
    NotFoundYet {
        /// `run`.
        kind: &'static str,
        /// What was asked for.
        what: String,
        /// Names or ids that come near.
        near: Vec<String>,
        /// Recorded events that were not looked into.
        unread: u64,
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
    /// A document that tells of nothing that could be recorded.
    NotAnEvent {
        /// What it is, or what is wrong with it.
        why: String,
    },
    /// A document that deviates from its specification, where that was to be refused.
    Nonconformant {
        /// What deviates or had to be repaired; at most [`crate::limits::CANDIDATES`].
        faults: Vec<String>,
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
            Self::NotFound { .. } | Self::NotFoundYet { .. } => "not_found",
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
            Self::NotAnEvent { .. } => "not_an_event",
            Self::Nonconformant { .. } => "nonconformant",
            Self::Gone { .. } => "gone",
            Self::Unavailable { .. } => "unavailable",
        }
    }

    /// Whether the same call may succeed later without any change.
    pub const fn retryable(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Unavailable { .. })
    }
}

impl std::error::Error for Refusal {}
