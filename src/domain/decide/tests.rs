mod definitions;
mod folding;
mod gates;
mod indexing;
mod keys;

use std::sync::Arc;

use ulid::Ulid;

use super::*;
use crate::domain::command::TurnPolicy;
use crate::domain::event::{EventDraft, Payload};
use crate::domain::group::GroupDraft;
use crate::domain::id::EventId;
use crate::domain::message::MessageKind;
use crate::domain::principal::{PrincipalKind, Recorder};
use crate::domain::receiver::ReceiverDraft;
use crate::limits;

const NOW: Timestamp = Timestamp::from_micros(1_795_000_000_000_000);

fn receiver_id(n: u128) -> ReceiverId {
    ReceiverId::new(Ulid(n))
}

fn group_id(n: u128) -> GroupId {
    GroupId::new(Ulid(n))
}

fn by(principal: &str, action: Action) -> Command {
    Command {
        recorder: Arc::new(Recorder {
            principal: principal.to_owned(),
            kind: PrincipalKind::Local,
            surface: "test".to_owned(),
            client: String::new(),
        }),
        action,
        idempotency_key: None,
        log_only: false,
        turns: TurnPolicy::Allowed,
    }
}

fn command(action: Action) -> Command {
    by("ada", action)
}

fn keyed(principal: &str, key: &str, action: Action) -> Command {
    Command {
        idempotency_key: Some(key.to_owned()),
        ..by(principal, action)
    }
}

/// A receiver whose name and type tell its number.
fn receiver(n: u128) -> Action {
    described_receiver(n, n, "a receiver", "{}")
}

fn described_receiver(id: u128, named: u128, description: &str, schema: &str) -> Action {
    let draft = ReceiverDraft {
        name: format!("receiver {named}"),
        kind: format!("type.{named}"),
        version: "1".to_owned(),
        description: description.to_owned(),
        schema: schema.to_owned(),
        allow_unresolved_refs: false,
    };
    Action::CreateReceiver {
        id: receiver_id(id),
        draft,
        unchecked_refs: false,
    }
}

fn group_draft(named: u128, members: &[u128], enabled: bool) -> GroupDraft {
    GroupDraft {
        name: format!("group {named}"),
        kind: format!("gate.{named}"),
        version: "1".to_owned(),
        description: "a group".to_owned(),
        enabled,
        event_receiver_ids: members.iter().map(|n| receiver_id(*n)).collect(),
    }
}

/// A group whose name and type tell its number.
fn group(n: u128, members: &[u128]) -> Action {
    Action::CreateGroup {
        id: group_id(n),
        draft: group_draft(n, members, true),
    }
}

fn disabled_group(n: u128, members: &[u128]) -> Action {
    Action::CreateGroup {
        id: group_id(n),
        draft: group_draft(n, members, false),
    }
}

fn enable(n: u128, enabled: bool) -> Action {
    Action::SetGroupEnabled {
        id: group_id(n),
        enabled,
    }
}

fn unit(name: &str) -> Unit {
    Unit {
        name: name.to_owned(),
        version: "1".to_owned(),
        release: "r".to_owned(),
        platform_id: "p".to_owned(),
        package: "k".to_owned(),
    }
}

fn event(id: u128, receiver: u128, name: &str, success: bool) -> Action {
    let draft = EventDraft {
        unit: unit(name),
        description: "an event".to_owned(),
        success,
        receiver_id: receiver_id(receiver),
        payload: Payload::new(format!("{{\"event\":{id}}}")),
    };
    Action::RecordEvent {
        id: EventId::new(Ulid(id)),
        draft,
        indexed: None,
    }
}

/// A registry in memory that is always wholly loaded.
#[derive(Default)]
struct World {
    state: State,
    next_event: u128,
}

impl World {
    fn with(actions: impl IntoIterator<Item = Action>) -> Self {
        let mut world = Self::default();
        for action in actions {
            world.run(action).unwrap();
        }
        world
    }

    fn batch(&mut self, commands: &[Command]) -> (Plan, Vec<Result<Outcome, Refusal>>) {
        decide(&mut self.state, commands, NOW)
    }

    fn submit(&mut self, command: Command) -> Result<Outcome, Refusal> {
        self.batch(&[command]).1.pop().unwrap()
    }

    fn run(&mut self, action: Action) -> Result<Outcome, Refusal> {
        self.submit(command(action))
    }

    /// Records an event of `receiver` for unit `u` and gives its id with what came of it.
    fn record(&mut self, receiver: u128, success: bool) -> Outcome {
        self.next_event += 1;
        self.run(event(1_000 + self.next_event, receiver, "u", success))
            .unwrap()
    }
}

fn created_receiver(outcome: &Outcome) -> (ReceiverId, bool) {
    let Outcome::Receiver {
        receiver, created, ..
    } = outcome
    else {
        panic!("{outcome:?}")
    };
    (receiver.id, *created)
}

fn created_group(outcome: &Outcome) -> (GroupId, bool) {
    let Outcome::Group { group, created, .. } = outcome else {
        panic!("{outcome:?}")
    };
    (group.id, *created)
}

fn recorded(outcome: &Outcome) -> &Event {
    let Outcome::Event { event, .. } = outcome else {
        panic!("{outcome:?}")
    };
    event
}

use crate::domain::event::Event;

#[test]
fn time_does_not_go_back_when_the_clock_does() {
    let mut world = World::with([receiver(1)]);
    let mut times = Vec::new();
    for (id, micros) in [(1, 0), (2, 5), (3, -1_000_000), (4, 3), (5, 6)] {
        let action = command(event(id, 1, "u", true));
        let (plan, _) = decide(&mut world.state, &[action], NOW.plus_micros(micros));
        times.push(plan.events[0].event.created_at.as_micros() - NOW.as_micros());
        assert!(
            plan.messages
                .iter()
                .all(|m| m.created_at == plan.events[0].event.created_at)
        );
    }
    assert_eq!(times, [0, 5, 5, 5, 6]);
}

#[test]
fn a_refused_batch_does_not_move_the_time() {
    let mut world = World::with([receiver(1)]);
    let refused = command(event(1, 7, "u", true));
    let (plan, _) = decide(&mut world.state, &[refused], NOW.plus_micros(60));
    assert!(plan.is_empty());
    assert_eq!(world.state.last_created_at, NOW);
}

#[test]
fn each_change_of_a_group_moves_its_time_even_when_the_clock_stands_still() {
    let mut world = World::with([receiver(1), group(1, &[1])]);
    let mut last = world.state.groups[&group_id(1)].updated_at;
    for enabled in [false, true, false] {
        let Ok(Outcome::GroupEnabled {
            group,
            changed: true,
            ..
        }) = world.run(enable(1, enabled))
        else {
            panic!("not changed")
        };
        assert!(group.updated_at > last);
        assert_eq!(group.created_at, NOW);
        last = group.updated_at;
    }
    let (plan, results) = world.batch(&[command(enable(1, false))]);
    assert!(matches!(
        &results[0],
        Ok(Outcome::GroupEnabled { changed: false, .. })
    ));
    assert!(plan.is_empty(), "no change, no message, no audit row");
}

#[test]
fn a_refusal_leaves_no_trace_and_does_not_touch_its_neighbours() {
    let base = [receiver(1), receiver(2), group(1, &[1, 2])];
    let good = [
        command(event(1, 1, "u", true)),
        command(event(2, 2, "u", true)),
        command(receiver(3)),
    ];
    let bad = [
        command(event(11, 9, "v", true)),
        command(group(9, &[1, 9])),
        command(described_receiver(12, 1, "other", "{}")),
        command(enable(9, true)),
        keyed("ada", "k", event(13, 9, "w", true)),
    ];
    let mut mixed = Vec::new();
    for (n, good) in good.iter().enumerate() {
        mixed.extend(bad.iter().cloned());
        mixed.push(good.clone());
        assert_eq!(mixed.len(), (n + 1) * (bad.len() + 1));
    }
    let (mut with, mut without) = (World::with(base.clone()), World::with(base));
    let (plan_with, results) = with.batch(&mixed);
    let (plan_without, _) = without.batch(&good);
    assert_eq!(results.iter().filter(|r| r.is_err()).count(), 15);
    assert_eq!(format!("{plan_with:?}"), format!("{plan_without:?}"));
    assert_eq!(
        folding::numbers(&with.state),
        folding::numbers(&without.state)
    );
}

#[test]
fn definitions_are_audited_and_events_are_their_own_audit() {
    let mut world = World::default();
    let note = AuditNote {
        action: "create_event".to_owned(),
        target: "receiver x".to_owned(),
        outcome: "not_found".to_owned(),
        detail: "There is no receiver.".to_owned(),
    };
    let (plan, results) = world.batch(&[
        command(receiver(1)),
        command(group(1, &[1])),
        command(enable(1, false)),
        command(event(1, 1, "u", true)),
        by("bob", Action::Audit(note.clone())),
    ]);
    assert!(results.iter().all(Result::is_ok));
    let rows: Vec<_> = plan
        .audit
        .iter()
        .map(|row| {
            (
                row.recorder.principal.as_str(),
                row.note.action.as_str(),
                row.note.outcome.as_str(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("ada", "create_receiver", "done"),
            ("ada", "create_group", "done"),
            ("ada", "set_group_enabled", "done"),
            ("bob", "create_event", "not_found"),
        ]
    );
    assert_eq!(plan.audit[3].note, note);
    assert_eq!(plan.audit[2].note.target, group_id(1).to_string());
}

#[test]
fn log_only_is_the_commands_and_every_message_of_it_carries_it() {
    let mut world = World::with([receiver(1), group(1, &[1])]);
    for log_only in [true, false] {
        let id = if log_only { 1 } else { 2 };
        let command = Command {
            log_only,
            ..command(event(id, 1, "u", true))
        };
        let (plan, _) = world.batch(&[command]);
        assert_eq!(plan.messages.len(), 2);
        assert!(
            plan.messages
                .iter()
                .all(|message| message.log_only == log_only)
        );
    }
}

#[test]
fn names_and_units_get_one_row_each() {
    let mut world = World::with([receiver(1)]);
    let other_version = |id| {
        let Action::RecordEvent { id, mut draft, .. } = event(id, 1, "u", true) else {
            unreachable!()
        };
        draft.unit.version = "2".to_owned();
        Action::RecordEvent {
            id,
            draft,
            indexed: None,
        }
    };
    let (plan, _) = world.batch(&[
        command(event(1, 1, "u", true)),
        command(event(2, 1, "u", false)),
        command(other_version(3)),
        command(event(4, 1, "v", true)),
    ]);
    assert_eq!(plan.names, [(1, "u".to_owned()), (2, "v".to_owned())]);
    let units: Vec<_> = plan
        .units
        .iter()
        .map(|u| (u.id, u.name_id, u.unit.version.as_str()))
        .collect();
    assert_eq!(units, [(1, 1, "1"), (2, 1, "2"), (3, 2, "1")]);
    let rows: Vec<_> = plan
        .events
        .iter()
        .map(|e| (e.event.seq, e.unit_id, e.name_id))
        .collect();
    assert_eq!(rows, [(1, 1, 1), (2, 1, 1), (3, 2, 1), (4, 3, 2)]);
    let (plan, _) = world.batch(&[command(event(5, 1, "u", true))]);
    assert!(plan.names.is_empty() && plan.units.is_empty());
}
