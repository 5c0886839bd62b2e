//! Durable streams: events are appended to topics, read from any position, and shared by consumer
//! groups.
//!
//! [`Events`] is the handle that users hold. Authors of another event store implement [`Backend`].
//! All backends guarantee:
//!
//! - `append` returns when the event is as durable as the backend promises: in files after it was
//!   synced to the disk, unless configured otherwise.
//! - The offsets of a topic's records always increase, and their times never decrease. A reader
//!   starts at the earliest record, the latest one, an offset or a time ([`Start`]), and then
//!   receives new records.
//! - A group receives every record at least once. A delivery is answered with `ack`, `nack` or
//!   `dead_letter`. If it is dropped, or not answered within `ack_wait`, the record is delivered
//!   again. After `retries` the record goes to the topic of dead letters, with the reason, and the
//!   group continues with the following records.
//! - The next record of a key is not delivered until the earlier one is acked or dead-lettered.
//! - The acks of a group outlive the process if the backend is durable.
//! - Everything is bounded: `append` waits while much data is to be written, a consumer holds a
//!   limited number of deliveries, and a group has a limited number of records in progress.
//!
//! This module does not run handlers. Subscribers do that.
//!
//! # Examples
//!
//! ```
//! use micro::events::{Event, Events, Options, Start};
//!
//! #[tokio::main]
//! async fn main() -> micro::Result<()> {
//!     let events = Events::open("memory://")?; // Or `file:///var/lib/shop/events`.
//!     events.append_to("orders.placed", Event::new("an apple").with_key("ada")).await?;
//!
//!     // Consumers of a group share the records, and the group remembers how far it is.
//!     let mut packers = events.consume("orders.placed", "packers", Options::new()).await?;
//!     let delivery = packers.next().await.expect("a record")?;
//!     assert_eq!(delivery.record().event.payload, "an apple");
//!     delivery.ack().await?;
//!
//!     // Anyone may read a topic again.
//!     let mut records = events.read("orders.placed", Start::Earliest).await?;
//!     assert_eq!(records.next().await.expect("a record")?.offset, 0);
//!     events.close().await
//! }
//! ```

#[doc(inline)]
pub use micro_events::*;
#[cfg(feature = "file")]
#[doc(inline)]
pub use micro_file::{Config, File, Fsync};
