//! The one writer of a process. Whatever is queued when it is free shares one durable commit.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
    series: Option<Series>,
}

/// Commands of which none is written behind one that could not be: whether there is such a one.
type Series = Arc<AtomicBool>;

impl Job {
    fn answer(self, written: Written) {
        if let (Err(_), Some(series)) = (&written, &self.series) {
            series.store(true, Ordering::Relaxed);
        }
        // Who asked may have gone.
        let _ = self.answer.send(written);
    }

    fn is_behind_a_fault(&self) -> bool {
        let series = self.series.as_ref();
        series.is_some_and(|series| series.load(Ordering::Relaxed))
    }
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
        match self.queued(command, None).await {
            Ok(answer) => answered(answer).await,
            Err(written) => written,
        }
    }

    /// Has commands written in their order and waits until all of them are. Each is decided on its own;
    /// behind one that the database failed at, none is written.
    pub async fn write_in_order(&self, commands: Vec<Command>) -> Vec<Written> {
        let series = Series::default();
        let mut queued = Vec::with_capacity(commands.len());
        for command in commands {
            let one = self.queued(command, Some(series.clone())).await;
            if one.is_err() {
                series.store(true, Ordering::Relaxed);
            }
            queued.push(one);
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
    async fn queued(
        &self,
        command: Command,
        series: Option<Series>,
    ) -> Result<oneshot::Receiver<Written>, Written> {
        let (answer, written) = oneshot::channel();
        let job = Request::Write(Box::new(Job {
            command,
            answer,
            series,
        }));
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
            .try_send(Request::Write(Box::new(Job {
                command,
                answer,
                series: None,
            })))
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

fn behind_a_fault() -> Arc<StoreError> {
    Arc::new(StoreError::unavailable(
        "what stands before it could not be written",
        "Look at the first failure.",
    ))
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
        while let Some(at) = waiting.iter().position(Job::is_behind_a_fault) {
            if let Some(job) = waiting.remove(at) {
                job.answer(Err(behind_a_fault()));
            }
        }
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
    let mut commands = Vec::with_capacity(batch.len());
    let mut asked = Vec::with_capacity(batch.len());
    for job in batch {
        commands.push(job.command);
        asked.push((job.answer, job.series));
    }
    let together = store.write(&commands, clock.now()).await;
    let jobs = commands.into_iter().zip(asked);
    let mut jobs = jobs.map(|(command, (answer, series))| Job {
        command,
        answer,
        series,
    });
    match together {
        Ok(decided) => {
            for (decided, job) in decided.into_iter().zip(jobs.by_ref()) {
                job.answer(Ok(decided));
            }
            jobs.collect()
        }
        Err(StoreError::Statement { .. } | StoreError::Inconsistent { .. }) if jobs.len() > 1 => {
            // One command's data is at fault; its neighbours must not suffer.
            tracing::warn!(
                commands = jobs.len(),
                "a batch was rolled back; its commands are tried one by one"
            );
            for job in jobs {
                if job.is_behind_a_fault() {
                    job.answer(Err(behind_a_fault()));
                    continue;
                }
                let command = std::slice::from_ref(&job.command);
                let written = single(store.write(command, clock.now()).await);
                job.answer(written);
            }
            Vec::new()
        }
        Err(error) => {
            let error = Arc::new(error);
            for job in jobs {
                job.answer(Err(error.clone()));
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
