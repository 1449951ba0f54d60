//! Ids: upper-case ULIDs, monotonic inside a process.

use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};
use ulid::Ulid;

use super::refusal::Refusal;
use super::time::{Clock, Timestamp};

/// Where new ids come from. Passed in everywhere, so that tests own it.
pub trait IdSource: Send + Sync + fmt::Debug {
    /// A new id, greater than every id that this source gave before.
    fn next(&self) -> Ulid;
}

/// Random ULIDs of the present time, monotonic inside the process.
#[derive(Debug)]
pub struct UlidSource<C> {
    clock: C,
    generator: Mutex<ulid::Generator>,
}

impl<C: Clock> UlidSource<C> {
    /// A source whose time part comes from `clock`.
    pub fn new(clock: C) -> Self {
        Self {
            clock,
            generator: Mutex::new(ulid::Generator::new()),
        }
    }
}

impl<C: Clock> IdSource for UlidSource<C> {
    fn next(&self) -> Ulid {
        let micros = u64::try_from(self.clock.now().as_micros()).unwrap_or(0);
        let at = SystemTime::UNIX_EPOCH + Duration::from_micros(micros);
        let mut generator = self
            .generator
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match generator.generate_from_datetime(at) {
            Ok(id) => id,
            Err(overflow) => overflow.commit_overflow_increment(),
        }
    }
}

/// Ids that count up from a fixed start: for tests and documents that must come out the same
/// each time.
#[derive(Debug)]
pub struct CountingIds(Mutex<u128>);

impl CountingIds {
    /// Counts from `start`, whose time part lies in the upper 48 bits.
    pub fn new(start: Timestamp) -> Self {
        let millis = u128::try_from(start.as_micros() / 1000).unwrap_or(0);
        Self(Mutex::new(millis << 80))
    }
}

impl IdSource for CountingIds {
    fn next(&self) -> Ulid {
        let mut last = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *last += 1;
        Ulid(*last)
    }
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl $name {
            /// Wraps a ULID.
            pub const fn new(ulid: Ulid) -> Self {
                Self(ulid)
            }

            /// The ULID inside.
            pub const fn ulid(self) -> Ulid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl FromStr for $name {
            type Err = Refusal;

            fn from_str(text: &str) -> Result<Self, Refusal> {
                parse_ulid($kind, text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

id_type!(
    /// The id of a receiver.
    ReceiverId,
    "receiver"
);
id_type!(
    /// The id of an event.
    EventId,
    "event"
);
id_type!(
    /// The id of a group.
    GroupId,
    "group"
);

/// Whether `text` has the shape of an id (26 Crockford characters), in either case.
pub fn looks_like_id(text: &str) -> bool {
    text.len() == 26 && Ulid::from_string(text).is_ok()
}

/// Reads an id exactly as it is printed. Ids compare by character in every existing client, so a
/// lower-case spelling is refused with the right one instead of being taken for it.
fn parse_ulid(kind: &'static str, text: &str) -> Result<Ulid, Refusal> {
    match Ulid::from_string(text) {
        Ok(id) if id.to_string() == text => Ok(id),
        Ok(id) => Err(Refusal::InvalidId {
            kind,
            value: text.to_owned(),
            why: "ids are written in upper case".to_owned(),
            suggestion: Some(id.to_string()),
        }),
        Err(_) => Err(Refusal::InvalidId {
            kind,
            value: text.to_owned(),
            why: "an id is 26 characters of 0-9 and A-Z without I, L, O and U".to_owned(),
            suggestion: None,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::SteppingClock;

    #[test]
    fn ids_rise_while_the_clock_stands_still_or_goes_back() {
        let source = UlidSource::new(SteppingClock::new(
            Timestamp::from_micros(1_795_000_000_000_000),
            -1_000_000,
        ));
        let ids: Vec<Ulid> = (0..1000).map(|_| source.next()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn a_lower_case_id_is_refused_with_its_right_spelling() {
        let right = "01M82J25QPQ3W9XW0P6HFG5PFM";
        assert_eq!(right.parse::<EventId>().unwrap().to_string(), right);
        let refusal = right.to_lowercase().parse::<EventId>().unwrap_err();
        assert!(refusal.next().contains(right), "{}", refusal.next());
        assert!("".parse::<EventId>().is_err());
        assert!(
            "01M82J25QPQ3W9XW0P6HFG5PF\u{661}"
                .parse::<EventId>()
                .is_err()
        );
    }
}
