//! Reading rows: each list bounded, each by an index.

pub(super) mod definitions;
pub(super) mod glance;
pub(super) mod index;
pub(super) mod messages;

use super::load::text_key;
use super::rows;
use super::session::{Arg, Columns, Session};
use super::statements::Statements as _;
use crate::domain::command::AuditNote;
use crate::domain::event::Event;
use crate::domain::id::{EventId, ReceiverId};
use crate::domain::search::{Order, Position, TextMatch};
use crate::domain::time::Timestamp;
use crate::domain::unit::{Unit, UnitKey};
use crate::store::{AuditEntry, Bounds, Counters, Result, StoreError, Stream, merge};

fn bound(limit: usize) -> Arg {
    Arg::Int(i64::try_from(limit).unwrap_or(i64::MAX))
}

fn before(position: Position) -> Arg {
    Arg::Int(position.unwrap_or(i64::MAX))
}

pub(super) async fn event_seqs<S: Session>(session: &mut S, ids: &[EventId]) -> Result<Vec<i64>> {
    let args = vec![Arg::ids(ids)];
    rows::ints(
        &session
            .rows("find events", S::Sql::EVENT_SEQS, args)
            .await?,
    )
}

pub(super) async fn events<S: Session>(session: &mut S, seqs: &[i64]) -> Result<Vec<Event>> {
    if seqs.is_empty() {
        return Ok(Vec::new());
    }
    let args = vec![Arg::Ints(seqs.to_vec())];
    let found = session.rows("read events", S::Sql::EVENTS, args).await?;
    let events: Result<Vec<Event>> = found.iter().map(rows::event).collect();
    Ok(in_order(seqs, events?, |event| event.seq))
}

pub(super) async fn payloads<S: Session>(
    session: &mut S,
    seqs: &[i64],
) -> Result<Vec<(i64, String)>> {
    let args = vec![Arg::Ints(seqs.to_vec())];
    let found = session
        .rows("read payloads", S::Sql::PAYLOADS, args)
        .await?;
    let mut packed = 0;
    for row in &found {
        packed += row.bytes_or_null(2)?.map_or(0, <[u8]>::len);
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

fn payload(row: &impl Columns) -> Result<(i64, String)> {
    let seq = row.int(0)?;
    if let Some(text) = row.text_or_null(1)? {
        return Ok((seq, text.to_owned()));
    }
    let deflated = row
        .bytes_or_null(2)?
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

pub(super) async fn stream<S: Session>(
    session: &mut S,
    stream: Stream,
    bounds: Bounds,
    order: Order,
    limit: usize,
) -> Result<Vec<i64>> {
    let up = order == Order::OldestFirst;
    let sql = match (stream, up) {
        (Stream::All, false) => S::Sql::STREAM_ALL,
        (Stream::All, true) => S::Sql::STREAM_ALL_UP,
        (Stream::Failed, false) => S::Sql::STREAM_FAILED,
        (Stream::Failed, true) => S::Sql::STREAM_FAILED_UP,
        (Stream::Unit(_), false) => S::Sql::STREAM_UNIT,
        (Stream::Unit(_), true) => S::Sql::STREAM_UNIT_UP,
        (Stream::Name(..), false) => S::Sql::STREAM_NAME,
        (Stream::Name(..), true) => S::Sql::STREAM_NAME_UP,
        (Stream::Receiver(..), false) => S::Sql::STREAM_RECEIVER,
        (Stream::Receiver(..), true) => S::Sql::STREAM_RECEIVER_UP,
    };
    let mut args = vec![bounds.after.into(), bounds.before.into(), bound(limit)];
    match stream {
        Stream::All | Stream::Failed => {}
        Stream::Unit(id) => args.push(id.into()),
        Stream::Name(id, success) => args.extend([id.into(), success.into()]),
        Stream::Receiver(id, success) => args.extend([id.to_string().into(), success.into()]),
    }
    rows::ints(&session.rows("search events", sql, args).await?)
}

/// Streams of one kind as lists: units, or names with outcomes, or receivers with outcomes.
fn lists(streams: &[Stream]) -> Vec<Arg> {
    let (mut ints, mut texts, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
    for stream in streams {
        match stream {
            Stream::All | Stream::Failed => {}
            Stream::Unit(id) => ints.push(*id),
            Stream::Name(id, success) => {
                ints.push(*id);
                outcomes.push(*success);
            }
            Stream::Receiver(id, success) => {
                texts.push(id.to_string());
                outcomes.push(*success);
            }
        }
    }
    let mut args = Vec::new();
    if texts.is_empty() {
        args.push(Arg::Ints(ints));
    } else {
        args.push(Arg::Texts(texts));
    }
    if !outcomes.is_empty() {
        args.push(Arg::Bools(outcomes));
    }
    args
}

pub(super) async fn streams<S: Session>(
    session: &mut S,
    several: &[Stream],
    bounds: Bounds,
    order: Order,
    limit: usize,
) -> Result<Vec<i64>> {
    let up = order == Order::OldestFirst;
    let sql = match (several, up) {
        ([Stream::Unit(_), _, ..], false) => S::Sql::STREAMS_UNIT,
        ([Stream::Unit(_), _, ..], true) => S::Sql::STREAMS_UNIT_UP,
        ([Stream::Name(..), _, ..], false) => S::Sql::STREAMS_NAME,
        ([Stream::Name(..), _, ..], true) => S::Sql::STREAMS_NAME_UP,
        ([Stream::Receiver(..), _, ..], false) => S::Sql::STREAMS_RECEIVER,
        ([Stream::Receiver(..), _, ..], true) => S::Sql::STREAMS_RECEIVER_UP,
        _ => "",
    };
    if !sql.is_empty() {
        let mut args = vec![bounds.after.into(), bounds.before.into(), bound(limit)];
        args.extend(lists(several));
        return rows::ints(&session.rows("search events", sql, args).await?);
    }
    let mut seqs = Vec::new();
    for one in several {
        seqs.extend(stream(session, *one, bounds, order, limit).await?);
    }
    Ok(merge(seqs, order, limit))
}

pub(super) async fn stream_counts<S: Session>(session: &mut S, several: &[Stream]) -> Result<u64> {
    let sql = match several {
        [Stream::Unit(_), _, ..] => S::Sql::UNIT_COUNTS,
        [Stream::Name(..), _, ..] => S::Sql::NAMES_COUNTS,
        [Stream::Receiver(..), _, ..] => S::Sql::RECEIVERS_COUNTS,
        _ => "",
    };
    if !sql.is_empty() {
        return rows::count(&session.one("count events", sql, lists(several)).await?, 0);
    }
    let mut count = 0;
    for one in several {
        count += stream_count(session, *one).await?;
    }
    Ok(count)
}

pub(super) async fn stream_count<S: Session>(session: &mut S, stream: Stream) -> Result<u64> {
    let (sql, row, column): (_, Arg, _) = match stream {
        Stream::All | Stream::Failed => {
            let counters = counters(session).await?;
            return Ok(if stream == Stream::All {
                counters.succeeded + counters.failed
            } else {
                counters.failed
            });
        }
        Stream::Unit(id) => (S::Sql::UNIT_COUNT, id.into(), 0),
        Stream::Name(id, success) => (S::Sql::NAME_COUNTS, id.into(), usize::from(!success)),
        Stream::Receiver(id, success) => (
            S::Sql::RECEIVER_COUNTS,
            id.to_string().into(),
            usize::from(!success),
        ),
    };
    match session.optional("count events", sql, vec![row]).await? {
        Some(row) => rows::count(&row, column),
        None => Ok(0),
    }
}

pub(super) async fn seq_at<S: Session>(session: &mut S, at: Timestamp) -> Result<i64> {
    let args = vec![at.as_micros().into()];
    match session
        .optional("find a time", S::Sql::SEQ_AT, args)
        .await?
    {
        Some(row) => row.int(0),
        None => Ok(counters(session).await?.last_event_seq + 1),
    }
}

pub(super) async fn names<S: Session>(
    session: &mut S,
    name: &TextMatch,
    limit: usize,
) -> Result<Vec<(i64, String)>> {
    let (from, to) = name.range();
    let (sql, args) = between((S::Sql::NAMES_FROM, S::Sql::NAMES_BETWEEN), from, to, limit);
    let found = session.rows("search names", sql, args).await?;
    found
        .iter()
        .map(|row| Ok((row.int(0)?, rows::string(row, 1)?)))
        .collect()
}

/// The one of two statements for a range of texts without and with an end, and its values.
fn between(
    (open, closed): (&'static str, &'static str),
    from: String,
    to: Option<String>,
    limit: usize,
) -> (&'static str, Vec<Arg>) {
    match to {
        Some(to) => (closed, vec![from.into(), bound(limit), to.into()]),
        None => (open, vec![from.into(), bound(limit)]),
    }
}

pub(super) async fn newest_names<S: Session>(session: &mut S, limit: usize) -> Result<Vec<String>> {
    let found = session
        .rows("read names", S::Sql::NEWEST_NAMES, vec![bound(limit)])
        .await?;
    found.iter().map(|row| rows::string(row, 0)).collect()
}

pub(super) async fn unit_ids<S: Session>(
    session: &mut S,
    keys: &[UnitKey],
) -> Result<Vec<(UnitKey, i64)>> {
    let args = vec![Arg::Keys(keys.iter().map(|key| key.to_vec()).collect())];
    let found = session.rows("find a unit", S::Sql::UNIT_IDS, args).await?;
    let id = |row: &S::Row| Ok((unit_key(row, 0)?, row.int(1)?));
    found.iter().map(id).collect()
}

fn unit_key(row: &impl Columns, at: usize) -> Result<UnitKey> {
    row.bytes(at)?
        .try_into()
        .map_err(|_| StoreError::inconsistent("unit", "key"))
}

fn unit_rows<R: Columns>(found: &[R]) -> Result<Vec<(i64, Unit)>> {
    found
        .iter()
        .map(|row| Ok((row.int(0)?, rows::unit(row, 1)?)))
        .collect()
}

pub(super) async fn units<S: Session>(session: &mut S, ids: &[i64]) -> Result<Vec<(i64, Unit)>> {
    let args = vec![Arg::Ints(ids.to_vec())];
    unit_rows(&session.rows("read units", S::Sql::UNITS, args).await?)
}

pub(super) async fn units_by_name<S: Session>(
    session: &mut S,
    name: Option<i64>,
    position: Position,
    limit: usize,
) -> Result<Vec<(i64, Unit)>> {
    let mut args = vec![before(position), bound(limit)];
    let sql = match name {
        Some(id) => {
            args.push(id.into());
            S::Sql::UNITS_OF_NAME
        }
        None => S::Sql::UNITS_NEWEST,
    };
    unit_rows(&session.rows("read units", sql, args).await?)
}

pub(super) async fn units_by_version<S: Session>(
    session: &mut S,
    name: i64,
    version: &str,
    limit: usize,
) -> Result<Vec<i64>> {
    let args = vec![name.into(), version.to_owned().into(), bound(limit)];
    rows::ints(
        &session
            .rows("read units", S::Sql::UNITS_OF_VERSION, args)
            .await?,
    )
}

pub(super) async fn unit_receivers<S: Session>(
    session: &mut S,
    unit: i64,
    limit: usize,
) -> Result<Vec<ReceiverId>> {
    let args = vec![unit.into(), bound(limit)];
    let found = session
        .rows("read the newest events", S::Sql::UNIT_RECEIVERS, args)
        .await?;
    rows::receiver_ids(&found)
}

pub(super) async fn latest_of<S: Session>(
    session: &mut S,
    receiver: ReceiverId,
    position: Position,
    limit: usize,
) -> Result<Vec<(i64, i64)>> {
    let args = vec![receiver.to_string().into(), before(position), bound(limit)];
    let found = session
        .rows("read the newest events", S::Sql::LATEST_OF, args)
        .await?;
    found
        .iter()
        .map(|row| Ok((row.int(0)?, row.int(1)?)))
        .collect()
}

/// The id of what a principal's idempotency key made.
pub(super) async fn first_use<S: Session>(
    session: &mut S,
    principal: &str,
    key: &str,
) -> Result<Option<String>> {
    let args = vec![Arg::Keys(vec![text_key(&[principal, key])])];
    session
        .optional("look up an idempotency key", S::Sql::IDEMPOTENCY, args)
        .await?
        .map(|row| rows::string(&row, 2))
        .transpose()
}

pub(super) async fn audit<S: Session>(
    session: &mut S,
    position: Position,
    limit: usize,
) -> Result<Vec<AuditEntry>> {
    let args = vec![before(position), bound(limit)];
    let found = session
        .rows("read the audit trail", S::Sql::AUDIT, args)
        .await?;
    let entry = |row: &S::Row| {
        Ok(AuditEntry {
            seq: row.int(0)?,
            at: rows::time(row, 1)?,
            recorder: rows::recorder(row, 2)?,
            note: AuditNote {
                action: rows::string(row, 6)?,
                target: rows::string(row, 7)?,
                outcome: rows::string(row, 8)?,
                detail: rows::string(row, 9)?,
            },
        })
    };
    found.iter().map(entry).collect()
}

pub(super) async fn counters<S: Session>(session: &mut S) -> Result<Counters> {
    let row = session
        .one("read the counters", S::Sql::COUNTERS, Vec::new())
        .await?;
    counters_of(&row)
}

fn counters_of(row: &impl Columns) -> Result<Counters> {
    let time = |at| Ok::<_, StoreError>(row.int_or_null(at)?.map(Timestamp::from_micros));
    Ok(Counters {
        succeeded: rows::count(row, 0)?,
        failed: rows::count(row, 1)?,
        receivers: rows::count(row, 2)?,
        groups: rows::count(row, 3)?,
        units: rows::count(row, 4)?,
        messages: rows::count(row, 5)?,
        messages_pruned_to: row.int(6)?,
        last_event_seq: row.int(7)?,
        first_event_at: time(8)?,
        last_event_at: time(9)?,
        last_message_seq: row.int(10)?,
        runs: rows::count(row, 11)?,
        reindexed_to: row.int(12)?,
        unindexed_to: row.int(13)?,
    })
}
