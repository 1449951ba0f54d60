//! What a trace begins with, as people write it.

use crate::correlate::ArtifactId;
use crate::correlate::decode::{commit_page, is_commit};
use crate::correlate::deploy::{DeliveryScope, delivery_key};
use crate::correlate::key::{KeyKind, LinkKey};
use crate::correlate::names::{ImageName, purl_base};
use crate::correlate::repair;
use crate::limits;

/// One thing that the text may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// An artifact by its digest: `algorithm:hex`.
    Digest(String),
    /// An artifact by its canonical purl with its version, or by its id.
    Artifact(String),
    /// A commit by its first digits.
    Commit {
        /// Its repository, where that is said.
        repository: Option<String>,
        /// At least [`limits::COMMIT_KEY_DIGITS`] digits, in lower case.
        sha: String,
    },
    /// A change by its id.
    Change(String),
    /// A service: what runs where.
    Service(String),
    /// An environment: what runs there.
    Environment(String),
    /// A name that versions of an artifact share, or a tag: the recent ones.
    Package(String),
}

impl Meaning {
    /// The word for it, which also stands before it to say that this is meant: `service:shop`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Digest(_) | Self::Artifact(_) => "artifact",
            Self::Commit { .. } => "commit",
            Self::Change(_) => "change",
            Self::Service(_) => "service",
            Self::Environment(_) => "environment",
            Self::Package(_) => "package",
        }
    }

    /// The key under which what it names is found.
    pub fn key(&self) -> LinkKey {
        match self {
            Self::Digest(digest) => LinkKey::of(KeyKind::Digest, &[digest]),
            Self::Artifact(name) => LinkKey::of(KeyKind::Artifact, &[name]),
            Self::Commit { repository, sha } => LinkKey::commit(repository.as_deref(), sha),
            Self::Change(id) => LinkKey::subject("change", id, None),
            Self::Service(name) => delivery_key(DeliveryScope::Service(name)),
            Self::Environment(name) => delivery_key(DeliveryScope::Environment(name)),
            Self::Package(name) => LinkKey::of(KeyKind::ArtifactName, &[name]),
        }
    }
}

/// What a trace begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    said: String,
    meanings: Vec<Meaning>,
}

impl Anchor {
    /// Reads a digest, a purl, a reference to an image, a tag, a commit or its page, the name of a
    /// service, an environment, a package or a change. What can mean several of these means the
    /// first that is recorded; `service:`, `environment:`, `commit:`, `change:`, `package:` or
    /// `artifact:` before it say which. `None` if there is no text.
    pub fn read(text: &str) -> Option<Self> {
        let said: String = text.trim().chars().take(limits::FACT_ID_CHARS).collect();
        if said.is_empty() {
            return None;
        }
        let meanings = prefixed(&said).unwrap_or_else(|| plain(&said));
        Some(Self { said, meanings })
    }

    /// As it was written.
    pub fn said(&self) -> &str {
        &self.said
    }

    /// What it may mean, the likeliest first.
    pub fn meanings(&self) -> &[Meaning] {
        &self.meanings
    }
}

/// A text that says what it means.
fn prefixed(said: &str) -> Option<Vec<Meaning>> {
    let (word, rest) = said.split_once(':')?;
    let rest = rest.trim();
    if rest.is_empty() {
        return None;
    }
    let rest = rest.to_owned();
    Some(match word.trim() {
        "service" => vec![Meaning::Service(rest)],
        "environment" | "env" => vec![Meaning::Environment(rest)],
        "change" => vec![Meaning::Change(rest)],
        "package" => vec![Meaning::Package(unversioned(&rest))],
        "commit" => commit(&rest)?,
        "artifact" | "image" => {
            let mut meanings = artifact(&rest);
            // `image:1.2` is an image of this name as well.
            if meanings.is_empty() {
                meanings.extend(artifact(said));
            }
            meanings.push(Meaning::Artifact(rest.clone()));
            meanings.push(Meaning::Package(rest));
            meanings
        }
        _ => return None,
    })
}

fn plain(said: &str) -> Vec<Meaning> {
    let own = || said.to_owned();
    let sure = artifact(said);
    if !sure.is_empty() {
        return sure;
    }
    let mut meanings = commit(said).unwrap_or_default();
    if meanings.len() > 1 {
        meanings.push(Meaning::Change(own()));
        return meanings;
    }
    meanings.push(Meaning::Service(own()));
    meanings.push(Meaning::Environment(own()));
    // An artifact that no rule of ours makes out, by the id that its events have.
    meanings.push(Meaning::Artifact(own()));
    meanings.push(Meaning::Package(own()));
    meanings.push(Meaning::Change(own()));
    meanings
}

/// What certainly is an artifact, or the name of several.
fn artifact(said: &str) -> Vec<Meaning> {
    let mut meanings = Vec::new();
    if let Some(digest) = repair::digest(said) {
        return vec![Meaning::Digest(digest.value)];
    }
    let read = ArtifactId::read(said);
    meanings.extend(read.digest.map(Meaning::Digest));
    if let Some(purl) = read.purl {
        match read.version {
            Some(_) => meanings.push(Meaning::Artifact(purl)),
            None => meanings.push(Meaning::Package(purl)),
        }
        return meanings;
    }
    let has_tag = ImageName::read(said).is_some_and(|image| image.tag.is_some());
    if has_tag || !meanings.is_empty() {
        meanings.push(Meaning::Artifact(read.id));
    }
    // A tag moves: what it is on is listed under the name with it.
    if let Some(image) = ImageName::read(said).filter(|image| image.tag.is_some()) {
        meanings.push(Meaning::Package(image.tagged.to_owned()));
    }
    meanings
}

/// A commit, or its page; of a page also in events that do not say the repository.
fn commit(said: &str) -> Option<Vec<Meaning>> {
    if let Some((repository, sha)) = commit_page(said) {
        let here = Meaning::Commit {
            repository: Some(repository),
            sha: sha.clone(),
        };
        let repository = None;
        return Some(vec![here, Meaning::Commit { repository, sha }]);
    }
    let sha = said.to_ascii_lowercase();
    let repository = None;
    is_commit(said).then(|| vec![Meaning::Commit { repository, sha }])
}

fn unversioned(name: &str) -> String {
    match ArtifactId::read(name).purl {
        Some(purl) => purl_base(&purl).to_owned(),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<&'static str> {
        let anchor = Anchor::read(text).unwrap();
        anchor.meanings().iter().map(Meaning::word).collect()
    }

    #[test]
    fn what_is_written_plainly_means_one_thing() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let meanings = |text: &str| Anchor::read(text).unwrap().meanings;
        assert_eq!(meanings(&digest), [Meaning::Digest(digest.clone())]);
        assert_eq!(
            meanings(&format!("reg.example.com/app:1@{digest}"))[0],
            Meaning::Digest(digest.clone())
        );
        assert_eq!(
            meanings(&format!("pkg:oci/app@{}", digest.replace(':', "%3A")))[0],
            Meaning::Digest(digest)
        );
        assert_eq!(words("pkg:npm/left-pad@1.3.0"), ["artifact"]);
        assert_eq!(words("pkg:npm/left-pad"), ["package"]);
        assert_eq!(words("reg.example.com/app:1.2"), ["artifact", "package"]);
        assert_eq!(words("app:latest"), ["artifact", "package"]);
        assert_eq!(
            meanings("https://git.example.com/org/app/commit/A1B2C3D4E5F6")[0],
            Meaning::Commit {
                repository: Some("https://git.example.com/org/app".to_owned()),
                sha: "a1b2c3d4e5f6".to_owned(),
            }
        );
    }

    #[test]
    fn a_word_before_it_says_what_is_meant() {
        for (text, word) in [
            ("service:shop", "service"),
            ("env:production", "environment"),
            ("commit:abcdef1", "commit"),
            ("change:12", "change"),
            ("package:pkg:npm/left-pad@1.3.0", "package"),
        ] {
            assert_eq!(words(text), [word], "{text}");
        }
        assert_eq!(
            Anchor::read("package:pkg:npm/left-pad@1.3.0")
                .unwrap()
                .meanings,
            [Meaning::Package("pkg:npm/left-pad".to_owned())]
        );
    }

    #[test]
    fn a_bare_word_may_mean_anything() {
        assert_eq!(
            words("shop"),
            ["service", "environment", "artifact", "package", "change"]
        );
        assert_eq!(words("a1b2c3d")[0], "commit");
        assert_eq!(Anchor::read("  "), None);
    }

    proptest! {
        #[test]
        fn any_text_means_something(text in "\\PC*") {
            if let Some(anchor) = Anchor::read(&text) {
                prop_assert!((1..=6).contains(&anchor.meanings().len()), "{anchor:?}");
            }
        }
    }
}
