//! `#[micro::message]` from outside: every kind of field, and what others make of our bytes.

mod json;
mod model;
mod peer;
mod reflect;
mod wire;
