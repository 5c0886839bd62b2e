//! The addresses under which other processes reach this node: taken from a setting, or derived from
//! the address the server listens on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use crate::error::{Error, Result};
use crate::registry::Node;
use micro_message::internal::sort_by_key;
use micro_registry::internal::{MAX_OTHER_ADDRESSES, listening_on_all};

/// The addresses of a server to register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Advertised {
    /// The first address, as `host:port`.
    pub(super) address: String,
    /// Further addresses.
    pub(super) others: Vec<String>,
    /// The unspecified address that the server listens on, if nothing else was set.
    pub(super) all: Option<IpAddr>,
}

impl Advertised {
    /// Adds the addresses to a node that was created with the first one.
    pub(super) fn complete(&self, node: Node) -> Node {
        let node = node.with_other_addresses(self.others.iter().cloned());
        match self.all {
            Some(ip) => listening_on_all(node, ip),
            None => node,
        }
    }
}

/// Returns the addresses to register for a server that listens on `local`.
///
/// `advertise` takes precedence. If its port is missing or 0, the port of `local` is used. Without
/// `advertise`, a server on a specific address advertises that address. A server on all addresses
/// (`0.0.0.0`, `[::]`) advertises those of this machine, first the one from which the machine
/// reaches other networks.
pub(super) fn advertised(advertise: &str, local: SocketAddr) -> Result<Advertised> {
    let only = |address: String| Advertised {
        address,
        others: Vec::new(),
        all: None,
    };
    if advertise.is_empty() {
        if !local.ip().is_unspecified() {
            return Ok(only(local.to_string()));
        }
        let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
            tracing::warn!(%error, "addresses of this machine are unknown");
            Vec::new()
        });
        let own: Vec<(String, IpAddr)> = interfaces
            .into_iter()
            .map(|interface| (interface.name.clone(), interface.ip()))
            .collect();
        let routes = [by_route(false), by_route(true)];
        let reached = reachable(local.is_ipv6(), &own, &routes);
        let mut all = reached
            .into_iter()
            .map(|ip| SocketAddr::new(ip, local.port()).to_string());
        let address = all.next().unwrap_or_else(|| {
            let loopback: IpAddr = if local.is_ipv6() {
                Ipv6Addr::LOCALHOST.into()
            } else {
                Ipv4Addr::LOCALHOST.into()
            };
            SocketAddr::new(loopback, local.port()).to_string()
        });
        return Ok(Advertised {
            address,
            others: all.collect(),
            all: Some(local.ip()),
        });
    }
    if let Ok(ip) = advertise.parse::<IpAddr>() {
        return Ok(only(SocketAddr::new(ip, local.port()).to_string()));
    }
    let (host, port) = match advertise.rsplit_once(':') {
        None => (advertise, 0),
        Some((host, port)) => {
            let port = port
                .parse()
                .map_err(|source| wrong(advertise).with_source(source))?;
            (host, port)
        }
    };
    if host.is_empty() || host.contains(char::is_whitespace) || host.contains('/') {
        return Err(wrong(advertise));
    }
    Ok(only(format!(
        "{host}:{}",
        if port == 0 { local.port() } else { port }
    )))
}

fn wrong(advertise: &str) -> Error {
    Error::invalid_argument(format!(
        "setting `advertise`: `{}` is not `host:port`",
        advertise.escape_debug()
    ))
}

/// Beginnings of the names of interfaces that other machines rarely reach: bridges and cables of
/// containers and virtual machines, and VPNs.
const VIRTUAL: &[&str] = &[
    "docker",
    "br-",
    "veth",
    "virbr",
    "podman",
    "cni",
    "flannel",
    "cali",
    "lxc",
    "lxd",
    "vmnet",
    "vboxnet",
    "tun",
    "tap",
    "utun",
    "tailscale",
    "wg",
    "zt",
];

/// Returns the addresses, of these own ones, by which other machines may reach a server on all
/// addresses, best first: by the route to other networks, then IPv4, then IPv6. Addresses of
/// [virtual](VIRTUAL) interfaces count only if there are no others.
fn reachable(v6: bool, own: &[(String, IpAddr)], routes: &[Option<IpAddr>]) -> Vec<IpAddr> {
    let usable = |ip: &IpAddr| {
        let reaches = v6 || ip.is_ipv4();
        reaches && !ip.is_loopback() && !ip.is_unspecified() && !is_link_local(*ip)
    };
    let is_virtual = |name: &str| VIRTUAL.iter().any(|start| name.starts_with(start));
    let of = |wanted: bool| -> Vec<IpAddr> {
        let own = own.iter().filter(|(name, _)| is_virtual(name) == wanted);
        own.map(|(_, ip)| *ip).filter(usable).collect()
    };
    let mut all = of(false);
    if all.is_empty() {
        all = of(true);
    }
    if all.is_empty() {
        // Interfaces cannot be listed everywhere.
        all = routes.iter().flatten().copied().filter(usable).collect();
    }
    let is_routed = |ip: &IpAddr| routes.contains(&Some(*ip));
    sort_by_key(&mut all, |ip| (ip.is_ipv6(), !is_routed(ip), *ip));
    all.dedup();
    all.truncate(1 + MAX_OTHER_ADDRESSES);
    all
}

/// Looks up the source address in the routing table. Connecting a UDP socket sends no packets. The
/// target addresses belong to the ranges reserved for documentation (RFC 5737, RFC 3849).
fn by_route(v6: bool) -> Option<IpAddr> {
    let target: IpAddr = if v6 {
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()
    } else {
        Ipv4Addr::new(192, 0, 2, 1).into()
    };
    let any: IpAddr = if v6 {
        Ipv6Addr::UNSPECIFIED.into()
    } else {
        Ipv4Addr::UNSPECIFIED.into()
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((target, 9)).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn address(advertise: &str, local: SocketAddr) -> String {
        let advertised = advertised(advertise, local).unwrap();
        assert_eq!((advertised.others.len(), advertised.all), (0, None));
        advertised.address
    }

    #[test]
    fn what_is_said_wins_and_borrows_the_port() {
        let at = local("0.0.0.0:4000");
        assert_eq!(address("node-1.example", at), "node-1.example:4000");
        assert_eq!(address("10.0.0.1:80", at), "10.0.0.1:80");
        assert_eq!(address("10.0.0.1:0", at), "10.0.0.1:4000");
        assert_eq!(address("::1", at), "[::1]:4000");
        for wrong in ["a b:1", "http://x:1", ":80", "x:y", "x:99999"] {
            assert!(advertised(wrong, at).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_certain_address_is_advertised_and_all_addresses_never_are() {
        assert_eq!(address("", local("127.0.0.1:7")), "127.0.0.1:7");
        for all in ["0.0.0.0:7", "[::]:7"] {
            let advertised = advertised("", local(all)).unwrap();
            assert_eq!(advertised.all, Some(local(all).ip()));
            for guess in advertised.others.iter().chain([&advertised.address]) {
                let guess = local(guess);
                assert!(!guess.ip().is_unspecified(), "{guess}");
                assert_eq!(guess.port(), 7);
            }
            let node = advertised.complete(Node::new("a", "a", &*advertised.address));
            node.check().unwrap();
        }
    }

    #[test]
    fn routed_addresses_come_first_and_virtual_ones_not_at_all() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let own: Vec<(String, IpAddr)> = [
            ("lo", "127.0.0.1"),
            ("docker0", "172.17.0.1"),
            ("br-4f2e", "172.18.0.1"),
            ("eth0", "10.0.0.7"),
            ("eth0", "fd00::7"),
            ("eth0", "fe80::7"),
            ("wlan0", "192.168.1.7"),
            ("tailscale0", "100.64.0.7"),
            ("wg0", "10.9.0.7"),
        ]
        .map(|(name, text)| (name.to_owned(), ip(text)))
        .into();
        let wifi = [Some(ip("192.168.1.7")), None];
        assert_eq!(
            reachable(false, &own, &wifi),
            [ip("192.168.1.7"), ip("10.0.0.7")]
        );
        assert_eq!(
            reachable(true, &own, &wifi),
            [ip("192.168.1.7"), ip("10.0.0.7"), ip("fd00::7")],
            "a server on `[::]` has both families"
        );
        let vpn = [Some(ip("10.9.0.7")), None];
        assert_eq!(
            reachable(false, &own, &vpn),
            [ip("10.0.0.7"), ip("192.168.1.7")],
            "a route through a VPN does not count"
        );
        assert_eq!(
            reachable(false, &own[..2], &vpn),
            [ip("172.17.0.1")],
            "better than none"
        );
        assert_eq!(reachable(false, &[], &vpn), [ip("10.9.0.7")]);
        assert!(reachable(false, &own[..1], &[None, None]).is_empty());
    }
}
