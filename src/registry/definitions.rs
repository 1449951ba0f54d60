//! Receivers and groups: creating, enabling, reading, listing.

use super::naming::{is_ambiguous, names_receiver};
use super::views::{
    DefinitionPage, GroupInput, GroupWritten, PassingUnits, ReceiverInput, ReceiverWritten,
    Warning, WriteOptions,
};
use super::{Registry, Result, unexpected};
use crate::domain::command::{Action, Outcome};
use crate::domain::group::{Group, GroupDraft};
use crate::domain::id::{GroupId, ReceiverId};
use crate::domain::json::compact;
use crate::domain::principal::{Principal, Scope};
use crate::domain::receiver::{DefinedReceiver, Receiver, ReceiverDraft};
use crate::domain::refusal::Refusal;
use crate::domain::schema;
use crate::domain::search::{Cursor, DefinitionFilter, TextMatch, query_mark};
use crate::domain::text::quoted;
use crate::limits;
use crate::store::{ReceiverText, Store};

impl Registry {
    /// Defines a receiver, or finds the equal one.
    pub async fn create_receiver(
        &self,
        principal: &Principal,
        input: ReceiverInput,
        options: &WriteOptions,
    ) -> Result<ReceiverWritten> {
        let target = format!("{} {} {}", input.name, input.kind, input.version);
        let result = self
            .create_receiver_unaudited(principal, input, options)
            .await;
        self.audited(principal, "create_receiver", &target, options, result)
    }

    async fn create_receiver_unaudited(
        &self,
        principal: &Principal,
        input: ReceiverInput,
        options: &WriteOptions,
    ) -> Result<ReceiverWritten> {
        principal.require(Scope::Define)?;
        let schema_text = match (input.schema, &input.schema_name) {
            (Some(text), None) => text,
            (None, Some(name)) => schema::named(name)?.schema,
            (Some(_), Some(name)) => {
                return Err(Refusal::InvalidArgument {
                    argument: "schema_name",
                    value: name.clone(),
                    why: "give either schema or schema_name, not both".to_owned(),
                }
                .into());
            }
            (None, None) => {
                return Err(Refusal::InvalidArgument {
                    argument: "schema",
                    value: String::new(),
                    why:
                        "a receiver needs a schema, or schema_name: any to accept every JSON value"
                            .to_owned(),
                }
                .into());
            }
        };
        let mut draft = ReceiverDraft {
            name: input.name,
            kind: input.kind,
            version: input.version,
            description: input.description,
            schema: String::new(),
            allow_unresolved_refs: input.allow_unresolved_refs,
        };
        draft.check()?;
        let compiled = self
            .inner
            .schemas
            .compile(schema_text.clone(), draft.allow_unresolved_refs)
            .await?;
        draft.schema = compact(schema_text.trim()).into_owned();
        let action = Action::CreateReceiver {
            id: ReceiverId::new(self.inner.ids.next()),
            draft,
            unchecked_refs: compiled.unchecked_refs(),
        };
        match self.submit(principal, action, options).await? {
            Outcome::Receiver {
                receiver,
                created,
                shares_type_with_group,
                messages,
            } => {
                let mut warnings = Vec::new();
                if shares_type_with_group {
                    warnings.push(shared_type("group"));
                }
                if receiver.unchecked_refs {
                    warnings.push(unchecked_refs());
                }
                let store = self.store().await?;
                if created {
                    let other = other_version_in_gates(store.as_ref(), &receiver).await;
                    let other = Self::beside(other, &mut warnings);
                    warnings.extend(other);
                }
                warnings.extend(self.storage_warning(store.as_ref(), options));
                Ok(ReceiverWritten {
                    receiver: *receiver,
                    created,
                    warnings,
                    messages,
                })
            }
            Outcome::Replayed { id } => {
                let receiver = self
                    .receiver_named(self.store().await?.as_ref(), &id)
                    .await?;
                Ok(ReceiverWritten {
                    receiver,
                    created: false,
                    warnings: Vec::new(),
                    messages: Vec::new(),
                })
            }
            _ => Err(unexpected()),
        }
    }

    /// Defines a group, or finds the equal one.
    pub async fn create_group(
        &self,
        principal: &Principal,
        input: GroupInput,
        options: &WriteOptions,
    ) -> Result<GroupWritten> {
        let target = format!("{} {} {}", input.name, input.kind, input.version);
        let result = self.create_group_unaudited(principal, input, options).await;
        self.audited(principal, "create_group", &target, options, result)
    }

    async fn create_group_unaudited(
        &self,
        principal: &Principal,
        input: GroupInput,
        options: &WriteOptions,
    ) -> Result<GroupWritten> {
        principal.require(Scope::Define)?;
        let mut draft = GroupDraft {
            name: input.name,
            kind: input.kind,
            version: input.version,
            description: input.description,
            enabled: input.enabled,
            event_receiver_ids: Vec::new(),
        };
        if input.receivers.len() > limits::GROUP_RECEIVERS {
            return Err(Refusal::TooLarge {
                what: "list of receivers",
                size: Some(input.receivers.len() as u64),
                limit: limits::GROUP_RECEIVERS as u64,
                unit: "receivers",
                hint: "Split the gate into several groups.".to_owned(),
            }
            .into());
        }
        let store = self.store().await?;
        let first = self
            .first_members(store.as_ref(), principal, options)
            .await?;
        for what in &input.receivers {
            let id = match self.receiver_named(store.as_ref(), what).await {
                Err(error) if is_ambiguous(&error) => {
                    let member = first.iter().find(|member| names_receiver(what, member));
                    member.ok_or(error)?.id
                }
                named => named?.id,
            };
            draft.event_receiver_ids.push(id);
        }
        draft.check()?;
        let action = Action::CreateGroup {
            id: GroupId::new(self.inner.ids.next()),
            draft,
        };
        match self.submit(principal, action, options).await? {
            Outcome::Group {
                group,
                created,
                shares_type_with_receiver,
                messages,
            } => {
                let mut warnings = Vec::new();
                if shares_type_with_receiver {
                    warnings.push(shared_type("receiver"));
                }
                if !created && group.enabled != input.enabled {
                    warnings.push(Warning {
                        code: "enabled_unchanged",
                        text: format!(
                            "The group existed and stays {}; set_group_enabled changes that.",
                            if group.enabled { "enabled" } else { "disabled" }
                        ),
                    });
                }
                warnings.extend(self.storage_warning(store.as_ref(), options));
                self.group_written(store.as_ref(), group, created, warnings, messages)
                    .await
            }
            Outcome::Replayed { id } => {
                let group = self.group_named(store.as_ref(), &id).await?;
                self.group_written(store.as_ref(), group, false, Vec::new(), Vec::new())
                    .await
            }
            _ => Err(unexpected()),
        }
    }

    /// The members of the group that the idempotency key made before: a repeated command means the
    /// same receivers, even if their names have got namesakes since.
    async fn first_members(
        &self,
        store: &dyn Store,
        principal: &Principal,
        options: &WriteOptions,
    ) -> Result<Vec<Receiver>> {
        let first = self.first_use(store, principal, options).await?;
        let Some(id) = first.and_then(|id| id.parse::<GroupId>().ok()) else {
            return Ok(Vec::new());
        };
        match store.groups(&[id]).await?.first() {
            Some(group) => members(store, group).await,
            None => Ok(Vec::new()),
        }
    }

    /// Puts a gate in or out of force.
    pub async fn set_group_enabled(
        &self,
        principal: &Principal,
        group: &str,
        enabled: bool,
        options: &WriteOptions,
    ) -> Result<GroupWritten> {
        let result = self
            .set_group_enabled_unaudited(principal, group, enabled, options)
            .await;
        self.audited(principal, "set_group_enabled", group, options, result)
    }

    async fn set_group_enabled_unaudited(
        &self,
        principal: &Principal,
        group: &str,
        enabled: bool,
        options: &WriteOptions,
    ) -> Result<GroupWritten> {
        principal.require(Scope::Define)?;
        let store = self.store().await?;
        let id = match self.group_named(store.as_ref(), group).await {
            Err(error) if is_ambiguous(&error) => {
                let first = self.first_use(store.as_ref(), principal, options).await?;
                let first = first.and_then(|id| id.parse::<GroupId>().ok());
                let found = store.groups(first.as_slice()).await?.pop();
                let meant = |g: &Group| group.trim() == g.name || group.trim() == g.kind;
                found.filter(meant).ok_or(error)?.id
            }
            named => named?.id,
        };
        match self
            .submit(principal, Action::SetGroupEnabled { id, enabled }, options)
            .await?
        {
            Outcome::GroupEnabled {
                group,
                changed,
                messages,
            } => {
                self.group_written(store.as_ref(), group, changed, Vec::new(), messages)
                    .await
            }
            Outcome::Replayed { id } => {
                let group = self.group_named(store.as_ref(), &id).await?;
                self.group_written(store.as_ref(), group, false, Vec::new(), Vec::new())
                    .await
            }
            _ => Err(unexpected()),
        }
    }

    async fn group_written(
        &self,
        store: &dyn Store,
        group: Group,
        changed: bool,
        mut warnings: Vec<Warning>,
        messages: Vec<crate::domain::command::MessageNote>,
    ) -> Result<GroupWritten> {
        let receivers = Self::beside(members(store, &group).await, &mut warnings);
        if receivers.iter().any(|r| r.unchecked_refs) {
            warnings.push(unchecked_refs());
        }
        let passing = if group.enabled {
            let look = self
                .look_at_gate(store, &group, None, limits::PASSING_COUNT)
                .await;
            let passing = look.map(|look| {
                Some(PassingUnits {
                    count: look.passing.len(),
                    exact: look.next.is_none(),
                })
            });
            Self::beside(passing, &mut warnings)
        } else {
            None
        };
        Ok(GroupWritten {
            group,
            receivers,
            changed,
            passing,
            warnings,
            messages,
        })
    }

    /// A receiver with its schema, by id, name or type.
    pub async fn fetch_receiver(
        &self,
        principal: &Principal,
        what: &str,
    ) -> Result<DefinedReceiver> {
        principal.require(Scope::Read)?;
        let store = self.store().await?;
        let receiver = self.receiver_named(store.as_ref(), what).await?;
        let text = store
            .schema(receiver.id)
            .await?
            .unwrap_or_else(|| "{}".to_owned());
        let schema =
            serde_json::value::RawValue::from_string(text).map_err(super::Error::internal)?;
        Ok(DefinedReceiver { receiver, schema })
    }

    /// A group with its members, by id, name or type.
    pub async fn fetch_group(
        &self,
        principal: &Principal,
        what: &str,
    ) -> Result<(Group, Vec<Receiver>)> {
        principal.require(Scope::Read)?;
        let store = self.store().await?;
        let group = self.group_named(store.as_ref(), what).await?;
        let receivers = members(store.as_ref(), &group).await?;
        Ok((group, receivers))
    }

    /// Receivers that fit, newest first.
    pub async fn search_receivers(
        &self,
        principal: &Principal,
        filter: &DefinitionFilter,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<DefinitionPage<Receiver>> {
        principal.require(Scope::Read)?;
        let mark = query_mark("receivers", filter);
        let after = cursor.map(|c| Cursor::decode(c, mark)).transpose()?;
        let store = self.store().await?;
        let page = store
            .find_receivers(filter, after, limit.clamp(1, limits::PAGE_MAX))
            .await?;
        let total = if *filter == DefinitionFilter::default() {
            Some(store.counters().await?.receivers)
        } else {
            None
        };
        Ok(DefinitionPage {
            total: total.or_else(|| {
                (after.is_none() && page.next.is_none()).then_some(page.rows.len() as u64)
            }),
            next_cursor: page.next.map(|position| Cursor { position, mark }.encode()),
            scanned: page.scanned,
            rows: page.rows,
        })
    }

    /// Groups that fit, newest first.
    pub async fn search_groups(
        &self,
        principal: &Principal,
        filter: &DefinitionFilter,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<DefinitionPage<Group>> {
        principal.require(Scope::Read)?;
        let mark = query_mark("groups", filter);
        let after = cursor.map(|c| Cursor::decode(c, mark)).transpose()?;
        let store = self.store().await?;
        let page = store
            .find_groups(filter, after, limit.clamp(1, limits::PAGE_MAX))
            .await?;
        let total = if *filter == DefinitionFilter::default() {
            Some(store.counters().await?.groups)
        } else {
            None
        };
        Ok(DefinitionPage {
            total: total.or_else(|| {
                (after.is_none() && page.next.is_none()).then_some(page.rows.len() as u64)
            }),
            next_cursor: page.next.map(|position| Cursor { position, mark }.encode()),
            scanned: page.scanned,
            rows: page.rows,
        })
    }
}

/// A group's members, in the group's order.
pub(super) async fn members(store: &dyn Store, group: &Group) -> Result<Vec<Receiver>> {
    let found = store.receivers(&group.event_receiver_ids).await?;
    Ok(group
        .event_receiver_ids
        .iter()
        .filter_map(|id| found.iter().find(|r| r.id == *id).cloned())
        .collect())
}

/// Groups keep to the receivers that they were made with, which whoever makes a new version of one
/// may not expect.
async fn other_version_in_gates(store: &dyn Store, receiver: &Receiver) -> Result<Option<Warning>> {
    let name = TextMatch::Exact(receiver.name.clone());
    let mut ids = store
        .receiver_ids(ReceiverText::Name, &name, limits::CANDIDATES)
        .await?;
    ids.retain(|id| *id != receiver.id);
    let others = store.receivers(&ids).await?;
    let versions: Vec<ReceiverId> = others
        .iter()
        .filter(|other| other.kind == receiver.kind)
        .map(|other| other.id)
        .collect();
    let groups = store.groups_of(&versions, limits::CANDIDATES).await?;
    let Some(group) = groups.first() else {
        return Ok(None);
    };
    let more = if groups.len() > 1 { " and others" } else { "" };
    Ok(Some(Warning {
        code: "other_version_in_gates",
        text: format!(
            "Gate {} ({}){more} keeps to another version of this receiver: events of this one do not count there. \
             Create a group with this one, and disable the old group.",
            quoted(&group.name),
            group.id
        ),
    }))
}

fn shared_type(other: &str) -> Warning {
    Warning {
        code: "shared_type",
        text: format!(
            "A {other} has the same type: watchers that match on the type alone cannot tell its events from a passed \
             gate. Prefer a type of its own."
        ),
    }
}

pub(super) fn unchecked_refs() -> Warning {
    Warning {
        code: "unchecked_refs",
        text: "Parts of the schema refer to documents that this server does not have and are not checked.".to_owned(),
    }
}
