//! Receivers and groups.

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::super::errors::Doing;
use super::super::load::json_list;
use super::super::{rows, statements};
use super::{before, bound};
use crate::domain::group::Group;
use crate::domain::id::{GroupId, ReceiverId};
use crate::domain::receiver::Receiver;
use crate::domain::search::{DefinitionFilter, Page, Position, TextMatch, any_fits};
use crate::limits;
use crate::store::{ReceiverText, Result};

pub(in crate::store::sqlite) async fn receivers(
    connection: &mut SqliteConnection,
    ids: &[ReceiverId],
) -> Result<Vec<Receiver>> {
    let found = sqlx::query(statements::RECEIVERS)
        .bind(json_list(ids)?)
        .fetch_all(connection)
        .await;
    found
        .doing("read receivers")?
        .iter()
        .map(|row| Ok(rows::receiver(row)?.1))
        .collect()
}

pub(in crate::store::sqlite) async fn receiver_ids(
    connection: &mut SqliteConnection,
    by: ReceiverText,
    value: &TextMatch,
    limit: usize,
) -> Result<Vec<ReceiverId>> {
    let (from, to) = value.range();
    let statement = match (by, &to) {
        (ReceiverText::Name, None) => statements::RECEIVERS_OF_NAMES_FROM,
        (ReceiverText::Name, Some(_)) => statements::RECEIVERS_OF_NAMES,
        (ReceiverText::Type, None) => statements::RECEIVERS_OF_TYPES_FROM,
        (ReceiverText::Type, Some(_)) => statements::RECEIVERS_OF_TYPES,
    };
    let query = sqlx::query(statement).bind(from).bind(bound(limit));
    let query = match to {
        Some(to) => query.bind(to),
        None => query,
    };
    let found = query.fetch_all(connection).await;
    found
        .doing("find receivers")?
        .iter()
        .map(|row| rows::receiver_id(row, 0))
        .collect()
}

pub(in crate::store::sqlite) async fn groups(
    connection: &mut SqliteConnection,
    ids: &[GroupId],
) -> Result<Vec<Group>> {
    let found = sqlx::query(statements::GROUPS)
        .bind(json_list(ids)?)
        .fetch_all(connection)
        .await;
    found
        .doing("read groups")?
        .iter()
        .map(|row| Ok(rows::group(row)?.1))
        .collect()
}

pub(in crate::store::sqlite) async fn groups_of(
    connection: &mut SqliteConnection,
    receivers: &[ReceiverId],
    limit: usize,
) -> Result<Vec<Group>> {
    let query = sqlx::query(statements::GROUPS_OF)
        .bind(json_list(receivers)?)
        .bind(bound(limit));
    query
        .fetch_all(connection)
        .await
        .doing("read groups")?
        .iter()
        .map(|row| Ok(rows::group(row)?.1))
        .collect()
}

/// The one exact value of a filter field, if that is what it says.
fn exact(values: &[TextMatch]) -> Option<&str> {
    match values {
        [TextMatch::Exact(text)] => Some(text),
        _ => None,
    }
}

pub(in crate::store::sqlite) async fn find_receivers(
    connection: &mut SqliteConnection,
    filter: &DefinitionFilter,
    after: Position,
    limit: usize,
) -> Result<Page<Receiver>> {
    let (statement, value) = match (exact(&filter.name), exact(&filter.types)) {
        (Some(name), _) => (statements::FIND_RECEIVERS_BY_NAME, Some(name.to_owned())),
        (None, Some(kind)) => (statements::FIND_RECEIVERS_BY_TYPE, Some(kind.to_owned())),
        (None, None) => (statements::FIND_RECEIVERS, None),
    };
    let fits = |receiver: &Receiver| {
        any_fits(&filter.name, &receiver.name)
            && any_fits(&filter.types, &receiver.kind)
            && any_fits(&filter.version, &receiver.version)
    };
    scan(
        connection,
        (statement, value),
        after,
        limit,
        rows::receiver,
        fits,
    )
    .await
}

pub(in crate::store::sqlite) async fn find_groups(
    connection: &mut SqliteConnection,
    filter: &DefinitionFilter,
    after: Position,
    limit: usize,
) -> Result<Page<Group>> {
    let (statement, value) = match (exact(&filter.name), exact(&filter.types), filter.receiver) {
        (Some(name), _, _) => (statements::FIND_GROUPS_BY_NAME, Some(name.to_owned())),
        (None, Some(kind), _) => (statements::FIND_GROUPS_BY_TYPE, Some(kind.to_owned())),
        (None, None, Some(id)) => (statements::FIND_GROUPS_BY_MEMBER, Some(id.to_string())),
        (None, None, None) => (statements::FIND_GROUPS, None),
    };
    let fits = |group: &Group| {
        any_fits(&filter.name, &group.name)
            && any_fits(&filter.types, &group.kind)
            && any_fits(&filter.version, &group.version)
            && filter
                .receiver
                .is_none_or(|id| group.event_receiver_ids.contains(&id))
            && filter
                .enabled
                .is_none_or(|enabled| group.enabled == enabled)
    };
    scan(
        connection,
        (statement, value),
        after,
        limit,
        rows::group,
        fits,
    )
    .await
}

/// Reads on until `limit` rows fit or [`limits::SCAN_ROWS`] were looked at.
async fn scan<T>(
    connection: &mut SqliteConnection,
    (statement, value): (&'static str, Option<String>),
    after: Position,
    limit: usize,
    read: impl Fn(&SqliteRow) -> Result<(i64, T)>,
    fits: impl Fn(&T) -> bool,
) -> Result<Page<T>> {
    const CHUNK: usize = 200;
    let mut page = Page {
        rows: Vec::new(),
        next: after,
        scanned: 0,
    };
    loop {
        let take = CHUNK.max(limit + 1);
        let query = sqlx::query(statement)
            .bind(before(page.next))
            .bind(bound(take));
        let query = match &value {
            Some(value) => query.bind(value.clone()),
            None => query,
        };
        let found = query
            .fetch_all(&mut *connection)
            .await
            .doing("read a list")?;
        let ended = found.len() < take;
        for row in &found {
            let (position, record) = read(row)?;
            if page.rows.len() == limit {
                return Ok(page);
            }
            page.scanned += 1;
            page.next = Some(position);
            if fits(&record) {
                page.rows.push(record);
            }
        }
        if ended {
            page.next = None;
            return Ok(page);
        }
        if page.scanned >= limits::SCAN_ROWS {
            return Ok(page);
        }
    }
}
