//! Telling followers that the log may have grown. The database is watched while somebody follows, by
//! one task for all of them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The followers of one store.
pub(super) struct Wakes {
    bell: Bell,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What the watching task rings.
#[derive(Clone)]
pub(super) struct Bell(Arc<watch::Sender<u64>>);

impl Bell {
    /// Wakes all followers. A follower that is still busy is not waited for: it wakes once more when it
    /// is done.
    pub(super) fn ring(&self) {
        self.0.send_modify(|rings| *rings = rings.wrapping_add(1));
    }

    /// Waits until nobody follows any more.
    pub(super) async fn unheard(&self) {
        self.0.closed().await;
    }
}

impl Wakes {
    pub(super) fn new() -> Self {
        Self {
            bell: Bell(Arc::new(watch::Sender::new(0))),
            task: Mutex::new(None),
        }
    }

    /// A follower's ear. `watch` watches the database until it is dropped; it is begun unless it runs
    /// already, and dropped when nobody follows any more.
    pub(super) fn receiver<W>(&self, watch: impl FnOnce(Bell) -> W) -> watch::Receiver<u64>
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        // First: then a task that is about to end either hears of this follower or has ended.
        let receiver = self.bell.0.subscribe();
        let alone = self.bell.0.receiver_count() == 1;
        if let Some(old) = task.as_ref()
            && (alone || old.is_finished())
        {
            // It may have seen that nobody followed.
            old.abort();
            *task = None;
        }
        if task.is_none() {
            let bell = self.bell.clone();
            let watching = watch(self.bell.clone());
            *task = Some(tokio::spawn(async move {
                tokio::select! {
                    () = watching => {}
                    () = bell.unheard() => {}
                }
            }));
        }
        receiver
    }

    /// Watches no more.
    pub(super) fn close(&self) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = task.take() {
            task.abort();
        }
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Wakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wakes")
            .field("followers", &self.bell.0.receiver_count())
            .finish_non_exhaustive()
    }
}
