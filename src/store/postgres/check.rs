//! Looking for damage: what must agree, told from the rows.

use super::options::PostgresOptions;
use super::session::Line;
use crate::store::Result;
use crate::store::sql::{Columns as _, Session as _};

/// Each counts the rows that are not as they must be.
const FAULTS: [(&str, &str); 13] = [
    (
        "positions of events have gaps, or the running number is another",
        "SELECT count(*) FROM registry WHERE last_event_seq <> (SELECT count(*) FROM event) \
         OR last_event_seq <> (SELECT coalesce(max(seq), 0) FROM event)",
    ),
    (
        "totals of events",
        "SELECT count(*) FROM registry WHERE succeeded <> (SELECT count(*) FROM event WHERE success) \
         OR failed <> (SELECT count(*) FROM event WHERE NOT success)",
    ),
    (
        "totals of receivers, groups, units, names",
        "SELECT count(*) FROM registry WHERE receivers <> (SELECT count(*) FROM receiver) \
         OR groups <> (SELECT count(*) FROM receiver_group) OR last_unit_id <> (SELECT count(*) FROM unit) \
         OR last_name_id <> (SELECT count(*) FROM name)",
    ),
    (
        "counters of receivers",
        "SELECT count(*) FROM receiver r LEFT JOIN (SELECT receiver_num, count(*) FILTER (WHERE success) AS passed, \
         count(*) AS events FROM event GROUP BY receiver_num) e ON e.receiver_num = r.num \
         WHERE r.succeeded <> coalesce(e.passed, 0) OR r.succeeded + r.failed <> coalesce(e.events, 0)",
    ),
    (
        "counters of names",
        "SELECT count(*) FROM name n LEFT JOIN (SELECT name_id, count(*) FILTER (WHERE success) AS passed, \
         count(*) AS events FROM event GROUP BY name_id) e ON e.name_id = n.id \
         WHERE n.succeeded <> coalesce(e.passed, 0) OR n.succeeded + n.failed <> coalesce(e.events, 0)",
    ),
    (
        "newest events that are not kept",
        "SELECT count(*) FROM (SELECT DISTINCT unit_id, receiver_num FROM event) e \
         LEFT JOIN latest l ON l.unit_id = e.unit_id AND l.receiver_num = e.receiver_num WHERE l.seq IS NULL",
    ),
    (
        "counters of units",
        "SELECT count(*) FROM unit u WHERE events <> (SELECT count(*) FROM event e WHERE e.unit_id = u.id)",
    ),
    (
        "payloads that are missing, or stand twice",
        "SELECT count(*) FROM event e LEFT JOIN payload p ON p.event_seq = e.seq \
         WHERE (e.payload IS NULL) <> (p.event_seq IS NOT NULL)",
    ),
    (
        "newest events that are others",
        "SELECT count(*) FROM latest l JOIN event e ON e.seq = l.seq WHERE e.unit_id <> l.unit_id \
         OR e.receiver_num <> l.receiver_num OR e.success <> l.success OR EXISTS (SELECT FROM event f \
         WHERE f.unit_id = l.unit_id AND f.receiver_num = l.receiver_num AND f.seq > l.seq)",
    ),
    (
        "links of events of which is not known what they say",
        "SELECT count(*) FROM link l LEFT JOIN facts f ON f.seq = l.seq WHERE f.seq IS NULL",
    ),
    (
        "the number of runs",
        "SELECT count(*) FROM registry WHERE runs <> (SELECT count(*) FROM run WHERE merged_into IS NULL) \
         OR last_run_num <> (SELECT count(*) FROM run)",
    ),
    (
        "names of runs that lead nowhere",
        "SELECT count(*) FROM run r LEFT JOIN run t ON t.num = r.merged_into \
         WHERE r.merged_into IS NOT NULL AND t.num IS NULL",
    ),
    (
        "time that goes back",
        "SELECT count(*) FROM event e JOIN event f ON f.seq = e.seq + 1 WHERE f.created_at < e.created_at",
    ),
];

/// Findings, empty when all is well. Reads every event and what follows from it, against one snapshot,
/// and takes its time.
pub(super) async fn run(options: &PostgresOptions) -> Result<Vec<String>> {
    let mut line = Line::connect(options).await?;
    line.be_patient().await?;
    line.command(
        "begin a check",
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    )
    .await?;
    let mut findings = Vec::new();
    for (fault, sql) in FAULTS {
        let row = line.one("check the rows", sql, Vec::new()).await?;
        let rows = row.int(0)?;
        if rows > 0 {
            findings.push(format!("{fault}: {rows}"));
        }
    }
    line.close().await;
    Ok(findings)
}
