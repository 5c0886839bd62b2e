//! `Server`: listens on one port and owns every connection to it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::connection;
use crate::drain::Running;
use crate::health::{self, Health};
#[cfg(feature = "reflection")]
use crate::reflection;
use crate::rest::table::Table;
use crate::state::{ConnectionState, ServerState};
use micro_core::handler::{Route, Router};
use micro_core::internal::{spawn, spawn_in};
use micro_message::error::{Error, ErrorKind, OrError, Result};

/// How many connections the system completes before they are accepted. Systems cap it: Linux by
/// `net.core.somaxconn`, which is 4,096 there by default.
const BACKLOG: u32 = 4096;

/// How long to wait before accepting again when the machine has no room for a connection.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// How many times in a row that may fail at the end, before connections that wait are given up.
const ACCEPT_ATTEMPTS: u32 = 20;

/// How often at most the same trouble is logged.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// A server that listens but does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    state: Arc<ServerState>,
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
        #[cfg(feature = "reflection")]
        if config.reflection {
            let own = reflection::routes(&router, &draining)?;
            add(&mut router, own)?;
        }
        let (rest, problems) = Table::new(&router);
        if let Some(problem) = problems.into_iter().next() {
            return Err(problem);
        }
        let address = &config.address;
        let listener = listen(address).await.map_err(|error| {
            let (kind, remedy) = remedy(&error);
            Error::new(kind, format!("cannot listen on `{address}`: {remedy}")).with_source(error)
        })?;
        let local = listener.local_addr();
        let local = local.or_internal(format!("no local address for `{address}`"))?;
        Ok(Self {
            listener,
            address: local,
            state: Arc::new(ServerState::new(config, router, rest, health, draining)),
        })
    }

    /// The address that it listens on, with the port that was taken.
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// Whether calls should come here; to set and to clone.
    pub fn health(&self) -> Health {
        self.state.health.clone()
    }

    /// Starts answering, on the current runtime.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn start(self) -> Running {
        tracing::info!(address = %self.address, "listening");
        Running {
            server: Arc::clone(&self.state),
            address: self.address,
            accepting: spawn(accept(self.listener, self.state)),
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

async fn listen(address: &str) -> io::Result<TcpListener> {
    let mut failed = io::Error::new(io::ErrorKind::InvalidInput, "no address of that name");
    for address in lookup_host(address).await? {
        match listen_at(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A server that has just ended leaves connections in TIME_WAIT: they do not hold its port.
    // On Windows the option means something else.
    if cfg!(not(windows)) {
        socket.set_reuseaddr(true)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn remedy(error: &io::Error) -> (ErrorKind, &'static str) {
    use io::ErrorKind as Io;
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
async fn accept(listener: TcpListener, server: Arc<ServerState>) {
    let mut connections = Connections {
        open: JoinSet::new(),
        server,
        last_logged: None,
    };
    let draining = connections.server.draining.clone();
    loop {
        tokio::select! {
            () = draining.cancelled() => break,
            Some(ended) = connections.open.join_next(), if !connections.open.is_empty() => {
                reap(ended);
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => connections.add(stream, address),
                Err(error) if is_connection_error(&error) => {
                    tracing::debug!(%error, "connection lost before it was accepted");
                }
                Err(error) => {
                    if connections.should_log() {
                        tracing::error!(%error, "cannot accept connections; trying again");
                    }
                    tokio::time::sleep(ACCEPT_BACKOFF).await;
                }
            }
        }
    }
    // Who has connected already is served; closing the listener would break these connections.
    match listener.into_std() {
        Ok(listener) => {
            let accept = || listener.accept();
            accept_waiting(accept, |(stream, address)| {
                stream.set_nonblocking(true)?;
                connections.add(TcpStream::from_std(stream)?, address);
                Ok(())
            })
            .await;
        }
        Err(error) => tracing::error!(%error, "connections that wait are lost"),
    }
    while let Some(ended) = connections.open.join_next().await {
        reap(ended);
    }
}

/// Accepts the connections that wait already. `accept` does not block, and asks the system itself:
/// tokio's listener says that none waits when its task has had its turn, or has not yet been told.
async fn accept_waiting<T>(
    mut accept: impl FnMut() -> io::Result<T>,
    mut add: impl FnMut(T) -> io::Result<()>,
) {
    let mut attempts = 0;
    loop {
        match accept().and_then(&mut add) {
            Ok(()) => {
                attempts = 0;
                tokio::task::yield_now().await;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(error) if is_connection_error(&error) => {
                tracing::debug!(%error, "connection lost before it was accepted");
            }
            Err(error) => {
                attempts += 1;
                if attempts == ACCEPT_ATTEMPTS {
                    tracing::error!(%error, "cannot accept: connections that wait are lost");
                    return;
                }
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

fn is_connection_error(error: &io::Error) -> bool {
    use io::ErrorKind as Io;
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
    server: Arc<ServerState>,
    /// When a failure was last logged.
    last_logged: Option<Instant>,
}

impl Connections {
    fn add(&mut self, stream: TcpStream, address: SocketAddr) {
        let limit = self.server.limits.max_connections;
        while let Some(ended) = self.open.try_join_next() {
            reap(ended);
        }
        if self.open.len() >= limit {
            if self.should_log() {
                tracing::warn!(%address, limit, "connection refused: too many are open");
            }
            return;
        }
        let connection = ConnectionState::new(&self.server, address);
        spawn_in(&mut self.open, connection::serve(stream, connection));
    }

    /// Whether it is time to log a failure again.
    fn should_log(&mut self) -> bool {
        let quiet = |last: Instant| last.elapsed() < LOG_INTERVAL;
        if self.last_logged.is_some_and(quiet) {
            return false;
        }
        self.last_logged = Some(Instant::now());
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_fails_does_not_cost_those_behind_it() {
        let mut waiting = VecDeque::from([
            Ok(1),
            Err(io::ErrorKind::ConnectionAborted),
            Ok(2),
            // Too many files are open, for a while.
            Err(io::ErrorKind::Other),
            Err(io::ErrorKind::Other),
            Ok(3),
        ]);
        let accept = || match waiting.pop_front() {
            Some(accepted) => accepted.map_err(Into::into),
            None => Err(io::ErrorKind::WouldBlock.into()),
        };
        let mut accepted = Vec::new();
        accept_waiting(accept, |number| {
            accepted.push(number);
            Ok(())
        })
        .await;
        assert_eq!(accepted, [1, 2, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_accepts_no_more_does_not_hold_the_drain_for_ever() {
        let mut attempts = 0;
        let accept = || {
            attempts += 1;
            Err::<(), _>(io::ErrorKind::Other.into())
        };
        accept_waiting(accept, |()| Ok(())).await;
        assert_eq!(attempts, ACCEPT_ATTEMPTS);
    }
}
