//! One command's use of the registry: opened, asked, closed.

use std::path::Path;

use clap::Args;

use super::database::{self, Database};
use super::setup;
use crate::config::Options;
use crate::domain::principal::Principal;
use crate::registry::Registry;

/// Who uses the registry, and which.
#[derive(Debug, Default, Args)]
pub(super) struct Who {
    /// The name that stands beside what is recorded here. Default: the user's login name
    #[arg(long, env = "EPR_PRINCIPAL", value_name = "NAME")]
    pub(super) principal: Option<String>,

    /// Refused: this version only opens a database itself
    #[arg(long, value_name = "URL", hide = true)]
    pub(super) url: Option<String>,
}

/// What a command does with the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// It reads what is there: a registry that is not there is an error, and is not made.
    Read,
    /// It writes; a registry that is not there is made.
    Write,
}

/// An opened registry and who asks it.
pub(super) struct Session {
    pub(super) registry: Registry,
    pub(super) principal: Principal,
}

impl Session {
    pub(super) async fn begin(options: &Options, who: &Who, what: Use) -> anyhow::Result<Self> {
        setup::refuse_url(who.url.as_deref())?;
        let name = setup::local_name(who.principal.clone())?;
        let database = database::configured(options)?.briefly();
        if what == Use::Read
            && let Database::Sqlite(sqlite) = &database
        {
            must_exist(&sqlite.path).await?;
        }
        let client = concat!("epr-mcp ", env!("CARGO_PKG_VERSION"));
        Ok(Self {
            registry: setup::on(options, database).await?,
            principal: Principal::local(&name, "cli", client, what == Use::Read),
        })
    }

    /// Closes the registry behind whatever the command came to.
    pub(super) async fn end<T>(self, result: anyhow::Result<T>) -> anyhow::Result<T> {
        self.registry.close().await;
        result
    }
}

/// A mistyped path must not look like an empty registry.
async fn must_exist(path: &Path) -> anyhow::Result<()> {
    match tokio::fs::metadata(path).await {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => anyhow::bail!(
            "there is no registry at {} yet; --db or EPR_DB names another, `epr-mcp migrate` makes this one",
            path.display()
        ),
        // What else is wrong is told where it is opened.
        _ => Ok(()),
    }
}
