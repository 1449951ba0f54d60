//! From a commit to the running service, and back.

use crate::limits;
use crate::mcp::args::Args;
use crate::mcp::render::fitted;
use crate::mcp::render::run::index_note;
use crate::mcp::schema::{Param, common};
use crate::mcp::tool::{Answer, Effect, ToolCx, ToolResult, ToolSpec};

pub(crate) const TOOL: ToolSpec = ToolSpec {
    name: "trace_artifact",
    title: "Trace an artifact",
    summary: "From commit to running service and back: made from, built by, tested, signed, SBOM, deployed where, replaced by",
    description: "Use for \"where does this image come from?\", \"is this commit in production?\", \"what runs in production?\", \"was \
        it tested and signed?\". Give an image, digest, purl or tag; a commit or its URL; a change; a service or environment \
        (what runs there now); a package name (its versions). Where a word could be several of these, write service:, \
        environment:, commit:, change:, package: or artifact: before it. Tells what is not recorded too. For one pipeline \
        run: correlate_pipeline_run; for gates: check_gate.",
    toolset: "default",
    effect: Effect::Reads,
    params: &[
        Param::text(
            "anchor",
            "image, digest, purl, tag, commit, change, service, environment or package",
        )
        .required()
        .alias(&[
            "artifact",
            "image",
            "digest",
            "purl",
            "commit",
            "service",
            "environment",
            "change",
        ]),
        common::FORMAT,
        common::DETAIL,
    ],
    output: &[],
    run: |cx, args| Box::pin(run(cx, args)),
};

async fn run(cx: ToolCx, mut args: Args) -> ToolResult {
    let anchor = args.needed_text("anchor");
    let json = args.word("format", &["text", "json"]) == Some("json");
    let full = args.word("detail", &["normal", "full"]) == Some("full");
    let notes = args.finish()?;
    let found = cx.registry().trace(&cx.principal, &anchor).await?;
    let note = index_note(found.indexed, &notes);
    if json {
        let mut body = found.traced.json();
        if let (Some(fields), false) = (body.as_object_mut(), note.is_empty()) {
            fields.insert("note".to_owned(), note.into());
        }
        let most = if full {
            limits::FULL_ANSWER_BYTES
        } else {
            limits::ANSWER_BYTES
        };
        return Ok(Answer::record(fitted(body, most)));
    }
    let most = if full {
        limits::ANSWER_BYTES
    } else {
        limits::trace::TEXT_BYTES
    };
    let mut text = found.traced.text(most);
    if !note.is_empty() {
        text.push_str("\nNote: ");
        text.push_str(&note);
    }
    Ok(Answer::composed(text.trim_end()))
}
