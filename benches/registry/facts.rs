//! What the figures were measured on.

use std::fmt;
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::Instant;

use epr_mcp::store::Store as _;
use serde_json::{Value, json};

use super::data::{Databases, open_store};
use super::stats::Sample;

/// The machine.
#[derive(Debug)]
pub(crate) struct Facts {
    cores: usize,
    processor: String,
    system: String,
    sqlite: String,
    /// Milliseconds for 4 KiB written and flushed.
    flush: f64,
    flush_p95: f64,
}

/// Looks at the machine and measures its disk.
pub(crate) async fn gather(databases: &Databases) -> anyhow::Result<Facts> {
    let store = open_store(&databases.small).await?;
    let sqlite = store.info().engine_version.clone();
    store.close().await;
    let flushes = flushes(&databases.folder)?;
    Ok(Facts {
        cores: std::thread::available_parallelism()?.get(),
        processor: field("/proc/cpuinfo", "model name").await,
        system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        sqlite,
        flush: flushes.median(),
        flush_p95: flushes.quantile(0.95),
    })
}

/// What stands behind the first `name:` of a file of the kernel.
async fn field(path: &str, name: &str) -> String {
    let text = tokio::fs::read_to_string(path).await.unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.split_once(':'))
        .map_or_else(
            || "unknown".to_owned(),
            |(_, value)| value.trim().to_owned(),
        )
}

fn flushes(folder: &Path) -> anyhow::Result<Sample> {
    let path = folder.join("flush.tmp");
    let mut file = File::create(&path)?;
    let page = [0x5a; 4096];
    let mut sample = Sample::default();
    for round in 0..200_u64 {
        let begun = Instant::now();
        // A small ring of pages, as in a write-ahead log: the file does not grow each time.
        file.seek(SeekFrom::Start(round % 64 * 4096))?;
        file.write_all(&page)?;
        file.sync_data()?;
        if round >= 64 {
            sample.push_time(begun.elapsed());
        }
    }
    std::fs::remove_file(&path)?;
    Ok(sample)
}

impl Facts {
    pub(crate) fn json(&self) -> Value {
        json!({
            "group": "machine",
            "cores": self.cores,
            "processor": self.processor,
            "system": self.system,
            "sqlite": self.sqlite,
            "flush_ms": self.flush,
            "flush_p95_ms": self.flush_p95,
        })
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cores ({}), {}, SQLite {}; 4 KiB written and flushed (fdatasync) in {:.2} ms, 95% in {:.2} ms",
            self.cores, self.processor, self.system, self.sqlite, self.flush, self.flush_p95
        )
    }
}
