//! What searching receivers and searching groups have in common.

use clap::{ArgAction, Args};

use super::note;
use super::output::{Cell, Fields, OutputArgs, Row, visible};
use super::session::Who;
use crate::domain::id::looks_like_id;
use crate::domain::refusal::Refusal;
use crate::domain::search::{DefinitionFilter, TextMatch};
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

/// What was found by its id, as a list. That there is no such thing is no error of a search.
pub(super) fn one<T>(found: Result<T, Error>, fits: impl Fn(&T) -> bool) -> Result<Vec<T>, Error> {
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

/// What a list shows of its pages, which come newest first: the newest ones until they are enough, or
/// the oldest ones. One more than is shown tells that there are more.
pub(super) async fn all<T, F>(
    list: ListArgs,
    page: impl Fn(Option<String>) -> F,
) -> Result<Vec<T>, Error>
where
    F: Future<Output = Result<DefinitionPage<T>, Error>>,
{
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let page = page(cursor).await?;
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

/// Tells what is worth knowing.
pub(super) fn warn_of(warnings: &[Warning]) {
    for warning in warnings {
        note(&format!("warning: {}", warning.text));
    }
}
