//! Inserting what payloads say: a few rows as arrays in one statement, many facts, links and natural
//! keys by COPY.

use super::bulk::collect;
use super::copy::Rows;
use super::session::{Line, texts};
use super::statements;
use crate::domain::decide::IndexPlan;
use crate::domain::indexed::Key;
use crate::domain::run::RunChange;
use crate::domain::time::Timestamp;
use crate::limits;
use crate::store::Result;
use crate::store::sql::touched;

const DOING: &str = "insert what payloads say";

/// Inserts all of it.
pub(super) async fn insert(line: &mut Line, plan: &IndexPlan) -> Result<()> {
    if plan.is_empty() {
        return Ok(());
    }
    if plan.clear {
        line.command("clear what payloads say", statements::CLEAR_INDEX)
            .await?;
    }
    let copied = plan.facts.len() >= limits::POSTGRES_COPY_EVENTS
        || plan.links.len() >= limits::POSTGRES_COPY_LINKS;
    if copied {
        copy(line, plan).await?;
    }
    insert_rows(line, plan, copied).await
}

/// Labels of runs: label, time and number.
type LabelRows = (Vec<Vec<u8>>, Vec<i64>, Vec<i64>);

fn labels(runs: &[RunChange], of: impl Fn(&RunChange) -> &[Key]) -> LabelRows {
    let mut rows = LabelRows::default();
    for change in runs {
        let run = &change.row.summary;
        for label in of(change) {
            rows.0.push(label.to_vec());
            rows.1.push(run.at.as_micros());
            rows.2.push(run.num);
        }
    }
    rows
}

fn micros(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_micros)
}

/// Inserts the rows and brings the registry's up to date; without those that are copied.
async fn insert_rows(line: &mut Line, plan: &IndexPlan, copied: bool) -> Result<()> {
    let (facts, links) = if copied {
        (&[][..], &[][..])
    } else {
        (plan.facts.as_slice(), plan.links.as_slice())
    };
    let natural = plan.natural.iter().filter(|(_, row)| row.exists || !copied);
    let natural: Vec<_> = natural.collect();
    let runs = &plan.runs;
    let labelled = labels(runs, |change| &change.labelled);
    let unlabelled = labels(runs, |change| &change.unlabelled);
    let summary = |column: fn(&crate::domain::run::RunSummary) -> i64| {
        collect(runs, |change| column(&change.row.summary))
    };
    let finished = |change: &RunChange| change.row.summary.marks.finished;
    let query = sqlx::query(statements::INSERT_INDEX)
        .bind(collect(facts, |(seq, _)| *seq))
        .bind(texts(
            facts.iter().map(|(_, indexed)| indexed.facts.clone()),
        ))
        .bind(collect(links, |link| link.key.to_vec()))
        .bind(collect(links, |link| link.seq))
        .bind(collect(links, |link| link.role as i16))
        .bind(collect(&natural, |((key, _), _)| key.to_vec()))
        .bind(collect(&natural, |((_, content), _)| content.to_vec()))
        .bind(collect(&natural, |(_, row)| row.seq))
        .bind(summary(|run| run.num))
        .bind(collect(runs, |change| change.row.summary.key.0.to_vec()))
        .bind(collect(runs, |change| change.row.merged_into))
        .bind(collect(runs, |change| {
            change.row.summary.name.parts().0 as i16
        }))
        .bind(collect(runs, |change| {
            change.row.summary.name.parts().1.to_owned()
        }))
        .bind(collect(runs, |change| {
            let source = change.row.summary.name.parts().2;
            source.map(str::to_owned)
        }))
        .bind(collect(runs, |change| change.row.summary.pipeline.clone()))
        .bind(summary(|run| run.at.as_micros()))
        .bind(summary(|run| run.first_at.as_micros()))
        .bind(summary(|run| run.last_at.as_micros()))
        .bind(summary(|run| run.first_seq))
        .bind(summary(|run| run.last_seq))
        .bind(collect(runs, |change| {
            micros(change.row.summary.marks.queued)
        }))
        .bind(collect(runs, |change| {
            micros(change.row.summary.marks.started)
        }))
        .bind(collect(runs, |change| {
            micros(finished(change).map(|(at, _)| at))
        }))
        .bind(collect(runs, |change| {
            finished(change).map(|(_, outcome)| outcome.code() as i16)
        }))
        .bind(summary(|run| run.events))
        .bind(summary(|run| run.failed))
        .bind(collect(runs, |change| change.row.standing().code() as i16))
        .bind(collect(runs, |change| {
            change.row.summary.labels.as_flattened().to_vec()
        }))
        .bind(unlabelled.0)
        .bind(unlabelled.1)
        .bind(unlabelled.2)
        .bind(labelled.0)
        .bind(labelled.1)
        .bind(labelled.2)
        .bind(plan.repeats.keys().copied().collect::<Vec<_>>())
        .bind(plan.repeats.values().copied().collect::<Vec<_>>())
        .bind(plan.numbers.last_run_num)
        .bind(plan.numbers.runs)
        .bind(plan.numbers.reindexed_to)
        .bind(plan.numbers.unindexed_to);
    let done = line.execute(DOING, query).await?;
    touched(DOING, done, 1)
}

/// Copies facts, links and natural keys.
async fn copy(line: &mut Line, plan: &IndexPlan) -> Result<()> {
    const DOING: &str = "copy what payloads say";
    let mut rows = Rows::default();
    for (seq, indexed) in &plan.facts {
        rows.int(*seq);
        rows.text(&indexed.facts);
        rows.end();
    }
    let done = line
        .copy(DOING, statements::COPY_FACTS, rows.done())
        .await?;
    touched(DOING, done, plan.facts.len())?;

    let mut rows = Rows::default();
    for link in &plan.links {
        rows.uuid(&link.key);
        rows.int(link.seq);
        rows.int(link.role);
        rows.end();
    }
    let done = line
        .copy(DOING, statements::COPY_LINKS, rows.done())
        .await?;
    touched(DOING, done, plan.links.len())?;

    let mut rows = Rows::default();
    let mut count = 0;
    for ((key, content), row) in &plan.natural {
        if row.exists {
            continue;
        }
        rows.uuid(key);
        rows.uuid(content);
        rows.int(row.seq);
        rows.end();
        count += 1;
    }
    let done = line
        .copy(DOING, statements::COPY_NATURAL_KEYS, rows.done())
        .await?;
    touched(DOING, done, count)
}
