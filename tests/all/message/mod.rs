//! `#[micro::message]` from a user's crate: every kind of field, and how other implementations read
//! the bytes.

mod hostile;
mod json;
pub(crate) mod model;
mod peer;
mod python;
mod reflect;
mod wide;
mod wire;
