#![expect(
    clippy::needless_pass_by_value,
    reason = "a helper of tests, which is given what was made for it"
)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::correlate::decode::{Hint, decode};
use crate::domain::text::FieldCheck;

mod touches;

const HEX: &str = "0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427";

fn cdevent(kind: &str, subject: &str, content: Value) -> Facts {
    let event = json!({
        "context": {
            "specversion": "0.5.1",
            "id": format!("{kind} of {subject}"),
            "source": "/ci",
            "type": format!("dev.cdevents.{kind}.0.3.0"),
            "timestamp": "2026-11-01T08:00:00Z",
        },
        "subject": {"id": subject, "content": content},
    });
    decode(&event, &Hint::default()).unwrap()
}

fn plain_unit(facts: &Facts) -> Unit {
    let unit = unit(facts, &BTreeMap::new());
    let mut check = FieldCheck::default();
    unit.check(&mut check);
    assert!(check.finish().is_ok(), "{unit:?}");
    unit
}

fn parts(unit: &Unit) -> [&str; 5] {
    unit.parts().map(|(_, part)| part)
}

fn now() -> Timestamp {
    "2026-11-01T09:00:00Z"
        .parse::<jiff::Timestamp>()
        .map(Timestamp::from_jiff)
        .unwrap()
}

#[test]
fn what_happens_to_one_artifact_is_of_one_unit() {
    let encoded = format!("pkg:oci/shop@sha256%3A{HEX}");
    let plain = format!("pkg:oci/shop@sha256:{HEX}?repository_url=ghcr.io/org/shop");
    let deployed = json!({"environment": {"id": "staging"}, "artifactId": plain});
    let events = [
        cdevent(
            "artifact.packaged",
            &encoded,
            json!({"change": {"id": "1"}}),
        ),
        cdevent("artifact.signed", &plain, json!({"signature": "x"})),
        cdevent("artifact.published", &encoded, json!({})),
        cdevent("service.deployed", "shop", deployed.clone()),
        cdevent("incident.detected", "i-1", deployed),
        cdevent("build.finished", "b-1", json!({"artifactId": encoded})),
        cdevent(
            "testsuiterun.finished",
            "ts-1",
            json!({"artifactId": encoded, "outcome": "success"}),
        ),
    ];
    let digest = format!("sha256:{HEX}");
    for facts in &events {
        let unit = plain_unit(facts);
        assert_eq!(
            parts(&unit),
            ["shop", &digest, &digest, "any", "oci"],
            "{}",
            facts.type_name
        );
    }
}

#[test]
fn the_unit_of_an_artifact_comes_from_its_id_alone() {
    for (id, expected) in [
        (
            "pkg:maven/org.example/lib@1.2?arch=x86_64",
            ["org.example/lib", "1.2", "-", "x86_64", "maven"],
        ),
        (
            "reg.example.com/team/app:1.2",
            ["reg.example.com/team/app", "1.2", "-", "any", "oci"],
        ),
        ("some build", ["some build", "-", "-", "any", "artifact"]),
    ] {
        let facts = cdevent("artifact.published", id, json!({}));
        assert_eq!(parts(&plain_unit(&facts)), expected, "{id}");
    }
    let digest = format!("sha256:{HEX}");
    let image = format!("app:1@{digest}");
    let unit = plain_unit(&cdevent("artifact.published", &image, json!({})));
    assert_eq!(parts(&unit), ["app", "1", &digest, "any", "oci"]);
    let unit = plain_unit(&cdevent("artifact.published", &digest, json!({})));
    assert_eq!(
        parts(&unit),
        [&*digest, &digest, &digest, "any", "artifact"]
    );

    // A digest that stands beside the id of one event is not in the id of the others.
    let mut facts = cdevent("artifact.published", "pkg:maven/a/b@1", json!({}));
    facts.artifacts[0].digest = Some(digest);
    assert_eq!(
        parts(&plain_unit(&facts)),
        ["a/b", "1", "-", "any", "maven"]
    );
}

#[test]
fn other_subjects_are_units_of_their_own_source() {
    let facts = cdevent(
        "pipelinerun.started",
        "pr-1",
        json!({"pipelineName": "shop"}),
    );
    assert_eq!(
        parts(&plain_unit(&facts)),
        ["pr-1", "-", "/ci", "any", "pipelinerun"]
    );
    let started = cdevent(
        "pipelinerun.finished",
        "pr-1",
        json!({"outcome": "success"}),
    );
    assert_eq!(plain_unit(&facts), plain_unit(&started));
    let mut several = cdevent("taskrun.finished", "t", json!({}));
    for id in ["a", "b"] {
        several.artifacts.push(Artifact {
            role: Role::Produces,
            id: id.to_owned(),
            ..Artifact::default()
        });
    }
    assert_eq!(
        parts(&plain_unit(&several)),
        ["t", "-", "/ci", "any", "taskrun"]
    );
    for (event, expected) in [
        (
            json!({"subject": "order/1"}),
            ["order/1", "-", "/shop", "any", "cloudevent"],
        ),
        (json!({}), ["/shop", "-", "-", "any", "cloudevent"]),
        (
            json!({"source": null}),
            ["7", "-", "-", "any", "cloudevent"],
        ),
        (
            json!({"source": null, "id": null}),
            ["x.y", "-", "-", "any", "cloudevent"],
        ),
    ] {
        let mut full = json!({"specversion": "1.0", "id": "7", "source": "/shop", "type": "x.y"});
        for (name, value) in event.as_object().unwrap() {
            full[name] = value.clone();
        }
        let facts = decode(&full, &Hint::default()).unwrap();
        assert_eq!(parts(&plain_unit(&facts)), expected);
    }
}

#[test]
fn a_sender_gives_the_unit_part_by_part() {
    let facts = cdevent("pipelinerun.started", "pr-1", json!({}));
    let given = |pairs: &[(&str, &str)]| {
        let extensions = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        unit(&facts, &extensions.collect())
    };
    let all = given(&[
        ("eprname", "shop"),
        ("eprversion", "1.2"),
        ("eprrelease", "7"),
        ("eprplatformid", "x64"),
        ("eprpackage", "oci"),
    ]);
    assert_eq!(parts(&all), ["shop", "1.2", "7", "x64", "oci"]);
    let some = given(&[
        ("eprname", " shop "),
        ("eprversion", " "),
        ("eprrelease", "\u{200b}"),
    ]);
    assert_eq!(parts(&some), ["shop", "-", "/ci", "any", "pipelinerun"]);
}

#[test]
fn parts_that_a_unit_cannot_have_stay_different() {
    let of = |id: &str| plain_unit(&cdevent("change.merged", id, json!({}))).name;
    let (one, other) = ("x".repeat(300), format!("{}y", "x".repeat(299)));
    assert_eq!(of(&one).chars().count(), limits::FIELD_CHARS);
    assert_ne!(of(&one), of(&other));
    assert_ne!(of("a\u{0}b"), of("ab"));
    assert_ne!(of("a\u{202e}b"), of("a\u{200b}b"));
    assert!(of("a\nb").starts_with("ab~"));
    assert_eq!(of(&"é".repeat(255)), "é".repeat(255));
}

#[test]
fn success_follows_the_outcome() {
    for (kind, content, expected, code) in [
        (
            "pipelinerun.finished",
            json!({"outcome": "success"}),
            true,
            None,
        ),
        (
            "testcaserun.finished",
            json!({"outcome": "pass"}),
            true,
            None,
        ),
        (
            "testcaserun.finished",
            json!({"outcome": "fail"}),
            false,
            None,
        ),
        ("taskrun.finished", json!({"outcome": "error"}), false, None),
        (
            "taskrun.finished",
            json!({"outcome": "cancelled"}),
            false,
            None,
        ),
        (
            "taskrun.finished",
            json!({"outcome": "skipped"}),
            true,
            Some("outcome_skipped"),
        ),
        (
            "taskrun.finished",
            json!({"outcome": "meh"}),
            false,
            Some("outcome_unknown"),
        ),
        (
            "taskrun.finished",
            json!({}),
            false,
            Some("outcome_unknown"),
        ),
        ("build.finished", json!({}), true, None),
        ("testcaserun.skipped", json!({}), true, None),
        ("service.deployed", json!({}), true, None),
        ("incident.detected", json!({}), true, None),
        ("approval.created", json!({}), true, None),
        (
            "approval.updated",
            json!({"decision": "approved"}),
            true,
            None,
        ),
        (
            "approval.updated",
            json!({"decision": "deferred"}),
            false,
            Some("outcome_unknown"),
        ),
        (
            "approval.updated",
            json!({"decision": "requestChanges"}),
            false,
            None,
        ),
        (
            "approval.closed",
            json!({"decision": "approved", "status": "expired"}),
            false,
            None,
        ),
        ("approval.closed", json!({"status": "approved"}), true, None),
        ("approval.closed", json!({}), false, Some("outcome_unknown")),
    ] {
        let facts = cdevent(kind, "x", content.clone());
        let (success, note) = success(&facts);
        let note = note.map(|note| note.code);
        assert_eq!(
            (success, note.as_deref()),
            (expected, code),
            "{kind} {content}"
        );
    }
}

#[test]
fn the_receiver_is_named_by_the_declared_type() {
    let facts = cdevent("artifact.packaged", "a", json!({}));
    assert_eq!(
        receiver_type(&facts).as_deref(),
        Some("dev.cdevents.artifact.packaged.0.3.0")
    );
    let of = |value: Value| receiver_type(&decode(&value, &Hint::default()).unwrap());
    let ce = |name: &str| json!({"specversion": "1.0", "id": "1", "source": "/s", "type": name});
    assert_eq!(of(ce("com.example.x")).as_deref(), Some("com.example.x"));
    assert_eq!(of(ce(&"x".repeat(256))), None);
    assert_eq!(of(ce("a\u{202e}b")), None);
    let link = json!({"linkType": "PATH", "chainId": "c", "from": {"contextId": "a"}, "to": {"contextId": "b"}});
    assert_eq!(of(link).as_deref(), Some("dev.cdevents.link.path"));
    assert_eq!(
        of(json!({"bomFormat": "CycloneDX"})).as_deref(),
        Some("sbom.cyclonedx")
    );
    let note = |code: &str| Note {
        code: code.to_owned(),
        detail: String::new(),
    };
    assert!(is_fault(&note("digest_repaired")) && !is_fault(&note("chain_end")));
}

#[test]
fn what_is_kept_says_all_and_knows_a_repeat() {
    let facts = cdevent(
        "taskrun.started",
        "t",
        json!({"pipelineRun": {"id": "pr-1"}}),
    );
    let kept = indexed(&facts, true, now());
    assert_eq!(serde_json::from_str::<Facts>(&kept.facts).unwrap(), facts);
    assert_eq!(kept.links.len(), edges(&facts).len());
    assert!(kept.links.len() >= 4);
    assert!(kept.run.is_some());
    let key = kept.natural.unwrap();
    assert!(key.once);
    let mut other = facts.clone();
    assert_eq!(
        indexed(&other, false, now())
            .natural
            .map(|n| (n.key, n.once)),
        Some((key.key, false))
    );
    other.source = Some("/other".to_owned());
    assert_ne!(indexed(&other, true, now()).natural.unwrap().key, key.key);
    other.source = None;
    assert_eq!(indexed(&other, true, now()).natural, None);
}

proptest! {
    #[test]
    fn every_unit_can_be_recorded(name in ".{0,300}", id in ".{0,300}", given in "\\PC{0,10}|[\u{0}-\u{20}\u{200b}]{0,4}") {
        let mut facts = cdevent("artifact.published", "a", json!({}));
        facts.artifacts[0].id = name;
        facts.source = Some(id.clone());
        plain_unit(&facts);
        facts.artifacts.clear();
        facts.about = facts.about.map(|about| Subject { id, ..about });
        let unit = unit(&facts, &BTreeMap::from([("eprpackage".to_owned(), given)]));
        let mut check = FieldCheck::default();
        unit.check(&mut check);
        prop_assert!(check.finish().is_ok(), "{:?}", unit);
    }
}
