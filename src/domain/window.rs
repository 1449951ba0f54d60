//! Times as people write them: RFC 3339, dates, `24h`, `7d`, `now`.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::refusal::Refusal;
use super::time::Timestamp;

/// A span of recorded time, from (inclusive) to (exclusive).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    /// Start.
    pub from: Option<Timestamp>,
    /// End.
    pub to: Option<Timestamp>,
}

/// Reads a window. A date means its whole day in `tz` (an IANA name, UTC when absent): as `since`
/// its start, as `until` its end. `24h` or `7d` means that long before `now`.
pub fn parse(
    since: Option<&str>,
    until: Option<&str>,
    tz: Option<&str>,
    now: Timestamp,
) -> Result<Window, Refusal> {
    let zone = match tz {
        None => TimeZone::UTC,
        Some(name) => TimeZone::get(name).map_err(|_| Refusal::InvalidArgument {
            argument: "tz",
            value: name.to_owned(),
            why: "a time zone is an IANA name such as Europe/Berlin".to_owned(),
        })?,
    };
    let from = since
        .map(|text| instant("since", text, &zone, now, false))
        .transpose()?;
    let to = until
        .map(|text| instant("until", text, &zone, now, true))
        .transpose()?;
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        return Err(Refusal::InvalidArgument {
            argument: "until",
            value: until.unwrap_or_default().to_owned(),
            why: format!("the window ends at {to}, before it starts at {from}"),
        });
    }
    Ok(Window { from, to })
}

fn instant(
    argument: &'static str,
    text: &str,
    zone: &TimeZone,
    now: Timestamp,
    end_of_day: bool,
) -> Result<Timestamp, Refusal> {
    let trimmed = text.trim();
    let invalid = || {
        Refusal::InvalidArgument {
        argument,
        value: text.to_owned(),
        why: "write 2026-11-22T21:00:00Z, 2026-11-22, or a span back from now such as 90m, 24h, 7d, 4w".to_owned(),
    }
    };
    if trimmed == "now" {
        return Ok(now);
    }
    if let Some(span) = span_micros(trimmed) {
        return Ok(now.plus_micros(-span));
    }
    if let Ok(instant) = trimmed.parse::<jiff::Timestamp>() {
        return Ok(Timestamp::from_jiff(instant));
    }
    if let Ok(date) = trimmed.parse::<Date>()
        && trimmed.len() <= 10
    {
        let day = if end_of_day {
            date.tomorrow().map_err(|_| invalid())?
        } else {
            date
        };
        let start = day.to_zoned(zone.clone()).map_err(|_| invalid())?;
        return Ok(Timestamp::from_jiff(start.timestamp()));
    }
    let local = trimmed.parse::<DateTime>().map_err(|_| invalid())?;
    let zoned = local.to_zoned(zone.clone()).map_err(|_| invalid())?;
    Ok(Timestamp::from_jiff(zoned.timestamp()))
}

/// `90m`, `24h`, `7d`, `4w` in microseconds, up to a hundred years.
fn span_micros(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let digits = text.strip_suffix(unit)?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let count: i64 = digits.parse().ok()?;
    let total = count.checked_mul(seconds)?;
    (total <= 100 * 366 * 86_400).then(|| total * 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_jiff("2026-11-22T12:00:00Z".parse().unwrap())
    }

    fn from(text: &str, tz: Option<&str>) -> String {
        parse(Some(text), None, tz, now())
            .unwrap()
            .from
            .unwrap()
            .to_string()
    }

    #[test]
    fn reads_what_people_write() {
        assert_eq!(from("24h", None), "2026-11-21T12:00:00Z");
        assert_eq!(from("7d", None), "2026-11-15T12:00:00Z");
        assert_eq!(from("2026-11-22", None), "2026-11-22T00:00:00Z");
        assert_eq!(
            from("2026-11-22", Some("Europe/Berlin")),
            "2026-11-21T23:00:00Z"
        );
        assert_eq!(
            from("2026-11-22T10:00:00+02:00", None),
            "2026-11-22T08:00:00Z"
        );
        assert_eq!(
            from("2026-11-22 10:00", Some("America/New_York")),
            "2026-11-22T15:00:00Z"
        );
        let day = parse(Some("2026-11-22"), Some("2026-11-22"), None, now()).unwrap();
        assert_eq!(day.to.unwrap().to_string(), "2026-11-23T00:00:00Z");
    }

    #[test]
    fn refuses_the_rest() {
        for bad in [
            "",
            "yesterday",
            "h",
            "-3h",
            "2026-13-01",
            "99999999999999999999d",
            "2026-02-30",
        ] {
            assert!(parse(Some(bad), None, None, now()).is_err(), "{bad}");
        }
        assert!(parse(None, None, Some("Mars/Olympus"), now()).is_err());
        assert!(parse(Some("1h"), Some("2h"), None, now()).is_err());
    }
}
