//! What the tests are built from: a time and ids of their own, databases in folders of their own.

pub(crate) mod engine;
pub(crate) mod indexed;
pub(crate) mod invariants;
pub(crate) mod postgres;
pub(crate) mod process;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use epr_mcp::domain::command::{Action, Command, TurnPolicy};
use epr_mcp::domain::event::{EventDraft, Payload};
use epr_mcp::domain::group::GroupDraft;
use epr_mcp::domain::id::{CountingIds, EventId, GroupId, IdSource, ReceiverId};
use epr_mcp::domain::message::{MessageKind, MessageRecord};
use epr_mcp::domain::principal::{Principal, PrincipalKind, Recorder};
use epr_mcp::domain::receiver::ReceiverDraft;
use epr_mcp::domain::schema::Documents;
use epr_mcp::domain::time::{SteppingClock, Timestamp};
use epr_mcp::domain::unit::Unit;
use epr_mcp::registry::{
    Error, EventInput, EventWritten, GroupInput, GroupWritten, Parts, PayloadInput, ReceiverInput,
    ReceiverWritten, Registry, UnitInput, WriteOptions,
};
use epr_mcp::store::Store;

/// When the tests begin: 2026-11-18T11:06:40Z.
pub(crate) const START: Timestamp = Timestamp::from_micros(1_795_000_000_000_000);

/// Microseconds in one second: the step of the tests' clocks, so that times can be told apart.
pub(crate) const SECOND: i64 = 1_000_000;

/// Where the tests' ids come from.
pub(crate) type Ids = CountingIds;

/// Ids that no other source of the same test gives.
pub(crate) fn ids(source: i64) -> Ids {
    CountingIds::new(START.plus_micros(source * SECOND))
}

/// A unit that is told apart by its name alone.
pub(crate) fn unit(name: &str) -> Unit {
    Unit {
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        release: "2026.11".to_owned(),
        platform_id: "x64-linux".to_owned(),
        package: "oci".to_owned(),
    }
}

/// A command as the registry makes it.
pub(crate) fn command(action: Action) -> Command {
    Command {
        recorder: Arc::new(Recorder {
            principal: "ada".to_owned(),
            kind: PrincipalKind::Local,
            surface: "test".to_owned(),
            client: String::new(),
        }),
        action,
        idempotency_key: None,
        log_only: false,
        turns: TurnPolicy::Allowed,
    }
}

/// A receiver `name` of type `type.NAME` that accepts everything.
pub(crate) fn create_receiver(id: ReceiverId, name: &str) -> Command {
    let draft = ReceiverDraft {
        name: name.to_owned(),
        kind: format!("type.{name}"),
        version: "1".to_owned(),
        description: "a receiver".to_owned(),
        schema: "{}".to_owned(),
        allow_unresolved_refs: false,
    };
    command(Action::CreateReceiver {
        id,
        draft,
        unchecked_refs: false,
    })
}

/// A group `name` of type `gate.NAME`.
pub(crate) fn create_group(
    id: GroupId,
    name: &str,
    members: &[ReceiverId],
    enabled: bool,
) -> Command {
    let draft = GroupDraft {
        name: name.to_owned(),
        kind: format!("gate.{name}"),
        version: "1".to_owned(),
        description: "a group".to_owned(),
        enabled,
        event_receiver_ids: members.to_vec(),
    };
    command(Action::CreateGroup { id, draft })
}

/// An event with a small payload.
pub(crate) fn record_event(
    id: EventId,
    receiver: ReceiverId,
    unit: &Unit,
    success: bool,
) -> Command {
    record_payload(id, receiver, unit, success, "{}")
}

/// An event with this payload.
pub(crate) fn record_payload(
    id: EventId,
    receiver: ReceiverId,
    unit: &Unit,
    success: bool,
    payload: &str,
) -> Command {
    let draft = EventDraft {
        unit: unit.clone(),
        description: "an event".to_owned(),
        success,
        receiver_id: receiver,
        payload: Payload::new(payload),
    };
    command(Action::RecordEvent {
        id,
        draft,
        indexed: None,
    })
}

/// The user of this machine, with every right.
pub(crate) fn ada() -> Principal {
    Principal::local("ada", "test", "", false)
}

/// Every message of a log, in order.
pub(crate) async fn all_messages(store: &dyn Store) -> Vec<MessageRecord> {
    let mut all: Vec<MessageRecord> = Vec::new();
    loop {
        let page = store
            .messages(all.last().map_or(0, |m| m.seq), 500)
            .await
            .unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

/// The completions among messages: the group, the unit's name, whether it is a transition.
pub(crate) fn completions(messages: &[MessageRecord]) -> Vec<(String, String, bool)> {
    use epr_mcp::domain::message::MessageSubject::GroupComplete;
    let complete = |message: &MessageRecord| match &message.subject {
        GroupComplete { event, group, .. } => Some((
            group.name.clone(),
            event.unit.name.clone(),
            message.transition,
        )),
        _ => None,
    };
    messages.iter().filter_map(complete).collect()
}

/// What messages tell, in order.
pub(crate) fn kinds(messages: &[MessageRecord]) -> Vec<MessageKind> {
    messages
        .iter()
        .map(|message| message.subject.kind())
        .collect()
}

/// A registry over a database, with its clock.
pub(crate) struct Bench {
    pub(crate) registry: Registry,
    pub(crate) clock: Arc<SteppingClock>,
    pub(crate) path: PathBuf,
    /// Kept until the end of the test.
    folder: Option<tempfile::TempDir>,
}

impl Bench {
    /// On a new file in a folder of its own.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut bench = Self::at(&folder.path().join("epr.db"), 0);
        bench.folder = Some(folder);
        bench
    }

    /// On a new file, with messages that are never to be published.
    pub(crate) fn quiet() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut bench = Self::made(&folder.path().join("epr.db"), 0, false);
        bench.folder = Some(folder);
        bench
    }

    /// On this file; `source` tells its ids from those of others on the same file.
    pub(crate) fn at(path: &Path, source: i64) -> Self {
        Self::made(path, source, true)
    }

    fn made(path: &Path, source: i64, announce: bool) -> Self {
        let clock = Arc::new(SteppingClock::new(START, SECOND));
        let ids: Arc<dyn IdSource> = Arc::new(ids(source));
        let registry = Registry::new(Parts {
            opener: Arc::new(engine::DatabaseOpener {
                database: engine::database(path),
                ids: ids.clone(),
            }),
            clock: clock.clone(),
            ids,
            documents: Documents::built_in(),
            announce,
            refuse_secrets: false,
        });
        Self {
            registry,
            clock,
            path: path.to_path_buf(),
            folder: None,
        }
    }

    /// Defines a receiver as [`create_receiver`] does.
    pub(crate) async fn receiver(&self, name: &str) -> ReceiverWritten {
        self.try_receiver(name).await.unwrap()
    }

    pub(crate) async fn try_receiver(&self, name: &str) -> Result<ReceiverWritten, Error> {
        let input = ReceiverInput {
            name: name.to_owned(),
            kind: format!("type.{name}"),
            version: "1".to_owned(),
            description: "a receiver".to_owned(),
            schema: Some("{}".to_owned()),
            ..ReceiverInput::default()
        };
        self.registry
            .create_receiver(&ada(), input, &WriteOptions::default())
            .await
    }

    /// Defines a group of receivers named by name.
    pub(crate) async fn group(&self, name: &str, members: &[&str], enabled: bool) -> GroupWritten {
        let input = GroupInput {
            name: name.to_owned(),
            kind: format!("gate.{name}"),
            version: "1".to_owned(),
            description: "a group".to_owned(),
            enabled,
            receivers: members.iter().map(|member| (*member).to_owned()).collect(),
        };
        self.registry
            .create_group(&ada(), input, &WriteOptions::default())
            .await
            .unwrap()
    }

    /// Records an event for the unit that [`unit`] gives.
    pub(crate) async fn event(&self, receiver: &str, name: &str, success: bool) -> EventWritten {
        self.try_event(receiver, name, success).await.unwrap()
    }

    pub(crate) async fn try_event(
        &self,
        receiver: &str,
        name: &str,
        success: bool,
    ) -> Result<EventWritten, Error> {
        let input = event_input(receiver, unit(name), success, "{}");
        self.registry
            .create_event(&ada(), input, &WriteOptions::default())
            .await
    }

    /// The opened store.
    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        self.registry.store().await.unwrap()
    }
}

/// An event to record.
pub(crate) fn event_input(receiver: &str, unit: Unit, success: bool, payload: &str) -> EventInput {
    EventInput {
        unit: UnitInput::Exact(unit),
        description: "an event".to_owned(),
        success,
        receiver: receiver.to_owned(),
        payload: PayloadInput::Text(payload.to_owned()),
    }
}

/// The code of a refusal; anything else fails the test.
pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> &'static str {
    match result {
        Err(Error::Refused(refusal)) => refusal.code(),
        other => panic!("not refused: {other:?}"),
    }
}
