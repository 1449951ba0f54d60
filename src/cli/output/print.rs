//! Writing to stdout. A reader may be slow or gone: it is waited for on a thread of its own, so that the
//! command can be told to end meanwhile.

use std::io::{ErrorKind, Write as _};

use anyhow::Context as _;
use comfy_table::{ContentArrangement, Table};

use super::{Cell, Format, OutputArgs, Row, json};

/// Rows of a table. A table is for people, and stands in memory until its widths are known.
const TABLE_ROWS: usize = 1_000;
/// Bytes of a list that are written at a time.
const PORTION: usize = 64 * 1024;

/// Writes; false when nobody reads any more, which ends the output and is no fault.
pub(in crate::cli) async fn write(text: String) -> anyhow::Result<bool> {
    let written = tokio::task::spawn_blocking(move || {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush())
    });
    match written.await? {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("the output cannot be written"),
    }
}

/// Prints lines.
pub(in crate::cli) async fn print(text: impl Into<String>) -> anyhow::Result<()> {
    let mut text = text.into();
    text.push('\n');
    write(text).await.map(|_| ())
}

/// Prints what was made: `{"data": "<id>"}`, as the existing EPR answers.
pub(in crate::cli) async fn made(id: &str, args: OutputArgs) -> anyhow::Result<()> {
    let indent = (!args.no_indent).then_some(b"    ".as_slice());
    print(made_text(id, args, indent)?).await
}

/// The same on one line, for one of several.
pub(in crate::cli) async fn made_one(id: &str, args: OutputArgs) -> anyhow::Result<()> {
    print(made_text(id, args, None)?).await
}

fn made_text(id: &str, args: OutputArgs, indent: Option<&[u8]>) -> anyhow::Result<String> {
    match args.output {
        Format::Table => Ok(id.to_owned()),
        Format::Json => json(&Row::new(vec![("data", Cell::show(id))]), indent),
    }
}

/// Prints one record.
pub(in crate::cli) async fn record(row: &Row, args: OutputArgs) -> anyhow::Result<()> {
    match args.output {
        Format::Table => records(vec![row.clone()], args).await,
        Format::Json => {
            let indent = (!args.no_indent).then_some(b"  ".as_slice());
            print(json(row, indent)?).await
        }
    }
}

/// Prints several records that were not stored as one list.
pub(in crate::cli) async fn records(rows: Vec<Row>, args: OutputArgs) -> anyhow::Result<()> {
    let mut list = List::begin(args, Some(rows.len()));
    for row in rows {
        list.add(row).await?;
    }
    list.end().await
}

/// A list on its way out: JSON goes in portions, a table at its end.
pub(in crate::cli) struct List {
    args: OutputArgs,
    most: usize,
    rows: usize,
    /// What is not written yet.
    text: String,
    table: Vec<Vec<(&'static str, String)>>,
    closed: bool,
}

impl List {
    /// Begins a list of at most so many rows.
    pub(in crate::cli) fn begin(args: OutputArgs, limit: Option<usize>) -> Self {
        let most = match (limit, args.output) {
            (Some(limit), _) => limit,
            (None, Format::Table) => TABLE_ROWS,
            (None, Format::Json) => usize::MAX,
        };
        Self {
            args,
            most,
            rows: 0,
            text: String::new(),
            table: Vec::new(),
            closed: false,
        }
    }

    /// How many rows still find room; none when nobody reads any more.
    pub(in crate::cli) fn room(&self) -> usize {
        if self.closed {
            0
        } else {
            self.most.saturating_sub(self.rows)
        }
    }

    /// Whether somebody still reads.
    pub(in crate::cli) fn is_read(&self) -> bool {
        !self.closed
    }

    /// Adds a row.
    pub(in crate::cli) async fn add(&mut self, row: Row) -> anyhow::Result<()> {
        if self.room() == 0 {
            return Ok(());
        }
        self.rows += 1;
        if self.args.output == Format::Table {
            // As it will be shown: a row may hold a long document.
            self.table.push(row.plain());
            return Ok(());
        }
        self.text.push(if self.rows == 1 { '[' } else { ',' });
        if self.args.no_indent {
            self.text += &json(&row, None)?;
        } else {
            let text = json(&row, Some(b"  "))?;
            self.text += "\n  ";
            self.text += &text.replace('\n', "\n  ");
        }
        if self.text.len() >= PORTION {
            self.flush().await?;
        }
        Ok(())
    }

    /// Ends the list.
    pub(in crate::cli) async fn end(&mut self) -> anyhow::Result<()> {
        self.text += &match self.args.output {
            Format::Table => table(std::mem::take(&mut self.table)),
            Format::Json => match (self.rows, self.args.no_indent) {
                (0, _) => "[]\n",
                (_, true) => "]\n",
                (_, false) => "\n]\n",
            }
            .to_owned(),
        };
        self.flush().await
    }

    async fn flush(&mut self) -> anyhow::Result<()> {
        let text = std::mem::take(&mut self.text);
        if !self.closed {
            self.closed = !write(text).await?;
        }
        Ok(())
    }
}

/// Rows under each other, with a line of names above them.
pub(super) fn table(rows: Vec<Vec<(&'static str, String)>>) -> String {
    let Some(first) = rows.first() else {
        return "nothing found\n".to_owned();
    };
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(first.iter().map(|(field, _)| field.to_uppercase()));
    for row in rows {
        table.add_row(row.into_iter().map(|(_, cell)| cell));
    }
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect();
    lines.concat()
}
