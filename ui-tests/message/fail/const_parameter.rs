//! Const parameter.

#[micro::message]
struct Block<const N: usize> {
    count: u32,
}

fn main() {}
