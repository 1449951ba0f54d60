//! Recording and reading events.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::intake::{facts_of, may_say_something};
use super::naming::{is_ambiguous, means_unit, names_receiver};
use super::schemas::Findings;
use super::views::{
    EventHead, EventInput, EventView, EventWritten, PayloadInput, UnitInput, Warning, WriteOptions,
};
use super::{Registry, Result, unexpected};
use crate::correlate::indexed;
use crate::domain::command::{Action, Outcome};
use crate::domain::event::{Event, EventDraft, Payload};
use crate::domain::id::{EventId, ReceiverId};
use crate::domain::indexed::Indexed;
use crate::domain::json::has_wide_integer;
use crate::domain::principal::{Principal, Scope};
use crate::domain::receiver::Receiver;
use crate::domain::refusal::{FieldFault, Refusal};
use crate::domain::text::quoted;
use crate::domain::unit::UnitQuery;
use crate::limits;
use crate::store::Store;

/// How much more memory than its text a payload takes while it is looked into: a value of 8 characters
/// takes [`limits::JSON_NODE_BYTES`].
const DECODED_COPIES: usize = 9;

impl Registry {
    /// Records an event: checks it, has it written with its messages, and tells what it did to
    /// the gates that its receiver belongs to.
    pub async fn create_event(
        &self,
        principal: &Principal,
        input: EventInput,
        options: &WriteOptions,
    ) -> Result<EventWritten> {
        let target = format!("receiver {}", input.receiver);
        let result = self.create_event_unaudited(principal, input, options).await;
        self.audited(principal, "create_event", &target, options, result)
    }

    async fn create_event_unaudited(
        &self,
        principal: &Principal,
        input: EventInput,
        options: &WriteOptions,
    ) -> Result<EventWritten> {
        principal.require(Scope::Record)?;
        let store = self.store().await?;
        let first = self.first_event(store.as_ref(), principal, options).await?;
        let named = self.receiver_named(store.as_ref(), &input.receiver).await;
        let receiver = match (named, &first) {
            (Err(error), Some((_, receiver)))
                if is_ambiguous(&error) && names_receiver(&input.receiver, receiver) =>
            {
                receiver.clone()
            }
            (named, _) => named?,
        };
        let unit = match input.unit {
            UnitInput::Exact(unit) => unit,
            UnitInput::Existing(query) => {
                match (self.unit_meant(store.as_ref(), &query).await, &first) {
                    (Err(error), Some((event, _)))
                        if is_ambiguous(&error) && means_unit(&query, &event.unit) =>
                    {
                        event.unit.clone()
                    }
                    (meant, _) => meant.map_err(|error| missing_parts(error, &query))?.0,
                }
            }
        };
        let payload = payload(input.payload)?;
        let draft = EventDraft {
            unit,
            description: input.description,
            success: input.success,
            receiver_id: receiver.id,
            payload,
        };
        draft.check()?;
        principal.require_grant(&receiver.kind, &draft.unit.name)?;
        let compiled = self.inner.schemas.of(store.as_ref(), &receiver).await?;
        let findings = self
            .inner
            .schemas
            .check(receiver.id, compiled, draft.payload.shared())
            .await?;
        let mut warnings = self.payload_warnings(findings)?;
        if !options.dry_run && draft.payload.size() > limits::INLINE_PAYLOAD_BYTES {
            // Made here, so that the one writer does not spend its time on it.
            let payload = draft.payload.clone();
            let pack = move || {
                payload.packed();
                Ok(())
            };
            self.inner.schemas.blocking(pack).await?;
        }
        if receiver.unchecked_refs {
            warnings.push(super::definitions::unchecked_refs());
        }
        let indexed = self
            .looked_into(draft.payload.shared(), &receiver.kind)
            .await?;
        let action = Action::RecordEvent {
            id: EventId::new(self.inner.ids.next()),
            indexed,
            draft,
        };
        match self.submit(principal, action, options).await? {
            Outcome::Event {
                event,
                gates,
                messages,
                ..
            } => {
                warnings.extend(self.storage_warning(store.as_ref(), options));
                let waited: BTreeSet<ReceiverId> = gates
                    .iter()
                    .flat_map(|gate| gate.state.members.iter().map(|(id, _)| *id))
                    .collect();
                let ids: Vec<_> = waited.into_iter().collect();
                let members = self.receivers(store.as_ref(), &ids).await;
                let members = Self::beside(members, &mut warnings);
                Ok(EventWritten {
                    event: *event,
                    receiver,
                    created: true,
                    gates,
                    members,
                    warnings,
                    messages,
                })
            }
            Outcome::Replayed { id } => {
                let event = event_by_id(store.as_ref(), id.parse()?).await?;
                Ok(EventWritten {
                    event,
                    receiver,
                    created: false,
                    gates: Vec::new(),
                    members: Vec::new(),
                    warnings,
                    messages: Vec::new(),
                })
            }
            _ => Err(unexpected()),
        }
    }

    /// What a payload says, if anything that is known here.
    async fn looked_into(
        &self,
        payload: Arc<str>,
        receiver_type: &str,
    ) -> Result<Option<Arc<Indexed>>> {
        if !may_say_something(&payload) {
            return Ok(None);
        }
        let (bytes, receiver_type, now) = (payload.len(), receiver_type.to_owned(), self.now());
        // Taken apart, a text takes many times its bytes.
        let room = if bytes > limits::INLINE_PAYLOAD_BYTES {
            Some(self.inner.schemas.room(bytes * DECODED_COPIES).await?)
        } else {
            None
        };
        let look = move || {
            let facts = facts_of(&payload, &receiver_type);
            let indexed = facts.map(|facts| Arc::new(indexed(&facts, false, now)));
            drop(room);
            Ok(indexed)
        };
        self.inner.schemas.blocking_if(bytes, look).await
    }

    /// The event that the idempotency key recorded before, with its receiver.
    async fn first_event(
        &self,
        store: &dyn Store,
        principal: &Principal,
        options: &WriteOptions,
    ) -> Result<Option<(Event, Receiver)>> {
        let Some(id) = self.first_use(store, principal, options).await? else {
            return Ok(None);
        };
        let Ok(id) = id.parse::<EventId>() else {
            return Ok(None);
        };
        let seqs = store.event_seqs(&[id]).await?;
        let Some(event) = store.events(&seqs).await?.into_iter().next() else {
            return Ok(None);
        };
        let receiver = self.receiver(store, event.receiver_id).await?;
        Ok(receiver.map(|receiver| (event, receiver.as_ref().clone())))
    }

    /// What is worth knowing of a payload; a secret in it is refused where that is wanted.
    pub(super) fn payload_warnings(&self, findings: Findings) -> Result<Vec<Warning>> {
        let mut warnings = Vec::new();
        if findings.duplicate_keys {
            warnings.push(Warning {
                code: "duplicate_keys",
                text: "An object in the payload has a key twice; the last one counts wherever the payload is read."
                    .to_owned(),
            });
        }
        if let Some(what) = findings.secret {
            if self.inner.refuse_secrets {
                return Err(Refusal::SecretInPayload { what }.into());
            }
            warnings.push(Warning {
                code: "secret_in_payload",
                text: format!(
                    "The payload holds what looks like a secret ({what}). Events are never deleted: replace the secret \
                     at its source. It is masked in answers here."
                ),
            });
        }
        Ok(warnings)
    }

    /// An event with its receiver.
    pub async fn event_head(&self, principal: &Principal, id: &str) -> Result<EventHead> {
        principal.require(Scope::Read)?;
        let id: EventId = id.trim().parse()?;
        let store = self.store().await?;
        let event = event_by_id(store.as_ref(), id).await?;
        let receiver = self.receiver(store.as_ref(), event.receiver_id).await?;
        let receiver = receiver
            .ok_or_else(|| super::Error::internal(format!("event {id} has no receiver")))?;
        Ok(EventHead { event, receiver })
    }

    /// An event with its receiver and payload.
    pub async fn fetch_event(&self, principal: &Principal, id: &str) -> Result<EventView> {
        let EventHead { event, receiver } = self.event_head(principal, id).await?;
        let bytes = usize::try_from(event.payload_size).unwrap_or_default();
        let room = if bytes > limits::INLINE_PAYLOAD_BYTES {
            Some(
                self.inner
                    .schemas
                    .room(bytes * limits::SHOWN_COPIES)
                    .await?,
            )
        } else {
            None
        };
        let payloads = self.store().await?.payloads(&[event.seq]).await?;
        let payload = payloads.into_iter().next().map(|(_, text)| text);
        let payload =
            payload.ok_or_else(|| super::Error::internal(format!("event {id} has no payload")))?;
        Ok(EventView {
            event,
            receiver,
            payload,
            room,
        })
    }
}

pub(super) async fn event_by_id(store: &dyn Store, id: EventId) -> Result<Event> {
    let seqs = store.event_seqs(&[id]).await?;
    let event = store.events(&seqs).await?.into_iter().next();
    event.ok_or_else(|| super::not_found("event", id.to_string(), Vec::new()))
}

/// A unit that is not known may be a new one: what it takes to record its first event is named.
fn missing_parts(error: super::Error, query: &UnitQuery) -> super::Error {
    let unknown = matches!(
        &error,
        super::Error::Refused(Refusal::NotFound { kind: "unit", .. })
    );
    if !unknown || query.unit.is_some() {
        return error;
    }
    let given: Vec<_> = query.parts().map(|(field, _)| field).collect();
    let missing = ["name", "version", "release", "platform_id", "package"].into_iter();
    let why = format!(
        "is missing: no recorded unit has {}, and a new one needs all five parts",
        quoted(&query.describe())
    );
    let faults = missing.filter(|field| !given.contains(field));
    Refusal::InvalidFields(
        faults
            .map(|field| FieldFault {
                field,
                why: why.clone(),
            })
            .collect(),
    )
    .into()
}

fn payload(input: PayloadInput) -> std::result::Result<Payload, Refusal> {
    let text = match input {
        PayloadInput::Text(text) => text,
        PayloadInput::Value(value) => {
            if let Some(at) = has_wide_integer(&value) {
                return Err(Refusal::InvalidArgument {
                    argument: "payload",
                    value: at,
                    why: "the integer there has more digits than can be kept exactly; send the payload as a string of \
                          JSON text"
                        .to_owned(),
                });
            }
            value.to_string()
        }
    };
    if text.len() > limits::PAYLOAD_BYTES {
        return Err(Refusal::TooLarge {
            what: "payload",
            size: Some(text.len() as u64),
            limit: limits::PAYLOAD_BYTES as u64,
            unit: "bytes",
            hint: "Record a reference to the document instead.".to_owned(),
        });
    }
    if text.trim().is_empty() {
        return Err(Refusal::InvalidJson {
            what: "payload",
            why: "it is empty".to_owned(),
        });
    }
    Ok(Payload::new(text))
}
