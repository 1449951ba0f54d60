//! What the tests of questions share: events made by hand, and a log in memory that answers them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};
use ulid::Ulid;

pub(crate) use super::ask::Given;
use super::ask::{Ask, LinkRow, Scan};
use super::facts::{DocumentKind, Facts, Recorded};
use super::key::{LinkKey, edges};
use super::{Hint, decode};
use crate::domain::id::EventId;
use crate::domain::time::Timestamp;
use crate::domain::unit::Unit;

/// An instant by its text.
pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::from_jiff(text.parse().unwrap())
}

/// A recorded event.
pub(crate) fn recorded(seq: i64, payload: &Value) -> Recorded {
    let facts = decode(payload, &Hint::default())
        .unwrap_or_else(|| Facts::new(DocumentKind::CloudEvent, "none"));
    Recorded {
        seq,
        id: EventId::new(Ulid(
            0x0190_0000_0000_0000_0000_0000_0000_0000 + seq as u128,
        )),
        unit: Unit {
            name: "app".to_owned(),
            version: "1".to_owned(),
            release: "1".to_owned(),
            platform_id: "any".to_owned(),
            package: "oci".to_owned(),
        },
        receiver_type: facts.type_name.clone(),
        success: true,
        recorded_at: at("2026-12-01T00:00:00Z"),
        payload_digest: [0; 32],
        repeats: 0,
        facts,
    }
}

/// A CDEvent of `subject.predicate` about `id` at an instant, with this content; its own id is made
/// of these.
pub(crate) fn cdevent(event: &str, id: &str, time: &str, content: &Value) -> Value {
    json!({
        "context": {
            "specversion": "0.5.1",
            "id": format!("{event}/{id}/{time}/{content}"),
            "source": "/ci",
            "type": format!("dev.cdevents.{event}.0.3.0"),
            "timestamp": time,
        },
        "subject": {"id": id, "content": content},
    })
}

/// With a chain.
pub(crate) fn in_chain(mut payload: Value, chain: &str) -> Value {
    payload["context"]["chainId"] = json!(chain);
    payload
}

/// Events one after another, numbered from 1.
pub(crate) fn log(payloads: &[Value]) -> Log {
    Log::new(
        (1..)
            .zip(payloads)
            .map(|(seq, payload)| recorded(seq, payload))
            .collect(),
    )
}

/// A log in memory with its links.
pub(crate) struct Log {
    pub(crate) events: BTreeMap<i64, Recorded>,
    links: BTreeMap<LinkKey, Vec<LinkRow>>,
}

impl Log {
    pub(crate) fn new(events: Vec<Recorded>) -> Self {
        let mut links: BTreeMap<LinkKey, Vec<LinkRow>> = BTreeMap::new();
        for event in &events {
            for edge in edges(&event.facts) {
                let (key, role, seq) = (edge.key, edge.role, event.seq);
                links
                    .entry(key)
                    .or_default()
                    .push(LinkRow { key, seq, role });
            }
        }
        for rows in links.values_mut() {
            rows.sort_by_key(|row| (row.seq, row.role));
        }
        Self {
            events: events.into_iter().map(|event| (event.seq, event)).collect(),
            links,
        }
    }

    /// The ties that [`Ask::Links`] asks for.
    pub(crate) fn rows(&self, keys: &[LinkKey], per_key: usize, scan: Scan) -> Vec<LinkRow> {
        let mut found = Vec::new();
        for key in keys {
            let rows = self.links.get(key).into_iter().flatten().copied();
            match scan {
                Scan::From(seq) => {
                    found.extend(rows.filter(|row| row.seq >= seq).take(per_key));
                }
                Scan::Before(seq) => {
                    found.extend(rows.rev().filter(|row| row.seq < seq).take(per_key));
                }
            }
        }
        found
    }

    /// The events that [`Ask::Events`] asks for.
    pub(crate) fn read(&self, seqs: &[i64]) -> Vec<Recorded> {
        seqs.iter()
            .filter_map(|seq| self.events.get(seq).cloned())
            .collect()
    }

    /// All events with a key.
    pub(crate) fn with(&self, key: LinkKey) -> Vec<Recorded> {
        let rows = self.rows(&[key], usize::MAX, Scan::Before(i64::MAX));
        let seqs: Vec<i64> = rows.iter().map(|row| row.seq).collect();
        self.read(&seqs)
    }
}

/// Answers a question until it asks no more; tells how often it asked.
pub(crate) fn answer<Q>(
    question: &mut Q,
    log: &Log,
    ask: impl Fn(&mut Q) -> Option<Ask>,
    give: impl Fn(&mut Q, Given),
) -> usize {
    let mut asked = 0;
    while let Some(next) = ask(question) {
        asked += 1;
        assert!(asked <= 100, "it never ends");
        let given = match &next {
            Ask::Links {
                keys,
                per_key,
                rows,
                scan,
            } => {
                assert!(!keys.is_empty());
                let mut found = log.rows(keys, *per_key, *scan);
                found.truncate(*rows);
                Given::Links(found)
            }
            Ask::Events { seqs } => {
                assert!(!seqs.is_empty());
                Given::Events(log.read(seqs))
            }
            Ask::UnitEvents { .. } => Given::Positions(Vec::new()),
        };
        give(question, given);
    }
    asked
}

/// The corpus that `EPR_FIXTURES` names, or nothing when there is none.
pub(crate) fn corpus(checks: usize) -> Option<PathBuf> {
    let root = std::env::var_os("EPR_FIXTURES").map(PathBuf::from);
    if root.is_none() {
        println!("left out: {checks} corpus checks, EPR_FIXTURES is not set");
    }
    root
}

/// The events of a stream of the corpus with the number of the run that each belongs to.
#[expect(clippy::disallowed_methods, reason = "a test outside any runtime")]
pub(crate) fn stream(root: &std::path::Path, name: &str) -> Vec<(Recorded, i64)> {
    let path = root.join("cdevents/streams").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    (1..)
        .zip(text.lines())
        .map(|(seq, line)| {
            let line: Value = serde_json::from_str(line).unwrap();
            let mut event = recorded(seq, &line["payload"]);
            event.unit.name = line["name"].as_str().unwrap().to_owned();
            event.success = line["success"].as_bool().unwrap();
            (event, line["_run"].as_i64().unwrap())
        })
        .collect()
}
