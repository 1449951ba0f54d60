//! Instants, and the clock that they come from.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Serialize, Serializer};

/// An instant in UTC, in microseconds since 1970-01-01.
///
/// Shown as RFC 3339 with `Z` and without trailing zeros, as existing EPR clients parse it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The same instant, as the calendar library's type. Instants outside its range (the years
    /// -9999 to 9999) are clamped to the epoch, which cannot come from a real clock.
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    /// From the calendar library's type, to the microsecond.
    pub fn from_jiff(instant: jiff::Timestamp) -> Self {
        Self(instant.as_microsecond())
    }

    /// RFC 3339 to whole seconds, as the `release` of receiver and group messages.
    pub fn to_seconds_string(self) -> String {
        let seconds = Self(self.0.div_euclid(1_000_000).saturating_mul(1_000_000));
        seconds.to_string()
    }

    /// The instant `micros` later (earlier when negative), saturating.
    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_jiff())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Where the time comes from. Passed in everywhere, so that tests own it.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the machine's clock"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::from_jiff(jiff::Timestamp::now())
    }
}

/// A clock that stands still, or advances by a fixed step at each reading: for tests and for
/// documents that must come out the same each time.
#[derive(Debug)]
pub struct SteppingClock {
    next: AtomicI64,
    step: i64,
}

impl SteppingClock {
    /// Starts at `start` and moves by `step_micros` after each reading (0 stands still).
    pub fn new(start: Timestamp, step_micros: i64) -> Self {
        Self {
            next: AtomicI64::new(start.as_micros()),
            step: step_micros,
        }
    }

    /// Moves the clock to `instant`, backwards too.
    pub fn set(&self, instant: Timestamp) {
        self.next.store(instant.as_micros(), Ordering::SeqCst);
    }
}

impl Clock for SteppingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.next.fetch_add(self.step, Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_utc_with_the_zeros_trimmed() {
        assert_eq!(
            Timestamp::from_micros(1_795_383_584_374_843).to_string(),
            "2026-11-22T21:39:44.374843Z"
        );
        assert_eq!(
            Timestamp::from_micros(1_795_383_584_500_000).to_string(),
            "2026-11-22T21:39:44.5Z"
        );
        assert_eq!(
            Timestamp::from_micros(1_795_383_584_999_999).to_seconds_string(),
            "2026-11-22T21:39:44Z"
        );
    }
}
