//! Not a type.

#[micro::message]
fn order() {}

fn main() {}
