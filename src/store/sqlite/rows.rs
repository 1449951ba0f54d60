//! Rows of this engine as records.

use std::io::Read;
use std::sync::Arc;

use flate2::read::DeflateDecoder;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::errors::Doing;
use crate::domain::event::Event;
use crate::domain::group::Group;
use crate::domain::id::{EventId, GroupId, ReceiverId};
use crate::domain::principal::{PrincipalKind, Recorder};
use crate::domain::receiver::Receiver;
use crate::domain::time::Timestamp;
use crate::domain::unit::Unit;
use crate::limits;
use crate::store::{Result, StoreError};

/// One column.
pub(super) fn get<'r, T>(row: &'r SqliteRow, index: usize) -> Result<T>
where
    T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    row.try_get(index).doing("read a row")
}

pub(super) fn time(row: &SqliteRow, index: usize) -> Result<Timestamp> {
    Ok(Timestamp::from_micros(get(row, index)?))
}

pub(super) fn count(row: &SqliteRow, index: usize) -> Result<u64> {
    Ok(u64::try_from(get::<i64>(row, index)?).unwrap_or(0))
}

/// One column with a JSON array.
pub(super) fn list<T: serde::de::DeserializeOwned>(
    row: &SqliteRow,
    index: usize,
    table: &'static str,
) -> Result<Vec<T>> {
    serde_json::from_str(get(row, index)?).map_err(|error| StoreError::inconsistent(table, error))
}

macro_rules! id_reader {
    ($name:ident, $id:ty, $table:literal) => {
        pub(super) fn $name(row: &SqliteRow, index: usize) -> Result<$id> {
            let text: &str = get(row, index)?;
            text.parse()
                .map_err(|error| StoreError::inconsistent($table, error))
        }
    };
}

id_reader!(event_id, EventId, "event");
id_reader!(receiver_id, ReceiverId, "receiver");
id_reader!(group_id, GroupId, "receiver_group");

/// `num, id, name, type, version, description, fingerprint, created_at, unchecked_refs`
pub(super) fn receiver(row: &SqliteRow) -> Result<(i64, Receiver)> {
    let receiver = Receiver {
        id: receiver_id(row, 1)?,
        name: get(row, 2)?,
        kind: get(row, 3)?,
        version: get(row, 4)?,
        description: get(row, 5)?,
        fingerprint: get(row, 6)?,
        created_at: time(row, 7)?,
        unchecked_refs: get(row, 8)?,
    };
    Ok((get(row, 0)?, receiver))
}

/// `num, id, name, type, version, description, enabled, created_at, updated_at, active_from_seq,
/// members`
pub(super) fn group(row: &SqliteRow) -> Result<(i64, Group)> {
    let members: Vec<String> = serde_json::from_str(get::<&str>(row, 10)?)
        .map_err(|error| StoreError::inconsistent("group_member", error))?;
    let members: std::result::Result<Vec<ReceiverId>, _> =
        members.iter().map(|id| id.parse()).collect();
    let group = Group {
        id: group_id(row, 1)?,
        name: get(row, 2)?,
        kind: get(row, 3)?,
        version: get(row, 4)?,
        description: get(row, 5)?,
        enabled: get(row, 6)?,
        created_at: time(row, 7)?,
        updated_at: time(row, 8)?,
        active_from_seq: get(row, 9)?,
        event_receiver_ids: members
            .map_err(|error| StoreError::inconsistent("group_member", error))?,
    };
    Ok((get(row, 0)?, group))
}

/// `name, version, release, platform_id, package` from `index` on.
pub(super) fn unit(row: &SqliteRow, index: usize) -> Result<Unit> {
    Ok(Unit {
        name: get(row, index)?,
        version: get(row, index + 1)?,
        release: get(row, index + 2)?,
        platform_id: get(row, index + 3)?,
        package: get(row, index + 4)?,
    })
}

/// `principal, kind, surface, client` from `index` on.
pub(super) fn recorder(row: &SqliteRow, index: usize) -> Result<Recorder> {
    let kind: &str = get(row, index + 1)?;
    Ok(Recorder {
        principal: get(row, index)?,
        kind: PrincipalKind::parse(kind)
            .ok_or_else(|| StoreError::inconsistent("recorder", format!("kind {kind}")))?,
        surface: get(row, index + 2)?,
        client: get(row, index + 3)?,
    })
}

pub(super) fn event(row: &SqliteRow) -> Result<Event> {
    let digest: &[u8] = get(row, 11)?;
    Ok(Event {
        seq: get(row, 0)?,
        id: event_id(row, 1)?,
        unit: unit(row, 2)?,
        description: get(row, 7)?,
        success: get(row, 8)?,
        receiver_id: receiver_id(row, 9)?,
        created_at: time(row, 10)?,
        payload_digest: digest
            .try_into()
            .map_err(|_| StoreError::inconsistent("event", "digest"))?,
        payload_size: get(row, 12)?,
        recorded_by: Arc::new(recorder(row, 13)?),
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
