//! Durable streams: events appended to topics, read from any place, shared in groups.
//!
//! [`Events`] is what users hold; [`Backend`] is what authors of a new place to keep events
//! implement. What is promised, whatever the backend:
//!
//! - `append` returns when the event is as durable as the backend says: on files after the disk
//!   has it, unless told otherwise.
//! - A topic's records have offsets that only grow and times that never go back. Reading begins at
//!   the earliest, the latest, an offset or a time ([`Start`]), and follows the end.
//! - A group gets every record at least once. A delivery is settled by `ack`, `nack` or
//!   `dead_letter`; one that is not settled within `ack_wait`, or is dropped, comes again; after
//!   `retries` it goes to the topic of dead letters, with its reason, and the rest flows.
//! - A key's next record is not delivered while an earlier one of it is unsettled.
//! - What a group has settled outlives the process where the backend is durable.
//! - Bounds everywhere: appends wait while there is much to write, a consumer holds so many
//!   deliveries, a group begins so many records.
//!
//! Does not run handlers: that is the subscribers' part.

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
