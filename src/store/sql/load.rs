//! Loading the state that a batch of commands needs.

use std::collections::{BTreeSet, HashMap};

use sha2::{Digest, Sha256};

use super::session::{Arg, Columns as _, Session};
use super::statements::Statements as _;
use super::{load_index, rows};
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

/// 16 bytes that stand for several texts.
pub(in crate::store) fn text_key(parts: &[&str]) -> Vec<u8> {
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

/// The registry's one row.
pub(super) async fn registry<S: Session>(session: &mut S) -> Result<S::Row> {
    session.one(DOING, S::Sql::REGISTRY, Vec::new()).await
}

/// Receivers whose groups are remembered; beyond that they are read again.
const KNOWN_RECEIVERS: usize = 5_000;
/// Groups that are remembered.
const KNOWN_GROUPS: usize = 5_000;

/// Receivers with their groups, as they were at one number of the registry's definitions.
#[derive(Debug, Default)]
pub(in crate::store) struct Known {
    definitions: i64,
    /// Of the receivers that were asked for; those that there are have a head.
    receivers: HashMap<ReceiverId, Option<ReceiverHead>>,
    groups_of: HashMap<ReceiverId, Vec<GroupId>>,
    groups: HashMap<GroupId, Group>,
}

/// Reads everything in `needs`, beside the registry's row. `known` spares reading definitions again
/// that have not changed.
pub(super) async fn state<S: Session>(
    session: &mut S,
    row: &S::Row,
    needs: &Needs,
    known: &mut Known,
) -> Result<State> {
    let mut state = State {
        last_created_at: rows::time(row, 0)?,
        last_event_seq: row.int(1)?,
        last_message_seq: row.int(2)?,
        last_unit_id: row.int(3)?,
        last_name_id: row.int(4)?,
        ..State::default()
    };
    known.learn(session, needs, row.int(12)?).await?;
    known.tell(needs, &mut state);
    definitions(session, needs, &mut state).await?;
    groups(session, needs, &mut state).await?;
    units(session, needs, &mut state).await?;
    let keys: Vec<&(String, String)> = needs.idempotency.iter().collect();
    for (key, first) in keys.iter().zip(first_uses(session, &keys).await?) {
        if let Some(first) = first {
            state.idempotency.insert((*key).clone(), first);
        }
    }
    load_index::state(session, row, needs, &mut state.index).await?;
    Ok(state)
}

/// What idempotency keys made, by principal and key.
pub(super) async fn first_uses<S: Session>(
    session: &mut S,
    keys: &[&(String, String)],
) -> Result<Vec<Option<FirstUse>>> {
    const DOING: &str = "look up an idempotency key";
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<Vec<u8>> = keys
        .iter()
        .map(|(principal, key)| text_key(&[principal, key]))
        .collect();
    let args = vec![Arg::Keys(keys.clone())];
    let mut found = HashMap::new();
    for row in session.rows(DOING, S::Sql::IDEMPOTENCY, args).await? {
        let digest = row
            .bytes(1)?
            .try_into()
            .map_err(|_| StoreError::inconsistent("idempotency", "digest"))?;
        let id = rows::string(&row, 2)?;
        found.insert(row.bytes(0)?.to_vec(), FirstUse { digest, id });
    }
    Ok(keys.iter().map(|key| found.remove(key)).collect())
}

impl Known {
    /// Reads what is not known yet of the receivers that are needed.
    async fn learn<S: Session>(
        &mut self,
        session: &mut S,
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
        let ids = Arg::ids(&missing);
        let found = session
            .rows(DOING, S::Sql::RECEIVERS, vec![ids.clone()])
            .await?;
        self.receivers.extend(missing.iter().map(|id| (*id, None)));
        for row in &found {
            let (_, receiver) = rows::receiver(row)?;
            let head = ReceiverHead::from(&receiver);
            self.receivers.insert(receiver.id, Some(head));
        }
        let args = vec![ids, Arg::Int(ALL_GROUPS)];
        // In the order of their ids, so that every list is.
        for row in &session.rows(DOING, S::Sql::GROUPS_OF, args).await? {
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

async fn definitions<S: Session>(session: &mut S, needs: &Needs, state: &mut State) -> Result<()> {
    for key in &needs.receiver_keys {
        let args = vec![definition_key(key).into()];
        if let Some(row) = session
            .optional(DOING, S::Sql::RECEIVER_BY_KEY, args)
            .await?
        {
            let (_, receiver) = rows::receiver(&row)?;
            let schema = schema(session, receiver.id).await?;
            let schema =
                schema.ok_or_else(|| StoreError::inconsistent("receiver_schema", receiver.id))?;
            let schema = serde_json::value::RawValue::from_string(schema)
                .map_err(|error| StoreError::inconsistent("receiver_schema", error))?;
            state.receivers.insert(receiver.id, (&receiver).into());
            state
                .receivers_by_key
                .insert(key.clone(), DefinedReceiver { receiver, schema });
        }
        if exists(session, S::Sql::GROUP_WITH_TYPE, &key.1).await? {
            state.group_types.insert(key.1.clone());
        }
    }
    for key in &needs.group_keys {
        let args = vec![definition_key(key).into()];
        if let Some(row) = session.optional(DOING, S::Sql::GROUP_BY_KEY, args).await? {
            let (_, group) = rows::group(&row)?;
            state.groups_by_key.insert(key.clone(), group.id);
            state.groups.insert(group.id, group);
        }
        if exists(session, S::Sql::RECEIVER_WITH_TYPE, &key.1).await? {
            state.receiver_types.insert(key.1.clone());
        }
    }
    Ok(())
}

async fn groups<S: Session>(session: &mut S, needs: &Needs, state: &mut State) -> Result<()> {
    if needs.groups.is_empty() {
        return Ok(());
    }
    let args = vec![Arg::ids(&needs.groups)];
    for row in &session.rows(DOING, S::Sql::GROUPS, args).await? {
        let (_, group) = rows::group(row)?;
        state.groups.insert(group.id, group);
    }
    Ok(())
}

/// The units with their names, and the newest events that their gates are decided from.
async fn units<S: Session>(session: &mut S, needs: &Needs, state: &mut State) -> Result<()> {
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
    let args = vec![
        Arg::Keys(units.iter().map(|(key, _)| key.to_vec()).collect()),
        Arg::Texts(units.iter().map(|(_, name)| name.clone()).collect()),
        Arg::ids(&receivers),
    ];
    let inconsistent = || StoreError::inconsistent("latest", "a place in a list");
    for row in &session.rows(DOING, S::Sql::UNITS_TO_WRITE, args).await? {
        let place = usize::try_from(row.int(0)?).ok();
        let (key, name) = place.and_then(|p| units.get(p)).ok_or_else(inconsistent)?;
        if let Some(id) = row.int_or_null(2)? {
            state.names.insert(name.clone(), id);
        }
        let Some(unit) = row.int_or_null(1)? else {
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
pub(super) async fn latest<S: Session>(
    session: &mut S,
    units: &[i64],
    receivers: impl IntoIterator<Item = ReceiverId>,
) -> Result<Vec<(i64, ReceiverId, Latest)>> {
    let receivers: Vec<ReceiverId> = receivers.into_iter().collect();
    let args = vec![Arg::Ints(units.to_vec()), Arg::ids(&receivers)];
    let row = session
        .one("read the newest events", S::Sql::LATEST, args)
        .await?;
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
pub(super) async fn schema<S: Session>(session: &mut S, id: ReceiverId) -> Result<Option<String>> {
    let args = vec![id.to_string().into()];
    session
        .optional("read a schema", S::Sql::RECEIVER_SCHEMA, args)
        .await?
        .map(|row| rows::string(&row, 0))
        .transpose()
}

async fn exists<S: Session>(session: &mut S, sql: &'static str, value: &str) -> Result<bool> {
    let found = session
        .optional(DOING, sql, vec![value.to_owned().into()])
        .await?;
    Ok(found.is_some())
}
