//! URIs as JSON Schema's formats `uri` and `uri-reference` have them (RFC 3986), which is what
//! receivers of CDEvents hold them to.

use jsonschema::Uri;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What stands nowhere in a URI as it is (RFC 3986 section 2), beside what is not ASCII.
const NEVER: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');
/// What stands in no path segment as it is (RFC 3986 section 3.3), but for the slash between them.
const NOT_IN_PATH: &AsciiSet = &NEVER
    .add(b'%')
    .add(b'#')
    .add(b'?')
    .add(b'[')
    .add(b']')
    .add(b':');

/// Whether it is an absolute URI.
pub(in crate::correlate) fn is_uri(text: &str) -> bool {
    Uri::parse(text).is_ok()
}

/// Whether it is a URI or a reference relative to one (RFC 3986 section 4.1).
pub(in crate::correlate) fn is_reference(text: &str) -> bool {
    if is_uri(text) {
        return true;
    }
    // With a scheme before it a relative reference is a URI; a colon in its first segment would
    // have made it one by itself (section 4.2).
    let first = text.split(['/', '?', '#']).next().unwrap_or_default();
    !first.contains(':') && is_uri(&format!("x:{text}"))
}

/// A reference that is not written as one, so that it is: what may not stand in it is
/// percent-encoded. Texts that differ stay different.
pub(in crate::correlate) fn as_reference(text: &str) -> String {
    if is_reference(text) {
        return text.to_owned();
    }
    let near = utf8_percent_encode(text, NEVER).to_string();
    if is_reference(&near) {
        return near;
    }
    let path = utf8_percent_encode(text, NOT_IN_PATH).to_string();
    if is_reference(&path) {
        return path;
    }
    // Two slashes begin an authority, and what stands there can be none.
    path.replace('/', "%2F")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_reference_is_absolute_or_relative() {
        for good in [
            "https://x/y?z#a",
            "urn:a:b",
            "/event/source/123",
            "my-git.example/an-org/a-repo",
            "//host/path",
            "?q",
            "#f",
            "",
            "a/b:c",
        ] {
            assert!(is_reference(good), "{good}");
        }
        for bad in ["a b", "1:2", "http://[x", "a%zz", "tür"] {
            assert!(!is_reference(bad), "{bad}");
        }
        assert!(is_uri("https://x") && !is_uri("/x") && !is_uri("https://a b"));
    }

    #[test]
    fn only_what_may_not_stand_in_it_is_encoded() {
        assert_eq!(as_reference("my tool"), "my%20tool");
        assert_eq!(as_reference("https://x/a b"), "https://x/a%20b");
        assert_eq!(as_reference("1:2"), "1%3A2");
        assert_eq!(as_reference("/a/b"), "/a/b");
        assert_eq!(as_reference("//@@"), "%2F%2F@@");
    }

    proptest! {
        #[test]
        fn any_text_becomes_a_reference_and_stays_itself(text in "\\PC{0,30}|[a-z:/?#%\\[\\]@ ]{0,20}") {
            let made = as_reference(&text);
            prop_assert!(is_reference(&made), "{text} {made}");
            prop_assert_eq!(as_reference(&made), made);
        }
    }
}
