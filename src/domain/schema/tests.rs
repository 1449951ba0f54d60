//! The rules of this module one by one, hostile schemas, and the schemas that the field uses.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;
use crate::limits;

fn compiled(schema: &Value) -> Compiled {
    compile(&schema.to_string(), &Documents::built_in(), false).unwrap()
}

fn refusal(schema: &Value) -> Refusal {
    compile(&schema.to_string(), &Documents::built_in(), false).map(|_| ()).unwrap_err()
}

/// What does not match, as `place: text`.
fn told(schema: &Value, payload: &Value) -> Vec<String> {
    match compiled(schema).check(payload) {
        Ok(()) => Vec::new(),
        Err(violations) => lines(&violations),
    }
}

fn lines(violations: &Violations) -> Vec<String> {
    violations.violations.iter().map(|v| format!("{}: {}", field(&v.at), v.what)).collect()
}

/// A file of the corpus, or nothing when there is none.
fn corpus(checks: usize) -> Option<PathBuf> {
    let root = std::env::var_os("EPR_FIXTURES").map(PathBuf::from);
    if root.is_none() {
        println!("left out: {checks} corpus checks, EPR_FIXTURES is not set");
    }
    root
}

#[expect(clippy::disallowed_methods, reason = "a test outside any runtime")]
fn read(path: PathBuf) -> String {
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn probe() {
    let Some(root) = corpus(1) else { return };
    for name in ["schemas/bom-1.5.schema.json", "schemas/bom-1.6.schema.json", "schemas/cdevents-v0.4.1/artifactpackaged.json"] {
        let text = read(root.join(name));
        let mut schema = parse(&text).unwrap();
        let draft = settle_draft(&mut schema);
        let base = base_of(&schema, draft).unwrap();
        let started = Instant::now();
        let shelf = Shelf::new(&Documents::built_in());
        let graph = refs::walk(&schema, draft, &base, &shelf).unwrap();
        let walked = started.elapsed();
        let cost = cost::reckon(&graph);
        println!("{name}: {} parts, {cost:?}, walk {walked:?} reckon {:?} names {}", graph.parts.len(), started.elapsed() - walked, graph.patterns.name_states());
        let started = Instant::now();
        let compiled = compile(&text, &Documents::built_in(), false).unwrap();
        println!("  compile {:?}", started.elapsed());
        if name.contains("bom") {
            for sbom in ["cyclonedx/trustify/example_container_variant_amd64.json", "cyclonedx/guac/quarkus-deps-cyclonedx.json", "cyclonedx/spec/valid-bom-1.6.json"] {
                let value: Value = serde_json::from_str(&read(root.join(sbom))).unwrap();
                let nodes = crate::domain::json::scan("p", &value.to_string()).unwrap().nodes;
                let Engine::Schema { validator, nesting, name_states } = &compiled.engine else { panic!() };
                let meter = Meter::new(*nesting, *name_states);
                let started = Instant::now();
                let valid = validator.is_valid(Metered::new(&value, &meter));
                println!("  {sbom} {nodes} nodes valid {valid} steps {} in {:?}", meter.steps(), started.elapsed());
                let started = Instant::now();
                let result = compiled.check(&value);
                println!("  check {:?} {:?}", started.elapsed(), result.map_err(|v| lines(&v)));
            }
        }
    }
}

fn timed<T>(what: &str, f: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = f();
    println!("{what}: {:?}", started.elapsed());
    result
}

fn doubling(levels: usize, step: impl Fn(Value) -> Value) -> Value {
    let mut defs = serde_json::Map::new();
    for i in 0..levels {
        let next = json!({"$ref": format!("#/$defs/l{}", i + 1)});
        defs.insert(format!("l{i}"), step(next));
    }
    defs.insert(format!("l{levels}"), json!({"type": "string"}));
    json!({"$ref": "#/$defs/l0", "$defs": defs})
}

#[test]
fn probe_hostile() {
    let s = doubling(22, |next| json!({"anyOf": [next, next]}));
    println!("{} bytes", s.to_string().len());
    println!("{:?}", timed("22 anyOf", || compile(&s.to_string(), &Documents::built_in(), false).map(|_| ())));
    let s = doubling(22, |next| json!({"properties": {"a": {"anyOf": [next, next]}}}));
    println!("{:?}", timed("22 props", || compile(&s.to_string(), &Documents::built_in(), false).map(|_| ())));
    println!("{:?}", refusal(&json!({"allOf": [{"$ref": "#"}]})));
    let s = doubling(3000, |next| json!({"allOf": [next]}));
    println!("{:?}", timed("3000 chain", || refusal(&s)));
    let mut s = json!({"type": "string"});
    for _ in 0..40 { s = json!({"allOf": [s], "unevaluatedProperties": false}); }
    println!("{:?}", timed("unevaluated", || refusal(&s)));

    // recursion with branching
    let c = timed("compile rec", || compiled(&json!({"properties": {"a": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}, {"allOf": [{"$ref": "#"}]}]}}, "type": "object"})));
    let mut p = json!(1);
    for _ in 0..120 { p = json!({"a": p}); }
    println!("{:?}", timed("check rec", || c.check(&p)));
    let c = timed("compile rec2", || compiled(&json!({"properties": {"a": {"oneOf": [{"$ref": "#"}, {"$ref": "#/$defs/b"}]}}, "type": "object", "$defs": {"b": {"properties": {"a": {"oneOf": [{"$ref": "#"}, {"$ref": "#/$defs/b"}]}}, "type": "object"}}})));
    println!("{:?}", timed("check rec2", || c.check(&p)));

    // wide anyOf, many items
    let branches: Vec<Value> = (0..9000).map(|i| json!({"const": i})).collect();
    let c = timed("compile wide", || compiled(&json!({"items": {"anyOf": branches}})));
    let p = Value::Array(vec![json!("x"); 300_000]);
    println!("{:?}", timed("check wide", || c.check(&p)).map_err(|v| v.violations.len()));
    let branches: Vec<Value> = (0..9000).map(|_| json!({"type": "string"})).collect();
    let c = timed("compile wide2", || compiled(&json!({"anyOf": branches})));
    println!("{:?}", timed("check wide2", || c.check(&p)).map_err(|v| v.violations.len()));
    // additional properties on big object in branches
    let branches: Vec<Value> = (0..4000).map(|_| json!({"additionalProperties": false})).collect();
    let c = timed("compile wide3", || compiled(&json!({"anyOf": branches})));
    let p = Value::Object((0..300_000).map(|i| (format!("k{i}"), json!(i))).collect());
    println!("{:?}", timed("check wide3", || c.check(&p)).map_err(|v| (v.violations.len(), v.more)));
    // pattern
    let c = compiled(&json!({"items": {"pattern": "(a|b)*a(a|b){2000}$"}}));
    let p = Value::Array(vec![json!("ab".repeat(500_000)); 16]);
    println!("{:?}", timed("check pattern", || c.check(&p)).map_err(|v| (lines(&v))));
    // dynamic scopes
    let k = 14;
    let mut defs = serde_json::Map::new();
    for i in 0..k { for n in ["a", "b"] {
        defs.insert(format!("{n}{i}"), json!({"$id": format!("http://x/{n}{i}"), "properties": {"x": {"$ref": format!("http://x/a{}", i+1)}, "y": {"$ref": format!("http://x/b{}", i+1)}}}));
    } }
    for n in ["a", "b"] { defs.insert(format!("{n}{k}"), json!({"$id": format!("http://x/{n}{k}"), "type": "string"})); }
    let s = json!({"$id": "http://x/root", "$ref": "http://x/a0", "$defs": defs});
    println!("{:?}", timed("scopes", || compile(&s.to_string(), &Documents::built_in(), false).map(|_| ())));
}

#[test]
fn probe_stack() {
    // nesting n, depth 2048/n
    for n in [2u32, 8, 30, 60] {
        let mut s = json!({"properties": {"a": {"$ref": "#"}}, "type": "object"});
        let mut defs = serde_json::Map::new();
        for i in 0..n / 2 {
            defs.insert(format!("l{i}"), if i + 1 == n / 2 { json!({"properties": {"a": {"$ref": "#"}}, "type": "object"}) } else { json!({"oneOf": [{"$ref": format!("#/$defs/l{}", i + 1)}]}) });
        }
        s = json!({"$ref": "#/$defs/l0", "$defs": defs});
        let c = compiled(&s);
        let Engine::Schema { nesting, .. } = &c.engine else { panic!() }; let nesting = *nesting;
        let depth = (2048 / nesting).min(127);
        let mut p = json!(1);
        for _ in 0..depth - 1 { p = json!({"a": p}); }
        println!("nesting {nesting} depth {depth} {:?}", std::thread::Builder::new().stack_size(2 << 20).spawn(move || c.check(&p).map_err(|v| lines(&v))).unwrap().join().unwrap());
    }
}

#[test]
fn probe_pattern() {
    for p in ["a[ab]{1500}[c-e]", "a[ab]{15}[c-e]", "(a|b|ab)*[ab]{300}[cde][ab]{300}[fgh]", "^([a-c]+)+$", "a[ab]{60}[cd][ab]{40}e?[cd]"] {
        let c = compiled(&json!({"items": {"pattern": p}}));
        let text = (0u32..5_000).map(|i| format!("{}c", (0..200).map(|j| if (i.wrapping_mul(2654435761) >> (j % 31)) & 1 == 0 { 'a' } else { 'b' }).collect::<String>())).collect::<String>() + "x";
        let v = Value::Array(vec![json!(text); 32]);
        println!("{:?}", timed(p, || c.check(&v)).map_err(|v| (lines(&v))));
    }
}
