use serde_json::Value;
use sha2::{Digest, Sha256};

use super::*;
use crate::domain::id::{EventId, GroupId, ReceiverId};
use crate::domain::principal::{PrincipalKind, Recorder};
use crate::domain::receiver::{Receiver, fingerprint};
use crate::domain::unit::Unit;

const EVENT: &str = "01M82J25QPQ3W9XW0P6HFG5PFM";
const RECEIVER: &str = "01M82J25NGVCQQB21W9X3RK9ZE";
const GROUP: &str = "01M82J25ZZZZZZZZZZZZZZZZZZ";
const FINGERPRINT: &str = "464df32e59fe3f4a28b868da8b01eeee457ea1e90e45ef3a9c60362a78c26bed";

fn instant(text: &str) -> Timestamp {
    Timestamp::from_jiff(text.parse().unwrap())
}

fn receiver(schema: &str) -> Arc<DefinedReceiver> {
    let (kind, description, name, version) = (
        "foo.bar",
        "The event receiver of Brixton",
        "foobar",
        "1.1.3",
    );
    Arc::new(DefinedReceiver {
        receiver: Receiver {
            id: RECEIVER.parse::<ReceiverId>().unwrap(),
            name: name.to_owned(),
            kind: kind.to_owned(),
            version: version.to_owned(),
            description: description.to_owned(),
            fingerprint: fingerprint(kind, description, name, version),
            created_at: instant("2026-11-22T21:19:44.305593Z"),
            unchecked_refs: false,
        },
        schema: RawValue::from_string(schema.to_owned()).unwrap(),
    })
}

fn brixton() -> Arc<DefinedReceiver> {
    receiver(r#"{"type":"object","properties":{"name":{"type":"string"}}}"#)
}

fn event(payload: &str, success: bool) -> Box<Event> {
    Box::new(Event {
        seq: 7,
        id: EVENT.parse::<EventId>().unwrap(),
        unit: Unit {
            name: "magnificent".to_owned(),
            version: "7.0.1".to_owned(),
            release: "2023.11.16".to_owned(),
            platform_id: "linux".to_owned(),
            package: "docker".to_owned(),
        },
        description: "blah".to_owned(),
        success,
        receiver_id: RECEIVER.parse().unwrap(),
        created_at: instant("2026-11-22T21:19:44.374843Z"),
        payload_digest: Sha256::digest(payload.as_bytes()).into(),
        payload_size: i64::try_from(payload.len()).unwrap(),
        recorded_by: std::sync::Arc::new(Recorder {
            principal: "ada".to_owned(),
            kind: PrincipalKind::Local,
            surface: "cli".to_owned(),
            client: String::new(),
        }),
    })
}

fn group() -> Box<Group> {
    Box::new(Group {
        id: GROUP.parse::<GroupId>().unwrap(),
        name: "the_clash".to_owned(),
        kind: "foo.gate".to_owned(),
        version: "3.3.3".to_owned(),
        description: "London calling".to_owned(),
        enabled: true,
        event_receiver_ids: vec![RECEIVER.parse().unwrap()],
        created_at: instant("2026-11-22T21:19:44.5Z"),
        updated_at: instant("2026-11-22T21:20:00Z"),
        active_from_seq: 3,
    })
}

fn record(subject: MessageSubject) -> MessageRecord {
    MessageRecord {
        seq: 42,
        created_at: instant("2026-11-22T21:19:44.999999Z"),
        wire_version: WIRE_VERSION,
        transition: false,
        log_only: false,
        subject,
    }
}

fn of_event(payload: &str) -> MessageRecord {
    record(MessageSubject::Event {
        event: event(payload, true),
        payload: payload.into(),
        receiver: brixton(),
    })
}

fn of_gate(payload: &str) -> MessageRecord {
    record(MessageSubject::GroupComplete {
        event: event(payload, true),
        payload: payload.into(),
        receiver: brixton(),
        group: group(),
    })
}

fn text(record: &MessageRecord) -> String {
    render(record, "reg", DEFAULT_LIMIT).unwrap().body
}

/// The receiver as every golden body carries it.
fn wire_receiver_text() -> String {
    format!(
        r#"{{"id":"{RECEIVER}","name":"foobar","type":"foo.bar","version":"1.1.3","description":"The event receiver of Brixton","schema":{{"type":"object","properties":{{"name":{{"type":"string"}}}}}},"fingerprint":"{FINGERPRINT}","created_at":"2026-11-22T21:19:44.305593Z"}}"#
    )
}

fn wire_event_text(payload: &str) -> String {
    let receiver = wire_receiver_text();
    format!(
        r#"{{"id":"{EVENT}","name":"magnificent","version":"7.0.1","release":"2023.11.16","platform_id":"linux","package":"docker","description":"blah","payload":{payload},"success":true,"created_at":"2026-11-22T21:19:44.374843Z","event_receiver_id":"{RECEIVER}","EventReceiver":{receiver}}}"#
    )
}

fn wire_group_text() -> String {
    format!(
        r#"{{"id":"{GROUP}","name":"the_clash","type":"foo.gate","version":"3.3.3","description":"London calling","enabled":true,"event_receiver_ids":["{RECEIVER}"],"created_at":"2026-11-22T21:19:44.5Z","updated_at":"2026-11-22T21:20:00Z"}}"#
    )
}

#[test]
fn an_event_is_sent_as_existing_watchers_read_it() {
    let (event, receiver) = (wire_event_text(r#"{"name":"joe"}"#), wire_receiver_text());
    assert_eq!(
        text(&of_event(r#"{"name":"joe"}"#)),
        format!(
            r#"{{"success":true,"id":"{EVENT}","specversion":"1.0","type":"foo.bar","source":"epr","api_version":"v1","name":"magnificent","version":"7.0.1","release":"2023.11.16","platform_id":"linux","package":"docker","data":{{"events":[{event}],"event_receivers":[{receiver}],"event_receiver_groups":null}}}}"#
        )
    );
}

#[test]
fn a_failed_event_says_so_in_both_places() {
    let failed = record(MessageSubject::Event {
        event: event("{}", false),
        payload: "{}".into(),
        receiver: brixton(),
    });
    let body: Value = serde_json::from_str(&text(&failed)).unwrap();
    assert_eq!(body["success"], false);
    assert_eq!(body["data"]["events"][0]["success"], false);
}

#[test]
fn a_new_receiver_is_sent_as_existing_watchers_read_it() {
    let receiver = wire_receiver_text();
    assert_eq!(
        text(&record(MessageSubject::ReceiverCreated(brixton()))),
        format!(
            r#"{{"success":true,"id":"{RECEIVER}","specversion":"1.0","type":"epr.event.receiver.created","source":"epr","api_version":"v1","name":"foobar","version":"1.1.3","release":"2026-11-22T21:19:44Z","platform_id":"event-provenance-registry","package":"event.receiver","data":{{"events":null,"event_receivers":[{receiver}],"event_receiver_groups":null}}}}"#
        )
    );
}

#[test]
fn new_and_changed_groups_are_sent_as_existing_watchers_read_them() {
    let group_text = wire_group_text();
    for (subject, kind) in [
        (MessageSubject::GroupCreated(group()), "created"),
        (MessageSubject::GroupModified(group()), "modified"),
    ] {
        assert_eq!(
            text(&record(subject)),
            format!(
                r#"{{"success":true,"id":"{GROUP}","specversion":"1.0","type":"epr.event.receiver.group.{kind}","source":"epr","api_version":"v1","name":"the_clash","version":"3.3.3","release":"2026-11-22T21:19:44Z","platform_id":"event-provenance-registry","package":"event.receiver.group","data":{{"events":null,"event_receivers":null,"event_receiver_groups":[{group_text}]}}}}"#
            )
        );
    }
}

#[test]
fn a_passed_gate_carries_the_groups_type_in_both_places_and_the_units_name() {
    let (event, group) = (wire_event_text(r#"{"name":"joe"}"#), wire_group_text());
    assert_eq!(
        text(&of_gate(r#"{"name":"joe"}"#)),
        format!(
            r#"{{"success":true,"id":"{GROUP}","specversion":"1.0","type":"foo.gate","source":"epr","api_version":"v1","name":"magnificent","version":"7.0.1","release":"2023.11.16","platform_id":"linux","package":"docker","data":{{"events":[{event}],"event_receivers":null,"event_receiver_groups":[{group}]}}}}"#
        )
    );
}

#[test]
fn a_payload_loses_the_blanks_between_its_tokens_and_nothing_else() {
    let sent =
        "\n{ \"b\" : 1.50,\t\"a\": [ 1E3 , \"two  words\" , null ],\r\n \"b\": \"\\u00e9 <&>\" } ";
    let kept = r#"{"b":1.50,"a":[1E3,"two  words",null],"b":"\u00e9 <&>"}"#;
    let body = text(&of_event(sent));
    assert!(
        body.contains(&format!(r#""payload":{kept},"success""#)),
        "{body}"
    );
    for scalar in ["null", "\"text\"", "[]", "12345678901234567890123"] {
        let body = text(&of_event(&format!(" {scalar} ")));
        assert!(
            body.contains(&format!(r#""payload":{scalar},"success""#)),
            "{body}"
        );
    }
}

#[test]
fn a_body_over_the_limit_gives_the_payload_by_reference() {
    let payload = format!(r#"{{ "name": "{}" }}"#, "x".repeat(2_000));
    let whole = of_event(&payload);
    let size = text(&whole).len();
    assert_eq!(
        render(&whole, "reg", size).unwrap().body,
        text(&whole),
        "at the limit"
    );

    let cut = render(&whole, "reg", size - 1).unwrap();
    let receiver = wire_receiver_text();
    let sha256 = data_encoding::HEXLOWER.encode(&Sha256::digest(payload.as_bytes()));
    assert_eq!(
        cut.body,
        format!(
            r#"{{"success":true,"id":"{EVENT}","specversion":"1.0","type":"foo.bar","source":"epr","api_version":"v1","name":"magnificent","version":"7.0.1","release":"2023.11.16","platform_id":"linux","package":"docker","data":{{"events":[{{"id":"{EVENT}","name":"magnificent","version":"7.0.1","release":"2023.11.16","platform_id":"linux","package":"docker","description":"blah","payload_ref":{{"uri":"epr://events/{EVENT}","sha256":"{sha256}","size":{}}},"success":true,"created_at":"2026-11-22T21:19:44.374843Z","event_receiver_id":"{RECEIVER}","EventReceiver":{receiver}}}],"event_receivers":[{receiver}],"event_receiver_groups":null}}}}"#,
            payload.len()
        )
    );
}

#[test]
fn a_body_that_is_still_over_the_limit_gives_the_schema_by_reference_too() {
    let schema = format!(r#"{{"description":"{}"}}"#, "y".repeat(2_000));
    let sha256 = data_encoding::HEXLOWER.encode(&Sha256::digest(schema.as_bytes()));
    let about = |payload: &str| {
        record(MessageSubject::Event {
            event: event(payload, true),
            payload: payload.into(),
            receiver: receiver(&schema),
        })
    };
    let body: Value =
        serde_json::from_str(&render(&about("{}"), "reg", 2_500).unwrap().body).unwrap();
    let sent = &body["data"]["events"][0];
    assert!(sent.get("payload").is_none());
    assert_eq!(sent["payload_ref"]["size"], 2);
    for receiver in [&sent["EventReceiver"], &body["data"]["event_receivers"][0]] {
        let keys: Vec<&String> = receiver.as_object().unwrap().keys().collect();
        assert_eq!(
            keys,
            [
                "id",
                "name",
                "type",
                "version",
                "description",
                "schema",
                "schema_ref",
                "fingerprint",
                "created_at"
            ]
        );
        assert_eq!(receiver["schema"], serde_json::json!({}));
        assert_eq!(
            receiver["schema_ref"],
            serde_json::json!({"uri": format!("epr://receivers/{RECEIVER}"), "sha256": sha256, "size": schema.len()})
        );
    }

    // A receiver's own message has no payload to leave out.
    let created = record(MessageSubject::ReceiverCreated(receiver(&schema)));
    let body: Value = serde_json::from_str(&render(&created, "reg", 1_000).unwrap().body).unwrap();
    assert_eq!(
        body["data"]["event_receivers"][0]["schema_ref"]["sha256"],
        sha256
    );
}

#[test]
fn headers_carry_the_cloudevents_attributes_and_ours() {
    let mut gate = of_gate("{}");
    gate.transition = true;
    let sent = render(&gate, "reg", DEFAULT_LIMIT).unwrap();
    let digest = data_encoding::BASE64.encode(&Sha256::digest(sent.body.as_bytes()));
    let headers: Vec<(&str, &str)> = sent.headers.iter().map(|(k, v)| (*k, v.as_str())).collect();
    assert_eq!(
        headers,
        [
            ("ce_specversion", "1.0"),
            ("ce_id", "reg-42"),
            ("ce_type", "foo.gate"),
            ("ce_source", "epr"),
            ("ce_time", "2026-11-22T21:19:44.999999Z"),
            ("ce_subject", "magnificent/7.0.1/2023.11.16/linux/docker"),
            ("content-type", "application/json"),
            ("content-digest", &format!("sha-256=:{digest}:")),
            ("ce_eprkind", "gate"),
            ("ce_eprtransition", "true"),
            ("ce_eprhops", "0"),
        ]
    );
}

#[test]
fn a_header_tells_a_gate_from_an_event_of_the_same_type() {
    let kind_of = |record: &MessageRecord| {
        let headers = render(record, "reg", DEFAULT_LIMIT).unwrap().headers;
        headers
            .into_iter()
            .find(|(name, _)| *name == "ce_eprkind")
            .unwrap()
            .1
    };
    for (subject, kind) in [
        (of_event("1").subject, "event"),
        (of_gate("1").subject, "gate"),
        (MessageSubject::ReceiverCreated(brixton()), "receiver"),
        (MessageSubject::GroupCreated(group()), "group"),
        (MessageSubject::GroupModified(group()), "group"),
    ] {
        assert_eq!(kind_of(&record(subject)), kind);
    }
}

#[test]
fn the_key_is_the_units_path_percent_encoded_or_the_definitions_id() {
    let mut odd = event("{}", true);
    odd.unit.name = "a/b c".to_owned();
    odd.unit.package = "ü%".to_owned();
    let about_unit = record(MessageSubject::Event {
        event: odd,
        payload: "{}".into(),
        receiver: brixton(),
    });
    let key = |record: &MessageRecord| render(record, "reg", DEFAULT_LIMIT).unwrap().key;
    assert_eq!(
        key(&about_unit),
        "a%2Fb%20c/7.0.1/2023.11.16/linux/%C3%BC%25"
    );
    assert_eq!(
        key(&of_gate("{}")),
        key(&of_event("{}")),
        "one unit's messages stay in order"
    );
    assert_eq!(
        key(&record(MessageSubject::ReceiverCreated(brixton()))),
        RECEIVER
    );
    assert_eq!(key(&record(MessageSubject::GroupModified(group()))), GROUP);
}

#[test]
fn stored_numbers_read_back_and_unknown_ones_do_not() {
    for kind in MessageKind::ALL {
        assert_eq!(MessageKind::from_code(kind.code()), Some(kind));
    }
    assert_eq!(MessageKind::from_code(0), None);
    assert_eq!(MessageKind::from_code(6), None);
}
