//! Field is a reference.

#[micro::message]
struct Order {
    id: &'static str,
    lines: &'static [u8],
}

fn main() {}
