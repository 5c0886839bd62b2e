//! Helpers of the tests that cross modules. Not for users of `micro`.

mod place;

pub use self::place::workspace;
