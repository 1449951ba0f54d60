//! `epr-mcp doctor`

use std::process::ExitCode;

use clap::Args;

use super::database::{self, Database};
use super::{say, setup};
use crate::config::Options;
use crate::registry::{Error, Registry};
use crate::store::Inspected;

/// Flags of `doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Read the whole database to look for damage
    #[arg(long)]
    deep: bool,
}

pub(super) async fn run(options: &Options, args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let mut report = Report { faults: 0 };
    report.tell(
        "version",
        &format!("{} ({})", env!("CARGO_PKG_VERSION"), std::env::consts::OS),
    );
    let named = options
        .db
        .as_deref()
        .is_some_and(|db| !db.trim().is_empty());
    let source = if named {
        "--db, EPR_DB or the settings file"
    } else {
        "default"
    };
    match options
        .config
        .as_deref()
        .filter(|path| !path.as_os_str().is_empty())
    {
        Some(path) => report.tell("settings file", &path.display().to_string()),
        None => report.tell("settings file", "none (--config, EPR_CONFIG)"),
    }
    for (name, what) in super::stdio::FOREIGN_VARIABLES {
        if std::env::var_os(name).is_some_and(|value| !value.is_empty()) {
            report.warn(name, what);
        }
    }
    let registry = match setup::configured(options).await {
        Ok(registry) => registry,
        Err(error) => {
            report.fault("settings", &format!("{error:#}"));
            return Ok(report.end());
        }
    };
    report.tell("database", &format!("{} ({source})", registry.location()));
    match unopened(options, &report).await {
        Ok(None) => {}
        Ok(Some(why)) => {
            report.warn("database", &why);
            return Ok(report.end());
        }
        Err(error) => {
            report.fault("database", &format!("{error:#}"));
            return Ok(report.end());
        }
    }
    if let Err(error) = database(&registry, args, &mut report).await {
        report.fault("database", &error.to_string());
    }
    registry.close().await;
    Ok(report.end())
}

/// Why the database is not opened here, if opening would change it: that is for a server to do.
async fn unopened(options: &Options, report: &Report) -> anyhow::Result<Option<String>> {
    let database = database::configured(options)?;
    let Inspected {
        version: found,
        may_make,
        warnings,
    } = database.inspect().await.map_err(database::told)?;
    if found < database.built_for() {
        for warning in &warnings {
            report.warn("storage", warning);
        }
    }
    let own = database.built_for();
    let (missing, who) = match &database {
        Database::Sqlite(_) => (
            "it is not there yet; a server makes it when it starts",
            "`epr-mcp migrate`, or a server when it starts, brings it up to date",
        ),
        Database::Postgres(_) => (
            if may_make {
                "the server answers; there is no registry in the database yet; a server makes it when it starts"
            } else {
                "the server answers; there is no registry in the database yet, and this user may not make it: run \
                 `epr-mcp migrate` as the owner of the database"
            },
            "a server refuses it until `epr-mcp migrate` has brought it up to date",
        ),
    };
    Ok(match found {
        0 => Some(missing.to_owned()),
        older if older < own => Some(format!(
            "it has schema {older} and this version is built for {own}; {who}"
        )),
        _ => None,
    })
}

async fn database(
    registry: &Registry,
    args: &DoctorArgs,
    report: &mut Report,
) -> Result<(), Error> {
    let store = registry.store().await?;
    let info = store.info().clone();
    report.tell(
        "engine",
        &format!(
            "{} {}, schema {}",
            info.engine, info.engine_version, info.schema_version
        ),
    );
    if let Some(why) = &info.ephemeral {
        report.warn("ephemeral", why);
    }
    for warning in &info.warnings {
        report.warn("storage", warning);
    }
    for remark in store.remarks().await? {
        if remark.bad {
            report.warn(remark.about, &remark.text);
        } else {
            report.tell(remark.about, &remark.text);
        }
    }
    let counters = store.counters().await?;
    report.tell(
        "holds",
        &format!(
            "{} events ({} failed), {} units, {} receivers, {} groups, {} messages",
            counters.succeeded + counters.failed,
            counters.failed,
            counters.units,
            counters.receivers,
            counters.groups,
            counters.messages
        ),
    );
    let unread = counters.unindexed_to.saturating_sub(counters.reindexed_to);
    if unread > 0 {
        report.warn(
            "pipeline runs",
            &format!(
                "{unread} events were recorded before payloads were looked into, or are being looked into anew: \
                 `epr-mcp reindex` does so"
            ),
        );
    }
    if args.deep {
        let findings = store.check().await?;
        if findings.is_empty() {
            report.tell("damage", "none found");
        }
        for finding in findings {
            report.fault("damage", &finding);
        }
    }
    shared_types(registry, report).await
}

/// Types that a receiver and a group share: watchers that match on the type alone cannot tell an
/// event from a passed gate.
async fn shared_types(registry: &Registry, report: &mut Report) -> Result<(), Error> {
    use crate::domain::search::DefinitionFilter;
    use crate::domain::search::TextMatch;
    let store = registry.store().await?;
    let mut after = None;
    loop {
        let page = store
            .find_groups(&DefinitionFilter::default(), after, crate::limits::PAGE_MAX)
            .await?;
        for group in &page.rows {
            let types = vec![TextMatch::Exact(group.kind.clone())];
            let filter = DefinitionFilter {
                types,
                ..DefinitionFilter::default()
            };
            if let Some(receiver) = store.find_receivers(&filter, None, 1).await?.rows.first() {
                report.warn(
                    "shared type",
                    &format!(
                        "group {} and receiver {} have the same type",
                        group.id, receiver.id
                    ),
                );
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

struct Report {
    faults: usize,
}

impl Report {
    fn line(mark: &str, what: &str, text: &str) {
        say(format!("{mark:5} {what:14} {text}"));
    }

    fn tell(&self, what: &str, text: &str) {
        let _ = self;
        Self::line("ok", what, text);
    }

    fn warn(&self, what: &str, text: &str) {
        let _ = self;
        Self::line("warn", what, text);
    }

    fn fault(&mut self, what: &str, text: &str) {
        self.faults += 1;
        Self::line("FAULT", what, text);
    }

    fn end(self) -> ExitCode {
        if self.faults == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(1)
        }
    }
}
