//! Receivers and groups.

use super::super::rows;
use super::super::session::{Arg, Session};
use super::super::statements::Statements as _;
use super::{before, between, bound};
use crate::domain::group::Group;
use crate::domain::id::{GroupId, ReceiverId};
use crate::domain::receiver::Receiver;
use crate::domain::search::{DefinitionFilter, Page, Position, TextMatch, any_fits};
use crate::limits;
use crate::store::{ReceiverText, RecordText, Result};

pub(in crate::store::sql) async fn receivers<S: Session>(
    session: &mut S,
    ids: &[ReceiverId],
) -> Result<Vec<Receiver>> {
    let args = vec![Arg::ids(ids)];
    let found = session
        .rows("read receivers", S::Sql::RECEIVERS, args)
        .await?;
    found.iter().map(|row| Ok(rows::receiver(row)?.1)).collect()
}

pub(in crate::store::sql) async fn schemas<S: Session>(
    session: &mut S,
    ids: &[ReceiverId],
) -> Result<Vec<(ReceiverId, String)>> {
    let args = vec![Arg::ids(ids)];
    let found = session
        .rows("read schemas", S::Sql::RECEIVER_SCHEMAS, args)
        .await?;
    let read = |row| Ok((rows::receiver_id(row, 0)?, rows::string(row, 1)?));
    found.iter().map(read).collect()
}

pub(in crate::store::sql) async fn receiver_ids<S: Session>(
    session: &mut S,
    by: ReceiverText,
    value: &TextMatch,
    limit: usize,
) -> Result<Vec<ReceiverId>> {
    let (from, to) = value.range();
    let statements = match by {
        ReceiverText::Name => (S::Sql::RECEIVERS_OF_NAMES_FROM, S::Sql::RECEIVERS_OF_NAMES),
        ReceiverText::Type => (S::Sql::RECEIVERS_OF_TYPES_FROM, S::Sql::RECEIVERS_OF_TYPES),
    };
    let (sql, args) = between(statements, from, to, limit);
    rows::receiver_ids(&session.rows("find receivers", sql, args).await?)
}

pub(in crate::store::sql) async fn groups<S: Session>(
    session: &mut S,
    ids: &[GroupId],
) -> Result<Vec<Group>> {
    let args = vec![Arg::ids(ids)];
    let found = session.rows("read groups", S::Sql::GROUPS, args).await?;
    found.iter().map(|row| Ok(rows::group(row)?.1)).collect()
}

pub(in crate::store::sql) async fn groups_of<S: Session>(
    session: &mut S,
    receivers: &[ReceiverId],
    limit: usize,
) -> Result<Vec<Group>> {
    let args = vec![Arg::ids(receivers), bound(limit)];
    let found = session.rows("read groups", S::Sql::GROUPS_OF, args).await?;
    found.iter().map(|row| Ok(rows::group(row)?.1)).collect()
}

pub(in crate::store::sql) async fn texts<S: Session>(
    session: &mut S,
    of: RecordText,
    beginning: &str,
    limit: usize,
) -> Result<Vec<(String, String)>> {
    let sql = match of {
        RecordText::ReceiverName => S::Sql::RECEIVER_NAMES,
        RecordText::ReceiverType => S::Sql::RECEIVER_TYPES,
        RecordText::ReceiverId => S::Sql::RECEIVER_IDS,
        RecordText::GroupName => S::Sql::GROUP_NAMES,
        RecordText::GroupType => S::Sql::GROUP_TYPES,
        RecordText::GroupId => S::Sql::GROUP_IDS,
        RecordText::EventId => S::Sql::EVENT_IDS,
    };
    let (from, to) = TextMatch::Prefix(beginning.to_owned()).range();
    // Where no character is greater: behind every text that a field holds.
    let to = to.unwrap_or_else(|| {
        format!(
            "{beginning}{}",
            char::MAX.to_string().repeat(limits::FIELD_CHARS + 1)
        )
    });
    let args = vec![from.into(), to.into(), bound(limit)];
    let found = session.rows("complete a text", sql, args).await?;
    found
        .iter()
        .map(|row| Ok((rows::string(row, 0)?, rows::string(row, 1)?)))
        .collect()
}

/// The one exact value of a filter field, if that is what it says.
fn exact(values: &[TextMatch]) -> Option<&str> {
    match values {
        [TextMatch::Exact(text)] => Some(text),
        _ => None,
    }
}

pub(in crate::store::sql) async fn find_receivers<S: Session>(
    session: &mut S,
    filter: &DefinitionFilter,
    after: Position,
    limit: usize,
) -> Result<Page<Receiver>> {
    let (statement, value) = match (exact(&filter.name), exact(&filter.types)) {
        (Some(name), _) => (S::Sql::FIND_RECEIVERS_BY_NAME, Some(name.to_owned())),
        (None, Some(kind)) => (S::Sql::FIND_RECEIVERS_BY_TYPE, Some(kind.to_owned())),
        (None, None) => (S::Sql::FIND_RECEIVERS, None),
    };
    let fits = |receiver: &Receiver| {
        any_fits(&filter.name, &receiver.name)
            && any_fits(&filter.types, &receiver.kind)
            && any_fits(&filter.version, &receiver.version)
    };
    scan(
        session,
        (statement, value),
        after,
        limit,
        rows::receiver,
        fits,
    )
    .await
}

pub(in crate::store::sql) async fn find_groups<S: Session>(
    session: &mut S,
    filter: &DefinitionFilter,
    after: Position,
    limit: usize,
) -> Result<Page<Group>> {
    let (statement, value) = match (exact(&filter.name), exact(&filter.types), filter.receiver) {
        (Some(name), _, _) => (S::Sql::FIND_GROUPS_BY_NAME, Some(name.to_owned())),
        (None, Some(kind), _) => (S::Sql::FIND_GROUPS_BY_TYPE, Some(kind.to_owned())),
        (None, None, Some(id)) => (S::Sql::FIND_GROUPS_BY_MEMBER, Some(id.to_string())),
        (None, None, None) => (S::Sql::FIND_GROUPS, None),
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
    scan(session, (statement, value), after, limit, rows::group, fits).await
}

/// Reads on until `limit` rows fit or [`limits::SCAN_ROWS`] were looked at.
async fn scan<S: Session, T>(
    session: &mut S,
    (statement, value): (&'static str, Option<String>),
    after: Position,
    limit: usize,
    read: impl Fn(&S::Row) -> Result<(i64, T)>,
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
        let mut args = vec![before(page.next), bound(take)];
        args.extend(value.clone().map(Arg::Text));
        let found = session.rows("read a list", statement, args).await?;
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
