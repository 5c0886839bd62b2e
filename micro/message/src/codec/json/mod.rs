//! JSON by protobuf's mapping, written on serde so that other self-describing formats fit, too.
//!
//! Formats that are not for humans get numbers as numbers and bytes as bytes. Knows how values
//! are written, not what fields a message has.

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
