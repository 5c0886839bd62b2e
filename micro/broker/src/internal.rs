//! Names for the other crates of micro. Semantic versioning does not cover them.

pub use crate::attempt::attempt;
pub use crate::delivery::{Run, Verdict};
pub use crate::event_type::{Heard, OnTopic, on_topic, subscriber, subscribers, topic_of};
pub use crate::memory::Local;
pub use crate::outbox::{Member, Members, Outbox, Refusal, Target};
pub use crate::record::random_id;
pub use crate::subscriber::{EventParts, Listener};
pub use crate::topic::{check_topic, matches};
