//! Known shapes of secrets in recorded text, replaced before an assistant sees them. What is
//! stored stays as it was sent.

use std::borrow::Cow;

use serde_json::Value;

/// Text with every known secret replaced by `[masked …]`.
pub(crate) fn masked(text: &str) -> Cow<'_, str> {
    let mut out: Option<String> = None;
    let mut copied = 0;
    let mut at = 0;
    let mut no_jwt_before = 0;
    while let Some(rest) = text.get(at..) {
        let Some(first) = rest.chars().next() else {
            break;
        };
        let candidate = matches!(first, 'g' | 'A' | 'x' | 'e' | '-');
        if candidate && let Some((length, what)) = secret_at(text, at, rest, &mut no_jwt_before) {
            let out = out.get_or_insert_with(|| String::with_capacity(text.len()));
            out.push_str(text.get(copied..at).unwrap_or_default());
            out.push_str("[masked ");
            out.push_str(what);
            out.push(']');
            at += length;
            copied = at;
        } else {
            at += first.len_utf8();
        }
    }
    match out {
        Some(mut out) => {
            out.push_str(text.get(copied..).unwrap_or_default());
            Cow::Owned(out)
        }
        None => Cow::Borrowed(text),
    }
}

/// Masks every string of a value, keys too, and counts the strings that were changed.
pub(crate) fn mask_value(value: &mut Value) -> usize {
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
                    let new = masked(&key).into_owned();
                    count += usize::from(new != key);
                    fields.insert(new, value);
                }
            }
            count
        }
        _ => 0,
    }
}

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
        return private_key(rest).map(|length| (length, "private key"));
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

/// Whether a word can start here. In JSON text the character before may belong to an escape.
fn starts_a_word(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let mut back = before.chars().rev();
    match back.next() {
        Some('n' | 'r' | 't') if back.next() == Some('\\') => true,
        Some(c) => !c.is_alphanumeric() && c != '_',
        None => true,
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

/// A PEM private key, to its end line; without one, to the end of the string that it stands in.
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
    let string = rest.get(..rest.find('"').unwrap_or(rest.len()))?;
    let found = string.find(&end).map(|start| start + end.len());
    Some(found.unwrap_or(string.len()))
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
        let opened = format!("[{}]", "\"-----BEGIN PRIVATE KEY-----\",".repeat(40_000));
        assert_eq!(
            masked(&opened).matches("[masked private key]").count(),
            40_000
        );
        let unlabelled = "-----BEGIN ".repeat(100_000);
        assert_eq!(masked(&unlabelled), unlabelled);
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
            assert_eq!(
                masked(&format!("\"x\\n{text}\"")),
                format!("\"x\\n[masked {what}]\"")
            );
        }
    }

    #[test]
    fn a_private_key_is_masked_whole() {
        let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----";
        assert_eq!(masked(&format!("[{key}]")), "[[masked private key]]");
        assert_eq!(
            masked("{\"k\":\"-----BEGIN PRIVATE KEY-----\\nMII\"}"),
            "{\"k\":\"[masked private key]\"}"
        );
        let public = "-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----";
        assert_eq!(masked(public), public);
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
