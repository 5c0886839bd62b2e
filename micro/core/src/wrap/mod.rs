//! Wraps: code around calls and events (middleware), and the chain that runs it.

mod chain;
mod linked;
mod log;
mod recover;
mod trace;

pub use self::chain::{Chain, Next, Wrap};
pub use self::linked::{Around, LinkedWrap, On};
pub use self::log::Log;
pub use self::recover::Recover;
pub use self::trace::Trace;

#[doc(hidden)]
pub use self::linked::same_name;

#[cfg(feature = "linkme")]
#[doc(hidden)]
pub use self::linked::LINKED_WRAPS;
