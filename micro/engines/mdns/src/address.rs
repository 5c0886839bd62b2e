//! Selects the addresses that are announced for a node, and the one that is used of a received
//! record.
//!
//! A loopback address is valid only on its own machine, so it is neither sent to nor accepted from
//! other machines.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::socket::Interface;
use micro_message::error::{Error, Result};
use micro_message::internal::sort_by_key;
use micro_registry::Node;
use micro_registry::internal::{MAX_OTHER_ADDRESSES, listens_on_all};

/// The IP address on which a node listens.
///
/// # Errors
///
/// `InvalidArgument` for a host name, because the records hold IP addresses only.
pub(super) fn of(node: &Node) -> Result<IpAddr> {
    if let Some(any) = listens_on_all(node) {
        return Ok(any);
    }
    if let Ok(address) = node.address.parse::<SocketAddr>() {
        return Ok(address.ip());
    }
    match node.address.rsplit_once(':') {
        Some(("localhost", _)) => Ok(Ipv4Addr::LOCALHOST.into()),
        _ => Err(Error::invalid_argument(format!(
            "address `{}` of `{}` is a name, multicast DNS takes an IP address only",
            node.address, node.id
        ))),
    }
}

/// The addresses to announce on one interface. Empty if no peer there could use any.
pub(super) fn on(ip: IpAddr, interface: &Interface, all: &[Interface]) -> Vec<IpAddr> {
    if ip.is_loopback() {
        return if interface.ip.is_loopback() {
            vec![ip]
        } else {
            Vec::new()
        };
    }
    if !ip.is_unspecified() {
        return vec![ip];
    }
    everywhere(ip, all.iter().filter(|other| other.is_beside(interface)))
}

/// The addresses to send in a response to one peer.
pub(super) fn to(ip: IpAddr, asker: IpAddr, local: bool, all: &[Interface]) -> Vec<IpAddr> {
    if ip.is_loopback() {
        return if local { vec![ip] } else { Vec::new() };
    }
    if !ip.is_unspecified() {
        return vec![ip];
    }
    if local {
        return everywhere(
            ip,
            all.iter().filter(|interface| interface.ip.is_loopback()),
        );
    }
    let near = everywhere(ip, all.iter().filter(|interface| interface.reaches(asker)));
    if near.is_empty() {
        return everywhere(
            ip,
            all.iter().filter(|interface| !interface.ip.is_loopback()),
        );
    }
    near
}

/// Selects the usable ones of the received addresses, best first by [`rank`].
pub(super) fn choose(received: &[IpAddr], local: bool) -> Vec<IpAddr> {
    let usable = |ip: &&IpAddr| {
        !ip.is_unspecified()
            && !ip.is_multicast()
            && !is_link_local(**ip)
            && (local || !ip.is_loopback())
    };
    let mut usable: Vec<IpAddr> = received.iter().filter(usable).copied().collect();
    sort_by_key(&mut usable, |ip| (rank(*ip), *ip));
    usable.dedup();
    usable.truncate(1 + MAX_OTHER_ADDRESSES);
    usable
}

/// Rank of an address. Lower is better.
pub(super) fn rank(ip: IpAddr) -> u8 {
    match ip {
        _ if ip.is_loopback() => 0,
        IpAddr::V4(_) => 1,
        IpAddr::V6(_) => 2,
    }
}

/// The addresses at which a node that listens on all interfaces can be reached.
fn everywhere<'a>(ip: IpAddr, interfaces: impl Iterator<Item = &'a Interface>) -> Vec<IpAddr> {
    // A link-local address is unusable without a scope, and a node on `0.0.0.0` does not accept
    // IPv6.
    let usable = |other: &IpAddr| !is_link_local(*other) && (ip.is_ipv6() || other.is_ipv4());
    interfaces
        .map(|interface| interface.ip)
        .filter(usable)
        .collect()
}

fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn machine() -> [Interface; 4] {
        [
            Interface::new("lo", ip("127.0.0.1"), 8),
            Interface::new("eth0", ip("10.0.0.1"), 24),
            Interface::new("eth0", ip("fe80::1"), 64),
            Interface::new("eth1", ip("10.0.1.1"), 24),
        ]
    }

    #[test]
    fn loopback_stays_on_the_machine() {
        let all = machine();
        let loopback = ip("127.0.0.1");
        assert_eq!(on(loopback, &all[0], &all), [loopback]);
        assert!(on(loopback, &all[1], &all).is_empty());
        assert_eq!(to(loopback, ip("10.0.0.1"), true, &all), [loopback]);
        assert!(to(loopback, ip("10.0.0.9"), false, &all).is_empty());
        assert!(choose(&[loopback], false).is_empty());
        assert_eq!(
            choose(&[ip("fd00::2"), ip("10.0.0.2"), loopback], true),
            [loopback, ip("10.0.0.2"), ip("fd00::2")]
        );
        assert_eq!(choose(&[loopback, ip("10.0.0.2")], false), [ip("10.0.0.2")]);
    }

    #[test]
    fn unspecified_becomes_the_address_of_the_interface() {
        let all = machine();
        let any = ip("0.0.0.0");
        assert_eq!(on(any, &all[1], &all), [ip("10.0.0.1")]);
        assert_eq!(on(any, &all[2], &all), [ip("10.0.0.1")]);
        assert_eq!(to(any, ip("10.0.1.7"), false, &all), [ip("10.0.1.1")]);
        assert_eq!(
            to(any, ip("192.168.0.1"), false, &all),
            [ip("10.0.0.1"), ip("10.0.1.1")]
        );
        assert_eq!(to(any, ip("10.0.0.1"), true, &all), [ip("127.0.0.1")]);
    }

    #[test]
    fn useless_addresses_are_not_taken() {
        for useless in ["0.0.0.0", "::", "224.0.0.251", "fe80::1"] {
            assert!(choose(&[ip(useless)], true).is_empty(), "{useless}");
        }
    }

    #[test]
    fn host_name_is_refused() {
        assert!(of(&Node::new("a", "a", "example.org:80")).is_err());
        assert_eq!(
            of(&Node::new("a", "a", "localhost:80")).unwrap(),
            ip("127.0.0.1")
        );
        assert_eq!(of(&Node::new("a", "a", "[::1]:80")).unwrap(), ip("::1"));
    }
}
