//! The names of an artifact: what is said of it beside its identity, and which artifacts are the same.

use super::facts::Artifact;
use super::key::{KeyKind, LinkKey};
use crate::limits;

/// A purl without its version.
pub(crate) fn purl_base(purl: &str) -> &str {
    purl.split(['@', '?', '#']).next().unwrap_or(purl)
}

/// Whether it is a canonical purl that names a package and none of its versions.
pub(crate) fn is_versionless(purl: &str) -> bool {
    purl.starts_with("pkg:") && !purl.contains('@')
}

/// The parts of a container image's reference: `registry/path/name:tag@digest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ImageName<'a> {
    /// Registry, path and name.
    pub(crate) name: &'a str,
    /// With its tag.
    pub(crate) tagged: &'a str,
    /// The tag.
    pub(crate) tag: Option<&'a str>,
    /// `algorithm:hex`, as it was written.
    pub(crate) digest: Option<&'a str>,
}

impl<'a> ImageName<'a> {
    /// Takes a reference apart; any text that is no purl and no URL counts as one.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || text.starts_with("pkg:") || text.contains("://") {
            return None;
        }
        let (tagged, digest) = match text.split_once('@') {
            Some((tagged, digest)) => (tagged, Some(digest).filter(|digest| !digest.is_empty())),
            None => (text, None),
        };
        // A colon before the last slash is a registry's port.
        let (name, tag) = match tagged.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') && !name.is_empty() && !tag.is_empty() => {
                (name, Some(tag))
            }
            _ => (tagged, None),
        };
        (!tagged.is_empty()).then_some(Self {
            name,
            tagged,
            tag,
            digest,
        })
    }
}

/// The last part of a name with slashes.
pub(crate) fn short_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// The names that an artifact shares with its other versions, by which those are listed: its purl
/// without the version, its image with and without the tag, its tags, its bare name. Each once.
pub(crate) fn artifact_names(artifact: &Artifact) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut add = |name: &str| {
        let name = name.trim();
        if !name.is_empty() && names.iter().all(|known| known != name) {
            names.push(name.to_owned());
        }
    };
    if let Some(purl) = &artifact.purl {
        let base = purl_base(purl);
        add(base);
        add(short_name(base));
    } else if let Some(image) = ImageName::read(&artifact.id)
        && (image.tag.is_some() || image.digest.is_some() || image.name.contains('/'))
    {
        add(image.name);
        add(image.tagged);
        add(short_name(image.name));
    }
    for tag in artifact.tags.iter().take(limits::ARTIFACT_TAG_KEYS) {
        add(tag);
    }
    names
}

/// The keys by which the events of exactly this artifact are found: its digest, and its purl or
/// what stands for one.
pub(crate) fn artifact_keys(artifact: &Artifact) -> Vec<LinkKey> {
    let mut keys = Vec::with_capacity(2);
    if let Some(digest) = &artifact.digest {
        keys.push(LinkKey::of(KeyKind::Digest, &[digest]));
    }
    let name = artifact.purl.as_deref().unwrap_or(&artifact.id);
    if !name.is_empty() && !is_versionless(name) {
        keys.push(LinkKey::of(KeyKind::Artifact, &[name]));
    }
    keys
}

/// Whether two descriptions are of one artifact: by digest where both have one, else by purl, else
/// by id. A purl without a version names no artifact.
pub(crate) fn same_artifact(one: &Artifact, other: &Artifact) -> bool {
    if let (Some(one), Some(other)) = (&one.digest, &other.digest) {
        return one == other;
    }
    if let (Some(one), Some(other)) = (&one.purl, &other.purl) {
        return one == other && one.contains('@');
    }
    !one.id.is_empty() && one.id == other.id
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(id: &str) -> Artifact {
        Artifact {
            id: id.to_owned(),
            ..Artifact::default()
        }
    }

    #[test]
    fn an_image_is_taken_apart_and_a_port_is_no_tag() {
        let image = ImageName::read("registry:5000/team/app:1.2@sha256:ab").unwrap();
        assert_eq!(image.name, "registry:5000/team/app");
        assert_eq!(image.tagged, "registry:5000/team/app:1.2");
        assert_eq!(image.tag, Some("1.2"));
        assert_eq!(image.digest, Some("sha256:ab"));
        let image = ImageName::read("registry:5000/app").unwrap();
        assert_eq!((image.name, image.tag), ("registry:5000/app", None));
        assert_eq!(ImageName::read("pkg:oci/app@1"), None);
        assert_eq!(ImageName::read("https://x/y"), None);
        assert_eq!(ImageName::read("@sha256:ab"), None);
    }

    #[test]
    fn an_artifact_is_listed_by_every_name_that_people_use() {
        let mut image = artifact("reg.example.com/org/app:abc@sha256:ab");
        image.tags = vec!["app:abc".to_owned(), "app:latest".to_owned()];
        assert_eq!(
            artifact_names(&image),
            [
                "reg.example.com/org/app",
                "reg.example.com/org/app:abc",
                "app",
                "app:abc",
                "app:latest"
            ]
        );
        let mut purl = artifact("pkg:oci/svc0@sha256%3Aab");
        purl.purl = Some("pkg:oci/svc0@sha256:ab".to_owned());
        assert_eq!(artifact_names(&purl), ["pkg:oci/svc0", "svc0"]);
        assert_eq!(artifact_names(&artifact("233d0ef")), [""; 0]);
    }

    #[test]
    fn artifacts_with_digests_are_the_same_by_these_alone() {
        let with = |id: &str, digest: Option<&str>| Artifact {
            digest: digest.map(str::to_owned),
            ..artifact(id)
        };
        assert!(same_artifact(
            &with("app:1", Some("sha256:a")),
            &with("app:2", Some("sha256:a"))
        ));
        assert!(!same_artifact(
            &with("app:1", Some("sha256:a")),
            &with("app:1", Some("sha256:b"))
        ));
        assert!(same_artifact(
            &with("app:1", Some("sha256:a")),
            &with("app:1", None)
        ));
        assert!(!same_artifact(&with("", None), &with("", None)));
    }
}
