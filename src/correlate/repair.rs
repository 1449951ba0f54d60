//! Repairs of what producers write almost right. Only what is certain is repaired, and each repair
//! is told.

use crate::domain::time::Timestamp;

/// 2000-01-01: what is said to be older comes from a clock that was never set.
pub const ANCIENT: Timestamp = Timestamp::from_micros(946_684_800_000_000);

/// A value that was read, and whether it had to be repaired for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read<T> {
    /// The value.
    pub value: T,
    /// Whether the text was not as its format asks for.
    pub repaired: bool,
}

/// Reads an instant as RFC 3339 section 5.6 has it. Repaired are blanks inside, a blank between
/// date and time, an offset without its colon, and an offset that is missing, which is UTC.
pub fn timestamp(text: &str) -> Option<Read<Timestamp>> {
    // Longer than any instant; blanks inside are few.
    const LONGEST: usize = 128;
    if text.len() > LONGEST || !text.is_ascii() {
        return None;
    }
    if let Some(value) = rfc3339(text) {
        return Some(Read {
            value,
            repaired: false,
        });
    }
    let trimmed = text.trim();
    let mut dense = String::with_capacity(trimmed.len() + 1);
    for (at, c) in trimmed.chars().enumerate() {
        match c {
            c if c.is_whitespace() && at == DATE_CHARS => dense.push('T'),
            c if c.is_whitespace() => {}
            ',' => dense.push('.'),
            c => dense.push(c),
        }
    }
    // "2025-08-20 T14:30" had a blank that stands for nothing.
    let dense = dense.replacen("TT", "T", 1);
    let value = rfc3339(&dense)
        .or_else(|| rfc3339(&format!("{dense}Z")))
        .or_else(|| rfc3339(&with_colon(&dense)?))?;
    Some(Read {
        value,
        repaired: true,
    })
}

const DATE_CHARS: usize = "2025-08-20".len();

/// `+0200` as `+02:00`.
fn with_colon(text: &str) -> Option<String> {
    let (head, minutes) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let sign = head.get(head.len().checked_sub(3)?..)?;
    sign.starts_with(['+', '-'])
        .then(|| format!("{head}:{minutes}"))
}

/// Exactly the grammar; the calendar library reads more than that.
fn rfc3339(text: &str) -> Option<Timestamp> {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let bytes = text.as_bytes();
    let (head, tail) = bytes.split_at_checked(SHAPE.len())?;
    let fits = head
        .iter()
        .zip(SHAPE)
        .all(|(byte, shape)| match (byte, shape) {
            (byte, b'0') => byte.is_ascii_digit(),
            (byte, shape) => byte.eq_ignore_ascii_case(shape),
        });
    if !fits {
        return None;
    }
    let mut tail = tail;
    let mut fraction = String::new();
    if let Some(rest) = tail.strip_prefix(b".") {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        let (all, rest) = rest.split_at_checked(digits)?;
        // Microseconds are kept; the calendar library takes nine digits.
        let kept: String = all.iter().take(9).copied().map(char::from).collect();
        fraction = format!(".{kept}");
        tail = rest;
    }
    let offset = match tail {
        [b'Z' | b'z'] => "Z",
        [b'+' | b'-', hour @ .., b':', m1, m2]
            if hour.len() == 2 && hour.iter().chain([m1, m2]).all(u8::is_ascii_digit) =>
        {
            std::str::from_utf8(tail).ok()?
        }
        _ => return None,
    };
    let head = std::str::from_utf8(head).ok()?.to_ascii_uppercase();
    let instant: jiff::Timestamp = format!("{head}{fraction}{offset}").parse().ok()?;
    Some(Timestamp::from_jiff(instant))
}

/// Digest algorithms by their names in OCI and purls, with the number of their hexadecimal digits.
const ALGORITHMS: [(&str, usize); 8] = [
    ("md5", 32),
    ("sha1", 40),
    ("sha224", 56),
    ("sha256", 64),
    ("sha384", 96),
    ("sha512", 128),
    ("sha3-256", 64),
    ("blake3", 64),
];

/// Reads `algorithm:hex` (OCI image specification, "Digests") in lower case. Repaired are blanks
/// inside and an algorithm written `SHA-256`.
pub fn digest(text: &str) -> Option<Read<String>> {
    // The longest digest with some blanks.
    const LONGEST: usize = 256;
    if text.len() > LONGEST {
        return None;
    }
    let dense: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let (given, hex) = dense.split_once(':')?;
    let lower = given.to_ascii_lowercase();
    let spelled = lower.replacen("sha-", "sha", 1);
    let (name, digits) = ALGORITHMS.iter().find(|(name, _)| *name == spelled)?;
    let is_hex = hex.len() == *digits && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| Read {
        value: format!("{name}:{}", hex.to_ascii_lowercase()),
        repaired: dense != text.trim() || lower != *name,
    })
}

/// Reads what a field named `digest` holds: as [`digest`], and 64 hexadecimal digits alone, which
/// are SHA-256 in every registry.
pub fn digest_field(text: &str) -> Option<Read<String>> {
    digest(text).or_else(|| {
        let mut read = digest(&format!("sha256:{}", text.trim()))?;
        read.repaired = true;
        Some(read)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Option<(String, bool)> {
        timestamp(text).map(|read| (read.value.to_string(), read.repaired))
    }

    #[test]
    fn instants_as_the_standard_has_them_are_not_repaired() {
        for (text, utc) in [
            ("2023-03-20T14:27:05.315384Z", "2023-03-20T14:27:05.315384Z"),
            ("2023-03-20t14:27:05z", "2023-03-20T14:27:05Z"),
            ("2023-03-20T14:27:05+02:00", "2023-03-20T12:27:05Z"),
            (
                "2023-03-20T14:27:05.123456789123Z",
                "2023-03-20T14:27:05.123456Z",
            ),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(time(text), Some((utc.to_owned(), false)), "{text}");
        }
    }

    #[test]
    fn blanks_and_missing_offsets_are_repaired() {
        for text in [
            "2025-08-20T14: 30: 25.123456Z",
            " 2025-08-20T14:30:25.123456Z\n",
            "2025-08-20 14:30:25.123456Z",
            "2025-08-20T14:30:25.123456",
            "2025-08-20 14:30:25.123456",
            "2025-08-20T14:30:25.123456+0000",
            "2025-08-20T16:30:25.123456 +0200",
            "2025-08-20 T14:30:25.123456Z",
            "2025-08-20T14:30:25,123456Z",
        ] {
            let expected = Some(("2025-08-20T14:30:25.123456Z".to_owned(), true));
            assert_eq!(time(text), expected, "{text}");
        }
    }

    #[test]
    fn what_may_mean_several_instants_is_not_guessed() {
        for text in [
            "",
            "yesterday",
            "2025-08-20",
            "1755700225",
            "2025-13-20T14:30:25Z",
            "2025-08-20T24:30:25Z",
            "20/08/2025 14:30:25",
            "2025-08-20T14:30Z",
            "2025-08-20T14:30:25.Z",
            "2025-08-20T14:30:25 CEST",
            "²025-08-20T14:30:25Z",
        ] {
            assert_eq!(time(text), None, "{text}");
        }
        assert_eq!(time(&"2".repeat(100_000)), None);
    }

    #[test]
    fn digests_lose_their_blanks_and_capitals() {
        let hex = "0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427";
        let plain = format!("sha256:{hex}");
        let read = |text: &str| digest(text).map(|read| (read.value, read.repaired));
        assert_eq!(read(&plain), Some((plain.clone(), false)));
        assert_eq!(
            read(&format!("sha256: {}", hex.to_uppercase())),
            Some((plain.clone(), true))
        );
        assert_eq!(read(&format!("SHA-256:{hex}")), Some((plain.clone(), true)));
        assert_eq!(read(hex), None);
        assert_eq!(
            digest_field(hex).map(|read| (read.value, read.repaired)),
            Some((plain, true))
        );
        for text in ["sha256:aaaaaaaa...", "sha256:", "sha256", "md6:00", ":"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
