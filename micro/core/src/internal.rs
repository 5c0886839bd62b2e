//! Names for the other crates of micro. Semantic versioning does not cover them.

pub use crate::access::{ACCESS_TARGET, CallLog, CallRecord, EventAttempt, EventEntry};
pub use crate::context::deadline_after;
pub use crate::guard::{catch_panic, run_guarded};
pub use crate::handler::{Batch, EncodeFrame, SharedSink, Source};
pub use crate::handler::{is_built_in, service_name, sorted_by_key};
pub use crate::task::{compiled_here, run_blocking, spawn, spawn_in};
pub use crate::wrap::same_name;
