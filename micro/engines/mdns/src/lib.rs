//! Multicast DNS for [micro](https://docs.rs/micro): a [registry](Mdns) of the local network
//! without a server.
//!
//! # Whom it trusts
//!
//! Multicast DNS has no owner: every machine on the network can announce a node of any service, in
//! the name of any address. **Without a secret, use it only on a network where you would let every
//! machine answer your calls and receive your events**: a developer's own, or one that nobody else
//! can reach. On every other network set a secret, or choose another registry: `host://` for the
//! processes of one machine, `static://…` for fixed addresses.
//!
//! Without a secret these bounds hold:
//!
//! - A node is changed or ended only by the address that announced it first, for as long as it
//!   lives (its ttl, at most one hour). The address of a datagram can be forged on a local network,
//!   so this keeps mistakes and simple attacks off, not somebody who forges addresses. All users of
//!   one machine share its addresses. A node whose machine gets another address is found there when
//!   the old record is over.
//! - Nodes found this way are *unverified*: a client calls them only if no other registry knows a
//!   node of the same service. With `host+mdns`, the default, a service that runs on this machine is
//!   called on this machine. To spread calls over machines, set a secret.
//! - Records are bounded, see below.
//! - The log has a line at level `info` for each node that appears, and one at `warn` when a node's
//!   id is announced by two addresses with different records.
//!
//! # The secret
//!
//! With [`Mdns::with_secret`] (the app's setting `mdns.secret`, or `mdns://?secret=…`) records are
//! signed, and those of others count only with a valid signature, whatever address they come from;
//! the others are ignored, counted and logged every ten seconds at most. Nodes found this way are
//! as good as those of any other registry. Everybody who knows the secret can announce every node.
//! The secret authenticates; it hides nothing: records are still readable for the whole network,
//! also for programs without a secret and for those of Go Micro. Calls themselves are neither
//! encrypted nor authenticated by it.
//!
//! A signature is the last character string of the TXT record: 80 lower-case hexadecimal digits,
//! which stand for 40 bytes:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | when it was signed: milliseconds since the Unix epoch, big-endian |
//! | 32 | HMAC-SHA-256, with the bytes of the secret as key, of the bytes below |
//!
//! All numbers are big-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 20 | `micro mdns record 1` and a zero byte |
//! | 8 | the time, as above |
//! | 4 | the ttl in seconds; 0 is the goodbye |
//! | 2 | the port of the SRV record |
//! | 4, then that many | length and text of the instance's name without `.micro`, in lower case |
//! | 4 | how many addresses there are |
//! | 5 or 17 each | 4 and an IPv4 address, or 6 and an IPv6 address, in the order of the records |
//! | 4, then that many | length and bytes of the TXT record's other strings, joined |
//!
//! A record is accepted while the receiver's clock is within 60 seconds of the time in it, so the
//! clocks of all machines must agree within a minute. A record that is older than the newest one of
//! its node is refused, also after the node's goodbye or silence: a recorded record cannot undo a
//! newer one. What can be repeated, for a minute, is the newest record of a node to a process that
//! has never heard of it. Questions are not signed.
//!
//! # Bounds
//!
//! | what | at most |
//! |---|---|
//! | text of a record, after inflation | 64 KiB |
//! | memory of a node | 256 KiB |
//! | text that is read within a second: of one address; of all | 1 MiB; 4 MiB |
//! | nodes of one service | 2,048, or 4 MiB |
//! | nodes that are kept of one address; of all | 1,024, or 2 MiB; 8,192, or 16 MiB |
//! | services that are asked for; that one address may list | 1,024; 256 |
//! | addresses that are told apart | 4,096 |
//! | lists told to watches | one every 20 ms, and 0.25 ms more for each node |
//!
//! What is beyond a bound is ignored and logged. Only services that this process asks for take
//! memory.

#![forbid(unsafe_code)]

mod address;
mod engine;
#[doc(hidden)]
pub mod fuzz;
mod local_nodes;
mod packet;
mod registry;
mod service_query;
mod sign;
mod socket;
mod sources;
#[cfg(test)]
mod tests;
mod txt;

pub use self::registry::Mdns;
