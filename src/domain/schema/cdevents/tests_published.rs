//! Our schemas beside the published ones of the corpus that `EPR_FIXTURES` names: both must say the
//! same of the specification's examples and of whatever is done to them.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::super::compile;
use super::tests::{links, sample};
use super::*;

#[expect(clippy::disallowed_methods, reason = "a test outside any runtime")]
fn value(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Each place of a document, as a JSON pointer.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                places(member, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// The document with one thing changed: a member left out or added, a value of another type, of no
/// length, of none of the listed words, of no or another format.
fn mutations(document: &Value) -> Vec<(String, Value)> {
    let others = [
        json!(null),
        json!(true),
        json!(7),
        json!(""),
        json!("nope"),
        json!("two words"),
        json!("/relative/%41"),
        json!("%zz"),
        json!("http://[/"),
        json!("urn:isbn:1"),
        json!("2026-01-02T03:04:05"),
        json!("2026-01-02T03: 04: 05Z"),
        json!("2026-01-02t03:04:05+01:00"),
        json!([]),
        json!([1]),
        json!({}),
    ];
    let mut found = Vec::new();
    places(document, "", &mut found);
    let mut changed = Vec::new();
    for at in found {
        for other in &others {
            let mut document = document.clone();
            *document.pointer_mut(&at).unwrap() = other.clone();
            changed.push((format!("{at} = {other}"), document));
        }
        let mut document = document.clone();
        if let Some(object) = document.pointer_mut(&at).unwrap().as_object_mut() {
            object.insert("unknown".to_owned(), json!("x"));
            changed.push((format!("{at} + unknown"), document.clone()));
        }
        document
            .pointer_mut(&at)
            .unwrap()
            .as_object_mut()
            .map(|o| o.shift_remove("unknown"));
        if let Some((parent, name)) = at.rsplit_once('/')
            && let Some(object) = document.pointer_mut(parent).unwrap().as_object_mut()
        {
            object.shift_remove(name);
            changed.push((format!("{at} left out"), document));
        }
    }
    changed
}

#[test]
fn ours_say_what_the_published_ones_say() {
    let Some(root) = std::env::var_os("EPR_FIXTURES").map(PathBuf::from) else {
        println!("left out: 8 corpus checks, EPR_FIXTURES is not set");
        return;
    };
    let mut examples = Vec::new();
    for folder in entries(&root.join("cdevents")) {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with('v') {
            examples.extend(entries(&folder).iter().map(|path| value(path)));
        }
    }
    let mut compared = 0;
    for folder in entries(&root.join("schemas")) {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let Some(version) = name.strip_prefix("cdevents-v") else {
            continue;
        };
        let spec = Spec::ALL
            .into_iter()
            .find(|spec| spec.name() == version)
            .unwrap();
        for path in entries(&folder) {
            let published = value(&path);
            let type_name = published["properties"]["context"]["properties"]["type"]["enum"][0]
                .as_str()
                .unwrap();
            let event = events()
                .iter()
                .find(|event| event.type_name(spec) == Some(type_name))
                .unwrap();
            let ours = event.schema(spec).unwrap();
            assert_eq!(ours["$id"], published["$id"]);
            let ours = event.compiled(spec).unwrap();
            let theirs = compile(&published.to_string(), &Documents::built_in(), false).unwrap();

            let mut documents: Vec<_> = examples
                .iter()
                .filter(|example| {
                    let context = &example["context"];
                    let declared = context.get("specversion").unwrap_or(&context["version"]);
                    context["type"] == type_name && *declared == version
                })
                .cloned()
                .collect();
            let mut full = sample(&published, true);
            if spec >= Spec::V040 {
                full["context"]["links"] = links(spec);
            }
            documents.extend([full, sample(&published, false)]);
            let (mut yes, mut no) = (0, 0);
            for document in documents {
                let unchanged = ("as it is".to_owned(), document.clone());
                for (what, document) in mutations(&document).into_iter().chain([unchanged]) {
                    let expected = theirs.check(&document).is_ok();
                    assert_eq!(
                        ours.check(&document).is_ok(),
                        expected,
                        "{}: {what}",
                        path.display()
                    );
                    assert!(expected || what != "as it is", "{}", path.display());
                    *(if expected { &mut yes } else { &mut no }) += 1;
                }
            }
            assert!(yes >= 5 && no >= 40, "{yes} {no}");
            compared += 1;
        }
    }
    assert!(compared >= 8);
}
