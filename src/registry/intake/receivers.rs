//! The receivers of documents: named, found by type, or made from it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::IntakeOptions;
use super::read::{Read, ReceiverTold};
use crate::domain::command::{Action, Command, Outcome, TurnPolicy};
use crate::domain::id::ReceiverId;
use crate::domain::principal::{Principal, PrincipalKind, Recorder};
use crate::domain::receiver::{Receiver, ReceiverDraft, fingerprint};
use crate::domain::refusal::Refusal;
use crate::domain::search::{DefinitionFilter, TextMatch};
use crate::domain::text::quoted;
use crate::domain::unit::Unit;
use crate::limits;
use crate::registry::{Error, Registry, Result, unexpected};
use crate::store::{ReceiverText, Store};

/// The description of a receiver that was made from a type: how such a one is known again.
const MADE: &str = "Made from the type of the first event of this kind";

/// What a receiver is to those who send without naming one.
#[derive(Debug, Clone)]
struct Known {
    receiver: Arc<Receiver>,
    made: bool,
    /// Whether it was defined on purpose and stands in a gate: then not everybody may feed it by
    /// chance.
    guarded: bool,
}

/// Finds receivers, each type once in a call.
pub(super) struct Receivers<'a> {
    registry: &'a Registry,
    store: &'a dyn Store,
    principal: &'a Principal,
    options: &'a IntakeOptions,
    pub(super) recorder: Arc<Recorder>,
    by_type: HashMap<(String, Option<ReceiverTold>), Known>,
    /// Of a dry run: what would make the receivers that are not there.
    pub(super) imagined: Vec<Command>,
    /// Ids that are of another registry.
    foreign: HashSet<String>,
    by_name: HashMap<String, Arc<Receiver>>,
}

impl<'a> Receivers<'a> {
    pub(super) fn new(
        registry: &'a Registry,
        store: &'a dyn Store,
        principal: &'a Principal,
        options: &'a IntakeOptions,
    ) -> Self {
        Self {
            registry,
            store,
            principal,
            options,
            recorder: Arc::new(principal.recorder.clone()),
            by_type: HashMap::new(),
            imagined: Vec::new(),
            foreign: HashSet::new(),
            by_name: HashMap::new(),
        }
    }

    /// The receiver of a document, and whether it was (or would be) made for it.
    pub(super) async fn of(&mut self, read: &Read, unit: &Unit) -> Result<(Arc<Receiver>, bool)> {
        let told = read.receiver_told();
        let named = self.options.receiver.as_deref().or(read.receiver_named());
        if let Some(what) = named.filter(|what| !self.foreign.contains(*what)) {
            match self.named(what).await {
                Ok(receiver) => {
                    self.principal.require_grant(&receiver.kind, &unit.name)?;
                    return Ok((receiver, false));
                }
                // The id of another registry, from which the event was exported.
                Err(Error::Refused(Refusal::NotFound { .. }))
                    if told.is_some() && self.options.receiver.is_none() =>
                {
                    self.foreign.insert(what.to_owned());
                }
                Err(error) => return Err(error),
            }
        }
        let kind = told.map_or_else(|| read.receiver_type(), |told| Some(told.kind.clone()));
        let Some(kind) = kind else {
            return Err(Refusal::InvalidArgument {
                argument: "event_receiver_id",
                value: String::new(),
                why: "nothing in the payload tells its type, so the receiver has to be named"
                    .to_owned(),
            }
            .into());
        };
        let key = (kind, told.cloned());
        if !self.by_type.contains_key(&key) {
            let kind = key.0.as_str();
            // Before anything is made for it.
            self.principal.require_grant(kind, &unit.name)?;
            let known = match self.told(told).await? {
                Some(known) => known,
                None => self.by_type(kind).await?,
            };
            self.by_type.insert(key.clone(), known);
        }
        let known = self.by_type.get_mut(&key).ok_or_else(unexpected)?;
        self.principal
            .require_grant(&known.receiver.kind, &unit.name)?;
        if known.guarded {
            return Err(Refusal::Forbidden {
                why: format!(
                    "receiver {} ({}) stands in a gate and was defined on purpose",
                    quoted(&known.receiver.name),
                    known.receiver.id
                ),
                hint:
                    "Name it (event_receiver_id), or ask the registry's administrator for a grant."
                        .to_owned(),
            }
            .into());
        }
        let made = known.made;
        // The next one of this type finds it.
        known.made &= self.options.dry_run;
        Ok((known.receiver.clone(), made))
    }

    async fn named(&mut self, what: &str) -> Result<Arc<Receiver>> {
        if let Some(receiver) = self.by_name.get(what) {
            return Ok(receiver.clone());
        }
        let receiver = Arc::new(self.registry.receiver_named(self.store, what).await?);
        if self.by_name.len() < limits::KNOWN_RECEIVERS {
            self.by_name.insert(what.to_owned(), receiver.clone());
        }
        Ok(receiver)
    }

    /// The one receiver that is called so.
    async fn told(&self, told: Option<&ReceiverTold>) -> Result<Option<Known>> {
        let Some(told) = told else {
            return Ok(None);
        };
        let exactly = |text: &String| vec![TextMatch::Exact(text.clone())];
        let filter = DefinitionFilter {
            name: exactly(&told.name),
            types: exactly(&told.kind),
            version: exactly(&told.version),
            ..DefinitionFilter::default()
        };
        let found = self.store.find_receivers(&filter, None, 2).await?;
        match found.rows.as_slice() {
            [only] => Ok(Some(self.known(only.id).await?)),
            _ => Ok(None),
        }
    }

    /// The only receiver of a type, also of the type without its version; else one made from it.
    async fn by_type(&mut self, kind: &str) -> Result<Known> {
        for text in [Some(kind), unversioned(kind)].into_iter().flatten() {
            let ids = self
                .store
                .receiver_ids(
                    ReceiverText::Type,
                    &TextMatch::Exact(text.to_owned()),
                    limits::CANDIDATES + 1,
                )
                .await?;
            match ids.as_slice() {
                [] => {}
                [id] => return self.known(*id).await,
                several => {
                    let mut candidates: Vec<String> =
                        several.iter().map(ToString::to_string).collect();
                    let more = candidates.len() > limits::CANDIDATES;
                    candidates.truncate(limits::CANDIDATES);
                    return Err(Refusal::Ambiguous {
                        kind: "receiver",
                        what: text.to_owned(),
                        candidates,
                        more,
                    }
                    .into());
                }
            }
        }
        self.make(kind).await
    }

    async fn known(&self, id: ReceiverId) -> Result<Known> {
        let receiver = self.registry.receiver(self.store, id).await?;
        let receiver =
            receiver.ok_or_else(|| Error::internal(format!("receiver {id} is not there")))?;
        let guarded = receiver.description != MADE
            && !self.may_feed_gates()
            && !self.store.groups_of(&[id], 1).await?.is_empty();
        Ok(Known {
            receiver,
            made: false,
            guarded,
        })
    }

    /// Whether the principal may open gates without naming the receiver: the user of this machine, and
    /// whoever was given a grant (which covers this type, or it would have been refused).
    fn may_feed_gates(&self) -> bool {
        self.principal.recorder.kind == PrincipalKind::Local || !self.principal.grants.is_empty()
    }

    async fn make(&mut self, kind: &str) -> Result<Known> {
        let draft = draft(kind);
        draft.check()?;
        let id = ReceiverId::new(self.registry.inner.ids.next());
        let imagined = Receiver {
            id,
            fingerprint: fingerprint(&draft.kind, &draft.description, &draft.name, &draft.version),
            name: draft.name.clone(),
            kind: draft.kind.clone(),
            version: draft.version.clone(),
            description: draft.description.clone(),
            created_at: self.registry.now(),
            unchecked_refs: false,
        };
        let command = Command {
            recorder: self.recorder.clone(),
            action: Action::CreateReceiver {
                id,
                draft,
                unchecked_refs: false,
            },
            idempotency_key: None,
            log_only: !(self.registry.inner.announce && self.options.announce),
            turns: TurnPolicy::Allowed,
        };
        let receiver = if self.options.dry_run {
            self.imagined.push(command);
            imagined
        } else {
            let opened = self.registry.inner.opening.opened().await?;
            let written = opened.writer.write(command).await;
            match written.map_err(|error| Error::from_shared(&error))?? {
                Outcome::Receiver { receiver, .. } => *receiver,
                _ => return Err(unexpected()),
            }
        };
        Ok(Known {
            receiver: Arc::new(receiver),
            made: true,
            guarded: false,
        })
    }
}

/// The definition of a receiver made from a type: it accepts whatever that type carries.
fn draft(kind: &str) -> ReceiverDraft {
    let version = unversioned(kind).and_then(|head| kind.get(head.len() + 1..));
    let name = kind.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let name = match name.trim_matches('-') {
        // A type in other letters is its own name.
        "" => kind,
        name => name,
    };
    ReceiverDraft {
        name: name.chars().take(limits::FIELD_CHARS).collect(),
        kind: kind.to_owned(),
        version: version.unwrap_or("1.0.0").to_owned(),
        description: MADE.to_owned(),
        schema: "{}".to_owned(),
        allow_unresolved_refs: false,
    }
}

/// `dev.cdevents.artifact.packaged` of `dev.cdevents.artifact.packaged.0.3.0`.
fn unversioned(kind: &str) -> Option<&str> {
    let parts = kind.rsplitn(4, '.').collect::<Vec<_>>();
    let [patch, minor, major, head] = parts.as_slice() else {
        return None;
    };
    let number = |text: &str| {
        text.bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_digit())
    };
    (number(patch) && number(minor) && number(major)).then_some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_known_without_its_version() {
        let kind = "dev.cdevents.artifact.packaged.0.3.0";
        assert_eq!(unversioned(kind), Some("dev.cdevents.artifact.packaged"));
        assert_eq!(unversioned("com.example.order"), None);
        assert_eq!(super::draft("日本").name, "日本");
        let draft = draft(kind);
        assert_eq!(
            (draft.name.as_str(), draft.version.as_str()),
            ("dev-cdevents-artifact-packaged-0-3-0", "0.3.0")
        );
    }
}
