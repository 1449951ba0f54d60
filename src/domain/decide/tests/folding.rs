//! A batch is nothing but its commands one after the other, and a command needs nothing but what
//! it says that it needs.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

/// All running numbers and everything known, in a form that compares.
pub(super) fn numbers(state: &State) -> (Timestamp, i64, i64, i64, i64) {
    (
        state.last_created_at,
        state.last_event_seq,
        state.last_message_seq,
        state.last_unit_id,
        state.last_name_id,
    )
}

/// The part of a whole state that a store loads for `needs`.
fn loaded(whole: &State, needs: &Needs) -> State {
    let mut state = State {
        last_created_at: whole.last_created_at,
        last_event_seq: whole.last_event_seq,
        last_message_seq: whole.last_message_seq,
        last_unit_id: whole.last_unit_id,
        last_name_id: whole.last_name_id,
        ..State::default()
    };
    for id in &needs.receivers {
        if let Some(head) = whole.receivers.get(id) {
            state.receivers.insert(*id, head.clone());
        }
    }
    for key in &needs.receiver_keys {
        if let Some(defined) = whole.receivers_by_key.get(key) {
            state
                .receivers
                .insert(defined.receiver.id, (&defined.receiver).into());
            state.receivers_by_key.insert(key.clone(), defined.clone());
        }
        if whole.groups.values().any(|group| group.kind == key.1) {
            state.group_types.insert(key.1.clone());
        }
    }
    for key in &needs.group_keys {
        if let Some(id) = whole.groups_by_key.get(key) {
            state.groups_by_key.insert(key.clone(), *id);
            state.groups.insert(*id, whole.groups[id].clone());
        }
        if whole.receivers.values().any(|head| head.kind == key.1) {
            state.receiver_types.insert(key.1.clone());
        }
    }
    let mut receivers = needs.event_receivers.clone();
    for group in whole.groups.values() {
        let touched = group
            .event_receiver_ids
            .iter()
            .any(|id| needs.event_receivers.contains(id));
        if touched || needs.groups.contains(&group.id) {
            receivers.extend(&group.event_receiver_ids);
            state.add_group(group.clone()).unwrap();
        }
    }
    for (key, name) in &needs.units {
        if let Some(id) = whole.names.get(name) {
            state.names.insert(name.clone(), *id);
        }
        let Some(unit) = whole.units.get(key) else {
            continue;
        };
        state.units.insert(*key, *unit);
        for receiver in &receivers {
            if let Some(newest) = whole.latest.get(&(*unit, *receiver)) {
                state.latest.insert((*unit, *receiver), *newest);
            }
        }
    }
    for key in &needs.idempotency {
        if let Some(first) = whole.idempotency.get(key) {
            state.idempotency.insert(key.clone(), first.clone());
        }
    }
    state
}

/// The rows of several plans as one: inserts after each other, of `latest` the newest.
fn sum(plans: Vec<Plan>) -> Plan {
    let mut all = Plan::default();
    for plan in plans {
        all.receivers.extend(plan.receivers);
        all.groups.extend(plan.groups);
        all.group_changes.extend(plan.group_changes);
        all.names.extend(plan.names);
        all.units.extend(plan.units);
        all.events.extend(plan.events);
        all.latest.extend(plan.latest);
        all.messages.extend(plan.messages);
        all.idempotency.extend(plan.idempotency);
        all.audit.extend(plan.audit);
    }
    all
}

#[derive(Debug, Clone)]
enum Step {
    Receiver {
        named: u128,
        other_schema: bool,
    },
    Group {
        named: u128,
        members: Vec<u128>,
        enabled: bool,
    },
    Enable {
        group: u128,
        enabled: bool,
    },
    Event {
        receiver: u128,
        unit: &'static str,
        success: bool,
    },
    Audit,
}

/// Ids of what is there from the start; others are those that a command of the batch may get.
const SEEDED: u128 = 3;

fn step() -> impl Strategy<Value = Step> {
    let unit = prop_oneof![Just("u"), Just("v"), Just("w")];
    prop_oneof![
        1 => (1_u128..6, prop::bool::weighted(0.2))
            .prop_map(|(named, other_schema)| Step::Receiver { named, other_schema }),
        2 => (1_u128..6, prop::sample::subsequence(vec![1, 2, 3, 100, 101], 1..4), any::<bool>())
            .prop_map(|(named, members, enabled)| Step::Group { named, members, enabled }),
        2 => (1_u128..4, any::<bool>()).prop_map(|(group, enabled)| Step::Enable { group, enabled }),
        8 => (1_u128..=SEEDED + 1, unit, prop::bool::weighted(0.7))
            .prop_map(|(receiver, unit, success)| Step::Event { receiver, unit, success }),
        1 => Just(Step::Audit),
    ]
}

fn commands() -> impl Strategy<Value = Vec<Command>> {
    let key = option::weighted(0.3, (0..3_u8, any::<bool>()));
    vec((step(), key), 1..24).prop_map(|steps| {
        let turn = |(n, (step, key)): (usize, (Step, Option<(u8, bool)>))| {
            // A new thing's id tells its place in the batch.
            let id = 100 + u128::try_from(n).unwrap();
            let action = match step {
                Step::Receiver {
                    named,
                    other_schema,
                } => {
                    let schema = if other_schema { "true" } else { "{}" };
                    described_receiver(id, named, "a receiver", schema)
                }
                Step::Group {
                    named,
                    members,
                    enabled,
                } => Action::CreateGroup {
                    id: group_id(id),
                    draft: group_draft(named, &members, enabled),
                },
                Step::Enable { group, enabled } => enable(group, enabled),
                Step::Event {
                    receiver,
                    unit,
                    success,
                } => {
                    let Action::RecordEvent { draft, .. } = event(1, receiver, unit, success)
                    else {
                        unreachable!()
                    };
                    Action::RecordEvent {
                        id: EventId::new(Ulid(id)),
                        draft,
                        indexed: None,
                    }
                }
                Step::Audit => Action::Audit(AuditNote {
                    action: "create_group".to_owned(),
                    target: "x".to_owned(),
                    outcome: "forbidden".to_owned(),
                    detail: "no".to_owned(),
                }),
            };
            match key {
                // An audit row is the registry's own and has no key.
                Some((key, ada)) if !matches!(action, Action::Audit(_)) => {
                    keyed(if ada { "ada" } else { "bob" }, &format!("k{key}"), action)
                }
                _ => command(action),
            }
        };
        steps.into_iter().enumerate().map(turn).collect()
    })
}

fn seeded() -> State {
    let seeds = (1..=SEEDED).map(receiver);
    let groups = [
        group(1, &[1]),
        group(2, &[1, 2]),
        disabled_group(3, &[2, 3]),
    ];
    let events = [event(1, 1, "u", true), event(2, 2, "v", false)];
    World::with(seeds.chain(groups).chain(events)).state
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn one_batch_is_its_commands_one_by_one(commands in commands()) {
        let mut whole = seeded();
        let mut at_once = loaded(&whole, &Needs::of(&commands));
        let (plan, outcomes) = decide(&mut at_once, &commands, NOW);

        let mut singles = Vec::new();
        for (command, outcome) in commands.iter().zip(&outcomes) {
            let mut alone = loaded(&whole, &Needs::of([command]));
            let (plan, results) = decide(&mut alone, std::slice::from_ref(command), NOW);
            prop_assert_eq!(format!("{:?}", results[0]), format!("{outcome:?}"));
            // The whole state goes on as the database would with the plan's rows.
            let (again, _) = decide(&mut whole, std::slice::from_ref(command), NOW);
            prop_assert_eq!(format!("{plan:?}"), format!("{again:?}"));
            prop_assert_eq!(numbers(&alone), numbers(&whole));
            singles.push(plan);
        }
        prop_assert_eq!(format!("{plan:?}"), format!("{:?}", sum(singles)));
        prop_assert_eq!(numbers(&at_once), numbers(&whole));

        // What the log must hold whatever the commands: positions without gaps, one message an event.
        let first = seeded();
        let seqs: Vec<i64> = plan.events.iter().map(|new| new.event.seq).collect();
        prop_assert_eq!(&seqs, &(first.last_event_seq + 1..=whole.last_event_seq).collect::<Vec<_>>());
        let messages: Vec<i64> = plan.messages.iter().map(|message| message.seq).collect();
        prop_assert_eq!(messages, (first.last_message_seq + 1..=whole.last_message_seq).collect::<Vec<_>>());
        let told = plan.messages.iter().filter(|m| m.kind == MessageKind::Event).filter_map(|m| m.event_seq);
        prop_assert_eq!(told.collect::<Vec<_>>(), seqs);
    }
}
