//! The end of a server: one span of time for all that still has to be done.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Whether a server is ending, by the end of its input or because it was told to, and since when.
#[derive(Debug, Clone, Default)]
pub struct Ending {
    told: CancellationToken,
    begun: CancellationToken,
    since: Arc<OnceLock<Instant>>,
}

impl Ending {
    /// Tells the server to end.
    pub fn tell(&self) {
        self.begin();
        self.told.cancel();
    }

    /// The span begins, if it has not yet.
    pub(super) fn begin(&self) {
        self.since.get_or_init(Instant::now);
        self.begun.cancel();
    }

    /// Cancelled when the server is told to end.
    pub(super) fn told(&self) -> &CancellationToken {
        &self.told
    }

    /// Waits until it begins.
    pub(super) async fn begun(&self) {
        self.begun.cancelled().await;
    }

    /// Waits until so long has passed since it began.
    pub(super) async fn past(&self, span: Duration) {
        self.begun().await;
        sleep(self.left(span)).await;
    }

    /// What is left of a span that began with it; all of it if it has not begun.
    pub fn left(&self, span: Duration) -> Duration {
        let passed = self.since.get().map(Instant::elapsed);
        span.saturating_sub(passed.unwrap_or_default())
    }
}
