//! Recording one event: the row, its messages, and what it does to each gate.

use super::{NewEvent, NewMessage, Writer};
use crate::domain::command::{GateEffect, Outcome};
use crate::domain::event::{Event, EventDraft};
use crate::domain::gate::{GateState, Latest, Turn, is_transition};
use crate::domain::group::GroupState;
use crate::domain::id::{EventId, ReceiverId};
use crate::domain::message::MessageKind;
use crate::domain::refusal::Refusal;

impl Writer<'_> {
    pub(super) fn record_event(
        &mut self,
        id: EventId,
        draft: &EventDraft,
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
        let (unit_id, name_id) = self.unit_row(&draft.unit);
        self.state.last_event_seq += 1;
        let seq = self.state.last_event_seq;
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
        let gates = self.turn_gates(
            unit_id,
            receiver_id,
            Latest {
                seq,
                success: draft.success,
            },
        );
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
        let gates = gates.into_iter().map(GateTurn::into_effect).collect();
        Ok((
            Outcome::Event {
                event: Box::new(event),
                created: true,
                gates,
                messages,
            },
            id.to_string(),
        ))
    }

    /// Makes `latest` the newest event of the receiver for the unit, and compares every gate that
    /// the receiver belongs to before and after. Each group stands on its own.
    fn turn_gates(
        &mut self,
        unit_id: i64,
        receiver_id: ReceiverId,
        latest: Latest,
    ) -> Vec<GateTurn> {
        let group_ids = self
            .state
            .groups_of
            .get(&receiver_id)
            .cloned()
            .unwrap_or_default();
        let known = &self.state.latest;
        let mut turns = Vec::with_capacity(group_ids.len());
        for group in group_ids.iter().filter_map(|id| self.state.groups.get(id)) {
            let before = GateState::evaluate(group, |r| known.get(&(unit_id, r)).copied());
            let state = GateState::evaluate(group, |r| {
                if r == receiver_id {
                    Some(latest)
                } else {
                    known.get(&(unit_id, r)).copied()
                }
            });
            turns.push(GateTurn {
                turn: Turn::between(&before, &state),
                transition: is_transition(&before, group.active_from_seq),
                group: group.clone(),
                state,
            });
        }
        self.state.latest.insert((unit_id, receiver_id), latest);
        self.plan.latest.insert((unit_id, receiver_id), latest);
        turns
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
