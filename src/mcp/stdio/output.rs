//! One task writes, so that a line is never cut by another and a dropped future never cuts a line.

use std::io;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::domain::text::escape_hidden_in_json;
use crate::limits;

/// Lines that may wait for a slow reader; beyond that senders wait.
const WAITING: usize = 16;

type Done = oneshot::Sender<io::Result<()>>;

/// The writing end.
#[derive(Debug)]
pub(super) struct Output {
    lines: mpsc::Sender<(Vec<u8>, Option<Done>)>,
    failed: CancellationToken,
    task: JoinHandle<()>,
}

/// Sends lines from anywhere.
#[derive(Debug, Clone)]
pub(super) struct Sending(mpsc::Sender<(Vec<u8>, Option<Done>)>);

/// A message as a line.
pub(super) fn line(message: &impl serde::Serialize) -> io::Result<Vec<u8>> {
    serde_json::to_string(message)
        .map(|text| ended(&text))
        .map_err(io::Error::other)
}

/// A value as a line.
pub(super) fn json_line(value: &Value) -> Vec<u8> {
    ended(&value.to_string())
}

/// Characters that do not show are escaped: clients that split at U+2028 or U+0085 would cut the
/// line there.
fn ended(text: &str) -> Vec<u8> {
    let mut line = escape_hidden_in_json(text).into_bytes();
    line.push(b'\n');
    line
}

/// The error of writing to what is closed.
pub(super) fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the output is closed")
}

impl Output {
    /// Starts the writing task.
    pub(super) fn start<W: AsyncWrite + Send + Unpin + 'static>(mut output: W) -> Self {
        let (lines, mut waiting) = mpsc::channel::<(Vec<u8>, Option<Done>)>(WAITING);
        let failed = CancellationToken::new();
        let tell = failed.clone();
        let task = tokio::spawn(async move {
            while let Some((line, done)) = waiting.recv().await {
                let written = write(&mut output, &line).await;
                let broken = written.is_err();
                if let Some(done) = done {
                    // Whoever waited may be gone.
                    let _ = done.send(written);
                }
                if broken {
                    tell.cancel();
                    return;
                }
            }
        });
        Self {
            lines,
            failed,
            task,
        }
    }

    /// A handle to send with.
    pub(super) fn sender(&self) -> Sending {
        Sending(self.lines.clone())
    }

    /// Puts a line on its way; `None` when there is no way any more. Dropped while waiting, it
    /// has sent nothing.
    pub(super) async fn post(&self, line: &[u8]) -> Option<()> {
        self.lines.reserve().await.ok()?.send((line.to_vec(), None));
        Some(())
    }

    /// Ends once writing has failed.
    pub(super) async fn failed(&self) {
        self.failed.cancelled().await;
    }

    /// Writes what is waiting, a bounded time, and ends.
    pub(super) async fn finish(self) -> io::Result<()> {
        drop(self.lines);
        let wait = Duration::from_secs(limits::CLOSE_SECONDS);
        let abort = self.task.abort_handle();
        if timeout(wait, self.task).await.is_err() {
            abort.abort();
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the client does not read",
            ));
        }
        Ok(())
    }
}

async fn write<W: AsyncWrite + Unpin>(output: &mut W, line: &[u8]) -> io::Result<()> {
    output.write_all(line).await?;
    output.flush().await
}

impl Sending {
    /// Sends a line and waits until it is written.
    pub(super) async fn send(self, line: Vec<u8>) -> io::Result<()> {
        let (done, written) = oneshot::channel();
        self.0
            .send((line, Some(done)))
            .await
            .map_err(|_| closed())?;
        written.await.map_err(|_| closed())?
    }
}
