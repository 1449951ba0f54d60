//! A network between a server and its clients that can be stalled, cut, reset, and made to lose what
//! is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How the network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    /// It carries everything.
    Whole,
    /// Nothing moves, and nobody hears why.
    Stalled,
    /// Connections are closed, and new ones too.
    Closed,
    /// Connections are reset, and new ones too.
    Reset,
    /// What clients say arrives; the answers do not.
    Deaf,
    /// The answer to the next COMMIT is lost with its connection.
    LosesCommitAnswer,
    /// The next COMMIT is lost with its connection before it arrives.
    LosesCommit,
}

/// A running proxy.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) port: u16,
    network: Arc<watch::Sender<Network>>,
    /// Whether a COMMIT met its fate.
    lost: Arc<AtomicBool>,
    accepting: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Proxy {
    /// To the server on this port.
    pub(super) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let network = Arc::new(watch::Sender::new(Network::Whole));
        let lost = Arc::new(AtomicBool::new(false));
        let (set, fate) = (network.clone(), lost.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (set, fate) = (set.clone(), fate.clone());
                tokio::spawn(carry(client, server, set, fate));
            }
        });
        Self {
            port,
            network,
            lost,
            accepting,
        }
    }

    pub(super) fn set(&self, network: Network) {
        self.lost.store(false, Ordering::SeqCst);
        self.network.send_replace(network);
    }

    /// Waits until a COMMIT was lost.
    pub(super) async fn commit_lost(&self) {
        while !self.lost.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// Closes a connection so that the other end sees a reset.
fn reset(half: &OwnedWriteHalf) {
    let stream: &TcpStream = half.as_ref();
    let _ = stream.set_zero_linger();
}

async fn carry(
    client: TcpStream,
    server: u16,
    network: Arc<watch::Sender<Network>>,
    lost: Arc<AtomicBool>,
) {
    let mut state = network.subscribe();
    match *state.borrow_and_update() {
        Network::Closed => return,
        Network::Reset => {
            let _ = client.set_zero_linger();
            return;
        }
        _ => {}
    }
    // A stalled network makes connections, of which nothing comes.
    if wait_until_moving(&mut state).await.is_err() {
        return;
    }
    let Ok(upstream) = TcpStream::connect(("127.0.0.1", server)).await else {
        return;
    };
    for stream in [&client, &upstream] {
        stream.set_nodelay(true).unwrap();
    }
    let ((from_client, to_client), (from_server, to_server)) =
        (client.into_split(), upstream.into_split());
    let doomed = Arc::new(AtomicBool::new(false));
    let up = Way {
        from: from_client,
        to: to_server,
        up: true,
        network: network.clone(),
        lost: lost.clone(),
        doomed: doomed.clone(),
    };
    let down = Way {
        from: from_server,
        to: to_client,
        up: false,
        network,
        lost,
        doomed,
    };
    let (mut up, mut down) = (tokio::spawn(up.run()), tokio::spawn(down.run()));
    // When one way ends the connection does.
    tokio::select! {
        _ = &mut up => down.abort(),
        _ = &mut down => up.abort(),
    }
}

/// Waits while nothing moves.
async fn wait_until_moving(state: &mut watch::Receiver<Network>) -> Result<(), ()> {
    let moving = state.wait_for(|network| *network != Network::Stalled).await;
    moving.map(|_| ()).map_err(|_| ())
}

/// One direction of one connection.
struct Way {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    /// From the client to the server.
    up: bool,
    network: Arc<watch::Sender<Network>>,
    lost: Arc<AtomicBool>,
    /// Whether the answers of this connection are lost.
    doomed: Arc<AtomicBool>,
}

impl Way {
    async fn run(mut self) {
        let mut state = self.network.subscribe();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = tokio::select! {
                read = self.from.read(&mut buffer) => read,
                broken = broken(&mut state) => {
                    if broken == Network::Reset {
                        reset(&self.to);
                    }
                    return;
                }
            };
            let Ok(size @ 1..) = read else { return };
            let bytes = &buffer[..size];
            let network = *state.borrow_and_update();
            let commit = self.up && bytes.windows(7).any(|w| w == b"COMMIT\0");
            if !self.up && self.doomed.load(Ordering::SeqCst) {
                continue;
            }
            match network {
                Network::Deaf if !self.up => continue,
                Network::LosesCommit if commit => {
                    self.lost.store(true, Ordering::SeqCst);
                    self.network.send_replace(Network::Whole);
                    reset(&self.to);
                    return;
                }
                Network::LosesCommitAnswer if commit => {
                    // Nothing of this connection comes back any more.
                    self.doomed.store(true, Ordering::SeqCst);
                    if self.to.write_all(bytes).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    self.lost.store(true, Ordering::SeqCst);
                    self.network.send_replace(Network::Whole);
                    return;
                }
                Network::Stalled if wait_until_moving(&mut state).await.is_err() => return,
                _ => {}
            }
            if self.to.write_all(bytes).await.is_err() {
                return;
            }
        }
    }
}

/// Waits until connections are to end.
async fn broken(state: &mut watch::Receiver<Network>) -> Network {
    let ends = |network: &Network| matches!(network, Network::Closed | Network::Reset);
    match state.wait_for(ends).await {
        Ok(network) => *network,
        Err(_) => Network::Closed,
    }
}
