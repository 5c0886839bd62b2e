//! Methods as plain HTTP, after the rules of `google.api.http`: path templates, which of several
//! matches, and what becomes of path, query and body.
//!
//! Text and bytes only: does not know requests, responses or handlers.

mod parse;
mod percent;
mod rule;
mod template;

pub use self::rule::HttpRule;
pub use self::template::{Segment, Template, Variable};
