//! Writing a plan.

use super::load::{definition_key, text_key};
use super::session::{Arg, Columns as _, Recorders, Session};
use super::statements::Statements as _;
use crate::domain::decide::{NewMessage, Plan, State};
use crate::domain::principal::Recorder;
use crate::store::{Result, StoreError};

/// Writes `plan`, decided from `state`. `recorders` learns the rows of new recorders.
pub(super) async fn plan<S: Session>(
    session: &mut S,
    plan: &Plan,
    state: &State,
    recorders: &mut Recorders,
) -> Result<()> {
    if plan.is_empty() {
        return Ok(());
    }
    definitions(session, plan).await?;
    for new in &plan.events {
        know(session, &new.event.recorded_by, recorders).await?;
    }
    for row in &plan.audit {
        know(session, &row.recorder, recorders).await?;
    }
    session.insert(plan, recorders).await?;
    // The rest of the row follows from the rows that were written.
    let changes = plan.receivers.len() + plan.groups.len() + plan.group_changes.len();
    if changes + plan.audit.len() + plan.idempotency.len() == 0 {
        return Ok(());
    }
    let args = vec![
        Arg::Int(state.last_created_at.as_micros()),
        Arg::Int(plan.receivers.len() as i64),
        Arg::Int(plan.groups.len() as i64),
        Arg::Int(changes as i64),
    ];
    session
        .change("update the registry", S::Sql::UPDATE_REGISTRY, args, 1)
        .await
}

async fn definitions<S: Session>(session: &mut S, plan: &Plan) -> Result<()> {
    for new in &plan.receivers {
        let receiver = &new.receiver;
        let key = (
            receiver.name.clone(),
            receiver.kind.clone(),
            receiver.version.clone(),
        );
        let args = vec![
            receiver.id.to_string().into(),
            definition_key(&key).into(),
            key.0.into(),
            key.1.into(),
            key.2.into(),
            receiver.description.clone().into(),
            receiver.fingerprint.clone().into(),
            receiver.created_at.as_micros().into(),
            receiver.unchecked_refs.into(),
        ];
        session
            .change("insert a receiver", S::Sql::INSERT_RECEIVER, args, 1)
            .await?;
        let args = vec![
            receiver.id.to_string().into(),
            new.schema.get().to_owned().into(),
        ];
        session
            .change("insert a schema", S::Sql::INSERT_RECEIVER_SCHEMA, args, 1)
            .await?;
    }
    for group in &plan.groups {
        let key = (
            group.name.clone(),
            group.kind.clone(),
            group.version.clone(),
        );
        let args = vec![
            group.id.to_string().into(),
            definition_key(&key).into(),
            key.0.into(),
            key.1.into(),
            key.2.into(),
            group.description.clone().into(),
            group.enabled.into(),
            group.created_at.as_micros().into(),
            group.updated_at.as_micros().into(),
            group.active_from_seq.into(),
        ];
        session
            .change("insert a group", S::Sql::INSERT_GROUP, args, 1)
            .await?;
        let members = &group.event_receiver_ids;
        let args = vec![group.id.to_string().into(), Arg::ids(members)];
        let sql = S::Sql::INSERT_GROUP_MEMBERS;
        session
            .change("insert the members of a group", sql, args, members.len())
            .await?;
    }
    for change in &plan.group_changes {
        let args = vec![
            change.id.to_string().into(),
            change.enabled.into(),
            change.updated_at.as_micros().into(),
            change.active_from_seq.into(),
        ];
        session
            .change("update a group", S::Sql::UPDATE_GROUP, args, 1)
            .await?;
    }
    Ok(())
}

/// What a message keeps of its group, as text.
pub(in crate::store) fn group_state(message: &NewMessage) -> Result<Option<String>> {
    let Some((_, state)) = &message.group else {
        return Ok(None);
    };
    let text = serde_json::to_string(state).map_err(|error| StoreError::Statement {
        what: "keep a group's state".to_owned(),
        source: Box::new(error),
    })?;
    Ok(Some(text))
}

/// The row of a recorder that [`plan`] made known.
pub(in crate::store) fn row_of(recorder: &Recorder, recorders: &Recorders) -> Result<i64> {
    recorders
        .get(recorder)
        .copied()
        .ok_or_else(|| StoreError::inconsistent("recorder", "an unknown recorder"))
}

/// Finds or inserts the row of a recorder.
async fn know<S: Session>(
    session: &mut S,
    recorder: &Recorder,
    known: &mut Recorders,
) -> Result<()> {
    const FINDING: &str = "find a recorder";
    if known.contains_key(recorder) {
        return Ok(());
    }
    let kind = recorder.kind.as_str();
    let key = text_key(&[
        &recorder.principal,
        kind,
        &recorder.surface,
        &recorder.client,
    ]);
    let find = || vec![Arg::Bytes(key.clone())];
    let found = session
        .optional(FINDING, S::Sql::RECORDER_ID, find())
        .await?;
    let row = match found {
        Some(row) => row,
        None => {
            let args = vec![
                key.clone().into(),
                recorder.principal.clone().into(),
                kind.to_owned().into(),
                recorder.surface.clone().into(),
                recorder.client.clone().into(),
            ];
            session
                .change("insert a recorder", S::Sql::INSERT_RECORDER, args, 1)
                .await?;
            session.one(FINDING, S::Sql::RECORDER_ID, find()).await?
        }
    };
    known.insert(recorder.clone(), row.int(0)?);
    Ok(())
}
