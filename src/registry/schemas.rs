//! Compiled schemas and the memory and processor time that checking payloads may take.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::{Error, Result};
use crate::domain::id::ReceiverId;
use crate::domain::json;
use crate::domain::receiver::Receiver;
use crate::domain::refusal::Refusal;
use crate::domain::schema::{self, Compiled, Documents};
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
    /// Oldest first.
    order: VecDeque<ReceiverId>,
}

/// A parsed document, and the memory that it was granted.
#[derive(Debug)]
pub(super) struct Parsed {
    value: Value,
    _memory: OwnedSemaphorePermit,
}

impl std::ops::Deref for Parsed {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.value
    }
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
        let compiled = self.compile(text, receiver.unchecked_refs).await?;
        let mut cache = self.lock();
        if cache.compiled.insert(id, compiled.clone()).is_none() {
            cache.order.push_back(id);
        }
        while cache.order.len() > limits::SCHEMA_CACHE {
            if let Some(oldest) = cache.order.pop_front() {
                cache.compiled.remove(&oldest);
            }
        }
        Ok(compiled)
    }

    /// Checks a payload's text against a schema. Nothing is built for schemas that accept
    /// everything. Tells whether keys occur twice.
    pub(super) async fn check(
        &self,
        id: ReceiverId,
        compiled: Arc<Compiled>,
        text: Arc<str>,
    ) -> Result<bool> {
        let scanned = text.clone();
        let shape = self
            .blocking(move || json::scan("payload", &scanned))
            .await?;
        if compiled.accepts_everything() {
            return Ok(shape.duplicate_keys);
        }
        json::check_nodes("payload", &shape)?;
        let memory = self.grant(shape.nodes, text.len()).await?;
        self.blocking(move || {
            let value = json::parse("payload", &text, &shape)?;
            let checked = compiled.check(&value);
            drop(value);
            drop(memory);
            checked.map_err(|found| Refusal::SchemaMismatch {
                receiver_id: id.to_string(),
                violations: found.violations,
                more: found.more,
            })
        })
        .await?;
        Ok(shape.duplicate_keys)
    }

    /// Parses a stored document, within the memory limit.
    pub(super) async fn parse(&self, what: &'static str, text: String) -> Result<Parsed> {
        let small = text.len() <= limits::INLINE_PAYLOAD_BYTES;
        let shape = if small {
            json::scan(what, &text)?
        } else {
            let scanned: Arc<str> = text.as_str().into();
            self.blocking(move || json::scan(what, &scanned)).await?
        };
        json::check_nodes(what, &shape)?;
        let memory = self.grant(shape.nodes, text.len()).await?;
        let parse = move || json::parse(what, &text, &shape);
        let value = if small {
            parse()?
        } else {
            self.blocking(parse).await?
        };
        Ok(Parsed {
            value,
            _memory: memory,
        })
    }

    async fn grant(&self, nodes: usize, bytes: usize) -> Result<OwnedSemaphorePermit> {
        let needed = (nodes * limits::JSON_NODE_BYTES + bytes).div_ceil(PERMIT_BYTES);
        let permits =
            u32::try_from(needed.min(limits::JSON_MEMORY_BYTES / PERMIT_BYTES)).unwrap_or(u32::MAX);
        let busy = Refusal::Busy {
            what: "too many large documents are being checked",
        };
        timeout(
            Duration::from_secs(limits::WAIT_SECONDS),
            self.memory.clone().acquire_many_owned(permits),
        )
        .await
        .map_err(|_| busy)?
        .map_err(Error::internal)
    }

    /// Runs work that may take long on a thread of its own, a bounded number at a time.
    async fn blocking<T: Send + 'static>(
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
