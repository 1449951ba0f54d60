//! How lengths of time, names and calls are written in answers.

use serde_json::{Map, Value};

use crate::domain::text::{escape_hidden_in_json, quoted_to};
use crate::domain::time::Timestamp;
use crate::limits;

/// Microseconds in a second.
pub(crate) const SECOND: i64 = 1_000_000;
/// Microseconds in a minute.
pub(crate) const MINUTE: i64 = 60 * SECOND;
/// Microseconds in an hour.
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// Microseconds in a day.
pub(crate) const DAY: i64 = 24 * HOUR;

/// A length of time to two units: `45 s`, `3 m 20 s`, `3 h 05 m`, `2 d 04 h`. Parts of a second are
/// cut off.
pub(crate) fn lasting(micros: i64) -> String {
    let t = micros.max(0);
    match t {
        0..MINUTE => format!("{} s", t / SECOND),
        MINUTE..HOUR => format!("{} m {:02} s", t / MINUTE, t % MINUTE / SECOND),
        HOUR..DAY => format!("{} h {:02} m", t / HOUR, t % HOUR / MINUTE),
        _ => format!("{} d {:02} h", t / DAY, t % DAY / HOUR),
    }
}

/// Text from outside inside «…», in about `most` bytes however much of it has to be escaped.
pub(crate) fn quoted_within(text: &str, most: usize) -> String {
    let mut limit = most;
    loop {
        let out = quoted_to(text.trim(), limit);
        // The quotes and the number of what is missing come on top.
        if out.len() <= most + 24 || limit <= 8 {
            return out;
        }
        limit /= 2;
    }
}

/// A name from outside inside «…».
pub(crate) fn name(text: &str) -> String {
    quoted_within(text, limits::SHOWN_NAME_BYTES)
}

/// An instant to whole seconds, which is what a reader compares.
pub(crate) fn when(at: Timestamp) -> String {
    at.to_seconds_string()
}

/// `1 event`, `2 events`.
pub(crate) fn count(number: usize, one: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {one}{s}")
}

/// A call written out: the tool's name and its arguments as JSON.
pub(crate) fn call(tool: &str, arguments: &[(&str, &str)]) -> String {
    let arguments: Map<String, Value> = arguments
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).into()))
        .collect();
    let arguments = Value::Object(arguments).to_string();
    format!("{tool} {}", escape_hidden_in_json(&arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_two_units() {
        for (micros, text) in [
            (-1, "0 s"),
            (59_999_999, "59 s"),
            (200 * SECOND, "3 m 20 s"),
            (3 * HOUR + 5 * MINUTE + SECOND, "3 h 05 m"),
            (2 * DAY + 4 * HOUR, "2 d 04 h"),
        ] {
            assert_eq!(lasting(micros), text);
        }
    }

    #[test]
    fn a_hostile_name_keeps_to_its_room() {
        let out = name(&"»\n\u{202e}".repeat(10_000));
        assert!(out.len() <= limits::SHOWN_NAME_BYTES + 24, "{}", out.len());
        assert_eq!(out.matches('»').count(), 1);
    }
}
