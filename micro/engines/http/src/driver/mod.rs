//! Drivers: protocol clients that several subsystems share, one file or folder a technology.
//!
//! They know how to talk, not what about. Calls to services are not among them: those belong to
//! `client`, which stands higher, picks nodes and repeats calls; a driver does neither.

pub(crate) mod http1;
pub(crate) mod http2;
