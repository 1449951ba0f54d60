//! Large and hostile input, and the streams of the corpus.

use super::*;

#[test]
fn a_busy_service_and_hostile_names_keep_to_their_size() {
    let long = "»\n\u{202e}x".repeat(300);
    let mut events = Vec::new();
    for i in 0..1_500 {
        let time = at("2026-11-01T00:00:00Z")
            .plus_micros(i * 60_000_000)
            .to_string();
        let artifact = format!("pkg:oci/{i}@{i}?tag={i}");
        let content =
            json!({"environment": {"id": format!("{}{long}", i % 30)}, "artifactId": artifact});
        events.push(cdevent("service.deployed", &long, &time, &content));
        events.push(cdevent(
            "artifact.packaged",
            &artifact,
            &time,
            &json!({"change": {"id": long}}),
        ));
    }
    let recorded = log(&events);
    for anchor in [
        format!("service:{long}"),
        format!("environment:3{long}"),
        "pkg:oci/1499@1499".to_owned(),
    ] {
        let traced = trace(&recorded, &anchor);
        assert!(traced.artifacts.len() <= bounds::ARTIFACTS);
        let text = traced.text(bounds::TEXT_BYTES);
        assert!(text.len() <= bounds::TEXT_BYTES, "{}", text.len());
        assert!(!text.contains('\u{202e}'));
    }
    let traced = trace(&recorded, &format!("service:{long}"));
    assert!(traced.truncated);
    assert_eq!(traced.running.len(), 30);
    assert_eq!((traced.artifacts.len(), traced.more), (20, 10));
}

#[test]
fn the_streams_are_traced_from_every_anchor() {
    let Some(root) = corpus(4) else { return };
    for name in [
        "01-chain-unique-nvrpp.ndjson",
        "02-nochain-shared-nvrpp.ndjson",
        "03-anomalies.ndjson",
    ] {
        let events = stream(&root, name);
        let log = Log::new(events.iter().map(|(event, _)| event.clone()).collect());
        let mut traces = 0;
        for (event, run) in &events {
            if !event.facts.is("service", "deployed") {
                continue;
            }
            traces += 1;
            let artifact = &event.facts.artifacts[0];
            let by_digest = trace(&log, artifact.digest.as_ref().unwrap());
            let lineage = &by_digest.artifacts[0];
            let context = format!("{name} {run}: {}", by_digest.text(5_000));
            assert_eq!(by_digest.artifacts.len(), 1, "{context}");
            assert_eq!(lineage.source.changes[0].id, run.to_string(), "{context}");
            assert!(lineage.source.changes[0].merged.is_some(), "{context}");
            assert!(
                lineage.packaged.is_some()
                    && lineage.published.is_some()
                    && lineage.signed.is_some(),
                "{context}"
            );
            assert!(
                lineage
                    .deployed
                    .iter()
                    .any(|one| one.since.event == event.id && one.lead.is_some()),
                "{context}"
            );
            assert_eq!(
                lineage.missing.contains(&Missing::Tests),
                event.facts.chain.is_none(),
                "{context}"
            );
            if event.facts.chain.is_some() {
                let run_name = &lineage.made_by.as_ref().unwrap().name;
                assert!(
                    matches!(run_name, RunName::PipelineRun { id, .. } if *id == format!("pr-{run}")),
                    "{context}"
                );
            }
            let by_purl = trace(&log, artifact.purl.as_ref().unwrap());
            assert_eq!(by_purl.artifacts, by_digest.artifacts, "{context}");
            let by_change = trace(&log, &format!("change:{run}"));
            assert_eq!(
                by_change.artifacts[0].artifact.digest, artifact.digest,
                "{context}"
            );
            assert!(by_digest.text(bounds::TEXT_BYTES).len() <= bounds::TEXT_BYTES);
        }
        assert!(traces >= 5, "{name}");
        let staging = trace(&log, "staging");
        assert!(staging.running.len() >= 5, "{name}");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test outside any runtime")]
fn the_flat_dialect_is_traced_by_its_image_and_tag() {
    let Some(root) = corpus(1) else { return };
    let text = std::fs::read_to_string(root.join("cdevents/seed/pipeline_flat.ndjson")).unwrap();
    let mut payloads: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let seed = root.join("cdevents/seed/taskrun_finished.cloudevent.json");
    payloads.push(serde_json::from_str(&std::fs::read_to_string(seed).unwrap()).unwrap());
    let log = log(&payloads);
    for anchor in [
        "registry.example.com/my-app:abc123de",
        "my-app:abc123de",
        "abc123def456",
    ] {
        let traced = trace(&log, anchor);
        assert_eq!(traced.artifacts.len(), 1, "{anchor}");
        let lineage = &traced.artifacts[0];
        let staging = lineage
            .deployed
            .iter()
            .find(|one| one.environment.as_deref() == Some("staging"));
        assert_eq!(
            staging.unwrap().service.as_deref(),
            Some("my-app"),
            "{anchor}"
        );
        assert!(lineage.packaged.is_some(), "{anchor}");
        assert!(!lineage.tested.is_empty(), "{anchor}");
    }
    let seed = trace(&log, "my-app:main");
    let text = seed.text(limits::trace::TEXT_BYTES);
    for part in [
        "from: commit a1b2c3d4e5f6",
        "made by: pipelineRun",
        "task «build-container-image» success",
        "SBOM at «https://",
        "scan by «trivy",
        "NOT recorded: no event about the change itself",
        "no deployment",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

fn any_event() -> impl Strategy<Value = Value> {
    let kind = prop_oneof![
        Just("service.deployed"),
        Just("service.rolledback"),
        Just("service.removed"),
        Just("incident.detected"),
        Just("incident.resolved"),
        Just("change.merged"),
        Just("artifact.packaged"),
        Just("artifact.signed"),
        Just("build.finished"),
        Just("taskrun.finished"),
        Just("pipelinerun.started"),
        Just("testcaserun.finished"),
        Just("approval.closed"),
    ];
    (kind, 0..3usize, 0..3u8, 0..3u8, 0..90u32).prop_map(
        |(kind, id, environment, chain, minute)| {
            let time = at("2026-11-01T00:00:00Z").plus_micros(i64::from(minute) * 600_000_000);
            let artifact = image(['a', 'b', 'c'][id]);
            let own = if kind.starts_with("artifact") {
                artifact.clone()
            } else {
                format!("x{id}")
            };
            let event = cdevent(
                kind,
                &own,
                &time.to_string(),
                &json!({
                    "environment": {"id": format!("e{environment}")},
                    "artifactId": artifact,
                    "service": {"id": "x1"},
                    "change": {"id": format!("x{id}")},
                    "pipelineRun": {"id": "x0"},
                    "outcome": "success",
                    "status": "approved",
                }),
            );
            if chain == 0 {
                event
            } else {
                in_chain(event, &format!("c{chain}"))
            }
        },
    )
}

proptest! {
    #[test]
    fn a_trace_does_not_depend_on_the_order_of_what_is_read(
        payloads in proptest::collection::vec(any_event(), 0..40),
        seed in any::<u64>(),
        anchor in 0..6usize,
    ) {
        let events: Vec<Recorded> = (1..).zip(&payloads).map(|(seq, payload)| {
            let mut event = recorded(seq, payload);
            event.success = seed >> (seq % 64) & 1 == 0;
            event
        }).collect();
        let log = Log::new(events);
        let anchor = [digest('a'), "x1".to_owned(), "e1".to_owned(), "web".to_owned(), "change:x0".to_owned(), "web:1.b".to_owned()][anchor].clone();
        let mut shuffled = Trace::new(Anchor::read(&anchor).unwrap());
        answer(&mut shuffled, &log, Trace::ask, |trace, mut given| {
            match &mut given {
                Given::Links(rows) => rows.sort_by_key(|row| (row.seq as u64).wrapping_mul(seed | 1)),
                Given::Events(events) => events.reverse(),
                Given::Positions(_) => {}
            }
            trace.give(given);
        });
        let traced = trace(&log, &anchor);
        prop_assert_eq!(&shuffled.finish(at(NOW)), &traced);
        prop_assert!(traced.text(bounds::TEXT_BYTES).len() <= bounds::TEXT_BYTES);
        for lineage in &traced.artifacts {
            let runs = lineage.deployed.iter().filter(|one| one.ok && one.until.is_none());
            let mut places: Vec<_> = runs.map(|one| (&one.service, &one.environment)).collect();
            let all = places.len();
            places.dedup();
            prop_assert_eq!(places.len(), all, "one artifact runs once in a place");
        }
        // JSON has all that the text is made of.
        prop_assert!(traced.json().is_object());
    }

    #[test]
    fn answers_that_were_not_asked_for_do_no_harm(anchor in "\\PC{1,40}", rows in 0..3usize) {
        let Some(anchor) = Anchor::read(&anchor) else { return Ok(()) };
        let mut trace = Trace::new(anchor);
        trace.events(Vec::new());
        trace.links(&[]);
        while trace.ask().is_some() {
            let seq = rows as i64;
            let key = LinkKey::chain("x");
            trace.links(&vec![LinkRow { key, seq, role: Role::Own }; rows]);
            trace.events(Vec::new());
        }
        prop_assert_eq!(trace.finish(at(NOW)).meaning, None);
    }
}
