//! Topics: each queue and each subscriber of a topic receives the events published to it.
//!
//! [`Broker`] is the handle that users hold. [`Backend`] is the trait that authors of other brokers
//! implement. An event that a subscriber accepted is either handled, delivered to another member of
//! its queue, or kept as a [`DeadLetter`]; it is never dropped without a log entry. Events are held
//! in memory. Publish events that must survive the end of all processes to a durable stream.

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
