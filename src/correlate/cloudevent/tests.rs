#![expect(
    clippy::needless_pass_by_value,
    reason = "a helper of tests, which is given what was made for it"
)]

use serde_json::json;

use super::*;

fn full() -> Value {
    json!({
        "specversion": "1.0",
        "id": "1234",
        "source": "/mycontext",
        "type": "com.example.someevent",
        "subject": "order/1",
        "time": "2018-04-05T03:56:24+02:00",
        "datacontenttype": "application/json",
        "dataschema": "https://example.com/schema",
        "correlationid": "run-1",
        "sequence": 7,
        "sampled": true,
        "data": {"message": "Hello"},
    })
}

/// The event without some members, and with others.
fn changed(changes: Value) -> Value {
    let mut event = full();
    for (name, value) in changes.as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

fn refused(changes: Value) -> String {
    parse_structured(&changed(changes)).unwrap_err().to_string()
}

#[test]
fn every_attribute_is_read() {
    let value = full();
    let event = parse_structured(&value).unwrap();
    assert_eq!(event.id, "1234");
    assert_eq!(event.source, "/mycontext");
    assert_eq!(event.type_name, "com.example.someevent");
    assert_eq!(event.subject.as_deref(), Some("order/1"));
    assert_eq!(event.time.unwrap().to_string(), "2018-04-05T01:56:24Z");
    assert_eq!(
        event.dataschema.as_deref(),
        Some("https://example.com/schema")
    );
    assert_eq!(event.extension("correlationid"), Some("run-1"));
    assert_eq!(event.extension("sequence"), Some("7"));
    assert_eq!(event.extension("sampled"), Some("true"));
    assert_eq!(event.data, Data::Json(&json!({"message": "Hello"})));
    assert_eq!(event.notes, []);
}

#[test]
fn what_the_specification_requires_is_asked_for_by_name() {
    for name in ["specversion", "id", "source", "type"] {
        for (value, what) in [
            (Value::Null, "missing"),
            (json!(""), "empty"),
            (json!(" "), "empty"),
        ] {
            let mut changes = json!({});
            changes[name] = value;
            let error = refused(changes);
            assert!(error.contains(name) && error.contains(what), "{error}");
        }
    }
    assert!(refused(json!({"id": 7})).contains("id is a number"));
    assert!(refused(json!({"time": ["x"]})).contains("time is an array"));
    assert!(refused(json!({"specversion": "0.3"})).contains("«0.3»"));
    assert!(refused(json!({"data_base64": "AAEC"})).contains("both data and data_base64"));
    assert!(refused(json!({"data": null, "data_base64": "?"})).contains("base64"));
    assert!(refused(json!({"data": null, "data_base64": 1})).contains("data_base64 is a number"));
    assert!(refused(json!({"where": {"x": 1}})).contains("«where» is an object"));
    assert!(refused(json!({"ratio": 0.5})).contains("«ratio» is a number with a fraction"));
    for (value, what) in [
        (json!([]), "an array"),
        (json!("x"), "a string"),
        (json!(null), "null"),
    ] {
        let error = parse_structured(&value).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn null_is_absent() {
    let value = changed(
        json!({"subject": null, "time": null, "data": null, "data_base64": null, "sequence": null}),
    );
    let event = parse_structured(&value).unwrap();
    assert_eq!((event.subject.as_deref(), event.time), (None, None));
    assert_eq!(event.data, Data::None);
    assert_eq!(event.extension("sequence"), None);
    let value = changed(json!({"data": null, "data_base64": "AAEC/w=="}));
    let event = parse_structured(&value).unwrap();
    assert_eq!(event.data, Data::Bytes(vec![0, 1, 2, 255]));
    assert_eq!(event.document(), None);
}

#[test]
fn times_are_repaired_and_odd_names_taken_with_a_note() {
    let codes = |changes: Value| -> Vec<String> {
        let value = changed(changes);
        let event = parse_structured(&value).unwrap();
        event.notes.into_iter().map(|note| note.code).collect()
    };
    assert_eq!(
        codes(json!({"time": "2018-04-05T03: 56: 24Z"})),
        ["timestamp_repaired"]
    );
    assert_eq!(codes(json!({"time": "yesterday"})), ["time_unreadable"]);
    assert_eq!(codes(json!({"Trace-Parent": "x"})), ["extension_name"]);
}

#[test]
fn json_is_found_in_text_and_in_base64() {
    let inner = json!({"a": [1, 2]});
    let base64 = BASE64.encode(inner.to_string().as_bytes());
    for changes in [
        json!({"data": inner}),
        json!({"data": inner.to_string()}),
        json!({"data": null, "data_base64": base64}),
        json!({"data": null, "data_base64": base64, "datacontenttype": null}),
        json!({"data": null, "data_base64": base64, "datacontenttype": "application/vnd.x+json; v=1"}),
    ] {
        let value = changed(changes);
        let event = parse_structured(&value).unwrap();
        assert_eq!(event.document().as_deref(), Some(&inner), "{value}");
    }
    let value =
        changed(json!({"data": null, "data_base64": base64, "datacontenttype": "image/png"}));
    assert_eq!(parse_structured(&value).unwrap().document(), None);
}

#[test]
fn items_of_a_batch_are_judged_one_by_one() {
    let batch = json!([full(), {"specversion": "1.0"}, 7, full()]);
    let items = parse_batch(&batch).unwrap();
    let good: Vec<bool> = items.iter().map(Result::is_ok).collect();
    assert_eq!(good, [true, false, false, true]);
    assert_eq!(items[2], Err(CloudEventError::NotAnObject("a number")));
    assert!(parse_batch(&json!([])).unwrap().is_empty());
    assert!(
        parse_batch(&full())
            .unwrap_err()
            .to_string()
            .contains("an object")
    );
    let many = Value::Array(vec![Value::Null; limits::BATCH_ITEMS + 1]);
    assert!(matches!(
        parse_batch(&many),
        Err(CloudEventError::TooManyItems(10_001))
    ));
}

#[test]
fn attributes_are_few_and_short() {
    let mut value = full();
    for n in 0..10_000 {
        value[format!("x{n}")] = json!("y");
    }
    assert_eq!(
        parse_structured(&value),
        Err(CloudEventError::TooManyAttributes)
    );
    let mut value = full();
    value["long"] = json!("y".repeat(100_000));
    let event = parse_structured(&value).unwrap();
    assert_eq!(
        event.extension("long").unwrap().len(),
        limits::FACT_ID_CHARS
    );
}
