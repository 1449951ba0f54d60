//! What somebody means who asks about a run: everything that a run can be known by.

use super::spelling::{variants, wholes};
use super::{IndexState, RunCandidate, RunCandidates};
use crate::correlate::{Anchor, ArtifactId, KeyKind, LinkKey, Recorded, Role, Subject, Target};
use crate::domain::id::{EventId, looks_like_id};
use crate::domain::refusal::Refusal;
use crate::domain::run::{Label, LabelKind, RunSummary, parse_handle};
use crate::domain::search::Order;
use crate::domain::unit::{HISTORY_PREFIX, Unit, UnitQuery, decode};
use crate::limits;
use crate::registry::{Error, Registry, Result};
use crate::store::{Bounds, RunRange, RunWindow, Store};

/// What is meant.
pub(super) enum Resolved {
    /// One thing to walk from.
    One(Anchor),
    /// Several runs.
    Several(RunCandidates),
}

/// Subjects that are looked for by their id, the more telling ones first.
const SUBJECTS: [&str; 10] = [
    "pipelinerun",
    "build",
    "taskrun",
    "testsuiterun",
    "testcaserun",
    "change",
    "incident",
    "ticket",
    "approval",
    "deployment",
];

/// How many of these are executed.
const EXECUTIONS: usize = 5;

/// Finds out what is meant.
pub(super) async fn resolve(
    registry: &Registry,
    store: &dyn Store,
    asked: &str,
) -> Result<Resolved> {
    let text = address(asked.trim())?;
    let text = text.as_str();
    if text.is_empty() || text.chars().count() > limits::FACT_ID_CHARS {
        return Err(invalid(asked));
    }
    if text.starts_with(HISTORY_PREFIX) {
        return Ok(Resolved::One(Anchor::Unit(Unit::parse(text)?)));
    }
    if let Some(number) = parse_handle(text) {
        let runs = store.runs_by_handle(number, limits::CANDIDATES + 1).await?;
        return match settled("handle", runs) {
            Some(found) => Ok(found),
            None => Err(not_found(store, text, Vec::new()).await),
        };
    }
    if looks_like_id(text)
        && let Ok(id) = text.parse::<EventId>()
        && let Some(seq) = store.event_seqs(&[id]).await?.first()
    {
        return Ok(Resolved::One(Anchor::Event(*seq)));
    }
    if let Some(found) = by_name(store, text).await? {
        return Ok(found);
    }
    for other in variants(text) {
        if let Some(found) = by_name(store, &other).await? {
            return Ok(found);
        }
    }
    for whole in wholes(text) {
        if let Some(found) = by_id(store, &whole, false).await? {
            return Ok(found);
        }
    }
    by_unit(registry, store, text).await
}

/// By an id or what else is a key.
async fn by_id(store: &dyn Store, text: &str, all: bool) -> Result<Option<Resolved>> {
    let runs = store.runs_by_id(text, limits::CANDIDATES + 1).await?;
    if let Some(found) = settled("id", runs) {
        return Ok(Some(found));
    }
    Ok(by_key(store, text, all).await?.map(Resolved::One))
}

/// By an id or a name.
async fn by_name(store: &dyn Store, text: &str) -> Result<Option<Resolved>> {
    if let Some(found) = by_id(store, text, true).await? {
        return Ok(Some(found));
    }
    for (by, range) in [
        ("end of the id", RunRange::Label(word_label(text))),
        ("pipeline", RunRange::Pipeline(text.to_owned())),
        ("service", RunRange::Label(label(LabelKind::Service, text))),
        (
            "environment",
            RunRange::Label(label(LabelKind::Environment, text)),
        ),
    ] {
        let runs = store
            .list_runs(&range, RunWindow::default(), None, limits::CANDIDATES + 1)
            .await?;
        if let Some(found) = settled(by, runs) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Takes an address of this registry apart: `epr://runs/{run}`, `epr://events/{id}`.
fn address(text: &str) -> Result<String> {
    for prefix in ["epr://runs/", "epr://events/"] {
        if let Some(rest) = text.strip_prefix(prefix) {
            let rest = rest.trim_end_matches("/timeline");
            return decode(rest).ok_or_else(|| invalid(text));
        }
    }
    Ok(text.to_owned())
}

fn label(kind: LabelKind, text: &str) -> [u8; 16] {
    let text = text.to_owned();
    Label { kind, text }.key()
}

fn word_label(text: &str) -> [u8; 16] {
    label(LabelKind::Word, text)
}

/// Looks for everything that has this text as its key, in one question; the most telling one counts.
/// If not for `all`, for what is executed.
async fn by_key(store: &dyn Store, text: &str, all: bool) -> Result<Option<Anchor>> {
    let mut guesses: Vec<(LinkKey, Anchor)> = Vec::new();
    if all {
        guesses.extend([
            (LinkKey::chain(text), Anchor::Chain(text.to_owned())),
            (LinkKey::event(text), Anchor::Event(0)),
        ]);
    }
    let subjects = SUBJECTS.get(..if all { SUBJECTS.len() } else { EXECUTIONS });
    let subjects = subjects.unwrap_or_default();
    for kind in subjects.iter().copied() {
        guesses.push((
            LinkKey::subject(kind, text, None),
            Anchor::Subject(Subject {
                kind: kind.to_owned(),
                id: text.to_owned(),
                source: None,
            }),
        ));
    }
    guesses.push((LinkKey::uri(text), Anchor::Event(0)));
    if all {
        guesses.extend(by_other_keys(text));
    }
    let mentioned = guesses.len();
    for kind in subjects {
        guesses.push((LinkKey::mention(kind, text), Anchor::Event(0)));
    }
    found_by(store, text, guesses, mentioned).await
}

/// What a text may name that is no subject.
fn by_other_keys(text: &str) -> Vec<(LinkKey, Anchor)> {
    let artifact = ArtifactId::read(text);
    let mut guesses = Vec::new();
    if let Some(digest) = &artifact.digest {
        guesses.push((
            LinkKey::of(KeyKind::Digest, &[digest]),
            Anchor::Artifact {
                digest: Some(digest.clone()),
                name: None,
            },
        ));
    }
    let name = artifact.purl.clone().unwrap_or_else(|| artifact.id.clone());
    guesses.push((
        LinkKey::of(KeyKind::Artifact, &[&name]),
        Anchor::Artifact {
            digest: None,
            name: Some(name),
        },
    ));
    guesses.push((
        LinkKey::of(KeyKind::Resource, &[text]),
        Anchor::Resource(text.to_owned()),
    ));
    if let Some((repository, sha)) = commit(text) {
        guesses.push((
            LinkKey::commit(repository.as_deref(), &sha),
            Anchor::Commit { repository, sha },
        ));
    }
    guesses
}

/// The first of these guesses that something recorded has. From `mentioned` on they are subjects that
/// are only referred to, in the order of [`SUBJECTS`].
async fn found_by(
    store: &dyn Store,
    text: &str,
    guesses: Vec<(LinkKey, Anchor)>,
    mentioned: usize,
) -> Result<Option<Anchor>> {
    let keys: Vec<[u8; 16]> = guesses.iter().map(|(key, _)| key.0).collect();
    let found = store
        .links(&keys, 2, Bounds::default(), Order::NewestFirst)
        .await?;
    let Some(first) = found
        .iter()
        .filter(|row| {
            let is_event = |(_, guess): &(_, Anchor)| matches!(guess, Anchor::Event(_));
            row.role == Role::Own
                || row.place >= mentioned
                || !guesses.get(row.place).is_some_and(is_event)
        })
        .min_by_key(|row| row.place)
    else {
        return Ok(None);
    };
    if let Some(place) = first.place.checked_sub(mentioned) {
        let events = store.recorded(&[first.seq]).await?;
        let kind = SUBJECTS.get(place).copied().unwrap_or_default();
        let found = events.first().and_then(|event| referred(event, kind, text));
        return Ok(found.cloned().map(Anchor::Subject));
    }
    let anchor = guesses
        .into_iter()
        .nth(first.place)
        .map(|(_, anchor)| anchor);
    Ok(anchor.map(|anchor| match anchor {
        Anchor::Event(_) => Anchor::Event(first.seq),
        Anchor::Subject(subject) if subject.kind == "pipelinerun" => Anchor::PipelineRun {
            id: subject.id,
            source: None,
        },
        other => other,
    }))
}

/// The subject of this type and id that an event refers to with a source.
fn referred<'a>(event: &'a Recorded, kind: &str, id: &str) -> Option<&'a Subject> {
    let key = LinkKey::mention(kind, id);
    let references = event.facts.references.iter();
    references
        .map(|reference| &reference.target)
        .find_map(|target| match target {
            Target::Subject(to)
                if to.source.is_some() && LinkKey::mention(&to.kind, &to.id) == key =>
            {
                Some(to)
            }
            _ => None,
        })
}

/// A commit's id, or the URL of one as forges write it.
fn commit(text: &str) -> Option<(Option<String>, String)> {
    let is_sha = |sha: &str| {
        (limits::COMMIT_KEY_DIGITS..=64).contains(&sha.len())
            && sha.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    if is_sha(text) {
        return Some((None, text.to_ascii_lowercase()));
    }
    for mark in ["/-/commit/", "/commit/", "/commits/"] {
        if let Some((repository, sha)) = text.split_once(mark)
            && is_sha(sha)
        {
            return Some((Some(repository.to_owned()), sha.to_ascii_lowercase()));
        }
    }
    None
}

async fn by_unit(registry: &Registry, store: &dyn Store, text: &str) -> Result<Resolved> {
    let query = UnitQuery {
        unit: Some(text.to_owned()),
        ..UnitQuery::default()
    };
    match registry.unit_meant(store, &query).await {
        Ok((unit, Some(_))) => Ok(Resolved::One(Anchor::Unit(unit))),
        Ok((_, None))
        | Err(Error::Refused(
            Refusal::NotFound { .. } | Refusal::InvalidArgument { .. } | Refusal::InvalidFields(_),
        )) => Err(nothing(store, text).await),
        Err(error) => Err(error),
    }
}

/// One run, or several; `None` if there is none.
fn settled(by: &'static str, mut runs: Vec<RunSummary>) -> Option<Resolved> {
    let more = runs.len() > limits::CANDIDATES;
    runs.truncate(limits::CANDIDATES);
    match runs.as_slice() {
        [] => None,
        [one] => Some(Resolved::One(Anchor::from(&one.name))),
        _ => Some(Resolved::Several(RunCandidates {
            by,
            runs: runs.into_iter().map(RunCandidate::from).collect(),
            more,
        })),
    }
}

impl From<RunSummary> for RunCandidate {
    fn from(summary: RunSummary) -> Self {
        Self {
            handle: summary.key.handle(),
            name: Some(summary.name.clone()),
            span: (summary.first_at, summary.last_at),
            events: usize::try_from(summary.events).unwrap_or_default(),
            summary: Some(summary),
        }
    }
}

/// What an anchor is, in a word.
pub(super) const fn word(anchor: &Anchor) -> &'static str {
    match anchor {
        Anchor::Event(_) => "event",
        Anchor::PipelineRun { .. } => "id",
        Anchor::Chain(_) => "chain",
        Anchor::Subject(_) => "subject",
        Anchor::Artifact { .. } => "artifact",
        Anchor::Commit { .. } => "commit",
        Anchor::Resource(_) => "resource",
        Anchor::Unit(_) => "unit",
    }
}

/// A refusal that names ids that begin alike.
pub(super) async fn nothing(store: &dyn Store, text: &str) -> Error {
    let text = text.trim();
    let beginning: String = text.chars().take(limits::NEAR_CHARS).collect();
    // Runs of several sources may have one id.
    match store.run_ids(&beginning, limits::CANDIDATES).await {
        Ok(found) => not_found(store, text, near(text, found.into_iter().map(|it| it.0))).await,
        Err(error) => error.into(),
    }
}

/// A few ids that come near, each once; what was asked for is none.
fn near(text: &str, ids: impl Iterator<Item = String>) -> Vec<String> {
    let mut near: Vec<String> = ids.filter(|id| id != text).collect();
    near.dedup();
    near.truncate(limits::CANDIDATES / 3);
    near
}

/// A refusal that says so if not everything was looked into.
async fn not_found(store: &dyn Store, text: &str, near: Vec<String>) -> Error {
    let (kind, what) = ("run", text.to_owned());
    match super::index_state(store).await {
        Ok(IndexState { unread: 0 }) => Refusal::NotFound { kind, what, near }.into(),
        Ok(IndexState { unread }) => Refusal::NotFoundYet {
            kind,
            what,
            near,
            unread,
        }
        .into(),
        Err(error) => error,
    }
}

fn invalid(text: &str) -> Error {
    Refusal::InvalidArgument {
        argument: "anchor",
        value: text.to_owned(),
        why: "give the id or URL of a run, run_…, an event, a chain, a digest, a purl, a commit, a change or a unit"
            .to_owned(),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        assert_eq!(address("epr://runs/a%2Fb").unwrap(), "a/b");
        assert_eq!(address("epr://runs/run_x/timeline").unwrap(), "run_x");
        assert_eq!(address("epr://events/01X").unwrap(), "01X");
        assert_eq!(address("https://ci/1").unwrap(), "https://ci/1");
        assert!(address("epr://runs/%ff").is_err());
    }

    #[test]
    fn what_was_asked_for_is_not_near_itself() {
        let ids = ["pr-1", "pr-1", "pr-12", "pr-12", "pr-13"].map(str::to_owned);
        assert_eq!(near("pr-1", ids.into_iter()), ["pr-12", "pr-13"]);
    }

    #[test]
    fn a_commit_is_known_by_its_digits_or_its_url() {
        let sha = "a1b2c3d4e5f6789012345678901234567890abcd";
        assert_eq!(commit(sha), Some((None, sha.to_owned())));
        assert_eq!(
            commit("https://git.example/o/a/-/commit/A1B2C3D4"),
            Some((
                Some("https://git.example/o/a".to_owned()),
                "a1b2c3d4".to_owned()
            ))
        );
        assert_eq!(
            commit("https://github.com/o/a/commit/a1b2c3d").map(|(r, _)| r),
            Some(Some("https://github.com/o/a".to_owned()))
        );
        for other in ["456789", "abc", "pipeline-1", "https://x/commit/"] {
            assert_eq!(commit(other), None, "{other}");
        }
    }
}
