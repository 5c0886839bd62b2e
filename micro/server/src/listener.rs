//! `Server`: listens on one port and owns all connections to it.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use micro_wake::sync::Mutex;
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::connection;
use crate::drain::Running;
use crate::health::{self, Health};
use crate::mounts::Mounts;
#[cfg(feature = "reflection")]
use crate::reflection;
use crate::rest::table::Table;
use crate::state::{ConnectionState, ServerState};
use micro_core::handler::{Route, Router};
use micro_core::internal::{spawn, spawn_in};
use micro_message::error::{Error, ErrorKind, OrError, Result};

/// Number of connections that the system completes before the server accepts them. Systems cap it:
/// on Linux `net.core.somaxconn` does, 4,096 by default.
const BACKLOG: u32 = 4096;

/// Delay before accepting again when the system has no resources for a connection.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// Number of failures in a row after which a draining server gives up on pending connections.
const ACCEPT_ATTEMPTS: u32 = 20;

/// Minimum interval between two log messages about the same problem.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// A server that listens but does not respond yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    state: Arc<ServerState>,
}

impl Server {
    /// Binds the address. Clients may connect from now on; the server responds after
    /// [`start`](Self::start).
    ///
    /// # Errors
    ///
    /// - `InvalidArgument` when the address is invalid or the types of the services have no
    ///   descriptors.
    /// - The first error of [`check_http`](crate::check_http) when a method has an invalid HTTP
    ///   rule.
    /// - `Unavailable` when the address cannot be bound.
    /// - `PermissionDenied` when the port needs a privilege.
    pub async fn bind(config: Config, router: Router) -> Result<Self> {
        Self::builder(config, router).bind().await
    }

    /// Returns a builder for a server with its own health, or with mounted services.
    pub fn builder(config: Config, router: Router) -> Builder {
        Builder {
            config,
            router,
            health: Health::default(),
            mounts: Mounts::default(),
        }
    }

    /// Returns the address that the server listens on, with the port that was taken.
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the health of the server, to set it. The handle may be cloned.
    pub fn health(&self) -> Health {
        self.state.health.clone()
    }

    /// Starts serving on the current runtime.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime.
    pub fn start(self) -> Running {
        tracing::info!(address = %self.address, "listening");
        Running {
            server: Arc::clone(&self.state),
            address: self.address,
            accepting: spawn(accept(self.listener, self.state)),
        }
    }
}

/// Configures a [`Server`]. Created by [`Server::builder`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `bind`"]
pub struct Builder {
    config: Config,
    router: Router,
    health: Health,
    mounts: Mounts,
}

impl Builder {
    /// Uses this health, which the program may have set already.
    pub fn health(mut self, health: Health) -> Self {
        self.health = health;
        self
    }

    /// Serves HTTP services beside the router's methods. [`bind`](Self::bind) returns
    /// `InvalidArgument` when one of them would hide a method of the router.
    #[cfg(feature = "tower")]
    pub fn mounts(mut self, mounts: Mounts) -> Self {
        self.mounts = mounts;
        self
    }

    /// Binds the address.
    ///
    /// # Errors
    ///
    /// See [`Server::bind`].
    pub async fn bind(self) -> Result<Server> {
        let Self {
            config,
            mut router,
            health,
            mounts,
        } = self;
        mounts.check(&router)?;
        let services = router.services();
        add(&mut router, health::routes(&health, &services, &mounts))?;
        let draining = CancellationToken::new();
        #[cfg(feature = "reflection")]
        if config.reflection {
            let own = reflection::routes(&router, &mounts, &draining)?;
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
        Ok(Server {
            listener,
            address: local,
            state: Arc::new(ServerState::new(
                config, router, rest, mounts, health, draining,
            )),
        })
    }
}

/// Adds the server's own routes, except those of services that the program provides itself.
fn add(router: &mut Router, own: Vec<Route>) -> Result<()> {
    for route in own {
        if router.get(&route.method.path).is_none() {
            router.add(route)?;
        }
    }
    Ok(())
}

async fn listen(address: &str) -> io::Result<TcpListener> {
    // As in other servers, an address without a host means all interfaces.
    let all = address
        .strip_prefix(':')
        .map(|port| format!("0.0.0.0:{port}"));
    let address = all.as_deref().unwrap_or(address);
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
    // Connections of a stopped server stay in TIME_WAIT and must not block its port. On Windows the
    // option has another meaning.
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

/// Accepts connections until the server drains, then waits for all connections to end.
async fn accept(listener: TcpListener, server: Arc<ServerState>) {
    let mut connections = Connections {
        open: JoinSet::new(),
        addresses: AddressCounts::default(),
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
    // Serves the connections that the system has completed: closing the listener would reset them.
    match listener.into_std() {
        Ok(listener) => {
            admit_no_more(&listener);
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

/// Makes the system ignore further attempts to connect. Otherwise, a connection that is completed
/// between the last `accept` and the end of the listener would be reset, and its request lost: 1 of
/// 4,000 requests through nginx on a busy machine. A client whose packet is ignored sends it again
/// after a second, and is refused by then.
#[cfg(target_os = "linux")]
fn admit_no_more(listener: &std::net::TcpListener) {
    use socket2::{SockFilter, SockRef};

    /// The instruction `BPF_RET | BPF_K` with 0: take no byte of the packet.
    const DROP: SockFilter = SockFilter::new(0x06, 0, 0, 0);
    if let Err(error) = SockRef::from(listener).attach_filter(&[DROP]) {
        tracing::debug!(%error, "connections may be lost while the listener is closed");
    }
}

/// Other systems have no such filter.
#[cfg(not(target_os = "linux"))]
fn admit_no_more(_listener: &std::net::TcpListener) {}

/// Accepts the pending connections. `accept` does not block and asks the system directly: tokio's
/// listener reports that no connection is pending when the task has used up its coop budget, or
/// when the event has not reached the runtime yet.
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

/// All open connections. Dropping it closes them.
struct Connections {
    open: JoinSet<()>,
    addresses: AddressCounts,
    server: Arc<ServerState>,
    /// Time when a failure was last logged.
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
        let limit = self.server.limits.max_connections_per_address;
        let Ok(counted) = limit
            .map(|limit| self.addresses.count(address.ip(), limit))
            .transpose()
        else {
            if self.should_log() {
                tracing::warn!(
                    %address,
                    limit,
                    "connection refused: too many of its address are open"
                );
            }
            return;
        };
        let connection = ConnectionState::new(&self.server, address);
        spawn_in(&mut self.open, async move {
            let _counted = counted;
            connection::serve(stream, connection).await;
        });
    }

    /// Whether a failure may be logged again.
    fn should_log(&mut self) -> bool {
        let quiet = |last: Instant| last.elapsed() < LOG_INTERVAL;
        if self.last_logged.is_some_and(quiet) {
            return false;
        }
        self.last_logged = Some(Instant::now());
        true
    }
}

/// The number of open connections of each address. Not counted if there is no limit.
#[derive(Debug, Clone, Default)]
struct AddressCounts(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// The limit of an address is reached.
#[derive(Debug)]
struct LimitReached;

impl AddressCounts {
    /// Counts a connection until the returned value is dropped.
    fn count(&self, address: IpAddr, limit: usize) -> std::result::Result<Counted, LimitReached> {
        let address = counted_address(address);
        let mut counts = self.0.lock();
        let count = counts.entry(address).or_default();
        // With a limit of zero, the entry would stay.
        if *count >= limit.max(1) {
            return Err(LimitReached);
        }
        *count += 1;
        drop(counts);
        Ok(Counted {
            counts: self.clone(),
            address,
        })
    }
}

/// The address that is counted. A host with IPv6 usually has a whole /64 network.
fn counted_address(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// A counted connection.
#[derive(Debug)]
struct Counted {
    counts: AddressCounts,
    address: IpAddr,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.counts.0.lock();
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    #[test]
    fn connections_are_counted_per_address_until_they_end() {
        let counts = AddressCounts::default();
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        let first = counts.count(at("10.0.0.1"), 2).unwrap();
        let second = counts.count(at("::ffff:10.0.0.1"), 2).unwrap();
        counts.count(at("10.0.0.1"), 2).unwrap_err();
        let other = counts.count(at("10.0.0.2"), 2).unwrap();
        drop(first);
        let again = counts.count(at("10.0.0.1"), 2).unwrap();
        let v6 = counts.count(at("2001:db8::1"), 1).unwrap();
        counts.count(at("2001:db8::ffff:1"), 1).unwrap_err();
        drop(counts.count(at("2001:db8:0:1::1"), 1).unwrap());
        drop((second, other, again, v6));
        assert!(counts.0.lock().is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn listener_that_admits_no_more_keeps_what_it_has_and_completes_nothing_new() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let pending = std::net::TcpStream::connect(address).unwrap();
        admit_no_more(&listener);
        let late = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100));
        assert_eq!(late.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let (_, peer) = listener.accept().unwrap();
        assert_eq!(peer, pending.local_addr().unwrap());
        let none = listener.accept().unwrap_err();
        assert_eq!(none.kind(), io::ErrorKind::WouldBlock);
    }

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
