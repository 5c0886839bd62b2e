//! What the load programs share. Measures nothing itself.

mod process;

pub use self::process::{Process, cpu_seconds, resident_bytes};
