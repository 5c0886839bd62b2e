//! Schema: descriptors of messages and services, collected from what is linked.

mod types;

pub use self::types::Types;
