//! Items for the other crates of micro. They are not covered by semantic versioning.

pub use crate::attempt::{Attempt, attempt};
pub use crate::delivery::{AckKind, HandlerFn};
pub use crate::dispatcher::{Dispatcher, Member, Members, Refusal, Target};
pub use crate::event_type::{EventSpec, OnTopic, on_topic, subscriber, subscribers, topic_of};
pub use crate::memory::LocalMembers;
pub use crate::record::random_id;
pub use crate::subscriber::{BoundSubscriber, EventParts};
pub use crate::topic::{check_topic, matches};
