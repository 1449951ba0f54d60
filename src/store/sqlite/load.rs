//! Loading the state that a batch of commands needs.

use std::collections::{BTreeSet, HashMap};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::errors::Doing;
use super::{migrate, rows, statements};
use crate::domain::decide::{DefinitionKey, FirstUse, Needs, ReceiverHead, State};
use crate::domain::gate::Latest;
use crate::domain::group::Group;
use crate::domain::id::{GroupId, ReceiverId};
use crate::domain::receiver::DefinedReceiver;
use crate::domain::unit::UnitKey;
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
    check_readable(&row)?;
    Ok(row)
}

/// Refuses a file that is too new by now.
pub(super) fn check_readable(registry: &SqliteRow) -> Result<()> {
    migrate::check_readable(rows::get(registry, 13)?, rows::get(registry, 14)?)
}

/// Receivers whose groups are remembered; beyond that they are read again.
const KNOWN_RECEIVERS: usize = 5_000;
/// Groups that are remembered.
const KNOWN_GROUPS: usize = 5_000;

/// Receivers with their groups, as they were at one number of the registry's definitions.
#[derive(Debug, Default)]
pub(super) struct Known {
    definitions: i64,
    /// Of the receivers that were asked for; those that there are have a head.
    receivers: HashMap<ReceiverId, Option<ReceiverHead>>,
    groups_of: HashMap<ReceiverId, Vec<GroupId>>,
    groups: HashMap<GroupId, Group>,
}

/// Reads everything in `needs`, beside the registry's row. `known` spares reading definitions again that have not changed.
pub(super) async fn state(
    connection: &mut SqliteConnection,
    row: &SqliteRow,
    needs: &Needs,
    known: &mut Known,
) -> Result<State> {
    let mut state = State {
        last_created_at: rows::time(row, 0)?,
        last_event_seq: rows::get(row, 1)?,
        last_message_seq: rows::get(row, 2)?,
        last_unit_id: rows::get(row, 3)?,
        last_name_id: rows::get(row, 4)?,
        ..State::default()
    };
    known.learn(connection, needs, rows::get(row, 12)?).await?;
    known.tell(needs, &mut state);
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

impl Known {
    /// Reads what is not known yet of the receivers that are needed.
    async fn learn(
        &mut self,
        connection: &mut SqliteConnection,
        needs: &Needs,
        definitions: i64,
    ) -> Result<()> {
        let too_many = self.receivers.len() > KNOWN_RECEIVERS || self.groups.len() > KNOWN_GROUPS;
        if self.definitions != definitions || too_many {
            *self = Self {
                definitions,
                ..Self::default()
            };
        }
        let wanted = needs.receivers.iter().chain(&needs.event_receivers);
        let missing: BTreeSet<ReceiverId> = wanted
            .filter(|id| !self.receivers.contains_key(id))
            .copied()
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let ids = json_list(&missing)?;
        let found = sqlx::query(statements::RECEIVERS)
            .bind(ids.clone())
            .fetch_all(&mut *connection)
            .await
            .doing(DOING)?;
        self.receivers.extend(missing.iter().map(|id| (*id, None)));
        for row in &found {
            let (_, receiver) = rows::receiver(row)?;
            let head = ReceiverHead::from(&receiver);
            self.receivers.insert(receiver.id, Some(head));
        }
        let found = sqlx::query(statements::GROUPS_OF)
            .bind(ids)
            .bind(ALL_GROUPS)
            .fetch_all(connection)
            .await
            .doing(DOING)?;
        // In the order of their ids, so that every list is.
        for row in &found {
            let (_, group) = rows::group(row)?;
            for id in group
                .event_receiver_ids
                .iter()
                .filter(|id| missing.contains(id))
            {
                self.groups_of.entry(*id).or_default().push(group.id);
            }
            self.groups.insert(group.id, group);
        }
        Ok(())
    }

    /// Puts what is needed into the state.
    fn tell(&self, needs: &Needs, state: &mut State) {
        for id in needs.receivers.iter().chain(&needs.event_receivers) {
            if let Some(Some(head)) = self.receivers.get(id) {
                state.receivers.insert(*id, head.clone());
            }
        }
        for id in &needs.event_receivers {
            let Some(groups) = self.groups_of.get(id) else {
                continue;
            };
            state.groups_of.insert(*id, groups.clone());
            for group in groups.iter().filter_map(|id| self.groups.get(id)) {
                state
                    .groups
                    .entry(group.id)
                    .or_insert_with(|| group.clone());
            }
        }
    }
}

async fn definitions(
    connection: &mut SqliteConnection,
    needs: &Needs,
    state: &mut State,
) -> Result<()> {
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
    if needs.groups.is_empty() {
        return Ok(());
    }
    let found = sqlx::query(statements::GROUPS)
        .bind(json_list(&needs.groups)?)
        .fetch_all(connection)
        .await;
    for row in &found.doing(DOING)? {
        let (_, group) = rows::group(row)?;
        state.groups.insert(group.id, group);
    }
    Ok(())
}

/// The units with their names, and the newest events that their gates are decided from.
async fn units(connection: &mut SqliteConnection, needs: &Needs, state: &mut State) -> Result<()> {
    if needs.units.is_empty() {
        return Ok(());
    }
    let members = state
        .groups
        .values()
        .flat_map(|group| group.event_receiver_ids.iter());
    let receivers: BTreeSet<ReceiverId> = needs
        .event_receivers
        .iter()
        .chain(members)
        .copied()
        .collect();
    let receivers: Vec<ReceiverId> = receivers.into_iter().collect();
    let units: Vec<&(UnitKey, String)> = needs.units.iter().collect();
    let wanted = units
        .iter()
        .map(|(key, name)| (HEXLOWER.encode(key), name.as_str()));
    let found = sqlx::query(statements::UNITS_TO_WRITE)
        .bind(json_list(wanted)?)
        .bind(json_list(&receivers)?)
        .fetch_all(connection)
        .await;
    let inconsistent = || StoreError::inconsistent("latest", "a place in a list");
    for row in &found.doing(DOING)? {
        let place = usize::try_from(rows::get::<i64>(row, 0)?).ok();
        let (key, name) = place.and_then(|p| units.get(p)).ok_or_else(inconsistent)?;
        if let Some(id) = rows::get::<Option<i64>>(row, 2)? {
            state.names.insert(name.clone(), id);
        }
        let Some(unit) = rows::get::<Option<i64>>(row, 1)? else {
            continue;
        };
        state.units.insert(*key, unit);
        for (place, seq, success) in rows::list::<(usize, i64, i64)>(row, 3, "latest")? {
            let receiver = receivers.get(place).copied().ok_or_else(inconsistent)?;
            let success = success != 0;
            state
                .latest
                .insert((unit, receiver), Latest { seq, success });
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
    let row = sqlx::query(statements::LATEST)
        .bind(json_list(units)?)
        .bind(json_list(&receivers)?)
        .fetch_one(connection)
        .await
        .doing("read the newest events")?;
    rows::list::<(i64, usize, i64, i64)>(&row, 0, "latest")?
        .into_iter()
        .map(|(unit, place, seq, success)| {
            let receiver = receivers
                .get(place)
                .copied()
                .ok_or_else(|| StoreError::inconsistent("latest", "receiver"))?;
            let success = success != 0;
            Ok((unit, receiver, Latest { seq, success }))
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
