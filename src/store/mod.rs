//! The one place with SQL. A [`Store`] keeps rows and gives them back; it has no rules of
//! behaviour: what is written is decided by [`crate::domain::decide`].
//!
//! To add an engine: a folder that gives its connections and statements to what all engines have in
//! common (`sql`), its migrations, an arm where the database's URL is read, and a line in the
//! test-suite that every engine passes.

mod copy;
pub mod error;
mod index;
pub mod postgres;
pub mod search;
mod sql;
pub mod sqlite;
mod wake;
pub mod writer;

use std::fmt;

use async_trait::async_trait;
use tokio::sync::watch;

pub use error::StoreError;
pub use index::{IndexStore, LinkRow, RunRange, RunWindow};

use crate::domain::command::{Command, Outcome};
use crate::domain::event::Event;
use crate::domain::gate::Latest;
use crate::domain::group::Group;
use crate::domain::id::{EventId, GroupId, ReceiverId};
use crate::domain::message::{MessageKind, MessageRecord};
use crate::domain::principal::Recorder;
use crate::domain::receiver::Receiver;
use crate::domain::refusal::Refusal;
use crate::domain::search::{DefinitionFilter, Order, Page, Position, TextMatch};
use crate::domain::time::Timestamp;
use crate::domain::unit::{Unit, UnitKey};

/// What a store answers.
pub type Result<T> = std::result::Result<T, StoreError>;

/// What one command of a batch led to.
pub type Decided = std::result::Result<Outcome, Refusal>;

/// A registry's rows on one database engine.
///
/// Reads are coarse and bounded; a list that is asked for by ids comes back without those that do
/// not exist. Everything runs on any number of processes over one database.
#[async_trait]
pub trait Store: IndexStore + Send + Sync + fmt::Debug {
    /// Where the rows are and how they are kept.
    fn info(&self) -> &StoreInfo;

    /// Loads the state that `commands` need, decides them, writes the plan: in one transaction,
    /// with the registry's single write lock. The answers stand in the order of the commands.
    /// Commands beyond the time limit of one transaction are not decided: fewer answers than
    /// commands come back, and at least one.
    async fn write(&self, commands: &[Command], now: Timestamp) -> Result<Vec<Decided>>;

    /// Decides commands in their order against the present state, each as if those before it were done,
    /// and writes nothing.
    async fn preview(&self, commands: &[Command], now: Timestamp) -> Result<Vec<Decided>>;

    /// Receivers by id.
    async fn receivers(&self, ids: &[ReceiverId]) -> Result<Vec<Receiver>>;

    /// Receivers whose name or type fits, in the order of that text, at most `limit`.
    async fn receiver_ids(
        &self,
        by: ReceiverText,
        value: &TextMatch,
        limit: usize,
    ) -> Result<Vec<ReceiverId>>;

    /// The text of a receiver's schema.
    async fn schema(&self, id: ReceiverId) -> Result<Option<String>>;

    /// The texts of receivers' schemas.
    async fn schemas(&self, ids: &[ReceiverId]) -> Result<Vec<(ReceiverId, String)>>;

    /// Receivers that fit, newest first, from a bounded look at the table.
    async fn find_receivers(
        &self,
        filter: &DefinitionFilter,
        after: Position,
        limit: usize,
    ) -> Result<Page<Receiver>>;

    /// Groups by id.
    async fn groups(&self, ids: &[GroupId]) -> Result<Vec<Group>>;

    /// Groups that fit, newest first, from a bounded look at the table.
    async fn find_groups(
        &self,
        filter: &DefinitionFilter,
        after: Position,
        limit: usize,
    ) -> Result<Page<Group>>;

    /// Groups that any of these receivers belongs to, by id, at most `limit`.
    async fn groups_of(&self, receivers: &[ReceiverId], limit: usize) -> Result<Vec<Group>>;

    /// Texts of records that begin with `beginning`, each with the id of its record: in character
    /// order, ids from the greatest (the newest) down.
    async fn texts(
        &self,
        of: RecordText,
        beginning: &str,
        limit: usize,
    ) -> Result<Vec<(String, String)>>;

    /// The log positions of events by id.
    async fn event_seqs(&self, ids: &[EventId]) -> Result<Vec<i64>>;

    /// Events by log position, in the order of `seqs`.
    async fn events(&self, seqs: &[i64]) -> Result<Vec<Event>>;

    /// Payload texts by log position, in the order of `seqs`.
    async fn payloads(&self, seqs: &[i64]) -> Result<Vec<(i64, String)>>;

    /// Log positions of one index range, in order, strictly inside `(after, before)`.
    async fn stream(
        &self,
        stream: Stream,
        bounds: Bounds,
        order: Order,
        limit: usize,
    ) -> Result<Vec<i64>>;

    /// The first of several index ranges of one kind, merged in order.
    async fn streams(
        &self,
        streams: &[Stream],
        bounds: Bounds,
        order: Order,
        limit: usize,
    ) -> Result<Vec<i64>> {
        let mut seqs = Vec::new();
        for stream in streams {
            seqs.extend(self.stream(*stream, bounds, order, limit).await?);
        }
        Ok(merge(seqs, order, limit))
    }

    /// How many events a whole stream has, from counters.
    async fn stream_count(&self, stream: Stream) -> Result<u64>;

    /// How many events several whole streams of one kind have together.
    async fn stream_counts(&self, streams: &[Stream]) -> Result<u64> {
        let mut count = 0;
        for stream in streams {
            count += self.stream_count(*stream).await?;
        }
        Ok(count)
    }

    /// The position of the first event recorded at or after `at`; one past the newest if none.
    async fn seq_at(&self, at: Timestamp) -> Result<i64>;

    /// Names that fit, in character order: row id and text.
    async fn names(&self, name: &TextMatch, limit: usize) -> Result<Vec<(i64, String)>>;

    /// The names that were seen first most recently.
    async fn newest_names(&self, limit: usize) -> Result<Vec<String>>;

    /// Row ids of units by key.
    async fn unit_ids(&self, keys: &[UnitKey]) -> Result<Vec<(UnitKey, i64)>>;

    /// Units by row id.
    async fn units(&self, ids: &[i64]) -> Result<Vec<(i64, Unit)>>;

    /// Units, newest first by their first event: those of one name (by row id) or all.
    async fn units_by_name(
        &self,
        name: Option<i64>,
        before: Position,
        limit: usize,
    ) -> Result<Vec<(i64, Unit)>>;

    /// Units of one name and version, newest first.
    async fn units_by_version(&self, name: i64, version: &str, limit: usize) -> Result<Vec<i64>>;

    /// Receivers with an event for a unit (row id), at most `limit`.
    async fn unit_receivers(&self, unit: i64, limit: usize) -> Result<Vec<ReceiverId>>;

    /// The newest event of each of `receivers` for each of `units` (row ids).
    async fn latest(
        &self,
        units: &[i64],
        receivers: &[ReceiverId],
    ) -> Result<Vec<(i64, ReceiverId, Latest)>>;

    /// Units by their newest event of one receiver, newest first: unit row id and position.
    async fn latest_of(
        &self,
        receiver: ReceiverId,
        before: Position,
        limit: usize,
    ) -> Result<Vec<(i64, i64)>>;

    /// The id of what a principal's idempotency key made.
    async fn first_use(&self, principal: &str, key: &str) -> Result<Option<String>>;

    /// Messages after a position, in order, with the records that they are about: at most `limit`,
    /// and no more than have [`crate::limits::MESSAGE_PAGE_BYTES`] together, but at least one.
    async fn messages(&self, after: i64, limit: usize) -> Result<Vec<MessageRecord>>;

    /// What changed after a position of the log, in order: messages without what they are about.
    async fn changes(&self, after: i64, limit: usize) -> Result<Vec<Change>>;

    /// Changes its value when messages may have been added, by this or any other process. While
    /// somebody holds a receiver the database is watched for that.
    fn wakes(&self) -> watch::Receiver<u64>;

    /// Audit rows, newest first.
    async fn audit(&self, before: Position, limit: usize) -> Result<Vec<AuditEntry>>;

    /// What the registry holds, at a glance; at most so many rows of each kind.
    async fn glance(&self, most: &GlanceLimits) -> Result<Glance>;

    /// Totals and running numbers.
    async fn counters(&self) -> Result<Counters>;

    /// Deletes what is older than its cutoff, looking at no more than `limit` rows of each kind.
    async fn prune(&self, cutoffs: &Cutoffs, limit: usize) -> Result<Pruned>;

    /// Looks for damage, for `doctor`: a list of findings, empty when all is well.
    async fn check(&self) -> Result<Vec<String>>;

    /// What an operator should know of the server, now, for `doctor`.
    async fn remarks(&self) -> Result<Vec<Remark>>;

    /// Closes all connections; work in progress ends first.
    async fn close(&self);
}

/// The first of these positions, in order.
fn merge(mut seqs: Vec<i64>, order: Order, limit: usize) -> Vec<i64> {
    match order {
        Order::NewestFirst => seqs.sort_unstable_by(|a, b| b.cmp(a)),
        Order::OldestFirst => seqs.sort_unstable(),
    }
    seqs.truncate(limit);
    seqs
}

/// A text by which receivers are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiverText {
    /// The name.
    Name,
    /// The type.
    Type,
}

/// A text that names records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordText {
    /// The name of a receiver.
    ReceiverName,
    /// The type of a receiver.
    ReceiverType,
    /// The id of a receiver.
    ReceiverId,
    /// The name of a group.
    GroupName,
    /// The type of a group.
    GroupType,
    /// The id of a group.
    GroupId,
    /// The id of an event.
    EventId,
}

/// A message without what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Its position in the log.
    pub seq: i64,
    /// What it tells.
    pub kind: MessageKind,
    /// The unit of its event.
    pub unit: Option<UnitKey>,
    /// Its receiver, or that of its event.
    pub receiver: Option<ReceiverId>,
    /// Its group.
    pub group: Option<GroupId>,
    /// When it was written.
    pub created_at: Timestamp,
}

/// What one step of retention did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Rows that were deleted.
    pub rows: u64,
    /// Whether there may be more to delete.
    pub more: bool,
}

/// One index range over the log of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// All events.
    All,
    /// All failures.
    Failed,
    /// Events of one unit (row id).
    Unit(i64),
    /// Events of one name (row id) with one outcome.
    Name(i64, bool),
    /// Events of one receiver with one outcome.
    Receiver(ReceiverId, bool),
}

/// Log positions strictly between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Greater than this.
    pub after: i64,
    /// Smaller than this.
    pub before: i64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            after: 0,
            before: i64::MAX,
        }
    }
}

/// Something that an operator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// What it is about, in a word or two.
    pub about: &'static str,
    /// What was found, and what to do if it is not as it should be.
    pub text: String,
    /// Whether it is not as it should be.
    pub bad: bool,
}

/// What can be told of a database without changing it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspected {
    /// The version of its schema; 0 where there is no registry.
    pub version: i64,
    /// Whether a registry could be made where there is none.
    pub may_make: bool,
    /// What an operator should know.
    pub warnings: Vec<String>,
}

/// Where the rows are and how they are kept.
#[derive(Debug, Clone, Default)]
pub struct StoreInfo {
    /// `sqlite` or `postgresql`.
    pub engine: &'static str,
    /// Version of the engine.
    pub engine_version: String,
    /// File or server.
    pub location: String,
    /// The version of the schema.
    pub schema_version: i64,
    /// The registry's own id.
    pub registry_id: String,
    /// Why the rows will not last, if they will not.
    pub ephemeral: Option<String>,
    /// What an operator should know.
    pub warnings: Vec<String>,
}

/// Totals and running numbers, kept by the writer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Events that succeeded.
    pub succeeded: u64,
    /// Events that failed.
    pub failed: u64,
    /// Receivers.
    pub receivers: u64,
    /// Groups.
    pub groups: u64,
    /// Units.
    pub units: u64,
    /// Messages that the log still has.
    pub messages: u64,
    /// The position up to which retention may have deleted messages.
    pub messages_pruned_to: i64,
    /// The newest event's position.
    pub last_event_seq: i64,
    /// The newest message's position.
    pub last_message_seq: i64,
    /// Pipeline runs.
    pub runs: u64,
    /// What events say that stand behind this position…
    pub reindexed_to: i64,
    /// …and not behind this one is not found out yet; 0 if there are none.
    pub unindexed_to: i64,
    /// When the oldest event was recorded.
    pub first_event_at: Option<Timestamp>,
    /// When the newest event was recorded.
    pub last_event_at: Option<Timestamp>,
}

/// How much a [`Glance`] looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GlanceLimits {
    /// Receivers.
    pub receivers: usize,
    /// Groups.
    pub groups: usize,
    /// Names.
    pub names: usize,
    /// Units of each member of the groups.
    pub units: usize,
    /// Looks at the newest event of a member for a unit.
    pub looks: usize,
}

/// What a registry holds, at a glance.
#[derive(Debug, Clone, Default)]
pub struct Glance {
    /// Totals.
    pub counters: Counters,
    /// The types of the newest receivers, newest first, each with the number of its events.
    pub types: Vec<(String, u64)>,
    /// The newest groups, newest first.
    pub groups: Vec<Group>,
    /// Units (row ids) with the newest events of the groups' members.
    pub units: Vec<i64>,
    /// Whether these are all units with such events.
    pub all_units: bool,
    /// Of each of these units and members: the newest event.
    pub latest: Vec<(i64, ReceiverId, Latest)>,
    /// The names that were seen first most recently.
    pub names: Vec<String>,
}

/// Rows recorded before these instants may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cutoffs {
    /// Messages that are never to be published.
    pub messages: Timestamp,
    /// The audit trail.
    pub audit: Timestamp,
    /// Idempotency keys.
    pub idempotency: Timestamp,
}

/// One row of the audit trail.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    /// Its position.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub recorder: Recorder,
    /// What was attempted, on what, how it went.
    pub note: crate::domain::command::AuditNote,
}
