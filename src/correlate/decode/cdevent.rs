//! A CDEvent of any version: context, subject, customData, and the envelope around them.

use super::draft::Draft;
use super::read::{self, Object};
use super::types::{EventType, today};
use super::{Hint, content, custom, links};
use crate::correlate::cloudevent::CloudEvent;
use crate::correlate::facts::{DocumentKind, Facts, Subject, Target};
use crate::correlate::key::{Role, folded};
use crate::correlate::uri::as_reference;
use crate::domain::text::quoted;
use crate::domain::time::Timestamp;

/// Reads a document that is a CDEvent; `None` if it is none.
pub(super) fn read(
    object: &Object,
    envelope: Option<&CloudEvent<'_>>,
    hint: &Hint<'_>,
) -> Option<Facts> {
    let context = read::object(object, "context")?;
    let subject = read::object(object, "subject");
    let declared = declared_type(context, envelope, hint);
    let kind = declared.as_deref().and_then(EventType::parse);
    // Other documents have a context and a subject too. A CDEvent names its type, or is written as
    // the specification says in all but that.
    let looks_like_one = subject.is_some_and(|subject| read::get(subject, "id").is_some())
        && read::get(context, "timestamp").is_some()
        && (read::get(context, "version").is_some() || read::get(context, "specversion").is_some());
    if kind.is_none() && !looks_like_one {
        return None;
    }
    let type_name = declared.unwrap_or_default();
    let mut draft = Draft::new(Facts::new(DocumentKind::CdEvent, type_name));
    let empty = Object::new();
    let subject = subject.unwrap_or(&empty);
    take_type(&mut draft, kind, subject);
    draft.facts.spec = read::id(context, "specversion").or_else(|| read::id(context, "version"));
    identity(&mut draft, context, envelope);
    about(&mut draft, subject, envelope);
    nulls(&mut draft, context, subject);
    links::note_snake(&mut draft, context);
    let inside = read::object(subject, "content").unwrap_or(subject);
    content::read(&mut draft, inside);
    if let Some(links) = read::get(context, "links") {
        links::embedded(&mut draft, links);
    }
    if let Some(value) = read::get(object, "customData") {
        let media_type = read::id(object, "customDataContentType");
        custom::read(&mut draft, value, media_type.as_deref());
    }
    Some(draft.finish())
}

/// The type: of the context, else of the envelope, else of the receiver.
fn declared_type(
    context: &Object,
    envelope: Option<&CloudEvent<'_>>,
    hint: &Hint<'_>,
) -> Option<String> {
    let of_context = context
        .get("type")
        .filter(|value| value.is_string())
        .and_then(read::id_of);
    let of_envelope = envelope.map(|envelope| envelope.type_name.as_str());
    let of_receiver = hint.receiver_type.map(str::trim);
    let known = [of_context.as_deref(), of_envelope, of_receiver]
        .into_iter()
        .flatten()
        .find(|text| EventType::parse(text).is_some())
        .map(str::to_owned);
    known.or(of_context)
}

/// Takes the subject's and the predicate's name.
pub(super) fn take_type(draft: &mut Draft, kind: Option<EventType>, subject: &Object) {
    let type_name = draft.facts.type_name.clone();
    match kind {
        Some(kind) => {
            if !kind.known {
                draft.note("type_unknown", quoted(&type_name));
            }
            draft.facts.subject = kind.subject;
            draft.facts.predicate = kind.predicate;
        }
        None => {
            draft.note("type_unknown", quoted(&type_name));
            let kind = read::id(subject, "type").unwrap_or_default();
            draft.facts.subject = today(&kind.to_ascii_lowercase()).to_owned();
        }
    }
}

/// Id, source, time and chain: of the context, else of the envelope.
fn identity(draft: &mut Draft, context: &Object, envelope: Option<&CloudEvent<'_>>) {
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let outer_id = envelope.and_then(|envelope| given(&envelope.id));
    let outer_source = envelope.and_then(|envelope| given(&envelope.source));
    let outer_type = envelope.and_then(|envelope| given(&envelope.type_name));
    let id = read::id(context, "id");
    let source = read::id(context, "source");
    let type_name = read::id(context, "type");
    differ(draft, "id", outer_id.as_deref(), id.as_deref());
    differ(draft, "source", outer_source.as_deref(), source.as_deref());
    differ(draft, "type", outer_type.as_deref(), type_name.as_deref());
    draft.facts.id = id.or(outer_id);
    draft.facts.source = source.or(outer_source);
    missing_identity(draft);
    draft.chain(read::id(context, "chainId"));
    let said = read::id(context, "timestamp").or_else(|| read::id(context, "time"));
    let inner = said
        .as_deref()
        .and_then(|text| draft.read_time("context.timestamp", text));
    times(draft, inner, said.is_some(), envelope);
    if let Some(envelope) = envelope {
        ties_of_envelope(draft, envelope);
    }
}

/// Notes that there is no id or no source.
pub(super) fn missing_identity(draft: &mut Draft) {
    for (there, code) in [
        (draft.facts.id.is_some(), "id_missing"),
        (draft.facts.source.is_some(), "source_missing"),
    ] {
        if !there {
            draft.note(code, "");
        }
    }
}

/// Takes the time of the event, else that of its envelope.
pub(super) fn times(
    draft: &mut Draft,
    inner: Option<Timestamp>,
    said: bool,
    envelope: Option<&CloudEvent<'_>>,
) {
    let outer = envelope.and_then(|envelope| envelope.time);
    for note in envelope.into_iter().flat_map(|envelope| &envelope.notes) {
        if note.code.starts_with("time") {
            draft.note_once(&note.code, note.detail.clone());
        }
    }
    if let (Some(inner), Some(outer)) = (inner, outer)
        && inner != outer
    {
        let detail = format!("time: {outer} in the envelope, {inner} in the context");
        draft.note("envelope_mismatch", detail);
    }
    match inner.or(outer) {
        Some(time) => draft.time(time),
        None if !said && !draft.facts.has_note("time_unreadable") => draft.note("time_missing", ""),
        None => {}
    }
}

/// Chain and cause that only an envelope says (CloudEvents extension "Correlation").
pub(super) fn ties_of_envelope(draft: &mut Draft, envelope: &CloudEvent<'_>) {
    if draft.facts.chain.is_none() {
        draft.chain(envelope.extension("correlationid").map(str::to_owned));
    }
    if let Some(cause) = envelope.extension("causationid") {
        draft.refer(Role::Cause, Target::Event(cause.to_owned()), None);
    }
}

fn differ(draft: &mut Draft, name: &str, outer: Option<&str>, inner: Option<&str>) {
    if let (Some(outer), Some(inner)) = (outer, inner)
        && folded(outer) != folded(inner)
        // An envelope may hold only what may stand in a URI.
        && !(name == "source" && as_reference(inner) == outer)
    {
        let (outer, inner) = (quoted(outer), quoted(inner));
        let detail = format!("{name}: {outer} in the envelope, {inner} in the context");
        draft.note("envelope_mismatch", detail);
    }
}

/// What it is about. The source of a subject is that of its event unless it is said (spec.md).
fn about(draft: &mut Draft, subject: &Object, envelope: Option<&CloudEvent<'_>>) {
    let outer = envelope.and_then(|envelope| envelope.subject.clone());
    let inner = read::id(subject, "id");
    differ(draft, "subject", outer.as_deref(), inner.as_deref());
    let Some(id) = inner.or(outer) else {
        return draft.note("subject_missing", "");
    };
    draft.facts.about = Some(Subject {
        kind: draft.facts.subject.clone(),
        id,
        source: read::id(subject, "source").or_else(|| draft.facts.source.clone()),
    });
}

/// Notes members that are null: they count as absent.
fn nulls(draft: &mut Draft, context: &Object, subject: &Object) {
    let inner = read::object(subject, "content");
    let places = [
        ("context", Some(context)),
        ("subject", Some(subject)),
        ("subject.content", inner),
    ];
    let mut names = places.into_iter().flat_map(|(place, object)| {
        object
            .into_iter()
            .flatten()
            .filter(|(_, value)| value.is_null())
            .map(move |(name, _)| format!("{place}.{}", read::cut(name, 60)))
    });
    let first: Vec<String> = names.by_ref().take(4).collect();
    let more = names.count();
    if !first.is_empty() {
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        draft.note("nulls_dropped", format!("{}{more}", first.join(", ")));
    }
}
