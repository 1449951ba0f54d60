//! Writing a plan.

use std::collections::{BTreeMap, HashMap};

use sqlx::sqlite::SqliteArguments;
use sqlx::{Sqlite, SqliteConnection};

use super::errors::Doing;
use super::load::{definition_key, text_key};
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
    let done = query.execute(connection).await.doing(what)?;
    if done.rows_affected() != 1 {
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
    for (id, name) in &plan.names {
        let query = sqlx::query(statements::INSERT_NAME)
            .bind(*id)
            .bind(name.clone());
        one(connection, "insert a name", query).await?;
    }
    for new in &plan.units {
        let unit = &new.unit;
        let query = sqlx::query(statements::INSERT_UNIT)
            .bind(new.id)
            .bind(new.key.to_vec())
            .bind(new.name_id)
            .bind(unit.version.clone())
            .bind(unit.release.clone())
            .bind(unit.platform_id.clone())
            .bind(unit.package.clone());
        one(connection, "insert a unit", query).await?;
    }
    events(connection, plan, recorders).await?;
    for ((unit_id, receiver_id), newest) in &plan.latest {
        let query = sqlx::query(statements::UPSERT_LATEST)
            .bind(*unit_id)
            .bind(receiver_id.to_string())
            .bind(newest.seq)
            .bind(newest.success);
        one(connection, "set the newest event", query).await?;
    }
    messages(connection, plan).await?;
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
    let failed = plan.events.iter().filter(|new| !new.event.success).count();
    let query = sqlx::query(statements::UPDATE_REGISTRY)
        .bind(state.last_created_at.as_micros())
        .bind(state.last_event_seq)
        .bind(state.last_message_seq)
        .bind(state.last_unit_id)
        .bind(state.last_name_id)
        .bind((plan.events.len() - failed) as i64)
        .bind(failed as i64)
        .bind(plan.receivers.len() as i64)
        .bind(plan.groups.len() as i64);
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

async fn events(
    connection: &mut SqliteConnection,
    plan: &Plan,
    recorders: &mut Recorders,
) -> Result<()> {
    // Counters are written once a batch.
    let mut by_unit: BTreeMap<i64, i64> = BTreeMap::new();
    let mut by_name: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    let mut by_receiver: BTreeMap<_, (i64, i64)> = BTreeMap::new();
    for new in &plan.events {
        let event = &new.event;
        let (succeeded, failed) = (i64::from(event.success), i64::from(!event.success));
        *by_unit.entry(new.unit_id).or_default() += 1;
        for counts in [
            by_name.entry(new.name_id).or_default(),
            by_receiver.entry(event.receiver_id).or_default(),
        ] {
            counts.0 += succeeded;
            counts.1 += failed;
        }
        let recorder = recorder_id(connection, &event.recorded_by, recorders).await?;
        let deflated = new.payload.packed().map(<[u8]>::to_vec);
        let inline = deflated.is_none().then(|| new.payload.text().to_owned());
        let query = sqlx::query(statements::INSERT_EVENT)
            .bind(event.seq)
            .bind(event.id.to_string())
            .bind(new.unit_id)
            .bind(new.name_id)
            .bind(event.receiver_id.to_string())
            .bind(event.success)
            .bind(event.created_at.as_micros())
            .bind(recorder)
            .bind(event.payload_digest.to_vec())
            .bind(event.payload_size)
            .bind(event.description.clone())
            .bind(inline);
        one(connection, "insert an event", query).await?;
        if let Some(deflated) = deflated {
            let query = sqlx::query(statements::INSERT_PAYLOAD)
                .bind(event.seq)
                .bind(deflated);
            one(connection, "insert a payload", query).await?;
        }
    }
    for (id, events) in by_unit {
        one(
            connection,
            "count a unit",
            sqlx::query(statements::COUNT_UNIT).bind(id).bind(events),
        )
        .await?;
    }
    for (id, (succeeded, failed)) in by_name {
        let query = sqlx::query(statements::COUNT_NAME)
            .bind(id)
            .bind(succeeded)
            .bind(failed);
        one(connection, "count a name", query).await?;
    }
    for (id, (succeeded, failed)) in by_receiver {
        let query = sqlx::query(statements::COUNT_RECEIVER)
            .bind(id.to_string())
            .bind(succeeded)
            .bind(failed);
        one(connection, "count a receiver", query).await?;
    }
    Ok(())
}

async fn messages(connection: &mut SqliteConnection, plan: &Plan) -> Result<()> {
    for message in &plan.messages {
        let (group_id, group_state) = match &message.group {
            Some((id, state)) => {
                let state =
                    serde_json::to_string(state).map_err(|error| StoreError::Statement {
                        what: "keep a group's state".to_owned(),
                        source: Box::new(error),
                    })?;
                (Some(id.to_string()), Some(state))
            }
            None => (None, None),
        };
        let query = sqlx::query(statements::INSERT_MESSAGE)
            .bind(message.seq)
            .bind(message.kind.code())
            .bind(message.event_seq)
            .bind(message.receiver_id.map(|id| id.to_string()))
            .bind(group_id)
            .bind(group_state)
            .bind(message.transition)
            .bind(message.log_only)
            .bind(WIRE_VERSION)
            .bind(message.created_at.as_micros());
        one(connection, "insert a message", query).await?;
    }
    Ok(())
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
