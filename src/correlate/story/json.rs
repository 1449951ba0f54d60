//! The story as JSON: the same facts as the text, times in RFC 3339, lengths in seconds.

mod parts;
mod rows;

use serde_json::{Map, Value, json};

use super::format::seconds;
use super::outcome::Rolled;
use super::{Page, Section, Story, Told, lists, text, wants_summary};
use crate::domain::run::RunName;
use crate::domain::text::{escape_hidden_in_json, is_hidden};
use crate::domain::time::Timestamp;
use crate::limits;

/// Bytes that one text may take in the answer, with its escapes.
const TEXT_BYTES: usize = 2 * limits::story::JSON_CHARS;

/// The sections as JSON.
pub(super) fn json(story: &Story<'_>, sections: &[Section], page: Page) -> Told<Value> {
    let lists = lists::asked_for(story, sections);
    let total: usize = lists.iter().map(|(_, rows)| rows).sum();
    let summary = wants_summary(sections) && page.offset == 0;
    let mut out = Room::new(page.most);
    out.put("run", run(story));
    if summary {
        self::summary(story, sections, &mut out);
    }
    let calls = text::next_calls(story, sections);
    out.put(
        "next",
        calls.into_iter().map(|(call, _)| call).collect::<Vec<_>>(),
    );
    let next = write_rows(story, &lists, page, &mut out);
    if let Some(next) = next {
        out.put("next_offset", next);
        out.put("rows", total);
    }
    Told {
        body: Value::Object(out.fields),
        next,
        rows: total,
    }
}

fn write_rows(
    story: &Story<'_>,
    lists: &[(Section, usize)],
    page: Page,
    out: &mut Room,
) -> Option<usize> {
    let mut place = 0;
    let mut written = 0;
    for (list, rows) in lists {
        let first = page.offset.saturating_sub(place).min(*rows);
        let mut items = Vec::new();
        let mut next = None;
        for at in first..*rows {
            let item = rows::row(story, *list, at);
            let size = size(&item);
            if written >= page.rows.max(1) || (size > out.left && written > 0) {
                next = Some(place + at);
                break;
            }
            out.left = out.left.saturating_sub(size);
            items.push(item);
            written += 1;
        }
        if page.offset <= place || !items.is_empty() {
            out.fields.insert(list.as_str().to_owned(), items.into());
        }
        if next.is_some() {
            return next;
        }
        place += rows;
    }
    None
}

/// The run itself.
fn run(story: &Story<'_>) -> Value {
    let outcome = &story.parts.outcome;
    let (kind, id, source) = match &story.run.name {
        Some(RunName::PipelineRun { id, source }) => {
            ("pipelineRun", id.as_str(), source.as_deref())
        }
        Some(RunName::Chain(id)) => ("chain", id.as_str(), None),
        Some(RunName::Build { id }) => ("build", id.as_str(), None),
        None => ("", "", None),
    };
    let zero = (story.parts.events.len() > 0).then_some(outcome.zero);
    Obj::new()
        .text("run", Some(&story.asked.handle))
        .text("kind", Some(kind))
        .text("id", Some(id))
        .text("source", source)
        .text("pipeline", text::pipeline(story))
        .put("status", outcome.status.as_str())
        .flag("from_parts", outcome.from_parts)
        .put("declared", outcome.declared.map(Rolled::as_str))
        .text("declared_said", outcome.declared_said)
        .put("derived", outcome.derived.map(Rolled::as_str))
        .put("parts", outcome.parts)
        .put("consistent", outcome.agree)
        .put("epr_success", outcome.epr_failed == 0)
        .put(
            "epr_failed_events",
            Some(outcome.epr_failed).filter(|count| *count > 0),
        )
        .time("began_at", zero)
        .time("queued_at", outcome.queued_at)
        .time("started_at", outcome.started_at)
        .time("finished_at", outcome.finished_at)
        .length("queue_s", outcome.queue)
        .length("run_s", outcome.run)
        .length("open_s", outcome.open_for)
        .put("events", story.parts.events.len())
        .put(
            "links",
            Some(story.run.links.len()).filter(|count| *count > 0),
        )
        .put("method", story.run.method.as_str())
        .put("confidence", story.run.confidence.as_str())
        .put("truncated", story.run.truncated.clone())
        .put(
            "hubs",
            texts(story.run.hubs.iter().take(limits::story::TOP)),
        )
        .put("typical", typical(story))
        .into()
}

fn typical(story: &Story<'_>) -> Option<Value> {
    let typical = story.asked.typical?;
    Some(json!({
        "runs": typical.runs,
        "median_s": typical.median_s,
        "p95_s": typical.p95_s,
    }))
}

/// What the summary tells beside the run itself; lists that were asked for come whole, later.
fn summary(story: &Story<'_>, sections: &[Section], out: &mut Room) {
    let found = &story.parts;
    let top = limits::story::TOP;
    let whole = |list: Section| sections.contains(&list) || sections.contains(&Section::All);
    out.put("source", parts::source(story));
    out.list("failures", parts::failures(story), top);
    if !found.critical.steps.is_empty() {
        let path = &found.critical;
        out.put("critical_path_s", seconds(path.wall - path.idle));
        out.put("wall_s", seconds(path.wall));
        out.put("idle_s", seconds(path.idle));
        let steps = (0..path.steps.len()).map(|at| parts::step(story, at));
        out.list("critical_path", steps, 4 * top);
    }
    for list in [Section::Artifacts, Section::Deployments] {
        if !whole(list) {
            let all = (0..lists::rows(story, list)).map(|at| rows::row(story, list, at));
            out.list(list.as_str(), all, top);
        }
    }
    if found.tests.any() {
        out.put("test_counts", parts::test_counts(story));
    }
    if !whole(Section::Build) {
        let builds = found.builds.list.iter().filter(|build| build.tells());
        let builds = builds.map(|build| rows::build(story, build));
        out.list("builds", builds, top);
    }
    let gates = story.asked.gates.iter().map(parts::gate);
    out.list("gates", gates, top);
    if !whole(Section::Anomalies) {
        let groups = story.anomalies.groups();
        out.list("anomalies", groups.iter().map(rows::group), 4 * top);
    }
    if !story.run.related.is_empty() && !whole(Section::Related) {
        out.put("related_events", story.run.related.len());
    }
}

/// The fields of the answer, and how many bytes there are for more.
struct Room {
    fields: Map<String, Value>,
    left: usize,
}

impl Room {
    fn new(most: usize) -> Self {
        Self {
            fields: Map::new(),
            // The names of the lists and the offset of the next page.
            left: most.saturating_sub(500),
        }
    }

    fn put(&mut self, key: &str, value: impl Into<Value>) {
        let value = value.into();
        if !is_empty(&value) {
            self.left = self.left.saturating_sub(size(&value) + key.len() + 4);
            self.fields.insert(key.to_owned(), value);
        }
    }

    /// Adds the first items; of the rest the number.
    fn list(&mut self, key: &str, items: impl IntoIterator<Item = Value>, most: usize) {
        let mut kept: Vec<Value> = Vec::new();
        let mut more = 0;
        for item in items {
            let size = size(&item);
            if more == 0 && kept.len() < most && size < self.left {
                self.left -= size;
                kept.push(item);
            } else {
                more += 1;
            }
        }
        if more > 0 {
            kept.push(json!({ "more": more }));
        }
        self.put(key, kept);
    }
}

/// A JSON object without what is null or empty.
#[derive(Default)]
struct Obj(Map<String, Value>);

impl Obj {
    fn new() -> Self {
        Self::default()
    }

    fn put(mut self, key: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        if !is_empty(&value) {
            self.0.insert(key.to_owned(), value);
        }
        self
    }

    /// Adds the fields of another object.
    fn and(mut self, other: Value) -> Self {
        if let Value::Object(fields) = other {
            self.0.extend(fields);
        }
        self
    }

    fn flag(self, key: &str, set: bool) -> Self {
        if set { self.put(key, true) } else { self }
    }

    fn text(self, key: &str, text: Option<&str>) -> Self {
        self.put(key, text.map(exact))
    }

    fn time(self, key: &str, micros: Option<i64>) -> Self {
        let time = micros.map(|micros| Timestamp::from_micros(micros).to_string());
        self.put(key, time)
    }

    fn length(self, key: &str, micros: Option<i64>) -> Self {
        self.put(key, micros.map(seconds))
    }
}

impl From<Obj> for Value {
    fn from(obj: Obj) -> Self {
        Self::Object(obj.0)
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn texts<'t>(all: impl IntoIterator<Item = &'t String>) -> Vec<String> {
    all.into_iter().map(|text| exact(text)).collect()
}

/// Text from outside as it is, unless it is too long; then what is missing is counted.
fn exact(text: &str) -> String {
    let mut bytes = 0;
    for (n, (at, c)) in text.char_indices().enumerate() {
        // A hidden character is an escape of six characters, or two of them.
        bytes += match c {
            c if is_hidden(c) => 6 * c.len_utf16(),
            '"' | '\\' => 2,
            c => c.len_utf8(),
        };
        if n >= limits::story::JSON_CHARS || bytes > TEXT_BYTES {
            let (kept, rest) = text.split_at(at);
            return format!("{kept}… {} more", rest.chars().count());
        }
    }
    text.to_owned()
}

fn size(value: &Value) -> usize {
    escape_hidden_in_json(&value.to_string()).len() + 1
}
