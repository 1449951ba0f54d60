//! Times in what the demo sends: they are told back from now, so that "the last seven days" and "how
//! long ago" are right whenever it is played.

use anyhow::Context as _;
use jiff::SignedDuration;

use crate::domain::time::Timestamp;

/// What stands around a time: `{{2h 5m ago}}`.
const MARKS: (&str, &str) = ("{{", "}}");

/// The text with its times filled in, to whole seconds.
pub(super) fn filled(text: &str, now: Timestamp) -> anyhow::Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(MARKS.0) {
        let (span, after) = behind
            .split_once(MARKS.1)
            .context("a time in the demo has no end")?;
        let back: SignedDuration = span
            .parse()
            .with_context(|| format!("a time in the demo: «{span}»"))?;
        let micros = i64::try_from(back.as_micros()).context("a time in the demo is too far")?;
        out.push_str(before);
        out.push_str(&now.plus_micros(micros).to_seconds_string());
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(text: &str) -> anyhow::Result<String> {
        // 2026-11-01T08:00:00.5Z.
        filled(text, Timestamp::from_micros(1_793_520_000_500_000))
    }

    #[test]
    fn times_are_told_back_from_now_to_whole_seconds() {
        assert_eq!(
            on(r#"{"a": "{{1h 5m 30s ago}}", "b": "{{2m ago}}", "c": {"d": {}}}"#).unwrap(),
            r#"{"a": "2026-11-01T06:54:30Z", "b": "2026-11-01T07:58:00Z", "c": {"d": {}}}"#
        );
        assert_eq!(on("no time").unwrap(), "no time");
    }

    #[test]
    fn what_is_no_time_is_a_fault_and_never_sent() {
        assert!(on("{{soon}}").is_err());
        assert!(on("{{2m ago").is_err());
    }
}
