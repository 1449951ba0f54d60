//! Who asks, and what they may do.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::refusal::Refusal;
use super::text::glob_matches;

/// What a principal may do in general.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Look at everything that is recorded.
    Read,
    /// Record events.
    Record,
    /// Create receivers and groups, enable and disable groups.
    Define,
    /// See the audit trail, manage tokens and deliveries.
    Admin,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Record => "record",
            Self::Define => "define",
            Self::Admin => "admin",
        })
    }
}

/// How a principal's name was established.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PrincipalKind {
    /// A bearer token.
    Token,
    /// A signed JWT.
    Jwt,
    /// The user of this machine, self-asserted.
    Local,
    /// One of this registry's own watchers.
    Watcher,
    /// Taken over from another registry.
    Import,
}

impl PrincipalKind {
    /// The stored word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Jwt => "jwt",
            Self::Local => "local",
            Self::Watcher => "watcher",
            Self::Import => "import",
        }
    }

    /// Reads the stored word.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Token,
            Self::Jwt,
            Self::Local,
            Self::Watcher,
            Self::Import,
        ]
        .into_iter()
        .find(|k| k.as_str() == text)
    }
}

/// A narrowing of what a principal may record: receiver types and unit names, each by glob.
/// Whoever may record for every member of a group may open its gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Glob over receiver types.
    pub receiver_type: String,
    /// Glob over unit names.
    pub unit_name: String,
}

/// Who recorded something. Shown with every event; it never decides anything.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Recorder {
    /// The principal's name.
    pub principal: String,
    /// How the name was established.
    pub kind: PrincipalKind,
    /// The way in: `mcp-stdio`, `cli`, `demo`…
    pub surface: String,
    /// What the client says of itself; empty when it says nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client: String,
}

impl fmt::Display for Recorder {
    /// Short form for lists; the names are foreign text and must be quoted around.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}, {})",
            self.principal,
            self.kind.as_str(),
            self.surface
        )
    }
}

/// Who asks. Every use case takes one, so that no surface can forget to authorise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// As it will be shown beside what this principal records.
    pub recorder: Recorder,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// Where it may record; empty means everywhere.
    pub grants: Vec<Grant>,
}

impl Principal {
    /// The user of this machine: all scopes, or only `read`.
    pub fn local(name: &str, surface: &str, client: &str, read_only: bool) -> Self {
        let scopes: &[Scope] = if read_only {
            &[Scope::Read]
        } else {
            &[Scope::Read, Scope::Record, Scope::Define, Scope::Admin]
        };
        Self {
            recorder: Recorder {
                principal: name.to_owned(),
                kind: PrincipalKind::Local,
                surface: surface.to_owned(),
                // A client says of itself what it likes; no database keeps a NUL in text.
                client: client
                    .chars()
                    .map(|c| {
                        if c == '\0' {
                            char::REPLACEMENT_CHARACTER
                        } else {
                            c
                        }
                    })
                    .take(crate::limits::FIELD_CHARS)
                    .collect(),
            },
            scopes: scopes.iter().copied().collect(),
            grants: Vec::new(),
        }
    }

    /// Refuses when the scope is missing.
    pub fn require(&self, scope: Scope) -> Result<(), Refusal> {
        if self.scopes.contains(&scope) {
            return Ok(());
        }
        let held = self
            .scopes
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ");
        let local = self.recorder.kind == PrincipalKind::Local;
        Err(Refusal::Forbidden {
            why: format!(
                "this needs the scope `{scope}`; you have {}",
                if held.is_empty() { "none" } else { &held }
            ),
            hint: if local {
                "The server runs with --read-only; its operator can start it without.".to_owned()
            } else {
                "Ask the registry's administrator for a token with that scope.".to_owned()
            },
        })
    }

    /// Refuses when the principal may not record this type for this unit.
    pub fn require_grant(&self, receiver_type: &str, unit_name: &str) -> Result<(), Refusal> {
        let granted = self.grants.is_empty()
            || self.grants.iter().any(|g| {
                glob_matches(&g.receiver_type, receiver_type)
                    && glob_matches(&g.unit_name, unit_name)
            });
        if granted {
            return Ok(());
        }
        Err(Refusal::Forbidden {
            why: format!(
                "your grants do not cover events of type {} for {}",
                super::text::quoted(receiver_type),
                super::text::quoted(unit_name)
            ),
            hint: "Ask the registry's administrator for a grant that covers both.".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_only_holds_one_scope() {
        let principal = Principal::local("ada", "mcp-stdio", "", true);
        assert!(principal.require(Scope::Read).is_ok());
        for scope in [Scope::Record, Scope::Define, Scope::Admin] {
            assert_eq!(principal.require(scope).unwrap_err().code(), "forbidden");
        }
    }

    #[test]
    fn a_grant_covers_type_and_name_together() {
        let mut principal = Principal::local("ci", "rest", "", false);
        principal.grants = vec![
            Grant {
                receiver_type: "scan.*".into(),
                unit_name: "pay-*".into(),
            },
            Grant {
                receiver_type: "build".into(),
                unit_name: "*".into(),
            },
        ];
        assert!(principal.require_grant("scan.grype", "pay-api").is_ok());
        assert!(principal.require_grant("build", "web").is_ok());
        assert!(principal.require_grant("scan.grype", "web").is_err());
    }
}
