//! Completion of the arguments of resource templates and prompts, with what is filled in already.
//!
//! Values are raw: a client that expands a template encodes them itself (RFC 6570). The path of a
//! unit is one value there, and percent-encoded in itself.

use rmcp::ErrorData;
use rmcp::model::{CompleteRequestParams, CompleteResult, CompletionInfo, Reference};

use super::error::protocol_error;
use super::prompts::SYSTEMS;
use super::tool::ToolCx;
use super::{prompts, resources};
use crate::domain::text::quoted;
use crate::domain::unit::UnitQuery;
use crate::registry::{Blank, Completion};

/// Completes one argument.
pub(crate) async fn complete(
    cx: &ToolCx,
    request: CompleteRequestParams,
) -> Result<CompleteResult, ErrorData> {
    let argument = request.argument.name.as_str();
    let (of, arguments) = match &request.r#ref {
        Reference::Resource(resource) => {
            let uri = template(&resource.uri)?;
            (uri, placeholders(uri).collect())
        }
        Reference::Prompt(prompt) => {
            let prompt = prompts::find(&cx.server, &prompt.name)?;
            (prompt.name, prompt.arguments().collect::<Vec<_>>())
        }
        _ => {
            return Err(invalid(
                "What is completed is a ref/resource or a ref/prompt.".to_owned(),
            ));
        }
    };
    let filled = |name: &str| {
        let context = request.context.as_ref()?;
        let value = context.get_argument(name)?;
        (!value.trim().is_empty()).then(|| value.clone())
    };
    let begun = request.argument.value.as_str();
    let completion = match wanted(of, argument, filled) {
        Some(Wanted::Word(words)) => word(words, begun),
        Some(Wanted::Record(blank)) => cx
            .registry()
            .complete(&cx.principal, &blank, begun)
            .await
            .map_err(|error| protocol_error(&error))?,
        None => {
            return Err(invalid(format!(
                "{} has no argument {}; there are {}.",
                of,
                quoted(argument),
                arguments.join(", ")
            )));
        }
    };
    Ok(CompleteResult::new(info(completion)?))
}

fn info(completion: Completion) -> Result<CompletionInfo, ErrorData> {
    let total = completion.total.and_then(|total| u32::try_from(total).ok());
    CompletionInfo::with_pagination(completion.values, total, completion.more)
        .map_err(|why| ErrorData::internal_error(why, None))
}

/// The template that is meant.
fn template(uri: &str) -> Result<&'static str, ErrorData> {
    resources::template_uris()
        .find(|known| *known == uri)
        .ok_or_else(|| {
            let all: Vec<_> = resources::template_uris().collect();
            invalid(format!(
                "There is no resource template {}; there are {}.",
                quoted(uri),
                all.join(", ")
            ))
        })
}

fn placeholders(template: &str) -> impl Iterator<Item = &str> {
    template
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next())
}

/// Where the values come from.
enum Wanted {
    /// A fixed list.
    Word(&'static [&'static str]),
    /// The registry.
    Record(Blank),
}

/// What an argument of a template or a prompt is completed from; `None` if there is no such one.
fn wanted(of: &str, argument: &str, filled: impl Fn(&str) -> Option<String>) -> Option<Wanted> {
    let named = || UnitQuery {
        name: filled("name"),
        version: filled("version"),
        ..UnitQuery::default()
    };
    let part = |field| Blank::Part {
        field,
        given: UnitQuery {
            release: filled("release"),
            platform_id: filled("platform_id"),
            package: filled("package"),
            ..named()
        },
    };
    let group = |unit| Blank::Group { unit };
    let unit_of = |unit: Option<String>| UnitQuery {
        unit,
        ..UnitQuery::default()
    };
    let at_group = || Blank::Unit {
        group: filled("group"),
    };
    let blank = match (of, argument) {
        ("epr://events/{id}", "id") => Blank::Event,
        ("epr://runs/{run}" | "epr://runs/{run}/timeline" | "investigate_run", "run") => Blank::Run,
        ("epr://receivers/{id}", "id") | ("connect_ci", "receiver") => Blank::Receiver,
        ("epr://groups/{id}", "id") | ("connect_ci", "group") => group(UnitQuery::default()),
        ("epr://gates/{group}/{unit}", "group") => group(unit_of(filled("unit"))),
        ("epr://gates/{group}/{unit}" | "release_readiness", "unit") => at_group(),
        ("epr://history/{name}/{version}/{release}/{platform_id}/{package}", field) => {
            part(unit_field(field)?)
        }
        ("release_readiness", "group") => group(UnitQuery {
            unit: filled("unit"),
            ..named()
        }),
        ("release_readiness", "version") => Blank::Part {
            field: "version",
            // A bare name may stand as the unit.
            given: UnitQuery {
                name: filled("name").or_else(|| filled("unit").filter(|unit| !unit.contains('/'))),
                ..UnitQuery::default()
            },
        },
        ("release_readiness" | "connect_ci", "name") => Blank::Part {
            field: "name",
            given: UnitQuery::default(),
        },
        ("connect_ci", "system") => return Some(Wanted::Word(&SYSTEMS)),
        _ => return None,
    };
    Some(Wanted::Record(blank))
}

fn unit_field(name: &str) -> Option<&'static str> {
    ["name", "version", "release", "platform_id", "package"]
        .into_iter()
        .find(|field| *field == name)
}

/// The words of a fixed list that begin so, in either case.
fn word(words: &[&str], begun: &str) -> Completion {
    let begun = begun.to_lowercase();
    let values: Vec<String> = words
        .iter()
        .filter(|word| word.starts_with(&begun))
        .map(|word| (*word).to_owned())
        .collect();
    Completion {
        total: Some(values.len()),
        values,
        more: false,
    }
}

fn invalid(text: String) -> ErrorData {
    ErrorData::invalid_params(text, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_of_every_template_can_be_completed() {
        let mut seen = 0;
        for uri in resources::template_uris() {
            for argument in placeholders(uri) {
                assert!(
                    wanted(uri, argument, |_| None).is_some(),
                    "{uri} {argument}"
                );
                seen += 1;
            }
            assert!(wanted(uri, "other", |_| None).is_none());
        }
        assert_eq!(seen, 12);
    }

    #[test]
    fn every_argument_of_every_prompt_can_be_completed() {
        for prompt in prompts::PROMPTS {
            for argument in prompt.arguments() {
                let found = wanted(prompt.name, argument, |_| None);
                assert!(found.is_some(), "{} {argument}", prompt.name);
            }
        }
    }

    #[test]
    fn words_are_found_by_their_beginning_in_either_case() {
        let found = word(&["gitlab-ci", "github-actions", "tekton"], "GitL");
        assert_eq!(found.values, ["gitlab-ci"]);
        assert_eq!((found.total, found.more), (Some(1), false));
    }
}
