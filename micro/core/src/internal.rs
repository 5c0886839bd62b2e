//! Names for the other crates of micro. Semantic versioning does not cover them.

pub use crate::context::later;
pub use crate::guard::{catch_panic, run_guarded};
pub use crate::handler::{Batch, Frame, SharedSink, Source};
pub use crate::handler::{is_own, sorted_by_key};
pub use crate::task::{compiled_here, run_blocking, spawn, spawn_in};
pub use crate::wrap::same_name;
