//! The address under which other processes reach this node: taken from a setting, or derived from
//! the address the server listens on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use crate::error::{Error, Result};
use micro_message::internal::sort_by_key;

/// Returns the `host:port` to register for a server that listens on `local`.
///
/// `advertise` takes precedence. If its port is missing or 0, the port of `local` is used. Without
/// `advertise`, a server on a specific address advertises that address. A server on all addresses
/// (`0.0.0.0`) advertises the address from which this machine reaches other networks.
pub(super) fn advertised(advertise: &str, local: SocketAddr) -> Result<String> {
    if advertise.is_empty() {
        let ip = if local.ip().is_unspecified() {
            outward(local.is_ipv6())
        } else {
            local.ip()
        };
        return Ok(SocketAddr::new(ip, local.port()).to_string());
    }
    if let Ok(ip) = advertise.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, local.port()).to_string());
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
    Ok(format!(
        "{host}:{}",
        if port == 0 { local.port() } else { port }
    ))
}

fn wrong(advertise: &str) -> Error {
    Error::invalid_argument(format!(
        "setting `advertise`: `{}` is not `host:port`",
        advertise.escape_debug()
    ))
}

/// Returns the address of the interface of the default route, or of another interface that is up.
fn outward(v6: bool) -> IpAddr {
    by_route(v6).or_else(by_interface).unwrap_or(if v6 {
        Ipv6Addr::LOCALHOST.into()
    } else {
        Ipv4Addr::LOCALHOST.into()
    })
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

fn by_interface() -> Option<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().ok()?;
    let mut addresses: Vec<IpAddr> = interfaces
        .into_iter()
        .map(|interface| interface.ip())
        .filter(|ip| !ip.is_loopback() && !is_link_local(*ip))
        .collect();
    sort_by_key(&mut addresses, |ip| (ip.is_ipv6(), *ip));
    addresses.first().copied()
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

    #[test]
    fn what_is_said_wins_and_borrows_the_port() {
        let at = local("0.0.0.0:4000");
        assert_eq!(
            advertised("node-1.example", at).unwrap(),
            "node-1.example:4000"
        );
        assert_eq!(advertised("10.0.0.1:80", at).unwrap(), "10.0.0.1:80");
        assert_eq!(advertised("10.0.0.1:0", at).unwrap(), "10.0.0.1:4000");
        assert_eq!(advertised("::1", at).unwrap(), "[::1]:4000");
        for wrong in ["a b:1", "http://x:1", ":80", "x:y", "x:99999"] {
            assert!(advertised(wrong, at).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_certain_address_is_advertised_and_all_addresses_never_are() {
        assert_eq!(advertised("", local("127.0.0.1:7")).unwrap(), "127.0.0.1:7");
        for all in ["0.0.0.0:7", "[::]:7"] {
            let guess: SocketAddr = advertised("", local(all)).unwrap().parse().unwrap();
            assert!(!guess.ip().is_unspecified(), "{guess}");
            assert_eq!(guess.port(), 7);
        }
    }
}
