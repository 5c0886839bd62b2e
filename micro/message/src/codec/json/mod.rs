//! Protobuf's JSON mapping, written with serde so that other self-describing formats work, too.
//!
//! Formats that are not human-readable get numbers as numbers and bytes as bytes. This module
//! defines how values are written. It does not know which fields a message has.

mod entries;
mod input;
mod leaf;
mod output;
mod time;

pub use self::entries::Entries;
pub use self::entries::record_from_serde;
pub use self::input::Input;
pub(crate) use self::input::Seed;
pub(crate) use self::leaf::{boolean, bytes, double, float, long, short, text};
pub(crate) use self::output::{Body, Output, entry};
pub use self::output::{View, entry_view};
pub(crate) use self::time::{duration, timestamp};
