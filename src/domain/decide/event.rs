//! Recording one event: the row, its messages, and what it does to each gate.

use std::sync::Arc;

use super::indexing::Natural;
use super::{NewEvent, NewMessage, Writer};
use crate::domain::command::{GateEffect, Outcome, TurnPolicy};
use crate::domain::event::{Event, EventDraft};
use crate::domain::gate::{GateState, Latest, Turn, is_transition};
use crate::domain::group::GroupState;
use crate::domain::id::{EventId, ReceiverId};
use crate::domain::indexed::Indexed;
use crate::domain::message::MessageKind;
use crate::domain::refusal::{GateTurning, Refusal};

impl Writer<'_> {
    pub(super) fn record_event(
        &mut self,
        id: EventId,
        draft: &EventDraft,
        indexed: Option<&Arc<Indexed>>,
    ) -> Result<(Outcome, String), Refusal> {
        let receiver_id = draft.receiver_id;
        let Some(receiver) = self.state.receivers.get(&receiver_id) else {
            return Err(Refusal::NotFound {
                kind: "receiver",
                what: receiver_id.to_string(),
                near: Vec::new(),
            });
        };
        let receiver_type = receiver.kind.clone();
        let natural = indexed.and_then(|indexed| Natural::of(draft, indexed));
        if let Some((id, seq)) = natural.and_then(|natural| self.repeated(natural)) {
            return Ok((Outcome::Repeated { id, seq }, id.to_string()));
        }
        let latest = Latest {
            seq: self.state.last_event_seq + 1,
            success: draft.success,
        };
        let known_unit = self.state.units.get(&draft.unit.key()).copied();
        let gates = self.gate_turns(known_unit, receiver_id, latest);
        confirmed(&self.command.turns, draft, &gates)?;
        let (unit_id, name_id) = self.unit_row(&draft.unit);
        self.state.last_event_seq = latest.seq;
        self.state.latest.insert((unit_id, receiver_id), latest);
        self.plan.latest.insert((unit_id, receiver_id), latest);
        let seq = latest.seq;
        let event = Event {
            seq,
            id,
            unit: draft.unit.clone(),
            description: draft.description.clone(),
            success: draft.success,
            receiver_id,
            created_at: self.now,
            payload_digest: *draft.payload.digest(),
            payload_size: i64::try_from(draft.payload.size()).unwrap_or(i64::MAX),
            recorded_by: self.command.recorder.clone(),
        };
        let mut messages = vec![self.message(
            NewMessage::about(MessageKind::Event).event(seq),
            &receiver_type,
        )];
        for effect in gates.iter().filter(|effect| effect.state.passes()) {
            let group = &effect.group;
            let mut message = NewMessage::about(MessageKind::GroupComplete)
                .event(seq)
                .group(group.id, GroupState::of(group));
            message.transition = effect.transition;
            messages.push(self.message(message, &group.kind));
        }
        self.plan.events.push(NewEvent {
            event: event.clone(),
            payload: draft.payload.clone(),
            unit_id,
            name_id,
        });
        let mut id_conflict = None;
        if let Some(indexed) = indexed {
            id_conflict = natural.and_then(|natural| self.natural(natural, seq, id));
            self.index(seq, indexed);
        }
        let gates = gates.into_iter().map(GateTurn::into_effect).collect();
        Ok((
            Outcome::Event {
                event: Box::new(event),
                gates,
                messages,
                id_conflict,
            },
            id.to_string(),
        ))
    }

    /// Compares every gate that the receiver belongs to before and after `latest` becomes its newest
    /// event for the unit, which has no row yet if it is new. Each group stands on its own.
    fn gate_turns(
        &self,
        unit_id: Option<i64>,
        receiver_id: ReceiverId,
        latest: Latest,
    ) -> Vec<GateTurn> {
        let known = |r| unit_id.and_then(|unit| self.state.latest.get(&(unit, r)).copied());
        let groups = self.state.groups_of.get(&receiver_id);
        let groups = groups.into_iter().flatten();
        let groups = groups.filter_map(|id| self.state.groups.get(id));
        groups
            .map(|group| {
                let before = GateState::evaluate(group, known);
                let state = GateState::evaluate(group, |r| {
                    if r == receiver_id {
                        Some(latest)
                    } else {
                        known(r)
                    }
                });
                GateTurn {
                    turn: Turn::between(&before, &state),
                    transition: is_transition(&before, group.active_from_seq),
                    group: group.clone(),
                    state,
                }
            })
            .collect()
    }
}

/// Refuses an event that would turn gates which nobody has agreed to.
fn confirmed(policy: &TurnPolicy, draft: &EventDraft, gates: &[GateTurn]) -> Result<(), Refusal> {
    if *policy == TurnPolicy::Allowed {
        return Ok(());
    }
    let turning = |gate: &GateTurn| {
        let what = match gate.turn {
            Turn::Opened => "open",
            Turn::Closed => "close",
            // It passed when its group was made or enabled, and nobody has heard of it yet.
            Turn::StillPassing if gate.transition => "announce as passing",
            Turn::StillPassing | Turn::Waiting | Turn::Disabled => return None,
        };
        Some(GateTurning {
            id: gate.group.id.to_string(),
            name: gate.group.name.clone(),
            what,
        })
    };
    let turns: Vec<GateTurning> = gates.iter().filter_map(turning).collect();
    if turns.is_empty() {
        return Ok(());
    }
    agreed(policy, Refusal::unconfirmed(Some(draft.unit.uri()), turns))
}

/// The refusal, unless the policy allows what it is about.
pub(super) fn agreed(policy: &TurnPolicy, refusal: Refusal) -> Result<(), Refusal> {
    match &refusal {
        Refusal::Unconfirmed { mark, .. } if policy.allows(mark) => Ok(()),
        _ => Err(refusal),
    }
}

struct GateTurn {
    group: crate::domain::group::Group,
    turn: Turn,
    state: GateState,
    /// If the gate passes now: whether that is told as a transition.
    transition: bool,
}

impl GateTurn {
    fn into_effect(self) -> GateEffect {
        GateEffect {
            group: self.group,
            turn: self.turn,
            state: self.state,
        }
    }
}
