//! The log of messages, each with the records that it is about.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::super::errors::Doing;
use super::super::{load, rows, statements};
use crate::domain::event::Event;
use crate::domain::group::{Group, GroupState};
use crate::domain::id::{GroupId, ReceiverId};
use crate::domain::message::{MessageKind, MessageRecord, MessageSubject};
use crate::domain::receiver::DefinedReceiver;
use crate::limits;
use crate::store::{Result, StoreError};

struct Row {
    seq: i64,
    kind: MessageKind,
    event_seq: Option<i64>,
    receiver_id: Option<ReceiverId>,
    group: Option<(GroupId, GroupState)>,
    raw: SqliteRow,
}

/// What the messages of one page are about.
#[derive(Default)]
struct Subjects {
    events: HashMap<i64, (Event, Arc<str>)>,
    receivers: HashMap<ReceiverId, Arc<DefinedReceiver>>,
    groups: HashMap<GroupId, Group>,
}

pub(in crate::store::sqlite) async fn page(
    connection: &mut SqliteConnection,
    after: i64,
    limit: usize,
) -> Result<Vec<MessageRecord>> {
    let found = sqlx::query(statements::MESSAGES)
        .bind(after)
        .bind(super::bound(limit))
        .fetch_all(&mut *connection);
    let found: Result<Vec<Row>> = found
        .await
        .doing("read messages")?
        .into_iter()
        .map(read)
        .collect();
    let mut found = found?;
    found.truncate(fitting(&found)?);
    let subjects = subjects(connection, &found).await?;
    found.iter().map(|row| record(row, &subjects)).collect()
}

/// How many of the messages, from the first on, keep to the size of a page; at least one. What
/// several are about is read once.
fn fitting(found: &[Row]) -> Result<usize> {
    let (mut events, mut schemas) = (HashSet::new(), HashSet::new());
    let mut bytes = 0;
    for (n, row) in found.iter().enumerate() {
        if row.event_seq.is_some_and(|seq| events.insert(seq)) {
            bytes += rows::get::<Option<i64>>(&row.raw, 10)?.unwrap_or_default();
        }
        let receiver: Option<i64> = rows::get(&row.raw, 11)?;
        if receiver.is_some_and(|num| schemas.insert(num)) {
            bytes += rows::get::<Option<i64>>(&row.raw, 12)?.unwrap_or_default();
        }
        if n > 0 && bytes > limits::MESSAGE_PAGE_BYTES as i64 {
            return Ok(n);
        }
    }
    Ok(found.len())
}

fn read(raw: SqliteRow) -> Result<Row> {
    let code: i64 = rows::get(&raw, 1)?;
    let kind = MessageKind::from_code(code)
        .ok_or_else(|| StoreError::inconsistent("message", format!("kind {code} is unknown")))?;
    let has = |index| Ok::<_, StoreError>(rows::get::<Option<&str>>(&raw, index)?.is_some());
    let receiver_id = if has(3)? {
        Some(rows::receiver_id(&raw, 3)?)
    } else {
        None
    };
    let group = match rows::get::<Option<&str>>(&raw, 5)? {
        Some(state) if has(4)? => {
            let state = serde_json::from_str(state)
                .map_err(|error| StoreError::inconsistent("message", error))?;
            Some((rows::group_id(&raw, 4)?, state))
        }
        _ => None,
    };
    Ok(Row {
        seq: rows::get(&raw, 0)?,
        kind,
        event_seq: rows::get(&raw, 2)?,
        receiver_id,
        group,
        raw,
    })
}

async fn subjects(connection: &mut SqliteConnection, found: &[Row]) -> Result<Subjects> {
    let mut subjects = Subjects::default();
    let seqs: BTreeSet<i64> = found.iter().filter_map(|row| row.event_seq).collect();
    let seqs: Vec<_> = seqs.into_iter().collect();
    let mut payloads: HashMap<i64, String> = super::payloads(connection, &seqs)
        .await?
        .into_iter()
        .collect();
    for event in super::events(connection, &seqs).await? {
        let payload = payloads.remove(&event.seq).unwrap_or_default();
        subjects.events.insert(event.seq, (event, payload.into()));
    }
    let of_events = subjects.events.values().map(|(event, _)| event.receiver_id);
    let receivers: BTreeSet<ReceiverId> = found
        .iter()
        .filter_map(|row| row.receiver_id)
        .chain(of_events)
        .collect();
    let receivers: Vec<_> = receivers.into_iter().collect();
    for receiver in super::definitions::receivers(connection, &receivers).await? {
        let text = load::schema(connection, receiver.id)
            .await?
            .unwrap_or_else(|| "{}".to_owned());
        let schema = serde_json::value::RawValue::from_string(text)
            .map_err(|error| StoreError::inconsistent("receiver_schema", error))?;
        let id = receiver.id;
        let defined = Arc::new(DefinedReceiver { receiver, schema });
        subjects.receivers.insert(id, defined);
    }
    let groups: BTreeSet<GroupId> = found
        .iter()
        .filter_map(|row| row.group.as_ref().map(|(id, _)| *id))
        .collect();
    let groups: Vec<_> = groups.into_iter().collect();
    subjects.groups.extend(
        super::definitions::groups(connection, &groups)
            .await?
            .into_iter()
            .map(|g| (g.id, g)),
    );
    Ok(subjects)
}

fn record(row: &Row, subjects: &Subjects) -> Result<MessageRecord> {
    let missing = || {
        StoreError::inconsistent(
            "message",
            format!("message {} lacks what it is about", row.seq),
        )
    };
    let event = || {
        let (event, payload) = row
            .event_seq
            .and_then(|seq| subjects.events.get(&seq))
            .ok_or_else(missing)?;
        let receiver = subjects
            .receivers
            .get(&event.receiver_id)
            .ok_or_else(missing)?;
        Ok::<_, StoreError>((Box::new(event.clone()), payload.clone(), receiver.clone()))
    };
    let group = || {
        let (id, state) = row.group.as_ref().ok_or_else(missing)?;
        let mut group = subjects.groups.get(id).cloned().ok_or_else(missing)?;
        state.restore(&mut group);
        Ok::<_, StoreError>(Box::new(group))
    };
    let subject = match row.kind {
        MessageKind::Event => {
            let (event, payload, receiver) = event()?;
            MessageSubject::Event {
                event,
                payload,
                receiver,
            }
        }
        MessageKind::ReceiverCreated => {
            let receiver = row
                .receiver_id
                .and_then(|id| subjects.receivers.get(&id))
                .ok_or_else(missing)?;
            MessageSubject::ReceiverCreated(receiver.clone())
        }
        MessageKind::GroupCreated => MessageSubject::GroupCreated(group()?),
        MessageKind::GroupModified => MessageSubject::GroupModified(group()?),
        MessageKind::GroupComplete => {
            let (event, payload, receiver) = event()?;
            MessageSubject::GroupComplete {
                event,
                payload,
                receiver,
                group: group()?,
            }
        }
    };
    Ok(MessageRecord {
        seq: row.seq,
        transition: rows::get(&row.raw, 6)?,
        log_only: rows::get(&row.raw, 7)?,
        wire_version: rows::get(&row.raw, 8)?,
        created_at: rows::time(&row.raw, 9)?,
        subject,
    })
}
