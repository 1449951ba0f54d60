//! From a commit to the running service, and back.

use crate::limits;
use crate::mcp::args::Args;
use crate::mcp::render::run::index_note;
use crate::mcp::schema::{Param, common};
use crate::mcp::tool::{Effect, ToolCx, ToolResult, ToolSpec};
use crate::mcp::tools::form::Form;

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
    let form = Form::read(&mut args);
    let notes = args.finish()?;
    let found = cx.registry().trace(&cx.principal, &anchor).await?;
    let traced = &found.traced;
    let note = index_note(found.indexed, &notes);
    Ok(form.answer(
        &note,
        limits::trace::TEXT_BYTES,
        |most| traced.text(most),
        || traced.json(),
    ))
}
