//! A new database and the means to fill it.

use std::sync::Arc;

use async_trait::async_trait;
use epr_mcp::domain::command::{Command, Outcome};
use epr_mcp::domain::event::Event;
use epr_mcp::domain::id::{CountingIds, EventId, GroupId, IdSource, ReceiverId};
use epr_mcp::domain::time::{Clock, SteppingClock, Timestamp};
use epr_mcp::domain::unit::Unit;
use epr_mcp::store::{Decided, Store};

use crate::harness::{self, SECOND, START, create_group, create_receiver, record_event};

/// A database that any number of handles can be opened on; it ends with this value.
#[async_trait]
pub(crate) trait Database: Send + Sync {
    /// A new handle, as another process would have it.
    async fn open(&self) -> Arc<dyn Store>;

    /// Another database of the same kind, not opened yet.
    fn fresh(&self) -> Arc<dyn Database>;
}

/// A database that is there, or may not be.
pub(crate) trait There {
    fn there(self) -> Option<Arc<dyn Database>>;
}

impl There for Arc<dyn Database> {
    fn there(self) -> Option<Arc<dyn Database>> {
        Some(self)
    }
}

impl There for Option<Arc<dyn Database>> {
    fn there(self) -> Option<Arc<dyn Database>> {
        self
    }
}

/// A database, one handle on it, a clock that advances by a second at each reading, and ids.
pub(crate) struct Scene {
    pub(crate) database: Arc<dyn Database>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: SteppingClock,
    pub(crate) ids: CountingIds,
}

impl Scene {
    pub(crate) async fn new(database: Arc<dyn Database>) -> Self {
        let store = database.open().await;
        Self {
            database,
            store,
            clock: SteppingClock::new(START, SECOND),
            ids: harness::ids(1),
        }
    }

    pub(crate) fn receiver_id(&self) -> ReceiverId {
        ReceiverId::new(self.ids.next())
    }

    pub(crate) fn group_id(&self) -> GroupId {
        GroupId::new(self.ids.next())
    }

    pub(crate) fn event_id(&self) -> EventId {
        EventId::new(self.ids.next())
    }

    /// Writes all commands, in as many transactions as that takes.
    pub(crate) async fn write(&self, commands: &[Command]) -> Vec<Decided> {
        write_all(self.store.as_ref(), commands, &self.clock).await
    }

    pub(crate) async fn submit(&self, command: Command) -> Decided {
        self.write(&[command]).await.remove(0)
    }

    pub(crate) async fn receiver(&self, name: &str) -> ReceiverId {
        let id = self.receiver_id();
        self.submit(create_receiver(id, name)).await.unwrap();
        id
    }

    pub(crate) async fn group(&self, name: &str, members: &[ReceiverId]) -> GroupId {
        let id = self.group_id();
        self.submit(create_group(id, name, members, true))
            .await
            .unwrap();
        id
    }

    pub(crate) async fn event(&self, receiver: ReceiverId, unit: &Unit, success: bool) -> Event {
        let command = record_event(self.event_id(), receiver, unit, success);
        recorded(&self.submit(command).await)
    }

    /// The row of a unit that has an event.
    pub(crate) async fn row(&self, unit: &Unit) -> i64 {
        let rows = self.store.unit_ids(&[unit.key()]).await.unwrap();
        assert_eq!(rows.len(), 1, "{unit:?}");
        assert_eq!(rows[0].0, unit.key());
        rows[0].1
    }
}

/// Writes all commands, in as many transactions as that takes.
pub(crate) async fn write_all(
    store: &dyn Store,
    commands: &[Command],
    clock: &dyn Clock,
) -> Vec<Decided> {
    let mut decided = Vec::new();
    while decided.len() < commands.len() {
        let some = store
            .write(&commands[decided.len()..], clock.now())
            .await
            .unwrap();
        assert!(
            !some.is_empty(),
            "a write has to decide at least one command"
        );
        decided.extend(some);
    }
    decided
}

/// The event that was recorded.
pub(crate) fn recorded(decided: &Decided) -> Event {
    match decided {
        Ok(Outcome::Event { event, .. }) => event.as_ref().clone(),
        other => panic!("no new event: {other:?}"),
    }
}

/// `micros` after [`START`].
pub(crate) fn after_start(micros: i64) -> Timestamp {
    START.plus_micros(micros)
}
