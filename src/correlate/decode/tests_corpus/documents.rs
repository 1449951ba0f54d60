//! CloudEvents, SBOMs and the types of published schemas.

use super::*;

#[test]
fn cloudevents_are_unwrapped_in_every_mode() {
    let Some(root) = corpus(6) else { return };
    let folder = root.join("cloudevents");
    let structured = value(&folder.join("structured.json"));
    let from_envelope = facts(&structured);
    assert_eq!(from_envelope, facts(&structured["data"]));
    let batch = read(&folder.join("batch.json"));
    let items = split(&batch).unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!(
        facts(&serde_json::from_str(items[0].get()).unwrap()),
        from_envelope
    );
    let second = facts(&serde_json::from_str(items[1].get()).unwrap());
    assert_eq!(
        second.id.as_deref(),
        Some("271069a8-fc18-44f1-b38f-9d70a1695819")
    );
    assert_eq!(codes(&second), ["envelope_mismatch"]);
    assert!(
        split(&read(&folder.join("batch-empty.json")))
            .unwrap()
            .is_empty()
    );

    let request = read(&folder.join("binary.http")).replace("\r\n", "\n");
    let (head, body) = request.split_once("\n\n").unwrap();
    let headers: Vec<(&str, &str)> = head
        .lines()
        .skip(1)
        .map(|line| line.split_once(": ").unwrap())
        .collect();
    assert_eq!(
        mode(Some("application/json; charset=utf-8"), true),
        Mode::Binary
    );
    let text = binary_to_structured(
        headers.iter().map(|(n, v)| (*n, v.as_bytes())),
        body.as_bytes(),
    )
    .unwrap();
    let event: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(event["subject"], "Euro € 😀");
    let binary = facts(&event);
    assert_eq!(binary.references, from_envelope.references);
    assert_eq!(binary.chain, from_envelope.chain);
    assert_eq!(codes(&binary), ["envelope_mismatch"]);

    let bytes = facts(&value(&folder.join("structured-base64.json")));
    assert_eq!(
        (bytes.kind, bytes.id.as_deref()),
        (DocumentKind::CloudEvent, Some("b64"))
    );
    let both = value(&folder.join("bad-both-data.json"));
    assert!(crate::correlate::cloudevent::parse_structured(&both).is_err());
    assert_eq!(codes(&facts(&both)), ["time_missing", "two_data"]);
}

#[test]
fn sboms_are_told_from_other_documents() {
    let Some(root) = corpus(30) else { return };
    let mut seen = 0;
    for folder in [
        "cyclonedx",
        "cyclonedx/spec",
        "cyclonedx/guac",
        "cyclonedx/trustify",
        "spdx",
        "spdx/guac",
        "spdx/trustify",
        "spdx/v3",
    ] {
        for path in json_files(&root.join(folder)) {
            let facts = facts(&value(&path));
            assert_eq!(facts.kind, DocumentKind::Sbom, "{}", path.display());
            let format = folder.split('/').next().unwrap();
            assert_eq!(
                facts.type_name,
                format!("sbom.{format}"),
                "{}",
                path.display()
            );
            assert!(facts.spec.is_some(), "{}", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 30, "{seen}");
}

#[test]
fn types_of_published_schemas_are_known() {
    let Some(root) = corpus(2) else { return };
    for version in ["v0.4.1", "v0.5.1"] {
        let mut seen = 0;
        for path in json_files(&root.join(format!("schemas/cdevents-{version}"))) {
            let schema = value(&path);
            let context = &schema["properties"]["context"]["properties"]["type"];
            for name in context["enum"].as_array().into_iter().flatten() {
                assert!(
                    EventType::parse(name.as_str().unwrap()).unwrap().known,
                    "{name}"
                );
                seen += 1;
            }
        }
        assert!(seen > 2, "{version}: {seen}");
    }
}
