use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{again, assert_conforms, convert, envelope, event, would_be_taken};
use crate::correlate::facts::Conformance;
use crate::correlate::verdict;
use crate::domain::schema::cdevents::{self, Spec};
use crate::limits;

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!("https://example.com/a")),
        Just(json!("skipped")),
        Just(json!("pass")),
        Just(json!("2025-08-20T14: 30: 25Z")),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let key = prop_oneof![
            Just("id".to_owned()),
            Just("uri".to_owned()),
            Just("url".to_owned()),
            Just("source".to_owned()),
            Just("linkType".to_owned()),
            Just("contextId".to_owned()),
            "[a-z]{1,6}"
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((key, inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// An event of a type that there is, with fields that it has, and whatever values.
fn any_event() -> impl Strategy<Value = Value> {
    let types = cdevents::events().len();
    (
        0..types,
        proptest::collection::vec(any_json(), 12),
        proptest::collection::vec((0..9usize, any_json()), 0..5),
        prop_oneof![Just("0.2.0"), Just("0.3.0"), Just("0.4.1"), Just("0.5.1"), Just("0.6.0-draft")],
    )
        .prop_map(|(at, values, others, spec)| {
            let kind = &cdevents::events()[at];
            let mut body = Map::new();
            for (field, value) in kind.content().fields_of(Spec::ALL[at % 6]).zip(&values) {
                body.insert(field.name.to_owned(), value.clone());
            }
            let mut event = json!({
                "context": {
                    "version": spec, "id": "e1", "source": "/ci", "timestamp": "2026-11-01T08:00:00Z",
                    "type": format!("dev.cdevents.{}.0.1.0", kind.name()), "chainId": "c1",
                },
                "subject": {"id": "s1", "content": body},
            });
            for (place, value) in others {
                let pointer = ["/context/links", "/context/extra", "/context/schemaUri", "/subject/source", "/subject/extra", "/customData", "/customDataContentType", "/extra", "/subject/content/extra"][place];
                let (parent, name) = pointer.rsplit_once('/').unwrap();
                event.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(name.to_owned(), value);
            }
            event
        })
}

#[test]
fn an_approval_keeps_aside_what_is_no_link_in_the_draft() {
    let event = json!({
        "context": {"version": "0.2.0", "id": "e1", "source": "/ci", "timestamp": "2026-11-01T08:00:00Z",
            "type": "dev.cdevents.approval.closed.0.1.0", "chainId": "c1",
            "links": {"commit": "https://example.com/a", "cause": {"contextId": "e0"}}},
        "subject": {"id": "s1", "content": {}},
    });
    let converted = convert(&event).unwrap();
    assert_eq!(verdict(&converted.event).conformance, Conformance::Conforms);
    assert_eq!(
        converted.event["context"]["links"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let aside = &converted.event["customData"]["x_links"];
    assert_eq!(aside[0]["tags"]["uri"], "https://example.com/a", "{aside}");
    assert_eq!(again(&converted).event, converted.event);
}

#[test]
fn a_custom_type_gets_the_form_that_receivers_take() {
    for (declared, expected) in [
        (
            "dev.cdeventsx.mytool-scan.finished.0.1.0",
            "dev.cdeventsx.mytool-scan.finished.0.1.0",
        ),
        (
            "dev.cdeventsx.my_tool-scan.finished.0.1.0-draft",
            "dev.cdeventsx.mytool-scan.finished.0.1.0",
        ),
        (
            "dev.cdeventsx.scan.finished",
            "dev.cdeventsx.epr-scan.finished.0.1.0",
        ),
        ("dev.cdeventsx.t-a-b.c_d.2", "dev.cdeventsx.t-ab.cd.2.1.0"),
    ] {
        let converted = convert(&event(declared, &json!({}))).unwrap();
        assert_conforms(&converted);
        assert_eq!(converted.event["context"]["type"], expected);
        let kept = &converted.event["customData"]["x_context"]["type"];
        assert_eq!(*kept == declared, declared != expected, "{kept}");
    }
    assert!(convert(&event("dev.cdeventsx.1-2.3", &json!({}))).is_err());
}

proptest! {
    #[test]
    fn whatever_stands_in_an_event_it_conforms_afterwards(given in any_event()) {
        let converted = convert(&given).unwrap();
        let verdict = verdict(&converted.event);
        prop_assert_eq!(verdict.conformance, Conformance::Conforms, "{:?}\n{:#}\n{:#}", verdict, given, converted.event);
        if let Err(why) = would_be_taken(&converted.event) {
            prop_assert!(false, "{}\n{:#}\n{:#}", why, given, converted.event);
        }
        let context = &converted.event["context"];
        prop_assert_eq!(&context["id"], "e1");
        prop_assert_eq!(&context["chainId"], "c1");
        prop_assert_eq!(&context["timestamp"], "2026-11-01T08:00:00Z");
        prop_assert!(converted.changes.len() <= limits::FACT_LIST);
        let second = again(&converted);
        prop_assert_eq!(&second.event, &converted.event);
        prop_assert_eq!(second.changes, Vec::<String>::new());
    }

    #[test]
    fn any_json_can_be_put_into_an_envelope(given in any_json()) {
        let made = envelope(&given);
        prop_assert!(crate::correlate::cloudevent::parse_structured(&made).is_ok(), "{made}");
        prop_assert_eq!(envelope(&made), made);
    }
}
