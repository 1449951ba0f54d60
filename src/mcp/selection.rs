//! Which tools a server offers.

use std::collections::BTreeSet;

use super::args::nearest;
use super::catalogue::{TOOLS, TOOLSETS};
use super::tool::ToolSpec;
use crate::domain::text::quoted;

/// The tools that a server offers. Read-only beats everything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolSelection {
    names: BTreeSet<&'static str>,
}

/// How tools are chosen; empty lists choose nothing in particular.
#[derive(Debug, Clone, Default)]
pub struct ToolChoice {
    /// Exactly these tools.
    pub tools: Vec<String>,
    /// Not these tools.
    pub exclude: Vec<String>,
    /// The tools of these sets.
    pub toolsets: Vec<String>,
    /// Only tools that write nothing.
    pub read_only: bool,
}

impl ToolSelection {
    /// Reads a choice. An unknown name is a fault that names the known ones.
    pub fn new(choice: &ToolChoice) -> Result<Self, String> {
        let toolsets: BTreeSet<&str> = if choice.toolsets.is_empty() {
            BTreeSet::from(["default"])
        } else {
            choice
                .toolsets
                .iter()
                .map(|name| known("toolset", name, TOOLSETS.iter().copied()))
                .collect::<Result<_, _>>()?
        };
        let tool_names = || TOOLS.iter().map(|tool| tool.name);
        let wanted: BTreeSet<&str> = choice
            .tools
            .iter()
            .map(|name| known("tool", name, tool_names()))
            .collect::<Result<_, _>>()?;
        let excluded: BTreeSet<&str> = choice
            .exclude
            .iter()
            .map(|name| known("tool", name, tool_names()))
            .collect::<Result<_, _>>()?;
        let offered = |tool: &&'static ToolSpec| {
            let chosen = if wanted.is_empty() {
                toolsets.contains("all") || toolsets.contains(tool.toolset)
            } else {
                wanted.contains(tool.name)
            };
            chosen && !excluded.contains(tool.name) && !(choice.read_only && tool.effect.writes())
        };
        let names: BTreeSet<_> = TOOLS
            .iter()
            .copied()
            .filter(offered)
            .map(|tool| tool.name)
            .collect();
        if names.is_empty() {
            return Err("these settings leave no tool at all".to_owned());
        }
        Ok(Self { names })
    }

    /// Every tool of the default set.
    pub fn default_set() -> Self {
        let names = TOOLS
            .iter()
            .filter(|tool| tool.toolset == "default")
            .map(|tool| tool.name)
            .collect();
        Self { names }
    }

    /// The same without the tools that write.
    #[must_use]
    pub fn without_writes(&self) -> Self {
        Self {
            names: self
                .tools()
                .filter(|tool| !tool.effect.writes())
                .map(|tool| tool.name)
                .collect(),
        }
    }

    /// Whether a tool is offered.
    pub fn offers(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// The offered tools, in the catalogue's order.
    pub(crate) fn tools(&self) -> impl Iterator<Item = &'static ToolSpec> {
        TOOLS.iter().copied().filter(|tool| self.offers(tool.name))
    }
}

fn known<'a>(
    kind: &str,
    name: &str,
    mut names: impl Iterator<Item = &'a str> + Clone,
) -> Result<&'a str, String> {
    let trimmed = name.trim();
    let all = names.clone();
    names
        .find(|known| *known == trimmed)
        .ok_or_else(|| match nearest(trimmed, all.clone()) {
            Some(near) => format!(
                "there is no {kind} {}; did you mean {near}?",
                quoted(trimmed)
            ),
            None => format!(
                "there is no {kind} {}; there are {}",
                quoted(trimmed),
                all.collect::<Vec<_>>().join(", ")
            ),
        })
}

#[cfg(test)]
mod tests;
