//! The sockets: two per address family, on all participating interfaces.
//!
//! The group socket is bound to the port of the group, which all processes of a machine share. It
//! receives queries and announcements. Queries are sent from the other socket, so that their
//! responses reach only this process. This module does not interpret datagrams.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use if_addrs::{IfAddr, get_if_addrs};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use micro_message::error::{Error, Result};
use micro_message::internal::sort_by_key;

const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
/// Timeout for sending a datagram. The datagram is then dropped.
const SEND_TIMEOUT: Duration = Duration::from_millis(200);
/// Maximum number of consecutive responses that are read before a datagram to the group.
const MAX_IN_A_ROW: u32 = 32;
/// Maximum size of a datagram, in bytes.
pub(super) const MAX_DATAGRAM: usize = 65_536;

/// An address of this machine, and its interface.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Interface {
    name: String,
    index: Option<u32>,
    pub(super) ip: IpAddr,
    prefix: u8,
}

impl Interface {
    #[cfg(test)]
    pub(super) fn new(name: &str, ip: IpAddr, prefix: u8) -> Self {
        Self {
            name: name.to_owned(),
            index: None,
            ip,
            prefix,
        }
    }

    /// Whether both addresses belong to the same interface.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        self.name == other.name
    }

    /// Whether an address is in the interface's network.
    pub(super) fn reaches(&self, other: IpAddr) -> bool {
        let same = |a: u128, b: u128, bits: u32| {
            let rest = bits.saturating_sub(self.prefix.into());
            a.checked_shr(rest).unwrap_or(0) == b.checked_shr(rest).unwrap_or(0)
        };
        match (self.ip, other) {
            (IpAddr::V4(a), IpAddr::V4(b)) => same(u32::from(a).into(), u32::from(b).into(), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => same(a.into(), b.into(), 128),
            _ => false,
        }
    }
}

/// All sockets of the registry.
#[derive(Debug)]
pub(super) struct Sockets {
    port: u16,
    v4: Option<SocketPair>,
    v6: Option<SocketPair>,
    /// The addresses of this machine as of the last scan, one entry per address.
    pub(super) interfaces: Vec<Interface>,
}

#[derive(Debug)]
struct SocketPair {
    /// Bound to the port of the group, shared with other processes.
    group: UdpSocket,
    /// Bound to a port of its own.
    own: UdpSocket,
    /// The interfaces on which the group is joined, as of the last scan.
    joined: HashSet<Interface>,
}

impl Sockets {
    /// Opens all sockets that can be opened. One address family on one interface is enough.
    pub(super) fn open(port: u16) -> Result<Self> {
        let v4 = SocketPair::open(Ipv4Addr::UNSPECIFIED.into(), port);
        let v6 = SocketPair::open(Ipv6Addr::UNSPECIFIED.into(), port);
        let failed = [&v4, &v6].into_iter().find_map(|pair| {
            pair.as_ref()
                .err()
                .map(|error| Error::unavailable(error.to_string()))
        });
        let mut sockets = Self {
            port,
            v4: v4.ok(),
            v6: v6.ok(),
            interfaces: Vec::new(),
        };
        let scanned = sockets.scan();
        let joined = [&sockets.v4, &sockets.v6].into_iter().flatten();
        if joined.map(|pair| pair.joined.len()).sum::<usize>() > 0 {
            return Ok(sockets);
        }
        let cause = scanned
            .err()
            .map(|error| Error::unavailable(error.to_string()))
            .or(failed);
        let cause = cause.unwrap_or_else(|| Error::unavailable("no interface does multicast"));
        Err(Error::unavailable(format!(
            "multicast DNS on UDP port {port} works on no interface; allow multicast, or choose \
             another registry, for example `MICRO_REGISTRY=static://greeter=127.0.0.1:8080`"
        ))
        .with_source(cause))
    }

    /// Scans the interfaces and joins the group on new ones. Returns whether any interface changed.
    pub(super) fn scan(&mut self) -> io::Result<bool> {
        let mut found: Vec<Interface> = get_if_addrs()?
            .into_iter()
            .map(|found| {
                let (ip, prefix) = match &found.addr {
                    IfAddr::V4(v4) => (v4.ip.into(), v4.prefixlen),
                    IfAddr::V6(v6) => (v6.ip.into(), v6.prefixlen),
                };
                Interface {
                    name: found.name,
                    index: found.index,
                    ip,
                    prefix,
                }
            })
            .collect();
        // Loopback first: the kernel limits how many groups a socket may join.
        sort_by_key(&mut found, |interface| !interface.ip.is_loopback());
        for pair in [&mut self.v4, &mut self.v6].into_iter().flatten() {
            pair.join(&found);
        }
        let changed = found != self.interfaces;
        self.interfaces = found;
        Ok(changed)
    }

    /// Whether an address belongs to this machine.
    pub(super) fn is_local(&self, ip: IpAddr) -> bool {
        ip.is_loopback() || self.interfaces.iter().any(|interface| interface.ip == ip)
    }

    /// The address by which a sender is known. All addresses of this machine's interfaces are one
    /// sender: a response may leave by another interface than the goodbye that follows.
    pub(super) fn sender(&self, ip: IpAddr) -> IpAddr {
        let is_own = self.interfaces.iter().any(|interface| interface.ip == ip);
        if is_own {
            Ipv4Addr::LOCALHOST.into()
        } else {
            ip
        }
    }

    /// Whether an address is in a network to which this machine is connected.
    pub(super) fn is_near(&self, from: SocketAddr) -> bool {
        let ip = from.ip();
        let linked = matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local());
        linked
            || self.is_local(ip)
            || self
                .interfaces
                .iter()
                .any(|interface| interface.reaches(ip))
    }

    /// Whether a datagram was sent from this registry's query socket.
    pub(super) fn is_own(&self, from: SocketAddr) -> bool {
        let pair = if from.is_ipv4() { &self.v4 } else { &self.v6 };
        let port = pair.as_ref().and_then(|pair| pair.own.local_addr().ok());
        port.is_some_and(|own| own.port() == from.port()) && self.is_local(from.ip())
    }

    /// Whether a response to this address reaches only one process.
    pub(super) fn is_private(&self, to: SocketAddr) -> bool {
        to.port() != self.port
    }

    /// Receives the next datagram from any socket.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub(super) async fn receive(&self, buffers: &mut Buffers) -> io::Result<(usize, SocketAddr)> {
        let [a, b, c, d] = &mut buffers.last;
        let (v4, v6) = (self.v4.as_ref(), self.v6.as_ref());
        let own = [v4, v6].map(|pair| pair.map(|pair| &pair.own));
        let group = [v4, v6].map(|pair| pair.map(|pair| &pair.group));
        // Read responses first: a response older than a goodbye, but read after it, would restore
        // the node. Do not always do so, so that a flood of responses cannot starve the group
        // sockets.
        let (which, received) = if buffers.in_a_row < MAX_IN_A_ROW {
            tokio::select! {
                biased;
                received = from(own[0], a) => (0, received),
                received = from(own[1], b) => (1, received),
                received = from(group[0], c) => (2, received),
                received = from(group[1], d) => (3, received),
            }
        } else {
            tokio::select! {
                biased;
                received = from(group[0], c) => (2, received),
                received = from(group[1], d) => (3, received),
                received = from(own[0], a) => (0, received),
                received = from(own[1], b) => (1, received),
            }
        };
        let (length, from) = received?;
        buffers.in_a_row = if which < 2 && buffers.in_a_row < MAX_IN_A_ROW {
            buffers.in_a_row + 1
        } else {
            0
        };
        buffers.last.swap(0, which);
        buffers.of_the_group = which >= 2;
        Ok((length, from))
    }

    /// Sends a query to all networks.
    pub(super) async fn ask(&self, bytes: &[u8]) {
        for pair in [&self.v4, &self.v6].into_iter().flatten() {
            for interface in pair.ways() {
                pair.cast(&pair.own, interface, bytes, self.port).await;
            }
        }
    }

    /// Sends an announcement to all networks. `say` creates the datagram for each interface, if
    /// any.
    pub(super) async fn tell(&self, say: impl Fn(&Interface) -> Option<Vec<u8>>) {
        for pair in [&self.v4, &self.v6].into_iter().flatten() {
            for interface in pair.ways() {
                if let Some(bytes) = say(interface) {
                    pair.cast(&pair.group, interface, &bytes, self.port).await;
                }
            }
        }
    }

    /// Sends a response to one peer.
    pub(super) async fn answer(&self, bytes: &[u8], to: SocketAddr) {
        let pair = if to.is_ipv4() { &self.v4 } else { &self.v6 };
        if let Some(pair) = pair {
            send(&pair.group, bytes, to).await;
        }
    }
}

/// Receive buffers. The last datagram is in the first buffer.
pub(super) struct Buffers {
    last: [Vec<u8>; 4],
    /// Number of consecutive responses that were received last.
    in_a_row: u32,
    /// Whether the last datagram was sent to the group.
    of_the_group: bool,
}

impl Buffers {
    pub(super) fn new() -> Self {
        Self {
            last: std::array::from_fn(|_| vec![0; MAX_DATAGRAM]),
            in_a_row: 0,
            of_the_group: false,
        }
    }

    /// Whether the last datagram was sent to the group, and not to this process alone.
    pub(super) fn is_of_the_group(&self) -> bool {
        self.of_the_group
    }

    pub(super) fn last(&self, length: usize) -> &[u8] {
        &self.last[0][..length]
    }
}

impl SocketPair {
    fn open(any: IpAddr, port: u16) -> io::Result<Self> {
        let group = socket(any, port)?;
        let own = socket(any, 0)?;
        Ok(Self {
            group,
            own,
            joined: HashSet::new(),
        })
    }

    fn join(&mut self, found: &[Interface]) {
        let is_v4 = self.group.local_addr().is_ok_and(|own| own.is_ipv4());
        self.joined.retain(|joined| found.contains(joined));
        for interface in found
            .iter()
            .filter(|interface| interface.ip.is_ipv4() == is_v4)
        {
            if self.joined.contains(interface) {
                continue;
            }
            let socket = SockRef::from(&self.group);
            let joined = match interface.ip {
                IpAddr::V4(ip) => socket.join_multicast_v4(&GROUP_V4, &ip),
                IpAddr::V6(_) => socket.join_multicast_v6(&GROUP_V6, interface.index.unwrap_or(0)),
            };
            match joined {
                // The interface has a second address and is already joined.
                Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                    tracing::debug!(interface = interface.name, ip = %interface.ip, %error,
                        "interface takes no part in multicast DNS");
                }
                _ => {
                    self.joined.insert(interface.clone());
                }
            }
        }
    }

    /// Returns one joined address per interface.
    fn ways(&self) -> impl Iterator<Item = &Interface> {
        let mut seen = HashSet::new();
        self.joined
            .iter()
            .filter(move |interface| seen.insert((interface.index, &interface.name)))
    }

    async fn cast(&self, socket: &UdpSocket, interface: &Interface, bytes: &[u8], port: u16) {
        let handle = SockRef::from(socket);
        let (chosen, group): (_, IpAddr) = match interface.ip {
            IpAddr::V4(ip) => (handle.set_multicast_if_v4(&ip), GROUP_V4.into()),
            IpAddr::V6(_) => (
                handle.set_multicast_if_v6(interface.index.unwrap_or(0)),
                GROUP_V6.into(),
            ),
        };
        if let Err(error) = chosen {
            tracing::debug!(interface = interface.name, %error, "interface is gone");
            return;
        }
        send(socket, bytes, SocketAddr::new(group, port)).await;
    }
}

async fn from(socket: Option<&UdpSocket>, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    match socket {
        Some(socket) => socket.recv_from(buffer).await,
        None => std::future::pending().await,
    }
}

async fn send(socket: &UdpSocket, bytes: &[u8], to: SocketAddr) {
    match timeout(SEND_TIMEOUT, socket.send_to(bytes, to)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::debug!(%to, %error, "datagram not sent"),
        Err(_) => tracing::debug!(%to, "datagram not sent, the socket is full"),
    }
}

fn socket(any: IpAddr, port: u16) -> io::Result<UdpSocket> {
    let domain = if any.is_ipv4() {
        Domain::IPV4
    } else {
        Domain::IPV6
    };
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    if port != 0 {
        socket.set_reuse_address(true)?;
        #[cfg(unix)]
        socket.set_reuse_port(true)?;
    }
    if any.is_ipv4() {
        socket.set_multicast_loop_v4(true)?;
        socket.set_multicast_ttl_v4(255)?;
    } else {
        socket.set_only_v6(true)?;
        socket.set_multicast_loop_v6(true)?;
        socket.set_multicast_hops_v6(255)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::new(any, port).into())?;
    UdpSocket::from_std(socket.into())
}
