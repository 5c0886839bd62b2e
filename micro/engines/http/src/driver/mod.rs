//! Drivers: protocol clients shared by several subsystems, with one file or folder per technology.
//!
//! A driver implements the transport and does not interpret the content. Calls to services do not
//! use these drivers: the `client` crate, which is on a higher layer, selects nodes and retries
//! calls, and a driver does neither.

pub(crate) mod http1;
pub(crate) mod http2;
