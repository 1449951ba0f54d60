//! The baseline of a write: the same rows, written by plain statements in one transaction a call, on
//! either engine. It decides nothing and reads nothing: what it needs to know it is told.

use std::collections::HashMap;

use epr_mcp::domain::event::Payload;
use epr_mcp::domain::id::EventId;
use epr_mcp::domain::message::WIRE_VERSION;
use epr_mcp::domain::time::Timestamp;
use epr_mcp::domain::unit::Unit;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{PgPool, Row as _, SqlitePool};

/// Row numbers that the statements need.
#[derive(Debug, Clone)]
pub(crate) struct Numbers {
    pub(crate) receiver: i64,
    pub(crate) group: i64,
    pub(crate) group_state: String,
    pub(crate) recorder: i64,
}

/// One event to write.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) id: EventId,
    pub(crate) unit: Unit,
    /// The unit's row; none while it is new.
    pub(crate) unit_id: Option<i64>,
    /// The name's row.
    pub(crate) name_id: i64,
    pub(crate) description: String,
    pub(crate) payload: Payload,
    pub(crate) at: Timestamp,
    /// Whether it completes its gate.
    pub(crate) completes: bool,
}

const BEGIN: &str = "BEGIN IMMEDIATE";
const NUMBERS: &str = "UPDATE registry SET last_event_seq = last_event_seq + 1, last_message_seq = last_message_seq + $1, \
    last_unit_id = last_unit_id + $2, last_created_at = \
    CASE WHEN last_created_at > $3 THEN last_created_at ELSE $3 END, succeeded = succeeded + 1 \
    RETURNING last_event_seq, last_message_seq, last_unit_id, last_created_at";
const UNIT: &str = "INSERT INTO unit (id, key, name_id, version, release, platform_id, package, events) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, 1)";
const COUNT_UNIT: &str = "UPDATE unit SET events = events + 1 WHERE id = $1";
const COUNT_NAME: &str = "UPDATE name SET succeeded = succeeded + 1 WHERE id = $1";
const COUNT_RECEIVER: &str = "UPDATE receiver SET succeeded = succeeded + 1 WHERE num = $1";
const EVENT: &str = "INSERT INTO event (seq, id, unit_id, name_id, receiver_num, success, created_at, recorder_id, \
    payload_digest, payload_size, description, payload) VALUES ($1, $2, $3, $4, $5, TRUE, $6, $7, $8, $9, $10, $11)";
const LATEST: &str = "INSERT INTO latest (unit_id, receiver_num, seq, success) VALUES ($1, $2, $3, TRUE) \
    ON CONFLICT (unit_id, receiver_num) DO UPDATE SET seq = excluded.seq, success = excluded.success";
const MESSAGE: &str = "INSERT INTO message (seq, kind, event_seq, receiver_num, group_num, group_state, transition, \
    log_only, wire_version, created_at) VALUES ($1, $2, $3, NULL, $4, $5, $6, TRUE, $7, $8)";

/// The statements of one event, on a transaction of either engine.
macro_rules! write_with {
    ($begin:expr, $numbers:ident, $event:ident) => {{
        let (numbers, event) = ($numbers, $event);
        let mut transaction = $begin.await?;
        let messages = 1 + i64::from(event.completes);
        let row = sqlx::query(NUMBERS)
            .bind(messages)
            .bind(i64::from(event.unit_id.is_none()))
            .bind(event.at.as_micros())
            .fetch_one(&mut *transaction)
            .await?;
        let (seq, last_message, at): (i64, i64, i64) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(3)?);
        let unit_id = match event.unit_id {
            Some(id) => {
                sqlx::query(COUNT_UNIT)
                    .bind(id)
                    .execute(&mut *transaction)
                    .await?;
                id
            }
            None => {
                let id: i64 = row.try_get(2)?;
                let unit = &event.unit;
                sqlx::query(UNIT)
                    .bind(id)
                    .bind(unit.key().to_vec())
                    .bind(event.name_id)
                    .bind(&unit.version)
                    .bind(&unit.release)
                    .bind(&unit.platform_id)
                    .bind(&unit.package)
                    .execute(&mut *transaction)
                    .await?;
                id
            }
        };
        sqlx::query(EVENT)
            .bind(seq)
            .bind(event.id.to_string())
            .bind(unit_id)
            .bind(event.name_id)
            .bind(numbers.receiver)
            .bind(at)
            .bind(numbers.recorder)
            .bind(event.payload.digest().to_vec())
            .bind(event.payload.size() as i64)
            .bind(&event.description)
            .bind(event.payload.text())
            .execute(&mut *transaction)
            .await?;
        sqlx::query(COUNT_NAME)
            .bind(event.name_id)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(COUNT_RECEIVER)
            .bind(numbers.receiver)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(LATEST)
            .bind(unit_id)
            .bind(numbers.receiver)
            .bind(seq)
            .execute(&mut *transaction)
            .await?;
        let group = event.completes.then_some(numbers);
        for (message, group) in
            (last_message - messages + 1..).zip(std::iter::once(None).chain(group.map(Some)))
        {
            sqlx::query(MESSAGE)
                .bind(message)
                .bind(if group.is_some() { COMPLETE } else { RECORDED })
                .bind(seq)
                .bind(group.map(|numbers| numbers.group))
                .bind(group.map(|numbers| numbers.group_state.as_str()))
                .bind(group.is_some())
                .bind(WIRE_VERSION)
                .bind(at)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(unit_id)
    }};
}

/// The connections of the baseline.
#[derive(Debug, Clone)]
pub(crate) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// Writes one event; gives its unit's row.
pub(crate) async fn write(pool: &Pool, numbers: &Numbers, event: &Event) -> sqlx::Result<i64> {
    match pool {
        Pool::Sqlite(pool) => write_with!(pool.begin_with(BEGIN), numbers, event),
        Pool::Postgres(pool) => write_with!(pool.begin(), numbers, event),
    }
}

impl Pool {
    /// The number in a row that a text leads to.
    pub(crate) async fn number(&self, sql: &'static str, text: String) -> sqlx::Result<i64> {
        match self {
            Self::Sqlite(pool) => {
                let row = sqlx::query(sql).bind(text).fetch_one(pool).await?;
                row.try_get(0)
            }
            Self::Postgres(pool) => {
                let row = sqlx::query(sql).bind(text).fetch_one(pool).await?;
                row.try_get(0)
            }
        }
    }

    /// The rows of names.
    pub(crate) async fn names(&self) -> sqlx::Result<HashMap<String, i64>> {
        const NAMES: &str = "SELECT name, id FROM name";
        match self {
            Self::Sqlite(pool) => {
                let rows = sqlx::query(NAMES).fetch_all(pool).await?;
                let name = |row: &SqliteRow| Ok((row.try_get(0)?, row.try_get(1)?));
                rows.iter().map(name).collect()
            }
            Self::Postgres(pool) => {
                let rows = sqlx::query(NAMES).fetch_all(pool).await?;
                let name = |row: &PgRow| Ok((row.try_get(0)?, row.try_get(1)?));
                rows.iter().map(name).collect()
            }
        }
    }
}

const RECORDED: i64 = epr_mcp::domain::message::MessageKind::Event.code();
const COMPLETE: i64 = epr_mcp::domain::message::MessageKind::GroupComplete.code();
