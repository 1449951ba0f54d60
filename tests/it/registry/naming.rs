//! Naming units, receivers and groups by a part: one match is taken, several are listed, none
//! gives the nearest.

use epr_mcp::domain::refusal::Refusal;
use epr_mcp::domain::unit::{Unit, UnitQuery};
use epr_mcp::limits;
use epr_mcp::registry::{Error, EventInput, ReceiverInput, UnitInput, WriteOptions};

use crate::harness::{Bench, ada, code, event_input, unit};

async fn record(bench: &Bench, receiver: &str, unit: &Unit, success: bool) -> String {
    let input = event_input(receiver, unit.clone(), success, "{}");
    let written = bench
        .registry
        .create_event(&ada(), input, &WriteOptions::default())
        .await;
    written.unwrap().event.id.to_string()
}

fn text(text: &str) -> UnitQuery {
    UnitQuery {
        unit: Some(text.to_owned()),
        ..UnitQuery::default()
    }
}

fn named(name: &str) -> UnitQuery {
    UnitQuery {
        name: Some(name.to_owned()),
        ..UnitQuery::default()
    }
}

fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> Refusal {
    match result {
        Err(Error::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_unit_is_found_by_any_part_that_names_only_it() {
    let bench = Bench::new();
    bench.receiver("r").await;
    let web = Unit {
        name: "web".to_owned(),
        version: "7.0.1".to_owned(),
        release: "2023/11".to_owned(),
        platform_id: "arm64".to_owned(),
        package: "rpm".to_owned(),
    };
    let event = record(&bench, "r", &web, true).await;
    record(&bench, "r", &unit("api"), true).await;
    let some = |part: &str| Some(part.to_owned());
    let queries = [
        named("web"),
        UnitQuery {
            version: some("7.0.1"),
            ..UnitQuery::default()
        },
        UnitQuery {
            release: some("2023/11"),
            ..UnitQuery::default()
        },
        UnitQuery {
            platform_id: some("arm64"),
            ..UnitQuery::default()
        },
        UnitQuery {
            package: some("rpm"),
            ..UnitQuery::default()
        },
        UnitQuery {
            version: some("7.0.1"),
            package: some("rpm"),
            ..named("web")
        },
        text("epr://history/web/7.0.1/2023%2F11/arm64/rpm"),
        text(" web/7.0.1/2023%2F11/arm64/rpm "),
        text(&event),
        text("web"),
        UnitQuery {
            name: some("web"),
            ..text(&web.uri())
        },
    ];
    for query in queries {
        let found = bench.registry.find_unit(&ada(), &query).await.unwrap();
        assert_eq!(found, web, "{query:?}");
    }
    // Parts compare whole and by character.
    for query in [
        named("we"),
        named("WEB"),
        named("web "),
        UnitQuery {
            package: some("api"),
            ..named("web")
        },
    ] {
        assert_eq!(
            code(bench.registry.find_unit(&ada(), &query).await),
            "not_found",
            "{query:?}"
        );
    }
    let other_name = UnitQuery {
        name: some("api"),
        ..text(&web.uri())
    };
    assert_eq!(
        code(bench.registry.find_unit(&ada(), &other_name).await),
        "invalid_argument"
    );
    assert_eq!(
        code(
            bench
                .registry
                .find_unit(&ada(), &UnitQuery::default())
                .await
        ),
        "invalid_argument"
    );
    assert_eq!(
        code(bench.registry.find_unit(&ada(), &text("a/b/c")).await),
        "invalid_argument"
    );
    let lower = text(&event.to_lowercase());
    assert_eq!(
        code(bench.registry.find_unit(&ada(), &lower).await),
        "invalid_id"
    );
}

#[tokio::test]
async fn a_fully_named_unit_may_be_new() {
    let bench = Bench::new();
    bench.receiver("r").await;
    let new = unit("new");
    let query = text(&new.uri());
    assert_eq!(bench.registry.find_unit(&ada(), &query).await.unwrap(), new);
    let gates = bench
        .registry
        .check_unit(&ada(), &query, None)
        .await
        .unwrap();
    assert!(!gates.known && gates.gates.is_empty());
}

#[tokio::test]
async fn several_units_that_fit_are_listed_with_their_last_event_and_gates() {
    let bench = Bench::new();
    bench.receiver("build").await;
    bench.receiver("scan").await;
    bench.group("release", &["build"], true).await;
    let version = |version: &str| Unit {
        version: version.to_owned(),
        ..unit("web")
    };
    record(&bench, "build", &version("1"), true).await;
    record(&bench, "build", &version("2"), false).await;
    record(&bench, "scan", &version("3"), true).await;
    let Refusal::Ambiguous {
        kind: "unit",
        candidates,
        more: false,
        ..
    } = refusal(bench.registry.find_unit(&ada(), &named("web")).await)
    else {
        panic!("not ambiguous")
    };
    assert_eq!(
        candidates,
        [
            "epr://history/web/3/2026.11/x64-linux/oci (last event 2026-11-18T11:06:45Z success, no gate)",
            "epr://history/web/2/2026.11/x64-linux/oci (last event 2026-11-18T11:06:44Z failure, 0 of 1 gates pass)",
            "epr://history/web/1/2026.11/x64-linux/oci (last event 2026-11-18T11:06:43Z success, 1 of 1 gates pass)",
        ]
        .map(str::to_owned)
    );
    // What is printed can be passed back.
    let (handle, _) = candidates[1].split_once(' ').unwrap();
    assert_eq!(
        bench
            .registry
            .find_unit(&ada(), &text(handle))
            .await
            .unwrap(),
        version("2")
    );

    for n in 4..=limits::CANDIDATES + 1 {
        record(&bench, "build", &version(&n.to_string()), true).await;
    }
    let Refusal::Ambiguous {
        candidates,
        more: true,
        ..
    } = refusal(bench.registry.find_unit(&ada(), &named("web")).await)
    else {
        panic!("not told that there are more")
    };
    assert_eq!(candidates.len(), limits::CANDIDATES);
}

#[tokio::test]
async fn a_name_that_nothing_has_leads_to_the_nearest() {
    let bench = Bench::new();
    bench.receiver("r").await;
    for name in ["payments-api", "payments-worker", "web"] {
        record(&bench, "r", &unit(name), true).await;
    }
    let near =
        async |query: UnitQuery| match refusal(bench.registry.find_unit(&ada(), &query).await) {
            Refusal::NotFound {
                kind: "unit", near, ..
            } => near,
            other => panic!("{other:?}"),
        };
    assert_eq!(near(named("payment-api")).await[0], "«payments-api»");
    assert_eq!(
        near(text("Payments")).await,
        ["«payments-api»", "«payments-worker»"]
    );
    assert_eq!(near(named("zzz")).await, Vec::<String>::new());
    // The name is right, another part is not: what there is of that name.
    let version = UnitQuery {
        version: Some("9".to_owned()),
        ..named("web")
    };
    assert_eq!(near(version).await, [unit("web").uri()]);
}

#[tokio::test]
async fn an_event_can_be_recorded_for_a_unit_named_by_a_part() {
    let bench = Bench::new();
    bench.receiver("r").await;
    record(&bench, "r", &unit("web"), true).await;
    let input = |query| EventInput {
        unit: UnitInput::Existing(query),
        ..event_input("r", unit("unused"), false, "{}")
    };
    let options = WriteOptions::default();
    let written = bench
        .registry
        .create_event(&ada(), input(named("web")), &options)
        .await
        .unwrap();
    assert_eq!(written.event.unit, unit("web"));
    // A name alone makes no new unit: the parts that it would take are asked for.
    let none = bench
        .registry
        .create_event(&ada(), input(named("other")), &options)
        .await;
    let Refusal::InvalidFields(faults) = refusal(none) else {
        panic!("another refusal")
    };
    let fields: Vec<&str> = faults.iter().map(|fault| fault.field).collect();
    assert_eq!(fields, ["version", "release", "platform_id", "package"]);
    assert_eq!(bench.store().await.counters().await.unwrap().units, 1);
}

#[tokio::test]
async fn receivers_and_groups_are_found_by_id_name_or_type() {
    let bench = Bench::new();
    let receiver = bench.receiver("scan").await.receiver;
    let group = bench.group("release", &["scan"], true).await.group;
    for what in [
        receiver.id.to_string(),
        " scan ".to_owned(),
        "type.scan".to_owned(),
    ] {
        assert_eq!(
            bench
                .registry
                .find_receiver(&ada(), &what)
                .await
                .unwrap()
                .id,
            receiver.id
        );
        let fetched = bench.registry.fetch_receiver(&ada(), &what).await.unwrap();
        assert_eq!(fetched.schema.get(), "{}");
    }
    for what in [
        group.id.to_string(),
        "release".to_owned(),
        "gate.release".to_owned(),
    ] {
        assert_eq!(
            bench.registry.find_group(&ada(), &what).await.unwrap().id,
            group.id
        );
        let (_, members) = bench.registry.fetch_group(&ada(), &what).await.unwrap();
        assert_eq!(
            members.iter().map(|m| m.id).collect::<Vec<_>>(),
            [receiver.id]
        );
    }
    // An id of the other kind is not there, and a lower-case one is given in upper case.
    let id = receiver.id.to_string();
    assert_eq!(
        code(bench.registry.find_group(&ada(), &id).await),
        "not_found"
    );
    let Refusal::InvalidId { suggestion, .. } = refusal(
        bench
            .registry
            .find_receiver(&ada(), &id.to_lowercase())
            .await,
    ) else {
        panic!("taken for it")
    };
    assert_eq!(suggestion, Some(id));
    let Refusal::NotFound { near, .. } =
        refusal(bench.registry.find_receiver(&ada(), "scam").await)
    else {
        panic!("found")
    };
    assert_eq!(near, ["«scan»"]);
}

#[tokio::test]
async fn several_receivers_that_fit_are_listed_and_a_name_beats_a_type() {
    let bench = Bench::new();
    let version = async |name: &str, kind: &str, version: usize| {
        let input = ReceiverInput {
            name: name.to_owned(),
            kind: kind.to_owned(),
            version: version.to_string(),
            description: "a receiver".to_owned(),
            schema: Some("{}".to_owned()),
            ..ReceiverInput::default()
        };
        let written = bench
            .registry
            .create_receiver(&ada(), input, &WriteOptions::default())
            .await;
        written.unwrap().receiver.id
    };
    let first = version("scan", "sec", 1).await;
    let second = version("scan", "sec", 2).await;
    let Refusal::Ambiguous {
        kind: "receiver",
        candidates,
        more: false,
        ..
    } = refusal(bench.registry.find_receiver(&ada(), "scan").await)
    else {
        panic!("not ambiguous")
    };
    assert_eq!(
        candidates,
        [
            format!("{second} («scan», type «sec», version «2»)"),
            format!("{first} («scan», type «sec», version «1»)"),
        ]
    );
    let by_name = version("sec", "other", 1).await;
    assert_eq!(
        bench
            .registry
            .find_receiver(&ada(), "sec")
            .await
            .unwrap()
            .id,
        by_name
    );
    for n in 3..=limits::CANDIDATES + 1 {
        version("scan", "sec", n).await;
    }
    let Refusal::Ambiguous {
        candidates,
        more: true,
        ..
    } = refusal(bench.registry.find_receiver(&ada(), "scan").await)
    else {
        panic!("not told that there are more")
    };
    assert_eq!(candidates.len(), limits::CANDIDATES);
}

#[tokio::test]
async fn name_and_version_lead_to_a_unit_among_more_than_can_be_looked_at() {
    let bench = Bench::new();
    bench.receiver("r").await;
    let all = limits::UNIT_SCAN + 20;
    for chunk in (1..=all).collect::<Vec<_>>().chunks(500) {
        // Side by side, so that they share their commits.
        let mut writes = tokio::task::JoinSet::new();
        for n in chunk {
            let mut unit = unit("svc");
            unit.version = format!("v{n}");
            let registry = bench.registry.clone();
            writes.spawn(async move {
                let input = event_input("r", unit, true, "{}");
                registry
                    .create_event(&ada(), input, &WriteOptions::default())
                    .await
                    .unwrap()
            });
        }
        writes.join_all().await;
    }
    for version in [1, 17, all] {
        let query = UnitQuery {
            name: Some("svc".to_owned()),
            version: Some(format!("v{version}")),
            ..UnitQuery::default()
        };
        let unit = bench.registry.find_unit(&ada(), &query).await.unwrap();
        assert_eq!(unit.version, format!("v{version}"));
    }
    // What lies beyond the look is never said to be missing.
    let query = UnitQuery {
        name: Some("svc".to_owned()),
        release: Some("no-such".to_owned()),
        ..UnitQuery::default()
    };
    let said = bench.registry.find_unit(&ada(), &query).await.unwrap_err();
    assert!(said.to_string().contains("there are more"), "{said}");
}
