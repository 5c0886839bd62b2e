//! `Server`: listens on one port and owns every connection to it.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::connection;
use crate::drain::Running;
use crate::health::{self, Health};
use crate::peer::{Peer, Shared};
use crate::reflection;
use crate::rest::Table;
use micro_core::handler::{Route, Router};
use micro_message::error::{Error, ErrorKind, OrError, Result};

/// How long to wait before accepting again when the machine has no room for a connection.
const BREATH: Duration = Duration::from_millis(100);

/// How often at most the same trouble is logged.
const QUIET: Duration = Duration::from_secs(10);

/// A server that listens but does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    /// Takes the address; callers may connect from now on and are answered after
    /// [`start`](Self::start).
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when the address is none or the services' types have no descriptors, as
    /// [`check_http`](crate::check_http) when a method cannot be reached as it says,
    /// `Unavailable` when the address cannot be had.
    pub async fn bind(config: Config, mut router: Router) -> Result<Self> {
        let health = Health::default();
        let services = router.services();
        add(&mut router, health::routes(&health, &services))?;
        let draining = CancellationToken::new();
        if config.reflection {
            let own = reflection::routes(&router, &draining)?;
            add(&mut router, own)?;
        }
        let (rest, problems) = Table::new(&router);
        if let Some(problem) = problems.into_iter().next() {
            return Err(problem);
        }
        let address = &config.address;
        let listener = TcpListener::bind(address).await.map_err(|error| {
            let (kind, remedy) = remedy(&error);
            Error::new(kind, format!("cannot listen on `{address}`: {remedy}")).with_source(error)
        })?;
        let local = listener.local_addr();
        let local = local.or_internal(format!("no local address for `{address}`"))?;
        Ok(Self {
            listener,
            address: local,
            shared: Arc::new(Shared::new((router, rest), config, health, draining)),
        })
    }

    /// The address that it listens on, with the port that was taken.
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// Whether calls should come here; to set and to clone.
    pub fn health(&self) -> Health {
        self.shared.health.clone()
    }

    /// Starts answering, on the current runtime.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn start(self) -> Running {
        tracing::info!(address = %self.address, "listening");
        Running {
            shared: Arc::clone(&self.shared),
            address: self.address,
            accepting: tokio::spawn(accept(self.listener, self.shared)),
        }
    }
}

/// Adds what every server answers, unless the program serves it itself.
fn add(router: &mut Router, own: Vec<Route>) -> Result<()> {
    for route in own {
        if router.get(&route.method.path).is_none() {
            router.add(route)?;
        }
    }
    Ok(())
}

fn remedy(error: &std::io::Error) -> (ErrorKind, &'static str) {
    use std::io::ErrorKind as Io;
    match error.kind() {
        Io::AddrInUse => (
            ErrorKind::Unavailable,
            "another program has this port; stop it, or set another port (0 takes a free one)",
        ),
        Io::AddrNotAvailable => (
            ErrorKind::Unavailable,
            "this machine has no such address; set one of its own, or 0.0.0.0 for all",
        ),
        Io::PermissionDenied => (
            ErrorKind::PermissionDenied,
            "not allowed; ports below 1024 need a privilege, set a higher one",
        ),
        Io::InvalidInput => (
            ErrorKind::InvalidArgument,
            "not an address; write `host:port`, for example `127.0.0.1:8080`",
        ),
        _ => (
            ErrorKind::Unavailable,
            "the system refuses; write `host:port`, for example `127.0.0.1:8080`",
        ),
    }
}

/// Accepts until the server drains, then waits for the connections to end.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = Connections {
        open: JoinSet::new(),
        shared,
        complained: None,
    };
    let draining = connections.shared.draining.clone();
    loop {
        tokio::select! {
            () = draining.cancelled() => break,
            Some(ended) = connections.open.join_next(), if !connections.open.is_empty() => {
                reap(ended);
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => connections.add(stream, address),
                Err(error) if is_the_peer_s(&error) => {
                    tracing::debug!(%error, "connection lost before it was accepted");
                }
                Err(error) => {
                    if connections.complain() {
                        tracing::error!(%error, "cannot accept connections; trying again");
                    }
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
    }
    // Who has connected already is served; closing the listener would break these connections.
    while let Some((stream, address)) = waiting(&listener).await {
        connections.add(stream, address);
    }
    drop(listener);
    while let Some(ended) = connections.open.join_next().await {
        reap(ended);
    }
}

/// A connection that needs no waiting for.
async fn waiting(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    let polled = poll_fn(|waker| Poll::Ready(listener.poll_accept(waker))).await;
    match polled {
        Poll::Ready(accepted) => accepted.ok(),
        Poll::Pending => None,
    }
}

fn is_the_peer_s(error: &std::io::Error) -> bool {
    use std::io::ErrorKind as Io;
    matches!(
        error.kind(),
        Io::ConnectionAborted | Io::ConnectionReset | Io::ConnectionRefused
    )
}

fn reap(ended: std::result::Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection ended in a panic");
    }
}

/// Every open connection; dropping it closes them.
struct Connections {
    open: JoinSet<()>,
    shared: Arc<Shared>,
    /// When trouble was last logged.
    complained: Option<Instant>,
}

impl Connections {
    fn add(&mut self, stream: TcpStream, address: SocketAddr) {
        let limit = self.shared.limits.connections;
        while let Some(ended) = self.open.try_join_next() {
            reap(ended);
        }
        if self.open.len() >= limit {
            if self.complain() {
                tracing::warn!(%address, limit, "connection refused: too many are open");
            }
            return;
        }
        let peer = Peer::new(&self.shared, address);
        self.open.spawn(connection::serve(stream, peer));
    }

    /// Whether it is time to log trouble again.
    fn complain(&mut self) -> bool {
        let quiet = |last: Instant| last.elapsed() < QUIET;
        if self.complained.is_some_and(quiet) {
            return false;
        }
        self.complained = Some(Instant::now());
        true
    }
}
