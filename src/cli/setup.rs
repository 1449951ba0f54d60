//! Building a registry from the settings.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;

use super::database::{self, Database, DatabaseOpener};
use crate::config::{Options, PayloadSecrets};
use crate::domain::id::{IdSource, UlidSource};
use crate::domain::retention::Retention;
use crate::domain::schema::Documents;
use crate::domain::text::FieldCheck;
use crate::domain::time::{Clock, SystemClock};
use crate::limits;
use crate::registry::{Opener, Parts, Registry};

/// How long things that are not kept for ever are kept.
pub(super) fn retention(options: &Options) -> Retention {
    let default = Retention::default();
    Retention {
        messages_days: options.retain_messages.unwrap_or(default.messages_days),
        audit_days: options.retain_audit.unwrap_or(default.audit_days),
        idempotency_days: options
            .retain_idempotency_keys
            .unwrap_or(default.idempotency_days),
    }
}

/// The machine's clock and ids of its time.
pub(super) fn clock_and_ids() -> (Arc<dyn Clock>, Arc<dyn IdSource>) {
    (
        Arc::new(SystemClock),
        Arc::new(UlidSource::new(SystemClock)),
    )
}

/// A registry over an opener, with the configured schema documents.
pub(super) async fn registry(
    options: &Options,
    opener: Arc<dyn Opener>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
) -> anyhow::Result<Registry> {
    let documents = documents(options.schema_dir.as_deref()).await?;
    Ok(Registry::new(Parts {
        opener,
        clock,
        ids,
        documents,
        announce: false,
        refuse_secrets: options.payload_secrets == Some(PayloadSecrets::Refuse),
    }))
}

/// The registry of the settings.
pub(super) async fn configured(options: &Options) -> anyhow::Result<Registry> {
    on(options, database::configured(options)?).await
}

/// The registry in this database.
pub(super) async fn on(options: &Options, database: Database) -> anyhow::Result<Registry> {
    let (clock, ids) = clock_and_ids();
    let opener = Arc::new(DatabaseOpener {
        database,
        ids: ids.clone(),
    });
    registry(options, opener, clock, ids).await
}

/// The built-in documents and those of `--schema-dir`.
async fn documents(folder: Option<&Path>) -> anyhow::Result<Documents> {
    let mut documents = Documents::built_in();
    let Some(folder) = folder.filter(|folder| !folder.as_os_str().is_empty()) else {
        return Ok(documents);
    };
    let mut pending = vec![folder.to_path_buf()];
    while let Some(folder) = pending.pop() {
        let mut entries = tokio::fs::read_dir(&folder).await.with_context(|| {
            format!(
                "--schema-dir: the folder {} cannot be read",
                folder.display()
            )
        })?;
        while let Some(entry) = entries.next_entry().await? {
            let kind = entry.file_type().await?;
            if kind.is_dir() {
                pending.push(entry.path());
            } else if kind.is_file() && entry.path().extension().is_some_and(|e| e == "json") {
                insert(&mut documents, entry.path()).await?;
            }
        }
    }
    Ok(documents)
}

async fn insert(documents: &mut Documents, path: PathBuf) -> anyhow::Result<()> {
    let context = || {
        format!(
            "--schema-dir: the document {} cannot be used",
            path.display()
        )
    };
    let size = tokio::fs::metadata(&path)
        .await
        .with_context(context)?
        .len();
    anyhow::ensure!(
        size <= limits::SCHEMA_BYTES as u64,
        "{}: it has {size} bytes",
        context()
    );
    let text = tokio::fs::read_to_string(&path)
        .await
        .with_context(context)?;
    let id = documents.insert(&text).with_context(context)?;
    tracing::debug!(%id, path = %path.display(), "schema document {id}");
    Ok(())
}

/// Refuses to act as if a server were spoken to: this version opens a database itself. Says so, too, if
/// messages are expected to go where they will not.
pub(super) fn refuse_url(flag: Option<&str>) -> anyhow::Result<()> {
    let url = flag
        .map(str::to_owned)
        .or_else(|| std::env::var("EPR_URL").ok())
        .filter(|url| !url.trim().is_empty());
    if let Some(url) = url {
        // Without what may be a secret in it.
        let server = url::Url::parse(&url)
            .ok()
            .and_then(|url| url.host_str().map(|host| format!(" {host}")))
            .unwrap_or_default();
        anyhow::bail!(
            "EPR_URL (--url) asks to talk to the server{server}, which this version cannot: it only opens a \
             database itself (--db). Unset EPR_URL to do that."
        );
    }
    if std::env::var_os("EPR_BROKERS").is_some_and(|value| !value.is_empty()) {
        tracing::warn!(
            "EPR_BROKERS is set, but this version publishes nothing: messages stay in the registry's log"
        );
    }
    Ok(())
}

/// The name that stands beside what a local user records.
pub(super) fn local_name(given: Option<String>) -> anyhow::Result<String> {
    let from = |name| {
        std::env::var(name)
            .ok()
            .filter(|value: &String| !value.trim().is_empty())
    };
    let name = given
        .filter(|name| !name.trim().is_empty())
        .or_else(|| from("USER"))
        .or_else(|| from("USERNAME"))
        // Containers and timers often have no such variable.
        .or_else(|| whoami::username().ok())
        .unwrap_or_else(|| "local".to_owned());
    let mut check = FieldCheck::default();
    check.identity("EPR_PRINCIPAL (--principal)", &name);
    check.finish()?;
    Ok(name)
}
