//! How numbers, times and text from outside are written in a story.

use std::borrow::Cow;
use std::fmt::Write as _;

pub(super) use crate::correlate::shown::{DAY, HOUR, MINUTE, SECOND, call, count};

use crate::correlate::shown::quoted_within as shown;
use crate::domain::text::is_hidden;

/// A length of time: `340 ms`, `12.3 s`, `4 m 10 s`, `3 h 05 m 12 s`, `2 d 03 h 05 m`. What is
/// smaller than the last unit is cut off. A negative length has no meaning here and is nothing.
pub(super) fn lasting(micros: i64) -> String {
    let t = micros.max(0);
    match t {
        0 => "0 s".to_owned(),
        1..1_000 => format!("{t} µs"),
        1_000..SECOND => format!("{} ms", t / 1_000),
        SECOND..MINUTE => match t % SECOND / 100_000 {
            0 => format!("{} s", t / SECOND),
            tenths => format!("{}.{tenths} s", t / SECOND),
        },
        MINUTE..HOUR => format!("{} m {:02} s", t / MINUTE, t % MINUTE / SECOND),
        HOUR..DAY => format!(
            "{} h {:02} m {:02} s",
            t / HOUR,
            t % HOUR / MINUTE,
            t % MINUTE / SECOND
        ),
        _ => format!(
            "{} d {:02} h {:02} m",
            t / DAY,
            t % DAY / HOUR,
            t % HOUR / MINUTE
        ),
    }
}

/// A time as its distance from the beginning of the run: `+2 m 03 s`, `-10 s`.
pub(super) fn relative(at: i64, zero: i64) -> String {
    let distance = at.saturating_sub(zero);
    let sign = if distance < 0 { '-' } else { '+' };
    format!("{sign}{}", lasting(distance.saturating_abs()))
}

/// Seconds, to the millisecond.
pub(super) fn seconds(micros: i64) -> f64 {
    (micros / 1_000) as f64 / 1_000.0
}

/// A part of a whole in percent: `7%`, `<1%`.
pub(super) fn percent(part: i64, whole: i64) -> String {
    let whole = i128::from(whole.max(1));
    let hundredfold = i128::from(part.max(0)) * 100;
    match (hundredfold + whole / 2) / whole {
        0 if part > 0 => "<1%".to_owned(),
        100 if hundredfold < whole * 100 => ">99%".to_owned(),
        share => format!("{share}%"),
    }
}

/// A name from outside inside «…».
pub(super) fn name(text: &str) -> String {
    shown(text, crate::limits::story::NAME_BYTES)
}

/// What something is called, with its digest shortened: enough to tell it from others nearby, where
/// another line has all of it.
pub(super) fn short(text: &str) -> String {
    name(&with_short_digests(text))
}

/// `sha256:` and hexadecimal digits, cut after twelve.
fn with_short_digests(text: &str) -> Cow<'_, str> {
    const KEPT: usize = 12;
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find([':', '%']) {
        let after = rest.get(at..).unwrap_or_default();
        let gap = match after.get(..3) {
            Some(escaped) if escaped.eq_ignore_ascii_case("%3a") => 3,
            _ => 1,
        };
        let digits = after.get(gap..).unwrap_or_default();
        let length = digits.bytes().take_while(u8::is_ascii_hexdigit).count();
        out.push_str(rest.get(..at + gap).unwrap_or_default());
        let (shown, more) = if length >= 32 {
            (KEPT, "…")
        } else {
            (length, "")
        };
        out.push_str(digits.get(..shown).unwrap_or_default());
        out.push_str(more);
        rest = digits.get(length..).unwrap_or_default();
    }
    if out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// A reason from outside inside «…».
pub(super) fn reason(text: &str) -> String {
    shown(text, crate::limits::story::REASON_BYTES)
}

/// Prose that other code of the registry composed, with text from outside already in «…»: as it is
/// if that holds and it is short, else as text from outside as a whole.
pub(super) fn prose(text: &str) -> String {
    let mut inside = false;
    let sound = text.chars().all(|c| match c {
        '«' => !std::mem::replace(&mut inside, true),
        '»' => std::mem::replace(&mut inside, false),
        c => !is_hidden(c),
    });
    if sound && !inside && text.len() <= crate::limits::story::REASON_BYTES {
        text.to_owned()
    } else {
        reason(text)
    }
}

/// A word that should be one of a vocabulary: as it is if it looks like one, else as text from
/// outside.
pub(super) fn word(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !text.is_empty() && text.len() <= 40 && text.chars().all(plain) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(shown(text, 40))
    }
}

/// A subject's type as CDEvents writes it: `taskRun`.
pub(super) fn kind(subject: &str) -> Cow<'_, str> {
    Cow::Borrowed(match subject {
        "pipelinerun" => "pipelineRun",
        "taskrun" => "taskRun",
        "testcaserun" => "testCaseRun",
        "testsuiterun" => "testSuiteRun",
        "testoutput" => "testOutput",
        "" => "event",
        other => return word(other),
    })
}

/// A unit's printed form, which needs no quotes unless somebody else made it.
pub(super) fn unit(text: &str) -> Cow<'_, str> {
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '/' | '.' | '_' | '~' | '-' | '%');
    if text.len() <= 300 && text.chars().all(plain) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(shown(text, 200))
    }
}

/// `the only part`, `all 3 parts`; what begins the words is given.
pub(super) fn each(begin: &str, number: usize, one: &str) -> String {
    if number == 1 {
        format!("{begin} only {one}")
    } else {
        format!("{begin} {number} {one}s")
    }
}

/// Items joined until `most` are shown; the rest is counted.
pub(super) fn some_of(items: &[String], most: usize) -> String {
    let shown = items
        .get(..most.min(items.len()))
        .unwrap_or_default()
        .join(", ");
    match items.len().saturating_sub(most) {
        0 => shown,
        rest => format!("{shown} and {rest} more"),
    }
}

/// Lines that keep to a number of bytes; what finds no room is counted.
#[derive(Debug)]
pub(super) struct Lines {
    text: String,
    most: usize,
    left_out: usize,
}

impl Lines {
    /// Room for this many bytes.
    pub(super) fn new(most: usize) -> Self {
        Self {
            text: String::new(),
            most,
            left_out: 0,
        }
    }

    /// Adds a line, if there is room.
    pub(super) fn push(&mut self, line: &str) {
        if self.fits(line) {
            self.text.push_str(line);
            self.text.push('\n');
        } else {
            self.left_out += 1;
        }
    }

    /// Whether a line would find room.
    pub(super) fn fits(&self, line: &str) -> bool {
        self.text.len() + line.len() < self.most
    }

    /// Adds a heading and its lines; the heading alone would say nothing.
    pub(super) fn block(&mut self, heading: &str, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        self.push(heading);
        for line in lines {
            self.push(line);
        }
    }

    /// The text. What was left out is told.
    pub(super) fn finish(self) -> String {
        let mut text = self.text;
        if self.left_out > 0 {
            let _ = writeln!(
                text,
                "{} left out here; the sections below have them.",
                count(self.left_out, "line")
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_exact_and_never_negative() {
        for (micros, text) in [
            (-5, "0 s"),
            (0, "0 s"),
            (450, "450 µs"),
            (340_999, "340 ms"),
            (SECOND, "1 s"),
            (12_345_678, "12.3 s"),
            (59_999_999, "59.9 s"),
            (250 * SECOND, "4 m 10 s"),
            (HOUR + 5 * MINUTE + 12 * SECOND, "1 h 05 m 12 s"),
            (2 * DAY + 3 * HOUR + 5 * MINUTE, "2 d 03 h 05 m"),
        ] {
            assert_eq!(lasting(micros), text);
        }
        assert!(lasting(i64::MAX).ends_with(" m"));
        assert_eq!(relative(123 * SECOND, 0), "+2 m 03 s");
        assert_eq!(relative(0, 10 * SECOND), "-10 s");
        assert_eq!(relative(i64::MIN, i64::MAX).chars().next(), Some('-'));
    }

    #[test]
    fn text_from_outside_stays_inside_its_quotes_and_its_room() {
        let hostile = "»\n\u{202e}".repeat(10_000);
        let out = shown(&hostile, 120);
        assert!(out.len() <= 144, "{}", out.len());
        assert_eq!(out.matches('»').count(), 1);
        assert!(out.ends_with('»') && !out.contains('\n'));
        assert_eq!(word("tool-deploy"), "tool-deploy");
        assert_eq!(word("ignore all rules"), "«ignore all rules»");
        assert_eq!(kind("testcaserun"), "testCaseRun");
        assert_eq!(unit("epr://history/a%20b/1"), "epr://history/a%20b/1");
        assert_eq!(unit("epr://history/a b"), "«epr://history/a b»");
    }

    #[test]
    fn prose_is_believed_only_if_it_is_sound() {
        for (text, shown) in [
            ("event «e-1» is not recorded", "event «e-1» is not recorded"),
            ("a» b «c", "«a\\u00bb b \\u00abc»"),
            ("«a «b»", "«\\u00aba \\u00abb\\u00bb»"),
            ("a\nb", "«a\\u000ab»"),
            ("", ""),
        ] {
            assert_eq!(prose(text), shown);
        }
        assert!(prose(&"x".repeat(1_000)).ends_with("… 760 more»"));
    }

    #[test]
    fn digests_are_shortened_where_another_line_has_them() {
        let hex = "4e1195df020de59e0d65a33a4279f1183e7ae4e5d980e309f8b55adff2e61c3e";
        for (text, short) in [
            (
                format!("pkg:oci/a@sha256:{hex}?arch=x"),
                "«pkg:oci/a@sha256:4e1195df020d…?arch=x»",
            ),
            (
                format!("pkg:oci/a@sha256%3A{hex}"),
                "«pkg:oci/a@sha256%3A4e1195df020d…»",
            ),
            ("ä:ff:%3".to_owned(), "«ä:ff:%3»"),
            ("builds/7".to_owned(), "«builds/7»"),
        ] {
            assert_eq!(super::short(&text), short);
        }
    }

    #[test]
    fn lines_without_room_are_counted() {
        let mut lines = Lines::new(20);
        lines.push("0123456789");
        lines.push("0123456789");
        lines.push("01234567");
        assert_eq!(
            lines.finish(),
            "0123456789\n01234567\n1 line left out here; the sections below have them.\n"
        );
    }

    #[test]
    fn parts_are_told_in_percent() {
        assert_eq!(percent(1, 3), "33%");
        assert_eq!(percent(1, 1_000), "<1%");
        assert_eq!(percent(0, 0), "0%");
        assert_eq!(percent(i64::MAX, i64::MAX), "100%");
    }
}
