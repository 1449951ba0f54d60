//! What references lead to, and what becomes of those that lead nowhere.

use serde_json::{Value, json};

use super::tests::{refusal, told};
use super::*;

#[test]
fn references_never_leave_the_documents() {
    let schema = json!({
        "$id": "https://example.com/a/root",
        "allOf": [{"$ref": "other#/x"}, {"$ref": "file:///etc/hostname"}, {"$ref": "http://127.0.0.1/x"}, {"$ref": "other"}],
        "$defs": {"n": {"$id": "https://example.org/n/", "items": {"$ref": "deep"}}},
        "enum": [{"$ref": "http://only.data/"}],
    });
    let missing = [
        "file:///etc/hostname",
        "http://127.0.0.1/x",
        "https://example.com/a/other",
        "https://example.org/n/deep",
    ];
    assert_eq!(
        refusal(&schema),
        Refusal::UnresolvedRefs {
            missing: missing.map(str::to_owned).to_vec()
        }
    );
    assert_eq!(
        refusal(&json!({"$ref": "spdx.schema.json#/a"})),
        Refusal::UnresolvedRefs {
            missing: vec!["spdx.schema.json".to_owned()]
        }
    );
    let many: Vec<_> = (0..50)
        .map(|i| json!({"$ref": format!("http://x/{i}")}))
        .collect();
    assert!(
        matches!(refusal(&json!({"allOf": many})), Refusal::UnresolvedRefs { missing } if missing.len() == 20)
    );
    // The meta-schemas of the schema's own draft are there, those of others are not.
    let meta = "http://json-schema.org/draft-07/schema#";
    let schema_of_schemas = json!({"$schema": meta, "$ref": meta});
    assert!(told(&schema_of_schemas, &json!({"items": {"minLength": 1}})).is_empty());
    assert!(!told(&schema_of_schemas, &json!({"items": {"minLength": -1}})).is_empty());
    assert!(matches!(
        refusal(&json!({"$ref": meta})),
        Refusal::UnresolvedRefs { .. }
    ));
}

#[test]
fn unresolved_references_may_be_left_unchecked() {
    let lenient =
        |schema: &Value| compile(&schema.to_string(), &Documents::built_in(), true).unwrap();
    // From 2019-09 on what stands beside a reference counts; before, it does not.
    for (draft, beside) in [
        ("https://json-schema.org/draft/2020-12/schema", true),
        ("http://json-schema.org/draft-07/schema#", false),
    ] {
        let schema = json!({
            "$schema": draft,
            "properties": {"a": {"$ref": "nope#/x/y", "type": "string"}, "b": {"type": "string"}},
        });
        let compiled = lenient(&schema);
        assert!(compiled.unchecked_refs());
        assert_eq!(compiled.check(&json!({"a": 1})).is_err(), beside);
        assert!(compiled.check(&json!({"b": 1})).is_err());
    }
    assert!(!lenient(&json!({"type": "string"})).unchecked_refs());

    let mut documents = Documents::built_in();
    assert_eq!(
        documents
            .insert(r#"{"$id":"http://x/d","$ref":"gone","type":"string"}"#)
            .unwrap(),
        "http://x/d"
    );
    let schema = json!({"properties": {"a": {"$ref": "http://x/d"}}}).to_string();
    let Err(Refusal::UnresolvedRefs { missing }) = compile(&schema, &documents, false).map(|_| ())
    else {
        panic!()
    };
    assert_eq!(missing, ["http://x/gone"]);
    let compiled = compile(&schema, &documents, true).unwrap();
    assert!(compiled.unchecked_refs() && compiled.check(&json!({"a": 1})).is_err());
}

#[test]
fn an_operators_document_is_referred_to_by_its_id() {
    let mut documents = Documents::built_in();
    for text in [
        "{}",
        r#"{"$id":"relative"}"#,
        r#"{"$id":"http://x/y#z"}"#,
        "[]",
    ] {
        assert!(
            matches!(documents.insert(text), Err(Refusal::InvalidSchema { .. })),
            "{text}"
        );
    }
    documents
        .insert(r#"{"$id":"http://x/y#","$defs":{"t":{"$anchor":"t","const":1}}}"#)
        .unwrap();
    for reference in ["http://x/y#/$defs/t", "http://x/y#t", "y#t"] {
        let schema = json!({"$id": "http://x/z", "items": {"$ref": reference}}).to_string();
        let compiled = compile(&schema, &documents, false).unwrap();
        assert!(compiled.check(&json!([1])).is_ok() && compiled.check(&json!([2])).is_err());
    }
}

#[test]
fn well_known_references_are_built_in() {
    let cyclonedx = |name: &str| json!({"$id": "http://cyclonedx.org/schema/bom-1.6.schema.json", "$ref": name});
    assert!(told(&cyclonedx("spdx.schema.json"), &json!("Apache-2.0")).is_empty());
    assert!(!told(&cyclonedx("spdx.schema.json"), &json!("no licence")).is_empty());
    let signature = cyclonedx("jsf-0.82.schema.json#/definitions/signature");
    let core = json!({"algorithm": "RS512", "value": "qw", "publicKey": {"kty": "RSA"}});
    for good in [
        core.clone(),
        json!({"signers": [core]}),
        json!({"chain": [core]}),
    ] {
        assert!(told(&signature, &good).is_empty(), "{good}");
    }
    for bad in [
        json!({}),
        json!({"algorithm": "RS512"}),
        json!({"signers": []}),
        json!({"chain": [{}]}),
        json!("x"),
    ] {
        assert!(!told(&signature, &bad).is_empty(), "{bad}");
    }
    for version in ["0.4.0", "0.4.1", "0.5.0", "0.5.1", "0.6.0-draft"] {
        let links = json!({"$id": format!("https://cdevents.dev/{version}/schema/x-event"), "$ref": "links/embeddedlinksarray"});
        let (kind, id) = if version == "0.4.0" {
            ("link_type", "context_id")
        } else {
            ("linkType", "contextId")
        };
        assert!(
            told(
                &links,
                &json!([{kind: "PATH", "from": {id: "1"}}, {kind: "END"}])
            )
            .is_empty()
        );
        assert!(!told(&links, &json!([{kind: "START"}])).is_empty());
        assert!(!told(&links, &json!([{kind: "END", "unknown": 1}])).is_empty());
    }
    let odd = json!({"$id": "https://cdevents.dev/0.4.0/schema/x", "$ref": "/schema/links/embeddedlinksarray.json"});
    assert!(told(&odd, &json!([])).is_empty());
}
