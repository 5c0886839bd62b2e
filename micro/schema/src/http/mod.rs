//! Methods as plain HTTP, by the rules of `google.api.http`: path templates, their precedence, and
//! the mapping of path, query and body to fields.
//!
//! A request becomes one JSON document, which the message's own codec decodes, so the values of all
//! types are written as in JSON. This module handles text and bytes. It does not know requests,
//! responses or handlers.

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
