//! Names that the macros of this crate, and of the crates that depend on it, expand to.

#[cfg(feature = "linkme")]
pub use micro_message::__private::linkme;
pub use micro_message::__private::{inventory, submit};
