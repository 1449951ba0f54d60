//! The artifacts that a run made or used: what each is, and whether it was published, signed and has
//! an SBOM.

use std::collections::HashMap;

use super::events::Events;
use super::spans::Mark;
use crate::correlate::facts::{Artifact, DocumentKind, SbomReference};
use crate::correlate::key::Role;

/// Where the SBOM of an artifact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sbom<'a> {
    /// In an event of the run.
    Event(usize),
    /// Somewhere, by reference.
    At(&'a SbomReference),
}

/// One artifact.
#[derive(Debug, Default)]
pub(super) struct Product<'a> {
    /// As it was given.
    pub id: &'a str,
    /// Its purl.
    pub purl: Option<&'a str>,
    /// `algorithm:hex`.
    pub digest: Option<&'a str>,
    /// A name to show.
    pub name: Option<&'a str>,
    /// Tags.
    pub tags: Vec<&'a str>,
    /// Bytes.
    pub size: Option<i64>,
    /// When it was first packaged.
    pub packaged: Option<Mark>,
    /// When it was first signed.
    pub signed: Option<Mark>,
    /// When it was first published.
    pub published: Option<Mark>,
    /// When it was deleted.
    pub deleted: Option<Mark>,
    /// A signature that an event names.
    pub signature: Option<&'a str>,
    /// Its SBOM.
    pub sbom: Option<Sbom<'a>>,
    /// The first event that says that it was made: packaged, published, or made by a build.
    pub made: Option<Mark>,
    /// The events that used it.
    pub used: Vec<usize>,
}

impl<'a> Product<'a> {
    /// What names it best: the purl, else the id, else the digest.
    pub(super) fn label(&self) -> &'a str {
        let id = Some(self.id).filter(|id| !id.is_empty());
        self.purl.or(id).or(self.digest).unwrap_or_default()
    }

    /// Whether it is known to be signed.
    pub(super) fn is_signed(&self) -> bool {
        self.signed.is_some() || self.signature.is_some()
    }

    fn fill(&mut self, artifact: &'a Artifact) {
        fn text(text: Option<&String>) -> Option<&str> {
            text.map(String::as_str).filter(|text| !text.is_empty())
        }
        if self.id.is_empty() {
            self.id = &artifact.id;
        }
        self.purl = self.purl.or(text(artifact.purl.as_ref()));
        self.digest = self.digest.or(text(artifact.digest.as_ref()));
        self.name = self.name.or(text(artifact.name.as_ref()));
        self.signature = self.signature.or(text(artifact.signature.as_ref()));
        self.size = self.size.or(artifact.size);
        for tag in &artifact.tags {
            if !self.tags.contains(&tag.as_str()) && self.tags.len() < crate::limits::FACT_LIST {
                self.tags.push(tag);
            }
        }
        if self.sbom.is_none() {
            self.sbom = artifact.sbom.as_ref().map(Sbom::At);
        }
    }
}

/// All artifacts of a run, by the first event that names each.
#[derive(Debug, Default)]
pub(super) struct Artifacts<'a> {
    /// The artifacts.
    pub list: Vec<Product<'a>>,
    by_digest: HashMap<&'a str, usize>,
    by_name: HashMap<&'a str, usize>,
}

impl<'a> Artifacts<'a> {
    /// Gathers them.
    pub(super) fn of(events: &Events<'a>) -> Self {
        let mut out = Self::default();
        for (at, entry) in events.counted() {
            let facts = entry.facts();
            let mark = Mark {
                entry: at,
                at: entry.at,
            };
            for artifact in &facts.artifacts {
                let Some(line) = out.line_for(artifact) else {
                    continue;
                };
                line.fill(artifact);
                if facts.kind == DocumentKind::Sbom {
                    line.sbom = Some(Sbom::Event(at));
                    continue;
                }
                match artifact.role {
                    Role::Own => line.tell(&facts.predicate, mark),
                    Role::Produces => line.made = line.made.or(Some(mark)),
                    Role::Uses => line.used.push(at),
                    _ => {}
                }
            }
        }
        out
    }

    /// The artifact that an event names.
    pub(super) fn find(&self, artifact: &Artifact) -> Option<&Product<'a>> {
        self.list.get(self.place(artifact)?)
    }

    /// Those that were made in the run.
    pub(super) fn made(&self) -> impl Iterator<Item = &Product<'a>> {
        self.list.iter().filter(|artifact| artifact.made.is_some())
    }

    fn place(&self, artifact: &Artifact) -> Option<usize> {
        let digest = artifact.digest.as_deref();
        if let Some(at) = digest.and_then(|digest| self.by_digest.get(digest)) {
            return Some(*at);
        }
        names(artifact).find_map(|name| {
            let at = *self.by_name.get(name)?;
            // The same name over another digest is another artifact.
            let other = self.list.get(at)?.digest;
            (other.is_none() || digest.is_none() || other == digest).then_some(at)
        })
    }

    fn line_for(&mut self, artifact: &'a Artifact) -> Option<&mut Product<'a>> {
        if artifact.digest.is_none() && names(artifact).next().is_none() {
            return None;
        }
        let at = self.place(artifact).unwrap_or(self.list.len());
        if at == self.list.len() {
            self.list.push(Product::default());
        }
        if let Some(digest) = artifact.digest.as_deref() {
            self.by_digest.entry(digest).or_insert(at);
        }
        for name in names(artifact) {
            self.by_name.entry(name).or_insert(at);
        }
        self.list.get_mut(at)
    }
}

impl Product<'_> {
    fn tell(&mut self, predicate: &str, mark: Mark) {
        let (first, made) = match predicate {
            "packaged" => (&mut self.packaged, true),
            "published" => (&mut self.published, true),
            "signed" => (&mut self.signed, false),
            "deleted" => (&mut self.deleted, false),
            _ => return,
        };
        *first = first.or(Some(mark));
        if made {
            self.made = self.made.or(Some(mark));
        }
    }
}

fn names(artifact: &Artifact) -> impl Iterator<Item = &str> {
    let id = Some(artifact.id.as_str());
    [artifact.purl.as_deref(), id]
        .into_iter()
        .flatten()
        .filter(|name| !name.is_empty())
}
