//! Compiled schemas and the memory and processor time that checking payloads may take.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::{Error, Result};
use crate::domain::id::ReceiverId;
use crate::domain::json;
use crate::domain::receiver::Receiver;
use crate::domain::refusal::Refusal;
use crate::domain::schema::{self, Compiled, Documents};
use crate::domain::secrets;
use crate::limits;
use crate::store::Store;

/// Bytes for one permit of the memory semaphore.
const PERMIT_BYTES: usize = 1024;

#[derive(Debug)]
pub(super) struct Schemas {
    documents: Arc<Documents>,
    cache: Mutex<Cache>,
    memory: Arc<Semaphore>,
    validators: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Cache {
    compiled: HashMap<ReceiverId, Arc<Compiled>>,
    /// Oldest first, with the bytes of the schema's text.
    order: VecDeque<(ReceiverId, usize)>,
    /// Bytes of all of them.
    bytes: usize,
}

impl Cache {
    fn insert(&mut self, id: ReceiverId, compiled: Arc<Compiled>, bytes: usize) {
        if self.compiled.insert(id, compiled).is_none() {
            self.order.push_back((id, bytes));
            self.bytes += bytes;
        }
        while self.order.len() > limits::SCHEMA_CACHE || self.bytes > limits::SCHEMA_CACHE_BYTES {
            let Some((oldest, bytes)) = self.order.pop_front() else {
                return;
            };
            self.compiled.remove(&oldest);
            self.bytes -= bytes;
        }
    }
}

/// Memory that documents were granted, until this is dropped.
#[derive(Debug, Clone)]
pub struct Room {
    _permit: Arc<OwnedSemaphorePermit>,
}

/// What a look at a payload's text found that its receiver's schema does not decide.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// A key occurs twice in one object.
    pub(super) duplicate_keys: bool,
    /// What the first secret is.
    pub(super) secret: Option<&'static str>,
}

impl Schemas {
    pub(super) fn new(documents: Documents) -> Self {
        Self {
            documents: Arc::new(documents),
            cache: Mutex::new(Cache::default()),
            memory: Arc::new(Semaphore::new(limits::JSON_MEMORY_BYTES / PERMIT_BYTES)),
            validators: Arc::new(Semaphore::new(limits::VALIDATORS)),
        }
    }

    /// Compiles the text of a new receiver's schema.
    pub(super) async fn compile(
        &self,
        text: String,
        allow_unresolved_refs: bool,
    ) -> Result<Arc<Compiled>> {
        let documents = self.documents.clone();
        self.blocking(move || {
            schema::compile(&text, &documents, allow_unresolved_refs).map(Arc::new)
        })
        .await
    }

    /// The compiled schema of a receiver, from the cache or the store.
    pub(super) async fn of(&self, store: &dyn Store, receiver: &Receiver) -> Result<Arc<Compiled>> {
        let id = receiver.id;
        if let Some(compiled) = self.lock().compiled.get(&id) {
            return Ok(compiled.clone());
        }
        let text = store
            .schema(id)
            .await?
            .ok_or_else(|| super::not_found("receiver", id.to_string(), Vec::new()))?;
        // A document that this process lacks may not turn a checked schema into an unchecked one:
        // whoever was promised a check gets it or a refusal.
        let bytes = text.len();
        let (documents, unchecked) = (self.documents.clone(), receiver.unchecked_refs);
        let compiled = self
            .blocking_if(bytes, move || {
                schema::compile_accepted(&text, &documents, unchecked).map(Arc::new)
            })
            .await?;
        self.lock().insert(id, compiled.clone(), bytes);
        Ok(compiled)
    }

    /// Checks a payload's text against a schema. Nothing is built for schemas that accept
    /// everything. Tells what else is worth knowing of it.
    pub(super) async fn check(
        &self,
        id: ReceiverId,
        compiled: Arc<Compiled>,
        text: Arc<str>,
    ) -> Result<Findings> {
        let scanned = text.clone();
        let (shape, secret) = self
            .blocking_if(text.len(), move || {
                let shape = json::scan("payload", &scanned)?;
                Ok((shape, secrets::first_in_json(&scanned)))
            })
            .await?;
        let findings = Findings {
            duplicate_keys: shape.duplicate_keys,
            secret,
        };
        if compiled.accepts_everything() {
            return Ok(findings);
        }
        json::check_nodes("payload", &shape)?;
        let room = self.room(shape.nodes * limits::JSON_NODE_BYTES + text.len());
        let room = room.await?;
        if text.len() <= limits::INLINE_PAYLOAD_BYTES
            && compiled.matches_at_once(&json::parse("payload", &text, &shape)?)
        {
            return Ok(findings);
        }
        self.blocking(move || {
            let value = json::parse("payload", &text, &shape)?;
            let checked = compiled.check(&value);
            drop(value);
            drop(room);
            checked.map_err(|found| Refusal::SchemaMismatch {
                receiver_id: id.to_string(),
                violations: found.violations,
                more: found.more,
            })
        })
        .await?;
        Ok(findings)
    }

    /// Memory for so many bytes of documents, when there is some; never more than there is in all.
    pub(super) async fn room(&self, bytes: usize) -> Result<Room> {
        let needed = bytes.div_ceil(PERMIT_BYTES);
        let permits =
            u32::try_from(needed.min(limits::JSON_MEMORY_BYTES / PERMIT_BYTES)).unwrap_or(u32::MAX);
        let busy = Refusal::Busy {
            what: "too many large documents are being read",
        };
        let permit = timeout(
            Duration::from_secs(limits::WAIT_SECONDS),
            self.memory.clone().acquire_many_owned(permits),
        )
        .await
        .map_err(|_| busy)?
        .map_err(Error::internal)?;
        Ok(Room {
            _permit: Arc::new(permit),
        })
    }

    /// Runs work over so many bytes: at once where they are few.
    pub(super) async fn blocking_if<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> std::result::Result<T, Refusal> + Send + 'static,
    ) -> Result<T> {
        if bytes <= limits::INLINE_PAYLOAD_BYTES {
            return Ok(work()?);
        }
        self.blocking(work).await
    }

    /// Runs work that may take long on a thread of its own, a bounded number at a time.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> std::result::Result<T, Refusal> + Send + 'static,
    ) -> Result<T> {
        let busy = Refusal::Busy {
            what: "too many payloads are being checked",
        };
        let permit = timeout(
            Duration::from_secs(limits::WAIT_SECONDS),
            self.validators.clone().acquire_owned(),
        )
        .await
        .map_err(|_| busy)?
        .map_err(Error::internal)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        });
        Ok(done.await.map_err(Error::internal)??)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{CountingIds, IdSource as _};
    use crate::domain::time::Timestamp;

    #[test]
    fn compiled_schemas_are_kept_by_number_and_by_size() {
        let ids = CountingIds::new(Timestamp::from_micros(1_795_000_000_000_000));
        let compiled = Arc::new(schema::compile("{}", &Documents::built_in(), false).unwrap());
        let fill = |count: usize, bytes: usize| {
            let mut cache = Cache::default();
            for _ in 0..count {
                cache.insert(ReceiverId::new(ids.next()), compiled.clone(), bytes);
            }
            assert_eq!(cache.bytes, cache.order.len() * bytes);
            assert_eq!(cache.compiled.len(), cache.order.len());
            cache.order.len()
        };
        assert_eq!(fill(500, 10), limits::SCHEMA_CACHE);
        assert_eq!(fill(500, limits::SCHEMA_BYTES), 4);
        assert_eq!(
            fill(3, limits::SCHEMA_CACHE_BYTES + 1),
            0,
            "too large to keep"
        );
    }
}
