//! Codecs: encoding and decoding of messages, in protobuf and JSON from one definition.
//!
//! # Examples
//!
//! ```
//! use micro::codec::Message;
//!
//! #[micro::message]
//! #[derive(Debug, PartialEq)]
//! struct Item {
//!     name: String,
//!     count: u32,
//! }
//!
//! let item = Item { name: "tea".into(), count: 2 };
//! let mut bytes = Vec::new();
//! item.encode(&mut bytes);
//! assert_eq!(bytes, [0x0a, 3, b't', b'e', b'a', 0x10, 2]);
//! assert_eq!(Item::decode(&bytes.into(), 1 << 20)?, item);
//!
//! let mut json = Vec::new();
//! item.encode_json(&mut json)?;
//! assert_eq!(json, br#"{"name":"tea","count":2}"#);
//! # Ok::<(), micro::Error>(())
//! ```

#[doc(inline)]
pub use micro_message::codec::*;
#[cfg(any(feature = "client", feature = "server"))]
#[doc(inline)]
pub use micro_wire::Compression;
