//! What the id of an artifact says: a purl, a digest, a reference to an image, or just a name.

use std::str::FromStr as _;

use packageurl::PackageUrl;
use percent_encoding::percent_decode_str;

use super::read::cut;
use crate::correlate::facts::Artifact;
use crate::correlate::repair;
use crate::limits;

/// What the id of an artifact says. The same artifact gives the same answer wherever its id stands,
/// so that all events about it meet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ArtifactId {
    /// The id without blanks around it or in its digest.
    pub id: String,
    /// The canonical purl with its version, without qualifiers and subpath.
    pub purl: Option<String>,
    /// `algorithm:hex` in lower case.
    pub digest: Option<String>,
    /// The kind of package: a purl's type, or `oci` for a reference to an image.
    pub package: Option<String>,
    /// Namespace and name of a purl, or repository of an image.
    pub name: Option<String>,
    /// The version of a purl, or the tag of an image.
    pub version: Option<String>,
    /// The architecture (purl: the qualifier `arch`).
    pub arch: Option<String>,
    /// The tag beside a version (purl: the qualifier `tag`).
    pub tag: Option<String>,
    /// Whether the digest had to be repaired.
    pub repaired: bool,
}

impl ArtifactId {
    /// Reads an id: `pkg:oci/app@sha256%3A…` (purl specification), `sha256:…`,
    /// `registry/app:tag@sha256:…` (OCI distribution specification), or anything else, which is
    /// a name.
    pub fn read(text: &str) -> Self {
        let text = text.trim();
        let text = &*cut(text, limits::FACT_ID_CHARS);
        if text
            .get(..4)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("pkg:"))
        {
            return Self::purl(text);
        }
        if let Some(read) = repair::digest(text) {
            return Self {
                id: read.value.clone(),
                digest: Some(read.value),
                repaired: read.repaired,
                ..Self::default()
            };
        }
        Self::image(text).unwrap_or_else(|| Self {
            id: text.to_owned(),
            ..Self::default()
        })
    }

    fn purl(text: &str) -> Self {
        let mut read = Self {
            id: text.to_owned(),
            ..Self::default()
        };
        // The scheme is compared without regard to case (RFC 3986 section 3.1).
        let lower = format!("pkg:{}", without_empty(text.get(4..).unwrap_or_default()));
        let parts = Parts::strict(&lower).or_else(|| Parts::lenient(&lower));
        let Some(parts) = parts else { return read };
        let version = parts.version.map(|version| {
            repair::digest(&version).map_or(version, |digest| {
                read.repaired |= digest.repaired;
                read.digest = Some(digest.value.clone());
                digest.value
            })
        });
        // Where only a tag says the version, it is the version: without one, all versions of an
        // image would be one artifact.
        let version = match (version, parts.tag) {
            (Some(version), tag) => {
                read.tag = tag;
                Some(version)
            }
            (None, tag) => tag,
        };
        if read.digest.is_none() {
            read.digest = parts.checksum.as_deref().and_then(first_digest);
        }
        let shown = version
            .as_deref()
            .map(|version| format!("@{}", encode(version)))
            .unwrap_or_default();
        read.purl = Some(format!("{}{shown}", parts.base));
        read.package = Some(parts.package);
        read.name = Some(parts.name);
        read.version = version;
        read.arch = parts.arch;
        read
    }

    /// `host/path:tag@sha256:…`, where at least the digest, or a host and a tag, tell it from
    /// other text.
    fn image(text: &str) -> Option<Self> {
        let (place, digest) = match text.rsplit_once('@') {
            Some((place, digest)) => (place.trim(), Some(repair::digest(digest)?)),
            None => (text, None),
        };
        if place.is_empty() || place.contains("://") || place.contains(char::is_whitespace) {
            return None;
        }
        let (path, last) = place
            .rsplit_once('/')
            .map_or(("", place), |(path, last)| (path, last));
        let (name, tag) = last
            .split_once(':')
            .map_or((last, None), |(name, tag)| (name, Some(tag)));
        let host = path.split('/').next().unwrap_or_default();
        let has_host = host.contains(['.', ':']) || host == "localhost";
        if name.is_empty() || (digest.is_none() && !(has_host && tag.is_some())) {
            return None;
        }
        let gap = if path.is_empty() { "" } else { "/" };
        let value = digest.as_ref().map(|read| read.value.clone());
        let at = value.as_deref().map(|digest| format!("@{digest}"));
        Some(Self {
            id: format!("{place}{}", at.unwrap_or_default()),
            digest: value,
            package: Some("oci".to_owned()),
            name: Some(format!("{path}{gap}{name}")),
            version: tag.filter(|tag| !tag.is_empty()).map(str::to_owned),
            repaired: digest.is_some_and(|read| read.repaired),
            ..Self::default()
        })
    }

    /// The last part of the name, to be shown.
    pub fn short_name(&self) -> Option<&str> {
        self.name
            .as_deref()
            .and_then(|name| name.rsplit('/').next())
    }

    /// As part of what an event says.
    pub(super) fn into_artifact(self, role: crate::correlate::key::Role) -> Artifact {
        let name = self.short_name().map(str::to_owned);
        // As people write it: `app:1.2`.
        let tag = name.as_ref().zip(self.tag.as_ref());
        let tags = tag.map(|(name, tag)| format!("{name}:{tag}"));
        Artifact {
            role,
            tags: tags.into_iter().collect(),
            name,
            id: self.id,
            purl: self.purl,
            digest: self.digest,
            ..Artifact::default()
        }
    }
}

/// The parts of a purl.
struct Parts {
    /// Canonical, up to the version.
    base: String,
    package: String,
    name: String,
    version: Option<String>,
    arch: Option<String>,
    tag: Option<String>,
    checksum: Option<String>,
}

impl Parts {
    /// By the rules of the purl specification.
    fn strict(text: &str) -> Option<Self> {
        let mut purl = PackageUrl::from_str(text).ok()?;
        let qualifier = |name: &str| purl.qualifiers().get(name).map(ToString::to_string);
        let (arch, tag) = (qualifier("arch"), qualifier("tag"));
        let checksum = qualifier("checksum");
        let version = purl.version().map(str::to_owned);
        let name = match purl.namespace() {
            Some(namespace) => format!("{namespace}/{}", purl.name()),
            None => purl.name().to_owned(),
        };
        purl.clear_qualifiers();
        purl.without_subpath();
        purl.without_version();
        Some(Self {
            package: purl.ty().to_owned(),
            base: purl.to_string(),
            name,
            version,
            arch,
            tag,
            checksum,
        })
    }

    /// What breaks the rules of its type, such as an image with a namespace, still names something.
    fn lenient(text: &str) -> Option<Self> {
        let text = text.split('#').next()?;
        let (text, qualifiers) = text.split_once('?').unwrap_or((text, ""));
        let rest = text.strip_prefix("pkg:")?.trim_matches('/');
        let (package, rest) = rest.split_once('/')?;
        let is_type = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-');
        if package.is_empty() || !package.chars().all(is_type) {
            return None;
        }
        let (path, version) = match rest.rsplit_once('@') {
            Some((path, version)) if !version.contains('/') => (path, Some(decoded(version)?)),
            _ => (rest, None),
        };
        let path = path.trim_matches('/');
        if path.is_empty() {
            return None;
        }
        let qualifier = |name: &str| {
            let mut pairs = qualifiers
                .split('&')
                .filter_map(|pair| pair.split_once('='));
            let (_, value) = pairs.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
            decoded(value).filter(|value| !value.is_empty())
        };
        let package = package.to_ascii_lowercase();
        let names: Option<Vec<String>> = path.split('/').map(decoded).collect();
        let names = names?;
        let encoded: Vec<String> = names.iter().map(|name| encode(name)).collect();
        Some(Self {
            base: format!("pkg:{package}/{}", encoded.join("/")),
            name: names.join("/"),
            package,
            version: version.filter(|version| !version.is_empty()),
            arch: qualifier("arch"),
            tag: qualifier("tag"),
            checksum: qualifier("checksum"),
        })
    }
}

fn decoded(text: &str) -> Option<String> {
    let text = percent_decode_str(text).decode_utf8().ok()?;
    Some(text.into_owned())
}

/// As the `packageurl` crate encodes a name, so that purls of every origin compare.
fn encode(text: &str) -> String {
    use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
    const ENCODED: &AsciiSet = &CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'#')
        .add(b'%')
        .add(b'<')
        .add(b'>')
        .add(b'`')
        .add(b'?')
        .add(b'{')
        .add(b'}')
        .add(b';')
        .add(b'=')
        .add(b'+')
        .add(b'@')
        .add(b'\\')
        .add(b'[')
        .add(b']')
        .add(b'^')
        .add(b'|')
        .add(b'/');
    utf8_percent_encode(text, ENCODED).to_string()
}

/// The first digest in `sha1:…,sha256:…`, SHA-256 before others.
fn first_digest(text: &str) -> Option<String> {
    let digests = || text.split(',').take(8).filter_map(repair::digest);
    let best = digests().find(|read| read.value.starts_with("sha256:"));
    best.or_else(|| digests().next()).map(|read| read.value)
}

/// The rest of a purl without empty segments before its qualifiers, and without those that only lead to
/// the same place or out of it: they mean nothing (purl specification, "Rules for each purl component").
fn without_empty(rest: &str) -> String {
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    let (path, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let segments = path
        .split('/')
        .filter(|segment| !matches!(*segment, "" | "." | ".."));
    segments.collect::<Vec<_>>().join("/") + tail
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEX: &str = "0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427";

    #[test]
    fn one_image_is_the_same_however_its_purl_is_written() {
        for text in [
            format!("pkg:oci/myapp@sha256%3A{HEX}"),
            format!("pkg:oci/myapp@sha256:{HEX}"),
            format!("pkg:oci/myapp@sha256%3a{}", HEX.to_uppercase()),
            format!(" pkg:oci/myapp@sha256:{HEX} "),
            format!("PKG:OCI/myapp@sha256:{HEX}"),
            format!("pkg://oci/myapp@sha256:{HEX}"),
            format!("pkg:oci/./myapp@sha256:{HEX}"),
            format!("pkg:oci/myapp@sha256:{HEX}?repository_url=ghcr.io/org/myapp&tag=1#sub/path"),
        ] {
            let read = ArtifactId::read(&text);
            let purl = format!("pkg:oci/myapp@sha256:{HEX}");
            assert_eq!(read.purl.as_deref(), Some(&*purl), "{text}");
            assert_eq!(read.digest, Some(format!("sha256:{HEX}")), "{text}");
            assert_eq!(read.name.as_deref(), Some("myapp"), "{text}");
            assert_eq!(read.package.as_deref(), Some("oci"), "{text}");
        }
    }

    #[test]
    fn a_purl_with_a_digest_and_a_tag_has_both_names() {
        let read = ArtifactId::read(&format!("pkg:oci/myapp@sha256:{HEX}?tag=1.2"));
        assert_eq!(read.tag.as_deref(), Some("1.2"));
        let artifact = read.into_artifact(crate::correlate::key::Role::Own);
        assert_eq!(artifact.tags, ["myapp:1.2"]);
        let names = crate::correlate::names::artifact_names(&artifact);
        assert_eq!(names, ["pkg:oci/myapp", "myapp", "myapp:1.2"]);
    }

    #[test]
    fn a_purl_that_breaks_the_rules_of_its_type_still_names_an_artifact() {
        let read = ArtifactId::read(&format!("pkg:oci/org/app@sha256%3A{HEX}?arch=arm64"));
        let purl = format!("pkg:oci/org/app@sha256:{HEX}");
        assert_eq!(read.purl.as_deref(), Some(&*purl));
        assert_eq!(read.name.as_deref(), Some("org/app"));
        assert_eq!(read.arch.as_deref(), Some("arm64"));
        for text in ["pkg:", "pkg:oci", "pkg:a b/c@1", "pkg:oci/"] {
            let read = ArtifactId::read(text);
            assert_eq!((read.id.as_str(), read.purl), (text, None), "{text}");
        }
    }

    #[test]
    fn purls_keep_namespace_and_version_and_lose_the_rest() {
        let read = ArtifactId::read("pkg:npm/%40angular/core@17.0.1?vcs_url=x#dist");
        assert_eq!(read.purl.as_deref(), Some("pkg:npm/%40angular/core@17.0.1"));
        assert_eq!(read.name.as_deref(), Some("@angular/core"));
        assert_eq!(read.version.as_deref(), Some("17.0.1"));
        let read = ArtifactId::read("pkg:oci/app?tag=1.2&arch=amd64");
        assert_eq!(read.purl.as_deref(), Some("pkg:oci/app@1.2"));
        assert_eq!(read.arch.as_deref(), Some("amd64"));
        let read = ArtifactId::read(&format!(
            "pkg:generic/a@1?checksum=sha1:{},sha256:{HEX}",
            &HEX[..40]
        ));
        assert_eq!(read.digest, Some(format!("sha256:{HEX}")));
    }

    #[test]
    fn references_to_images_give_repository_tag_and_digest() {
        let read = ArtifactId::read(&format!("registry.example.com/my-app:a1b2@sha256: {HEX}"));
        assert_eq!(
            read.id,
            format!("registry.example.com/my-app:a1b2@sha256:{HEX}")
        );
        assert_eq!(read.digest, Some(format!("sha256:{HEX}")));
        assert_eq!(read.name.as_deref(), Some("registry.example.com/my-app"));
        assert_eq!(read.version.as_deref(), Some("a1b2"));
        assert_eq!(read.short_name(), Some("my-app"));
        assert!(read.repaired);
        let read = ArtifactId::read("localhost:5000/team/app:1.2");
        assert_eq!(read.name.as_deref(), Some("localhost:5000/team/app"));
        assert_eq!(read.version.as_deref(), Some("1.2"));
        assert_eq!(read.digest, None);
        assert_eq!(
            ArtifactId::read(&format!("app@sha256:{HEX}"))
                .name
                .as_deref(),
            Some("app")
        );
    }

    #[test]
    fn other_ids_stay_as_they_are() {
        for text in [
            "myapp",
            "org.group:artifact:1.0",
            "https://example.com/app:1",
            "user@example.com",
            "app@sha256:aaaaaaaa...",
            "a b/c:d",
            "",
        ] {
            let expected = ArtifactId {
                id: text.to_owned(),
                ..ArtifactId::default()
            };
            assert_eq!(ArtifactId::read(text), expected, "{text}");
        }
        let digest = ArtifactId::read(&format!("sha256:{HEX}"));
        assert_eq!(
            (digest.digest, digest.name),
            (Some(format!("sha256:{HEX}")), None)
        );
    }

    proptest! {
        #[test]
        fn reading_what_was_read_changes_nothing(text in "(pkg:[a-z]{1,4}/)?[a-zA-Z0-9@:/?#=%. \\PC]{0,40}") {
            let first = ArtifactId::read(&text);
            let again = ArtifactId::read(&first.id);
            prop_assert_eq!(&first.purl, &again.purl);
            prop_assert_eq!(&first.digest, &again.digest);
            if let Some(purl) = &first.purl {
                let canonical = ArtifactId::read(purl).purl;
                prop_assert_eq!(canonical.as_ref(), Some(purl));
            }
        }
    }
}
