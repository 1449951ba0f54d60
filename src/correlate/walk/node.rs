//! An event as the walk sees it: its ties, sorted by what they are worth.

use std::collections::BTreeMap;

use crate::correlate::facts::{DocumentKind, Facts, Recorded, Target};
use crate::correlate::intake;
use crate::correlate::key::{
    Edge, KeyKind, LinkKey, Role, edges, is_uuid, repository_name, walkable,
};

/// Subjects that are executed. Their events, and the events of their parts, are one thing.
const EXECUTIONS: [&str; 5] = [
    "pipelinerun",
    "taskrun",
    "build",
    "testsuiterun",
    "testcaserun",
];
/// Those that are parts of others. Producers that name them by what they do (`compile`) use one id in
/// every run.
const PARTS: [&str; 2] = ["taskrun", "testcaserun"];
/// What runs come from. Several runs may come from one of them, and it belongs to each.
const SOURCES: [&str; 3] = ["change", "branch", "repository"];

/// Whether subjects of this kind are executed.
pub(super) fn is_execution(kind: &str) -> bool {
    EXECUTIONS.contains(&kind)
}

/// Whether runs come from subjects of this kind.
pub(super) fn is_source(kind: &str) -> bool {
    SOURCES.contains(&kind)
}

/// An event with its ties.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) event: Recorded,
    /// When it happened, in microseconds.
    pub(super) at: i64,
    /// Its chain.
    pub(super) chain: Option<LinkKey>,
    /// Its ties that are no subjects and no hubs.
    pub(super) edges: Vec<Edge>,
    /// The subjects that it is about or refers to.
    pub(super) subjects: Vec<SubjectTie>,
    /// Whether nobody gave it its unit: then what it is about says all that the unit could.
    pub(super) has_own_unit: bool,
}

/// A subject that an event is about or refers to.
#[derive(Debug, Clone)]
pub(super) struct SubjectTie {
    pub(super) role: Role,
    pub(super) kind: String,
    pub(super) id: String,
    /// Both, to be shown.
    pub(super) shown: String,
    /// Where the id is unique, if that is said.
    pub(super) source: Option<String>,
    /// The key with the source that is said, or else with that of the event.
    pub(super) exact: Option<LinkKey>,
    /// The key of that id wherever it is.
    pub(super) anywhere: LinkKey,
    /// The key that stands for it, once that is known.
    pub(super) identity: Option<LinkKey>,
}

impl SubjectTie {
    fn new(role: Role, kind: &str, id: &str, source: Option<&str>, own: Option<&str>) -> Self {
        let exact = source
            .or(own)
            .map(|source| LinkKey::subject(kind, id, Some(source)));
        let anywhere = LinkKey::subject(kind, id, None);
        // What an event without a source is about has no other name than its id.
        let nowhere = exact.is_none() && role == Role::Own;
        Self {
            role,
            kind: kind.to_owned(),
            id: id.to_owned(),
            shown: format!("{kind} {id}"),
            source: source.map(str::to_owned),
            exact,
            anywhere,
            identity: if nowhere {
                Some(anywhere)
            } else {
                exact.filter(|_| source.is_some())
            },
        }
    }

    /// Whether it is executed.
    pub(super) fn is_execution(&self) -> bool {
        is_execution(&self.kind)
    }

    /// Whether it is something that runs come from.
    pub(super) fn is_source(&self) -> bool {
        is_source(&self.kind)
    }

    /// Whether events that share it belong together whatever else they say.
    pub(super) fn is_strong(&self) -> bool {
        self.role == Role::Member || (self.role == Role::Own && self.is_execution())
    }

    /// Whether it is a part whose id may stand for another part in every run.
    pub(super) fn is_part(&self) -> bool {
        self.role == Role::Own && PARTS.contains(&self.kind.as_str())
    }

    /// Whether it names what a run is named after.
    pub(super) fn names(&self, kind: &str) -> bool {
        self.kind == kind && matches!(self.role, Role::Own | Role::Member)
    }

    /// Whether the id is the only one of its kind without any source.
    pub(super) fn is_unique(&self) -> bool {
        is_unique(&self.id)
    }
}

/// Whether an id is the only one without any source: an address, a UUID or a ULID.
pub(super) fn is_unique(id: &str) -> bool {
    is_ulid(id) || is_uuid(id) || id.contains("://") || id.starts_with("urn:")
}

/// How long a word of letters and digits is that nobody counts to.
const RANDOM_CHARS: usize = 16;

/// The same of the id of an event. Those are mostly made at random, in more ways than ids of subjects:
/// without dashes, behind a prefix.
pub(super) fn is_unique_event(id: &str) -> bool {
    let is_random = |word: &str| {
        word.len() >= RANDOM_CHARS
            && word.bytes().any(|byte| byte.is_ascii_digit())
            && word.bytes().any(|byte| byte.is_ascii_alphabetic())
    };
    let mut words = id.split(|c: char| !c.is_ascii_alphanumeric());
    is_unique(id) || id.contains('/') || words.any(is_random) || id.split('_').any(is_unique)
}

/// Whether it can be a ULID: 26 letters of Crockford's alphabet, of which the first holds three bits.
/// A name in words of that length nearly always has a letter that is none of these.
fn is_ulid(id: &str) -> bool {
    let is_letter = |byte: u8| {
        let letter = byte.to_ascii_uppercase();
        letter.is_ascii_alphanumeric() && !matches!(letter, b'I' | b'L' | b'O' | b'U')
    };
    id.len() == 26
        && id
            .bytes()
            .next()
            .is_some_and(|first| matches!(first, b'0'..=b'7'))
        && id.bytes().all(is_letter)
}

impl Node {
    pub(super) fn new(event: Recorded) -> Self {
        let facts = &event.facts;
        let mut subjects: Vec<SubjectTie> = Vec::new();
        if let Some(about) = facts.about.as_ref().filter(|about| walkable(&about.kind)) {
            let source = about.source.as_deref();
            subjects.push(SubjectTie::new(
                Role::Own,
                &about.kind,
                &about.id,
                source,
                None,
            ));
        }
        for reference in &facts.references {
            let Target::Subject(to) = &reference.target else {
                continue;
            };
            if !walkable(&to.kind) {
                continue;
            }
            let tie = SubjectTie::new(
                reference.role,
                &to.kind,
                &to.id,
                to.source.as_deref(),
                facts.source.as_deref(),
            );
            let same = |known: &SubjectTie| {
                known.role == tie.role
                    && known.anywhere == tie.anywhere
                    && known.exact == tie.exact
                    && known.source == tie.source
            };
            if !subjects.iter().any(same) {
                subjects.push(tie);
            }
        }
        let mut edges = edges(facts);
        let chain = edges
            .iter()
            .find(|edge| edge.kind == KeyKind::Chain)
            .map(|edge| edge.key);
        edges.retain(|edge| {
            let subject = matches!(edge.kind, KeyKind::Subject | KeyKind::SubjectAnywhere);
            // A purl without a version names no artifact.
            let vague = edge.kind == KeyKind::Artifact
                && edge.text.starts_with("pkg:")
                && !edge.text.contains('@');
            !edge.kind.is_hub() && edge.kind != KeyKind::Chain && !subject && !vague
        });
        Self {
            at: event.at().as_micros(),
            chain,
            edges,
            subjects,
            has_own_unit: intake::unit(facts, &BTreeMap::new()) == event.unit,
            event,
        }
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.event.facts
    }

    /// Its position in the log.
    pub(super) fn seq(&self) -> i64 {
        self.event.seq
    }

    /// Whether it is a stand-alone link.
    pub(super) fn is_link(&self) -> bool {
        self.facts().kind == DocumentKind::Link
    }

    /// Whether it is of a dialect that knows neither chains nor pipelineRuns, where builds are runs.
    pub(super) fn is_flat(&self) -> bool {
        self.facts().has_note("flat_dialect")
    }

    /// Whether it tells of something that runs come from, and of nothing that they make.
    pub(super) fn is_source(&self) -> bool {
        let facts = self.facts();
        is_source(&facts.subject)
            && facts.artifacts.is_empty()
            && !self.subjects.iter().any(|tie| tie.role == Role::Member)
    }

    /// Whether it tells of a deployment.
    pub(super) fn is_deployment(&self) -> bool {
        let facts = self.facts();
        match facts.subject.as_str() {
            "service" => matches!(
                facts.predicate.as_str(),
                "deployed" | "upgraded" | "rolledback"
            ),
            "environment" => !facts.artifacts.is_empty(),
            _ => false,
        }
    }

    /// What it is a part of.
    pub(super) fn whole(&self) -> Option<LinkKey> {
        let whole = self.subjects.iter().find(|tie| tie.role == Role::Member)?;
        whole.identity.or(whole.exact)
    }

    /// What it is about, if that is a subject.
    pub(super) fn own(&self) -> Option<&SubjectTie> {
        self.subjects.iter().find(|tie| tie.role == Role::Own)
    }

    /// The commits of this key that it names.
    fn commits(&self, key: LinkKey) -> impl Iterator<Item = (Option<&str>, &str)> {
        self.facts()
            .references
            .iter()
            .filter_map(move |reference| match &reference.target {
                Target::Commit { repository, sha }
                    if LinkKey::commit(repository.as_deref(), sha) == key
                        || LinkKey::commit(None, sha) == key =>
                {
                    Some((repository.as_deref(), sha.as_str()))
                }
                _ => None,
            })
    }

    /// Whether it names this commit, or the first digits of it, or more of them.
    pub(super) fn names_commit(&self, key: LinkKey, repository: Option<&str>, sha: &str) -> bool {
        self.commits(key).any(|(other, digits)| {
            let same_place = match (repository, other) {
                (Some(one), Some(other)) => repository_name(one) == repository_name(other),
                _ => true,
            };
            same_place && (digits.starts_with(sha) || sha.starts_with(digits))
        })
    }

    /// Whether two events with a commit's key in common mean the same commit.
    pub(super) fn same_commit(&self, key: LinkKey, other: &Self) -> bool {
        self.commits(key)
            .any(|(repository, sha)| other.names_commit(key, repository, sha))
    }

    /// The digest that it gives for the artifact of this name.
    pub(super) fn digest_of(&self, name: &str) -> Option<&str> {
        self.facts()
            .artifacts
            .iter()
            .filter(|artifact| artifact.purl.as_deref().unwrap_or(&artifact.id) == name)
            .find_map(|artifact| artifact.digest.as_deref())
    }

    /// Its place in the life of what it is about.
    pub(super) fn rank(&self) -> u8 {
        match self.facts().predicate.as_str() {
            "queued" | "created" | "packaged" | "detected" => 0,
            "started" | "signed" | "updated" | "reviewed" | "modified" | "reported" => 1,
            "finished" | "skipped" | "merged" | "abandoned" | "closed" | "resolved"
            | "deployed" | "upgraded" | "rolledback" | "downloaded" => 3,
            "deleted" | "removed" => 4,
            _ => 2,
        }
    }
}

/// A set of roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Roles(u16);

impl Roles {
    pub(super) const OWN: Self = Self::of(&[Role::Own]);
    pub(super) const ALL: Self = Self(u16::MAX);
    /// Those by which an event and those that follow from it belong together.
    pub(super) const PATH: Self = Self::of(&[
        Role::Own,
        Role::Path,
        Role::End,
        Role::Cause,
        Role::LinkFrom,
        Role::LinkTo,
    ]);
    pub(super) const RELATION: Self = Self::of(&[Role::Own, Role::Relation]);
    pub(super) const MEMBER: Self = Self::of(&[Role::Own, Role::Member]);
    pub(super) const ARTIFACT: Self = Self::of(&[Role::Own, Role::Produces, Role::Uses]);

    pub(super) const fn of(roles: &[Role]) -> Self {
        let mut bits = 0;
        let mut rest = roles;
        while let [role, tail @ ..] = rest {
            bits |= 1 << (*role as u16);
            rest = tail;
        }
        Self(bits)
    }

    pub(super) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(super) const fn holds(self, role: Role) -> bool {
        self.0 & (1 << (role as u16)) != 0
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}
