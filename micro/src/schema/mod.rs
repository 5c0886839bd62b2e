//! Schema: descriptors of messages and services, collected from what is linked.

pub use crate::codec::Types;
