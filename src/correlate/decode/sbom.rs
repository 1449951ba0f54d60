//! SBOMs: recognised, and what they are the bill of. What stands in them is read elsewhere.

use serde_json::Value;

use super::artifact::ArtifactId;
use super::draft::Draft;
use super::read::{self, Object};
use crate::correlate::cloudevent::CloudEvent;
use crate::correlate::facts::{DocumentKind, Facts};
use crate::correlate::key::Role;
use crate::correlate::repair;
use crate::limits;

/// The word for a document that is CycloneDX.
const CYCLONEDX: &str = "cyclonedx";
/// The word for a document that is SPDX.
const SPDX: &str = "spdx";

/// Reads an SBOM; `None` if it is none.
pub(super) fn read(object: &Object, envelope: Option<&CloudEvent<'_>>) -> Option<Facts> {
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let (format, version) = if text("bomFormat").is_some_and(|it| it == "CycloneDX") {
        (CYCLONEDX, read::id(object, "specVersion"))
    } else if let Some(version) = text("spdxVersion") {
        let version = version.strip_prefix("SPDX-").unwrap_or(version);
        (
            SPDX,
            Some(read::cut(version, limits::FIELD_CHARS).into_owned()),
        )
    } else if object.contains_key("@graph") && object.get("@context").is_some_and(names_spdx) {
        (SPDX, Some("3.0".to_owned()))
    } else {
        return None;
    };
    let type_name = envelope
        .map(|envelope| envelope.type_name.clone())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| format!("sbom.{format}"));
    let mut draft = Draft::new(Facts::new(DocumentKind::Sbom, type_name));
    draft.facts.predicate = format.to_owned();
    draft.facts.spec = version;
    let said = match format {
        CYCLONEDX => cyclonedx(&mut draft, object),
        _ => spdx(&mut draft, object),
    };
    let time = said.and_then(|text| draft.read_time("created", &text));
    let outer = envelope.and_then(|envelope| envelope.time);
    // When the event happened says its envelope; a document alone only when it was made.
    if let Some(time) = outer.or(time) {
        draft.time(time);
    }
    if let Some(envelope) = envelope {
        let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        draft.facts.id = given(&envelope.id);
        draft.facts.source = given(&envelope.source);
        super::cdevent::ties_of_envelope(&mut draft, envelope);
    }
    Some(draft.finish())
}

/// Whether a JSON-LD context is one of SPDX: an address, or a list with one.
fn names_spdx(context: &Value) -> bool {
    let is_one = |value: &Value| value.as_str().is_some_and(|text| text.contains("spdx"));
    is_one(context)
        || context
            .as_array()
            .is_some_and(|list| list.iter().take(limits::FACT_LIST).any(is_one))
}

/// The component that it is the bill of, and when it was made.
fn cyclonedx(draft: &mut Draft, object: &Object) -> Option<String> {
    let metadata = read::object(object, "metadata")?;
    if let Some(component) = read::object(metadata, "component") {
        draft.facts.name = read::text(component, &["name"]);
        let version = read::id(component, "version");
        let of_version = version.as_deref().and_then(repair::digest);
        let digest = of_version
            .map(|read| read.value)
            .or_else(|| hash(component));
        let id = read::id(component, "purl").or_else(|| {
            let name = read::id(component, "name")?;
            let at = version.map(|version| format!("@{version}"));
            Some(format!("{name}{}", at.unwrap_or_default()))
        });
        if let Some(id) = id {
            let mut artifact = ArtifactId::read(&id).into_artifact(Role::Own);
            artifact.digest = artifact.digest.or(digest);
            artifact.name = draft.facts.name.clone();
            draft.add_artifact(artifact);
        }
    }
    read::id(metadata, "timestamp")
}

/// The component's SHA-256.
fn hash(component: &Object) -> Option<String> {
    let hashes = read::array(component, "hashes")
        .iter()
        .take(limits::FACT_LIST);
    let mut digests = hashes.filter_map(Value::as_object).filter_map(|hash| {
        let algorithm = read::id(hash, "alg")?;
        let content = read::id(hash, "content")?;
        repair::digest(&format!("{algorithm}:{content}"))
    });
    let found = digests.find(|read| read.value.starts_with("sha256:"));
    found.map(|read| read.value)
}

/// Its name, and when it was made.
fn spdx(draft: &mut Draft, object: &Object) -> Option<String> {
    draft.facts.name = read::text(object, &["name"]);
    let creation = read::object(object, "creationInfo")?;
    read::id(creation, "created")
}
