//! How else what somebody asks for may be written in the events.

/// How else what somebody wrote may be written in the events: without the word for what it is, with or
/// without a slash at the end, with the name of its algorithm.
pub(super) fn variants(text: &str) -> Vec<String> {
    let word = ["pipeline run ", "pipelinerun ", "run ", "build ", "job "]
        .into_iter()
        .find_map(|word| {
            let (head, rest) = text.split_at_checked(word.len())?;
            head.eq_ignore_ascii_case(word).then_some(rest)
        });
    let bare = word.unwrap_or(text).trim().trim_start_matches('#').trim();
    let mut variants = vec![bare.to_owned(), bare.trim_end_matches('/').to_owned()];
    if bare.contains("://") && !bare.ends_with('/') {
        variants.push(format!("{bare}/"));
    }
    if bare.len() == 64 && bare.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        variants.push(format!("sha256:{}", bare.to_ascii_lowercase()));
    }
    variants.retain(|variant| variant != text && !variant.is_empty());
    variants.dedup();
    variants
}

/// Segments of a path that lead from a run to a page of it: `/job/1`, `/console`, `/attempts/1`.
const PAGE_SEGMENTS: usize = 3;

/// The addresses that a page may be a part of, the longest first, each with and without a slash at the
/// end.
pub(super) fn wholes(text: &str) -> Vec<String> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Vec::new();
    };
    let page = rest.split(['?', '#']).next().unwrap_or(rest);
    let page = page.trim_end_matches('/');
    let mut wholes = Vec::new();
    let mut whole = page;
    if page != rest {
        wholes.push(format!("{scheme}://{page}"));
    }
    for _ in 0..PAGE_SEGMENTS {
        match whole.rsplit_once('/') {
            // A host alone is no run.
            Some((shorter, _)) if shorter.contains('/') => whole = shorter,
            _ => break,
        }
        wholes.push(format!("{scheme}://{whole}"));
        wholes.push(format!("{scheme}://{whole}/"));
    }
    wholes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_writes_is_tried_as_events_may_write_it() {
        let hex = "AB".repeat(32);
        let digest = format!("sha256:{}", hex.to_ascii_lowercase());
        for (text, expected) in [
            ("#42", vec!["42"]),
            ("run 42", vec!["42"]),
            ("Build #42", vec!["42"]),
            ("job a/b/", vec!["a/b/", "a/b"]),
            ("https://ci/1", vec!["https://ci/1/"]),
            ("https://ci/1/", vec!["https://ci/1"]),
            (hex.as_str(), vec![digest.as_str()]),
            ("pr-1", vec![]),
            ("run", vec![]),
            ("#", vec![]),
        ] {
            assert_eq!(variants(text), expected, "{text}");
        }
    }

    #[test]
    fn a_page_is_a_part_of_what_is_above_it() {
        let page = "https://git.example/o/a/runs/7/job/1?pr=2";
        let expected = [
            "https://git.example/o/a/runs/7/job/1",
            "https://git.example/o/a/runs/7/job",
            "https://git.example/o/a/runs/7/job/",
            "https://git.example/o/a/runs/7",
            "https://git.example/o/a/runs/7/",
            "https://git.example/o/a/runs",
            "https://git.example/o/a/runs/",
        ];
        assert_eq!(wholes(page), expected);
        assert_eq!(wholes("https://ci/1"), Vec::<String>::new());
        assert_eq!(wholes("a/b/c"), Vec::<String>::new());
    }
}
