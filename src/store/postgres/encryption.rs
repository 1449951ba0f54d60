//! What a URL, or libpq's variables, say of encryption:
//! postgresql.org/docs/current/libpq-ssl.html.

use std::path::PathBuf;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

/// How the connection is to be encrypted, beyond what the driver reads by itself.
pub(super) struct Encryption {
    /// Whether anything was said of it.
    pub(super) asked: bool,
    mode: Option<PgSslMode>,
    /// Certificates and keys, each with the parameter that names it.
    pub(super) files: Vec<(&'static str, PathBuf)>,
}

impl Encryption {
    /// Refuses what is not known, and what would count for nothing.
    pub(super) fn of(url: &Url) -> Result<Self, String> {
        let say = |names: &[&str], variable: &str| {
            let pair = url
                .query_pairs()
                .find(|(key, _)| names.contains(&key.as_ref()));
            pair.map(|(_, value)| value.into_owned()).or_else(|| {
                let value = std::env::var(variable).ok();
                value.filter(|value| !value.is_empty())
            })
        };
        let mode = say(&["sslmode", "ssl-mode"], "PGSSLMODE");
        let root = say(&["sslrootcert", "ssl-root-cert", "ssl-ca"], "PGSSLROOTCERT");
        let mut files = Vec::new();
        let mut strict = None;
        match mode.as_deref() {
            // As libpq has it: who names an authority wants it to count.
            Some("require") if root.is_some() => strict = Some(PgSslMode::VerifyCa),
            None | Some("disable" | "prefer" | "require" | "verify-ca" | "verify-full") => {}
            Some(other) => {
                return Err(format!(
                    "sslmode={other} is not known; there are disable, prefer, require, verify-ca and verify-full"
                ));
            }
        }
        if let Some(root) = root {
            if matches!(mode.as_deref(), None | Some("disable" | "prefer")) {
                return Err(
                    "sslrootcert counts for nothing without sslmode=verify-full (or verify-ca)"
                        .to_owned(),
                );
            }
            files.push(("sslrootcert", PathBuf::from(root)));
        }
        for (name, other, variable) in [
            ("sslcert", "ssl-cert", "PGSSLCERT"),
            ("sslkey", "ssl-key", "PGSSLKEY"),
        ] {
            if let Some(file) = say(&[name, other], variable) {
                files.push((name, PathBuf::from(file)));
            }
        }
        Ok(Self {
            asked: mode.is_some(),
            mode: strict,
            files,
        })
    }

    pub(super) fn apply(&self, connect: PgConnectOptions) -> PgConnectOptions {
        match self.mode {
            Some(mode) => connect.ssl_mode(mode),
            None => connect,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(query: &str) -> String {
        let url = Url::parse(&format!("postgres://h/d?{query}")).unwrap();
        Encryption::of(&url).err().unwrap_or_default()
    }

    #[test]
    fn what_would_count_for_nothing_is_refused() {
        assert!(refused("sslrootcert=/ca.crt").contains("verify-full"));
        assert!(refused("sslmode=disable&sslrootcert=/ca.crt").contains("verify-full"));
        assert!(refused("sslmode=perhaps").contains("verify-ca"));
        assert_eq!(refused("sslmode=verify-full&sslrootcert=/ca.crt"), "");
    }

    #[test]
    fn an_authority_that_is_named_counts() {
        let url = Url::parse("postgres://h/d?sslmode=require&sslrootcert=/ca.crt").unwrap();
        let encryption = Encryption::of(&url).unwrap();
        assert!(matches!(encryption.mode, Some(PgSslMode::VerifyCa)));
        assert_eq!(
            encryption.files,
            [("sslrootcert", PathBuf::from("/ca.crt"))]
        );
    }
}
