//! What is odd about the events as records: repeats, ids, times, repairs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Anomalies, Severity};
use crate::correlate::facts::{Conformance, DocumentKind};
use crate::correlate::key::folded;
use crate::correlate::run::Run;
use crate::correlate::story::Parts;
use crate::correlate::story::format::{SECOND, count, kind, lasting, name, prose, reason, some_of};
use crate::domain::id::EventId;
use crate::limits::story as limits;

const SLACK: i64 = limits::CLOCK_SECONDS * SECOND;
/// Decoder notes that make an answer less certain.
const DOUBTS: [&str; 9] = [
    "ancient_timestamp",
    "data_unreadable",
    "digest_unreadable",
    "envelope_mismatch",
    "link_unreadable",
    "outcome_unknown",
    "subject_missing",
    "time_unreadable",
    "type_missing",
];

pub(super) fn find(out: &mut Anomalies, run: &Run, parts: &Parts<'_>) {
    repeats(out, parts);
    conflicts(out, parts);
    times(out, parts);
    notes(out, parts);
    deviations(out, parts);
    shared_ids(out, run, parts);
}

fn repeats(out: &mut Anomalies, parts: &Parts<'_>) {
    let mut found: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, entry) in parts.events.all().iter().enumerate() {
        if let Some(original) = entry.repeats {
            found.entry(original).or_default().push(at);
        } else if entry.event().repeats > 0 {
            found.entry(at).or_default();
        }
    }
    for (original, copies) in found {
        let Some(entry) = parts.events.get(original) else {
            continue;
        };
        let mut ways = Vec::new();
        if !copies.is_empty() {
            ways.push(format!("recorded {}", again(copies.len())));
        }
        let sent = entry.event().repeats as usize;
        if sent > 0 {
            ways.push(format!("sent {}", again(sent)));
        }
        let detail = format!(
            "{} was {}; it is counted once",
            parts.entry_name(original),
            ways.join(" and ")
        );
        let all = std::iter::once(&original).chain(&copies);
        let ids = all.filter_map(|at| parts.events.id(*at));
        out.add("duplicate_event", Severity::Info, ids, detail);
    }
}

fn again(times: usize) -> String {
    match times {
        1 => "once more".to_owned(),
        more => format!("{more} times more"),
    }
}

fn conflicts(out: &mut Anomalies, parts: &Parts<'_>) {
    for group in &parts.events.conflicts {
        let facts = group.first().and_then(|at| parts.events.facts(*at));
        let id = facts.and_then(|facts| facts.id.as_deref());
        let source = facts.and_then(|facts| facts.source.as_deref());
        let detail = format!(
            "{} different events have the id {} of source {}",
            group.len(),
            name(id.unwrap_or_default()),
            name(source.unwrap_or_default()),
        );
        let ids = group.iter().filter_map(|at| parts.events.id(*at));
        out.add("id_conflict", Severity::Warning, ids, detail);
    }
}

fn times(out: &mut Anomalies, parts: &Parts<'_>) {
    let mut late: Vec<(i64, EventId)> = Vec::new();
    let mut without: Vec<EventId> = Vec::new();
    for (_, entry) in parts.events.counted() {
        let event = entry.event();
        let ahead = entry.at.saturating_sub(event.recorded_at.as_micros());
        if ahead > SLACK {
            late.push((ahead, event.id));
        }
        let noted = ["time_missing", "time_unreadable"]
            .iter()
            .any(|code| event.facts.has_note(code));
        if event.facts.time.is_none() && !noted && event.facts.kind != DocumentKind::Sbom {
            without.push(event.id);
        }
    }
    if let Some((most, _)) = late.iter().max_by_key(|(ahead, _)| *ahead) {
        let detail = format!(
            "{} happened after being recorded, by up to {}: the sender's clock is ahead",
            count(late.len(), "event"),
            lasting(*most)
        );
        let ids = late.iter().map(|(_, id)| *id);
        out.add("future_timestamp", Severity::Warning, ids, detail);
    }
    if !without.is_empty() {
        let detail = format!(
            "{} without a time: the time of recording stands in",
            count(without.len(), "event")
        );
        out.add("time_of_recording", Severity::Info, without, detail);
    }
}

/// What the decoder repaired or could not make out, by its codes.
fn notes(out: &mut Anomalies, parts: &Parts<'_>) {
    let mut by_code: BTreeMap<&str, (Vec<EventId>, &str)> = BTreeMap::new();
    for (_, entry) in parts.events.counted() {
        for note in &entry.facts().notes {
            let (events, detail) = by_code.entry(&note.code).or_default();
            if events.last() != Some(&entry.event().id) {
                events.push(entry.event().id);
            }
            if detail.is_empty() {
                *detail = &note.detail;
            }
        }
    }
    for (code, (events, detail)) in by_code {
        let severity = if DOUBTS.contains(&code) {
            Severity::Warning
        } else {
            Severity::Info
        };
        let gap = if detail.is_empty() { "" } else { ", first: " };
        let text = format!("{}{gap}{}", count(events.len(), "event"), prose(detail));
        // Codes are the decoder's own words.
        let code = crate::correlate::story::format::word(code).into_owned();
        out.add(code, severity, events, text);
    }
}

fn deviations(out: &mut Anomalies, parts: &Parts<'_>) {
    let verdict = |deviates: Conformance| {
        let all = parts.events.counted().map(|(_, entry)| entry.event());
        all.filter(move |event| event.facts.verdict.conformance == deviates)
    };
    let Some(first) = verdict(Conformance::Deviates).next() else {
        return;
    };
    let ids: Vec<EventId> = verdict(Conformance::Deviates)
        .map(|event| event.id)
        .collect();
    let spec = first.facts.verdict.spec.as_deref();
    let detail = format!(
        "{} of {} deviate from the CDEvents schemas{}{}",
        ids.len(),
        count(parts.events.counted().count(), "event"),
        spec.map(|spec| format!(" of {}", crate::correlate::story::format::word(spec)))
            .unwrap_or_default(),
        first
            .facts
            .verdict
            .faults
            .first()
            .map(|fault| format!(", first: {}", reason(fault)))
            .unwrap_or_default(),
    );
    out.add("nonconformant", Severity::Info, ids, detail);
}

/// Ids are unique per type and source; who looks things up by id alone mixes these up.
fn shared_ids(out: &mut Anomalies, run: &Run, parts: &Parts<'_>) {
    let mut kinds: BTreeMap<String, (BTreeSet<&str>, Vec<usize>)> = BTreeMap::new();
    for line in parts.spans.lines.iter().filter(|line| !line.id.is_empty()) {
        let (kinds, entries) = kinds.entry(folded(line.id)).or_default();
        kinds.insert(line.kind);
        entries.extend(line.entries.first());
    }
    for (id, (kinds, entries)) in kinds.iter().filter(|(_, (kinds, _))| kinds.len() > 1) {
        let names: Vec<String> = kinds.iter().map(|of| kind(of).into_owned()).collect();
        let detail = format!(
            "the id {} stands for {} types of subject: {}",
            name(id),
            kinds.len(),
            some_of(&names, limits::TOP)
        );
        let ids = entries.iter().filter_map(|at| parts.events.id(*at));
        out.add("shared_subject_id", Severity::Info, ids, detail);
    }
    let mut elsewhere: HashMap<(&str, String), Vec<EventId>> = HashMap::new();
    for related in &run.related {
        if matches!(related.why, "other_chain" | "other_run")
            && let Some(about) = &related.event.facts.about
        {
            let ids = elsewhere
                .entry((&about.kind, folded(&about.id)))
                .or_default();
            ids.push(related.event.id);
        }
    }
    for (at, line) in parts.spans.lines.iter().enumerate() {
        if line.spans.is_empty() {
            continue;
        }
        if let Some(ids) = elsewhere.get(&(line.kind, folded(line.id))) {
            let detail = format!(
                "the id of {} is used by {} of other runs too",
                parts.line_name(at),
                count(ids.len(), "event")
            );
            let ids = ids.iter().copied();
            out.add("shared_subject_id", Severity::Info, ids, detail);
        }
    }
}
