//! What is started to see whether an entry works.
//!
//! Whoever only looks has not asked for a registry: where the entry names a SQLite file that is not
//! there yet, the server is tried on one that is thrown away.

use std::path::PathBuf;

use anyhow::Context as _;
use tempfile::TempDir;

use super::launch::replace;
use crate::config::{self, Database, Options};
use crate::mcp::client_config::Launch;

/// A start to try.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) launch: Launch,
    /// The registry that the first true start would make.
    pub(super) instead_of: Option<PathBuf>,
    /// Where the throw-away one lies; it goes with this.
    _folder: Option<TempDir>,
}

impl Trial {
    /// The entry as it stands.
    pub(super) fn as_it_is(launch: Launch) -> Self {
        Self {
            launch,
            instead_of: None,
            _folder: None,
        }
    }

    /// The same start on a throw-away registry, if its own is not there yet.
    ///
    /// # Errors
    ///
    /// There is no place for one.
    pub(super) fn harmless(mut launch: Launch, file: Option<PathBuf>) -> anyhow::Result<Self> {
        let Some(missing) = file.filter(|file| !file.exists()) else {
            return Ok(Self::as_it_is(launch));
        };
        let folder = tempfile::Builder::new()
            .prefix("epr-mcp-install-")
            .tempdir()
            .context("no temporary folder can be made to try the server in")?;
        let file = folder.path().join("epr.db");
        let file = file
            .to_str()
            .context("the path of the temporary folder is not UTF-8 text")?;
        // A flag beats the variable, the variable beats the settings file.
        replace(&mut launch.args, "db", file);
        launch.env.retain(|(name, _)| name != "EPR_DB");
        launch.env.push(("EPR_DB".to_owned(), file.to_owned()));
        Ok(Self {
            launch,
            instead_of: Some(missing),
            _folder: Some(folder),
        })
    }
}

/// The file in which a server with these settings keeps its registry; `None` for a server of databases,
/// and where the settings are at fault, which the start will tell.
pub(super) fn file(mut options: Options) -> Option<PathBuf> {
    // What is set to nothing says nothing.
    options.db = options.db.filter(|db| !db.trim().is_empty());
    let here = options.db.is_some();
    match options.with_file().ok()?.database().ok()? {
        Database::Sqlite(path) if here => Some(config::absolute(&path)),
        // The settings file may name one as seen from where the server starts.
        Database::Sqlite(path) => Some(std::env::temp_dir().join(path)),
        Database::Postgres(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(launch: Launch, db: &str) -> Trial {
        Trial::harmless(launch, Some(PathBuf::from(db))).unwrap()
    }

    #[test]
    fn a_registry_that_is_not_there_is_replaced_wherever_it_is_named() {
        for args in [
            &["stdio", "--db", "/no/where.db"][..],
            &["stdio", "--db=/no/where.db", "--read-only"],
            &["stdio"],
        ] {
            let mut launch = Launch::new("epr-mcp", args);
            launch
                .env
                .push(("EPR_DB".to_owned(), "/no/where.db".to_owned()));
            let trial = tried(launch, "/no/where.db");
            let said = format!("{:?} {:?}", trial.launch.args, trial.launch.env);
            assert!(
                !said.contains("where.db") && said.contains("epr.db"),
                "{said}"
            );
            assert_eq!(trial.instead_of, Some(PathBuf::from("/no/where.db")));
        }
    }

    #[test]
    fn what_is_there_and_a_server_are_tried_as_they_are() {
        let there = tempfile::NamedTempFile::new().unwrap();
        let launch = Launch::on_the_path();
        let trial = tried(launch.clone(), there.path().to_str().unwrap());
        assert_eq!((trial.launch, trial.instead_of), (launch.clone(), None));
        let server = Options {
            db: Some("postgres://h/d".to_owned()),
            ..Options::default()
        };
        let trial = Trial::harmless(launch.clone(), file(server)).unwrap();
        assert_eq!((trial.launch, trial.instead_of), (launch, None));
    }
}
