//! A connection: binding values, rows, and inserting the rows of a plan.

use data_encoding::HEXLOWER;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row, Sqlite, SqliteConnection};

use super::errors::Doing;
use super::index;
use super::statements::{self, SqliteStatements};
use crate::domain::decide::Plan;
use crate::domain::message::WIRE_VERSION;
use crate::store::sql::{self, Arg, Columns, Recorders, Session, group_state, text_key, touched};
use crate::store::{Result, StoreError};

pub(super) type Query = sqlx::query::Query<'static, Sqlite, SqliteArguments>;

/// A list as one bound value.
pub(super) fn json_list<T: serde::Serialize>(
    values: impl IntoIterator<Item = T>,
) -> Result<String> {
    let values: Vec<T> = values.into_iter().collect();
    serde_json::to_string(&values).map_err(|error| StoreError::Statement {
        what: "bind a list".to_owned(),
        source: Box::new(error),
    })
}

fn query(sql: &'static str, args: Vec<Arg>) -> Result<Query> {
    let mut query = sqlx::query(sql);
    for arg in args {
        query = match arg {
            Arg::Int(value) => query.bind(value),
            Arg::Bool(value) => query.bind(value),
            Arg::Text(value) => query.bind(value),
            Arg::Bytes(value) => query.bind(value),
            Arg::Ints(values) => query.bind(json_list(values)?),
            Arg::Bools(values) => query.bind(json_list(values)?),
            Arg::Texts(values) => query.bind(json_list(values)?),
            Arg::Keys(values) => query.bind(json_list(
                values.iter().map(|value| HEXLOWER.encode(value)),
            )?),
        };
    }
    Ok(query)
}

impl Session for SqliteConnection {
    type Row = SqliteRow;
    type Sql = SqliteStatements;

    async fn rows(
        &mut self,
        doing: &'static str,
        sql: &'static str,
        args: Vec<Arg>,
    ) -> Result<Vec<SqliteRow>> {
        query(sql, args)?.fetch_all(self).await.doing(doing)
    }

    async fn run(&mut self, doing: &'static str, sql: &'static str, args: Vec<Arg>) -> Result<u64> {
        let done = query(sql, args)?.execute(self).await.doing(doing)?;
        Ok(done.rows_affected())
    }

    /// What follows from event rows, counters and newest events, triggers write.
    async fn insert(&mut self, plan: &Plan, recorders: &Recorders) -> Result<()> {
        let rows = plan.names.len() + plan.units.len() + plan.events.len() + plan.messages.len();
        if rows > 0 {
            let query = sqlx::query(statements::INSERT_ROWS)
                .bind(json_list(&plan.names)?)
                .bind(units(plan)?)
                .bind(events(plan, recorders)?)
                .bind(messages(plan)?);
            execute(self, "insert rows", query, rows).await?;
        }
        for new in &plan.events {
            if let Some(packed) = new.payload.packed() {
                let query = sqlx::query(statements::INSERT_PAYLOAD)
                    .bind(new.event.seq)
                    .bind(packed.to_vec());
                execute(self, "insert a payload", query, 1).await?;
            }
        }
        index::insert(self, &plan.index).await?;
        for row in &plan.idempotency {
            let query = sqlx::query(statements::INSERT_IDEMPOTENCY)
                .bind(text_key(&[&row.principal, &row.key]))
                .bind(row.digest.to_vec())
                .bind(row.id.clone())
                .bind(row.created_at.as_micros());
            execute(self, "insert an idempotency key", query, 1).await?;
        }
        for row in &plan.audit {
            let query = sqlx::query(statements::INSERT_AUDIT)
                .bind(row.at.as_micros())
                .bind(sql::row_of(&row.recorder, recorders)?)
                .bind(row.note.action.clone())
                .bind(row.note.target.clone())
                .bind(row.note.outcome.clone())
                .bind(row.note.detail.clone());
            execute(self, "insert an audit row", query, 1).await?;
        }
        Ok(())
    }
}

/// Runs a statement that has to touch exactly so many rows.
pub(super) async fn execute(
    connection: &mut SqliteConnection,
    doing: &'static str,
    query: Query,
    rows: usize,
) -> Result<()> {
    let done = query.execute(connection).await.doing(doing)?;
    touched(doing, done.rows_affected(), rows)
}

fn units(plan: &Plan) -> Result<String> {
    json_list(plan.units.iter().map(|new| {
        let unit = &new.unit;
        (
            new.id,
            HEXLOWER.encode(&new.key),
            new.name_id,
            &unit.version,
            &unit.release,
            &unit.platform_id,
            &unit.package,
        )
    }))
}

fn events(plan: &Plan, recorders: &Recorders) -> Result<String> {
    json_list(plan.events.iter().map(|new| {
        let event = &new.event;
        (
            event.seq,
            event.id,
            new.unit_id,
            new.name_id,
            event.receiver_id,
            i64::from(event.success),
            event.created_at.as_micros(),
            recorders.get(&event.recorded_by),
            HEXLOWER.encode(&event.payload_digest),
            event.payload_size,
            &event.description,
            new.payload.packed().is_none().then(|| new.payload.text()),
        )
    }))
}

fn messages(plan: &Plan) -> Result<String> {
    let mut messages = Vec::with_capacity(plan.messages.len());
    for message in &plan.messages {
        messages.push((
            message.seq,
            message.kind.code(),
            message.event_seq,
            message.receiver_id,
            message.group.as_ref().map(|(id, _)| *id),
            group_state(message)?,
            i64::from(message.transition),
            i64::from(message.log_only),
            WIRE_VERSION,
            message.created_at.as_micros(),
        ));
    }
    json_list(messages)
}

const READ: &str = "read a row";

impl Columns for SqliteRow {
    fn int(&self, at: usize) -> Result<i64> {
        self.try_get(at).doing(READ)
    }

    fn int_or_null(&self, at: usize) -> Result<Option<i64>> {
        self.try_get(at).doing(READ)
    }

    fn bool(&self, at: usize) -> Result<bool> {
        self.try_get(at).doing(READ)
    }

    fn text(&self, at: usize) -> Result<&str> {
        self.try_get(at).doing(READ)
    }

    fn text_or_null(&self, at: usize) -> Result<Option<&str>> {
        self.try_get(at).doing(READ)
    }

    fn bytes(&self, at: usize) -> Result<&[u8]> {
        self.try_get(at).doing(READ)
    }

    fn bytes_or_null(&self, at: usize) -> Result<Option<&[u8]>> {
        self.try_get(at).doing(READ)
    }
}
