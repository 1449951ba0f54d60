//! Known shapes of secrets in recorded text: told of when they come in, and replaced before an
//! assistant sees them. What is stored stays as it was sent.
//!
//! A string is masked before it is quoted or becomes part of JSON, never afterwards: what looks like
//! the end of a secret could stand in another string.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::Value;

/// The secrets in `text`, from left to right: where each stands and what it is.
fn secrets(text: &str) -> Secrets<'_> {
    Secrets {
        text,
        at: 0,
        no_jwt_before: 0,
    }
}

struct Secrets<'a> {
    text: &'a str,
    at: usize,
    /// How far a run of characters reaches that is known to be no JWT, so that no run is read
    /// again from each of its places.
    no_jwt_before: usize,
}

impl Iterator for Secrets<'_> {
    type Item = (Range<usize>, &'static str);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.text.get(self.at..)?;
            let skip = rest.find(['g', 'A', 'x', 'e', '-'])?;
            let start = self.at + skip;
            let rest = rest.get(skip..)?;
            if let Some((length, what)) = secret_at(self.text, start, rest, &mut self.no_jwt_before)
            {
                self.at = start + length;
                return Some((start..self.at, what));
            }
            // Each of the characters above has one byte.
            self.at = start + 1;
        }
    }
}

/// What the first secret in a JSON text is, if one of its strings holds one.
pub fn first_in_json(json: &str) -> Option<&'static str> {
    literals(json).find_map(|place| {
        let text = unescaped(json.get(place)?)?;
        secrets(&text).next().map(|(_, what)| what)
    })
}

/// A string with every known secret in it replaced by `[masked …]`.
pub fn masked(text: &str) -> Cow<'_, str> {
    replaced(text, |_| true)
}

/// Finished text with the tokens in it replaced: those that consist of letters, digits and a few
/// signs, and so reach over the end of no quotation.
pub fn masked_tokens(text: &str) -> Cow<'_, str> {
    replaced(text, |what| what != PRIVATE_KEY)
}

fn replaced(text: &str, which: impl Fn(&'static str) -> bool) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    for (place, what) in secrets(text).filter(|(_, what)| which(what)) {
        out.push_str(text.get(copied..place.start).unwrap_or_default());
        out.push_str("[masked ");
        out.push_str(what);
        out.push(']');
        copied = place.end;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

/// JSON text in which every string is [`masked`], whatever escapes it is written with; nothing else
/// is changed.
pub fn masked_json(json: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    for place in literals(json) {
        let literal = json.get(place.clone()).unwrap_or_default();
        let Some(text) = unescaped(literal) else {
            continue;
        };
        if let Cow::Owned(masked) = masked(&text) {
            out.push_str(json.get(copied..place.start).unwrap_or_default());
            out.push_str(&serde_json::Value::String(masked).to_string());
            copied = place.end;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    out.push_str(json.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

/// The string literals of a JSON text, with their quotes: where each stands.
fn literals(json: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = json.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + bytes.get(at..)?.iter().position(|byte| *byte == b'"')?;
        let mut end = start + 1;
        loop {
            match bytes.get(end)? {
                b'"' => break,
                b'\\' => end += 2,
                _ => end += 1,
            }
        }
        at = end + 1;
        Some(start..at)
    })
}

/// What a string literal says.
fn unescaped(literal: &str) -> Option<Cow<'_, str>> {
    if literal.contains('\\') {
        return serde_json::from_str(literal).ok().map(Cow::Owned);
    }
    let inside = literal.strip_prefix('"')?.strip_suffix('"')?;
    Some(Cow::Borrowed(inside))
}

/// Masks every string of a value, keys too, and counts the strings that were changed.
pub fn mask_value(value: &mut Value) -> usize {
    match value {
        Value::String(text) => match masked(text) {
            Cow::Owned(changed) => {
                *text = changed;
                1
            }
            Cow::Borrowed(_) => 0,
        },
        Value::Array(items) => items.iter_mut().map(mask_value).sum(),
        Value::Object(fields) => {
            let mut count = fields.values_mut().map(mask_value).sum();
            if fields
                .keys()
                .any(|key| matches!(masked(key), Cow::Owned(_)))
            {
                let old = std::mem::take(fields);
                for (key, value) in old {
                    let mut new = masked(&key).into_owned();
                    count += usize::from(new != key);
                    // Two that look the same now are still two.
                    while fields.contains_key(&new) {
                        new.push('\'');
                    }
                    fields.insert(new, value);
                }
            }
            count
        }
        _ => 0,
    }
}

const PRIVATE_KEY: &str = "private key";

/// A prefix, the characters that follow it, and how many there must be.
struct Shape {
    prefixes: &'static [&'static str],
    tail: fn(char) -> bool,
    least: usize,
    most: usize,
    what: &'static str,
}

const SHAPES: [Shape; 6] = [
    Shape {
        prefixes: &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        tail: |c| c.is_ascii_alphanumeric(),
        least: 20,
        most: 255,
        what: "GitHub token",
    },
    Shape {
        prefixes: &["github_pat_"],
        tail: |c| c.is_ascii_alphanumeric() || c == '_',
        least: 20,
        most: 255,
        what: "GitHub token",
    },
    Shape {
        prefixes: &["glpat-"],
        tail: token_char,
        least: 16,
        most: 255,
        what: "GitLab token",
    },
    Shape {
        prefixes: &["AKIA", "ASIA"],
        tail: |c| c.is_ascii_uppercase() || c.is_ascii_digit(),
        least: 16,
        most: 16,
        what: "AWS key id",
    },
    Shape {
        prefixes: &[
            "xoxa-", "xoxb-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-",
        ],
        tail: |c| c.is_ascii_alphanumeric() || c == '-',
        least: 10,
        most: 512,
        what: "Slack token",
    },
    Shape {
        prefixes: &["AIza"],
        tail: token_char,
        least: 35,
        most: 35,
        what: "Google API key",
    },
];

/// The length and kind of the secret that starts at `rest`, which is `text` from `at`.
/// `no_jwt_before` remembers how far a run of characters reaches that is known to be none, so that
/// no run is read again from each of its places.
fn secret_at(
    text: &str,
    at: usize,
    rest: &str,
    no_jwt_before: &mut usize,
) -> Option<(usize, &'static str)> {
    if rest.starts_with("-----BEGIN ") {
        return private_key(rest).map(|length| (length, PRIVATE_KEY));
    }
    if !starts_a_word(text, at) {
        return None;
    }
    for shape in &SHAPES {
        for prefix in shape.prefixes {
            if let Some(tail) = rest.strip_prefix(prefix) {
                let run = tail
                    .chars()
                    .take(shape.most + 1)
                    .take_while(|c| (shape.tail)(*c))
                    .count();
                let fixed = shape.least == shape.most;
                if run >= shape.least && (!fixed || run == shape.most) {
                    return Some((prefix.len() + run, shape.what));
                }
            }
        }
    }
    if at < *no_jwt_before || !rest.starts_with("eyJ") {
        return None;
    }
    let length = jwt(rest);
    if length.is_none() {
        *no_jwt_before = at + run_of_token(rest);
    }
    length.map(|length| (length, "JWT"))
}

fn run_of_token(text: &str) -> usize {
    text.chars().take_while(|c| token_char(*c)).count()
}

fn token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// Whether a word can start here.
fn starts_a_word(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let last = before.chars().next_back();
    last.is_none_or(|c| !c.is_alphanumeric() && c != '_') || ends_in_escape(before.as_bytes())
}

/// Whether the last letter belongs to an escape: of a URI (RFC 3986 section 2.1), or of JSON that
/// stands in a string.
fn ends_in_escape(before: &[u8]) -> bool {
    let hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    match before {
        [.., b'%', high, low] if hex(&[*high, *low]) => true,
        [.., b'\\', b'n' | b'r' | b't' | b'b' | b'f'] => true,
        [.., b'\\', b'u', a, b, c, d] => hex(&[*a, *b, *c, *d]),
        _ => false,
    }
}

/// Three base64url parts; the caller has seen that the first starts a JSON object.
fn jwt(rest: &str) -> Option<usize> {
    let mut length = 0;
    for part in 0..3 {
        let run = run_of_token(rest.get(length..)?);
        if run < 8 {
            return None;
        }
        length += run;
        if part < 2 {
            if !rest.get(length..)?.starts_with('.') {
                return None;
            }
            length += 1;
        }
    }
    Some(length)
}

/// A PEM private key, to its end line; without one, to the end of the string.
fn private_key(rest: &str) -> Option<usize> {
    const LABEL: usize = 40;
    let inside = rest.strip_prefix("-----BEGIN ")?;
    // All characters of a label are ASCII; looking further would read long text again and again.
    let label: String = inside.chars().take(LABEL).collect();
    let label = label.get(..label.find("-----")?)?;
    if !label.contains("PRIVATE KEY") {
        return None;
    }
    let end = format!("-----END {label}-----");
    let found = rest.find(&end).map(|start| start + end.len());
    Some(found.unwrap_or(rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_made_to_be_read_again_and_again_is_read_once() {
        let runs = "eyJ-".repeat(500_000);
        assert_eq!(masked(&runs), runs);
        let dots = "eyJaaaaaaaa.!".repeat(100_000);
        assert_eq!(masked(&dots), dots);
        let opened = format!("[{}0]", "\"-----BEGIN PRIVATE KEY-----\",".repeat(40_000));
        assert_eq!(
            masked_json(&opened).matches("[masked private key]").count(),
            40_000
        );
        let unlabelled = "-----BEGIN ".repeat(100_000);
        assert_eq!(masked(&unlabelled), unlabelled);
    }

    #[test]
    fn escapes_end_before_a_word() {
        let key = "AKIAIOSFODNN7EXAMPLE";
        for before in ["https%3A", "%0a", "log:\\n", "\\u0009"] {
            assert_eq!(
                masked(&format!("{before}{key}")),
                format!("{before}[masked AWS key id]")
            );
        }
        for before in ["A", "3A", "n", "u0009", "%3"] {
            let text = format!("{before}{key}");
            assert_eq!(masked(&text), text);
        }
    }

    #[test]
    fn known_shapes_are_masked() {
        let twenty = "abcdefghij0123456789";
        for (text, what) in [
            (format!("ghp_{twenty}"), "GitHub token"),
            (format!("github_pat_{twenty}_{twenty}"), "GitHub token"),
            (format!("glpat-{twenty}"), "GitLab token"),
            ("AKIAIOSFODNN7EXAMPLE".to_owned(), "AWS key id"),
            (format!("xoxb-12345-{twenty}"), "Slack token"),
            (format!("AIza{twenty}abcdefghij01234"), "Google API key"),
            (format!("eyJhbGciOi.{twenty}.{twenty}"), "JWT"),
        ] {
            assert_eq!(
                masked(&format!("a {text}, b")),
                format!("a [masked {what}], b")
            );
            // Whatever stands before it, and however that is written.
            for before in [
                "\\n", "\\f", "\\b", "\\u0009", "\\u0020", "\\u0022", "\\u2013", "\\\\",
            ] {
                let json = format!("[\"x{before}{text}\"]");
                assert_eq!(first_in_json(&json), Some(what), "{json}");
                let masked: Value = serde_json::from_str(&masked_json(&json)).unwrap();
                let shown = masked[0].as_str().unwrap();
                assert!(shown.ends_with(&format!("[masked {what}]")), "{shown}");
            }
        }
    }

    #[test]
    fn a_private_key_is_masked_whole_and_nothing_behind_it() {
        let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----";
        assert_eq!(masked(&format!("[{key}]")), "[[masked private key]]");
        assert_eq!(
            masked_json(
                r#"{"k":"-----BEGIN PRIVATE KEY-----\nMII\"}","end":"-----END PRIVATE KEY-----"}"#
            ),
            r#"{"k":"[masked private key]","end":"-----END PRIVATE KEY-----"}"#
        );
        let public = "-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----";
        assert_eq!(masked(public), public);
        // In finished text nobody knows where a string ends.
        assert_eq!(masked_tokens(key), key);
        assert_eq!(
            masked_tokens("«AKIAIOSFODNN7EXAMPLE» and"),
            "«[masked AWS key id]» and"
        );
    }

    #[test]
    fn the_rest_is_left_alone() {
        for text in [
            "ghp_short",
            "xAKIAIOSFODNN7EXAMPLE",
            "AKIAIOSFODNN7EXAMPLEX",
            "eyJ.a.b",
            "sha256:abc",
            "ключ-é",
        ] {
            assert_eq!(masked(text), text);
        }
    }

    #[test]
    fn a_secret_cannot_hide_behind_escapes() {
        let key = "AKIAIOSFODNN7EXAMPLE";
        let hidden: String = key.bytes().map(|b| format!("\\u{b:04x}")).collect();
        let json = format!("[1, \"{hidden}\" , \"\\u00e9\"]");
        assert_eq!(
            masked_json(&json),
            "[1, \"[masked AWS key id]\" , \"\\u00e9\"]"
        );
        assert_eq!(first_in_json(&json), Some("AWS key id"));
        // No escape of an A, and text without a secret stays byte for byte.
        for json in [
            format!("[\"\\\\u0041{}\"]", &key[1..]),
            "[\"\\u0041 \\u00e9 \\/ \\\\ \\\" é\"]".to_owned(),
            "[\"unfinished \\".to_owned(),
        ] {
            assert_eq!(masked_json(&json), json);
            assert_eq!(first_in_json(&json), None);
        }
    }

    #[test]
    fn keys_that_look_the_same_when_masked_stay_two() {
        let mut value = serde_json::json!({"AKIAIOSFODNN7EXAMPLE": 1, "AKIAIOSFODNN7EXAMPL2": 2});
        assert_eq!(mask_value(&mut value), 2);
        assert_eq!(value.as_object().unwrap().len(), 2, "{value}");
    }

    #[test]
    fn values_are_masked_in_depth() {
        let mut value =
            serde_json::json!({"a": [{"AKIAIOSFODNN7EXAMPLE": "AKIAIOSFODNN7EXAMPLE"}], "b": 1});
        assert_eq!(mask_value(&mut value), 2);
        assert_eq!(
            value,
            serde_json::json!({"a": [{"[masked AWS key id]": "[masked AWS key id]"}], "b": 1})
        );
    }
}
