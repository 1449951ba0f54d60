//! Rows as records.

use std::io::Read;
use std::sync::Arc;

use flate2::read::DeflateDecoder;

use super::session::Columns;
use crate::domain::event::Event;
use crate::domain::group::Group;
use crate::domain::id::{EventId, GroupId, ReceiverId};
use crate::domain::indexed::Key;
use crate::domain::principal::{PrincipalKind, Recorder};
use crate::domain::receiver::Receiver;
use crate::domain::run::{Marks, RunKey, RunName, RunOutcome, RunRow, RunSummary};
use crate::domain::time::Timestamp;
use crate::domain::unit::Unit;
use crate::limits;
use crate::store::{Result, StoreError};

pub(super) fn string(row: &impl Columns, at: usize) -> Result<String> {
    row.text(at).map(str::to_owned)
}

pub(super) fn time(row: &impl Columns, at: usize) -> Result<Timestamp> {
    row.int(at).map(Timestamp::from_micros)
}

fn time_or_null(row: &impl Columns, at: usize) -> Result<Option<Timestamp>> {
    Ok(row.int_or_null(at)?.map(Timestamp::from_micros))
}

/// 16 bytes.
pub(super) fn key(row: &impl Columns, at: usize, table: &'static str) -> Result<Key> {
    let key = row.bytes(at)?.try_into();
    key.map_err(|_| StoreError::inconsistent(table, "key"))
}

pub(super) fn count(row: &impl Columns, at: usize) -> Result<u64> {
    Ok(u64::try_from(row.int(at)?).unwrap_or(0))
}

/// One column with a JSON array.
pub(super) fn list<T: serde::de::DeserializeOwned>(
    row: &impl Columns,
    at: usize,
    table: &'static str,
) -> Result<Vec<T>> {
    serde_json::from_str(row.text(at)?).map_err(|error| StoreError::inconsistent(table, error))
}

/// The first column of every row.
pub(super) fn ints<R: Columns>(rows: &[R]) -> Result<Vec<i64>> {
    rows.iter().map(|row| row.int(0)).collect()
}

macro_rules! id_reader {
    ($name:ident, $id:ty, $table:literal) => {
        pub(super) fn $name(row: &impl Columns, at: usize) -> Result<$id> {
            row.text(at)?
                .parse()
                .map_err(|error| StoreError::inconsistent($table, error))
        }
    };
}

id_reader!(event_id, EventId, "event");
id_reader!(receiver_id, ReceiverId, "receiver");
id_reader!(group_id, GroupId, "receiver_group");

/// The first column of every row.
pub(super) fn receiver_ids<R: Columns>(rows: &[R]) -> Result<Vec<ReceiverId>> {
    rows.iter().map(|row| receiver_id(row, 0)).collect()
}

/// `num, id, name, type, version, description, fingerprint, created_at, unchecked_refs`
pub(super) fn receiver(row: &impl Columns) -> Result<(i64, Receiver)> {
    let receiver = Receiver {
        id: receiver_id(row, 1)?,
        name: string(row, 2)?,
        kind: string(row, 3)?,
        version: string(row, 4)?,
        description: string(row, 5)?,
        fingerprint: string(row, 6)?,
        created_at: time(row, 7)?,
        unchecked_refs: row.bool(8)?,
    };
    Ok((row.int(0)?, receiver))
}

/// `num, id, name, type, version, description, enabled, created_at, updated_at, active_from_seq,
/// members`
pub(super) fn group(row: &impl Columns) -> Result<(i64, Group)> {
    let members: std::result::Result<Vec<ReceiverId>, _> = list::<String>(row, 10, "group_member")?
        .iter()
        .map(|id| id.parse())
        .collect();
    let group = Group {
        id: group_id(row, 1)?,
        name: string(row, 2)?,
        kind: string(row, 3)?,
        version: string(row, 4)?,
        description: string(row, 5)?,
        enabled: row.bool(6)?,
        created_at: time(row, 7)?,
        updated_at: time(row, 8)?,
        active_from_seq: row.int(9)?,
        event_receiver_ids: members
            .map_err(|error| StoreError::inconsistent("group_member", error))?,
    };
    Ok((row.int(0)?, group))
}

/// `name, version, release, platform_id, package` from `at` on.
pub(super) fn unit(row: &impl Columns, at: usize) -> Result<Unit> {
    Ok(Unit {
        name: string(row, at)?,
        version: string(row, at + 1)?,
        release: string(row, at + 2)?,
        platform_id: string(row, at + 3)?,
        package: string(row, at + 4)?,
    })
}

/// `principal, kind, surface, client` from `at` on.
pub(super) fn recorder(row: &impl Columns, at: usize) -> Result<Recorder> {
    let kind = row.text(at + 1)?;
    Ok(Recorder {
        principal: string(row, at)?,
        kind: PrincipalKind::parse(kind)
            .ok_or_else(|| StoreError::inconsistent("recorder", format!("kind {kind}")))?,
        surface: string(row, at + 2)?,
        client: string(row, at + 3)?,
    })
}

pub(super) fn event(row: &impl Columns) -> Result<Event> {
    Ok(Event {
        seq: row.int(0)?,
        id: event_id(row, 1)?,
        unit: unit(row, 2)?,
        description: string(row, 7)?,
        success: row.bool(8)?,
        receiver_id: receiver_id(row, 9)?,
        created_at: time(row, 10)?,
        payload_digest: row
            .bytes(11)?
            .try_into()
            .map_err(|_| StoreError::inconsistent("event", "digest"))?,
        payload_size: row.int(12)?,
        recorded_by: Arc::new(recorder(row, 13)?),
    })
}

/// `queued_at, started_at, finished_at, outcome` from `at` on.
pub(super) fn marks(row: &impl Columns, at: usize) -> Result<Marks> {
    let outcome = row.int_or_null(at + 3)?.and_then(RunOutcome::from_code);
    Ok(Marks {
        queued: time_or_null(row, at)?,
        started: time_or_null(row, at + 1)?,
        finished: time_or_null(row, at + 2)?.zip(outcome),
    })
}

/// The columns of `run_columns`.
pub(super) fn run(row: &impl Columns) -> Result<RunRow> {
    const TABLE: &str = "run";
    let source = row.text_or_null(5)?.map(str::to_owned);
    let name = RunName::from_parts(row.int(3)?, string(row, 4)?, source)
        .ok_or_else(|| StoreError::inconsistent(TABLE, "kind"))?;
    let (labels, rest) = row.bytes(18)?.as_chunks();
    if !rest.is_empty() {
        return Err(StoreError::inconsistent(TABLE, "labels"));
    }
    let summary = RunSummary {
        num: row.int(0)?,
        key: RunKey(key(row, 1, TABLE)?),
        name,
        pipeline: row.text_or_null(6)?.map(str::to_owned),
        at: time(row, 7)?,
        first_at: time(row, 8)?,
        last_at: time(row, 9)?,
        first_seq: row.int(10)?,
        last_seq: row.int(11)?,
        marks: marks(row, 12)?,
        events: row.int(16)?,
        failed: row.int(17)?,
        labels: labels.to_vec(),
    };
    Ok(RunRow {
        summary,
        merged_into: row.int_or_null(2)?,
    })
}

/// The text of a compressed payload.
pub(super) fn inflate(deflated: &[u8]) -> Result<String> {
    let most = limits::PAYLOAD_BYTES as u64 + 1;
    let mut text = String::new();
    DeflateDecoder::new(deflated)
        .take(most)
        .read_to_string(&mut text)
        .map_err(|error| StoreError::inconsistent("payload", error))?;
    Ok(text)
}
