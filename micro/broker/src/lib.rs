//! Topics: events are published, and each queue and subscriber of the topic gets them.
//!
//! [`Broker`] is what users hold; [`Backend`] is what authors of another broker implement. An
//! event that a subscriber took is handled, given to another member of its queue, or kept as a
//! [`DeadLetter`]: it never disappears in silence. Events live in memory; what has to survive the
//! end of all processes belongs into a durable stream.

#![forbid(unsafe_code)]

#[doc(hidden)]
pub use micro_core::__private;

mod ack_handle;
mod attempt;
mod backend;
mod dead_letter;
mod delivery;
mod dispatcher;
mod event_type;
mod handle;
mod inbox;
#[doc(hidden)]
pub mod internal;
mod memory;
mod options;
mod publish;
mod publisher;
mod record;
mod subscriber;
mod subscription;
mod topic;
mod url;

pub use ack_handle::{AckHandle, DeliveryOutcome};
pub use backend::{Backend, Capabilities, DeadLetterSink};
pub use dead_letter::DeadLetter;
pub use delivery::Delivery;
pub use handle::Broker;
pub use inbox::Inbox;
pub use memory::Memory;
pub use options::{Ack, Options};
pub use publish::{Publish, Published};
pub use publisher::Publisher;
pub use record::{Event, HostInfo};
#[cfg(feature = "linkme")]
#[doc(hidden)]
pub use subscriber::LINKED_SUBSCRIBERS;
pub use subscriber::{Durable, EventPayload, LinkedSubscribers, Subscriber};
pub use subscription::Subscription;
pub use topic::Pattern;
#[cfg(feature = "linkme")]
#[doc(hidden)]
pub use url::BROKER_SCHEMES;
pub use url::Scheme;
