//! Commands that are sent again with their idempotency key, after the world has changed.

use epr_mcp::domain::unit::UnitQuery;
use epr_mcp::registry::{EventInput, GroupInput, ReceiverInput, UnitInput, WriteOptions};

use crate::harness::{Bench, ada, code, event_input, unit};

fn keyed(key: &str) -> WriteOptions {
    WriteOptions {
        idempotency_key: Some(key.to_owned()),
        ..WriteOptions::default()
    }
}

/// Another receiver of the same name and type.
async fn namesake(bench: &Bench, name: &str) {
    let input = ReceiverInput {
        name: name.to_owned(),
        kind: format!("type.{name}"),
        version: "2".to_owned(),
        description: "a newer receiver".to_owned(),
        schema: Some("{}".to_owned()),
        ..ReceiverInput::default()
    };
    let options = WriteOptions::default();
    bench
        .registry
        .create_receiver(&ada(), input, &options)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_repeated_event_means_the_receiver_and_the_unit_that_it_meant() {
    let bench = Bench::new();
    bench.receiver("scan").await;
    bench.event("scan", "web", true).await;
    let by_name = |receiver: &str| EventInput {
        unit: UnitInput::Existing(UnitQuery {
            name: Some("web".to_owned()),
            ..UnitQuery::default()
        }),
        ..event_input(receiver, unit("web"), true, "{}")
    };
    let record = async |receiver: &str, key: &str| {
        bench
            .registry
            .create_event(&ada(), by_name(receiver), &keyed(key))
            .await
    };
    let first = record("scan", "k").await.unwrap();
    namesake(&bench, "scan").await;
    let mut other = unit("web");
    other.version = "2.0.0".to_owned();
    let input = event_input(&first.receiver.id.to_string(), other, true, "{}");
    let options = WriteOptions::default();
    bench
        .registry
        .create_event(&ada(), input, &options)
        .await
        .unwrap();

    for name in ["scan", "type.scan"] {
        let again = record(name, "k").await.unwrap();
        assert_eq!((again.event.id, again.created), (first.event.id, false));
    }
    assert_eq!(code(record("scan", "other").await), "ambiguous");
}

#[tokio::test]
async fn a_repeated_definition_means_what_it_meant() {
    let bench = Bench::new();
    bench.receiver("scan").await;
    let group = |version: &str| GroupInput {
        name: "ready".to_owned(),
        kind: "gate.ready".to_owned(),
        version: version.to_owned(),
        description: "a group".to_owned(),
        enabled: true,
        receivers: vec!["scan".to_owned()],
    };
    let create = async |version: &str, key: &str| {
        bench
            .registry
            .create_group(&ada(), group(version), &keyed(key))
            .await
    };
    let first = create("1", "k").await.unwrap();
    let disable = async |key: &str| {
        bench
            .registry
            .set_group_enabled(&ada(), "ready", false, &keyed(key))
            .await
    };
    assert!(disable("off").await.unwrap().changed);
    namesake(&bench, "scan").await;
    let again = create("1", "k").await.unwrap();
    assert_eq!((again.group.id, again.changed), (first.group.id, false));
    assert_eq!(code(create("2", "other").await), "ambiguous");

    let second = GroupInput {
        receivers: vec![first.receivers[0].id.to_string()],
        ..group("2")
    };
    let options = WriteOptions::default();
    bench
        .registry
        .create_group(&ada(), second, &options)
        .await
        .unwrap();
    let again = disable("off").await.unwrap();
    assert_eq!((again.group.id, again.changed), (first.group.id, false));
    assert_eq!(code(disable("other").await), "ambiguous");
}

#[tokio::test]
async fn another_receiver_is_another_command_though_its_name_is_a_type() {
    let bench = Bench::new();
    let options = WriteOptions::default();
    for (name, kind) in [("build", "ci"), ("ci", "other")] {
        let input = ReceiverInput {
            name: name.to_owned(),
            kind: kind.to_owned(),
            version: "1".to_owned(),
            description: "a receiver".to_owned(),
            schema: Some("{}".to_owned()),
            ..ReceiverInput::default()
        };
        let ada = ada();
        let made = bench.registry.create_receiver(&ada, input, &options);
        made.await.unwrap();
    }
    let record = async |receiver: &str| {
        let input = event_input(receiver, unit("web"), true, "{}");
        bench
            .registry
            .create_event(&ada(), input, &keyed("k"))
            .await
    };
    assert!(record("build").await.unwrap().created);
    assert_eq!(code(record("ci").await), "idempotency_conflict");
    let input = GroupInput {
        name: "both".to_owned(),
        kind: "gate.both".to_owned(),
        version: "1".to_owned(),
        description: "a group".to_owned(),
        enabled: true,
        receivers: vec!["build".to_owned(), "ci".to_owned()],
    };
    let create = async || {
        let input = input.clone();
        bench
            .registry
            .create_group(&ada(), input, &keyed("g"))
            .await
    };
    let first = create().await.unwrap();
    assert_eq!(create().await.unwrap().group.id, first.group.id);
}
