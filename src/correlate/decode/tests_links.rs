//! References: links in all their forms, and what content refers to.

use serde_json::{Value, json};

use super::tests::{
    HEX, codes, event, read_as, references, to_commit, to_event, to_subject, with_custom,
};
use super::*;
use crate::correlate::facts::Target;
use crate::correlate::key::Role;

const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

fn with_links(links: Value) -> Facts {
    let mut event = event("taskrun.started", json!({}));
    event["context"]["links"] = links;
    read_as(&event)
}

#[test]
fn links_are_read_in_both_spellings() {
    let facts = with_links(json!([
        {"linkType": "RELATION", "linkKind": "TRIGGER", "target": {"contextId": "a"}},
        {"linkType": "PATH", "from": {"contextId": "b"}},
        {"linkType": "END", "from": {"contextId": "c"}},
        {"linkType": "END"},
        {"linkType": "RELATION", "linkKind": "issue", "target": {"domainId": "cdevents:v0:x"}},
    ]));
    let expected = [
        (Role::Relation, to_event("a"), Some("TRIGGER")),
        (Role::Path, to_event("b"), None),
        (Role::End, to_event("c"), None),
        (
            Role::Relation,
            Target::Resource("cdevents:v0:x".to_owned()),
            Some("issue"),
        ),
    ];
    assert_eq!(references(&facts), expected);
    assert_eq!(codes(&facts), ["chain_end"]);
    let mut snake = event("taskrun.started", json!({}));
    snake["context"]["chain_id"] = json!("c-1");
    snake["context"]["links"] = json!([
        {"link_type": "RELATION", "link_kind": "TRIGGER", "target": {"context_id": "a"}},
        {"link_type": "PATH", "from": {"context_id": "b"}},
    ]);
    let facts = read_as(&snake);
    assert_eq!(references(&facts), expected[..2]);
    assert_eq!(facts.chain.as_deref(), Some("c-1"));
    assert_eq!(codes(&facts), ["snake_case_links"]);
}

#[test]
fn links_that_lead_nowhere_are_noted_once() {
    for links in [
        json!([{"linkType": "PATH"}, {"linkType": "RELATION", "target": {}}]),
        json!([7, "x"]),
        json!([{"linkType": "SIDEWAYS"}, {}]),
        json!("x"),
    ] {
        let facts = with_links(links);
        assert_eq!(
            (codes(&facts), references(&facts)),
            (vec!["link_unreadable"], vec![])
        );
    }
    let one = with_links(json!({"linkType": "PATH", "from": {"contextId": "b"}}));
    assert_eq!(references(&one), [(Role::Path, to_event("b"), None)]);
}

#[test]
fn an_object_of_addresses_gives_members_resources_and_commits() {
    let facts = with_links(json!({
        "pipelineRun": "https://ci/run/7",
        "test_suite_run": {"id": "ts", "source": "/tests"},
        "trigger": "https://git/o/a/-/commit/ABCDEF1?x#y",
        "ticket": "https://t/1",
        "cause": {"contextId": "e-0"},
        "nothing": null,
    }));
    assert_eq!(
        references(&facts),
        [
            (
                Role::Member,
                to_subject("pipelinerun", "https://ci/run/7", None),
                None
            ),
            (
                Role::Member,
                to_subject("testsuiterun", "ts", Some("/tests")),
                None
            ),
            (
                Role::Relation,
                Target::Resource("https://git/o/a/-/commit/ABCDEF1?x#y".to_owned()),
                Some("trigger")
            ),
            (
                Role::Relation,
                to_commit(Some("https://git/o/a"), "abcdef1"),
                Some("trigger")
            ),
            (
                Role::Relation,
                Target::Resource("https://t/1".to_owned()),
                Some("ticket")
            ),
            (Role::Relation, to_event("e-0"), Some("cause")),
        ]
    );
    assert_eq!(codes(&facts), ["links_object_dialect"]);
    assert_eq!(codes(&with_links(json!({}))), [""; 0]);
}

#[test]
fn links_from_subject_to_subject_are_read_from_custom_data() {
    let facts = with_custom(
        "taskrun.started",
        json!({"links": [
            {"linkkind": "trigger", "subject": {"id": "pr-1", "type": "pipelineRun"}},
            {"linkkind": "effect", "subject": {"id": format!("app@sha256:{HEX}"), "type": "artifact"}},
            {"linkkind": "x"}, 3,
        ]}),
    );
    assert_eq!(
        references(&facts),
        [(
            Role::Relation,
            to_subject("pipelinerun", "pr-1", None),
            Some("trigger")
        )]
    );
    assert_eq!(facts.artifacts[0].digest, Some(format!("sha256:{HEX}")));
    assert_eq!(facts.details, None);
}

#[test]
fn stand_alone_links_have_ends() {
    let link = |more: Value| {
        let mut link = json!({"chainId": "c", "timestamp": "2026-11-01T08:00:00Z"});
        link.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        read_as(&link)
    };
    let end = |id: &str| json!({"contextId": id});
    let path = link(json!({"linkType": "PATH", "from": end("a"), "to": end("b")}));
    assert_eq!(
        (path.kind, path.type_name.as_str(), path.predicate.as_str()),
        (DocumentKind::Link, "dev.cdevents.link.path", "path")
    );
    assert_eq!(path.chain.as_deref(), Some("c"));
    assert_eq!(path.at().unwrap().to_string(), "2026-11-01T08:00:00Z");
    assert_eq!(
        references(&path),
        [
            (Role::LinkFrom, to_event("a"), None),
            (Role::LinkTo, to_event("b"), None)
        ]
    );
    let start = link(json!({"linkType": "START", "start": end("a")}));
    assert_eq!(references(&start), [(Role::LinkFrom, to_event("a"), None)]);
    let over = link(json!({"linkType": "END", "from": end("a"), "end": end("b")}));
    assert_eq!(references(&over).len(), 2);
    let relation = link(
        json!({"linkType": "RELATION", "linkKind": "causedBy", "source": end("a"), "target": end("b")}),
    );
    assert_eq!(
        references(&relation),
        [
            (Role::Relation, to_event("a"), Some("causedBy")),
            (Role::Relation, to_event("b"), Some("causedBy"))
        ]
    );
    for facts in [&path, &start, &over, &relation] {
        assert_eq!(codes(facts), [""; 0]);
    }
    let snake = read_as(
        &json!({"chain_id": "c", "link_type": "PATH", "from": {"context_id": "a"}, "to": {"context_id": "b"}}),
    );
    assert_eq!(
        (references(&snake), codes(&snake)),
        (references(&path), vec!["snake_case_links"])
    );
    assert_eq!(
        codes(&link(json!({"linkType": "SIDEWAYS"}))),
        ["link_unreadable"]
    );
    assert_eq!(
        codes(&link(json!({"linkType": "PATH", "to": end("b")}))),
        ["link_unreadable"]
    );
    let inside = read_as(
        &json!({"specversion": "1.0", "id": "l", "source": "/s", "type": "x", "data": {
        "linkType": "PATH", "chainId": "c", "from": end("a"), "to": end("b")}}),
    );
    assert_eq!(
        (inside.kind, inside.id.as_deref()),
        (DocumentKind::Link, Some("l"))
    );
}

#[test]
fn content_refers_to_what_its_subject_is_part_of_and_made_from() {
    let task = read_as(&event(
        "taskrun.started",
        json!({"pipelineRun": {"id": "pr", "source": "/x"}}),
    ));
    assert_eq!(
        references(&task),
        [(
            Role::Member,
            to_subject("pipelinerun", "pr", Some("/x")),
            None
        )]
    );
    let text = read_as(&event("taskrun.started", json!({"pipelineRun": "pr"})));
    assert_eq!(
        references(&text),
        [(Role::Member, to_subject("pipelinerun", "pr", None), None)]
    );
    let packaged = read_as(&event(
        "artifact.packaged",
        json!({"change": {"id": SHA, "source": "https://git/o/a"}}),
    ));
    assert_eq!(
        references(&packaged),
        [
            (Role::From, to_commit(Some("https://git/o/a"), SHA), None),
            (
                Role::From,
                to_subject("change", SHA, Some("https://git/o/a")),
                None
            ),
        ]
    );
    let wrong = read_as(&event(
        "artifact.packaged",
        json!({"change": {"id": "subject-1"}}),
    ));
    assert_eq!(
        (references(&wrong), codes(&wrong)),
        (vec![], vec!["change_is_artifact"])
    );
    let queued = read_as(&event(
        "testsuiterun.queued",
        json!({"trigger": {"type": "event", "uri": "https://git/o/a/commit/abcdef12"}}),
    ));
    assert_eq!(references(&queued).len(), 2);
    let mut merged = event(
        "change.merged",
        json!({"repository": {"id": "o/a", "uri": "https://git/o/a"}}),
    );
    merged["subject"]["id"] = json!(SHA.to_uppercase());
    let merged = read_as(&merged);
    assert_eq!(
        references(&merged),
        [(Role::Own, to_commit(Some("https://git/o/a"), SHA), None)]
    );
    assert_eq!(
        merged.context.repository.as_deref(),
        Some("https://git/o/a")
    );
}

#[test]
fn artifacts_are_owned_made_or_used() {
    let purl = format!("pkg:oci/app@sha256%3A{HEX}");
    for (kind, role) in [
        ("build.finished", Role::Produces),
        ("taskrun.finished", Role::Produces),
        ("service.deployed", Role::Uses),
        ("incident.detected", Role::Uses),
        ("testsuiterun.finished", Role::Uses),
    ] {
        let facts = read_as(&event(kind, json!({"artifactId": purl})));
        assert_eq!(facts.artifacts.len(), 1);
        assert_eq!(facts.artifacts[0].role, role, "{kind}");
        assert_eq!(facts.artifacts[0].digest, Some(format!("sha256:{HEX}")));
        assert_eq!(facts.artifacts[0].name.as_deref(), Some("app"));
    }
    let mut signed = event(
        "artifact.signed",
        json!({"signature": "MEUC", "sbom": {"url": "https://s"}, "user": "bot"}),
    );
    signed["subject"]["id"] = json!(purl);
    signed["customData"] = json!({"artifacts": [{"id": format!("r.io/app:1@sha256:{HEX}"), "tags": ["app:1", 2], "size": 5}]});
    let facts = read_as(&signed);
    assert_eq!(facts.artifacts.len(), 1);
    let artifact = &facts.artifacts[0];
    assert_eq!(
        (artifact.role, artifact.id.as_str()),
        (Role::Own, purl.as_str())
    );
    assert_eq!(artifact.signature.as_deref(), Some("MEUC"));
    assert_eq!(artifact.sbom.as_ref().unwrap().uri, "https://s");
    assert_eq!(
        (artifact.tags.as_slice(), artifact.size),
        (&["app:1".to_owned(), "2".to_owned()][..], Some(5))
    );
    assert_eq!(facts.context.user.as_deref(), Some("bot"));
}
