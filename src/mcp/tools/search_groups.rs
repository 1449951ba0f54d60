//! Groups by filter.

use crate::domain::group::Group;
use crate::limits;
use crate::mcp::args::Args;
use crate::mcp::paging::fitted;
use crate::mcp::render::{Obj, call, record};
use crate::mcp::schema::{Kind, Param, common};
use crate::mcp::tool::{Effect, ToolCx, ToolResult, ToolSpec};
use crate::mcp::tools::search_receivers::definition_page;
use crate::mcp::tools::{definition_filter, page_size};

/// Members that a row names.
const MEMBERS: usize = 10;

pub(crate) const TOOL: ToolSpec = ToolSpec {
    name: "search_groups",
    title: "Search groups (gates)",
    summary: "Groups by name, type, version, member receiver or state, newest first",
    description: "Use to list gates (groups of receivers), newest first. Filters take one value or several, exact or \
        with a star at the end as prefix. Without any filter it lists all.",
    toolset: "default",
    effect: Effect::Reads,
    params: &[
        Param::new("name", Kind::Texts, ""),
        Param::new("type", Kind::Texts, "").alias(&["kind"]),
        Param::new("version", Kind::Texts, ""),
        Param::text("receiver", "only with this member: id, name or type")
            .alias(&["receiver_id", "event_receiver_id"]),
        Param::new("enabled", Kind::Flag, ""),
        common::LIMIT,
        common::CURSOR,
    ],
    output: &[("groups", "array")],
    run: |cx, args| Box::pin(run(cx, args)),
};

async fn run(cx: ToolCx, mut args: Args) -> ToolResult {
    let mut filter = definition_filter(&mut args);
    let receiver = args.text("receiver");
    filter.enabled = args.flag("enabled");
    let limit = page_size(&mut args);
    let cursor = args.text("cursor");
    let notes = args.finish()?;
    if let Some(what) = receiver {
        filter.receiver = Some(cx.registry().find_receiver(&cx.principal, &what).await?.id);
    }
    let (cx, filter, cursor) = (&cx, &filter, cursor.as_deref());
    fitted(limits::ANSWER_BYTES, limit, notes, |limit| async move {
        let page = cx
            .registry()
            .search_groups(&cx.principal, filter, limit, cursor)
            .await?;
        let next = match page.rows.first() {
            Some(first) => call("check_gate", &[("group", first.id.to_string().into())]),
            None if cx.server.offers("create_group") => {
                "none fits; create_group makes one".to_owned()
            }
            None => "none fits".to_owned(),
        };
        Ok(definition_page("groups", &page, row, next))
    })
    .await
}

/// Long lists of members are left to `fetch_group`.
fn row(group: &Group) -> Obj {
    let members = group.event_receiver_ids.len();
    let row = record::group(group).without(&["updated_at"]);
    if members > MEMBERS {
        row.without(&["event_receiver_ids"]).put("members", members)
    } else {
        row
    }
}
