//! Schemas and payloads that are made to cost. Every one of them must come to an end soon, in an
//! unoptimised build.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::tests::both;
use super::*;
use crate::limits::schema as bounds;

/// Runs `f`, which must not take longer.
fn within<T>(limit: Duration, f: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = f();
    let took = started.elapsed();
    assert!(took < limit, "took {took:?}, not {limit:?}");
    result
}

const SOON: Duration = Duration::from_secs(20);

fn try_compile(schema: &Value) -> Result<Compiled, Refusal> {
    compile(&schema.to_string(), &Documents::built_in(), false)
}

/// A chain of definitions, each made from a reference to the next.
fn chain(levels: usize, step: impl Fn(Value) -> Value) -> Value {
    let mut defs: Map<_, _> = (0..levels)
        .map(|i| {
            (
                format!("l{i}"),
                step(json!({"$ref": format!("#/$defs/l{}", i + 1)})),
            )
        })
        .collect();
    defs.insert(format!("l{levels}"), json!({"type": "string"}));
    json!({"$ref": "#/$defs/l0", "$defs": defs})
}

/// `{"a":{"a":…1…}}`
fn nested(levels: u32) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!({"a": inner}))
}

#[test]
fn doubling_is_refused_at_once() {
    let in_place = chain(22, |next| json!({"anyOf": [next, next]}));
    let by_member = chain(
        22,
        |next| json!({"properties": {"a": {"anyOf": [next, next]}}}),
    );
    let by_item = chain(22, |next| json!({"items": next, "contains": next}));
    let by_pattern = chain(
        22,
        |next| json!({"properties": {"a": next}, "patternProperties": {"a": next}}),
    );
    for schema in [in_place, by_member, by_item, by_pattern] {
        // The first use of the engine prepares its tables.
        let _ = try_compile(&json!({"type": "string"}));
        let refused = within(Duration::from_secs(2), || try_compile(&schema)).unwrap_err();
        let Refusal::SchemaTooCostly {
            cost,
            limit: 10_000,
            at,
        } = refused
        else {
            panic!("{refused:?}")
        };
        assert!(cost > 10_000 && at.starts_with("/$defs/l"), "{at}");
    }
    let repeated = (0..40).fold(
        json!({"type": "string"}),
        |inner, _| json!({"allOf": [inner], "unevaluatedProperties": false}),
    );
    assert!(matches!(
        within(SOON, || try_compile(&repeated)),
        Err(Refusal::SchemaTooCostly { .. })
    ));
}

#[test]
fn what_is_only_long_or_wide_is_no_cost() {
    let wide: Map<_, _> = (0..5_000)
        .map(|i| (format!("m{i}"), json!({"type": "string"})))
        .collect();
    assert!(try_compile(&json!({"properties": wide})).is_ok());
    assert!(try_compile(&chain(300, |next| json!({"properties": {"a": next}}))).is_ok());
    // One value inside ever more subschemas is a matter of the stack.
    let refused = within(SOON, || {
        try_compile(&chain(3_000, |next| json!({"allOf": [next]})))
    })
    .unwrap_err();
    assert!(
        matches!(&refused, Refusal::InvalidSchema { why, .. } if why.contains("inside each other")),
        "{refused:?}"
    );
}

#[test]
fn resources_that_lead_to_each_other_in_many_ways_are_refused() {
    let mut defs = Map::new();
    for (i, name) in (0..14).flat_map(|i| [(i, "a"), (i, "b")]) {
        let next = |name: &str| json!({"$ref": format!("http://x/{name}{}", (i + 1) % 14)});
        let schema = json!({"$id": format!("http://x/{name}{i}"), "properties": {"x": next("a"), "y": next("b")}});
        defs.insert(format!("{name}{i}"), schema);
    }
    let schema = json!({"$id": "http://x/root", "$ref": "http://x/a0", "$defs": defs});
    assert!(matches!(
        within(SOON, || try_compile(&schema)),
        Err(Refusal::SchemaTooCostly { .. })
    ));
}

#[test]
fn recursion_that_branches_comes_to_an_end() {
    let again = json!({"$ref": "#"});
    for alternatives in [
        json!({"anyOf": [again, again]}),
        json!({"oneOf": [again, {"allOf": [again]}, {"not": again}]}),
        json!({"allOf": [again, again], "unevaluatedProperties": false}),
        json!({"anyOf": [{"properties": {"a": again}}, {"additionalProperties": again}, {"patternProperties": {".": again}}]}),
    ] {
        let schema = json!({"type": "object", "properties": {"a": alternatives}});
        let compiled = try_compile(&schema).unwrap();
        for payload in [nested(40), nested(120)] {
            assert!(
                !within(SOON, || compiled.check(&payload))
                    .unwrap_err()
                    .violations
                    .is_empty()
            );
        }
    }
}

#[test]
fn many_alternatives_for_a_large_payload_come_to_an_end() {
    let each = |count: usize, schema: Value| json!({"anyOf": vec![schema; count]});
    let items = Value::Array(vec![json!("x"); 300_000]);
    let members = Value::Object((0..300_000).map(|i| (format!("k{i}"), json!(i))).collect());
    let constants: Vec<_> = (0..9_000).map(|i| json!({"const": i})).collect();
    for (schema, payload) in [
        (json!({"items": {"anyOf": constants}}), &items),
        (json!({"items": each(4_000, json!({"not": {}}))}), &items),
        (each(9_000, json!({"type": "string"})), &items),
        (each(4_000, json!({"items": {"minLength": 2}})), &items),
        (
            each(4_000, json!({"additionalProperties": false})),
            &members,
        ),
        (
            each(
                4_000,
                json!({"required": (0..10).map(|i| format!("q{i}")).collect::<Vec<_>>()}),
            ),
            &members,
        ),
        (
            each(4_000, json!({"propertyNames": {"maxLength": 1}})),
            &members,
        ),
    ] {
        let compiled = try_compile(&schema).unwrap();
        assert!(
            !within(SOON, || compiled.check(payload))
                .unwrap_err()
                .violations
                .is_empty()
        );
    }
}

#[test]
fn a_pattern_that_guesses_is_charged() {
    let text: String = (0u32..40_000)
        .map(|i| {
            if i.wrapping_mul(2_654_435_761) >> 17 & 1 == 0 {
                'a'
            } else {
                'b'
            }
        })
        .collect();
    let payload = Value::Array(vec![json!(text.replace("aaaa", "aaca")); 100]);
    for pattern in [
        "a[ab]{60}[cd][ab]{40}e?[cd]",
        "a[ab]{900}[c-e]x",
        "(a|b|ab)*[ab]{300}[cde][ab]{300}[fgh]",
    ] {
        let compiled = try_compile(&json!({"items": {"pattern": pattern}})).unwrap();
        assert!(within(SOON, || compiled.check(&payload)).is_err());
        let names = try_compile(&json!({"patternProperties": { pattern: false }})).unwrap();
        let payload = Value::Object(
            (0..500)
                .map(|i| (format!("{i}{}", &text[..20_000]), json!(1)))
                .collect(),
        );
        let _ = within(SOON, || names.check(&payload));
    }
}

#[test]
fn equal_hashes_of_the_payloads_making_do_not_help() {
    // Nested differently, with the same scalars in the same order.
    let mut items = vec![json!([1]), json!([[1]])];
    for i in 0..3_000u64 {
        items.push(json!([[i], [], i]));
        items.push(json!([[i, []], i]));
        items.push(json!(u64::MAX - i));
    }
    let compiled = try_compile(&json!({"uniqueItems": true})).unwrap();
    assert!(within(SOON, || compiled.check(&json!(items))).is_ok());
    items.push(json!([[7, []], 7.0]));
    let violations = compiled.check(&json!(items)).unwrap_err();
    assert_eq!(
        violations.violations[0].what,
        "array items[24,9002] must be unique"
    );
    assert!(
        compiled.check(&json!([0, -0.0])).is_err()
            && compiled
                .check(&json!([1e18, 1_000_000_000_000_000_000u64]))
                .is_err()
    );
}

#[test]
fn the_deepest_check_fits_half_a_stack() {
    let steps: [fn(Value) -> Value; 4] = [
        |next| json!({"oneOf": [next]}),
        |next| json!({"allOf": [next, {"type": "object"}]}),
        |next| json!({"if": true, "then": next}),
        |next| json!({"dependentSchemas": {"a": next}}),
    ];
    for (links, step) in [1, 4, 14, 30]
        .into_iter()
        .flat_map(|links| steps.map(|step| (links, step)))
    {
        let mut schema = chain(links, step);
        schema["$defs"][format!("l{links}")] =
            json!({"type": "object", "properties": {"a": {"$ref": "#"}}});
        for compiled in both(&schema.to_string()) {
            let Engine::Schema { nesting, .. } = &compiled.engine else {
                panic!()
            };
            let deepest = (bounds::FRAMES / *nesting).min(126);
            let check = move || {
                let given_up = |levels| {
                    let told = compiled.check(&nested(levels)).map_err(|v| v.violations);
                    told.is_err_and(|told| told[0].what.starts_with("The check was given up"))
                };
                (given_up(deepest), given_up(127))
            };
            let thread = std::thread::Builder::new().stack_size(1 << 20);
            let (at_limit, beyond) = thread.spawn(check).unwrap().join().unwrap();
            assert!(!at_limit && beyond == (deepest < 126));
        }
    }
}
