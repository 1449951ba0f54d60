//! Of this engine alone: every statement is valid and none reads a whole table, whatever is known of
//! the tables.

mod hubs;

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _};

use super::statements::{OWN, PREPARE_LINE, PostgresStatements};
use super::{PostgresOptions, PostgresSettings, open};
use crate::domain::id::CountingIds;
use crate::domain::time::Timestamp;
use crate::store::sql::{Engine as _, Statements as _};

/// Statements that may sort what they found before they cut it: a list that is short.
const SHORT_LISTS: [&str; 2] = ["GROUPS_OF", "FIND_GROUPS_BY_MEMBER"];
/// Those that merge a few ranges, each cut by its index, sort what is left.
const MERGES: &str = "STREAMS_";
/// Tables with one row, or a handful.
const TINY: [&str; 2] = ["on registry", "on schema_version"];

/// A server of its own, which ends with its standard input.
struct Server {
    process: Child,
    /// It says more, and ends if nobody listens.
    _says: BufReader<ChildStdout>,
    url: String,
}

impl Server {
    /// `None` where there are no programs of one; that is said.
    fn start() -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/postgres");
        let found = Command::new(&script).arg("where").output().unwrap();
        if !found.status.success() {
            println!(
                "left out: plans on PostgreSQL, whose server is not installed (make test-deps)"
            );
            return None;
        }
        let mut process = Command::new(script)
            .arg("run")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut says = BufReader::new(process.stdout.take().unwrap());
        let mut url = String::new();
        says.read_line(&mut url).unwrap();
        Some(Self {
            process,
            _says: says,
            url: url.trim_end().to_owned(),
        })
    }

    /// A connection to a new registry, as the engine has it.
    async fn connection(&self) -> PgConnection {
        let options = PostgresOptions::parse(&self.url, &PostgresSettings::default()).unwrap();
        let ids = CountingIds::new(Timestamp::from_micros(1_795_000_000_000_000));
        open(&options, &ids).await.unwrap().close().await;
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        connection
            .execute(sqlx::raw_sql(PREPARE_LINE))
            .await
            .unwrap();
        connection
    }

    fn stop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().unwrap();
    }
}

#[tokio::test]
async fn every_statement_is_valid_and_none_scans_a_table() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let plans = plans(server.connection().await).await;
    server.stop();
    insta::assert_snapshot!("plans", plans);
}

async fn plans(mut connection: PgConnection) -> String {
    let mut plans = String::new();
    for (name, sql) in PostgresStatements::ALL.iter().chain(OWN) {
        let name = *name;
        let values = (1..100)
            .take_while(|n| sql.contains(&format!("${n}")))
            .count();
        let nulls = vec!["NULL"; values].join(", ");
        let given = if values > 0 {
            format!("({nulls})")
        } else {
            String::new()
        };
        let prepare = format!("PREPARE one AS {sql}");
        connection
            .execute(sqlx::raw_sql(AssertSqlSafe(prepare)))
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let explain = format!("EXPLAIN (COSTS OFF) EXECUTE one{given}");
        let rows = sqlx::raw_sql(AssertSqlSafe(explain))
            .fetch_all(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        connection
            .execute(sqlx::raw_sql("DEALLOCATE one"))
            .await
            .unwrap();
        let steps: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let plan = steps.join("\n");
        for step in &steps {
            let scans = step.contains("Seq Scan on") && !TINY.iter().any(|t| step.contains(t));
            assert!(!scans, "{name} reads a whole table:\n{plan}");
        }
        // Rows that are read and thrown away again.
        assert!(!plan.contains("Join Filter"), "{name}:\n{plan}");
        if sql.contains("LIMIT") && !SHORT_LISTS.contains(&name) && !name.starts_with(MERGES) {
            assert!(
                !plan.contains("Sort Key"),
                "{name} sorts before it cuts:\n{plan}"
            );
        }
        writeln!(plans, "{name}\n{plan}\n").unwrap();
    }
    connection.close().await.unwrap();
    plans
}
