//! What happened in a pipeline run.

use crate::correlate::Section;
use crate::limits;
use crate::mcp::args::Args;
use crate::mcp::render::fitted;
use crate::mcp::render::run::{
    candidates_json, candidates_text, index_note, story_json, story_text,
};
use crate::mcp::schema::{Kind, Param, common};
use crate::mcp::tool::{Answer, Effect, ToolCx, ToolResult, ToolSpec};
use crate::mcp::tools::answer_size;
use crate::mcp::tools::form::{is_json, noted_record, noted_text};
use crate::registry::{RunAnswer, RunQuestion};

pub(crate) const TOOL: ToolSpec = ToolSpec {
    name: "correlate_pipeline_run",
    title: "What happened in a run",
    summary: "The story of a pipeline run: outcome, failures, times, artifacts, tests, deployments, gates, oddities",
    description: "Use for \"what happened in run 456789?\", \"why did it fail?\", \"what did it build and where is it?\". \
        Give anything that the run is known by: its id (or the number at its end), URL, run_…, an event, a chain id, a \
        task, an artifact (digest, purl), a commit, a change, a unit; a pipeline's name lists its newest runs. The events \
        are brought together by chains, links and what they are about; the answer says how, how sure that is, and what \
        could not be told. include adds sections. For a list of runs: list_pipeline_runs; for where an artifact or \
        service went: trace_artifact.",
    toolset: "default",
    effect: Effect::Reads,
    params: &[
        Param::text("anchor", "run id, URL, run_…, event id, chain id, digest, purl, commit, change or unit")
            .required()
            .alias(&[
                "run",
                "run_id",
                "pipeline_run",
                "pipeline_run_id",
                "id",
                "url",
                "chain_id",
                "event_id",
                "digest",
                "unit",
            ]),
        Param::new(
            "include",
            Kind::Texts,
            "story (default), timeline, events, spans, artifacts, tests, deployments, build, anomalies, related, all",
        )
        .alias(&["sections", "section"]),
        Param::new(
            "limit",
            Kind::Integer(1, limits::WALK_EVENTS_MOST as i64),
            "events looked at; default 500",
        )
        .alias(&["max_events"]),
        common::CURSOR,
        common::FORMAT,
        common::DETAIL,
    ],
    output: &[],
    run: |cx, args| Box::pin(run(cx, args)),
};

async fn run(cx: ToolCx, mut args: Args) -> ToolResult {
    let anchor = args.needed_text("anchor");
    let sections = sections(&mut args);
    let events = args
        .integer("limit", 1, limits::WALK_EVENTS_MOST as i64)
        .and_then(|limit| usize::try_from(limit).ok());
    let offset = match args.text("cursor").map(|text| text.parse::<usize>()) {
        None => 0,
        Some(Ok(offset)) => offset,
        Some(Err(_)) => {
            args.fault("cursor is the next_cursor of the page before");
            0
        }
    };
    let json = is_json(&mut args);
    let most = answer_size(&mut args);
    let notes = args.finish()?;
    let question = RunQuestion { anchor, events };
    let answer = cx.registry().pipeline_run(&cx.principal, &question).await?;
    let found = match answer {
        RunAnswer::Run(found) => found,
        RunAnswer::Several(candidates) if json => {
            return Ok(Answer::record(fitted(candidates_json(&candidates), most)));
        }
        RunAnswer::Several(candidates) => {
            return Ok(Answer::composed(&candidates_text(
                &question.anchor,
                &candidates,
            )));
        }
    };
    let note = index_note(found.indexed, &notes);
    if json {
        let body = story_json(&found, &sections, offset, most);
        return Ok(Answer::record(noted_record(body, &note)));
    }
    let (text, _) = story_text(&found, &sections, offset, most);
    Ok(Answer::composed(&noted_text(text, &note)))
}

fn sections(args: &mut Args) -> Vec<Section> {
    let words = args.texts("include");
    let mut sections = Vec::with_capacity(words.len());
    for word in words.iter().flat_map(|text| text.split([',', ' '])) {
        let word = word.trim().to_ascii_lowercase();
        if word.is_empty() {
            continue;
        }
        match Section::parse(&word) {
            Some(section) if sections.contains(&section) => {}
            Some(section) => sections.push(section),
            None => args.fault(format!(
                "include {} is none of {}",
                crate::domain::text::quoted(&word),
                Section::WORDS.join(", ")
            )),
        }
    }
    sections
}
