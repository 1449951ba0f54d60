//! Events of pipeline runs with all that intake finds out about them.

use std::collections::{BTreeMap, HashMap};

use anyhow::Context as _;
use epr_mcp::correlate::{
    Conformance, Facts, Hint, Verdict, decode, indexed, success, unit, verdict,
};
use epr_mcp::domain::event::Payload;
use epr_mcp::domain::id::{EventId, IdSource as _, UlidSource};
use epr_mcp::domain::indexed::Indexed;
use epr_mcp::domain::time::{SteppingClock, Timestamp};
use epr_mcp::domain::unit::Unit;
use tokio::sync::mpsc;

use super::data::SPAN_MICROS;
use super::pipelines::{self, Pipelines, SCATTERED, SCATTERED_EVENTS, Sent};

/// Events that are handed over at a time.
const PORTION: usize = 2_000;
/// What an event happened before it was recorded.
const DELAY_MICROS: i64 = 1_000_000;

/// An event with all that is kept of it.
pub(crate) struct Made {
    pub(crate) id: EventId,
    pub(crate) at: Timestamp,
    pub(crate) run: usize,
    pub(crate) is_last: bool,
    pub(crate) kind: String,
    pub(crate) unit: Unit,
    pub(crate) success: bool,
    pub(crate) description: String,
    pub(crate) payload: Payload,
    pub(crate) indexed: Indexed,
}

/// Makes all events, in portions.
pub(crate) fn make(
    events: usize,
    from: Timestamp,
    to: &mpsc::Sender<Vec<Made>>,
) -> anyhow::Result<()> {
    let step = SPAN_MICROS / events as i64;
    let ids = UlidSource::new(SteppingClock::new(from, step));
    let mut runs = Pipelines::new(events);
    let mut verdicts = HashMap::new();
    let stride = events / (SCATTERED * SCATTERED_EVENTS);
    let mut portion = Vec::with_capacity(PORTION);
    for place in 0..events {
        let at = from.plus_micros(place as i64 * step);
        let happened = at.plus_micros(-DELAY_MICROS);
        let of_scattered = (place / stride, place % stride);
        let sent = match of_scattered {
            (number, 0) if number < SCATTERED * SCATTERED_EVENTS => {
                pipelines::scattered(number % SCATTERED, number / SCATTERED, happened)
            }
            _ => runs.next(happened),
        };
        portion.push(understood(
            sent,
            EventId::new(ids.next()),
            at,
            &mut verdicts,
        )?);
        if portion.len() == PORTION && to.blocking_send(std::mem::take(&mut portion)).is_err() {
            anyhow::bail!("nobody takes the events any more");
        }
    }
    drop(to.blocking_send(portion));
    Ok(())
}

/// What intake makes of a document. All of one type conform if one does, and that is looked at once.
fn understood(
    sent: Sent,
    id: EventId,
    at: Timestamp,
    verdicts: &mut HashMap<String, Verdict>,
) -> anyhow::Result<Made> {
    let value = serde_json::from_str(&sent.text)?;
    let mut facts = decode(&value, &Hint::default()).context("a document says nothing")?;
    if !verdicts.contains_key(&facts.type_name) {
        let verdict = verdict(&value);
        let conforms = verdict.conformance == Conformance::Conforms;
        anyhow::ensure!(conforms, "{} deviates: {:?}", sent.text, verdict.faults);
        verdicts.insert(facts.type_name.clone(), verdict);
    }
    if let Some(verdict) = verdicts.get(&facts.type_name) {
        facts.verdict = verdict.clone();
    }
    let (success, note) = success(&facts);
    anyhow::ensure!(note.is_none(), "{} is odd", sent.text);
    Ok(Made {
        id,
        at,
        run: sent.run,
        is_last: sent.is_last,
        kind: facts.type_name.clone(),
        unit: unit(&facts, &BTreeMap::new()),
        success,
        description: description(&facts),
        payload: Payload::new(sent.text),
        indexed: indexed(&facts, true, at),
    })
}

fn description(facts: &Facts) -> String {
    let outcome = facts.outcome.map_or("", |outcome| outcome.as_str());
    format!("{} {} {outcome}", facts.subject, facts.predicate)
}
