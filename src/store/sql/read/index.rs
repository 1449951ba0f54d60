//! Links, events with what they say, and pipeline runs.

use std::collections::BTreeMap;

use super::super::session::{Arg, Columns, Session};
use super::super::statements::Statements as _;
use super::super::{load_index, rows};
use super::{bound, in_order};
use crate::correlate::{Recorded, Role};
use crate::domain::indexed::Key;
use crate::domain::run::{
    LabelKey, RunKey, RunRow, RunSummary, RunTimes, Runs, kept_pipeline, kept_text,
};
use crate::domain::search::{Order, TextMatch};
use crate::domain::time::Timestamp;
use crate::limits;
use crate::store::{Bounds, LinkRow, Result, RunRange, RunWindow, StoreError};

pub(in crate::store::sql) async fn links<S: Session>(
    session: &mut S,
    keys: &[Key],
    per_key: usize,
    bounds: Bounds,
    order: Order,
) -> Result<Vec<LinkRow>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let sql = match order {
        Order::NewestFirst => S::Sql::LINKS_NEWEST,
        Order::OldestFirst => S::Sql::LINKS_OLDEST,
    };
    let keys = keys.iter().map(|key| key.to_vec()).collect();
    let args = vec![
        Arg::Keys(keys),
        bound(per_key),
        bounds.after.into(),
        bounds.before.into(),
    ];
    let mut links = Vec::new();
    for row in &session.rows("read links", sql, args).await? {
        let place = usize::try_from(row.int(0)?).unwrap_or(usize::MAX);
        for (seq, code) in rows::list::<(i64, i64)>(row, 1, "link")? {
            let role = Role::from_code(code)
                .ok_or_else(|| StoreError::inconsistent("link", format!("role {code}")))?;
            links.push(LinkRow { place, seq, role });
        }
    }
    Ok(links)
}

pub(in crate::store::sql) async fn recorded<S: Session>(
    session: &mut S,
    seqs: &[i64],
) -> Result<Vec<Recorded>> {
    if seqs.is_empty() {
        return Ok(Vec::new());
    }
    let args = vec![Arg::Ints(seqs.to_vec())];
    let found = session
        .rows("read what events say", S::Sql::RECORDED, args)
        .await?;
    let read = |row: &S::Row| {
        Ok(Recorded {
            seq: row.int(0)?,
            id: rows::event_id(row, 1)?,
            unit: rows::unit(row, 2)?,
            receiver_type: rows::string(row, 7)?,
            success: row.bool(8)?,
            recorded_at: rows::time(row, 9)?,
            payload_digest: row
                .bytes(10)?
                .try_into()
                .map_err(|_| StoreError::inconsistent("event", "digest"))?,
            repeats: u32::try_from(row.int(11)?).unwrap_or(u32::MAX),
            facts: serde_json::from_str(row.text(12)?)
                .map_err(|error| StoreError::inconsistent("facts", error))?,
        })
    };
    let found: Result<Vec<Recorded>> = found.iter().map(read).collect();
    Ok(in_order(seqs, found?, |event| event.seq))
}

pub(in crate::store::sql) async fn runs<S: Session>(
    session: &mut S,
    keys: &[RunKey],
) -> Result<Vec<(RunKey, RunSummary)>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut known = Runs::default();
    for row in load_index::runs(session, keys.iter().copied()).await? {
        known.know(row);
    }
    let named = |key: &RunKey| Some((*key, known.find(*key)?.summary.clone()));
    Ok(keys.iter().filter_map(named).collect())
}

/// Of names and what they stand for: the runs, each once, from the one that was seen last.
fn roots<R: Columns>(found: &[R]) -> Result<Vec<RunSummary>> {
    let read: Result<Vec<RunRow>> = found.iter().map(rows::run).collect();
    let mut runs: BTreeMap<i64, RunSummary> = BTreeMap::new();
    for row in read? {
        if row.merged_into.is_none() {
            runs.insert(row.summary.num, row.summary);
        }
    }
    Ok(runs.into_values().rev().collect())
}

pub(in crate::store::sql) async fn runs_by_handle<S: Session>(
    session: &mut S,
    handle: i64,
    limit: usize,
) -> Result<Vec<RunSummary>> {
    let (first, last) = RunKey::range_of_handle(handle);
    let args = vec![
        first.0.to_vec().into(),
        last.0.to_vec().into(),
        bound(limit),
    ];
    roots(
        &session
            .rows("find runs", S::Sql::RUNS_IN_KEYS, args)
            .await?,
    )
}

pub(in crate::store::sql) async fn runs_by_id<S: Session>(
    session: &mut S,
    id: &str,
    limit: usize,
) -> Result<Vec<RunSummary>> {
    let args = vec![kept_text(id).into(), bound(limit)];
    roots(&session.rows("find runs", S::Sql::RUNS_OF_ID, args).await?)
}

pub(in crate::store::sql) async fn list_runs<S: Session>(
    session: &mut S,
    of: &RunRange,
    window: RunWindow,
    after: Option<(Timestamp, i64)>,
    limit: usize,
) -> Result<Vec<RunSummary>> {
    // No row has the number 0: whatever is at the end itself is behind this.
    let end = (window.to.map_or(i64::MAX, Timestamp::as_micros), 0);
    let before = match after {
        Some((at, num)) => end.min((at.as_micros(), num)),
        None => end,
    };
    let from = window.from.map_or(i64::MIN, Timestamp::as_micros);
    let mut args = vec![before.0.into(), before.1.into(), from.into(), bound(limit)];
    let sql = match of {
        RunRange::All => S::Sql::LIST_RUNS,
        RunRange::Open => S::Sql::LIST_RUNS_OPEN,
        RunRange::Bad => S::Sql::LIST_RUNS_BAD,
        RunRange::Pipeline(name) => {
            args.push(kept_pipeline(name).into());
            S::Sql::LIST_RUNS_OF_PIPELINE
        }
        RunRange::Label(label) => {
            args.push(label_arg(label));
            S::Sql::LIST_RUNS_OF_LABEL
        }
    };
    let found = session.rows("list runs", sql, args).await?;
    found
        .iter()
        .map(|row| Ok(rows::run(row)?.summary))
        .collect()
}

fn label_arg(label: &LabelKey) -> Arg {
    label.to_vec().into()
}

/// Texts that begin so, as far as an index tells: from the first on, and before the second.
fn beginning(text: &str) -> (String, String) {
    let text: String = kept_text(text)
        .chars()
        .take(limits::RUN_ID_INDEXED)
        .collect();
    let (from, to) = TextMatch::Prefix(text).range();
    // Where no character is greater: behind every text that an index holds.
    let to = to.unwrap_or_else(|| char::MAX.to_string().repeat(limits::RUN_ID_INDEXED + 1));
    (from, to)
}

pub(in crate::store::sql) async fn run_ids<S: Session>(
    session: &mut S,
    text: &str,
    limit: usize,
) -> Result<Vec<(String, RunKey)>> {
    let (from, to) = beginning(text);
    let args = vec![from.into(), to.into(), bound(limit)];
    let found = session
        .rows("complete a run", S::Sql::RUN_IDS, args)
        .await?;
    let mut ids = Vec::new();
    for row in &found {
        ids.push((rows::string(row, 0)?, RunKey(rows::key(row, 1, "run")?)));
    }
    let text = kept_text(text);
    ids.retain(|(id, _)| id.starts_with(&text));
    Ok(ids)
}

pub(in crate::store::sql) async fn pipelines<S: Session>(
    session: &mut S,
    text: &str,
    limit: usize,
) -> Result<Vec<String>> {
    let (from, to) = beginning(text);
    let args = vec![from.into(), to.into(), bound(limit)];
    let found = session
        .rows("complete a pipeline", S::Sql::PIPELINES, args)
        .await?;
    found.iter().map(|row| rows::string(row, 0)).collect()
}

pub(in crate::store::sql) async fn run_times<S: Session>(
    session: &mut S,
    pipeline: &str,
    limit: usize,
) -> Result<Vec<RunTimes>> {
    let args = vec![kept_pipeline(pipeline).into(), bound(limit)];
    let found = session
        .rows("read the times of runs", S::Sql::RUN_MARKS, args)
        .await?;
    let mut times = Vec::new();
    for row in &found {
        times.extend(RunTimes::of(&rows::marks(row, 0)?));
    }
    Ok(times)
}
