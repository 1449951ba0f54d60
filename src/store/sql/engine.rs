//! A database engine as a [`Store`]: what it does with connections is its own, what is asked of them
//! is the same for all.

use std::fmt;
use std::ops::DerefMut;

use async_trait::async_trait;
use tokio::sync::watch;

use super::load;
use super::read::{self, definitions, glance, messages};
use super::session::Session;
use crate::domain::command::Command;
use crate::domain::event::Event;
use crate::domain::gate::Latest;
use crate::domain::group::Group;
use crate::domain::id::{EventId, GroupId, ReceiverId};
use crate::domain::message::MessageRecord;
use crate::domain::receiver::Receiver;
use crate::domain::search::{DefinitionFilter, Order, Page, Position, TextMatch};
use crate::domain::time::Timestamp;
use crate::domain::unit::{Unit, UnitKey};
use crate::store::{
    AuditEntry, Bounds, Change, Counters, Cutoffs, Decided, Glance, GlanceLimits, Pruned,
    ReceiverText, RecordText, Remark, Result, Store, StoreInfo, Stream,
};

/// What an engine has to give to be a [`Store`]; the methods of the same name say what they do.
pub(in crate::store) trait Engine: fmt::Debug + Send + Sync + 'static {
    /// An open connection.
    type Session: Session;
    /// A connection for reading, which goes back when it is dropped.
    type Reader: DerefMut<Target = Self::Session> + Send;

    fn info(&self) -> &StoreInfo;
    /// A connection for reading.
    fn reader(&self) -> impl Future<Output = Result<Self::Reader>> + Send;
    /// Whether a read failed because the connection was dead already: another one may be alive.
    fn was_dead(_: &Self::Reader) -> bool {
        false
    }
    fn write(
        &self,
        commands: &[Command],
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<Decided>>> + Send;
    fn preview(
        &self,
        commands: &[Command],
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<Decided>>> + Send;
    fn prune(&self, cutoffs: &Cutoffs, limit: usize)
    -> impl Future<Output = Result<Pruned>> + Send;
    fn wakes(&self) -> watch::Receiver<u64>;
    fn check(&self) -> impl Future<Output = Result<Vec<String>>> + Send;
    fn remarks(&self) -> impl Future<Output = Result<Vec<Remark>>> + Send {
        async { Ok(Vec::new()) }
    }
    fn close(&self) -> impl Future<Output = ()> + Send;
}

/// Reads on a connection, and on others as long as those at hand turn out to be dead.
macro_rules! reading {
    ($store:ident, $session:ident => $read:expr) => {
        loop {
            let mut reader = $store.reader().await?;
            let $session = &mut *reader;
            let answer = $read.await;
            if answer.is_ok() || !E::was_dead(&reader) {
                break answer;
            }
        }
    };
}

pub(super) use reading;

#[async_trait]
impl<E: Engine> Store for E {
    fn info(&self) -> &StoreInfo {
        Engine::info(self)
    }

    async fn write(&self, commands: &[Command], now: Timestamp) -> Result<Vec<Decided>> {
        Engine::write(self, commands, now).await
    }

    async fn preview(&self, commands: &[Command], now: Timestamp) -> Result<Vec<Decided>> {
        Engine::preview(self, commands, now).await
    }

    async fn receivers(&self, ids: &[ReceiverId]) -> Result<Vec<Receiver>> {
        reading!(self, session => definitions::receivers(session, ids))
    }

    async fn receiver_ids(
        &self,
        by: ReceiverText,
        value: &TextMatch,
        limit: usize,
    ) -> Result<Vec<ReceiverId>> {
        reading!(self, session => definitions::receiver_ids(session, by, value, limit))
    }

    async fn schema(&self, id: ReceiverId) -> Result<Option<String>> {
        reading!(self, session => load::schema(session, id))
    }

    async fn schemas(&self, ids: &[ReceiverId]) -> Result<Vec<(ReceiverId, String)>> {
        reading!(self, session => definitions::schemas(session, ids))
    }

    async fn find_receivers(
        &self,
        filter: &DefinitionFilter,
        after: Position,
        limit: usize,
    ) -> Result<Page<Receiver>> {
        reading!(self, session => definitions::find_receivers(session, filter, after, limit))
    }

    async fn groups(&self, ids: &[GroupId]) -> Result<Vec<Group>> {
        reading!(self, session => definitions::groups(session, ids))
    }

    async fn find_groups(
        &self,
        filter: &DefinitionFilter,
        after: Position,
        limit: usize,
    ) -> Result<Page<Group>> {
        reading!(self, session => definitions::find_groups(session, filter, after, limit))
    }

    async fn groups_of(&self, receivers: &[ReceiverId], limit: usize) -> Result<Vec<Group>> {
        reading!(self, session => definitions::groups_of(session, receivers, limit))
    }

    async fn texts(
        &self,
        of: RecordText,
        beginning: &str,
        limit: usize,
    ) -> Result<Vec<(String, String)>> {
        reading!(self, session => definitions::texts(session, of, beginning, limit))
    }

    async fn event_seqs(&self, ids: &[EventId]) -> Result<Vec<i64>> {
        reading!(self, session => read::event_seqs(session, ids))
    }

    async fn events(&self, seqs: &[i64]) -> Result<Vec<Event>> {
        reading!(self, session => read::events(session, seqs))
    }

    async fn payloads(&self, seqs: &[i64]) -> Result<Vec<(i64, String)>> {
        reading!(self, session => read::payloads(session, seqs))
    }

    async fn stream(
        &self,
        stream: Stream,
        bounds: Bounds,
        order: Order,
        limit: usize,
    ) -> Result<Vec<i64>> {
        reading!(self, session => read::stream(session, stream, bounds, order, limit))
    }

    async fn stream_count(&self, stream: Stream) -> Result<u64> {
        reading!(self, session => read::stream_count(session, stream))
    }

    async fn streams(
        &self,
        streams: &[Stream],
        bounds: Bounds,
        order: Order,
        limit: usize,
    ) -> Result<Vec<i64>> {
        reading!(self, session => read::streams(session, streams, bounds, order, limit))
    }

    async fn stream_counts(&self, streams: &[Stream]) -> Result<u64> {
        reading!(self, session => read::stream_counts(session, streams))
    }

    async fn seq_at(&self, at: Timestamp) -> Result<i64> {
        reading!(self, session => read::seq_at(session, at))
    }

    async fn names(&self, name: &TextMatch, limit: usize) -> Result<Vec<(i64, String)>> {
        reading!(self, session => read::names(session, name, limit))
    }

    async fn newest_names(&self, limit: usize) -> Result<Vec<String>> {
        reading!(self, session => read::newest_names(session, limit))
    }

    async fn unit_ids(&self, keys: &[UnitKey]) -> Result<Vec<(UnitKey, i64)>> {
        reading!(self, session => read::unit_ids(session, keys))
    }

    async fn units(&self, ids: &[i64]) -> Result<Vec<(i64, Unit)>> {
        reading!(self, session => read::units(session, ids))
    }

    async fn units_by_name(
        &self,
        name: Option<i64>,
        before: Position,
        limit: usize,
    ) -> Result<Vec<(i64, Unit)>> {
        reading!(self, session => read::units_by_name(session, name, before, limit))
    }

    async fn units_by_version(&self, name: i64, version: &str, limit: usize) -> Result<Vec<i64>> {
        reading!(self, session => read::units_by_version(session, name, version, limit))
    }

    async fn unit_receivers(&self, unit: i64, limit: usize) -> Result<Vec<ReceiverId>> {
        reading!(self, session => read::unit_receivers(session, unit, limit))
    }

    async fn latest(
        &self,
        units: &[i64],
        receivers: &[ReceiverId],
    ) -> Result<Vec<(i64, ReceiverId, Latest)>> {
        reading!(self, session => load::latest(session, units, receivers.iter().copied()))
    }

    async fn latest_of(
        &self,
        receiver: ReceiverId,
        before: Position,
        limit: usize,
    ) -> Result<Vec<(i64, i64)>> {
        reading!(self, session => read::latest_of(session, receiver, before, limit))
    }

    async fn first_use(&self, principal: &str, key: &str) -> Result<Option<String>> {
        reading!(self, session => read::first_use(session, principal, key))
    }

    async fn messages(&self, after: i64, limit: usize) -> Result<Vec<MessageRecord>> {
        reading!(self, session => messages::page(session, after, limit))
    }

    async fn changes(&self, after: i64, limit: usize) -> Result<Vec<Change>> {
        reading!(self, session => messages::changes(session, after, limit))
    }

    fn wakes(&self) -> watch::Receiver<u64> {
        Engine::wakes(self)
    }

    async fn audit(&self, before: Position, limit: usize) -> Result<Vec<AuditEntry>> {
        reading!(self, session => read::audit(session, before, limit))
    }

    async fn glance(&self, most: &GlanceLimits) -> Result<Glance> {
        reading!(self, session => glance::read(session, most))
    }

    async fn counters(&self) -> Result<Counters> {
        reading!(self, session => read::counters(session))
    }

    async fn prune(&self, cutoffs: &Cutoffs, limit: usize) -> Result<Pruned> {
        Engine::prune(self, cutoffs, limit).await
    }

    async fn check(&self) -> Result<Vec<String>> {
        Engine::check(self).await
    }

    async fn remarks(&self) -> Result<Vec<Remark>> {
        Engine::remarks(self).await
    }

    async fn close(&self) {
        Engine::close(self).await;
    }
}
