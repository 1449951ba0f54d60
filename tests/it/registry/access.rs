//! Who may do what, and what the audit trail keeps of it.

use epr_mcp::domain::principal::{Grant, Principal, PrincipalKind, Scope};
use epr_mcp::registry::{
    Blank, Error, GroupInput, PayloadInput, ReceiverInput, SearchRequest, WriteOptions,
};
use epr_mcp::store::AuditEntry;

use crate::harness::{Bench, ada, code, event_input, unit};

/// A principal with a token and these scopes.
fn with(name: &str, scopes: &[Scope]) -> Principal {
    let mut principal = Principal::local(name, "test", "", true);
    principal.recorder.kind = PrincipalKind::Token;
    principal.scopes = scopes.iter().copied().collect();
    principal
}

fn receiver_input(name: &str) -> ReceiverInput {
    ReceiverInput {
        name: name.to_owned(),
        kind: format!("type.{name}"),
        version: "1".to_owned(),
        description: "a receiver".to_owned(),
        schema: Some("{}".to_owned()),
        ..ReceiverInput::default()
    }
}

fn group_input(name: &str, receiver: &str) -> GroupInput {
    GroupInput {
        name: name.to_owned(),
        kind: format!("gate.{name}"),
        version: "1".to_owned(),
        description: "a group".to_owned(),
        enabled: true,
        receivers: vec![receiver.to_owned()],
    }
}

/// The code of a refusal, or `done`.
fn outcome<T>(result: Result<T, Error>) -> &'static str {
    match result {
        Ok(_) => "done",
        Err(Error::Refused(refusal)) => refusal.code(),
        Err(error) => panic!("{error}"),
    }
}

/// What came of every use case, by name.
async fn everything(bench: &Bench, who: &Principal) -> Vec<(&'static str, &'static str)> {
    let registry = &bench.registry;
    let options = WriteOptions::default();
    let new = who.recorder.principal.as_str();
    let query = epr_mcp::domain::unit::UnitQuery {
        name: Some("web".to_owned()),
        ..Default::default()
    };
    let event = registry
        .search_events(&ada(), &SearchRequest::default())
        .await
        .unwrap();
    let event = event.hits[0].event.id.to_string();
    let input = event_input("r", unit("web"), true, "{}");
    vec![
        (
            "record",
            outcome(registry.create_event(who, input, &options).await),
        ),
        (
            "define",
            outcome(
                registry
                    .create_receiver(who, receiver_input(new), &options)
                    .await,
            ),
        ),
        (
            "define",
            outcome(
                registry
                    .create_group(who, group_input(new, "r"), &options)
                    .await,
            ),
        ),
        (
            "define",
            outcome(registry.set_group_enabled(who, "g", true, &options).await),
        ),
        ("read", outcome(registry.fetch_event(who, &event).await)),
        ("read", outcome(registry.fetch_receiver(who, "r").await)),
        ("read", outcome(registry.fetch_group(who, "g").await)),
        ("read", outcome(registry.find_receiver(who, "r").await)),
        ("read", outcome(registry.find_group(who, "g").await)),
        ("read", outcome(registry.find_unit(who, &query).await)),
        (
            "read",
            outcome(registry.search_events(who, &SearchRequest::default()).await),
        ),
        (
            "read",
            outcome(
                registry
                    .search_receivers(who, &Default::default(), 1, None)
                    .await,
            ),
        ),
        (
            "read",
            outcome(
                registry
                    .search_groups(who, &Default::default(), 1, None)
                    .await,
            ),
        ),
        (
            "read",
            outcome(registry.check_unit(who, &query, None).await),
        ),
        (
            "read",
            outcome(registry.check_group(who, "g", 1, None).await),
        ),
        ("read", outcome(registry.recent_units(who, 1, None).await)),
        ("read", outcome(registry.overview(who).await)),
        (
            "read",
            outcome(registry.complete(who, &Blank::Receiver, "").await),
        ),
        ("read", outcome(registry.messages(who, None, 1).await)),
        ("admin", outcome(registry.audit(who, None, 1).await)),
    ]
}

async fn filled() -> Bench {
    let bench = Bench::new();
    bench.receiver("r").await;
    bench.group("g", &["r"], true).await;
    bench.event("r", "web", true).await;
    bench
}

#[tokio::test]
async fn every_use_case_needs_exactly_its_scope() {
    let bench = filled().await;
    let scopes = [
        ("read", Scope::Read),
        ("record", Scope::Record),
        ("define", Scope::Define),
        ("admin", Scope::Admin),
    ];
    for (held, scope) in scopes {
        for (needed, came) in everything(&bench, &with(held, &[scope])).await {
            let want = if needed == held { "done" } else { "forbidden" };
            assert_eq!(came, want, "{needed} with only {held}");
        }
    }
    for (needed, came) in everything(&bench, &with("nobody", &[])).await {
        assert_eq!(came, "forbidden", "{needed} without any scope");
    }
    assert!(
        everything(&bench, &ada())
            .await
            .iter()
            .all(|(_, came)| *came == "done")
    );
}

#[tokio::test]
async fn read_only_refuses_every_write_its_preview_too_and_says_why() {
    let bench = filled().await;
    let reader = Principal::local("ada", "test", "", true);
    let before = bench.store().await.counters().await.unwrap();
    for dry_run in [false, true] {
        let options = WriteOptions {
            dry_run,
            ..WriteOptions::default()
        };
        let input = event_input("r", unit("web"), false, "{}");
        let Err(Error::Refused(refusal)) =
            bench.registry.create_event(&reader, input, &options).await
        else {
            panic!("not refused")
        };
        assert!(refusal.to_string().contains("`record`"), "{refusal}");
        assert!(refusal.next().contains("--read-only"), "{}", refusal.next());
        let receiver = bench
            .registry
            .create_receiver(&reader, receiver_input("n"), &options)
            .await;
        assert_eq!(code(receiver), "forbidden");
        let group = bench
            .registry
            .create_group(&reader, group_input("n", "r"), &options)
            .await;
        assert_eq!(code(group), "forbidden");
        let group = bench
            .registry
            .set_group_enabled(&reader, "g", false, &options)
            .await;
        assert_eq!(code(group), "forbidden");
    }
    assert_eq!(bench.store().await.counters().await.unwrap(), before);
}

#[tokio::test]
async fn grants_narrow_events_to_receiver_types_and_unit_names_together() {
    let bench = Bench::new();
    for name in ["build", "scan"] {
        bench.receiver(name).await;
    }
    let mut ci = with("ci", &[Scope::Read, Scope::Record]);
    ci.grants = vec![
        Grant {
            receiver_type: "type.scan".to_owned(),
            unit_name: "pay-*".to_owned(),
        },
        Grant {
            receiver_type: "*.build".to_owned(),
            unit_name: "web".to_owned(),
        },
    ];
    for (receiver, name, came) in [
        ("scan", "pay-api", "done"),
        ("build", "web", "done"),
        ("scan", "web", "forbidden"),
        ("build", "pay-api", "forbidden"),
        ("build", "webs", "forbidden"),
    ] {
        for dry_run in [true, false] {
            let options = WriteOptions {
                dry_run,
                ..WriteOptions::default()
            };
            let input = event_input(receiver, unit(name), true, "{}");
            let result = bench.registry.create_event(&ci, input, &options).await;
            assert_eq!(outcome(result), came, "{receiver} for {name}");
        }
    }
    assert_eq!(bench.store().await.counters().await.unwrap().succeeded, 2);
    let found = bench
        .registry
        .search_events(&ci, &SearchRequest::default())
        .await
        .unwrap();
    assert_eq!(found.hits[0].event.recorded_by.principal, "ci");
    assert_eq!(found.hits[0].event.recorded_by.kind, PrincipalKind::Token);
}

/// All audit rows, oldest first, once everything before is written: audit rows of refusals are
/// written by the way, but in order.
async fn audit(bench: &Bench) -> Vec<AuditEntry> {
    bench.event("r", "last", true).await;
    let mut rows = bench.registry.audit(&ada(), None, 100).await.unwrap();
    rows.reverse();
    rows
}

#[tokio::test]
async fn the_audit_trail_keeps_definitions_and_refusals_and_no_previews() {
    let bench = filled().await;
    let options = WriteOptions::default();
    let dry_run = WriteOptions {
        dry_run: true,
        ..WriteOptions::default()
    };
    let reader = with("bob", &[Scope::Read]);
    let registry = &bench.registry;

    registry
        .set_group_enabled(&ada(), "g", false, &options)
        .await
        .unwrap();
    registry
        .set_group_enabled(&ada(), "g", true, &dry_run)
        .await
        .unwrap();
    registry
        .create_receiver(&ada(), receiver_input("preview"), &dry_run)
        .await
        .unwrap();
    // What existed already is no change.
    registry
        .create_receiver(&ada(), receiver_input("r"), &options)
        .await
        .unwrap();
    let refused = registry
        .create_group(&reader, group_input("n", "r"), &options)
        .await;
    assert_eq!(code(refused), "forbidden");
    let refused = registry
        .create_group(&reader, group_input("n", "r"), &dry_run)
        .await;
    assert_eq!(code(refused), "forbidden");
    let other = ReceiverInput {
        description: "other".to_owned(),
        ..receiver_input("r")
    };
    assert_eq!(
        code(registry.create_receiver(&ada(), other, &options).await),
        "conflict"
    );
    let input = event_input("nothing", unit("web"), true, "{}");
    assert_eq!(
        code(registry.create_event(&ada(), input, &options).await),
        "not_found"
    );
    let mut input = event_input("r", unit("web"), true, "{");
    assert_eq!(
        code(registry.create_event(&ada(), input.clone(), &options).await),
        "invalid_json"
    );
    input.payload = PayloadInput::Text("x".repeat(1_000));
    input.receiver = "é".repeat(1_000);
    assert_eq!(
        code(registry.create_event(&ada(), input, &options).await),
        "not_found"
    );

    let rows = audit(&bench).await;
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            let note = &row.note;
            (
                row.recorder.principal.as_str(),
                note.action.as_str(),
                note.outcome.as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("ada", "create_receiver", "done"),
            ("ada", "create_group", "done"),
            ("ada", "set_group_enabled", "done"),
            ("bob", "create_group", "forbidden"),
            ("ada", "create_receiver", "conflict"),
            ("ada", "create_event", "not_found"),
            ("ada", "create_event", "invalid_json"),
            ("ada", "create_event", "not_found"),
        ]
    );
    assert_eq!(rows[3].note.target, "n gate.n 1");
    assert!(
        rows[4].note.detail.contains("another description"),
        "{}",
        rows[4].note.detail
    );
    assert!(
        rows[7].note.target.chars().count() <= 500,
        "foreign text is cut"
    );
    assert!(rows.is_sorted_by(|a, b| a.seq < b.seq && a.at <= b.at));
}

#[tokio::test]
async fn idempotency_keys_belong_to_their_principal_and_are_checked() {
    let bench = filled().await;
    let keyed = |key: &str| WriteOptions {
        idempotency_key: Some(key.to_owned()),
        ..WriteOptions::default()
    };
    let (ci, bob) = (with("ci", &[Scope::Record]), with("bob", &[Scope::Record]));
    let record = async |who: &Principal, key: &str, success: bool| {
        let input = event_input("r", unit("api"), success, "{}");
        bench.registry.create_event(who, input, &keyed(key)).await
    };
    let first = record(&ci, "k", true).await.unwrap();
    let again = record(&ci, "k", true).await.unwrap();
    assert_eq!((again.event.id, again.created), (first.event.id, false));
    assert!(again.messages.is_empty() && again.gates.is_empty());
    assert_eq!(code(record(&ci, "k", false).await), "idempotency_conflict");
    assert!(
        record(&bob, "k", true).await.unwrap().created,
        "another's key is another key"
    );
    for bad in [String::new(), "a\u{202e}b".to_owned(), "k".repeat(256)] {
        assert_eq!(
            code(record(&ci, &bad, true).await),
            "invalid_argument",
            "{bad}"
        );
    }

    // Definitions too, also after they have changed.
    let group = bench
        .registry
        .create_group(&ada(), group_input("n", "r"), &keyed("g"))
        .await
        .unwrap();
    let options = WriteOptions::default();
    bench
        .registry
        .set_group_enabled(&ada(), "n", false, &options)
        .await
        .unwrap();
    let again = bench
        .registry
        .create_group(&ada(), group_input("n", "r"), &keyed("g"))
        .await
        .unwrap();
    assert_eq!(
        (again.group.id, again.changed, again.group.enabled),
        (group.group.id, false, false)
    );
}
