//! Writing a plan.

use std::collections::HashMap;

use data_encoding::HEXLOWER;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Sqlite, SqliteConnection};

use super::errors::Doing;
use super::load::{definition_key, json_list, text_key};
use super::{rows, statements};
use crate::domain::decide::{Plan, State};
use crate::domain::message::WIRE_VERSION;
use crate::domain::principal::Recorder;
use crate::store::{Result, StoreError};

/// Row ids of recorders, as far as they are known.
pub(super) type Recorders = HashMap<Recorder, i64>;

type Query = sqlx::query::Query<'static, Sqlite, SqliteArguments>;

/// Runs a statement that has to touch exactly one row.
async fn one(connection: &mut SqliteConnection, what: &'static str, query: Query) -> Result<()> {
    many(connection, what, query, 1).await
}

/// Runs a statement that has to touch exactly so many rows.
async fn many(
    connection: &mut SqliteConnection,
    what: &'static str,
    query: Query,
    rows: usize,
) -> Result<()> {
    let done = query.execute(connection).await.doing(what)?;
    if done.rows_affected() != rows as u64 {
        return Err(StoreError::inconsistent(
            "registry",
            format!("{what}: {} rows", done.rows_affected()),
        ));
    }
    Ok(())
}

/// Writes `plan`, decided from `state`. `recorders` learns the rows of new recorders.
pub(super) async fn plan(
    connection: &mut SqliteConnection,
    plan: &Plan,
    state: &State,
    recorders: &mut Recorders,
) -> Result<()> {
    if plan.is_empty() {
        return Ok(());
    }
    definitions(connection, plan).await?;
    rows_of(connection, plan, recorders).await?;
    for row in &plan.idempotency {
        let query = sqlx::query(statements::INSERT_IDEMPOTENCY)
            .bind(text_key(&[&row.principal, &row.key]))
            .bind(row.digest.to_vec())
            .bind(row.id.clone())
            .bind(row.created_at.as_micros());
        one(connection, "insert an idempotency key", query).await?;
    }
    for row in &plan.audit {
        let recorder = recorder_id(connection, &row.recorder, recorders).await?;
        let query = sqlx::query(statements::INSERT_AUDIT)
            .bind(row.at.as_micros())
            .bind(recorder)
            .bind(row.note.action.clone())
            .bind(row.note.target.clone())
            .bind(row.note.outcome.clone())
            .bind(row.note.detail.clone());
        one(connection, "insert an audit row", query).await?;
    }
    // The rest of the row follows from the rows that were written.
    let changes = plan.receivers.len() + plan.groups.len() + plan.group_changes.len();
    if changes + plan.audit.len() + plan.idempotency.len() == 0 {
        return Ok(());
    }
    let query = sqlx::query(statements::UPDATE_REGISTRY)
        .bind(state.last_created_at.as_micros())
        .bind(plan.receivers.len() as i64)
        .bind(plan.groups.len() as i64)
        .bind(changes as i64);
    one(connection, "update the registry", query).await
}

async fn definitions(connection: &mut SqliteConnection, plan: &Plan) -> Result<()> {
    for new in &plan.receivers {
        let receiver = &new.receiver;
        let key = (
            receiver.name.clone(),
            receiver.kind.clone(),
            receiver.version.clone(),
        );
        let query = sqlx::query(statements::INSERT_RECEIVER)
            .bind(receiver.id.to_string())
            .bind(definition_key(&key))
            .bind(key.0)
            .bind(key.1)
            .bind(key.2)
            .bind(receiver.description.clone())
            .bind(receiver.fingerprint.clone())
            .bind(receiver.created_at.as_micros())
            .bind(receiver.unchecked_refs);
        one(connection, "insert a receiver", query).await?;
        let query = sqlx::query(statements::INSERT_RECEIVER_SCHEMA)
            .bind(receiver.id.to_string())
            .bind(new.schema.get().to_owned());
        one(connection, "insert a schema", query).await?;
    }
    for group in &plan.groups {
        let key = (
            group.name.clone(),
            group.kind.clone(),
            group.version.clone(),
        );
        let query = sqlx::query(statements::INSERT_GROUP)
            .bind(group.id.to_string())
            .bind(definition_key(&key))
            .bind(key.0)
            .bind(key.1)
            .bind(key.2)
            .bind(group.description.clone())
            .bind(group.enabled)
            .bind(group.created_at.as_micros())
            .bind(group.updated_at.as_micros())
            .bind(group.active_from_seq);
        one(connection, "insert a group", query).await?;
        for (position, receiver_id) in group.event_receiver_ids.iter().enumerate() {
            let query = sqlx::query(statements::INSERT_GROUP_MEMBER)
                .bind(group.id.to_string())
                .bind(position as i64)
                .bind(receiver_id.to_string());
            one(connection, "insert a group member", query).await?;
        }
    }
    for change in &plan.group_changes {
        let query = sqlx::query(statements::UPDATE_GROUP)
            .bind(change.id.to_string())
            .bind(change.enabled)
            .bind(change.updated_at.as_micros())
            .bind(change.active_from_seq);
        one(connection, "update a group", query).await?;
    }
    Ok(())
}

/// Names, units, events and messages; what follows from them, counters and newest events, triggers
/// write.
async fn rows_of(
    connection: &mut SqliteConnection,
    plan: &Plan,
    recorders: &mut Recorders,
) -> Result<()> {
    let rows = plan.names.len() + plan.units.len() + plan.events.len() + plan.messages.len();
    if rows == 0 {
        return Ok(());
    }
    for new in &plan.events {
        recorder_id(connection, &new.event.recorded_by, recorders).await?;
    }
    let query = sqlx::query(statements::INSERT_ROWS)
        .bind(json_list(&plan.names)?)
        .bind(units(plan)?)
        .bind(events(plan, recorders)?)
        .bind(messages(plan)?);
    many(connection, "insert rows", query, rows).await?;
    for new in &plan.events {
        if let Some(packed) = new.payload.packed() {
            let query = sqlx::query(statements::INSERT_PAYLOAD)
                .bind(new.event.seq)
                .bind(packed.to_vec());
            one(connection, "insert a payload", query).await?;
        }
    }
    Ok(())
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
    let keep = |state| {
        serde_json::to_string(state).map_err(|error| StoreError::Statement {
            what: "keep a group's state".to_owned(),
            source: Box::new(error),
        })
    };
    let mut messages = Vec::with_capacity(plan.messages.len());
    for message in &plan.messages {
        let group = message.group.as_ref();
        messages.push((
            message.seq,
            message.kind.code(),
            message.event_seq,
            message.receiver_id,
            group.map(|(id, _)| *id),
            group.map(|(_, state)| keep(state)).transpose()?,
            i64::from(message.transition),
            i64::from(message.log_only),
            WIRE_VERSION,
            message.created_at.as_micros(),
        ));
    }
    json_list(messages)
}

async fn recorder_id(
    connection: &mut SqliteConnection,
    recorder: &Recorder,
    known: &mut Recorders,
) -> Result<i64> {
    if let Some(id) = known.get(recorder) {
        return Ok(*id);
    }
    let kind = recorder.kind.as_str();
    let key = text_key(&[
        &recorder.principal,
        kind,
        &recorder.surface,
        &recorder.client,
    ]);
    let row = sqlx::query(statements::RECORDER_ID)
        .bind(key.clone())
        .fetch_optional(&mut *connection);
    let id = match row.await.doing("find a recorder")? {
        Some(row) => rows::get(&row, 0)?,
        None => {
            let query = sqlx::query(statements::INSERT_RECORDER)
                .bind(key)
                .bind(recorder.principal.clone())
                .bind(kind)
                .bind(recorder.surface.clone())
                .bind(recorder.client.clone());
            query
                .execute(connection)
                .await
                .doing("insert a recorder")?
                .last_insert_rowid()
        }
    };
    known.insert(recorder.clone(), id);
    Ok(id)
}
