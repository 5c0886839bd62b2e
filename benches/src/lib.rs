//! Shared code of the load programs. It measures nothing itself.

pub mod arguments;
mod numbers;
mod process;
mod serve;

pub use self::numbers::median;
pub use self::process::{Process, cpu_seconds, resident_bytes};
pub use self::serve::serve;
