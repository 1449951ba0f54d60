//! Text from outside: what a field may hold, and how a string that we did not make is shown.

use std::fmt::Write as _;

use super::refusal::{FieldFault, Refusal};
use super::secrets::masked;
use crate::limits;

/// Collects what is wrong with the fields of one command, so that all of it is told at once.
#[derive(Debug, Default)]
pub struct FieldCheck {
    faults: Vec<FieldFault>,
}

impl FieldCheck {
    /// Checks a field that identifies something (a name, a version, a type): not blank, at most
    /// 255 characters, nothing that does not show.
    pub fn identity(&mut self, field: &'static str, value: &str) {
        if self.sized(field, value)
            && let Some(c) = value.chars().find(|c| is_hidden(*c))
        {
            self.fault(
                field,
                format!(
                    "holds the invisible character U+{:04X}: remove it",
                    u32::from(c)
                ),
            );
        }
    }

    /// Checks free text (a description): not blank, at most 255 characters, no NUL.
    pub fn prose(&mut self, field: &'static str, value: &str) {
        self.sized(field, value);
    }

    /// Adds a fault of another kind.
    pub fn fault(&mut self, field: &'static str, why: impl Into<String>) {
        self.faults.push(FieldFault {
            field,
            why: why.into(),
        });
    }

    /// All faults as one refusal, or nothing.
    pub fn finish(self) -> Result<(), Refusal> {
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(Refusal::InvalidFields(self.faults))
        }
    }

    fn sized(&mut self, field: &'static str, value: &str) -> bool {
        let length = value.chars().count();
        if value.chars().all(|c| c.is_whitespace() || is_hidden(c)) {
            self.fault(field, "cannot be blank");
        } else if length > limits::FIELD_CHARS {
            self.fault(
                field,
                format!(
                    "has {length} characters; at most {} are allowed",
                    limits::FIELD_CHARS
                ),
            );
        } else if value.contains('\0') {
            self.fault(field, "holds a NUL character: remove it");
        } else {
            return true;
        }
        false
    }
}

/// Whether a character leaves no mark or changes how its neighbours are shown: controls, bidi
/// controls, zero-width characters, variation selectors of the tag block, line separators.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E0FFF}')
}

/// A string that we did not make, for prose: inside «…», known secrets masked, hidden characters and
/// the quotes themselves escaped, cut after `limit` characters with the number of the missing ones.
pub fn quoted_to(value: &str, limit: usize) -> String {
    let value = masked(value);
    let mut out = String::with_capacity(value.len().min(limit * 4) + 8);
    out.push('«');
    let mut chars = value.chars();
    for c in chars.by_ref().take(limit) {
        push_visible(&mut out, c);
    }
    let rest = chars.count();
    if rest > 0 {
        let _ = write!(out, "… {rest} more");
    }
    out.push('»');
    out
}

/// [`quoted_to`] with the length at which values are echoed in refusals and lists.
pub fn quoted(value: &str) -> String {
    quoted_to(value, limits::ECHO_CHARS)
}

fn push_visible(out: &mut String, c: char) {
    if is_hidden(c) || c == '«' || c == '»' {
        let mut units = [0u16; 2];
        for unit in c.encode_utf16(&mut units) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    } else {
        out.push(c);
    }
}

/// JSON text with every hidden character inside its strings written as a `\u` escape. The value
/// it stands for is unchanged.
pub fn escape_hidden_in_json(json: &str) -> String {
    if !json.chars().any(is_hidden) {
        return json.to_owned();
    }
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        // Line breaks and tabs outside strings are layout; inside strings JSON has them escaped.
        if is_hidden(c) && !matches!(c, '\n' | '\r' | '\t') {
            let mut units = [0u16; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Matches `*` (any run of characters) and `?` (one character); everything else is literal.
/// Linear in practice and free of recursion.
pub fn glob_matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match (pattern.get(p), text.get(t)) {
            (Some('*'), _) => {
                retry = Some((p, t));
                p += 1;
            }
            (Some(want), Some(have)) if *want == '?' || want == have => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((star, from)) => {
                    p = star + 1;
                    t = from + 1;
                    retry = Some((star, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_faulty_field_is_named() {
        let mut check = FieldCheck::default();
        check.identity("name", " \u{200B}");
        check.identity("version", &"ü".repeat(256));
        check.identity("release", "1\u{202E}2");
        check.prose("description", "a\0b");
        check.identity("package", &"ü".repeat(255));
        let Err(Refusal::InvalidFields(faults)) = check.finish() else {
            panic!("accepted")
        };
        let fields: Vec<_> = faults.iter().map(|f| f.field).collect();
        assert_eq!(fields, ["name", "version", "release", "description"]);
    }

    #[test]
    fn a_quote_cannot_be_left_or_hidden_in() {
        assert_eq!(quoted("a»\u{202E}b\nc"), "«a\\u00bb\\u202eb\\u000ac»");
        assert_eq!(quoted_to("abcdef", 3), "«abc… 3 more»");
        assert_eq!(quoted("\u{E0041}"), "«\\udb40\\udc41»");
    }

    #[test]
    fn globs() {
        for (pattern, text, expect) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abb", false),
            ("a?c", "abc", true),
            ("", "a", false),
            ("dev.cdevents.*", "dev.cdevents.build", true),
            ("*a*b*", "xxaxxbxx", true),
            ("a", "a", true),
        ] {
            assert_eq!(glob_matches(pattern, text), expect, "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn escaping_keeps_the_value(text in "\\PC*|[\u{0}-\u{1f}\u{200b}-\u{202e}\u{e0020}-\u{e0040}a-z]*") {
            let json = serde_json::to_string(&text).unwrap();
            let escaped = escape_hidden_in_json(&json);
            prop_assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
            prop_assert!(!escaped.chars().any(is_hidden));
        }
    }
}
