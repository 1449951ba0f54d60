//! The names of CDEvents types.

/// Where types of the specification begin (CDEvents spec.md, "type").
const STANDARD: &str = "dev.cdevents.";
/// Where types of a tool's own begin (CDEvents custom/README.md).
const CUSTOM: &str = "dev.cdeventsx.";
/// Before version 0.1 types began so.
const OLDEST: &str = "cd.";

/// Subjects and predicates of versions 0.1 to 0.6-draft, in today's names.
const KNOWN: &[(&str, &[&str])] = &[
    ("approval", &["created", "updated", "closed"]),
    (
        "artifact",
        &["packaged", "signed", "published", "downloaded", "deleted"],
    ),
    ("branch", &["created", "deleted"]),
    ("build", &["queued", "started", "finished"]),
    (
        "change",
        &["created", "updated", "reviewed", "merged", "abandoned"],
    ),
    ("environment", &["created", "modified", "deleted"]),
    ("incident", &["detected", "reported", "resolved"]),
    ("pipelinerun", &["queued", "started", "finished"]),
    ("repository", &["created", "modified", "deleted"]),
    (
        "service",
        &["deployed", "upgraded", "rolledback", "removed", "published"],
    ),
    ("taskrun", &["started", "finished"]),
    ("testcaserun", &["queued", "started", "finished", "skipped"]),
    ("testoutput", &["published"]),
    ("testsuiterun", &["queued", "started", "finished"]),
    ("ticket", &["created", "updated", "closed"]),
];

/// A type taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::correlate) struct EventType {
    /// In lower case and in today's names; of a custom type `tool-subject`.
    pub(in crate::correlate) subject: String,
    /// In lower case.
    pub(in crate::correlate) predicate: String,
    /// Whether a version of the specification has it, or it is a tool's own.
    pub(in crate::correlate) known: bool,
}

impl EventType {
    /// Takes a type apart; `None` if it is none of CDEvents.
    pub(in crate::correlate) fn parse(text: &str) -> Option<Self> {
        let lower = text.trim().to_ascii_lowercase();
        let (rest, origin) = [STANDARD, CUSTOM, OLDEST]
            .into_iter()
            .find_map(|prefix| Some((lower.strip_prefix(prefix)?, prefix)))?;
        let mut parts = rest.split('.');
        let subject = today(parts.next()?);
        let predicate = parts.next().unwrap_or_default();
        if subject.is_empty() {
            return None;
        }
        let known = KNOWN
            .iter()
            .any(|(name, predicates)| *name == subject && predicates.contains(&predicate));
        // Two letters are not enough to take an unknown type for one of these.
        if origin == OLDEST && !known {
            return None;
        }
        Some(Self {
            subject: subject.to_owned(),
            predicate: predicate.to_owned(),
            known: known || (origin == CUSTOM && !predicate.is_empty()),
        })
    }
}

/// Versions 0.1 and 0.2 had no `run` in the names of test subjects.
pub(super) fn today(subject: &str) -> &str {
    match subject {
        "testcase" => "testcaserun",
        "testsuite" => "testsuiterun",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<(String, String, bool)> {
        EventType::parse(text).map(|read| (read.subject, read.predicate, read.known))
    }

    #[test]
    fn types_are_taken_apart_whatever_their_version() {
        for (text, subject, predicate, known) in [
            (
                "dev.cdevents.taskrun.finished.0.1.1",
                "taskrun",
                "finished",
                true,
            ),
            (
                "dev.cdevents.testcase.finished.0.1.0",
                "testcaserun",
                "finished",
                true,
            ),
            (
                "dev.cdevents.testSuite.started.0.1.0-draft",
                "testsuiterun",
                "started",
                true,
            ),
            (
                "dev.cdevents.artifact.packaged",
                "artifact",
                "packaged",
                true,
            ),
            (
                "dev.cdevents.test.completed.0.1.0",
                "test",
                "completed",
                false,
            ),
            ("dev.cdevents.build", "build", "", false),
            (
                "dev.cdeventsx.gitlab-Release.created.0.1.0",
                "gitlab-release",
                "created",
                true,
            ),
            ("cd.build.finished.v1", "build", "finished", true),
        ] {
            let expected = Some((subject.to_owned(), predicate.to_owned(), known));
            assert_eq!(parse(text), expected, "{text}");
        }
        for text in [
            "",
            "foo.bar",
            "dev.cdevents.",
            "dev.cdeventsy.a.b.1",
            "cd.example.deploy",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
