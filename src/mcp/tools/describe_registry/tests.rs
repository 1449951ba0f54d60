use super::*;
use crate::domain::group::Group;
use crate::domain::id::GroupId;
use crate::domain::time::Timestamp;
use crate::registry::{GroupSummary, PassingUnits, TypeSummary};

fn full() -> Overview {
    let long = |n: usize| format!("{n}{}", "ü".repeat(254));
    let at = Timestamp::from_micros(1_795_383_584_374_843);
    let group = |n: usize| GroupSummary {
        group: Group {
            id: GroupId::new(ulid::Ulid(n as u128)),
            name: long(n),
            kind: long(n),
            version: long(n),
            description: long(n),
            enabled: true,
            event_receiver_ids: Vec::new(),
            created_at: at,
            updated_at: at,
            active_from_seq: 0,
        },
        waiting: 3,
        passing: PassingUnits {
            count: 7,
            exact: false,
        },
    };
    let mut overview = empty();
    overview.store.location = long(0);
    overview.store.ephemeral = Some("it lies in a container".to_owned());
    overview.store.warnings = (0..5).map(long).collect();
    overview.counters.succeeded = u64::MAX / 4;
    overview.counters.receivers = 12;
    overview.counters.first_event_at = Some(at);
    overview.counters.last_event_at = Some(at);
    overview.types = (0..12)
        .map(|n| TypeSummary {
            kind: long(n),
            receivers: 1,
            events: u64::MAX,
        })
        .collect();
    overview.groups = (0..6).map(group).collect();
    overview.names = (0..8).map(long).collect();
    overview.pipelines = (0..8).map(long).collect();
    overview.counters.runs = 1_000_000;
    overview.counters.unindexed_to = 1_000_000_000;
    overview
}

fn default<T: Default>() -> T {
    T::default()
}

fn empty() -> Overview {
    Overview {
        now: Timestamp::from_micros(0),
        store: default(),
        counters: default(),
        types: Vec::new(),
        groups: Vec::new(),
        names: Vec::new(),
        pipelines: Vec::new(),
    }
}

#[test]
fn it_stays_short_however_full_the_registry_is() {
    let text = text("head\n".to_owned(), &full(), |_| true);
    assert!(text.chars().count() < 2_400, "{}", text.chars().count());
    assert!(text.contains("more (search_receivers)") && text.contains("more (search_groups)"));
    assert!(text.contains("EPHEMERAL: it lies in a container."));
    assert!(
        text.ends_with("Next: check_gate {\"group\":\"00000000000000000000000000\"}"),
        "{text}"
    );
}

#[test]
fn an_empty_registry_gives_the_first_call() {
    let text = |offers: fn(&str) -> bool| text(String::new(), &empty(), offers);
    assert!(text(|_| true).contains("Next: the registry is empty. An event needs a receiver first: create_receiver {\"name\":\"build\""));
    assert!(text(|_| false).ends_with("Next: nothing is recorded yet."));
}
