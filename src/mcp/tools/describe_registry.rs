//! What the registry is, holds and waits for: the first call in an unknown registry.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;

use crate::domain::principal::{Principal, PrincipalKind};
use crate::domain::text::quoted_to;
use crate::mcp::args::Args;
use crate::mcp::render::{Obj, call, count, listed};
use crate::mcp::schema::{Kind, Param, common};
use crate::mcp::tool::{Answer, Effect, ToolCx, ToolResult, ToolSpec};
use crate::mcp::tools::form::is_json;
use crate::mcp::{McpServer, render};
use crate::registry::{OpeningState, Overview};

/// Characters of a name in this short answer.
const NAME_CHARS: usize = 60;
/// Seconds after which a database that is still being opened or migrated is told of instead.
const PATIENCE_SECONDS: u64 = 3;

pub(crate) const TOOL: ToolSpec = ToolSpec {
    name: "describe_registry",
    title: "Describe the registry",
    summary: "Time, principal, storage, counts, receiver types, groups with waiting units, newest names",
    description: "Start here in an unknown registry: server time, who you are and may do, where and whether data is \
        kept, counts, receiver types, gates (groups) with how many units wait, newest unit names, pipelines, warnings. On an empty \
        registry it gives the first step.",
    toolset: "default",
    effect: Effect::Reads,
    params: &[Param::new(
        "format",
        Kind::Word(&["text", "json"]),
        common::FORMAT.doc,
    )],
    output: &[],
    run: |cx, args| Box::pin(run(cx, args)),
};

async fn run(cx: ToolCx, mut args: Args) -> ToolResult {
    let json = is_json(&mut args);
    args.finish()?;
    // A registry that cannot be opened is still described: that is when the caller asks.
    let patience = Duration::from_secs(PATIENCE_SECONDS);
    let problem = match timeout(patience, cx.registry().overview(&cx.principal)).await {
        Ok(Ok(overview)) if json => {
            return Ok(Answer::record(facts(&cx.server, &cx.principal, &overview)));
        }
        Ok(Ok(overview)) => {
            let head = head_text(&cx.server, &cx.principal);
            return Ok(Answer::composed(&text(head, &overview, |tool| {
                cx.server.offers(tool)
            })));
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "It takes longer than usual; other calls wait for it.".to_owned(),
    };
    if !json {
        return Ok(Answer::composed(&closed_text(&cx, &problem)));
    }
    let storage = Obj::new()
        .put("location", cx.registry().location())
        .put("state", opening(&cx));
    let answer = head(&cx.server, &cx.principal)
        .put("storage", storage)
        .put("problem", problem)
        .put("next", call("describe_registry", &[]));
    Ok(Answer::record(answer.into()))
}

fn opening(cx: &ToolCx) -> &'static str {
    match cx.registry().opening_state() {
        OpeningState::Open => "open",
        OpeningState::Opening => "opening",
        OpeningState::Failed(_) => "cannot be opened",
    }
}

fn closed_text(cx: &ToolCx, problem: &str) -> String {
    format!(
        "{}Storage: {}, {}. {problem}\nThen: {}",
        head_text(&cx.server, &cx.principal),
        quoted_to(&cx.registry().location(), 200),
        opening(cx),
        call("describe_registry", &[])
    )
}

fn short(text: &str) -> String {
    quoted_to(text, NAME_CHARS)
}

fn asserted(principal: &Principal) -> bool {
    principal.recorder.kind == PrincipalKind::Local
}

fn scopes(principal: &Principal) -> Vec<String> {
    principal.scopes.iter().map(ToString::to_string).collect()
}

fn head_text(server: &McpServer, principal: &Principal) -> String {
    format!(
        "EPR registry at {}, epr-mcp {}.{} You are {} ({}{}) with scopes {}.\n",
        server.registry().now(),
        server.options().version,
        if server.options().demo {
            " DEMO: made-up data, gone when this server ends."
        } else {
            ""
        },
        short(&principal.recorder.principal),
        principal.recorder.kind.as_str(),
        if asserted(principal) {
            ", self-asserted"
        } else {
            ""
        },
        scopes(principal).join(", ")
    )
}

/// The overview as text: below 600 tokens, however long the names are.
fn text(head: String, overview: &Overview, offers: impl Fn(&str) -> bool) -> String {
    let mut out = head;
    let (store, counters) = (&overview.store, &overview.counters);
    let engine = format!("{} {}", store.engine, store.engine_version);
    let _ = write!(
        out,
        "Storage: {} at {}.",
        engine.trim(),
        quoted_to(&store.location, 120)
    );
    if let Some(why) = &store.ephemeral {
        let _ = write!(out, " EPHEMERAL: {why}.");
    }
    let events = counters.succeeded + counters.failed;
    let _ = write!(
        out,
        "\nHolds {} ({} failed) of {}",
        count(events, "event"),
        counters.failed,
        count(counters.units, "unit")
    );
    if let (Some(first), Some(last)) = (counters.first_event_at, counters.last_event_at) {
        let _ = write!(out, ", {first} to {last}");
    }
    let _ = writeln!(
        out,
        "; {}, {}, {}.",
        count(counters.receivers, "receiver"),
        count(counters.groups, "group"),
        count(counters.messages, "message")
    );
    let types: Vec<String> = overview
        .types
        .iter()
        .map(|t| format!("{} {}", short(&t.kind), count(t.events, "event")))
        .collect();
    if !types.is_empty() {
        let _ = writeln!(
            out,
            "Receiver types, newest first: {}.",
            listed(&types, "; ", 700, "search_receivers")
        );
    }
    let groups: Vec<String> = overview
        .groups
        .iter()
        .map(|g| {
            let name = format!("{} ({})", short(&g.group.name), g.group.id);
            let more = if g.passing.exact {
                ""
            } else {
                " of the newest"
            };
            if g.group.enabled {
                format!(
                    "{name} {} waiting, {} passing{more}",
                    g.waiting, g.passing.count
                )
            } else {
                format!("{name} disabled")
            }
        })
        .collect();
    if !groups.is_empty() {
        let _ = writeln!(
            out,
            "Gates: {}.",
            listed(&groups, "; ", 600, "search_groups")
        );
    }
    let names: Vec<String> = overview.names.iter().map(|name| short(name)).collect();
    if !names.is_empty() {
        let _ = writeln!(
            out,
            "Newest unit names: {}.",
            listed(&names, ", ", 400, "search_events")
        );
    }
    if counters.runs > 0 {
        let names: Vec<String> = overview.pipelines.iter().map(|name| short(name)).collect();
        let names = listed(&names, ", ", 300, "list_pipeline_runs");
        let gap = if names.is_empty() {
            ""
        } else {
            "; pipelines: "
        };
        let _ = writeln!(out, "{}{gap}{names}.", count(counters.runs, "pipeline run"));
    }
    let unread = counters.unindexed_to - counters.reindexed_to;
    if unread > 0 {
        let unread = count(u64::try_from(unread).unwrap_or_default(), "event");
        let _ = writeln!(
            out,
            "Warning: {unread} have not been looked into for pipeline runs; epr-mcp reindex does so."
        );
    }
    for warning in store.warnings.iter().take(3) {
        let _ = writeln!(out, "Warning: {}", quoted_to(warning, 200));
    }
    let _ = write!(out, "Next: {}", next(overview, offers));
    out
}

/// The one call that leads on from here.
fn next(overview: &Overview, offers: impl Fn(&str) -> bool) -> String {
    let counters = &overview.counters;
    if counters.receivers == 0 && offers("create_receiver") {
        return format!(
            "the registry is empty. An event needs a receiver first: {}",
            call(
                "create_receiver",
                &[
                    ("name", "build".into()),
                    ("type", "com.example.build".into()),
                    ("version", "1.0.0".into()),
                    ("description", "A build ended".into()),
                    ("schema_name", "any".into()),
                ],
            )
        );
    }
    if counters.last_event_at.is_none() {
        return if offers("create_event") {
            "no event yet: create_event records one for a receiver (search_receivers lists them)."
                .to_owned()
        } else {
            "nothing is recorded yet.".to_owned()
        };
    }
    let waiting = overview
        .groups
        .iter()
        .find(|g| g.group.enabled && g.waiting > 0);
    match waiting {
        Some(group) => call(
            "check_gate",
            &[("group", group.group.id.to_string().into())],
        ),
        None => call("search_events", &[("since", "24h".into())]),
    }
}

fn head(server: &McpServer, principal: &Principal) -> Obj {
    Obj::new()
        .show("now", server.registry().now())
        .put("version", server.options().version)
        .flag("demo", server.options().demo)
        .put(
            "principal",
            Obj::new()
                .put("name", principal.recorder.principal.as_str())
                .put("kind", principal.recorder.kind.as_str())
                .put("self_asserted", asserted(principal))
                .put("scopes", scopes(principal)),
        )
}

/// The facts of the text, for programs and the overview resource.
pub(crate) fn facts(server: &McpServer, principal: &Principal, overview: &Overview) -> Value {
    let (store, counters) = (&overview.store, &overview.counters);
    let mut counts = Obj::new()
        .put("events", counters.succeeded + counters.failed)
        .put("failed", counters.failed)
        .put("units", counters.units)
        .put("receivers", counters.receivers)
        .put("groups", counters.groups)
        .put("messages", counters.messages)
        .put(
            "pipeline_runs",
            (counters.runs > 0).then_some(counters.runs),
        )
        .put(
            "not_looked_into",
            (counters.unindexed_to > 0).then(|| counters.unindexed_to - counters.reindexed_to),
        );
    if let (Some(first), Some(last)) = (counters.first_event_at, counters.last_event_at) {
        counts = counts
            .show("first_event_at", first)
            .show("last_event_at", last);
    }
    let types: Vec<Value> = overview
        .types
        .iter()
        .map(|t| {
            Obj::new()
                .put("type", t.kind.as_str())
                .put("receivers", t.receivers)
                .put("events", t.events)
                .into()
        })
        .collect();
    let groups: Vec<Value> = overview
        .groups
        .iter()
        .map(|g| {
            Obj::new()
                .show("id", g.group.id)
                .put("name", g.group.name.as_str())
                .put("enabled", g.group.enabled)
                .put("waiting", g.waiting)
                .put("passing", g.passing.count)
                .put("all_units_counted", g.passing.exact)
                .into()
        })
        .collect();
    head(server, principal)
        .put(
            "storage",
            Obj::new()
                .put("engine", store.engine)
                .put("engine_version", store.engine_version.as_str())
                .put("location", store.location.as_str())
                .put("registry_id", store.registry_id.as_str())
                .put("ephemeral", store.ephemeral.clone()),
        )
        .put("counts", counts)
        .put("receiver_types", types)
        .put("groups", groups)
        .put("newest_names", overview.names.clone())
        .put("pipelines", overview.pipelines.clone())
        .put("warnings", store.warnings.clone())
        .put("next", next(overview, |tool| server.offers(tool)))
        .into()
}

/// The overview resource's text.
pub(crate) fn resource_text(
    server: &McpServer,
    principal: &Principal,
    overview: &Overview,
) -> String {
    render::json_text(&facts(server, principal, overview))
}

#[cfg(test)]
mod tests;
