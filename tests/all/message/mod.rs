//! `#[micro::message]` from outside: every kind of field, and what others make of our bytes.

mod hostile;
mod json;
pub(crate) mod model;
mod peer;
mod python;
mod reflect;
mod wide;
mod wire;
