//! Prompts: questions that people ask again and again, with the facts already in them.
//!
//! To add one: a file here with a [`PromptSpec`], a line in [`PROMPTS`], and for arguments that can
//! be completed an arm in `completion`.

mod connect_ci;
mod investigate_run;
mod release_readiness;

use std::collections::BTreeMap;

use rmcp::ErrorData;
use rmcp::model::{GetPromptResult, JsonObject, Prompt, PromptArgument, PromptMessage, Role};

pub(crate) use self::connect_ci::SYSTEMS;
use super::McpServer;
use super::args::{nearest, unquoted};
use super::error::protocol_error;
use super::tool::{BoxFuture, ToolCx};
use crate::domain::secrets::masked_tokens;
use crate::domain::text::quoted;
use crate::registry::Error;

/// One prompt: everything about it that the list and a call need.
pub(crate) struct PromptSpec {
    /// What it is called.
    pub(crate) name: &'static str,
    /// For people.
    title: &'static str,
    /// What it asks.
    about: &'static str,
    /// What it takes.
    arguments: &'static [Argument],
    /// The tool that it makes no sense without.
    needs: Option<&'static str>,
    /// Fills it in.
    run: fn(ToolCx, Given) -> BoxFuture<Result<Filled, ErrorData>>,
}

/// An argument of a prompt.
struct Argument {
    name: &'static str,
    about: &'static str,
    required: bool,
}

impl Argument {
    const fn optional(name: &'static str, about: &'static str) -> Self {
        Self {
            name,
            about,
            required: false,
        }
    }

    const fn required(name: &'static str, about: &'static str) -> Self {
        Self {
            name,
            about,
            required: true,
        }
    }
}

/// The arguments that were given; blank ones were not.
struct Given(BTreeMap<&'static str, String>);

impl Given {
    fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }
}

/// A prompt with the facts in it.
struct Filled {
    about: String,
    text: String,
}

/// All there are.
pub(crate) static PROMPTS: [&PromptSpec; 3] = [
    &release_readiness::PROMPT,
    &investigate_run::PROMPT,
    &connect_ci::PROMPT,
];

impl PromptSpec {
    /// The names of its arguments.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = &'static str> {
        self.arguments.iter().map(|argument| argument.name)
    }

    fn definition(&self) -> Prompt {
        let argument = |argument: &Argument| {
            PromptArgument::new(argument.name)
                .with_description(argument.about)
                .with_required(argument.required)
        };
        let arguments = self.arguments.iter().map(argument).collect();
        Prompt::new(self.name, Some(self.about), Some(arguments)).with_title(self.title)
    }

    fn given(&self, sent: JsonObject) -> Result<Given, ErrorData> {
        let mut given = BTreeMap::new();
        for (key, value) in sent {
            let Some(name) = self.arguments().find(|name| *name == key) else {
                let known: Vec<_> = self.arguments().collect();
                return Err(invalid(format!(
                    "{} is not an argument; they are {}.",
                    quoted(&key),
                    known.join(", ")
                )));
            };
            let Some(text) = value.as_str() else {
                return Err(invalid(format!("{} must be text.", quoted(&key))));
            };
            let text = unquoted(text).trim();
            if !text.is_empty() {
                given.insert(name, text.to_owned());
            }
        }
        Ok(Given(given))
    }
}

/// The prompts that a server offers.
pub(crate) fn offered(server: &McpServer) -> impl Iterator<Item = &'static PromptSpec> {
    PROMPTS
        .iter()
        .copied()
        .filter(|prompt| prompt.needs.is_none_or(|tool| server.offers(tool)))
}

/// The prompt of this name, if it is offered.
pub(crate) fn find(server: &McpServer, name: &str) -> Result<&'static PromptSpec, ErrorData> {
    offered(server)
        .find(|prompt| prompt.name == name)
        .ok_or_else(|| {
            let names: Vec<_> = offered(server).map(|prompt| prompt.name).collect();
            let hint = match nearest(name, names.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("there are {}.", names.join(", ")),
            };
            invalid(format!("There is no prompt {}; {hint}", quoted(name)))
        })
}

/// The prompts that are offered, as they are listed.
pub(crate) fn list(server: &McpServer) -> Vec<Prompt> {
    offered(server).map(PromptSpec::definition).collect()
}

/// A prompt with its arguments filled in.
pub(crate) async fn get(
    cx: ToolCx,
    name: &str,
    arguments: Option<JsonObject>,
) -> Result<GetPromptResult, ErrorData> {
    let prompt = find(&cx.server, name)?;
    let given = prompt.given(arguments.unwrap_or_default())?;
    let filled = (prompt.run)(cx, given).await?;
    let text = masked_tokens(&filled.text);
    Ok(
        GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)])
            .with_description(masked_tokens(&filled.about)),
    )
}

fn invalid(text: String) -> ErrorData {
    ErrorData::invalid_params(text, None)
}

/// A refusal, for a prompt. Nothing there is a resource: whatever does not fit is an argument's
/// fault.
fn refused(error: &Error) -> ErrorData {
    let error = protocol_error(error);
    if error.code == rmcp::model::ErrorCode::RESOURCE_NOT_FOUND {
        return ErrorData::invalid_params(error.message, None);
    }
    error
}
