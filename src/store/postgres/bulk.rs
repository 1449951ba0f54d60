//! Inserting the rows of a plan: a few as arrays in one statement, many by COPY.

use std::collections::HashMap;

use super::copy::Rows;
use super::index;
use super::session::{Line, texts};
use super::statements;
use crate::domain::decide::Plan;
use crate::domain::message::WIRE_VERSION;
use crate::limits;
use crate::store::sql::{
    Arg, Columns as _, Recorders, Session as _, group_state, row_of, text_key, touched,
};
use crate::store::{Result, StoreError};

/// Inserts names, units, events, payloads and what they say, messages, idempotency keys and audit rows. Counters of
/// receivers, names and units and the newest events a trigger writes.
pub(super) async fn insert(line: &mut Line, plan: &Plan, recorders: &Recorders) -> Result<()> {
    let rows = plan.names.len() + plan.units.len() + plan.events.len() + plan.messages.len();
    let copied = plan.events.len() >= limits::POSTGRES_COPY_EVENTS;
    if rows > 0 {
        insert_rows(line, plan, recorders, copied).await?;
    }
    if copied {
        copy_rows(line, plan, recorders).await?;
    }
    payloads(line, plan).await?;
    index::insert(line, &plan.index).await?;
    keys(line, plan).await?;
    audit(line, plan, recorders).await
}

pub(super) fn collect<T, U>(rows: &[T], column: impl Fn(&T) -> U) -> Vec<U> {
    rows.iter().map(column).collect()
}

const INSERTING: &str = "insert rows";

/// Inserts the rows and brings the registry's up to date; without events and messages if these are
/// copied.
async fn insert_rows(
    line: &mut Line,
    plan: &Plan,
    recorders: &Recorders,
    copied: bool,
) -> Result<()> {
    let (events, messages) = if copied {
        (&[][..], &[][..])
    } else {
        (plan.events.as_slice(), plan.messages.as_slice())
    };
    let (names, units) = (&plan.names, &plan.units);
    let mut recorded_by = Vec::with_capacity(events.len());
    for new in events {
        recorded_by.push(row_of(&new.event.recorded_by, recorders)?);
    }
    let states: Result<Vec<_>> = messages.iter().map(group_state).collect();
    let times = plan.events.iter().map(|new| new.event.created_at);
    let times = times.chain(plan.messages.iter().map(|message| message.created_at));
    let newest = times.max().unwrap_or_default().as_micros();
    let succeeded = plan.events.iter().filter(|new| new.event.success).count();
    let query = sqlx::query(statements::INSERT_ROWS)
        .bind(collect(names, |(id, _)| *id))
        .bind(texts(names.iter().map(|(_, name)| name.clone())))
        .bind(collect(units, |new| new.id))
        .bind(collect(units, |new| new.key.to_vec()))
        .bind(collect(units, |new| new.name_id))
        .bind(collect(units, |new| new.unit.version.clone()))
        .bind(collect(units, |new| new.unit.release.clone()))
        .bind(collect(units, |new| new.unit.platform_id.clone()))
        .bind(collect(units, |new| new.unit.package.clone()))
        .bind(collect(events, |new| new.event.seq))
        .bind(collect(events, |new| new.event.id.to_string()))
        .bind(collect(events, |new| new.unit_id))
        .bind(collect(events, |new| new.name_id))
        .bind(collect(events, |new| new.event.receiver_id.to_string()))
        .bind(collect(events, |new| new.event.success))
        .bind(collect(events, |new| new.event.created_at.as_micros()))
        .bind(recorded_by)
        .bind(collect(events, |new| new.event.payload_digest.to_vec()))
        .bind(collect(events, |new| new.event.payload_size))
        .bind(collect(events, |new| new.event.description.clone()))
        .bind(collect(events, |new| {
            let short = new.payload.packed().is_none();
            short.then(|| new.payload.text().to_owned())
        }))
        .bind(collect(messages, |message| message.seq))
        .bind(collect(messages, |message| message.kind.code() as i16))
        .bind(collect(messages, |message| message.event_seq))
        .bind(collect(messages, |message| {
            message.receiver_id.map(|id| id.to_string())
        }))
        .bind(collect(messages, |message| {
            message.group.as_ref().map(|(id, _)| id.to_string())
        }))
        .bind(states?)
        .bind(collect(messages, |message| message.transition))
        .bind(collect(messages, |message| message.log_only))
        .bind(WIRE_VERSION as i16)
        .bind(collect(messages, |message| message.created_at.as_micros()))
        .bind(names.len() as i64)
        .bind(units.len() as i64)
        .bind(plan.events.len() as i64)
        .bind(plan.messages.len() as i64)
        .bind(succeeded as i64)
        .bind(newest);
    let done = line.execute(INSERTING, query).await?;
    touched(INSERTING, done, 1)
}

/// Events and messages, by COPY in its text format: postgresql.org/docs/current/sql-copy.html.
async fn copy_rows(line: &mut Line, plan: &Plan, recorders: &Recorders) -> Result<()> {
    const DOING: &str = "copy rows";
    let ids = plan.events.iter().map(|new| new.event.receiver_id);
    let ids = ids.chain(plan.messages.iter().filter_map(|m| m.receiver_id));
    let receivers = nums(line, statements::RECEIVER_NUMS, ids).await?;
    let ids = plan.messages.iter().filter_map(|m| m.group.as_ref());
    let groups = nums(line, statements::GROUP_NUMS, ids.map(|(id, _)| *id)).await?;

    let mut rows = Rows::default();
    for new in &plan.events {
        let event = &new.event;
        rows.int(event.seq);
        rows.text(&event.id.to_string());
        rows.int(new.unit_id);
        rows.int(new.name_id);
        rows.int(num(&receivers, &event.receiver_id)?);
        rows.bool(event.success);
        rows.int(event.created_at.as_micros());
        rows.int(row_of(&event.recorded_by, recorders)?);
        rows.bytes(&event.payload_digest);
        rows.int(event.payload_size);
        rows.text(&event.description);
        match new.payload.packed() {
            None => rows.text(new.payload.text()),
            Some(_) => rows.null(),
        }
        rows.end();
    }
    let done = line
        .copy(DOING, statements::COPY_EVENTS, rows.done())
        .await?;
    touched(DOING, done, plan.events.len())?;

    let mut rows = Rows::default();
    for message in &plan.messages {
        rows.int(message.seq);
        rows.int(message.kind.code());
        rows.int_or_null(message.event_seq);
        let receiver = message.receiver_id.map(|id| num(&receivers, &id));
        rows.int_or_null(receiver.transpose()?);
        let group = message.group.as_ref().map(|(id, _)| num(&groups, id));
        rows.int_or_null(group.transpose()?);
        match group_state(message)? {
            Some(state) => rows.text(&state),
            None => rows.null(),
        }
        rows.bool(message.transition);
        rows.bool(message.log_only);
        rows.int(WIRE_VERSION);
        rows.int(message.created_at.as_micros());
        rows.end();
    }
    let done = line
        .copy(DOING, statements::COPY_MESSAGES, rows.done())
        .await?;
    touched(DOING, done, plan.messages.len())
}

/// The numbers of receivers or groups.
async fn nums(
    line: &mut Line,
    sql: &'static str,
    ids: impl Iterator<Item = impl ToString>,
) -> Result<HashMap<String, i64>> {
    let ids: std::collections::BTreeSet<String> = ids.map(|id| id.to_string()).collect();
    let args = vec![Arg::Texts(ids.into_iter().collect())];
    let found = line.rows("find numbers", sql, args).await?;
    found
        .iter()
        .map(|row| Ok((row.text(0)?.to_owned(), row.int(1)?)))
        .collect()
}

fn num(nums: &HashMap<String, i64>, id: &impl ToString) -> Result<i64> {
    let id = id.to_string();
    nums.get(&id)
        .copied()
        .ok_or_else(|| StoreError::inconsistent("receiver", format!("{id} is not there")))
}

async fn payloads(line: &mut Line, plan: &Plan) -> Result<()> {
    const DOING: &str = "insert payloads";
    let (mut seqs, mut packed) = (Vec::new(), Vec::new());
    for new in &plan.events {
        if let Some(bytes) = new.payload.packed() {
            seqs.push(new.event.seq);
            packed.push(bytes.to_vec());
        }
    }
    if seqs.is_empty() {
        return Ok(());
    }
    let rows = seqs.len();
    let query = sqlx::query(statements::INSERT_PAYLOADS)
        .bind(seqs)
        .bind(packed);
    let done = line.execute(DOING, query).await?;
    touched(DOING, done, rows)
}

async fn keys(line: &mut Line, plan: &Plan) -> Result<()> {
    const DOING: &str = "insert idempotency keys";
    let rows = &plan.idempotency;
    if rows.is_empty() {
        return Ok(());
    }
    let query = sqlx::query(statements::INSERT_IDEMPOTENCY)
        .bind(collect(rows, |row| text_key(&[&row.principal, &row.key])))
        .bind(collect(rows, |row| row.digest.to_vec()))
        .bind(collect(rows, |row| row.id.clone()))
        .bind(collect(rows, |row| row.created_at.as_micros()));
    let done = line.execute(DOING, query).await?;
    touched(DOING, done, rows.len())
}

async fn audit(line: &mut Line, plan: &Plan, recorders: &Recorders) -> Result<()> {
    const DOING: &str = "insert audit rows";
    let rows = &plan.audit;
    if rows.is_empty() {
        return Ok(());
    }
    let recorded_by: Result<Vec<i64>> = rows
        .iter()
        .map(|row| row_of(&row.recorder, recorders))
        .collect();
    let query = sqlx::query(statements::INSERT_AUDIT)
        .bind(collect(rows, |row| row.at.as_micros()))
        .bind(recorded_by?)
        .bind(texts(rows.iter().map(|row| row.note.action.clone())))
        .bind(texts(rows.iter().map(|row| row.note.target.clone())))
        .bind(texts(rows.iter().map(|row| row.note.outcome.clone())))
        .bind(texts(rows.iter().map(|row| row.note.detail.clone())));
    let done = line.execute(DOING, query).await?;
    touched(DOING, done, rows.len())
}
