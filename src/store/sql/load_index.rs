//! Loading what is known of what payloads say, as far as a batch of commands needs it.

use super::rows;
use super::session::{Arg, Columns as _, Session};
use super::statements::Statements as _;
use crate::domain::decide::{IndexState, Needs};
use crate::domain::indexed::Key;
use crate::domain::run::{RunKey, RunRow, Runs};
use crate::store::{Result, StoreError};

/// Reads it, beside the registry's row; nothing where no payload was looked into.
pub(super) async fn state<S: Session>(
    session: &mut S,
    row: &S::Row,
    needs: &Needs,
    state: &mut IndexState,
) -> Result<()> {
    state.runs = Runs::new(row.int(15)?, row.int(16)?);
    state.reindexed_to = row.int(17)?;
    state.unindexed_to = row.int(18)?;
    natural_keys(session, needs, state).await?;
    if !needs.runs.is_empty() {
        for run in runs(session, needs.runs.iter().copied()).await? {
            state.runs.know(run);
        }
    }
    Ok(())
}

async fn natural_keys<S: Session>(
    session: &mut S,
    needs: &Needs,
    state: &mut IndexState,
) -> Result<()> {
    if needs.natural.is_empty() {
        return Ok(());
    }
    let wanted: Vec<&(Key, Key)> = needs.natural.iter().collect();
    let pairs = wanted.iter().map(|(key, content)| {
        let mut pair = key.to_vec();
        pair.extend(content);
        pair
    });
    let args = vec![Arg::Keys(pairs.collect())];
    let found = session
        .rows("look for natural keys", S::Sql::NATURAL_KEYS, args)
        .await?;
    for row in &found {
        let place = usize::try_from(row.int(0)?).ok();
        let (key, _) = place
            .and_then(|place| wanted.get(place))
            .ok_or_else(|| StoreError::inconsistent("natural_key", "a place in a list"))?;
        let content = rows::key(row, 1, "natural_key")?;
        let event = (row.int(2)?, rows::event_id(row, 3)?);
        state
            .natural
            .entry(*key)
            .or_default()
            .insert(content, event);
    }
    Ok(())
}

/// The rows with these keys, and those that they are other names of.
pub(super) async fn runs<S: Session>(
    session: &mut S,
    keys: impl IntoIterator<Item = RunKey>,
) -> Result<Vec<RunRow>> {
    let keys = keys.into_iter().map(|key| key.0.to_vec());
    let args = vec![Arg::Keys(keys.collect())];
    let found = session.rows("read runs", S::Sql::RUNS, args).await?;
    found.iter().map(rows::run).collect()
}
