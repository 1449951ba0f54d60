use serde_json::json;

use super::*;

const PARAMS: &[Param] = &[
    Param::text("name", "what it is called").required(),
    Param::text("platform_id", "").alias(&["platform"]),
    Param::new("success", Kind::Flag, "").required(),
    Param::new("limit", Kind::Integer(1, 100), ""),
    Param::new("members", Kind::Texts, ""),
    Param::new("payload", Kind::Json, ""),
    Param::new("filter", Kind::Object, ""),
    Param::new("format", Kind::Word(&["text", "json"]), ""),
    Param::text("payload_file", "").with_files(),
];

fn args(sent: Value) -> Args {
    let Value::Object(sent) = sent else {
        panic!("an object")
    };
    Args::new("test", PARAMS, Extras::default(), sent)
}

fn faults(mut args: Args) -> Vec<String> {
    args.text("name");
    args.flag("success");
    args.integer("limit", 1, 100);
    args.texts("members");
    args.object("filter");
    args.word("format", &["text", "json"]);
    match args.finish() {
        Err(ToolError::Arguments { faults, .. }) => faults,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_can_only_mean_one_thing_is_taken() {
    let mut a = args(json!({
        "name": "«web»", "success": "True", "limit": "7", "members": "[\"a\", \"«b»\"]",
        "filter": "{\"/a\": 1}", "format": "JSON", "platform_id": null, "payload": "{ }",
    }));
    assert_eq!(a.needed_text("name"), "web");
    assert_eq!(a.flag("success"), Some(true));
    assert_eq!(a.integer("limit", 1, 100), Some(7));
    assert_eq!(a.texts("members"), ["a", "b"]);
    assert_eq!(
        a.object("filter").unwrap(),
        *json!({"/a": 1}).as_object().unwrap()
    );
    assert_eq!(a.word("format", &["text", "json"]), Some("json"));
    assert_eq!(a.text("platform_id"), None);
    assert_eq!(a.json("payload"), Some(json!("{ }")));
    assert!(a.finish().unwrap().is_empty());
}

#[test]
fn one_value_stands_for_a_list_and_a_list_of_one_for_a_value() {
    let mut a = args(json!({"name": ["web"], "success": true, "members": "a"}));
    assert_eq!(a.needed_text("name"), "web");
    assert_eq!(a.texts("members"), ["a"]);
}

#[test]
fn numbers_become_text_only_without_loss() {
    let mut a = args(json!({"name": 17, "success": true, "platform_id": 1.10}));
    assert_eq!(a.needed_text("name"), "17");
    assert_eq!(a.text("platform_id"), None);
    assert!(a.finish().is_err());
}

#[test]
fn a_number_out_of_range_is_moved_and_told() {
    let mut a = args(json!({"name": "x", "success": false, "limit": 500}));
    assert_eq!(a.integer("limit", 1, 100), Some(100));
    assert_eq!(a.finish().unwrap().len(), 1);
}

#[test]
fn wrapped_arguments_are_unwrapped() {
    for sent in [
        json!({"event": {"name": "x", "success": true}}),
        json!({"params": {"event": {"name": "x", "success": true}}}),
        json!({"input": "{\"name\":\"x\",\"success\":true}"}),
        json!({"name": {"name": "x", "success": true}}),
    ] {
        let mut a = args(sent);
        assert_eq!(a.needed_text("name"), "x");
        assert!(a.finish().is_ok());
    }
    assert!(
        args(json!({"payload": {"name": "x", "success": true}}))
            .finish()
            .is_err()
    );
}

#[test]
fn other_spellings_and_names_are_known() {
    for key in ["platformId", "platform-id", "platform", "Platform_ID"] {
        let mut a = args(json!({"name": "x", "success": true, key: "linux"}));
        assert_eq!(a.text("platform_id").as_deref(), Some("linux"), "{key}");
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let told = faults(args(json!({
        "succes": true, "limit": "many", "members": [1.5], "filter": "[]", "format": "xml", "payload_file": "x", "q": 1,
    })));
    let all = told.join("\n");
    for part in [
        "«succes» is not an argument; did you mean success?",
        "name is required: what it is called",
        "success is required: true or false",
        "limit must be a whole number from 1 to 100, not «\"many\"»",
        "members must be text or a list of texts",
        "filter must be a JSON object",
        "format must be one of text, json",
        "«q» is not an argument; they are name, platform_id",
        "«payload_file» is not an argument",
    ] {
        assert!(all.contains(part), "{part}\n{all}");
    }
    let twice = faults(args(
        json!({"name": "x", "success": true, "platform_id": "a", "platform": "b"}),
    ));
    assert_eq!(
        twice,
        ["platform_id is given twice, the second time as «platform»"]
    );
}
