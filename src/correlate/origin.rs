//! From which change or commit something was made, as events refer to it, in one place for all
//! questions.

use std::collections::BTreeSet;

use super::facts::{Artifact, DocumentKind, Facts, Subject, Target};
use super::key::{LinkKey, Role, folded, repository_name};

/// A commit as an event names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Commit {
    pub(crate) repository: Option<String>,
    /// At least its first seven digits, in lower case.
    pub(crate) sha: String,
}

impl Commit {
    /// Whether both name one commit: one id begins with the other, in the same repository as far as
    /// both say it.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        let repositories = self.repository.as_deref().zip(other.repository.as_deref());
        repositories.is_none_or(|(one, two)| repository_name(one) == repository_name(two))
            && (self.sha.starts_with(&other.sha) || other.sha.starts_with(&self.sha))
    }

    pub(crate) fn key(&self) -> LinkKey {
        LinkKey::commit(self.repository.as_deref(), &self.sha)
    }
}

/// The commits that an event names.
pub(crate) fn commits(facts: &Facts) -> Vec<Commit> {
    let commits = facts.references.iter().filter_map(|reference| {
        let Target::Commit { repository, sha } = &reference.target else {
            return None;
        };
        Some(Commit {
            repository: repository.clone(),
            sha: sha.clone(),
        })
    });
    commits.collect()
}

/// The changes that an event refers to.
pub(crate) fn changes(facts: &Facts) -> impl Iterator<Item = &Subject> {
    facts
        .references
        .iter()
        .filter_map(|reference| match &reference.target {
            Target::Subject(subject) if subject.kind == "change" => Some(subject),
            _ => None,
        })
}

/// Whether an event tells that an artifact which it names was made, and so of the run that made it.
/// Who downloads or deletes it did not make it.
pub(crate) fn makes(facts: &Facts, artifact: &Artifact) -> bool {
    match artifact.role {
        Role::Produces => true,
        Role::Own => {
            facts.kind == DocumentKind::CdEvent
                && !matches!(facts.predicate.as_str(), "downloaded" | "deleted")
        }
        _ => false,
    }
}

/// Whether an event tells when a change or commit was first heard of: it is about a change that was
/// not given up, a push to a repository, or a new branch.
pub(crate) fn tells_of_change(facts: &Facts) -> bool {
    match facts.subject.as_str() {
        "change" => facts.predicate != "abandoned",
        "repository" => facts.predicate == "modified",
        "branch" => facts.predicate == "created",
        _ => false,
    }
}

/// Those of `all` that are about the change that an event of `own_source` refers to. An id without a
/// source is looked for in that source, else where it is the only one; otherwise it is ambiguous.
pub(crate) fn of_change<'a, T>(
    change: &Subject,
    own_source: Option<&str>,
    all: impl Iterator<Item = &'a T>,
    about: impl Fn(&'a T) -> Option<&'a Subject>,
) -> Vec<&'a T> {
    let id = folded(&change.id);
    let with_source = all.filter_map(|one| {
        let about = about(one).filter(|about| about.kind == "change" && folded(&about.id) == id)?;
        Some((one, about.source.as_deref()))
    });
    let found: Vec<(&T, Option<&str>)> = with_source.collect();
    let sources: BTreeSet<Option<&str>> = found.iter().map(|(_, source)| *source).collect();
    let source = match change.source.as_deref() {
        Some(source) => Some(source),
        None if sources.contains(&own_source) => own_source,
        None => match sources.first() {
            Some(only) if sources.len() == 1 => *only,
            _ => return Vec::new(),
        },
    };
    let of_source = |(one, own): (&'a T, Option<&str>)| (own == source).then_some(one);
    found.into_iter().filter_map(of_source).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(id: &str, source: Option<&str>) -> Subject {
        Subject {
            kind: "change".to_owned(),
            id: id.to_owned(),
            source: source.map(str::to_owned),
        }
    }

    #[test]
    fn a_number_without_a_source_is_looked_for_at_home_first() {
        let all = [
            subject("7", Some("/a")),
            subject("7", Some("/b")),
            subject("8", Some("/b")),
        ];
        let found = |reference: &Subject, own: Option<&str>| -> Vec<Option<String>> {
            let found = of_change(reference, own, all.iter(), Some);
            found.into_iter().map(|one| one.source.clone()).collect()
        };
        let of = |text: &str| vec![Some(text.to_owned())];
        assert_eq!(found(&subject("7", None), Some("/b")), of("/b"));
        assert_eq!(found(&subject("7", None), Some("/c")), []);
        assert_eq!(found(&subject("8", None), Some("/c")), of("/b"));
        assert_eq!(found(&subject("7", Some("/a")), Some("/b")), of("/a"));
    }

    #[test]
    fn commits_agree_by_their_first_digits_in_one_repository() {
        let commit = |repository: Option<&str>, sha: &str| Commit {
            repository: repository.map(str::to_owned),
            sha: sha.to_owned(),
        };
        let long = commit(Some("https://git.example.com/o/a"), "abcdef1234");
        assert!(long.agrees(&commit(None, "abcdef1")));
        assert!(long.agrees(&commit(Some("git@git.example.com:o/a.git"), "abcdef12345")));
        assert!(!long.agrees(&commit(Some("https://git.example.com/o/b"), "abcdef1")));
        assert!(!long.agrees(&commit(None, "abcdef2")));
    }
}
