//! The one writer of a process. Whatever is queued when it is free shares one durable commit.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::{Decided, Store, StoreError};
use crate::domain::command::{Action, Command};
use crate::domain::refusal::Refusal;
use crate::domain::time::Clock;
use crate::limits;

/// What the writer answers.
pub type Written = Result<Decided, Arc<StoreError>>;

enum Request {
    Write(Box<Job>),
    /// Answered when everything queued before it is written.
    Drain(oneshot::Sender<()>),
}

struct Job {
    command: Command,
    answer: oneshot::Sender<Written>,
}

/// A handle on the writer task; the task ends when the last handle is dropped and the queue is
/// empty.
#[derive(Debug, Clone)]
pub struct Writer {
    queue: mpsc::Sender<Request>,
}

impl Writer {
    /// Starts the task.
    pub fn start(store: Arc<dyn Store>, clock: Arc<dyn Clock>, tasks: &TaskTracker) -> Self {
        let (queue, jobs) = mpsc::channel(limits::WRITER_QUEUE);
        tasks.spawn(run(store, clock, jobs));
        Self { queue }
    }

    /// Has `command` written and waits until that is durable. A caller that stops waiting does not
    /// take the command back: it may still be written.
    pub async fn write(&self, command: Command) -> Written {
        match self.queued(command).await {
            Ok(answer) => answered(answer).await,
            Err(written) => written,
        }
    }

    /// Has commands written in their order and waits until all of them are. Each is decided on its own.
    pub async fn write_in_order(&self, commands: Vec<Command>) -> Vec<Written> {
        let mut queued = Vec::with_capacity(commands.len());
        for command in commands {
            queued.push(self.queued(command).await);
        }
        let mut written = Vec::with_capacity(queued.len());
        for one in queued {
            written.push(match one {
                Ok(answer) => answered(answer).await,
                Err(written) => written,
            });
        }
        written
    }

    /// Queues a command; gives where its answer comes, or why it cannot be queued.
    async fn queued(&self, command: Command) -> Result<oneshot::Receiver<Written>, Written> {
        let (answer, written) = oneshot::channel();
        let job = Request::Write(Box::new(Job { command, answer }));
        let patience = Duration::from_secs(limits::WAIT_SECONDS);
        match timeout(patience, self.queue.send(job)).await {
            Ok(Ok(())) => Ok(written),
            Ok(Err(_)) => Err(Err(Arc::new(stopped()))),
            Err(_) => Err(Ok(Err(Refusal::Busy {
                what: "too many writes are waiting",
            }))),
        }
    }

    /// Queues `command` if there is room and does not wait.
    pub fn offer(&self, command: Command) {
        let (answer, _) = oneshot::channel();
        if self
            .queue
            .try_send(Request::Write(Box::new(Job { command, answer })))
            .is_err()
        {
            tracing::warn!("the writer's queue is full: an audit row was left out");
        }
    }
}

async fn answered(answer: oneshot::Receiver<Written>) -> Written {
    answer.await.unwrap_or_else(|_| Err(Arc::new(cut_off())))
}

impl Writer {
    /// Waits until everything that is queued now is written.
    pub async fn drain(&self) {
        let (answer, drained) = oneshot::channel();
        if self.queue.send(Request::Drain(answer)).await.is_ok() {
            let _ = drained.await;
        }
    }
}

fn stopped() -> StoreError {
    StoreError::unavailable("the server is shutting down", "Start it again.")
}

/// The task ended with the command in its hands.
fn cut_off() -> StoreError {
    StoreError::Uncertain {
        why: "the server is shutting down".to_owned(),
    }
}

async fn run(store: Arc<dyn Store>, clock: Arc<dyn Clock>, mut requests: mpsc::Receiver<Request>) {
    let mut waiting: VecDeque<Job> = VecDeque::new();
    let mut drains: Vec<oneshot::Sender<()>> = Vec::new();
    loop {
        if waiting.is_empty() {
            for drained in drains.drain(..) {
                let _ = drained.send(());
            }
            match requests.recv().await {
                Some(Request::Write(job)) => waiting.push_back(*job),
                Some(Request::Drain(drained)) => drains.push(drained),
                None => return,
            }
        }
        gather(&mut requests, &mut waiting, &mut drains).await;
        // Nobody waits for these any more, and nothing of them has been done.
        waiting.retain(|job| {
            !job.answer.is_closed() || matches!(job.command.action, Action::Audit(_))
        });
        let batch = take_batch(&mut waiting);
        if !batch.is_empty() {
            let unfinished = write_batch(store.as_ref(), clock.as_ref(), batch).await;
            for job in unfinished.into_iter().rev() {
                waiting.push_front(job);
            }
        }
    }
}

/// Takes what is queued. Callers that were answered a moment ago are about to ask again: as long as
/// more come, what comes shares one commit. Nobody waits for a time, only for tasks that are ready to
/// run.
async fn gather(
    requests: &mut mpsc::Receiver<Request>,
    waiting: &mut VecDeque<Job>,
    drains: &mut Vec<oneshot::Sender<()>>,
) {
    let mut quiet = 0;
    while quiet < 2 {
        let before = waiting.len();
        while waiting.len() < limits::BATCH_COMMANDS && drains.is_empty() {
            match requests.try_recv() {
                Ok(Request::Write(job)) => waiting.push_back(*job),
                Ok(Request::Drain(drained)) => drains.push(drained),
                Err(_) => break,
            }
        }
        if waiting.len() >= limits::BATCH_COMMANDS || !drains.is_empty() {
            return;
        }
        quiet = if waiting.len() == before {
            quiet + 1
        } else {
            0
        };
        tokio::task::yield_now().await;
    }
}

/// At most [`limits::BATCH_BYTES`], but at least one job.
fn take_batch(waiting: &mut VecDeque<Job>) -> Vec<Job> {
    let mut batch = Vec::new();
    let mut bytes = 0;
    while let Some(job) = waiting.front() {
        bytes += job.command.size();
        if !batch.is_empty() && bytes > limits::BATCH_BYTES {
            break;
        }
        batch.extend(waiting.pop_front());
    }
    batch
}

/// Writes a batch and answers its jobs; gives back those for which the transaction had no time.
async fn write_batch(store: &dyn Store, clock: &dyn Clock, batch: Vec<Job>) -> Vec<Job> {
    let (commands, answers): (Vec<_>, Vec<_>) = batch
        .into_iter()
        .map(|job| (job.command, job.answer))
        .unzip();
    match store.write(&commands, clock.now()).await {
        Ok(decided) => {
            let done = decided.len();
            let mut answers = answers.into_iter();
            for (decided, answer) in decided.into_iter().zip(answers.by_ref()) {
                let _ = answer.send(Ok(decided));
            }
            commands
                .into_iter()
                .skip(done)
                .zip(answers)
                .map(|(command, answer)| Job { command, answer })
                .collect()
        }
        Err(StoreError::Statement { .. } | StoreError::Inconsistent { .. })
            if commands.len() > 1 =>
        {
            // One command's data is at fault; its neighbours must not suffer.
            tracing::warn!(
                commands = commands.len(),
                "a batch was rolled back; its commands are tried one by one"
            );
            for (command, answer) in commands.into_iter().zip(answers) {
                let written = store
                    .write(std::slice::from_ref(&command), clock.now())
                    .await;
                let _ = answer.send(single(written));
            }
            Vec::new()
        }
        Err(error) => {
            let error = Arc::new(error);
            for answer in answers {
                let _ = answer.send(Err(error.clone()));
            }
            Vec::new()
        }
    }
}

fn single(written: super::Result<Vec<Decided>>) -> Written {
    match written {
        Ok(decided) => decided.into_iter().next().ok_or_else(|| {
            Arc::new(StoreError::inconsistent(
                "event",
                "a command was left without an answer",
            ))
        }),
        Err(error) => Err(Arc::new(error)),
    }
}
