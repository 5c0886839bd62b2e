//! Enum without variants.

#[micro::message]
enum Never {}

fn main() {}
