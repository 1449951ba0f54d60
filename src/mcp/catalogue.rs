//! The one table of tools. What is listed, documented and called follows from it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::schema::Extras;
use super::tool::ToolSpec;
use super::tools::{
    check_gate, correlate_pipeline_run, create_event, create_group, create_receiver,
    delivery_metrics, describe_registry, fetch_event, fetch_group, fetch_receiver,
    list_pipeline_runs, record_cdevent, search_events, search_groups, search_receivers,
    set_group_enabled, trace_artifact,
};

/// All tools, in the order in which they are listed.
pub(crate) static TOOLS: &[&ToolSpec] = &[
    &describe_registry::TOOL,
    &check_gate::TOOL,
    &correlate_pipeline_run::TOOL,
    &list_pipeline_runs::TOOL,
    &trace_artifact::TOOL,
    &delivery_metrics::TOOL,
    &search_events::TOOL,
    &search_receivers::TOOL,
    &search_groups::TOOL,
    &fetch_event::TOOL,
    &fetch_receiver::TOOL,
    &fetch_group::TOOL,
    &create_event::TOOL,
    &record_cdevent::TOOL,
    &create_receiver::TOOL,
    &create_group::TOOL,
    &set_group_enabled::TOOL,
];

/// The names that `--toolsets` takes.
pub(crate) static TOOLSETS: &[&str] = &["default", "all"];

/// The tool with this name.
pub(crate) fn tool(name: &str) -> Option<&'static ToolSpec> {
    TOOLS.iter().copied().find(|tool| tool.name == name)
}

/// All tool definitions as they are listed, for snapshots.
pub fn catalogue_json() -> Value {
    let tools: Vec<_> = TOOLS
        .iter()
        .map(|tool| tool.definition(Extras::ALL))
        .collect();
    json!({ "tools": tools })
}

/// The tools as a Markdown table, for the docs.
pub fn tool_table_markdown() -> String {
    let mut out = String::from("| tool | what it does | effect |\n|---|---|---|\n");
    for tool in TOOLS {
        let effect = if tool.effect.writes() {
            "write"
        } else {
            "read"
        };
        let _ = writeln!(out, "| `{}` | {} | {effect} |", tool.name, tool.summary);
    }
    out
}

#[cfg(test)]
mod tests;
