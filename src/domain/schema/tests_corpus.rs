//! Schemas and payloads of the field, read from the corpus that `EPR_FIXTURES` names.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::tests::both;
use super::*;
use crate::limits::schema as bounds;

/// The corpus, or nothing when there is none.
fn corpus(checks: usize) -> Option<PathBuf> {
    let root = std::env::var_os("EPR_FIXTURES").map(PathBuf::from);
    if root.is_none() {
        println!("left out: {checks} corpus checks, EPR_FIXTURES is not set");
    }
    root
}

#[expect(clippy::disallowed_methods, reason = "a test outside any runtime")]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn value(path: &Path) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|ext| ext == "json"))
        .collect()
}

fn lines(result: Result<(), Violations>) -> Vec<String> {
    let violations = result.err().map(|v| v.violations).unwrap_or_default();
    violations
        .iter()
        .map(|v| format!("{}: {}", field(&v.at), v.what))
        .collect()
}

/// Names of the files that a schema refuses.
fn refused(schema: &Compiled, files: &[PathBuf]) -> Vec<String> {
    let refused = files
        .iter()
        .filter(|path| schema.check(&value(path)).is_err());
    refused
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn cyclonedx_schemas_are_used_as_they_are() {
    let Some(root) = corpus(2) else { return };
    for version in ["1.5", "1.6"] {
        let text = read(&root.join(format!("schemas/bom-{version}.schema.json")));
        let mut good = json_files(&root.join("cyclonedx/spec"));
        good.retain(|path| {
            path.to_string_lossy()
                .ends_with(&format!("-{version}.json"))
        });
        assert!(good.len() > 4);
        for compiled in both(&text) {
            assert!(!compiled.unchecked_refs());
            assert_eq!(refused(&compiled, &good), [""; 0]);
            let mut bad = value(&good[0]);
            bad["bomFormat"] = json!("other");
            bad["components"] = json!([{"name": 1}]);
            assert_eq!(
                lines(compiled.check(&bad)),
                [
                    "bomFormat: bomFormat must be one of the following: \"CycloneDX\"",
                    "components.0: type is required",
                    "components.0.name: Invalid type. Expected: string, given: integer",
                ]
            );
        }
    }
}

#[test]
fn a_large_sbom_takes_few_steps() {
    let Some(root) = corpus(1) else { return };
    let text = read(&root.join("schemas/bom-1.6.schema.json"));
    let compiled = compile(&text, &Documents::built_in(), false).unwrap();
    let Engine::Schema {
        validator,
        nesting,
        name_price,
    } = &compiled.engine
    else {
        panic!()
    };
    for file in [
        "trustify/example_container_variant_amd64.json",
        "guac/quarkus-deps-cyclonedx.json",
    ] {
        let text = read(&root.join("cyclonedx").join(file));
        let nodes = crate::domain::json::scan("payload", &text).unwrap().nodes as u64;
        let meter = Meter::new(*nesting, *name_price);
        assert!(validator.is_valid(Metered::new(&serde_json::from_str(&text).unwrap(), &meter)));
        // As many values as a payload may have still fit.
        assert!(meter.steps() * crate::limits::JSON_NODES as u64 / nodes < bounds::CHECK_STEPS / 5);
    }
}

#[test]
fn cdevents_schemas_are_used_as_they_are() {
    let Some(root) = corpus(3) else { return };
    for (version, examples) in [("v0.4.1", "v0.4"), ("v0.5.1", "v0.5")] {
        for path in json_files(&root.join("schemas").join(format!("cdevents-{version}"))) {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let examples = json_files(&root.join("cdevents").join(examples));
            let own = |path: &PathBuf| {
                path.file_stem().unwrap().to_string_lossy().replace('_', "") == name
            };
            let (own, others): (Vec<_>, Vec<_>) = examples.into_iter().partition(own);
            for compiled in both(&read(&path)) {
                assert!(!compiled.unchecked_refs());
                assert_eq!(refused(&compiled, &own), [""; 0]);
                assert_eq!(refused(&compiled, &others).len(), others.len());
                if name == "artifactpackaged" {
                    assert_eq!(
                        lines(compiled.check(&json!({"name": "foo"}))),
                        [
                            "(root): context is required",
                            "(root): subject is required",
                            "(root): Additional property name is not allowed",
                        ]
                    );
                }
            }
        }
    }
}

#[test]
fn named_schemas_accept_what_the_field_sends() {
    let Some(root) = corpus(5) else { return };
    let schema =
        |name: &str| compile(&named(name).unwrap().schema, &Documents::built_in(), false).unwrap();
    for folder in ["spec", "guac", "trustify", ""] {
        let files = json_files(&root.join("cyclonedx").join(folder));
        assert_eq!(refused(&schema("cyclonedx"), &files), [""; 0], "{folder}");
    }
    for folder in ["", "guac", "trustify", "v3"] {
        let files = json_files(&root.join("spdx").join(folder));
        assert_eq!(refused(&schema("spdx"), &files), [""; 0], "{folder}");
    }
    for folder in ["v0.3.0", "v0.4.0", "v0.4", "v0.5"] {
        for path in json_files(&root.join("cdevents").join(folder)) {
            let event = path
                .file_stem()
                .unwrap()
                .to_string_lossy()
                .replace('_', ".");
            assert_eq!(
                lines(schema(&format!("cdevents:{event}")).check(&value(&path))),
                [""; 0],
                "{event}"
            );
        }
    }
    let cloudevents = root.join("cloudevents");
    for (file, good) in [
        ("structured.json", true),
        ("structured-base64.json", true),
        ("bad-both-data.json", false),
    ] {
        assert_eq!(
            schema("cloudevent")
                .check(&value(&cloudevents.join(file)))
                .is_ok(),
            good,
            "{file}"
        );
    }
    let seed = value(&root.join("cdevents/seed/taskrun_finished.cloudevent.json"));
    assert!(
        schema("cloudevent").check(&seed).is_ok()
            || seed["time"].as_str().is_some_and(|time| time.contains(' '))
    );
}
