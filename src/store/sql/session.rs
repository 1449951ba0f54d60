//! What an engine has to be able to do for the statements that both have in common.

use std::collections::HashMap;

use super::statements::Statements;
use crate::domain::decide::Plan;
use crate::domain::principal::Recorder;
use crate::store::{Result, StoreError};

/// A value for a statement. A list is one value.
#[derive(Debug, Clone)]
pub(in crate::store) enum Arg {
    Int(i64),
    Bool(bool),
    Text(String),
    Bytes(Vec<u8>),
    Ints(Vec<i64>),
    Bools(Vec<bool>),
    Texts(Vec<String>),
    /// A list of binary values.
    Keys(Vec<Vec<u8>>),
}

impl Arg {
    /// Ids as a list of texts.
    pub(in crate::store) fn ids<T: ToString>(ids: impl IntoIterator<Item = T>) -> Self {
        Self::Texts(ids.into_iter().map(|id| id.to_string()).collect())
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident),*) => {
        $(impl From<$type> for Arg {
            fn from(value: $type) -> Self {
                Self::$variant(value)
            }
        })*
    };
}

from!(i64 => Int, bool => Bool, String => Text, Vec<u8> => Bytes);

/// Row ids of recorders, as far as they are known.
pub(in crate::store) type Recorders = HashMap<Recorder, i64>;

/// An open connection. What is done with it is named for the error that may come of it.
pub(in crate::store) trait Session: Send {
    /// A row that it gives.
    type Row: Columns + Send + Sync + 'static;
    /// Its statements.
    type Sql: Statements;

    /// All rows of a statement.
    fn rows(
        &mut self,
        doing: &'static str,
        sql: &'static str,
        args: Vec<Arg>,
    ) -> impl Future<Output = Result<Vec<Self::Row>>> + Send;

    /// Runs a statement; gives how many rows it touched.
    fn run(
        &mut self,
        doing: &'static str,
        sql: &'static str,
        args: Vec<Arg>,
    ) -> impl Future<Output = Result<u64>> + Send;

    /// Inserts names, units, events with their payloads and what these say, messages, idempotency keys
    /// and audit rows.
    /// The recorders of the plan are known.
    fn insert(
        &mut self,
        plan: &Plan,
        recorders: &Recorders,
    ) -> impl Future<Output = Result<()>> + Send;

    /// The first row of a statement.
    fn optional(
        &mut self,
        doing: &'static str,
        sql: &'static str,
        args: Vec<Arg>,
    ) -> impl Future<Output = Result<Option<Self::Row>>> + Send {
        async move { Ok(self.rows(doing, sql, args).await?.into_iter().next()) }
    }

    /// The one row of a statement.
    fn one(
        &mut self,
        doing: &'static str,
        sql: &'static str,
        args: Vec<Arg>,
    ) -> impl Future<Output = Result<Self::Row>> + Send {
        async move {
            let row = self.optional(doing, sql, args).await?;
            row.ok_or_else(|| StoreError::inconsistent("registry", format!("no row to {doing}")))
        }
    }

    /// Runs a statement that has to touch exactly so many rows.
    fn change(
        &mut self,
        doing: &'static str,
        sql: &'static str,
        args: Vec<Arg>,
        rows: usize,
    ) -> impl Future<Output = Result<()>> + Send {
        async move {
            let done = self.run(doing, sql, args).await?;
            touched(doing, done, rows)
        }
    }
}

/// Refuses another number of rows than there has to be.
pub(in crate::store) fn touched(doing: &'static str, done: u64, rows: usize) -> Result<()> {
    if done == rows as u64 {
        return Ok(());
    }
    Err(StoreError::inconsistent(
        "registry",
        format!("{doing}: {done} rows"),
    ))
}

/// The columns of a row, by their place.
pub(in crate::store) trait Columns {
    fn int(&self, at: usize) -> Result<i64>;
    fn int_or_null(&self, at: usize) -> Result<Option<i64>>;
    fn bool(&self, at: usize) -> Result<bool>;
    fn text(&self, at: usize) -> Result<&str>;
    fn text_or_null(&self, at: usize) -> Result<Option<&str>>;
    fn bytes(&self, at: usize) -> Result<&[u8]>;
    fn bytes_or_null(&self, at: usize) -> Result<Option<&[u8]>>;
}
