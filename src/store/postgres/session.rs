//! A connection whose every use is bounded in time, and which knows whether it is still of use.

use std::time::{Duration, Instant};

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{
    ConnectOptions as _, Connection as _, PgConnection, Postgres, Row, TypeInfo as _, ValueRef as _,
};
use tokio::time::timeout;

use super::bulk;
use super::errors::{classify, ends_connection, is_answer};
use super::options::PostgresOptions;
use super::statements::{self, PostgresStatements};
use crate::domain::decide::Plan;
use crate::limits;
use crate::store::sql::{Arg, Columns, Recorders, Session};
use crate::store::{Result, StoreError};

pub(super) type Query = sqlx::query::Query<'static, Postgres, PgArguments>;

/// The longest wait for a sign of life.
const ANSWER: Duration = Duration::from_secs(2);

/// How a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    /// It waits for a statement.
    Ready,
    /// A statement is under way, or was given up: what comes next on the wire is not known.
    Busy,
    /// It broke.
    Dead,
}

/// An open connection.
#[derive(Debug)]
pub(in crate::store) struct Line {
    connection: PgConnection,
    health: Health,
    /// Whether the last statement failed by an answer of the server: then its transaction is over.
    answered: bool,
    patience: Duration,
    made: Instant,
    /// When it was last of use.
    used: Instant,
    /// Whether it has ever answered, beyond being made.
    proven: bool,
}

impl Line {
    /// Connects, within the time that is allowed for that.
    pub(super) async fn connect(options: &PostgresOptions) -> Result<Self> {
        let patience = options.patience;
        let connect = options.connect().await?;
        let late = || late("make a connection", patience);
        let connecting = timeout(patience, connect.connect()).await;
        let connection = connecting
            .map_err(|_| late())?
            .map_err(|error| classify("connect", error))?;
        let mut line = Self {
            connection,
            health: Health::Ready,
            answered: false,
            patience,
            made: Instant::now(),
            used: Instant::now(),
            proven: false,
        };
        // The server gives up a little earlier than this side, and says so. A transaction whose client
        // is gone must not keep the others from writing.
        let millis = |share: u32| (patience / share).as_millis().max(1);
        let prepare = format!(
            "{}; SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {}",
            statements::PREPARE_LINE,
            millis(1) * 4 / 5,
            millis(3),
            millis(3),
        );
        let prepared = timeout(
            patience,
            sqlx::raw_sql(sqlx::AssertSqlSafe(prepare)).execute(&mut line.connection),
        );
        prepared
            .await
            .map_err(|_| late())?
            .map_err(|error| classify("prepare a connection", error))?;
        Ok(line)
    }

    /// Whether another statement may be sent.
    pub(super) fn is_ready(&self) -> bool {
        self.health == Health::Ready
    }

    /// Whether it broke, perhaps long ago.
    pub(super) fn is_dead(&self) -> bool {
        self.health == Health::Dead
    }

    /// Whether it broke and had been of use: then a new one may be.
    pub(super) fn was_dead(&self) -> bool {
        self.is_dead() && self.proven
    }

    /// Whether the other end is still there: asked, and answered soon, where it was silent for long.
    pub(super) async fn answers(&mut self) -> bool {
        if self.used.elapsed() < Duration::from_secs(limits::POSTGRES_IDLE_SECONDS) {
            return self.is_ready();
        }
        let patience = self.patience;
        self.patience = ANSWER.min(patience);
        let answered = self
            .command("look for the server", "SELECT 1")
            .await
            .is_ok();
        self.patience = patience;
        answered
    }

    /// How long it has not been of use.
    pub(super) fn idle(&self) -> Duration {
        self.used.elapsed()
    }

    /// Whether the server answered the last statement with an error.
    pub(super) fn was_answered(&self) -> bool {
        self.answered
    }

    pub(super) fn age(&self) -> Duration {
        self.made.elapsed()
    }

    /// Waits longer for answers from here on, on both sides: for work that is known to take long.
    pub(super) async fn be_patient(&mut self) -> Result<()> {
        self.patience = Duration::from_hours(24);
        self.command(
            "prepare a connection",
            "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET enable_seqscan = on; \
             SET enable_hashjoin = on; SET enable_mergejoin = on; SET enable_bitmapscan = on; \
             SET enable_material = on; SET plan_cache_mode = auto",
        )
        .await?;
        Ok(())
    }

    /// Runs statements without values; gives the rows of all of them.
    pub(super) async fn command(
        &mut self,
        doing: &'static str,
        sql: &'static str,
    ) -> Result<Vec<PgRow>> {
        self.begin();
        let running = sqlx::raw_sql(sql).fetch_all(&mut self.connection);
        let done = timeout(self.patience, running).await;
        self.end(doing, done)
    }

    /// Runs a statement; gives how many rows it touched.
    pub(super) async fn execute(&mut self, doing: &'static str, query: Query) -> Result<u64> {
        self.begin();
        let running = query.execute(&mut self.connection);
        let done = timeout(self.patience, running).await;
        self.end(doing, done).map(|done| done.rows_affected())
    }

    /// Copies rows in COPY's text format.
    pub(super) async fn copy(
        &mut self,
        doing: &'static str,
        sql: &'static str,
        rows: Vec<u8>,
    ) -> Result<u64> {
        self.begin();
        let running = async {
            let mut copying = self.connection.copy_in_raw(sql).await?;
            copying.send(rows).await?;
            copying.finish().await
        };
        let done = timeout(self.patience, running).await;
        self.end(doing, done)
    }

    /// Says goodbye, within a moment.
    pub(super) async fn close(self) {
        if self.health == Health::Ready {
            let _ = timeout(Duration::from_secs(1), self.connection.close()).await;
        }
    }

    fn begin(&mut self) {
        // If the caller stops waiting it stays so.
        self.health = Health::Busy;
        self.answered = false;
    }

    fn end<T>(
        &mut self,
        doing: &'static str,
        done: std::result::Result<sqlx::Result<T>, tokio::time::error::Elapsed>,
    ) -> Result<T> {
        let Ok(done) = done else {
            return Err(late(doing, self.patience));
        };
        match done {
            Ok(value) => {
                self.health = Health::Ready;
                self.used = Instant::now();
                self.proven = true;
                Ok(value)
            }
            Err(error) => {
                self.health = if ends_connection(&error) {
                    Health::Dead
                } else {
                    Health::Ready
                };
                self.answered = is_answer(&error);
                Err(classify(doing, error))
            }
        }
    }
}

fn late(doing: &str, patience: Duration) -> StoreError {
    StoreError::unavailable(
        format!(
            "the PostgreSQL server did not answer within {} s (to {doing})",
            patience.as_secs_f32()
        ),
        "Wait a moment. If that does not help, check the server and the network to it.",
    )
}

/// No stored text has a NUL character, and PostgreSQL takes none; this one does not stand in names
/// either, so that a search for it finds nothing.
fn without_nul(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{1}")
    } else {
        text
    }
}

pub(super) fn texts(texts: impl IntoIterator<Item = String>) -> Vec<String> {
    texts.into_iter().map(without_nul).collect()
}

fn query(sql: &'static str, args: Vec<Arg>) -> Query {
    args.into_iter()
        .fold(sqlx::query(sql), |query, arg| match arg {
            Arg::Int(value) => query.bind(value),
            Arg::Bool(value) => query.bind(value),
            Arg::Text(value) => query.bind(without_nul(value)),
            Arg::Bytes(value) => query.bind(value),
            Arg::Ints(values) => query.bind(values),
            Arg::Bools(values) => query.bind(values),
            Arg::Texts(values) => query.bind(texts(values)),
            Arg::Keys(values) => query.bind(values),
        })
}

impl Session for Line {
    type Row = PgRow;
    type Sql = PostgresStatements;

    async fn rows(
        &mut self,
        doing: &'static str,
        sql: &'static str,
        args: Vec<Arg>,
    ) -> Result<Vec<PgRow>> {
        self.begin();
        let running = query(sql, args).fetch_all(&mut self.connection);
        let done = timeout(self.patience, running).await;
        self.end(doing, done)
    }

    async fn run(&mut self, doing: &'static str, sql: &'static str, args: Vec<Arg>) -> Result<u64> {
        self.execute(doing, query(sql, args)).await
    }

    async fn insert(&mut self, plan: &Plan, recorders: &Recorders) -> Result<()> {
        bulk::insert(self, plan, recorders).await
    }
}

const READ: &str = "read a row";

fn read<T>(column: sqlx::Result<T>) -> Result<T> {
    column.map_err(|error| classify(READ, error))
}

impl Columns for PgRow {
    fn int(&self, at: usize) -> Result<i64> {
        self.int_or_null(at)?
            .ok_or_else(|| StoreError::inconsistent("registry", format!("column {at} is null")))
    }

    /// Of any width.
    fn int_or_null(&self, at: usize) -> Result<Option<i64>> {
        let value = read(self.try_get_raw(at))?;
        if value.is_null() {
            return Ok(None);
        }
        let width = value.type_info().name().to_owned();
        match width.as_str() {
            "INT2" => read(self.try_get::<i16, _>(at)).map(|value| Some(i64::from(value))),
            "INT4" => read(self.try_get::<i32, _>(at)).map(|value| Some(i64::from(value))),
            _ => read(self.try_get(at)),
        }
    }

    fn bool(&self, at: usize) -> Result<bool> {
        read(self.try_get(at))
    }

    fn text(&self, at: usize) -> Result<&str> {
        read(self.try_get(at))
    }

    fn text_or_null(&self, at: usize) -> Result<Option<&str>> {
        read(self.try_get(at))
    }

    fn bytes(&self, at: usize) -> Result<&[u8]> {
        read(self.try_get(at))
    }

    fn bytes_or_null(&self, at: usize) -> Result<Option<&[u8]>> {
        read(self.try_get(at))
    }
}
