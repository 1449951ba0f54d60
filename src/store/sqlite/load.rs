//! Loading the state that a batch of commands needs.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::errors::Doing;
use super::{migrate, rows, statements};
use crate::domain::decide::{DefinitionKey, FirstUse, Needs, State};
use crate::domain::gate::Latest;
use crate::domain::id::ReceiverId;
use crate::domain::receiver::DefinedReceiver;
use crate::store::{Result, StoreError};

const DOING: &str = "load the state of a write";
/// Groups that are loaded for the receivers of one batch; one receiver has at most
/// [`crate::limits::GROUPS_PER_RECEIVER`].
const ALL_GROUPS: i64 = i64::MAX;

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

/// 16 bytes that stand for several texts.
pub(super) fn text_key(parts: &[&str]) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(16).copied().collect()
}

pub(super) fn definition_key(key: &DefinitionKey) -> Vec<u8> {
    text_key(&[&key.0, &key.1, &key.2])
}

/// The registry's one row, in a transaction that is to write: another process may have migrated the
/// file since it was opened.
pub(super) async fn registry(connection: &mut SqliteConnection) -> Result<SqliteRow> {
    let row = sqlx::query(statements::REGISTRY)
        .fetch_one(connection)
        .await
        .doing(DOING)?;
    migrate::check_readable(rows::get(&row, 12)?, rows::get(&row, 13)?)?;
    Ok(row)
}

/// Reads everything in `needs`.
pub(super) async fn state(connection: &mut SqliteConnection, needs: &Needs) -> Result<State> {
    let mut state = State::default();
    let row = registry(connection).await?;
    state.last_created_at = rows::time(&row, 0)?;
    state.last_event_seq = rows::get(&row, 1)?;
    state.last_message_seq = rows::get(&row, 2)?;
    state.last_unit_id = rows::get(&row, 3)?;
    state.last_name_id = rows::get(&row, 4)?;
    definitions(connection, needs, &mut state).await?;
    groups(connection, needs, &mut state).await?;
    units(connection, needs, &mut state).await?;
    for (principal, key) in &needs.idempotency {
        if let Some(first) = first_use(connection, principal, key).await? {
            state
                .idempotency
                .insert((principal.clone(), key.clone()), first);
        }
    }
    Ok(state)
}

/// What a principal's idempotency key made.
pub(super) async fn first_use(
    connection: &mut SqliteConnection,
    principal: &str,
    key: &str,
) -> Result<Option<FirstUse>> {
    let row = sqlx::query(statements::IDEMPOTENCY)
        .bind(text_key(&[principal, key]))
        .fetch_optional(connection);
    let Some(row) = row.await.doing("look up an idempotency key")? else {
        return Ok(None);
    };
    let digest: &[u8] = rows::get(&row, 0)?;
    let digest = digest
        .try_into()
        .map_err(|_| StoreError::inconsistent("idempotency", "digest"))?;
    let id = rows::get(&row, 1)?;
    Ok(Some(FirstUse { digest, id }))
}

async fn definitions(
    connection: &mut SqliteConnection,
    needs: &Needs,
    state: &mut State,
) -> Result<()> {
    if !needs.receivers.is_empty() {
        let ids = json_list(&needs.receivers)?;
        for row in sqlx::query(statements::RECEIVERS)
            .bind(ids)
            .fetch_all(&mut *connection)
            .await
            .doing(DOING)?
        {
            let (_, receiver) = rows::receiver(&row)?;
            state.receivers.insert(receiver.id, (&receiver).into());
        }
    }
    for key in &needs.receiver_keys {
        let row = sqlx::query(statements::RECEIVER_BY_KEY)
            .bind(definition_key(key))
            .fetch_optional(&mut *connection);
        if let Some(row) = row.await.doing(DOING)? {
            let (_, receiver) = rows::receiver(&row)?;
            let schema = schema(connection, receiver.id).await?;
            let schema =
                schema.ok_or_else(|| StoreError::inconsistent("receiver_schema", receiver.id))?;
            let schema = serde_json::value::RawValue::from_string(schema)
                .map_err(|error| StoreError::inconsistent("receiver_schema", error))?;
            state.receivers.insert(receiver.id, (&receiver).into());
            state
                .receivers_by_key
                .insert(key.clone(), DefinedReceiver { receiver, schema });
        }
        if exists(connection, statements::GROUP_WITH_TYPE, &key.1).await? {
            state.group_types.insert(key.1.clone());
        }
    }
    for key in &needs.group_keys {
        let row = sqlx::query(statements::GROUP_BY_KEY)
            .bind(definition_key(key))
            .fetch_optional(&mut *connection);
        if let Some(row) = row.await.doing(DOING)? {
            let (_, group) = rows::group(&row)?;
            state.groups_by_key.insert(key.clone(), group.id);
            state.groups.insert(group.id, group);
        }
        if exists(connection, statements::RECEIVER_WITH_TYPE, &key.1).await? {
            state.receiver_types.insert(key.1.clone());
        }
    }
    Ok(())
}

async fn groups(connection: &mut SqliteConnection, needs: &Needs, state: &mut State) -> Result<()> {
    let mut found = Vec::new();
    if !needs.groups.is_empty() {
        let ids = json_list(&needs.groups)?;
        found.extend(
            sqlx::query(statements::GROUPS)
                .bind(ids)
                .fetch_all(&mut *connection)
                .await
                .doing(DOING)?,
        );
    }
    if !needs.event_receivers.is_empty() {
        let ids = json_list(&needs.event_receivers)?;
        let groups = sqlx::query(statements::GROUPS_OF)
            .bind(ids)
            .bind(ALL_GROUPS);
        found.extend(groups.fetch_all(&mut *connection).await.doing(DOING)?);
    }
    for row in &found {
        let (_, group) = rows::group(row)?;
        for id in &group.event_receiver_ids {
            let groups = state.groups_of.entry(*id).or_default();
            if let Err(at) = groups.binary_search(&group.id) {
                groups.insert(at, group.id);
            }
        }
        state.groups.insert(group.id, group);
    }
    Ok(())
}

async fn units(connection: &mut SqliteConnection, needs: &Needs, state: &mut State) -> Result<()> {
    let mut unit_ids = Vec::new();
    for (key, name) in &needs.units {
        let row = sqlx::query(statements::UNIT_ID)
            .bind(key.as_slice())
            .fetch_optional(&mut *connection);
        if let Some(row) = row.await.doing(DOING)? {
            let id: i64 = rows::get(&row, 0)?;
            state.units.insert(*key, id);
            unit_ids.push(id);
        }
        if !state.names.contains_key(name) {
            let row = sqlx::query(statements::NAME_ID)
                .bind(name)
                .fetch_optional(&mut *connection);
            if let Some(row) = row.await.doing(DOING)? {
                state.names.insert(name.clone(), rows::get(&row, 0)?);
            }
        }
    }
    let members = state
        .groups
        .values()
        .flat_map(|group| group.event_receiver_ids.iter().copied());
    let receivers: BTreeSet<ReceiverId> = needs
        .event_receivers
        .iter()
        .copied()
        .chain(members)
        .collect();
    if !unit_ids.is_empty() {
        for (unit, receiver, newest) in latest(connection, &unit_ids, receivers).await? {
            state.latest.insert((unit, receiver), newest);
        }
    }
    Ok(())
}

/// The newest event of each receiver for each unit.
pub(super) async fn latest(
    connection: &mut SqliteConnection,
    units: &[i64],
    receivers: impl IntoIterator<Item = ReceiverId>,
) -> Result<Vec<(i64, ReceiverId, Latest)>> {
    let receivers: Vec<ReceiverId> = receivers.into_iter().collect();
    let found = sqlx::query(statements::LATEST)
        .bind(json_list(units)?)
        .bind(json_list(&receivers)?);
    let found = found
        .fetch_all(connection)
        .await
        .doing("read the newest events")?;
    found
        .iter()
        .map(|row| {
            let newest = Latest {
                seq: rows::get(row, 2)?,
                success: rows::get(row, 3)?,
            };
            let place = usize::try_from(rows::get::<i64>(row, 1)?).ok();
            let receiver = place.and_then(|place| receivers.get(place)).copied();
            let receiver =
                receiver.ok_or_else(|| StoreError::inconsistent("latest", "receiver"))?;
            Ok((rows::get(row, 0)?, receiver, newest))
        })
        .collect()
}

/// The text of a receiver's schema.
pub(super) async fn schema(
    connection: &mut SqliteConnection,
    id: ReceiverId,
) -> Result<Option<String>> {
    let row = sqlx::query(statements::RECEIVER_SCHEMA)
        .bind(id.to_string())
        .fetch_optional(connection);
    row.await
        .doing("read a schema")?
        .map(|row| row.try_get(0).doing("read a schema"))
        .transpose()
}

async fn exists(
    connection: &mut SqliteConnection,
    statement: &'static str,
    value: &str,
) -> Result<bool> {
    Ok(sqlx::query(statement)
        .bind(value)
        .fetch_optional(connection)
        .await
        .doing(DOING)?
        .is_some())
}
