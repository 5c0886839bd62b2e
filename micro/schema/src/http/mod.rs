//! Methods as plain HTTP, after the rules of `google.api.http`: path templates, which of several
//! matches, and what becomes of path, query and body.
//!
//! A request becomes one JSON document that the message's own codec reads, so every type is
//! written here as it is in JSON. Text and bytes only: does not know requests, responses or
//! handlers.

mod binding;
mod check;
mod fields;
mod media;
mod merge;
mod parameters;
mod parse;
mod scalar;
mod template;
#[cfg(test)]
mod tests;
mod tree;

pub use self::binding::{Binding, BodyRule};
pub use self::media::Media;
pub use self::parameters::Parameter;
pub use self::template::{Segment, Template, Variable};
pub use self::tree::{Found, Taken, Tree};
pub use micro_core::handler::HttpRule;
