//! What counts as a deployment, told from an event's facts alone, in one place for all questions.

use super::facts::{Artifact, Facts};
use super::key::{KeyKind, LinkKey, Role};
use super::names::{ImageName, purl_base, short_name};

/// By what deployments and incidents are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryScope<'a> {
    /// All of them.
    All,
    /// Those of a service.
    Service(&'a str),
    /// Those in an environment.
    Environment(&'a str),
}

impl<'a> DeliveryScope<'a> {
    pub(crate) fn parts(self) -> [&'a str; 2] {
        match self {
            Self::All => ["all", ""],
            Self::Service(name) => ["service", name.trim()],
            Self::Environment(name) => ["environment", name.trim()],
        }
    }
}

/// The key under which the deployments and incidents of a scope are found, and nothing else: what
/// else happens in an environment would bury them.
pub fn delivery_key(scope: DeliveryScope<'_>) -> LinkKey {
    LinkKey::of(KeyKind::Delivery, &scope.parts())
}

/// What was done to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Action {
    /// It came, or came in another version.
    Deployed,
    /// It went back to an earlier version.
    RolledBack,
    /// It is gone.
    Removed,
}

/// An event that tells what runs where from then on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deploy<'a> {
    /// What was done.
    pub(crate) action: Action,
    /// The service; of programs that know no services, the name of what they deploy.
    pub(crate) service: Option<&'a str>,
    /// Where.
    pub(crate) environment: Option<&'a str>,
    /// What runs there then.
    pub(crate) artifact: Option<&'a Artifact>,
}

/// Reads an event as a deployment. `service.deployed`, `upgraded`, `rolledback` and `removed` are
/// (CDEvents continuous-deployment.md); so is the change of an environment by an artifact, which is
/// all that programs without services say.
pub(crate) fn deployment(facts: &Facts) -> Option<Deploy<'_>> {
    let used = |artifact: &&Artifact| artifact.role == Role::Uses;
    let artifact = facts.artifacts.iter().find(used);
    let action = match (facts.subject.as_str(), facts.predicate.as_str()) {
        ("service", "deployed" | "upgraded") => Action::Deployed,
        ("service", "rolledback") => Action::RolledBack,
        ("service", "removed") => Action::Removed,
        ("environment", "modified") if artifact.is_some() => Action::Deployed,
        _ => return None,
    };
    Some(Deploy {
        action,
        service: service_of(facts).or_else(|| {
            let named = |name: &&str| !name.is_empty();
            artifact.map(bare_name).filter(named)
        }),
        environment: facts.context.environment.as_deref(),
        artifact,
    })
}

/// The service that an event is about or names.
pub(crate) fn service_of(facts: &Facts) -> Option<&str> {
    let about = facts.about.as_ref().filter(|about| about.kind == "service");
    about
        .map(|about| about.id.as_str())
        .or(facts.context.service.as_deref())
        .map(str::trim)
        .filter(|name| !name.is_empty())
}

/// The name of an artifact without where it lies and which version it is.
pub(crate) fn bare_name(artifact: &Artifact) -> &str {
    if let Some(name) = artifact.name.as_deref().filter(|name| !name.is_empty()) {
        return name;
    }
    match &artifact.purl {
        Some(purl) => short_name(purl_base(purl)),
        None => ImageName::read(&artifact.id)
            .map_or(artifact.id.as_str(), |image| short_name(image.name)),
    }
}

/// Whether an event is found among deployments and incidents.
pub(crate) fn is_delivery(facts: &Facts) -> bool {
    matches!(facts.subject.as_str(), "service" | "incident") || deployment(facts).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::correlate::facts::{DocumentKind, Subject};
    use crate::correlate::key::edges;

    fn facts(subject: &str, predicate: &str, artifact: Option<(Role, &str)>) -> Facts {
        let mut facts = Facts::new(DocumentKind::CdEvent, "");
        facts.subject = subject.to_owned();
        facts.predicate = predicate.to_owned();
        facts.artifacts = artifact
            .map(|(role, id)| Artifact {
                role,
                id: id.to_owned(),
                ..Artifact::default()
            })
            .into_iter()
            .collect();
        facts
    }

    #[test]
    fn an_environment_that_changes_by_an_artifact_is_a_deployment_of_it() {
        let event = facts(
            "environment",
            "modified",
            Some((Role::Uses, "reg/my-app:1@sha256:ab")),
        );
        let read = deployment(&event).unwrap();
        assert_eq!(
            (read.action, read.service),
            (Action::Deployed, Some("my-app"))
        );
        assert_eq!(deployment(&facts("environment", "modified", None)), None);
        assert_eq!(
            deployment(&facts("environment", "created", Some((Role::Uses, "x")))),
            None
        );
    }

    #[test]
    fn a_service_is_named_by_its_own_id_first() {
        let mut event = facts("service", "upgraded", Some((Role::Uses, "pkg:oci/app@1")));
        event.context.service = Some("other".to_owned());
        event.about = Some(Subject {
            kind: "service".to_owned(),
            id: "shop".to_owned(),
            source: None,
        });
        assert_eq!(deployment(&event).unwrap().service, Some("shop"));
        event.predicate = "published".to_owned();
        assert_eq!(deployment(&event), None);
        assert!(is_delivery(&event));
    }

    #[test]
    fn a_deployment_is_found_by_its_service_and_environment_and_a_test_there_is_not() {
        let keys = |subject: &str| -> Vec<LinkKey> {
            let mut facts = Facts::new(DocumentKind::CdEvent, "");
            facts.subject = subject.to_owned();
            facts.context.service = Some("shop".to_owned());
            facts.context.environment = Some("production".to_owned());
            edges(&facts).iter().map(|edge| edge.key).collect()
        };
        for scope in [
            DeliveryScope::All,
            DeliveryScope::Service(" shop"),
            DeliveryScope::Environment("production"),
        ] {
            assert!(keys("service").contains(&delivery_key(scope)), "{scope:?}");
            assert!(keys("incident").contains(&delivery_key(scope)), "{scope:?}");
            assert!(!keys("testcaserun").contains(&delivery_key(scope)));
        }
    }
}
