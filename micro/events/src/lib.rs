//! Durable event streams: append events to topics, read topics from any offset, and share a topic
//! among the consumers of a group.
//!
//! Programs use the handle [`Events`]. Crates that add a storage technology implement [`Backend`].
//! Every backend guarantees the following:
//!
//! - `append` returns once the event is as durable as the backend promises. The `file` backend
//!   returns after the data is on disk, unless it is configured otherwise.
//! - The offsets of a topic's records increase, and their times never decrease. A reader starts at
//!   the earliest record, the latest record, an offset or a time ([`Start`]), and then follows the
//!   end of the topic.
//! - A consumer group receives every record at least once. A consumer finishes a delivery with
//!   `ack`, `nack` or `dead_letter`. A delivery that is dropped, or not finished within `ack_wait`,
//!   is delivered again. After `retries` redeliveries, the record is appended to the dead-letter
//!   topic with the reason, and the group continues with other records.
//! - The next record of a key is not delivered before all earlier records of that key are
//!   acknowledged. A dead-lettered record counts as acknowledged.
//! - The progress of a group survives a restart of the process if the backend is durable.
//! - Every buffer is bounded: `append` waits while the backend's write queue is full, and the
//!   number of deliveries per consumer and of unacknowledged records per group is limited.
//!
//! This crate does not run handlers; subscribers do.

#![forbid(unsafe_code)]

#[doc(hidden)]
pub use micro_core::__private;

mod backend;
mod consumer;
mod handle;
#[doc(hidden)]
pub mod internal;
pub mod log;
mod memory;
mod record;
mod records;
mod url;

pub use backend::{Backend, Capabilities, Source};
pub use consumer::{AckKind, Acker, Consumer, Delivery, Options};
pub use handle::Events;
pub use memory::Memory;
#[doc(hidden)]
pub use record::check_names;
pub use record::{Event, JSON, PROTOBUF, Record, Start, Trim};
pub use records::Records;
#[cfg(feature = "linkme")]
#[doc(hidden)]
pub use url::EVENTS_SCHEMES;
pub use url::Scheme;
