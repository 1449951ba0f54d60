//! What a hundred thousand rows have in common costs an answer no more than what is asked for.

use super::*;

/// Links of one key, contents of one natural key, and runs of one moment, id, pipeline and label,
/// every other one of which waits.
const FILL: &str = "\
    INSERT INTO link SELECT '01010101010101010101010101010101', i, i % 3 FROM generate_series(1, 100000) i; \
    INSERT INTO natural_key SELECT '00000000000000000000000000000000', md5(i::text)::uuid, i FROM generate_series(1, 100000) i; \
    INSERT INTO run (num, key, kind, id, pipeline, at, first_at, last_at, first_seq, last_seq, finished_at, \
        outcome, events, failed, standing, labels) SELECT i, overlay(md5(i::text) PLACING repeat('0', 16) FROM 1)::uuid, \
        0, 'same', 'p', 5, 5, 5, 1, 1, 5, 0, 1, 0, 1 + i % 2, '' FROM generate_series(1, 100000) i; \
    INSERT INTO run_label SELECT '00000000000000000000000000000000', 5, i FROM generate_series(1, 100000) i; \
    ANALYZE link, natural_key, run, run_label";

/// Each question, with values that the rows of [`FILL`] answer; lists in the middle of the moment.
const QUESTIONS: [(&str, &str); 13] = [
    (
        PostgresStatements::LINKS_NEWEST,
        "ARRAY['\\x01010101010101010101010101010101'::bytea], 20, 0, 9223372036854775807",
    ),
    (
        PostgresStatements::LINKS_OLDEST,
        "ARRAY['\\x01010101010101010101010101010101'::bytea], 20, 0, 9223372036854775807",
    ),
    (
        PostgresStatements::NATURAL_KEYS,
        "ARRAY['\\x0000000000000000000000000000000001010101010101010101010101010101'::bytea]",
    ),
    (PostgresStatements::LIST_RUNS, "5, 50000, 0, 20"),
    (PostgresStatements::LIST_RUNS_OPEN, "5, 50000, 0, 20"),
    (PostgresStatements::LIST_RUNS_BAD, "5, 50000, 0, 20"),
    (
        PostgresStatements::LIST_RUNS_OF_PIPELINE,
        "5, 50000, 0, 20, 'p'",
    ),
    (
        PostgresStatements::LIST_RUNS_OF_LABEL,
        "5, 50000, 0, 20, '\\x00000000000000000000000000000000'",
    ),
    (
        PostgresStatements::RUNS_IN_KEYS,
        "'\\x00000000000000000000000000000000', '\\x0000000000000000ffffffffffffffff', 20",
    ),
    (PostgresStatements::RUNS_OF_ID, "'same', 20"),
    (PostgresStatements::RUN_IDS, "'s', 't', 20"),
    (PostgresStatements::PIPELINES, "'', 'q', 20"),
    (PostgresStatements::RUN_MARKS, "'p', 20"),
];

/// The numbers behind a word of a plan.
fn numbers(plan: &str, word: &str) -> Vec<u64> {
    let after = plan.split(word).skip(1);
    let digits = after.map(|text| {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    });
    digits.collect()
}

#[tokio::test]
async fn what_many_rows_have_in_common_costs_no_more_than_what_is_asked_for() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let mut connection = server.connection().await;
    connection.execute(sqlx::raw_sql(FILL)).await.unwrap();
    for (sql, values) in QUESTIONS {
        let explain = format!(
            "PREPARE one AS {sql}; EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) EXECUTE one({values}); \
             DEALLOCATE one"
        );
        let rows = sqlx::raw_sql(AssertSqlSafe(explain))
            .fetch_all(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        let steps: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let plan = steps.join("\n");
        let (rows, loops) = (numbers(&plan, "actual rows="), numbers(&plan, " loops="));
        assert!(!rows.is_empty() && rows.len() == loops.len(), "{plan}");
        let read: u64 = rows
            .iter()
            .zip(&loops)
            .map(|(rows, loops)| rows * loops)
            .sum();
        let thrown_away: u64 = numbers(&plan, "Removed by Filter: ").iter().sum();
        assert!(read >= 2, "it reads what there is: {sql}\n{plan}");
        assert!(
            read + thrown_away <= 200,
            "{read} and {thrown_away} rows: {sql}\n{plan}"
        );
    }
    connection.close().await.unwrap();
    server.stop();
}
