//! The operations, and what each tells.

use std::fmt::Debug;

use epr_mcp::domain::search::{DefinitionFilter, EventFilter, Order, PointerEquals, TextMatch};
use epr_mcp::domain::unit::{Unit, UnitQuery};
use epr_mcp::registry::{
    GroupBy, GroupInput, PayloadInput, ReceiverInput, Registry, SearchRequest, UnitInput,
    WriteOptions,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use crate::harness::{self, SECOND, START, ada};

/// One operation, of small numbers, so that they meet.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Receiver {
        name: usize,
        kind: usize,
        version: usize,
        schema: usize,
    },
    Group {
        name: usize,
        kind: usize,
        members: Vec<usize>,
        enabled: bool,
    },
    Enable {
        group: usize,
        enabled: bool,
    },
    Event {
        receiver: usize,
        unit: usize,
        success: bool,
        payload: usize,
        key: Option<usize>,
        dry_run: bool,
    },
    Ambiguous {
        receiver: usize,
        name: usize,
    },
    SearchEvents(Box<Search>),
    SearchReceivers {
        text: usize,
        prefix: bool,
        by_type: bool,
        limit: usize,
    },
    SearchGroups {
        receiver: Option<usize>,
        enabled: Option<bool>,
        limit: usize,
    },
    CheckUnit {
        unit: usize,
        group: Option<usize>,
    },
    CheckName {
        name: usize,
    },
    CheckGroup {
        group: usize,
        limit: usize,
    },
    Fetch {
        name: usize,
    },
    Overview,
    Recent {
        limit: usize,
    },
    Messages {
        after: i64,
        limit: usize,
    },
    Audit {
        limit: usize,
    },
}

#[derive(Debug, Clone)]
pub(super) struct Search {
    name: Option<(usize, bool)>,
    version: Option<usize>,
    receiver_type: Option<(usize, bool)>,
    unit: Option<usize>,
    success: Option<bool>,
    from: Option<i64>,
    to: Option<i64>,
    payload: bool,
    group_by: Option<usize>,
    limit: usize,
    up: bool,
}

/// Texts that sort differently by character than by other rules, or mean something elsewhere.
const NAMES: [&str; 6] = ["web", "web-api", "Web", "wéb", "日本 %_*", "a'b\\c"];
const KINDS: [&str; 4] = ["acme.build", "acme.scan", "Acme.build", "acme.büild"];
const SCHEMAS: [&str; 3] = [
    "{}",
    r#"{"type":"object","required":["n"]}"#,
    r#"{"type":"array"}"#,
];
const PAYLOADS: [&str; 5] = [
    "{\"n\":1}",
    "[1,\"\\u0000\",\"\\ud83d\\ude00\"]",
    "{ \"n\" : \"tab\\tnew\\nline \\\\N \u{e9}\" }",
    "{\"m\":2}",
    "null",
];

fn unit(n: usize) -> Unit {
    Unit {
        name: NAMES[n % NAMES.len()].to_owned(),
        version: ["1.0", "1.0.1"][n / 2 % 2].to_owned(),
        release: "r".to_owned(),
        platform_id: ["x64", "ARM"][n / 4 % 2].to_owned(),
        package: "oci".to_owned(),
    }
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    let few = 0..4usize;
    let units = 0..12usize;
    let maybe = |strategy: std::ops::Range<usize>| prop::option::of(strategy);
    let limit = || select(vec![1usize, 2, 5, 20]);
    let search = (
        (
            prop::option::of((0..NAMES.len(), any::<bool>())),
            maybe(0..2),
            prop::option::of((few.clone(), any::<bool>())),
            prop::option::weighted(0.2, units.clone()),
            prop::option::of(any::<bool>()),
        ),
        (
            prop::option::weighted(0.3, 0..60i64),
            prop::option::weighted(0.3, 0..60i64),
            prop::bool::weighted(0.2),
            prop::option::weighted(0.3, 0..4usize),
            limit(),
            any::<bool>(),
        ),
    )
        .prop_map(
            |(
                (name, version, receiver_type, unit, success),
                (from, to, payload, group_by, limit, up),
            )| {
                Op::SearchEvents(Box::new(Search {
                    name,
                    version,
                    receiver_type,
                    unit,
                    success,
                    from,
                    to,
                    payload,
                    group_by,
                    limit,
                    up,
                }))
            },
        );
    prop_oneof![
        3 => (few.clone(), few.clone(), 0..2usize, 0..3usize)
            .prop_map(|(name, kind, version, schema)| Op::Receiver { name, kind, version, schema }),
        2 => (few.clone(), few.clone(), vec(few.clone(), 1..4), any::<bool>())
            .prop_map(|(name, kind, members, enabled)| Op::Group { name, kind, members, enabled }),
        2 => (few.clone(), any::<bool>()).prop_map(|(group, enabled)| Op::Enable { group, enabled }),
        12 => (few.clone(), units.clone(), prop::bool::weighted(0.7), 0..PAYLOADS.len(),
                prop::option::weighted(0.2, 0..3usize), prop::bool::weighted(0.1))
            .prop_map(|(receiver, unit, success, payload, key, dry_run)| Op::Event {
                receiver, unit, success, payload, key, dry_run,
            }),
        1 => (few.clone(), 0..NAMES.len()).prop_map(|(receiver, name)| Op::Ambiguous { receiver, name }),
        5 => search,
        1 => (few.clone(), any::<bool>(), any::<bool>(), limit())
            .prop_map(|(text, prefix, by_type, limit)| Op::SearchReceivers { text, prefix, by_type, limit }),
        1 => (maybe(few.clone()), prop::option::of(any::<bool>()), limit())
            .prop_map(|(receiver, enabled, limit)| Op::SearchGroups { receiver, enabled, limit }),
        2 => (units, maybe(few.clone())).prop_map(|(unit, group)| Op::CheckUnit { unit, group }),
        1 => (0..NAMES.len()).prop_map(|name| Op::CheckName { name }),
        1 => (few.clone(), limit()).prop_map(|(group, limit)| Op::CheckGroup { group, limit }),
        1 => few.prop_map(|name| Op::Fetch { name }),
        1 => Just(Op::Overview),
        1 => limit().prop_map(|limit| Op::Recent { limit }),
        1 => (0..40i64, limit()).prop_map(|(after, limit)| Op::Messages { after, limit }),
        1 => limit().prop_map(|limit| Op::Audit { limit }),
    ]
}

/// What is compared: everything that is told, refusals too.
fn told<T: Debug, E: Debug>(answer: Result<T, E>) -> String {
    format!("{answer:?}")
}

fn text(value: &str, prefix: bool) -> TextMatch {
    if prefix {
        TextMatch::Prefix(value.chars().take(2).collect())
    } else {
        TextMatch::Exact(value.to_owned())
    }
}

pub(super) async fn run(registry: &Registry, op: &Op) -> String {
    let who = ada();
    let plain = WriteOptions::default();
    match op {
        Op::Receiver {
            name,
            kind,
            version,
            schema,
        } => {
            let input = ReceiverInput {
                name: NAMES[*name].to_owned(),
                kind: KINDS[*kind].to_owned(),
                version: version.to_string(),
                description: "a receiver".to_owned(),
                schema: Some(SCHEMAS[*schema].to_owned()),
                ..ReceiverInput::default()
            };
            told(registry.create_receiver(&who, input, &plain).await)
        }
        Op::Group {
            name,
            kind,
            members,
            enabled,
        } => {
            let input = GroupInput {
                name: NAMES[*name].to_owned(),
                kind: format!("gate.{}", KINDS[*kind]),
                version: "1".to_owned(),
                description: "a group".to_owned(),
                enabled: *enabled,
                receivers: members.iter().map(|m| NAMES[*m].to_owned()).collect(),
            };
            told(registry.create_group(&who, input, &plain).await)
        }
        Op::Enable { group, enabled } => told(
            registry
                .set_group_enabled(&who, NAMES[*group], *enabled, &plain)
                .await,
        ),
        Op::Event {
            receiver,
            unit: n,
            success,
            payload,
            key,
            dry_run,
        } => {
            let input =
                harness::event_input(NAMES[*receiver], unit(*n), *success, PAYLOADS[*payload]);
            let options = WriteOptions {
                idempotency_key: key.map(|key| format!("key-{key}")),
                dry_run: *dry_run,
                ..WriteOptions::default()
            };
            told(registry.create_event(&who, input, &options).await)
        }
        Op::Ambiguous { receiver, name } => {
            let mut input = harness::event_input(NAMES[*receiver], unit(0), true, "{}");
            input.unit = UnitInput::Existing(UnitQuery {
                name: Some(NAMES[*name].to_owned()),
                ..UnitQuery::default()
            });
            input.payload = PayloadInput::Text("{\"n\":0}".to_owned());
            told(registry.create_event(&who, input, &plain).await)
        }
        Op::SearchEvents(search) => search_events(registry, search).await,
        Op::SearchReceivers {
            text: at,
            prefix,
            by_type,
            limit,
        } => {
            let mut filter = DefinitionFilter::default();
            if *by_type {
                filter.types = vec![text(KINDS[*at], *prefix)];
            } else {
                filter.name = vec![text(NAMES[*at], *prefix)];
            }
            let page = registry.search_receivers(&who, &filter, *limit, None).await;
            let next = page.as_ref().ok().and_then(|page| page.next_cursor.clone());
            let mut all = told(page);
            if next.is_some() {
                all += &told(
                    registry
                        .search_receivers(&who, &filter, *limit, next.as_deref())
                        .await,
                );
            }
            all
        }
        Op::SearchGroups {
            receiver,
            enabled,
            limit,
        } => {
            let mut filter = DefinitionFilter {
                enabled: *enabled,
                ..DefinitionFilter::default()
            };
            if let Some(name) = receiver {
                filter.receiver = registry
                    .find_receiver(&who, NAMES[*name])
                    .await
                    .ok()
                    .map(|r| r.id);
            }
            told(registry.search_groups(&who, &filter, *limit, None).await)
        }
        Op::CheckUnit { unit: n, group } => {
            let query = UnitQuery {
                unit: Some(unit(*n).uri()),
                ..UnitQuery::default()
            };
            told(
                registry
                    .check_unit(&who, &query, group.map(|group| NAMES[group]))
                    .await,
            )
        }
        Op::CheckName { name } => {
            let query = UnitQuery {
                name: Some(NAMES[*name].to_owned()),
                ..UnitQuery::default()
            };
            told(registry.check_unit(&who, &query, None).await)
        }
        Op::CheckGroup { group, limit } => told(
            registry
                .check_group(&who, NAMES[*group], *limit, None)
                .await,
        ),
        Op::Fetch { name } => {
            told(registry.fetch_receiver(&who, NAMES[*name]).await)
                + &told(registry.fetch_group(&who, NAMES[*name]).await)
        }
        Op::Overview => match registry.overview(&who).await {
            // How the rows are kept differs, what is in them does not.
            Ok(mut overview) => {
                overview.store = epr_mcp::store::StoreInfo::default();
                format!("{overview:?}")
            }
            Err(error) => format!("{error:?}"),
        },
        Op::Recent { limit } => told(registry.recent_units(&who, *limit, None).await),
        Op::Messages { after, limit } => told(registry.messages(&who, Some(*after), *limit).await),
        Op::Audit { limit } => told(registry.audit(&who, None, *limit).await),
    }
}

async fn search_events(registry: &Registry, search: &Search) -> String {
    let at = |seconds: i64| START.plus_micros(seconds * SECOND);
    let mut filter = EventFilter {
        unit: search.unit.map(unit),
        success: search.success,
        from: search.from.map(at),
        to: search.to.map(at),
        ..EventFilter::default()
    };
    filter
        .name
        .extend(search.name.map(|(name, prefix)| text(NAMES[name], prefix)));
    filter
        .version
        .extend(search.version.map(|v| text(["1.0", "1.0.1"][v], false)));
    filter.types.extend(
        search
            .receiver_type
            .map(|(kind, prefix)| text(KINDS[kind], prefix)),
    );
    if search.payload {
        filter.payload.push(PointerEquals {
            pointer: "/n".to_owned(),
            value: json!(1),
        });
    }
    let groups = [
        GroupBy::Name,
        GroupBy::Receiver,
        GroupBy::Success,
        GroupBy::Day,
    ];
    let mut request = SearchRequest {
        filter,
        limit: search.limit,
        order: if search.up {
            Order::OldestFirst
        } else {
            Order::NewestFirst
        },
        group_by: search.group_by.map(|by| groups[by]),
        select: vec!["/n".to_owned()],
        ..SearchRequest::default()
    };
    let mut all = String::new();
    // Three pages tell whether the cursors lead on.
    for _ in 0..3 {
        let page = registry.search_events(&ada(), &request).await;
        request.cursor = page.as_ref().ok().and_then(|page| page.next_cursor.clone());
        all += &told(page);
        if request.cursor.is_none() {
            break;
        }
    }
    all
}
