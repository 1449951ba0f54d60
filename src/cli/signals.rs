//! Being told to end.
//!
//! The first process of a container has no default actions: a signal that it does not take is lost, and
//! it is killed in the end. So signals are taken before anything else is done.

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// The exit codes by which a shell tells of SIGINT and SIGTERM.
const INTERRUPTED: u8 = 130;
#[cfg(unix)]
const TERMINATED: u8 = 143;

/// The signals that end a process, once they have been taken.
#[derive(Debug, Clone)]
pub(super) struct Signals {
    told: CancellationToken,
    code: Arc<OnceLock<u8>>,
}

impl Signals {
    /// Takes them, inside a runtime. A second one, or `patience` after the first, ends the process
    /// whatever it is doing.
    pub(super) fn take(patience: Duration) -> std::io::Result<Self> {
        let mut source = Source::new()?;
        let signals = Self {
            told: CancellationToken::new(),
            code: Arc::default(),
        };
        let taken = signals.clone();
        tokio::spawn(async move {
            let code = source.next().await;
            taken.code.get_or_init(|| code);
            taken.told.cancel();
            let _ = tokio::time::timeout(patience, source.next()).await;
            end(code);
        });
        Ok(signals)
    }

    /// Whether one has come.
    pub(super) fn is_told(&self) -> bool {
        self.told.is_cancelled()
    }

    /// Waits for the first one; gives the exit code of a command that it cuts off.
    pub(super) async fn told(&self) -> ExitCode {
        self.told.cancelled().await;
        ExitCode::from(self.code.get().copied().unwrap_or(INTERRUPTED))
    }
}

#[expect(
    clippy::exit,
    reason = "told twice, or out of time: nothing that still runs is waited for"
)]
fn end(code: u8) {
    std::process::exit(code.into());
}

#[cfg(unix)]
struct Source {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Source {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.terminate.recv() => TERMINATED,
            _ = self.interrupt.recv() => INTERRUPTED,
        }
    }
}

#[cfg(not(unix))]
struct Source;

#[cfg(not(unix))]
impl Source {
    #[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> u8 {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        INTERRUPTED
    }
}
