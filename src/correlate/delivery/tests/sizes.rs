//! Windows, large and hostile input, and the streams of the corpus.

use super::*;

#[test]
fn deployments_are_counted_day_by_day_or_week_by_week() {
    let day = |day: u32| format!("2026-11-{day:02}T12:00:00Z");
    let payloads: Vec<Value> = [1, 2, 2, 9, 28]
        .into_iter()
        .enumerate()
        .map(|(i, d)| deployed(&format!("s{i}"), "production", A, &day(d)))
        .collect();
    let delivery = without_changes(&payloads);
    assert_eq!(
        (delivery.buckets.days, &*delivery.buckets.counts),
        (7, &[3, 1, 0, 1][..])
    );
    let log = log(&payloads);
    let no = |_: &Recorded| Lead::Unknown(Reason::NoChange);
    let week = Scope {
        to: at("2026-11-08T00:00:00Z"),
        ..scope()
    };
    let delivery = Delivery::of(log.events.values(), no, &week, at("2026-11-03T00:00:00Z"));
    assert_eq!(
        (delivery.buckets.days, &*delivery.buckets.counts),
        (1, &[1, 2][..])
    );
    assert_eq!(delivery.total.per_day(delivery.measured), Some(1.5));
    let century = Scope {
        from: at("1926-11-01T00:00:00Z"),
        ..scope()
    };
    let delivery = Delivery::of(log.events.values(), no, &century, at(NOW));
    assert!(delivery.buckets.counts.len() <= limits::delivery::BUCKETS);
    assert_eq!(delivery.buckets.counts.iter().sum::<usize>(), 5);
}

#[test]
fn what_was_not_read_is_no_part_of_the_window() {
    // Of a month the newest two days were read: five deployments a day.
    let payloads: Vec<Value> = (0..10)
        .map(|n| {
            let time = at("2026-11-27T00:00:00Z").plus_micros(n * DAY / 5);
            deployed(&format!("s{n}"), "production", A, &time.to_string())
        })
        .collect();
    let log = log(&payloads);
    let events: Vec<Recorded> = log.events.values().cloned().collect();
    let part = scope().as_far_as(&events);
    assert_eq!(part.from, at("2026-11-27T00:00:00Z"));
    assert_eq!(part.to, scope().to);
    let no = |_: &Recorded| Lead::Unknown(Reason::NoChange);
    let mut delivery = Delivery::of(&events, no, &part, at(NOW));
    delivery.truncated = true;
    delivery.asked_from = Some(scope().from);
    assert_eq!(delivery.total.per_day(delivery.measured), Some(5.0));
    let text = delivery.text(limits::delivery::TEXT_BYTES);
    let first = text.lines().next().unwrap();
    assert!(
        first.contains("ONLY THIS PART of the window from"),
        "{first}"
    );
    assert_eq!(
        delivery.json()["window"]["asked_from"],
        "2026-11-01T00:00:00Z"
    );
}

#[test]
fn an_empty_window_says_so() {
    let delivery = without_changes(&[]);
    assert!(delivery.text(3_200).contains("No deployments"));
    assert_eq!(delivery.total.change_failure_percent(), None);
    assert_eq!(delivery.json()["total"].get("change_failure"), None);
}

#[test]
fn hostile_names_and_many_services_keep_to_the_size() {
    let long = "»\n\u{202e}x".repeat(400);
    let mut payloads = Vec::new();
    for i in 0..200 {
        let service = format!("{i}{long}");
        payloads.push(deployed(&service, &long, A, "2026-11-02T09:00:00Z"));
    }
    let delivery = without_changes(&payloads);
    let text = delivery.text(limits::delivery::TEXT_BYTES);
    assert!(
        text.len() <= limits::delivery::TEXT_BYTES + 600,
        "{}",
        text.len()
    );
    assert!(!text.contains('\u{202e}'));
    assert_eq!(delivery.rows.len() + delivery.more_rows, 200);
    assert!(text.contains(" more; name a service"));
}

#[test]
fn many_deployments_ask_for_a_bounded_number_of_keys_and_events() {
    let mut payloads = Vec::new();
    for i in 0..1_000 {
        let artifact = format!("pkg:oci/a{i}@1");
        let time = at("2026-11-02T00:00:00Z")
            .plus_micros(i * 1_000_000)
            .to_string();
        payloads.push(in_chain(
            deployed("shop", "production", &artifact, &time),
            &i.to_string(),
        ));
        payloads.push(in_chain(
            packaged(&artifact, &format!("c{i}"), &time),
            &i.to_string(),
        ));
    }
    let log = log(&payloads);
    let events: Vec<Recorded> = log.with(scope().key());
    let mut leads = LeadTimes::new(&events);
    answer(
        &mut leads,
        &log,
        |leads| {
            let ask = leads.ask();
            match &ask {
                Some(crate::correlate::ask::Ask::Links { keys, .. }) => {
                    assert!(keys.len() <= 2_000);
                }
                Some(crate::correlate::ask::Ask::Events { seqs }) => assert!(seqs.len() <= 5_500),
                Some(crate::correlate::ask::Ask::UnitEvents { .. }) => panic!("it asks for none"),
                None => {}
            }
            ask
        },
        LeadTimes::give,
    );
    let delivery = Delivery::of(&events, |event| leads.of(event), &scope(), at(NOW));
    assert_eq!(delivery.left_out[&Reason::NotLookedAt], 500);
}

#[test]
fn the_streams_have_a_lead_time_for_every_deployment() {
    let Some(root) = corpus(3) else { return };
    for (name, services) in [
        ("01-chain-unique-nvrpp.ndjson", 5),
        ("02-nochain-shared-nvrpp.ndjson", 7),
        ("03-anomalies.ndjson", 5),
    ] {
        let events = stream(&root, name)
            .into_iter()
            .map(|(event, _)| event)
            .collect();
        let log = Log::new(events);
        let delivery = ask(&log, &scope());
        let deployments = delivery.total.deployments;
        assert!(deployments >= services, "{name}");
        assert_eq!(
            delivery.total.lead.count, deployments,
            "{name}: {:?}",
            delivery.left_out
        );
        assert_eq!(delivery.total.lead_from_first_commit, 0, "{name}");
        assert_eq!(delivery.rows.len(), services, "{name}");
        let median = delivery.total.lead.median.unwrap() / 60_000_000;
        assert!((2..60).contains(&median), "{name}: {median} minutes");
    }
}

fn any_event() -> impl Strategy<Value = Value> {
    let kind = prop_oneof![
        Just("service.deployed"),
        Just("service.upgraded"),
        Just("service.rolledback"),
        Just("service.removed"),
        Just("incident.detected"),
        Just("incident.resolved"),
        Just("change.merged"),
        Just("artifact.packaged"),
    ];
    (kind, 0..3u8, 0..3u8, 0..3u8, 0..400u32).prop_map(|(kind, id, env, artifact, minute)| {
        let time = at("2026-11-01T00:00:00Z").plus_micros(i64::from(minute) * 6_000_000_000);
        let artifact = ["", A, B][artifact as usize];
        let id = match kind {
            "artifact.packaged" => artifact.to_owned(),
            _ => format!("s{id}"),
        };
        cdevent(
            kind,
            &id,
            &time.to_string(),
            &json!({
                "environment": {"id": format!("e{env}")},
                "artifactId": artifact,
                "service": {"id": "s1"},
                "change": {"id": "s1"},
            }),
        )
    })
}

proptest! {
    #[test]
    fn figures_are_possible_and_do_not_depend_on_the_order(
        payloads in proptest::collection::vec(any_event(), 0..40),
        seed in any::<u64>(),
        bad in any::<u64>(),
    ) {
        let mut events: Vec<Recorded> = (1..).zip(&payloads).map(|(seq, payload)| {
            let mut event = recorded(seq, payload);
            event.success = bad >> (seq % 64) & 1 == 0;
            event
        }).collect();
        let log = Log::new(events.clone());
        let delivery = ask(&log, &scope());
        let all = [&delivery.total].into_iter().chain(delivery.rows.iter().map(|row| &row.figures));
        for figures in all {
            let percent = figures.change_failure_percent().unwrap_or(0.0);
            prop_assert!((0.0..=100.0).contains(&percent));
            prop_assert!(figures.succeeded <= figures.deployments);
            prop_assert!(figures.lead.count <= figures.succeeded);
            prop_assert!(figures.lead.median.unwrap_or(0) >= 0 && figures.restore.median.unwrap_or(0) >= 0);
        }
        let sum: usize = delivery.rows.iter().map(|row| row.figures.deployments).sum();
        prop_assert_eq!(sum, delivery.total.deployments);
        let counted: usize = delivery.buckets.counts.iter().sum();
        prop_assert_eq!(counted, delivery.total.succeeded);
        // Each successful deployment is measured or left out for a reason.
        let reasons = [
            Reason::Redeployed, Reason::NoArtifact, Reason::NoChange,
            Reason::ChangeAfterDeployment, Reason::NotLookedAt,
        ];
        let missing: usize = reasons.iter().filter_map(|reason| delivery.left_out.get(reason)).sum();
        prop_assert_eq!(delivery.total.lead.count + missing, delivery.total.succeeded);

        events.sort_by_key(|event| (event.seq as u64).wrapping_mul(seed | 1));
        prop_assert_eq!(ask(&Log::new(events), &scope()), delivery);
    }
}
