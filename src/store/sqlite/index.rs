//! Inserting what payloads say.

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sqlx::SqliteConnection;

use super::errors::Doing;
use super::session::{execute, json_list};
use super::statements;
use crate::domain::decide::IndexPlan;
use crate::domain::run::RunRow;
use crate::domain::time::Timestamp;
use crate::store::Result;

/// All of it in one round.
pub(super) async fn insert(connection: &mut SqliteConnection, plan: &IndexPlan) -> Result<()> {
    const DOING: &str = "insert what payloads say";
    if plan.is_empty() {
        return Ok(());
    }
    if plan.clear {
        sqlx::query(statements::CLEAR_INDEX)
            .execute(&mut *connection)
            .await
            .doing("clear what payloads say")?;
    }
    let hex = |key: &[u8]| HEXLOWER.encode(key);
    let facts = plan.facts.iter();
    let links = plan.links.iter();
    let natural = plan.natural.iter();
    let (mut labelled, mut unlabelled) = (Vec::new(), Vec::new());
    for change in &plan.runs {
        let run = &change.row.summary;
        let row = |label: &[u8; 16]| (hex(label), run.at.as_micros(), run.num);
        labelled.extend(change.labelled.iter().map(row));
        unlabelled.extend(change.unlabelled.iter().map(row));
    }
    // The registry's row is the last.
    let rows = plan.facts.len()
        + plan.links.len()
        + plan.natural.len()
        + plan.runs.len()
        + labelled.len()
        + unlabelled.len()
        + plan.repeats.len()
        + 1;
    let query = sqlx::query(statements::INSERT_INDEX)
        .bind(json_list(
            facts.map(|(seq, indexed)| (seq, &indexed.facts)),
        )?)
        .bind(json_list(
            links.map(|link| (hex(&link.key), link.seq, link.role)),
        )?)
        .bind(json_list(natural.map(|((key, content), row)| {
            (hex(key), hex(content), row.seq)
        }))?)
        .bind(json_list(plan.runs.iter().map(|change| run(&change.row)))?)
        .bind(json_list(unlabelled)?)
        .bind(json_list(labelled)?)
        .bind(json_list(&plan.repeats)?)
        .bind(plan.numbers.last_run_num)
        .bind(plan.numbers.runs)
        .bind(plan.numbers.reindexed_to)
        .bind(plan.numbers.unindexed_to);
    execute(connection, DOING, query, rows).await
}

/// The values of a row, in the order of the statement.
fn run(row: &RunRow) -> Value {
    let run = &row.summary;
    let (kind, id, source) = run.name.parts();
    let finished = run.marks.finished;
    json!([
        run.num,
        HEXLOWER.encode(&run.key.0),
        row.merged_into,
        kind,
        id,
        source,
        run.pipeline,
        run.at.as_micros(),
        run.first_at.as_micros(),
        run.last_at.as_micros(),
        run.first_seq,
        run.last_seq,
        run.marks.queued.map(Timestamp::as_micros),
        run.marks.started.map(Timestamp::as_micros),
        finished.map(|(at, _)| at.as_micros()),
        finished.map(|(_, outcome)| outcome.code()),
        run.events,
        run.failed,
        row.standing().code(),
        HEXLOWER.encode(run.labels.as_flattened()),
    ])
}
