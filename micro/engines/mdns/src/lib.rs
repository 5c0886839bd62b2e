//! Multicast DNS for [micro](https://docs.rs/micro): a [registry](Mdns) of the local network
//! without a server.
//!
//! # Trust
//!
//! Multicast DNS has no authority: every machine on the network can announce a node of any service,
//! with any address. **Without a secret, use it only on a network where every machine may answer
//! your calls and receive your events**: a developer's own, or one that no other user can reach. On
//! every other network set a secret, or choose another registry: `host://` for the processes of one
//! machine, `static://…` for fixed addresses.
//!
//! Without a secret these bounds hold:
//!
//! - Only the address that first announced a node can change or end it while the node is alive (its
//!   ttl, at most one hour). On a local network the source address of a datagram can be forged, so
//!   this prevents mistakes and simple attacks, but not forged addresses. All users of one machine
//!   share its addresses. If a node's machine gets another address, the node is found there after
//!   its old record expires.
//! - Nodes found this way are *unverified*: a client calls them only if no other registry knows a
//!   node of the same service. With `host+mdns`, the default, a service that runs on this machine
//!   is called on this machine. To spread calls over machines, set a secret.
//! - Records are bounded, see below.
//! - The log has a line at level `info` for each node that appears, and one at `warn` when two
//!   addresses announce the same node id with different records.
//!
//! # The secret
//!
//! With [`Mdns::with_secret`] (the app's setting `mdns.secret`, or `mdns://?secret=…`) records are
//! signed. Records of others are accepted only with a valid signature, from any address. All others
//! are ignored, counted, and logged at most every ten seconds. Nodes found this way are as trusted
//! as those of any other registry. Every program that knows the secret can announce every node. The
//! secret authenticates but does not encrypt: the whole network can still read the records,
//! including programs without a secret and those of Go Micro. Calls themselves are neither
//! encrypted nor authenticated by it.
//!
//! The signature is the last character string of the TXT record: 80 lower-case hexadecimal digits
//! that encode 40 bytes:
//!
//! | bytes | content |
//! |---|---|
//! | 8 | when it was signed: milliseconds since the Unix epoch, big-endian |
//! | 32 | HMAC-SHA-256, with the bytes of the secret as key, of the bytes below |
//!
//! All numbers are big-endian:
//!
//! | bytes | content |
//! |---|---|
//! | 20 | `micro mdns record 1` and a zero byte |
//! | 8 | the time, as above |
//! | 4 | the ttl in seconds; 0 is the goodbye |
//! | 2 | the port of the SRV record |
//! | 4, then that many | length and text of the instance's name without `.micro`, in lower case |
//! | 4 | number of addresses |
//! | 5 or 17 each | 4 and an IPv4 address, or 6 and an IPv6 address, in the order of the records |
//! | 4, then that many | length and bytes of the TXT record's other strings, joined |
//!
//! A record is accepted if the time in it is within 60 seconds of the receiver's clock, so the
//! clocks of all machines must agree within a minute. A record that is older than the newest one of
//! its node is refused, even after the node's goodbye or expiry: replaying a recorded record cannot
//! undo a newer one. For one minute, the newest record of a node can be replayed to a process that
//! has not received it. Queries are not signed.
//!
//! # Bounds
//!
//! | what | maximum |
//! |---|---|
//! | text of a record, after inflation | 64 KiB |
//! | memory of a node | 256 KiB |
//! | text read within a second: from one address; from all | 1 MiB; 4 MiB |
//! | nodes of one service | 2,048, or 4 MiB |
//! | nodes kept from one address; from all | 1,024, or 2 MiB; 8,192, or 16 MiB |
//! | queried services; services listed by one address | 1,024; 256 |
//! | addresses that are tracked separately | 4,096 |
//! | lists sent to watches | one every 20 ms, and 0.25 ms more for each node |
//!
//! Records beyond a bound are ignored and logged. Only services that this process queries take
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
