//! How long things that are not kept for ever are kept. Events, units, receivers and groups are
//! never deleted.

use super::time::Timestamp;

const DAY_MICROS: i64 = 86_400_000_000;

/// Days for each kind of row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Messages in the log.
    pub messages_days: u32,
    /// The audit trail.
    pub audit_days: u32,
    /// Idempotency keys.
    pub idempotency_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            messages_days: 90,
            audit_days: 400,
            idempotency_days: 30,
        }
    }
}

/// The instant `days` before `now`.
pub fn days_before(now: Timestamp, days: u32) -> Timestamp {
    now.plus_micros(-i64::from(days).saturating_mul(DAY_MICROS))
}
