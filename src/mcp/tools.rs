//! The tools, one file each: what it is called, what it takes, what it does.

pub(crate) mod check_gate;
pub(crate) mod correlate_pipeline_run;
pub(crate) mod create_event;
pub(crate) mod create_group;
pub(crate) mod create_receiver;
pub(crate) mod delivery_metrics;
pub(crate) mod describe_registry;
pub(crate) mod fetch_event;
pub(crate) mod fetch_group;
pub(crate) mod fetch_receiver;
mod form;
pub(crate) mod list_pipeline_runs;
pub(crate) mod record_cdevent;
pub(crate) mod search_events;
pub(crate) mod search_groups;
pub(crate) mod search_receivers;
pub(crate) mod set_group_enabled;
pub(crate) mod trace_artifact;

use super::args::Args;
use crate::domain::search::{DefinitionFilter, TextMatch};
use crate::domain::unit::UnitQuery;
use crate::limits;

/// Bytes of a payload or a schema that an answer of so many bytes carries; beyond that it points to
/// a resource.
const fn inline_bytes(most: usize) -> usize {
    if most > limits::ANSWER_BYTES {
        most
    } else {
        6 * 1024
    }
}

/// The five parts of a unit and its printed form.
fn unit_query(args: &mut Args) -> UnitQuery {
    UnitQuery {
        unit: args.text("unit"),
        name: args.text("name"),
        version: args.text("version"),
        release: args.text("release"),
        platform_id: args.text("platform_id"),
        package: args.text("package"),
    }
}

/// A text filter: exact, or with a star at the end a prefix.
fn matches(args: &mut Args, name: &'static str) -> Vec<TextMatch> {
    args.texts(name)
        .iter()
        .map(|text| TextMatch::parse(text))
        .collect()
}

/// JSON pointers; a plain member name can only mean the pointer to it.
fn pointers(args: &mut Args, name: &'static str) -> Vec<String> {
    args.texts(name).into_iter().map(as_pointer).collect()
}

fn as_pointer(text: String) -> String {
    if text.is_empty() || text.starts_with('/') {
        text
    } else {
        format!("/{text}")
    }
}

fn definition_filter(args: &mut Args) -> DefinitionFilter {
    DefinitionFilter {
        name: matches(args, "name"),
        types: matches(args, "type"),
        version: matches(args, "version"),
        receiver: None,
        enabled: None,
    }
}

/// Bytes of an answer.
fn answer_size(args: &mut Args) -> usize {
    match args.word("detail", &["normal", "full"]) {
        Some("full") => limits::FULL_ANSWER_BYTES,
        _ => limits::ANSWER_BYTES,
    }
}

/// Rows on a page.
fn page_size(args: &mut Args) -> usize {
    args.integer("limit", 1, limits::PAGE_MAX as i64)
        .map_or(limits::PAGE_DEFAULT, |n| n as usize)
}
