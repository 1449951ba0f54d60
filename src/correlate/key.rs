//! The keys that tie events together. Two events that have a key in common belong together in a way
//! that their roles on it tell; the walk decides which of these ways it goes.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::deploy::{DeliveryScope, deployment, is_delivery, service_of};
use super::facts::{DocumentKind, Facts, Target};
use super::names::{artifact_names, is_versionless};
use crate::limits;

/// 16 bytes of SHA-256 over a key's kind and text: what the database finds links by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkKey(pub [u8; 16]);

/// What a key names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyKind {
    /// An event, by the id of its context.
    Event,
    /// A chain.
    Chain,
    /// A subject: type, id and source.
    Subject,
    /// A subject by type and id alone: where references that do not say a source look for it.
    SubjectAnywhere,
    /// A digest.
    Digest,
    /// A purl, or what stands for one.
    Artifact,
    /// The first digits of a commit, in one repository or in any.
    Commit,
    /// A resource: a URI or a CDEvents domain id.
    Resource,
    /// An environment. Kinds from here on are hubs: for filters, never walked.
    Environment,
    /// A service.
    Service,
    /// A repository.
    Repository,
    /// A pipeline's name.
    Pipeline,
    /// A purl without its version, or another name that versions of an artifact share.
    ArtifactName,
    /// What was deployed and what went wrong: in an environment, with a service, or at all.
    Delivery,
    /// A subject by type and id, where a reference says the source too: whoever asks by the id alone
    /// finds it so.
    Mention,
}

impl KeyKind {
    /// Whether a thousand runs may share such a key: for filters, never walked.
    pub const fn is_hub(self) -> bool {
        matches!(
            self,
            Self::Environment
                | Self::Service
                | Self::Repository
                | Self::Pipeline
                | Self::ArtifactName
                | Self::Delivery
                | Self::Mention
        )
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Chain => "chain",
            Self::Subject | Self::SubjectAnywhere | Self::Mention => "subject",
            Self::Digest => "digest",
            Self::Artifact => "artifact",
            Self::Commit => "commit",
            Self::Resource => "resource",
            Self::Environment => "environment",
            Self::Service => "service",
            Self::Repository => "repository",
            Self::Pipeline => "pipeline",
            Self::ArtifactName => "artifact name",
            Self::Delivery => "delivery",
        }
    }
}

/// What an event is to the thing that a key names.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It is about it; of an event key: it is it.
    #[default]
    Own,
    /// It belongs to the chain.
    Chain,
    /// It is a part of it: a task of a pipelineRun, a case of a test suite run.
    Member,
    /// It follows from that event (links.md: PATH).
    Path,
    /// It ends the path of that event (END).
    End,
    /// That event caused it (CloudEvents: `causationid`).
    Cause,
    /// It is related to it (RELATION).
    Relation,
    /// It made it.
    Produces,
    /// It used it: a deployment, an incident.
    Uses,
    /// It was made from it: an artifact from a change.
    From,
    /// It happened in or with it.
    Context,
    /// A stand-alone link that begins there.
    LinkFrom,
    /// A stand-alone link that leads there.
    LinkTo,
}

impl Role {
    /// Its number in the database.
    pub const fn code(self) -> i64 {
        self as i64
    }

    /// The role with this number.
    pub const fn from_code(code: i64) -> Option<Self> {
        Some(match code {
            0 => Self::Own,
            1 => Self::Chain,
            2 => Self::Member,
            3 => Self::Path,
            4 => Self::End,
            5 => Self::Cause,
            6 => Self::Relation,
            7 => Self::Produces,
            8 => Self::Uses,
            9 => Self::From,
            10 => Self::Context,
            11 => Self::LinkFrom,
            12 => Self::LinkTo,
            _ => return None,
        })
    }
}

/// One tie of an event: the key, what it names, and what the event is to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// What the key names.
    pub kind: KeyKind,
    /// What the event is to it.
    pub role: Role,
    /// The key's text, to be shown.
    pub text: String,
    /// What the database finds it by.
    pub key: LinkKey,
}

impl Edge {
    fn new(kind: KeyKind, role: Role, parts: &[&str]) -> Self {
        Self {
            kind,
            role,
            text: parts.iter().rev().filter(|p| !p.is_empty()).fold(
                String::new(),
                |mut text, part| {
                    if !text.is_empty() {
                        text.insert(0, ' ');
                    }
                    text.insert_str(0, part);
                    text
                },
            ),
            key: LinkKey::of(kind, parts),
        }
    }
}

impl LinkKey {
    /// The key of what these parts name. Ids that are UUIDs compare without regard to case.
    pub fn of(kind: KeyKind, parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        hash.update([kind as u8]);
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let mut key = [0; 16];
        for (to, from) in key.iter_mut().zip(hash.finalize()) {
            *to = from;
        }
        Self(key)
    }

    /// The key of an event by the id of its context.
    pub fn event(id: &str) -> Self {
        Self::of(KeyKind::Event, &[&folded(id)])
    }

    /// The key of a chain.
    pub fn chain(id: &str) -> Self {
        Self::of(KeyKind::Chain, &[&folded(id)])
    }

    /// The key of a subject; without a source, of that id wherever it is.
    pub fn subject(kind: &str, id: &str, source: Option<&str>) -> Self {
        match source {
            Some(source) => Self::of(KeyKind::Subject, &[kind, &folded(id), source]),
            None => Self::of(KeyKind::SubjectAnywhere, &[kind, &folded(id)]),
        }
    }

    /// The key of what an event says where to look at what it is about.
    pub fn uri(uri: &str) -> Self {
        Self::mention(URI, uri)
    }

    /// The key of a subject that is referred to with its source, by its id alone.
    pub fn mention(kind: &str, id: &str) -> Self {
        Self::of(KeyKind::Mention, &[kind, &folded(id)])
    }

    /// The key of a commit's first digits, in one repository or in any. What it finds still has to
    /// be compared: one id must begin with the other.
    pub fn commit(repository: Option<&str>, sha: &str) -> Self {
        let short: String = sha.chars().take(limits::COMMIT_KEY_DIGITS).collect();
        let repository = repository.map(repository_name).unwrap_or_default();
        Self::of(KeyKind::Commit, &[&short.to_ascii_lowercase(), &repository])
    }
}

/// The key of a hub: what filters look events up by.
pub fn hub_key(kind: KeyKind, name: &str) -> LinkKey {
    let name = name.trim();
    match kind {
        KeyKind::Repository => LinkKey::of(kind, &[&repository_name(name)]),
        _ => LinkKey::of(kind, &[name]),
    }
}

/// In lower case if it is a UUID (RFC 9562 section 4: compared without regard to case; the spec's
/// own examples mix both), else as it is.
pub(crate) fn folded(id: &str) -> String {
    let id = id.trim();
    if is_uuid(id) {
        id.to_ascii_lowercase()
    } else {
        id.to_owned()
    }
}

/// Whether it is written as a UUID.
pub(crate) fn is_uuid(id: &str) -> bool {
    id.len() == 36
        && id.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// A repository's name to compare by: host and path, however it is reached
/// (`git@github.com:org/app.git`, `https://github.com/org/app/`).
pub(crate) fn repository_name(text: &str) -> String {
    let text = text.trim();
    let (text, had_scheme) = match text.split_once("://") {
        Some((_, rest)) => (rest, true),
        None => (text, false),
    };
    let (host, path) = text.split_once('/').unwrap_or((text, ""));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    // The short form of ssh: host:path, where a URL would have a port.
    let (host, path) = match host.split_once(':') {
        Some((host, first)) if !had_scheme => {
            let gap = if path.is_empty() { "" } else { "/" };
            (host, format!("{first}{gap}{path}"))
        }
        _ => (host, path.to_owned()),
    };
    let path = path.trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let gap = if path.is_empty() { "" } else { "/" };
    format!("{}{gap}{path}", host.to_ascii_lowercase())
}

/// What stands in the place of a subject's type for an address.
const URI: &str = "uri";

/// Subjects that many runs share: found by their own hub keys, and no way from one run to another.
const HUB_SUBJECTS: [(&str, KeyKind); 3] = [
    ("environment", KeyKind::Environment),
    ("service", KeyKind::Service),
    ("repository", KeyKind::Repository),
];
/// Subjects that are neither walked nor looked for.
const LOOSE_SUBJECTS: [&str; 5] = ["branch", "testcase", "testsuite", "user", "artifact"];

/// Whether people ask by the ids of such subjects for runs. A pipelineRun is found in the list of runs.
fn is_asked_for(kind: &str) -> bool {
    walkable(kind) && kind != "pipelinerun"
}

/// All ties of an event, each once, in a fixed order; at most [`limits::LINKS_PER_EVENT`].
pub fn edges(facts: &Facts) -> Vec<Edge> {
    let mut edges = Edges(Vec::new());
    if facts.kind != DocumentKind::Link
        && let Some(id) = &facts.id
    {
        edges.add(KeyKind::Event, Role::Own, &[&folded(id)]);
    }
    if let Some(chain) = &facts.chain {
        edges.add(KeyKind::Chain, Role::Chain, &[&folded(chain)]);
    }
    if let Some(about) = &facts.about {
        edges.subject(Role::Own, &about.kind, &about.id, about.source.as_deref());
        if about.source.is_some() && walkable(&about.kind) {
            edges.subject(Role::Own, &about.kind, &about.id, None);
        }
    }
    for reference in &facts.references {
        match &reference.target {
            Target::Event(id) => edges.add(KeyKind::Event, reference.role, &[&folded(id)]),
            Target::Subject(to) => {
                let role = reference.role;
                edges.subject(role, &to.kind, &to.id, to.source.as_deref());
                // Its own source is the first place where an id without one is looked for, and there
                // it must be found though a thousand other sources have the same id.
                if let (None, Some(own)) = (&to.source, &facts.source) {
                    edges.subject(role, &to.kind, &to.id, Some(own));
                }
            }
            Target::Commit { repository, sha } => {
                edges.commit(reference.role, repository.as_deref(), sha);
            }
            Target::Resource(uri) => edges.add(KeyKind::Resource, reference.role, &[uri]),
        }
    }
    for artifact in &facts.artifacts {
        if let Some(digest) = &artifact.digest {
            edges.add(KeyKind::Digest, artifact.role, &[digest]);
        }
        let name = artifact.purl.as_deref().unwrap_or(&artifact.id);
        // A purl without a version is a name that all versions share.
        if !name.is_empty() && !is_versionless(name) {
            edges.add(KeyKind::Artifact, artifact.role, &[name]);
        }
        for name in artifact_names(artifact) {
            edges.add(KeyKind::ArtifactName, Role::Context, &[&name]);
        }
    }
    let context = &facts.context;
    for (kind, name) in [
        (KeyKind::Environment, &context.environment),
        (KeyKind::Service, &context.service),
        (KeyKind::Repository, &context.repository),
        (KeyKind::Pipeline, &context.pipeline),
    ] {
        if let Some(name) = name {
            edges.hub(kind, name);
        }
    }
    if is_delivery(facts) {
        edges.delivery(DeliveryScope::All);
        let service = deployment(facts).and_then(|deploy| deploy.service);
        if let Some(service) = service.or(service_of(facts)) {
            edges.delivery(DeliveryScope::Service(service));
        }
        if let Some(environment) = &context.environment {
            edges.delivery(DeliveryScope::Environment(environment));
        }
    }
    edges.mentions(facts);
    edges.0
}

/// Whether subjects of this kind are ties, and no hubs or mere labels.
pub(super) fn walkable(kind: &str) -> bool {
    !LOOSE_SUBJECTS.contains(&kind) && HUB_SUBJECTS.iter().all(|(hub, _)| *hub != kind)
}

struct Edges(Vec<Edge>);

impl Edges {
    fn add(&mut self, kind: KeyKind, role: Role, parts: &[&str]) {
        if self.0.len() >= limits::LINKS_PER_EVENT {
            return;
        }
        let edge = Edge::new(kind, role, parts);
        let known = |known: &Edge| known.key == edge.key && known.role == edge.role;
        if !self.0.iter().any(known) {
            self.0.push(edge);
        }
    }

    fn hub(&mut self, kind: KeyKind, name: &str) {
        match kind {
            KeyKind::Repository => self.add(kind, Role::Context, &[&repository_name(name)]),
            _ => self.add(kind, Role::Context, &[name.trim()]),
        }
    }

    /// Subjects that are referred to with a source, by their ids alone; and where to look at it.
    fn mentions(&mut self, facts: &Facts) {
        if let Some(uri) = &facts.uri {
            self.add(KeyKind::Mention, Role::Own, &[URI, &folded(uri)]);
        }
        for reference in &facts.references {
            if let Target::Subject(to) = &reference.target
                && to.source.is_some()
                && is_asked_for(&to.kind)
            {
                let parts = [to.kind.as_str(), &folded(&to.id)];
                self.add(KeyKind::Mention, Role::Context, &parts);
            }
        }
    }

    fn delivery(&mut self, scope: DeliveryScope<'_>) {
        self.add(KeyKind::Delivery, Role::Context, &scope.parts());
    }

    fn subject(&mut self, role: Role, kind: &str, id: &str, source: Option<&str>) {
        if let Some((_, hub)) = HUB_SUBJECTS.iter().find(|(hub, _)| *hub == kind) {
            return self.hub(*hub, id);
        }
        if !walkable(kind) {
            return;
        }
        match source {
            Some(source) => self.add(KeyKind::Subject, role, &[kind, &folded(id), source]),
            None => self.add(KeyKind::SubjectAnywhere, role, &[kind, &folded(id)]),
        }
    }

    fn commit(&mut self, role: Role, repository: Option<&str>, sha: &str) {
        let short: String = sha.chars().take(limits::COMMIT_KEY_DIGITS).collect();
        let short = short.to_ascii_lowercase();
        if let Some(repository) = repository {
            self.add(
                KeyKind::Commit,
                role,
                &[&short, &repository_name(repository)],
            );
        }
        self.add(KeyKind::Commit, role, &[&short, ""]);
    }
}

#[cfg(test)]
mod tests;
