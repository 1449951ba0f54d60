//! The scan, compaction, pointers.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn nested(levels: usize) -> String {
    "[".repeat(levels) + &"]".repeat(levels)
}

#[test]
fn depth_is_a_limit_and_never_a_syntax_error() {
    for text in [nested(128), "{\"a\":".repeat(128) + "1" + &"}".repeat(128)] {
        let shape = scan("payload", &text).unwrap();
        assert_eq!(shape.depth, 128);
        let value = parse("payload", &text, &shape).unwrap();
        assert_eq!(value.to_string(), text);
    }
    for text in [
        nested(129),
        "[".repeat(200_000),
        "[{\"a\":".repeat(65) + "!",
    ] {
        assert!(matches!(
            scan("payload", &text),
            Err(Refusal::TooLarge {
                unit: "levels",
                limit: 128,
                ..
            })
        ));
    }
    assert_eq!(
        scan("payload", " 1 ").unwrap(),
        Shape {
            nodes: 1,
            ..Shape::default()
        }
    );
    assert_eq!(scan("payload", r#"{"a":[1,{}],"b":""}"#).unwrap().nodes, 5);
}

#[test]
fn a_fault_says_where() {
    for (text, why) in [
        ("", "it ends where a value is expected at line 1, column 1"),
        (
            "{\"ä\":\n  1,}",
            "expected a member name in double quotes at line 2, column 5",
        ),
        ("[1 2]", "expected `,` or `]` at line 1, column 4"),
        ("01", "a number must not begin with 0 at line 1, column 2"),
        (
            "\"\\ud800x\"",
            "half of a surrogate pair at line 1, column 8",
        ),
        ("[1e999]", "a number out of range at line 1, column 2"),
        ("{} {}", "there is text after the value at line 1, column 4"),
    ] {
        assert_eq!(
            scan("schema", text),
            Err(Refusal::InvalidJson {
                what: "schema",
                why: why.to_owned()
            }),
            "{text}"
        );
    }
}

#[test]
fn oddities_are_reported() {
    let odd = |text| {
        scan("payload", text)
            .map(|s| (s.duplicate_keys, s.wide_integers))
            .unwrap()
    };
    assert_eq!(
        odd(r#"{"a":{"a":1},"b":[{"a":1},{"a":2}]}"#),
        (false, false)
    );
    assert_eq!(odd(r#"[{"a":1,"b":{"c":1},"\u0061":2}]"#), (true, false));
    assert_eq!(
        odd("[9223372036854775807,18446744073709551615,-9223372036854775808,1e30]"),
        (false, false)
    );
    assert_eq!(odd("18446744073709551616"), (false, true));
    assert_eq!(odd("-9223372036854775809"), (false, true));
    let parsed: Value =
        serde_json::from_str(r#"{"a":[1],"x/~":[0.5,18446744073709551616]}"#).unwrap();
    assert_eq!(has_wide_integer(&parsed).as_deref(), Some("/x~1~0/1"));
    assert_eq!(
        has_wide_integer(&json!([1.0, 2.5, u64::MAX, i64::MIN, [], {}])),
        None
    );
}

#[test]
fn compact_keeps_spelling_order_and_duplicates() {
    let text = "{ \"b\" : [ 1.50 ,1E2],\n\t\"a \\\" b\":\"\\u0041 \\\\\" , \"b\":0 }";
    assert_eq!(
        compact(text),
        r#"{"b":[1.50,1E2],"a \" b":"\u0041 \\","b":0}"#
    );
    assert!(matches!(compact(r#"{"a":"b c"}"#), Cow::Borrowed(_)));
    assert_eq!(compact(" 1"), "1");
}

#[test]
fn pointers() {
    let value = json!({"a": [{"b/c": 1.0}], "": null});
    assert!(equal_at(&value, "/a/0/b~1c", &json!(1)));
    assert!(equal_at(&value, "/", &Value::Null) && !equal_at(&value, "/none", &Value::Null));
    assert!(
        ["", "/", "/a~0~1", "/a/0"]
            .into_iter()
            .all(pointer_is_valid)
    );
    assert!(!["a", "/~", "/~2", "#/a"].into_iter().any(pointer_is_valid));
}

fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((".{0,4}", inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn compact_keeps_the_value(value in documents()) {
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        let compacted = compact(&pretty).into_owned();
        prop_assert_eq!(serde_json::from_str::<Value>(&compacted).unwrap(), value.clone());
        prop_assert_eq!(&compacted, &value.to_string());
        prop_assert!(matches!(compact(&compacted), Cow::Borrowed(_)));
        prop_assert!(scan("payload", &pretty).is_ok());
    }

    #[test]
    fn scan_agrees_with_the_parser(text in r#"\PC*|[\[\]{}",:0-9eE+.\\/utnbfals\u{0}-\u{20} -]{0,12}|"(\\u[dD][89a-fA-F]..|\\.|.){0,3}"|-?[0-9]{0,3}(\.[0-9]{0,2})?([eE][+-]?[0-9]{0,4})?"#) {
        prop_assert_eq!(scan("payload", &text).is_ok(), serde_json::from_str::<Value>(&text).is_ok());
    }
}
