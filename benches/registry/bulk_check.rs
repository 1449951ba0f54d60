//! Whether rows that were inserted in bulk are those that the registry itself would have written.

use std::path::Path;
use std::sync::Arc;

use epr_mcp::domain::time::SystemClock;
use sqlx::sqlite::SqliteSynchronous;
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};

use super::cells::{self, Cell};
use super::data::{Place, connect, open_registry};
use super::world::principal;

/// What the registry makes anew from the payloads. Numbers of runs are given out as they come.
const INDEX: [&str; 6] = [
    "SELECT seq, text FROM facts ORDER BY seq",
    "SELECT key, seq, role FROM link ORDER BY key, seq, role",
    "SELECT key, content, seq FROM natural_key ORDER BY key, content",
    "SELECT r.key, m.key, r.kind, r.id, r.source, r.pipeline, r.at, r.first_at, r.last_at, r.first_seq, r.last_seq, \
     r.queued_at, r.started_at, r.finished_at, r.outcome, r.events, r.failed, r.standing, r.labels, r.place - r.num \
     FROM run r LEFT JOIN run m ON m.num = r.merged_into ORDER BY r.key",
    "SELECT l.label, l.at, r.key FROM run_label l JOIN run r ON r.num = l.num ORDER BY 1, 2, 3",
    "SELECT runs, reindexed_to, unindexed_to FROM registry",
];
/// What there has to be none of.
const WRONG: [&str; 6] = [
    "SELECT count(*) FROM name n WHERE (succeeded, failed) <> (SELECT count(*) FILTER (WHERE success), \
     count(*) FILTER (WHERE NOT success) FROM event e WHERE e.name_id = n.id)",
    "SELECT count(*) FROM receiver r WHERE (succeeded, failed) <> (SELECT count(*) FILTER (WHERE success), \
     count(*) FILTER (WHERE NOT success) FROM event e WHERE e.receiver_num = r.num)",
    "SELECT count(*) FROM unit u WHERE events <> (SELECT count(*) FROM event e WHERE e.unit_id = u.id AND e.name_id = u.name_id)",
    "SELECT count(*) FROM (SELECT e.unit_id, e.receiver_num, max(e.seq) AS seq, e.success FROM event e GROUP BY 1, 2) e \
     FULL JOIN latest l USING (unit_id, receiver_num) WHERE (l.seq, l.success) IS NOT (e.seq, e.success)",
    "SELECT count(*) FROM registry WHERE (last_event_seq, last_message_seq, last_unit_id, last_name_id, succeeded + failed, \
     last_created_at) IS NOT (SELECT max(e.seq), (SELECT max(seq) FROM message), (SELECT max(id) FROM unit), \
     (SELECT max(id) FROM name), count(*), max(e.created_at) FROM event e)",
    "SELECT count(*) FROM event e LEFT JOIN message m ON m.event_seq = e.seq WHERE m.seq IS NULL",
];

/// Has a copy of the database looked into anew, and compares.
pub(crate) async fn same_as_recorded(path: &Path) -> anyhow::Result<()> {
    let copy = path.with_extension("check");
    std::fs::copy(path, &copy)?;
    let before = index(&copy).await?;
    let registry = open_registry(Place::file(&copy), Arc::new(SystemClock));
    let mut state = registry.forget_index(&principal()).await?;
    while state.to > 0 {
        state = registry.reindex(&principal(), state).await?;
    }
    registry.close().await;
    let after = index(&copy).await?;
    std::fs::remove_file(&copy)?;
    for (sql, (bulk, registry)) in INDEX.iter().zip(before.iter().zip(&after)) {
        let mut pairs = bulk.iter().zip(registry);
        let other = pairs.find(|(bulk, registry)| bulk != registry);
        anyhow::ensure!(
            other.is_none() && bulk.len() == registry.len(),
            "{sql}: {} rows instead of {}: {other:?}",
            bulk.len(),
            registry.len()
        );
    }
    let mut connection = connect(path, SqliteSynchronous::Full).connect().await?;
    for sql in WRONG {
        let row = sqlx::query(sql).fetch_one(&mut connection).await?;
        let wrong: i64 = row.try_get(0)?;
        anyhow::ensure!(wrong == 0, "{wrong} rows are wrong: {sql}");
    }
    connection.close().await?;
    Ok(())
}

async fn index(path: &Path) -> anyhow::Result<Vec<Vec<Vec<Cell>>>> {
    let mut connection: SqliteConnection = connect(path, SqliteSynchronous::Full).connect().await?;
    let mut all = Vec::new();
    for sql in INDEX {
        let rows = sqlx::query(sql).fetch_all(&mut connection).await?;
        let rows: Result<Vec<_>, _> = rows.iter().map(|row| cells::read(row, 0)).collect();
        all.push(rows?);
    }
    connection.close().await?;
    Ok(all)
}
