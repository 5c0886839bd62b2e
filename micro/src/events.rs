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
