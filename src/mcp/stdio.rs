//! MCP over a pair of byte streams: one JSON-RPC message a line.
//!
//! The SDK's own transport drops what it cannot read, and the client waits for an answer that
//! never comes. This one answers every faulty line, with the request's id wherever the line has
//! one, in bounded memory.

mod ending;
mod flight;
mod lines;
mod message;
mod output;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::time::Duration;

use rmcp::ServiceExt as _;
use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ClientRequest, GetMeta as _, ProtocolVersion,
};
use rmcp::service::{
    QuitReason, RoleServer, RxJsonRpcMessage, ServerInitializeError, TxJsonRpcMessage,
};
use rmcp::transport::Transport;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use self::flight::Flights;
use self::lines::{Lines, Read};
use self::message::{Understood, fault_line, too_long, understand};
use self::output::Output;
use super::{McpServer, subscriptions};
use crate::limits;

pub use self::ending::Ending;

/// How long calls in progress are given at the end.
const LAST_CALLS: Duration = Duration::from_millis(limits::LAST_CALLS_MILLIS);

/// Why serving ended badly.
#[derive(Debug)]
pub enum StdioError {
    /// The SDK could not begin.
    Start(Box<ServerInitializeError>),
    /// A task of the server failed.
    Defect(String),
}

impl fmt::Display for StdioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => write!(f, "MCP over stdio could not begin: {error}"),
            Self::Defect(what) => write!(f, "MCP over stdio ended by a defect: {what}"),
        }
    }
}

impl std::error::Error for StdioError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Start(error) => Some(error.as_ref()),
            Self::Defect(_) => None,
        }
    }
}

/// Serves until the input ends or `ending` is told. Calls in progress are let end, a bounded time.
pub async fn serve<R, W>(
    server: McpServer,
    stdin: R,
    stdout: W,
    ending: Ending,
) -> Result<(), StdioError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let transport = Stdio::new(stdin, stdout, limits::MCP_MESSAGE_BYTES, ending.clone());
    let subscribed = server.clone();
    let out_of_time = async {
        ending.begun().await;
        // They would go on until they are told to end.
        subscribed.subscriptions().close();
        ending.past(LAST_CALLS).await;
    };
    tokio::select! {
        ended = served(server, transport, &ending) => ended,
        () = out_of_time => {
            tracing::warn!("the server ends before every call was answered");
            Ok(())
        }
    }
}

async fn served<R: AsyncRead + Send + Unpin + 'static>(
    server: McpServer,
    transport: Stdio<R>,
    ending: &Ending,
) -> Result<(), StdioError> {
    // A child: the SDK cancels its token when it ends, and the caller's is the caller's.
    let running = match server
        .serve_with_ct(transport, ending.told().child_token())
        .await
    {
        Ok(running) => running,
        // The input ended before the first request, or shutdown came first.
        Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => {
            return Ok(());
        }
        Err(error) => return Err(StdioError::Start(Box::new(error))),
    };
    match running.waiting().await {
        Ok(QuitReason::JoinError(error)) | Err(error) => Err(StdioError::Defect(error.to_string())),
        Ok(_) => Ok(()),
    }
}

/// The transport.
struct Stdio<R> {
    lines: Lines<R>,
    output: Option<Output>,
    flights: Flights,
    /// Subscriptions that are open.
    listens: Flights,
    /// Answers to faulty lines that are not on their way yet.
    faults: VecDeque<Vec<u8>>,
    /// Whether a request has begun the session.
    begun: bool,
    /// Begun when no more will come.
    ending: Ending,
}

impl<R: AsyncRead + Unpin> Stdio<R> {
    fn new<W: AsyncWrite + Send + Unpin + 'static>(
        input: R,
        output: W,
        most: usize,
        ending: Ending,
    ) -> Self {
        Self {
            lines: Lines::new(input, most),
            output: Some(Output::start(output)),
            flights: Flights::default(),
            listens: Flights::default(),
            faults: VecDeque::new(),
            begun: false,
            ending,
        }
    }

    /// What the SDK is to see of a message that arrived in `bytes`.
    fn admit(
        &mut self,
        message: ClientJsonRpcMessage,
        bytes: usize,
    ) -> Option<ClientJsonRpcMessage> {
        match &message {
            ClientJsonRpcMessage::Request(request) => {
                if matches!(
                    request.request,
                    ClientRequest::SubscriptionsListenRequest(_)
                ) {
                    // It is open for as long as the client likes, and keeps nobody else out.
                    if self.listens.count() >= limits::SUBSCRIPTIONS {
                        let error = subscriptions::too_many(limits::SUBSCRIPTIONS, "subscriptions");
                        self.faults.push_back(fault_line(Some(&request.id), &error));
                        return None;
                    }
                    self.listens.took_off(request.id.clone(), bytes);
                } else {
                    self.flights.took_off(request.id.clone(), bytes);
                }
                self.begun |= begins(&request.request);
            }
            ClientJsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) =
                    &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    // The SDK drops its answer.
                    self.flights.landed(id);
                    self.listens.landed(id);
                }
            }
            ClientJsonRpcMessage::Response(_) | ClientJsonRpcMessage::Error(_) => {}
        }
        if self.begun || matches!(message, ClientJsonRpcMessage::Request(_)) {
            return Some(message);
        }
        // Before the session begins the SDK takes requests alone and ends at anything else.
        tracing::debug!("a message before the first request is ignored");
        None
    }
}

/// Whether the SDK takes the client's choice of a lifecycle from this request: `initialize`, or a
/// first request that brings all that later revisions want with each one. It answers others
/// before that, and goes on waiting.
fn begins(request: &ClientRequest) -> bool {
    match request {
        ClientRequest::InitializeRequest(_) => true,
        ClientRequest::PingRequest(_) | ClientRequest::DiscoverRequest(_) => false,
        other => {
            let meta = other.get_meta();
            let known = |version| ProtocolVersion::KNOWN_VERSIONS.contains(&version);
            meta.missing_required_keys(&ProtocolVersion::V_2026_07_28)
                .is_empty()
                && meta.protocol_version().is_some_and(known)
        }
    }
}

impl<R: AsyncRead + Send + Unpin> Transport<RoleServer> for Stdio<R> {
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let sending = self.output.as_ref().map(Output::sender);
        let (flights, listens) = (self.flights.clone(), self.listens.clone());
        async move {
            let answers = match &item {
                TxJsonRpcMessage::<RoleServer>::Response(response) => Some(response.id.clone()),
                TxJsonRpcMessage::<RoleServer>::Error(error) => error.id.clone(),
                _ => None,
            };
            let sent = match (sending, output::line(&item)) {
                (Some(sending), Ok(line)) => sending.send(line).await,
                (None, _) => Err(output::closed()),
                (_, Err(error)) => Err(error),
            };
            if let Some(id) = answers {
                flights.landed(&id);
                listens.landed(&id);
            }
            sent
        }
    }

    // Dropped and called again at any await: what has been read so far stays in `self`.
    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            let output = self.output.as_ref()?;
            while let Some(fault) = self.faults.front() {
                output.post(fault).await?;
                self.faults.pop_front();
            }
            let read = tokio::select! {
                () = output.failed() => {
                    self.ending.begin();
                    return None;
                }
                read = async {
                    self.flights
                        .below(limits::MCP_CALLS_IN_FLIGHT, limits::MCP_BYTES_IN_FLIGHT)
                        .await;
                    self.lines.next().await
                } => read,
            };
            let (understood, bytes) = match read {
                Read::Line(line) => (understand(&line, false), line.len()),
                Read::Rest(line) => (understand(&line, true), line.len()),
                Read::TooLong { scan, size } => (too_long(&scan, size), 0),
                Read::End => {
                    self.ending.begin();
                    // Once it hears of the end the SDK has its own idea of how long calls may take.
                    let _ = timeout(LAST_CALLS, self.flights.below(1, 1)).await;
                    return None;
                }
                Read::Failed(error) => {
                    tracing::warn!(%error, "the input cannot be read");
                    self.ending.begin();
                    return None;
                }
            };
            match understood {
                Understood::Message(message) => {
                    if let Some(message) = self.admit(*message, bytes) {
                        return Some(message);
                    }
                }
                Understood::Fault { id, error } => {
                    self.faults.push_back(fault_line(id.as_ref(), &error));
                }
                Understood::Nothing => {}
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        match self.output.take() {
            Some(output) => output.finish().await,
            None => Ok(()),
        }
    }
}
