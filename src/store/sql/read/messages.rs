//! The log of messages, each with the records that it is about.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::super::session::{Columns, Session};
use super::super::statements::Statements as _;
use super::super::{load, rows};
use crate::domain::event::Event;
use crate::domain::group::{Group, GroupState};
use crate::domain::id::{GroupId, ReceiverId};
use crate::domain::message::{MessageKind, MessageRecord, MessageSubject};
use crate::domain::receiver::DefinedReceiver;
use crate::limits;
use crate::store::{Change, Result, StoreError};

/// What changed after a position, in order.
pub(in crate::store::sql) async fn changes<S: Session>(
    session: &mut S,
    after: i64,
    limit: usize,
) -> Result<Vec<Change>> {
    let args = vec![after.into(), super::bound(limit)];
    let found = session.rows("read changes", S::Sql::CHANGES, args).await?;
    let change = |row: &S::Row| {
        Ok(Change {
            seq: row.int(0)?,
            kind: kind(row.int(1)?)?,
            unit: match row.bytes_or_null(2)? {
                Some(_) => Some(super::unit_key(row, 2)?),
                None => None,
            },
            receiver: match row.text_or_null(3)? {
                Some(_) => Some(rows::receiver_id(row, 3)?),
                None => None,
            },
            group: match row.text_or_null(4)? {
                Some(_) => Some(rows::group_id(row, 4)?),
                None => None,
            },
            created_at: rows::time(row, 5)?,
        })
    };
    found.iter().map(change).collect()
}

fn kind(code: i64) -> Result<MessageKind> {
    MessageKind::from_code(code)
        .ok_or_else(|| StoreError::inconsistent("message", format!("kind {code} is unknown")))
}

struct Row<R> {
    seq: i64,
    kind: MessageKind,
    event_seq: Option<i64>,
    receiver_id: Option<ReceiverId>,
    group: Option<(GroupId, GroupState)>,
    raw: R,
}

/// What the messages of one page are about.
#[derive(Default)]
struct Subjects {
    events: HashMap<i64, (Event, Arc<str>)>,
    receivers: HashMap<ReceiverId, Arc<DefinedReceiver>>,
    groups: HashMap<GroupId, Group>,
}

pub(in crate::store::sql) async fn page<S: Session>(
    session: &mut S,
    after: i64,
    limit: usize,
) -> Result<Vec<MessageRecord>> {
    let args = vec![after.into(), super::bound(limit)];
    let found = session
        .rows("read messages", S::Sql::MESSAGES, args)
        .await?;
    let found: Result<Vec<Row<S::Row>>> = found.into_iter().map(read).collect();
    let mut found = found?;
    found.truncate(fitting(&found)?);
    let subjects = subjects(session, &found).await?;
    found.iter().map(|row| record(row, &subjects)).collect()
}

/// How many of the messages, from the first on, keep to the size of a page; at least one. What
/// several are about is read once.
fn fitting<R: Columns>(found: &[Row<R>]) -> Result<usize> {
    let (mut events, mut schemas) = (HashSet::new(), HashSet::new());
    let mut bytes = 0;
    for (n, row) in found.iter().enumerate() {
        if row.event_seq.is_some_and(|seq| events.insert(seq)) {
            bytes += row.raw.int_or_null(10)?.unwrap_or_default();
        }
        let receiver = row.raw.int_or_null(11)?;
        if receiver.is_some_and(|num| schemas.insert(num)) {
            bytes += row.raw.int_or_null(12)?.unwrap_or_default();
        }
        if n > 0 && bytes > limits::MESSAGE_PAGE_BYTES as i64 {
            return Ok(n);
        }
    }
    Ok(found.len())
}

fn read<R: Columns>(raw: R) -> Result<Row<R>> {
    let kind = kind(raw.int(1)?)?;
    let has = |index| Ok::<_, StoreError>(raw.text_or_null(index)?.is_some());
    let receiver_id = if has(3)? {
        Some(rows::receiver_id(&raw, 3)?)
    } else {
        None
    };
    let group = match raw.text_or_null(5)? {
        Some(state) if has(4)? => {
            let state = serde_json::from_str(state)
                .map_err(|error| StoreError::inconsistent("message", error))?;
            Some((rows::group_id(&raw, 4)?, state))
        }
        _ => None,
    };
    Ok(Row {
        seq: raw.int(0)?,
        kind,
        event_seq: raw.int_or_null(2)?,
        receiver_id,
        group,
        raw,
    })
}

async fn subjects<S: Session>(session: &mut S, found: &[Row<S::Row>]) -> Result<Subjects> {
    let mut subjects = Subjects::default();
    let seqs: BTreeSet<i64> = found.iter().filter_map(|row| row.event_seq).collect();
    let seqs: Vec<_> = seqs.into_iter().collect();
    let mut payloads: HashMap<i64, String> =
        super::payloads(session, &seqs).await?.into_iter().collect();
    for event in super::events(session, &seqs).await? {
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
    for receiver in super::definitions::receivers(session, &receivers).await? {
        let text = load::schema(session, receiver.id)
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
        super::definitions::groups(session, &groups)
            .await?
            .into_iter()
            .map(|g| (g.id, g)),
    );
    Ok(subjects)
}

fn record<R: Columns>(row: &Row<R>, subjects: &Subjects) -> Result<MessageRecord> {
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
        transition: row.raw.bool(6)?,
        log_only: row.raw.bool(7)?,
        wire_version: row.raw.int(8)?,
        created_at: rows::time(&row.raw, 9)?,
        subject,
    })
}
