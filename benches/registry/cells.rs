//! Rows of SQLite tables as plain values: read from one database, inserted into another.

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection, TypeInfo as _, Value as _, ValueRef as _};

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
    Null,
}

impl From<i64> for Cell {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<Option<i64>> for Cell {
    fn from(value: Option<i64>) -> Self {
        value.map_or(Self::Null, Self::Int)
    }
}

impl From<String> for Cell {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Option<String>> for Cell {
    fn from(value: Option<String>) -> Self {
        value.map_or(Self::Null, Self::Text)
    }
}

impl From<&[u8]> for Cell {
    fn from(value: &[u8]) -> Self {
        Self::Blob(value.to_vec())
    }
}

/// The values of a row from `from` on.
pub(crate) fn read(row: &SqliteRow, from: usize) -> sqlx::Result<Vec<Cell>> {
    (from..row.len())
        .map(|at| {
            let value = row.try_get_raw(at)?.to_owned();
            if value.is_null() {
                return Ok(Cell::Null);
            }
            let kind = value.type_info().name().to_owned();
            Ok(match kind.as_str() {
                "INTEGER" => Cell::Int(row.try_get_unchecked(at)?),
                "TEXT" => Cell::Text(row.try_get_unchecked(at)?),
                _ => Cell::Blob(row.try_get_unchecked(at)?),
            })
        })
        .collect()
}

/// A table, and how rows come into it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static str,
    /// What stands behind the values.
    pub(crate) rest: &'static str,
}

impl Table {
    pub(crate) const fn new(name: &'static str, columns: &'static str) -> Self {
        Self {
            name,
            columns,
            rest: "",
        }
    }

    pub(crate) fn width(&self) -> usize {
        self.columns.split(',').count()
    }

    fn insert(&self, rows: usize) -> String {
        let places = vec!["?"; self.width()].join(",");
        let values = vec![format!("({places})"); rows].join(",");
        format!(
            "INSERT INTO {} ({}) VALUES {values} {}",
            self.name, self.columns, self.rest
        )
    }
}

/// Rows that wait to be inserted, one after the other.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) table: Table,
    cells: Vec<Cell>,
    at_once: usize,
    many: String,
    one: String,
}

impl Rows {
    /// So many rows are inserted by one statement; what is left of them one by one.
    pub(crate) fn new(table: Table, at_once: usize) -> Self {
        Self {
            table,
            cells: Vec::new(),
            at_once,
            many: table.insert(at_once),
            one: table.insert(1),
        }
    }

    pub(crate) fn push(&mut self, row: impl IntoIterator<Item = Cell>) {
        self.cells.extend(row);
    }

    /// Inserts all of them.
    pub(crate) async fn flush(&mut self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
        let width = self.table.width();
        let mut cells = std::mem::take(&mut self.cells).into_iter();
        while cells.len() >= width {
            let (sql, rows) = match cells.len() / width {
                left if left >= self.at_once => (&self.many, self.at_once),
                _ => (&self.one, 1),
            };
            let mut query = sqlx::query(AssertSqlSafe(sql.clone()));
            for cell in cells.by_ref().take(width * rows) {
                query = match cell {
                    Cell::Int(value) => query.bind(value),
                    Cell::Text(value) => query.bind(value),
                    Cell::Blob(value) => query.bind(value),
                    Cell::Null => query.bind(None::<i64>),
                };
            }
            query.execute(&mut *connection).await?;
        }
        Ok(())
    }
}
