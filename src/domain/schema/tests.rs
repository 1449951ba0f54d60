//! The rules of this module one by one.

use serde_json::{Value, json};

use super::*;
use crate::limits;

pub(super) fn compiled(schema: &Value) -> Compiled {
    compile(&schema.to_string(), &Documents::built_in(), false).unwrap()
}

pub(super) fn refusal(schema: &Value) -> Refusal {
    compile(&schema.to_string(), &Documents::built_in(), false)
        .map(|_| ())
        .unwrap_err()
}

/// The schema as a new one and as one that was accepted before, which must be the same.
pub(super) fn both(text: &str) -> [Compiled; 2] {
    [compile, compile_accepted].map(|compile| compile(text, &Documents::built_in(), false).unwrap())
}

/// What does not match, as `place: text`.
pub(super) fn told(schema: &Value, payload: &Value) -> Vec<String> {
    let [new, accepted] =
        both(&schema.to_string()).map(|compiled| compiled.check(payload).err().as_ref().map(lines));
    assert_eq!(new, accepted, "{schema}");
    new.unwrap_or_default()
}

fn lines(violations: &Violations) -> Vec<String> {
    violations
        .violations
        .iter()
        .map(|v| format!("{}: {}", field(&v.at), v.what))
        .collect()
}

#[test]
fn a_schema_is_an_object_or_a_boolean_of_any_draft() {
    for text in ["null", "\"{}\"", "[]", "1"] {
        let refused = compile(text, &Documents::built_in(), false).unwrap_err();
        assert!(matches!(refused, Refusal::InvalidSchema { .. }), "{text}");
    }
    assert!(matches!(
        compile("{", &Documents::built_in(), false).unwrap_err(),
        Refusal::InvalidJson { .. }
    ));
    let long = format!(
        "{{\"description\":\"{}\"}}",
        "x".repeat(limits::SCHEMA_BYTES)
    );
    assert!(matches!(
        compile(&long, &Documents::built_in(), false).unwrap_err(),
        Refusal::TooLarge { unit: "bytes", .. }
    ));
    for schema in [
        json!({}),
        json!(true),
        json!({"description": "all", "$schema": "http://json-schema.org/draft-07/schema#"}),
    ] {
        assert!(compiled(&schema).accepts_everything());
    }
    assert!(!compiled(&json!(false)).accepts_everything());
    assert!(compiled(&json!(false)).check(&json!(1)).is_err());
    // The workshop's odd one, and one with a name that is a keyword elsewhere.
    assert!(
        compiled(&json!({"name": "value"}))
            .check(&json!({"a": 1}))
            .is_ok()
    );

    let draft = |name: &str| format!("http://json-schema.org/draft-{name}/schema#");
    let exclusive = json!({"$schema": draft("04"), "minimum": 3, "exclusiveMinimum": true});
    assert_eq!(
        told(&exclusive, &json!(3)),
        ["(root): Must be greater than 3"]
    );
    for (schema, refused) in [
        (json!({"$schema": draft("06"), "const": 1}), json!(2)),
        (
            json!({"$schema": draft("07"), "if": {"const": 1}, "then": false}),
            json!(1),
        ),
        (
            json!({"$schema": "https://json-schema.org/draft/2019-09/schema", "dependentRequired": {"a": ["b"]}}),
            json!({"a": 1}),
        ),
        (json!({"prefixItems": [{"const": 1}]}), json!([2])),
        (
            json!({"$schema": "https://example.com/my-own", "prefixItems": [{"const": 1}]}),
            json!([2]),
        ),
    ] {
        assert_eq!(told(&schema, &refused).len(), 1, "{schema}");
    }
    // Content is noted and not decoded, in every draft.
    let content = json!({"$schema": draft("07"), "contentEncoding": "base64", "contentMediaType": "application/json"});
    assert!(compiled(&content).check(&json!("~")).is_ok());
}

#[test]
fn a_schema_against_its_draft_is_refused_with_the_place() {
    for (schema, place, text) in [
        (
            json!({"properties": {"a": {"type": "bogus"}}}),
            "/properties/a/type",
            "«\"bogus\"» is not a type",
        ),
        (
            json!({"$schema": "http://json-schema.org/draft-04/schema#", "type": ["string", "x"]}),
            "/type",
            "«[\"string\",\"x\"]» is not a type",
        ),
        (
            json!({"minLength": -1}),
            "/minLength",
            "«Must be greater than or equal to 0»",
        ),
        (
            json!({"required": "a"}),
            "/required",
            "«Invalid type. Expected: array, given: string»",
        ),
        (
            json!({"properties": {"a": {"$ref": "#/$defs/nope"}}}),
            "/properties/a/$ref",
            "the reference leads to «/$defs/nope», where there is nothing",
        ),
        (
            json!({"$ref": "#nope"}),
            "/$ref",
            "the reference leads to the anchor «nope», which does not exist",
        ),
        (
            json!({"items": {"allOf": [{"$ref": "#/items"}]}}),
            "/items/allOf/0",
            "it applies itself to the same value, without a step into a member or an item",
        ),
        (
            json!({"$ref": "#/title", "title": "x"}),
            "/$ref",
            "the reference «#/title» leads to something that is not a schema",
        ),
    ] {
        let Refusal::InvalidSchema { at, why, .. } = refusal(&schema) else {
            panic!("{schema}")
        };
        assert_eq!((at.as_str(), why.as_str()), (place, text));
    }
    for id in ["http://x y/", "#a", "%", "a:b:c#d#e", "//"] {
        // Whatever an id looks like, there is an answer.
        let _ = compile(
            &json!({"$id": id, "$ref": "#/$defs/a", "$defs": {"a": {"$id": id}}}).to_string(),
            &Documents::built_in(),
            true,
        );
    }
}

#[test]
fn findings_are_told_in_the_known_words() {
    for (schema, payload, text) in [
        (
            json!({"type": "object"}),
            json!(null),
            "(root): Invalid type. Expected: object, given: null",
        ),
        (
            json!({"type": ["string", "null"]}),
            json!(1.5),
            "(root): Invalid type. Expected: [null,string], given: number",
        ),
        (
            json!({"required": ["X"]}),
            json!({}),
            "(root): X is required",
        ),
        (
            json!({"additionalProperties": false}),
            json!({"X": 1}),
            "(root): Additional property X is not allowed",
        ),
        (
            json!({"format": "date-time"}),
            json!("x"),
            "(root): Does not match format 'date-time'",
        ),
        (
            json!({"properties": {"a": {"items": {"enum": ["a", "b"]}}}}),
            json!({"a": ["c"]}),
            "a.0: a.0 must be one of the following: \"a\", \"b\"",
        ),
        (
            json!({"minLength": 1}),
            json!(""),
            "(root): String length must be greater than or equal to 1",
        ),
        (
            json!({"maxLength": 1}),
            json!("ab"),
            "(root): String length must be less than or equal to 1",
        ),
        (
            json!({"minimum": 3}),
            json!(2),
            "(root): Must be greater than or equal to 3",
        ),
        (
            json!({"exclusiveMaximum": 3}),
            json!(3),
            "(root): Must be less than 3",
        ),
        (
            json!({"multipleOf": 2}),
            json!(3),
            "(root): Must be a multiple of 2",
        ),
        (
            json!({"pattern": "^a+$"}),
            json!("b"),
            "(root): Does not match pattern '^a+$'",
        ),
        (
            json!({"minItems": 1}),
            json!([]),
            "(root): Array must have at least 1 items",
        ),
        (
            json!({"uniqueItems": true}),
            json!([1, 1.0, 2]),
            "(root): array items[0,1] must be unique",
        ),
        (
            json!({"oneOf": [true, true]}),
            json!(1),
            "(root): Must validate one and only one schema (oneOf)",
        ),
        (
            json!({"properties": {"c": {"const": 5}}}),
            json!({"c": 6}),
            "c: c does not match: 5",
        ),
        (
            json!({"not": {}}),
            json!(1),
            "(root): Must not validate the schema (not)",
        ),
        (
            json!({"contains": {"const": 1}}),
            json!([2]),
            "(root): At least one of the items must match",
        ),
        (
            json!({"propertyNames": {"maxLength": 1}}),
            json!({"ab": 1}),
            "(root): Property name of \"ab\" does not match",
        ),
        (
            json!({"unevaluatedProperties": false}),
            json!({"a": 1}),
            "(root): Unevaluated property a is not allowed",
        ),
        (
            json!({"properties": {"a": false}}),
            json!({"a": 1}),
            "a: False always fails validation",
        ),
        (
            json!({"minProperties": 1}),
            json!({}),
            "(root): Must have at least 1 properties",
        ),
    ] {
        assert_eq!(told(&schema, &payload), [text]);
    }
    let either = json!({"anyOf": [{"type": "string"}, {"required": ["a"]}]});
    assert_eq!(
        told(&either, &json!({})),
        [
            "(root): a is required",
            "(root): Must validate at least one schema (anyOf)"
        ]
    );
}

#[test]
fn findings_are_in_order_and_few() {
    let schema = json!({
        "additionalProperties": false,
        "properties": {"z": {"type": "string"}, "l": {"items": {"type": "string"}}},
        "required": ["b", "a"],
    });
    let payload = json!({"z": 1, "y": 1, "l": ["", 1, "", "", "", "", "", "", "", "", 1]});
    let lines = told(&schema, &payload);
    let places: Vec<_> = lines
        .iter()
        .map(|line| {
            line.split(" is ")
                .next()
                .unwrap()
                .split(" type")
                .next()
                .unwrap()
        })
        .collect();
    assert_eq!(
        places,
        [
            "(root): b",
            "(root): a",
            "(root): Additional property y",
            "l.1: Invalid",
            "l.10: Invalid",
            "z: Invalid"
        ]
    );

    let many = compiled(&json!({"items": {"enum": ["ä".repeat(200)]}}));
    let violations = many.check(&json!(vec![1; 5_000])).unwrap_err();
    assert_eq!(
        (violations.violations.len(), violations.more),
        (limits::VIOLATIONS, true)
    );
    assert!(
        violations
            .violations
            .iter()
            .all(|v| v.what.chars().count() < 200)
    );
    let name = "n".repeat(5_000);
    let lines = told(&json!({"additionalProperties": false}), &json!({ name: 1 }));
    assert!(lines[0].chars().count() < 200);
}

#[test]
fn patterns_are_linear_and_small() {
    for (pattern, name) in [
        ("^(?!a)", "look-ahead"),
        ("a(?=b)", "look-ahead"),
        ("(?<=a)b", "look-behind"),
        ("(?<!a)b", "look-behind"),
        ("(a)\\1", "a back-reference"),
        ("(?<x>a)\\k<x>", "a back-reference"),
        ("(a", "not a regular expression"),
        ("((a{99}){99}){99}", "too many or too large"),
        ("(a|bc){9000}", "compiles to more"),
    ] {
        let Refusal::InvalidSchema { at, why, .. } =
            refusal(&json!({"items": {"pattern": pattern}}))
        else {
            panic!()
        };
        assert!(at == "/items/pattern" && why.contains(name), "{why}");
        let named = json!({"patternProperties": { pattern: {} }});
        assert!(
            matches!(refusal(&named), Refusal::InvalidSchema { at, .. } if at.starts_with("/patternProperties/"))
        );
    }
    // The same signs inside a class or escaped are ordinary characters; \d has the digits of ECMA-262.
    for (pattern, good, bad) in [
        ("^[(?=]+$", "(?=", "a"),
        (r"^\(\?=$", "(?=", "="),
        (r"^\d+$", "12", "١"),
        ("^.{1,2000}$", "ä", ""),
    ] {
        assert!(told(&json!({"pattern": pattern}), &json!(good)).is_empty());
        assert_eq!(told(&json!({"pattern": pattern}), &json!(bad)).len(), 1);
    }
}
