//! Reading rows: each list bounded, each by an index.

pub(super) mod definitions;
pub(super) mod glance;
pub(super) mod messages;

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::errors::Doing;
use super::load::json_list;
use super::{rows, statements};
use crate::domain::command::AuditNote;
use crate::domain::event::Event;
use crate::domain::id::{EventId, ReceiverId};
use crate::domain::search::{Order, Position, TextMatch};
use crate::domain::time::Timestamp;
use crate::domain::unit::{Unit, UnitKey};
use crate::store::{AuditEntry, Bounds, Counters, Result, StoreError, Stream};

fn bound(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn before(position: Position) -> i64 {
    position.unwrap_or(i64::MAX)
}

pub(super) async fn event_seqs(
    connection: &mut SqliteConnection,
    ids: &[EventId],
) -> Result<Vec<i64>> {
    let found = sqlx::query(statements::EVENT_SEQS)
        .bind(json_list(ids)?)
        .fetch_all(connection)
        .await;
    found
        .doing("find events")?
        .iter()
        .map(|row| rows::get(row, 0))
        .collect()
}

pub(super) async fn events(connection: &mut SqliteConnection, seqs: &[i64]) -> Result<Vec<Event>> {
    let found = sqlx::query(statements::EVENTS)
        .bind(json_list(seqs)?)
        .fetch_all(connection)
        .await;
    let events: Result<Vec<Event>> = found
        .doing("read events")?
        .iter()
        .map(rows::event)
        .collect();
    Ok(in_order(seqs, events?, |event| event.seq))
}

pub(super) async fn payloads(
    connection: &mut SqliteConnection,
    seqs: &[i64],
) -> Result<Vec<(i64, String)>> {
    let found = sqlx::query(statements::PAYLOADS)
        .bind(json_list(seqs)?)
        .fetch_all(connection)
        .await;
    let found = found.doing("read payloads")?;
    let mut packed = 0;
    for row in &found {
        packed += rows::get::<Option<&[u8]>>(row, 2)?.map_or(0, <[u8]>::len);
    }
    let read = move || found.iter().map(payload).collect::<Result<Vec<_>>>();
    let payloads = if packed <= UNPACKED_AT_ONCE {
        read()?
    } else {
        // Unpacking takes long; the runtime has other calls to serve.
        let unpacked = tokio::task::spawn_blocking(read).await;
        unpacked.map_err(|error| StoreError::inconsistent("payload", error))??
    };
    Ok(in_order(seqs, payloads, |(seq, _)| *seq))
}

/// Packed bytes that are unpacked without a thread of their own.
const UNPACKED_AT_ONCE: usize = 16 * 1024;

fn payload(row: &SqliteRow) -> Result<(i64, String)> {
    let seq: i64 = rows::get(row, 0)?;
    if let Some(text) = rows::get::<Option<String>>(row, 1)? {
        return Ok((seq, text));
    }
    let deflated: Option<&[u8]> = rows::get(row, 2)?;
    let deflated = deflated
        .ok_or_else(|| StoreError::inconsistent("payload", format!("event {seq} has none")))?;
    Ok((seq, rows::inflate(deflated)?))
}

/// `found` in the order of `wanted`.
fn in_order<T>(wanted: &[i64], mut found: Vec<T>, seq: impl Fn(&T) -> i64) -> Vec<T> {
    let place: std::collections::HashMap<i64, usize> = wanted
        .iter()
        .enumerate()
        .map(|(i, seq)| (*seq, i))
        .collect();
    found.sort_by_key(|record| place.get(&seq(record)).copied());
    found
}

pub(super) async fn stream(
    connection: &mut SqliteConnection,
    stream: Stream,
    bounds: Bounds,
    order: Order,
    limit: usize,
) -> Result<Vec<i64>> {
    let up = order == Order::OldestFirst;
    let statement = match (stream, up) {
        (Stream::All, false) => statements::STREAM_ALL,
        (Stream::All, true) => statements::STREAM_ALL_UP,
        (Stream::Failed, false) => statements::STREAM_FAILED,
        (Stream::Failed, true) => statements::STREAM_FAILED_UP,
        (Stream::Unit(_), false) => statements::STREAM_UNIT,
        (Stream::Unit(_), true) => statements::STREAM_UNIT_UP,
        (Stream::Name(..), false) => statements::STREAM_NAME,
        (Stream::Name(..), true) => statements::STREAM_NAME_UP,
        (Stream::Receiver(..), false) => statements::STREAM_RECEIVER,
        (Stream::Receiver(..), true) => statements::STREAM_RECEIVER_UP,
    };
    let query = sqlx::query(statement)
        .bind(bounds.after)
        .bind(bounds.before)
        .bind(bound(limit));
    let query = match stream {
        Stream::All | Stream::Failed => query,
        Stream::Unit(id) => query.bind(id),
        Stream::Name(id, success) => query.bind(id).bind(success),
        Stream::Receiver(id, success) => query.bind(id.to_string()).bind(success),
    };
    query
        .fetch_all(connection)
        .await
        .doing("search events")?
        .iter()
        .map(|row| rows::get(row, 0))
        .collect()
}

pub(super) async fn stream_count(connection: &mut SqliteConnection, stream: Stream) -> Result<u64> {
    let pick = |success: bool, row: Option<SqliteRow>| match row {
        Some(row) => rows::count(&row, usize::from(!success)),
        None => Ok(0),
    };
    match stream {
        Stream::All | Stream::Failed => {
            let counters = counters(connection).await?;
            Ok(if stream == Stream::All {
                counters.succeeded + counters.failed
            } else {
                counters.failed
            })
        }
        Stream::Unit(id) => {
            let row = sqlx::query(statements::UNIT_COUNT)
                .bind(id)
                .fetch_optional(connection)
                .await;
            pick(true, row.doing("count events")?)
        }
        Stream::Name(id, success) => {
            let row = sqlx::query(statements::NAME_COUNTS)
                .bind(id)
                .fetch_optional(connection)
                .await;
            pick(success, row.doing("count events")?)
        }
        Stream::Receiver(id, success) => {
            let row = sqlx::query(statements::RECEIVER_COUNTS)
                .bind(id.to_string())
                .fetch_optional(connection)
                .await;
            pick(success, row.doing("count events")?)
        }
    }
}

pub(super) async fn seq_at(connection: &mut SqliteConnection, at: Timestamp) -> Result<i64> {
    let row = sqlx::query(statements::SEQ_AT)
        .bind(at.as_micros())
        .fetch_optional(&mut *connection)
        .await;
    match row.doing("find a time")? {
        Some(row) => rows::get(&row, 0),
        None => Ok(counters(connection).await?.last_event_seq + 1),
    }
}

pub(super) async fn names(
    connection: &mut SqliteConnection,
    name: &TextMatch,
    limit: usize,
) -> Result<Vec<(i64, String)>> {
    let found = match name.range() {
        (from, Some(to)) => sqlx::query(statements::NAMES_BETWEEN)
            .bind(from)
            .bind(bound(limit))
            .bind(to),
        (from, None) => sqlx::query(statements::NAMES_FROM)
            .bind(from)
            .bind(bound(limit)),
    };
    let found = found.fetch_all(connection).await.doing("search names")?;
    found
        .iter()
        .map(|row| Ok((rows::get(row, 0)?, rows::get(row, 1)?)))
        .collect()
}

pub(super) async fn newest_names(
    connection: &mut SqliteConnection,
    limit: usize,
) -> Result<Vec<String>> {
    let row = sqlx::query(statements::NEWEST_NAMES)
        .bind(bound(limit))
        .fetch_one(connection)
        .await
        .doing("read names")?;
    rows::list(&row, 0, "name")
}

pub(super) async fn unit_ids(
    connection: &mut SqliteConnection,
    keys: &[UnitKey],
) -> Result<Vec<(UnitKey, i64)>> {
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        let row = sqlx::query(statements::UNIT_IDS)
            .bind(key.to_vec())
            .fetch_optional(&mut *connection)
            .await;
        if let Some(row) = row.doing("find a unit")? {
            found.push((*key, rows::get(&row, 1)?));
        }
    }
    Ok(found)
}

fn unit_rows(found: &[SqliteRow]) -> Result<Vec<(i64, Unit)>> {
    found
        .iter()
        .map(|row| Ok((rows::get(row, 0)?, rows::unit(row, 1)?)))
        .collect()
}

pub(super) async fn units(
    connection: &mut SqliteConnection,
    ids: &[i64],
) -> Result<Vec<(i64, Unit)>> {
    let found = sqlx::query(statements::UNITS)
        .bind(json_list(ids)?)
        .fetch_all(connection)
        .await;
    unit_rows(&found.doing("read units")?)
}

pub(super) async fn units_by_name(
    connection: &mut SqliteConnection,
    name: Option<i64>,
    position: Position,
    limit: usize,
) -> Result<Vec<(i64, Unit)>> {
    let statement = if name.is_some() {
        statements::UNITS_OF_NAME
    } else {
        statements::UNITS_NEWEST
    };
    let query = sqlx::query(statement)
        .bind(before(position))
        .bind(bound(limit));
    let query = match name {
        Some(id) => query.bind(id),
        None => query,
    };
    unit_rows(&query.fetch_all(connection).await.doing("read units")?)
}

pub(super) async fn units_by_version(
    connection: &mut SqliteConnection,
    name: i64,
    version: &str,
    limit: usize,
) -> Result<Vec<i64>> {
    let query = sqlx::query(statements::UNITS_OF_VERSION)
        .bind(name)
        .bind(version.to_owned())
        .bind(bound(limit));
    query
        .fetch_all(connection)
        .await
        .doing("read units")?
        .iter()
        .map(|row| rows::get(row, 0))
        .collect()
}

pub(super) async fn unit_receivers(
    connection: &mut SqliteConnection,
    unit: i64,
    limit: usize,
) -> Result<Vec<ReceiverId>> {
    let found = sqlx::query(statements::UNIT_RECEIVERS)
        .bind(unit)
        .bind(bound(limit))
        .fetch_all(connection)
        .await;
    found
        .doing("read the newest events")?
        .iter()
        .map(|row| rows::receiver_id(row, 0))
        .collect()
}

pub(super) async fn latest_of(
    connection: &mut SqliteConnection,
    receiver: ReceiverId,
    position: Position,
    limit: usize,
) -> Result<Vec<(i64, i64)>> {
    let query = sqlx::query(statements::LATEST_OF)
        .bind(receiver.to_string())
        .bind(before(position))
        .bind(bound(limit));
    let found = query
        .fetch_all(connection)
        .await
        .doing("read the newest events")?;
    found
        .iter()
        .map(|row| Ok((rows::get(row, 0)?, rows::get(row, 1)?)))
        .collect()
}

pub(super) async fn audit(
    connection: &mut SqliteConnection,
    position: Position,
    limit: usize,
) -> Result<Vec<AuditEntry>> {
    let found = sqlx::query(statements::AUDIT)
        .bind(before(position))
        .bind(bound(limit))
        .fetch_all(connection)
        .await;
    let entry = |row: &SqliteRow| {
        Ok(AuditEntry {
            seq: rows::get(row, 0)?,
            at: rows::time(row, 1)?,
            recorder: rows::recorder(row, 2)?,
            note: AuditNote {
                action: rows::get(row, 6)?,
                target: rows::get(row, 7)?,
                outcome: rows::get(row, 8)?,
                detail: rows::get(row, 9)?,
            },
        })
    };
    found
        .doing("read the audit trail")?
        .iter()
        .map(entry)
        .collect()
}

pub(super) async fn counters(connection: &mut SqliteConnection) -> Result<Counters> {
    let row = sqlx::query(statements::COUNTERS)
        .fetch_one(connection)
        .await
        .doing("read the counters")?;
    counters_of(&row)
}

fn counters_of(row: &SqliteRow) -> Result<Counters> {
    let time = |index| {
        let micros: Option<i64> = rows::get(row, index)?;
        Ok::<_, StoreError>(micros.map(Timestamp::from_micros))
    };
    Ok(Counters {
        succeeded: rows::count(row, 0)?,
        failed: rows::count(row, 1)?,
        receivers: rows::count(row, 2)?,
        groups: rows::count(row, 3)?,
        units: rows::count(row, 4)?,
        messages: rows::count(row, 5)?,
        messages_pruned_to: rows::get(row, 6)?,
        last_event_seq: rows::get(row, 7)?,
        first_event_at: time(8)?,
        last_event_at: time(9)?,
    })
}

pub(super) async fn check(connection: &mut SqliteConnection) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for statement in ["PRAGMA quick_check(20)", "PRAGMA foreign_key_check"] {
        for row in &sqlx::query(statement)
            .fetch_all(&mut *connection)
            .await
            .doing("check the file")?
        {
            let text: String = rows::get(row, 0)?;
            if text != "ok" {
                findings.push(format!("{statement}: {text}"));
            }
        }
    }
    Ok(findings)
}
