//! Field is a tuple.

#[micro::message]
struct Order {
    line: (String, u32),
}

fn main() {}
