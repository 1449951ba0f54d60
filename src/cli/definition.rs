//! What searching receivers and searching groups have in common.

use clap::{ArgAction, Args};

use super::note;
use super::output::{self, Cell, Fields, List, OutputArgs, Row, visible};
use super::session::{Session, Use, Who};
use crate::config::Options;
use crate::domain::id::looks_like_id;
use crate::domain::refusal::Refusal;
use crate::domain::search::{DefinitionFilter, TextMatch};
use crate::limits;
use crate::registry::{DefinitionPage, Error, Warning};

/// Which rows of a list are shown, and in which order.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(super) struct ListArgs {
    /// Show at most so many. Default: all; as a table 1,000
    #[arg(long, value_name = "N", help_heading = "Output")]
    pub(super) limit: Option<usize>,

    /// Show the newest first
    #[arg(long, help_heading = "Output")]
    pub(super) newest_first: bool,
}

impl ListArgs {
    /// Rows that came newest first, in the order that is wanted.
    pub(super) fn ordered<T>(&self, mut newest_first: Vec<T>) -> Vec<T> {
        if !self.newest_first {
            newest_first.reverse();
        }
        newest_first
    }
}

/// Flags of `receiver search` and `group search`.
#[derive(Debug, Args)]
pub(super) struct DefinitionSearch {
    /// The one with this id
    #[arg(long, allow_hyphen_values = true)]
    id: Option<String>,
    /// Those with exactly this name
    #[arg(long, allow_hyphen_values = true)]
    name: Option<String>,
    /// Those with exactly this type
    #[arg(long = "type", value_name = "TYPE", allow_hyphen_values = true)]
    kind: Option<String>,
    /// Those with exactly this version
    #[arg(long, allow_hyphen_values = true)]
    version: Option<String>,
    /// What to show of each: names parted by blanks, or all
    #[arg(
        long,
        value_name = "FIELDS",
        default_value = "id name version type",
        help_heading = "Output"
    )]
    fields: String,
    /// Show what would be searched for, and do not search
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    pub(super) dry_run: bool,
    #[arg(long, hide = true)]
    jsonpath: Option<String>,
    #[command(flatten)]
    pub(super) list: ListArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) who: Who,
}

impl DefinitionSearch {
    pub(super) fn fields(&self, known: &'static [&'static str]) -> anyhow::Result<Fields> {
        no_jsonpath(self.jsonpath.as_deref())?;
        Fields::parse(&self.fields, known)
    }

    /// The id, if one was given; or why it cannot be one.
    pub(super) fn id(&self) -> Option<Result<&str, String>> {
        let id = given(self.id.as_ref())?;
        Some(if looks_like_id(id) {
            Ok(id)
        } else {
            Err(format!(
                "«{}» is no id: those have 26 letters and digits",
                visible(id)
            ))
        })
    }

    pub(super) fn filter(&self) -> DefinitionFilter {
        DefinitionFilter {
            name: exactly(self.name.as_ref()),
            types: exactly(self.kind.as_ref()),
            version: exactly(self.version.as_ref()),
            ..DefinitionFilter::default()
        }
    }

    /// Whether what was found by its id also has the rest of what was asked for.
    pub(super) fn fits(&self, name: &str, kind: &str, version: &str) -> bool {
        let fits =
            |wanted: &Option<String>, value| given(wanted.as_ref()).is_none_or(|w| w == value);
        fits(&self.name, name) && fits(&self.kind, kind) && fits(&self.version, version)
    }

    /// What is asked for, as a record.
    pub(super) fn asked(&self) -> Row {
        asked(&[
            ("id", &self.id),
            ("name", &self.name),
            ("type", &self.kind),
            ("version", &self.version),
            ("fields", &Some(self.fields.clone())),
        ])
    }
}

/// A search as a record: what was given of it.
pub(super) fn asked(parts: &[(&'static str, &Option<String>)]) -> Row {
    let given = parts
        .iter()
        .filter_map(|(name, value)| Some((*name, Cell::show(given(value.as_ref())?))));
    Row::new(given.collect())
}

/// A filter that is empty asks for nothing, as with the existing EPR.
pub(super) fn given(value: Option<&String>) -> Option<&str> {
    value.map(String::as_str).filter(|value| !value.is_empty())
}

/// An exact value as a filter.
pub(super) fn exactly(value: Option<&String>) -> Vec<TextMatch> {
    given(value)
        .map(|value| TextMatch::Exact(value.to_owned()))
        .into_iter()
        .collect()
}

/// A flag that existing scripts may carry although it never did anything.
pub(super) fn no_jsonpath(given: Option<&str>) -> anyhow::Result<()> {
    anyhow::ensure!(
        given.is_none_or(str::is_empty),
        "--jsonpath is not there: pipe the output through jq"
    );
    Ok(())
}

/// Tells what is worth knowing.
pub(super) fn warn_of(warnings: &[Warning]) {
    for warning in warnings {
        note(&format!("warning: {}", warning.text));
    }
}

/// Searches, or shows what would be searched for.
pub(super) async fn search(
    options: &Options,
    args: &DefinitionSearch,
    known: &'static [&'static str],
    list: impl AsyncFn(&Session, &Fields) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let fields = args.fields(known)?;
    if args.dry_run {
        return output::record(&args.asked(), args.output).await;
    }
    let session = Session::begin(options, &args.who, Use::Read).await?;
    let result = list(&session, &fields).await;
    session.end(result).await
}

/// What fits, newest first: the one with the id that was given, or what the pages hold.
pub(super) async fn found<T>(
    args: &DefinitionSearch,
    by_id: impl AsyncFn(&str) -> Result<T, Error>,
    fits: impl Fn(&T) -> bool,
    page: impl AsyncFn(&DefinitionFilter, Option<&str>) -> Result<DefinitionPage<T>, Error>,
) -> Result<Vec<T>, Error> {
    let filter = args.filter();
    match args.id() {
        Some(Ok(id)) => one(by_id(id).await, fits),
        Some(Err(why)) => {
            note(&why);
            Ok(Vec::new())
        }
        None => all(args.list, async |cursor| page(&filter, cursor).await).await,
    }
}

/// Prints what was found; `rows` makes the rows of a page of it.
pub(super) async fn print<T>(
    args: &DefinitionSearch,
    found: Vec<T>,
    rows: impl AsyncFn(&[T]) -> anyhow::Result<Vec<Row>>,
) -> anyhow::Result<()> {
    let mut out = List::begin(args.output, args.list.limit);
    let mut shown = args.list.ordered(found);
    let more = shown.len() > out.room();
    shown.truncate(out.room());
    for page in shown.chunks(limits::PAGE_MAX) {
        for row in rows(page).await? {
            out.add(row).await?;
        }
    }
    out.end().await?;
    if more && out.is_read() {
        note("there are more than these; --limit N shows more of them");
    }
    Ok(())
}

/// What was found by its id, as a list. That there is no such thing is no error of a search.
fn one<T>(found: Result<T, Error>, fits: impl Fn(&T) -> bool) -> Result<Vec<T>, Error> {
    match found {
        Ok(found) if fits(&found) => Ok(vec![found]),
        Ok(_) | Err(Error::Refused(Refusal::NotFound { .. })) => Ok(Vec::new()),
        Err(Error::Refused(refusal @ Refusal::InvalidId { .. })) => {
            note(&format!("{refusal} {}", super::refused::next(&refusal)));
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

/// What a list shows of its pages, which come newest first: the newest ones until they are enough, or
/// the oldest ones. One more than is shown tells that there are more.
async fn all<T>(
    list: ListArgs,
    page: impl AsyncFn(Option<&str>) -> Result<DefinitionPage<T>, Error>,
) -> Result<Vec<T>, Error> {
    let mut found = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = page(cursor.as_deref()).await?;
        found.extend(page.rows);
        cursor = page.next_cursor;
        let most = list
            .limit
            .map_or(usize::MAX, |limit| limit.saturating_add(1));
        if !list.newest_first && found.len() > most {
            // Those that are passed on the way to the oldest ones are not kept.
            found.drain(..found.len() - most);
        }
        if cursor.is_none() || (list.newest_first && found.len() >= most) {
            return Ok(found);
        }
    }
}
