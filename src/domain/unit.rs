//! A unit: what events happen to, named by NVRPP (name, version, release, platform_id, package).

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::refusal::Refusal;
use super::text::FieldCheck;

/// RFC 3986 section 2.3: the characters that need no percent-encoding anywhere.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The start of a unit's printed form.
pub const HISTORY_PREFIX: &str = "epr://history/";

/// The exact name of what an event happened to. All five parts together identify a unit; gates
/// pass or fail for units.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Unit {
    /// What it is called.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its release: a build number, a date, a digest.
    pub release: String,
    /// The platform it is for.
    pub platform_id: String,
    /// The kind of package.
    pub package: String,
}

/// A unit's key in the database: 16 bytes of SHA-256.
pub type UnitKey = [u8; 16];

impl Unit {
    /// Checks the five parts.
    pub fn check(&self, check: &mut FieldCheck) {
        for (field, value) in self.parts() {
            check.identity(field, value);
        }
    }

    /// The five parts with their names, in the order of NVRPP.
    pub fn parts(&self) -> [(&'static str, &str); 5] {
        [
            ("name", &self.name),
            ("version", &self.version),
            ("release", &self.release),
            ("platform_id", &self.platform_id),
            ("package", &self.package),
        ]
    }

    /// The key that identifies this unit in the database. The parts are length-prefixed, so that
    /// no two units share a key by shifting text between parts.
    pub fn key(&self) -> UnitKey {
        let mut hash = Sha256::new();
        for (_, part) in self.parts() {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let digest = hash.finalize();
        let mut key = [0; 16];
        for (to, from) in key.iter_mut().zip(digest.iter()) {
            *to = *from;
        }
        key
    }

    /// `name/version/release/platform_id/package`, percent-encoded: the message key.
    pub fn path(&self) -> String {
        let mut out = String::new();
        for (i, (_, part)) in self.parts().into_iter().enumerate() {
            let gap = if i == 0 { "" } else { "/" };
            let _ = write!(out, "{gap}{}", encode(part));
        }
        out
    }

    /// The printed form, `epr://history/…`: a resource URI that every tool takes for the unit.
    pub fn uri(&self) -> String {
        format!("{HISTORY_PREFIX}{}", self.path())
    }

    /// Reads the printed form, with or without its prefix.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let invalid = |why: &str| Refusal::InvalidArgument {
            argument: "unit",
            value: text.to_owned(),
            why: format!(
                "{why}; a unit is written epr://history/NAME/VERSION/RELEASE/PLATFORM_ID/PACKAGE, percent-encoded"
            ),
        };
        let path = text.strip_prefix(HISTORY_PREFIX).unwrap_or(text);
        let mut parts = Vec::with_capacity(5);
        for part in path.split('/') {
            let decoded = percent_decode_str(part)
                .decode_utf8()
                .map_err(|_| invalid("a part is not UTF-8"))?;
            parts.push(decoded.into_owned());
        }
        let [name, version, release, platform_id, package] = <[String; 5]>::try_from(parts)
            .map_err(|parts| invalid(&format!("it has {} parts, not 5", parts.len())))?;
        let unit = Self {
            name,
            version,
            release,
            platform_id,
            package,
        };
        let mut check = FieldCheck::default();
        unit.check(&mut check);
        check.finish()?;
        Ok(unit)
    }
}

/// Percent-encodes everything but unreserved characters.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// Decodes percent-encoding; text that is not UTF-8 afterwards is refused.
pub fn decode(text: &str) -> Option<String> {
    percent_decode_str(text)
        .decode_utf8()
        .ok()
        .map(std::borrow::Cow::into_owned)
}

/// How a caller names a unit: its printed form or an event id, or any subset of the five parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitQuery {
    /// `epr://history/…`, `name/version/release/platform_id/package`, or an event id.
    pub unit: Option<String>,
    /// Exact name.
    pub name: Option<String>,
    /// Exact version.
    pub version: Option<String>,
    /// Exact release.
    pub release: Option<String>,
    /// Exact platform_id.
    pub platform_id: Option<String>,
    /// Exact package.
    pub package: Option<String>,
}

impl UnitQuery {
    /// Whether nothing was given.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The parts that were given, with their names.
    pub fn parts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("name", &self.name),
            ("version", &self.version),
            ("release", &self.release),
            ("platform_id", &self.platform_id),
            ("package", &self.package),
        ]
        .into_iter()
        .filter_map(|(field, value)| value.as_deref().map(|value| (field, value)))
    }

    /// The unit, when all five parts were given.
    pub fn complete(&self) -> Option<Unit> {
        Some(Unit {
            name: self.name.clone()?,
            version: self.version.clone()?,
            release: self.release.clone()?,
            platform_id: self.platform_id.clone()?,
            package: self.package.clone()?,
        })
    }

    /// Whether `unit` has every part that was given.
    pub fn fits(&self, unit: &Unit) -> bool {
        self.parts()
            .all(|(field, value)| unit.parts().iter().any(|(f, v)| *f == field && *v == value))
    }

    /// What was given, for a refusal.
    pub fn describe(&self) -> String {
        let mut out = self.unit.clone().unwrap_or_default();
        for (field, value) in self.parts() {
            let gap = if out.is_empty() { "" } else { ", " };
            let _ = write!(out, "{gap}{field} {value}");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unit(parts: [&str; 5]) -> Unit {
        let [name, version, release, platform_id, package] = parts.map(str::to_owned);
        Unit {
            name,
            version,
            release,
            platform_id,
            package,
        }
    }

    #[test]
    fn moving_text_between_parts_makes_another_unit() {
        assert_ne!(
            unit(["ab", "c", "r", "p", "k"]).key(),
            unit(["a", "bc", "r", "p", "k"]).key()
        );
    }

    #[test]
    fn a_unit_with_a_missing_part_is_refused() {
        assert!(Unit::parse("a/b/c/d").is_err());
        assert!(Unit::parse("a/b/c/d/").is_err());
        assert!(Unit::parse("a/b/c/d/%ff").is_err());
    }

    proptest! {
        #[test]
        fn the_printed_form_reads_back(parts in proptest::array::uniform5("[\\PC&&[^\u{ad}\u{34f}]]{1,20}")) {
            let unit = unit([&parts[0], &parts[1], &parts[2], &parts[3], &parts[4]]);
            let mut check = FieldCheck::default();
            unit.check(&mut check);
            prop_assume!(check.finish().is_ok());
            prop_assert_eq!(Unit::parse(&unit.uri()).unwrap(), unit);
        }
    }
}
