use super::*;

#[test]
fn a_repository_is_the_same_however_it_is_reached() {
    for text in [
        "https://github.com/org/app",
        "https://GitHub.com/org/app.git",
        "git@github.com:org/app.git",
        "ssh://git@github.com/org/app/",
        "github.com/org/app",
    ] {
        assert_eq!(repository_name(text), "github.com/org/app", "{text}");
    }
    assert_eq!(repository_name("http://git:8080/a/b"), "git:8080/a/b");
    assert_eq!(repository_name("org/app"), "org/app");
}

#[test]
fn a_uuid_is_the_same_in_either_case_and_another_id_is_not() {
    assert_eq!(
        LinkKey::event("AA6945F8-B4F1-48DD-B658-25ACF95DD2F5"),
        LinkKey::event("aa6945f8-b4f1-48dd-b658-25acf95dd2f5")
    );
    assert_ne!(LinkKey::event("Build-1"), LinkKey::event("build-1"));
    assert_ne!(LinkKey::event("x"), LinkKey::chain("x"));
}

#[test]
fn a_short_commit_finds_the_long_one_of_its_repository() {
    let long = LinkKey::commit(
        Some("https://github.com/o/a"),
        "a1b2c3d4e5f6789012345678901234567890abcd",
    );
    assert_eq!(
        long,
        LinkKey::commit(Some("github.com/o/a.git"), "A1B2C3D4E5F6")
    );
    assert_ne!(
        long,
        LinkKey::commit(Some("github.com/o/b"), "a1b2c3d4e5f6")
    );
}

#[test]
fn roles_read_back_from_their_numbers() {
    for code in 0..=12 {
        assert_eq!(Role::from_code(code).map(Role::code), Some(code));
    }
    assert_eq!(Role::from_code(13), None);
}

#[test]
fn a_purl_without_a_version_is_a_name_and_ties_no_versions_together() {
    let kinds = |purl: &str| -> Vec<KeyKind> {
        let mut facts = Facts::new(DocumentKind::CdEvent, "t".to_owned());
        facts.artifacts.push(crate::correlate::facts::Artifact {
            id: purl.to_owned(),
            purl: Some(purl.to_owned()),
            ..crate::correlate::facts::Artifact::default()
        });
        edges(&facts).iter().map(|edge| edge.kind).collect()
    };
    assert!(kinds("pkg:npm/%40angular/core@17.0.1").contains(&KeyKind::Artifact));
    assert_eq!(
        kinds("pkg:npm/%40angular/core"),
        [KeyKind::ArtifactName, KeyKind::ArtifactName]
    );
}

#[test]
fn a_subject_that_is_referred_to_with_its_source_is_found_by_its_id_alone() {
    let refers = |kind: &str, source: Option<&str>| {
        let mut facts = Facts::new(DocumentKind::CdEvent, "t".to_owned());
        facts.references.push(crate::correlate::facts::Reference {
            role: Role::From,
            target: Target::Subject(crate::correlate::facts::Subject {
                kind: kind.to_owned(),
                id: "42".to_owned(),
                source: source.map(str::to_owned),
            }),
            name: None,
        });
        let of = LinkKey::mention(kind, "42");
        edges(&facts).into_iter().any(|edge| edge.key == of)
    };
    assert!(refers("change", Some("/git")) && refers("build", Some("/ci")));
    assert!(!refers("change", None), "it has a key of its own");
    assert!(!refers("repository", Some("/git")), "it is a hub");
    // No way from one event to another.
    assert!(KeyKind::Mention.is_hub());
}
