//! Codecs: bytes to values and back; protobuf and JSON from one definition.

#[doc(inline)]
pub use micro_message::codec::*;
#[cfg(any(feature = "client", feature = "server"))]
#[doc(inline)]
pub use micro_wire::Compression;
